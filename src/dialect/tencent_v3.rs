//! Tencent KMS, API v3 of 2019-01-18.

use serde_json::json;

use super::shared::json;
use super::{Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::Error;

const JSON: &str = "application/json";
pub fn answer(_: &Kms, _: &Request<'_>) -> Response {
    Response::http(
        200,
        JSON,
        new_request_id(),
        json::body(&json!({"Response": {"Error": {"Code": "InvalidAction"}}})),
    )
    .failed(&Error::Unsupported("unknown operation".into()))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    Response::http(
        200,
        JSON,
        new_request_id(),
        json::body(&json!({"Response": {"Error": {"Code": "InternalError", "Message": error.to_string()}}})),
    )
    .failed(error)
}
