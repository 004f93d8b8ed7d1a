//! Files that a disk or a copy has damaged: cut, with pages of zeros, with flipped bits, in the store's file and in its
//! write-ahead log. A clear status, never a crash, a hang or a wrong answer; and what opens, works.

use std::collections::BTreeMap;

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

use handle::status;
use keys::NewKey;
use process::{Child, alone};
use store_file::{Known, StoreFile};

/// A store of some pages, in its one file.
fn example() -> (StoreFile, Known) {
    let mut known = None;
    let file = StoreFile::filled(|kms| {
        for number in 0..12 {
            let (id, alias) = (format!("key-{number}"), format!("alias/{number}"));
            let description = Some("some text, for a row that is longer than the others");
            kms.create(NewKey { id: Some(&id), alias: Some(&alias), description }).expect("a key");
        }
        kms.rotate("key-3").expect("a version");
        known = Some(Known::of(kms));
    });
    (file, known.expect("filled"))
}

/// A damaged copy: what was done, the file, and its write-ahead log.
struct Image {
    what: String,
    file: Vec<u8>,
    wal: Option<Vec<u8>>,
}

/// What a call on a damaged store may answer, beside what is right.
const REFUSALS: [i32; 2] = [KMS_CORRUPT_STORE, KMS_STORE_ERROR];

/// Opens and uses damaged copies, in a process of its own, which must not die or hang. Gives how often each status of
/// kms_open was.
fn statuses(known: &Known, images: &[Image], may_be_older: bool) -> BTreeMap<i32, usize> {
    let mut counts = BTreeMap::new();
    for images in images.chunks(64) {
        let child = Child::fork(|| {
            let place = StoreFile::new();
            let opened = |image: &Image| {
                place.replace(&image.file);
                if let Some(wal) = &image.wal {
                    std::fs::write(place.beside("-wal"), wal).expect("the log");
                }
                use_damaged(&place, known, &image.what, may_be_older)
            };
            images.iter().flat_map(|image| opened(image).to_be_bytes()).collect()
        });
        for bytes in child.answer().chunks_exact(4) {
            *counts.entry(i32::from_be_bytes(bytes.try_into().expect("4 bytes"))).or_default() += 1;
        }
    }
    counts
}

fn use_damaged(place: &StoreFile, known: &Known, what: &str, may_be_older: bool) -> i32 {
    let kms = match place.open() {
        Ok(kms) => kms,
        Err(failure) => return failure.status,
    };
    let check_calls = |kms: &handle::Handle, may_lack: bool| {
        for (name, outcome) in known.calls(kms) {
            match status(&outcome) {
                KMS_OK => {}
                KMS_NOT_FOUND if may_lack => {}
                other => assert!(REFUSALS.contains(&other), "{what}: {name}: {outcome:?}"),
            }
        }
    };
    check_calls(&kms, may_be_older);
    let damages = kms.verify().unwrap_or_else(|failure| {
        assert!(REFUSALS.contains(&failure.status), "{what}: {failure:?}");
        vec![failure.message]
    });
    // A change goes well, or it does not; what was there is not made worse by it.
    let created = status(&kms.create(NewKey::default()));
    assert!(created == KMS_OK || REFUSALS.contains(&created), "{what}: create {created}");
    drop(kms);
    match place.open() {
        Ok(kms) => {
            check_calls(&kms, may_be_older);
            assert!(created != KMS_OK || !damages.is_empty() || kms.verify() == Ok(Vec::new()), "{what}");
        }
        Err(failure) => assert!(REFUSALS.contains(&failure.status), "{what}: {failure:?}"),
    }
    KMS_OK
}

/// Numbers that look random, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % bound
    }
}

fn page_size(file: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([file[16], file[17]]))
}

/// Opened stores are no more than harmless damages explain; and damages are seen at all.
fn check(counts: &BTreeMap<i32, usize>, allowed: &[i32], what: &str) {
    println!("{what}: {counts:?}");
    assert!(counts.keys().all(|status| allowed.contains(status)), "{what}: {counts:?}");
    assert!(counts.get(&KMS_CORRUPT_STORE).is_some_and(|count| *count > 0), "{what}: {counts:?}");
}

#[test]
fn untouched_copies_open() {
    let _alone = alone();
    let (file, known) = example();
    let image = || Image { what: "nothing".into(), file: file.bytes(), wal: None };
    assert_eq!(statuses(&known, &[image(), image()], false), BTreeMap::from([(KMS_OK, 2)]));
}

#[test]
fn cut_files_are_refused() {
    let _alone = alone();
    let (file, known) = example();
    let whole = file.bytes();
    let lengths = (2..whole.len()).step_by(509).chain((1..whole.len() / 512).map(|at| at * 512));
    let cut = |len: usize| Image { what: format!("cut to {len}"), file: whole[..len].to_vec(), wal: None };
    let images: Vec<Image> = lengths.map(cut).collect();
    check(&statuses(&known, &images, false), &REFUSALS, "cut files");
    // Longer than it says: what was appended is not looked at.
    let longer = [&whole[..], &[0x55; 5000]].concat();
    let images = [Image { what: "longer".into(), file: longer, wal: None }];
    assert_eq!(statuses(&known, &images, false), BTreeMap::from([(KMS_OK, 1)]));
}

