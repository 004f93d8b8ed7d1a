//! No secret is in what the library says. Every kind of failure is caused with secrets that would be recognised
//! (pass phrase, root key, material, plaintext, contexts, tokens, passwords in URIs), and neither the messages nor the
//! output of the process has any of them, in any form. That messages name what is at fault is tested on the way.

#![allow(unsafe_code)] // calls of C functions that the wrappers have no use for

#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/life.rs"]
mod life;
#[path = "messages/requests_of_two.rs"]
mod requests_of_two;
#[path = "messages/secrets.rs"]
mod secrets;

use std::collections::BTreeSet;
use std::process::Command;
use std::ptr::null_mut;

use handle::{Bound, Decrypt, Failure, Handle, Open, Outcome, bytes, outcome, zeroed};
use kms::capi::constants::*;
use kms::capi::data::*;
use kms::capi::open::*;
use kms::capi::types::*;
use kms::test_hooks::panic_in;
use requests_of_two::{wrong_new_root_keys, wrong_re_encryptions};
use secrets::*;

/// What failed, and how.
#[derive(Default)]
struct Walk {
    failures: Vec<(&'static str, Failure)>,
    data_keys: Vec<Vec<u8>>,
}

impl Walk {
    #[track_caller]
    fn fails<T>(&mut self, about: &'static str, expected: i32, outcome: Outcome<T>) {
        let failure = outcome.err().unwrap_or_else(|| panic!("{about}: did not fail"));
        assert_eq!(failure.status, expected, "{about}: {}", failure.message);
        assert!(failure.message.contains(about), "does not say {about:?}: {}", failure.message);
        self.failures.push((about, failure));
    }
}

/// A data key request with something wrong in it.
fn generate(
    handle: &Handle,
    key_id: &std::ffi::CStr,
    change: impl FnOnce(&mut kms_data_key_request_t),
) -> Outcome<()> {
    // SAFETY: structs of the C ABI; the caller's change points to what lives through the call.
    outcome(|error| unsafe {
        let mut request: kms_data_key_request_t = zeroed();
        request.struct_size = size_of_val(&request);
        request.key_id = key_id.as_ptr();
        request.aad = bytes(AAD);
        change(&mut request);
        let mut memory = [0; 2048];
        let mut ciphertext = kms_buffer_t { data: memory.as_mut_ptr(), capacity: memory.len(), len: 0 };
        kms_generate_data_key(
            handle.as_ptr(),
            &request,
            null_mut(),
            &mut ciphertext,
            null_mut(),
            null_mut(),
            error,
        )
    })
}

/// Opens a store with options that the wrapper lacks.
fn open(change: impl FnOnce(&mut kms_open_options_t)) -> Outcome<()> {
    let mut kms = null_mut();
    // SAFETY: as in generate.
    outcome(|error| unsafe {
        let mut options: kms_open_options_t = zeroed();
        options.struct_size = size_of_val(&options);
        options.store = c"memory:".as_ptr();
        options.root_key = bytes(&ROOT_KEY);
        options.flags = KMS_OPEN_CREATE;
        change(&mut options);
        let status = kms_open(&options, &mut kms, error);
        kms_close(kms);
        status
    })
}

fn wrong_options(walk: &mut Walk) {
    walk.fails("options.root_key", KMS_INVALID_ARGUMENT, open(|options| options.root_key.len = 31));
    walk.fails(
        "options.root_key",
        KMS_INVALID_ARGUMENT,
        open(|options| options.passphrase = bytes(PASSPHRASE)),
    );
    walk.fails(
        "options.account_id",
        KMS_INVALID_ARGUMENT,
        open(|options| options.account_id = c"seven".as_ptr()),
    );
    walk.fails("options.flags", KMS_INVALID_ARGUMENT, open(|options| options.flags = 1 << 31));
    walk.fails("options.reserved", KMS_INVALID_ARGUMENT, open(|options| options.reserved = 1));
    walk.fails("options.struct_size", KMS_INVALID_ARGUMENT, open(|options| options.struct_size = 8));
    walk.fails("options.store", KMS_INVALID_ARGUMENT, open(|options| options.store = null_mut()));
    let with_root_uri = |uri: &str| {
        Handle::open("memory:", Open { uri: Some(uri), flags: KMS_OPEN_CREATE, ..Open::default() })
    };
    let pkcs11 = format!("pkcs11:token=root;object=key?pin-value={PASSWORD}");
    walk.fails("options.root_key_uri", KMS_UNSUPPORTED, with_root_uri(&pkcs11));
    walk.fails(
        "options.root_key_uri",
        KMS_INVALID_ARGUMENT,
        with_root_uri(&format!("https://u:{PASSWORD}@host/")),
    );
    walk.fails("options.root_key_uri", KMS_INVALID_ARGUMENT, with_root_uri("file:/nothing/is/here"));
    walk.fails("options.root_key_uri", KMS_INVALID_ARGUMENT, with_root_uri(&format!("env:{VARIABLE}")));
    let how = Open { root_key: &ROOT_KEY, flags: KMS_OPEN_CREATE, ..Open::default() };
    let url = format!("postgresql://user:{PASSWORD}@host/keys");
    walk.fails("options.store", KMS_UNSUPPORTED, Handle::open(&url, how));
    walk.fails(
        "options.store",
        KMS_INVALID_ARGUMENT,
        Handle::open(&format!("mysql://user:{PASSWORD}@host/"), how),
    );
    panic_in(Some("kms_open"));
    walk.fails("kms_open", KMS_INTERNAL, Handle::open("memory:", how));
}

/// A variable with a text that is no root key.
const VARIABLE: &str = "KMS_TEST_MESSAGES";

fn wrong_requests(walk: &mut Walk, kms: &Handle) {
    let data_key = kms.generate("orders", 32, Bound::Context(&CONTEXT)).expect("a data key");
    let (payload, _) = kms.encrypt("orders", PLAINTEXT, Bound::Aad(AAD)).expect("a ciphertext");
    walk.data_keys.push(data_key.plaintext.clone());
    let open = |ciphertext, bound, key_id| kms.decrypt(Decrypt { key_id, ..Decrypt::new(ciphertext, bound) });
    walk.fails("the ciphertext", KMS_INVALID_CIPHERTEXT, open(&data_key.ciphertext, Bound::Aad(AAD), None));
    walk.fails("the ciphertext", KMS_INVALID_CIPHERTEXT, open(&payload, Bound::Context(&CONTEXT), None));
    walk.fails("the ciphertext", KMS_INVALID_CIPHERTEXT, open(PLAINTEXT, Bound::Aad(AAD), None));
    walk.fails("key_id", KMS_INCORRECT_KEY, open(&payload, Bound::Aad(AAD), Some("other")));
    let mut newer = payload.clone();
    newer[2] = 9;
    walk.fails("format 9", KMS_UNSUPPORTED, open(&newer, Bound::Aad(AAD), None));
    let mut unknown = payload.clone();
    unknown[10] ^= 1;
    walk.fails("key", KMS_NOT_FOUND, open(&unknown, Bound::Aad(AAD), None));
    let dry = kms.decrypt(Decrypt { flags: KMS_DRY_RUN, ..Decrypt::new(&payload, Bound::Aad(AAD)) });
    walk.fails("dry run", KMS_DRY_RUN_OK, dry);
    // SAFETY: as in generate.
    let small = outcome(|error| unsafe {
        let mut request: kms_decrypt_request_t = zeroed();
        request.struct_size = size_of_val(&request);
        (request.ciphertext, request.aad) = (bytes(&payload), bytes(AAD));
        let mut memory = [0];
        let mut plaintext = kms_buffer_t { data: memory.as_mut_ptr(), capacity: 1, len: 0 };
        kms_decrypt(kms.as_ptr(), &request, &mut plaintext, null_mut(), error)
    });
    walk.fails("plaintext", KMS_BUFFER_TOO_SMALL, small);

    let twice = [CONTEXT[0], CONTEXT[0]];
    walk.fails("request.context", KMS_INVALID_ARGUMENT, kms.generate("orders", 32, Bound::Context(&twice)));
    let empty = [("", CONTEXT[0].1)];
    walk.fails("request.context", KMS_INVALID_ARGUMENT, kms.generate("orders", 32, Bound::Context(&empty)));
    let long = [PLAINTEXT; 3000].concat();
    walk.fails("request.plaintext", KMS_INVALID_ARGUMENT, kms.encrypt("orders", &long, Bound::Aad(AAD)));
    walk.fails("request.aad", KMS_INVALID_ARGUMENT, kms.encrypt("orders", PLAINTEXT, Bound::Aad(&long)));
    walk.fails("number_of_bytes", KMS_INVALID_ARGUMENT, kms.generate("orders", 1025, Bound::Aad(AAD)));
    walk.fails("\"missing\"", KMS_NOT_FOUND, kms.generate("missing", 32, Bound::Context(&CONTEXT)));
    walk.fails("\"alias/missing\"", KMS_NOT_FOUND, kms.encrypt("alias/missing", PLAINTEXT, Bound::Nothing));
    walk.fails("\"orders\"", KMS_ALREADY_EXISTS, kms.create_key("orders"));
    walk.fails("request.key_id", KMS_INVALID_ARGUMENT, kms.create_key("no key, this"));
    let tokens = [TOKEN.as_ptr()];
    let with_token = generate(kms, c"orders", |request| {
        (request.grant_tokens, request.grant_tokens_len) = (tokens.as_ptr(), 1);
    });
    walk.fails("grant_tokens", KMS_INVALID_GRANT_TOKEN, with_token);
    walk.fails(
        "request.flags",
        KMS_INVALID_ARGUMENT,
        generate(kms, c"orders", |request| request.flags = 1 << 30),
    );
    walk.fails(
        "request.key_spec",
        KMS_INVALID_KEY_USAGE,
        generate(kms, c"orders", |request| request.key_spec = 4),
    );
    walk.fails(
        "request.version_id",
        KMS_INVALID_ARGUMENT,
        generate(kms, c"orders", |request| {
            (request.version_id, request.flags) = (c"one".as_ptr(), KMS_INITIAL_VERSION);
        }),
    );
    walk.fails(
        "key version",
        KMS_NOT_FOUND,
        generate(kms, c"orders", |request| request.version_id = c"one".as_ptr()),
    );
    panic_in(Some("kms_encrypt"));
    walk.fails("kms_encrypt", KMS_INTERNAL, kms.encrypt("orders", PLAINTEXT, Bound::Context(&CONTEXT)));
}

fn wrong_states(walk: &mut Walk, kms: &Handle) {
    let encrypt = |key_id| kms.encrypt(key_id, PLAINTEXT, Bound::Context(&CONTEXT));
    kms.disable("other").expect("to disable");
    walk.fails("\"other\"", KMS_DISABLED, encrypt("other"));
    kms.schedule_deletion("other").expect("to schedule");
    walk.fails("\"other\"", KMS_INVALID_STATE, encrypt("other"));
    kms.create_external("imported").expect("a key");
    walk.fails("\"imported\"", KMS_INVALID_STATE, encrypt("imported"));
    kms.import("imported", &MATERIAL).expect("to import");
    walk.fails("request.material", KMS_INCORRECT_KEY, kms.import("imported", &OTHER_MATERIAL));
    walk.fails("", KMS_INVALID_KEY_USAGE, kms.import("orders", &MATERIAL));
}

fn wrong_stores(walk: &mut Walk) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("keys.db");
    let store = format!("sqlite:{}", path.display());
    let open = |root_key, flags| Handle::open(&store, Open { root_key, flags, ..Open::default() });
    walk.fails("keys.db", KMS_NOT_FOUND, open(&ROOT_KEY, 0));
    let kms = open(&ROOT_KEY, KMS_OPEN_CREATE).expect("a store");
    kms.create_key("orders").expect("a key");
    walk.fails("root key", KMS_WRONG_ROOT_KEY, open(&OTHER_ROOT_KEY, 0));
    let passphrase = Handle::open(&store, Open { passphrase: PASSPHRASE, ..Open::default() });
    walk.fails("root key", KMS_WRONG_ROOT_KEY, passphrase);
    walk.fails(
        "read-only",
        KMS_READ_ONLY,
        open(&ROOT_KEY, KMS_OPEN_READ_ONLY).expect("a reader").rekey(&OTHER_ROOT_KEY),
    );

