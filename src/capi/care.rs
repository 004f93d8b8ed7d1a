//! Care for a store: a new root key, backups, verification.

use std::ffi::c_char;

use super::guard::guard;
use super::input::{self, Extensible};
use super::items::List;
use super::types::{kms_buffer_t, kms_bytes_t, kms_error_t, kms_page_t, kms_span_t, kms_status_t, kms_t};
use crate::root::RootKeySource;

/// The new root key of a store; exactly one source, as in kms_open_options_t.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_rekey_request_t {
    pub struct_size: usize,
    /// 32 raw bytes, or empty.
    pub root_key: kms_bytes_t,
    /// Stretched with Argon2id (RFC 9106), or empty.
    pub passphrase: kms_bytes_t,
    /// "file:PATH" or "env:NAME", or NULL.
    pub root_key_uri: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_rekey_request_t {
    const NAME: &'static str = "request";
}

/// Where to write a backup.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_backup_request_t {
    pub struct_size: usize,
    /// A file that is not there yet; required.
    pub path: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_backup_request_t {
    const NAME: &'static str = "request";
}

/// What to verify.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_verify_request_t {
    pub struct_size: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_verify_request_t {
    const NAME: &'static str = "request";
}

/// A damage that kms_verify() found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_damage_info_t {
    pub struct_size: usize,
    /// The row's kind as in docs/format.md; 0 = the store as a whole.
    pub row_kind: u32,
    pub reserved: u32,
    /// The row's id in hex; empty if it is about no one row.
    pub row_id: [c_char; 65],
    /// The key that the row belongs to, if it is known.
    pub key_id: [c_char; 65],
    pub reserved0: [c_char; 6],
    /// What is wrong, for people; in the text buffer.
    pub problem: kms_span_t,
}

impl Extensible for kms_damage_info_t {
    const NAME: &'static str = "items";
}

/// Reseals the whole store under a new root key, in one transaction: a crash leaves it under the old or the new one.
///
/// This handle goes on working; so do new ones with the new root key. Handles of other processes get
/// KMS_WRONG_ROOT_KEY within max_staleness_ms and have to open the store anew. A backup made before still needs the
/// old root key.
///
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_READ_ONLY; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT;
///   KMS_STORE_ERROR; KMS_CORRUPT_STORE (a damaged store is not resealed); KMS_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_rekey(
    kms: *mut kms_t,
    request: *const kms_rekey_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_rekey", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes, strings and readable bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let root_key = input::bytes("request.root_key", raw.root_key)?;
            let passphrase = input::bytes("request.passphrase", raw.passphrase)?;
            let uri = input::optional_str("request.root_key_uri", raw.root_key_uri)?;
            RootKeySource::choose(root_key, passphrase, uri)
                .and_then(|root| kms.rekey(&root, raw.flags))
                .map_err(|error| error.renamed("options.", "request."))
        }
    })
}

/// Writes a consistent copy of the store while it is in use; it opens with the same root key.
///
/// \return KMS_OK; KMS_INVALID_ARGUMENT; KMS_ALREADY_EXISTS (a file is there); KMS_UNSUPPORTED (a store in memory);
///   KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_backup(
    kms: *mut kms_t,
    request: *const kms_backup_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_backup", error, || {
        // SAFETY: as in kms_rekey.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            kms.backup(input::required_str("request.path", raw.path)?, raw.flags)
        }
    })
}

/// Verifies the store step by step: every seal, every sum, every reference. Each call checks some keys and lists the
/// damages found in them; call again while page->more is 1. No damage in any call means that the store is whole.
///
/// \param page   KMS_PAGE_INIT for the first step, then what the last call left; required. items_len counts damages
/// \param items  items_capacity structs, item_size = sizeof(kms_damage_info_t) bytes apart; required
/// \param text   takes the descriptions; NULL = not wanted
/// \return KMS_OK (damages are items, not errors); KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL; KMS_ACCESS_DENIED;
///   KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_verify(
    kms: *mut kms_t,
    request: *const kms_verify_request_t,
    page: *mut kms_page_t,
    items: *mut kms_damage_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_verify", error, || {
        // SAFETY: as in kms_rekey; items of items_capacity * item_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let mut list = List::new(page, items, item_size, items_capacity, text)?;
            let damages = kms.verify(list.marker(), list.capacity(), raw.flags)?;
            list.fill(&damages)
        }
    })
}