#[test]
fn pages_of_zeros_and_of_noise_are_refused() {
    let _alone = alone();
    let (file, known) = example();
    let whole = file.bytes();
    let size = page_size(&whole);
    let pages = whole.len() / size;
    assert!(pages >= 5, "{pages} pages");
    let mut numbers = Numbers(1);
    let mut images = Vec::new();
    for page in 0..pages {
        let mut put = |what: &str, content: &[u8]| {
            let mut damaged = whole.clone();
            damaged[page * size..][..size].copy_from_slice(content);
            if damaged != whole {
                images.push(Image { what: format!("page {page} {what}"), file: damaged, wal: None });
            }
        };
        put("of zeros", &vec![0; size]);
        put("of ones", &vec![0xff; size]);
        put("of noise", &(0..size).map(|_| numbers.below(256) as u8).collect::<Vec<_>>());
        for other in 0..pages {
            put(&format!("as page {other}"), &whole[other * size..][..size]);
        }
    }
    // The pages of the index by revision are not needed to read, and a change or a verification sees what they lack.
    let allowed = [KMS_OK, KMS_CORRUPT_STORE, KMS_STORE_ERROR, KMS_NOT_FOUND];
    let counts = statuses(&known, &images, false);
    check(&counts, &allowed, "damaged pages");
    assert!(counts.get(&KMS_OK).copied().unwrap_or(0) * 4 < images.len(), "{counts:?} of {}", images.len());
}

#[test]
fn flipped_bits_give_no_wrong_answer() {
    let _alone = alone();
    let (file, known) = example();
    let whole = file.bytes();
    let mut numbers = Numbers(2);
    let flip = |_| {
        let (mut damaged, mut what) = (whole.clone(), "flipped".to_string());
        for _ in 0..1 + numbers.below(3) {
            let (at, bit) = (numbers.below(whole.len()), numbers.below(8));
            damaged[at] ^= 1 << bit;
            what += &format!(" {at}.{bit}");
        }
        Image { what, file: damaged, wal: None }
    };
    let images: Vec<Image> = (0..1_500).map(flip).collect();
    check(&statuses(&known, &images, false), &FLIPPED, "flipped bits");
}

#[test]
#[ignore = "takes minutes: make test-long"]
fn no_flipped_byte_of_the_file_gives_a_wrong_answer() {
    let _alone = alone();
    let (file, known) = example();
    let whole = file.bytes();
    let flip = |at: usize| {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        Image { what: format!("flipped {at}"), file: damaged, wal: None }
    };
    for first in (0..whole.len()).step_by(4096) {
        let images: Vec<Image> = (first..whole.len().min(first + 4096)).map(flip).collect();
        let counts = statuses(&known, &images, false);
        println!("from {first}: {counts:?}");
        assert!(counts.keys().all(|status| FLIPPED.contains(status)), "{counts:?}");
    }
}

/// What a flipped bit may give: it may be in a place that is not in use, or in the number of the schema version.
const FLIPPED: [i32; 4] = [KMS_OK, KMS_CORRUPT_STORE, KMS_STORE_ERROR, KMS_UNSUPPORTED];

#[test]
fn a_damaged_log_gives_an_older_store_or_none() {
    let _alone = alone();
    let (file, known) = example();
    // As after a crash: the last changes are in the log only.
    let kms = file.open().expect("the store");
    for number in 20..24 {
        kms.create(NewKey { id: Some(&format!("key-{number}")), ..NewKey::default() }).expect("a key");
    }
    let with_log = Known::of(&kms);
    let (base, log) =
        (std::fs::read(file.path()).expect("it"), std::fs::read(file.beside("-wal")).expect("it"));
    drop(kms);
    let image = |what: String, log: Vec<u8>| Image { what, file: base.clone(), wal: Some(log) };
    // The twin: the log as it was has everything.
    let crashed = [image("nothing".into(), log.clone())];
    assert_eq!(statuses(&with_log, &crashed, false), BTreeMap::from([(KMS_OK, 1)]));

    let mut numbers = Numbers(3);
    let mut images: Vec<Image> = (0..log.len())
        .step_by(997)
        .map(|len| image(format!("log cut to {len}"), log[..len].to_vec()))
        .collect();
    for _ in 0..300 {
        let (mut damaged, at) = (log.clone(), numbers.below(log.len()));
        damaged[at] ^= 1 << numbers.below(8);
        images.push(image(format!("flipped {at} of the log"), damaged));
    }
    images.push(image("a log of zeros".into(), vec![0; log.len()]));
    // SQLite leaves out what comes after the damage: the changes before it are there, whole.
    let counts = statuses(&with_log, &images, true);
    println!("damaged logs: {counts:?}");
    assert_eq!(counts, BTreeMap::from([(KMS_OK, images.len())]));
    // And never less than what had left the log.
    assert!(statuses(&known, &images, false).keys().all(|status| *status == KMS_OK));
}
