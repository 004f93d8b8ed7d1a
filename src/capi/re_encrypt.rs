//! Re-encryption: from one key, version and context to another, the plaintext staying inside the library.

use std::ffi::c_char;

use super::data::kms_data_key_info_t;
use super::guard::guard;
use super::input::{self, ContextPlaces, Extensible};
use super::items::Info;
use super::output::{Buffers, optional, required};
use super::types::{kms_buffer_t, kms_bytes_t, kms_context_entry_t, kms_error_t, kms_status_t, kms_t};
use crate::engine::{DecryptRequest, EncryptRequest, ReEncryptRequest};

/// A ciphertext to re-encrypt.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_re_encrypt_request_t {
    pub struct_size: usize,
    /// Required.
    pub ciphertext: kms_bytes_t,
    /// May be empty; if given it must equal the ciphertext's own IV.
    pub source_iv: kms_bytes_t,
    /// NULL = the ciphertext says; else a ciphertext of another key is KMS_INCORRECT_KEY.
    pub source_key_id: *const c_char,
    /// What was given when it was encrypted.
    pub source_aad: kms_bytes_t,
    pub source_context: *const kms_context_entry_t,
    pub source_context_len: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub destination_key_id: *const c_char,
    /// NULL = the primary version.
    pub destination_version_id: *const c_char,
    pub destination_aad: kms_bytes_t,
    pub destination_context: *const kms_context_entry_t,
    pub destination_context_len: usize,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_INITIAL_VERSION (of the destination) | KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_re_encrypt_request_t {
    const NAME: &'static str = "request";
}

/// Decrypts a ciphertext and encrypts what was in it anew, under another key, version, AAD or context. The plaintext
/// never leaves the library.
///
/// \param ciphertext   the new one, as long as the old one; required
/// \param iv           its IV; NULL = not wanted
/// \param source_info  key and version of the old one; NULL = not wanted
/// \param info         key and version of the new one; NULL = not wanted
/// \return as kms_decrypt() for the source and as kms_encrypt() for the destination.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_re_encrypt(
    kms: *mut kms_t,
    request: *const kms_re_encrypt_request_t,
    ciphertext: *mut kms_buffer_t,
    iv: *mut kms_buffer_t,
    source_info: *mut kms_data_key_info_t,
    info: *mut kms_data_key_info_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_re_encrypt", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes, and buffers of capacity bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let source_info = Info::new(source_info).map_err(|error| error.renamed("info", "source_info"))?;
            let info = Info::new(info)?;
            let mut buffers = Buffers::new([required("ciphertext", ciphertext), optional("iv", iv)])?;
            input::reserved("request.reserved", raw.reserved)?;
            let (mut source_places, mut places) = (ContextPlaces::new(), ContextPlaces::new());
            let grant_tokens = input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?;
            let request = ReEncryptRequest {
                source: DecryptRequest {
                    ciphertext: input::bytes("request.ciphertext", raw.ciphertext)?,
                    iv: input::bytes("request.source_iv", raw.source_iv)?,
                    key_id: input::optional_str("request.source_key_id", raw.source_key_id)?,
                    aad: input::aad(
                        raw.source_aad,
                        raw.source_context,
                        raw.source_context_len,
                        &mut source_places,
                    )
                    .map_err(ReEncryptRequest::of_source)?,
                    grant_tokens: grant_tokens.clone(),
                    flags: 0,
                },
                destination: EncryptRequest {
                    key_id: input::required_str("request.destination_key_id", raw.destination_key_id)?,
                    version_id: input::optional_str(
                        "request.destination_version_id",
                        raw.destination_version_id,
                    )?,
                    plaintext: &[],
                    aad: input::aad(
                        raw.destination_aad,
                        raw.destination_context,
                        raw.destination_context_len,
                        &mut places,
                    )
                    .map_err(ReEncryptRequest::of_destination)?,
                    grant_tokens,
                    flags: raw.flags,
                },
            };
            buffers.refuse_overlap(&[raw.ciphertext, raw.source_iv, raw.source_aad, raw.destination_aad])?;
            let (source, destination) = kms.re_encrypt(&request, &mut buffers)?;
            buffers.finish();
            source_info.served(&source);
            info.served(&destination);
            Ok(())
        }
    })
}
