//! Old rows do not come back: whatever part of a change is undone behind the library's back is noticed, and a running
//! handle notices even a whole store of earlier. What a store keeps is not to be read from its files either.

use std::time::{Duration, Instant};

use kms::capi::constants::*;

#[path = "support/changes.rs"]
mod changes;
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

use changes::{CHANGES, Change};
use handle::{Handle, Open, status};
use keys::NewKey;
use rusqlite::params;
use store_file::{Known, ROOT_KEY, StoreFile};

fn example() -> StoreFile {
    StoreFile::filled(|kms| {
        kms.create(NewKey { id: Some("orders"), alias: Some("alias/orders"), ..NewKey::default() })
            .expect("a key");
        kms.create(NewKey { id: Some("billing"), ..NewKey::default() }).expect("a key");
    })
}

/// Rows that differ between the store and its old copy, which is attached: in one, in the other, or changed.
const DIFFERENT: &str = "SELECT kind, id FROM (SELECT * FROM main.row EXCEPT SELECT * FROM old.row)
     UNION SELECT kind, id FROM (SELECT * FROM old.row EXCEPT SELECT * FROM main.row)";

#[test]
fn no_part_of_a_change_can_be_undone() {
    for Change { name, prepare, make, .. } in CHANGES {
        let file = StoreFile::filled(|kms| prepare(kms, "subject").expect("to prepare"));
        let old = file.dir().join("old.db");
        std::fs::write(&old, file.bytes()).expect("a copy");
        make(&file.open().expect("the store"), "subject").unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let now = file.bytes();
        let attach = format!("ATTACH '{}' AS old", old.display());
        let changed: Vec<(i64, Vec<u8>)> = {
            let sql = file.sql();
            sql.execute_batch(&attach).expect("the old copy");
            let mut rows = sql.prepare(DIFFERENT).expect("rows");
            let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
            rows.map(|row| row.expect("a row")).collect()
        };
        assert!((2..=12).contains(&changed.len()), "{name}: {} rows changed", changed.len());
        let all = (1_u32 << changed.len()) - 1;
        for subset in 0..=all {
            file.replace(&now);
            let sql = file.sql();
            sql.execute_batch(&attach).expect("the old copy");
            for (index, (kind, id)) in changed.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1) {
                let place = params![kind, id];
                sql.execute("DELETE FROM main.row WHERE kind = ? AND id = ?", place).expect("an edit");
                sql.execute("INSERT INTO main.row SELECT * FROM old.row WHERE kind = ? AND id = ?", place)
                    .unwrap_or_else(|error| panic!("row {index}: {error}"));
            }
            drop(sql);
            // All of it is the store as it was, which nobody can tell who sees it for the first time.
            let expected = if subset == 0 || subset == all { KMS_OK } else { KMS_CORRUPT_STORE };
            let opened = status(&file.open());
            assert_eq!(opened, expected, "{name}: {subset:b} of {} rows brought back", changed.len());
        }
    }
}

