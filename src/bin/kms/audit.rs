//! `kms audit`: audit logs, verified and shown; and the options by which every command is recorded in one.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use kms::audit::{LogDamage, Position};
use kms::capi::constants as c;
use kms::engine::Listed;
use serde_json::Value;

use crate::failure::{Failure, Result};
use crate::output::{Column, Field, Output, Record};
use crate::progress::Progress;
use crate::session::Session;

/// How commands are recorded.
#[derive(Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Recording {
    /// Record what the command does in this audit log [env: KMS_AUDIT_LOG]
    #[arg(long, global = true, value_name = "PATH")]
    pub audit_log: Option<String>,
    /// Which operations on data are recorded: all (default), those that failed, or how many
    #[arg(long, global = true, value_name = "WHICH")]
    audit_data: Option<Data>,
    /// Record the values of encryption contexts, too
    #[arg(long, global = true)]
    audit_context_values: bool,
    /// Go on when the log cannot be written, instead of refusing what cannot be recorded
    #[arg(long, global = true)]
    audit_go_on_when_full: bool,
    /// Begin a new file of the log at so many KiB; 65536 by default
    #[arg(long, global = true, value_name = "KIB", value_parser = clap::value_parser!(u32).range(1..))]
    audit_max_kib: Option<u32>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Data {
    All,
    Refused,
    Counted,
}

impl Recording {
    pub fn data(&self) -> u32 {
        match self.audit_data {
            None | Some(Data::All) => c::KMS_AUDIT_DATA_ALL,
            Some(Data::Refused) => c::KMS_AUDIT_DATA_REFUSED,
            Some(Data::Counted) => c::KMS_AUDIT_DATA_COUNTED,
        }
    }

    pub fn flags(&self) -> u32 {
        let values = if self.audit_context_values { c::KMS_AUDIT_CONTEXT_VALUES } else { 0 };
        let go_on = if self.audit_go_on_when_full { c::KMS_AUDIT_GO_ON_WHEN_FULL } else { 0 };
        values | go_on
    }

    pub fn max_kib(&self) -> u32 {
        self.audit_max_kib.unwrap_or(0)
    }

    /// Whether something is chosen that is about a log.
    pub fn has_choices(&self) -> bool {
        self.audit_data.is_some() || self.flags() != 0 || self.audit_max_kib.is_some()
    }
}

#[derive(Subcommand)]
pub enum AuditCommand {
    Verify(Verify),
    Tail(Tail),
}

/// Check that no record of an audit log was changed, left out, moved or cut off
///
/// Lists what is damaged, with file and line. The exit code is that of KMS_CORRUPT_STORE if anything is.
#[derive(Args)]
pub struct Verify {
    #[command(flatten)]
    log: Log,
}

/// Tail the last records of an audit log
///
/// As they stand in its files, for which neither store nor root key is needed: `kms audit verify` says whether they
/// are true.
#[derive(Args)]
pub struct Tail {
    #[command(flatten)]
    log: Log,
    /// How many
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = 20)]
    last: usize,
}

/// Which audit log.
#[derive(Args)]
struct Log {
    /// The log's path, without the numbers of its full files; that of --audit-log by default
    #[arg(value_name = "PATH")]
    path: Option<String>,
}

impl Log {
    fn path(self, session: &Session) -> Result<String> {
        let path = self.path.map_or_else(|| session.audit_log(), |path| Ok(Some(path)))?;
        path.ok_or_else(|| Failure::usage("no audit log is named; give its PATH, or set KMS_AUDIT_LOG"))
    }
}

impl AuditCommand {
    pub fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        match self {
            AuditCommand::Verify(command) => command.run(session, out),
            AuditCommand::Tail(command) => command.run(session, out),
        }
    }
}

impl Verify {
    fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        const COLUMNS: [Column; 3] = [("file", "FILE"), ("line", "LINE"), ("problem", "PROBLEM")];
        let path = self.log.path(session)?;
        let damages = damages(&path, session)?;
        let found = damages.len();
        if out.is_json() {
            let fields = vec![("log", Field::Text(path)), ("damages", Field::Records(damages))];
            out.record(&Record(fields))?;
        } else if found == 0 {
            out.line("no damage")?;
        } else {
            out.table(&COLUMNS, &damages)?;
        }
        if found == 0 {
            return Ok(());
        }
        out.finish()?;
        Err(Failure::DamagedLog(format!("damages of the audit log found: {found}")))
    }
}