    kms::platform::sqlite::make_fork_safe().expect("SQLite");
    let sql = rusqlite::Connection::open(&path).expect("the store's file");
    sql.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let c_store = std::ffi::CString::new(store.as_str()).expect("a path");
    // SAFETY: as in generate.
    let waits = unsafe {
        let mut options: kms_open_options_t = zeroed();
        options.struct_size = size_of_val(&options);
        (options.store, options.root_key, options.timeout_ms) = (c_store.as_ptr(), bytes(&ROOT_KEY), 50);
        let mut kms = null_mut();
        outcome(|error| kms_open(&options, &mut kms, error)).expect("a handle that waits for 50 ms");
        let mut request: kms::capi::keys::kms_create_key_request_t = zeroed();
        request.struct_size = size_of_val(&request);
        let waits = outcome(|error| kms::capi::keys::kms_create_key(kms, &request, null_mut(), error));
        kms_close(kms);
        waits
    };
    walk.fails("timeout_ms", KMS_DEPENDENCY_TIMEOUT, waits);
    sql.execute_batch("ROLLBACK").expect("the end of the lock");
    sql.execute("UPDATE row SET sealed = ?1 WHERE kind = 1", [PLAINTEXT]).expect("damage");
    drop((sql, kms));
    walk.fails("damaged", KMS_CORRUPT_STORE, open(&ROOT_KEY, 0));
    std::fs::write(&path, [PLAINTEXT; 1000].concat()).expect("another file");
    walk.fails("not a libkms store", KMS_STORE_ERROR, open(&ROOT_KEY, 0));
    let folder = format!("sqlite:{}", dir.path().display());
    walk.fails(
        "store",
        KMS_STORE_ERROR,
        Handle::open(&folder, Open { root_key: &ROOT_KEY, ..Open::default() }),
    );
}

