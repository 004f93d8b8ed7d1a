//! Alibaba dedicated KMS: protocol buffers over HTTP, the operation in a header, version dkms-gcs-0.2. GenerateDataKey,
//! Encrypt and Decrypt are on a key's initial version; their Advance forms seal under the primary one and open any.

mod message;

use message::{
    AdvanceGenerateDataKeyRequest, DataKeyResponse, DecryptRequest, DecryptResponse, EncryptRequest,
    EncryptResponse, GenerateDataKeyRequest, GenerateRandomRequest, GenerateRandomResponse, RequestError,
};
use prost::Message;

use super::alibaba::Failure;
use super::shared::output::Outputs;
use super::shared::protobuf;
use super::{Request, Response, new_request_id};
use crate::capi::constants::{KMS_INITIAL_VERSION, KMS_MAX_DATA_KEY_SIZE};
use crate::crypto::aad::Aad;
use crate::crypto::uuid;
use crate::engine::{self, DataKeyRequest, GrantTokens, Kms, Served};
use crate::error::{Error, Result};

const PROTOBUF: &str = "application/x-protobuf";
const VERSION: &str = "dkms-gcs-0.2";
/// XAES-256-GCM for who asks natively; the vendor has one name for GCM.
const AES_GCM: &str = "AES_GCM";
const DEFAULT_BYTES: i32 = 32;

/// Which version of a key an operation is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Initial,
    Advance,
}

impl Form {
    fn flags(self) -> u32 {
        if self == Form::Initial { KMS_INITIAL_VERSION } else { 0 }
    }

    /// The Advance forms say which version it was.
    fn version_id(self, served: &Served) -> String {
        if self == Form::Advance { served.version_id.as_str().into() } else { String::new() }
    }
}

pub fn answer(kms: &Kms, request: &Request<'_>) -> Response {
    call(kms, request).unwrap_or_else(|failed| respond(&failed))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    respond(&Failure::from(error.clone()))
}

fn respond(failed: &Failure) -> Response {
    let request_id = new_request_id();
    let message = RequestError {
        status_code: failed.http_status.into(),
        error_code: failed.code.into(),
        error_message: failed.message.to_string(),
        request_id: request_id.clone(),
    };
    Response::http(failed.http_status, PROTOBUF, request_id, protobuf::body(&message)).failed(&failed.error)
}

fn call(kms: &Kms, request: &Request<'_>) -> Result<Response, Failure> {
    if request.method != "POST" || request.path != "/" || !request.query.is_empty() {
        return Err(Failure::unsupported("operations are POST requests to /"));
    }
    let version = request.headers.get("x-kms-apiversion").unwrap_or_default();
    if version != VERSION {
        return Err(unknown("InvalidApiVersion", "ApiVersion", version));
    }
    let body = request.body;
    match request.headers.get("x-kms-apiname").unwrap_or_default() {
        "GenerateDataKey" => generate_data_key(kms, parse(body, 4)?, Form::Initial),
        "AdvanceGenerateDataKey" => {
            let AdvanceGenerateDataKeyRequest { key_id, number_of_bytes, aad } = parse(body, 3)?;
            let request = GenerateDataKeyRequest { key_id, algorithm: String::new(), number_of_bytes, aad };
            generate_data_key(kms, request, Form::Advance)
        }
        "Encrypt" => encrypt(kms, &parse(body, 6)?, Form::Initial),
        "AdvanceEncrypt" => encrypt(kms, &parse(body, 6)?, Form::Advance),
        "Decrypt" => decrypt(kms, &parse(body, 6)?, Form::Initial),
        "AdvanceDecrypt" => decrypt(kms, &parse(body, 6)?, Form::Advance),
        "GenerateRandom" => generate_random(kms, &parse(body, 1)?),
        name => Err(unknown("InvalidApiName", "ApiName", name)),
    }
}

fn unknown(code: &'static str, what: &str, value: &str) -> Failure {
    // As much of it as fits a message, and nothing that is no name.
    let value: String = value.chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
    let error = Error::Unsupported(format!("the {what} is unknown").into());
    Failure::new(400, code, format!("The {what} \"{value}\" is invalid."), error)
}

fn parse<M: Message + Default>(body: &[u8], fields: u32) -> Result<M> {
    protobuf::message(body, fields).ok_or_else(|| Error::argument("the body is not the operation's message"))
}

fn respond_with(message: &impl Message, request_id: String) -> Result<Response, Failure> {
    Ok(Response::http(200, PROTOBUF, request_id, protobuf::body(message)))
}

fn generate_data_key(kms: &Kms, message: GenerateDataKeyRequest, form: Form) -> Result<Response, Failure> {
    check_algorithm(&message.algorithm)?;
    let request = DataKeyRequest {
        key_id: required("KeyId", &message.key_id)?,
        version_id: None,
        key_spec: 0,
        number_of_bytes: number_of_bytes(message.number_of_bytes)?,
        aad: Aad::raw(&message.aad)?,
        grant_tokens: GrantTokens::new(),
        flags: form.flags(),
    };
    let mut out = Outputs::new();
    let served = kms.generate_data_key(&request, &mut out)?;
    let [mut plaintext, mut ciphertext, mut iv] = out.into_inner();
    let request_id = uuid::to_string(&served.request_id);
    let response = DataKeyResponse {
        key_id: served.key_id.as_str().into(),
        iv: std::mem::take(&mut *iv),
        plaintext: std::mem::take(&mut *plaintext),
        ciphertext_blob: std::mem::take(&mut *ciphertext),
        request_id: request_id.clone(),
        algorithm: AES_GCM.into(),
        key_version_id: form.version_id(&served),
    };
    respond_with(&response, request_id)
}

