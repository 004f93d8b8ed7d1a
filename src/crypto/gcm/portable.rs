//! AES-256-GCM composed of the `aes` and `ghash` crates, for processors that crypto::x86_64 has nothing for: `aes-gcm` keeps
//! AES's decryption keys too, wipes a copy of GHASH's key byte by byte in every message, and needs 7 KiB of stack, which
//! would have to be wiped as well.

use aes::cipher::array::Array;
use aes::cipher::consts::U16;
use aes::cipher::{BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser, KeyInit};
use aes::{Aes256Enc, Block};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

use super::{IV_SIZE, TAG_SIZE};
use crate::crypto::secret::{is_equal, on_wiped_stack, stack_depth};

const BLOCK: usize = 16;
/// Blocks of keystream that are made at a time: the tag's mask and 112 bytes, more than any wrapped data key of usual size.
const STREAM_BLOCKS: usize = 8;
/// Blocks that GHASH takes in one reduction (`ghash` 0.6 has four powers of H), and those of a message that is hashed in
/// one go.
const HASH_STEP: usize = 4;
const HASH_BLOCKS: usize = 4 * HASH_STEP;
/// Bytes of stack in which one message's work may leave round keys and powers of H. Its deepest frames take 2 KiB, most of
/// them in `tag`.
const DEPTH: usize = stack_depth(3 * 1024);

/// An expanded AES-256-GCM key.
pub struct Gcm {
    cipher: Aes256Enc,
    /// Keyed, with nothing hashed yet.
    ghash: GHash,
}

impl Gcm {
    #[inline]
    pub fn new(key: &[u8; 32]) -> Self {
        let cipher = Aes256Enc::new(key.into());
        let mut h = [Block::default()];
        cipher.encrypt_with_backend(Each(&mut h));
        let [h] = h;
        Gcm { cipher, ghash: GHash::new(&h) }
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
        on_wiped_stack::<DEPTH, _>(|| {
            let stream = self.first_stream(iv, plaintext.len());
            self.crypt(iv, &stream, plaintext, ciphertext);
            *tag = self.tag(&stream[0], aad, ciphertext);
        });
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
        on_wiped_stack::<DEPTH, _>(|| {
            let stream = self.first_stream(iv, ciphertext.len());
            let is_right = is_equal(&self.tag(&stream[0], aad, ciphertext), tag);
            if is_right {
                self.crypt(iv, &stream, ciphertext, plaintext);
            }
            is_right
        })
    }

    /// The tag's mask (the counter is 1) and as much of the keystream after it as a message of `len` bytes needs of the
    /// first STREAM_BLOCKS.
    #[inline]
    fn first_stream(&self, iv: &[u8; IV_SIZE], len: usize) -> [Block; STREAM_BLOCKS] {
        let mut stream = [Block::default(); STREAM_BLOCKS];
        let needed = (1 + len.div_ceil(BLOCK)).min(STREAM_BLOCKS);
        self.keystream(iv, 1, &mut stream[..needed]);
        stream
    }

    /// The keystream from a counter on (clause 6.5).
    #[inline]
    fn keystream(&self, iv: &[u8; IV_SIZE], counter: u32, stream: &mut [Block]) {
        for (block, counter) in stream.iter_mut().zip(counter..) {
            let (iv_place, counter_place) = block.split_at_mut(IV_SIZE);
            iv_place.copy_from_slice(iv);
            counter_place.copy_from_slice(&counter.to_be_bytes());
        }
        self.cipher.encrypt_with_backend(Each(stream));
    }

    /// Encrypts or decrypts; `first` is of first_stream.
    #[inline]
    fn crypt(&self, iv: &[u8; IV_SIZE], first: &[Block; STREAM_BLOCKS], input: &[u8], output: &mut [u8]) {
        let head = input.len().min((STREAM_BLOCKS - 1) * BLOCK);
        let (input, later_input) = input.split_at(head);
        let (output, later_output) = output.split_at_mut(head);
        xor(input, &first[1..], output);
        if !later_input.is_empty() {
            self.crypt_later(iv, later_input, later_output);
        }
    }

    /// What first_stream does not reach.
    #[inline(never)]
    fn crypt_later(&self, iv: &[u8; IV_SIZE], input: &[u8], output: &mut [u8]) {
        const CHUNK: usize = STREAM_BLOCKS * BLOCK;
        let counters = (1 + STREAM_BLOCKS as u32..).step_by(STREAM_BLOCKS);
        for ((input, output), counter) in input.chunks(CHUNK).zip(output.chunks_mut(CHUNK)).zip(counters) {
            let mut stream = [Block::default(); STREAM_BLOCKS];
            self.keystream(iv, counter, &mut stream[..input.len().div_ceil(BLOCK)]);
            xor(input, &stream, output);
        }
    }

    /// GHASH over AAD, ciphertext and their lengths, masked (clause 7.1).
    #[inline]
    fn tag(&self, mask: &Block, aad: &[u8], ciphertext: &[u8]) -> [u8; TAG_SIZE] {
        let mut ghash = self.ghash.clone();
        let mut lengths = [0; BLOCK];
        let (of_aad, of_ciphertext) = lengths.split_at_mut(8);
        of_aad.copy_from_slice(&(aad.len() as u64 * 8).to_be_bytes());
        of_ciphertext.copy_from_slice(&(ciphertext.len() as u64 * 8).to_be_bytes());

        let aad_blocks = aad.len().div_ceil(BLOCK);
        let count = aad_blocks + ciphertext.len().div_ceil(BLOCK) + 1;
        if count <= HASH_BLOCKS {
            // Laid out in whole steps, with blocks of zeros before the message: they leave a hash of nothing as it is.
            let mut blocks = [[0; BLOCK]; HASH_BLOCKS];
            let before = count.wrapping_neg() % HASH_STEP;
            let bytes = blocks[..before + count].as_flattened_mut();
            let (bytes, last) = bytes.split_at_mut((before + count - 1) * BLOCK);
            last.copy_from_slice(&lengths);
            let (aad_place, ciphertext_place) = bytes[before * BLOCK..].split_at_mut(aad_blocks * BLOCK);
            aad_place[..aad.len()].copy_from_slice(aad);
            ciphertext_place[..ciphertext.len()].copy_from_slice(ciphertext);
            ghash.update(Array::cast_slice_from_core(&blocks[..before + count]));
        } else {
            ghash.update_padded(aad);
            ghash.update_padded(ciphertext);
            ghash.update(&[lengths.into()]);
        }
        let hash: [u8; TAG_SIZE] = ghash.finalize().into();
        (u128::from_ne_bytes(hash) ^ u128::from_ne_bytes((*mask).into())).to_ne_bytes()
    }
}

#[inline]
fn xor(input: &[u8], stream: &[Block], output: &mut [u8]) {
    for ((output, input), stream) in output.iter_mut().zip(input).zip(Array::slice_as_flattened(stream)) {
        *output = input ^ stream;
    }
}

/// Encrypts blocks in place, one by one: the processor overlaps them. The ways in which `aes` takes many blocks at a time
/// are made for long messages; each spreads all round keys over wide registers first, and has a large frame.
struct Each<'a>(&'a mut [Block]);

impl BlockSizeUser for Each<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Each<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        for block in self.0 {
            backend.encrypt_block(block.into());
        }
    }
}
