//! Stores that may only be read, files that may not be written, and files that go away under a running handle.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::time::Instant;

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
#[path = "support/process.rs"]
mod process;
#[path = "support/store_file.rs"]
mod store_file;

use changes::CHANGES;
use handle::{Handle, Open, Outcome, status};
use keys::NewKey;
use process::{Child, alone, wait_for};
use store_file::{Known, ROOT_KEY, StoreFile};

fn example() -> (StoreFile, Known) {
    let mut known = None;
    let file = StoreFile::filled(|kms| {
        kms.create(NewKey { id: Some("orders"), alias: Some("alias/orders"), ..NewKey::default() })
            .expect("a key");
        known = Some(Known::of(kms));
    });
    (file, known.expect("filled"))
}

#[test]
fn a_read_only_handle_reads_and_refuses_every_change() {
    let file = StoreFile::filled(|kms| {
        for (number, change) in CHANGES.iter().enumerate() {
            (change.prepare)(kms, &format!("key-{number}")).expect("to prepare");
        }
    });
    let before = file.bytes();
    let reader = file.open_flags(KMS_OPEN_READ_ONLY).expect("the store");
    let known = Known::of_some(&reader);
    for (number, change) in CHANGES.iter().enumerate() {
        let refused = (change.make)(&reader, &format!("key-{number}"));
        assert_eq!(status(&refused), KMS_READ_ONLY, "{}", change.name);
    }
    assert_eq!(status(&reader.rekey(&[1; 32])), KMS_READ_ONLY);
    known.check(&reader).expect("it works");
    assert_eq!(reader.verify().expect("to verify"), [""; 0]);
    reader.flush().expect("nothing to write");
    drop(reader);
    assert_eq!(file.bytes(), before, "a read-only handle changed the file");
    // The twin: a handle that may, does.
    let writer = file.open().expect("the store");
    let reader = file.open_flags(KMS_OPEN_READ_ONLY).expect("the store");
    for (number, change) in CHANGES.iter().enumerate() {
        let id = format!("key-{number}");
        (change.make)(&writer, &id).unwrap_or_else(|error| panic!("{}: {error:?}", change.name));
        wait_for(change.name, || (change.is_made)(&reader, &id).expect("the reader sees it"));
    }
}

/// Becomes a user who owns nothing, if this process may.
#[allow(unsafe_code)]
fn become_nobody() {
    const NOBODY: u32 = 65534;
    // SAFETY: plain system calls, in a child that has one thread.
    unsafe {
        if libc::geteuid() == 0 {
            assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
            assert_eq!(libc::setgid(NOBODY), 0);
            assert_eq!(libc::setuid(NOBODY), 0);
        }
    }
}

/// Does something as a user who does not own the store, in a process of its own.
fn as_nobody(work: impl FnOnce() -> String) -> String {
    let child = Child::fork(|| {
        become_nobody();
        work().into_bytes()
    });
    String::from_utf8(child.answer()).expect("text")
}

/// What opening gives, and whether the store works.
fn tried(file: &StoreFile, known: &Known, flags: u32) -> String {
    match file.open_flags(flags) {
        Ok(kms) => {
            known.check(&kms).expect("what opens works");
            "works".into()
        }
        Err(failure) => format!("{} {}", failure.status, failure.native_code),
    }
}

const FILES: [u32; 2] = [0o444, 0o644];

#[test]
fn a_file_that_cannot_be_written_is_for_reading() {
    let _alone = alone();
    let (file, known) = example();
    // A folder that everybody may write, then one that nobody but its owner may.
    for folder in [0o777, 0o755] {
        std::fs::set_permissions(file.dir(), Permissions::from_mode(folder)).expect("a mode");
        let file_modes = if is_root() { &FILES[..] } else { &FILES[..1] };
        for mode in file_modes {
            std::fs::set_permissions(file.path(), Permissions::from_mode(*mode)).expect("a mode");
            let refused = as_nobody(|| tried(&file, &known, 0));
            let refused_too = as_nobody(|| tried(&file, &known, KMS_OPEN_CREATE));
            assert_eq!(refused, format!("{KMS_STORE_ERROR} {}", rusqlite::ffi::SQLITE_READONLY));
            assert_eq!(refused_too, refused);
            // At rest: what a reader left beside it, does not count.
            let reads = as_nobody(|| tried(&file, &known, KMS_OPEN_READ_ONLY));
            assert_eq!(reads, "works", "folder {folder:o}, file {mode:o}");
        }
    }
    std::fs::set_permissions(file.path(), Permissions::from_mode(0o644)).expect("a mode");
    assert_eq!(tried(&file, &known, 0), "works", "for its owner");
}

