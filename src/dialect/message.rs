//! What goes into a dialect and what comes out: an HTTP request or a gRPC message, and its answer, without a socket.

use std::io;

use zeroize::Zeroize;

use crate::crypto::uuid;
use crate::engine::failure_request_id;
use crate::error::{Detail, Error, Status};

/// One request, borrowed from the caller.
pub struct Request<'a> {
    pub method: &'a str,
    pub path: &'a str,
    /// What follows the first '?' of the target.
    pub query: &'a str,
    pub headers: Headers<'a>,
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    pub fn new(method: Option<&'a str>, target: &'a str, headers: &'a [u8], body: &'a [u8]) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request { method: method.unwrap_or("POST"), path, query, headers: Headers(headers), body }
    }
}

/// "Name: value" lines, as they stand between the request line and the blank line of HTTP/1.1.
#[derive(Clone, Copy)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// The value of the first header of that name, in whatever case. One that is no UTF-8 is none.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.0.split(|byte| *byte == b'\n').find_map(|line| {
            let (known, value) = std::str::from_utf8(line).ok()?.split_once(':')?;
            known.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// The answer to a request: success or the vendor's own error.
#[derive(Debug)]
pub struct Response {
    /// 0 for gRPC.
    pub http_status: u16,
    /// -1 for HTTP.
    pub grpc_status: i32,
    pub headers: Vec<(&'static str, String)>,
    pub body: Body,
    /// The engine's answer, or what it would have been for what the dialect itself refuses.
    pub status: Status,
    pub detail: Detail,
    pub request_id: String,
    pub message: String,
}

impl Response {
    pub fn http(http_status: u16, content_type: &str, request_id: String, body: Body) -> Self {
        Response {
            http_status,
            grpc_status: -1,
            headers: vec![("Content-Type", content_type.into())],
            body,
            status: Status::Ok,
            detail: Detail::None,
            request_id,
            message: String::new(),
        }
    }

    pub fn grpc(grpc_status: i32, request_id: String, body: Body) -> Self {
        Response {
            http_status: 0,
            grpc_status,
            headers: Vec::new(),
            body,
            status: Status::Ok,
            detail: Detail::None,
            request_id,
            message: String::new(),
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Says natively what went wrong.
    pub fn failed(mut self, error: &Error) -> Self {
        (self.status, self.detail, self.message) = (error.status(), error.detail(), error.to_string());
        self
    }

    /// The headers as lines.
    pub fn header_lines(&self) -> String {
        self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }
}

/// A request id for what the engine gave none to: the one that the audit log has, if it has one.
pub fn new_request_id() -> String {
    failure_request_id().as_ref().map(uuid::to_string).unwrap_or_default()
}

/// The body of a response. Plaintexts lie in it, so that it is wiped, where it grows out of its memory too.
#[derive(Debug, Default)]
pub struct Body(Vec<u8>);

impl Body {
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Body(bytes)
    }
}

impl io::Write for Body {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.max(2 * self.0.capacity()).max(512));
            larger.extend_from_slice(&self.0);
            std::mem::replace(&mut self.0, larger).zeroize();
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
