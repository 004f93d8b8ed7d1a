//! Named parameters of a request: from a query string, a form, or a flat JSON object. A name that is there twice is
//! refused; an empty value is none.

use std::fmt;

use percent_encoding::percent_decode;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::context::ContextMap;
use super::{base64, json};
use crate::capi::constants::{KMS_KEY_SPEC_AES_128, KMS_KEY_SPEC_AES_256, KMS_MAX_DATA_KEY_SIZE};
use crate::error::{Error, Result};

/// How long a data key shall be: a key spec, or a number of bytes; the other is 0.
#[derive(Clone, Copy)]
pub struct Length {
    pub key_spec: u32,
    pub number_of_bytes: u32,
}

impl Length {
    pub const AES_256: Length = Length { key_spec: KMS_KEY_SPEC_AES_256, number_of_bytes: 0 };
}

/// More than any request of the vendors has, and few enough to be looked through one by one.
const MAX_PARAMS: usize = 64;

#[derive(Default)]
pub struct Params(Vec<(String, Value)>);

/// Values may be plaintexts.
enum Value {
    /// Of a query or a form, where a number is its digits.
    Form(Zeroizing<String>),
    Text(Zeroizing<String>),
    Number(u64),
    Null,
    Other,
}

impl Params {
    /// Adds those of a query string or a form.
    pub fn add_form(&mut self, form: &[u8]) -> Result<()> {
        for pair in form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(parts.next().unwrap_or_default())?;
            let value = decode(parts.next().unwrap_or_default())?;
            self.add(name.as_str().into(), Value::Form(value))?;
        }
        Ok(())
    }

    /// Adds the members of a JSON object.
    pub fn add_json(&mut self, body: &[u8]) -> Result<()> {
        let members: Members =
            json::object(body).ok_or_else(|| Error::argument("the body is not a JSON object"))?;
        members.0.into_iter().try_for_each(|(name, value)| self.add(name, value))
    }

    fn add(&mut self, name: String, value: Value) -> Result<()> {
        if self.0.len() == MAX_PARAMS {
            return Err(Error::argument("there are too many parameters"));
        }
        if self.0.iter().any(|(known, _)| *known == name) {
            return Err(Error::argument("a parameter is there twice"));
        }
        self.0.push((name, value));
        Ok(())
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Every parameter must be one of these.
    pub fn refuse_unknown(&self, known: &[&[&str]]) -> Result<()> {
        let is_known = |name: &str| known.iter().any(|names| names.contains(&name));
        if self.0.iter().all(|(name, _)| is_known(name)) {
            return Ok(());
        }
        Err(Error::argument("a parameter is not one of this action"))
    }

    /// Whether it says anything.
    pub fn has(&self, name: &str) -> bool {
        match self.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::Form(text) | Value::Text(text)) => !text.is_empty(),
            Some(Value::Number(_) | Value::Other) => true,
        }
    }

    pub fn text(&self, name: &str) -> Result<Option<&str>> {
        match self.get(name) {
            Some(Value::Form(text) | Value::Text(text)) => {
                Ok(Some(text.as_str()).filter(|text| !text.is_empty()))
            }
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(_) | Value::Other) => Err(Error::argument(format!("{name}: is not a string"))),
        }
    }

    pub fn number(&self, name: &str) -> Result<Option<u32>> {
        let number = match self.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Form(text)) if text.is_empty() => return Ok(None),
            // Of what the parser takes, the sign is none of ours.
            Some(Value::Form(text)) if !text.starts_with('+') => text.parse().ok(),
            Some(Value::Number(number)) => u32::try_from(*number).ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| Error::argument(format!("{name}: is not a whole number in range")))
    }

    /// Bytes in base64.
    pub fn bytes(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let decode = |text: &str| {
            base64::decode(text).ok_or_else(|| Error::argument(format!("{name}: is not base64")))
        };
        self.text(name)?.map(decode).transpose()
    }

    /// An encryption context: a JSON object of strings, in a string.
    pub fn context(&self, name: &str) -> Result<ContextMap<'_>> {
        let Some(text) = self.text(name)? else { return Ok(ContextMap::default()) };
        serde_json::from_str(text)
            .map_err(|_| Error::argument(format!("{name}: is not a JSON object of strings, each key once")))
    }

    /// A number of bytes, which wins, or a key spec; None if neither is given.
    pub fn length(&self, number_of_bytes: &str, key_spec: &str) -> Result<Option<Length>> {
        if let Some(number) = self.number(number_of_bytes)? {
            // Zero would be the engine's "not given".
            if !(1..=KMS_MAX_DATA_KEY_SIZE).contains(&(number as usize)) {
                return Err(Error::argument(format!(
                    "{number_of_bytes}: is {number}, expected 1 to {KMS_MAX_DATA_KEY_SIZE}"
                )));
            }
            return Ok(Some(Length { key_spec: 0, number_of_bytes: number }));
        }
        let key_spec = match self.text(key_spec)? {
            None => return Ok(None),
            Some("AES_256") => KMS_KEY_SPEC_AES_256,
            Some("AES_128") => KMS_KEY_SPEC_AES_128,
            Some(_) => return Err(Error::argument(format!("{key_spec}: expected AES_256 or AES_128"))),
        };
        Ok(Some(Length { key_spec, number_of_bytes: 0 }))
    }
}

/// application/x-www-form-urlencoded, but strictly UTF-8: a replacement character would make one context of two.
fn decode(encoded: &[u8]) -> Result<Zeroizing<String>> {
    let spaced: Zeroizing<Vec<u8>> =
        Zeroizing::new(encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect());
    // Never longer than the encoding, so that it does not move while it grows.
    let mut decoded = Zeroizing::new(Vec::with_capacity(encoded.len()));
    decoded.extend(percent_decode(&spaced));
    let text = std::str::from_utf8(&decoded).map_err(|_| Error::argument("a parameter is not UTF-8"))?;
    Ok(Zeroizing::new(text.into()))
}

/// The members of a JSON object, in their order.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Members, M::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            // One too many is enough to be refused for.
            if members.len() <= MAX_PARAMS {
                members.push(member);
            }
        }
        Ok(Members(members))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        if raw.starts_with('"') {
            let text = json::unquote(raw).ok_or_else(|| D::Error::custom("is not a text"))?;
            return Ok(Value::Text(text));
        }
        Ok(match raw {
            "null" => Value::Null,
            _ => raw.parse().map_or(Value::Other, Value::Number),
        })
    }
}
