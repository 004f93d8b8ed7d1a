//! Yandex Key Management Service over REST: the same messages in proto3's JSON form, at /kms/v1/keys/{keyId}:{method}.

use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

use super::shared::json;
use super::yandex::message::{
    GenerateDataKeyRequest, SymmetricDecryptRequest, SymmetricEncryptRequest, SymmetricReEncryptRequest,
};
use super::yandex::{self, Operation, REQUEST_INFO};
use super::{Body, Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::{Error, Result};

const JSON: &str = "application/json";
const KEYS: &str = "/kms/v1/keys/";

pub fn answer(kms: &Kms, request: &Request<'_>) -> Response {
    call(kms, request).unwrap_or_else(|error| failure(kms, &error))
}

/// A google.rpc.Status in JSON.
pub fn failure(_: &Kms, error: &Error) -> Response {
    let request_id = new_request_id();
    let code = yandex::code(error);
    let status = RpcStatus {
        code,
        message: yandex::said(error),
        details: [RequestInfo { kind: REQUEST_INFO, request_id: &request_id }],
    };
    let body = pretty(&status);
    Response::http(http_status(code), JSON, request_id, body).failed(error)
}

#[derive(Serialize)]
struct RpcStatus<'a> {
    code: i32,
    message: String,
    details: [RequestInfo<'a>; 1],
}

#[derive(Serialize)]
struct RequestInfo<'a> {
    #[serde(rename = "@type")]
    kind: &'a str,
    #[serde(rename = "requestId")]
    request_id: &'a str,
}

/// The HTTP status of a gRPC code, as google.rpc.Code documents it.
fn http_status(code: i32) -> u16 {
    match code {
        3 | 9 => 400,
        16 => 401,
        7 => 403,
        5 => 404,
        6 => 409,
        8 => 429,
        12 => 501,
        14 => 503,
        4 => 504,
        _ => 500,
    }
}

fn call(kms: &Kms, request: &Request<'_>) -> Result<Response> {
    let unknown = || Error::Unsupported("unknown method".into());
    let target = request.path.strip_prefix(KEYS).filter(|_| request.method == "POST");
    // A slash in a key's name is escaped; the colon before the method may be, too.
    let target = target.filter(|target| !target.contains('/')).ok_or_else(unknown)?;
    let target = percent_decode_str(target).decode_utf8();
    let target = target.map_err(|_| Error::argument("key_id: is not UTF-8"))?;
    let (key_id, method) = target.rsplit_once(':').ok_or_else(unknown)?;
    // Everything is in the path and the body. An AAD in the query, left out in silence, would be missed later.
    if !request.query.is_empty() {
        return Err(Error::argument("the method has no query parameters"));
    }
    match method {
        "generateDataKey" => perform::<GenerateDataKeyRequest>(kms, key_id, request.body),
        "encrypt" => perform::<SymmetricEncryptRequest>(kms, key_id, request.body),
        "decrypt" => perform::<SymmetricDecryptRequest>(kms, key_id, request.body),
        "reEncrypt" => perform::<SymmetricReEncryptRequest>(kms, key_id, request.body),
        _ => Err(unknown()),
    }
}

fn perform<M>(kms: &Kms, key_id: &str, body: &[u8]) -> Result<Response>
where
    M: Operation<Response: Serialize> + Keyed + DeserializeOwned,
{
    // No body is the empty message.
    let body = if body.is_empty() { b"{}" } else { body };
    let mut message: M = json::object(body)
        .ok_or_else(|| Error::argument("the body is not the JSON form of this method's request"))?;
    // The path's key is the message's; a body that names another contradicts it.
    let named = message.key_id();
    if !named.is_empty() && named != key_id {
        return Err(Error::argument("key_id: the path and the body name different keys"));
    }
    *named = key_id.into();
    let (response, request_id) = message.perform(kms)?;
    Ok(Response::http(200, JSON, request_id, pretty(&response)))
}

/// A message with the key that the path names.
trait Keyed {
    fn key_id(&mut self) -> &mut String;
}

macro_rules! keyed {
    ($($message:ident),*) => {$(
        impl Keyed for $message {
            fn key_id(&mut self) -> &mut String {
                &mut self.key_id
            }
        }
    )*};
}
keyed!(GenerateDataKeyRequest, SymmetricEncryptRequest, SymmetricDecryptRequest, SymmetricReEncryptRequest);

/// JSON as the vendor lays it out: a line for each member, indented by one space.
fn pretty(value: &impl Serialize) -> Body {
    let mut body = Body::default();
    let mut serializer = Serializer::with_formatter(&mut body, PrettyFormatter::with_indent(b" "));
    // Cannot fail: memory takes every byte, and the keys of all our maps are strings.
    let _ = value.serialize(&mut serializer);
    body
}
