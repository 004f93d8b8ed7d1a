//! Where the root key of a store comes from: every form of each source that is taken, and what is refused, with a
//! message that says what is wrong and nothing of what was read.

#![allow(unsafe_code)] // a FIFO

#[path = "support/handle.rs"]
mod handle;

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use handle::{Bound, Decrypt, Failure, Handle, Open, Outcome, status};
use kms::capi::constants::*;

/// Its base64 has both characters in which the alphabets differ, and it is no text.
const ROOT_KEY: [u8; 32] = [
    0xfb, 0xff, 0xbf, 0xfe, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x10, 0x32, 0x54, 0x76, 0x98,
    0xba, 0xdc, 0xfe, 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb,
];

/// A store on disk that was made with ROOT_KEY, and room for key files.
struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { dir: tempfile::tempdir().expect("a temporary directory") };
        let how = Open { root_key: &ROOT_KEY, flags: KMS_OPEN_CREATE, ..Open::default() };
        place.open(how).expect("a new store").create_key("roots").expect("a key");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn open(&self, how: Open<'_>) -> Outcome<Handle> {
        Handle::open(&format!("sqlite:{}", self.path("keys.db").display()), how)
    }

    fn open_uri(&self, uri: &str) -> Outcome<Handle> {
        self.open(Open { uri: Some(uri), ..Open::default() })
    }

    fn file(&self, content: &[u8], mode: u32) -> PathBuf {
        let path = self.path("root.key");
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, content).expect("a key file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
        path
    }

    fn open_file(&self, path: &Path) -> Outcome<Handle> {
        self.open_uri(&format!("file:{}", path.display()))
    }

    fn open_content(&self, content: &[u8]) -> Outcome<Handle> {
        self.open_file(&self.file(content, 0o600))
    }
}

#[track_caller]
fn refused(outcome: Outcome<Handle>, expected: i32, about: &str) -> Failure {
    let failure = outcome.err().expect("a refusal");
    assert_eq!(failure.status, expected, "{}", failure.message);
    assert!(failure.message.starts_with(about), "{}", failure.message);
    failure
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn raw_bytes_are_32() {
    let place = Place::new();
    for len in [1, 16, 31, 33, 64, 4096] {
        let root_key = vec![7; len];
        let failure = refused(
            place.open(Open { root_key: &root_key, ..Open::default() }),
            KMS_INVALID_ARGUMENT,
            "options.root_key",
        );
        assert!(failure.message.contains("32"), "{}", failure.message);
    }
    assert_eq!(status(&place.open(Open { root_key: &ROOT_KEY, ..Open::default() })), KMS_OK);
}

#[test]
fn exactly_one_source_is_given() {
    let place = Place::new();
    let uri = format!("file:{}", place.file(&ROOT_KEY, 0o600).display());
    for sources in 0..8 {
        let outcome = place.open(Open {
            root_key: if sources & 1 != 0 { &ROOT_KEY } else { &[] },
            passphrase: if sources & 2 != 0 { b"correct horse" } else { &[] },
            uri: (sources & 4 != 0).then_some(&uri),
            flags: 0,
        });
        match sources {
            1 | 4 => assert_eq!(status(&outcome), KMS_OK, "sources {sources:#b}"),
            // The store was not made with a passphrase.
            2 => assert_eq!(status(&outcome), KMS_WRONG_ROOT_KEY),
            _ => drop(refused(outcome, KMS_INVALID_ARGUMENT, "options.root_key")),
        }
    }
}

#[test]
fn a_wrong_root_key_is_no_damage() {
    let place = Place::new();
    for bit in 0..256 {
        let mut root_key = ROOT_KEY;
        root_key[bit / 8] ^= 1 << (bit % 8);
        let outcome = place.open(Open { root_key: &root_key, ..Open::default() });
        refused(outcome, KMS_WRONG_ROOT_KEY, "the root key");
        // Nor is one that would create the store, were it not there.
        let outcome = place.open(Open { root_key: &root_key, flags: KMS_OPEN_CREATE, ..Open::default() });
        refused(outcome, KMS_WRONG_ROOT_KEY, "the root key");
    }
    assert_eq!(status(&place.open(Open { root_key: &ROOT_KEY, ..Open::default() })), KMS_OK);
}

#[test]
fn a_passphrase_opens_what_it_made_and_no_other_does() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = format!("sqlite:{}", dir.path().join("keys.db").display());
    let open = |passphrase, flags| Handle::open(&store, Open { passphrase, flags, ..Open::default() });
    // Bytes, not text: they need not be UTF-8.
    let passphrase = b"correct horse \xff\x00 battery";
    let made = open(passphrase, KMS_OPEN_CREATE).expect("a new store");
    made.create_key("roots").expect("a key");
    let data_key = made.generate("roots", 32, Bound::Nothing).expect("a data key");
    drop(made);
    for wrong in
        [&b"correct horse"[..], b"Correct horse \xff\x00 battery", b"correct horse \xff\x00 battery\n"]
    {
        refused(open(wrong, 0), KMS_WRONG_ROOT_KEY, "the root key");
    }
    let outcome = Handle::open(&store, Open { root_key: &[0; 32], ..Open::default() });
    refused(outcome, KMS_WRONG_ROOT_KEY, "the root key");
    let again = open(passphrase, 0).expect("the store");
    assert_eq!(again.decrypt(Decrypt::new(&data_key.ciphertext, Bound::Nothing)), Ok(data_key.plaintext));
}

