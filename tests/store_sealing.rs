//! What is in a store's file cannot be changed behind the library's back without its noticing: rows that were edited,
//! moved, left out or inserted, and an edited header. Each case starts from a store that opens and works.

use kms::capi::constants::*;

#[path = "support/grants.rs"]
mod grants;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/life.rs"]
mod life;
#[path = "support/store_file.rs"]
mod store_file;

use handle::{Handle, Open, Outcome, status};
use keys::NewKey;
use rusqlite::types::Value;
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};
use store_file::{Known, StoreFile};

/// Two keys with aliases, one of them with two, and one without; two grants on one of them.
fn example() -> (StoreFile, Known) {
    let mut known = None;
    let file = StoreFile::filled(|handle| {
        let orders =
            NewKey { id: Some("orders"), alias: Some("alias/orders"), description: Some("of tenant 7") };
        handle.create(orders).expect("a key");
        handle.create(NewKey { alias: Some("alias/billing"), ..NewKey::default() }).expect("a key");
        handle.create(NewKey::default()).expect("a key");
        handle.create_alias("alias/sales", "orders").expect("an alias");
        GRANTEES.iter().for_each(|grantee| drop(handle.create_grant("orders", grantee).expect("a grant")));
        known = Some(Known::of(handle));
    });
    (file, known.expect("filled"))
}

const GRANTEES: [&str; 2] = ["tenant-7", "tenant-8"];

/// A row's key columns.
type Place = (i64, Vec<u8>);

fn places(sql: &Connection) -> Vec<Place> {
    let mut all = sql.prepare("SELECT kind, id FROM row ORDER BY kind, id").expect("rows");
    let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
    let places: Vec<Place> = rows.map(|row| row.expect("a row")).collect();
    // The store; 3 heads, names, versions, materials, use counts; 3 aliases; 2 grants and their index.
    assert_eq!(places.len(), 1 + 3 * 5 + 3 + 3);
    places
}

/// Every value that differs from `value` in one bit of one byte, each byte in turn.
fn flips(value: &Value) -> Vec<Value> {
    match value {
        Value::Integer(number) => {
            (0..8).map(|byte| Value::Integer(number ^ (1 << (8 * byte + byte)))).collect()
        }
        Value::Blob(bytes) => (0..bytes.len())
            .map(|at| {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                Value::Blob(flipped)
            })
            .collect(),
        other => panic!("a column has {other:?}"),
    }
}

/// A handle that writes no use counts when it is closed.
fn read(file: &StoreFile) -> Outcome<Handle> {
    file.open_flags(KMS_OPEN_READ_ONLY)
}

const LOCATING: [&str; 3] = ["kind", "id", "owner"];

#[test]
fn every_byte_of_every_row_flipped_is_noticed() {
    let (file, known) = example();
    known.check(&file.open().expect("the untouched store")).expect("it works");
    let sql = file.sql();
    let mut edits = 0;
    for (kind, id) in places(&sql) {
        for column in LOCATING.into_iter().chain(["revision", "sealed"]) {
            let select = format!("SELECT {column} FROM row WHERE kind = ? AND id = ?");
            let old: Value = sql.query_row(&select, params![kind, id], |row| row.get(0)).expect("the value");
            for new in flips(&old) {
                let what = format!("{column} of a row of kind {kind} was {old:?}, is {new:?}");
                // This one trusts nothing yet when the row changes.
                let running = read(&file).expect("the store before the edit");
                edit(&sql, column, &new, (kind, &id));
                let opened = status(&file.open());
                assert_eq!(opened, KMS_CORRUPT_STORE, "opening: {what}");
                let mut calls = known.calls(&running);
                calls.extend(GRANTEES.iter().map(|grantee| {
                    let made = running.as_principal(grantee).data_key("orders");
                    (format!("a data key for {grantee}"), made.map(drop))
                }));
                check_calls(&calls, kind, column, &what);
                // Back, wherever the row is now.
                let now =
                    (if let ("kind", Value::Integer(kind)) = (column, &new) { *kind } else { kind }, &id);
                let now = if let ("id", Value::Blob(id)) = (column, &new) { (now.0, id) } else { now };
                edit(&sql, column, &old, now);
                edits += 1;
            }
        }
        known.check(&read(&file).expect("the store put right again")).expect("it works");
    }
    println!("{edits} edits");
}

