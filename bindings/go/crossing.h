/*
 * The one way from Go to libkms. Go passes flat, typed pointers into its own memory and structs
 * without pointers; the structs that libkms wants, which hold pointers, are built here, on the C
 * stack. So nothing of Go's is pinned, checked or allocated for a call: cgo looks through an
 * untyped pointer, or one to a struct with pointers, at each call.
 *
 * Strings come as one `text`: each ended by a NUL, in the order that the function's comment gives.
 * Where a string is optional, the empty one stands for NULL.
 *
 * Every function returns NULL if the call succeeded (KMS_OK), else what went wrong, which Go gives
 * back to kmsgo_error_free(). That way a call that succeeds pays nothing for its 512 bytes.
 */
#ifndef KMSGO_CROSSING_H
#define KMSGO_CROSSING_H

#include <kms.h>

void kmsgo_error_free(kms_error_t *error);

/* A kms_t *, as a number: it is not Go's, so there is nothing in it for cgo to look through. */
typedef uintptr_t kmsgo_handle_t;

/* text: store, root_key_uri, account_id, region */
typedef struct kmsgo_open {
  size_t root_key_len;
  size_t passphrase_len;
  uint32_t flags;
  uint32_t max_staleness_ms;
  uint32_t timeout_ms;
} kmsgo_open_t;

kms_error_t *kmsgo_open(kmsgo_open_t call, const uint8_t *text, const uint8_t *root_key,
                        const uint8_t *passphrase, kmsgo_handle_t *out);
void kmsgo_close(kmsgo_handle_t kms);
kms_error_t *kmsgo_flush(kmsgo_handle_t kms);
kms_error_t *kmsgo_stats(kmsgo_handle_t kms, kms_stats_t *stats);

/* text: key_id, description, alias */
kms_error_t *kmsgo_create_key(kmsgo_handle_t kms, const uint8_t *text, uint32_t rotation_period_s,
                              uint32_t origin, uint32_t flags, kms_key_info_t *info);
/* text: key_id, grant tokens. The strings of info are spans of `strings`. */
kms_error_t *kmsgo_describe_key(kmsgo_handle_t kms, const uint8_t *text, size_t grant_tokens_len,
                                uint32_t flags, kms_key_info_t *info, uint8_t *strings,
                                size_t strings_len);
kms_error_t *kmsgo_list_keys(kmsgo_handle_t kms, kms_page_t *page, kms_key_info_t *items,
                             size_t items_len, uint8_t *strings, size_t strings_len);
/* text: alias, key_id */
kms_error_t *kmsgo_create_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);
/* text: key_id */
kms_error_t *kmsgo_list_aliases(kmsgo_handle_t kms, const uint8_t *text, kms_page_t *page,
                                kms_alias_info_t *items, size_t items_len);

/* What a call on data has that is no pointer, and what comes back. */
typedef struct kmsgo_data {
  size_t aad_len;
  size_t context_len; /* pairs */
  size_t grant_tokens_len;
  size_t plaintext_len;  /* bytes there; afterwards, of an output: bytes written, in a column: of
                            each item */
  size_t ciphertext_len; /* likewise */
  size_t iv_len;         /* likewise */
  uint32_t key_spec;
  uint32_t number_of_bytes;
  uint32_t flags;
  kms_data_key_info_t info; /* out */
} kmsgo_data_t;

/* text: key_id, version_id, grant tokens, context: key and value of each pair. iv NULL = not
 * wanted. */
kms_error_t *kmsgo_generate_data_key(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                                     const uint8_t *aad, uint8_t *plaintext, uint8_t *ciphertext,
                                     uint8_t *iv);
kms_error_t *kmsgo_generate_data_keys(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                                      const uint8_t *aad, size_t count, uint8_t *plaintexts,
                                      uint8_t *ciphertexts, uint8_t *ivs);
kms_error_t *kmsgo_encrypt(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                           const uint8_t *aad, const uint8_t *plaintext, uint8_t *ciphertext,
                           uint8_t *iv);
/* text: key_id, grant tokens, context. Here iv is an input: what the caller holds to be the
 * ciphertext's. */
kms_error_t *kmsgo_decrypt(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                           const uint8_t *aad, const uint8_t *ciphertext, const uint8_t *iv,
                           uint8_t *plaintext);
kms_error_t *kmsgo_generate_random(kmsgo_handle_t kms, uint32_t number_of_bytes, uint32_t flags,
                                   uint8_t *random, size_t random_len);

#endif
