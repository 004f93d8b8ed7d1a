//! AES-256-GCM, as `crypto::gcm` opens and seals it, against Project Wycheproof's vectors: every case with a 256-bit
//! key, a 96-bit IV and a 128-bit tag, the only ones that the library uses; and against the `aes-gcm` crate over every
//! length of a usual message. Each both as the processor does it and as the portable composition does.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use kms::crypto::gcm::{Gcm, IV_SIZE, TAG_SIZE};
use kms::crypto::uuid::fill_from_kernel;
use wycheproof::TestResult;
use wycheproof::aead::{Test, TestName, TestSet};

#[derive(Clone)]
struct Case {
    id: usize,
    result: TestResult,
    key: Vec<u8>,
    iv: Vec<u8>,
    aad: Vec<u8>,
    plaintext: Vec<u8>,
    ciphertext: Vec<u8>,
    tag: Vec<u8>,
}

impl From<Test> for Case {
    fn from(test: Test) -> Self {
        Case {
            id: test.tc_id,
            result: test.result,
            key: test.key.to_vec(),
            iv: test.nonce.to_vec(),
            aad: test.aad.to_vec(),
            plaintext: test.pt.to_vec(),
            ciphertext: test.ct.to_vec(),
            tag: test.tag.to_vec(),
        }
    }
}

/// The cases of the sizes that the library uses.
fn cases() -> Vec<Case> {
    let set = TestSet::load(TestName::AesGcm).expect("the vectors");
    let groups = set.test_groups.into_iter();
    groups
        .filter(|group| (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128))
        .flat_map(|group| group.tests)
        .map(Case::from)
        .collect()
}

/// How a key is expanded: for what the processor has, and for one that has nothing.
const EXPANSIONS: [fn(&[u8; 32]) -> Gcm; 2] = [Gcm::new, Gcm::portable];

struct Parts {
    gcm: [Gcm; 2],
    iv: [u8; IV_SIZE],
    tag: [u8; TAG_SIZE],
}

fn parts(case: &Case) -> Parts {
    Parts {
        gcm: EXPANSIONS.map(|expand| expand(case.key.as_slice().try_into().expect("a 256-bit key"))),
        iv: case.iv.as_slice().try_into().expect("a 96-bit IV"),
        tag: case.tag.as_slice().try_into().expect("a 128-bit tag"),
    }
}

/// What opening gives; refused, it leaves the output alone, and verify() says the same.
fn open(case: &Case) -> Option<Vec<u8>> {
    let Parts { gcm, iv, tag } = parts(case);
    let [native, portable] = gcm.map(|gcm| {
        let mut out = vec![0xa5; case.ciphertext.len()];
        let opened = gcm.open(&iv, &case.aad, &case.ciphertext, &tag, &mut out).is_ok();
        assert_eq!(gcm.verify(&iv, &case.aad, &case.ciphertext, &tag).is_ok(), opened, "case {}", case.id);
        if !opened {
            assert!(out.iter().all(|byte| *byte == 0xa5), "case {}: the output was touched", case.id);
        }
        opened.then_some(out)
    });
    assert_eq!(native, portable, "case {}", case.id);
    native
}

fn seal(case: &Case) -> Vec<u8> {
    let Parts { gcm, iv, .. } = parts(case);
    let [native, portable] = gcm.map(|gcm| {
        let mut out = vec![0; case.plaintext.len() + TAG_SIZE];
        gcm.seal(&iv, &case.aad, &case.plaintext, &mut out).expect("to seal");
        out
    });
    assert_eq!(native, portable, "case {}", case.id);
    native
}

#[test]
fn valid_cases_open_and_invalid_ones_do_not() {
    let (mut valid, mut invalid) = (0, 0);
    for case in cases() {
        match case.result {
            TestResult::Valid => {
                valid += 1;
                assert_eq!(open(&case).as_deref(), Some(case.plaintext.as_slice()), "case {}", case.id);
                assert_eq!(seal(&case), [case.ciphertext.as_slice(), &case.tag].concat(), "case {}", case.id);
            }
            TestResult::Invalid => {
                invalid += 1;
                assert_eq!(open(&case), None, "case {}", case.id);
            }
            TestResult::Acceptable => panic!("case {}: there is nothing in between for AES-GCM", case.id),
        }
    }
    assert_eq!((valid, invalid), (39, 27), "the vectors of wycheproof 0.7 have others");
}