#[test]
fn two_stores_of_one_passphrase_have_different_salts() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let salts: Vec<String> = ["a.db", "b.db"]
        .map(|name| {
            let path = dir.path().join(name);
            let how = Open { passphrase: b"the same", flags: KMS_OPEN_CREATE, ..Open::default() };
            drop(Handle::open(&format!("sqlite:{}", path.display()), how).expect("a new store"));
            let salt = "SELECT hex(substr(bytes, 19, 16)) FROM header";
            let output = Command::new("sqlite3").arg(path).arg(salt).output().expect("the sqlite3 shell");
            String::from_utf8(output.stdout).expect("hex").trim().to_string()
        })
        .to_vec();
    assert!(salts.iter().all(|salt| salt.len() == 32), "{salts:?}");
    assert_ne!(salts[0], salts[1]);
}

/// Every text of the root key that is taken, and some that are not.
fn texts() -> (Vec<String>, Vec<String>) {
    let (lower, base64) = (hex(&ROOT_KEY), STANDARD.encode(ROOT_KEY));
    let mut taken = vec![lower.clone(), lower.to_uppercase(), base64.clone()];
    taken.extend([
        STANDARD_NO_PAD.encode(ROOT_KEY),
        URL_SAFE.encode(ROOT_KEY),
        URL_SAFE_NO_PAD.encode(ROOT_KEY),
    ]);
    assert_eq!(
        taken.iter().collect::<std::collections::BTreeSet<_>>().len(),
        taken.len(),
        "all are different"
    );
    let around: Vec<String> = taken
        .iter()
        .flat_map(|text| [format!("{text}\n"), format!("  {text}\r\n"), format!("\t{text} \n\n")])
        .collect();
    taken.extend(around);
    let not = vec![
        String::new(),
        "\n".into(),
        lower[..63].into(),
        lower[..62].into(),
        format!("{lower}0"),
        format!("{lower}00"),
        format!("0x{lower}"),
        format!("0x{}", &lower[..62]),
        format!("+{}", &lower[..63]),
        format!("{}+f", &lower[..62]),
        format!("{} {}", &lower[..32], &lower[32..]),
        lower.replace('0', "g"),
        STANDARD.encode(&ROOT_KEY[..31]),
        STANDARD.encode([&ROOT_KEY[..], &[0]].concat()),
        format!("{}\n{}", &base64[..20], &base64[20..]),
        // Both alphabets in one text.
        base64.replacen('+', "-", 1),
        format!("{base64}="),
        "-----BEGIN PRIVATE KEY-----".into(),
    ];
    (taken, not)
}

#[test]
fn a_file_holds_32_bytes_or_their_text() {
    let place = Place::new();
    assert_eq!(status(&place.open_content(&ROOT_KEY)), KMS_OK);
    let (taken, not) = texts();
    for text in taken {
        assert_eq!(status(&place.open_content(text.as_bytes())), KMS_OK, "{text:?}");
    }
    for text in not {
        let failure =
            refused(place.open_content(text.as_bytes()), KMS_INVALID_ARGUMENT, "options.root_key_uri");
        assert!(text.trim().is_empty() || !failure.message.contains(text.trim()), "{}", failure.message);
    }
    let long = [ROOT_KEY.as_slice(); 9].concat();
    for content in [&ROOT_KEY[..31], &[&ROOT_KEY[..], b"\n"].concat(), &long[..256], &long[..257], &long] {
        refused(place.open_content(content), KMS_INVALID_ARGUMENT, "options.root_key_uri");
    }
    // So long that reading it all would be a mistake.
    let huge = place.file(&ROOT_KEY, 0o600);
    std::fs::OpenOptions::new()
        .write(true)
        .open(&huge)
        .and_then(|file| file.set_len(1 << 40))
        .expect("a sparse file");
    refused(place.open_file(&huge), KMS_INVALID_ARGUMENT, "options.root_key_uri");
    // White space around the text counts as little as ever, up to a point.
    let (text, spaces) = (hex(&ROOT_KEY), " ".repeat(256 - 64));
    assert_eq!(status(&place.open_content(format!("{spaces}{text}").as_bytes())), KMS_OK);
    // What is read of a longer file is no root key, though it looks like one.
    for content in
        [format!("{spaces} {text}"), format!("{text}{spaces} and more"), format!("{text}{spaces} ")]
    {
        refused(place.open_content(content.as_bytes()), KMS_INVALID_ARGUMENT, "options.root_key_uri");
    }
}

