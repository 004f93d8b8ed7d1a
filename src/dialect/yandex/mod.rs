//! What Yandex's gRPC and REST have in common: the four operations of SymmetricCryptoService on their messages, with
//! the limits of the published service, and the gRPC code of each failure.

pub mod message;
mod proto_json;

use message::{
    Any, GenerateDataKeyRequest, GenerateDataKeyResponse, RequestInfo, RpcStatus, SymmetricDecryptRequest,
    SymmetricDecryptResponse, SymmetricEncryptRequest, SymmetricEncryptResponse, SymmetricReEncryptRequest,
    SymmetricReEncryptResponse,
};
use prost::Message;

use super::shared::output::Outputs;
use super::shared::wording;
use crate::crypto::aad::Aad;
use crate::crypto::uuid;
use crate::engine::{
    DataKeyRequest, DecryptRequest, EncryptRequest, GrantTokens, Kms, ReEncryptRequest, Served,
};
use crate::error::{Detail, Error, Result, Status};

/// Characters of key and version ids.
const MAX_ID: usize = 50;
pub const MAX_AAD: usize = 8192;
const MAX_PLAINTEXT: usize = 32768;
/// data_key_spec: numbers up to this are KMS_KEY_SPEC_*, one by one.
const AES_256_HSM: i32 = 4;
const GOST_R_3412_2015_K: i32 = 5;

pub const REQUEST_INFO: &str = "type.googleapis.com/google.rpc.RequestInfo";

/// A request of SymmetricCryptoService.
pub trait Operation {
    /// Field numbers, from 1 to this.
    const FIELDS: u32;
    type Response: Message;

    /// Gives the response, and the request's id.
    fn perform(&self, kms: &Kms) -> Result<(Self::Response, String)>;
}

impl Operation for GenerateDataKeyRequest {
    const FIELDS: u32 = 5;
    type Response = GenerateDataKeyResponse;

    fn perform(&self, kms: &Kms) -> Result<(Self::Response, String)> {
        let request = DataKeyRequest {
            key_id: key_id("key_id", &self.key_id)?,
            version_id: version_id(&self.version_id)?,
            key_spec: key_spec(self.data_key_spec)?,
            number_of_bytes: 0,
            aad: aad("aad_context", &self.aad_context)?,
            grant_tokens: GrantTokens::new(),
            flags: if self.skip_plaintext { crate::capi::constants::KMS_SKIP_PLAINTEXT } else { 0 },
        };
        let mut out = Outputs::new();
        let served = kms.generate_data_key(&request, &mut out)?;
        let [mut plaintext, mut ciphertext, _] = out.into_inner();
        let response = GenerateDataKeyResponse {
            key_id: served.key_id.as_str().into(),
            version_id: served.version_id.as_str().into(),
            data_key_plaintext: std::mem::take(&mut *plaintext),
            data_key_ciphertext: std::mem::take(&mut *ciphertext),
        };
        Ok((response, request_id(&served)))
    }
}

impl Operation for SymmetricEncryptRequest {
    const FIELDS: u32 = 4;
    type Response = SymmetricEncryptResponse;

    fn perform(&self, kms: &Kms) -> Result<(Self::Response, String)> {
        let request = EncryptRequest {
            key_id: key_id("key_id", &self.key_id)?,
            version_id: version_id(&self.version_id)?,
            plaintext: plaintext(&self.plaintext)?,
            aad: aad("aad_context", &self.aad_context)?,
            grant_tokens: GrantTokens::new(),
            flags: 0,
        };
        let mut out = Outputs::new();
        let served = kms.encrypt(&request, &mut out)?;
        let [mut ciphertext, _] = out.into_inner();
        let response = SymmetricEncryptResponse {
            key_id: served.key_id.as_str().into(),
            version_id: served.version_id.as_str().into(),
            ciphertext: std::mem::take(&mut *ciphertext),
        };
        Ok((response, request_id(&served)))
    }
}

impl Operation for SymmetricDecryptRequest {
    const FIELDS: u32 = 3;
    type Response = SymmetricDecryptResponse;

    fn perform(&self, kms: &Kms) -> Result<(Self::Response, String)> {
        let request = DecryptRequest {
            key_id: Some(key_id("key_id", &self.key_id)?),
            aad: aad("aad_context", &self.aad_context)?,
            ciphertext: required("ciphertext", &self.ciphertext)?,
            iv: &[],
            grant_tokens: GrantTokens::new(),
            flags: 0,
        };
        let mut out = Outputs::new();
        let served = kms.decrypt(&request, &mut out)?;
        let [mut plaintext] = out.into_inner();
        let response = SymmetricDecryptResponse {
            key_id: served.key_id.as_str().into(),
            version_id: served.version_id.as_str().into(),
            plaintext: std::mem::take(&mut *plaintext),
        };
        Ok((response, request_id(&served)))
    }
}

impl Operation for SymmetricReEncryptRequest {
    const FIELDS: u32 = 6;
    type Response = SymmetricReEncryptResponse;

