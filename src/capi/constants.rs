//! The numbers of the C ABI. They are append-only: a code that retires keeps its number and its line.

use crate::capi::types::kms_status_t;

/// The version of the library this header belongs to; kms_version() is the one that is loaded.
pub const KMS_VERSION_MAJOR: u32 = 0;
pub const KMS_VERSION_MINOR: u32 = 1;
pub const KMS_VERSION_PATCH: u32 = 0;
/// Changes only when a program compiled against an older header would break; see kms_abi_version().
pub const KMS_ABI_VERSION: u32 = 0;

/// Success.
pub const KMS_OK: kms_status_t = 0;
/// A limit, a NULL or a bad combination; the message names the field.
pub const KMS_INVALID_ARGUMENT: kms_status_t = 1;
/// Nothing was done; every buffer's len says what is needed.
pub const KMS_BUFFER_TOO_SMALL: kms_status_t = 2;
/// The key, alias, version, grant or store is not there.
pub const KMS_NOT_FOUND: kms_status_t = 3;
/// The id or alias is taken.
pub const KMS_ALREADY_EXISTS: kms_status_t = 4;
/// The key is disabled.
pub const KMS_DISABLED: kms_status_t = 5;
/// Pending deletion, pending import, or the version is destroyed or scheduled to be.
pub const KMS_INVALID_STATE: kms_status_t = 6;
/// The key cannot do this, e.g. KMS_KEY_SPEC_AES_256_HSM under a software key.
pub const KMS_INVALID_KEY_USAGE: kms_status_t = 7;
/// A grant token that this store never issued, or whose grant is gone.
pub const KMS_INVALID_GRANT_TOKEN: kms_status_t = 8;
/// Policy and grants do not allow it.
pub const KMS_ACCESS_DENIED: kms_status_t = 9;
/// Altered, truncated, wrong AAD or context, or wrong IV: one status and one message for all of them.
pub const KMS_INVALID_CIPHERTEXT: kms_status_t = 10;
/// key_id was given, and the ciphertext was made under another key.
pub const KMS_INCORRECT_KEY: kms_status_t = 11;
/// A quota of the store is used up.
pub const KMS_LIMIT_EXCEEDED: kms_status_t = 12;
/// The key material cannot be had now.
pub const KMS_KEY_UNAVAILABLE: kms_status_t = 13;
/// Store or HSM did not answer within timeout_ms.
pub const KMS_DEPENDENCY_TIMEOUT: kms_status_t = 14;
/// Input or output of the store failed; native_code carries the store engine's own code.
pub const KMS_STORE_ERROR: kms_status_t = 15;
/// A seal or digest of the store failed: it was damaged or tampered with.
pub const KMS_CORRUPT_STORE: kms_status_t = 16;
/// The root key is not the one that the store was made with.
pub const KMS_WRONG_ROOT_KEY: kms_status_t = 17;
/// Not built in, or a newer format than this library knows.
pub const KMS_UNSUPPORTED: kms_status_t = 18;
/// Memory could not be had, or not be locked where the caller required it.
pub const KMS_OUT_OF_MEMORY: kms_status_t = 19;
/// A bug in the library; the handle stays usable unless KMS_ERROR_POISONED is set.
pub const KMS_INTERNAL: kms_status_t = 20;
/// A dry run (KMS_DRY_RUN) would have succeeded.
pub const KMS_DRY_RUN_OK: kms_status_t = 21;
/// A change through a handle that was opened read-only.
pub const KMS_READ_ONLY: kms_status_t = 22;

/// kms_error_t.detail: what the status is about.
pub const KMS_DETAIL_NONE: u32 = 0;
pub const KMS_DETAIL_KEY: u32 = 1;
pub const KMS_DETAIL_ALIAS: u32 = 2;
pub const KMS_DETAIL_VERSION: u32 = 3;
pub const KMS_DETAIL_GRANT: u32 = 4;
pub const KMS_DETAIL_PENDING_DELETION: u32 = 5;
pub const KMS_DETAIL_PENDING_IMPORT: u32 = 6;
pub const KMS_DETAIL_VERSION_DESTROYED: u32 = 7;
pub const KMS_DETAIL_VERSION_PENDING_DESTRUCTION: u32 = 8;
pub const KMS_DETAIL_MATERIAL_EXPIRED: u32 = 9;

/// kms_error_t.flags: the same call may succeed later.
pub const KMS_ERROR_RETRYABLE: u32 = 1;
/// kms_error_t.flags: the handle is of no more use; close it.
pub const KMS_ERROR_POISONED: u32 = 2;

/// Request flag: do not return the plaintext; its length becomes 0 and its bytes stay as they are.
pub const KMS_SKIP_PLAINTEXT: u32 = 1;
/// Request flag: use the key's first version instead of its primary one.
pub const KMS_INITIAL_VERSION: u32 = 2;
/// Request flag: check everything, do nothing, answer KMS_DRY_RUN_OK.
pub const KMS_DRY_RUN: u32 = 4;

