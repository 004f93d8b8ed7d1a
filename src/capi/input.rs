//! From C to Rust: request structs, strings, bytes, contexts, each checked before it is believed.

use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

use smallvec::SmallVec;

use super::constants::{KMS_MAX_GRANT_TOKENS, KMS_MAX_TAGS};
use super::keys::kms_tag_t;
use super::types::{kms_bytes_t, kms_context_entry_t, kms_t};
use crate::crypto::aad::{Aad, Context};
use crate::engine::{GrantTokens, Kms};
use crate::error::{Error, Result};

/// No struct of this ABI will ever be longer; a larger struct_size is a caller's mistake and is not read.
pub(super) const MAX_STRUCT_SIZE: usize = 4096;

/// A struct that starts with struct_size and may grow at its end. All bits zero is a valid value of it.
pub(super) trait Extensible: Copy {
    /// The parameter's name in messages.
    const NAME: &'static str;
    /// Its size in the first release that had it; a caller cannot have a smaller one. A struct that has grown since
    /// says so: `const FIRST_SIZE: usize = offset_of!(Self, first_new_member);` (tests/abi.rs insists).
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// Reads struct_size, and refuses NULL and sizes that no release ever had.
///
/// # Safety
/// `pointer` is NULL or points to at least a size_t.
#[inline(always)]
pub(super) unsafe fn struct_size<T: Extensible>(pointer: *const T) -> Result<usize> {
    if pointer.is_null() {
        return Err(Error::argument(format!("{}: is NULL; it is required", T::NAME)));
    }
    // SAFETY: promised by the caller; the address may be unaligned.
    let size = unsafe { pointer.cast::<usize>().read_unaligned() };
    if size < T::FIRST_SIZE || size > MAX_STRUCT_SIZE {
        return Err(Error::argument(format!(
            "{}.struct_size: is {size}, expected {} to {MAX_STRUCT_SIZE}; use the struct's _INIT",
            T::NAME,
            T::FIRST_SIZE
        )));
    }
    Ok(size)
}

/// Copies a request struct bytewise: what an older caller leaves out is zero, what a newer one adds must be zero.
///
/// # Safety
/// `pointer` is NULL or points to struct_size readable bytes.
#[inline(always)]
pub(super) unsafe fn request<T: Extensible>(pointer: *const T) -> Result<T> {
    // SAFETY: promised by the caller.
    let size = unsafe { struct_size(pointer) }?;
    let mut copy = MaybeUninit::<T>::uninit();
    let mut source = pointer;
    if size != size_of::<T>() {
        // SAFETY: as above.
        unsafe { copy_of_another_size(pointer, size, &mut copy) }?;
        source = copy.as_ptr();
    }
    // SAFETY: a whole T of the caller, at any alignment, or the copy; an Extensible is valid as all zeros and as whatever
    // integers and pointers its caller put in. One read at the end, so that the fields need no memory of their own.
    Ok(unsafe { source.read_unaligned() })
}

/// # Safety
/// `pointer` points to `size` readable bytes.
#[cold]
#[inline(never)]
unsafe fn copy_of_another_size<T: Extensible>(
    pointer: *const T,
    size: usize,
    copy: &mut MaybeUninit<T>,
) -> Result<()> {
    let known = size.min(size_of::<T>());
    *copy = MaybeUninit::zeroed();
    // SAFETY: both sides have `known` bytes, and the copy is new memory.
    unsafe { std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), known) };
    for offset in known..size {
        // SAFETY: offset < struct_size.
        if unsafe { pointer.cast::<u8>().add(offset).read() } != 0 {
            return Err(Error::argument(format!(
                "{}: has a non-zero field that this version of the library does not know",
                T::NAME
            )));
        }
    }
    Ok(())
}

/// # Safety
/// `pointer` is NULL or a handle from kms_open that is not closed.
#[inline(always)]
pub(super) unsafe fn handle<'a>(pointer: *mut kms_t) -> Result<&'a Kms> {
    // SAFETY: promised by the caller.
    match unsafe { pointer.as_ref() } {
        Some(handle) => Ok(&handle.kms),
        None => Err(Error::argument("kms: is NULL; a handle from kms_open is required")),
    }
}

