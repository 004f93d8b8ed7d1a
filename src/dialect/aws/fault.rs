//! Errors as AWS KMS words them: code, HTTP status, text. The one map from the engine's errors to them.

use serde::Serialize;

use super::{CONTENT_TYPE, Call};
use crate::dialect::shared::{json, wording};
use crate::dialect::{Response, new_request_id};
use crate::error::{Detail, Error, Status};

/// A message is cut here, so that any response fits; values of requests are quoted in it.
const MAX_MESSAGE: usize = 16_000;

/// An error of the service, and what it is natively.
pub struct Fault {
    http_status: u16,
    code: &'static str,
    message: String,
    native: Error,
}

impl Fault {
    pub fn new(code: &'static str, message: impl Into<String>, native: Error) -> Self {
        let http_status = match code {
            "KMSInternalException" | "DependencyTimeoutException" | "KeyUnavailableException" => 500,
            _ => 400,
        };
        Fault { http_status, code, message: message.into(), native }
    }

    pub fn unknown_operation() -> Self {
        let native = Error::Unsupported("request.headers: X-Amz-Target names no operation".into());
        Fault::new("UnknownOperationException", "The operation is not known.", native)
    }

    pub fn unsupported(message: String) -> Self {
        Fault::new("UnsupportedOperationException", message.clone(), Error::Unsupported(message.into()))
    }

    /// The position is all that is said: the text of the request may be a secret.
    pub fn serialization(line: usize, column: usize) -> Self {
        let message = format!("The request cannot be read at line {line}, column {column}.");
        Fault::new(
            "SerializationException",
            message.clone(),
            Error::argument(format!("request.body: {message}")),
        )
    }

    pub fn validation(message: impl Into<String>) -> Self {
        let message = message.into();
        Fault::new("ValidationException", message.clone(), Error::argument(message))
    }

    /// An argument that is fine by itself but not for what the engine says is so.
    pub fn refused(code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Fault::new(code, message.clone(), Error::argument(message))
    }

    pub fn wrong_marker() -> Self {
        Fault::refused("InvalidMarkerException", "The marker is not one that this list returned.")
    }

    pub fn native(&self) -> &Error {
        &self.native
    }

    pub fn response(mut self) -> Response {
        self.message.truncate(self.message.floor_char_boundary(MAX_MESSAGE));
        let request_id = new_request_id();
        let body = json::body(&ErrorBody { code: self.code, message: &self.message });
        Response::http(self.http_status, CONTENT_TYPE, request_id.clone(), body)
            .header("x-amzn-RequestId", request_id)
            .failed(&self.native)
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    code: &'a str,
    message: &'a str,
}

impl Call<'_> {
    /// What the engine said, in the words of the service.
    pub fn fault(&self, error: Error) -> Fault {
        let code = match error.status() {
            Status::InvalidArgument => "ValidationException",
            Status::NotFound => "NotFoundException",
            Status::AlreadyExists => "AlreadyExistsException",
            Status::Disabled => "DisabledException",
            Status::InvalidState => "KMSInvalidStateException",
            Status::InvalidKeyUsage => "InvalidKeyUsageException",
            Status::InvalidGrantToken => "InvalidGrantTokenException",
            Status::AccessDenied => "AccessDeniedException",
            Status::InvalidCiphertext => "InvalidCiphertextException",
            Status::IncorrectKey => "IncorrectKeyException",
            Status::LimitExceeded => "LimitExceededException",
            Status::KeyUnavailable => "KeyUnavailableException",
            Status::DependencyTimeout => "DependencyTimeoutException",
            // A change through a read-only handle is what this service does not offer; asking again changes nothing.
            Status::Unsupported | Status::ReadOnly => "UnsupportedOperationException",
            Status::DryRunOk => "DryRunOperationException",
            Status::Ok
            | Status::BufferTooSmall
            | Status::StoreError
            | Status::CorruptStore
            | Status::WrongRootKey
            | Status::OutOfMemory
            | Status::Internal => "KMSInternalException",
        };
        Fault::new(code, self.message(&error, code), error)
    }

    fn message(&self, error: &Error, code: &str) -> String {
        match error {
            Error::NotFound { what: Detail::Alias, name } => {
                format!("Alias {} is not found.", self.arn(name))
            }
            Error::NotFound { what: Detail::Key, name } => self.no_key(name),
            Error::AlreadyExists { what: Detail::Alias, name } => {
                format!("An alias with the name {} already exists", self.arn(name))
            }
            Error::Disabled(key_id) => format!("{} is disabled.", self.key_arn(key_id)),
            Error::InvalidState { key_id, message, .. } if !key_id.is_empty() => {
                let is = message.split_once(" is ").map_or(message.as_str(), |(_, is)| is);
                format!("{} is {is}.", self.key_arn(key_id))
            }
            Error::AccessDenied { principal, action, on } => {
                let key_id = on.strip_prefix("key \"").and_then(|rest| rest.strip_suffix('"'));
                let resource = key_id.map_or_else(|| on.clone(), |key_id| self.key_arn(key_id));
                format!("User: {principal} is not authorized to perform: {action} on resource: {resource}")
            }
            Error::InvalidCiphertext => String::new(),
            Error::IncorrectKey(_) => {
                "The key ID in the request does not identify a CMK that can perform this operation.".into()
            }
            Error::DryRunOk => "The request would have succeeded, but the DryRun option is set.".into(),
            _ if code == "KMSInternalException" => "An internal error occurred.".into(),
            _ => wording::of(error),
        }
    }

    /// An ARN of another region, or of another account, or of nothing at all.
    fn other_arn(&self, arn: &str) -> String {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            [_, _, "kms", region, _, _] if *region != self.kms.region() => format!("Invalid arn {region}"),
            [.., resource] if resource.starts_with("key/") => format!("Key '{arn}' does not exist"),
            [.., resource] if resource.starts_with("alias/") => format!("Alias {arn} is not found."),
            _ => format!("Invalid arn {arn}"),
        }
    }

    /// An id in the form of the service's own is a key that is not there; another one is no id.
    fn no_key(&self, name: &str) -> String {
        if name.starts_with("arn:") || name.starts_with("acs:") {
            self.other_arn(name)
        } else if is_service_id(name) {
            format!("Key '{}' does not exist", self.key_arn(name))
        } else {
            format!("Invalid keyId '{name}'")
        }
    }
}

/// A UUID, or the id of a multi-region key.
fn is_service_id(id: &str) -> bool {
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_uuid(id) || id.strip_prefix("mrk-").is_some_and(is_hex)
}

fn is_uuid(text: &str) -> bool {
    let mut parts = text.split('-');
    [8, 4, 4, 4, 12].iter().all(|len| {
        parts
            .next()
            .is_some_and(|part| part.len() == *len && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }) && parts.next().is_none()
}
