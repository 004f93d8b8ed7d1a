//! The dialects of five vendors' key management services and of today's variants of three: requests as their SDKs send
//! them, answered as they expect it. Each vendor has a file that checks what the vendor checks, makes one call of the
//! engine, and words the answer; it decides nothing. `shared` has what is the same for all.
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod message;

#[cfg(feature = "dialects")]
mod alibaba;
#[cfg(feature = "dialects")]
mod alibaba_dkms;
#[cfg(feature = "dialects")]
mod alibaba_rpc;
#[cfg(feature = "dialects")]
mod aws;
#[cfg(feature = "dialects")]
mod shared;
#[cfg(feature = "dialects")]
mod tencent;
#[cfg(feature = "dialects")]
mod tencent_v3;
#[cfg(feature = "dialects")]
mod yandex;
#[cfg(feature = "dialects")]
mod yandex_grpc;
#[cfg(feature = "dialects")]
mod yandex_rest;

pub use message::{Body, Headers, Request, Response, new_request_id};

use crate::capi::constants::*;
use crate::engine::Kms;
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Dialect {
    YandexGrpc = KMS_DIALECT_YANDEX_GRPC,
    YandexRest = KMS_DIALECT_YANDEX_REST,
    AlibabaDkms = KMS_DIALECT_ALIBABA_DKMS,
    Qkms = KMS_DIALECT_QKMS,
    Tencent = KMS_DIALECT_TENCENT,
    AlibabaRpc = KMS_DIALECT_ALIBABA_RPC,
    TencentV3 = KMS_DIALECT_TENCENT_V3,
    Aws = KMS_DIALECT_AWS,
}

impl Dialect {
    pub const ALL: [Dialect; 8] = [
        Dialect::YandexGrpc,
        Dialect::YandexRest,
        Dialect::AlibabaDkms,
        Dialect::Qkms,
        Dialect::Tencent,
        Dialect::AlibabaRpc,
        Dialect::TencentV3,
        Dialect::Aws,
    ];

    pub fn from_number(number: u32) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|dialect| *dialect as u32 == number)
            .ok_or_else(|| Error::argument(format!("dialect: {number} is unknown")))
    }
}

/// Answers one request. A vendor's error is an answer too.
#[cfg(feature = "dialects")]
pub fn answer(kms: &Kms, dialect: Dialect, request: &Request<'_>) -> Result<Response> {
    let response = match dialect {
        Dialect::YandexGrpc => yandex_grpc::answer(kms, request),
        Dialect::YandexRest => yandex_rest::answer(kms, request),
        Dialect::AlibabaDkms => alibaba_dkms::answer(kms, request),
        Dialect::Qkms => aws::answer(kms, aws::Arns::Verenc, request),
        Dialect::Tencent => tencent::answer(kms, request),
        Dialect::AlibabaRpc => alibaba_rpc::answer(kms, request),
        Dialect::TencentV3 => tencent_v3::answer(kms, request),
        Dialect::Aws => aws::answer(kms, aws::Arns::Aws, request),
    };
    let fits = response.body.len() <= KMS_EXCHANGE_MIN_CAPACITY
        && response.header_lines().len() <= KMS_EXCHANGE_MIN_HEADERS;
    Ok(if fits { response } else { failure(kms, dialect, &Error::Internal("a response that is too long")) })
}

/// What a vendor answers when the engine fails so.
#[cfg(feature = "dialects")]
pub fn failure(kms: &Kms, dialect: Dialect, error: &Error) -> Response {
    match dialect {
        Dialect::YandexGrpc => yandex_grpc::failure(kms, error),
        Dialect::YandexRest => yandex_rest::failure(kms, error),
        Dialect::AlibabaDkms => alibaba_dkms::failure(kms, error),
        Dialect::Qkms => aws::failure(kms, aws::Arns::Verenc, error),
        Dialect::Tencent => tencent::failure(kms, error),
        Dialect::AlibabaRpc => alibaba_rpc::failure(kms, error),
        Dialect::TencentV3 => tencent_v3::failure(kms, error),
        Dialect::Aws => aws::failure(kms, aws::Arns::Aws, error),
    }
}

#[cfg(not(feature = "dialects"))]
pub fn answer(_: &Kms, _: Dialect, _: &Request<'_>) -> Result<Response> {
    Err(Error::Unsupported("dialect: the library was built without dialects".into()))
}
