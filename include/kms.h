/*
 * kms.h - libkms, a key management service inside the process.
 *
 * libkms keeps KMS keys in an encrypted store: a file, or memory. A KMS key never leaves the
 * library in plaintext. What an application asks for is a data key: fresh random bytes to encrypt
 * with, and the same bytes wrapped under a KMS key, to be kept beside the data. Whoever shows the
 * wrapped key, the same context, and has access to the KMS key, gets the data key back.
 *
 * A complete program. The store keys.db is made at the first run. It is sealed with the root key in
 * the file root.key, made by: (umask 077; head -c 32 /dev/urandom > root.key)
 *
 *   #include <kms.h>
 *   #include <stdio.h>
 *   #include <string.h>
 *
 *   static kms_status_t use_store(kms_t *kms, kms_error_t *error)
 *   {
 *     uint8_t key[32], wrapped[32 + KMS_CIPHERTEXT_OVERHEAD], again[32];
 *     kms_buffer_t plaintext = {key, sizeof key, 0};
 *     kms_buffer_t ciphertext = {wrapped, sizeof wrapped, 0};
 *     kms_buffer_t unwrapped = {again, sizeof again, 0};
 *     const kms_context_entry_t context[] = {{"tenant", "7"}};
 *     kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
 *     kms_data_key_request_t generate = KMS_DATA_KEY_REQUEST_INIT;
 *     kms_decrypt_request_t decrypt = KMS_DECRYPT_REQUEST_INIT;
 *     kms_status_t status;
 *
 *     // A KMS key, known by a name of ours. It is there already when the program runs again.
 *     create.alias = "alias/orders";
 *     status = kms_create_key(kms, &create, NULL, error);
 *     if (status != KMS_OK && status != KMS_ALREADY_EXISTS) return status;
 *
 *     // A data key, bound to a context.
 *     generate.key_id = "alias/orders";
 *     generate.context = context;
 *     generate.context_len = 1;
 *     status = kms_generate_data_key(kms, &generate, &plaintext, &ciphertext, NULL, NULL, error);
 *     if (status != KMS_OK) return status;
 *
 *     // Here the application encrypts with plaintext.data, and stores ciphertext.data along.
 *
 *     // Later, perhaps in another process: the data key comes back.
 *     decrypt.ciphertext.data = ciphertext.data;
 *     decrypt.ciphertext.len = ciphertext.len;
 *     decrypt.context = context;
 *     decrypt.context_len = 1;
 *     status = kms_decrypt(kms, &decrypt, &unwrapped, NULL, error);
 *     if (status == KMS_OK)
 *       printf("%s\n", memcmp(key, again, sizeof key) == 0 ? "the same data key" : "another key!");
 *
 *     kms_wipe(key, sizeof key);
 *     kms_wipe(again, sizeof again);
 *     return status;
 *   }
 *
 *   int main(void)
 *   {
 *     kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
 *     kms_t *kms;
 *     kms_error_t error;
 *     kms_status_t status;
 *
 *     options.store = "sqlite:keys.db";
 *     options.root_key_uri = "file:root.key";
 *     options.flags = KMS_OPEN_CREATE;
 *     status = kms_open(&options, &kms, &error);
 *     if (status == KMS_OK) {
 *       status = use_store(kms, &error);
 *       kms_close(kms);
 *     }
 *     if (status == KMS_OK) return 0;
 *     fprintf(stderr, "%s: %s\n", kms_status_name(status), error.message);
 *     return 1;
 *   }
 *
 * Build it with: cc first.c $(pkg-config --cflags --libs kms)
 *
 * CONVENTIONS, which hold for every function.
 *
 * Status. A call returns KMS_OK or another KMS_* status code. The last parameter, error, may be
 * NULL; otherwise it gets the status, a message that names the argument at fault, the id of the
 * request, and the code of what lies below. It is memory of the caller: nothing to free, nothing
 * thread-local. Any function that returns a status can return KMS_INTERNAL: a bug in the library. A
 * caller treats a code that it does not know as a failure. KMS_DRY_RUN_OK is no failure: it is what
 * a request with the flag KMS_DRY_RUN returns where without it there would be KMS_OK.
 *
 * Parameters come in the order: handle, inputs, outputs, error. The handle, and every parameter
 * that is not said to be optional, must not be NULL: KMS_INVALID_ARGUMENT.
 *
 * Requests and infos. Their first member is struct_size = sizeof of the struct; the initializers,
 * named KMS_..._INIT after the struct, set it and are zeros otherwise, for ever. Zero always means
 * "the default". Later releases append members: a program that was compiled against this header
 * works with them unchanged, and what it does not know is zero to the library. A member that a
 * request has and the loaded library does not know must be zero: KMS_INVALID_ARGUMENT otherwise. Of
 * an info the library fills what it knows, and zeroes the rest. `reserved` members and unknown
 * flags must be 0. A struct_size below that of the first release or above 4096 is
 * KMS_INVALID_ARGUMENT. No alignment is required.
 *
 * Text is NUL-terminated UTF-8. Bytes are a kms_bytes_t: NULL with len 0 is empty.
 *
 * Keys are named by key_id, wherever a request has one: by the key's id, by an alias ("alias/NAME"),
 * or by an ARN of either with the store's account_id and the handle's region, in any of the forms
 *
 *   arn:aws:kms:REGION:ACCOUNT:key/ID    arn:aws:kms:REGION:ACCOUNT:alias/NAME
 *   acs:kms:REGION:ACCOUNT:key/ID        acs:kms:REGION:ACCOUNT:alias/NAME
 *   arn:verenc:ACCOUNT:key/ID            arn:verenc:ACCOUNT:alias/NAME
 *
 * An ARN of another account or region is KMS_NOT_FOUND. Answers name a key by its id.
 *
 * Output buffers are the caller's: a kms_buffer_t with data and capacity; the library sets len. If
 * any buffer of a call is too small the call returns KMS_BUFFER_TOO_SMALL with every len set to
 * what is needed, and nothing was generated, written or counted. data NULL with capacity 0 asks for
 * the sizes. A call that fails leaves the bytes of every output as they were, unless its own
 * documentation says that they are zeroed. Outputs must not overlap each other or an input.
 *
 * Ownership. The library copies what it keeps of its inputs before a call returns. Only handles are
 * freed, with kms_close(). Strings that functions return are static.
 *
 * Threads. A handle may be used by any number of threads at once; kms_close() must not run beside
 * another call on the same handle. The library makes no threads and installs no signal or fork
 * handlers. Do not cancel a thread (pthread_cancel) inside a call.
 *
 * Fork. Handles go on working in a child of fork(), with a new generator and its own connection to
 * the store.
 *
 * Signals. No function may be called from a signal handler.
 *
 * Unloading. The library is never unloaded: dlclose() leaves it in memory.
 *
 * It prints nothing, and reads no environment variable other than one named in a root_key_uri.
 *
 * This file is generated; `make header` writes it.
 */

#ifndef KMS_H
#define KMS_H

#include <stddef.h>
#include <stdint.h>

/* How functions are imported and called; empty but for Windows. Define KMS_STATIC there to link to
   the static library. */
#ifdef _WIN32
#define KMS_CALL __cdecl
#ifdef KMS_STATIC
#define KMS_API
#else
#define KMS_API __declspec(dllimport)
#endif
#else
#define KMS_CALL
#define KMS_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------------------------------------------
 * Versions.
 * ---------------------------------------------------------------------------------------------- */

/** The version of the library this header belongs to; kms_version() is the one that is loaded. */
#define KMS_VERSION_MAJOR 0
#define KMS_VERSION_MINOR 1
#define KMS_VERSION_PATCH 0

/**
 * Changes only when a program compiled against an older header would break; see kms_abi_version().
 */
#define KMS_ABI_VERSION 0

/* ----------------------------------------------------------------------------------------------
 * Status codes. Append-only: a number is never used for anything else.
 * ---------------------------------------------------------------------------------------------- */

/** Success. */
#define KMS_OK 0

/** A limit, a NULL or a bad combination; the message names the field. */
#define KMS_INVALID_ARGUMENT 1

/** Nothing was done; every buffer's len says what is needed. */
#define KMS_BUFFER_TOO_SMALL 2

/** The key, alias, version, grant or store is not there. */
#define KMS_NOT_FOUND 3

/** The id or alias is taken. */
#define KMS_ALREADY_EXISTS 4

/** The key is disabled. */
#define KMS_DISABLED 5

/** Pending deletion, pending import, or the version is destroyed or scheduled to be. */
#define KMS_INVALID_STATE 6

/** The key cannot do this, e.g. KMS_KEY_SPEC_AES_256_HSM under a software key. */
#define KMS_INVALID_KEY_USAGE 7

/** A grant token that this store never issued, or whose grant is gone. */
#define KMS_INVALID_GRANT_TOKEN 8

/** Policy and grants do not allow it. */
#define KMS_ACCESS_DENIED 9

/**
 * Altered, truncated, wrong AAD or context, or wrong IV: one status and one message for all of
 * them.
 */
#define KMS_INVALID_CIPHERTEXT 10

/** key_id was given, and the ciphertext was made under another key. */
#define KMS_INCORRECT_KEY 11

/** A quota of the store is used up. */
#define KMS_LIMIT_EXCEEDED 12

/** The key material cannot be had now. */
#define KMS_KEY_UNAVAILABLE 13

/** Store or HSM did not answer within timeout_ms. */
#define KMS_DEPENDENCY_TIMEOUT 14

/** Input or output of the store failed; native_code carries the store engine's own code. */
#define KMS_STORE_ERROR 15

/** A seal or digest of the store failed: it was damaged or tampered with. */
#define KMS_CORRUPT_STORE 16

/** The root key is not the one that the store was made with. */
#define KMS_WRONG_ROOT_KEY 17

/** Not built in, or a newer format than this library knows. */
#define KMS_UNSUPPORTED 18

/** Memory could not be had, or not be locked where the caller required it. */
#define KMS_OUT_OF_MEMORY 19

/** A bug in the library; the handle stays usable unless KMS_ERROR_POISONED is set. */
#define KMS_INTERNAL 20

/** A dry run (KMS_DRY_RUN) would have succeeded. */
#define KMS_DRY_RUN_OK 21

/** A change through a handle that was opened read-only. */
#define KMS_READ_ONLY 22

/* ----------------------------------------------------------------------------------------------
 * What kms_error_t says besides the status.
 * ---------------------------------------------------------------------------------------------- */

/** kms_error_t.detail: what the status is about. */
#define KMS_DETAIL_NONE 0
#define KMS_DETAIL_KEY 1
#define KMS_DETAIL_ALIAS 2
#define KMS_DETAIL_VERSION 3
#define KMS_DETAIL_GRANT 4
#define KMS_DETAIL_PENDING_DELETION 5
#define KMS_DETAIL_PENDING_IMPORT 6
#define KMS_DETAIL_VERSION_DESTROYED 7
#define KMS_DETAIL_VERSION_PENDING_DESTRUCTION 8
#define KMS_DETAIL_MATERIAL_EXPIRED 9

/** kms_error_t.flags: the same call may succeed later. */
#define KMS_ERROR_RETRYABLE 1

/** kms_error_t.flags: the handle is of no more use; close it. */
#define KMS_ERROR_POISONED 2

/* ----------------------------------------------------------------------------------------------
 * Flags. A flag has the same bit in every request that takes it.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Request flag: do not return the plaintext; its length becomes 0 and its bytes stay as they are.
 */
#define KMS_SKIP_PLAINTEXT 1

/** Request flag: use the key's first version instead of its primary one. */
#define KMS_INITIAL_VERSION 2

/** Request flag: check everything, do nothing, answer KMS_DRY_RUN_OK. */
#define KMS_DRY_RUN 4

/**
 * Request flag of kms_put_key_policy and kms_create_key: put the policy even if nobody could put
 * another one after it.
 */
#define KMS_BYPASS_POLICY_LOCKOUT_CHECK 8

/** kms_open_options_t.audit_data: a record for each operation on data. The default. */
#define KMS_AUDIT_DATA_ALL 1

/** For those that failed. */
#define KMS_AUDIT_DATA_REFUSED 2

/**
 * One record a minute, with how many there were, by principal, action, key, version and outcome.
 */
#define KMS_AUDIT_DATA_COUNTED 3

/**
 * kms_open_options_t.audit_flags: record the values of encryption contexts, not only their keys.
 */
#define KMS_AUDIT_CONTEXT_VALUES 1

/**
 * Go on when the log cannot be written, and count the lost records in kms_stats_t, instead of
 * refusing operations.
 */
#define KMS_AUDIT_GO_ON_WHEN_FULL 2

/** Operations that a grant can allow; kms_create_grant_request_t.operations is a sum of these. */
#define KMS_GRANT_DECRYPT 1
#define KMS_GRANT_ENCRYPT 2
#define KMS_GRANT_GENERATE_DATA_KEY 4
#define KMS_GRANT_RE_ENCRYPT_FROM 8
#define KMS_GRANT_RE_ENCRYPT_TO 16
#define KMS_GRANT_CREATE_GRANT 32
#define KMS_GRANT_RETIRE_GRANT 64
#define KMS_GRANT_DESCRIBE_KEY 128

/** kms_create_grant_request_t.constraint: the grant is for any encryption context. */
#define KMS_GRANT_CONTEXT_ANY 0

/** For just the context that is given. */
#define KMS_GRANT_CONTEXT_EQUALS 1

