//! Additional authenticated data: raw bytes, or an encryption context, and their one encoding (docs/format.md).

use std::borrow::Cow;

use super::blob::HEADER_SIZE;
use crate::error::{Error, Result};

pub const MAX_RAW: usize = 8192;
pub const MAX_CONTEXT: usize = 32768;
pub const MAX_CONTEXT_PAIRS: usize = 2048;

/// The pairs of a context: of whoever has a place for them, else in memory of their own.
pub type Pairs<'a> = Cow<'a, [(&'a str, &'a str)]>;

/// What authenticates a ciphertext besides its header.
pub enum Aad<'a> {
    /// None; empty raw AAD and an empty context are the same.
    None,
    Raw(&'a [u8]),
    Context(Context<'a>),
}

/// Pairs of strings, in canonical order, keys distinct.
pub struct Context<'a> {
    pairs: Pairs<'a>,
}

impl<'a> Aad<'a> {
    #[inline]
    pub fn raw(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > MAX_RAW {
            return Err(Error::argument(format!(
                "request.aad: has {} bytes, at most {MAX_RAW} are allowed",
                bytes.len()
            )));
        }
        Ok(if bytes.is_empty() { Aad::None } else { Aad::Raw(bytes) })
    }

    /// The pairs of a context, in the order of their keys.
    pub fn pairs(&self) -> &[(&'a str, &'a str)] {
        match self {
            Aad::Context(context) => &context.pairs,
            Aad::None | Aad::Raw(_) => &[],
        }
    }

    /// Bytes of the encoding.
    #[inline]
    fn encoded_len(&self) -> usize {
        match self {
            Aad::None => 1,
            Aad::Raw(bytes) => 1 + bytes.len(),
            Aad::Context(context) => {
                1 + context.pairs.iter().map(|(key, value)| 8 + key.len() + value.len()).sum::<usize>()
            }
        }
    }

    /// Writes the encoding, a kind byte, then the raw bytes, or each pair with its lengths, into a place of its length.
    #[inline]
    fn encode(&self, place: &mut [u8]) {
        let Some((kind, mut rest)) = place.split_first_mut() else { return };
        match self {
            Aad::None => *kind = 0,
            Aad::Raw(bytes) => {
                *kind = 1;
                rest.copy_from_slice(bytes);
            }
            Aad::Context(context) => {
                *kind = 2;
                for (key, value) in &*context.pairs {
                    rest = put(value, put(key, rest));
                }
            }
        }
    }
}

/// A string with its length before it; gives what is left of the place.
#[inline]
fn put<'p>(text: &str, place: &'p mut [u8]) -> &'p mut [u8] {
    // MAX_CONTEXT is far below u32::MAX.
    let len = (text.len() as u32).to_be_bytes();
    let (len_place, rest) = place.split_at_mut(len.len());
    let (text_place, rest) = rest.split_at_mut(text.len());
    len_place.copy_from_slice(&len);
    text_place.copy_from_slice(text.as_bytes());
    rest
}

/// A place to put AAD together, used again and again; holds nothing secret.
#[derive(Default)]
pub struct AadBuffer {
    bytes: Vec<u8>,
}

impl AadBuffer {
    /// A blob's AAD: its header, and the encoding of what its caller gives.
    #[inline]
    pub fn build(&mut self, header: &[u8; HEADER_SIZE], aad: &Aad<'_>) -> &[u8] {
        let len = HEADER_SIZE + aad.encoded_len();
        if self.bytes.len() < len {
            self.bytes.resize(len, 0);
        }
        let (place, _) = self.bytes.split_at_mut(len);
        let (header_place, encoding) = place.split_at_mut(HEADER_SIZE);
        header_place.copy_from_slice(header);
        aad.encode(encoding);
        place
    }
}

impl<'a> Context<'a> {
    pub fn check_len(pairs: usize) -> Result<()> {
        if pairs > MAX_CONTEXT_PAIRS {
            return Err(Error::argument(format!(
                "request.context: has {pairs} pairs, at most {MAX_CONTEXT_PAIRS} are allowed"
            )));
        }
        Ok(())
    }

    /// Checks the limits and puts the pairs in order: by the unsigned bytes of their keys, a shorter prefix first.
    pub fn new(pairs: Pairs<'a>) -> Result<Self> {
        let mut pairs = pairs.into_owned();
        Self::put_in_order(&mut pairs)?;
        if pairs.iter().any(|(key, value)| key.contains('\0') || value.contains('\0')) {
            return Err(Error::argument("request.context: a string contains NUL"));
        }
        Ok(Context { pairs: Cow::Owned(pairs) })
    }

    /// The same of pairs that stay where they are, and were C strings: none contains NUL.
    pub fn in_place<'t: 'a>(pairs: &'a mut [(&'t str, &'t str)]) -> Result<Self> {
        Self::put_in_order(pairs)?;
        Ok(Context { pairs: Cow::Borrowed(pairs) })
    }

    fn put_in_order(pairs: &mut [(&str, &str)]) -> Result<()> {
        Self::check_len(pairs.len())?;
        let size: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        if size > MAX_CONTEXT {
            return Err(Error::argument(format!(
                "request.context: has {size} bytes, at most {MAX_CONTEXT} are allowed"
            )));
        }
        if pairs.iter().any(|(key, _)| key.is_empty()) {
            return Err(Error::argument("request.context: a key is empty"));
        }
        pairs.sort_unstable_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        if pairs.windows(2).any(|two| matches!(two, [a, b] if a.0 == b.0)) {
            return Err(Error::argument("request.context: a key is there twice"));
        }
        Ok(())
    }
}
