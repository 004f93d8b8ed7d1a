//! Base64 of plaintexts and ciphertexts, in memory that is wiped.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// Standard alphabet, padded.
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(vec![0; bytes.len().div_ceil(3) * 4]);
    // Cannot fail: it is as long as the encoding.
    let len = STANDARD.encode_slice(bytes, text.as_mut_slice()).unwrap_or(0);
    text.truncate(len);
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *text)).unwrap_or_default())
}

/// Standard alphabet, padding required.
pub fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    decode_with(&STANDARD, text)
}

/// The standard or the URL-safe alphabet, with or without padding, as proto3's JSON form has it.
pub fn decode_any(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    decode_with(&GeneralPurpose::new(alphabet, config), text)
}

fn decode_with(engine: &GeneralPurpose, text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let len = engine.decode_slice(text, bytes.as_mut_slice()).ok()?;
    bytes.truncate(len);
    Some(bytes)
}
