//! AWS KMS over AWS JSON 1.1, and QKMS, whose requests and answers are the same but for the ARNs.

use serde_json::json;

use super::shared::json;
use super::{Request, Response, new_request_id};
use crate::engine::Kms;
use crate::error::Error;

/// How ARNs begin.
#[derive(Clone, Copy)]
pub enum Arns {
    /// arn:aws:kms:REGION:ACCOUNT:
    Aws,
    /// arn:verenc:ACCOUNT:
    Verenc,
}

const JSON: &str = "application/x-amz-json-1.1";

pub fn answer(_: &Kms, _: Arns, _: &Request<'_>) -> Response {
    Response::http(400, JSON, new_request_id(), json::body(&json!({"__type": "UnknownOperationException"})))
        .failed(&Error::Unsupported("unknown operation".into()))
}

pub fn failure(_: &Kms, _: Arns, error: &Error) -> Response {
    Response::http(500, JSON, new_request_id(), json::body(&json!({"__type": "KMSInternalException"})))
        .failed(error)
}
