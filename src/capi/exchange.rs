//! Dialects: a vendor's request as bytes in, that vendor's response as bytes out.

use std::ffi::c_char;

use super::constants::{KMS_EXCHANGE_MIN_CAPACITY, KMS_EXCHANGE_MIN_HEADERS};
use super::guard::guard;
use super::input::{self, Extensible};
use super::items::Info;
use super::output::{Buffers, optional, required};
use super::types::{kms_buffer_t, kms_bytes_t, kms_error_t, kms_status_t, kms_t};
use crate::dialect::{self, Dialect, Request};
use crate::engine::Output;

/// A request in a vendor's form.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_exchange_request_t {
    pub struct_size: usize,
    /// NULL = "POST", which gRPC has always.
    pub method: *const c_char,
    /// "/path?query", or "/package.Service/Method" for gRPC; required.
    pub target: *const c_char,
    /// "Name: value\r\n" lines without a blank line, or empty.
    pub headers: kms_bytes_t,
    /// For gRPC the bare message, without a length before it.
    pub body: kms_bytes_t,
    /// No flag is defined yet.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_exchange_request_t {
    const NAME: &'static str = "request";
}

/// A response in the vendor's form. `headers` and `body` are the caller's offers of memory; the rest is written on
/// KMS_OK.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_exchange_response_t {
    pub struct_size: usize,
    /// KMS_EXCHANGE_MIN_HEADERS bytes or more, in the form of the request's; NULL,0 = not wanted.
    pub headers: kms_buffer_t,
    /// KMS_EXCHANGE_MIN_CAPACITY bytes or more. For a gRPC error a google.rpc.Status, as in
    /// grpc-status-details-bin.
    pub body: kms_buffer_t,
    /// 0 for gRPC.
    pub http_status: i32,
    /// -1 for HTTP.
    pub grpc_status: i32,
    /// What the same operation answers natively.
    pub status: kms_status_t,
    /// KMS_DETAIL_*.
    pub detail: u32,
    /// The request's id as the vendor's response says it.
    pub request_id: [c_char; 40],
    /// grpc-message; for HTTP what the error means, for logs. Empty on success.
    pub message: [c_char; 448],
}

impl Extensible for kms_exchange_response_t {
    const NAME: &'static str = "response";
}

/// Answers one request of a vendor's SDK: an HTTP or gRPC server without a socket. A vendor's error (no such key) is
/// an answer and gives KMS_OK; response->status says what it is. Signatures are not checked: the caller is the
/// handle's principal.
///
/// Beside what the request changes, nothing is kept of it: no session, no connection. docs/dialects.md lists what each
/// dialect answers, and how SDKs are attached.
///
/// \param dialect   KMS_DIALECT_*
/// \param request   required
/// \param response  required; headers and body may hold plaintext, which the caller wipes (kms_wipe)
/// \return KMS_OK; KMS_INVALID_ARGUMENT for misuse of this function; KMS_BUFFER_TOO_SMALL, with nothing done, for
///         buffers below the minimum; KMS_UNSUPPORTED if the library was built without dialects; KMS_INTERNAL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_exchange(
    kms: *mut kms_t,
    dialect: u32,
    request: *const kms_exchange_request_t,
    response: *mut kms_exchange_response_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_exchange", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes, and buffers of capacity bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let info = Info::required(response)?;
            input::no_flags("request.flags", raw.flags)?;
            input::reserved("request.reserved", raw.reserved)?;
            let dialect = Dialect::from_number(dialect)?;
            let request = Request::new(
                input::optional_str("request.method", raw.method)?,
                input::required_str("request.target", raw.target)?,
                input::bytes("request.headers", raw.headers)?,
                input::bytes("request.body", raw.body)?,
            );
            let offered = (&raw const (*response).headers).read_unaligned();
            let wants_headers = !offered.data.is_null() || offered.capacity > 0;
            let headers = if wants_headers { &raw mut (*response).headers } else { std::ptr::null_mut() };
            let mut buffers = Buffers::new([
                optional("response.headers", headers),
                required("response.body", &raw mut (*response).body),
            ])?;
            buffers.refuse_overlap(&[raw.headers, raw.body])?;
            buffers.reserve([KMS_EXCHANGE_MIN_HEADERS, KMS_EXCHANGE_MIN_CAPACITY])?;

            let answer = dialect::answer(kms, dialect, &request)?;
            let lines = answer.header_lines();
            let [headers, body] = buffers.reserve([lines.len(), answer.body.len()])?;
            headers.into_iter().for_each(|headers| headers.copy_from_slice(lines.as_bytes()));
            body.into_iter().for_each(|body| body.copy_from_slice(answer.body.as_slice()));
            buffers.finish();
            info.exchange(response.read_unaligned(), &answer);
            Ok(())
        }
    })
}
