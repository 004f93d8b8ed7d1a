//! Data keys, payloads and random bytes: the calls of the hot path.

use std::ffi::c_char;

use super::guard::guard;
use super::input::{self, ContextPlaces, Extensible, TokenPlaces};
use super::items::Info;
use super::output::{Buffers, Columns, optional, required};
use super::types::{
    kms_buffer_t, kms_bytes_t, kms_column_t, kms_context_entry_t, kms_error_t, kms_status_t, kms_t,
};
use crate::engine::{DataKeyRequest, DecryptRequest, EncryptRequest, ServedBy};
use crate::error::Result;

/// A data key to generate.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_data_key_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// NULL = the primary version.
    pub version_id: *const c_char,
    /// KMS_KEY_SPEC_*; this or number_of_bytes; neither = AES_256.
    pub key_spec: u32,
    /// 1..KMS_MAX_DATA_KEY_SIZE, or 0.
    pub number_of_bytes: u32,
    /// Raw AAD, at most KMS_MAX_AAD_SIZE bytes; this or context, not both.
    pub aad: kms_bytes_t,
    /// Pairs in any order; keys must differ.
    pub context: *const kms_context_entry_t,
    pub context_len: usize,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_SKIP_PLAINTEXT | KMS_INITIAL_VERSION | KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_data_key_request_t {
    const NAME: &'static str = "request";
}

/// A payload to encrypt under a KMS key, without a data key.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_encrypt_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// NULL = the primary version.
    pub version_id: *const c_char,
    /// 0..KMS_MAX_PAYLOAD_SIZE bytes.
    pub plaintext: kms_bytes_t,
    /// Raw AAD, at most KMS_MAX_AAD_SIZE bytes; this or context, not both.
    pub aad: kms_bytes_t,
    pub context: *const kms_context_entry_t,
    pub context_len: usize,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_INITIAL_VERSION | KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_encrypt_request_t {
    const NAME: &'static str = "request";
}

/// A ciphertext to open: a wrapped data key or an encrypted payload.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_decrypt_request_t {
    pub struct_size: usize,
    /// Required.
    pub ciphertext: kms_bytes_t,
    /// May be empty; if given it must equal the ciphertext's own IV.
    pub iv: kms_bytes_t,
    /// NULL = the ciphertext says; else a ciphertext of another key is KMS_INCORRECT_KEY.
    pub key_id: *const c_char,
    /// What was given when it was encrypted.
    pub aad: kms_bytes_t,
    pub context: *const kms_context_entry_t,
    pub context_len: usize,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_decrypt_request_t {
    const NAME: &'static str = "request";
}

/// Random bytes to generate.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_random_request_t {
    pub struct_size: usize,
    /// 1..KMS_MAX_RANDOM_SIZE.
    pub number_of_bytes: u32,
    /// KMS_DRY_RUN.
    pub flags: u32,
}

impl Extensible for kms_random_request_t {
    const NAME: &'static str = "request";
}

/// Which key, version and algorithm served a request.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_data_key_info_t {
    pub struct_size: usize,
    /// The resolved id, never the alias.
    pub key_id: [c_char; 65],
    pub version_id: [c_char; 65],
    pub request_id: [c_char; 37],
    pub reserved0: c_char,
    /// KMS_ALGORITHM_*; kms_algorithm_name().
    pub algorithm: u32,
    /// From 1.
    pub version_number: u32,
}

impl Extensible for kms_data_key_info_t {
    const NAME: &'static str = "info";
}

