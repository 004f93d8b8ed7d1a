//! AES-256-GCM (NIST SP 800-38D) by AES-NI and PCLMULQDQ. A data key's seal is three AES blocks in flight (the tag's mask
//! and the keystream), while its AAD is hashed.

use std::arch::x86_64::*;

use super::aes::Schedule;
use super::ghash::{Ghash, Powers};
use super::{BLOCK, is_usable, load, load_partial, store};
use crate::crypto::gcm::{IV_SIZE, TAG_SIZE};
use crate::crypto::secret::{is_equal, on_wiped_stack, stack_depth};

/// Blocks of keystream that are made at a time.
const WIDE: usize = 8;
/// As many as a data key of usual size needs, with the tag's mask.
const NARROW: usize = 3;

/// Bytes of stack in which a message's work leaves keystream, with some more than the frames have.
const NARROW_DEPTH: usize = stack_depth(512);
const WIDE_DEPTH: usize = stack_depth(1024);

/// An expanded AES-256-GCM key. There is one only where the processor has the instructions.
#[derive(Clone, Copy)]
pub struct Gcm {
    schedule: Schedule,
    powers: Powers,
}

impl Gcm {
    /// None where the processor lacks an instruction.
    #[inline]
    pub fn new(key: &[u8; 32]) -> Option<Gcm> {
        // SAFETY: the processor was asked.
        is_usable().then(|| unsafe { Self::expand(key) })
    }

    #[target_feature(enable = "aes,pclmulqdq,avx")]
    fn expand(key: &[u8; 32]) -> Gcm {
        let schedule = Schedule::expand(key);
        let [h] = schedule.encrypt([_mm_setzero_si128()]);
        Gcm { schedule, powers: Powers::new(h) }
    }

    /// Encrypts into `ciphertext`, which is as long as `plaintext`.
    #[inline]
    pub fn seal(
        &self,
        iv: &[u8; IV_SIZE],
        aad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut [u8; TAG_SIZE],
    ) {
        if plaintext.len() <= (NARROW - 1) * BLOCK {
            // SAFETY: there is a Gcm only where the processor has the instructions.
            let seal = || unsafe { self.seal_from::<NARROW>(iv, aad, plaintext, ciphertext, tag) };
            on_wiped_stack::<NARROW_DEPTH, _>(seal);
        } else {
            // SAFETY: as above.
            let seal = || unsafe { self.seal_from::<WIDE>(iv, aad, plaintext, ciphertext, tag) };
            on_wiped_stack::<WIDE_DEPTH, _>(seal);
        }
    }

    /// Decrypts into `plaintext`, which is as long as `ciphertext`. False if the tag is wrong; nothing is written then.
    #[inline]
    #[must_use]
    pub fn open(
        &self,
        iv: &[u8; IV_SIZE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_SIZE],
        plaintext: &mut [u8],
    ) -> bool {
        if ciphertext.len() <= (NARROW - 1) * BLOCK {
            // SAFETY: as in seal.
            let open = || unsafe { self.open_from::<NARROW>(iv, aad, ciphertext, tag, plaintext) };
            on_wiped_stack::<NARROW_DEPTH, _>(open)
        } else {
            // SAFETY: as in seal.
            let open = || unsafe { self.open_from::<WIDE>(iv, aad, ciphertext, tag, plaintext) };
            on_wiped_stack::<WIDE_DEPTH, _>(open)
        }
    }

    #[target_feature(enable = "aes,pclmulqdq,avx")]
    fn seal_from<const N: usize>(
        &self,
        iv: &[u8; IV_SIZE],
        aad: &[u8],
        plaintext: &[u8],
        ciphertext: &mut [u8],
        tag: &mut [u8; TAG_SIZE],
    ) {
        let mut stream = [_mm_setzero_si128(); N];
        self.keystream(iv, 1, &mut stream);
        self.crypt(iv, &stream, plaintext, ciphertext);
        store(self.tag(stream[0], aad, ciphertext), tag);
    }

