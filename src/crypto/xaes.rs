//! XAES-256-GCM (C2SP): AES-256-GCM with 24-byte nonces. The first 12 bytes (N1) derive a subkey by the KBKDF of
//! NIST SP 800-108r1 in counter mode with CMAC-AES256; the last 12 are the AES-GCM nonce (the IV) under it.
//!
//! The same KBKDF with another label gives a version's key commitment. The labels are a registry: one byte each,
//! never reused for another purpose.

use zeroize::Zeroize;

use super::aes256::Aes256;
use super::gcm::{Gcm, IV_SIZE, TAG_SIZE};
use super::secret::on_key_stack;
use crate::error::{Error, Result};

/// Bytes of N1, the derivation nonce.
pub const N1_SIZE: usize = 12;
/// Bytes of a whole nonce: N1 || IV.
pub const NONCE_SIZE: usize = N1_SIZE + IV_SIZE;
pub const COMMITMENT_SIZE: usize = 32;

/// What a key derived by the KBKDF is for.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Label {
    /// "C": the commitment to a version's material.
    Commitment = 0x43,
    /// "X": an XAES subkey.
    Subkey = 0x58,
}

/// KBKDF in counter mode with CMAC-AES256 (SP 800-108r1 clause 4.1): two blocks of i || label || 0x00 || context,
/// each one AES block long, so each CMAC is one masked AES call.
fn kbkdf(key: &[u8; 32], label: Label, context: &[u8; 12]) -> [u8; 32] {
    let cipher = Aes256::new(key);
    // CMAC's subkey K1 (SP 800-38B clause 6.1): AES(K, 0), doubled in GF(2^128).
    let mut zero = [[0; 16]];
    cipher.encrypt(&mut zero);
    let [zero] = &mut zero;
    let mut l = u128::from_be_bytes(*zero);
    zero.zeroize();
    let mut k1 = (l << 1) ^ (0x87 & (l >> 127).wrapping_neg());
    l.zeroize();

    let mut halves = [1, 2].map(|counter: u8| {
        let mut block = [0; 16];
        block[1] = counter;
        block[2] = label as u8;
        block[4..].copy_from_slice(context);
        (u128::from_be_bytes(block) ^ k1).to_be_bytes()
    });
    k1.zeroize();
    cipher.encrypt(&mut halves);
    let mut output = [0; 32];
    output.copy_from_slice(halves.as_flattened());
    halves.zeroize();
    output
}

/// The AES-256-GCM key for all messages with this N1. To be called on a stack that is wiped (secret::on_key_stack).
pub fn subkey(key: &[u8; 32], n1: &[u8; N1_SIZE]) -> Gcm {
    let mut derived = kbkdf(key, Label::Subkey, n1);
    let gcm = Gcm::new(&derived);
    derived.zeroize();
    gcm
}

/// What a blob shows of its version's material, so that no blob opens under two keys.
pub fn commitment(key: &[u8; 32]) -> [u8; COMMITMENT_SIZE] {
    on_key_stack(|| kbkdf(key, Label::Commitment, &[0; 12]))
}

fn split(nonce: &[u8; NONCE_SIZE]) -> (&[u8; N1_SIZE], &[u8; IV_SIZE]) {
    let (n1, iv) = nonce.split_at(N1_SIZE);
    match (n1.try_into(), iv.try_into()) {
        (Ok(n1), Ok(iv)) => (n1, iv),
        _ => unreachable!("NONCE_SIZE is N1_SIZE + IV_SIZE"),
    }
}

/// Encrypts one message into `out`, TAG_SIZE longer than the plaintext.
pub fn seal(
    key: &[u8; 32],
    nonce: &[u8; NONCE_SIZE],
    aad: &[u8],
    plaintext: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let (n1, iv) = split(nonce);
    on_key_stack(|| subkey(key, n1).seal(iv, aad, plaintext, out))
}

/// Decrypts one message into `out`, TAG_SIZE shorter than the ciphertext; untouched if the tag is wrong.
pub fn open(
    key: &[u8; 32],
    nonce: &[u8; NONCE_SIZE],
    aad: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let (n1, iv) = split(nonce);
    let (ciphertext, tag) = sealed.split_last_chunk::<TAG_SIZE>().ok_or(Error::InvalidCiphertext)?;
    on_key_stack(|| subkey(key, n1).open(iv, aad, ciphertext, tag, out))
}
