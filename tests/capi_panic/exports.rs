//! Every export, with a call of it.

use std::ffi::CStr;
use std::ptr::null_mut;

use kms::capi::about::*;
use kms::capi::aliases::*;
use kms::capi::audit::*;
use kms::capi::care::*;
use kms::capi::constants::*;
use kms::capi::data::*;
use kms::capi::exchange::*;
use kms::capi::grants::*;
use kms::capi::keys::*;
use kms::capi::lifecycle::*;
use kms::capi::open::*;
use kms::capi::policies::*;
use kms::capi::re_encrypt::*;
use kms::capi::types::*;
use kms::capi::versions::*;

use crate::handle::{UNTOUCHED, bytes, zeroed};

/// What an export answers, and what it must answer when it panics.
pub enum Export {
    /// A status: KMS_INTERNAL, and the error says so.
    Status(fn(*mut kms_t, *mut kms_error_t) -> kms_status_t),
    /// Nothing: it comes back.
    Void(fn()),
    /// A size: 0, as for what is not known.
    Size(fn() -> usize),
    /// A constant, or arithmetic on the argument that cannot fail: no guard, since there is nothing to catch.
    Constant(fn() -> bool),
}

use Export::{Constant, Size, Status, Void};

/// A request or info that is all zeros but struct_size.
fn sized<T>() -> T {
    // SAFETY: a struct of the C ABI whose first member is struct_size.
    unsafe {
        let mut value: T = zeroed();
        (&raw mut value).cast::<usize>().write(size_of::<T>());
        value
    }
}

/// A request on the key of this test.
fn key_request(flags: u32) -> kms_key_request_t {
    let mut request: kms_key_request_t = sized();
    (request.key_id, request.flags) = (KEY.as_ptr(), flags);
    request
}

fn schedule_request() -> kms_schedule_request_t {
    let mut request: kms_schedule_request_t = sized();
    (request.key_id, request.flags) = (KEY.as_ptr(), KMS_DRY_RUN);
    request
}

fn tags_request() -> kms_tags_request_t {
    let mut request: kms_tags_request_t = sized();
    (request.key_id, request.flags) = (KEY.as_ptr(), KMS_DRY_RUN);
    request
}

/// A grant that is not there.
fn grant_request() -> kms_grant_request_t {
    let mut request: kms_grant_request_t = sized();
    (request.key_id, request.grant_id) = (KEY.as_ptr(), NO_GRANT.as_ptr());
    request
}

/// An operation that takes a key and nothing more.
macro_rules! on_key {
    ($name:ident) => {
        Status(|kms, error| unsafe { $name(kms, &key_request(KMS_DRY_RUN), error) })
    };
}

/// What an export answers to the calls below when nothing panics. Changes are dry runs, and some are refused.
pub fn expected(name: &str) -> kms_status_t {
    match name {
        "kms_decrypt" | "kms_re_encrypt" => KMS_INVALID_CIPHERTEXT,
        "kms_enable_key"
        | "kms_disable_key"
        | "kms_rotate_key"
        | "kms_schedule_key_deletion"
        | "kms_set_key_rotation"
        | "kms_update_key_description"
        | "kms_tag_key"
        | "kms_untag_key"
        | "kms_rekey"
        | "kms_as_principal"
        | "kms_put_key_policy"
        | "kms_create_grant" => KMS_DRY_RUN_OK,
        "kms_cancel_key_deletion" => KMS_INVALID_STATE,
        "kms_set_primary_version"
        | "kms_cancel_version_destruction"
        | "kms_schedule_version_destruction"
        | "kms_import_key_material" => KMS_INVALID_ARGUMENT,
        "kms_delete_imported_key_material" => KMS_INVALID_KEY_USAGE,
        "kms_update_alias"
        | "kms_delete_alias"
        | "kms_retire_grant"
        | "kms_revoke_grant"
        | "kms_verify_audit_log" => KMS_NOT_FOUND,
        "kms_backup" => KMS_UNSUPPORTED,
        _ => KMS_OK,
    }
}