fn edit(sql: &Connection, column: &str, value: &Value, (kind, id): (i64, &Vec<u8>)) {
    let update = format!("UPDATE row SET {column} = ? WHERE kind = ? AND id = ?");
    let changed = sql.prepare_cached(&update).and_then(|mut edit| edit.execute(params![value, kind, id]));
    assert_eq!(changed.expect("an edit"), 1, "{column} of {kind}");
}

/// What a handle that was open before may answer: right (which `calls` has checked), or that the store is damaged.
/// A row that is no longer where it belongs cannot be told from one that never was.
fn check_calls(calls: &[(String, Outcome<()>)], kind: i64, column: &str, what: &str) {
    let is_store_row = kind == 1;
    let mut refused = 0;
    for (name, outcome) in calls {
        match status(outcome) {
            KMS_OK => {}
            KMS_CORRUPT_STORE => refused += 1,
            KMS_NOT_FOUND if LOCATING.contains(&column) => refused += 1,
            other => panic!("{name} gave {other}: {what}"),
        }
    }
    assert!(refused > 0 || is_store_row, "no call noticed: {what}");
}

/// Runs an edit in the shell and opens the store.
fn after(file: &StoreFile, sql: &str) -> i32 {
    let before = file.bytes();
    file.shell(sql);
    assert_ne!(file.bytes(), before, "the edit changed nothing: {sql}");
    status(&file.open())
}

