//! Everything that can go wrong, in one enum, and the one map from it to the status codes of the C ABI.
//!
//! Messages name the argument at fault and say what was expected. None carries a secret: no variant has a place
//! for key material, and the texts are built from names, sizes and states only.

use std::borrow::Cow;
use std::ffi::CStr;

/// Status codes of the C ABI (design: append-only, never reused). `capi::constants` publishes the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    Ok = 0,
    InvalidArgument = 1,
    BufferTooSmall = 2,
    NotFound = 3,
    AlreadyExists = 4,
    Disabled = 5,
    InvalidState = 6,
    InvalidKeyUsage = 7,
    InvalidGrantToken = 8,
    AccessDenied = 9,
    InvalidCiphertext = 10,
    IncorrectKey = 11,
    LimitExceeded = 12,
    KeyUnavailable = 13,
    DependencyTimeout = 14,
    StoreError = 15,
    CorruptStore = 16,
    WrongRootKey = 17,
    Unsupported = 18,
    OutOfMemory = 19,
    Internal = 20,
    DryRunOk = 21,
    ReadOnly = 22,
}

impl Status {
    pub const ALL: [Status; 23] = [
        Status::Ok,
        Status::InvalidArgument,
        Status::BufferTooSmall,
        Status::NotFound,
        Status::AlreadyExists,
        Status::Disabled,
        Status::InvalidState,
        Status::InvalidKeyUsage,
        Status::InvalidGrantToken,
        Status::AccessDenied,
        Status::InvalidCiphertext,
        Status::IncorrectKey,
        Status::LimitExceeded,
        Status::KeyUnavailable,
        Status::DependencyTimeout,
        Status::StoreError,
        Status::CorruptStore,
        Status::WrongRootKey,
        Status::Unsupported,
        Status::OutOfMemory,
        Status::Internal,
        Status::DryRunOk,
        Status::ReadOnly,
    ];

    /// "KMS_NOT_FOUND"
    pub fn name(self) -> &'static str {
        self.c_name().to_str().unwrap_or_default()
    }

    /// The name as kms_status_name() returns it.
    pub fn c_name(self) -> &'static CStr {
        match self {
            Status::Ok => c"KMS_OK",
            Status::InvalidArgument => c"KMS_INVALID_ARGUMENT",
            Status::BufferTooSmall => c"KMS_BUFFER_TOO_SMALL",
            Status::NotFound => c"KMS_NOT_FOUND",
            Status::AlreadyExists => c"KMS_ALREADY_EXISTS",
            Status::Disabled => c"KMS_DISABLED",
            Status::InvalidState => c"KMS_INVALID_STATE",
            Status::InvalidKeyUsage => c"KMS_INVALID_KEY_USAGE",
            Status::InvalidGrantToken => c"KMS_INVALID_GRANT_TOKEN",
            Status::AccessDenied => c"KMS_ACCESS_DENIED",
            Status::InvalidCiphertext => c"KMS_INVALID_CIPHERTEXT",
            Status::IncorrectKey => c"KMS_INCORRECT_KEY",
            Status::LimitExceeded => c"KMS_LIMIT_EXCEEDED",
            Status::KeyUnavailable => c"KMS_KEY_UNAVAILABLE",
            Status::DependencyTimeout => c"KMS_DEPENDENCY_TIMEOUT",
            Status::StoreError => c"KMS_STORE_ERROR",
            Status::CorruptStore => c"KMS_CORRUPT_STORE",
            Status::WrongRootKey => c"KMS_WRONG_ROOT_KEY",
            Status::Unsupported => c"KMS_UNSUPPORTED",
            Status::OutOfMemory => c"KMS_OUT_OF_MEMORY",
            Status::Internal => c"KMS_INTERNAL",
            Status::DryRunOk => c"KMS_DRY_RUN_OK",
            Status::ReadOnly => c"KMS_READ_ONLY",
        }
    }
}

