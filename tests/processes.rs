//! Many processes, one store: they make it together, see each other's changes in time, and lose none. The workers are
//! this program again, each running the test that started it.

use std::collections::{BTreeMap, BTreeSet};
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
#[path = "support/process.rs"]
mod process;
#[path = "support/store_file.rs"]
mod store_file;

use changes::CHANGES;
use handle::{Handle, Open, Outcome, status};
use keys::NewKey;
use process::{Worker, orders, role, say};
use store_file::{ROOT_KEY, StoreFile};

const PASSPHRASE: &[u8] = b"correct horse battery staple";

fn create(kms: &Handle, id: &str) -> Outcome<()> {
    kms.create(NewKey { id: Some(id), ..NewKey::default() }).map(drop)
}

fn round_trip(kms: &Handle, id: &str) -> Outcome<()> {
    let data_key = kms.data_key(id)?;
    assert_eq!(kms.open_blob(&data_key.ciphertext)?, data_key.plaintext, "a wrong data key");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digits).collect()
}

fn root(passphrase: bool) -> Open<'static> {
    let (root_key, passphrase): (&[u8], &[u8]) =
        if passphrase { (&[], PASSPHRASE) } else { (&ROOT_KEY, &[]) };
    Open { root_key, passphrase, flags: KMS_OPEN_CREATE, ..Open::default() }
}

/// Makes each store that it is told of, together with others, and says the store's id and a data key.
fn make_stores(passphrase: bool) {
    for (number, order) in orders().enumerate() {
        let (worker, uri) = order.split_once(' ').expect("a name and a store");
        let kms = Handle::open(uri, root(passphrase)).unwrap_or_else(|error| panic!("{number}: {error:?}"));
        create(&kms, worker).expect("a key");
        let data_key = kms.data_key(worker).expect("a data key");
        say(&format!("{} {} {}", kms.store_id(), hex(&data_key.plaintext), hex(&data_key.ciphertext)));
    }
}

/// `processes` processes open `stores` stores that are not there, one after the other, all at once.
fn made_at_once(test: &str, processes: usize, stores: usize, passphrase: bool) {
    if role().is_some() {
        return make_stores(passphrase);
    }
    let mut workers: Vec<Worker> = (0..processes).map(|_| Worker::start(test, "make")).collect();
    for _ in 0..stores {
        let file = StoreFile::new();
        for (number, worker) in workers.iter_mut().enumerate() {
            worker.order(&format!("worker-{number} {}", file.uri()));
        }
        let answers: Vec<String> = workers.iter_mut().map(Worker::hear).collect();
        let kms = Handle::open(&file.uri(), root(passphrase)).expect("the store");
        let ids: BTreeSet<&str> = answers.iter().filter_map(|answer| answer.split(' ').next()).collect();
        assert_eq!(ids, BTreeSet::from([kms.store_id().as_str()]), "more than one store was made");
        let names: BTreeSet<String> = (0..processes).map(|number| format!("worker-{number}")).collect();
        let keys: BTreeSet<String> = kms.list_keys().expect("keys").into_iter().map(|key| key.id).collect();
        assert_eq!(keys, names, "not every process's key is there");
        for answer in &answers {
            let [_, plaintext, ciphertext] = answer.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{answer}");
            };
            assert_eq!(kms.open_blob(&unhex(ciphertext)).expect("to open it"), unhex(plaintext));
        }
        assert_eq!(kms.verify().expect("to verify"), [""; 0]);
    }
    workers.into_iter().for_each(|worker| drop(worker.finish()));
}

#[test]
fn sixteen_processes_make_one_store() {
    made_at_once("sixteen_processes_make_one_store", 16, 12, false);
}

#[test]
fn four_processes_make_one_store_with_a_passphrase() {
    made_at_once("four_processes_make_one_store_with_a_passphrase", 4, 2, true);
}

#[test]
fn threads_make_one_store_too() {
    for _ in 0..20 {
        let file = StoreFile::new();
        let go = std::sync::Barrier::new(8);
        let ids: BTreeSet<String> = std::thread::scope(|scope| {
            let make = |number: usize| {
                let (file, go) = (&file, &go);
                scope.spawn(move || {
                    go.wait();
                    let kms = file.create();
                    create(&kms, &format!("thread-{number}")).expect("a key");
                    kms.store_id()
                })
            };
            let threads: Vec<_> = (0..8).map(make).collect();
            threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
        });
        assert_eq!(ids.len(), 1, "more than one store was made");
        assert_eq!(file.open().expect("the store").list_keys().expect("keys").len(), 8);
    }
}