/** For any context that has at least the pairs that are given. */
#define KMS_GRANT_CONTEXT_SUBSET 2

/** kms_open flag: create the store if it is not there. */
#define KMS_OPEN_CREATE 1

/** kms_open flag: refuse every change with KMS_READ_ONLY. */
#define KMS_OPEN_READ_ONLY 2

/** kms_open flag: refuse to work with secrets in memory that cannot be locked. */
#define KMS_OPEN_REQUIRE_LOCKED_MEMORY 4

/** kms_open flag: take data keys, N1 and IV from the kernel's generator at every call. */
#define KMS_OPEN_SYSTEM_RNG 8

/* ----------------------------------------------------------------------------------------------
 * Values of request and info members. 0 is always the default.
 * ---------------------------------------------------------------------------------------------- */

/**
 * kms_data_key_request_t.key_spec: the length of the data key by name. 0 stands for AES_256 unless
 * number_of_bytes says otherwise.
 */
#define KMS_KEY_SPEC_UNSPECIFIED 0
#define KMS_KEY_SPEC_AES_128 1
#define KMS_KEY_SPEC_AES_192 2
#define KMS_KEY_SPEC_AES_256 3

/** A data key that an HSM generates: KMS_INVALID_KEY_USAGE under a software key. */
#define KMS_KEY_SPEC_AES_256_HSM 4

/** kms_data_key_info_t.algorithm: XAES-256-GCM (C2SP) with key commitment; docs/format.md. */
#define KMS_ALGORITHM_XAES_256_GCM 1

/** kms_key_info_t.state. */
#define KMS_KEY_STATE_ENABLED 1
#define KMS_KEY_STATE_DISABLED 2
#define KMS_KEY_STATE_PENDING_DELETION 3
#define KMS_KEY_STATE_PENDING_IMPORT 4

/** kms_version_info_t.state. */
#define KMS_VERSION_STATE_ENABLED 1
#define KMS_VERSION_STATE_PENDING_DESTRUCTION 2
#define KMS_VERSION_STATE_DESTROYED 3

/** kms_create_key_request_t.origin: the library generates the material. */
#define KMS_ORIGIN_KMS 0

/** The caller imports the material. */
#define KMS_ORIGIN_EXTERNAL 1

/** kms_exchange: Yandex Key Management Service, gRPC. */
#define KMS_DIALECT_YANDEX_GRPC 1

/** Yandex Key Management Service, REST. */
#define KMS_DIALECT_YANDEX_REST 2

/** Alibaba dedicated KMS, protocol buffers over HTTP. */
#define KMS_DIALECT_ALIBABA_DKMS 3

/** QKMS: AWS KMS with ARNs of its own. */
#define KMS_DIALECT_QKMS 4

/** Tencent KMS, API v2. */
#define KMS_DIALECT_TENCENT 5

/** Alibaba KMS, RPC API of version 2016-01-20. */
#define KMS_DIALECT_ALIBABA_RPC 6

/** Tencent KMS, API v3 of version 2019-01-18. */
#define KMS_DIALECT_TENCENT_V3 7

/** AWS KMS. */
#define KMS_DIALECT_AWS 8

/* ----------------------------------------------------------------------------------------------
 * Bits of kms_stats_t.memory_protection.
 * ---------------------------------------------------------------------------------------------- */

/** kms_stats_t.memory_protection: all secrets lie in locked pages. */
#define KMS_MEMORY_LOCKED 1

/** Secrets are left out of core dumps. */
#define KMS_MEMORY_NOT_DUMPED 2

/** Secrets lie between inaccessible pages. */
#define KMS_MEMORY_GUARDED 4

/** Generator state and cached keys are erased in children of fork. */
#define KMS_MEMORY_WIPED_ON_FORK 8

/* ----------------------------------------------------------------------------------------------
 * Sizes and limits, in bytes unless the name says otherwise.
 * ---------------------------------------------------------------------------------------------- */

/** Bytes of a raw root key. */
#define KMS_ROOT_KEY_SIZE 32

/** Bytes of an IV (AES-GCM nonce, NIST SP 800-38D clause 5.2.1.1). */
#define KMS_IV_SIZE 12

/** Bytes that a ciphertext is longer than its plaintext. */
#define KMS_CIPHERTEXT_OVERHEAD 96

/** Most bytes of a data key. */
#define KMS_MAX_DATA_KEY_SIZE 1024

/** Most bytes that kms_encrypt takes. */
#define KMS_MAX_PAYLOAD_SIZE 65536

/** Most bytes of a ciphertext: KMS_MAX_PAYLOAD_SIZE + KMS_CIPHERTEXT_OVERHEAD. */
#define KMS_MAX_CIPHERTEXT_SIZE 65632

/** Most bytes of raw AAD. */
#define KMS_MAX_AAD_SIZE 8192

/** Most bytes of all keys and values of an encryption context together. */
#define KMS_MAX_CONTEXT_SIZE 32768

/** Most pairs of an encryption context. */
#define KMS_MAX_CONTEXT_PAIRS 2048

/** Most data keys of one kms_generate_data_keys call. */
#define KMS_MAX_DATA_KEYS 65536

/** Most bytes of one kms_generate_random call. */
#define KMS_MAX_RANDOM_SIZE 65536

/** Most bytes of a key's description. */
#define KMS_MAX_DESCRIPTION_SIZE 8192

/** Most tags of a key. */
#define KMS_MAX_TAGS 50

/** Most characters of a tag's key. */
#define KMS_MAX_TAG_KEY 128

/** Most characters of a tag's value. */
#define KMS_MAX_TAG_VALUE 256

/** Least days before a key that is scheduled for deletion is gone (AWS: ScheduleKeyDeletion). */
#define KMS_MIN_DELETION_DAYS 7

/** Least days before a version's material is destroyed. */
#define KMS_MIN_DESTRUCTION_DAYS 1

/** Most days of either, and the default. */
#define KMS_MAX_WAITING_DAYS 30

/** Most bytes of a key policy (AWS: PutKeyPolicy). */
#define KMS_MAX_POLICY_SIZE 32768

/** Most characters of a principal's name. */
#define KMS_MAX_PRINCIPAL 256

/** Most characters of a grant's name. */
#define KMS_MAX_GRANT_NAME 256

/** Most grants of a key. */
#define KMS_MAX_GRANTS 200000

/** Bytes of a grant id, terminating NUL included. */
#define KMS_GRANT_ID_SIZE 65

/** Bytes of a grant token, terminating NUL included. */
#define KMS_GRANT_TOKEN_SIZE 129

/** Most grant tokens of one request. */
#define KMS_MAX_GRANT_TOKENS 10

/** Bytes of a key id or version id, terminating NUL included. */
#define KMS_ID_SIZE 65

/** Bytes of an alias, terminating NUL included. */
#define KMS_ALIAS_SIZE 257

/** Bytes of a request id, terminating NUL included. */
#define KMS_REQUEST_ID_SIZE 37

/** A text buffer of this size always holds the strings of one list item. */
#define KMS_LIST_MIN_TEXT 65536

/** Least capacity of kms_exchange_response_t.body. */
#define KMS_EXCHANGE_MIN_CAPACITY 131072

/** Least capacity of kms_exchange_response_t.headers, unless they are not wanted. */
#define KMS_EXCHANGE_MIN_HEADERS 4096

/* ----------------------------------------------------------------------------------------------
 * Types. In requests and infos, `reserved` members are 0.
 * ---------------------------------------------------------------------------------------------- */

/** What every function returns; one of the KMS_* status codes. */
typedef int32_t kms_status_t;

/** An open key store. Opaque; safe to use from any number of threads at once. */
typedef struct kms_handle kms_t;

/** Input bytes. NULL with len 0 is empty; NULL with a length is KMS_INVALID_ARGUMENT. */
typedef struct kms_bytes {
  const uint8_t *data;
  size_t len;
} kms_bytes_t;

/**
 * An output buffer of the caller. The library writes `len`, never more than `capacity` bytes of
 * `data`. data NULL with capacity 0 asks for the size: KMS_BUFFER_TOO_SMALL, and len says what is
 * needed.
 */
typedef struct kms_buffer {
  uint8_t *data;
  size_t capacity;
  size_t len;
} kms_buffer_t;

/**
 * An output column of the caller: item i starts at data + i * stride. The gaps are left untouched.
 */
typedef struct kms_column {
  uint8_t *data;
  size_t capacity;  /**< Bytes of the whole column. */
  size_t stride;    /**< Bytes from one item to the next; 0 = packed. */
  size_t item_len;  /**< Out: bytes of each item; on KMS_BUFFER_TOO_SMALL what one item needs. */
} kms_column_t;

/** One pair of an encryption context. Both are NUL-terminated UTF-8; the key is not empty. */
typedef struct kms_context_entry {
  const char *key;
  const char *value;
} kms_context_entry_t;

/** A string in a text buffer. A NUL follows it that `len` does not count. 0,0 = no string. */
typedef struct kms_span {
  uint32_t offset;
  uint32_t len;
} kms_span_t;

/**
 * Where a list stands. KMS_PAGE_INIT asks for the first page; pass the same page back while `more`
 * is 1.
 */
typedef struct kms_page {
  size_t struct_size;
  size_t items_len;    /**< Out: items written. */
  uint32_t more;       /**< Out: 1 if there are more. */
  uint32_t reserved;
  char marker[256];    /**< Opaque; anything but what a list call wrote here is
                        *   KMS_INVALID_ARGUMENT. */
} kms_page_t;

/** Initializes a kms_page_t: struct_size, and zeros. */
#define KMS_PAGE_INIT \
  {sizeof(kms_page_t), 0, 0, 0, {0}}

/**
 * What went wrong, in memory of the caller: nothing to free, nothing thread-local. 512 bytes,
 * frozen. On KMS_OK only status and message[0] are written, both 0.
 */
typedef struct kms_error {
  kms_status_t status;  /**< The code the function returned. */
  uint32_t detail;      /**< KMS_DETAIL_*: what the status is about. */
  int64_t native_code;  /**< The code of what lies below (SQLite, errno); 0 if none. */
  uint32_t flags;       /**< KMS_ERROR_* flags. */
  uint32_t reserved;
  char request_id[40];  /**< The id of the failed request, for logs. */
  char message[448];    /**< UTF-8 for people, cut at a character, control characters escaped;
                         *   holds no secret. */
} kms_error_t;

/** How to open a store. Exactly one root key source: root_key, passphrase or root_key_uri. */
typedef struct kms_open_options {
  size_t struct_size;
  const char *store;          /**< "memory:" or "sqlite:PATH". */
  kms_bytes_t root_key;       /**< 32 raw bytes, or empty. */
  kms_bytes_t passphrase;     /**< Stretched with Argon2id (RFC 9106), or empty. */
  const char *root_key_uri;   /**< "file:PATH" (32 raw bytes, or hex or base64 text; only the
                               *   owner may have access) or "env:NAME" (hex or base64), or NULL. */
  const char *account_id;     /**< 12 digits, used in ARNs. NULL = the store's own; at creation
                               *   "000000000000". A mismatch is refused. */
  const char *region;         /**< Used in ARNs. NULL = "local". */
  uint32_t flags;             /**< KMS_OPEN_*. */
  uint32_t max_staleness_ms;  /**< Milliseconds that another process's change may go unseen;
                               *   0 = 1000. */
  uint32_t timeout_ms;        /**< The longest, in milliseconds, that any call waits for the
                               *   store; 0 = 5000. */
  uint32_t reserved;
  const char *audit_log;      /**< The file of an audit log, which is begun if it is not there;
                               *   NULL = none. docs/audit.md says what is in it. */
  uint32_t audit_data;        /**< KMS_AUDIT_DATA_*; 0 = KMS_AUDIT_DATA_ALL. */
  uint32_t audit_flags;       /**< KMS_AUDIT_CONTEXT_VALUES | KMS_AUDIT_GO_ON_WHEN_FULL. */
  uint32_t audit_max_kib;     /**< KiB after which a new file of the log is begun; 0 = 65536, at
                               *   least 4. */
  uint32_t max_cached_keys;   /**< Keys that the handle keeps in memory at most, beside those in
                               *   use just now; each takes less than 1 KiB. 0 = 16384. */
} kms_open_options_t;

/** Initializes a kms_open_options_t: struct_size, and zeros. */
#define KMS_OPEN_OPTIONS_INIT \
  {sizeof(kms_open_options_t), NULL, {NULL, 0}, {NULL, 0}, NULL, NULL, NULL, 0, 0, 0, 0, NULL, 0, \
    0, 0, 0}

/** A tag. Both are NUL-terminated UTF-8; the key is not empty. */
typedef struct kms_tag {
  const char *key;
  const char *value;
} kms_tag_t;

/**
 * A KMS key to create. All zeros but struct_size is a good request: a key with a new UUID as its
 * id.
 */
