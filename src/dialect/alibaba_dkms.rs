//! Alibaba dedicated KMS, protobuf over HTTP.

use super::{Body, Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::Error;

pub fn answer(_: &Kms, _: &Request<'_>) -> Response {
    Response::http(400, "application/x-protobuf", new_request_id(), Body::default())
        .failed(&Error::Unsupported("unknown operation".into()))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    Response::http(500, "application/x-protobuf", new_request_id(), Body::default()).failed(error)
}