/// Request flag of kms_put_key_policy and kms_create_key: put the policy even if nobody could put another one after it.
pub const KMS_BYPASS_POLICY_LOCKOUT_CHECK: u32 = 8;

/// kms_open_options_t.audit_data: a record for each operation on data. The default.
pub const KMS_AUDIT_DATA_ALL: u32 = 1;
/// For those that failed.
pub const KMS_AUDIT_DATA_REFUSED: u32 = 2;
/// One record a minute, with how many there were, by principal, action, key, version and outcome.
pub const KMS_AUDIT_DATA_COUNTED: u32 = 3;
/// kms_open_options_t.audit_flags: record the values of encryption contexts, not only their keys.
pub const KMS_AUDIT_CONTEXT_VALUES: u32 = 1;
/// Go on when the log cannot be written, and count the lost records in kms_stats_t, instead of refusing operations.
pub const KMS_AUDIT_GO_ON_WHEN_FULL: u32 = 2;

/// Operations that a grant can allow; kms_create_grant_request_t.operations is a sum of these.
pub const KMS_GRANT_DECRYPT: u32 = 1;
pub const KMS_GRANT_ENCRYPT: u32 = 2;
pub const KMS_GRANT_GENERATE_DATA_KEY: u32 = 4;
pub const KMS_GRANT_RE_ENCRYPT_FROM: u32 = 8;
pub const KMS_GRANT_RE_ENCRYPT_TO: u32 = 16;
pub const KMS_GRANT_CREATE_GRANT: u32 = 32;
pub const KMS_GRANT_RETIRE_GRANT: u32 = 64;
pub const KMS_GRANT_DESCRIBE_KEY: u32 = 128;

/// kms_create_grant_request_t.constraint: the grant is for any encryption context.
pub const KMS_GRANT_CONTEXT_ANY: u32 = 0;
/// For just the context that is given.
pub const KMS_GRANT_CONTEXT_EQUALS: u32 = 1;
/// For any context that has at least the pairs that are given.
pub const KMS_GRANT_CONTEXT_SUBSET: u32 = 2;

/// kms_open flag: create the store if it is not there.
pub const KMS_OPEN_CREATE: u32 = 1;
/// kms_open flag: refuse every change with KMS_READ_ONLY.
pub const KMS_OPEN_READ_ONLY: u32 = 2;
/// kms_open flag: refuse to work with secrets in memory that cannot be locked.
pub const KMS_OPEN_REQUIRE_LOCKED_MEMORY: u32 = 4;
/// kms_open flag: take data keys, N1 and IV from the kernel's generator at every call.
pub const KMS_OPEN_SYSTEM_RNG: u32 = 8;

/// kms_data_key_request_t.key_spec: the length of the data key by name. 0 stands for AES_256 unless
/// number_of_bytes says otherwise.
pub const KMS_KEY_SPEC_UNSPECIFIED: u32 = 0;
pub const KMS_KEY_SPEC_AES_128: u32 = 1;
pub const KMS_KEY_SPEC_AES_192: u32 = 2;
pub const KMS_KEY_SPEC_AES_256: u32 = 3;
/// A data key that an HSM generates: KMS_INVALID_KEY_USAGE under a software key.
pub const KMS_KEY_SPEC_AES_256_HSM: u32 = 4;

/// kms_data_key_info_t.algorithm: XAES-256-GCM (C2SP) with key commitment; docs/format.md.
pub const KMS_ALGORITHM_XAES_256_GCM: u32 = 1;

/// kms_key_info_t.state.
pub const KMS_KEY_STATE_ENABLED: u32 = 1;
pub const KMS_KEY_STATE_DISABLED: u32 = 2;
pub const KMS_KEY_STATE_PENDING_DELETION: u32 = 3;
pub const KMS_KEY_STATE_PENDING_IMPORT: u32 = 4;

/// kms_version_info_t.state.
pub const KMS_VERSION_STATE_ENABLED: u32 = 1;
pub const KMS_VERSION_STATE_PENDING_DESTRUCTION: u32 = 2;
pub const KMS_VERSION_STATE_DESTROYED: u32 = 3;

/// kms_create_key_request_t.origin: the library generates the material.
pub const KMS_ORIGIN_KMS: u32 = 0;
/// The caller imports the material.
pub const KMS_ORIGIN_EXTERNAL: u32 = 1;

