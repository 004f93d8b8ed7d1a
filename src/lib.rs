//! libkms: a key management service inside the process. The map of the house, floor by floor; calls go downwards only.
//!
//! - [`capi`]     the C ABI (include/kms.h): converts arguments and answers, catches panics, has no logic
//! - [`dialect`]  requests of vendors' SDKs, translated for the engine; one file per vendor
//! - [`engine`]   the operations: data keys, payloads, keys and aliases; knows no C and no SQL
//! - [`keyring`]  what is cached of the store, and for how long it may be believed
//! - [`access`]   who may do what to a key: principals, policies, grants; decides from what it is given
//! - [`audit`]    the log of what was done, as a chain of records in files
//! - [`store`]    sealed rows, in memory or in SQLite
//! - [`root`]     where the root key comes from
//! - [`crypto`]   XAES-256-GCM, the ciphertext blob, the generator, secret memory
//! - [`platform`] every call to the operating system
//! - [`error`]    everything that can go wrong, and its one map to status codes
#![deny(unsafe_code)]

pub mod access;
pub mod audit;
pub mod capi;
pub mod crypto;
pub mod dialect;
pub mod engine;
pub mod error;
pub mod keyring;
pub mod platform;
pub mod root;
pub mod store;
#[cfg(feature = "test-hooks")]
pub mod test_hooks;

pub use error::{Error, Result};
