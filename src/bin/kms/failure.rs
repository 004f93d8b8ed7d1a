//! Everything that can end the tool with another exit code than 0, and how it is told: on standard error, with the
//! name of the status, or as JSON.

use std::fmt::Write as _;
use std::io;

use kms::error::{Error, Status};

/// A status ends the tool with this and the status's number. It keeps clear of 1 and 2 (files, usage), and of 126 and
/// above, which shells use for programs that could not be run or were killed.
const STATUS_BASE: u8 = 64;
const FILE: u8 = 1;
/// As clap has it.
pub const USAGE: u8 = 2;
/// As a shell reports a program that SIGINT or SIGPIPE ended.
const INTERRUPTED: u8 = 130;
const READER_GONE: u8 = 141;

pub type Result<T, E = Failure> = std::result::Result<T, E>;

#[derive(Debug)]
pub enum Failure {
    /// What the library refused or could not do.
    Kms(Error),
    /// The command line, or the terminal it was given on, does not do.
    Usage(String),
    /// A file of the caller's, not the store.
    File { name: String, error: io::Error },
    /// A file that would have to be overwritten.
    Exists(String),
    /// What is wrong with an audit log.
    DamagedLog(String),
    /// Ctrl-C at a prompt.
    Interrupted,
    /// Nobody reads standard output any more. That is no fault, and nothing to talk of.
    ReaderGone,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Kms(error)
    }
}

impl Failure {
    pub fn usage(message: impl Into<String>) -> Self {
        Failure::Usage(message.into())
    }

    pub fn file(name: impl ToString, error: io::Error) -> Self {
        Failure::File { name: name.to_string(), error }
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Kms(error) => exit_code(error.status()),
            Failure::Exists(_) => exit_code(Status::AlreadyExists),
            Failure::DamagedLog(_) => exit_code(Status::CorruptStore),
            Failure::Usage(_) => USAGE,
            Failure::File { .. } => FILE,
            Failure::Interrupted => INTERRUPTED,
            Failure::ReaderGone => READER_GONE,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Failure::Kms(error) => error.status().name(),
            Failure::Exists(_) => Status::AlreadyExists.name(),
            Failure::DamagedLog(_) => Status::CorruptStore.name(),
            Failure::Usage(_) => "USAGE",
            Failure::File { .. } => "FILE_ERROR",
            Failure::Interrupted => "INTERRUPTED",
            Failure::ReaderGone => "READER_GONE",
        }
    }

    fn message(&self) -> String {
        match self {
            Failure::Kms(error) => message(error),
            Failure::Usage(message) | Failure::DamagedLog(message) => message.clone(),
            Failure::File { name, error } => format!("{name}: {error}"),
            Failure::Exists(name) => format!("{name} is there already; --force overwrites it"),
            Failure::Interrupted => "interrupted".into(),
            Failure::ReaderGone => "nobody reads the output".into(),
        }
    }

    /// What standard error gets; None if there is nobody to tell.
    pub fn report(&self, json: bool) -> Option<String> {
        if matches!(self, Failure::ReaderGone) {
            return None;
        }
        if !json {
            return Some(format!("kms: {}: {}", self.name(), self.message()));
        }
        let (native_code, retryable) = match self {
            Failure::Kms(error) => (error.native_code(), error.is_retryable()),
            Failure::File { error, .. } => (error.raw_os_error().unwrap_or(0).into(), false),
            _ => (0, false),
        };
        let error = serde_json::json!({ "error": {
            "status": self.name(),
            "exit_code": self.exit_code(),
            "message": self.message(),
            "native_code": native_code,
            "retryable": retryable,
        }});
        Some(error.to_string())
    }
}

/// None for what the caller may not do: an answer goes without it.
pub fn unless_denied<T>(outcome: kms::Result<T>) -> kms::Result<Option<T>> {
    match outcome {
        Err(Error::AccessDenied { .. }) => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// A dry run that would have succeeded is a success, for `kms rekey --dry-run && kms rekey`.
fn exit_code(status: Status) -> u8 {
    match status {
        Status::Ok | Status::DryRunOk => 0,
        status => STATUS_BASE + status as u8,
    }
}

/// The library's messages name fields of its requests and flags of the C ABI; here they are options.
fn message(error: &Error) -> String {
    if let Error::StoreNotFound(place) = error {
        return format!("there is no key store at {place:?}; `kms init` makes one");
    }
    let text = error.to_string();
    let text = ["request.", "options."].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(&text);
    text.replace("KMS_OPEN_READ_ONLY opens", "--read-only opens")
        .replace("the store is damaged: the audit log", "the audit log")
        .replace("store: the audit log", "the audit log")
        .replace("KMS_BYPASS_POLICY_LOCKOUT_CHECK", "--bypass-lockout-check")
}

/// The table of exit codes, for --help, the manual page, and docs/cli.md.
pub fn table() -> String {
    let mut table = String::new();
    let mut line = |code: u8, text: &str| {
        let _ = writeln!(table, "  {code:>3}  {text}");
    };
    line(0, "success; also a dry run that would have succeeded");
    line(FILE, "FILE_ERROR: a file other than the store, or a standard stream, cannot be read or written");
    line(USAGE, "USAGE: the command line, or the terminal, does not do");
    for status in Status::ALL.into_iter().filter(|status| exit_code(*status) != 0) {
        line(exit_code(status), status.name());
    }
    line(INTERRUPTED, "INTERRUPTED: Ctrl-C at a prompt");
    line(READER_GONE, "nobody reads standard output any more; nothing is said");
    table
}
