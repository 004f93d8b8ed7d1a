//! Protocol buffers messages of requests and responses.

use prost::Message;
use prost::bytes::Bytes;
use prost::encoding::{DecodeContext, decode_key, skip_field};
use zeroize::Zeroizing;

use crate::dialect::Body;

/// The message, if the bytes are one with field numbers up to `fields`. Parsers skip what they don't know; here that
/// would be an AAD or a limit that nobody enforces, so it is refused.
pub fn message<M: Message + Default>(bytes: &[u8], fields: u32) -> Option<M> {
    // Of a slice prost makes copies of its own, which nobody wipes; of this it makes none but the message's.
    let wiped = Bytes::from_owner(Zeroizing::new(bytes.to_vec()));
    let message = M::decode(wiped).ok()?;
    let mut rest = bytes;
    while !rest.is_empty() {
        let (tag, wire_type) = decode_key(&mut rest).ok()?;
        if tag > fields {
            return None;
        }
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).ok()?;
    }
    Some(message)
}

/// The encoding, in one piece of memory that is wiped.
pub fn body(message: &impl Message) -> Body {
    Body::from(message.encode_to_vec())
}
