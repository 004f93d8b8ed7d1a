//! The messages of yandex.cloud.kms.v1.SymmetricCryptoService, and google.rpc.Status, as messages.proto has
//! them; the requests also in proto3's JSON form. What they hold of plaintexts is wiped, and none can be printed.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::proto_json as json;

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GenerateDataKeyRequest {
    #[prost(string, tag = "1")]
    #[serde(alias = "key_id", default, deserialize_with = "json::or_default")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    #[serde(alias = "version_id", default, deserialize_with = "json::or_default")]
    pub version_id: String,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(alias = "aad_context", default, deserialize_with = "json::aad")]
    pub aad_context: Vec<u8>,
    #[prost(int32, tag = "4")]
    #[serde(alias = "data_key_spec", default, deserialize_with = "json::key_spec")]
    pub data_key_spec: i32,
    #[prost(bool, tag = "5")]
    #[serde(alias = "skip_plaintext", default, deserialize_with = "json::or_default")]
    pub skip_plaintext: bool,
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[prost(skip_debug)]
#[serde(rename_all = "camelCase")]
pub struct GenerateDataKeyResponse {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    pub version_id: String,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(serialize_with = "json::bytes_out", skip_serializing_if = "Vec::is_empty")]
    pub data_key_plaintext: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    #[serde(serialize_with = "json::bytes_out", skip_serializing_if = "Vec::is_empty")]
    pub data_key_ciphertext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(from = "EncryptJson")]
pub struct SymmetricEncryptRequest {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    pub version_id: String,
    #[prost(bytes = "vec", tag = "3")]
    pub aad_context: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub plaintext: Vec<u8>,
}

/// SymmetricEncryptRequest in JSON: its plaintext is wiped too where what comes after it does not parse.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EncryptJson {
    #[serde(alias = "key_id", default, deserialize_with = "json::or_default")]
    key_id: String,
    #[serde(alias = "version_id", default, deserialize_with = "json::or_default")]
    version_id: String,
    #[serde(alias = "aad_context", default, deserialize_with = "json::aad")]
    aad_context: Vec<u8>,
    #[serde(default, deserialize_with = "json::plaintext")]
    plaintext: Zeroizing<Vec<u8>>,
}

impl From<EncryptJson> for SymmetricEncryptRequest {
    fn from(json: EncryptJson) -> Self {
        let EncryptJson { key_id, version_id, aad_context, mut plaintext } = json;
        SymmetricEncryptRequest {
            key_id,
            version_id,
            aad_context,
            plaintext: std::mem::take(&mut *plaintext),
        }
    }
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[prost(skip_debug)]
#[serde(rename_all = "camelCase")]
pub struct SymmetricEncryptResponse {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    pub version_id: String,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(serialize_with = "json::bytes_out", skip_serializing_if = "Vec::is_empty")]
    pub ciphertext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SymmetricDecryptRequest {
    #[prost(string, tag = "1")]
    #[serde(alias = "key_id", default, deserialize_with = "json::or_default")]
    pub key_id: String,
    #[prost(bytes = "vec", tag = "2")]
    #[serde(alias = "aad_context", default, deserialize_with = "json::aad")]
    pub aad_context: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(default, deserialize_with = "json::bytes")]
    pub ciphertext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[prost(skip_debug)]
#[serde(rename_all = "camelCase")]
pub struct SymmetricDecryptResponse {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    pub version_id: String,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(serialize_with = "json::bytes_out", skip_serializing_if = "Vec::is_empty")]
    pub plaintext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message, Deserialize)]
#[prost(skip_debug)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SymmetricReEncryptRequest {
    #[prost(string, tag = "1")]
    #[serde(alias = "key_id", default, deserialize_with = "json::or_default")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    #[serde(alias = "version_id", default, deserialize_with = "json::or_default")]
    pub version_id: String,
    #[prost(bytes = "vec", tag = "3")]
    #[serde(alias = "aad_context", default, deserialize_with = "json::aad")]
    pub aad_context: Vec<u8>,
    #[prost(string, tag = "4")]
    #[serde(alias = "source_key_id", default, deserialize_with = "json::or_default")]
    pub source_key_id: String,
    #[prost(bytes = "vec", tag = "5")]
    #[serde(alias = "source_aad_context", default, deserialize_with = "json::aad")]
    pub source_aad_context: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    #[serde(default, deserialize_with = "json::bytes")]
    pub ciphertext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize)]
#[prost(skip_debug)]
#[serde(rename_all = "camelCase")]
pub struct SymmetricReEncryptResponse {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    pub version_id: String,
    #[prost(string, tag = "3")]
    pub source_key_id: String,
    #[prost(string, tag = "4")]
    pub source_version_id: String,
    #[prost(bytes = "vec", tag = "5")]
    #[serde(serialize_with = "json::bytes_out", skip_serializing_if = "Vec::is_empty")]
    pub ciphertext: Vec<u8>,
}

/// google.rpc.Status.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcStatus {
    #[prost(int32, tag = "1")]
    pub code: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// google.protobuf.Any.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Any {
    #[prost(string, tag = "1")]
    pub type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

/// google.rpc.RequestInfo.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RequestInfo {
    #[prost(string, tag = "1")]
    pub request_id: String,
    #[prost(string, tag = "2")]
    pub serving_data: String,
}

macro_rules! wiped {
    ($($message:ident: $secret:ident),*) => {$(
        impl Drop for $message {
            fn drop(&mut self) {
                self.$secret.zeroize();
            }
        }
    )*};
}
wiped!(
    GenerateDataKeyResponse: data_key_plaintext,
    SymmetricEncryptRequest: plaintext,
    SymmetricDecryptResponse: plaintext
);

macro_rules! unprintable {
    ($($message:ident),*) => {$(
        impl fmt::Debug for $message {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($message))
            }
        }
    )*};
}
unprintable!(
    GenerateDataKeyRequest,
    GenerateDataKeyResponse,
    SymmetricEncryptRequest,
    SymmetricEncryptResponse,
    SymmetricDecryptRequest,
    SymmetricDecryptResponse,
    SymmetricReEncryptRequest,
    SymmetricReEncryptResponse
);
