//! What needs no key: statistics, names, sizes, versions, wiping.

use std::ffi::{CStr, c_char};
use std::mem::offset_of;

use super::constants::*;
use super::guard::guard;
use super::input::{self, Extensible};
use super::items::Info;
use super::types::*;
use super::{
    aliases, audit, care, data, exchange, grants, keys, lifecycle, open, policies, re_encrypt, versions,
};

use crate::crypto;
use crate::error::Status;

/// Which statistics to give.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_stats_request_t {
    pub struct_size: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_stats_request_t {
    const NAME: &'static str = "request";
}

/// Counts since the store was opened, and how its secrets are protected.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_stats_t {
    pub struct_size: usize,
    /// Keeps the 8-byte members aligned on 32-bit machines.
    pub reserved0: usize,
    pub data_keys_generated: u64,
    pub payloads_encrypted: u64,
    pub ciphertexts_decrypted: u64,
    /// Calls on keys that ended in another status than KMS_OK, KMS_DRY_RUN_OK and KMS_BUFFER_TOO_SMALL.
    pub calls_failed: u64,
    /// Keys read from the store.
    pub key_loads: u64,
    /// Times the store was asked for its revision.
    pub store_refreshes: u64,
    /// XAES subkeys derived.
    pub subkeys_derived: u64,
    /// Times a generator took a fresh seed from the kernel.
    pub generator_seeds: u64,
    /// Keys in the cache now.
    pub keys_cached: u64,
    /// Lanes (generator and subkeys of one running thread) now.
    pub lanes: u64,
    /// Bytes of protected memory in this process, all handles together.
    pub secret_bytes: u64,
    /// How many of them could not be locked (RLIMIT_MEMLOCK).
    pub secret_bytes_unlocked: u64,
    /// The newest revision of the store that this handle has seen.
    pub store_revision: u64,
    /// KMS_MEMORY_* flags.
    pub memory_protection: u32,
    pub reserved1: u32,
    /// UUID of the store.
    pub store_id: [c_char; 37],
    pub reserved2: [c_char; 3],
    /// Records that this process has written to the audit log.
    pub audit_records: u64,
    /// Records that could not be written and were passed over (KMS_AUDIT_GO_ON_WHEN_FULL).
    pub audit_records_lost: u64,
}

impl Extensible for kms_stats_t {
    const NAME: &'static str = "stats";
    const FIRST_SIZE: usize = offset_of!(Self, audit_records);
}

/// Gives statistics of an open store.
///
/// \param request  required
/// \param stats    required
/// \return KMS_OK; KMS_INVALID_ARGUMENT; in a child of fork also what kms_open() returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_stats(
    kms: *mut kms_t,
    request: *const kms_stats_request_t,
    stats: *mut kms_stats_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_stats", error, || {
        // SAFETY: the caller gives a live handle and structs of struct_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let out = Info::required(stats)?;
            out.stats(&kms.stats(raw.flags)?);
            Ok(())
        }
    })
}

/// Overwrites memory with zeros in a way that no compiler leaves out. NULL is a no-op.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_wipe(data: *mut u8, len: usize) {
    guard("kms_wipe", std::ptr::null_mut(), || {
        if !data.is_null() {
            // SAFETY: the caller gives len writable bytes.
            crypto::secret::wipe(unsafe { std::slice::from_raw_parts_mut(data, len) });
        }
        Ok(())
    });
}

/// The name of a status, e.g. "KMS_NOT_FOUND"; "KMS_UNKNOWN_STATUS" for a number that is none. Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kms_status_name(status: kms_status_t) -> *const c_char {
    let known = Status::ALL.into_iter().find(|known| *known as kms_status_t == status);
    let name: &CStr = known.map_or(c"KMS_UNKNOWN_STATUS", Status::c_name);
    name.as_ptr()
}

/// The name of an algorithm, e.g. "XAES_256_GCM"; "UNKNOWN" for a number that is none. Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kms_algorithm_name(algorithm: u32) -> *const c_char {
    match algorithm {
        KMS_ALGORITHM_XAES_256_GCM => c"XAES_256_GCM",
        _ => c"UNKNOWN",
    }
    .as_ptr()
}

/// The version of the loaded library, e.g. "0.1.0". Static; never NULL.
#[unsafe(no_mangle)]
pub extern "C" fn kms_version() -> *const c_char {
    const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
    VERSION.as_ptr().cast()
}

/// The ABI version of the loaded library; a program works with it if it equals the program's KMS_ABI_VERSION.
#[unsafe(no_mangle)]
pub extern "C" fn kms_abi_version() -> u32 {
    KMS_ABI_VERSION
}

/// KMS_ROOT_KEY_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn kms_root_key_size() -> usize {
    KMS_ROOT_KEY_SIZE
}

/// KMS_IV_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn kms_iv_size() -> usize {
    KMS_IV_SIZE
}

/// The length in bytes of the ciphertext of plaintext_size bytes; 0 if that is more than KMS_MAX_PAYLOAD_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn kms_ciphertext_size(plaintext_size: usize) -> usize {
    if plaintext_size > KMS_MAX_PAYLOAD_SIZE { 0 } else { plaintext_size + KMS_CIPHERTEXT_OVERHEAD }
}

