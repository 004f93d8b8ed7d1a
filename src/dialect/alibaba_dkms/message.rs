//! The messages of dedicated KMS, as messages.proto has them. An Advance response is the plain one with one
//! field more, which stays empty in the plain one and so is not sent. Plaintexts are wiped, and none can be printed.

use std::fmt;

use zeroize::Zeroize;

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct GenerateDataKeyRequest {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(string, tag = "2")]
    pub algorithm: String,
    #[prost(int32, tag = "3")]
    pub number_of_bytes: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub aad: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct AdvanceGenerateDataKeyRequest {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(int32, tag = "2")]
    pub number_of_bytes: i32,
    #[prost(bytes = "vec", tag = "3")]
    pub aad: Vec<u8>,
}

/// Of GenerateDataKey and AdvanceGenerateDataKey.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct DataKeyResponse {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub iv: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub plaintext: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub ciphertext_blob: Vec<u8>,
    #[prost(string, tag = "5")]
    pub request_id: String,
    #[prost(string, tag = "6")]
    pub algorithm: String,
    #[prost(string, tag = "7")]
    pub key_version_id: String,
}

/// Of Encrypt and AdvanceEncrypt.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct EncryptRequest {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub plaintext: Vec<u8>,
    #[prost(string, tag = "3")]
    pub algorithm: String,
    #[prost(bytes = "vec", tag = "4")]
    pub aad: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub iv: Vec<u8>,
    #[prost(string, tag = "6")]
    pub padding_mode: String,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct EncryptResponse {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub ciphertext_blob: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub iv: Vec<u8>,
    #[prost(string, tag = "4")]
    pub request_id: String,
    #[prost(string, tag = "5")]
    pub algorithm: String,
    #[prost(string, tag = "6")]
    pub padding_mode: String,
    #[prost(string, tag = "7")]
    pub key_version_id: String,
}

/// Of Decrypt and AdvanceDecrypt.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct DecryptRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub ciphertext_blob: Vec<u8>,
    #[prost(string, tag = "2")]
    pub key_id: String,
    #[prost(string, tag = "3")]
    pub algorithm: String,
    #[prost(bytes = "vec", tag = "4")]
    pub aad: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    pub iv: Vec<u8>,
    #[prost(string, tag = "6")]
    pub padding_mode: String,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct DecryptResponse {
    #[prost(string, tag = "1")]
    pub key_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub plaintext: Vec<u8>,
    #[prost(string, tag = "3")]
    pub request_id: String,
    #[prost(string, tag = "4")]
    pub algorithm: String,
    #[prost(string, tag = "5")]
    pub padding_mode: String,
    #[prost(string, tag = "6")]
    pub key_version_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct GenerateRandomRequest {
    #[prost(int32, tag = "1")]
    pub length: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct GenerateRandomResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub random: Vec<u8>,
    #[prost(string, tag = "2")]
    pub request_id: String,
}

/// The body of every failure; the vendor calls it Error.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RequestError {
    #[prost(int32, tag = "1")]
    pub status_code: i32,
    #[prost(string, tag = "2")]
    pub error_code: String,
    #[prost(string, tag = "3")]
    pub error_message: String,
    #[prost(string, tag = "4")]
    pub request_id: String,
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
    DataKeyResponse: plaintext,
    EncryptRequest: plaintext,
    DecryptResponse: plaintext,
    GenerateRandomResponse: random
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
    AdvanceGenerateDataKeyRequest,
    DataKeyResponse,
    EncryptRequest,
    EncryptResponse,
    DecryptRequest,
    DecryptResponse,
    GenerateRandomResponse
);
