//! JSON bodies: of requests, which must be objects, and of responses, in memory that is wiped.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

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
