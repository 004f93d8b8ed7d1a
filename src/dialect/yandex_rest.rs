//! Yandex Key Management Service over REST.

use serde_json::json;

use super::shared::json;
use super::{Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::Error;

const JSON: &str = "application/json";
pub fn answer(_: &Kms, _: &Request<'_>) -> Response {
    Response::http(501, JSON, new_request_id(), json::body(&json!({"code": 12, "message": "unknown method"})))
        .failed(&Error::Unsupported("unknown operation".into()))
}

pub fn failure(_: &Kms, error: &Error) -> Response {
    Response::http(
        500,
        JSON,
        new_request_id(),
        json::body(&json!({"code": 13, "message": error.to_string()})),
    )
    .failed(error)
}
