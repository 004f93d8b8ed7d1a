//! What is the same for more than one vendor: base64, encryption contexts in JSON, JSON bodies, named parameters,
//! protocol buffers, memory for the engine's answers, and messages.

pub mod base64;
pub mod bytes;
pub mod context;
pub mod json;
pub mod output;
pub mod params;
pub mod protobuf;
pub mod wording;
