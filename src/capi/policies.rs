//! Who may: principals and key policies.

use std::ffi::c_char;

use super::guard::guard;
use super::input::{self, Extensible};
use super::keys::{key_request, kms_key_request_t};
use super::output::{Buffers, required};
use super::types::{kms_buffer_t, kms_error_t, kms_status_t, kms_t};
use crate::engine::{Output, PolicyRequest};
use crate::error::{Error, Result};

/// Who a handle shall act as.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_principal_options_t {
    pub struct_size: usize,
    /// An ARN or any other name, 1 to KMS_MAX_PRINCIPAL characters, no * and no ?. Required.
    pub principal: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_principal_options_t {
    const NAME: &'static str = "options";
}

/// A policy for a key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_policy_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// JSON, at most KMS_MAX_POLICY_SIZE bytes; required. docs/access.md says what it may have.
    pub policy: *const c_char,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_BYPASS_POLICY_LOCKOUT_CHECK | KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_policy_request_t {
    const NAME: &'static str = "request";
}

/// Gives a handle that shares everything with another one, and acts as a principal instead of as the account's root.
///
/// A handle from kms_open() acts as the root, "arn:aws:iam::ACCOUNT:root", which alone may call this and all other
/// operations on the store as a whole. What a principal may do with a key, its policy and grants say. This is a guard
/// against mistakes and for hosts of many tenants, not a wall against the host itself. Close both handles, in any
/// order.
///
/// \param options  required
/// \param out      the handle, or NULL on failure; required
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_ACCESS_DENIED; KMS_STORE_ERROR (the audit log).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_as_principal(
    kms: *mut kms_t,
    options: *const kms_principal_options_t,
    out: *mut *mut kms_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_as_principal", error, || {
        if out.is_null() {
            return Err(Error::argument("out: is NULL; a place for the handle is required"));
        }
        // SAFETY: not NULL; the caller gives a place for one pointer, a live handle and a struct of struct_size bytes
        // with NUL-terminated strings.
        unsafe {
            out.write_unaligned(std::ptr::null_mut());
            let kms = input::handle(kms)?;
            let raw = input::request(options)?;
            input::reserved("options.reserved", raw.reserved)?;
            let principal = input::required_str("options.principal", raw.principal)?;
            let kms = kms.as_principal(principal, raw.flags)?;
            out.write_unaligned(Box::into_raw(Box::new(kms_t { kms })));
        }
        Ok(())
    })
}

/// Gives a key a policy in place of the one it has. The text of the default policy takes its own one away again.
///
/// The default policy lets the root do everything. With another one the root, too, may do only what the policy allows.
/// What could not be evaluated is refused, and so is a policy after which nobody could put another one, unless
/// KMS_BYPASS_POLICY_LOCKOUT_CHECK says that it shall be put.
///
/// \param request  required
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT (the message says where the policy is wrong); KMS_NOT_FOUND;
///   KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_READ_ONLY; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
///   KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_put_key_policy(
    kms: *mut kms_t,
    request: *const kms_policy_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_put_key_policy", error, || {
        // SAFETY: the caller gives a live handle, a struct of struct_size bytes and NUL-terminated strings.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            kms.put_key_policy(&PolicyRequest {
                key_id: input::required_str("request.key_id", raw.key_id)?,
                policy: input::required_str("request.policy", raw.policy)?,
                grant_tokens: input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?,
                flags: raw.flags,
            })
        }
    })
}

/// Gives the text of a key's policy, as it was put, or of the default one.
///
/// \param request  version_id must be NULL
/// \param policy   the text, without a NUL; required
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL; KMS_NOT_FOUND;
///   KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_get_key_policy(
    kms: *mut kms_t,
    request: *const kms_key_request_t,
    policy: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_get_key_policy", error, || {
        // SAFETY: as in kms_put_key_policy; a buffer of capacity bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let mut buffers = Buffers::new([required("policy", policy)])?;
            let text = kms.get_key_policy(&key_request(&raw)?)?;
            copy_out(&text, &mut buffers)?;
            buffers.finish();
            Ok(())
        }
    })
}

fn copy_out(text: &str, buffers: &mut Buffers<1>) -> Result<()> {
    if let [Some(place)] = buffers.reserve([text.len()])? {
        place.copy_from_slice(text.as_bytes());
    }
    Ok(())
}
