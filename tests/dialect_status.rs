//! Every native status through every dialect: what the vendor's SDK sees of it, row by row. The errors are given to the
//! dialects directly, since no test can bring about each of them.

#[path = "support/protobuf.rs"]
mod protobuf;

use kms::dialect::{self, Dialect, Response};
use kms::engine::{Kms, OpenOptions};
use kms::error::{Detail, Error, Status};
use kms::root::RootKeySource;
use protobuf::{Field, bytes_of, fields, text_of};
use serde_json::Value;

/// Every status that an operation can end with, and every detail that a vendor tells apart.
fn errors() -> Vec<Error> {
    let key_id = "11111111-2222-4333-8444-555555555555".to_string();
    let state = |what| Error::InvalidState {
        what,
        message: format!("key {key_id:?} is not what it should be"),
        key_id: key_id.clone(),
    };
    vec![
        Error::argument("request.key_id: is wrong"),
        Error::BufferTooSmall("plaintext"),
        Error::not_found(Detail::Key, key_id.clone()),
        Error::not_found(Detail::Alias, "alias/nowhere"),
        Error::not_found(Detail::Version, "nowhere of nothing"),
        Error::AlreadyExists { what: Detail::Alias, name: "alias/taken".into() },
        Error::Disabled(key_id.clone()),
        state(Detail::PendingDeletion),
        state(Detail::PendingImport),
        state(Detail::MaterialExpired),
        state(Detail::VersionDestroyed),
        state(Detail::VersionPendingDestruction),
        Error::InvalidKeyUsage("request.key_spec: is not for this key"),
        Error::InvalidGrantToken,
        Error::AccessDenied {
            principal: "arn:aws:iam::000000000000:user/a".into(),
            action: "kms:Decrypt",
            on: "a key".into(),
        },
        Error::InvalidCiphertext,
        Error::IncorrectKey("request.key_id".into()),
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
    expected: fn(Status, Detail) -> (i32, &'static str),
}

const VENDORS: [Vendor; 6] = [
    Vendor { dialects: &[Dialect::Qkms, Dialect::Aws], seen: aws_seen, expected: aws_expected },
    Vendor { dialects: &[Dialect::YandexGrpc], seen: grpc_seen, expected: grpc_expected },
    Vendor { dialects: &[Dialect::YandexRest], seen: rest_seen, expected: rest_expected },
    Vendor {
        dialects: &[Dialect::AlibabaDkms, Dialect::AlibabaRpc],
        seen: alibaba_seen,
        expected: alibaba_expected,
    },
    Vendor { dialects: &[Dialect::Tencent], seen: tencent_seen, expected: tencent_expected },
    Vendor { dialects: &[Dialect::TencentV3], seen: tencent_v3_seen, expected: tencent_v3_expected },
];

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

fn aws_expected(status: Status, _: Detail) -> (i32, &'static str) {
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

/// The gRPC code, and the code that REST says beside its HTTP status.
fn yandex_code(status: Status) -> (i32, &'static str) {
    match status {
        Status::InvalidArgument
        | Status::InvalidCiphertext
        | Status::IncorrectKey
        | Status::InvalidGrantToken => (3, "3"),
        Status::DependencyTimeout => (4, "4"),
        Status::NotFound => (5, "5"),
        Status::AlreadyExists => (6, "6"),
        Status::AccessDenied => (7, "7"),
        Status::LimitExceeded => (8, "8"),
        Status::Disabled | Status::InvalidState | Status::InvalidKeyUsage | Status::ReadOnly => (9, "9"),
        Status::Unsupported => (12, "12"),
        Status::KeyUnavailable | Status::StoreError => (14, "14"),
        Status::BufferTooSmall
        | Status::CorruptStore
        | Status::WrongRootKey
        | Status::OutOfMemory
        | Status::Internal
        | Status::DryRunOk => (13, "13"),
        Status::Ok => unreachable!("no error"),
    }
}

/// A google.rpc.Status, whose code and message are the call's own.
fn grpc_seen(response: &Response) -> Seen {
    let status = fields(response.body.as_slice());
    assert_eq!((response.http_status, text_of(&status, 2)), (0, response.message.as_str()));
    let info = fields(bytes_of(&fields(bytes_of(&status, 3)), 2));
    assert_eq!(text_of(&info, 1), response.request_id);
    let Field::Int(code) = status[&1] else { panic!("{status:?}") };
    (response.grpc_status, code.to_string())
}

fn grpc_expected(status: Status, _: Detail) -> (i32, &'static str) {
    yandex_code(status)
}

fn rest_seen(response: &Response) -> Seen {
    let body = json(response);
    assert_eq!(body["details"][0]["requestId"], response.request_id, "{body}");
    assert!(!body["message"].as_str().expect("a message").is_empty());
    (response.http_status.into(), body["code"].to_string())
}

fn rest_expected(status: Status, _: Detail) -> (i32, &'static str) {
    let (code, text) = yandex_code(status);
    let http_status = match code {
        3 | 9 => 400,
        4 => 504,
        5 => 404,
        6 => 409,
        7 => 403,
        8 => 429,
        12 => 501,
        14 => 503,
        _ => 500,
    };
    (http_status, text)
}

fn alibaba_seen(response: &Response) -> Seen {
    let http_status = i32::from(response.http_status);
    if response.headers.iter().any(|(_, value)| value == "application/x-protobuf") {
        let error = fields(response.body.as_slice());
        assert_eq!(error[&1], Field::Int(http_status.into()));
        assert_eq!(text_of(&error, 4), response.request_id);
        assert!(!text_of(&error, 3).is_empty());
        return (http_status, text_of(&error, 2).into());
    }
    let body = json(response);
    assert_eq!(body["RequestId"], response.request_id, "{body}");
    assert!(["HostId", "Message", "Recommend"].iter().all(|name| body[name].is_string()), "{body}");
    (http_status, body["Code"].as_str().expect("a code").into())
}

fn alibaba_expected(status: Status, detail: Detail) -> (i32, &'static str) {
    match status {
        Status::InvalidArgument
        | Status::InvalidCiphertext
        | Status::IncorrectKey
        | Status::InvalidGrantToken => (400, "InvalidParameter"),
        Status::AccessDenied => (403, "Forbidden.NoPermission"),
        Status::NotFound if detail == Detail::Alias => (404, "Forbidden.AliasNotFound"),
        Status::NotFound => (404, "Forbidden.KeyNotFound"),
        Status::AlreadyExists => (409, "Rejected.ResourceExist"),
        Status::Disabled => (409, "Rejected.Disabled"),
        Status::InvalidState => match detail {
            Detail::PendingDeletion => (409, "Rejected.PendingDeletion"),
            Detail::PendingImport | Detail::MaterialExpired => (409, "Rejected.PendingImport"),
            _ => (409, "Rejected.Unavailable"),
        },
        Status::KeyUnavailable => (409, "Rejected.Unavailable"),
        Status::LimitExceeded => (409, "Rejected.LimitExceeded"),
        Status::Unsupported | Status::InvalidKeyUsage | Status::ReadOnly => (400, "UnsupportedOperation"),
        Status::DryRunOk => (400, "DryRunOperationError"),
        Status::DependencyTimeout | Status::StoreError => (503, "ServiceUnavailableTemporary"),
        Status::BufferTooSmall
        | Status::CorruptStore
        | Status::WrongRootKey
        | Status::OutOfMemory
        | Status::Internal => (500, "InternalFailure"),
        Status::Ok => unreachable!("no error"),
    }
}

fn tencent_seen(response: &Response) -> Seen {
    let body = json(response);
    let code = body["code"].to_string();
    assert!(body["message"].as_str().expect("a message").starts_with(&format!("({code}) ")), "{body}");
    assert_eq!(body["requestId"], response.request_id, "{body}");
    (response.http_status.into(), code)
}

fn tencent_expected(status: Status, _: Detail) -> (i32, &'static str) {
    let code = match status {
        Status::InvalidArgument
        | Status::InvalidCiphertext
        | Status::IncorrectKey
        | Status::InvalidGrantToken
        | Status::Unsupported => "4000",
        Status::AccessDenied => "4300",
        Status::LimitExceeded => "4400",
        Status::NotFound => "5000",
        Status::AlreadyExists
        | Status::Disabled
        | Status::InvalidState
        | Status::InvalidKeyUsage
        | Status::DryRunOk
        | Status::ReadOnly => "5100",
        Status::BufferTooSmall
        | Status::KeyUnavailable
        | Status::DependencyTimeout
        | Status::StoreError
        | Status::CorruptStore
        | Status::WrongRootKey
        | Status::OutOfMemory
        | Status::Internal => "6000",
        Status::Ok => unreachable!("no error"),
    };
    (200, code)
}

fn tencent_v3_seen(response: &Response) -> Seen {
    let body = &json(response)["Response"];
    assert_eq!(response.headers, [("Content-Type", "application/json".to_string())], "no charset");
    assert_eq!(body["RequestId"], response.request_id, "{body}");
    assert!(!body["Error"]["Message"].as_str().expect("a message").is_empty());
    (response.http_status.into(), body["Error"]["Code"].as_str().expect("a code").into())
}

fn tencent_v3_expected(status: Status, detail: Detail) -> (i32, &'static str) {
    let code = match status {
        Status::InvalidArgument | Status::AlreadyExists | Status::InvalidGrantToken | Status::DryRunOk => {
            "InvalidParameter"
        }
        Status::InvalidCiphertext => "InvalidParameterValue.InvalidCiphertext",
        Status::IncorrectKey => "InvalidParameterValue.InvalidKeyId",
        Status::InvalidKeyUsage => "InvalidParameterValue.InvalidKeyUsage",
        Status::NotFound => "ResourceUnavailable.CmkNotFound",
        Status::Disabled => "ResourceUnavailable.CmkDisabled",
        Status::InvalidState if detail == Detail::PendingDeletion => "ResourceUnavailable.KeyPendingDelete",
        Status::InvalidState => "ResourceUnavailable.CmkStateNotSupport",
        Status::AccessDenied => "UnauthorizedOperation",
        Status::LimitExceeded => "LimitExceeded",
        Status::Unsupported | Status::ReadOnly => "UnsupportedOperation",
        Status::BufferTooSmall
        | Status::KeyUnavailable
        | Status::DependencyTimeout
        | Status::StoreError
        | Status::CorruptStore
        | Status::WrongRootKey
        | Status::OutOfMemory
        | Status::Internal => "InternalError",
        Status::Ok => unreachable!("no error"),
    };
    (200, code)
}

/// A UUID, but for API v2 of Tencent, whose ids are decimal.
fn assert_request_id(dialect: Dialect, id: &str) {
    let is_right = match dialect {
        Dialect::Tencent => id.parse::<u64>().is_ok(),
        _ => id.len() == 36,
    };
    assert!(is_right, "{dialect:?}: {id}");
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
        max_cached_keys: 0,
        audit: None,
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
            let (status, code) = (vendor.expected)(error.status(), error.detail());
            assert_eq!((vendor.seen)(&response), (status, code.to_string()), "{dialect:?}, {error}");
            assert_eq!(
                (response.status, response.detail),
                (error.status(), error.detail()),
                "{dialect:?}, {error}"
            );
            assert_request_id(dialect, &response.request_id);
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
    assert!(missing.is_empty(), "without an error of its own: {missing:?}");
}
