//! What Alibaba's two services have in common: which error code and HTTP status a failure has, and its wording.

use std::borrow::Cow;

use crate::error::{Detail, Error, Status};

/// A request that failed, in the vendor's words.
pub struct Failure {
    pub http_status: u16,
    pub code: &'static str,
    pub message: Cow<'static, str>,
    pub error: Error,
}

impl Failure {
    pub fn new(
        http_status: u16,
        code: &'static str,
        message: impl Into<Cow<'static, str>>,
        error: Error,
    ) -> Self {
        Failure { http_status, code, message: message.into(), error }
    }

    pub fn missing(parameter: &str) -> Self {
        let message = format!("Parameter {parameter} does not exist in http header or body.");
        let error = Error::argument(format!("{parameter}: is missing"));
        Failure::new(400, "MissingParameter", message, error)
    }

    pub fn unsupported(what: &'static str) -> Self {
        Failure::from(Error::Unsupported(what.into()))
    }
}

fn rejected(code: &'static str, state: &str, error: Error) -> Failure {
    Failure::new(409, code, format!("The request was rejected because the key state is {state}."), error)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.status() {
            Status::AccessDenied => Failure::new(
                403,
                "Forbidden.NoPermission",
                "This operation is forbidden by permission system.",
                error,
            ),
            Status::NotFound if error.detail() == Detail::Alias => {
                Failure::new(404, "Forbidden.AliasNotFound", "The specified Alias is not found.", error)
            }
            Status::NotFound => {
                Failure::new(404, "Forbidden.KeyNotFound", "The specified Key is not found.", error)
            }
            Status::Disabled => rejected("Rejected.Disabled", "Disabled", error),
            Status::InvalidState => match error.detail() {
                Detail::PendingDeletion => rejected("Rejected.PendingDeletion", "PendingDeletion", error),
                Detail::PendingImport | Detail::MaterialExpired => {
                    rejected("Rejected.PendingImport", "PendingImport", error)
                }
                _ => rejected("Rejected.Unavailable", "Unavailable", error),
            },
            Status::KeyUnavailable => rejected("Rejected.Unavailable", "Unavailable", error),
            Status::AlreadyExists => {
                Failure::new(409, "Rejected.ResourceExist", "The resource already exists.", error)
            }
            Status::LimitExceeded => Failure::new(
                409,
                "Rejected.LimitExceeded",
                "The request was rejected because a limit was exceeded.",
                error,
            ),
            Status::Unsupported | Status::InvalidKeyUsage | Status::ReadOnly => {
                Failure::new(400, "UnsupportedOperation", "This action is not supported.", error)
            }
            Status::InvalidArgument
            | Status::InvalidCiphertext
            | Status::IncorrectKey
            | Status::InvalidGrantToken => {
                Failure::new(400, "InvalidParameter", "The specified parameter is not valid.", error)
            }
            Status::DryRunOk => Failure::new(
                400,
                "DryRunOperationError",
                "The request would have succeeded if the DryRun parameter were not set.",
                error,
            ),
            Status::DependencyTimeout | Status::StoreError => {
                Failure::new(503, "ServiceUnavailableTemporary", "Service Unavailable Temporary.", error)
            }
            Status::Ok
            | Status::BufferTooSmall
            | Status::CorruptStore
            | Status::WrongRootKey
            | Status::OutOfMemory
            | Status::Internal => Failure::new(500, "InternalFailure", "Internal Failure.", error),
        }
    }
}
