//! AES-256-GCM (NIST SP 800-38D) with 96-bit IVs and 128-bit tags, on the `aes-gcm` crate.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit};

use super::secret::on_wiped_stack;
use crate::error::{Error, Result};

pub const IV_SIZE: usize = 12;
pub const TAG_SIZE: usize = 16;

/// Bytes of stack in which one message's work may leave round keys and powers of H. `aes-gcm` has all of AES's backends in
/// one frame of 7 KiB; wiping it takes some 60 ns of a call.
const MESSAGE_DEPTH: usize = if cfg!(debug_assertions) { 32 * 1024 } else { 8 * 1024 };

/// An expanded AES-256-GCM key.
pub struct Gcm(Aes256Gcm);

impl Gcm {
    /// Expands a key. To be called on a stack that is wiped (secret::on_wiped_stack).
    #[inline]
    pub fn new(key: &[u8; 32]) -> Self {
        Gcm(Aes256Gcm::new(key.into()))
    }

    /// Encrypts `plaintext` into `out`, which is TAG_SIZE longer: ciphertext, then tag.
    #[inline]
    pub fn seal(&self, iv: &[u8; IV_SIZE], aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> Result<()> {
        let (ciphertext, tag) =
            out.split_at_mut_checked(plaintext.len()).ok_or(Error::Internal("a short ciphertext"))?;
        let buffer =
            InOutBuf::new(plaintext, ciphertext).map_err(|_| Error::Internal("a short ciphertext"))?;
        on_wiped_stack::<MESSAGE_DEPTH, _>(|| {
            let computed = self
                .0
                .encrypt_inout_detached(iv.into(), aad, buffer)
                .map_err(|_| Error::Internal("AES-GCM refused its input"))?;
            tag.copy_from_slice(&computed);
            Ok(())
        })
    }

    /// Verifies the tag, then decrypts into `out`, which is as long as `ciphertext`; untouched if the tag is wrong.
    #[inline]
    pub fn open(
        &self,
        iv: &[u8; IV_SIZE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_SIZE],
        out: &mut [u8],
    ) -> Result<()> {
        let buffer = InOutBuf::new(ciphertext, out).map_err(|_| Error::Internal("a short plaintext"))?;
        on_wiped_stack::<MESSAGE_DEPTH, _>(|| {
            self.0
                .decrypt_inout_detached(iv.into(), aad, buffer, tag.into())
                .map_err(|_| Error::InvalidCiphertext)
        })
    }

    /// Verifies the tag and decrypts nothing; through the same code as open, into memory that is wiped.
    pub fn verify(
        &self,
        iv: &[u8; IV_SIZE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_SIZE],
    ) -> Result<()> {
        let mut scratch = zeroize::Zeroizing::new(vec![0; ciphertext.len()]);
        self.open(iv, aad, ciphertext, tag, &mut scratch)
    }
}
