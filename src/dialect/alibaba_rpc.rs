//! Alibaba KMS, the RPC API of version 2016-01-20: parameters in the query or a form, answers in JSON.

use serde::Serialize;

use super::alibaba::Failure;
use super::shared::context::ContextMap;
use super::shared::output::Outputs;
use super::shared::params::{Length, Params};
use super::shared::{base64, json};
use super::{Request, Response, new_request_id};
use crate::capi::constants::{KMS_DRY_RUN, KMS_SKIP_PLAINTEXT};
use crate::crypto::uuid;
use crate::engine::{
    DataKeyRequest, DecryptRequest, EncryptRequest, GrantTokens, Kms, ReEncryptRequest, Served,
};
use crate::error::{Error, Result};

const JSON: &str = "application/json; charset=utf-8";
const VERSION: &str = "2016-01-20";
const HOST: &str = "kms.aliyuncs.com";
const RECOMMEND: &str = "https://next.api.aliyun.com/troubleshoot";
/// Characters of an encryption context.
const MAX_CONTEXT: usize = 8192;
/// What SDKs of several generations add to every request.
const COMMON: [&str; 13] = [
    "Action",
    "Version",
    "Format",
    "RegionId",
    "AccessKeyId",
    "SecurityToken",
    "BearerToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
];
/// Of asymmetric keys, and of enclaves.
const UNSUPPORTED: [&str; 3] = ["Recipient", "SourceKeyVersionId", "SourceEncryptionAlgorithm"];

pub fn answer(kms: &Kms, request: &Request<'_>) -> Response {
    call(kms, request).unwrap_or_else(|failed| respond(&failed, request.headers.get("host").unwrap_or(HOST)))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    respond(&Failure::from(error.clone()), HOST)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal<'a> {
    request_id: &'a str,
    host_id: &'a str,
    code: &'a str,
    message: &'a str,
    recommend: &'a str,
}

fn respond(failed: &Failure, host_id: &str) -> Response {
    let request_id = new_request_id();
    // A host is a name and a port; what is longer is none.
    let host_id = if host_id.len() <= 255 { host_id } else { HOST };
    let body = json::body(&Refusal {
        request_id: &request_id,
        host_id,
        code: failed.code,
        message: &failed.message,
        recommend: RECOMMEND,
    });
    finish(failed.http_status, request_id, body).failed(&failed.error)
}

fn finish(http_status: u16, request_id: String, body: super::Body) -> Response {
    let header = request_id.clone();
    Response::http(http_status, JSON, request_id, body).header("x-acs-request-id", header)
}

fn call(kms: &Kms, request: &Request<'_>) -> Result<Response, Failure> {
    if request.path != "/" || !matches!(request.method, "POST" | "GET") {
        return Err(unknown_action());
    }
    let mut params = Params::default();
    params.add_form(request.query.as_bytes())?;
    params.add_form(request.body)?;
    let said = |header, name| match request.headers.get(header) {
        Some(value) => Ok(Some(value)),
        None => params.text(name),
    };
    if said("x-acs-version", "Version")?.is_some_and(|version| version != VERSION) {
        let error = Error::Unsupported("Version: is unknown".into());
        return Err(Failure::new(400, "InvalidVersion", "Specified parameter Version is not valid.", error));
    }
    if !params.text("Format")?.is_none_or(|format| format.eq_ignore_ascii_case("JSON")) {
        return Err(Failure::unsupported("Format: expected JSON"));
    }
    let action = said("x-acs-action", "Action")?.unwrap_or_default();
    let dry_run = dry_run(&params)?;
    perform(kms, action, &params, dry_run)
        .map_err(|failed| if dry_run == 0 { failed } else { of_dry_run(failed) })
}

fn unknown_action() -> Failure {
    let error = Error::Unsupported("unknown action".into());
    let message = "Specified api is not found, please check your url and method.";
    Failure::new(404, "InvalidAction.NotFound", message, error)
}

fn dry_run(params: &Params) -> Result<u32> {
    match params.text("DryRun")? {
        None => Ok(0),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(0),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(KMS_DRY_RUN),
        Some(_) => Err(Error::argument("DryRun: expected true or false")),
    }
}

/// A dry run says one of three things, unless the service itself fails.
fn of_dry_run(failed: Failure) -> Failure {
    match failed.code {
        "DryRunOperationError" => failed,
        "Forbidden.NoPermission" => Failure { code: "AccessDeniedError", ..failed },
        _ if failed.http_status >= 500 => failed,
        _ => Failure { http_status: 400, code: "ValidationError", ..failed },
    }
}

fn perform(kms: &Kms, action: &str, params: &Params, dry_run: u32) -> Result<Response, Failure> {
    match action {
        "GenerateDataKey" => generate_data_key(kms, params, dry_run),
        "GenerateDataKeyWithoutPlaintext" => generate_data_key(kms, params, dry_run | KMS_SKIP_PLAINTEXT),
        "Encrypt" => encrypt(kms, params, dry_run),
        "Decrypt" => decrypt(kms, params, dry_run),
        "ReEncrypt" => re_encrypt(kms, params, dry_run),
        _ => Err(unknown_action()),
    }
}