typedef struct kms_create_key_request {
  size_t struct_size;
  const char *key_id;          /**< The caller's own id, 1..64 of A-Z a-z 0-9 - _ ; NULL = a new
                                *   UUID. */
  const char *description;     /**< At most KMS_MAX_DESCRIPTION_SIZE bytes, or NULL. */
  const char *alias;           /**< "alias/NAME" to create with the key, or NULL. */
  uint32_t rotation_period_s;  /**< Seconds after which the key rotates by itself; 0 = never. */
  uint32_t origin;             /**< KMS_ORIGIN_*. */
  uint32_t flags;              /**< KMS_BYPASS_POLICY_LOCKOUT_CHECK | KMS_DRY_RUN. */
  uint32_t reserved;
  uint64_t rotate_after_uses;  /**< Data keys and payloads under one version after which the key
                                *   rotates by itself; 0 = never. Exact within a process; what
                                *   other processes did since they last wrote their counts is not
                                *   seen. */
  const kms_tag_t *tags;       /**< At most KMS_MAX_TAGS. */
  size_t tags_len;
  kms_bytes_t key_uuid;        /**< With KMS_ORIGIN_EXTERNAL only: the 16 bytes that stand in the
                                *   key's ciphertexts, so that material brought back opens its
                                *   old ones; empty = new random ones. */
  const char *policy;          /**< The key's policy, as for kms_put_key_policy(); NULL = the
                                *   default one. */
  size_t reserved1;            /**< Keeps the size the same multiple of 8 on 32-bit machines; 0. */
} kms_create_key_request_t;

/** Initializes a kms_create_key_request_t: struct_size, and zeros. */
#define KMS_CREATE_KEY_REQUEST_INIT \
  {sizeof(kms_create_key_request_t), NULL, NULL, NULL, 0, 0, 0, 0, 0, NULL, 0, {NULL, 0}, NULL, \
    0}

