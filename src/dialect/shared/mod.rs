//! What is the same for every vendor: base64, encryption contexts in JSON, JSON bodies, and memory for the engine's answers.

pub mod base64;
pub mod context;
pub mod json;
pub mod output;
pub mod protobuf;
