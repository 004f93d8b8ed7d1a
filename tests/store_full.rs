//! A disk that is really full: a small file system in memory, and a limit on the size of files. The store says so,
//! goes on reading, loses nothing, and works again when there is room.

use std::path::Path;
use std::process::Command;

use kms::capi::constants::*;

#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/life.rs"]
mod life;
#[path = "support/process.rs"]
mod process;

use handle::{DataKey, Handle, Open};
use keys::NewKey;

const ROOT_KEY: [u8; 32] = [0x5a; 32];
/// In a worker: the folder that it fills.
const FOLDER: &str = "KMS_TEST_FOLDER";

fn open(folder: &Path, flags: u32) -> Handle {
    let uri = format!("sqlite:{}", folder.join("keys.db").display());
    Handle::open(&uri, Open { root_key: &ROOT_KEY, flags, ..Open::default() }).expect("the store")
}

/// Creates keys until there is no room for one, even after the store has tidied up; all that were acknowledged, with
/// a data key each.
fn create_until_full(kms: &Handle, native_code: i64) -> Vec<(String, DataKey)> {
    let (mut made, mut failures) = (Vec::new(), 0);
    while failures < 5 {
        let id = format!("key-{}", made.len());
        match kms.create(NewKey { id: Some(&id), ..NewKey::default() }) {
            Ok(_) => {
                made.push((id.clone(), kms.data_key(&id).expect("a data key")));
                failures = 0;
            }
            Err(failure) => {
                let said = (failure.status, failure.native_code);
                assert_eq!(said, (KMS_STORE_ERROR, native_code), "{failure:?}");
                failures += 1;
            }
        }
        assert!(made.len() < 20_000, "the disk is never full");
    }
    made
}

fn check_all(kms: &Handle, made: &[(String, DataKey)]) {
    for (id, data_key) in made {
        assert_eq!(kms.open_blob(&data_key.ciphertext).as_ref(), Ok(&data_key.plaintext), "{id}");
        let another = kms.data_key(id).unwrap_or_else(|failure| panic!("{id}: {failure:?}"));
        assert_eq!(kms.open_blob(&another.ciphertext), Ok(another.plaintext), "{id}");
    }
}

/// `native_code` is SQLite's word for it.
fn fill_and_go_on(folder: &Path, native_code: i64, make_room: impl FnOnce()) {
    let kms = open(folder, KMS_OPEN_CREATE);
    let made = create_until_full(&kms, native_code);
    assert!(made.len() > 10, "{}", made.len());
    // On this handle, and on a new one that has nothing in memory yet.
    check_all(&kms, &made);
    check_all(&open(folder, KMS_OPEN_READ_ONLY), &made);
    check_all(&open(folder, 0), &made);
    make_room();
    kms.create(NewKey { id: Some("later"), ..NewKey::default() }).expect("there is room");
    assert_eq!(kms.rotate("key-0"), Ok(2));
    drop(kms);
    let kms = open(folder, 0);
    check_all(&kms, &made);
    assert_eq!(kms.list_keys().expect("keys").len(), made.len() + 1);
    assert_eq!(kms.verify().expect("to verify"), [""; 0]);
    println!("{} keys before there was no room", made.len());
}

/// Runs one test of this program as a worker, started by other programs than itself.
fn run_worker(starter: &[&str], test: &str, folder: &Path) {
    let program = std::env::current_exe().expect("this program");
    let (first, rest) = starter.split_first().expect("a program");
    let output = Command::new(first)
        .args(rest)
        .arg(program)
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(process::ROLE, "fill")
        .env(FOLDER, folder)
        .output()
        .expect("a worker");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    print!("{text}");
    assert!(output.status.success() && text.contains("keys before there was no room"), "{}", output.status);
}

fn folder_of_worker() -> Option<std::path::PathBuf> {
    process::role()?;
    Some(std::env::var_os(FOLDER).expect("a folder").into())
}

/// Programs that give what they start a mount of its own; as root, or as a user who may be root of a namespace.
fn mounting(folder: &Path) -> Option<Vec<String>> {
    let mount = format!("mount -t tmpfs -o size=1m,mode=700 none '{}'", folder.display());
    let ways = [&["unshare", "--mount"][..], &["unshare", "--user", "--map-root-user", "--mount"]];
    ways.into_iter().find_map(|way| {
        let mut words: Vec<String> = way.iter().map(|word| (*word).to_string()).collect();
        words.extend(["sh", "-c", &format!("{mount} && exec \"$@\""), "sh"].map(str::to_string));
        let probe = Command::new(&words[0]).args(&words[1..]).arg("true").output();
        probe.is_ok_and(|output| output.status.success()).then_some(words)
    })
}

#[test]
fn a_full_file_system() {
    const TEST: &str = "a_full_file_system";
    if let Some(folder) = folder_of_worker() {
        // What is deleted when there is to be room.
        let filler = folder.join("filler");
        std::fs::write(&filler, vec![1; 512 << 10]).expect("a filler");
        // SQLITE_FULL.
        return fill_and_go_on(&folder, 13, || std::fs::remove_file(&filler).expect("to make room"));
    }
    let dir = tempfile::tempdir().expect("a folder");
    match mounting(dir.path()) {
        Some(words) => run_worker(&words.iter().map(String::as_str).collect::<Vec<_>>(), TEST, dir.path()),
        // Where nobody may mount anything; the test below needs no right, and store_faults fills its own disk.
        None => println!("no file system can be mounted here: not tried"),
    }
}

#[allow(unsafe_code)]
fn limit_files(size: libc::rlim_t) {
    // SAFETY: a plain struct; an ignored signal, so that a write past the limit fails instead.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let limit = libc::rlimit { rlim_cur: size, rlim_max: libc::RLIM_INFINITY };
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

#[test]
fn a_limit_on_the_size_of_files() {
    const TEST: &str = "a_limit_on_the_size_of_files";
    if let Some(folder) = folder_of_worker() {
        limit_files(300 << 10);
        // SQLITE_IOERR_WRITE: only where no space is left does SQLite say that it is full.
        return fill_and_go_on(&folder, 778, || limit_files(libc::RLIM_INFINITY));
    }
    let dir = tempfile::tempdir().expect("a folder");
    run_worker(&["env"], TEST, dir.path());
}