/// Expects an edit of the pristine store to be noticed when it is opened, and when it is verified by a handle that was
/// open before.
fn refused_after(file: &StoreFile, pristine: &[u8], sql: &str) {
    file.replace(pristine);
    let running = read(file).expect("the untouched store");
    assert_eq!(running.verify().expect("to verify"), [""; 0], "damages before the edit");
    file.shell(sql);
    assert_eq!(status(&file.open()), KMS_CORRUPT_STORE, "{sql}");
    assert!(!running.verify().expect("to verify").is_empty(), "not verified: {sql}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn place((kind, id): &Place) -> String {
    format!("kind = {kind} AND id = x'{}'", hex(id))
}

#[test]
fn an_edit_that_keeps_what_counts_is_no_damage() {
    let (file, known) = example();
    // The twin of every refusal below: a store that was edited, but not its rows.
    assert_eq!(after(&file, "CREATE TABLE other (x); INSERT INTO other VALUES (1);"), KMS_OK);
    assert_eq!(after(&file, "DROP TABLE other; VACUUM;"), KMS_OK);
    known.check(&file.open().expect("the store")).expect("it works");
}

#[test]
fn swapped_rows_are_noticed() {
    let (file, known) = example();
    let pristine = file.bytes();
    let places = places(&file.sql());
    let mut pairs = 0;
    for (index, a) in places.iter().enumerate() {
        for b in &places[index + 1..] {
            let (a, b) = (place(a), place(b));
            // Contents, with and without what the seals are bound to; and, among rows of one kind, places.
            for columns in ["sealed", "sealed, revision", "sealed, revision, owner"] {
                let sql = format!(
                    "CREATE TEMP TABLE a AS SELECT {columns} FROM row WHERE {a};
                     CREATE TEMP TABLE b AS SELECT {columns} FROM row WHERE {b};
                     UPDATE row SET ({columns}) = (SELECT * FROM b) WHERE {a};
                     UPDATE row SET ({columns}) = (SELECT * FROM a) WHERE {b};"
                );
                if pairs % 8 == 0 {
                    refused_after(&file, &pristine, &sql);
                } else {
                    // Without the shell's start.
                    file.replace(&pristine);
                    file.sql().execute_batch(&sql).expect("a swap");
                    assert_eq!(status(&file.open()), KMS_CORRUPT_STORE, "{sql}");
                }
                pairs += 1;
            }
        }
    }
    file.replace(&pristine);
    known.check(&file.open().expect("the untouched store")).expect("it works");
}

#[test]
fn a_row_left_out_is_noticed() {
    let (file, _) = example();
    let pristine = file.bytes();
    for row in places(&file.sql()) {
        refused_after(&file, &pristine, &format!("DELETE FROM row WHERE {}", place(&row)));
    }
    // Whole keys, too.
    refused_after(
        &file,
        &pristine,
        "DELETE FROM row WHERE owner = (SELECT id FROM row WHERE kind = 2 LIMIT 1)",
    );
    refused_after(&file, &pristine, "DELETE FROM row WHERE kind <> 1");
    refused_after(&file, &pristine, "DELETE FROM row");
    refused_after(&file, &pristine, "DROP TABLE row");
    refused_after(&file, &pristine, "DELETE FROM header");
    refused_after(&file, &pristine, "DROP TABLE header");
}

#[test]
fn an_inserted_row_is_noticed() {
    let (file, _) = example();
    let pristine = file.bytes();
    for row in places(&file.sql()) {
        for select in [
            // Under another id; another owner; another kind.
            "kind, randomblob(32), owner, revision, sealed",
            "kind, randomblob(32), zeroblob(32), revision, sealed",
            "kind, randomblob(32), randomblob(32), revision, sealed",
            "kind % 10 + 1, randomblob(32), owner, revision, sealed",
            "kind % 10 + 1, id, owner, revision, sealed",
            // What no library wrote.
            "kind, randomblob(32), owner, revision, zeroblob(0)",
            "99, randomblob(32), owner, revision, sealed",
            "kind, randomblob(7), owner, revision, sealed",
            "kind, randomblob(32), zeroblob(0), -1, sealed",
        ] {
            let sql = format!("INSERT INTO row SELECT {select} FROM row WHERE {}", place(&row));
            refused_after(&file, &pristine, &sql);
        }
    }
}

#[test]
fn rows_of_another_store_are_noticed() {
    let (file, _) = example();
    // Under the same root key.
    let (other, _) = example();
    let attach = format!("ATTACH '{}' AS other;", other.path().display());
    let pristine = file.bytes();
    let copy = |what: &str| refused_after(&file, &pristine, &format!("{attach} {what}"));
    for kind in (1..=7).chain([9, 10]) {
        // In place of the store's own, and beside them.
        let other_row = format!("SELECT * FROM other.row WHERE kind = {kind} LIMIT 1");
        copy(&format!(
            "UPDATE main.row SET (revision, sealed) = (SELECT revision, sealed FROM ({other_row}))
             WHERE kind = {kind} AND id = (SELECT id FROM main.row WHERE kind = {kind} LIMIT 1)"
        ));
        copy(&format!("INSERT OR REPLACE INTO main.row {other_row}"));
    }
    copy("INSERT INTO main.row SELECT * FROM other.row WHERE kind <> 1");
    copy("DELETE FROM main.row; INSERT INTO main.row SELECT * FROM other.row");
    copy("UPDATE main.header SET bytes = (SELECT bytes FROM other.header)");
    // Both together are the other store.
    file.replace(&pristine);
    let whole = "DELETE FROM main.row; INSERT INTO main.row SELECT * FROM other.row;
                 UPDATE main.header SET bytes = (SELECT bytes FROM other.header)";
    assert_eq!(after(&file, &format!("{attach} {whole}")), KMS_OK);
}

/// Puts a header whose fields `change` edited, with a checksum that fits, into the store.
fn edit_header(file: &StoreFile, pristine: &[u8], change: impl FnOnce(&mut [u8])) {
    file.replace(pristine);
    let sql = file.sql();
    let mut header: Vec<u8> =
        sql.query_row("SELECT bytes FROM header", [], |row| row.get(0)).expect("a header");
    assert_eq!(header.len(), 110);
    header.truncate(78);
    change(&mut header);
    let checksum = Sha256::digest(&header);
    header.extend_from_slice(&checksum);
    sql.execute("UPDATE header SET bytes = ?", [&header]).expect("an edit");
}

#[test]
fn an_edited_header_is_noticed() {
    let (file, _) = example();
    let pristine = file.bytes();
    let sql = file.sql();
    let header: Vec<u8> = sql.query_row("SELECT bytes FROM header", [], |row| row.get(0)).expect("a header");
    let put = |bytes: &[u8]| {
        sql.execute("UPDATE header SET bytes = ?", [bytes]).expect("an edit");
        status(&file.open())
    };
    for bit in 0..8 * header.len() {
        let mut flipped = header.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(put(&flipped), KMS_CORRUPT_STORE, "bit {bit} of the header");
    }
    for len in [0, 1, 77, 109] {
        assert_eq!(put(&header[..len]), KMS_CORRUPT_STORE, "a header of {len} bytes");
    }
    assert_eq!(put(&header), KMS_OK);
    drop(sql);

    // By someone who can count a checksum.
    edit_header(&file, &pristine, |_| {});
    assert_eq!(status(&file.open()), KMS_OK);
    for at in 0..78 {
        edit_header(&file, &pristine, |header| header[at] ^= 0x10);
        let expected = match at {
            // Format, and kind of root key.
            0 | 1 => KMS_UNSUPPORTED,
            // Salt and parameters, which a root key that is not stretched has no use for.
            18..46 => KMS_CORRUPT_STORE,
            // The check value covers the store id, and is not this one.
            _ => KMS_WRONG_ROOT_KEY,
        };
        assert_eq!(status(&file.open()), expected, "byte {at} of the header");
    }
    // As if its root key were made of a passphrase.
    edit_header(&file, &pristine, |header| {
        header[1] = 2;
        header[34..46].copy_from_slice(&[0, 1, 0, 0, 0, 0, 0, 3, 0, 0, 0, 4]);
    });
    assert_eq!(status(&file.open()), KMS_WRONG_ROOT_KEY);
}

#[test]
fn parameters_that_would_eat_the_machine_are_refused() {
    let file = StoreFile::new();
    let open =
        |flags| Handle::open(&file.uri(), Open { passphrase: b"correct horse", flags, ..Open::default() });
    drop(open(KMS_OPEN_CREATE).expect("a store with a passphrase"));
    let pristine = file.bytes();
    let parameters = |numbers: [u32; 3]| {
        edit_header(&file, &pristine, |header| {
            for (place, number) in header[34..46].chunks_exact_mut(4).zip(numbers) {
                place.copy_from_slice(&number.to_be_bytes());
            }
        });
        status(&open(0))
    };
    assert_eq!(parameters([64 * 1024, 3, 4]), KMS_OK, "its own parameters");
    assert_eq!(
        parameters([64 * 1024, 4, 4]),
        KMS_WRONG_ROOT_KEY,
        "others are derived with, and are not its own"
    );
    for numbers in [
        [64 * 1024 - 1, 3, 4],
        [4 * 1024 * 1024 + 1, 3, 4],
        [u32::MAX, 3, 4],
        [64 * 1024, 2, 4],
        [64 * 1024, 65, 4],
        [64 * 1024, u32::MAX, 4],
        [64 * 1024, 3, 0],
        [64 * 1024, 3, 17],
        [64 * 1024, 3, u32::MAX],
    ] {
        assert_eq!(parameters(numbers), KMS_CORRUPT_STORE, "{numbers:?}");
    }
}
