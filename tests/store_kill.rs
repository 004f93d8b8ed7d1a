//! A process that works on a store is killed at random instants, again and again: each time the store opens, what was
//! acknowledged is there, every blob that got out opens, and kms_verify finds nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kms::capi::constants::*;

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

use handle::{Handle, Open, Outcome, status};
use keys::NewKey;
use process::{Worker, orders, role, say};
use store_file::{ROOT_KEY, StoreFile};

const MATERIAL: [u8; 32] = *b"material that a caller brings in";

/// What a worker says it has done, one line each; said after it was acknowledged.
#[derive(Clone, Debug, PartialEq)]
enum Done {
    Created(String),
    Aliased(String),
    /// The new version's number.
    Rotated(String, u32),
    Disabled(String),
    Imported(String),
    /// A key, the version's number, plaintext and ciphertext in hex.
    Blob(String, u32, String, String),
}

impl Done {
    fn to_line(&self) -> String {
        match self {
            Done::Created(key) => format!("created {key}"),
            Done::Aliased(key) => format!("aliased {key}"),
            Done::Rotated(key, number) => format!("rotated {key} {number}"),
            Done::Disabled(key) => format!("disabled {key}"),
            Done::Imported(key) => format!("imported {key}"),
            Done::Blob(key, number, plaintext, ciphertext) => {
                format!("blob {key} {number} {plaintext} {ciphertext}.")
            }
        }
    }