/// A key that a store of more than 4,096 rows has, which is not checked whole when it is opened, with grants of
/// "tenant": first "kept", then "revoked", which is no more there.
#[test]
fn grants_do_not_come_back_to_a_large_store() {
    let old = StoreFile::new();
    let (file, mut ids) = (StoreFile::new(), Vec::new());
    {
        let kms = file.create();
        kms.create(NewKey { id: Some("orders"), ..NewKey::default() }).expect("a key");
        for number in 0..4200 {
            kms.create_grant("orders", &format!("tenant-{number}")).expect("a grant");
        }
        for pair in [("is", "kept"), ("is", "revoked")] {
            ids.push(kms.create_grant_for("orders", "tenant", Some(pair)).expect("a grant").id);
        }
        kms.backup(&old.path()).expect("a copy");
        kms.revoke_grant("orders", &ids[1]).expect("revoked");
    }
    let pristine = file.bytes();
    let calls = |kms: &Handle| {
        let tenant = kms.as_principal("tenant");
        ["kept", "revoked"].map(|value| status(&tenant.generate_by("orders", None, Some(("is", value)))))
    };
    let kms = file.open().expect("the store");
    assert_eq!(calls(&kms), [KMS_OK, KMS_ACCESS_DENIED]);
    assert_eq!(kms.verify().expect("to verify"), [""; 0]);
    drop(kms);
    let attach = format!("ATTACH '{}' AS old;", old.path().display());
    let gone = "SELECT * FROM old.row WHERE kind = 9 AND id NOT IN (SELECT id FROM main.row WHERE kind = 9)";
    let index =
        "DELETE FROM main.row WHERE kind = 10; INSERT INTO main.row SELECT * FROM old.row WHERE kind = 10;";
    let newest = "(SELECT max(revision) FROM main.row WHERE kind = 9)";
    let bucket = "(SELECT substr(id, 1, 17) FROM old.row WHERE kind = 9 ORDER BY revision DESC LIMIT 1)";
    for (edit, expected) in [
        // What was revoked, alone, and with the index that had it.
        (format!("INSERT INTO main.row {gone};"), KMS_CORRUPT_STORE),
        (format!("{index} INSERT INTO main.row {gone};"), KMS_CORRUPT_STORE),
        (index.to_string(), KMS_CORRUPT_STORE),
        // What was kept taken away; its whole bucket; and all there is of grants.
        (format!("DELETE FROM main.row WHERE kind = 9 AND revision = {newest};"), KMS_CORRUPT_STORE),
        (format!("DELETE FROM main.row WHERE kind = 9 AND substr(id, 1, 17) = {bucket};"), KMS_CORRUPT_STORE),
        ("DELETE FROM main.row WHERE kind IN (9, 10);".into(), KMS_CORRUPT_STORE),
        // The twin: nothing is edited.
        (format!("DELETE FROM main.row WHERE kind = 9 AND revision > {newest};"), KMS_OK),
    ] {
        file.replace(&pristine);
        file.shell(&format!("{attach} {edit}"));
        let kms = file.open().expect("a large store opens");
        let [kept, revoked] = calls(&kms);
        assert_eq!(kept, expected, "{edit}");
        assert_eq!(revoked, if expected == KMS_OK { KMS_ACCESS_DENIED } else { expected }, "{edit}");
        kms.data_key("orders").expect("the root does not depend on grants");
        assert_eq!(kms.verify().expect("to verify").is_empty(), expected == KMS_OK, "{edit}");
        // Changes to it do not make it right.
        if expected != KMS_OK {
            let _ = kms.create_grant("orders", "tenant");
            let _ = kms.revoke_grant("orders", &ids[1]);
            assert_eq!(calls(&kms), [expected; 2], "after changes: {edit}");
            assert!(!kms.verify().expect("to verify").is_empty(), "after changes: {edit}");
        }
    }
}

/// Calls until it fails, for at most ten times the staleness bound, and gives the status.
fn first_failure(call: impl Fn() -> i32, staleness_ms: u64) -> i32 {
    let start = Instant::now();
    loop {
        let status = call();
        if status != KMS_OK || start.elapsed() > Duration::from_millis(10 * staleness_ms) {
            return status;
        }
    }
}

