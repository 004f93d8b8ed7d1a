//! The user-space generator: AES-256-CTR with fast key erasure.
//!
//! Each refill encrypts a counter under the current key; the first 32 bytes become the next key, the rest is output,
//! and each byte is erased as it is handed out. So the state never tells what was given before. The design is modelled
//! on CTR_DRBG (NIST SP 800-90A clause 10.2.1). It is seeded from the kernel, again after a number of bytes and of
//! milliseconds (a cloned virtual machine repeats at most what its original gave in that time), and the CPU's random
//! instruction is mixed into the key at each refill.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use super::aes256::{Aes256, BLOCK};
use super::{secret, uuid};
use crate::error::Result;
use crate::platform;

const BUFFER_SIZE: usize = 1024;
const BLOCKS: usize = (32 + BUFFER_SIZE) / BLOCK;
/// Refills after which a new seed is taken: 1 MiB of output.
const REFILLS_PER_SEED: u32 = 1024;
/// At most 10 ms may be replayed; the coarse clock may be a tick of 4 ms late.
const SEED_LIFETIME_MS: u64 = 6;

/// Lives in a lane's protected memory; not seeded when it is new.
pub struct Generator {
    key: [u8; 32],
    blocks: [[u8; BLOCK]; BLOCKS],
    /// Bytes of the blocks that are used up; the next key's 32 are always.
    used: usize,
    refills: u32,
    seeded_at_ms: u64,
    seeds: u64,
}

impl Generator {
    pub const fn unseeded() -> Self {
        Generator {
            key: [0; 32],
            blocks: [[0; BLOCK]; BLOCKS],
            used: BLOCKS * BLOCK,
            refills: 0,
            seeded_at_ms: 0,
            seeds: 0,
        }
    }

    /// For the self-test: a known key, and no random instruction until its 1 KiB is used up.
    pub fn with_key(key: [u8; 32]) -> Self {
        let mut generator = Generator { key, ..Generator::unseeded() };
        generator.next_blocks();
        generator
    }

    /// Whether seed() must be called before more output is taken.
    #[inline]
    pub fn is_stale(&self, now_ms: u64) -> bool {
        self.seeds == 0
            || self.refills >= REFILLS_PER_SEED
            || now_ms.saturating_sub(self.seeded_at_ms) >= SEED_LIFETIME_MS
    }

    /// Mixes fresh bytes of the kernel into the key and forgets what was buffered.
    pub fn seed(&mut self, now_ms: u64) -> Result<()> {
        let mut seed = zeroize::Zeroizing::new([0; 32]);
        uuid::fill_from_kernel(seed.as_mut_slice())?;
        self.key.iter_mut().zip(seed.iter()).for_each(|(key, seed)| *key ^= seed);
        secret::wipe(self.output());
        self.used = BLOCKS * BLOCK;
        self.refills = 0;
        self.seeded_at_ms = now_ms;
        self.seeds += 1;
        Ok(())
    }

    /// Seeds taken so far.
    pub fn seeds(&self) -> u64 {
        self.seeds
    }

    fn output(&mut self) -> &mut [u8] {
        self.blocks.as_flattened_mut()
    }

    #[cold]
    fn refill(&mut self) {
        let entropy = [platform::random_u64(), platform::random_u64()];
        for (part, entropy) in self.key.chunks_exact_mut(8).zip(entropy.into_iter().flatten()) {
            part.iter_mut().zip(entropy.to_le_bytes()).for_each(|(key, entropy)| *key ^= entropy);
        }
        secret::on_key_stack(|| self.next_blocks());
    }

    fn next_blocks(&mut self) {
        let cipher = Aes256::new(&self.key);
        for (block, counter) in self.blocks.iter_mut().zip(0_u128..) {
            *block = counter.to_be_bytes();
        }
        cipher.encrypt(&mut self.blocks);
        let (next_key, _) = self.blocks.as_flattened_mut().split_at_mut(32);
        self.key.copy_from_slice(next_key);
        secret::wipe(next_key);
        self.used = 32;
        self.refills += 1;
    }

    /// Takes output; the caller has seen to it that the seed is not stale.
    #[inline]
    pub fn fill(&mut self, mut out: &mut [u8]) {
        while !out.is_empty() {
            if self.used == BLOCKS * BLOCK {
                self.refill();
            }
            let used = self.used;
            let rest = &mut self.output()[used..];
            let count = rest.len().min(out.len());
            let (now, later) = out.split_at_mut(count);
            now.copy_from_slice(&rest[..count]);
            rest[..count].fill(0);
            self.used += count;
            out = later;
        }
    }
}

impl Generator {
    /// Takes a few bytes, as fill: a number that is known when this is compiled needs no calls to copy and erase them.
    #[inline]
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        let used = self.used;
        match self.output().get_mut(used..used + N) {
            Some(next) => {
                out.copy_from_slice(next);
                next.fill(0);
                self.used += N;
            }
            None => self.fill(&mut out),
        }
        out
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Generator {}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeded() -> Generator {
        let mut generator = Generator::unseeded();
        assert!(generator.is_stale(0), "an unseeded generator may not be used");
        assert!(generator.seed(1000).is_ok());
        generator
    }

    #[test]
    fn bytes_are_erased_as_they_are_handed_out() {
        let mut generator = seeded();
        for len in [1, 7, 32, 100, 500] {
            generator.fill(&mut vec![0; len]);
            let used = generator.used;
            assert!(generator.output()[..used].iter().all(|byte| *byte == 0), "after {len} bytes");
            // Of what is still to come, all is there: no 16 bytes of it are zeros.
            assert!(
                generator.output()[used..].chunks_exact(16).all(|block| block.iter().any(|byte| *byte != 0))
            );
        }
    }

    #[test]
    fn a_refill_leaves_neither_the_old_key_nor_the_next_one_in_the_buffer() {
        let mut generator = seeded();
        let mut keys = vec![generator.key];
        for _ in 0..20 {
            generator.fill(&mut [0; BUFFER_SIZE]);
            for key in &keys {
                assert_ne!(generator.key, *key, "a key comes twice");
            }
            generator.fill(&mut [0; 1]);
            let key = generator.key;
            assert!(
                generator.output().windows(16).all(|window| window != &key[..16] && window != &key[16..])
            );
            generator.fill(&mut [0; BUFFER_SIZE - 1]);
            keys.push(key);
        }
    }

    #[test]
    fn a_seed_changes_the_key_and_forgets_the_buffer() {
        let mut generator = seeded();
        generator.fill(&mut [0; 10]);
        let before = generator.key;
        assert!(generator.seed(1001).is_ok());
        assert_ne!(generator.key, before);
        assert!(generator.output().iter().all(|byte| *byte == 0));
        assert_eq!(generator.used, BLOCKS * BLOCK);
    }
}
