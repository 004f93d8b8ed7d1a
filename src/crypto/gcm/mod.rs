//! AES-256-GCM (NIST SP 800-38D) with 96-bit IVs and 128-bit tags: by the processor's instructions (crypto::x86_64) where
//! it has them, else composed of the `aes` and `ghash` crates (`portable`). tests/gcm.rs holds both to `aes-gcm` and to
//! Wycheproof's vectors.

mod portable;

#[cfg(target_arch = "x86_64")]
use super::x86_64;
use crate::error::{Error, Result};

pub const IV_SIZE: usize = 12;
pub const TAG_SIZE: usize = 16;

/// SP 800-38D clause 5.2.1.1: 2^39 - 256 bits of plaintext, so that no counter comes twice.
const MAX_MESSAGE: u64 = (1 << 36) - 32;

/// An expanded AES-256-GCM key. Nothing in it wipes itself: it is kept in protected pages, which are wiped as a whole, or
/// for the length of a call on a stack that is (secret::on_wiped_stack).
pub struct Gcm(Backend);

/// Both of one size, without gaps: what was on the stack would be copied into protected pages with them, and
/// tests/residue.rs takes whatever is in those for a secret.
#[repr(u64)]
enum Backend {
    #[cfg(target_arch = "x86_64")]
    Native {
        _gap: [u64; 3],
        gcm: x86_64::Gcm,
    },
    Portable {
        _gap: u64,
        gcm: portable::Gcm,
    },
}

#[cfg(target_arch = "x86_64")]
const _: () = assert!(
    size_of::<Backend>() == 32 + size_of::<x86_64::Gcm>()
        && size_of::<Backend>() == 16 + size_of::<portable::Gcm>()
);

impl Gcm {
    /// Expands a key. To be called on a stack that is wiped.
    #[inline]
    pub fn new(key: &[u8; 32]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(gcm) = x86_64::Gcm::new(key) {
            return Gcm(Backend::Native { _gap: [0; 3], gcm });
        }
        Self::portable(key)
    }

    /// Expands a key for the composition, whatever the processor has. For tests and for processors that have nothing.
    #[inline(never)]
    pub fn portable(key: &[u8; 32]) -> Self {
        Gcm(Backend::Portable { _gap: 0, gcm: portable::Gcm::new(key) })
    }

    /// Encrypts `plaintext` into `out`, which is TAG_SIZE longer: ciphertext, then tag.
    #[inline]
    pub fn seal(&self, iv: &[u8; IV_SIZE], aad: &[u8], plaintext: &[u8], out: &mut [u8]) -> Result<()> {
        let (ciphertext, tag) = out
            .split_last_chunk_mut::<TAG_SIZE>()
            .filter(|(ciphertext, _)| ciphertext.len() == plaintext.len())
            .ok_or_else(|| Error::Internal("a ciphertext of the wrong length"))?;
        check_len(plaintext.len())?;
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Native { gcm, .. } => gcm.seal(iv, aad, plaintext, ciphertext, tag),
            Backend::Portable { gcm, .. } => gcm.seal(iv, aad, plaintext, ciphertext, tag),
        }
        Ok(())
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
        if out.len() != ciphertext.len() {
            return Err(Error::Internal("a plaintext of the wrong length"));
        }
        check_len(ciphertext.len())?;
        let is_right = match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Native { gcm, .. } => gcm.open(iv, aad, ciphertext, tag, out),
            Backend::Portable { gcm, .. } => gcm.open(iv, aad, ciphertext, tag, out),
        };
        if is_right { Ok(()) } else { Err(Error::InvalidCiphertext) }
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

fn check_len(len: usize) -> Result<()> {
    if len as u64 > MAX_MESSAGE { Err(Error::Internal("a message too long for AES-GCM")) } else { Ok(()) }
}
