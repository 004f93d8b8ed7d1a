//! What XAES-256-GCM derives from a key, written a second time for tests that must know it: the library shows none
//! of it. And the arithmetic of GHASH, to forge with.

#![allow(dead_code)] // every test file uses its own part

use aes::Aes256Enc;
use aes::cipher::{BlockCipherEncrypt, KeyInit};

pub const SUBKEY_LABEL: u8 = 0x58;
pub const COMMITMENT_LABEL: u8 = 0x43;

pub fn aes256(key: &[u8; 32], block: [u8; 16]) -> [u8; 16] {
    let mut block = block.into();
    Aes256Enc::new(key.into()).encrypt_block(&mut block);
    block.into()
}

/// CMAC's subkey K1 of NIST SP 800-38B, for messages of whole blocks.
pub fn cmac_k1(key: &[u8; 32]) -> [u8; 16] {
    let l = u128::from_be_bytes(aes256(key, [0; 16]));
    ((l << 1) ^ if l >> 127 == 1 { 0x87 } else { 0 }).to_be_bytes()
}

/// The KBKDF of NIST SP 800-108r1 in counter mode with CMAC-AES256, as XAES-256-GCM uses it.
pub fn kbkdf(key: &[u8; 32], label: u8, context: &[u8; 12]) -> [u8; 32] {
    let k1 = u128::from_be_bytes(cmac_k1(key));
    let mut output = [0; 32];
    for counter in [1, 2] {
        let mut block = [0, counter, label, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        block[4..].copy_from_slice(context);
        let masked = (u128::from_be_bytes(block) ^ k1).to_be_bytes();
        output[usize::from(counter - 1) * 16..][..16].copy_from_slice(&aes256(key, masked));
    }
    output
}

/// An element of GHASH's field: bit 0 is the highest bit of the first byte (NIST SP 800-38D clause 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element(pub u128);

impl Element {
    pub const ONE: Element = Element(1 << 127);

    pub fn of(block: &[u8; 16]) -> Self {
        Element(u128::from_be_bytes(*block))
    }

    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub fn plus(self, other: Element) -> Element {
        Element(self.0 ^ other.0)
    }

    pub fn times(self, other: Element) -> Element {
        const R: u128 = 0xe1 << 120;
        let (mut product, mut v) = (0, other.0);
        for bit in 0..128 {
            if (self.0 >> (127 - bit)) & 1 == 1 {
                product ^= v;
            }
            v = (v >> 1) ^ if v & 1 == 1 { R } else { 0 };
        }
        Element(product)
    }

    /// x^(2^128 - 2).
    pub fn inverse(self) -> Element {
        let (mut power, mut product) = (self, Element::ONE);
        for _ in 1..128 {
            power = power.times(power);
            product = product.times(power);
        }
        product
    }

    pub fn power(self, exponent: usize) -> Element {
        (0..exponent).fold(Element::ONE, |product, _| product.times(self))
    }
}

/// GHASH over AAD and ciphertext, both padded, and their lengths.
pub fn ghash(h: Element, aad: &[u8], ciphertext: &[u8]) -> Element {
    let lens = (((aad.len() as u128 * 8) << 64) | (ciphertext.len() as u128 * 8)).to_be_bytes();
    let blocks = aad.chunks(16).chain(ciphertext.chunks(16)).chain([&lens[..]]);
    blocks.fold(Element(0), |sum, chunk| {
        let mut block = [0; 16];
        block[..chunk.len()].copy_from_slice(chunk);
        sum.plus(Element::of(&block)).times(h)
    })
}

/// GCM's hash key.
pub fn gcm_h(key: &[u8; 32]) -> Element {
    Element::of(&aes256(key, [0; 16]))
}

/// What GCM adds to its hash to make the tag.
pub fn gcm_tag_mask(key: &[u8; 32], iv: &[u8; 12]) -> Element {
    let mut counter = [0; 16];
    counter[..12].copy_from_slice(iv);
    counter[15] = 1;
    Element::of(&aes256(key, counter))
}

/// A ciphertext and its tag that AES-256-GCM opens under both keys, each to something else. Its last block of three
/// is chosen so that both tags are the same: tag = GHASH + mask is linear in every block.
pub fn two_key_ciphertext(keys: [&[u8; 32]; 2], iv: &[u8; 12], aad: &[u8]) -> ([u8; 48], [u8; 16]) {
    let mut ciphertext = [0x5a; 48];
    ciphertext[32..].fill(0);
    let tag = |key: &[u8; 32], ciphertext: &[u8; 48]| {
        ghash(gcm_h(key), aad, ciphertext).plus(gcm_tag_mask(key, iv))
    };
    // The last block counts times H^2: it is followed by the block of lengths.
    let difference = tag(keys[0], &ciphertext).plus(tag(keys[1], &ciphertext));
    let weights = gcm_h(keys[0]).power(2).plus(gcm_h(keys[1]).power(2));
    ciphertext[32..].copy_from_slice(&difference.times(weights.inverse()).bytes());
    let tag = tag(keys[0], &ciphertext).bytes();
    (ciphertext, tag)
}