    /// None for a line that was cut.
    fn from_line(line: &str) -> Option<Done> {
        let words: Vec<&str> = line.split(' ').collect();
        Some(match words[..] {
            ["created", key] => Done::Created(key.into()),
            ["aliased", key] => Done::Aliased(key.into()),
            ["rotated", key, number] => Done::Rotated(key.into(), number.parse().ok()?),
            ["disabled", key] => Done::Disabled(key.into()),
            ["imported", key] => Done::Imported(key.into()),
            ["blob", key, number, plaintext, ciphertext] => {
                let ciphertext = ciphertext.strip_suffix('.')?;
                Done::Blob(key.into(), number.parse().ok()?, plaintext.into(), ciphertext.into())
            }
            _ => return None,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

fn done<T>(outcome: Outcome<T>, said: Option<Done>) -> T {
    let value = outcome.unwrap_or_else(|failure| panic!("{said:?}: {failure:?}"));
    if let Some(said) = said {
        say(&said.to_line());
    }
    value
}

fn blob(kms: &Handle, key: &str) {
    let data_key = done(kms.data_key(key), None);
    let number = u32::from_be_bytes(data_key.ciphertext[20..24].try_into().expect("four bytes"));
    say(&Done::Blob(key.into(), number, hex(&data_key.plaintext), hex(&data_key.ciphertext)).to_line());
}

/// Makes changes until it is killed. Orders: a store, and what its keys are called.
fn work() {
    let order = orders().next().expect("an order");
    let (uri, name) = order.split_once(' ').expect("a store and a name");
    say("ready");
    for number in 0.. {
        // Opened anew now and then: a death while the write-ahead log is being moved is one, too.
        let kms = done(Handle::open(uri, Open { root_key: &ROOT_KEY, ..Open::default() }), None);
        for part in 0..4 {
            let key = format!("{name}-{number}-{part}");
            done(kms.create_key(&key), Some(Done::Created(key.clone())));
            blob(&kms, &key);
            done(kms.create_alias(&format!("alias/{key}"), &key), Some(Done::Aliased(key.clone())));
            let number = done(kms.rotate(&key), None);
            say(&Done::Rotated(key.clone(), number).to_line());
            blob(&kms, &key);
            let number = done(kms.rotate("shared"), None);
            say(&Done::Rotated("shared".into(), number).to_line());
            blob(&kms, "shared");
            let external = format!("{key}-imported");
            done(kms.create_external(&external), None);
            done(kms.import(&external, &MATERIAL), Some(Done::Imported(external.clone())));
            blob(&kms, &external);
            let disabled = format!("{key}-disabled");
            done(kms.create_key(&disabled), None);
            done(kms.disable(&disabled), Some(Done::Disabled(disabled)));
            done(kms.flush(), None);
        }
    }
}

fn check(kms: &Handle, all: &[Done]) {
    let mut versions: BTreeMap<&str, u32> = BTreeMap::new();
    for said in all {
        match said {
            Done::Created(key) => assert_eq!(kms.describe(key).expect("a key").id, *key),
            Done::Aliased(key) => {
                let described = kms.describe(&format!("alias/{key}"));
                assert_eq!(described.expect("an alias").id, *key);
            }
            Done::Rotated(key, number) => {
                let last = versions.insert(key, *number).unwrap_or(1);
                assert!(*number > last, "{key}: version {number} after {last}");
            }
            Done::Disabled(key) => assert_eq!(status(&kms.data_key(key)), KMS_DISABLED, "{key}"),
            Done::Imported(key) => drop(kms.data_key(key).expect("imported material")),
            Done::Blob(key, number, plaintext, ciphertext) => {
                let opened = kms.open_blob(&unhex(ciphertext));
                assert_eq!(opened.as_ref(), Ok(&unhex(plaintext)), "version {number} of {key}");
            }
        }
    }
    for (key, number) in versions {
        assert!(
            kms.describe(key).expect("a key").versions_len >= number,
            "version {number} of {key} is lost"
        );
    }
}

/// Up to so many milliseconds after it is ready: from the first open to some rounds later.
const LONGEST: u64 = 40;

fn killed(test: &str, kills: u32) {
    if role().is_some() {
        return work();
    }
    /// A store that only grows would be checked for longer and longer.
    const KILLS_PER_STORE: u32 = 25;
    let start = Instant::now();
    let (mut file, mut all, mut total) = (StoreFile::new(), Vec::new(), 0);
    for kill in 0..kills {
        if kill % KILLS_PER_STORE == 0 {
            file = StoreFile::filled(|kms| {
                kms.create(NewKey { id: Some("shared"), ..NewKey::default() }).map(drop).expect("a key");
            });
            all.clear();
        }
        let mut worker = Worker::start(test, "work");
        worker.order(&format!("{} life-{kill}", file.uri()));
        assert_eq!(worker.hear(), "ready");
        let random = kms::platform::random_u64().unwrap_or(u64::from(kill) * 7919);
        // The one wait that is meant: the instant of the kill is what is random.
        std::thread::sleep(Duration::from_micros(random % (LONGEST * 1000)));
        let said: Vec<Done> = worker.kill().iter().filter_map(|line| Done::from_line(line)).collect();
        total += said.len();
        all.extend(said);
        let kms = file.open().unwrap_or_else(|failure| panic!("after kill {kill}: {failure:?}"));
        check(&kms, &all);
        assert_eq!(kms.verify().expect("to verify"), [""; 0], "after kill {kill}");
    }
    println!("{kills} kills, {total} acknowledged changes and blobs, none lost: {:?}", start.elapsed());
    assert!(total > kills as usize, "the workers were killed before they did anything: {total}");
}

#[test]
fn a_process_that_is_killed_loses_nothing() {
    killed("a_process_that_is_killed_loses_nothing", 100);
}

#[test]
#[ignore = "takes minutes: make test-long"]
fn a_process_that_is_killed_a_thousand_times_loses_nothing() {
    killed("a_process_that_is_killed_a_thousand_times_loses_nothing", 1000);
}

/// The twin: what was acknowledged and is not there is noticed.
#[test]
fn a_loss_would_be_noticed() {
    let file = StoreFile::filled(|kms| kms.create_key("here").expect("a key"));
    let kms = file.open().expect("the store");
    let data_key = kms.data_key("here").expect("a data key");
    let blob = |plaintext: &[u8]| Done::Blob("here".into(), 1, hex(plaintext), hex(&data_key.ciphertext));
    check(&kms, &[Done::Created("here".into()), blob(&data_key.plaintext)]);
    let here = || "here".to_string();
    for lost in [
        Done::Created("gone".into()),
        Done::Aliased(here()),
        Done::Rotated(here(), 2),
        Done::Disabled(here()),
        Done::Imported("gone".into()),
        blob(&[0; 32]),
    ] {
        assert_eq!(Done::from_line(&lost.to_line()), Some(lost.clone()));
        let noticed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&kms, std::slice::from_ref(&lost))
        }));
        assert!(noticed.is_err(), "{lost:?}");
    }
}
