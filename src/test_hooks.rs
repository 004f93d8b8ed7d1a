//! For this crate's own tests only (feature `test-hooks`, never in a shipped library): an injected panic, a file
//! system that fails, and what the library otherwise never shows, so that tests can open its ciphertexts with other
//! software.

use std::cell::Cell;
use std::ffi::CStr;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use crate::capi::types::kms_t;
use crate::crypto::blob::HEADER_SIZE;
use crate::engine::Kms;
use crate::error::{Detail, Error, Result};
use crate::keyring::KeyName;

thread_local! {
    static PANIC_IN: Cell<Option<&'static str>> = const { Cell::new(None) };
    static FILE_SYSTEM: Cell<Option<FileSystem>> = const { Cell::new(None) };
}

/// A file system that a test has made: a registered VFS of SQLite, and what syncs a file on it.
pub type FileSystem = (&'static CStr, fn(&Path) -> io::Result<()>);

/// What stores that this thread opens work on.
pub fn use_file_system(file_system: Option<FileSystem>) {
    FILE_SYSTEM.set(file_system);
}

pub(crate) fn file_system() -> Option<FileSystem> {
    FILE_SYSTEM.get()
}

/// Makes the next call of an export on this thread panic.
pub fn panic_in(function: Option<&'static str>) {
    PANIC_IN.set(function);
}

#[allow(clippy::panic)] // its purpose
pub(crate) fn panic_if_asked(function: &'static str) {
    if PANIC_IN.get() == Some(function) {
        PANIC_IN.set(None);
        panic!("injected by a test; must not be printed");
    }
}

/// A key version as other software needs it.
pub struct ExportedVersion {
    /// The first bytes of every ciphertext made under it.
    pub header: [u8; HEADER_SIZE],
    pub material: [u8; 32],
}

/// The material of a version of a key, by the key's id, and the start of its ciphertexts.
pub fn material(kms: &kms_t, key_id: &str, version: u32) -> Result<ExportedVersion> {
    material_of(&kms.kms, key_id, version)
}

/// The same through a handle of the engine.
pub fn material_of(kms: &Kms, key_id: &str, version: u32) -> Result<ExportedVersion> {
    let key = kms.keyring()?.by_name(KeyName::Id(key_id))?;
    let version = key.version(version).ok_or_else(|| Error::not_found(Detail::Version, key_id))?;
    let material = version.material.as_ref().ok_or(Error::Internal("a destroyed version"))?;
    Ok(ExportedVersion { header: version.header, material: *material.bytes() })
}

/// Creates many keys in one transaction: to fill a store is not to wait for the disk once for each.
pub fn create_keys(kms: &kms_t, key_ids: &[String]) -> Result<()> {
    kms.kms.create_keys(key_ids)
}

/// Seconds that the clocks of this process are put forward, for waiting periods of days.
pub static SECONDS_AHEAD: AtomicU64 = AtomicU64::new(0);