/// Generates a data key: random bytes for the caller, in plaintext and wrapped under a KMS key.
///
/// Use the plaintext to encrypt, then kms_wipe() it; store the ciphertext beside the data, and give it to
/// kms_decrypt() with the same AAD or context to have the data key back. Every call makes a fresh data key, a fresh
/// IV and a fresh ciphertext; no caller can choose an IV.
///
/// \param request     required
/// \param plaintext   the data key; NULL = not wanted. KMS_SKIP_PLAINTEXT sets its len to 0.
/// \param ciphertext  the wrapped data key, KMS_CIPHERTEXT_OVERHEAD bytes longer; required
/// \param iv          KMS_IV_SIZE bytes, which the ciphertext holds as well; NULL = not wanted
/// \param info        key, version, algorithm and request id; NULL = not wanted
/// \param error       may be NULL
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT (a limit; key_spec and number_of_bytes together; aad and
///   context together; KMS_INITIAL_VERSION with a version_id); KMS_BUFFER_TOO_SMALL; KMS_NOT_FOUND (key, alias or
///   version); KMS_DISABLED; KMS_INVALID_STATE; KMS_INVALID_KEY_USAGE; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED;
///   KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE; KMS_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_generate_data_key(
    kms: *mut kms_t,
    request: *const kms_data_key_request_t,
    plaintext: *mut kms_buffer_t,
    ciphertext: *mut kms_buffer_t,
    iv: *mut kms_buffer_t,
    info: *mut kms_data_key_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_generate_data_key", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes, and buffers of capacity bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            let mut buffers = Buffers::new([
                optional("plaintext", plaintext),
                required("ciphertext", ciphertext),
                optional("iv", iv),
            ])?;
            let (mut places, mut tokens) = (ContextPlaces::new(), TokenPlaces::new());
            let request = data_key_request(&raw, &mut places, &mut tokens)?;
            buffers.refuse_overlap(&[raw.aad])?;
            let mut tell = |by: &ServedBy<'_>| info.served_by(by);
            kms.generate_data_key_and_tell(&request, &mut buffers, info.wanted(&mut tell))?;
            buffers.finish();
            Ok(())
        }
    })
}

/// Generates count data keys under one version of one key, in one crossing.
///
/// All share one request id; info describes all of them. If anything fails after the first item, every item is
/// zeroed and the call fails as a whole.
///
/// \param count        1..KMS_MAX_DATA_KEYS
/// \param plaintexts   NULL = not wanted
/// \param ciphertexts  required
/// \param ivs          NULL = not wanted
/// \return as kms_generate_data_key(); on KMS_BUFFER_TOO_SMALL every item_len says what one item needs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_generate_data_keys(
    kms: *mut kms_t,
    request: *const kms_data_key_request_t,
    count: usize,
    plaintexts: *mut kms_column_t,
    ciphertexts: *mut kms_column_t,
    ivs: *mut kms_column_t,
    info: *mut kms_data_key_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_generate_data_keys", error, || {
        // SAFETY: as in kms_generate_data_key; columns of capacity bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            let columns = [
                optional("plaintexts", plaintexts),
                required("ciphertexts", ciphertexts),
                optional("ivs", ivs),
            ];
            let mut columns = Columns::new(count, columns)?;
            let (mut places, mut tokens) = (ContextPlaces::new(), TokenPlaces::new());
            let request = data_key_request(&raw, &mut places, &mut tokens)?;
            columns.targets.refuse_overlap(&[raw.aad])?;
            let mut tell = |by: &ServedBy<'_>| info.served_by(by);
            kms.generate_data_keys_and_tell(&request, count, &mut columns, info.wanted(&mut tell))?;
            columns.targets.finish();
            Ok(())
        }
    })
}

/// # Safety
/// Pointers of `raw` as the caller of the C function promises them.
#[inline(always)]
unsafe fn data_key_request<'a>(
    raw: &'a kms_data_key_request_t,
    places: &'a mut ContextPlaces<'_>,
    tokens: &'a mut TokenPlaces<'_>,
) -> Result<DataKeyRequest<'a>> {
    input::reserved("request.reserved", raw.reserved)?;
    // SAFETY: promised by the caller.
    unsafe {
        Ok(DataKeyRequest {
            key_id: input::required_str("request.key_id", raw.key_id)?,
            version_id: input::optional_str("request.version_id", raw.version_id)?,
            key_spec: raw.key_spec,
            number_of_bytes: raw.number_of_bytes,
            aad: input::aad(raw.aad, raw.context, raw.context_len, places)?,
            grant_tokens: input::grant_tokens_in(raw.grant_tokens, raw.grant_tokens_len, tokens)?,
            flags: raw.flags,
        })
    }
}