/// What the status is about, where a status alone would leave the caller guessing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Detail {
    None = 0,
    Key = 1,
    Alias = 2,
    Version = 3,
    Grant = 4,
    PendingDeletion = 5,
    PendingImport = 6,
    VersionDestroyed = 7,
    VersionPendingDestruction = 8,
    MaterialExpired = 9,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidArgument(Cow<'static, str>),
    #[error("{0}: the buffer is too small; its len says what is needed")]
    BufferTooSmall(&'static str),
    #[error("{} {name:?} was not found", noun(.what))]
    NotFound { what: Detail, name: String },
    #[error("options.store: there is no key store at {0:?}; KMS_OPEN_CREATE makes one")]
    StoreNotFound(String),
    #[error("{} {name:?} already exists", noun(.what))]
    AlreadyExists { what: Detail, name: String },
    #[error("key {0:?} is disabled")]
    Disabled(String),
    #[error("{message}")]
    InvalidState {
        what: Detail,
        /// Empty where it is a version whose state is wrong.
        key_id: String,
        message: String,
    },
    #[error("{0}")]
    InvalidKeyUsage(&'static str),
    #[error("principal {principal:?} is not allowed {action} on {on}")]
    AccessDenied { principal: String, action: &'static str, on: String },
    #[error("grant_tokens: a token was not issued by this store, or its grant is gone")]
    InvalidGrantToken,
    /// One message for an altered or truncated blob, a wrong AAD and a wrong IV, so that it is no oracle.
    #[error("the ciphertext, its AAD or context, or its IV is not what was encrypted")]
    InvalidCiphertext,
    #[error("{0}: is not the key that the ciphertext was made under")]
    IncorrectKey(Cow<'static, str>),
    #[error("request.material: is not the material that the key had before")]
    OtherMaterial,
    #[error("{0}")]
    LimitExceeded(String),
    #[error("the key cannot be had now: {0}")]
    KeyUnavailable(String),
    #[error("{0} did not answer within timeout_ms")]
    DependencyTimeout(&'static str),
    #[error("store: {message}")]
    Store { native_code: i64, message: String },
    #[error("the store is damaged: {0}")]
    CorruptStore(String),
    #[error("the root key is not the one this store was made with")]
    WrongRootKey,
    #[error("the store was given another root key; open it again with that one")]
    Rekeyed,
    #[error("{0}")]
    Unsupported(Cow<'static, str>),
    #[error("{what} cannot be had")]
    OutOfMemory { what: &'static str, native_code: i64 },
    #[error("internal error: {0}")]
    Internal(&'static str),
    #[error("dry run: the call would have succeeded")]
    DryRunOk,
    #[error("the store was opened read-only")]
    ReadOnly,
}

fn noun(what: &Detail) -> &'static str {
    match what {
        Detail::Alias => "alias",
        Detail::Version => "key version",
        Detail::Grant => "grant",
        Detail::None => "file",
        _ => "key",
    }
}

impl Error {
    /// A bad argument; the message starts with the field's name.
    pub fn argument(message: impl Into<Cow<'static, str>>) -> Self {
        Error::InvalidArgument(message.into())
    }

    /// The same failure, told with the names that the caller's own struct has for its fields: `from` at the start of
    /// an argument's message becomes `to`. For checks that several structs share.
    #[cold]
    pub fn renamed(self, from: &str, to: &str) -> Self {
        let renamed =
            |message: &str| message.strip_prefix(from).map(|rest| Cow::Owned(format!("{to}{rest}")));
        match self {
            Error::InvalidArgument(message) => Error::InvalidArgument(renamed(&message).unwrap_or(message)),
            Error::Unsupported(message) => Error::Unsupported(renamed(&message).unwrap_or(message)),
            Error::IncorrectKey(field) => Error::IncorrectKey(renamed(&field).unwrap_or(field)),
            other => other,
        }
    }

    pub fn corrupt(message: impl Into<String>) -> Self {
        Error::CorruptStore(message.into())
    }

    pub fn not_found(what: Detail, name: impl Into<String>) -> Self {
        Error::NotFound { what, name: name.into() }
    }

    pub fn status(&self) -> Status {
        match self {
            Error::InvalidArgument(_) => Status::InvalidArgument,
            Error::BufferTooSmall(_) => Status::BufferTooSmall,
            Error::NotFound { .. } | Error::StoreNotFound(_) => Status::NotFound,
            Error::AlreadyExists { .. } => Status::AlreadyExists,
            Error::Disabled(_) => Status::Disabled,
            Error::InvalidState { .. } => Status::InvalidState,
            Error::InvalidKeyUsage(_) => Status::InvalidKeyUsage,
            Error::InvalidGrantToken => Status::InvalidGrantToken,
            Error::AccessDenied { .. } => Status::AccessDenied,
            Error::InvalidCiphertext => Status::InvalidCiphertext,
            Error::IncorrectKey(_) | Error::OtherMaterial => Status::IncorrectKey,
            Error::LimitExceeded(_) => Status::LimitExceeded,
            Error::KeyUnavailable(_) => Status::KeyUnavailable,
            Error::DependencyTimeout(_) => Status::DependencyTimeout,
            Error::Store { .. } => Status::StoreError,
            Error::CorruptStore(_) => Status::CorruptStore,
            Error::WrongRootKey | Error::Rekeyed => Status::WrongRootKey,
            Error::Unsupported(_) => Status::Unsupported,
            Error::OutOfMemory { .. } => Status::OutOfMemory,
            Error::Internal(_) => Status::Internal,
            Error::DryRunOk => Status::DryRunOk,
            Error::ReadOnly => Status::ReadOnly,
        }
    }

    pub fn detail(&self) -> Detail {
        match self {
            Error::NotFound { what, .. }
            | Error::AlreadyExists { what, .. }
            | Error::InvalidState { what, .. } => *what,
            Error::Disabled(_) | Error::IncorrectKey(_) => Detail::Key,
            Error::InvalidGrantToken => Detail::Grant,
            _ => Detail::None,
        }
    }

    /// The code of whatever lies below: SQLite's extended result code, an errno; 0 if none.
    pub fn native_code(&self) -> i64 {
        match self {
            Error::Store { native_code, .. } | Error::OutOfMemory { native_code, .. } => *native_code,
            _ => 0,
        }
    }

    /// Whether the same call may succeed later without anything being changed by the caller.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Error::DependencyTimeout(_) | Error::KeyUnavailable(_) | Error::OutOfMemory { .. })
    }
}
