//! Versions of keys: rotation by hand, the primary version, destruction; and material that the caller brings.

use std::ffi::c_char;

use super::guard::guard;
use super::input::{self, Extensible};
use super::items::{Info, List};
use super::keys::{key_request, kms_key_request_t};
use super::lifecycle::{kms_schedule_request_t, schedule_request};
use super::types::{kms_buffer_t, kms_bytes_t, kms_error_t, kms_page_t, kms_status_t, kms_t};
use crate::engine::ImportRequest;

/// What there is to know of a key version.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_version_info_t {
    pub struct_size: usize,
    pub key_id: [c_char; 65],
    pub version_id: [c_char; 65],
    pub reserved0: [c_char; 2],
    /// From 1.
    pub version_number: u32,
    /// KMS_VERSION_STATE_*.
    pub state: u32,
    /// KMS_ALGORITHM_*.
    pub algorithm: u32,
    /// 1 if it is the key's primary version.
    pub is_primary: u32,
    pub reserved1: u32,
    /// Keeps the 8-byte members aligned on 32-bit machines.
    pub reserved2: usize,
    /// Unix time in seconds.
    pub created_at: i64,
    /// Unix time in seconds when its material is destroyed; 0 = not scheduled.
    pub destruction_at: i64,
    /// Data keys and payloads made under it, and ciphertexts opened: exact when all handles of the store are closed,
    /// else behind by at most one batch (65,536 uses, 60 s) for each.
    pub uses_sealed: u64,
    pub uses_opened: u64,
    /// Unix time in seconds of its last use; 0 = never used.
    pub last_used_at: i64,
}

impl Extensible for kms_version_info_t {
    const NAME: &'static str = "info";
}

/// Material to import into a key that was created with KMS_ORIGIN_EXTERNAL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_import_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// 32 bytes, fit to be a key; required. Copied into protected memory; kms_wipe() your own.
    pub material: kms_bytes_t,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// Unix time in seconds when the library deletes the material; 0 = never.
    pub expires_at: i64,
    /// The version number that stands in the ciphertexts; 0 = 1. Later imports must give the same, or 0.
    pub version_number: u32,
    /// KMS_DRY_RUN.
    pub flags: u32,
}

impl Extensible for kms_import_request_t {
    const NAME: &'static str = "request";
}

/// Gives a key a new version with fresh material and makes it the primary one. Older versions go on decrypting.
///
/// \param request  version_id must be NULL
/// \param info     the new version; NULL = not wanted
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_DISABLED; KMS_INVALID_STATE;
///   KMS_INVALID_KEY_USAGE (imported material does not rotate); KMS_LIMIT_EXCEEDED; KMS_READ_ONLY;
///   KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
///   KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_rotate_key(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    info: *mut kms_version_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_rotate_key", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes and NUL-terminated strings.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            info.version(&kms.rotate_key(&key_request(&raw)?)?);
            Ok(())
        }
    })
}

/// Makes another version the primary one.
///
/// \param request  version_id is required
/// \return as kms_rotate_key(); KMS_INVALID_STATE (also: the version is destroyed or scheduled to be).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_set_primary_version(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_set_primary_version", error, || {
        // SAFETY: as in kms_rotate_key.
        unsafe { input::handle(kms)?.set_primary_version(&key_request(&input::request(request)?)?) }
    })
}

/// Describes a version.
///
/// \param request  version_id NULL = the primary version
/// \param info     required
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED;
///   KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_describe_key_version(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    info: *mut kms_version_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_describe_key_version", error, || {
        // SAFETY: as in kms_rotate_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::required(info)?;
            info.version(&kms.describe_key_version(&key_request(&raw)?)?);
            Ok(())
        }
    })
}

/// Lists a key's versions by their numbers, page by page, as kms_list_keys() does.
///
/// \param request  version_id must be NULL
/// \param items    items_capacity structs, item_size = sizeof(kms_version_info_t) bytes apart; required
/// \param text     no string of a version is long enough to need it; NULL
/// \return as kms_list_keys(); KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_list_key_versions(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    page: *mut kms_page_t,
    items: *mut kms_version_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_list_key_versions", error, || {
        // SAFETY: as in kms_rotate_key; items of items_capacity * item_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let mut list = List::new(page, items, item_size, items_capacity, text)?;
            let versions = kms.list_key_versions(&key_request(&raw)?, list.marker(), list.capacity())?;
            list.fill(&versions)
        }
    })
}

/// Schedules the destruction of a version's material. The version cannot be used from now on; afterwards its material
/// is erased from the store, and nothing that was encrypted under it can be decrypted. Not for the primary version.
///
/// \param request  version_id is required
/// \param info     NULL = not wanted
/// \return as kms_rotate_key(), but for KMS_DISABLED; KMS_INVALID_STATE (the primary version, or destroyed or
///   scheduled already).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_schedule_version_destruction(
    kms: *mut kms_t,
    request: *const kms_schedule_request_t,
    info: *mut kms_version_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_schedule_version_destruction", error, || {
        // SAFETY: as in kms_rotate_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            info.version(&kms.schedule_version_destruction(&schedule_request(&raw)?)?);
            Ok(())
        }
    })
}

/// Cancels the destruction of a version, which can be used again at once.
///
/// \param request  version_id is required
/// \return as kms_rotate_key(), but for KMS_DISABLED; KMS_INVALID_STATE (not scheduled, or too late).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_cancel_version_destruction(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_cancel_version_destruction", error, || {
        // SAFETY: as in kms_rotate_key.
        unsafe { input::handle(kms)?.cancel_version_destruction(&key_request(&input::request(request)?)?) }
    })
}

/// Imports a key's material: a key that was pending import is enabled then. Importing again, after deletion or expiry or to change the
/// expiry, takes the same material only: other material is KMS_INCORRECT_KEY.
///
/// \param request  required
/// \param info     the version that has the material; NULL = not wanted
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT (not 32 bytes, an expiry in the past); KMS_NOT_FOUND;
///   KMS_INVALID_KEY_USAGE (the key's origin is KMS_ORIGIN_KMS); KMS_INVALID_STATE (pending deletion);
///   KMS_INCORRECT_KEY (other material than before); KMS_READ_ONLY; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED;
///   KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_import_key_material(
    kms: *mut kms_t,
    request: *const kms_import_request_t,
    info: *mut kms_version_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_import_key_material", error, || {
        // SAFETY: as in kms_rotate_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            let imported = kms.import_key_material(&ImportRequest {
                key_id: input::required_str("request.key_id", raw.key_id)?,
                material: input::bytes("request.material", raw.material)?,
                grant_tokens: input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?,
                expires_at: raw.expires_at,
                version_number: raw.version_number,
                flags: raw.flags,
            })?;
            info.version(&imported);
            Ok(())
        }
    })
}

/// Erases imported material from the store: the key is pending import then.
///
/// \param request  version_id must be NULL
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_INVALID_KEY_USAGE (the key's origin is
///   KMS_ORIGIN_KMS); KMS_INVALID_STATE (pending deletion); KMS_READ_ONLY; KMS_INVALID_GRANT_TOKEN;
///   KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_delete_imported_key_material(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_delete_imported_key_material", error, || {
        // SAFETY: as in kms_rotate_key.
        unsafe { input::handle(kms)?.delete_imported_key_material(&key_request(&input::request(request)?)?) }
    })
}