/// Nanoseconds on a clock that all processes share.
#[allow(unsafe_code)]
fn now() -> Duration {
    // SAFETY: a plain struct of integers, and a place for the answer.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        assert_eq!(libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time), 0);
        time
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

const STALENESS: Duration = Duration::from_millis(200);

fn open_stale(uri: &str) -> Handle {
    let how = Open { root_key: &ROOT_KEY, ..Open::default() };
    Handle::open_with(uri, how, |options| options.max_staleness_ms = STALENESS.as_millis() as u32)
        .expect("the store")
}

/// Makes the changes that it is told to, and says when each was done.
fn make_changes() {
    let mut orders = orders();
    let kms = open_stale(&orders.next().expect("a store"));
    for order in orders {
        let number: usize = order.parse().expect("a number");
        (CHANGES[number].make)(&kms, &format!("key-{number}")).expect("a change");
        say(&now().as_nanos().to_string());
    }
}

#[test]
fn a_change_is_seen_by_other_processes_in_time() {
    if role().is_some() {
        return make_changes();
    }
    // The library's clock is the kernel's coarse one, which may be a tick behind.
    const TICK: Duration = Duration::from_millis(10);
    let file = StoreFile::filled(|kms| {
        for (number, change) in CHANGES.iter().enumerate() {
            (change.prepare)(kms, &format!("key-{number}")).expect("to prepare");
        }
    });
    let observer = open_stale(&file.uri());
    let mut worker = Worker::start("a_change_is_seen_by_other_processes_in_time", "change");
    worker.order(&file.uri());
    for (number, change) in CHANGES.iter().enumerate() {
        let id = format!("key-{number}");
        let is_made =
            || (change.is_made)(&observer, &id).unwrap_or_else(|e| panic!("{}: {e:?}", change.name));
        // In use here, and so cached.
        assert!(!is_made(), "{}: before it was made", change.name);
        worker.order(&number.to_string());
        let start = now();
        let mut last_not_seen = start;
        let seen = loop {
            let asked = now();
            if is_made() {
                break asked;
            }
            last_not_seen = asked;
            assert!(asked < start + process::PATIENCE, "{}: never seen", change.name);
        };
        let done = Duration::from_nanos(worker.hear().parse().expect("a time"));
        println!("{}: seen after {:?}", change.name, seen.saturating_sub(done));
        // A call that began later than the bound after the change was done may not have missed it.
        let missed_for = last_not_seen.saturating_sub(done);
        assert!(missed_for <= STALENESS + TICK, "{}: not seen {missed_for:?} later", change.name);
    }
    worker.finish();
}

/// Makes a grant whenever it is told to, and says its id and token; revokes those that it is told of.
fn make_grants() {
    let mut orders = orders();
    let kms = open_stale(&orders.next().expect("a store"));
    for order in orders {
        match order.strip_prefix("revoke ") {
            Some(id) => {
                kms.revoke_grant("orders", id).expect("revoked");
                say("revoked");
            }
            None => {
                let created = kms.create_grant("orders", &order).expect("a grant");
                say(&format!("{} {}", created.id, created.token));
            }
        }
    }
}

#[test]
fn a_token_works_at_once_in_another_process_and_ends_with_its_grant() {
    if role().is_some() {
        return make_grants();
    }
    let file = StoreFile::filled(|kms| create(kms, "orders").expect("a key"));
    // Believes for a minute what it has read.
    let how = Open { root_key: &ROOT_KEY, ..Open::default() };
    let minute = Handle::open_with(&file.uri(), how, |options| options.max_staleness_ms = 60_000);
    let (minute, soon) = (minute.expect("the store"), open_stale(&file.uri()));
    let mut worker =
        Worker::start("a_token_works_at_once_in_another_process_and_ends_with_its_grant", "grants");
    worker.order(&file.uri());
    for number in 0..20 {
        let name = format!("tenant-{number}");
        let tenants = [&minute, &soon].map(|kms| kms.as_principal(&name));
        for tenant in &tenants {
            assert_eq!(status(&tenant.data_key("orders")), KMS_ACCESS_DENIED, "not granted yet");
        }
        worker.order(&name);
        let said = worker.hear();
        let (id, token) = said.split_once(' ').expect("an id and a token");
        let [patient, prompt] = &tenants;
        assert_eq!(status(&patient.data_key("orders")), KMS_ACCESS_DENIED, "not seen yet");
        patient.generate_by("orders", Some(token), None).expect("by its token, at once");
        patient.generate_by("orders", Some(token), None).expect("and again");
        assert_eq!(status(&patient.data_key("orders")), KMS_OK, "seen now");
        let made = now();
        while status(&prompt.data_key("orders")) != KMS_OK {
            assert!(now() < made + process::PATIENCE, "never seen without a token");
        }
        worker.order(&format!("revoke {id}"));
        assert_eq!(worker.hear(), "revoked");
        let revoked = now();
        let ends = |call: &dyn Fn() -> i32, with: i32| loop {
            match call() {
                KMS_OK => assert!(now() < revoked + process::PATIENCE, "never ended"),
                other => break assert_eq!(other, with),
            }
        };
        ends(&|| status(&prompt.data_key("orders")), KMS_ACCESS_DENIED);
        ends(&|| status(&prompt.generate_by("orders", Some(token), None)), KMS_INVALID_GRANT_TOKEN);
    }
    worker.finish();
}

#[test]
fn sixty_four_threads_on_a_cold_key_make_one_load() {
    const THREADS: usize = 64;
    let file = StoreFile::new();
    let writer = file.create();
    writer
        .create(NewKey { id: Some("orders"), alias: Some("alias/orders"), ..NewKey::default() })
        .expect("a key");
    (0..THREADS).for_each(|number| create(&writer, &format!("key-{number}")).expect("a key"));
    let blob = writer.data_key("orders").expect("a data key").ciphertext;
    // Loads of a handle of its own while all threads call at once.
    let loads = |call: &(dyn Fn(&Handle, usize) + Sync)| {
        let kms = file.open().expect("the store");
        let go = std::sync::Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for number in 0..THREADS {
                let (kms, go) = (&kms, &go);
                scope.spawn(move || {
                    go.wait();
                    call(kms, number);
                });
            }
        });
        kms.stats().key_loads
    };
    for _ in 0..20 {
        assert_eq!(loads(&|kms, _| round_trip(kms, "orders").expect("by its id")), 1);
        assert_eq!(loads(&|kms, _| round_trip(kms, "alias/orders").expect("by its alias")), 1);
        assert_eq!(loads(&|kms, _| drop(kms.open_blob(&blob).expect("by a ciphertext"))), 1);
    }
    // The twin: as many keys are as many loads.
    let each = loads(&|kms, number| round_trip(kms, &format!("key-{number}")).expect("by its id"));
    assert_eq!(each, THREADS as u64);
}

