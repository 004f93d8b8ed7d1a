//! Alibaba KMS, RPC API of version 2016-01-20.

use serde_json::json;

use super::shared::json;
use super::{Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::Error;

const JSON: &str = "application/json";
pub fn answer(_: &Kms, _: &Request<'_>) -> Response {
    Response::http(404, JSON, new_request_id(), json::body(&json!({"Code": "InvalidAction.NotFound"})))
        .failed(&Error::Unsupported("unknown operation".into()))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    Response::http(
        500,
        JSON,
        new_request_id(),
        json::body(&json!({"Code": "InternalFailure", "Message": error.to_string()})),
    )
    .failed(error)
}
