//! What is the same for more than one vendor: base64, encryption contexts in JSON, JSON bodies, named parameters,
//! protocol buffers, and memory for the engine's answers.

pub mod base64;
pub mod bytes;
pub mod context;
pub mod json;
pub mod output;
pub mod params;
pub mod protobuf;