#[test]
fn a_reader_in_a_folder_that_cannot_be_written_sees_a_writers_changes() {
    if !is_root() {
        // The twin of the rest needs two users.
        return reader_beside_writer(|work| String::from_utf8(work()).expect("text"));
    }
    let _alone = alone();
    reader_beside_writer(|work| as_nobody(|| String::from_utf8(work()).expect("text")));
}

/// A reader opens a store at rest; then a writer comes, changes, and goes; then another one stays.
fn reader_beside_writer(run_reader: impl FnOnce(Box<dyn FnOnce() -> Vec<u8> + '_>) -> String) {
    let (file, known) = example();
    std::fs::set_permissions(file.dir(), Permissions::from_mode(0o755)).expect("a mode");
    std::fs::set_permissions(file.path(), Permissions::from_mode(0o644)).expect("a mode");
    let (uri, marks) = (file.uri(), file.dir().join("marks"));
    std::fs::create_dir(&marks).expect("a folder");
    std::fs::set_permissions(&marks, Permissions::from_mode(0o777)).expect("a mode");
    let mark = |name: &str| std::fs::write(marks.join(name), b"").expect("a mark");
    let marked = |name: &str| marks.join(name).exists();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            wait_for("the reader", || marked("reading"));
            // Comes and goes: all is in one file again.
            file.open().expect("the store").disable("orders").expect("a change");
            wait_for("the reader", || marked("disabled"));
            // Comes and stays, so that the change is in the write-ahead log.
            let writer = file.open().expect("the store");
            writer.enable("orders").expect("a change");
            wait_for("the reader", || marked("enabled"));
            writer
        });
        let answer = run_reader(Box::new(|| {
            let reader = open_quick(&uri).expect("the store");
            known.check(&reader).expect("it works");
            mark("reading");
            wait_for("the key to be disabled", || status(&retried(&reader)) == KMS_DISABLED);
            mark("disabled");
            wait_for("the key to be enabled", || status(&retried(&reader)) == KMS_OK);
            mark("enabled");
            b"seen".to_vec()
        }));
        assert_eq!(answer, "seen");
        drop(writer.join().expect("the writer"));
    });
}

fn open_quick(uri: &str) -> Outcome<Handle> {
    let how = Open { root_key: &ROOT_KEY, flags: KMS_OPEN_READ_ONLY, ..Open::default() };
    Handle::open_with(uri, how, |options| options.max_staleness_ms = 20)
}

/// A call; again where the writer came in between.
fn retried(reader: &Handle) -> Outcome<()> {
    loop {
        match reader.data_key("orders").map(drop) {
            Err(failure) if failure.status == KMS_DEPENDENCY_TIMEOUT => {}
            outcome => return outcome,
        }
    }
}

#[allow(unsafe_code)]
fn is_root() -> bool {
    // SAFETY: has no preconditions.
    unsafe { libc::geteuid() == 0 }
}

#[test]
fn what_cannot_be_read_is_a_store_error() {
    let _alone = alone();
    if !is_root() {
        let (file, known) = example();
        std::fs::set_permissions(file.path(), Permissions::from_mode(0o000)).expect("a mode");
        assert!(tried(&file, &known, 0).starts_with(&format!("{KMS_STORE_ERROR} ")));
        return;
    }
    let (file, known) = example();
    std::fs::set_permissions(file.dir(), Permissions::from_mode(0o755)).expect("a mode");
    for flags in [0, KMS_OPEN_CREATE, KMS_OPEN_READ_ONLY] {
        let tried = as_nobody(|| tried(&file, &known, flags));
        assert!(tried.starts_with(&format!("{KMS_STORE_ERROR} ")), "a file of someone else: {tried}");
    }
    std::fs::set_permissions(file.dir(), Permissions::from_mode(0o700)).expect("a mode");
    for flags in [0, KMS_OPEN_CREATE, KMS_OPEN_READ_ONLY] {
        let tried = as_nobody(|| tried(&file, &known, flags));
        assert_eq!(tried, format!("{KMS_STORE_ERROR} {}", libc::EACCES), "a folder of someone else");
    }
    // The twin: what belongs to this user.
    chown(file.dir(), Some(65534), Some(65534)).expect("another owner");
    chown(file.path(), Some(65534), Some(65534)).expect("another owner");
    assert_eq!(as_nobody(|| tried(&file, &known, 0)), "works");
}

