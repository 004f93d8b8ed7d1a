//! Cryptography and the ciphertext format: XAES-256-GCM with key commitment, the generator, secret memory.
//! Knows keys as bytes; nothing of names, stores or states.

pub mod aad;
mod aes256;
pub mod blob;
pub mod gcm;
pub mod hex;
pub mod kdf;
pub mod rng;
pub mod secret;
pub mod selftest;
pub mod uuid;
#[cfg(target_arch = "x86_64")]
mod x86_64;
pub mod xaes;
