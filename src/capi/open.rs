//! Opening, flushing and closing a key store.

use std::ffi::c_char;
use std::mem::offset_of;

use super::guard::guard;
use super::input::{self, Extensible};
use super::types::{kms_bytes_t, kms_error_t, kms_status_t, kms_t};
use crate::engine::{AuditOptions, Kms, OpenOptions};
use crate::error::{Error, Result};
use crate::root::RootKeySource;

/// How to open a store. Exactly one root key source: root_key, passphrase or root_key_uri.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_open_options_t {
    pub struct_size: usize,
    /// "memory:" or "sqlite:PATH".
    pub store: *const c_char,
    /// 32 raw bytes, or empty.
    pub root_key: kms_bytes_t,
    /// Stretched with Argon2id (RFC 9106), or empty.
    pub passphrase: kms_bytes_t,
    /// "file:PATH" (32 raw bytes, or hex or base64 text; only the owner may have access) or "env:NAME" (hex or
    /// base64), or NULL.
    pub root_key_uri: *const c_char,
    /// 12 digits, used in ARNs. NULL = the store's own; at creation "000000000000". A mismatch is refused.
    pub account_id: *const c_char,
    /// Used in ARNs. NULL = "local".
    pub region: *const c_char,
    /// KMS_OPEN_*.
    pub flags: u32,
    /// Milliseconds that another process's change may go unseen; 0 = 1000.
    pub max_staleness_ms: u32,
    /// The longest, in milliseconds, that any call waits for the store; 0 = 5000.
    pub timeout_ms: u32,
    pub reserved: u32,
    /// The file of an audit log, which is begun if it is not there; NULL = none. docs/audit.md says what is in it.
    pub audit_log: *const c_char,
    /// KMS_AUDIT_DATA_*; 0 = KMS_AUDIT_DATA_ALL.
    pub audit_data: u32,
    /// KMS_AUDIT_CONTEXT_VALUES | KMS_AUDIT_GO_ON_WHEN_FULL.
    pub audit_flags: u32,
    /// KiB after which a new file of the log is begun; 0 = 65536, at least 4.
    pub audit_max_kib: u32,
    /// Keys that the handle keeps in memory at most, beside those in use just now; each takes less than 1 KiB.
    /// 0 = 16384.
    pub max_cached_keys: u32,
}

impl Extensible for kms_open_options_t {
    const NAME: &'static str = "options";
    const FIRST_SIZE: usize = offset_of!(Self, audit_log);
}

/// Opens a key store and gives a handle in *out.
///
/// The handle is shared by any number of threads, and keeps working in children of fork(). The first open of a
/// process runs the library's known-answer self-tests. Root key and passphrase are copied into protected memory
/// before the call returns; the caller may kms_wipe() its own copy.
///
/// \param options  what to open and with which root key; required
/// \param out      the handle, or NULL on failure; required
/// \param error    may be NULL
/// \return KMS_OK; KMS_INVALID_ARGUMENT (unknown scheme, a root key that is not 32 bytes, none or two root key
///   sources, an account that is not the store's); KMS_NOT_FOUND (no store there, and no KMS_OPEN_CREATE);
///   KMS_WRONG_ROOT_KEY; KMS_CORRUPT_STORE (a libkms store that is damaged); KMS_STORE_ERROR (cannot be made or
///   read, or is another file than a libkms store);
///   KMS_UNSUPPORTED (a newer store format, or a store or root key scheme that is not built in);
///   KMS_DEPENDENCY_TIMEOUT; KMS_OUT_OF_MEMORY (also: KMS_OPEN_REQUIRE_LOCKED_MEMORY and the lock failed);
///   KMS_INTERNAL (a self-test failed).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_open(
    options: *const kms_open_options_t,
    out: *mut *mut kms_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_open", error, || {
        if out.is_null() {
            return Err(Error::argument("out: is NULL; a place for the handle is required"));
        }
        // SAFETY: not NULL; the caller gives a place for one pointer.
        unsafe { out.write_unaligned(std::ptr::null_mut()) };
        // SAFETY: the caller gives a kms_open_options_t of struct_size bytes.
        let kms = unsafe { input::request(options) }.and_then(open)?;
        let handle = Box::into_raw(Box::new(kms_t { kms }));
        // SAFETY: as above.
        unsafe { out.write_unaligned(handle) };
        Ok(())
    })
}

fn open(options: kms_open_options_t) -> Result<Kms> {
    input::reserved("options.reserved", options.reserved)?;
    // SAFETY: the caller gives NUL-terminated strings and readable bytes, or NULL.
    unsafe {
        let root_key = input::bytes("options.root_key", options.root_key)?;
        let passphrase = input::bytes("options.passphrase", options.passphrase)?;
        let audit_log = input::optional_str("options.audit_log", options.audit_log)?;
        if audit_log.is_none()
            && (options.audit_data, options.audit_flags, options.audit_max_kib) != (0, 0, 0)
        {
            return Err(Error::argument("options.audit_log: is NULL, but options for it are given"));
        }
        let uri = input::optional_str("options.root_key_uri", options.root_key_uri)?;
        Kms::open(&OpenOptions {
            store: input::required_str("options.store", options.store)?,
            root: RootKeySource::choose(root_key, passphrase, uri)?,
            account_id: input::optional_str("options.account_id", options.account_id)?,
            region: input::optional_str("options.region", options.region)?,
            flags: options.flags,
            max_staleness_ms: options.max_staleness_ms,
            timeout_ms: options.timeout_ms,
            max_cached_keys: options.max_cached_keys,
            audit: audit_log.map(|path| AuditOptions {
                path,
                data: options.audit_data,
                flags: options.audit_flags,
                max_kib: options.audit_max_kib,
            }),
        })
    }
}

/// Writes what is buffered (use counts) to the store and reports what the void kms_close() cannot.
///
/// \return KMS_OK; KMS_INVALID_ARGUMENT; KMS_STORE_ERROR; KMS_DEPENDENCY_TIMEOUT; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_flush(kms: *mut kms_t, error: *mut kms_error_t) -> kms_status_t {
    guard("kms_flush", error, || {
        // SAFETY: the caller gives a live handle or NULL.
        unsafe { input::handle(kms) }?.flush()
    })
}

/// Closes a handle and wipes its secrets. NULL is a no-op.
///
/// Must not run beside another call on the same handle. Other handles of the same store live on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_close(kms: *mut kms_t) {
    guard("kms_close", std::ptr::null_mut(), || {
        if !kms.is_null() {
            // SAFETY: the caller gives a handle from kms_open that it uses no more.
            drop(unsafe { Box::from_raw(kms) });
        }
        Ok(())
    });
}
