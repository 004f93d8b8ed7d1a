//! The ciphertext blob, format 1: one fixed layout, one parser. See docs/format.md.
//!
//! ```text
//! 0 magic "KM" | 2 format | 3 algorithm | 4 key UUID | 20 version | 24 commitment | 56 N1 | 68 IV | 80 data | tag
//! ```
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::gcm::{IV_SIZE, TAG_SIZE};
use super::uuid::Uuid;
use super::xaes::{COMMITMENT_SIZE, N1_SIZE};
use crate::error::{Error, Result};

const MAGIC: [u8; 2] = *b"KM";
const FORMAT: u8 = 1;
const XAES_256_GCM: u8 = 1;

/// Bytes before N1, which are authenticated as AAD.
pub const HEADER_SIZE: usize = 56;
/// Bytes before the encrypted data.
const DATA_OFFSET: usize = HEADER_SIZE + N1_SIZE + IV_SIZE;
/// Bytes that a blob is longer than its plaintext.
pub const OVERHEAD: usize = DATA_OFFSET + TAG_SIZE;
/// Most bytes of plaintext.
pub const MAX_PLAINTEXT: usize = 65536;

/// What stands before N1: which material opens the blob.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub key_uuid: Uuid,
    /// From 1.
    pub version: u32,
    pub commitment: [u8; COMMITMENT_SIZE],
}

impl Header {
    pub fn to_bytes(self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let fields = MAGIC
            .into_iter()
            .chain([FORMAT, XAES_256_GCM])
            .chain(self.key_uuid)
            .chain(self.version.to_be_bytes())
            .chain(self.commitment);
        bytes.iter_mut().zip(fields).for_each(|(byte, field)| *byte = field);
        bytes
    }
}

/// A blob's parts, borrowed from its bytes.
pub struct Blob<'a> {
    pub header: Header,
    pub header_bytes: &'a [u8; HEADER_SIZE],
    pub n1: &'a [u8; N1_SIZE],
    pub iv: &'a [u8; IV_SIZE],
    pub ciphertext: &'a [u8],
    pub tag: &'a [u8; TAG_SIZE],
}

impl<'a> Blob<'a> {
    /// The one parser. Another format or algorithm is KMS_UNSUPPORTED; every other misshape is KMS_INVALID_CIPHERTEXT.
    #[inline(always)]
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let malformed = || Error::InvalidCiphertext;
        let (magic, rest) = bytes.split_first_chunk::<2>().ok_or_else(malformed)?;
        let ([format, algorithm], _) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
        if *magic != MAGIC {
            return Err(malformed());
        }
        if *format != FORMAT {
            return Err(unknown("format", *format));
        }
        if *algorithm != XAES_256_GCM {
            return Err(unknown("algorithm", *algorithm));
        }
        let (header_bytes, rest) = bytes.split_first_chunk::<HEADER_SIZE>().ok_or_else(malformed)?;
        let (n1, rest) = rest.split_first_chunk::<N1_SIZE>().ok_or_else(malformed)?;
        let (iv, rest) = rest.split_first_chunk::<IV_SIZE>().ok_or_else(malformed)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_SIZE>().ok_or_else(malformed)?;
        if ciphertext.len() > MAX_PLAINTEXT {
            return Err(malformed());
        }
        let fields = header_bytes.split_at(4).1;
        let (key_uuid, fields) = fields.split_first_chunk::<16>().ok_or_else(malformed)?;
        let (version, fields) = fields.split_first_chunk::<4>().ok_or_else(malformed)?;
        let (commitment, _) = fields.split_first_chunk::<COMMITMENT_SIZE>().ok_or_else(malformed)?;
        let version = u32::from_be_bytes(*version);
        if version == 0 {
            return Err(malformed());
        }
        let header = Header { key_uuid: *key_uuid, version, commitment: *commitment };
        Ok(Blob { header, header_bytes, n1, iv, ciphertext, tag })
    }
}

#[cold]
fn unknown(what: &str, number: u8) -> Error {
    Error::Unsupported(format!("ciphertext {what} {number} is not known here").into())
}

/// Lays out a blob in `out`, which is OVERHEAD longer than the plaintext; gives the place for ciphertext and tag.
#[inline]
pub fn begin<'a>(
    out: &'a mut [u8],
    header: &[u8; HEADER_SIZE],
    n1: &[u8; N1_SIZE],
    iv: &[u8; IV_SIZE],
) -> Result<&'a mut [u8]> {
    let short = || Error::Internal("a short ciphertext");
    let (header_place, rest) = out.split_first_chunk_mut::<HEADER_SIZE>().ok_or_else(short)?;
    let (n1_place, rest) = rest.split_first_chunk_mut::<N1_SIZE>().ok_or_else(short)?;
    let (iv_place, sealed) = rest.split_first_chunk_mut::<IV_SIZE>().ok_or_else(short)?;
    *header_place = *header;
    *n1_place = *n1;
    *iv_place = *iv;
    Ok(sealed)
}
