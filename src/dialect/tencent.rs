//! Tencent KMS, API v2.

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
        json::body(&json!({"code": 4000, "message": "(4000) unknown action"})),
    )
    .failed(&Error::Unsupported("unknown operation".into()))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    Response::http(
        200,
        JSON,
        new_request_id(),
        json::body(&json!({"code": 6000, "message": error.to_string()})),
    )
    .failed(error)
}
