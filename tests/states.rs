//! docs/states.md tells the truth: every cell of its tables is executed, on a real SQLite file.

#[path = "support/engine.rs"]
mod engine;
#[path = "states/subject.rs"]
mod subject;
#[path = "states/table.rs"]
mod table;

use engine::Caller;
use kms::error::{Error, Status};
use subject::{Origin, Subject};
use table::{Cell, cells, differences, functions_on_keys, rows};

const OWN: &str = "Keys with material of the library's own";
const IMPORTED: &str = "Keys with imported material";
const VERSIONS: &str = "Versions";

fn source(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A status as the header names it.
fn name(status: Status) -> String {
    let mut name = String::from("KMS");
    for letter in format!("{status:?}").chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

/// What a cell would say if it were right.
fn executed(caller: &Caller, cell: &Cell, number: usize) -> Cell {
    let id = format!("key-{number}");
    let of_version = cell.heading == VERSIONS;
    let subject = match cell.heading.as_str() {
        VERSIONS => Subject::with_version(caller, &id, &cell.state),
        IMPORTED => Subject::in_state(caller, &id, Origin::Imported, &cell.state),
        _ => Subject::in_state(caller, &id, Origin::Own, &cell.state),
    };
    let state = || if of_version { subject.version_state() } else { subject.state() };
    let before = state();
    let status = name(subject.run(&cell.operation));
    let after = state();
    // The document says the state that follows where the operation is there to make it.
    let says = match after != before || cell.says.contains(", ") {
        true => format!("{status}, {after}"),
        false => status,
    };
    Cell { says, ..cell.clone() }
}

fn check(heading: &str) {
    let _days = engine::days();
    let documented = cells(&source("docs/states.md"), heading);
    let caller = Caller::new();
    subject::make_other(&caller);
    let numbered = documented.iter().enumerate();
    let happened: Vec<Cell> = numbered.map(|(number, cell)| executed(&caller, cell, number)).collect();
    assert_eq!(differences(&documented, &happened), [""; 0]);
    println!("{heading}: {} cells", documented.len());
    caller.verify();

    // One wrong cell, whichever it is, is noticed, and nothing else is.
    for wrong in 0..documented.len() {
        let mut edited = documented.clone();
        edited[wrong].says = match edited[wrong].says.as_str() {
            "KMS_OK" => "KMS_DISABLED".into(),
            _ => "KMS_OK".into(),
        };
        assert_eq!(differences(&edited, &happened).len(), 1, "{:?}", edited[wrong]);
    }
}

#[test]
fn keys_with_material_of_the_librarys_own() {
    check(OWN);
}

#[test]
fn keys_with_imported_material() {
    check(IMPORTED);
}

#[test]
fn versions() {
    check(VERSIONS);
}

/// The twins above edit what was read; this one edits the text.
#[test]
fn a_wrong_cell_of_the_text_is_noticed() {
    let text = source("docs/states.md");
    let right = "| `kms_rotate_key`, `kms_set_key_rotation` | KMS_OK | KMS_DISABLED |";
    let wrong = "| `kms_rotate_key`, `kms_set_key_rotation` | KMS_OK | KMS_OK |";
    assert!(text.contains(right), "the row is another one now");
    let (right, wrong) = (cells(&text, OWN), cells(&text.replace(right, wrong), OWN));
    let differences = differences(&wrong, &right);
    assert_eq!(differences.len(), 2, "{differences:?}");
    assert!(differences[0].ends_with("kms_rotate_key, disabled: is KMS_DISABLED, not KMS_OK"));
}

/// What a table of keys leaves out of the header.
fn left_out(cells: &[Cell], header: &str) -> Vec<String> {
    let is_there = |name: &String| cells.iter().any(|cell| cell.operation.split(' ').next() == Some(name));
    functions_on_keys(header).into_iter().filter(|name| !is_there(name)).collect()
}

#[test]
fn the_tables_have_every_operation_on_a_key() {
    let (text, header) = (source("docs/states.md"), source("include/kms.h"));
    assert!(functions_on_keys(&header).len() > 25);
    for heading in [OWN, IMPORTED] {
        assert_eq!(left_out(&cells(&text, heading), &header), [""; 0]);
    }
    let header = format!("{header}\nKMS_API kms_status_t KMS_CALL kms_forget_key(\n    kms_t *kms);\n");
    assert_eq!(left_out(&cells(&text, OWN), &header), ["kms_forget_key"]);
}

#[test]
fn a_cancelled_deletion_of_a_key_without_material() {
    let caller = Caller::new();
    let subject = Subject::in_state(&caller, "k", Origin::Imported, "pending import");
    assert_eq!(subject.run("kms_schedule_key_deletion"), Status::Ok);
    assert_eq!(subject.run("kms_cancel_key_deletion"), Status::Ok);
    assert_eq!(subject.state(), "pending import");
}

/// Does what a limit is about with so much of it.
fn with(caller: &Caller, what: &str, amount: usize, number: usize) -> Result<(), Error> {
    let (kms, id) = (&caller.kms, format!("limit-{number}"));
    let text = |filler: &str, amount: usize| filler.repeat(amount);
    if what.starts_with("bytes of a key's id") {
        // Ids of its own length and number.
        let id = text("a", amount.saturating_sub(4)) + &format!("{number:04}");
        let id = &id[id.len().saturating_sub(amount)..];
        let request = kms::engine::CreateKeyRequest { key_id: Some(id), ..Default::default() };
        return kms.create_key(&request).map(drop);
    }
    if what.starts_with("bytes of a key_uuid") {
        let uuid = vec![number as u8 + 1; amount];
        let request = kms::engine::CreateKeyRequest { origin: 1, key_uuid: &uuid, ..Default::default() };
        return kms.create_key(&request).map(drop);
    }
    let is_imported = what == "bytes of imported material";
    caller.create_with(&id, |request| request.origin = u32::from(is_imported));
    let days = u32::try_from(amount).expect("days");
    match what {
        _ if what.starts_with("bytes of an alias") => {
            let alias = format!("alias/{}", text("a", amount.saturating_sub("alias/".len())));
            kms.create_alias(&engine::alias(&alias, &id))
        }
        "bytes of a description" => kms.update_key_description(&id, &text("d", amount), 0),
        "tags of a key, set one by one" => {
            (0..amount).try_for_each(|tag| kms.tag_key(&id, &[(&format!("tag {tag}"), "")], 0))
        }
        // Characters, not bytes.
        "characters of a tag's key" => kms.tag_key(&id, &[(&text("é", amount), "")], 0),
        "characters of a tag's value" => kms.tag_key(&id, &[("key", &text("é", amount))], 0),
        "days before a key is deleted; 0 = 30" => {
            let info = kms.schedule_key_deletion(&engine::schedule(&id, None, days))?;
            assert!(is_in_days(info.deletion_at, days));
            Ok(())
        }
        "days before a version is destroyed; 0 = 30" => {
            let first = kms.describe_key(&engine::key(&id))?.primary_version_id;
            kms.rotate_key(&engine::key(&id))?;
            let info = kms.schedule_version_destruction(&engine::schedule(&id, Some(&first), days))?;
            assert!(is_in_days(info.destruction_at, days));
            Ok(())
        }
        "bytes of imported material" => {
            kms.import_key_material(&engine::import(&id, &vec![9; amount])).map(drop)
        }
        other => panic!("docs/states.md has a limit that nobody tries: {other}"),
    }
}

fn is_in_days(at: i64, days: u32) -> bool {
    let days = if days == 0 { 30 } else { days };
    (at - kms::platform::unix_seconds() - i64::from(days * engine::DAY)).abs() < 60
}

/// Rows of the table of limits that are not so.
fn wrong_limits(text: &str) -> Vec<String> {
    let caller = Caller::new();
    let rows = rows(text, "Limits");
    let mut wrong = Vec::new();
    let mut number = 0;
    for row in &rows[1..] {
        let amount = |field: &str| field.replace(',', "").parse::<usize>().expect("a number");
        let (from, to) = (amount(&row[1]), amount(&row[2]));
        let mut tries = vec![(from, "KMS_OK"), (to, "KMS_OK"), (to + 1, row[4].as_str())];
        // Nothing is less than nothing.
        tries.extend(from.checked_sub(1).map(|less| (less, row[3].as_str())));
        for (amount, expected) in tries {
            number += 1;
            let status =
                with(&caller, &row[0], amount, number).err().map_or(Status::Ok, |error| error.status());
            if name(status) != expected {
                wrong.push(format!("{}: {amount} is {}, not {expected}", row[0], name(status)));
            }
        }
    }
    wrong
}

#[test]
fn the_limits_are_those_of_the_engine() {
    let _days = engine::days();
    let text = source("docs/states.md");
    assert_eq!(wrong_limits(&text), [""; 0]);
    for (right, wrong) in [("| 256 |", "| 255 |"), ("| 8,192 |", "| 8,193 |"), ("| 7 | 30 |", "| 6 | 30 |")] {
        assert!(text.contains(right), "{right}");
        assert!(!wrong_limits(&text.replacen(right, wrong, 1)).is_empty(), "{wrong} went unnoticed");
    }
}
