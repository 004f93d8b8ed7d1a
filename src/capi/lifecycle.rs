//! States of keys, their rotation by themselves, description and tags.

use std::ffi::c_char;

use super::guard::guard;
use super::input::{self, Extensible};
use super::items::{Info, List};
use super::keys::{key_request, kms_key_info_t, kms_key_request_t, kms_tag_t};
use super::types::{kms_buffer_t, kms_error_t, kms_page_t, kms_span_t, kms_status_t, kms_t};
use crate::engine::{RotationRequest, ScheduleRequest};

/// When a key, or a version of one, shall be destroyed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_schedule_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// Only where the operation is on a version, and then required.
    pub version_id: *const c_char,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// Days to wait: 7 to 30 for a key, 1 to 30 for a version; 0 = 30.
    pub waiting_days: u32,
    /// KMS_DRY_RUN.
    pub flags: u32,
}

impl Extensible for kms_schedule_request_t {
    const NAME: &'static str = "request";
}

/// When a key rotates by itself.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_rotation_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// Data keys and payloads under one version; 0 = no limit.
    pub rotate_after_uses: u64,
    /// Seconds from the last rotation; 0 = never.
    pub rotation_period_s: u32,
    /// KMS_DRY_RUN.
    pub flags: u32,
}

impl Extensible for kms_rotation_request_t {
    const NAME: &'static str = "request";
}

/// A key's new description.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_description_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// At most KMS_MAX_DESCRIPTION_SIZE bytes; NULL or empty = none.
    pub description: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_description_request_t {
    const NAME: &'static str = "request";
}

/// Tags to set on a key, or (by their keys) to take away.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_tags_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// kms_untag_key() ignores the values, which may be NULL there.
    pub tags: *const kms_tag_t,
    pub tags_len: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_tags_request_t {
    const NAME: &'static str = "request";
}

/// A tag of a key; both strings are in the list's text buffer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_tag_info_t {
    pub struct_size: usize,
    pub key: kms_span_t,
    pub value: kms_span_t,
}

impl Extensible for kms_tag_info_t {
    const NAME: &'static str = "items";
}

/// Lets a disabled key work again. A key that is enabled stays so.
///
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_INVALID_STATE (pending deletion or
///   import); KMS_READ_ONLY; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
///   KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_enable_key(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_enable_key", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes and NUL-terminated strings.
        unsafe { input::handle(kms)?.enable_key(&key_request(&input::request(request)?)?) }
    })
}

/// Stops a key: every use of it is KMS_DISABLED, at once in this process and within max_staleness_ms in others.
///
/// \return as kms_enable_key().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_disable_key(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_disable_key", error, || {
        // SAFETY: as in kms_enable_key.
        unsafe { input::handle(kms)?.disable_key(&key_request(&input::request(request)?)?) }
    })
}

/// Schedules a key's deletion. Until then it cannot be used, and the deletion can be cancelled; afterwards the key,
/// its material and its aliases are gone, and nothing that was encrypted under it can be decrypted.
///
/// \param request  version_id must be NULL
/// \param info     says when it will be gone, and when it was last used; NULL = not wanted
/// \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion already).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_schedule_key_deletion(
    kms: *mut kms_t,
    request: *const kms_schedule_request_t,
    info: *mut kms_key_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_schedule_key_deletion", error, || {
        // SAFETY: as in kms_enable_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            info.key(&kms.schedule_key_deletion(&schedule_request(&raw)?)?);
            Ok(())
        }
    })
}

/// A request to schedule, for the engine.
///
/// # Safety
/// Pointers of `raw` as the caller of the C function promises them.
pub(super) unsafe fn schedule_request(raw: &kms_schedule_request_t) -> crate::Result<ScheduleRequest<'_>> {
    // SAFETY: promised by the caller.
    unsafe {
        Ok(ScheduleRequest {
            key_id: input::required_str("request.key_id", raw.key_id)?,
            version_id: input::optional_str("request.version_id", raw.version_id)?,
            grant_tokens: input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?,
            waiting_days: raw.waiting_days,
            flags: raw.flags,
        })
    }
}

/// Cancels a key's deletion. The key is disabled then; kms_enable_key() lets it work again.
///
/// \return as kms_enable_key(); KMS_INVALID_STATE (not pending deletion).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_cancel_key_deletion(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_cancel_key_deletion", error, || {
        // SAFETY: as in kms_enable_key.
        unsafe { input::handle(kms)?.cancel_key_deletion(&key_request(&input::request(request)?)?) }.map(drop)
    })
}

/// Says when a key rotates by itself: after a time, after a number of uses, or never. The call that is past either
/// rotates the key; in however many threads and processes, once.
///
/// \return as kms_enable_key(); KMS_DISABLED; KMS_INVALID_KEY_USAGE (imported material does not rotate).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_set_key_rotation(
    kms: *mut kms_t,
    request: *const kms_rotation_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_set_key_rotation", error, || {
        // SAFETY: as in kms_enable_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            kms.set_key_rotation(&RotationRequest {
                key_id: input::required_str("request.key_id", raw.key_id)?,
                grant_tokens: input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?,
                rotation_period_s: raw.rotation_period_s,
                rotate_after_uses: Some(raw.rotate_after_uses),
                flags: raw.flags,
            })
        }
    })
}

/// Replaces a key's description.
///
/// \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_update_key_description(
    kms: *mut kms_t,
    request: *const kms_description_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_update_key_description", error, || {
        // SAFETY: as in kms_enable_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let key_id = input::required_str("request.key_id", raw.key_id)?;
            let description = input::optional_str("request.description", raw.description)?;
            kms.update_key_description(key_id, description.unwrap_or_default(), raw.flags)
        }
    })
}

/// Sets tags on a key; a tag with the same key gets the new value.
///
/// \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion); KMS_LIMIT_EXCEEDED (KMS_MAX_TAGS).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_tag_key(
    kms: *mut kms_t,
    request: *const kms_tags_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_tag_key", error, || {
        // SAFETY: as in kms_enable_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let key_id = input::required_str("request.key_id", raw.key_id)?;
            kms.tag_key(key_id, &input::tags(raw.tags, raw.tags_len)?, raw.flags)
        }
    })
}

/// Takes tags away from a key, by their keys. A tag that is not there is no error.
///
/// \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_untag_key(
    kms: *mut kms_t,
    request: *const kms_tags_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_untag_key", error, || {
        // SAFETY: as in kms_enable_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let key_id = input::required_str("request.key_id", raw.key_id)?;
            kms.untag_key(key_id, &input::tag_keys(raw.tags, raw.tags_len)?, raw.flags)
        }
    })
}

/// Lists a key's tags in the order of their keys, page by page, as kms_list_keys() does.
///
/// \param request  version_id must be NULL
/// \param items    items_capacity structs, item_size = sizeof(kms_tag_info_t) bytes apart; required
/// \param text     takes the strings; required
/// \return as kms_list_keys(); KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_list_key_tags(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    page: *mut kms_page_t,
    items: *mut kms_tag_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_list_key_tags", error, || {
        // SAFETY: as in kms_enable_key; items of items_capacity * item_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let mut list = List::with_text(page, items, item_size, items_capacity, text)?;
            let tags = kms.list_key_tags(&key_request(&raw)?, list.marker(), list.capacity())?;
            list.fill(&tags)
        }
    })
}