fn encrypt(kms: &Kms, message: &EncryptRequest, form: Form) -> Result<Response, Failure> {
    check_algorithm(&message.algorithm)?;
    check_padding(&message.padding_mode)?;
    if !message.iv.is_empty() {
        return Err(Error::argument("Iv: is chosen here, never by the caller").into());
    }
    let request = engine::EncryptRequest {
        key_id: required("KeyId", &message.key_id)?,
        version_id: None,
        plaintext: required_bytes("Plaintext", &message.plaintext)?,
        aad: Aad::raw(&message.aad)?,
        grant_tokens: GrantTokens::new(),
        flags: form.flags(),
    };
    let mut out = Outputs::new();
    let served = kms.encrypt(&request, &mut out)?;
    let [mut ciphertext, mut iv] = out.into_inner();
    let request_id = uuid::to_string(&served.request_id);
    let response = EncryptResponse {
        key_id: served.key_id.as_str().into(),
        ciphertext_blob: std::mem::take(&mut *ciphertext),
        iv: std::mem::take(&mut *iv),
        request_id: request_id.clone(),
        algorithm: AES_GCM.into(),
        padding_mode: String::new(),
        key_version_id: form.version_id(&served),
    };
    respond_with(&response, request_id)
}

fn decrypt(kms: &Kms, message: &DecryptRequest, form: Form) -> Result<Response, Failure> {
    let ciphertext = required_bytes("CiphertextBlob", &message.ciphertext_blob)?;
    if form == Form::Initial {
        required("Algorithm", &message.algorithm)?;
        required_bytes("Iv", &message.iv)?;
    }
    check_algorithm(&message.algorithm)?;
    check_padding(&message.padding_mode)?;
    let request = engine::DecryptRequest {
        ciphertext,
        iv: &message.iv,
        key_id: Some(message.key_id.as_str()).filter(|key_id| !key_id.is_empty()),
        aad: Aad::raw(&message.aad)?,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let mut out = Outputs::new();
    let served = match form {
        Form::Initial => kms.decrypt_initial(&request, &mut out)?,
        Form::Advance => kms.decrypt(&request, &mut out)?,
    };
    let [mut plaintext] = out.into_inner();
    let request_id = uuid::to_string(&served.request_id);
    let response = DecryptResponse {
        key_id: served.key_id.as_str().into(),
        plaintext: std::mem::take(&mut *plaintext),
        request_id: request_id.clone(),
        algorithm: AES_GCM.into(),
        padding_mode: String::new(),
        key_version_id: form.version_id(&served),
    };
    respond_with(&response, request_id)
}

fn generate_random(kms: &Kms, message: &GenerateRandomRequest) -> Result<Response, Failure> {
    if message.length == 0 {
        return Err(Failure::missing("Length"));
    }
    let length = bytes_in_range("Length", message.length)?;
    let mut out = Outputs::new();
    kms.generate_random(length, 0, &mut out)?;
    let [mut random] = out.into_inner();
    let request_id = new_request_id();
    let response =
        GenerateRandomResponse { random: std::mem::take(&mut *random), request_id: request_id.clone() };
    respond_with(&response, request_id)
}

fn required<'a>(name: &str, value: &'a str) -> Result<&'a str, Failure> {
    if value.is_empty() { Err(Failure::missing(name)) } else { Ok(value) }
}

fn required_bytes<'a>(name: &str, value: &'a [u8]) -> Result<&'a [u8], Failure> {
    if value.is_empty() { Err(Failure::missing(name)) } else { Ok(value) }
}

fn check_algorithm(algorithm: &str) -> Result<()> {
    match algorithm {
        "" | AES_GCM => Ok(()),
        _ => Err(Error::argument("Algorithm: expected AES_GCM")),
    }
}

fn check_padding(padding_mode: &str) -> Result<()> {
    if padding_mode.is_empty() { Ok(()) } else { Err(Error::argument("PaddingMode: GCM has none")) }
}

/// proto3 cannot tell 0 from not given.
fn number_of_bytes(number: i32) -> Result<u32> {
    bytes_in_range("NumberOfBytes", if number == 0 { DEFAULT_BYTES } else { number })
}

fn bytes_in_range(name: &str, number: i32) -> Result<u32> {
    let in_range = |number: &u32| (1..=KMS_MAX_DATA_KEY_SIZE).contains(&(*number as usize));
    u32::try_from(number)
        .ok()
        .filter(in_range)
        .ok_or_else(|| Error::argument(format!("{name}: is {number}, expected 1 to {KMS_MAX_DATA_KEY_SIZE}")))
}
