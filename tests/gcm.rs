//! AES-256-GCM, as `crypto::gcm` opens and seals it, against Project Wycheproof's vectors: every case with a 256-bit
//! key, a 96-bit IV and a 128-bit tag, the only ones that the library uses.

use kms::crypto::gcm::{Gcm, IV_SIZE, TAG_SIZE};
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

struct Parts {
    gcm: Gcm,
    iv: [u8; IV_SIZE],
    tag: [u8; TAG_SIZE],
}

fn parts(case: &Case) -> Parts {
    Parts {
        gcm: Gcm::new(case.key.as_slice().try_into().expect("a 256-bit key")),
        iv: case.iv.as_slice().try_into().expect("a 96-bit IV"),
        tag: case.tag.as_slice().try_into().expect("a 128-bit tag"),
    }
}

/// What opening gives; refused, it leaves the output alone, and verify() says the same.
fn open(case: &Case) -> Option<Vec<u8>> {
    let Parts { gcm, iv, tag } = parts(case);
    let mut out = vec![0xa5; case.ciphertext.len()];
    let opened = gcm.open(&iv, &case.aad, &case.ciphertext, &tag, &mut out).is_ok();
    assert_eq!(gcm.verify(&iv, &case.aad, &case.ciphertext, &tag).is_ok(), opened, "case {}", case.id);
    if !opened {
        assert!(out.iter().all(|byte| *byte == 0xa5), "case {}: the output was touched", case.id);
    }
    opened.then_some(out)
}

fn seal(case: &Case) -> Vec<u8> {
    let Parts { gcm, iv, .. } = parts(case);
    let mut out = vec![0; case.plaintext.len() + TAG_SIZE];
    gcm.seal(&iv, &case.aad, &case.plaintext, &mut out).expect("to seal");
    out
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