#[test]
fn a_running_handle_refuses_an_older_store() {
    const STALENESS_MS: u64 = 100;
    let file = example();
    let open = || {
        let how = Open { root_key: &ROOT_KEY, ..Open::default() };
        Handle::open_with(&file.uri(), how, |options| options.max_staleness_ms = STALENESS_MS as u32)
            .expect("the store")
    };
    let old = file.dir().join("old.db");
    std::fs::write(&old, file.bytes()).expect("a copy");
    let (running, reader) = (open(), open());
    running.create(NewKey { id: Some("new"), ..NewKey::default() }).expect("a key");
    let known = Known::of(&running);
    reader.data_key("new").expect("seen by the other handle");
    let now = file.dir().join("now.db");
    file.shell(&format!("VACUUM INTO '{}'", now.display()));

    // The whole store as it was, put back by a program that follows SQLite's rules.
    let put = |from: &std::path::Path| {
        file.shell(&format!(
            "ATTACH '{}' AS other; BEGIN IMMEDIATE; DELETE FROM main.row;
             INSERT INTO main.row SELECT * FROM other.row; COMMIT;",
            from.display()
        ));
    };
    put(&old);
    assert_eq!(status(&running.create(NewKey::default())), KMS_CORRUPT_STORE, "a change");
    assert_eq!(first_failure(|| status(&reader.data_key("orders")), STALENESS_MS), KMS_CORRUPT_STORE);
    // Right again, the handles are, too.
    put(&now);
    known.check(&running).expect("the handle works again");
    known.check(&reader).expect("the other handle works again");
    running.create(NewKey::default()).expect("a change");
    reader.data_key("orders").expect("a data key");
    // And without an older store no call fails.
    assert_eq!(first_failure(|| status(&reader.data_key("orders")), STALENESS_MS), KMS_OK);
}

/// Where bytes are found in a store's files.
fn found(file: &StoreFile, bytes: &[u8]) -> Vec<&'static str> {
    let mut places = Vec::new();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let content = std::fs::read(file.beside(suffix)).unwrap_or_default();
        if content.windows(bytes.len()).any(|window| window == bytes) {
            places.push(suffix);
        }
    }
    places
}

/// A text as SQLite or anyone else might write it.
fn forms(text: &str) -> [Vec<u8>; 4] {
    let wide: Vec<u16> = text.encode_utf16().collect();
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    [
        text.as_bytes().to_vec(),
        wide.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        wide.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
        hex.into_bytes(),
    ]
}

#[test]
fn names_and_material_are_not_in_the_files() {
    let file = StoreFile::new();
    let how = Open { root_key: &ROOT_KEY, flags: KMS_OPEN_CREATE, ..Open::default() };
    let account = std::ffi::CString::new("271828182845").expect("text");
    let kms = Handle::open_with(&file.uri(), how, |options| options.account_id = account.as_ptr())
        .expect("a new store");
    let (id, alias) = ("customer-schlüssel-free-id-7".replace('ü', "u"), "alias/of-the-orders");
    let description = "wraps the data keys of order 4711";
    kms.create(NewKey { id: Some(&id), alias: Some(alias), description: Some(description) }).expect("a key");
    let generated = kms.create(NewKey::default()).expect("a key");
    kms.create_alias("alias/another-name", &generated).expect("an alias");
    let data_key = kms.data_key(&id).expect("a data key");
    let version = kms.describe(&id).expect("the key").primary_version_id;

    let mut secrets: Vec<Vec<u8>> = vec![ROOT_KEY[..16].to_vec(), data_key.plaintext];
    for text in
        [&id, alias, "of-the-orders", description, &generated, &version, "another-name", "271828182845"]
    {
        secrets.extend(forms(text));
    }
    #[cfg(feature = "test-hooks")]
    for id in [&id, &generated] {
        secrets.push(material(&kms, id).to_vec());
    }
    // Beside SQLite's own texts, which are found, there is nothing to read: while the store is open, and when it is
    // closed and all in one file.
    assert_eq!(found(&file, b"row_revision"), ["-wal"]);
    for secret in &secrets {
        assert_eq!(found(&file, secret), [""; 0], "{:?}", String::from_utf8_lossy(secret));
    }
    drop(kms);
    assert_eq!(found(&file, b"row_revision"), [""]);
    for secret in &secrets {
        assert_eq!(found(&file, secret), [""; 0], "{:?}", String::from_utf8_lossy(secret));
    }
}

#[cfg(feature = "test-hooks")]
#[allow(unsafe_code)]
fn material(kms: &Handle, id: &str) -> [u8; 32] {
    // SAFETY: a live handle.
    let exported = kms::test_hooks::material(unsafe { &*kms.as_ptr() }, id, 1);
    exported.expect("its material").material
}