/// An output over memory of the caller, which a panic must leave alone.
fn buffer(memory: &mut [u8]) -> kms_buffer_t {
    kms_buffer_t { data: memory.as_mut_ptr(), capacity: memory.len(), len: 0 }
}

fn is(text: *const std::ffi::c_char, expected: &CStr) -> bool {
    // SAFETY: a static string of the library.
    unsafe { CStr::from_ptr(text) == expected }
}

const KEY: &CStr = c"panics";
const ALIAS: &CStr = c"alias/panics";
const TENANT: &CStr = c"tenant";
const POLICY: &CStr =
    c"{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}}";
const NO_GRANT: &CStr = c"0000000000000000000000000000000000000000000000000000000000000000";

/// Every export with a call that succeeds; kms_decrypt's is refused.
pub fn exports() -> Vec<(&'static str, Export)> {
    vec![
        (
            "kms_open",
            Status(|_, error| unsafe {
                let mut options: kms_open_options_t = sized();
                options.store = c"memory:".as_ptr();
                options.root_key = bytes(&[1; 32]);
                options.flags = KMS_OPEN_CREATE;
                let mut out = null_mut();
                let status = kms_open(&options, &mut out, error);
                kms_close(out);
                status
            }),
        ),
        ("kms_flush", Status(|kms, error| unsafe { kms_flush(kms, error) })),
        // A panic before its body would leak a handle: NULL.
        ("kms_close", Void(|| unsafe { kms_close(null_mut()) })),
        (
            "kms_create_key",
            Status(|kms, error| unsafe {
                kms_create_key(kms, &sized::<kms_create_key_request_t>(), null_mut(), error)
            }),
        ),
        (
            "kms_describe_key",
            Status(|kms, error| unsafe {
                let mut request: kms_key_request_t = sized();
                request.key_id = KEY.as_ptr();
                kms_describe_key(kms, &request, &mut sized(), null_mut(), error)
            }),
        ),
        (
            "kms_list_keys",
            Status(|kms, error| unsafe {
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_key_info_t>());
                kms_list_keys(kms, &sized(), &mut page, &mut item, size_of_val(&item), 1, null_mut(), error)
            }),
        ),
        (
            "kms_create_alias",
            Status(|kms, error| unsafe {
                let mut request: kms_create_alias_request_t = sized();
                (request.alias, request.key_id) = (ALIAS.as_ptr(), KEY.as_ptr());
                kms_create_alias(kms, &request, error)
            }),
        ),
        (
            "kms_list_aliases",
            Status(|kms, error| unsafe {
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_alias_info_t>());
                kms_list_aliases(
                    kms,
                    &sized(),
                    &mut page,
                    &mut item,
                    size_of_val(&item),
                    1,
                    null_mut(),
                    error,
                )
            }),
        ),
        (
            "kms_generate_data_key",
            Status(|kms, error| unsafe {
                let mut request: kms_data_key_request_t = sized();
                request.key_id = KEY.as_ptr();
                let mut memory = [UNTOUCHED; 32 + KMS_CIPHERTEXT_OVERHEAD];
                let mut ciphertext = buffer(&mut memory);
                let status = kms_generate_data_key(
                    kms,
                    &request,
                    null_mut(),
                    &mut ciphertext,
                    null_mut(),
                    null_mut(),
                    error,
                );
                check_memory(status, &memory);
                status
            }),
        ),
        (
            "kms_generate_data_keys",
            Status(|kms, error| unsafe {
                let mut request: kms_data_key_request_t = sized();
                request.key_id = KEY.as_ptr();
                let mut memory = [UNTOUCHED; 2 * (32 + KMS_CIPHERTEXT_OVERHEAD)];
                let mut column = kms_column_t {
                    data: memory.as_mut_ptr(),
                    capacity: memory.len(),
                    stride: 0,
                    item_len: 0,
                };
                let status = kms_generate_data_keys(
                    kms,
                    &request,
                    2,
                    null_mut(),
                    &mut column,
                    null_mut(),
                    null_mut(),
                    error,
                );
                check_memory(status, &memory);
                status
            }),
        ),
        (
            "kms_encrypt",
            Status(|kms, error| unsafe {
                let mut request: kms_encrypt_request_t = sized();
                request.key_id = KEY.as_ptr();
                let mut memory = [UNTOUCHED; KMS_CIPHERTEXT_OVERHEAD];
                let status =
                    kms_encrypt(kms, &request, &mut buffer(&mut memory), null_mut(), null_mut(), error);
                check_memory(status, &memory);
                status
            }),
        ),
        (
            "kms_decrypt",
            Status(|kms, error| unsafe {
                // Refused when nothing panics.
                let mut request: kms_decrypt_request_t = sized();
                request.ciphertext = bytes(b"no ciphertext");
                let mut memory = [UNTOUCHED; 32];
                let status = kms_decrypt(kms, &request, &mut buffer(&mut memory), null_mut(), error);
                check_memory(status, &memory);
                status
            }),
        ),
        (
            "kms_generate_random",
            Status(|kms, error| unsafe {
                let mut request: kms_random_request_t = sized();
                request.number_of_bytes = 32;
                let mut memory = [UNTOUCHED; 32];
                let status = kms_generate_random(kms, &request, &mut buffer(&mut memory), error);
                check_memory(status, &memory);
                status
            }),
        ),
        ("kms_enable_key", on_key!(kms_enable_key)),
        ("kms_disable_key", on_key!(kms_disable_key)),
        ("kms_cancel_key_deletion", on_key!(kms_cancel_key_deletion)),
        ("kms_set_primary_version", on_key!(kms_set_primary_version)),
        ("kms_cancel_version_destruction", on_key!(kms_cancel_version_destruction)),
        ("kms_delete_imported_key_material", on_key!(kms_delete_imported_key_material)),
        (
            "kms_rotate_key",
            Status(|kms, error| unsafe { kms_rotate_key(kms, &key_request(KMS_DRY_RUN), null_mut(), error) }),
        ),
        (
            "kms_describe_key_version",
            Status(|kms, error| unsafe {
                kms_describe_key_version(kms, &key_request(0), &mut sized(), error)
            }),
        ),
        (
            "kms_schedule_key_deletion",
            Status(|kms, error| unsafe {
                kms_schedule_key_deletion(kms, &schedule_request(), null_mut(), error)
            }),
        ),
        (
            "kms_schedule_version_destruction",
            Status(|kms, error| unsafe {
                kms_schedule_version_destruction(kms, &schedule_request(), null_mut(), error)
            }),
        ),
        (
            "kms_set_key_rotation",
            Status(|kms, error| unsafe {
                let mut request: kms_rotation_request_t = sized();
                (request.key_id, request.flags) = (KEY.as_ptr(), KMS_DRY_RUN);
                kms_set_key_rotation(kms, &request, error)
            }),
        ),
        (
            "kms_update_key_description",
            Status(|kms, error| unsafe {
                let mut request: kms_description_request_t = sized();
                (request.key_id, request.flags) = (KEY.as_ptr(), KMS_DRY_RUN);
                kms_update_key_description(kms, &request, error)
            }),
        ),
        ("kms_tag_key", Status(|kms, error| unsafe { kms_tag_key(kms, &tags_request(), error) })),
        ("kms_untag_key", Status(|kms, error| unsafe { kms_untag_key(kms, &tags_request(), error) })),
        (
            "kms_list_key_tags",
            Status(|kms, error| unsafe {
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_tag_info_t>());
                let mut memory = [UNTOUCHED; 8];
                let (text, size) = (&mut buffer(&mut memory), size_of_val(&item));
                kms_list_key_tags(kms, &key_request(0), &mut page, &mut item, size, 1, text, error)
            }),
        ),
        (
            "kms_list_key_versions",
            Status(|kms, error| unsafe {
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_version_info_t>());
                let size = size_of_val(&item);
                kms_list_key_versions(kms, &key_request(0), &mut page, &mut item, size, 1, null_mut(), error)
            }),
        ),
        (
            "kms_import_key_material",
            Status(|kms, error| unsafe {
                let mut request: kms_import_request_t = sized();
                request.key_id = KEY.as_ptr();
                kms_import_key_material(kms, &request, null_mut(), error)
            }),
        ),
        (
            "kms_update_alias",
            Status(|kms, error| unsafe {
                let mut request: kms_create_alias_request_t = sized();
                (request.alias, request.key_id) = (ALIAS.as_ptr(), KEY.as_ptr());
                kms_update_alias(kms, &request, error)
            }),
        ),
        (
            "kms_delete_alias",
            Status(|kms, error| unsafe {
                let mut request: kms_alias_request_t = sized();
                request.alias = ALIAS.as_ptr();
                kms_delete_alias(kms, &request, error)
            }),
        ),
        (
            "kms_re_encrypt",
            Status(|kms, error| unsafe {
                let mut request: kms_re_encrypt_request_t = sized();
                (request.ciphertext, request.destination_key_id) = (bytes(b"no ciphertext"), KEY.as_ptr());
                let mut memory = [UNTOUCHED; 32];
                let out = &mut buffer(&mut memory);
                let status = kms_re_encrypt(kms, &request, out, null_mut(), null_mut(), null_mut(), error);
                check_memory(status, &memory);
                status
            }),
        ),
        (
            "kms_rekey",
            Status(|kms, error| unsafe {
                let mut request: kms_rekey_request_t = sized();
                (request.root_key, request.flags) = (bytes(&[2; 32]), KMS_DRY_RUN);
                kms_rekey(kms, &request, error)
            }),
        ),
        (
            "kms_backup",
            Status(|kms, error| unsafe {
                let mut request: kms_backup_request_t = sized();
                request.path = c"/never/made".as_ptr();
                kms_backup(kms, &request, error)
            }),
        ),
        (
            "kms_verify",
            Status(|kms, error| unsafe {
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_damage_info_t>());
                let size = size_of_val(&item);
                kms_verify(kms, &sized(), &mut page, &mut item, size, 1, null_mut(), error)
            }),
        ),
        (
            "kms_as_principal",
            Status(|kms, error| unsafe {
                let mut options: kms_principal_options_t = sized();
                (options.principal, options.flags) = (TENANT.as_ptr(), KMS_DRY_RUN);
                let mut out = std::ptr::dangling_mut();
                let status = kms_as_principal(kms, &options, &mut out, error);
                assert!(out.is_null() || status == KMS_INTERNAL, "a handle that is none");
                status
            }),
        ),
        (
            "kms_put_key_policy",
            Status(|kms, error| unsafe {
                let mut request: kms_policy_request_t = sized();
                (request.key_id, request.flags) = (KEY.as_ptr(), KMS_DRY_RUN);
                request.policy = POLICY.as_ptr();
                kms_put_key_policy(kms, &request, error)
            }),
        ),
        (
            "kms_get_key_policy",
            Status(|kms, error| unsafe {
                let mut memory = [UNTOUCHED; 1024];
                let status = kms_get_key_policy(kms, &key_request(0), &mut buffer(&mut memory), error);
                check_memory(status, &memory);
                status
            }),
        ),
        (
            "kms_create_grant",
            Status(|kms, error| unsafe {
                let mut request: kms_create_grant_request_t = sized();
                (request.key_id, request.flags) = (KEY.as_ptr(), KMS_DRY_RUN);
                (request.grantee_principal, request.operations) = (TENANT.as_ptr(), KMS_GRANT_DECRYPT);
                kms_create_grant(kms, &request, &mut sized(), error)
            }),
        ),
        (
            "kms_list_grants",
            Status(|kms, error| unsafe {
                let mut request: kms_list_grants_request_t = sized();
                request.key_id = KEY.as_ptr();
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_grant_info_t>());
                let mut memory = [UNTOUCHED; 8];
                let (text, size) = (&mut buffer(&mut memory), size_of_val(&item));
                kms_list_grants(kms, &request, &mut page, &mut item, size, 1, text, error)
            }),
        ),
        (
            "kms_list_retirable_grants",
            Status(|kms, error| unsafe {
                let mut request: kms_list_retirable_grants_request_t = sized();
                request.retiring_principal = TENANT.as_ptr();
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_grant_info_t>());
                let mut memory = [UNTOUCHED; 8];
                let (text, size) = (&mut buffer(&mut memory), size_of_val(&item));
                kms_list_retirable_grants(kms, &request, &mut page, &mut item, size, 1, text, error)
            }),
        ),
        ("kms_retire_grant", Status(|kms, error| unsafe { kms_retire_grant(kms, &grant_request(), error) })),
        ("kms_revoke_grant", Status(|kms, error| unsafe { kms_revoke_grant(kms, &grant_request(), error) })),
        (
            "kms_verify_audit_log",
            Status(|kms, error| unsafe {
                let mut request: kms_verify_audit_log_request_t = sized();
                request.path = c"/no/such/log".as_ptr();
                let (mut page, mut item) = (sized::<kms_page_t>(), sized::<kms_log_damage_info_t>());
                let size = size_of_val(&item);
                kms_verify_audit_log(kms, &request, &mut page, &mut item, size, 1, null_mut(), error)
            }),
        ),
        (
            "kms_exchange",
            Status(|kms, error| unsafe {
                let (mut request, mut response) =
                    (sized::<kms_exchange_request_t>(), sized::<kms_exchange_response_t>());
                request.target = c"/".as_ptr();
                let mut memory = vec![UNTOUCHED; KMS_EXCHANGE_MIN_CAPACITY];
                response.body = buffer(&mut memory);
                let status = kms_exchange(kms, KMS_DIALECT_AWS, &request, &mut response, error);
                check_memory(status, &memory);
                status
            }),
        ),
        (
            "kms_stats",
            Status(|kms, error| unsafe {
                kms_stats(kms, &sized::<kms_stats_request_t>(), &mut sized(), error)
            }),
        ),
        ("kms_wipe", Void(|| unsafe { kms_wipe([1; 8].as_mut_ptr(), 8) })),
        ("kms_struct_size", Size(|| unsafe { kms_struct_size(c"kms_buffer_t".as_ptr()) })),
        ("kms_status_name", Constant(|| is(kms_status_name(KMS_NOT_FOUND), c"KMS_NOT_FOUND"))),
        ("kms_algorithm_name", Constant(|| is(kms_algorithm_name(1), c"XAES_256_GCM"))),
        ("kms_version", Constant(|| !is(kms_version(), c""))),
        ("kms_abi_version", Constant(|| kms_abi_version() == KMS_ABI_VERSION)),
        ("kms_root_key_size", Constant(|| kms_root_key_size() == 32)),
        ("kms_iv_size", Constant(|| kms_iv_size() == 12)),
        (
            "kms_ciphertext_size",
            Constant(|| {
                (kms_ciphertext_size(0), kms_ciphertext_size(usize::MAX)) == (KMS_CIPHERTEXT_OVERHEAD, 0)
            }),
        ),
        ("kms_max_data_key_size", Constant(|| kms_max_data_key_size() == 1024)),
        ("kms_max_payload_size", Constant(|| kms_max_payload_size() == 65536)),
        ("kms_max_ciphertext_size", Constant(|| kms_max_ciphertext_size() == 65632)),
    ]
}

/// Memory of the caller after a call: as it was, unless the call succeeded.
fn check_memory(status: kms_status_t, memory: &[u8]) {
    if status != KMS_OK {
        assert!(memory.iter().all(|byte| *byte == UNTOUCHED), "a call that panicked wrote to a buffer");
    }
}