#[test]
fn threads_that_change_and_use_see_no_error() {
    let file = StoreFile::new();
    let kms = {
        create(&file.create(), "orders").expect("a key");
        let how = Open { root_key: &ROOT_KEY, ..Open::default() };
        // So short that every call has to ask the store.
        Handle::open_with(&file.uri(), how, |options| options.max_staleness_ms = 1).expect("the store")
    };
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let kms = &kms;
            scope.spawn(move || {
                for number in 0..100 {
                    let id = format!("key-{thread}-{number}");
                    create(kms, &id).unwrap_or_else(|error| panic!("{id}: {error:?}"));
                    for name in [&id, "orders"] {
                        round_trip(kms, name).unwrap_or_else(|error| panic!("{name}: {error:?}"));
                    }
                }
            });
        }
    });
    assert_eq!(kms.list_keys().expect("keys").len(), 801);
}

fn done<T>(what: &str, outcome: Outcome<T>) -> T {
    outcome.unwrap_or_else(|failure| panic!("{what}: {failure:?}"))
}

/// That a worker has not come to a standstill.
const ALIVE: &str = "alive";

/// Works for some time, all kinds of work at once with fifteen others. Says what it has done, for the test
/// to look for: keys of its own, rotations and uses of the one they share, data keys.
fn work_together(seconds: u64) {
    let order = orders().next().expect("an order");
    let (worker, uri) = order.split_once(' ').expect("a name and a store");
    let kms = open_stale(uri);
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut created, mut rotated, mut won, mut uses) = (0, Vec::new(), 0, 0);
    let mut blobs = Vec::new();
    let mut round = 0;
    while Instant::now() < end {
        let own = format!("{worker}-{created}");
        done("create", create(&kms, &own));
        done("use", round_trip(&kms, &own));
        created += 1;
        // Everybody wants this name; one has it.
        match kms.create_alias(&format!("alias/round-{round}"), &own) {
            Ok(()) => won += 1,
            Err(failure) if failure.status == KMS_ALREADY_EXISTS => {}
            Err(failure) => panic!("alias: {failure:?}"),
        }
        round += 1;
        say(ALIVE);
        if round % 8 == 0 {
            rotated.push(done("rotate", kms.rotate("shared")));
        }
        for _ in 0..5 {
            let data_key = done("shared", kms.data_key("shared"));
            uses += 1;
            if blobs.len() < 50 {
                blobs.push(format!("{} {}", hex(&data_key.plaintext), hex(&data_key.ciphertext)));
            }
        }
    }
    drop(kms);
    let rotated: Vec<String> = rotated.iter().map(u32::to_string).collect();
    say(&format!("{created} {won} {uses} {round} {}", rotated.join(",")));
    blobs.iter().for_each(|blob| say(blob));
}