pub(super) fn reserved(name: &'static str, value: u32) -> Result<()> {
    if value == 0 { Ok(()) } else { Err(Error::argument(format!("{name}: is {value}, must be 0"))) }
}

pub(super) fn reserved_size(name: &'static str, value: usize) -> Result<()> {
    if value == 0 { Ok(()) } else { Err(Error::argument(format!("{name}: is {value}, must be 0"))) }
}

pub(super) fn no_flags(name: &'static str, value: u32) -> Result<()> {
    if value == 0 { Ok(()) } else { Err(Error::argument(format!("{name}: {value:#x} has unknown bits"))) }
}

/// # Safety
/// `pointer` is NULL or a NUL-terminated string that lives as long as the request.
#[inline(always)]
pub(super) unsafe fn optional_str<'a>(name: &'static str, pointer: *const c_char) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| not_utf8(name))
}

#[cold]
fn not_utf8(name: &'static str) -> Error {
    Error::argument(format!("{name}: is not valid UTF-8"))
}

#[cold]
fn missing(name: &'static str) -> Error {
    Error::argument(format!("{name}: is NULL; it is required"))
}

/// # Safety
/// As optional_str.
#[inline(always)]
pub(super) unsafe fn required_str<'a>(name: &'static str, pointer: *const c_char) -> Result<&'a str> {
    // SAFETY: promised by the caller.
    unsafe { optional_str(name, pointer) }?.ok_or_else(|| missing(name))
}

/// # Safety
/// `bytes.data` is NULL or points to `bytes.len` readable bytes that live as long as the request.
#[inline(always)]
pub(super) unsafe fn bytes<'a>(name: &'static str, bytes: kms_bytes_t) -> Result<&'a [u8]> {
    if bytes.data.is_null() {
        return if bytes.len == 0 {
            Ok(&[])
        } else {
            Err(Error::argument(format!("{name}: data is NULL, but len is {}", bytes.len)))
        };
    }
    if bytes.len > isize::MAX as usize {
        return Err(Error::argument(format!("{name}: len {} is no length", bytes.len)));
    }
    // SAFETY: promised by the caller.
    Ok(unsafe { std::slice::from_raw_parts(bytes.data, bytes.len) })
}

/// Room for the pairs of a context, in the frame of an export: more than most have. What has still more is an allocation.
pub(super) type ContextPlaces<'a> = SmallVec<[(&'a str, &'a str); 16]>;

/// Raw AAD or a context; both at once are refused. The pairs of a context are put into `places`.
///
/// # Safety
/// As bytes; `context` points to `context_len` entries of NUL-terminated strings.
#[inline(always)]
pub(super) unsafe fn aad<'a>(
    raw: kms_bytes_t,
    context: *const kms_context_entry_t,
    context_len: usize,
    places: &'a mut ContextPlaces<'_>,
) -> Result<Aad<'a>> {
    // SAFETY: promised by the caller.
    let raw = unsafe { bytes("request.aad", raw) }?;
    if context_len == 0 {
        return Aad::raw(raw);
    }
    // SAFETY: promised by the caller.
    let pairs = unsafe { context_pairs(raw, context, context_len, places) }?;
    Ok(Aad::Context(pairs))
}

/// # Safety
/// As aad.
#[inline(never)]
unsafe fn context_pairs<'a>(
    raw: &'a [u8],
    context: *const kms_context_entry_t,
    context_len: usize,
    places: &'a mut ContextPlaces<'_>,
) -> Result<Context<'a>> {
    if !raw.is_empty() {
        return Err(Error::argument("request.aad: is given together with a context; give one of them"));
    }
    if context.is_null() {
        return Err(Error::argument(format!("request.context: is NULL, but has a length of {context_len}")));
    }
    Context::check_len(context_len)?;
    for index in 0..context_len {
        // SAFETY: index < context_len entries, promised by the caller.
        let entry = unsafe { context.add(index).read_unaligned() };
        // SAFETY: promised by the caller.
        let pair = unsafe {
            (
                required_str("request.context[].key", entry.key)?,
                required_str("request.context[].value", entry.value)?,
            )
        };
        places.push(pair);
    }
    Context::in_place(places)
}