    fn perform(&self, kms: &Kms) -> Result<(Self::Response, String)> {
        let destination = EncryptRequest {
            key_id: key_id("key_id", &self.key_id)?,
            version_id: version_id(&self.version_id)?,
            plaintext: &[],
            aad: aad("aad_context", &self.aad_context)?,
            grant_tokens: GrantTokens::new(),
            flags: 0,
        };
        let source = DecryptRequest {
            key_id: Some(key_id("source_key_id", &self.source_key_id)?),
            aad: aad("source_aad_context", &self.source_aad_context)?,
            ciphertext: required("ciphertext", &self.ciphertext)?,
            iv: &[],
            grant_tokens: GrantTokens::new(),
            flags: 0,
        };
        let mut out = Outputs::new();
        let (opened, sealed) = kms.re_encrypt(&ReEncryptRequest { source, destination }, &mut out)?;
        let [mut ciphertext, _] = out.into_inner();
        let response = SymmetricReEncryptResponse {
            key_id: sealed.key_id.as_str().into(),
            version_id: sealed.version_id.as_str().into(),
            source_key_id: opened.key_id.as_str().into(),
            source_version_id: opened.version_id.as_str().into(),
            ciphertext: std::mem::take(&mut *ciphertext),
        };
        Ok((response, request_id(&sealed)))
    }
}

fn request_id(served: &Served) -> String {
    uuid::to_string(&served.request_id)
}

fn missing(field: &str) -> Error {
    Error::argument(format!("{field}: Field is required"))
}

fn too_long(field: &str, limit: usize, unit: &str) -> Error {
    Error::argument(format!("{field}: Field is too long, at most {limit} {unit} are allowed"))
}

fn key_id<'a>(field: &str, id: &'a str) -> Result<&'a str> {
    if id.is_empty() { Err(missing(field)) } else { short(field, id) }
}

/// Empty is the primary version.
fn version_id(id: &str) -> Result<Option<&str>> {
    if id.is_empty() { Ok(None) } else { short("version_id", id).map(Some) }
}

fn short<'a>(field: &str, id: &'a str) -> Result<&'a str> {
    if id.chars().count() > MAX_ID { Err(too_long(field, MAX_ID, "characters")) } else { Ok(id) }
}

fn aad<'a>(field: &str, bytes: &'a [u8]) -> Result<Aad<'a>> {
    if bytes.len() > MAX_AAD { Err(too_long(field, MAX_AAD, "bytes")) } else { Aad::raw(bytes) }
}

fn required<'a>(field: &str, bytes: &'a [u8]) -> Result<&'a [u8]> {
    if bytes.is_empty() { Err(missing(field)) } else { Ok(bytes) }
}

fn plaintext(bytes: &[u8]) -> Result<&[u8]> {
    if bytes.len() > MAX_PLAINTEXT {
        return Err(too_long("plaintext", MAX_PLAINTEXT, "bytes"));
    }
    required("plaintext", bytes)
}

/// The engine's key specs have the same numbers.
fn key_spec(spec: i32) -> Result<u32> {
    match spec {
        0..=AES_256_HSM => Ok(spec.unsigned_abs()),
        GOST_R_3412_2015_K => {
            Err(Error::Unsupported("data_key_spec: GOST_R_3412_2015_K is not supported".into()))
        }
        _ => Err(Error::argument(format!("data_key_spec: {spec} is unknown"))),
    }
}

/// The gRPC code of a failure.
pub fn code(error: &Error) -> i32 {
    match error.status() {
        Status::Ok => 0,
        Status::InvalidArgument
        | Status::InvalidCiphertext
        | Status::IncorrectKey
        | Status::InvalidGrantToken => 3,
        Status::DependencyTimeout => 4,
        Status::NotFound => 5,
        Status::AlreadyExists => 6,
        Status::AccessDenied => 7,
        Status::LimitExceeded => 8,
        Status::Disabled | Status::InvalidState | Status::InvalidKeyUsage | Status::ReadOnly => 9,
        Status::Unsupported => 12,
        Status::KeyUnavailable | Status::StoreError => 14,
        Status::BufferTooSmall
        | Status::CorruptStore
        | Status::WrongRootKey
        | Status::OutOfMemory
        | Status::Internal
        | Status::DryRunOk => 13,
    }
}

/// What the service says. Of what is broken inside it tells nothing.
pub fn said(error: &Error) -> String {
    match (error, error.status()) {
        // A name may have control characters, which no message of kms_exchange has.
        (Error::NotFound { what: Detail::Version, name }, _) => {
            format!("Key version {} not found", name.escape_debug())
        }
        (Error::NotFound { name, .. }, _) => format!("Key {} not found", name.escape_debug()),
        (_, Status::AccessDenied) => "Permission denied".into(),
        (_, Status::DependencyTimeout) => "Deadline exceeded".into(),
        (_, Status::KeyUnavailable | Status::StoreError) => "Service unavailable".into(),
        _ if code(error) == 13 => "Internal error".into(),
        _ => wording::of(error),
    }
}

/// A failure as google.rpc.Status, with the request's id among its details.
pub fn rpc_status(error: &Error, request_id: &str) -> RpcStatus {
    let info = RequestInfo { request_id: request_id.into(), serving_data: String::new() };
    let details = vec![Any { type_url: REQUEST_INFO.into(), value: info.encode_to_vec() }];
    RpcStatus { code: code(error), message: said(error), details }
}
