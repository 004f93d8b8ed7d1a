//! The plain types that every function of the C ABI shares.

use std::ffi::c_char;

/// What every function returns; one of the KMS_* status codes.
pub type kms_status_t = i32;

/// An open key store. Opaque; safe to use from any number of threads at once.
pub struct kms_t {
    pub(crate) kms: crate::engine::Kms,
}

/// Input bytes. NULL with len 0 is empty; NULL with a length is KMS_INVALID_ARGUMENT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_bytes_t {
    pub data: *const u8,
    pub len: usize,
}

/// An output buffer of the caller. The library writes `len`, never more than `capacity` bytes of `data`.
/// data NULL with capacity 0 asks for the size: KMS_BUFFER_TOO_SMALL, and len says what is needed.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_buffer_t {
    pub data: *mut u8,
    pub capacity: usize,
    pub len: usize,
}

/// An output column of the caller: item i starts at data + i * stride. The gaps are left untouched.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_column_t {
    pub data: *mut u8,
    /// Bytes of the whole column.
    pub capacity: usize,
    /// Bytes from one item to the next; 0 = packed.
    pub stride: usize,
    /// Out: bytes of each item; on KMS_BUFFER_TOO_SMALL what one item needs.
    pub item_len: usize,
}

/// One pair of an encryption context. Both are NUL-terminated UTF-8; the key is not empty.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_context_entry_t {
    pub key: *const c_char,
    pub value: *const c_char,
}

/// A string in a text buffer. A NUL follows it that `len` does not count. 0,0 = no string.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_span_t {
    pub offset: u32,
    pub len: u32,
}

/// Where a list stands. KMS_PAGE_INIT asks for the first page; pass the same page back while `more` is 1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_page_t {
    pub struct_size: usize,
    /// Out: items written.
    pub items_len: usize,
    /// Out: 1 if there are more.
    pub more: u32,
    pub reserved: u32,
    /// Opaque; anything but what a list call wrote here is KMS_INVALID_ARGUMENT.
    pub marker: [c_char; 256],
}

/// What went wrong, in memory of the caller: nothing to free, nothing thread-local. 512 bytes, frozen.
/// On KMS_OK only status and message[0] are written, both 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_error_t {
    /// The code the function returned.
    pub status: kms_status_t,
    /// KMS_DETAIL_*: what the status is about.
    pub detail: u32,
    /// The code of what lies below (SQLite, errno); 0 if none.
    pub native_code: i64,
    /// KMS_ERROR_* flags.
    pub flags: u32,
    pub reserved: u32,
    /// The id of the failed request, for logs.
    pub request_id: [c_char; 40],
    /// UTF-8 for people, cut at a character, control characters escaped; holds no secret.
    pub message: [c_char; 448],
}