/// Sixteen processes create, rotate and use at once.
fn at_once_for(test: &str, seconds: u64) {
    const PROCESSES: usize = 16;
    if role().is_some() {
        return work_together(seconds);
    }
    let file = StoreFile::new();
    create(&file.create(), "shared").expect("a key");
    let mut workers: Vec<Worker> = (0..PROCESSES).map(|_| Worker::start(test, "work")).collect();
    for (number, worker) in workers.iter_mut().enumerate() {
        worker.order(&format!("worker-{number} {}", file.uri()));
    }
    let (mut keys, mut aliases, mut uses, mut rounds) = (1, 0, 0, 0);
    let (mut numbers, mut blobs) = (Vec::new(), Vec::new());
    for worker in workers {
        let said: Vec<String> = worker.finish().into_iter().filter(|line| line != ALIVE).collect();
        let facts: Vec<&str> = said[0].split(' ').collect();
        let fact = |at: usize| facts[at].parse::<usize>().expect("a number");
        (keys, aliases, uses) = (keys + fact(0), aliases + fact(1), uses + fact(2));
        rounds = rounds.max(fact(3));
        numbers.extend(facts[4].split(',').filter(|n| !n.is_empty()).map(|n| n.parse::<u32>().expect("it")));
        blobs.extend(said[1..].to_vec());
    }
    println!("{keys} keys, {} rotations, {uses} data keys under one key in {seconds} s", numbers.len());
    let kms = file.open().expect("the store");
    assert_eq!(kms.verify().expect("to verify"), [""; 0]);
    assert_eq!(kms.list_keys().expect("keys").len(), keys, "a key was lost");
    assert_eq!(kms.list_aliases().expect("aliases").len(), aliases, "an alias was lost");
    assert_eq!(aliases, rounds, "a name was given twice, or to nobody");
    // Each rotation has a number of its own, and none is left out.
    numbers.sort_unstable();
    let expected: Vec<u32> = (2..2 + numbers.len() as u32).collect();
    assert_eq!(numbers, expected, "version numbers");
    let shared = kms.describe("shared").expect("the key");
    assert_eq!(shared.versions_len as usize, 1 + numbers.len());
    // All handles were closed: the counts are exact.
    assert_eq!(kms.uses("shared").expect("its uses").0 as usize, uses, "uses were lost or counted twice");
    let mut data_keys = BTreeMap::new();
    for blob in &blobs {
        let (plaintext, ciphertext) = blob.split_once(' ').expect("a data key");
        assert_eq!(kms.open_blob(&unhex(ciphertext)).expect("to open it"), unhex(plaintext));
        assert_eq!(data_keys.insert(plaintext, ciphertext), None, "a data key was made twice");
    }
    assert_eq!(status(&kms.data_key("no-such-key")), KMS_NOT_FOUND);
}

#[test]
fn sixteen_processes_work_at_once() {
    at_once_for("sixteen_processes_work_at_once", 5);
}

#[test]
#[ignore = "takes a minute: make test-long"]
fn sixteen_processes_work_at_once_for_a_minute() {
    at_once_for("sixteen_processes_work_at_once_for_a_minute", 60);
}