#[test]
fn a_file_that_others_can_open_is_refused() {
    let place = Place::new();
    for mode in [0o600, 0o400, 0o700] {
        assert_eq!(status(&place.open_file(&place.file(&ROOT_KEY, mode))), KMS_OK, "mode {mode:o}");
    }
    for mode in [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o660, 0o666, 0o777] {
        let outcome = place.open_file(&place.file(&ROOT_KEY, mode));
        let failure = refused(outcome, KMS_INVALID_ARGUMENT, "options.root_key_uri");
        assert!(failure.message.contains("owner"), "{}", failure.message);
    }
    let strangers = place.file(&ROOT_KEY, 0o600);
    // Only root can give a file away; for others there is none that they own not and can read.
    if chown(&strangers, Some(12345), None).is_ok() {
        refused(place.open_file(&strangers), KMS_INVALID_ARGUMENT, "options.root_key_uri");
    }
}

#[test]
fn a_file_is_a_file() {
    let place = Place::new();
    let real = place.file(&ROOT_KEY, 0o600);
    symlink(&real, place.path("link")).expect("a link");
    assert_eq!(status(&place.open_file(&place.path("link"))), KMS_OK);
    assert_eq!(status(&place.open_uri(&format!("file://{}", real.display()))), KMS_OK, "file:///path");

    std::fs::create_dir(place.path("folder")).expect("a folder");
    symlink(place.path("nothing"), place.path("dangling")).expect("a link");
    let fifo = CString::new(place.path("fifo").as_os_str().as_bytes()).expect("a path");
    // SAFETY: a path.
    assert_eq!(unsafe { libc::mkfifo(fifo.as_ptr(), 0o600) }, 0);
    for name in ["nothing", "dangling", "folder", "fifo", "folder/nothing", "root.key/nothing", "/dev/zero"] {
        let path = place.path(name);
        let store = format!("sqlite:{}", place.path("keys.db").display());
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let uri = format!("file:{}", path.display());
            // The test may have given up waiting.
            let _ = sender.send(Handle::open(&store, Open { uri: Some(&uri), ..Open::default() }));
        });
        let outcome =
            receiver.recv_timeout(Duration::from_secs(60)).unwrap_or_else(|_| panic!("{name} hangs"));
        refused(outcome, KMS_INVALID_ARGUMENT, "options.root_key_uri");
    }
}

const CHILD: &str = "KMS_TEST_ROOT_KEY_STORE";

#[test]
fn a_variable_holds_a_text() {
    if let Ok(store) = std::env::var(CHILD) {
        return read_variables(&store);
    }
    let place = Place::new();
    let (taken, not) = texts();
    let mut child = Command::new(std::env::current_exe().expect("the path of this test"));
    child.args(["a_variable_holds_a_text", "--exact", "--nocapture"]);
    child.env(CHILD, place.path("keys.db"));
    child.envs(taken.iter().enumerate().map(|(number, text)| (format!("KMS_TAKEN_{number}"), text)));
    child.envs(not.iter().enumerate().map(|(number, text)| (format!("KMS_NOT_{number}"), text)));
    // Bytes that are no UTF-8: not a text of anything. (32 raw bytes cannot be a variable: one may be 0.)
    child.env("KMS_NOT_BYTES", std::ffi::OsStr::from_bytes(&[0xff; 32]));
    let output = child.output().expect("to run this test again");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn read_variables(path: &str) {
    let open = |name: &str| {
        let uri = format!("env:{name}");
        Handle::open(&format!("sqlite:{path}"), Open { uri: Some(&uri), ..Open::default() })
    };
    let (mut taken, mut not) = (0, 0);
    for (name, value) in std::env::vars_os() {
        let Some(name) = name.to_str() else { continue };
        if name.starts_with("KMS_TAKEN_") {
            assert_eq!(status(&open(name)), KMS_OK, "{name}: {value:?}");
            taken += 1;
        } else if name.starts_with("KMS_NOT_") {
            refused(open(name), KMS_INVALID_ARGUMENT, "options.root_key_uri");
            not += 1;
        }
    }
    assert!(taken >= 24 && not >= 19, "{taken} and {not} variables");
    let failure = refused(open("KMS_MISSING"), KMS_INVALID_ARGUMENT, "options.root_key_uri");
    assert!(failure.message.contains("KMS_MISSING"), "{}", failure.message);
}

#[test]
fn other_uris_are_refused() {
    let place = Place::new();
    let path = place.file(&ROOT_KEY, 0o600);
    let path = path.display();
    for uri in
        ["", "file", "file:", "env", "env:", "env:A=B", "root.key", "data:,0", "https://example.org/root.key"]
    {
        refused(place.open_uri(uri), KMS_INVALID_ARGUMENT, "options.root_key_uri");
    }
    for uri in [format!("FILE:{path}"), format!(" file:{path}"), format!("file: {path}"), format!("{path}")] {
        refused(place.open_uri(&uri), KMS_INVALID_ARGUMENT, "options.root_key_uri");
    }
    refused(place.open_uri("pkcs11:token=root;object=key"), KMS_UNSUPPORTED, "options.root_key_uri");
}