const CHILD: &str = "KMS_TEST_MESSAGES_CHILD";

#[test]
fn no_message_and_no_output_shows_a_secret() {
    if std::env::var_os(CHILD).is_some() {
        return walk_every_failure();
    }
    let mut child = Command::new(std::env::current_exe().expect("the path of this test"));
    child.args(["no_message_and_no_output_shows_a_secret", "--exact", "--nocapture"]).env(CHILD, "1");
    child.env(VARIABLE, String::from_utf8_lossy(PASSPHRASE).as_ref());
    let output = child.output().expect("to run this test again");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    assert!(shown(&said, &secrets(&[])).is_empty(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "the library prints nothing");
}

fn walk_every_failure() {
    let mut walk = Walk::default();
    wrong_options(&mut walk);
    let kms =
        Handle::open("memory:", Open { root_key: &ROOT_KEY, flags: KMS_OPEN_CREATE, ..Open::default() });
    let kms = kms.expect("a store");
    ["orders", "other"].iter().for_each(|key_id| kms.create_key(key_id).expect("a key"));
    wrong_requests(&mut walk, &kms);
    wrong_re_encryptions(&mut walk, &kms);
    wrong_new_root_keys(&mut walk, &kms);
    wrong_states(&mut walk, &kms);
    wrong_stores(&mut walk);

    let secrets = secrets(&walk.data_keys);
    for (about, failure) in &walk.failures {
        let found = shown(&failure.message, &secrets);
        assert!(found.is_empty(), "{about} shows a secret of {} bytes", found[0].len());
    }
    // All statuses but those of policies and quotas, of a store that went away (tests/store_access.rs), and of memory
    // (tests/limits.rs).
    let elsewhere = [KMS_ACCESS_DENIED, KMS_LIMIT_EXCEEDED, KMS_KEY_UNAVAILABLE, KMS_OUT_OF_MEMORY];
    let expected: BTreeSet<i32> = (1..=KMS_READ_ONLY).filter(|status| !elsewhere.contains(status)).collect();
    let statuses: BTreeSet<i32> = walk.failures.iter().map(|(_, failure)| failure.status).collect();
    assert_eq!(statuses, expected);
}
