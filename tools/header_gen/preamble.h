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
