//! JSON bodies: of requests, which must be objects, and of responses, in memory that is wiped; strings of requests that
//! may be secret.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use crate::dialect::Body;

/// A struct that is read from an object only. Serde would read it from an array too, field by field: no vendor does.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// A request's body. What serde says of a failure may quote the request, so that nobody gets to see it.
pub fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    serde_json::from_slice(body).ok().map(|Object(value)| value)
}

/// The value as JSON.
pub fn body(value: &impl Serialize) -> Body {
    let mut body = Body::default();
    // Cannot fail: memory takes every byte, and the keys of all our maps are strings.
    let _ = serde_json::to_writer(&mut body, value);
    body
}

/// A string that may be a secret. Serde_json puts a string that has escapes together in memory that nobody wipes; this
/// one is put together here.
pub struct Secret(pub Zeroizing<String>);

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?;
        unquote(raw.get()).map(Secret).ok_or_else(|| D::Error::custom("is not a string"))
    }
}

/// What a JSON string says, without its quotes and escapes. None if it is another value, or has half of a surrogate pair.
pub fn unquote(raw: &str) -> Option<Zeroizing<String>> {
    let mut rest = raw.strip_prefix('"')?.strip_suffix('"')?;
    // Never longer than its escaped form, so that it does not move while it grows.
    let mut text = Zeroizing::new(String::with_capacity(rest.len()));
    while let Some(at) = rest.find('\\') {
        let (plain, escaped) = rest.split_at_checked(at)?;
        let (escape, after) = escaped.split_at_checked(escape_len(escaped))?;
        text.push_str(plain);
        text.push(serde_json::from_str(&format!("\"{escape}\"")).ok()?);
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

/// Bytes of the escape that a text begins with; \uD800 to \uDBFF is the first half of a pair.
fn escape_len(text: &str) -> usize {
    match text.as_bytes() {
        [_, b'u', b'd' | b'D', b'8' | b'9' | b'a' | b'A' | b'b' | b'B', ..] => 12,
        [_, b'u', ..] => 6,
        _ => 2,
    }
}
