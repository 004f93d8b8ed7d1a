//! GHASH (NIST SP 800-38D clause 6.4) by carry-less multiplication.
//!
//! GHASH numbers the bits of a block backwards. As RFC 8452 appendix A shows, it is the same as POLYVAL, whose order is the
//! processor's, over byte-reversed blocks and a key that is multiplied by x once. Products are added up unreduced and
//! reduced once for every eight blocks (Gueron and Kounavis, "Intel Carry-Less Multiplication Instruction and its Usage for
//! Computing the GCM Mode", which calls it aggregated reduction).

use std::arch::x86_64::*;

/// Blocks for one reduction.
pub const POWERS: usize = 8;

/// The upper half of POLYVAL's polynomial x^128 + x^127 + x^126 + x^121 + 1.
const POLYNOMIAL: u64 = 0xc200_0000_0000_0000;

/// Powers of the hash key, from the first to the eighth.
#[derive(Clone, Copy)]
pub struct Powers([__m128i; POWERS]);

impl Powers {
    /// Of H, the block of zeros encrypted.
    #[target_feature(enable = "pclmulqdq,avx")]
    pub fn new(h: __m128i) -> Powers {
        let first = multiplied_by_x(reversed(h));
        let mut powers = [first; POWERS];
        // The second half is the first times H^4, so that the eighth waits for three products and not for seven.
        powers[1] = product(first, first);
        powers[2] = product(powers[1], first);
        powers[3] = product(powers[1], powers[1]);
        for at in 0..POWERS / 2 {
            powers[POWERS / 2 + at] = product(powers[at], powers[POWERS / 2 - 1]);
        }
        Powers(powers)
    }
}

/// The hash of a message whose number of blocks is known before: so the last reduction is the only one that anything has to
/// wait for.
pub struct Ghash<'a> {
    powers: &'a Powers,
    /// Blocks still to come.
    left: usize,
    /// What was hashed in the groups of blocks before.
    hash: __m128i,
    sum: Product,
}

impl<'a> Ghash<'a> {
    #[inline]
    #[target_feature(enable = "pclmulqdq,avx")]
    pub fn new(powers: &'a Powers, blocks: usize) -> Self {
        Ghash { powers, left: blocks, hash: _mm_setzero_si128(), sum: Product::zero() }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,avx")]
    pub fn update(&mut self, block: __m128i) {
        self.left = self.left.wrapping_sub(1);
        let followers = self.left % POWERS;
        let block = _mm_xor_si128(reversed(block), self.hash);
        self.hash = _mm_setzero_si128();
        self.sum.add(block, self.powers.0[followers]);
        if followers == 0 {
            self.hash = self.sum.reduced();
            self.sum = Product::zero();
        }
    }

    /// The hash of all blocks.
    #[inline]
    #[target_feature(enable = "pclmulqdq,avx")]
    pub fn finish(self) -> __m128i {
        debug_assert!(self.left == 0);
        reversed(self.hash)
    }
}

/// Sums of products of 255 bits, in three overlapping parts.
struct Product {
    low: __m128i,
    middle: __m128i,
    high: __m128i,
}

impl Product {
    #[inline]
    #[target_feature(enable = "pclmulqdq,avx")]
    fn zero() -> Product {
        let zero = _mm_setzero_si128();
        Product { low: zero, middle: zero, high: zero }
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,avx")]
    fn add(&mut self, a: __m128i, b: __m128i) {
        let crossed = _mm_xor_si128(_mm_clmulepi64_si128(a, b, 0x01), _mm_clmulepi64_si128(a, b, 0x10));
        self.low = _mm_xor_si128(self.low, _mm_clmulepi64_si128(a, b, 0x00));
        self.middle = _mm_xor_si128(self.middle, crossed);
        self.high = _mm_xor_si128(self.high, _mm_clmulepi64_si128(a, b, 0x11));
    }

    /// Divided by x^128 modulo the polynomial (Montgomery's reduction): 64 bits at a time, the lowest are cancelled by
    /// adding a multiple of the polynomial.
    #[inline]
    #[target_feature(enable = "pclmulqdq,avx")]
    fn reduced(&self) -> __m128i {
        let polynomial = _mm_set1_epi64x(POLYNOMIAL as i64);
        let fold = |part: __m128i, into: __m128i| {
            let multiple = _mm_clmulepi64_si128(part, polynomial, 0x00);
            _mm_xor_si128(into, _mm_xor_si128(_mm_shuffle_epi32(part, 0x4e), multiple))
        };
        fold(fold(self.low, self.middle), self.high)
    }
}

#[inline]
#[target_feature(enable = "pclmulqdq,avx")]
fn product(a: __m128i, b: __m128i) -> __m128i {
    let mut product = Product::zero();
    product.add(a, b);
    product.reduced()
}

/// RFC 8452 appendix A, mulX_POLYVAL.
#[inline]
#[target_feature(enable = "pclmulqdq,avx")]
fn multiplied_by_x(value: __m128i) -> __m128i {
    // The highest bit of each half goes to the lowest of the other one; that of the upper half to the polynomial, too.
    let carries = _mm_srli_epi64(value, 63);
    let doubled = _mm_or_si128(_mm_add_epi64(value, value), _mm_slli_si128(carries, 8));
    let overflow = _mm_sub_epi64(_mm_setzero_si128(), _mm_srli_si128(carries, 8));
    let overflow = _mm_shuffle_epi32(overflow, 0x44);
    _mm_xor_si128(doubled, _mm_and_si128(overflow, _mm_set_epi64x(POLYNOMIAL as i64, 1)))
}

#[inline]
#[target_feature(enable = "pclmulqdq,avx")]
fn reversed(block: __m128i) -> __m128i {
    _mm_shuffle_epi8(block, _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
}
