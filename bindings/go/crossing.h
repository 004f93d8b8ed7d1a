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

/* text: store, root_key_uri, account_id, region, audit_log */
typedef struct kmsgo_open {
  size_t root_key_len;
  size_t passphrase_len;
  uint32_t flags;
  uint32_t max_staleness_ms;
  uint32_t timeout_ms;
  uint32_t max_cached_keys;
  uint32_t audit_data;
  uint32_t audit_flags;
  uint32_t audit_max_kib;
} kmsgo_open_t;

kms_error_t *kmsgo_open(kmsgo_open_t call, const uint8_t *text, const uint8_t *root_key,
                        const uint8_t *passphrase, kmsgo_handle_t *out);
void kmsgo_close(kmsgo_handle_t kms);
kms_error_t *kmsgo_flush(kmsgo_handle_t kms);
kms_error_t *kmsgo_stats(kmsgo_handle_t kms, uint32_t flags, kms_stats_t *stats);

/* What a call on a key, or on a version of one, has that is no string. */
typedef struct kmsgo_key {
  size_t grant_tokens_len;
  uint32_t waiting_days; /* where something is scheduled */
  uint32_t flags;
} kmsgo_key_t;

/*
 * crossing_keys.c. Unless said otherwise, text: key_id, version_id (empty where it is on no
 * version), grant tokens.
 */

typedef struct kmsgo_create_key {
  size_t tags_len;
  size_t key_uuid_len;
  uint64_t rotate_after_uses;
  uint32_t rotation_period_s;
  uint32_t origin;
  uint32_t flags;
} kmsgo_create_key_t;

/* text: key_id, description, alias, policy, tags: key and value of each */
kms_error_t *kmsgo_create_key(kmsgo_handle_t kms, kmsgo_create_key_t call, const uint8_t *text,
                              const uint8_t *key_uuid, kms_key_info_t *info);
/* The strings of infos are spans of `strings`. */
kms_error_t *kmsgo_describe_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                kms_key_info_t *info, uint8_t *strings, size_t strings_len);
kms_error_t *kmsgo_list_keys(kmsgo_handle_t kms, uint32_t flags, kms_page_t *page,
                             kms_key_info_t *items, size_t items_len, uint8_t *strings,
                             size_t strings_len);
/* text: alias, key_id */
kms_error_t *kmsgo_create_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);
kms_error_t *kmsgo_update_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);
/* text: alias */
kms_error_t *kmsgo_delete_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);
/* text: key_id */
kms_error_t *kmsgo_list_aliases(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                kms_page_t *page, kms_alias_info_t *items, size_t items_len);
kms_error_t *kmsgo_enable_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call);
kms_error_t *kmsgo_disable_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call);
kms_error_t *kmsgo_schedule_key_deletion(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                         kms_key_info_t *info);
kms_error_t *kmsgo_cancel_key_deletion(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call);
/* text: key_id, grant tokens */
kms_error_t *kmsgo_set_key_rotation(kmsgo_handle_t kms, const uint8_t *text,
                                    size_t grant_tokens_len, uint32_t rotation_period_s,
                                    uint64_t rotate_after_uses, uint32_t flags);
/* text: key_id, description */
kms_error_t *kmsgo_update_key_description(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);
/* text: key_id, tags: key and value of each */
kms_error_t *kmsgo_tag_key(kmsgo_handle_t kms, const uint8_t *text, size_t tags_len,
                           uint32_t flags);
kms_error_t *kmsgo_untag_key(kmsgo_handle_t kms, const uint8_t *text, size_t tags_len,
                             uint32_t flags);
kms_error_t *kmsgo_list_key_tags(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                 kms_page_t *page, kms_tag_info_t *items, size_t items_len,
                                 uint8_t *strings, size_t strings_len);

/* crossing_versions.c. Unless said otherwise, text is that of crossing_keys.c. */

kms_error_t *kmsgo_rotate_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                              kms_version_info_t *info);
kms_error_t *kmsgo_set_primary_version(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call);
kms_error_t *kmsgo_describe_key_version(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                        kms_version_info_t *info);
kms_error_t *kmsgo_list_key_versions(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                     kms_page_t *page, kms_version_info_t *items, size_t items_len);
kms_error_t *kmsgo_schedule_version_destruction(kmsgo_handle_t kms, const uint8_t *text,
                                                kmsgo_key_t call, kms_version_info_t *info);
kms_error_t *kmsgo_cancel_version_destruction(kmsgo_handle_t kms, const uint8_t *text,
                                              kmsgo_key_t call);

typedef struct kmsgo_import {
  size_t grant_tokens_len;
  size_t material_len;
  int64_t expires_at;
  uint32_t version_number;
  uint32_t flags;
} kmsgo_import_t;

/* text: key_id, grant tokens */
kms_error_t *kmsgo_import_key_material(kmsgo_handle_t kms, kmsgo_import_t call, const uint8_t *text,
                                       const uint8_t *material, kms_version_info_t *info);
