//! Calls that have two of most fields, or fields of another struct: the message says which of them is meant.

use std::ptr::null_mut;

use kms::capi::care::*;
use kms::capi::constants::*;
use kms::capi::data::*;
use kms::capi::re_encrypt::*;
use kms::capi::types::*;

use crate::Walk;
use crate::handle::{Bound, Handle, Outcome, bytes, outcome, zeroed};
use crate::secrets::{AAD, OTHER_ROOT_KEY, PASSPHRASE, PLAINTEXT};

/// Re-encrypts with something wrong in the request, or in the struct for what served the source.
fn re_encrypt(
    kms: &Handle,
    ciphertext: &[u8],
    change: impl FnOnce(&mut kms_re_encrypt_request_t, &mut kms_data_key_info_t),
) -> Outcome<()> {
    // SAFETY: as in generate.
    outcome(|error| unsafe {
        let (mut request, mut info): (kms_re_encrypt_request_t, kms_data_key_info_t) = (zeroed(), zeroed());
        (request.struct_size, info.struct_size) = (size_of_val(&request), size_of_val(&info));
        request.ciphertext = bytes(ciphertext);
        request.source_aad = bytes(AAD);
        request.destination_key_id = c"other".as_ptr();
        request.destination_aad = bytes(AAD);
        change(&mut request, &mut info);
        let mut memory = [0; 2048];
        let mut out = kms_buffer_t { data: memory.as_mut_ptr(), capacity: memory.len(), len: 0 };
        kms_re_encrypt(kms.as_ptr(), &request, &mut out, null_mut(), &mut info, null_mut(), error)
    })
}

/// The request has two of most fields; the message says which.
pub fn wrong_re_encryptions(walk: &mut Walk, kms: &Handle) {
    let (payload, _) = kms.encrypt("orders", PLAINTEXT, Bound::Aad(AAD)).expect("a ciphertext");
    let long = [AAD; 1000].concat();
    let long_name = std::ffi::CString::new(vec![b'n'; 3000]).expect("text");
    let entry = |key: &'static std::ffi::CStr| kms_context_entry_t { key: key.as_ptr(), value: c"".as_ptr() };
    let (no_name, twice) = ([entry(c"")], [entry(c"a"), entry(c"a")]);
    let null = [kms_context_entry_t { key: c"a".as_ptr(), value: std::ptr::null() }];
    let mut refused = |about, change: &dyn Fn(&mut kms_re_encrypt_request_t)| {
        let outcome = re_encrypt(kms, &payload, |request, _| change(request));
        walk.fails(about, KMS_INVALID_ARGUMENT, outcome);
        let message = &walk.failures.last().expect("the last").1.message;
        assert!(message.starts_with(about), "does not start with {about:?}: {message}");
    };
    refused("request.source_aad:", &|request| request.source_aad = bytes(&long));
    refused("request.destination_aad:", &|request| request.destination_aad = bytes(&long));
    refused("request.source_aad:", &|request| request.source_aad.data = std::ptr::null());
    refused("request.destination_aad:", &|request| request.destination_aad.data = std::ptr::null());
    for (entries, what) in
        [(&no_name[..], "context:"), (&twice, "context:"), (&null, "context[].value:"), (&[], "context:")]
    {
        let (start, len) =
            (if entries.is_empty() { std::ptr::null() } else { entries.as_ptr() }, entries.len());
        let of_source = format!("request.source_{what}").leak();
        refused(of_source, &|request| {
            request.source_aad = bytes(b"");
            (request.source_context, request.source_context_len) = (start, len.max(1));
        });
        let of_destination = format!("request.destination_{what}").leak();
        refused(of_destination, &|request| {
            request.destination_aad = bytes(b"");
            (request.destination_context, request.destination_context_len) = (start, len.max(1));
        });
    }
    // AAD and a context at once.
    refused("request.source_aad:", &|request| {
        (request.source_context, request.source_context_len) = (no_name.as_ptr(), 1);
    });
    refused("request.destination_aad:", &|request| {
        (request.destination_context, request.destination_context_len) = (no_name.as_ptr(), 1);
    });
    refused("request.source_key_id:", &|request| request.source_key_id = long_name.as_ptr());
    refused("request.source_key_id:", &|request| request.source_key_id = c"".as_ptr());
    refused("request.destination_key_id:", &|request| request.destination_key_id = long_name.as_ptr());
    refused("request.destination_key_id:", &|request| request.destination_key_id = std::ptr::null());
    refused("request.destination_version_id:", &|request| {
        (request.destination_version_id, request.flags) = (c"one".as_ptr(), KMS_INITIAL_VERSION);
    });
    refused("request.source_iv:", &|request| request.source_iv.len = 12);
    refused("request.ciphertext:", &|request| request.ciphertext.data = std::ptr::null());
    refused("request.flags:", &|request| request.flags = 1 << 30);
    refused("request.reserved:", &|request| request.reserved = 1);
    walk.fails(
        "source_info.struct_size:",
        KMS_INVALID_ARGUMENT,
        re_encrypt(kms, &payload, |_, info| info.struct_size = 4097),
    );
    walk.fails(
        "request.source_key_id:",
        KMS_INCORRECT_KEY,
        re_encrypt(kms, &payload, |request, _| request.source_key_id = c"other".as_ptr()),
    );
    re_encrypt(kms, &payload, |_, _| {}).expect("with nothing wrong");
}

