//! proto3's JSON form, field by field: null is the default, bytes are base64 of either alphabet, an enum is its name or
//! its number. What proto3 leaves to the parser (quoted booleans, unknown names) is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::Serializer;
use zeroize::Zeroizing;

use super::MAX_AAD;
use crate::dialect::shared::base64;
use crate::dialect::shared::json::Secret;

const KEY_SPECS: [&str; 6] =
    ["SYMMETRIC_ALGORITHM_UNSPECIFIED", "AES_128", "AES_192", "AES_256", "AES_256_HSM", "GOST_R_3412_2015_K"];

/// A value, or null.
pub fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

pub fn plaintext<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<Vec<u8>>, D::Error> {
    let text: Option<Secret> = Option::deserialize(deserializer)?;
    text.map_or(Ok(Zeroizing::default()), |Secret(text)| decode(&text))
}

pub fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    plaintext(deserializer).map(|mut bytes| std::mem::take(&mut *bytes))
}

/// The published limit is on the text; what is longer is given as more than any message may have, whose check names it.
pub fn aad<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    match Option::<Secret>::deserialize(deserializer)? {
        Some(Secret(text)) if text.len() > MAX_AAD => Ok(vec![0; MAX_AAD + 1]),
        Some(Secret(text)) => decode(&text).map(|mut bytes| std::mem::take(&mut *bytes)),
        None => Ok(Vec::new()),
    }
}

fn decode<E: Error>(text: &str) -> Result<Zeroizing<Vec<u8>>, E> {
    base64::decode_any(text).ok_or_else(|| E::custom("is not base64"))
}

pub fn bytes_out<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::encode(bytes))
}

/// SymmetricAlgorithm.
pub fn key_spec<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    deserializer.deserialize_any(KeySpecVisitor)
}

struct KeySpecVisitor;

impl Visitor<'_> for KeySpecVisitor {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a SymmetricAlgorithm")
    }

    fn visit_unit<E: Error>(self) -> Result<i32, E> {
        Ok(0)
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<i32, E> {
        let numbered = (0..).zip(KEY_SPECS).find(|(_, known)| *known == name);
        numbered.map(|(number, _)| number).ok_or_else(|| E::custom("an unknown SymmetricAlgorithm"))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
        i32::try_from(number).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
        i32::try_from(number).map_err(E::custom)
    }

    /// JSON has one kind of number: 3.0 and 3e0 are 3.
    fn visit_f64<E: Error>(self, number: f64) -> Result<i32, E> {
        let whole = number as i32;
        if f64::from(whole) == number { Ok(whole) } else { Err(E::custom("not a whole number")) }
    }
}
