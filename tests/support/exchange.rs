//! kms_exchange as safe Rust, for tests of dialects: through the exported function, into buffers of the least size.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // calls of C functions

use std::ffi::CString;
use std::path::{Path, PathBuf};

use kms::capi::constants::*;
use kms::capi::exchange::{kms_exchange, kms_exchange_request_t, kms_exchange_response_t};
use kms::capi::types::kms_buffer_t;
use serde_json::Value;

use crate::handle::{Handle, Outcome, UNTOUCHED, bytes, outcome, zeroed};
use crate::keys::text;

/// A vendor's request.
#[derive(Clone, Debug, Default)]
pub struct Sent<'a> {
    /// "" = NULL.
    pub method: &'a str,
    pub target: &'a str,
    pub headers: String,
    pub body: Vec<u8>,
}

/// A vendor's response.
#[derive(Clone, Debug)]
pub struct Received {
    pub http_status: i32,
    pub grpc_status: i32,
    pub status: i32,
    pub detail: u32,
    pub headers: String,
    pub body: Vec<u8>,
    pub request_id: String,
    pub message: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.split("\r\n").filter_map(|line| line.split_once(": "));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl Handle {
    pub fn exchange(&self, dialect: u32, sent: &Sent<'_>) -> Received {
        self.try_exchange(dialect, sent).expect("an answer")
    }

    pub fn try_exchange(&self, dialect: u32, sent: &Sent<'_>) -> Outcome<Received> {
        let method = CString::new(sent.method).expect("a method");
        let target = CString::new(sent.target).expect("a target");
        let mut body = vec![UNTOUCHED; KMS_EXCHANGE_MIN_CAPACITY];
        let mut headers = vec![UNTOUCHED; KMS_EXCHANGE_MIN_HEADERS];
        let offer =
            |memory: &mut Vec<u8>| kms_buffer_t { data: memory.as_mut_ptr(), capacity: memory.len(), len: 0 };
        // SAFETY: structs of the C ABI, and memory of this function.
        let (outcome, response) = unsafe {
            let mut request: kms_exchange_request_t = zeroed();
            request.struct_size = size_of::<kms_exchange_request_t>();
            request.method = if sent.method.is_empty() { std::ptr::null() } else { method.as_ptr() };
            request.target = target.as_ptr();
            request.headers = bytes(sent.headers.as_bytes());
            request.body = bytes(&sent.body);
            let mut response: kms_exchange_response_t = zeroed();
            response.struct_size = size_of::<kms_exchange_response_t>();
            (response.headers, response.body) = (offer(&mut headers), offer(&mut body));
            let outcome =
                outcome(|error| kms_exchange(self.as_ptr(), dialect, &request, &mut response, error));
            (outcome, response)
        };
        if outcome.is_err() {
            assert!(body.iter().chain(&headers).all(|byte| *byte == UNTOUCHED), "a failed call wrote");
        }
        outcome?;
        body.truncate(response.body.len);
        headers.truncate(response.headers.len);
        Ok(Received {
            http_status: response.http_status,
            grpc_status: response.grpc_status,
            status: response.status,
            detail: response.detail,
            headers: String::from_utf8(headers).expect("headers"),
            body,
            request_id: text(&response.request_id),
            message: text(&response.message),
        })
    }

    /// An operation of AWS or QKMS.
    pub fn aws(&self, dialect: u32, operation: &str, arguments: Value) -> Received {
        self.aws_text(dialect, operation, &arguments.to_string())
    }

    pub fn aws_text(&self, dialect: u32, operation: &str, body: &str) -> Received {
        let headers = format!(
            "Host: kms\r\nX-Amz-Target: TrentService.{operation}\r\nContent-Type: application/x-amz-json-1.1\r\n"
        );
        self.exchange(dialect, &Sent { method: "POST", target: "/", headers, body: body.as_bytes().to_vec() })
    }
}

/// A recorded request of tests/vectors/dialects: an HTTP/1.1 message.
pub struct Recorded {
    pub method: String,
    pub target: String,
    pub headers: String,
    pub body: Vec<u8>,
}

impl Recorded {
    pub fn read(name: &str) -> Recorded {
        let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/dialects").join(name);
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = String::from_utf8(text).expect("a recorded request in UTF-8");
        let (first, rest) = text.split_once('\n').expect("a request line");
        let mut words = first.split_whitespace();
        let (headers, body) = rest.replace("\r\n", "\n").split_once("\n\n").map_or_else(
            || (rest.to_string(), String::new()),
            |(headers, body)| (headers.to_string(), body.to_string()),
        );
        Recorded {
            method: words.next().expect("a method").into(),
            target: words.next().expect("a target").into(),
            headers: headers.lines().map(|line| format!("{}\r\n", line.trim_end())).collect(),
            body: body.into_bytes(),
        }
    }

    /// The request with some of its text replaced, as made-up ids and ciphertexts need it.
    pub fn with(mut self, old: &str, new: &str) -> Recorded {
        let body = String::from_utf8(self.body).expect("a body in UTF-8");
        assert!(body.contains(old) || self.target.contains(old), "{old:?} is not in the request");
        self.body = body.replace(old, new).into_bytes();
        self.target = self.target.replace(old, new);
        self
    }

    pub fn sent(&self) -> Sent<'_> {
        Sent {
            method: &self.method,
            target: &self.target,
            headers: self.headers.clone(),
            body: self.body.clone(),
        }
    }
}
