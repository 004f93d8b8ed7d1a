//! Aliases: further names of keys.

use std::ffi::c_char;

use super::guard::guard;
use super::input::{self, Extensible};
use super::items::List;
use super::types::{kms_buffer_t, kms_error_t, kms_page_t, kms_status_t, kms_t};
use crate::engine::AliasRequest;

/// An alias to create.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_create_alias_request_t {
    pub struct_size: usize,
    /// "alias/" and 1..250 of A-Z a-z 0-9 - _ / ; required.
    pub alias: *const c_char,
    /// Id or ARN of the key it shall name; required.
    pub key_id: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_create_alias_request_t {
    const NAME: &'static str = "request";
}

/// Which aliases to list.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_list_aliases_request_t {
    pub struct_size: usize,
    /// Only this key's; NULL = all.
    pub key_id: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_list_aliases_request_t {
    const NAME: &'static str = "request";
}

/// An alias and the key it names.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_alias_info_t {
    pub struct_size: usize,
    pub alias: [c_char; 257],
    pub key_id: [c_char; 65],
    pub reserved0: [c_char; 6],
    /// Keeps the 8-byte members aligned on 32-bit machines.
    pub reserved2: usize,
    /// Unix time in seconds.
    pub created_at: i64,
}

impl Extensible for kms_alias_info_t {
    const NAME: &'static str = "items";
}

/// An alias to delete.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_alias_request_t {
    pub struct_size: usize,
    /// Required.
    pub alias: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_alias_request_t {
    const NAME: &'static str = "request";
}

/// Gives a key a further name.
///
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND (the key); KMS_ALREADY_EXISTS (the alias);
///   KMS_INVALID_STATE (the key is pending deletion); KMS_READ_ONLY; KMS_LIMIT_EXCEEDED; KMS_ACCESS_DENIED;
///   KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_create_alias(
    kms: *mut kms_t,
    request: *const kms_create_alias_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_create_alias", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes and NUL-terminated strings.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            kms.create_alias(&AliasRequest {
                alias: input::required_str("request.alias", raw.alias)?,
                key_id: input::required_str("request.key_id", raw.key_id)?,
                flags: raw.flags,
            })
        }
    })
}

/// Lets an alias name another key.
///
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND (alias or key); KMS_INVALID_STATE (the key is
///   pending deletion); KMS_READ_ONLY; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_update_alias(
    kms: *mut kms_t,
    request: *const kms_create_alias_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_update_alias", error, || {
        // SAFETY: as in kms_create_alias.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            kms.update_alias(&AliasRequest {
                alias: input::required_str("request.alias", raw.alias)?,
                key_id: input::required_str("request.key_id", raw.key_id)?,
                flags: raw.flags,
            })
        }
    })
}

/// Deletes an alias; the key stays.
///
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_READ_ONLY; KMS_ACCESS_DENIED;
///   KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_delete_alias(
    kms: *mut kms_t,
    request: *const kms_alias_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_delete_alias", error, || {
        // SAFETY: as in kms_create_alias.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            kms.delete_alias(input::required_str("request.alias", raw.alias)?, raw.flags)
        }
    })
}

/// Lists aliases, page by page, as kms_list_keys() does.
///
/// \param items  items_capacity structs, item_size = sizeof(kms_alias_info_t) bytes apart; required
/// \param text   no string of an alias is long enough to need it; NULL
/// \return as kms_list_keys(); KMS_NOT_FOUND (request.key_id).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_list_aliases(
    kms: *mut kms_t,
    request: *const kms_list_aliases_request_t,
    page: *mut kms_page_t,
    items: *mut kms_alias_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_list_aliases", error, || {
        // SAFETY: as in kms_create_alias; items of items_capacity * item_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let key_id = input::optional_str("request.key_id", raw.key_id)?;
            let mut list = List::new(page, items, item_size, items_capacity, text)?;
            let aliases = kms.list_aliases(key_id, list.marker(), list.capacity(), raw.flags)?;
            list.fill(&aliases)
        }
    })
}