/// KMS_MAX_DATA_KEY_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn kms_max_data_key_size() -> usize {
    KMS_MAX_DATA_KEY_SIZE
}

/// KMS_MAX_PAYLOAD_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn kms_max_payload_size() -> usize {
    KMS_MAX_PAYLOAD_SIZE
}

/// KMS_MAX_CIPHERTEXT_SIZE.
#[unsafe(no_mangle)]
pub extern "C" fn kms_max_ciphertext_size() -> usize {
    KMS_MAX_CIPHERTEXT_SIZE
}

/// The size in bytes of a struct of this library by its name, e.g. "kms_open_options_t"; 0 if there is none.
/// For callers that have no C compiler; the offset tables at the end of kms.h belong with it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_struct_size(name: *const c_char) -> usize {
    let mut size = 0;
    guard("kms_struct_size", std::ptr::null_mut(), || {
        // SAFETY: the caller gives a NUL-terminated string or NULL.
        let name = unsafe { input::required_str("name", name) }?;
        size = struct_size(name);
        Ok(())
    });
    size
}

fn struct_size(name: &str) -> usize {
    match name {
        "kms_bytes_t" => size_of::<kms_bytes_t>(),
        "kms_buffer_t" => size_of::<kms_buffer_t>(),
        "kms_column_t" => size_of::<kms_column_t>(),
        "kms_context_entry_t" => size_of::<kms_context_entry_t>(),
        "kms_span_t" => size_of::<kms_span_t>(),
        "kms_page_t" => size_of::<kms_page_t>(),
        "kms_error_t" => size_of::<kms_error_t>(),
        "kms_open_options_t" => size_of::<open::kms_open_options_t>(),
        "kms_data_key_request_t" => size_of::<data::kms_data_key_request_t>(),
        "kms_encrypt_request_t" => size_of::<data::kms_encrypt_request_t>(),
        "kms_decrypt_request_t" => size_of::<data::kms_decrypt_request_t>(),
        "kms_random_request_t" => size_of::<data::kms_random_request_t>(),
        "kms_data_key_info_t" => size_of::<data::kms_data_key_info_t>(),
        "kms_create_key_request_t" => size_of::<keys::kms_create_key_request_t>(),
        "kms_key_request_t" => size_of::<keys::kms_key_request_t>(),
        "kms_key_info_t" => size_of::<keys::kms_key_info_t>(),
        "kms_tag_t" => size_of::<keys::kms_tag_t>(),
        "kms_list_keys_request_t" => size_of::<keys::kms_list_keys_request_t>(),
        "kms_create_alias_request_t" => size_of::<aliases::kms_create_alias_request_t>(),
        "kms_list_aliases_request_t" => size_of::<aliases::kms_list_aliases_request_t>(),
        "kms_alias_info_t" => size_of::<aliases::kms_alias_info_t>(),
        "kms_alias_request_t" => size_of::<aliases::kms_alias_request_t>(),
        "kms_schedule_request_t" => size_of::<lifecycle::kms_schedule_request_t>(),
        "kms_rotation_request_t" => size_of::<lifecycle::kms_rotation_request_t>(),
        "kms_description_request_t" => size_of::<lifecycle::kms_description_request_t>(),
        "kms_tags_request_t" => size_of::<lifecycle::kms_tags_request_t>(),
        "kms_tag_info_t" => size_of::<lifecycle::kms_tag_info_t>(),
        "kms_version_info_t" => size_of::<versions::kms_version_info_t>(),
        "kms_import_request_t" => size_of::<versions::kms_import_request_t>(),
        "kms_re_encrypt_request_t" => size_of::<re_encrypt::kms_re_encrypt_request_t>(),
        "kms_rekey_request_t" => size_of::<care::kms_rekey_request_t>(),
        "kms_backup_request_t" => size_of::<care::kms_backup_request_t>(),
        "kms_verify_request_t" => size_of::<care::kms_verify_request_t>(),
        "kms_damage_info_t" => size_of::<care::kms_damage_info_t>(),
        "kms_exchange_request_t" => size_of::<exchange::kms_exchange_request_t>(),
        "kms_exchange_response_t" => size_of::<exchange::kms_exchange_response_t>(),
        "kms_principal_options_t" => size_of::<policies::kms_principal_options_t>(),
        "kms_policy_request_t" => size_of::<policies::kms_policy_request_t>(),
        "kms_create_grant_request_t" => size_of::<grants::kms_create_grant_request_t>(),
        "kms_created_grant_t" => size_of::<grants::kms_created_grant_t>(),
        "kms_grant_info_t" => size_of::<grants::kms_grant_info_t>(),
        "kms_list_grants_request_t" => size_of::<grants::kms_list_grants_request_t>(),
        "kms_list_retirable_grants_request_t" => size_of::<grants::kms_list_retirable_grants_request_t>(),
        "kms_grant_request_t" => size_of::<grants::kms_grant_request_t>(),
        "kms_verify_audit_log_request_t" => size_of::<audit::kms_verify_audit_log_request_t>(),
        "kms_log_damage_info_t" => size_of::<audit::kms_log_damage_info_t>(),
        "kms_stats_request_t" => size_of::<kms_stats_request_t>(),
        "kms_stats_t" => size_of::<kms_stats_t>(),
        _ => 0,
    }
}