#[test]
fn a_store_that_goes_away_serves_within_the_bound_and_comes_back() {
    const STALENESS_MS: u32 = 300;
    let (file, _) = example();
    let how = Open { root_key: &ROOT_KEY, ..Open::default() };
    let kms = Handle::open_with(&file.uri(), how, |options| options.max_staleness_ms = STALENESS_MS)
        .expect("the store");
    kms.create(NewKey { id: Some("cold"), ..NewKey::default() }).expect("a key");
    kms.data_key("orders").expect("a data key, and the key is cached");
    let away = file.dir().join("away");
    std::fs::create_dir(&away).expect("a folder");
    let suffixes = ["", "-wal", "-shm"];
    let move_all = |back: bool| {
        for suffix in suffixes {
            let (here, there) = (file.beside(suffix), away.join(format!("keys.db{suffix}")));
            let (from, to) = if back { (there, here) } else { (here, there) };
            std::fs::rename(from, to).expect("to move it");
        }
    };
    move_all(false);
    let moved = Instant::now();
    assert_eq!(status(&kms.create(NewKey::default())), KMS_STORE_ERROR, "a change");
    assert_eq!(status(&kms.data_key("cold")), KMS_STORE_ERROR, "a key that is not cached");
    // What is cached serves; whether until the bound is the clock's business, but not for long after it.
    let mut served = 0;
    let refused = loop {
        match kms.data_key("orders") {
            Ok(_) => served += 1,
            Err(failure) => break failure,
        }
        assert!(moved.elapsed().as_millis() < 10 * u128::from(STALENESS_MS), "it is believed for ever");
    };
    assert!(served > 0, "a cached key did not serve");
    assert_eq!(refused.status, KMS_KEY_UNAVAILABLE, "{refused:?}");
    assert_eq!(status(&kms.data_key("orders")), KMS_KEY_UNAVAILABLE);
    move_all(true);
    kms.data_key("orders").expect("it is back");
    kms.create(NewKey { id: Some("new"), ..NewKey::default() }).expect("a change");
    drop(kms);
    assert_eq!(file.open().expect("the store").list_keys().expect("keys").len(), 3);
}

#[test]
fn a_store_that_was_replaced_takes_no_changes_that_would_be_lost() {
    let (file, known) = example();
    let old = file.bytes();
    let kms = file.open().expect("the store");
    kms.create(NewKey { id: Some("new"), ..NewKey::default() }).expect("a key");
    // A copy from before is put in the store's place, as when a backup is restored without stopping what runs.
    let inode = std::fs::metadata(file.path()).expect("the file").ino();
    let restored = file.dir().join("restored.db");
    std::fs::write(&restored, &old).expect("a copy");
    for suffix in ["-wal", "-shm"] {
        std::fs::remove_file(file.beside(suffix)).expect("to remove it");
    }
    std::fs::rename(&restored, file.path()).expect("to put it there");
    assert_ne!(std::fs::metadata(file.path()).expect("the file").ino(), inode);
    let refused = kms.create(NewKey { id: Some("lost"), ..NewKey::default() });
    assert_eq!(status(&refused), KMS_CORRUPT_STORE, "an older store than this handle has seen");
    // A new handle works with it, and what it writes stays.
    let again = file.open().expect("the restored store");
    known.check(&again).expect("it works");
    again.create(NewKey { id: Some("kept"), ..NewKey::default() }).expect("a key");
    drop((kms, again));
    let ids: Vec<String> =
        file.open().expect("it").list_keys().expect("keys").into_iter().map(|k| k.id).collect();
    assert_eq!(ids, ["kept", "orders"]);
}