fn damages(path: &str, session: &Session) -> Result<Vec<Record>> {
    let kms = session.open_to_verify_log()?;
    let sizes: Vec<u64> = files(Path::new(path))
        .iter()
        .map(|file| file.metadata().map_or(0, |metadata| metadata.len()))
        .collect();
    let total = sizes.iter().sum();
    let progress = Progress::of_bytes("verifying", total);
    let (mut damages, mut marker) = (Vec::new(), String::new());
    loop {
        let page = kms.verify_audit_log(path, &marker, usize::MAX, 0)?;
        if let Some(Listed { marker: last, .. }) = page.items.last() {
            marker.clone_from(last);
        }
        if !page.end.is_empty() {
            marker = page.end;
        }
        damages.extend(page.items.into_iter().map(|listed| damage(path, listed.item)));
        if !page.more {
            return Ok(damages);
        }
        if let Some((segment, offset)) = Position::from_text(&marker).map(Position::place) {
            let before = usize::try_from(segment).unwrap_or(usize::MAX).saturating_sub(1);
            progress.set(sizes.iter().take(before).sum::<u64>() + offset, total);
        }
    }
}

fn damage(path: &str, damage: LogDamage) -> Record {
    let file = match damage.segment {
        0 => path.to_string(),
        number => format!("{path}.{number}"),
    };
    Record(vec![
        ("file", Field::Text(file)),
        ("line", Field::Limit(damage.line)),
        ("problem", Field::Text(damage.problem)),
    ])
}

/// The log's files, from the oldest to the one that grows.
fn files(path: &Path) -> Vec<PathBuf> {
    let numbered = |number: u64| {
        let mut name = OsString::from(path);
        name.push(format!(".{number}"));
        PathBuf::from(name)
    };
    let full = (1..).map(numbered).take_while(|file| file.exists());
    full.chain([path.to_path_buf()]).collect()
}

impl Tail {
    fn run(self, session: &Session, out: &mut Output) -> Result<()> {
        const COLUMNS: [Column; 8] = [
            ("seq", "SEQ"),
            ("time", "TIME"),
            ("principal", "PRINCIPAL"),
            ("action", "ACTION"),
            ("key", "KEY"),
            ("outcome", "OUTCOME"),
            ("context", "CONTEXT"),
            ("count", "COUNT"),
        ];
        let path = self.log.path(session)?;
        let mut lines = VecDeque::new();
        for file in files(Path::new(&path)).iter().rev() {
            let missing = self.last - lines.len();
            if missing == 0 {
                break;
            }
            let last = last_lines(file, missing).map_err(|error| Failure::file(file.display(), error))?;
            last.into_iter().rev().for_each(|line| lines.push_front(line));
        }
        let records = lines.iter().map(|line| record(line)).collect::<Result<Vec<Record>>>()?;
        out.records(&COLUMNS, &records)
    }
}

fn last_lines(file: &Path, count: usize) -> io::Result<VecDeque<String>> {
    let mut last = VecDeque::new();
    for line in BufReader::new(File::open(file)?).lines() {
        if last.len() == count {
            last.pop_front();
        }
        last.push_back(line?);
    }
    Ok(last)
}

fn record(line: &str) -> Result<Record> {
    const MEMBERS: [&str; 10] = [
        "time",
        "principal",
        "action",
        "key",
        "version",
        "source_key",
        "outcome",
        "request_id",
        "grant",
        "since",
    ];
    let wrong =
        || Failure::DamagedLog("the log has a line that is no record; `kms audit verify` says which".into());
    let value: Value = serde_json::from_str(line).map_err(|_| wrong())?;
    let members = value.as_object().ok_or_else(wrong)?;
    let number = |name: &str| members.get(name).and_then(Value::as_u64);
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let mut fields = vec![("seq", Field::Number(number("seq").ok_or_else(wrong)?))];
    fields.extend(MEMBERS.iter().filter_map(|name| Some((*name, Field::text(text(name)?)))));
    fields.extend(number("count").map(|count| ("count", Field::Number(count))));
    let context = match members.get("context") {
        Some(Value::Array(keys)) => {
            Some(Field::Texts(keys.iter().filter_map(Value::as_str).map(String::from).collect()))
        }
        Some(Value::Object(pairs)) => {
            let pair =
                |(key, value): (&String, &Value)| (key.clone(), value.as_str().unwrap_or_default().into());
            Some(Field::Pairs(pairs.iter().map(pair).collect()))
        }
        _ => None,
    };
    fields.extend(context.map(|context| ("context", context)));
    Ok(Record(fields))
}
