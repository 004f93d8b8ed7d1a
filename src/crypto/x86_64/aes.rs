//! AES-256 (FIPS 197) by AES-NI: the key schedule, and several blocks in flight.

use std::arch::x86_64::*;

use super::{BLOCK, is_usable, load, store};

/// Rounds of AES-256.
const ROUNDS: usize = 14;

/// The round keys of AES-256, for encryption. There is one only where the processor has AES-NI and AVX.
#[derive(Clone, Copy)]
pub struct Schedule([__m128i; ROUNDS + 1]);

impl Schedule {
    /// None where the processor lacks an instruction.
    #[inline]
    pub fn new(key: &[u8; 32]) -> Option<Schedule> {
        // SAFETY: the processor was asked.
        is_usable().then(|| unsafe { Self::expand(key) })
    }

    /// FIPS 197 clause 5.2. AESENCLAST on four equal columns is SubWord with a round constant added (ShiftRows changes
    /// nothing in such a state), and half as slow as AESKEYGENASSIST.
    #[target_feature(enable = "aes,avx")]
    pub(super) fn expand(key: &[u8; 32]) -> Schedule {
        let (low, high) = key.split_at(BLOCK);
        let mut keys = [_mm_setzero_si128(); ROUNDS + 1];
        if let (Ok(low), Ok(high)) = (low.try_into(), high.try_into()) {
            (keys[0], keys[1]) = (load(low), load(high));
        }
        // The last word, rotated, in every column.
        let rotated = _mm_set1_epi32(0x0c0f_0e0d);
        let mut constant = _mm_set1_epi32(1);
        for at in 2..=ROUNDS {
            let last = keys[at - 1];
            let word = if at % 2 == 0 {
                let word = _mm_aesenclast_si128(_mm_shuffle_epi8(last, rotated), constant);
                constant = _mm_slli_epi32(constant, 1);
                word
            } else {
                _mm_aesenclast_si128(_mm_shuffle_epi32(last, 0xff), _mm_setzero_si128())
            };
            // Each word of a round key takes in those before it of the key two rounds ago.
            let mut words = keys[at - 2];
            words = _mm_xor_si128(words, _mm_slli_si128(words, 4));
            words = _mm_xor_si128(words, _mm_slli_si128(words, 8));
            keys[at] = _mm_xor_si128(words, word);
        }
        Schedule(keys)
    }

    /// Encrypts N blocks side by side: a round has a latency of four cycles, and the processor begins one or two in each.
    #[inline]
    #[target_feature(enable = "aes,avx")]
    pub(super) fn encrypt<const N: usize>(&self, mut blocks: [__m128i; N]) -> [__m128i; N] {
        let [first, rounds @ .., last] = &self.0;
        for block in &mut blocks {
            *block = _mm_xor_si128(*block, *first);
        }
        for key in rounds {
            for block in &mut blocks {
                *block = _mm_aesenc_si128(*block, *key);
            }
        }
        for block in &mut blocks {
            *block = _mm_aesenclast_si128(*block, *last);
        }
        blocks
    }

    /// Encrypts blocks in place.
    #[inline]
    pub fn encrypt_blocks(&self, blocks: &mut [[u8; BLOCK]]) {
        // SAFETY: there is a Schedule only where the processor has the instructions.
        unsafe { self.encrypt_slice(blocks) }
    }

    #[target_feature(enable = "aes,avx")]
    fn encrypt_slice(&self, blocks: &mut [[u8; BLOCK]]) {
        let (eights, rest) = blocks.as_chunks_mut::<8>();
        for eight in eights {
            self.encrypt_places(eight);
        }
        let (twos, rest) = rest.as_chunks_mut::<2>();
        for two in twos {
            self.encrypt_places(two);
        }
        for one in rest.as_chunks_mut::<1>().0 {
            self.encrypt_places(one);
        }
    }

    #[inline]
    #[target_feature(enable = "aes,avx")]
    fn encrypt_places<const N: usize>(&self, places: &mut [[u8; BLOCK]; N]) {
        let mut blocks = [_mm_setzero_si128(); N];
        for (block, place) in blocks.iter_mut().zip(&*places) {
            *block = load(place);
        }
        for (block, place) in self.encrypt(blocks).into_iter().zip(places) {
            store(block, place);
        }
    }
}
