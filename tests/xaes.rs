//! XAES-256-GCM against the vectors of its specification (C2SP).

use kms::crypto::gcm::{Gcm, TAG_SIZE};
use kms::crypto::xaes::{self, N1_SIZE, NONCE_SIZE};
use serde_json::Value;
use sha3::Shake128;
use sha3::digest::{ExtendableOutput, Update, XofReader};

const VECTORS: &str = include_str!("vectors/xaes_256_gcm.json");

fn vectors() -> Value {
    serde_json::from_str(VECTORS).expect("JSON")
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an odd number of hex digits");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

struct Case {
    key: [u8; 32],
    nonce: [u8; NONCE_SIZE],
    derived_key: [u8; 32],
    plaintext: Vec<u8>,
    aad: Vec<u8>,
    ciphertext: Vec<u8>,
}

fn cases() -> Vec<Case> {
    let vectors = vectors();
    let cases = vectors["cases"].as_array().expect("cases");
    let field = |case: &Value, name: &str| unhex(case[name].as_str().expect("a string"));
    let case = |case| Case {
        key: field(case, "key").try_into().expect("32 bytes"),
        nonce: field(case, "nonce").try_into().expect("24 bytes"),
        derived_key: field(case, "derived_key").try_into().expect("32 bytes"),
        plaintext: field(case, "plaintext"),
        aad: field(case, "aad"),
        ciphertext: field(case, "ciphertext"),
    };
    cases.iter().map(case).collect()
}

/// Seals as the vector says, through the derived key, and opens again. What differs, if anything does.
fn check(case: &Case) -> Result<(), &'static str> {
    let mut sealed = vec![0; case.plaintext.len() + TAG_SIZE];
    xaes::seal(&case.key, &case.nonce, &case.aad, &case.plaintext, &mut sealed)
        .map_err(|_| "sealing failed")?;
    if sealed != case.ciphertext {
        return Err("ciphertext");
    }
    // The subkey is never visible; it is the vector's if AES-256-GCM under the vector's gives the same.
    let iv = case.nonce[N1_SIZE..].try_into().map_err(|_| "iv")?;
    let mut by_derived = vec![0; sealed.len()];
    Gcm::new(&case.derived_key)
        .seal(&iv, &case.aad, &case.plaintext, &mut by_derived)
        .map_err(|_| "sealing failed")?;
    if by_derived != sealed {
        return Err("derived key");
    }
    let mut opened = vec![0; case.plaintext.len()];
    xaes::open(&case.key, &case.nonce, &case.aad, &case.ciphertext, &mut opened)
        .map_err(|_| "opening failed")?;
    if opened != case.plaintext { Err("plaintext") } else { Ok(()) }
}

#[test]
fn the_vectors_hold() {
    let cases = cases();
    assert_eq!(cases.len(), 2);
    for case in &cases {
        assert_eq!(check(case), Ok(()));
    }
}

#[test]
fn a_changed_vector_fails() {
    type Change = fn(&mut Case);
    let changes: [(Change, &str); 6] = [
        (|case| case.key[31] ^= 1, "ciphertext"),
        (|case| case.nonce[0] ^= 1, "ciphertext"),
        (|case| case.nonce[NONCE_SIZE - 1] ^= 1, "ciphertext"),
        (|case| case.derived_key[0] ^= 1, "derived key"),
        (|case| case.aad.push(0), "ciphertext"),
        (|case| case.ciphertext[0] ^= 1, "ciphertext"),
    ];
    for (change, differs) in changes {
        for mut case in cases() {
            change(&mut case);
            assert_eq!(check(&case), Err(differs));
        }
    }
}

#[test]
fn a_wrong_tag_leaves_the_output_alone() {
    for case in cases() {
        for bit in 0..case.ciphertext.len() * 8 {
            let mut altered = case.ciphertext.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let mut opened = vec![0xa5; case.plaintext.len()];
            assert!(xaes::open(&case.key, &case.nonce, &case.aad, &altered, &mut opened).is_err());
            assert!(opened.iter().all(|byte| *byte == 0xa5), "bit {bit}");
        }
    }
}

/// The accumulated test of the specification: inputs out of one SHAKE-128, all ciphertexts into another.
fn accumulated(steps: usize, alter: impl Fn(usize, &mut [u8])) -> String {
    let mut inputs = Shake128::default().finalize_xof();
    let mut hash = Shake128::default();
    for step in 0..steps {
        let (mut key, mut nonce) = ([0; 32], [0; NONCE_SIZE]);
        inputs.read(&mut key);
        inputs.read(&mut nonce);
        let mut bytes = || {
            let mut len = [0];
            inputs.read(&mut len);
            let mut bytes = vec![0; usize::from(len[0])];
            inputs.read(&mut bytes);
            bytes
        };
        let (plaintext, aad) = (bytes(), bytes());
        let mut sealed = vec![0; plaintext.len() + TAG_SIZE];
        xaes::seal(&key, &nonce, &aad, &plaintext, &mut sealed).expect("to seal");
        let mut opened = vec![0; plaintext.len()];
        xaes::open(&key, &nonce, &aad, &sealed, &mut opened).expect("to open");
        assert_eq!(opened, plaintext);
        alter(step, &mut sealed);
        hash.update(&sealed);
    }
    let mut digest = [0; 32];
    hash.finalize_xof().read(&mut digest);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_hash_of_10_000_steps() {
    assert_eq!(vectors()["accumulated"]["10000"], accumulated(10_000, |_, _| {}));
}

#[test]
fn one_changed_byte_in_10_000_steps_changes_the_hash() {
    let changed = accumulated(10_000, |step, sealed| sealed[0] ^= u8::from(step == 5_000));
    assert_ne!(vectors()["accumulated"]["10000"], changed);
}

#[test]
#[ignore = "takes seconds to minutes; make test-long runs it"]
fn the_hash_of_1_000_000_steps() {
    assert_eq!(vectors()["accumulated"]["1000000"], accumulated(1_000_000, |_, _| {}));
}