/// Of kms_rekey the parameter is the request, though its fields are those of kms_open's options.
pub fn wrong_new_root_keys(walk: &mut Walk, kms: &Handle) {
    let mut refused = |about, status, change: &dyn Fn(&mut kms_rekey_request_t)| {
        // SAFETY: as in generate.
        let outcome = outcome(|error| unsafe {
            let mut request: kms_rekey_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            change(&mut request);
            kms_rekey(kms.as_ptr(), &request, error)
        });
        walk.fails(about, status, outcome);
        let message = &walk.failures.last().expect("the last").1.message;
        assert!(message.starts_with(about), "does not start with {about:?}: {message}");
    };
    let with_uri = |uri: &'static std::ffi::CStr| {
        move |request: &mut kms_rekey_request_t| {
            request.root_key_uri = uri.as_ptr();
        }
    };
    refused("request.struct_size:", KMS_INVALID_ARGUMENT, &|request| request.struct_size = 8);
    refused("request.reserved:", KMS_INVALID_ARGUMENT, &|request| request.reserved = 1);
    refused("request.root_key:", KMS_INVALID_ARGUMENT, &|_| {});
    refused("request.root_key:", KMS_INVALID_ARGUMENT, &|request| {
        request.root_key = bytes(&OTHER_ROOT_KEY[1..]);
    });
    refused("request.root_key:", KMS_INVALID_ARGUMENT, &|request| {
        (request.root_key, request.passphrase) = (bytes(&OTHER_ROOT_KEY), bytes(PASSPHRASE));
    });
    refused("request.passphrase:", KMS_INVALID_ARGUMENT, &|request| request.passphrase.len = 1);
    refused("request.root_key_uri:", KMS_INVALID_ARGUMENT, &with_uri(c"https://host/"));
    refused("request.root_key_uri:", KMS_INVALID_ARGUMENT, &with_uri(c"file:/nothing/is/here"));
    refused("request.root_key_uri:", KMS_INVALID_ARGUMENT, &with_uri(c"env:KMS_TEST_MESSAGES"));
    refused("request.root_key_uri:", KMS_INVALID_ARGUMENT, &with_uri(c"env:KMS_TEST_NO_SUCH_VARIABLE"));
    refused("request.root_key_uri:", KMS_UNSUPPORTED, &with_uri(c"pkcs11:token=root"));
    refused("request.flags:", KMS_INVALID_ARGUMENT, &|request| {
        (request.root_key, request.flags) = (bytes(&OTHER_ROOT_KEY), 1 << 30);
    });
}
