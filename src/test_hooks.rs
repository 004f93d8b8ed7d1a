//! For this crate's own tests only (feature `test-hooks`, never in a shipped library): an injected panic.

use std::cell::Cell;

thread_local! {
    static PANIC_IN: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Makes the next call of an export on this thread panic.
pub fn panic_in(function: Option<&'static str>) {
    PANIC_IN.set(function);
}

#[allow(clippy::panic)] // its purpose
pub(crate) fn panic_if_asked(function: &'static str) {
    if PANIC_IN.get() == Some(function) {
        PANIC_IN.set(None);
        panic!("injected by a test; must not be printed");
    }
}
