//! Every native status through every dialect: what the vendor's SDK sees of it, row by row. The errors are given to the
//! dialects directly, since no test can bring about each of them.

use kms::dialect::{self, Dialect, Response};
use kms::engine::{Kms, OpenOptions};
use kms::error::{Detail, Error, Status};
use kms::root::RootKeySource;
use serde_json::Value;

/// One error of every status that an operation can end with.
fn errors() -> Vec<Error> {
    let key_id = "11111111-2222-4333-8444-555555555555".to_string();
    vec![
        Error::argument("request.key_id: is wrong"),
        Error::BufferTooSmall("plaintext"),
        Error::not_found(Detail::Key, key_id.clone()),
        Error::AlreadyExists { what: Detail::Alias, name: "alias/taken".into() },
        Error::Disabled(key_id.clone()),
        Error::InvalidState {
            what: Detail::PendingDeletion,
            message: format!("key {key_id:?} is pending deletion"),
            key_id,
        },
        Error::InvalidKeyUsage("request.key_spec: is not for this key"),
        Error::InvalidGrantToken,
        Error::InvalidCiphertext,
        Error::IncorrectKey,
        Error::LimitExceeded("request.tags: are too many".into()),
        Error::KeyUnavailable("the token is away".into()),
        Error::DependencyTimeout("the store"),
        Error::Store { native_code: 10, message: "disk I/O error".into() },
        Error::corrupt("a seal failed"),
        Error::WrongRootKey,
        Error::Unsupported("not here".into()),
        Error::OutOfMemory { what: "a page", native_code: 12 },
        Error::Internal("a bug"),
        Error::DryRunOk,
        Error::ReadOnly,
    ]
}

/// What an SDK sees of an answer: the HTTP or gRPC status, and the vendor's code.
type Seen = (i32, String);

struct Vendor {
    dialects: &'static [Dialect],
    seen: fn(&Response) -> Seen,
    /// HTTP or gRPC status, and code.
    expected: fn(Status) -> (i32, &'static str),
}

const VENDORS: [Vendor; 1] =
    [Vendor { dialects: &[Dialect::Qkms, Dialect::Aws], seen: aws_seen, expected: aws_expected }];

fn json(response: &Response) -> Value {
    serde_json::from_slice(response.body.as_slice()).expect("a body in JSON")
}

fn aws_seen(response: &Response) -> Seen {
    let body = json(response);
    let text = |member: &str| body[member].as_str().expect("a text").to_string();
    let is_empty = text("message").is_empty();
    assert_eq!(is_empty, response.status == Status::InvalidCiphertext, "a message: {body}");
    assert_eq!(body.as_object().expect("an object").len(), 2, "{body}");
    (response.http_status.into(), text("__type"))
}

fn aws_expected(status: Status) -> (i32, &'static str) {
    match status {
        Status::InvalidArgument => (400, "ValidationException"),
        Status::NotFound => (400, "NotFoundException"),
        Status::AlreadyExists => (400, "AlreadyExistsException"),
        Status::Disabled => (400, "DisabledException"),
        Status::InvalidState => (400, "KMSInvalidStateException"),
        Status::InvalidKeyUsage => (400, "InvalidKeyUsageException"),
        Status::InvalidGrantToken => (400, "InvalidGrantTokenException"),
        Status::AccessDenied => (400, "AccessDeniedException"),
        Status::InvalidCiphertext => (400, "InvalidCiphertextException"),
        Status::IncorrectKey => (400, "IncorrectKeyException"),
        Status::LimitExceeded => (400, "LimitExceededException"),
        Status::KeyUnavailable => (500, "KeyUnavailableException"),
        Status::DependencyTimeout => (500, "DependencyTimeoutException"),
        Status::Unsupported | Status::ReadOnly => (400, "UnsupportedOperationException"),
        Status::DryRunOk => (400, "DryRunOperationException"),
        Status::BufferTooSmall
        | Status::StoreError
        | Status::CorruptStore
        | Status::WrongRootKey
        | Status::OutOfMemory
        | Status::Internal => (500, "KMSInternalException"),
        Status::Ok => unreachable!("no error"),
    }
}

fn kms() -> Kms {
    let options = OpenOptions {
        store: "memory:",
        root: RootKeySource::Raw(&[7; 32]),
        account_id: None,
        region: None,
        flags: kms::capi::constants::KMS_OPEN_CREATE,
        max_staleness_ms: 0,
        timeout_ms: 0,
    };
    Kms::open(&options).expect("a store")
}

#[test]
fn every_status_has_the_vendor_s_code() {
    let kms = kms();
    for vendor in &VENDORS {
        for (dialect, error) in
            vendor.dialects.iter().flat_map(|dialect| errors().into_iter().map(|e| (*dialect, e)))
        {
            let response = dialect::failure(&kms, dialect, &error);
            let (status, code) = (vendor.expected)(error.status());
            assert_eq!((vendor.seen)(&response), (status, code.to_string()), "{dialect:?}, {error}");
            assert_eq!(
                (response.status, response.detail),
                (error.status(), error.detail()),
                "{dialect:?}, {error}"
            );
            assert_eq!(response.request_id.len(), 36, "{dialect:?}, {error}");
        }
    }
}

/// What lies below is nobody's business: no path, no text of the store.
#[test]
fn an_internal_error_says_nothing_of_the_store() {
    let kms = kms();
    let secret = "the-path-of-the-store";
    for dialect in VENDORS.iter().flat_map(|vendor| vendor.dialects) {
        for error in [Error::corrupt(secret), Error::Store { native_code: 1, message: secret.into() }] {
            let response = dialect::failure(&kms, *dialect, &error);
            let body = String::from_utf8_lossy(response.body.as_slice()).into_owned();
            assert!(!body.contains(secret), "{dialect:?}: {body}");
        }
    }
}

#[test]
fn the_table_has_every_status() {
    let listed: Vec<i32> = errors().iter().map(|error| error.status() as i32).collect();
    let missing: Vec<i32> = (1..=22).filter(|status| !listed.contains(status)).collect();
    assert_eq!(missing, [Status::AccessDenied as i32], "without an error of its own");
}
