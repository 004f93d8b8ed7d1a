//! The boundary every export stands behind: no panic crosses it, and each failure fills the caller's kms_error_t.

use std::cell::Cell;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use super::constants::{KMS_ERROR_RETRYABLE, KMS_OK};
use super::types::{kms_error_t, kms_status_t};
use crate::crypto::uuid;
use crate::engine::failure_request_id;
use crate::error::{Error, Result};

thread_local! {
    /// Whether this thread is inside an export, so that the hook below knows whose panic it sees.
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs an export's body; turns its error, or its panic, into a status and a filled `error`.
pub(super) fn guard(
    function: &'static str,
    error: *mut kms_error_t,
    body: impl FnOnce() -> Result<()>,
) -> kms_status_t {
    silence_guarded_panics();
    let outer = GUARDED.replace(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(feature = "test-hooks")]
        crate::test_hooks::panic_if_asked(function);
        body()
    }));
    GUARDED.set(outer);
    match outcome {
        Ok(Ok(())) => {
            succeed(error);
            KMS_OK
        }
        Ok(Err(failure)) => fail(error, &failure),
        Err(payload) => {
            // The payload is dropped unread (its text could quote data), in a guard of its own: a Drop may panic too.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
            fail(error, &Error::Internal(function))
        }
    }
}

/// Keeps panics inside a guard from being printed: the library prints nothing. Chained, so that a Rust host's
/// own panics still reach the host's hook. The first export that is called installs it, whichever that is.
fn silence_guarded_panics() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    #[cold]
    fn install() {
        // The hook must not be changed while a panic of the host unwinds; the loser of a race does nothing.
        if std::thread::panicking() || INSTALLED.swap(true, Ordering::Relaxed) {
            return;
        }
        let previous = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                previous(info);
            }
        }));
    }
    if !INSTALLED.load(Ordering::Relaxed) {
        install();
    }
}

fn succeed(error: *mut kms_error_t) {
    if !error.is_null() {
        // SAFETY: the caller gives a kms_error_t or NULL; unaligned writes ask nothing of its address.
        unsafe {
            (&raw mut (*error).status).write_unaligned(KMS_OK);
            (&raw mut (*error).message).cast::<c_char>().write_unaligned(0);
        }
    }
}

fn fail(error: *mut kms_error_t, failure: &Error) -> kms_status_t {
    let status = failure.status() as kms_status_t;
    if error.is_null() {
        return status;
    }
    let mut filled = kms_error_t {
        status,
        detail: failure.detail() as u32,
        native_code: failure.native_code(),
        flags: if failure.is_retryable() { KMS_ERROR_RETRYABLE } else { 0 },
        reserved: 0,
        request_id: [0; 40],
        message: [0; 448],
    };
    let request_id = failure_request_id().as_ref().map(uuid::to_string).unwrap_or_default();
    copy_text(&mut filled.request_id, &request_id);
    copy_text(&mut filled.message, &failure.to_string());
    // SAFETY: as in succeed.
    unsafe { error.write_unaligned(filled) };
    status
}

/// Copies text with a NUL after it: control characters escaped, cut at a character where it does not fit.
pub(super) fn copy_text(target: &mut [c_char], text: &str) {
    let mut room = target.len().saturating_sub(1);
    let mut cells = target.iter_mut();
    let mut utf8 = [0; 4];
    for character in text.chars() {
        let mut put = |bytes: &[u8]| {
            let fits = bytes.len() <= room;
            if fits {
                room -= bytes.len();
                // The bytes first: a zip that ends at its second part has taken one too many of its first.
                for (byte, cell) in bytes.iter().zip(cells.by_ref()) {
                    *cell = *byte as c_char;
                }
            }
            fits
        };
        let fits = if character.is_control() {
            put(character.escape_unicode().to_string().as_bytes())
        } else {
            put(character.encode_utf8(&mut utf8).as_bytes())
        };
        if !fits {
            break;
        }
    }
    if let Some(cell) = cells.next() {
        *cell = 0;
    }
}