/// The answer to every action; each has some of the members.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    key_id: &'a str,
    key_version_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ciphertext_blob: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    request_id: &'a str,
}

fn respond_with(served: &Served, ciphertext: Option<&[u8]>, plaintext: Option<&[u8]>) -> Response {
    let request_id = uuid::to_string(&served.request_id);
    let (ciphertext, plaintext) = (ciphertext.map(base64::encode), plaintext.map(base64::encode));
    let body = json::body(&Answer {
        key_id: served.key_id.as_str(),
        key_version_id: served.version_id.as_str(),
        ciphertext_blob: ciphertext.as_ref().map(|text| text.as_str()),
        plaintext: plaintext.as_ref().map(|text| text.as_str()),
        request_id: &request_id,
    });
    finish(200, request_id, body)
}

fn generate_data_key(kms: &Kms, params: &Params, flags: u32) -> Result<Response, Failure> {
    check_names(params, &["KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext", "DryRun"])?;
    let length = params.length("NumberOfBytes", "KeySpec")?.unwrap_or(Length::AES_256);
    let context = context(params, "EncryptionContext")?;
    let request = DataKeyRequest {
        key_id: required(params, "KeyId")?,
        version_id: None,
        key_spec: length.key_spec,
        number_of_bytes: length.number_of_bytes,
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags,
    };
    let mut out = Outputs::new();
    let served = kms.generate_data_key(&request, &mut out)?;
    let [plaintext, ciphertext, _] = out.into_inner();
    let plaintext = (flags & KMS_SKIP_PLAINTEXT == 0).then_some(plaintext.as_slice());
    Ok(respond_with(&served, Some(&ciphertext), plaintext))
}

fn encrypt(kms: &Kms, params: &Params, flags: u32) -> Result<Response, Failure> {
    check_names(params, &["KeyId", "Plaintext", "EncryptionContext", "DryRun"])?;
    let plaintext = params.bytes("Plaintext")?.ok_or_else(|| Failure::missing("Plaintext"))?;
    let context = context(params, "EncryptionContext")?;
    let request = EncryptRequest {
        key_id: required(params, "KeyId")?,
        version_id: None,
        plaintext: &plaintext,
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags,
    };
    let mut out = Outputs::new();
    let served = kms.encrypt(&request, &mut out)?;
    let [ciphertext, _] = out.into_inner();
    Ok(respond_with(&served, Some(&ciphertext), None))
}

fn decrypt(kms: &Kms, params: &Params, flags: u32) -> Result<Response, Failure> {
    check_names(params, &["CiphertextBlob", "EncryptionContext", "DryRun"])?;
    let ciphertext = params.bytes("CiphertextBlob")?.ok_or_else(|| Failure::missing("CiphertextBlob"))?;
    let context = context(params, "EncryptionContext")?;
    let request = DecryptRequest {
        ciphertext: &ciphertext,
        iv: &[],
        key_id: None,
        aad: context.aad()?,
        grant_tokens: GrantTokens::new(),
        flags,
    };
    let mut out = Outputs::new();
    let served = kms.decrypt(&request, &mut out)?;
    let [plaintext] = out.into_inner();
    Ok(respond_with(&served, None, Some(&plaintext)))
}

/// Answers with the key and version that opened the source, as the vendor documents it.
fn re_encrypt(kms: &Kms, params: &Params, flags: u32) -> Result<Response, Failure> {
    let names = [
        "CiphertextBlob",
        "SourceKeyId",
        "SourceEncryptionContext",
        "DestinationKeyId",
        "DestinationEncryptionContext",
        "DryRun",
    ];
    check_names(params, &names)?;
    let ciphertext = params.bytes("CiphertextBlob")?.ok_or_else(|| Failure::missing("CiphertextBlob"))?;
    let source_context = context(params, "SourceEncryptionContext")?;
    let context = context(params, "DestinationEncryptionContext")?;
    let source = DecryptRequest {
        ciphertext: &ciphertext,
        iv: &[],
        key_id: params.text("SourceKeyId")?,
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
        flags,
    };
    let mut out = Outputs::new();
    let (opened, _) = kms.re_encrypt(&ReEncryptRequest { source, destination }, &mut out)?;
    let [ciphertext, _] = out.into_inner();
    Ok(respond_with(&opened, Some(&ciphertext), None))
}

fn check_names(params: &Params, names: &[&str]) -> Result<(), Failure> {
    if UNSUPPORTED.iter().any(|name| params.has(name)) {
        return Err(Failure::unsupported("a parameter is of asymmetric keys or of enclaves"));
    }
    Ok(params.refuse_unknown(&[&COMMON, names, &UNSUPPORTED])?)
}

fn required<'a>(params: &'a Params, name: &str) -> Result<&'a str, Failure> {
    params.text(name)?.ok_or_else(|| Failure::missing(name))
}

fn context<'a>(params: &'a Params, name: &str) -> Result<ContextMap<'a>> {
    if params.text(name)?.is_some_and(|text| text.chars().count() > MAX_CONTEXT) {
        return Err(Error::argument(format!("{name}: has more than {MAX_CONTEXT} characters")));
    }
    params.context(name)
}
