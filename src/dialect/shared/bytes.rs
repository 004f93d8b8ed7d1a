//! Bytes in JSON, as base64 of the standard alphabet.

use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, Error};
use zeroize::Zeroizing;

use super::base64;
use super::json::Secret;

/// Bytes that may be a plaintext: wiped when dropped.
pub struct Bytes(Zeroizing<Vec<u8>>);

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Secret(text) = Secret::deserialize(deserializer)?;
        base64::decode(&text).map(Bytes).ok_or_else(|| D::Error::custom("no base64"))
    }
}
