//! No panic crosses the C boundary, and none is printed: one is injected into every export, in a process of its own
//! whose standard error is looked at.

#![allow(unsafe_code)] // calls of C functions with hand-made arguments
#![allow(clippy::undocumented_unsafe_blocks)] // in a table of calls: each points to what lives through it

#[path = "capi_panic/exports.rs"]
mod exports;
#[path = "support/handle.rs"]
mod handle;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::ptr::null_mut;

use exports::Export::{self, Constant, Size, Status, Void};
use exports::{expected, exports};
use handle::{Bound, Decrypt, Handle, Open, outcome};
use kms::capi::constants::*;
use kms::capi::open::*;
use kms::capi::types::*;
use kms::crypto::aad::Aad;
use kms::engine::{self, DataKeyRequest, GrantTokens};
use kms::root::RootKeySource;
use kms::test_hooks::panic_in;

#[test]
fn every_export_of_the_header_is_here() {
    let header =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/include/kms.h")).expect("kms.h");
    let declared: BTreeSet<&str> = header
        .lines()
        .filter(|line| line.starts_with("KMS_API "))
        .filter_map(|line| {
            line.split(['(', ' ', '*']).find(|word| word.starts_with("kms_") && !word.ends_with("_t"))
        })
        .collect();
    let exports = exports();
    let tested: BTreeSet<&str> = exports.iter().map(|(name, _)| *name).collect();
    assert!(declared.contains("kms_open"), "the header's declarations were not found");
    assert_eq!(tested, declared);
}

const CHILD: &str = "KMS_TEST_PANICS_IN";

/// Runs this test again as a process of its own that works on `export`.
fn in_a_child(test: &str, export: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().expect("the path of this test"));
    child.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(CHILD, export);
    child.env("RUST_BACKTRACE", "0").output().expect("to run this test again")
}

#[track_caller]
fn expect_success(output: &Output) {
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
}

#[test]
fn an_injected_panic_is_an_error_and_nothing_is_printed() {
    if let Ok(name) = std::env::var(CHILD) {
        return panic_inside(&name);
    }
    for (name, _) in exports() {
        let output = in_a_child("an_injected_panic_is_an_error_and_nothing_is_printed", name);
        expect_success(&output);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name} printed");
    }
}

/// The child's part: first as the first call of the process, then with an open store.
fn panic_inside(name: &str) {
    let exports = exports();
    let (name, export) = exports.iter().find(|(known, _)| *known == name).expect("an export");
    check_panic(name, export, null_mut());

    let handle = Handle::memory();
    handle.create_key("panics").expect("a key");
    let before = handle.generate("panics", 32, Bound::Nothing).expect("a data key");
    for _ in 0..3 {
        check_panic(name, export, handle.as_ptr());
        // The handle goes on, and so does the export itself.
        let opened = handle.decrypt(Decrypt::new(&before.ciphertext, Bound::Nothing));
        assert_eq!(opened.as_ref(), Ok(&before.plaintext));
        handle.generate("panics", 32, Bound::Nothing).expect("a data key");
    }
    if let Status(call) = export {
        assert_eq!(call(handle.as_ptr(), null_mut()), expected(name), "{name} after the panic");
    }
}

fn check_panic(name: &'static str, export: &Export, kms: *mut kms_t) {
    panic_in(Some(name));
    match export {
        Status(call) => {
            let failure = outcome(|error| call(kms, error)).expect_err("a panic");
            assert_eq!(failure.status, KMS_INTERNAL, "{}", failure.message);
            assert!(failure.message.contains(name), "{}", failure.message);
            assert!(!failure.message.contains("injected"), "the panic's text is in the message");
            panic_in(Some(name));
            assert_eq!(call(kms, null_mut()), KMS_INTERNAL, "without an error struct");
        }
        Void(call) => call(),
        Size(call) => assert_eq!(call(), 0),
        // Never reached, so the panic is still to come; it must not hit another call.
        Constant(call) => {
            assert!(call());
            panic_in(None);
        }
    }
}

#[test]
fn a_panic_of_the_host_is_printed() {
    const TEXT: &str = "the host's own panic";
    if std::env::var(CHILD).is_ok() {
        let handle = Handle::memory();
        panic_in(Some("kms_flush"));
        // SAFETY: an open handle.
        assert_eq!(unsafe { kms_flush(handle.as_ptr(), null_mut()) }, KMS_INTERNAL);
        let caught = catch_unwind(|| panic!("{TEXT}"));
        assert!(caught.is_err());
        return;
    }
    let output = in_a_child("a_panic_of_the_host_is_printed", "the host");
    expect_success(&output);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains(TEXT), "the host's hook was not called: {errors:?}");
    assert!(!errors.contains("injected"), "{errors}");
}

/// The caller's memory, which panics when it is asked for: in the middle of an operation, with a lane in use.
struct Panicking;

impl<const N: usize> engine::Output<N> for Panicking {
    fn reserve(&mut self, _: [usize; N]) -> kms::Result<[Option<&mut [u8]>; N]> {
        panic!("in the middle of an operation");
    }
}

/// The caller's memory for a data key.
struct Memory([Vec<u8>; 3]);

impl engine::Output<3> for Memory {
    fn reserve(&mut self, needs: [usize; 3]) -> kms::Result<[Option<&mut [u8]>; 3]> {
        self.0 = needs.map(|need| vec![0; need]);
        Ok(self.0.each_mut().map(|memory| Some(memory.as_mut_slice())))
    }
}

#[test]
fn a_panic_in_the_middle_of_an_operation_breaks_no_lane() {
    let kms = engine::Kms::open(&engine::OpenOptions {
        store: "memory:",
        root: RootKeySource::Raw(&[1; 32]),
        account_id: None,
        region: None,
        flags: KMS_OPEN_CREATE,
        max_staleness_ms: 0,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    })
    .expect("a store");
    let create = engine::CreateKeyRequest { key_id: Some("panics"), ..engine::CreateKeyRequest::default() };
    kms.create_key(&create).expect("a key");
    let request = DataKeyRequest {
        key_id: "panics",
        version_id: None,
        key_spec: 0,
        number_of_bytes: 32,
        aad: Aad::None,
        grant_tokens: GrantTokens::new(),
        flags: 0,
    };
    let mut seen = BTreeSet::new();
    // More often than there are lanes.
    for _ in 0..300 {
        let outcome = catch_unwind(AssertUnwindSafe(|| kms.generate_data_key(&request, &mut Panicking)));
        assert!(outcome.is_err(), "it did not panic");
        let mut memory = Memory([const { Vec::new() }; 3]);
        assert!(kms.generate_data_key(&request, &mut memory).is_ok());
        let [plaintext, ciphertext, iv] = memory.0;
        assert!(seen.insert(plaintext) && seen.insert(ciphertext) && seen.insert(iv), "nothing comes twice");
    }
    let stats = kms.stats(0).expect("statistics");
    assert!(stats.lanes <= 2, "{} lanes: a panic took one away", stats.lanes);
}

#[test]
fn opening_works_after_a_panic_in_open() {
    let how = Open { root_key: &[1; 32], flags: KMS_OPEN_CREATE, ..Open::default() };
    panic_in(Some("kms_open"));
    assert_eq!(Handle::open("memory:", how).err().map(|failure| failure.status), Some(KMS_INTERNAL));
    Handle::open("memory:", how).expect("a store");
}