/// Encrypts up to KMS_MAX_PAYLOAD_SIZE bytes under a KMS key. For more, or for speed, use a data key.
///
/// \param ciphertext  KMS_CIPHERTEXT_OVERHEAD bytes longer than the plaintext; required
/// \param iv          KMS_IV_SIZE bytes, which the ciphertext holds as well; NULL = not wanted
/// \param info        NULL = not wanted
/// \return as kms_generate_data_key().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_encrypt(
    kms: *mut kms_t,
    request: *const kms_encrypt_request_t,
    ciphertext: *mut kms_buffer_t,
    iv: *mut kms_buffer_t,
    info: *mut kms_data_key_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_encrypt", error, || {
        // SAFETY: as in kms_generate_data_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            let mut buffers = Buffers::new([required("ciphertext", ciphertext), optional("iv", iv)])?;
            input::reserved("request.reserved", raw.reserved)?;
            let (mut places, mut tokens) = (ContextPlaces::new(), TokenPlaces::new());
            let request = EncryptRequest {
                key_id: input::required_str("request.key_id", raw.key_id)?,
                version_id: input::optional_str("request.version_id", raw.version_id)?,
                plaintext: input::bytes("request.plaintext", raw.plaintext)?,
                aad: input::aad(raw.aad, raw.context, raw.context_len, &mut places)?,
                grant_tokens: input::grant_tokens_in(raw.grant_tokens, raw.grant_tokens_len, &mut tokens)?,
                flags: raw.flags,
            };
            // Before it is compared with the buffers: an absurd length overlaps whatever lies behind it.
            request.check_plaintext()?;
            buffers.refuse_overlap(&[raw.aad, raw.plaintext])?;
            let mut tell = |by: &ServedBy<'_>| info.served_by(by);
            kms.encrypt_and_tell(&request, &mut buffers, info.wanted(&mut tell))?;
            buffers.finish();
            Ok(())
        }
    })
}

/// Opens a ciphertext: gives back the data key or payload.
///
/// Whoever changed a bit of the ciphertext, or shows another AAD, context or IV, gets KMS_INVALID_CIPHERTEXT and an
/// untouched buffer, never a part of the plaintext.
///
/// \param plaintext  KMS_CIPHERTEXT_OVERHEAD bytes shorter than the ciphertext; required
/// \param info       NULL = not wanted
/// \return KMS_OK; KMS_DRY_RUN_OK (the tag was verified); KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL;
///   KMS_UNSUPPORTED (a ciphertext of a newer format); KMS_NOT_FOUND (the key); KMS_INCORRECT_KEY; KMS_DISABLED;
///   KMS_INVALID_STATE; KMS_INVALID_CIPHERTEXT; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_KEY_UNAVAILABLE;
///   KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE; KMS_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_decrypt(
    kms: *mut kms_t,
    request: *const kms_decrypt_request_t,
    plaintext: *mut kms_buffer_t,
    info: *mut kms_data_key_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_decrypt", error, || {
        // SAFETY: as in kms_generate_data_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::new(info)?;
            let mut buffers = Buffers::new([required("plaintext", plaintext)])?;
            input::reserved("request.reserved", raw.reserved)?;
            let (mut places, mut tokens) = (ContextPlaces::new(), TokenPlaces::new());
            let request = DecryptRequest {
                ciphertext: input::bytes("request.ciphertext", raw.ciphertext)?,
                iv: input::bytes("request.iv", raw.iv)?,
                key_id: input::optional_str("request.key_id", raw.key_id)?,
                aad: input::aad(raw.aad, raw.context, raw.context_len, &mut places)?,
                grant_tokens: input::grant_tokens_in(raw.grant_tokens, raw.grant_tokens_len, &mut tokens)?,
                flags: raw.flags,
            };
            buffers.refuse_overlap(&[raw.aad, raw.ciphertext, raw.iv])?;
            let mut tell = |by: &ServedBy<'_>| info.served_by(by);
            kms.decrypt_and_tell(&request, &mut buffers, info.wanted(&mut tell))?;
            buffers.finish();
            Ok(())
        }
    })
}

/// Generates random bytes fit for keys, from the same generator as data keys.
///
/// \param request  required
/// \param random   number_of_bytes bytes; required
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL; KMS_KEY_UNAVAILABLE (the kernel's
///   generator failed); KMS_OUT_OF_MEMORY.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_generate_random(
    kms: *mut kms_t,
    request: *const kms_random_request_t,
    random: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_generate_random", error, || {
        // SAFETY: as in kms_generate_data_key.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let mut buffers = Buffers::new([required("random", random)])?;
            kms.generate_random(raw.number_of_bytes, raw.flags, &mut buffers)?;
            buffers.finish();
            Ok(())
        }
    })
}
