//! Yandex Key Management Service over gRPC.

use super::{Body, Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::Error;

pub fn answer(_: &Kms, _: &Request<'_>) -> Response {
    Response::grpc(12, new_request_id(), Body::default())
        .failed(&Error::Unsupported("unknown operation".into()))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    Response::grpc(13, new_request_id(), Body::default()).failed(error)
}
