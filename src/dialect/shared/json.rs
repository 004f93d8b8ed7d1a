//! JSON bodies: of requests, which must be objects, and of responses, in memory that is wiped.

use serde::{Deserialize, Serialize};

use crate::dialect::Body;

/// A request's body. Serde would read a struct from an array too, field by field: no vendor does.
/// What serde says of a failure may quote the request, so that nobody gets to see it.
pub fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Option<T> {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    if is_object { serde_json::from_slice(body).ok() } else { None }
}

/// The value as JSON.
pub fn body(value: &impl Serialize) -> Body {
    let mut body = Body::default();
    // Cannot fail: memory takes every byte, and the keys of all our maps are strings.
    let _ = serde_json::to_writer(&mut body, value);
    body
}