kms_error_t *kmsgo_delete_imported_key_material(kmsgo_handle_t kms, const uint8_t *text,
                                                kmsgo_key_t call);

/* crossing_care.c. */

typedef struct kmsgo_rekey {
  size_t root_key_len;
  size_t passphrase_len;
  uint32_t flags;
} kmsgo_rekey_t;

/* text: root_key_uri */
kms_error_t *kmsgo_rekey(kmsgo_handle_t kms, kmsgo_rekey_t call, const uint8_t *text,
                         const uint8_t *root_key, const uint8_t *passphrase);
/* text: path */
kms_error_t *kmsgo_backup(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);
/* The problems of the items are spans of `strings`. */
kms_error_t *kmsgo_verify(kmsgo_handle_t kms, uint32_t flags, kms_page_t *page,
                          kms_damage_info_t *items, size_t items_len, uint8_t *strings,
                          size_t strings_len);

/* text: path. The problems of the items are spans of `strings`. */
kms_error_t *kmsgo_verify_audit_log(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                    kms_page_t *page, kms_log_damage_info_t *items,
                                    size_t items_len, uint8_t *strings, size_t strings_len);

/* crossing_access.c. */

/* text: principal */
kms_error_t *kmsgo_as_principal(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                kmsgo_handle_t *out);
/* text: key_id, policy, grant tokens */
kms_error_t *kmsgo_put_key_policy(kmsgo_handle_t kms, const uint8_t *text, size_t grant_tokens_len,
                                  uint32_t flags);
/* text: that of crossing_keys.c; *policy_len becomes what was written */
kms_error_t *kmsgo_get_key_policy(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                  uint8_t *policy, size_t *policy_len);

typedef struct kmsgo_create_grant {
  size_t context_len; /* pairs */
  size_t grant_tokens_len;
  uint32_t operations;
  uint32_t constraint;
  uint32_t flags;
} kmsgo_create_grant_t;

/* text: key_id, grantee_principal, retiring_principal, name, grant tokens, context: key and value
 * of each pair */
kms_error_t *kmsgo_create_grant(kmsgo_handle_t kms, kmsgo_create_grant_t call, const uint8_t *text,
                                kms_created_grant_t *grant);
/* text: key_id, grant_id, grantee_principal, grant tokens */
kms_error_t *kmsgo_list_grants(kmsgo_handle_t kms, const uint8_t *text, size_t grant_tokens_len,
                               uint32_t flags, kms_page_t *page, kms_grant_info_t *items,
                               size_t items_len, uint8_t *strings, size_t strings_len);
/* text: retiring_principal */
kms_error_t *kmsgo_list_retirable_grants(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                         kms_page_t *page, kms_grant_info_t *items,
                                         size_t items_len, uint8_t *strings, size_t strings_len);
/* text: key_id, grant_id, grant_token */
kms_error_t *kmsgo_retire_grant(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);
kms_error_t *kmsgo_revoke_grant(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags);

/* crossing_exchange.c. */

/* In and out; the lengths become what was written. */
typedef struct kmsgo_exchange {
  size_t request_headers_len;
  size_t request_body_len;
  size_t headers_len;
  size_t body_len;
  int32_t http_status;
  int32_t grpc_status;
  kms_status_t status;
  uint32_t detail;
  char request_id[40];
  char message[448];
} kmsgo_exchange_t;

/* text: method (empty where it is the default), target */
kms_error_t *kmsgo_exchange(kmsgo_handle_t kms, uint32_t dialect, kmsgo_exchange_t *call,
                            const uint8_t *text, const uint8_t *request_headers,
                            const uint8_t *request_body, uint8_t *headers, uint8_t *body);

/* crossing_data.c. */

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

/* As kmsgo_data_t, for a call that opens one ciphertext and makes another. */
typedef struct kmsgo_re_encrypt {
  size_t source_len;
  size_t source_iv_len;
  size_t source_aad_len;
  size_t source_context_len; /* pairs */
  size_t destination_aad_len;
  size_t destination_context_len; /* pairs */
  size_t grant_tokens_len;
  size_t ciphertext_len; /* bytes there; afterwards bytes written */
  size_t iv_len;         /* likewise */
  uint32_t flags;
  kms_data_key_info_t source_info; /* out */
  kms_data_key_info_t info;        /* out */
} kmsgo_re_encrypt_t;

/* text: source_key_id, destination_key_id, destination_version_id, grant tokens, source context,
 * destination context. `source` is the ciphertext there is, `ciphertext` the new one. */
kms_error_t *kmsgo_re_encrypt(kmsgo_handle_t kms, kmsgo_re_encrypt_t *call, const uint8_t *text,
                              const uint8_t *source_aad, const uint8_t *destination_aad,
                              const uint8_t *source, const uint8_t *source_iv, uint8_t *ciphertext,
                              uint8_t *iv);

#endif
