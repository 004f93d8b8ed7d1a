//! Tencent KMS, API v3 of 2019-01-18: the action in a header, parameters as JSON, query or form. Every answer is HTTP 200
//! and of content type application/json exactly: with a charset the SDK takes an error for a success.

use serde::Serialize;

use super::shared::output::Outputs;
use super::shared::params::Params;
use super::shared::{base64, json, wording};
use super::{Request, Response, new_request_id};
use crate::capi::constants::KMS_MAX_DATA_KEY_SIZE;
use crate::crypto::uuid;
use crate::engine::{DataKeyRequest, DecryptRequest, EncryptRequest, GrantTokens, Kms, ReEncryptRequest};
use crate::error::{Detail, Error, Result, Status};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const VERSION: &str = "2019-01-18";
const MAX_PLAINTEXT: usize = 4096;
/// What SDKs add to every request that has its parameters in a query or a form.
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
/// Data keys that the vendor keeps, or encrypts for a public key.
const UNSUPPORTED: [&str; 7] = [
    "EncryptionPublicKey",
    "EncryptionAlgorithm",
    "IsHostedByKms",
    "DataKeyName",
    "Description",
    "HsmClusterId",
    "Tags",
];

/// A request that failed, in the vendor's words.
struct Failure {
    code: &'static str,
    message: String,
    error: Error,
}

impl Failure {
    fn new(code: &'static str, message: impl Into<String>, error: Error) -> Self {
        Failure { code, message: message.into(), error }
    }

    fn missing(name: &str) -> Self {
        Failure::from(Error::argument(format!("{name}: is missing")))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (code, message) = match error.status() {
            Status::NotFound => ("ResourceUnavailable.CmkNotFound", "CMK does not exist."),
            Status::Disabled => ("ResourceUnavailable.CmkDisabled", "CMK has been disabled."),
            Status::InvalidState if error.detail() == Detail::PendingDeletion => {
                ("ResourceUnavailable.KeyPendingDelete", "The key is pending deletion.")
            }
            Status::InvalidState => {
                ("ResourceUnavailable.CmkStateNotSupport", "The CMK's state does not allow this operation.")
            }
            Status::InvalidKeyUsage => {
                ("InvalidParameterValue.InvalidKeyUsage", "The key usage is not valid.")
            }
            Status::InvalidCiphertext => {
                ("InvalidParameterValue.InvalidCiphertext", "The ciphertext is not valid.")
            }
            Status::IncorrectKey => ("InvalidParameterValue.InvalidKeyId", "The KeyId is not valid."),
            Status::AccessDenied => ("UnauthorizedOperation", "The operation is not authorized."),
            Status::LimitExceeded => ("LimitExceeded", "A limit is exceeded."),
            Status::Unsupported | Status::ReadOnly => {
                ("UnsupportedOperation", "The operation is not supported.")
            }
            Status::InvalidArgument
            | Status::AlreadyExists
            | Status::InvalidGrantToken
            | Status::DryRunOk => return Failure::new("InvalidParameter", wording::of(&error), error),
            Status::Ok
            | Status::BufferTooSmall
            | Status::KeyUnavailable
            | Status::DependencyTimeout
            | Status::StoreError
            | Status::CorruptStore
            | Status::WrongRootKey
            | Status::OutOfMemory
            | Status::Internal => ("InternalError", "Internal error."),
        };
        Failure::new(code, message, error)
    }
}

