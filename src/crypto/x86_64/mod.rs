//! AES-256 and AES-256-GCM by the instructions of x86-64 processors (AES-NI, PCLMULQDQ): what aes256 and gcm choose where
//! the processor has them. No look-ups in tables and no branches on secrets: the instructions take the same time for all
//! data. What they work on stays in registers, but for what the compiler spills.
#![allow(unsafe_code)] // loads, stores, and calls of functions that need these instructions; each block argues its case

mod aes;
mod gcm;
mod ghash;

use std::arch::x86_64::{__m128i, _mm_loadu_si128, _mm_storeu_si128};

pub use aes::Schedule;
pub use gcm::Gcm;

const BLOCK: usize = 16;

/// Whether this processor has everything that the functions here are compiled for. AVX is asked for because it saves the
/// copies of two-operand instructions; all but the very first processors with AES-NI have it.
#[inline]
pub fn is_usable() -> bool {
    is_x86_feature_detected!("aes")
        && is_x86_feature_detected!("pclmulqdq")
        && is_x86_feature_detected!("avx")
}

#[inline(always)]
fn load(bytes: &[u8; BLOCK]) -> __m128i {
    // SAFETY: 16 readable bytes, at any alignment; every x86-64 processor has SSE2.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

/// A block of less than 16 bytes, with zeros after them.
#[inline(always)]
fn load_partial(bytes: &[u8]) -> __m128i {
    let mut block = [0; BLOCK];
    block.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
    load(&block)
}

#[inline(always)]
fn store(block: __m128i, bytes: &mut [u8; BLOCK]) {
    // SAFETY: 16 writable bytes, at any alignment; every x86-64 processor has SSE2.
    unsafe { _mm_storeu_si128(bytes.as_mut_ptr().cast(), block) }
}