/** An operation on one key, or one version of it, that needs nothing more. */
typedef struct kms_key_request {
  size_t struct_size;
  const char *key_id;               /**< The key's id, "alias/NAME", or an ARN of either;
                                     *   required. */
  const char *version_id;           /**< Only where the operation is on a version. */
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                   /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_key_request_t;

/** Initializes a kms_key_request_t: struct_size, and zeros. */
#define KMS_KEY_REQUEST_INIT \
  {sizeof(kms_key_request_t), NULL, NULL, NULL, 0, 0, 0}

/** What there is to know of a key. */
typedef struct kms_key_info {
  size_t struct_size;
  char key_id[65];
  char reserved0[3];
  uint32_t state;                   /**< KMS_KEY_STATE_*. */
  char primary_version_id[65];
  char reserved1[7];
  size_t reserved2;                 /**< Keeps the 8-byte members aligned on 32-bit machines. */
  int64_t created_at;               /**< Unix time in seconds. */
  uint32_t primary_version_number;  /**< Number of the primary version, from 1; 0 while none has
                                     *   material. */
  uint32_t versions_len;            /**< Versions that the key has ever had. */
  uint32_t origin;                  /**< KMS_ORIGIN_*. */
  uint32_t rotation_period_s;       /**< Seconds; 0 = the key does not rotate by itself. */
  kms_span_t description;           /**< In the text buffer of the call; 0,0 where the call has
                                     *   none or there is no description. */
  int64_t deletion_at;              /**< Unix time in seconds when a key that is pending deletion
                                     *   is gone; 0 = it is not. */
  int64_t next_rotation_at;         /**< Unix time in seconds when the key rotates by itself;
                                     *   0 = never. */
  uint64_t rotate_after_uses;       /**< 0 = no limit. */
  uint64_t uses_sealed;             /**< Data keys and payloads made under all versions, and
                                     *   ciphertexts opened: exact when all handles of the store
                                     *   are closed, else behind by at most one batch (65,536
                                     *   uses, 60 s) for each. Lists leave them 0. */
  uint64_t uses_opened;
  int64_t last_used_at;             /**< Unix time in seconds of the last use; 0 = never used. As
                                     *   exact as the counts. */
  int64_t material_expires_at;      /**< Unix time in seconds when imported material expires;
                                     *   0 = it does not. */
  uint8_t key_uuid[16];             /**< The 16 bytes that stand in the key's ciphertexts. */
} kms_key_info_t;

/** Initializes a kms_key_info_t: struct_size, and zeros. */
#define KMS_KEY_INFO_INIT \
  {sizeof(kms_key_info_t), {0}, {0}, 0, {0}, {0}, 0, 0, 0, 0, 0, 0, {0, 0}, 0, 0, 0, 0, 0, 0, 0, \
    {0}}

/** Which keys to list. */
typedef struct kms_list_keys_request {
  size_t struct_size;
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_list_keys_request_t;

/** Initializes a kms_list_keys_request_t: struct_size, and zeros. */
#define KMS_LIST_KEYS_REQUEST_INIT \
  {sizeof(kms_list_keys_request_t), 0, 0}

/** An alias to create. */
typedef struct kms_create_alias_request {
  size_t struct_size;
  const char *alias;   /**< "alias/" and 1..250 of A-Z a-z 0-9 - _ / ; required. */
  const char *key_id;  /**< Id or ARN of the key it shall name; required. */
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_create_alias_request_t;

/** Initializes a kms_create_alias_request_t: struct_size, and zeros. */
#define KMS_CREATE_ALIAS_REQUEST_INIT \
  {sizeof(kms_create_alias_request_t), NULL, NULL, 0, 0}

/** Which aliases to list. */
typedef struct kms_list_aliases_request {
  size_t struct_size;
  const char *key_id;  /**< Only this key's; NULL = all. */
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_list_aliases_request_t;

/** Initializes a kms_list_aliases_request_t: struct_size, and zeros. */
#define KMS_LIST_ALIASES_REQUEST_INIT \
  {sizeof(kms_list_aliases_request_t), NULL, 0, 0}

/** An alias and the key it names. */
typedef struct kms_alias_info {
  size_t struct_size;
  char alias[257];
  char key_id[65];
  char reserved0[6];
  size_t reserved2;    /**< Keeps the 8-byte members aligned on 32-bit machines. */
  int64_t created_at;  /**< Unix time in seconds. */
} kms_alias_info_t;

/** Initializes a kms_alias_info_t: struct_size, and zeros. */
#define KMS_ALIAS_INFO_INIT \
  {sizeof(kms_alias_info_t), {0}, {0}, {0}, 0, 0}

/** An alias to delete. */
typedef struct kms_alias_request {
  size_t struct_size;
  const char *alias;   /**< Required. */
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_alias_request_t;

/** Initializes a kms_alias_request_t: struct_size, and zeros. */
#define KMS_ALIAS_REQUEST_INIT \
  {sizeof(kms_alias_request_t), NULL, 0, 0}

/** When a key, or a version of one, shall be destroyed. */
typedef struct kms_schedule_request {
  size_t struct_size;
  const char *key_id;               /**< The key's id, "alias/NAME", or an ARN of either;
                                     *   required. */
  const char *version_id;           /**< Only where the operation is on a version, and then
                                     *   required. */
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t waiting_days;            /**< Days to wait: 7 to 30 for a key, 1 to 30 for a version;
                                     *   0 = 30. */
  uint32_t flags;                   /**< KMS_DRY_RUN. */
} kms_schedule_request_t;

/** Initializes a kms_schedule_request_t: struct_size, and zeros. */
#define KMS_SCHEDULE_REQUEST_INIT \
  {sizeof(kms_schedule_request_t), NULL, NULL, NULL, 0, 0, 0}

/** When a key rotates by itself. */
typedef struct kms_rotation_request {
  size_t struct_size;
  const char *key_id;               /**< The key's id, "alias/NAME", or an ARN of either;
                                     *   required. */
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint64_t rotate_after_uses;       /**< Data keys and payloads under one version; 0 = no limit. */
  uint32_t rotation_period_s;       /**< Seconds from the last rotation; 0 = never. */
  uint32_t flags;                   /**< KMS_DRY_RUN. */
} kms_rotation_request_t;

/** Initializes a kms_rotation_request_t: struct_size, and zeros. */
#define KMS_ROTATION_REQUEST_INIT \
  {sizeof(kms_rotation_request_t), NULL, NULL, 0, 0, 0, 0}

/** A key's new description. */
typedef struct kms_description_request {
  size_t struct_size;
  const char *key_id;       /**< The key's id, "alias/NAME", or an ARN of either; required. */
  const char *description;  /**< At most KMS_MAX_DESCRIPTION_SIZE bytes; NULL or empty = none. */
  uint32_t flags;           /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_description_request_t;

/** Initializes a kms_description_request_t: struct_size, and zeros. */
#define KMS_DESCRIPTION_REQUEST_INIT \
  {sizeof(kms_description_request_t), NULL, NULL, 0, 0}

/** Tags to set on a key, or (by their keys) to take away. */
typedef struct kms_tags_request {
  size_t struct_size;
  const char *key_id;     /**< The key's id, "alias/NAME", or an ARN of either; required. */
  const kms_tag_t *tags;  /**< kms_untag_key() ignores the values, which may be NULL there. */
  size_t tags_len;
  uint32_t flags;         /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_tags_request_t;

/** Initializes a kms_tags_request_t: struct_size, and zeros. */
#define KMS_TAGS_REQUEST_INIT \
  {sizeof(kms_tags_request_t), NULL, NULL, 0, 0, 0}

/** A tag of a key; both strings are in the list's text buffer. */
typedef struct kms_tag_info {
  size_t struct_size;
  kms_span_t key;
  kms_span_t value;
} kms_tag_info_t;

/** Initializes a kms_tag_info_t: struct_size, and zeros. */
#define KMS_TAG_INFO_INIT \
  {sizeof(kms_tag_info_t), {0, 0}, {0, 0}}

/** What there is to know of a key version. */
typedef struct kms_version_info {
  size_t struct_size;
  char key_id[65];
  char version_id[65];
  char reserved0[2];
  uint32_t version_number;  /**< From 1. */
  uint32_t state;           /**< KMS_VERSION_STATE_*. */
  uint32_t algorithm;       /**< KMS_ALGORITHM_*. */
  uint32_t is_primary;      /**< 1 if it is the key's primary version. */
  uint32_t reserved1;
  size_t reserved2;         /**< Keeps the 8-byte members aligned on 32-bit machines. */
  int64_t created_at;       /**< Unix time in seconds. */
  int64_t destruction_at;   /**< Unix time in seconds when its material is destroyed; 0 = not
                             *   scheduled. */
  uint64_t uses_sealed;     /**< Data keys and payloads made under it, and ciphertexts opened:
                             *   exact when all handles of the store are closed, else behind by
                             *   at most one batch (65,536 uses, 60 s) for each. */
  uint64_t uses_opened;
  int64_t last_used_at;     /**< Unix time in seconds of its last use; 0 = never used. */
} kms_version_info_t;

/** Initializes a kms_version_info_t: struct_size, and zeros. */
#define KMS_VERSION_INFO_INIT \
  {sizeof(kms_version_info_t), {0}, {0}, {0}, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

/** Material to import into a key that was created with KMS_ORIGIN_EXTERNAL. */
typedef struct kms_import_request {
  size_t struct_size;
  const char *key_id;               /**< The key's id, "alias/NAME", or an ARN of either;
                                     *   required. */
  kms_bytes_t material;             /**< 32 bytes, fit to be a key; required. Copied into
                                     *   protected memory; kms_wipe() your own. */
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  int64_t expires_at;               /**< Unix time in seconds when the library deletes the
                                     *   material; 0 = never. */
  uint32_t version_number;          /**< The version number that stands in the ciphertexts;
                                     *   0 = 1. Later imports must give the same, or 0. */
  uint32_t flags;                   /**< KMS_DRY_RUN. */
} kms_import_request_t;

/** Initializes a kms_import_request_t: struct_size, and zeros. */
#define KMS_IMPORT_REQUEST_INIT \
  {sizeof(kms_import_request_t), NULL, {NULL, 0}, NULL, 0, 0, 0, 0}

/** A data key to generate. */
typedef struct kms_data_key_request {
  size_t struct_size;
  const char *key_id;                  /**< The key's id, "alias/NAME", or an ARN of either;
                                        *   required. */
  const char *version_id;              /**< NULL = the primary version. */
  uint32_t key_spec;                   /**< KMS_KEY_SPEC_*; this or number_of_bytes;
                                        *   neither = AES_256. */
  uint32_t number_of_bytes;            /**< 1..KMS_MAX_DATA_KEY_SIZE, or 0. */
  kms_bytes_t aad;                     /**< Raw AAD, at most KMS_MAX_AAD_SIZE bytes; this or
                                        *   context, not both. */
  const kms_context_entry_t *context;  /**< Pairs in any order; keys must differ. */
  size_t context_len;
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                      /**< KMS_SKIP_PLAINTEXT | KMS_INITIAL_VERSION |
                                        *   KMS_DRY_RUN. */
  uint32_t reserved;
} kms_data_key_request_t;

/** Initializes a kms_data_key_request_t: struct_size, and zeros. */
#define KMS_DATA_KEY_REQUEST_INIT \
  {sizeof(kms_data_key_request_t), NULL, NULL, 0, 0, {NULL, 0}, NULL, 0, NULL, 0, 0, 0}

/** A payload to encrypt under a KMS key, without a data key. */
typedef struct kms_encrypt_request {
  size_t struct_size;
  const char *key_id;                  /**< The key's id, "alias/NAME", or an ARN of either;
                                        *   required. */
  const char *version_id;              /**< NULL = the primary version. */
  kms_bytes_t plaintext;               /**< 0..KMS_MAX_PAYLOAD_SIZE bytes. */
  kms_bytes_t aad;                     /**< Raw AAD, at most KMS_MAX_AAD_SIZE bytes; this or
                                        *   context, not both. */
  const kms_context_entry_t *context;
  size_t context_len;
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                      /**< KMS_INITIAL_VERSION | KMS_DRY_RUN. */
  uint32_t reserved;
} kms_encrypt_request_t;

/** Initializes a kms_encrypt_request_t: struct_size, and zeros. */
#define KMS_ENCRYPT_REQUEST_INIT \
  {sizeof(kms_encrypt_request_t), NULL, NULL, {NULL, 0}, {NULL, 0}, NULL, 0, NULL, 0, 0, 0}

/** A ciphertext to open: a wrapped data key or an encrypted payload. */
typedef struct kms_decrypt_request {
  size_t struct_size;
  kms_bytes_t ciphertext;              /**< Required. */
  kms_bytes_t iv;                      /**< May be empty; if given it must equal the ciphertext's
                                        *   own IV. */
  const char *key_id;                  /**< NULL = the ciphertext says; else a ciphertext of
                                        *   another key is KMS_INCORRECT_KEY. */
  kms_bytes_t aad;                     /**< What was given when it was encrypted. */
  const kms_context_entry_t *context;
  size_t context_len;
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_decrypt_request_t;

/** Initializes a kms_decrypt_request_t: struct_size, and zeros. */
#define KMS_DECRYPT_REQUEST_INIT \
  {sizeof(kms_decrypt_request_t), {NULL, 0}, {NULL, 0}, NULL, {NULL, 0}, NULL, 0, NULL, 0, 0, 0}

/** Random bytes to generate. */
typedef struct kms_random_request {
  size_t struct_size;
  uint32_t number_of_bytes;  /**< 1..KMS_MAX_RANDOM_SIZE. */
  uint32_t flags;            /**< KMS_DRY_RUN. */
} kms_random_request_t;

/** Initializes a kms_random_request_t: struct_size, and zeros. */
#define KMS_RANDOM_REQUEST_INIT \
  {sizeof(kms_random_request_t), 0, 0}

/** Which key, version and algorithm served a request. */
typedef struct kms_data_key_info {
  size_t struct_size;
  char key_id[65];          /**< The resolved id, never the alias. */
  char version_id[65];
  char request_id[37];
  char reserved0;
  uint32_t algorithm;       /**< KMS_ALGORITHM_*; kms_algorithm_name(). */
  uint32_t version_number;  /**< From 1. */
} kms_data_key_info_t;

/** Initializes a kms_data_key_info_t: struct_size, and zeros. */
#define KMS_DATA_KEY_INFO_INIT \
  {sizeof(kms_data_key_info_t), {0}, {0}, {0}, 0, 0, 0}

/** A ciphertext to re-encrypt. */
typedef struct kms_re_encrypt_request {
  size_t struct_size;
  kms_bytes_t ciphertext;                          /**< Required. */
  kms_bytes_t source_iv;                           /**< May be empty; if given it must equal the
                                                    *   ciphertext's own IV. */
  const char *source_key_id;                       /**< NULL = the ciphertext says; else a
                                                    *   ciphertext of another key is
                                                    *   KMS_INCORRECT_KEY. */
  kms_bytes_t source_aad;                          /**< What was given when it was encrypted. */
  const kms_context_entry_t *source_context;
  size_t source_context_len;
  const char *destination_key_id;                  /**< The key's id, "alias/NAME", or an ARN of
                                                    *   either; required. */
  const char *destination_version_id;              /**< NULL = the primary version. */
  kms_bytes_t destination_aad;
  const kms_context_entry_t *destination_context;
  size_t destination_context_len;
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                                  /**< KMS_INITIAL_VERSION (of the destination)
                                                    *   | KMS_DRY_RUN. */
  uint32_t reserved;
} kms_re_encrypt_request_t;

/** Initializes a kms_re_encrypt_request_t: struct_size, and zeros. */
#define KMS_RE_ENCRYPT_REQUEST_INIT \
  {sizeof(kms_re_encrypt_request_t), {NULL, 0}, {NULL, 0}, NULL, {NULL, 0}, NULL, 0, NULL, NULL, \
    {NULL, 0}, NULL, 0, NULL, 0, 0, 0}

/** Who a handle shall act as. */
typedef struct kms_principal_options {
  size_t struct_size;
  const char *principal;  /**< An ARN or any other name, 1 to KMS_MAX_PRINCIPAL characters, no *
                           *   and no ?. Required. */
  uint32_t flags;         /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_principal_options_t;

/** Initializes a kms_principal_options_t: struct_size, and zeros. */
#define KMS_PRINCIPAL_OPTIONS_INIT \
  {sizeof(kms_principal_options_t), NULL, 0, 0}

/** A policy for a key. */
typedef struct kms_policy_request {
  size_t struct_size;
  const char *key_id;               /**< The key's id, "alias/NAME", or an ARN of either;
                                     *   required. */
  const char *policy;               /**< JSON, at most KMS_MAX_POLICY_SIZE bytes; required.
                                     *   docs/access.md says what it may have. */
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                   /**< KMS_BYPASS_POLICY_LOCKOUT_CHECK | KMS_DRY_RUN. */
  uint32_t reserved;
} kms_policy_request_t;

/** Initializes a kms_policy_request_t: struct_size, and zeros. */
#define KMS_POLICY_REQUEST_INIT \
  {sizeof(kms_policy_request_t), NULL, NULL, NULL, 0, 0, 0}

/** A grant to create. */
typedef struct kms_create_grant_request {
  size_t struct_size;
  const char *key_id;                  /**< The key's id, "alias/NAME", or an ARN of either;
                                        *   required. */
  const char *grantee_principal;       /**< Who may use the key by it; required. */
  const char *retiring_principal;      /**< Who may retire it; NULL = nobody is named. */
  const char *name;                    /**< At most KMS_MAX_GRANT_NAME characters, or NULL. A
                                        *   grant of the same name and content is not made twice. */
  const kms_context_entry_t *context;  /**< Pairs that the constraint is about. */
  size_t context_len;
  uint32_t operations;                 /**< KMS_GRANT_*, one or more. */
  uint32_t constraint;                 /**< KMS_GRANT_CONTEXT_*. */
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_create_grant_request_t;

/** Initializes a kms_create_grant_request_t: struct_size, and zeros. */
#define KMS_CREATE_GRANT_REQUEST_INIT \
  {sizeof(kms_create_grant_request_t), NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL, 0, 0, 0}

/** A grant that was created. */
typedef struct kms_created_grant {
  size_t struct_size;
  char grant_id[65];      /**< 64 hex digits. */
  char grant_token[129];  /**< Opaque. Works at once in every process that has the store open;
                           *   without it, the grant works after max_staleness_ms. Ends with the
                           *   grant, and with the store's root key (kms_rekey()). */
  char reserved0[6];
} kms_created_grant_t;

/** Initializes a kms_created_grant_t: struct_size, and zeros. */
#define KMS_CREATED_GRANT_INIT \
  {sizeof(kms_created_grant_t), {0}, {0}, {0}}

/** What there is to know of a grant. */
typedef struct kms_grant_info {
  size_t struct_size;
  char grant_id[65];
  char key_id[65];
  char reserved0[6];
  size_t reserved1;               /**< Keeps the 8-byte members aligned on 32-bit machines. */
  int64_t created_at;             /**< Unix time in seconds. */
  uint32_t operations;            /**< KMS_GRANT_*. */
  uint32_t constraint;            /**< KMS_GRANT_CONTEXT_*. */
  kms_span_t name;                /**< In the text buffer, as all that follow; 0,0 = none. */
  kms_span_t grantee_principal;
  kms_span_t retiring_principal;
  kms_span_t context;             /**< The pairs of the constraint as a JSON object. */
} kms_grant_info_t;

/** Initializes a kms_grant_info_t: struct_size, and zeros. */
#define KMS_GRANT_INFO_INIT \
  {sizeof(kms_grant_info_t), {0}, {0}, {0}, 0, 0, 0, 0, {0, 0}, {0, 0}, {0, 0}, {0, 0}}

/** Which grants of a key to list. */
typedef struct kms_list_grants_request {
  size_t struct_size;
  const char *key_id;               /**< The key's id, "alias/NAME", or an ARN of either;
                                     *   required. */
  const char *grant_id;             /**< Only this one; NULL = any. */
  const char *grantee_principal;    /**< Only those of this grantee; NULL = any. */
  const char *const *grant_tokens;
  size_t grant_tokens_len;
  uint32_t flags;                   /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_list_grants_request_t;

/** Initializes a kms_list_grants_request_t: struct_size, and zeros. */
#define KMS_LIST_GRANTS_REQUEST_INIT \
  {sizeof(kms_list_grants_request_t), NULL, NULL, NULL, NULL, 0, 0, 0}

/** Whose retirable grants to list. */
typedef struct kms_list_retirable_grants_request {
  size_t struct_size;
  const char *retiring_principal;  /**< Required. */
  uint32_t flags;                  /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_list_retirable_grants_request_t;

/** Initializes a kms_list_retirable_grants_request_t: struct_size, and zeros. */
#define KMS_LIST_RETIRABLE_GRANTS_REQUEST_INIT \
  {sizeof(kms_list_retirable_grants_request_t), NULL, 0, 0}

/** Which grant. */
typedef struct kms_grant_request {
  size_t struct_size;
  const char *key_id;       /**< The key's id, "alias/NAME", or an ARN of either; required with
                             *   grant_id. */
  const char *grant_id;
  const char *grant_token;  /**< For kms_retire_grant(), instead of the other two; else NULL. */
  uint32_t flags;           /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_grant_request_t;

/** Initializes a kms_grant_request_t: struct_size, and zeros. */
#define KMS_GRANT_REQUEST_INIT \
  {sizeof(kms_grant_request_t), NULL, NULL, NULL, 0, 0}

/** Which audit log to verify. */
typedef struct kms_verify_audit_log_request {
  size_t struct_size;
  const char *path;    /**< The file that kms_open_options_t.audit_log named; its other files are
                        *   found by it. Required. */
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_verify_audit_log_request_t;

/** Initializes a kms_verify_audit_log_request_t: struct_size, and zeros. */
#define KMS_VERIFY_AUDIT_LOG_REQUEST_INIT \
  {sizeof(kms_verify_audit_log_request_t), NULL, 0, 0}

/** A damage that kms_verify_audit_log() found. */
typedef struct kms_log_damage_info {
  size_t struct_size;
  size_t reserved0;      /**< Keeps the 8-byte members aligned on 32-bit machines. */
  uint64_t file_number;  /**< The number at the end of the file's name; 0 = the file without one. */
  uint64_t line;         /**< From 1; 0 = the file or the log as a whole. */
  kms_span_t problem;    /**< What is wrong, for people; in the text buffer. */
} kms_log_damage_info_t;

/** Initializes a kms_log_damage_info_t: struct_size, and zeros. */
#define KMS_LOG_DAMAGE_INFO_INIT \
  {sizeof(kms_log_damage_info_t), 0, 0, 0, {0, 0}}

/** The new root key of a store; exactly one source, as in kms_open_options_t. */
typedef struct kms_rekey_request {
  size_t struct_size;
  kms_bytes_t root_key;      /**< 32 raw bytes, or empty. */
  kms_bytes_t passphrase;    /**< Stretched with Argon2id (RFC 9106), or empty. */
  const char *root_key_uri;  /**< "file:PATH" or "env:NAME", or NULL. */
  uint32_t flags;            /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_rekey_request_t;

/** Initializes a kms_rekey_request_t: struct_size, and zeros. */
#define KMS_REKEY_REQUEST_INIT \
  {sizeof(kms_rekey_request_t), {NULL, 0}, {NULL, 0}, NULL, 0, 0}

/** Where to write a backup. */
typedef struct kms_backup_request {
  size_t struct_size;
  const char *path;    /**< A file that is not there yet; required. */
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_backup_request_t;

/** Initializes a kms_backup_request_t: struct_size, and zeros. */
#define KMS_BACKUP_REQUEST_INIT \
  {sizeof(kms_backup_request_t), NULL, 0, 0}

/** What to verify. */
typedef struct kms_verify_request {
  size_t struct_size;
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_verify_request_t;

/** Initializes a kms_verify_request_t: struct_size, and zeros. */
#define KMS_VERIFY_REQUEST_INIT \
  {sizeof(kms_verify_request_t), 0, 0}

/** A damage that kms_verify() found. */
typedef struct kms_damage_info {
  size_t struct_size;
  uint32_t row_kind;   /**< The row's kind as in docs/format.md; 0 = the store as a whole. */
  uint32_t reserved;
  char row_id[65];     /**< The row's id in hex; empty if it is about no one row. */
  char key_id[65];     /**< The key that the row belongs to, if it is known. */
  char reserved0[6];
  kms_span_t problem;  /**< What is wrong, for people; in the text buffer. */
} kms_damage_info_t;

/** Initializes a kms_damage_info_t: struct_size, and zeros. */
#define KMS_DAMAGE_INFO_INIT \
  {sizeof(kms_damage_info_t), 0, 0, {0}, {0}, {0}, {0, 0}}

/** A request in a vendor's form. */
typedef struct kms_exchange_request {
  size_t struct_size;
  const char *method;   /**< NULL = "POST", which gRPC has always. */
  const char *target;   /**< "/path?query", or "/package.Service/Method" for gRPC; required. */
  kms_bytes_t headers;  /**< "Name: value\r\n" lines without a blank line, or empty. */
  kms_bytes_t body;     /**< For gRPC the bare message, without a length before it. */
  uint32_t flags;       /**< No flag is defined yet. */
  uint32_t reserved;
} kms_exchange_request_t;

/** Initializes a kms_exchange_request_t: struct_size, and zeros. */
#define KMS_EXCHANGE_REQUEST_INIT \
  {sizeof(kms_exchange_request_t), NULL, NULL, {NULL, 0}, {NULL, 0}, 0, 0}

/**
 * A response in the vendor's form. `headers` and `body` are the caller's offers of memory; the rest
 * is written on KMS_OK.
 */
typedef struct kms_exchange_response {
  size_t struct_size;
  kms_buffer_t headers;  /**< KMS_EXCHANGE_MIN_HEADERS bytes or more, in the form of the
                          *   request's; NULL,0 = not wanted. */
  kms_buffer_t body;     /**< KMS_EXCHANGE_MIN_CAPACITY bytes or more. For a gRPC error a
                          *   google.rpc.Status, as in grpc-status-details-bin. */
  int32_t http_status;   /**< 0 for gRPC. */
  int32_t grpc_status;   /**< -1 for HTTP. */
  kms_status_t status;   /**< What the same operation answers natively. */
  uint32_t detail;       /**< KMS_DETAIL_*. */
  char request_id[40];   /**< The request's id as the vendor's response says it. */
  char message[448];     /**< grpc-message; for HTTP what the error means, for logs. Empty on
                          *   success. */
} kms_exchange_response_t;

/** Initializes a kms_exchange_response_t: struct_size, and zeros. */
#define KMS_EXCHANGE_RESPONSE_INIT \
  {sizeof(kms_exchange_response_t), {NULL, 0, 0}, {NULL, 0, 0}, 0, 0, 0, 0, {0}, {0}}

/** Which statistics to give. */
typedef struct kms_stats_request {
  size_t struct_size;
  uint32_t flags;      /**< KMS_DRY_RUN. */
  uint32_t reserved;
} kms_stats_request_t;

/** Initializes a kms_stats_request_t: struct_size, and zeros. */
#define KMS_STATS_REQUEST_INIT \
  {sizeof(kms_stats_request_t), 0, 0}

/** Counts since the store was opened, and how its secrets are protected. */
typedef struct kms_stats_values {
  size_t struct_size;
  size_t reserved0;                /**< Keeps the 8-byte members aligned on 32-bit machines. */
  uint64_t data_keys_generated;
  uint64_t payloads_encrypted;
  uint64_t ciphertexts_decrypted;
  uint64_t calls_failed;           /**< Calls on keys that ended in another status than KMS_OK,
                                    *   KMS_DRY_RUN_OK and KMS_BUFFER_TOO_SMALL. */
  uint64_t key_loads;              /**< Keys read from the store. */
  uint64_t store_refreshes;        /**< Times the store was asked for its revision. */
  uint64_t subkeys_derived;        /**< XAES subkeys derived. */
  uint64_t generator_seeds;        /**< Times a generator took a fresh seed from the kernel. */
  uint64_t keys_cached;            /**< Keys in the cache now. */
  uint64_t lanes;                  /**< Lanes (generator and subkeys of one running thread) now. */
  uint64_t secret_bytes;           /**< Bytes of protected memory in this process, all handles
                                    *   together. */
  uint64_t secret_bytes_unlocked;  /**< How many of them could not be locked (RLIMIT_MEMLOCK). */
  uint64_t store_revision;         /**< The newest revision of the store that this handle has
                                    *   seen. */
  uint32_t memory_protection;      /**< KMS_MEMORY_* flags. */
  uint32_t reserved1;
  char store_id[37];               /**< UUID of the store. */
  char reserved2[3];
  uint64_t audit_records;          /**< Records that this process has written to the audit log. */
  uint64_t audit_records_lost;     /**< Records that could not be written and were passed over
                                    *   (KMS_AUDIT_GO_ON_WHEN_FULL). */
} kms_stats_t;

/** Initializes a kms_stats_t: struct_size, and zeros. */
#define KMS_STATS_INIT \
  {sizeof(kms_stats_t), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, {0}, {0}, 0, 0}

/* ----------------------------------------------------------------------------------------------
 * Opening, flushing and closing a key store.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Opens a key store and gives a handle in *out.
 *
 * The handle is shared by any number of threads, and keeps working in children of fork(). The first
 * open of a process runs the library's known-answer self-tests. Root key and passphrase are copied
 * into protected memory before the call returns; the caller may kms_wipe() its own copy.
 *
 * \param options  what to open and with which root key; required
 * \param out      the handle, or NULL on failure; required
 * \param error    may be NULL
 * \return KMS_OK; KMS_INVALID_ARGUMENT (unknown scheme, a root key that is not 32 bytes, none or
 *         two root key sources, an account that is not the store's); KMS_NOT_FOUND (no store there,
 *         and no KMS_OPEN_CREATE); KMS_WRONG_ROOT_KEY; KMS_CORRUPT_STORE (a libkms store that is
 *         damaged); KMS_STORE_ERROR (cannot be made or read, or is another file than a libkms
 *         store); KMS_UNSUPPORTED (a newer store format, or a store or root key scheme that is not
 *         built in); KMS_DEPENDENCY_TIMEOUT; KMS_OUT_OF_MEMORY (also:
 *         KMS_OPEN_REQUIRE_LOCKED_MEMORY and the lock failed); KMS_INTERNAL (a self-test failed).
 */
KMS_API kms_status_t KMS_CALL kms_open(
    const kms_open_options_t *options, kms_t **out, kms_error_t *error);

/**
 * Writes what is buffered (use counts) to the store and reports what the void kms_close() cannot.
 *
 * \return KMS_OK; KMS_INVALID_ARGUMENT; KMS_STORE_ERROR; KMS_DEPENDENCY_TIMEOUT; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_flush(kms_t *kms, kms_error_t *error);

/**
 * Closes a handle and wipes its secrets. NULL is a no-op.
 *
 * Must not run beside another call on the same handle. Other handles of the same store live on.
 */
KMS_API void KMS_CALL kms_close(kms_t *kms);

/* ----------------------------------------------------------------------------------------------
 * KMS keys: create, describe, list; their description, tags and states.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Creates a KMS key with its first version. It is durable when the call returns.
 *
 * \param request  required
 * \param info     NULL = not wanted; its description span is 0,0
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_ALREADY_EXISTS (id or alias);
 *         KMS_READ_ONLY; KMS_LIMIT_EXCEEDED; KMS_ACCESS_DENIED; KMS_KEY_UNAVAILABLE;
 *         KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE; KMS_OUT_OF_MEMORY.
 */
KMS_API kms_status_t KMS_CALL kms_create_key(
    kms_t *kms, const kms_create_key_request_t *request, kms_key_info_t *info, kms_error_t *error);

/**
 * Describes a key.
 *
 * \param request  version_id must be NULL
 * \param info     required
 * \param text     takes the description; NULL = not wanted
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL (text); KMS_NOT_FOUND;
 *         KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT;
 *         KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_describe_key(
    kms_t *kms, const kms_key_request_t *request, kms_key_info_t *info, kms_buffer_t *text,
    kms_error_t *error);

/**
 * Lists keys, page by page, in an order that is stable but has no meaning.
 *
 * As many whole items are written as fit. If none fits, KMS_BUFFER_TOO_SMALL with text->len = what
 * the next one needs, and the page is unchanged; KMS_LIST_MIN_TEXT bytes always hold one.
 *
 * \param request         required
 * \param page            KMS_PAGE_INIT for the first page, then what the last call left; required
 * \param items           items_capacity structs, item_size bytes apart; required
 * \param item_size       sizeof(kms_key_info_t) of the caller's header
 * \param text            takes the descriptions; NULL = not wanted
 * \return KMS_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL; KMS_ACCESS_DENIED;
 *         KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_list_keys(
    kms_t *kms, const kms_list_keys_request_t *request, kms_page_t *page, kms_key_info_t *items,
    size_t item_size, size_t items_capacity, kms_buffer_t *text, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Aliases: further names of keys.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Gives a key a further name.
 *
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND (the key); KMS_ALREADY_EXISTS
 *         (the alias); KMS_INVALID_STATE (the key is pending deletion); KMS_READ_ONLY;
 *         KMS_LIMIT_EXCEEDED; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
 *         KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_create_alias(
    kms_t *kms, const kms_create_alias_request_t *request, kms_error_t *error);

/**
 * Lets an alias name another key.
 *
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND (alias or key);
 *         KMS_INVALID_STATE (the key is pending deletion); KMS_READ_ONLY; KMS_ACCESS_DENIED;
 *         KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_update_alias(
    kms_t *kms, const kms_create_alias_request_t *request, kms_error_t *error);

/**
 * Deletes an alias; the key stays.
 *
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_READ_ONLY;
 *         KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_delete_alias(
    kms_t *kms, const kms_alias_request_t *request, kms_error_t *error);

/**
 * Lists aliases, page by page, as kms_list_keys() does.
 *
 * \param items  items_capacity structs, item_size = sizeof(kms_alias_info_t) bytes apart; required
 * \param text   no string of an alias is long enough to need it; NULL
 * \return as kms_list_keys(); KMS_NOT_FOUND (request.key_id).
 */
KMS_API kms_status_t KMS_CALL kms_list_aliases(
    kms_t *kms, const kms_list_aliases_request_t *request, kms_page_t *page,
    kms_alias_info_t *items, size_t item_size, size_t items_capacity, kms_buffer_t *text,
    kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * States of keys, their rotation by themselves, description and tags.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Lets a disabled key work again. A key that is enabled stays so.
 *
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_INVALID_STATE (pending
 *         deletion or import); KMS_READ_ONLY; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED;
 *         KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_enable_key(
    kms_t *kms, const kms_key_request_t *request, kms_error_t *error);

/**
 * Stops a key: every use of it is KMS_DISABLED, at once in this process and within max_staleness_ms
 * in others.
 *
 * \return as kms_enable_key().
 */
KMS_API kms_status_t KMS_CALL kms_disable_key(
    kms_t *kms, const kms_key_request_t *request, kms_error_t *error);

/**
 * Schedules a key's deletion. Until then it cannot be used, and the deletion can be cancelled;
 * afterwards the key, its material and its aliases are gone, and nothing that was encrypted under
 * it can be decrypted.
 *
 * \param request  version_id must be NULL
 * \param info     says when it will be gone, and when it was last used; NULL = not wanted
 * \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion already).
 */
KMS_API kms_status_t KMS_CALL kms_schedule_key_deletion(
    kms_t *kms, const kms_schedule_request_t *request, kms_key_info_t *info, kms_error_t *error);

/**
 * Cancels a key's deletion. The key is disabled then; kms_enable_key() lets it work again.
 *
 * \return as kms_enable_key(); KMS_INVALID_STATE (not pending deletion).
 */
KMS_API kms_status_t KMS_CALL kms_cancel_key_deletion(
    kms_t *kms, const kms_key_request_t *request, kms_error_t *error);

/**
 * Says when a key rotates by itself: after a time, after a number of uses, or never. The call that
 * is past either rotates the key; in however many threads and processes, once.
 *
 * \return as kms_enable_key(); KMS_DISABLED; KMS_INVALID_KEY_USAGE (imported material does not
 *         rotate).
 */
KMS_API kms_status_t KMS_CALL kms_set_key_rotation(
    kms_t *kms, const kms_rotation_request_t *request, kms_error_t *error);

/**
 * Replaces a key's description.
 *
 * \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion).
 */
KMS_API kms_status_t KMS_CALL kms_update_key_description(
    kms_t *kms, const kms_description_request_t *request, kms_error_t *error);

/**
 * Sets tags on a key; a tag with the same key gets the new value.
 *
 * \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion); KMS_LIMIT_EXCEEDED
 *         (KMS_MAX_TAGS).
 */
KMS_API kms_status_t KMS_CALL kms_tag_key(
    kms_t *kms, const kms_tags_request_t *request, kms_error_t *error);

/**
 * Takes tags away from a key, by their keys. A tag that is not there is no error.
 *
 * \return as kms_enable_key(); KMS_INVALID_STATE (pending deletion).
 */
KMS_API kms_status_t KMS_CALL kms_untag_key(
    kms_t *kms, const kms_tags_request_t *request, kms_error_t *error);

/**
 * Lists a key's tags in the order of their keys, page by page, as kms_list_keys() does.
 *
 * \param request  version_id must be NULL
 * \param items    items_capacity structs, item_size = sizeof(kms_tag_info_t) bytes apart; required
 * \param text     takes the strings; required
 * \return as kms_list_keys(); KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN.
 */
KMS_API kms_status_t KMS_CALL kms_list_key_tags(
    kms_t *kms, const kms_key_request_t *request, kms_page_t *page, kms_tag_info_t *items,
    size_t item_size, size_t items_capacity, kms_buffer_t *text, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Versions of keys: rotation by hand, the primary version, destruction; and material that the
 * caller brings.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Gives a key a new version with fresh material and makes it the primary one. Older versions go on
 * decrypting.
 *
 * \param request  version_id must be NULL
 * \param info     the new version; NULL = not wanted
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_DISABLED;
 *         KMS_INVALID_STATE; KMS_INVALID_KEY_USAGE (imported material does not rotate);
 *         KMS_LIMIT_EXCEEDED; KMS_READ_ONLY; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED;
 *         KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_rotate_key(
    kms_t *kms, const kms_key_request_t *request, kms_version_info_t *info, kms_error_t *error);

/**
 * Makes another version the primary one.
 *
 * \param request  version_id is required
 * \return as kms_rotate_key(); KMS_INVALID_STATE (also: the version is destroyed or scheduled to
 *         be).
 */
KMS_API kms_status_t KMS_CALL kms_set_primary_version(
    kms_t *kms, const kms_key_request_t *request, kms_error_t *error);

/**
 * Describes a version.
 *
 * \param request  version_id NULL = the primary version
 * \param info     required
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN;
 *         KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_describe_key_version(
    kms_t *kms, const kms_key_request_t *request, kms_version_info_t *info, kms_error_t *error);

/**
 * Lists a key's versions by their numbers, page by page, as kms_list_keys() does.
 *
 * \param request  version_id must be NULL
 * \param items    items_capacity structs, item_size = sizeof(kms_version_info_t) bytes apart;
 *                 required
 * \param text     no string of a version is long enough to need it; NULL
 * \return as kms_list_keys(); KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN.
 */
KMS_API kms_status_t KMS_CALL kms_list_key_versions(
    kms_t *kms, const kms_key_request_t *request, kms_page_t *page, kms_version_info_t *items,
    size_t item_size, size_t items_capacity, kms_buffer_t *text, kms_error_t *error);

/**
 * Schedules the destruction of a version's material. The version cannot be used from now on;
 * afterwards its material is erased from the store, and nothing that was encrypted under it can be
 * decrypted. Not for the primary version.
 *
 * \param request  version_id is required
 * \param info     NULL = not wanted
 * \return as kms_rotate_key(), but for KMS_DISABLED; KMS_INVALID_STATE (the primary version, or
 *         destroyed or scheduled already).
 */
KMS_API kms_status_t KMS_CALL kms_schedule_version_destruction(
    kms_t *kms, const kms_schedule_request_t *request, kms_version_info_t *info,
    kms_error_t *error);

/**
 * Cancels the destruction of a version, which can be used again at once.
 *
 * \param request  version_id is required
 * \return as kms_rotate_key(), but for KMS_DISABLED; KMS_INVALID_STATE (not scheduled, or too
 *         late).
 */
KMS_API kms_status_t KMS_CALL kms_cancel_version_destruction(
    kms_t *kms, const kms_key_request_t *request, kms_error_t *error);

/**
 * Imports a key's material: a key that was pending import is enabled then. Importing again, after
 * deletion or expiry or to change the expiry, takes the same material only: other material is
 * KMS_INCORRECT_KEY.
 *
 * \param request  required
 * \param info     the version that has the material; NULL = not wanted
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT (not 32 bytes, an expiry in the past);
 *         KMS_NOT_FOUND; KMS_INVALID_KEY_USAGE (the key's origin is KMS_ORIGIN_KMS);
 *         KMS_INVALID_STATE (pending deletion); KMS_INCORRECT_KEY (other material than before);
 *         KMS_READ_ONLY; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT;
 *         KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_import_key_material(
    kms_t *kms, const kms_import_request_t *request, kms_version_info_t *info, kms_error_t *error);

/**
 * Erases imported material from the store: the key is pending import then.
 *
 * \param request  version_id must be NULL
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_INVALID_KEY_USAGE (the
 *         key's origin is KMS_ORIGIN_KMS); KMS_INVALID_STATE (pending deletion); KMS_READ_ONLY;
 *         KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
 *         KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_delete_imported_key_material(
    kms_t *kms, const kms_key_request_t *request, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Data keys, payloads and random bytes: the calls of the hot path.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Generates a data key: random bytes for the caller, in plaintext and wrapped under a KMS key.
 *
 * Use the plaintext to encrypt, then kms_wipe() it; store the ciphertext beside the data, and give
 * it to kms_decrypt() with the same AAD or context to have the data key back. Every call makes a
 * fresh data key, a fresh IV and a fresh ciphertext; no caller can choose an IV.
 *
 * \param request     required
 * \param plaintext   the data key; NULL = not wanted. KMS_SKIP_PLAINTEXT sets its len to 0.
 * \param ciphertext  the wrapped data key, KMS_CIPHERTEXT_OVERHEAD bytes longer; required
 * \param iv          KMS_IV_SIZE bytes, which the ciphertext holds as well; NULL = not wanted
 * \param info        key, version, algorithm and request id; NULL = not wanted
 * \param error       may be NULL
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT (a limit; key_spec and number_of_bytes
 *         together; aad and context together; KMS_INITIAL_VERSION with a version_id);
 *         KMS_BUFFER_TOO_SMALL; KMS_NOT_FOUND (key, alias or version); KMS_DISABLED;
 *         KMS_INVALID_STATE; KMS_INVALID_KEY_USAGE; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED;
 *         KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE;
 *         KMS_OUT_OF_MEMORY.
 */
KMS_API kms_status_t KMS_CALL kms_generate_data_key(
    kms_t *kms, const kms_data_key_request_t *request, kms_buffer_t *plaintext,
    kms_buffer_t *ciphertext, kms_buffer_t *iv, kms_data_key_info_t *info, kms_error_t *error);

/**
 * Generates count data keys under one version of one key, in one crossing.
 *
 * All share one request id; info describes all of them. If anything fails after the first item,
 * every item is zeroed and the call fails as a whole.
 *
 * \param count        1..KMS_MAX_DATA_KEYS
 * \param plaintexts   NULL = not wanted
 * \param ciphertexts  required
 * \param ivs          NULL = not wanted
 * \return as kms_generate_data_key(); on KMS_BUFFER_TOO_SMALL every item_len says what one item
 *         needs.
 */
KMS_API kms_status_t KMS_CALL kms_generate_data_keys(
    kms_t *kms, const kms_data_key_request_t *request, size_t count, kms_column_t *plaintexts,
    kms_column_t *ciphertexts, kms_column_t *ivs, kms_data_key_info_t *info, kms_error_t *error);

/**
 * Encrypts up to KMS_MAX_PAYLOAD_SIZE bytes under a KMS key. For more, or for speed, use a data
 * key.
 *
 * \param ciphertext  KMS_CIPHERTEXT_OVERHEAD bytes longer than the plaintext; required
 * \param iv          KMS_IV_SIZE bytes, which the ciphertext holds as well; NULL = not wanted
 * \param info        NULL = not wanted
 * \return as kms_generate_data_key().
 */
KMS_API kms_status_t KMS_CALL kms_encrypt(
    kms_t *kms, const kms_encrypt_request_t *request, kms_buffer_t *ciphertext, kms_buffer_t *iv,
    kms_data_key_info_t *info, kms_error_t *error);

/**
 * Opens a ciphertext: gives back the data key or payload.
 *
 * Whoever changed a bit of the ciphertext, or shows another AAD, context or IV, gets
 * KMS_INVALID_CIPHERTEXT and an untouched buffer, never a part of the plaintext.
 *
 * \param plaintext  KMS_CIPHERTEXT_OVERHEAD bytes shorter than the ciphertext; required
 * \param info       NULL = not wanted
 * \return KMS_OK; KMS_DRY_RUN_OK (the tag was verified); KMS_INVALID_ARGUMENT;
 *         KMS_BUFFER_TOO_SMALL; KMS_UNSUPPORTED (a ciphertext of a newer format); KMS_NOT_FOUND
 *         (the key); KMS_INCORRECT_KEY; KMS_DISABLED; KMS_INVALID_STATE; KMS_INVALID_CIPHERTEXT;
 *         KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_KEY_UNAVAILABLE; KMS_DEPENDENCY_TIMEOUT;
 *         KMS_STORE_ERROR; KMS_CORRUPT_STORE; KMS_OUT_OF_MEMORY.
 */
KMS_API kms_status_t KMS_CALL kms_decrypt(
    kms_t *kms, const kms_decrypt_request_t *request, kms_buffer_t *plaintext,
    kms_data_key_info_t *info, kms_error_t *error);

/**
 * Generates random bytes fit for keys, from the same generator as data keys.
 *
 * \param request  required
 * \param random   number_of_bytes bytes; required
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL; KMS_KEY_UNAVAILABLE
 *         (the kernel's generator failed); KMS_OUT_OF_MEMORY.
 */
KMS_API kms_status_t KMS_CALL kms_generate_random(
    kms_t *kms, const kms_random_request_t *request, kms_buffer_t *random, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Re-encryption: from one key, version and context to another, the plaintext staying inside the
 * library.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Decrypts a ciphertext and encrypts what was in it anew, under another key, version, AAD or
 * context. The plaintext never leaves the library.
 *
 * \param ciphertext   the new one, as long as the old one; required
 * \param iv           its IV; NULL = not wanted
 * \param source_info  key and version of the old one; NULL = not wanted
 * \param info         key and version of the new one; NULL = not wanted
 * \return as kms_decrypt() for the source and as kms_encrypt() for the destination.
 */
KMS_API kms_status_t KMS_CALL kms_re_encrypt(
    kms_t *kms, const kms_re_encrypt_request_t *request, kms_buffer_t *ciphertext,
    kms_buffer_t *iv, kms_data_key_info_t *source_info, kms_data_key_info_t *info,
    kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Who may: principals and key policies.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Gives a handle that shares everything with another one, and acts as a principal instead of as the
 * account's root.
 *
 * A handle from kms_open() acts as the root, "arn:aws:iam::ACCOUNT:root", which alone may call this
 * and all other operations on the store as a whole. What a principal may do with a key, its policy
 * and grants say. This is a guard against mistakes and for hosts of many tenants, not a wall
 * against the host itself. Close both handles, in any order.
 *
 * \param options  required
 * \param out      the handle, or NULL on failure; required
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_ACCESS_DENIED; KMS_STORE_ERROR (the
 *         audit log).
 */
KMS_API kms_status_t KMS_CALL kms_as_principal(
    kms_t *kms, const kms_principal_options_t *options, kms_t **out, kms_error_t *error);

/**
 * Gives a key a policy in place of the one it has. The text of the default policy takes its own one
 * away again.
 *
 * The default policy lets the root do everything. With another one the root, too, may do only what
 * the policy allows. What could not be evaluated is refused, and so is a policy after which nobody
 * could put another one, unless KMS_BYPASS_POLICY_LOCKOUT_CHECK says that it shall be put.
 *
 * \param request  required
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT (the message says where the policy is
 *         wrong); KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_READ_ONLY;
 *         KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_put_key_policy(
    kms_t *kms, const kms_policy_request_t *request, kms_error_t *error);

/**
 * Gives the text of a key's policy, as it was put, or of the default one.
 *
 * \param request  version_id must be NULL
 * \param policy   the text, without a NUL; required
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL; KMS_NOT_FOUND;
 *         KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
 *         KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_get_key_policy(
    kms_t *kms, const kms_key_request_t *request, kms_buffer_t *policy, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Grants: what a principal may do with a key, given and taken back one by one.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Creates a grant: its grantee may do its operations with the key, in the encryption contexts of
 * its constraint. A policy's Deny wins over it. A grant that gives more than its creator may do is
 * refused.
 *
 * \param request  required
 * \param grant    required
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_DISABLED;
 *         KMS_INVALID_STATE; KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_LIMIT_EXCEEDED
 *         (KMS_MAX_GRANTS); KMS_READ_ONLY; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR;
 *         KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_create_grant(
    kms_t *kms, const kms_create_grant_request_t *request, kms_created_grant_t *grant,
    kms_error_t *error);

/**
 * Lists the grants of a key, page by page, as kms_list_keys() does; the oldest first.
 *
 * \param items  items_capacity structs, item_size = sizeof(kms_grant_info_t) bytes apart; required
 * \param text   takes names, principals and contexts; required
 * \return as kms_list_keys(); KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN.
 */
KMS_API kms_status_t KMS_CALL kms_list_grants(
    kms_t *kms, const kms_list_grants_request_t *request, kms_page_t *page,
    kms_grant_info_t *items, size_t item_size, size_t items_capacity, kms_buffer_t *text,
    kms_error_t *error);

/**
 * Lists the grants, of all keys, that name a principal to retire them. For the root, and for that
 * principal itself. Pages may be empty while there are more.
 *
 * \return as kms_list_grants().
 */
KMS_API kms_status_t KMS_CALL kms_list_retirable_grants(
    kms_t *kms, const kms_list_retirable_grants_request_t *request, kms_page_t *page,
    kms_grant_info_t *items, size_t item_size, size_t items_capacity, kms_buffer_t *text,
    kms_error_t *error);

/**
 * Ends a grant, by its key and id or by its token. For the principal that it names to retire it,
 * for a grantee whom it allows KMS_GRANT_RETIRE_GRANT, and for whoever the key's policy allows
 * kms:RetireGrant.
 *
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND (key or grant);
 *         KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_READ_ONLY; KMS_DEPENDENCY_TIMEOUT;
 *         KMS_STORE_ERROR; KMS_CORRUPT_STORE.
 */
KMS_API kms_status_t KMS_CALL kms_retire_grant(
    kms_t *kms, const kms_grant_request_t *request, kms_error_t *error);

/**
 * Ends a grant, for whoever the key's policy allows kms:RevokeGrant. In other processes it ends
 * within max_staleness_ms.
 *
 * \param request  grant_token must be NULL
 * \return as kms_retire_grant().
 */
KMS_API kms_status_t KMS_CALL kms_revoke_grant(
    kms_t *kms, const kms_grant_request_t *request, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * The audit log: verification.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Verifies an audit log of this store, step by step, as kms_verify() does for the store: finds
 * records that were changed, left out, moved or cut off the end. The log may be in use. Bringing
 * back an old copy of all its files together is not found.
 *
 * \param items  items_capacity structs, item_size = sizeof(kms_log_damage_info_t) bytes apart;
 *               required
 * \param text   takes the descriptions; NULL = not wanted
 * \return KMS_OK (damages are items, not errors); KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT;
 *         KMS_NOT_FOUND (no log there); KMS_BUFFER_TOO_SMALL; KMS_ACCESS_DENIED;
 *         KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR.
 */
KMS_API kms_status_t KMS_CALL kms_verify_audit_log(
    kms_t *kms, const kms_verify_audit_log_request_t *request, kms_page_t *page,
    kms_log_damage_info_t *items, size_t item_size, size_t items_capacity, kms_buffer_t *text,
    kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Care for a store: a new root key, backups, verification.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Reseals the whole store under a new root key, in one transaction: a crash leaves it under the old
 * or the new one.
 *
 * This handle goes on working; so do new ones with the new root key. Handles of other processes get
 * KMS_WRONG_ROOT_KEY within max_staleness_ms and have to open the store anew. A backup made before
 * still needs the old root key.
 *
 * \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_READ_ONLY; KMS_ACCESS_DENIED;
 *         KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE (a damaged store is not
 *         resealed); KMS_OUT_OF_MEMORY.
 */
KMS_API kms_status_t KMS_CALL kms_rekey(
    kms_t *kms, const kms_rekey_request_t *request, kms_error_t *error);

/**
 * Writes a consistent copy of the store while it is in use; it opens with the same root key.
 *
 * \return KMS_OK; KMS_INVALID_ARGUMENT; KMS_ALREADY_EXISTS (a file is there); KMS_UNSUPPORTED (a
 *         store in memory); KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR.
 */
KMS_API kms_status_t KMS_CALL kms_backup(
    kms_t *kms, const kms_backup_request_t *request, kms_error_t *error);

/**
 * Verifies the store step by step: every seal, every sum, every reference. Each call checks some
 * keys and lists the damages found in them; call again while page->more is 1. No damage in any call
 * means that the store is whole.
 *
 * \param page   KMS_PAGE_INIT for the first step, then what the last call left; required. items_len
 *               counts damages
 * \param items  items_capacity structs, item_size = sizeof(kms_damage_info_t) bytes apart; required
 * \param text   takes the descriptions; NULL = not wanted
 * \return KMS_OK (damages are items, not errors); KMS_INVALID_ARGUMENT; KMS_BUFFER_TOO_SMALL;
 *         KMS_ACCESS_DENIED; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR.
 */
KMS_API kms_status_t KMS_CALL kms_verify(
    kms_t *kms, const kms_verify_request_t *request, kms_page_t *page, kms_damage_info_t *items,
    size_t item_size, size_t items_capacity, kms_buffer_t *text, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * Dialects: a vendor's request as bytes in, that vendor's response as bytes out.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Answers one request of a vendor's SDK: an HTTP or gRPC server without a socket. A vendor's error
 * (no such key) is an answer and gives KMS_OK; response->status says what it is. Signatures are not
 * checked: the caller is the handle's principal.
 *
 * Beside what the request changes, nothing is kept of it: no session, no connection.
 * docs/dialects.md lists what each dialect answers, and how SDKs are attached.
 *
 * \param dialect   KMS_DIALECT_*
 * \param request   required
 * \param response  required; headers and body may hold plaintext, which the caller wipes (kms_wipe)
 * \return KMS_OK; KMS_INVALID_ARGUMENT for misuse of this function; KMS_BUFFER_TOO_SMALL, with
 *         nothing done, for buffers below the minimum; KMS_UNSUPPORTED if the library was built
 *         without dialects; KMS_INTERNAL.
 */
KMS_API kms_status_t KMS_CALL kms_exchange(
    kms_t *kms, uint32_t dialect, const kms_exchange_request_t *request,
    kms_exchange_response_t *response, kms_error_t *error);

/* ----------------------------------------------------------------------------------------------
 * What needs no key: statistics, names, sizes, versions, wiping.
 * ---------------------------------------------------------------------------------------------- */

/**
 * Gives statistics of an open store.
 *
 * \param request  required
 * \param stats    required
 * \return KMS_OK; KMS_INVALID_ARGUMENT; in a child of fork also what kms_open() returns.
 */
KMS_API kms_status_t KMS_CALL kms_stats(
    kms_t *kms, const kms_stats_request_t *request, kms_stats_t *stats, kms_error_t *error);

/** Overwrites memory with zeros in a way that no compiler leaves out. NULL is a no-op. */
KMS_API void KMS_CALL kms_wipe(uint8_t *data, size_t len);

/**
 * The name of a status, e.g. "KMS_NOT_FOUND"; "KMS_UNKNOWN_STATUS" for a number that is none.
 * Static; never NULL.
 */
KMS_API const char *KMS_CALL kms_status_name(kms_status_t status);

/**
 * The name of an algorithm, e.g. "XAES_256_GCM"; "UNKNOWN" for a number that is none. Static; never
 * NULL.
 */
KMS_API const char *KMS_CALL kms_algorithm_name(uint32_t algorithm);

/** The version of the loaded library, e.g. "0.1.0". Static; never NULL. */
KMS_API const char *KMS_CALL kms_version(void);

/**
 * The ABI version of the loaded library; a program works with it if it equals the program's
 * KMS_ABI_VERSION.
 */
KMS_API uint32_t KMS_CALL kms_abi_version(void);

/** KMS_ROOT_KEY_SIZE. */
KMS_API size_t KMS_CALL kms_root_key_size(void);

/** KMS_IV_SIZE. */
KMS_API size_t KMS_CALL kms_iv_size(void);

/**
 * The length in bytes of the ciphertext of plaintext_size bytes; 0 if that is more than
 * KMS_MAX_PAYLOAD_SIZE.
 */
KMS_API size_t KMS_CALL kms_ciphertext_size(size_t plaintext_size);

/** KMS_MAX_DATA_KEY_SIZE. */
KMS_API size_t KMS_CALL kms_max_data_key_size(void);

/** KMS_MAX_PAYLOAD_SIZE. */
KMS_API size_t KMS_CALL kms_max_payload_size(void);

/** KMS_MAX_CIPHERTEXT_SIZE. */
KMS_API size_t KMS_CALL kms_max_ciphertext_size(void);

/**
 * The size in bytes of a struct of this library by its name, e.g. "kms_open_options_t"; 0 if there
 * is none. For callers that have no C compiler; the offset tables at the end of kms.h belong with
 * it.
 */
KMS_API size_t KMS_CALL kms_struct_size(const char *name);

/* ----------------------------------------------------------------------------------------------
 * For callers without a C compiler: offset and size in bytes of every member, on 64-bit and on
 * 32-bit platforms. Integers are in the machine's byte order. kms_struct_size() gives the sizes at
 * run time.
 * ---------------------------------------------------------------------------------------------- */

/*
 * kms_bytes_t                                              64 bits           32 bits
 *   const uint8_t *data                                  0       8         0       4
 *   size_t len                                           8       8         4       4
 *   sizeof                                                      16                 8
 *
 * kms_buffer_t                                             64 bits           32 bits
 *   uint8_t *data                                        0       8         0       4
 *   size_t capacity                                      8       8         4       4
 *   size_t len                                          16       8         8       4
 *   sizeof                                                      24                12
 *
 * kms_column_t                                             64 bits           32 bits
 *   uint8_t *data                                        0       8         0       4
 *   size_t capacity                                      8       8         4       4
 *   size_t stride                                       16       8         8       4
 *   size_t item_len                                     24       8        12       4
 *   sizeof                                                      32                16
 *
 * kms_context_entry_t                                      64 bits           32 bits
 *   const char *key                                      0       8         0       4
 *   const char *value                                    8       8         4       4
 *   sizeof                                                      16                 8
 *
 * kms_span_t                                               64 bits           32 bits
 *   uint32_t offset                                      0       4         0       4
 *   uint32_t len                                         4       4         4       4
 *   sizeof                                                       8                 8
 *
 * kms_page_t                                               64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   size_t items_len                                     8       8         4       4
 *   uint32_t more                                       16       4         8       4
 *   uint32_t reserved                                   20       4        12       4
 *   char marker[256]                                    24     256        16     256
 *   sizeof                                                     280               272
 *
 * kms_error_t                                              64 bits           32 bits
 *   kms_status_t status                                  0       4         0       4
 *   uint32_t detail                                      4       4         4       4
 *   int64_t native_code                                  8       8         8       8
 *   uint32_t flags                                      16       4        16       4
 *   uint32_t reserved                                   20       4        20       4
 *   char request_id[40]                                 24      40        24      40
 *   char message[448]                                   64     448        64     448
 *   sizeof                                                     512               512
 *
 * kms_open_options_t                                       64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *store                                    8       8         4       4
 *   kms_bytes_t root_key                                16      16         8       8
 *   kms_bytes_t passphrase                              32      16        16       8
 *   const char *root_key_uri                            48       8        24       4
 *   const char *account_id                              56       8        28       4
 *   const char *region                                  64       8        32       4
 *   uint32_t flags                                      72       4        36       4
 *   uint32_t max_staleness_ms                           76       4        40       4
 *   uint32_t timeout_ms                                 80       4        44       4
 *   uint32_t reserved                                   84       4        48       4
 *   const char *audit_log                               88       8        52       4
 *   uint32_t audit_data                                 96       4        56       4
 *   uint32_t audit_flags                               100       4        60       4
 *   uint32_t audit_max_kib                             104       4        64       4
 *   uint32_t max_cached_keys                           108       4        68       4
 *   sizeof                                                     112                72
 *
 * kms_tag_t                                                64 bits           32 bits
 *   const char *key                                      0       8         0       4
 *   const char *value                                    8       8         4       4
 *   sizeof                                                      16                 8
 *
 * kms_create_key_request_t                                 64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *description                             16       8         8       4
 *   const char *alias                                   24       8        12       4
 *   uint32_t rotation_period_s                          32       4        16       4
 *   uint32_t origin                                     36       4        20       4
 *   uint32_t flags                                      40       4        24       4
 *   uint32_t reserved                                   44       4        28       4
 *   uint64_t rotate_after_uses                          48       8        32       8
 *   const kms_tag_t *tags                               56       8        40       4
 *   size_t tags_len                                     64       8        44       4
 *   kms_bytes_t key_uuid                                72      16        48       8
 *   const char *policy                                  88       8        56       4
 *   size_t reserved1                                    96       8        60       4
 *   sizeof                                                     104                64
 *
 * kms_key_request_t                                        64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *version_id                              16       8         8       4
 *   const char *const *grant_tokens                     24       8        12       4
 *   size_t grant_tokens_len                             32       8        16       4
 *   uint32_t flags                                      40       4        20       4
 *   uint32_t reserved                                   44       4        24       4
 *   sizeof                                                      48                28
 *
 * kms_key_info_t                                           64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   char key_id[65]                                      8      65         4      65
 *   char reserved0[3]                                   73       3        69       3
 *   uint32_t state                                      76       4        72       4
 *   char primary_version_id[65]                         80      65        76      65
 *   char reserved1[7]                                  145       7       141       7
 *   size_t reserved2                                   152       8       148       4
 *   int64_t created_at                                 160       8       152       8
 *   uint32_t primary_version_number                    168       4       160       4
 *   uint32_t versions_len                              172       4       164       4
 *   uint32_t origin                                    176       4       168       4
 *   uint32_t rotation_period_s                         180       4       172       4
 *   kms_span_t description                             184       8       176       8
 *   int64_t deletion_at                                192       8       184       8
 *   int64_t next_rotation_at                           200       8       192       8
 *   uint64_t rotate_after_uses                         208       8       200       8
 *   uint64_t uses_sealed                               216       8       208       8
 *   uint64_t uses_opened                               224       8       216       8
 *   int64_t last_used_at                               232       8       224       8
 *   int64_t material_expires_at                        240       8       232       8
 *   uint8_t key_uuid[16]                               248      16       240      16
 *   sizeof                                                     264               256
 *
 * kms_list_keys_request_t                                  64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   uint32_t flags                                       8       4         4       4
 *   uint32_t reserved                                   12       4         8       4
 *   sizeof                                                      16                12
 *
 * kms_create_alias_request_t                               64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *alias                                    8       8         4       4
 *   const char *key_id                                  16       8         8       4
 *   uint32_t flags                                      24       4        12       4
 *   uint32_t reserved                                   28       4        16       4
 *   sizeof                                                      32                20
 *
 * kms_list_aliases_request_t                               64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   uint32_t flags                                      16       4         8       4
 *   uint32_t reserved                                   20       4        12       4
 *   sizeof                                                      24                16
 *
 * kms_alias_info_t                                         64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   char alias[257]                                      8     257         4     257
 *   char key_id[65]                                    265      65       261      65
 *   char reserved0[6]                                  330       6       326       6
 *   size_t reserved2                                   336       8       332       4
 *   int64_t created_at                                 344       8       336       8
 *   sizeof                                                     352               344
 *
 * kms_alias_request_t                                      64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *alias                                    8       8         4       4
 *   uint32_t flags                                      16       4         8       4
 *   uint32_t reserved                                   20       4        12       4
 *   sizeof                                                      24                16
 *
 * kms_schedule_request_t                                   64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *version_id                              16       8         8       4
 *   const char *const *grant_tokens                     24       8        12       4
 *   size_t grant_tokens_len                             32       8        16       4
 *   uint32_t waiting_days                               40       4        20       4
 *   uint32_t flags                                      44       4        24       4
 *   sizeof                                                      48                28
 *
 * kms_rotation_request_t                                   64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *const *grant_tokens                     16       8         8       4
 *   size_t grant_tokens_len                             24       8        12       4
 *   uint64_t rotate_after_uses                          32       8        16       8
 *   uint32_t rotation_period_s                          40       4        24       4
 *   uint32_t flags                                      44       4        28       4
 *   sizeof                                                      48                32
 *
 * kms_description_request_t                                64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *description                             16       8         8       4
 *   uint32_t flags                                      24       4        12       4
 *   uint32_t reserved                                   28       4        16       4
 *   sizeof                                                      32                20
 *
 * kms_tags_request_t                                       64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const kms_tag_t *tags                               16       8         8       4
 *   size_t tags_len                                     24       8        12       4
 *   uint32_t flags                                      32       4        16       4
 *   uint32_t reserved                                   36       4        20       4
 *   sizeof                                                      40                24
 *
 * kms_tag_info_t                                           64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   kms_span_t key                                       8       8         4       8
 *   kms_span_t value                                    16       8        12       8
 *   sizeof                                                      24                20
 *
 * kms_version_info_t                                       64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   char key_id[65]                                      8      65         4      65
 *   char version_id[65]                                 73      65        69      65
 *   char reserved0[2]                                  138       2       134       2
 *   uint32_t version_number                            140       4       136       4
 *   uint32_t state                                     144       4       140       4
 *   uint32_t algorithm                                 148       4       144       4
 *   uint32_t is_primary                                152       4       148       4
 *   uint32_t reserved1                                 156       4       152       4
 *   size_t reserved2                                   160       8       156       4
 *   int64_t created_at                                 168       8       160       8
 *   int64_t destruction_at                             176       8       168       8
 *   uint64_t uses_sealed                               184       8       176       8
 *   uint64_t uses_opened                               192       8       184       8
 *   int64_t last_used_at                               200       8       192       8
 *   sizeof                                                     208               200
 *
 * kms_import_request_t                                     64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   kms_bytes_t material                                16      16         8       8
 *   const char *const *grant_tokens                     32       8        16       4
 *   size_t grant_tokens_len                             40       8        20       4
 *   int64_t expires_at                                  48       8        24       8
 *   uint32_t version_number                             56       4        32       4
 *   uint32_t flags                                      60       4        36       4
 *   sizeof                                                      64                40
 *
 * kms_data_key_request_t                                   64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *version_id                              16       8         8       4
 *   uint32_t key_spec                                   24       4        12       4
 *   uint32_t number_of_bytes                            28       4        16       4
 *   kms_bytes_t aad                                     32      16        20       8
 *   const kms_context_entry_t *context                  48       8        28       4
 *   size_t context_len                                  56       8        32       4
 *   const char *const *grant_tokens                     64       8        36       4
 *   size_t grant_tokens_len                             72       8        40       4
 *   uint32_t flags                                      80       4        44       4
 *   uint32_t reserved                                   84       4        48       4
 *   sizeof                                                      88                52
 *
 * kms_encrypt_request_t                                    64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *version_id                              16       8         8       4
 *   kms_bytes_t plaintext                               24      16        12       8
 *   kms_bytes_t aad                                     40      16        20       8
 *   const kms_context_entry_t *context                  56       8        28       4
 *   size_t context_len                                  64       8        32       4
 *   const char *const *grant_tokens                     72       8        36       4
 *   size_t grant_tokens_len                             80       8        40       4
 *   uint32_t flags                                      88       4        44       4
 *   uint32_t reserved                                   92       4        48       4
 *   sizeof                                                      96                52
 *
 * kms_decrypt_request_t                                    64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   kms_bytes_t ciphertext                               8      16         4       8
 *   kms_bytes_t iv                                      24      16        12       8
 *   const char *key_id                                  40       8        20       4
 *   kms_bytes_t aad                                     48      16        24       8
 *   const kms_context_entry_t *context                  64       8        32       4
 *   size_t context_len                                  72       8        36       4
 *   const char *const *grant_tokens                     80       8        40       4
 *   size_t grant_tokens_len                             88       8        44       4
 *   uint32_t flags                                      96       4        48       4
 *   uint32_t reserved                                  100       4        52       4
 *   sizeof                                                     104                56
 *
 * kms_random_request_t                                     64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   uint32_t number_of_bytes                             8       4         4       4
 *   uint32_t flags                                      12       4         8       4
 *   sizeof                                                      16                12
 *
 * kms_data_key_info_t                                      64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   char key_id[65]                                      8      65         4      65
 *   char version_id[65]                                 73      65        69      65
 *   char request_id[37]                                138      37       134      37
 *   char reserved0                                     175       1       171       1
 *   uint32_t algorithm                                 176       4       172       4
 *   uint32_t version_number                            180       4       176       4
 *   sizeof                                                     184               180
 *
 * kms_re_encrypt_request_t                                 64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   kms_bytes_t ciphertext                               8      16         4       8
 *   kms_bytes_t source_iv                               24      16        12       8
 *   const char *source_key_id                           40       8        20       4
 *   kms_bytes_t source_aad                              48      16        24       8
 *   const kms_context_entry_t *source_context           64       8        32       4
 *   size_t source_context_len                           72       8        36       4
 *   const char *destination_key_id                      80       8        40       4
 *   const char *destination_version_id                  88       8        44       4
 *   kms_bytes_t destination_aad                         96      16        48       8
 *   const kms_context_entry_t *destination_context       112       8        56       4
 *   size_t destination_context_len                     120       8        60       4
 *   const char *const *grant_tokens                    128       8        64       4
 *   size_t grant_tokens_len                            136       8        68       4
 *   uint32_t flags                                     144       4        72       4
 *   uint32_t reserved                                  148       4        76       4
 *   sizeof                                                     152                80
 *
 * kms_principal_options_t                                  64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *principal                                8       8         4       4
 *   uint32_t flags                                      16       4         8       4
 *   uint32_t reserved                                   20       4        12       4
 *   sizeof                                                      24                16
 *
 * kms_policy_request_t                                     64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *policy                                  16       8         8       4
 *   const char *const *grant_tokens                     24       8        12       4
 *   size_t grant_tokens_len                             32       8        16       4
 *   uint32_t flags                                      40       4        20       4
 *   uint32_t reserved                                   44       4        24       4
 *   sizeof                                                      48                28
 *
 * kms_create_grant_request_t                               64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *grantee_principal                       16       8         8       4
 *   const char *retiring_principal                      24       8        12       4
 *   const char *name                                    32       8        16       4
 *   const kms_context_entry_t *context                  40       8        20       4
 *   size_t context_len                                  48       8        24       4
 *   uint32_t operations                                 56       4        28       4
 *   uint32_t constraint                                 60       4        32       4
 *   const char *const *grant_tokens                     64       8        36       4
 *   size_t grant_tokens_len                             72       8        40       4
 *   uint32_t flags                                      80       4        44       4
 *   uint32_t reserved                                   84       4        48       4
 *   sizeof                                                      88                52
 *
 * kms_created_grant_t                                      64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   char grant_id[65]                                    8      65         4      65
 *   char grant_token[129]                               73     129        69     129
 *   char reserved0[6]                                  202       6       198       6
 *   sizeof                                                     208               204
 *
 * kms_grant_info_t                                         64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   char grant_id[65]                                    8      65         4      65
 *   char key_id[65]                                     73      65        69      65
 *   char reserved0[6]                                  138       6       134       6
 *   size_t reserved1                                   144       8       140       4
 *   int64_t created_at                                 152       8       144       8
 *   uint32_t operations                                160       4       152       4
 *   uint32_t constraint                                164       4       156       4
 *   kms_span_t name                                    168       8       160       8
 *   kms_span_t grantee_principal                       176       8       168       8
 *   kms_span_t retiring_principal                      184       8       176       8
 *   kms_span_t context                                 192       8       184       8
 *   sizeof                                                     200               192
 *
 * kms_list_grants_request_t                                64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *grant_id                                16       8         8       4
 *   const char *grantee_principal                       24       8        12       4
 *   const char *const *grant_tokens                     32       8        16       4
 *   size_t grant_tokens_len                             40       8        20       4
 *   uint32_t flags                                      48       4        24       4
 *   uint32_t reserved                                   52       4        28       4
 *   sizeof                                                      56                32
 *
 * kms_list_retirable_grants_request_t                      64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *retiring_principal                       8       8         4       4
 *   uint32_t flags                                      16       4         8       4
 *   uint32_t reserved                                   20       4        12       4
 *   sizeof                                                      24                16
 *
 * kms_grant_request_t                                      64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *key_id                                   8       8         4       4
 *   const char *grant_id                                16       8         8       4
 *   const char *grant_token                             24       8        12       4
 *   uint32_t flags                                      32       4        16       4
 *   uint32_t reserved                                   36       4        20       4
 *   sizeof                                                      40                24
 *
 * kms_verify_audit_log_request_t                           64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *path                                     8       8         4       4
 *   uint32_t flags                                      16       4         8       4
 *   uint32_t reserved                                   20       4        12       4
 *   sizeof                                                      24                16
 *
 * kms_log_damage_info_t                                    64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   size_t reserved0                                     8       8         4       4
 *   uint64_t file_number                                16       8         8       8
 *   uint64_t line                                       24       8        16       8
 *   kms_span_t problem                                  32       8        24       8
 *   sizeof                                                      40                32
 *
 * kms_rekey_request_t                                      64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   kms_bytes_t root_key                                 8      16         4       8
 *   kms_bytes_t passphrase                              24      16        12       8
 *   const char *root_key_uri                            40       8        20       4
 *   uint32_t flags                                      48       4        24       4
 *   uint32_t reserved                                   52       4        28       4
 *   sizeof                                                      56                32
 *
 * kms_backup_request_t                                     64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *path                                     8       8         4       4
 *   uint32_t flags                                      16       4         8       4
 *   uint32_t reserved                                   20       4        12       4
 *   sizeof                                                      24                16
 *
 * kms_verify_request_t                                     64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   uint32_t flags                                       8       4         4       4
 *   uint32_t reserved                                   12       4         8       4
 *   sizeof                                                      16                12
 *
 * kms_damage_info_t                                        64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   uint32_t row_kind                                    8       4         4       4
 *   uint32_t reserved                                   12       4         8       4
 *   char row_id[65]                                     16      65        12      65
 *   char key_id[65]                                     81      65        77      65
 *   char reserved0[6]                                  146       6       142       6
 *   kms_span_t problem                                 152       8       148       8
 *   sizeof                                                     160               156
 *
 * kms_exchange_request_t                                   64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   const char *method                                   8       8         4       4
 *   const char *target                                  16       8         8       4
 *   kms_bytes_t headers                                 24      16        12       8
 *   kms_bytes_t body                                    40      16        20       8
 *   uint32_t flags                                      56       4        28       4
 *   uint32_t reserved                                   60       4        32       4
 *   sizeof                                                      64                36
 *
 * kms_exchange_response_t                                  64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   kms_buffer_t headers                                 8      24         4      12
 *   kms_buffer_t body                                   32      24        16      12
 *   int32_t http_status                                 56       4        28       4
 *   int32_t grpc_status                                 60       4        32       4
 *   kms_status_t status                                 64       4        36       4
 *   uint32_t detail                                     68       4        40       4
 *   char request_id[40]                                 72      40        44      40
 *   char message[448]                                  112     448        84     448
 *   sizeof                                                     560               532
 *
 * kms_stats_request_t                                      64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   uint32_t flags                                       8       4         4       4
 *   uint32_t reserved                                   12       4         8       4
 *   sizeof                                                      16                12
 *
 * kms_stats_t                                              64 bits           32 bits
 *   size_t struct_size                                   0       8         0       4
 *   size_t reserved0                                     8       8         4       4
 *   uint64_t data_keys_generated                        16       8         8       8
 *   uint64_t payloads_encrypted                         24       8        16       8
 *   uint64_t ciphertexts_decrypted                      32       8        24       8
 *   uint64_t calls_failed                               40       8        32       8
 *   uint64_t key_loads                                  48       8        40       8
 *   uint64_t store_refreshes                            56       8        48       8
 *   uint64_t subkeys_derived                            64       8        56       8
 *   uint64_t generator_seeds                            72       8        64       8
 *   uint64_t keys_cached                                80       8        72       8
 *   uint64_t lanes                                      88       8        80       8
 *   uint64_t secret_bytes                               96       8        88       8
 *   uint64_t secret_bytes_unlocked                     104       8        96       8
 *   uint64_t store_revision                            112       8       104       8
 *   uint32_t memory_protection                         120       4       112       4
 *   uint32_t reserved1                                 124       4       116       4
 *   char store_id[37]                                  128      37       120      37
 *   char reserved2[3]                                  165       3       157       3
 *   uint64_t audit_records                             168       8       160       8
 *   uint64_t audit_records_lost                        176       8       168       8
 *   sizeof                                                     184               176
 */

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* KMS_H */