/// # Safety
/// `tags` points to `len` entries of NUL-terminated strings.
pub(super) unsafe fn tags<'a>(tags: *const kms_tag_t, len: usize) -> Result<Vec<(&'a str, &'a str)>> {
    // SAFETY: promised by the caller.
    let values = unsafe { tag_entries(tags, len) }?.into_iter().map(|tag| {
        // SAFETY: promised by the caller.
        let value = unsafe { required_str("request.tags[].value", tag.value) }?;
        // SAFETY: promised by the caller.
        Ok((unsafe { required_str("request.tags[].key", tag.key) }?, value))
    });
    values.collect()
}

/// # Safety
/// `tags` points to `len` entries whose keys are NUL-terminated strings.
pub(super) unsafe fn tag_keys<'a>(tags: *const kms_tag_t, len: usize) -> Result<Vec<&'a str>> {
    // SAFETY: promised by the caller.
    let entries = unsafe { tag_entries(tags, len) }?;
    // SAFETY: promised by the caller.
    entries.into_iter().map(|tag| unsafe { required_str("request.tags[].key", tag.key) }).collect()
}

/// # Safety
/// `tags` points to `len` entries.
unsafe fn tag_entries(tags: *const kms_tag_t, len: usize) -> Result<Vec<kms_tag_t>> {
    if len > KMS_MAX_TAGS {
        return Err(Error::argument(format!(
            "request.tags_len: is {len}, at most {KMS_MAX_TAGS} are allowed"
        )));
    }
    if len > 0 && tags.is_null() {
        return Err(Error::argument(format!("request.tags: is NULL, but tags_len is {len}")));
    }
    // SAFETY: index < len entries, promised by the caller.
    Ok((0..len).map(|index| unsafe { tags.add(index).read_unaligned() }).collect())
}

/// Room for the grant tokens of a request, in the frame of an export. What has more is an allocation.
pub(super) type TokenPlaces<'a> = SmallVec<[&'a str; 4]>;

/// # Safety
/// `tokens` points to `len` NUL-terminated strings.
pub(super) unsafe fn grant_tokens<'a>(tokens: *const *const c_char, len: usize) -> Result<GrantTokens<'a>> {
    let mut places = TokenPlaces::new();
    // SAFETY: promised by the caller.
    unsafe { some_grant_tokens(tokens, len, &mut places) }?;
    Ok(GrantTokens::from_slice(&places))
}

/// The same for the calls of the hot path: the tokens are put into `places`.
///
/// # Safety
/// As grant_tokens.
#[inline(always)]
pub(super) unsafe fn grant_tokens_in<'a>(
    tokens: *const *const c_char,
    len: usize,
    places: &'a mut TokenPlaces<'_>,
) -> Result<GrantTokens<'a>> {
    if len == 0 {
        return Ok(GrantTokens::new());
    }
    // SAFETY: promised by the caller.
    unsafe { some_grant_tokens(tokens, len, places) }?;
    Ok(GrantTokens::borrowed(places))
}

/// # Safety
/// As grant_tokens.
#[inline(never)]
unsafe fn some_grant_tokens(
    tokens: *const *const c_char,
    len: usize,
    places: &mut TokenPlaces<'_>,
) -> Result<()> {
    if len > 0 && tokens.is_null() {
        return Err(Error::argument(format!("request.grant_tokens: is NULL, but grant_tokens_len is {len}")));
    }
    if len > KMS_MAX_GRANT_TOKENS {
        return Err(Error::argument(format!(
            "request.grant_tokens_len: is {len}, at most {KMS_MAX_GRANT_TOKENS} are allowed"
        )));
    }
    for index in 0..len {
        // SAFETY: index < len pointers, each to a NUL-terminated string, promised by the caller.
        places.push(unsafe { required_str("request.grant_tokens[]", tokens.add(index).read_unaligned()) }?);
    }
    Ok(())
}
