//! fork(): a child goes on with its parent's handles at once, and repeats nothing that its parent or a sibling makes.

use std::collections::HashSet;
use std::time::Instant;

#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/process.rs"]
mod process;
#[path = "support/store_file.rs"]
mod store_file;

use handle::{DataKey, Handle};
use keys::NewKey;
use process::{Birth, Child, PATIENCE, alone};
use store_file::StoreFile;

/// What no two data keys may have in common. N1 may be shared by the data keys of one process.
#[derive(Default)]
struct Unique {
    plaintexts: HashSet<Vec<u8>>,
    ivs: HashSet<Vec<u8>>,
    n1s: HashSet<Vec<u8>>,
}

impl Unique {
    /// Adds the data keys of one process; false if another one, or itself, has made one of them before.
    fn add(&mut self, process: &[DataKey]) -> bool {
        let n1s: HashSet<Vec<u8>> = process.iter().map(|key| key.ciphertext[56..68].to_vec()).collect();
        let new_n1s = n1s.into_iter().all(|n1| self.n1s.insert(n1));
        let new_keys = process.iter().all(|key| {
            assert_eq!(key.iv, key.ciphertext[68..80]);
            self.plaintexts.insert(key.plaintext.clone()) && self.ivs.insert(key.iv.clone())
        });
        new_n1s && new_keys
    }
}

/// A data key as a child sends it.
const RECORD: usize = 32 + 128 + 12;

fn send(keys: &[DataKey]) -> Vec<u8> {
    keys.iter().flat_map(|key| [&key.plaintext[..], &key.ciphertext, &key.iv].concat()).collect()
}

fn receive(bytes: &[u8]) -> Vec<DataKey> {
    assert!(!bytes.is_empty() && bytes.len().is_multiple_of(RECORD), "{} bytes of data keys", bytes.len());
    let key = |record: &[u8]| DataKey {
        plaintext: record[..32].to_vec(),
        ciphertext: record[32..160].to_vec(),
        iv: record[160..].to_vec(),
    };
    bytes.chunks(RECORD).map(key).collect()
}

fn generate(kms: &Handle, count: usize) -> Vec<DataKey> {
    (0..count).map(|_| kms.data_key("orders").expect("a data key")).collect()
}

/// Forks `children`, `at_once` living at the same time, and checks that what they and this process make is unique and
/// opens.
fn forks(kms: &Handle, birth: Birth, children: usize, at_once: usize) {
    let start = Instant::now();
    let mut unique = Unique::default();
    let mut own = generate(kms, 3);
    for _ in 0..children / at_once {
        // The generator's buffer and the batch of this process are in use when it forks.
        own.extend(generate(kms, 1));
        let living: Vec<Child> =
            (0..at_once).map(|_| Child::start(birth, || send(&generate(kms, 2)))).collect();
        own.extend(generate(kms, 2));
        for child in living {
            let keys = receive(&child.answer());
            for key in &keys {
                assert_eq!(kms.open_blob(&key.ciphertext).expect("to open it"), key.plaintext);
            }
            assert!(unique.add(&keys), "a child repeated something");
        }
    }
    assert!(unique.add(&own), "a child repeated something of its parent");
    println!("{children} children by {birth:?} in {:?}", start.elapsed());
}

fn with_orders(kms: Handle) -> Handle {
    kms.create(NewKey { id: Some("orders"), ..NewKey::default() }).expect("a key");
    kms
}

#[test]
fn ten_thousand_children_repeat_nothing() {
    let _alone = alone();
    let file = StoreFile::new();
    let kms = with_orders(file.create());
    forks(&kms, Birth::Fork, 10_000, 25);
    kms.create(NewKey::default()).expect("the parent goes on");
}

#[test]
fn children_of_a_store_in_memory_repeat_nothing() {
    let _alone = alone();
    let kms = with_orders(Handle::memory());
    forks(&kms, Birth::Fork, 1_000, 25);
    kms.create(NewKey::default()).expect("the parent goes on");
}

#[test]
fn raw_clones_repeat_nothing() {
    let _alone = alone();
    let file = StoreFile::new();
    for kms in [with_orders(file.create()), with_orders(Handle::memory())] {
        // A process that has one thread only: past the C library's fork, nobody frees its allocator's locks.
        let single = Child::fork(|| {
            generate(&kms, 1);
            forks(&kms, Birth::RawClone, 500, 10);
            b"done".to_vec()
        });
        assert_eq!(single.answer(), b"done");
        // A child that meets the handle in a clone for the first time.
        let fresh = Child::fork(|| Child::start(Birth::RawClone, || send(&generate(&kms, 2))).answer());
        receive(&fresh.answer());
        generate(&kms, 1);
    }
}

#[test]
fn a_repetition_is_noticed() {
    let kms = with_orders(Handle::memory());
    let made = generate(&kms, 1);
    let mut unique = Unique::default();
    assert!(unique.add(&made));
    // The same data key; another one with the same IV; one with another IV of the same batch, in another process.
    assert!(!unique.add(&made));
    let changed = |at: usize| {
        let mut key = made[0].clone();
        key.plaintext[0] ^= 1;
        key.ciphertext[at] ^= 1;
        key.iv = key.ciphertext[68..80].to_vec();
        key
    };
    const N1: usize = 56;
    const IV: usize = 68;
    assert!(!unique.add(&[changed(N1)]), "the same IV");
    assert!(!unique.add(&[changed(IV)]), "the same N1");
}

#[test]
fn grandchildren_work_and_repeat_nothing() {
    let _alone = alone();
    /// Data keys of this process and of all its descendants, each generation forking while it is at work.
    fn descend(kms: &Handle, generations: usize) -> Vec<DataKey> {
        let mut keys = generate(kms, 1);
        kms.create(NewKey::default()).expect("a key");
        if generations > 0 {
            let children: Vec<Child> =
                (0..2).map(|_| Child::fork(|| send(&descend(kms, generations - 1)))).collect();
            children.into_iter().for_each(|child| keys.extend(receive(&child.answer())));
        }
        keys
    }
    let file = StoreFile::new();
    let kms = with_orders(file.create());
    let keys = descend(&kms, 5);
    let mut unique = Unique::default();
    assert_eq!(keys.len(), 63);
    // Each process made one.
    assert!(keys.chunks(1).all(|process| unique.add(process)));
    drop(kms);
    let kms = file.open().expect("the store is whole");
    assert_eq!(kms.list_keys().expect("keys").len(), 64);
    keys.iter()
        .for_each(|key| assert_eq!(kms.open_blob(&key.ciphertext).expect("to open it"), key.plaintext));
}

#[test]
fn a_child_that_hangs_or_fails_is_noticed() {
    let _alone = alone();
    let (_kept, mut never) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    let hangs = Child::fork(|| {
        let _ = std::io::Read::read(&mut never, &mut [0]);
        Vec::new()
    });
    let failure = hangs.answer_within(std::time::Duration::from_millis(100)).expect_err("it hangs");
    assert!(failure.starts_with("a child hangs"), "{failure}");
    let panics = Child::fork(|| panic!("what it says"));
    assert_eq!(panics.answer_within(PATIENCE), Err("a child failed: what it says".into()));
}