#[test]
fn a_valid_case_with_any_part_changed_does_not_open() {
    let mut changed = 0;
    for case in cases().into_iter().filter(|case| case.result == TestResult::Valid) {
        for part in 0..5 {
            let mut altered = case.clone();
            let parts = [
                &mut altered.key,
                &mut altered.iv,
                &mut altered.aad,
                &mut altered.ciphertext,
                &mut altered.tag,
            ];
            let Some(last) = parts[part].last_mut() else { continue };
            *last ^= 0x80;
            assert_eq!(open(&altered), None, "case {}, part {part}", case.id);
            changed += 1;
        }
    }
    assert!(changed > 0);
}

/// One message, sealed and opened by `expand`'s Gcm and by the `aes-gcm` crate; and not opened with any one bit changed.
fn compare(expand: fn(&[u8; 32]) -> Gcm, len: usize, aad_len: usize, bit: usize) {
    let mut random = vec![0; 32 + IV_SIZE + aad_len + len];
    fill_from_kernel(&mut random).expect("random bytes");
    let (key, rest) = random.split_first_chunk::<32>().expect("a key");
    let (iv, rest) = rest.split_first_chunk::<IV_SIZE>().expect("an IV");
    let (aad, plaintext) = rest.split_at(aad_len);

    let gcm = expand(key);
    let mut sealed = vec![0; len + TAG_SIZE];
    gcm.seal(iv, aad, plaintext, &mut sealed).expect("to seal");
    let reference = Aes256Gcm::new(key.into());
    let expected = reference.encrypt(iv.into(), Payload { msg: plaintext, aad }).expect("to seal");
    assert_eq!(sealed, expected, "{len} bytes with {aad_len} of AAD");

    let (ciphertext, tag) = sealed.split_last_chunk::<TAG_SIZE>().expect("a tag");
    let mut opened = vec![0; len];
    gcm.open(iv, aad, ciphertext, tag, &mut opened).expect("to open");
    assert_eq!(opened, plaintext, "{len} bytes with {aad_len} of AAD");

    let mut changed = [aad, &sealed].concat();
    let bit = bit % (changed.len() * 8);
    changed[bit / 8] ^= 1 << (bit % 8);
    let (aad, sealed) = changed.split_at(aad_len);
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG_SIZE>().expect("a tag");
    let mut untouched = vec![0xa5; len];
    assert!(gcm.open(iv, aad, ciphertext, tag, &mut untouched).is_err(), "bit {bit} of {len} bytes");
    assert!(untouched.iter().all(|byte| *byte == 0xa5), "the output was touched");
}

/// Lengths on both sides of every block, of what is hashed in one go, and of what one piece of keystream covers.
#[test]
fn what_it_seals_is_what_aes_gcm_seals() {
    for expand in EXPANSIONS {
        for (round, len) in (0..=3000).chain([4095, 4096, 4097, 65535, 65536]).enumerate() {
            for aad_len in [0, 1, 16, 121, len % 257] {
                compare(expand, len, aad_len, round * 31 + aad_len * 7);
            }
        }
    }
}

#[test]
fn every_length_of_aad_counts() {
    for expand in EXPANSIONS {
        for aad_len in (0..=1200).chain([8192 + 57, 32768 + 4096]) {
            for len in [0, 16, 32, 33, aad_len % 150] {
                compare(expand, len, aad_len, aad_len * 13 + len);
            }
        }
    }
}

#[test]
fn an_output_of_the_wrong_length_is_refused() {
    let gcm = Gcm::new(&[1; 32]);
    for wrong in [0, 15, 16 + 31, 16 + 33] {
        assert!(gcm.seal(&[0; IV_SIZE], b"", &[0; 32], &mut vec![0; wrong]).is_err());
    }
    let mut sealed = [0; 32 + TAG_SIZE];
    gcm.seal(&[0; IV_SIZE], b"", &[0; 32], &mut sealed).expect("to seal");
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG_SIZE>().expect("a tag");
    for wrong in [0, 31, 33] {
        assert!(gcm.open(&[0; IV_SIZE], b"", ciphertext, tag, &mut vec![0; wrong]).is_err());
    }
}
