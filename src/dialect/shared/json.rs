//! JSON bodies of responses, in memory that is wiped.

use serde::Serialize;

use crate::dialect::Body;

/// The value as JSON.
pub fn body(value: &impl Serialize) -> Body {
    let mut body = Body::default();
    // Cannot fail: memory takes every byte, and the keys of all our maps are strings.
    let _ = serde_json::to_writer(&mut body, value);
    body
}