pub fn answer(kms: &Kms, request: &Request<'_>) -> Response {
    call(kms, request).unwrap_or_else(|failed| refuse(&failed))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    refuse(&Failure::from(error.clone()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<T> {
    response: T,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal<'a> {
    error: Reason<'a>,
    request_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reason<'a> {
    code: &'a str,
    message: &'a str,
}

fn refuse(failed: &Failure) -> Response {
    let request_id = new_request_id();
    let error = Reason { code: failed.code, message: &failed.message };
    let body = json::body(&Envelope { response: Refusal { error, request_id: &request_id } });
    Response::http(200, JSON, request_id, body).failed(&failed.error)
}

/// The answer to every action; each has some of the members.
#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    re_encrypted: Option<bool>,
    request_id: &'a str,
}

fn respond(answer: Answer<'_>) -> Response {
    let request_id = answer.request_id.to_string();
    Response::http(200, JSON, request_id, json::body(&Envelope { response: answer }))
}

fn call(kms: &Kms, request: &Request<'_>) -> Result<Response, Failure> {
    if request.path != "/" || !matches!(request.method, "POST" | "GET") {
        return Err(unknown_action());
    }
    let params = params(request)?;
    let said = |header, name| match request.headers.get(header) {
        Some(value) => Ok(Some(value)),
        None => params.text(name),
    };
    if said("x-tc-version", "Version")?.is_some_and(|version| version != VERSION) {
        let error = Error::Unsupported("Version: is unknown".into());
        return Err(Failure::new("NoSuchVersion", "The API version does not exist.", error));
    }
    let action = said("x-tc-action", "Action")?.unwrap_or_default();
    let known = |names: &[&str]| check_names(&params, names);
    match action {
        "GenerateDataKey" => {
            known(&["KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext"])?;
            generate_data_key(kms, &params)
        }
        "Encrypt" => {
            known(&["KeyId", "Plaintext", "EncryptionContext"])?;
            encrypt(kms, &params)
        }
        "Decrypt" => {
            known(&["CiphertextBlob", "EncryptionContext"])?;
            decrypt(kms, &params)
        }
        "ReEncrypt" => {
            known(&[
                "CiphertextBlob",
                "DestinationKeyId",
                "SourceEncryptionContext",
                "DestinationEncryptionContext",
            ])?;
            re_encrypt(kms, &params)
        }
        "GenerateRandom" => {
            known(&["NumberOfBytes"])?;
            generate_random(kms, &params)
        }
        _ => Err(unknown_action()),
    }
}

fn unknown_action() -> Failure {
    let error = Error::Unsupported("unknown action".into());
    Failure::new("InvalidAction", "The action is not valid.", error)
}

fn params(request: &Request<'_>) -> Result<Params> {
    let mut params = Params::default();
    params.add_form(request.query.as_bytes())?;
    let content_type = request.headers.get("content-type").unwrap_or(JSON);
    let content_type = content_type.split(';').next().unwrap_or_default().trim();
    if content_type.eq_ignore_ascii_case(FORM) {
        params.add_form(request.body)?;
    } else if !request.body.is_empty() {
        params.add_json(request.body)?;
    }
    Ok(params)
}

fn check_names(params: &Params, names: &[&str]) -> Result<(), Failure> {
    if UNSUPPORTED.iter().any(|name| params.has(name)) {
        return Err(Error::Unsupported("a parameter of hosted or encrypted data keys".into()).into());
    }
    Ok(params.refuse_unknown(&[&COMMON, names, &UNSUPPORTED])?)
}

fn generate_data_key(kms: &Kms, params: &Params) -> Result<Response, Failure> {
    let key_id = required(params, "KeyId")?;
    let length = params
        .length("NumberOfBytes", "KeySpec")?
        .ok_or_else(|| Failure::missing("NumberOfBytes or KeySpec"))?;
    let context = params.context("EncryptionContext")?;
    let request = DataKeyRequest {
        key_id,
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
    Ok(respond(Answer {
        key_id: Some(served.key_id.as_str()),
        plaintext: Some(&base64::encode(&plaintext)),
        ciphertext_blob: Some(&base64::encode(&ciphertext)),
        request_id: &uuid::to_string(&served.request_id),
        ..Answer::default()
    }))
}

fn encrypt(kms: &Kms, params: &Params) -> Result<Response, Failure> {
    let key_id = required(params, "KeyId")?;
    let invalid = |message: &str| {
        Failure::new(
            "InvalidParameterValue.InvalidPlaintext",
            message,
            Error::argument("Plaintext: is not valid"),
        )
    };
    required(params, "Plaintext")?;
    let plaintext =
        params.bytes("Plaintext").ok().flatten().ok_or_else(|| invalid("Plaintext is not base64."))?;
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(invalid("Plaintext has more than 4096 bytes."));
    }
    let context = params.context("EncryptionContext")?;
    let request = EncryptRequest {
        key_id,
        version_id: None,
        plaintext: &plaintext,
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let mut out = Outputs::new();
    let served = kms.encrypt(&request, &mut out)?;
    let [ciphertext, _] = out.into_inner();
    Ok(respond(Answer {
        key_id: Some(served.key_id.as_str()),
        ciphertext_blob: Some(&base64::encode(&ciphertext)),
        request_id: &uuid::to_string(&served.request_id),
        ..Answer::default()
    }))
}

fn decrypt(kms: &Kms, params: &Params) -> Result<Response, Failure> {
    let ciphertext = ciphertext(params)?;
    let context = params.context("EncryptionContext")?;
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
    Ok(respond(Answer {
        key_id: Some(served.key_id.as_str()),
        plaintext: Some(&base64::encode(&plaintext)),
        request_id: &uuid::to_string(&served.request_id),
        ..Answer::default()
    }))
}

fn re_encrypt(kms: &Kms, params: &Params) -> Result<Response, Failure> {
    let ciphertext = ciphertext(params)?;
    let source_context = params.context("SourceEncryptionContext")?;
    let context = params.context("DestinationEncryptionContext")?;
    let source = DecryptRequest {
        ciphertext: &ciphertext,
        iv: &[],
        key_id: None,
        aad: source_context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let destination = EncryptRequest {
        key_id: required(params, "DestinationKeyId")?,
        version_id: None,
        plaintext: &[],
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let mut out = Outputs::new();
    let (opened, sealed) = kms.re_encrypt(&ReEncryptRequest { source, destination }, &mut out)?;
    let [ciphertext, _] = out.into_inner();
    Ok(respond(Answer {
        key_id: Some(sealed.key_id.as_str()),
        source_key_id: Some(opened.key_id.as_str()),
        ciphertext_blob: Some(&base64::encode(&ciphertext)),
        re_encrypted: Some(true),
        request_id: &uuid::to_string(&sealed.request_id),
        ..Answer::default()
    }))
}

fn generate_random(kms: &Kms, params: &Params) -> Result<Response, Failure> {
    let number = params.number("NumberOfBytes")?.ok_or_else(|| Failure::missing("NumberOfBytes"))?;
    if !(1..=KMS_MAX_DATA_KEY_SIZE).contains(&(number as usize)) {
        let range = format!("NumberOfBytes: is {number}, expected 1 to {KMS_MAX_DATA_KEY_SIZE}");
        return Err(Error::argument(range).into());
    }
    let mut out = Outputs::new();
    kms.generate_random(number, 0, &mut out)?;
    let [random] = out.into_inner();
    let plaintext = base64::encode(&random);
    Ok(respond(Answer { plaintext: Some(&plaintext), request_id: &new_request_id(), ..Answer::default() }))
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Failure> {
    params.text(name)?.ok_or_else(|| Failure::missing(name))
}

fn ciphertext(params: &Params) -> Result<zeroize::Zeroizing<Vec<u8>>, Failure> {
    required(params, "CiphertextBlob")?;
    Ok(params.bytes("CiphertextBlob").ok().flatten().ok_or(Error::InvalidCiphertext)?)
}
