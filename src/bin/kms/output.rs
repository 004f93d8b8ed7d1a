//! The one way out: what commands answer, as tables and lines for people or as JSON for programs, on standard output.
//!
//! A command answers with records. How a field is shown, as a time, a duration or a text, is said once, by its type,
//! and both forms are made of it.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::os::fd::AsFd;
use std::time::{Duration, UNIX_EPOCH};

use kms::engine::ListPage;
use serde_json::Value;
use zeroize::{Zeroize, Zeroizing};

use crate::failure::{Failure, Result};

/// Items that a list asks the engine for at once.
const PAGE: usize = 500;

/// A field of an answer.
pub enum Field {
    Text(String),
    Number(u64),
    Flag(bool),
    /// Unix time in seconds; 0 = never.
    Time(i64),
    /// Seconds; 0 = none.
    Period(u64),
    /// 0 = none.
    Limit(u64),
    Texts(Vec<String>),
    Pairs(Vec<(String, String)>),
    Records(Vec<Record>),
    /// Wiped when dropped.
    Secret(Zeroizing<String>),
}

impl Field {
    pub fn text(text: impl Into<String>) -> Self {
        Field::Text(text.into())
    }

    fn for_people(&self) -> Zeroizing<String> {
        Zeroizing::new(match self {
            Field::Text(text) => printable(text),
            Field::Number(number) => number.to_string(),
            Field::Flag(flag) => if *flag { "yes" } else { "no" }.into(),
            Field::Time(0) | Field::Period(0) | Field::Limit(0) => "-".into(),
            Field::Time(seconds) => time(*seconds),
            Field::Period(seconds) => period(*seconds),
            Field::Limit(limit) => limit.to_string(),
            Field::Texts(texts) => texts.iter().map(|text| printable(text)).collect::<Vec<_>>().join(", "),
            Field::Pairs(pairs) => {
                let pair =
                    |(key, value): &(String, String)| format!("{}={}", printable(key), printable(value));
                pairs.iter().map(pair).collect::<Vec<_>>().join(", ")
            }
            Field::Records(records) => records.len().to_string(),
            Field::Secret(secret) => secret.to_string(),
        })
    }

    fn for_programs(&self) -> Value {
        match self {
            Field::Text(text) => text.as_str().into(),
            Field::Number(number) => (*number).into(),
            Field::Flag(flag) => (*flag).into(),
            Field::Time(0) | Field::Period(0) | Field::Limit(0) => Value::Null,
            Field::Time(seconds) => (*seconds).into(),
            Field::Period(number) | Field::Limit(number) => (*number).into(),
            Field::Texts(texts) => texts.as_slice().into(),
            Field::Pairs(pairs) => {
                Value::Object(pairs.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect())
            }
            Field::Records(records) => records.iter().map(Record::for_programs).collect(),
            Field::Secret(secret) => secret.as_str().into(),
        }
    }
}

/// Named fields, in the order in which people see them.
pub struct Record(pub Vec<(&'static str, Field)>);

impl Record {
    fn for_programs(&self) -> Value {
        self.0.iter().map(|(name, field)| (name.to_string(), field.for_programs())).collect()
    }

    /// A field as people see it.
    pub fn shown(&self, name: &str) -> Zeroizing<String> {
        let field = self.0.iter().find(|(known, _)| *known == name);
        field.map(|(_, field)| field.for_people()).unwrap_or_default()
    }
}

/// A column of a table: the field's name, and the heading.
pub type Column = (&'static str, &'static str);

pub struct Output {
    json: bool,
    out: BufWriter<StdoutLock<'static>>,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Output { json, out: BufWriter::new(io::stdout().lock()) }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    /// One record, a line for each field.
    pub fn record(&mut self, record: &Record) -> Result<()> {
        if self.json {
            return self.json(record);
        }
        let width = record.0.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, field) in &record.0 {
            let name = name.strip_suffix("_s").unwrap_or(name).replace('_', " ");
            let line = Zeroizing::new(format!("{name:width$}  {}", &*field.for_people()));
            self.line(line.trim_end())?;
        }
        Ok(())
    }

    /// What people want to know of a record in one line, programs as a whole.
    pub fn brief(&mut self, people: &str, record: &Record) -> Result<()> {
        if self.json { self.json(record) } else { self.line(people) }
    }

    /// All items of a list, page after page, up to a limit.
    pub fn list<T>(
        &mut self,
        columns: &[Column],
        limit: Option<usize>,
        page: impl FnMut(&str, usize) -> kms::Result<ListPage<T>>,
        record: impl Fn(T) -> Record,
    ) -> Result<()> {
        let mut table = Table { columns, widths: Vec::new() };
        let mut rows_before = 0;
        if self.json {
            self.write(b"[")?;
        }
        pages(limit, page, |items| {
            let records: Vec<Record> = items.into_iter().map(&record).collect();
            if !self.json {
                return table.print(self, &records);
            }
            for record in &records {
                self.write(if rows_before == 0 { b"\n" } else { b",\n" })?;
                rows_before += 1;
                self.value(record)?;
            }
            Ok(())
        })?;
        if self.json { self.write(b"\n]\n") } else { Ok(()) }
    }

    /// A table of what is known already.
    pub fn table(&mut self, columns: &[Column], records: &[Record]) -> Result<()> {
        Table { columns, widths: Vec::new() }.print(self, records)
    }

    /// A list of what is known already.
    pub fn records(&mut self, columns: &[Column], records: &[Record]) -> Result<()> {
        if !self.json {
            return self.table(columns, records);
        }
        let list: Value = records.iter().map(Record::for_programs).collect();
        self.line(&list.to_string())
    }

    pub fn dry_run(&mut self) -> Result<()> {
        self.brief("dry run: it would have succeeded", &Record(vec![("dry_run", Field::Flag(true))]))
    }

    pub fn line(&mut self, line: &str) -> Result<()> {
        self.write(line.as_bytes())?;
        self.write(b"\n")
    }

    /// Bytes that are secret, past all buffers.
    pub fn secret(&mut self, bytes: &[u8]) -> Result<()> {
        self.finish()?;
        let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
        std::fs::File::from(stdout).write_all(bytes).map_err(failed)
    }

    pub fn finish(&mut self) -> Result<()> {
        self.out.flush().map_err(failed)
    }

    fn json(&mut self, record: &Record) -> Result<()> {
        self.value(record)?;
        self.write(b"\n")
    }

    fn value(&mut self, record: &Record) -> Result<()> {
        let mut value = record.for_programs();
        let is_secret = record.0.iter().any(|(_, field)| matches!(field, Field::Secret(_)));
        if !is_secret {
            return self.write(value.to_string().as_bytes());
        }
        // The text is no longer than the fields with their names and quotes; so it doesn't grow, and leave copies.
        let mut text = Zeroizing::new(Vec::with_capacity(1024 * 1024));
        let written = serde_json::to_writer(&mut *text, &value);
        wipe(&mut value);
        written.map_err(|error| failed(error.into()))?;
        self.secret(&text)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(failed)
    }
}

/// Whether standard output is a terminal, where plaintexts must not appear by themselves.
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

fn failed(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::file("standard output", error),
    }
}

fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Object(map) => map.values_mut().for_each(wipe),
        _ => {}
    }
}

/// A whole list.
pub fn all<T>(page: impl FnMut(&str, usize) -> kms::Result<ListPage<T>>) -> kms::Result<Vec<T>> {
    let mut all = Vec::new();
    pages(None, page, |items| {
        all.extend(items);
        Ok::<(), kms::Error>(())
    })?;
    Ok(all)
}

/// Hands over the pages of a list.
fn pages<T, E: From<kms::Error>>(
    limit: Option<usize>,
    mut page: impl FnMut(&str, usize) -> kms::Result<ListPage<T>>,
    mut each: impl FnMut(Vec<T>) -> Result<(), E>,
) -> Result<(), E> {
    let (mut marker, mut left) = (String::new(), limit.unwrap_or(usize::MAX));
    while left > 0 {
        let ListPage { items, more, end } = page(&marker, left.min(PAGE))?;
        left -= items.len();
        if let Some(last) = items.last() {
            marker.clone_from(&last.marker);
        }
        if !end.is_empty() {
            marker = end;
        }
        each(items.into_iter().map(|listed| listed.item).collect())?;
        if !more {
            break;
        }
    }
    Ok(())
}

/// A table of which more rows may come: the columns are as wide as the first rows make them.
struct Table<'a> {
    columns: &'a [Column],
    widths: Vec<usize>,
}

impl Table<'_> {
    fn print(&mut self, out: &mut Output, records: &[Record]) -> Result<()> {
        let rows: Vec<Vec<Zeroizing<String>>> = records
            .iter()
            .map(|record| self.columns.iter().map(|(name, _)| record.shown(name)).collect())
            .collect();
        if self.widths.is_empty() {
            let cells = |column| rows.iter().filter_map(move |row: &Vec<_>| row.get(column));
            let width = |(column, (_, heading)): (usize, &Column)| {
                let widest = cells(column).map(|cell: &Zeroizing<String>| cell.chars().count()).max();
                widest.unwrap_or(0).max(heading.len())
            };
            self.widths = self.columns.iter().enumerate().map(width).collect();
            self.row(out, self.columns.iter().map(|(_, heading)| *heading))?;
        }
        rows.iter().try_for_each(|row| self.row(out, row.iter().map(|cell| cell.as_str())))
    }

    fn row<'a>(&self, out: &mut Output, cells: impl Iterator<Item = &'a str>) -> Result<()> {
        let cells: Vec<String> =
            cells.zip(&self.widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        out.line(cells.join("  ").trim_end())
    }
}

/// Text of others must not control the terminal, nor turn around what stands beside it.
fn is_harmful(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON that says the same, and is harmless: its white space stays, and only strings can have what is escaped.
pub fn printable_json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) && !matches!(character, '\n' | '\r' | '\t') {
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmful(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// RFC 3339, in UTC. What RFC 3339 has no form for stays a number.
fn time(seconds: i64) -> String {
    const YEAR_10000: u64 = 253_402_300_800;
    match u64::try_from(seconds) {
        Ok(seconds) if seconds < YEAR_10000 => {
            humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
        }
        _ => seconds.to_string(),
    }
}

/// In the largest unit that leaves nothing over.
fn period(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit))
}
