//! KMS keys: create, describe, list; their description, tags and states.

use std::ffi::c_char;
use std::mem::offset_of;

use super::guard::guard;
use super::input::{self, Extensible};
use super::items::{Info, List};
use super::types::{kms_buffer_t, kms_bytes_t, kms_error_t, kms_page_t, kms_span_t, kms_status_t, kms_t};
use crate::engine::{CreateKeyRequest, KeyRequest};
use crate::error::Result;

/// A tag. Both are NUL-terminated UTF-8; the key is not empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_tag_t {
    pub key: *const c_char,
    pub value: *const c_char,
}

/// A KMS key to create. All zeros but struct_size is a good request: a key with a new UUID as its id.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_create_key_request_t {
    pub struct_size: usize,
    /// The caller's own id, 1..64 of A-Z a-z 0-9 - _ ; NULL = a new UUID.
    pub key_id: *const c_char,
    /// At most KMS_MAX_DESCRIPTION_SIZE bytes, or NULL.
    pub description: *const c_char,
    /// "alias/NAME" to create with the key, or NULL.
    pub alias: *const c_char,
    /// Seconds after which the key rotates by itself; 0 = never.
    pub rotation_period_s: u32,
    /// KMS_ORIGIN_*.
    pub origin: u32,
    /// KMS_BYPASS_POLICY_LOCKOUT_CHECK | KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
    /// Data keys and payloads under one version after which the key rotates by itself; 0 = never. Exact within a
    /// process; what other processes did since they last wrote their counts is not seen.
    pub rotate_after_uses: u64,
    /// At most KMS_MAX_TAGS.
    pub tags: *const kms_tag_t,
    pub tags_len: usize,
    /// With KMS_ORIGIN_EXTERNAL only: the 16 bytes that stand in the key's ciphertexts, so that material brought
    /// back opens its old ones; empty = new random ones.
    pub key_uuid: kms_bytes_t,
    /// The key's policy, as for kms_put_key_policy(); NULL = the default one.
    pub policy: *const c_char,
    /// Keeps the size the same multiple of 8 on 32-bit machines; 0.
    pub reserved1: usize,
}

impl Extensible for kms_create_key_request_t {
    const NAME: &'static str = "request";
    const FIRST_SIZE: usize = offset_of!(Self, policy);
}

/// An operation on one key, or one version of it, that needs nothing more.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_key_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// Only where the operation is on a version.
    pub version_id: *const c_char,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_key_request_t {
    const NAME: &'static str = "request";
}

/// What there is to know of a key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_key_info_t {
    pub struct_size: usize,
    pub key_id: [c_char; 65],
    pub reserved0: [c_char; 3],
    /// KMS_KEY_STATE_*.
    pub state: u32,
    pub primary_version_id: [c_char; 65],
    pub reserved1: [c_char; 7],
    /// Keeps the 8-byte members aligned on 32-bit machines.
    pub reserved2: usize,
    /// Unix time in seconds.
    pub created_at: i64,
    /// Number of the primary version, from 1; 0 while none has material.
    pub primary_version_number: u32,
    /// Versions that the key has ever had.
    pub versions_len: u32,
    /// KMS_ORIGIN_*.
    pub origin: u32,
    /// Seconds; 0 = the key does not rotate by itself.
    pub rotation_period_s: u32,
    /// In the text buffer of the call; 0,0 where the call has none or there is no description.
    pub description: kms_span_t,
    /// Unix time in seconds when a key that is pending deletion is gone; 0 = it is not.
    pub deletion_at: i64,
    /// Unix time in seconds when the key rotates by itself; 0 = never.
    pub next_rotation_at: i64,
    /// 0 = no limit.
    pub rotate_after_uses: u64,
    /// Data keys and payloads made under all versions, and ciphertexts opened: exact when all handles of the store
    /// are closed, else behind by at most one batch (65,536 uses, 60 s) for each. Lists leave them 0.
    pub uses_sealed: u64,
    pub uses_opened: u64,
    /// Unix time in seconds of the last use; 0 = never used. As exact as the counts.
    pub last_used_at: i64,
    /// Unix time in seconds when imported material expires; 0 = it does not.
    pub material_expires_at: i64,
    /// The 16 bytes that stand in the key's ciphertexts.
    pub key_uuid: [u8; 16],
}

