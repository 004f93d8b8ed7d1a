//! Opening what is there, what is not, and what is something else: the status that each gives, and that nothing which
//! is not ours is touched.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use kms::capi::constants::*;
use sha2::{Digest, Sha256};

#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/process.rs"]
mod process;
#[path = "support/store_file.rs"]
mod store_file;

use handle::{Handle, Open, Outcome, status};
use keys::NewKey;
use process::{Child, PATIENCE, alone};
use store_file::{Known, ROOT_KEY, StoreFile};

const WAYS: [u32; 3] = [0, KMS_OPEN_CREATE, KMS_OPEN_READ_ONLY];

fn example() -> (StoreFile, Known) {
    let mut known = None;
    let file = StoreFile::filled(|kms| {
        kms.create(NewKey { id: Some("orders"), alias: Some("alias/orders"), ..NewKey::default() })
            .expect("a key");
        known = Some(Known::of(kms));
    });
    (file, known.expect("filled"))
}

fn open_with_account(file: &StoreFile, account: &str, flags: u32) -> Outcome<Handle> {
    let account = std::ffi::CString::new(account).expect("text");
    let how = Open { root_key: &ROOT_KEY, flags, ..Open::default() };
    Handle::open_with(&file.uri(), how, |options| options.account_id = account.as_ptr())
}

/// Opens in a process of its own, which must not hang; the status.
fn opened_in_time(file: &StoreFile, flags: u32) -> i32 {
    let child = Child::fork(|| status(&file.open_flags(flags)).to_be_bytes().to_vec());
    let answer = child.answer_within(PATIENCE).expect("an answer");
    i32::from_be_bytes(answer.try_into().expect("a status"))
}

#[test]
fn a_store_that_is_not_there_is_not_found_and_not_made() {
    let file = StoreFile::new();
    for flags in [0, KMS_OPEN_READ_ONLY] {
        assert_eq!(status(&file.open_flags(flags)), KMS_NOT_FOUND);
        assert_eq!(std::fs::read_dir(file.dir()).expect("the folder").count(), 0, "a file was left behind");
    }
    let missing = format!("sqlite:{}/no/such/folder/keys.db", file.dir().display());
    for (flags, expected) in WAYS.into_iter().zip([KMS_NOT_FOUND, KMS_STORE_ERROR, KMS_NOT_FOUND]) {
        let opened = Handle::open(&missing, Open { root_key: &ROOT_KEY, flags, ..Open::default() });
        assert_eq!(status(&opened), expected, "in a folder that is missing, flags {flags}");
    }
    // An empty file is a store that nobody has made yet: what a crash between two steps of its creation leaves.
    std::fs::write(file.path(), b"").expect("an empty file");
    for flags in [0, KMS_OPEN_READ_ONLY] {
        assert_eq!(status(&file.open_flags(flags)), KMS_NOT_FOUND, "an empty file");
    }
    file.create().create(NewKey::default()).expect("a key in a store made of an empty file");
    assert_eq!(file.open().expect("the store").list_keys().expect("keys").len(), 1);
}

#[test]
fn create_opens_what_is_there() {
    let (file, known) = example();
    for flags in WAYS {
        known.check(&file.open_flags(flags).expect("the store")).expect("it works");
    }
    assert_eq!(status(&file.open_flags(KMS_OPEN_CREATE | KMS_OPEN_READ_ONLY)), KMS_INVALID_ARGUMENT);
}

#[test]
fn what_is_not_ours_is_refused_and_left_alone() {
    let foreign = StoreFile::new();
    foreign.shell("CREATE TABLE row (x); INSERT INTO row VALUES (1);");
    let foreign_id = StoreFile::new();
    foreign_id.shell("PRAGMA application_id = 42; PRAGMA user_version = 1;");
    let renamed = StoreFile::new();
    renamed.shell("PRAGMA user_version = 7;");
    let (id_edited, _) = example();
    id_edited.shell("PRAGMA application_id = 1802334001;");
    for file in [foreign, foreign_id, renamed, id_edited] {
        let before = file.bytes();
        for flags in WAYS {
            assert_eq!(status(&file.open_flags(flags)), KMS_STORE_ERROR, "another program's database");
        }
        assert_eq!(file.bytes(), before, "another program's database was changed");
    }
    // What does not even begin as a SQLite database is no store with damage in it.
    for content in
        [&b"Dear diary, today I have been taken for a key store.\n"[..], &[0; 4096], &[0xff; 100], b"SQ"]
    {
        let file = StoreFile::new();
        std::fs::write(file.path(), content).expect("a file");
        for flags in WAYS {
            assert_eq!(status(&file.open_flags(flags)), KMS_STORE_ERROR, "{content:?}");
        }
        assert_eq!(file.bytes(), content, "another file was changed");
    }
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let _alone = alone();
    let file = StoreFile::new();
    std::fs::create_dir(file.path()).expect("a folder");
    for flags in WAYS {
        assert_eq!(opened_in_time(&file, flags), KMS_STORE_ERROR, "a folder");
    }
    std::fs::remove_dir(file.path()).expect("to remove it");
    let made = std::process::Command::new("mkfifo").arg(file.path()).status().expect("mkfifo");
    assert!(made.success());
    for flags in WAYS {
        assert_eq!(opened_in_time(&file, flags), KMS_STORE_ERROR, "a FIFO, flags {flags}");
    }
    std::fs::remove_file(file.path()).expect("to remove it");
    std::os::unix::fs::symlink("/dev/null", file.path()).expect("a link");
    for flags in WAYS {
        assert_eq!(opened_in_time(&file, flags), KMS_STORE_ERROR, "a device, flags {flags}");
    }
    // The twin: a link to a store is that store.
    let (store, known) = example();
    std::fs::remove_file(file.path()).expect("to remove it");
    std::os::unix::fs::symlink(store.path(), file.path()).expect("a link");
    assert_eq!(opened_in_time(&file, 0), KMS_OK);
    known.check(&file.open().expect("the store")).expect("it works");
}