/// kms_exchange: Yandex Key Management Service, gRPC.
pub const KMS_DIALECT_YANDEX_GRPC: u32 = 1;
/// Yandex Key Management Service, REST.
pub const KMS_DIALECT_YANDEX_REST: u32 = 2;
/// Alibaba dedicated KMS, protocol buffers over HTTP.
pub const KMS_DIALECT_ALIBABA_DKMS: u32 = 3;
/// QKMS: AWS KMS with ARNs of its own.
pub const KMS_DIALECT_QKMS: u32 = 4;
/// Tencent KMS, API v2.
pub const KMS_DIALECT_TENCENT: u32 = 5;
/// Alibaba KMS, RPC API of version 2016-01-20.
pub const KMS_DIALECT_ALIBABA_RPC: u32 = 6;
/// Tencent KMS, API v3 of version 2019-01-18.
pub const KMS_DIALECT_TENCENT_V3: u32 = 7;
/// AWS KMS.
pub const KMS_DIALECT_AWS: u32 = 8;

/// kms_stats_t.memory_protection: all secrets lie in locked pages.
pub const KMS_MEMORY_LOCKED: u32 = 1;
/// Secrets are left out of core dumps.
pub const KMS_MEMORY_NOT_DUMPED: u32 = 2;
/// Secrets lie between inaccessible pages.
pub const KMS_MEMORY_GUARDED: u32 = 4;
/// Generator state and cached keys are erased in children of fork.
pub const KMS_MEMORY_WIPED_ON_FORK: u32 = 8;

/// Bytes of a raw root key.
pub const KMS_ROOT_KEY_SIZE: usize = 32;
/// Bytes of an IV (AES-GCM nonce, NIST SP 800-38D clause 5.2.1.1).
pub const KMS_IV_SIZE: usize = 12;
/// Bytes that a ciphertext is longer than its plaintext.
pub const KMS_CIPHERTEXT_OVERHEAD: usize = 96;
/// Most bytes of a data key.
pub const KMS_MAX_DATA_KEY_SIZE: usize = 1024;
/// Most bytes that kms_encrypt takes.
pub const KMS_MAX_PAYLOAD_SIZE: usize = 65536;
/// Most bytes of a ciphertext: KMS_MAX_PAYLOAD_SIZE + KMS_CIPHERTEXT_OVERHEAD.
pub const KMS_MAX_CIPHERTEXT_SIZE: usize = 65632;
/// Most bytes of raw AAD.
pub const KMS_MAX_AAD_SIZE: usize = 8192;
/// Most bytes of all keys and values of an encryption context together.
pub const KMS_MAX_CONTEXT_SIZE: usize = 32768;
/// Most pairs of an encryption context.
pub const KMS_MAX_CONTEXT_PAIRS: usize = 2048;
/// Most data keys of one kms_generate_data_keys call.
pub const KMS_MAX_DATA_KEYS: usize = 65536;
/// Most bytes of one kms_generate_random call.
pub const KMS_MAX_RANDOM_SIZE: usize = 65536;
/// Most bytes of a key's description.
pub const KMS_MAX_DESCRIPTION_SIZE: usize = 8192;
/// Most tags of a key.
pub const KMS_MAX_TAGS: usize = 50;
/// Most characters of a tag's key.
pub const KMS_MAX_TAG_KEY: usize = 128;
/// Most characters of a tag's value.
pub const KMS_MAX_TAG_VALUE: usize = 256;
/// Least days before a key that is scheduled for deletion is gone (AWS: ScheduleKeyDeletion).
pub const KMS_MIN_DELETION_DAYS: u32 = 7;
/// Least days before a version's material is destroyed.
pub const KMS_MIN_DESTRUCTION_DAYS: u32 = 1;
/// Most days of either, and the default.
pub const KMS_MAX_WAITING_DAYS: u32 = 30;
/// Most bytes of a key policy (AWS: PutKeyPolicy).
pub const KMS_MAX_POLICY_SIZE: usize = 32768;
/// Most characters of a principal's name.
pub const KMS_MAX_PRINCIPAL: usize = 256;
/// Most characters of a grant's name.
pub const KMS_MAX_GRANT_NAME: usize = 256;
/// Most grants of a key.
pub const KMS_MAX_GRANTS: usize = 200000;
/// Bytes of a grant id, terminating NUL included.
pub const KMS_GRANT_ID_SIZE: usize = 65;
/// Bytes of a grant token, terminating NUL included.
pub const KMS_GRANT_TOKEN_SIZE: usize = 129;
/// Most grant tokens of one request.
pub const KMS_MAX_GRANT_TOKENS: usize = 10;
/// Bytes of a key id or version id, terminating NUL included.
pub const KMS_ID_SIZE: usize = 65;
/// Bytes of an alias, terminating NUL included.
pub const KMS_ALIAS_SIZE: usize = 257;
/// Bytes of a request id, terminating NUL included.
pub const KMS_REQUEST_ID_SIZE: usize = 37;
/// A text buffer of this size always holds the strings of one list item.
pub const KMS_LIST_MIN_TEXT: usize = 65536;
/// Least capacity of kms_exchange_response_t.body.
pub const KMS_EXCHANGE_MIN_CAPACITY: usize = 131072;
/// Least capacity of kms_exchange_response_t.headers, unless they are not wanted.
pub const KMS_EXCHANGE_MIN_HEADERS: usize = 4096;
