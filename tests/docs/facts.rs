//! What documents say of the sources, compared with them: names of the C ABI, links, and the tables of the store.

use std::path::Path;

use super::markdown::{Document, parse};
use super::support::root;

/// Environment variables of the tool, which tests/cli_failures.rs sets and unsets.
const VARIABLES: [&str; 3] = ["KMS_STORE", "KMS_ROOT_KEY_URI", "KMS_AUDIT_LOG"];

/// Words of the text that look like names of the C ABI, and are none: `kms_create_kye`. A name that ends in an
/// underscore stands for all that begin with it: `KMS_MEMORY_*`.
pub fn unknown_names(document: &Document, header: &str) -> Vec<String> {
    let known: Vec<&str> = words(header).chain(VARIABLES).collect();
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
        } else if let Some((name, _)) = line
            .strip_prefix("pub ")
            .filter(|item| !item.starts_with("fn "))
            .and_then(|field| field.split_once(':'))
        {
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

/// What the list of README.md promises for later, though a function of the header does it now.
pub fn there_already(readme: &str, header: &str) -> Vec<String> {
    let promises = [
        ("Rotation", "kms_rotate_key"),
        ("Disabling", "kms_disable_key"),
        ("deletion with a waiting period", "kms_schedule_key_deletion"),
        ("import of key material", "kms_import_key_material"),
        ("Re-encryption", "kms_re_encrypt"),
        ("deleting aliases", "kms_delete_alias"),
        ("New root key", "kms_rekey"),
        ("online backup", "kms_backup"),
        ("full verification", "kms_verify"),
        ("Principals", "kms_as_principal"),
        ("grants", "kms_create_grant"),
        ("dialects", "kms_exchange"),
    ];
    let (_, list) = readme.split_once("**Not yet**").expect("README.md has a list of what is not yet there");
    let (list, _) = list.split_once("\n**").unwrap_or((list, ""));
    let functions: Vec<&str> = words(header).collect();
    let fulfilled = promises.iter().filter(|(promise, _)| list.contains(promise));
    let fulfilled = fulfilled.filter(|(_, function)| functions.contains(function));
    fulfilled.map(|(promise, function)| format!("\"{promise}\": kms.h has {function}")).collect()
}

/// Rows of README.md's table of limits that have another number than kms.h.
pub fn wrong_limits(readme: &str, header: &str) -> Vec<String> {
    let limits = [
        ("data key", "KMS_MAX_DATA_KEY_SIZE"),
        ("data keys in one call", "KMS_MAX_DATA_KEYS"),
        ("payload of one encryption", "KMS_MAX_PAYLOAD_SIZE"),
        ("payload of one encryption", "KMS_CIPHERTEXT_OVERHEAD"),
        ("raw AAD", "KMS_MAX_AAD_SIZE"),
        ("encryption context", "KMS_MAX_CONTEXT_PAIRS"),
        ("encryption context", "KMS_MAX_CONTEXT_SIZE"),
        ("description", "KMS_MAX_DESCRIPTION_SIZE"),
    ];
    let wrong = limits.into_iter().filter(|(row, name)| {
        let definition = format!("#define {name} ");
        let number = header.lines().find_map(|line| line.strip_prefix(&definition)).expect(name);
        let row = readme.lines().find(|line| line.starts_with(&format!("| {row} |"))).unwrap_or_default();
        !words(&row.replace(',', "")).any(|word| word == number)
    });
    wrong.map(|(row, name)| format!("{row}: not what {name} says")).collect()
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