impl Extensible for kms_key_info_t {
    const NAME: &'static str = "info";
}

/// Which keys to list.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_list_keys_request_t {
    pub struct_size: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_list_keys_request_t {
    const NAME: &'static str = "request";
}

/// Creates a KMS key with its first version. It is durable when the call returns.
///
/// \param request  required
/// \param info     NULL = not wanted; its description span is 0,0
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_ALREADY_EXISTS (id or alias); KMS_READ_ONLY;
///   KMS_LIMIT_EXCEEDED; KMS_ACCESS_DENIED; KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE;
///   KMS_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_create_key(
    kms: *mut kms_t,
    request: *const kms_create_key_request_t,
    info: *mut kms_key_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_create_key", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes and NUL-terminated strings.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            input::reserved("request.reserved", raw.reserved)?;
            input::reserved_size("request.reserved1", raw.reserved1)?;
            let key = kms.create_key(&CreateKeyRequest {
                key_id: input::optional_str("request.key_id", raw.key_id)?,
                description: input::optional_str("request.description", raw.description)?,
                alias: input::optional_str("request.alias", raw.alias)?,
                rotation_period_s: raw.rotation_period_s,
                rotate_after_uses: raw.rotate_after_uses,
                origin: raw.origin,
                key_uuid: input::bytes("request.key_uuid", raw.key_uuid)?,
                tags: input::tags(raw.tags, raw.tags_len)?,
                policy: input::optional_str("request.policy", raw.policy)?,
                flags: raw.flags,
            })?;
            info.key(&key);
            Ok(())
        }
    })
}

/// A request on a key, for the engine.
///
/// # Safety
/// Pointers of `raw` as the caller of the C function promises them.
pub(super) unsafe fn key_request(raw: &kms_key_request_t) -> Result<KeyRequest<'_>> {
    input::reserved("request.reserved", raw.reserved)?;
    // SAFETY: promised by the caller.
    unsafe {
        Ok(KeyRequest {
            key_id: input::required_str("request.key_id", raw.key_id)?,
            version_id: input::optional_str("request.version_id", raw.version_id)?,
            grant_tokens: input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?,
            flags: raw.flags,
        })
    }
}

/// Describes a key.
///
/// \param request  version_id must be NULL
/// \param info     required
/// \param text     takes the description; NULL = not wanted
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL (text); KMS_NOT_FOUND;
///   KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
///   KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_describe_key(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    info: *mut kms_key_info_t,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_describe_key", error, || {
        // SAFETY: as in kms_create_key; a text buffer of capacity bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::required(info)?;
            let key = kms.describe_key(&key_request(&raw)?)?;
            info.key_with_text(&key, text)
        }
    })
}

/// Lists keys, page by page, in an order that is stable but has no meaning.
///
/// As many whole items are written as fit. If none fits, KMS_BUFFER_TOO_SMALL with text->len = what the next one
/// needs, and the page is unchanged; KMS_LIST_MIN_TEXT bytes always hold one.
///
/// \param request         required
/// \param page            KMS_PAGE_INIT for the first page, then what the last call left; required
/// \param items           items_capacity structs, item_size bytes apart; required
/// \param item_size       sizeof(kms_key_info_t) of the caller's header
/// \param text            takes the descriptions; NULL = not wanted
/// \return KMS_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT;
///   KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_list_keys(
    kms: *mut kms_t,
    request: *const kms_list_keys_request_t,
    page: *mut kms_page_t,
    items: *mut kms_key_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_list_keys", error, || {
        // SAFETY: as in kms_create_key; items of items_capacity * item_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let mut list = List::new(page, items, item_size, items_capacity, text)?;
            let keys = kms.list_keys(list.marker(), list.capacity(), raw.flags)?;
            list.fill(&keys)
        }
    })
}