    #[target_feature(enable = "aes,pclmulqdq,avx")]
    fn open_from<const N: usize>(
        &self,
        iv: &[u8; IV_SIZE],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_SIZE],
        plaintext: &mut [u8],
    ) -> bool {
        let mut stream = [_mm_setzero_si128(); N];
        self.keystream(iv, 1, &mut stream);
        let mut expected = [0; TAG_SIZE];
        store(self.tag(stream[0], aad, ciphertext), &mut expected);
        let is_right = is_equal(&expected, tag);
        if is_right {
            self.crypt(iv, &stream, ciphertext, plaintext);
        }
        is_right
    }

    /// N blocks of keystream from a counter on (clause 6.5). The first, with the counter 1, masks the tag. Not inlined, so
    /// that no round key is kept, and spilled, around what follows.
    #[inline(never)]
    #[target_feature(enable = "aes,pclmulqdq,avx")]
    fn keystream<const N: usize>(&self, iv: &[u8; IV_SIZE], counter: u32, stream: &mut [__m128i; N]) {
        let mut first = [0; BLOCK];
        first[..IV_SIZE].copy_from_slice(iv);
        let mut blocks = [load(&first); N];
        for (block, counter) in blocks.iter_mut().zip(counter..) {
            *block = _mm_insert_epi32(*block, counter.swap_bytes() as i32, 3);
        }
        *stream = self.schedule.encrypt(blocks);
    }

    /// Encrypts or decrypts; `first` is the keystream from the tag's mask on.
    #[inline]
    #[target_feature(enable = "aes,pclmulqdq,avx")]
    fn crypt(&self, iv: &[u8; IV_SIZE], first: &[__m128i], input: &[u8], output: &mut [u8]) {
        let (_, first_stream) = first.split_at(1);
        let head = input.len().min(first_stream.len() * BLOCK);
        let (input, later_input) = input.split_at(head);
        let (output, later_output) = output.split_at_mut(head);
        add_stream(first_stream, input, output);
        if !later_input.is_empty() {
            self.crypt_later(iv, 1 + first.len() as u32, later_input, later_output);
        }
    }

    /// From a counter on.
    #[inline(never)]
    #[target_feature(enable = "aes,pclmulqdq,avx")]
    fn crypt_later(&self, iv: &[u8; IV_SIZE], counter: u32, input: &[u8], output: &mut [u8]) {
        let mut stream = [_mm_setzero_si128(); WIDE];
        let pieces = input.chunks(WIDE * BLOCK).zip(output.chunks_mut(WIDE * BLOCK));
        for ((input, output), counter) in pieces.zip((counter..).step_by(WIDE)) {
            self.keystream(iv, counter, &mut stream);
            add_stream(&stream, input, output);
        }
    }

    /// GHASH over AAD, ciphertext and their lengths, masked (clause 7.1).
    #[inline]
    #[target_feature(enable = "aes,pclmulqdq,avx")]
    fn tag(&self, mask: __m128i, aad: &[u8], ciphertext: &[u8]) -> __m128i {
        let blocks = aad.len().div_ceil(BLOCK) + ciphertext.len().div_ceil(BLOCK) + 1;
        let mut ghash = Ghash::new(&self.powers, blocks);
        for part in [aad, ciphertext] {
            let (whole, rest) = part.as_chunks();
            for block in whole {
                ghash.update(load(block));
            }
            if !rest.is_empty() {
                ghash.update(load_partial(rest));
            }
        }
        let [aad_bits, bits] = [aad, ciphertext].map(|part| (part.len() as u64 * 8).swap_bytes() as i64);
        ghash.update(_mm_set_epi64x(bits, aad_bits));
        _mm_xor_si128(ghash.finish(), mask)
    }
}

/// `stream` is at least as long as `input`, `output` just as long.
#[inline]
#[target_feature(enable = "aes,pclmulqdq,avx")]
fn add_stream(stream: &[__m128i], input: &[u8], output: &mut [u8]) {
    let ((input, input_rest), (output, output_rest)) = (input.as_chunks(), output.as_chunks_mut());
    let mut stream = stream.iter();
    for ((input, output), stream) in input.iter().zip(output).zip(&mut stream) {
        store(_mm_xor_si128(load(input), *stream), output);
    }
    if !input_rest.is_empty()
        && let Some(stream) = stream.next()
    {
        let mut last = [0; BLOCK];
        store(_mm_xor_si128(load_partial(input_rest), *stream), &mut last);
        output_rest.iter_mut().zip(last).for_each(|(place, byte)| *place = byte);
    }
}
