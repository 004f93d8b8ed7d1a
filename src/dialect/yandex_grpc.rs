//! Yandex Key Management Service over gRPC: yandex.cloud.kms.v1.SymmetricCryptoService, message by message.

use super::shared::protobuf;
use super::yandex::message::{
    GenerateDataKeyRequest, SymmetricDecryptRequest, SymmetricEncryptRequest, SymmetricReEncryptRequest,
};
use super::yandex::{self, Operation};
use super::{Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::{Error, Result};

const SERVICE: &str = "/yandex.cloud.kms.v1.SymmetricCryptoService/";

pub fn answer(kms: &Kms, request: &Request<'_>) -> Response {
    call(kms, request).unwrap_or_else(|error| failure(kms, &error))
}

/// A google.rpc.Status, as grpc-status-details-bin carries it.
pub fn failure(_: &Kms, error: &Error) -> Response {
    let request_id = new_request_id();
    let status = yandex::rpc_status(error, &request_id);
    let mut response = Response::grpc(status.code, request_id, protobuf::body(&status)).failed(error);
    response.message = status.message;
    response
}

fn call(kms: &Kms, request: &Request<'_>) -> Result<Response> {
    let method = request.path.strip_prefix(SERVICE).filter(|_| request.query.is_empty());
    match method.filter(|_| request.method == "POST") {
        Some("GenerateDataKey") => perform::<GenerateDataKeyRequest>(kms, request.body),
        Some("Encrypt") => perform::<SymmetricEncryptRequest>(kms, request.body),
        Some("Decrypt") => perform::<SymmetricDecryptRequest>(kms, request.body),
        Some("ReEncrypt") => perform::<SymmetricReEncryptRequest>(kms, request.body),
        _ => Err(Error::Unsupported("unknown method".into())),
    }
}

fn perform<M: Operation + prost::Message + Default>(kms: &Kms, body: &[u8]) -> Result<Response> {
    let message: M = protobuf::message(body, M::FIELDS)
        .ok_or_else(|| Error::argument("the request is not the message of this method"))?;
    let (response, request_id) = message.perform(kms)?;
    Ok(Response::grpc(0, request_id, protobuf::body(&response)))
}
