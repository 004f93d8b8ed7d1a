//! AES-256 (FIPS 197) on whole blocks, for the generator and for key derivation: by the processor's instructions where it
//! has them, else by the `aes` crate.

use aes::Aes256Enc;
use aes::cipher::array::Array;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

#[cfg(target_arch = "x86_64")]
use super::x86_64;

pub const BLOCK: usize = 16;

/// An expanded key for encryption. Nothing in it wipes itself: to be used on a stack that is wiped
/// (secret::on_wiped_stack).
pub struct Aes256(Backend);

enum Backend {
    #[cfg(target_arch = "x86_64")]
    Native(x86_64::Schedule),
    Portable(Aes256Enc),
}

impl Aes256 {
    #[inline]
    pub fn new(key: &[u8; 32]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(native) = x86_64::Schedule::new(key) {
            return Aes256(Backend::Native(native));
        }
        Self::portable(key)
    }

    /// Whatever the processor has.
    #[inline(never)]
    fn portable(key: &[u8; 32]) -> Self {
        Aes256(Backend::Portable(Aes256Enc::new(key.into())))
    }

    /// Encrypts blocks in place.
    #[inline]
    pub fn encrypt(&self, blocks: &mut [[u8; BLOCK]]) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Native(schedule) => schedule.encrypt_blocks(blocks),
            Backend::Portable(cipher) => cipher.encrypt_blocks(Array::cast_slice_from_core_mut(blocks)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 197 appendix C.3, and the two against each other at every number of blocks that is taken in another way.
    #[test]
    fn both_encrypt_as_the_standard_says() {
        let key: [u8; 32] = std::array::from_fn(|at| at as u8);
        let expected = 0x8ea2_b7ca_5167_45bf_eafc_4990_4b49_6089_u128.to_be_bytes();
        for cipher in [Aes256::new(&key), Aes256::portable(&key)] {
            let mut block = [std::array::from_fn(|at| at as u8 * 0x11)];
            cipher.encrypt(&mut block);
            assert_eq!(block, [expected]);
        }
        for count in 0..40 {
            let key = std::array::from_fn(|at| at as u8 ^ count);
            let blocks: Vec<[u8; BLOCK]> =
                (0..u128::from(count)).map(|at| (at << 64 | at).to_ne_bytes()).collect();
            let [native, portable] = [Aes256::new(&key), Aes256::portable(&key)].map(|cipher| {
                let mut blocks = blocks.clone();
                cipher.encrypt(&mut blocks);
                blocks
            });
            assert_eq!(native, portable, "{count} blocks");
        }
    }
}
