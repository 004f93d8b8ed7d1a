//! Tencent KMS, API v2: parameters in the query or a form at /v2/index.php, every answer HTTP 200 with a code in JSON.

use serde::Serialize;

use super::shared::output::Outputs;
use super::shared::params::{Length, Params};
use super::shared::{base64, json, wording};
use super::{Request, Response};
use crate::crypto::uuid::{self, Uuid};
use crate::engine::{DataKeyRequest, DecryptRequest, EncryptRequest, GrantTokens, Kms, Served};
use crate::error::{Error, Result, Status};

const JSON: &str = "application/json";
const PATH: &str = "/v2/index.php";
const MAX_PLAINTEXT: usize = 4096;
/// What SDKs add to every request.
const COMMON: [&str; 11] = [
    "Action",
    "Version",
    "Region",
    "Language",
    "RequestClient",
    "SecretId",
    "Token",
    "Nonce",
    "Timestamp",
    "SignatureMethod",
    "Signature",
];

pub fn answer(kms: &Kms, request: &Request<'_>) -> Response {
    call(kms, request).unwrap_or_else(|error| failure(kms, &error))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refusal<'a> {
    code: u32,
    message: String,
    request_id: &'a str,
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    let request_id = request_id(&uuid::random().unwrap_or_default());
    let code = code(error);
    let message = format!("({code}) {}", said(code, error));
    let body = json::body(&Refusal { code, message, request_id: &request_id });
    Response::http(200, JSON, request_id, body).failed(error)
}

fn code(error: &Error) -> u32 {
    match error.status() {
        Status::Ok => 0,
        Status::InvalidArgument
        | Status::InvalidCiphertext
        | Status::IncorrectKey
        | Status::InvalidGrantToken
        | Status::Unsupported => 4000,
        Status::AccessDenied => 4300,
        Status::LimitExceeded => 4400,
        Status::NotFound => 5000,
        Status::AlreadyExists
        | Status::Disabled
        | Status::InvalidState
        | Status::InvalidKeyUsage
        | Status::DryRunOk
        | Status::ReadOnly => 5100,
        Status::BufferTooSmall
        | Status::KeyUnavailable
        | Status::DependencyTimeout
        | Status::StoreError
        | Status::CorruptStore
        | Status::WrongRootKey
        | Status::OutOfMemory
        | Status::Internal => 6000,
    }
}

fn said(code: u32, error: &Error) -> String {
    match code {
        4300 => "access is denied".into(),
        6000 => "internal error".into(),
        _ => wording::of(error),
    }
}

/// The vendor's are decimal numbers: this is the first half of the UUID that the call has natively.
fn request_id(id: &Uuid) -> String {
    let half = id.first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(half).to_string()
}

fn call(kms: &Kms, request: &Request<'_>) -> Result<Response> {
    if request.path != PATH || !matches!(request.method, "GET" | "POST") {
        return Err(Error::Unsupported("unknown request path or method".into()));
    }
    let mut params = Params::default();
    params.add_form(request.query.as_bytes())?;
    params.add_form(request.body)?;
    match params.text("Action")? {
        Some("GenerateDataKey") => generate_data_key(kms, &params),
        Some("Encrypt") => encrypt(kms, &params),
        Some("Decrypt") => decrypt(kms, &params),
        _ => Err(Error::Unsupported("Action: is unknown".into())),
    }
}

/// The answer to every action; each has some of the last two members.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    code: u32,
    message: &'a str,
    code_desc: &'a str,
    request_id: &'a str,
    key_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'a str>,
}

fn respond_with(served: &Served, plaintext: Option<&[u8]>, ciphertext: Option<&[u8]>) -> Response {
    let request_id = request_id(&served.request_id);
    let (plaintext, ciphertext) = (plaintext.map(base64::encode), ciphertext.map(base64::encode));
    let body = json::body(&Answer {
        code: 0,
        message: "",
        code_desc: "Success",
        request_id: &request_id,
        key_id: served.key_id.as_str(),
        plaintext: plaintext.as_ref().map(|text| text.as_str()),
        ciphertext_blob: ciphertext.as_ref().map(|text| text.as_str()),
    });
    Response::http(200, JSON, request_id, body)
}

fn generate_data_key(kms: &Kms, params: &Params) -> Result<Response> {
    params.refuse_unknown(&[&COMMON, &["keyId", "keySpec", "numberOfBytes", "encryptionContext"]])?;
    let length = params.length("numberOfBytes", "keySpec")?.unwrap_or(Length::AES_256);
    let context = params.context("encryptionContext")?;
    let request = DataKeyRequest {
        key_id: required(params, "keyId")?,
        version_id: None,
        key_spec: length.key_spec,
        number_of_bytes: length.number_of_bytes,
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let mut out = Outputs::new();
    let served = kms.generate_data_key(&request, &mut out)?;
    let [plaintext, ciphertext, _] = out.into_inner();
    Ok(respond_with(&served, Some(&plaintext), Some(&ciphertext)))
}

fn encrypt(kms: &Kms, params: &Params) -> Result<Response> {
    params.refuse_unknown(&[&COMMON, &["keyId", "plaintext", "encryptionContext"]])?;
    let plaintext = params.bytes("plaintext")?.ok_or_else(|| missing("plaintext"))?;
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(Error::argument(format!("plaintext: has more than {MAX_PLAINTEXT} bytes")));
    }
    let context = params.context("encryptionContext")?;
    let request = EncryptRequest {
        key_id: required(params, "keyId")?,
        version_id: None,
        plaintext: &plaintext,
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let mut out = Outputs::new();
    let served = kms.encrypt(&request, &mut out)?;
    let [ciphertext, _] = out.into_inner();
    Ok(respond_with(&served, None, Some(&ciphertext)))
}

fn decrypt(kms: &Kms, params: &Params) -> Result<Response> {
    params.refuse_unknown(&[&COMMON, &["ciphertextBlob", "encryptionContext"]])?;
    let ciphertext = params.bytes("ciphertextBlob")?.ok_or_else(|| missing("ciphertextBlob"))?;
    let context = params.context("encryptionContext")?;
    let request = DecryptRequest {
        ciphertext: &ciphertext,
        iv: &[],
        key_id: None,
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let mut out = Outputs::new();
    let served = kms.decrypt(&request, &mut out)?;
    let [plaintext] = out.into_inner();
    Ok(respond_with(&served, Some(&plaintext), None))
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str> {
    params.text(name)?.ok_or_else(|| missing(name))
}

fn missing(name: &str) -> Error {
    Error::argument(format!("{name}: is missing"))
}
