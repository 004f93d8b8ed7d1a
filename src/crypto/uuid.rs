//! Random UUIDs (RFC 9562 version 4): ids of keys, versions, stores and requests.

use crate::error::{Error, Result};

pub type Uuid = [u8; 16];

/// Characters of a UUID's text.
pub const TEXT_SIZE: usize = 36;

/// Fills from the kernel's generator.
pub fn fill_from_kernel(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes).map_err(|_| Error::KeyUnavailable("the kernel's random generator failed".into()))
}

/// A new UUID from the kernel's generator.
pub fn random() -> Result<Uuid> {
    let mut bytes = [0; 16];
    fill_from_kernel(&mut bytes)?;
    Ok(from_random(bytes))
}

/// Sets version 4 and the variant in random bytes.
#[inline]
pub fn from_random(mut bytes: [u8; 16]) -> Uuid {
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    bytes
}

/// Of a random UUID, for tables.
#[inline]
pub fn uuid_hash(uuid: &Uuid) -> u64 {
    let [a, b, c, d, e, f, ..] = *uuid;
    u64::from_le_bytes([a, b, c, d, e, f, 0, 0])
}

/// The usual text form, lower case.
pub fn text(uuid: &Uuid) -> [u8; TEXT_SIZE] {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; TEXT_SIZE];
    let mut position = 0;
    for (index, byte) in uuid.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            position += 1;
        }
        text[position] = HEX[usize::from(byte >> 4)];
        text[position + 1] = HEX[usize::from(byte & 15)];
        position += 2;
    }
    text
}

pub fn to_string(uuid: &Uuid) -> String {
    text(uuid).iter().map(|byte| char::from(*byte)).collect()
}