#[test]
fn a_store_of_the_first_schema_version_is_brought_up_to_date() {
    let (file, known) = example();
    let index = || file.shell("SELECT sql FROM sqlite_schema WHERE name = 'row_owner'");
    let (current, version) = (index(), file.shell("PRAGMA user_version"));
    file.shell("DROP INDEX row_owner; CREATE INDEX row_owner ON row (owner); PRAGMA user_version = 1;");
    let old = index();
    known.check(&file.open_flags(KMS_OPEN_READ_ONLY).expect("as it is")).expect("it works");
    assert_eq!((index(), file.shell("PRAGMA user_version")), (old, "1\n".into()), "a reader changed it");
    known.check(&file.open().expect("brought up to date")).expect("it works");
    assert_eq!((index(), file.shell("PRAGMA user_version")), (current, version));
}

#[test]
fn a_newer_store_is_unsupported() {
    let (file, known) = example();
    let version: i64 = file.shell("PRAGMA user_version").trim().parse().expect("a number");
    let opened_as = |version: i64| {
        file.shell(&format!("PRAGMA user_version = {version}"));
        WAYS.map(|flags| status(&file.open_flags(flags)))
    };
    for newer in [version + 1, version + 1000, i64::from(i32::MAX)] {
        assert_eq!(opened_as(newer), [KMS_UNSUPPORTED; 3], "version {newer}");
    }
    for impossible in [0, -1, i64::from(i32::MIN)] {
        assert_eq!(opened_as(impossible), [KMS_CORRUPT_STORE; 3], "version {impossible}");
    }
    assert_eq!(opened_as(version), [KMS_OK; 3]);

    let header: Vec<u8> = file.sql().query_row("SELECT bytes FROM header", [], |row| row.get(0)).expect("it");
    let put = |bytes: &[u8]| {
        file.sql().execute("UPDATE header SET bytes = ?", [bytes]).expect("an edit");
        status(&file.open())
    };
    let (fields, _) = header.split_at(header.len() - 32);
    let format_2 = [&[2], &fields[1..]].concat();
    assert_eq!(
        put(&[&format_2[..], &Sha256::digest(&format_2)].concat()),
        KMS_UNSUPPORTED,
        "the next format"
    );
    assert_eq!(put(&[&format_2[..], &[7; 100]].concat()), KMS_UNSUPPORTED, "a longer one");
    assert_eq!(put(&header), KMS_OK);
    known.check(&file.open().expect("the store")).expect("it works");
}

#[test]
fn the_account_and_the_root_key_are_those_of_the_store() {
    let file = StoreFile::new();
    let kms = open_with_account(&file, "271828182845", KMS_OPEN_CREATE).expect("a new store");
    kms.create(NewKey { id: Some("orders"), ..NewKey::default() }).expect("a key");
    kms.data_key("arn:aws:kms:local:271828182845:key/orders").expect("by its ARN");
    drop(kms);
    for flags in WAYS {
        assert_eq!(status(&open_with_account(&file, "000000000000", flags)), KMS_INVALID_ARGUMENT);
        let kms = open_with_account(&file, "271828182845", flags).expect("its own account");
        kms.data_key("arn:aws:kms:local:271828182845:key/orders").expect("by its ARN");
        assert_eq!(status(&kms.data_key("arn:aws:kms:local:000000000000:key/orders")), KMS_NOT_FOUND);
        let kms = file.open_flags(flags).expect("the store says which account");
        kms.data_key("arn:aws:kms:local:271828182845:key/orders").expect("by its ARN");
    }
    let (other_key, passphrase) = ([0x5b; 32], b"correct horse");
    let other_roots =
        [Open { root_key: &other_key, ..Open::default() }, Open { passphrase, ..Open::default() }];
    for how in other_roots {
        assert_eq!(status(&Handle::open(&file.uri(), how)), KMS_WRONG_ROOT_KEY);
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode()
        & 0o7777
}

#[test]
fn files_are_for_their_owner_only() {
    let _alone = alone();
    let file = StoreFile::new();
    // A umask that lets everybody in, in a process of its own.
    let child = Child::fork(|| {
        open_umask();
        let kms = file.create();
        kms.create(NewKey::default()).expect("a key");
        let modes = ["", "-wal", "-shm"].map(|suffix| mode(&file.beside(suffix)));
        modes.map(|mode| format!("{mode:o}")).join(" ").into_bytes()
    });
    assert_eq!(String::from_utf8(child.answer()).expect("text"), "600 600 600");
    // What its owner has decided is left as it is.
    drop(file.open().expect("the store"));
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o640)).expect("another mode");
    let kms = file.open_flags(KMS_OPEN_CREATE).expect("the store");
    kms.create(NewKey::default()).expect("a key");
    assert_eq!(["", "-wal", "-shm"].map(|suffix| mode(&file.beside(suffix))), [0o640; 3]);
}

#[allow(unsafe_code)]
fn open_umask() {
    // SAFETY: has no preconditions.
    unsafe { libc::umask(0) };
}
