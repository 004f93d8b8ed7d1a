//! Known-answer self-tests of everything that the library relies on; run before the first store is opened.

use std::sync::atomic::{AtomicBool, Ordering};

use super::rng::Generator;
use super::xaes::NONCE_SIZE;
use super::{kdf, xaes};
use crate::error::{Error, Result};

/// Runs the tests once in a process. Two threads that come first at once both run them, and nobody waits: a lock
/// would have to survive fork.
pub fn run_once() -> Result<()> {
    static PASSED: AtomicBool = AtomicBool::new(false);
    if PASSED.load(Ordering::Acquire) {
        return Ok(());
    }
    xaes_vector()?;
    commitment_vector()?;
    hkdf_vector()?;
    generator_vector()?;
    PASSED.store(true, Ordering::Release);
    Ok(())
}

fn check(passed: bool, what: &'static str) -> Result<()> {
    if passed { Ok(()) } else { Err(Error::Internal(what)) }
}

/// C2SP XAES-256-GCM, the second test vector; covers CMAC, the KBKDF and AES-256-GCM. Then a wrong tag.
fn xaes_vector() -> Result<()> {
    let key = [3; 32];
    let nonce: [u8; NONCE_SIZE] = *b"ABCDEFGHIJKLMNOPQRSTUVWX";
    let expected = hex::<28>("986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
    let mut sealed = [0; 28];
    xaes::seal(&key, &nonce, b"c2sp.org/XAES-256-GCM", b"XAES-256-GCM", &mut sealed)?;
    check(sealed == expected, "self-test: XAES-256-GCM encryption")?;
    let mut opened = [0; 12];
    xaes::open(&key, &nonce, b"c2sp.org/XAES-256-GCM", &sealed, &mut opened)?;
    check(opened == *b"XAES-256-GCM", "self-test: XAES-256-GCM decryption")?;
    sealed[27] ^= 1;
    let refused = xaes::open(&key, &nonce, b"c2sp.org/XAES-256-GCM", &sealed, &mut opened).is_err();
    check(refused, "self-test: a wrong tag")
}

/// Computed with Python's `cryptography` (KBKDFCMAC is the same construction; tests/vectors has more).
fn commitment_vector() -> Result<()> {
    let expected = hex::<32>("1909af8eece15563125f7f5739b4afdad14ea81db5411b7cedfea6436f3d2d08");
    check(xaes::commitment(&[3; 32]) == expected, "self-test: the key commitment")
}

/// HKDF-SHA256 with 32-byte input; computed with Python's `cryptography`.
fn hkdf_vector() -> Result<()> {
    let mut derived = [0; 32];
    kdf::derive(&[3; 32], b"0123456789abcdef", &[b"libkms/1 ", b"seal"], &mut derived);
    check(
        derived == hex::<32>("5768eb51ccf3a6f0ea9fd64193a272cd2db284ff7fbeba81dbf7e97dfcb5f81f"),
        "self-test: HKDF-SHA256",
    )
}

/// The first output of a generator under a known key is AES-256 of the counter 2 (0 and 1 are the next key).
fn generator_vector() -> Result<()> {
    let mut generator = Generator::with_key([3; 32]);
    let mut output = [0; 16];
    generator.fill(&mut output);
    check(output == hex::<16>("612486dea963a39d967b8ffca87c4135"), "self-test: the generator")
}

/// Hex of a constant.
fn hex<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte =
            text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).unwrap_or_default();
    }
    bytes
}
