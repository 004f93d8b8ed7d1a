//! What documents say of the sources, compared with them: names of the C ABI, links, and the tables of the store.

use std::path::Path;

use super::markdown::{Document, parse};
use super::support::root;

/// Words of the text that look like names of the C ABI, and are none: `kms_create_kye`. A name that ends in an
/// underscore stands for all that begin with it: `KMS_MEMORY_*`.
pub fn unknown_names(document: &Document, header: &str) -> Vec<String> {
    let known: Vec<&str> = words(header).collect();
    let mut faults = Vec::new();
    for (line, text) in &document.prose {
        for word in words(text).filter(|word| word.starts_with("kms_") || word.starts_with("KMS_")) {
            let is_known = match word.ends_with('_') {
                true => known.iter().any(|name| name.starts_with(word)),
                false => known.contains(&word),
            };
            if !is_known {
                faults.push(format!("line {line}: kms.h has no {word}"));
            }
        }
    }
    faults
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

/// Links to files and headings that are not there. Those to the web are left alone.
pub fn broken_links(document: &Document, path: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, link) in document.links() {
        if link.starts_with("https://") {
            continue;
        }
        let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
        let target = if file.is_empty() { path.to_path_buf() } else { path.with_file_name(file) };
        if !target.exists() {
            faults.push(format!("line {line}: there is no {file}"));
        } else if !anchor.is_empty() {
            let text = std::fs::read_to_string(&target).unwrap_or_default();
            if !parse(&text).anchors().iter().any(|known| known == anchor) {
                faults.push(format!("line {line}: {link} has no such heading"));
            }
        }
    }
    faults
}

/// Places of the machine that a document was written on.
pub fn private_places(text: &str) -> Vec<String> {
    let places = ["/work/", "/root/", "/home/"];
    places.iter().filter(|place| text.contains(**place)).map(|place| format!("it names {place}")).collect()
}

/// What docs/format.md leaves out of the records and kinds of rows that the sources have.
pub fn undocumented_rows(format: &str, records: &str, kinds: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let (mut message, mut tag) = ("", "");
    for line in records.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub struct ") {
            message = name.trim_end_matches(" {");
        } else if let Some((_, rest)) = line.split_once("tag = \"") {
            tag = rest.split('"').next().unwrap_or_default();
        } else if let Some((name, _)) = line.strip_prefix("pub ").and_then(|field| field.split_once(':')) {
            let entry = paragraph(format, &format!("- `{message}`:"));
            if !words_with_spaces(&entry).contains(&format!(" {tag} {name} ")) {
                faults.push(format!("{message}: field {tag} {name}"));
            }
        }
    }
    let start = kinds.find("pub enum Kind").expect("the kinds of rows");
    for line in kinds[start..].lines().map(str::trim).take_while(|line| *line != "}") {
        let Some((name, number)) = line.split_once(" = ") else { continue };
        if !format.contains(&format!("| {} | {name} |", number.trim_end_matches(','))) {
            faults.push(format!("kind {} {name}", number.trim_end_matches(',')));
        }
    }
    faults
}

/// The item of a list that begins with `start`.
fn paragraph(text: &str, start: &str) -> String {
    let lines = text.lines().skip_while(|line| !line.starts_with(start));
    let mut own = lines.enumerate().take_while(|(index, line)| *index == 0 || line.starts_with("  "));
    let mut item = String::new();
    for (_, line) in own.by_ref() {
        item.push_str(line);
        item.push('\n');
    }
    item
}

fn words_with_spaces(text: &str) -> String {
    format!(" {} ", words(text).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
}

pub fn source(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}
