//! The audit log: verification. kms_open_options_t.audit_log turns it on.

use std::ffi::c_char;

use super::guard::guard;
use super::input::{self, Extensible};
use super::items::{List, Text, ToItem};
use super::types::{kms_buffer_t, kms_error_t, kms_page_t, kms_span_t, kms_status_t, kms_t};
use crate::audit::LogDamage;

/// Which audit log to verify.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_verify_audit_log_request_t {
    pub struct_size: usize,
    /// The file that kms_open_options_t.audit_log named; its other files are found by it. Required.
    pub path: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_verify_audit_log_request_t {
    const NAME: &'static str = "request";
}

/// A damage that kms_verify_audit_log() found.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_log_damage_info_t {
    pub struct_size: usize,
    /// Keeps the 8-byte members aligned on 32-bit machines.
    pub reserved0: usize,
    /// The number at the end of the file's name; 0 = the file without one.
    pub file_number: u64,
    /// From 1; 0 = the file or the log as a whole.
    pub line: u64,
    /// What is wrong, for people; in the text buffer.
    pub problem: kms_span_t,
}

impl Extensible for kms_log_damage_info_t {
    const NAME: &'static str = "items";
}

/// Verifies an audit log of this store, step by step, as kms_verify() does for the store: finds records that were
/// changed, left out, moved or cut off the end. The log may be in use. Bringing back an old copy of all its files
/// together is not found.
///
/// \param items  items_capacity structs, item_size = sizeof(kms_log_damage_info_t) bytes apart; required
/// \param text   takes the descriptions; NULL = not wanted
/// \return KMS_OK (damages are items, not errors); KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND (no log there);
///   KMS_BUFFER_TOO_SMALL; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_verify_audit_log(
    kms: *mut kms_t,
    request: *const kms_verify_audit_log_request_t,
    page: *mut kms_page_t,
    items: *mut kms_log_damage_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_verify_audit_log", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes, strings, and items of
        // items_capacity * item_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let mut list = List::new(page, items, item_size, items_capacity, text)?;
            let path = input::required_str("request.path", raw.path)?;
            let damages = kms.verify_audit_log(path, list.marker(), list.capacity(), raw.flags)?;
            list.fill(&damages)
        }
    })
}

impl ToItem<kms_log_damage_info_t> for LogDamage {
    fn to_item(&self, text: &mut Text) -> kms_log_damage_info_t {
        kms_log_damage_info_t {
            struct_size: 0,
            reserved0: 0,
            file_number: self.segment,
            line: self.line,
            problem: text.put(&self.problem),
        }
    }
}
