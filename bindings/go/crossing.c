#include "crossing.h"

#include <stdlib.h>
#include <string.h>

static const kms_error_t out_of_memory = {KMS_OUT_OF_MEMORY,
                                          KMS_DETAIL_NONE,
                                          0,
                                          KMS_ERROR_RETRYABLE,
                                          0,
                                          "",
                                          "the Go binding: not enough memory"};

/* An error struct before its call: what must not be garbage if the library leaves it alone. */
static inline void blank(kms_error_t *error) {
  error->detail = KMS_DETAIL_NONE;
  error->native_code = 0;
  error->flags = 0;
  error->request_id[0] = 0;
  error->message[0] = 0;
}

static kms_error_t *failed(kms_status_t status, const kms_error_t *error) {
  kms_error_t *copy = malloc(sizeof *copy);
  if (copy == NULL)
    return (kms_error_t *)&out_of_memory;
  *copy = *error;
  copy->status = status;
  return copy;
}

static inline kms_error_t *outcome(kms_status_t status, const kms_error_t *error) {
  return status == KMS_OK ? NULL : failed(status, error);
}

void kmsgo_error_free(kms_error_t *error) {
  if (error != &out_of_memory)
    free(error);
}

/* The next string of a text. */
static inline const char *string(const uint8_t **text) {
  const char *start = (const char *)*text;
  *text += strlen(start) + 1;
  return start;
}

static inline const char *optional(const uint8_t **text) {
  const char *start = string(text);
  return *start == 0 ? NULL : start;
}

/* Arrays of pointers into a text: few of them lie on the stack. */
typedef struct lists {
  const char **grant_tokens;
  kms_context_entry_t *context;
  void *heap;
  const char *few_grant_tokens[KMS_MAX_GRANT_TOKENS];
  kms_context_entry_t few_context[16];
} lists_t;

/* How many are too many is the library's to say; here any number goes through. Returns 0 if memory
 * is out. */
static inline int take(lists_t *lists, const uint8_t *text, size_t grant_tokens_len,
                       size_t context_len) {
  size_t i;
  lists->grant_tokens = lists->few_grant_tokens;
  lists->context = lists->few_context;
  lists->heap = NULL;
  if (grant_tokens_len > sizeof lists->few_grant_tokens / sizeof *lists->few_grant_tokens ||
      context_len > sizeof lists->few_context / sizeof *lists->few_context) {
    /* No overflow: Go holds a string header, which is as long as an entry, for each. */
    lists->heap = malloc(grant_tokens_len * sizeof *lists->grant_tokens +
                         context_len * sizeof *lists->context);
    if (lists->heap == NULL)
      return 0;
    lists->context = lists->heap;
    lists->grant_tokens = (const char **)(lists->context + context_len);
  }
  for (i = 0; i < grant_tokens_len; i++)
    lists->grant_tokens[i] = string(&text);
  for (i = 0; i < context_len; i++) {
    lists->context[i].key = string(&text);
    lists->context[i].value = string(&text);
  }
  return 1;
}

kms_error_t *kmsgo_open(kmsgo_open_t call, const uint8_t *text, const uint8_t *root_key,
                        const uint8_t *passphrase, kmsgo_handle_t *out) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_t *kms = NULL;
  kms_status_t status;
  kms_error_t error;
  options.store = string(&text);
  options.root_key_uri = optional(&text);
  options.account_id = optional(&text);
  options.region = optional(&text);
  options.root_key.data = root_key;
  options.root_key.len = call.root_key_len;
  options.passphrase.data = passphrase;
  options.passphrase.len = call.passphrase_len;
  options.flags = call.flags;
  options.max_staleness_ms = call.max_staleness_ms;
  options.timeout_ms = call.timeout_ms;
  blank(&error);
  status = kms_open(&options, &kms, &error);
  *out = (kmsgo_handle_t)kms;
  return outcome(status, &error);
}

void kmsgo_close(kmsgo_handle_t kms) {
  kms_close((kms_t *)kms);
}

kms_error_t *kmsgo_flush(kmsgo_handle_t kms) {
  kms_error_t error;
  blank(&error);
  return outcome(kms_flush((kms_t *)kms, &error), &error);
}

kms_error_t *kmsgo_stats(kmsgo_handle_t kms, kms_stats_t *stats) {
  kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  kms_error_t error;
  stats->struct_size = sizeof *stats;
  blank(&error);
  return outcome(kms_stats((kms_t *)kms, &request, stats, &error), &error);
}

kms_error_t *kmsgo_create_key(kmsgo_handle_t kms, const uint8_t *text, uint32_t rotation_period_s,
                              uint32_t origin, uint32_t flags, kms_key_info_t *info) {
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  kms_error_t error;
  request.key_id = optional(&text);
  request.description = optional(&text);
  request.alias = optional(&text);
  request.rotation_period_s = rotation_period_s;
  request.origin = origin;
  request.flags = flags;
  info->struct_size = sizeof *info;
  blank(&error);
  return outcome(kms_create_key((kms_t *)kms, &request, info, &error), &error);
}

kms_error_t *kmsgo_describe_key(kmsgo_handle_t kms, const uint8_t *text, size_t grant_tokens_len,
                                uint32_t flags, kms_key_info_t *info, uint8_t *strings,
                                size_t strings_len) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  if (!take(&lists, text, grant_tokens_len, 0))
    return (kms_error_t *)&out_of_memory;
  request.grant_tokens = lists.grant_tokens;
  request.grant_tokens_len = grant_tokens_len;
  request.flags = flags;
  info->struct_size = sizeof *info;
  blank(&error);
  failure = outcome(kms_describe_key((kms_t *)kms, &request, info, &buffer, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_list_keys(kmsgo_handle_t kms, kms_page_t *page, kms_key_info_t *items,
                             size_t items_len, uint8_t *strings, size_t strings_len) {
  kms_list_keys_request_t request = KMS_LIST_KEYS_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t error;
  page->struct_size = sizeof *page;
  blank(&error);
  return outcome(
      kms_list_keys((kms_t *)kms, &request, page, items, sizeof *items, items_len, &buffer, &error),
      &error);
}

kms_error_t *kmsgo_create_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  kms_create_alias_request_t request = KMS_CREATE_ALIAS_REQUEST_INIT;
  kms_error_t error;
  request.alias = string(&text);
  request.key_id = string(&text);
  request.flags = flags;
  blank(&error);
  return outcome(kms_create_alias((kms_t *)kms, &request, &error), &error);
}

kms_error_t *kmsgo_list_aliases(kmsgo_handle_t kms, const uint8_t *text, kms_page_t *page,
                                kms_alias_info_t *items, size_t items_len) {
  kms_list_aliases_request_t request = KMS_LIST_ALIASES_REQUEST_INIT;
  kms_error_t error;
  request.key_id = optional(&text);
  page->struct_size = sizeof *page;
  blank(&error);
  return outcome(
      kms_list_aliases((kms_t *)kms, &request, page, items, sizeof *items, items_len, NULL, &error),
      &error);
}

/* The members that requests on data have in common. */
#define TAKE_LISTS(request, call)                                                                  \
  do {                                                                                             \
    if (!take(&lists, text, (call)->grant_tokens_len, (call)->context_len))                        \
      return (kms_error_t *)&out_of_memory;                                                        \
    (request).grant_tokens = lists.grant_tokens;                                                   \
    (request).grant_tokens_len = (call)->grant_tokens_len;                                         \
    (request).context = lists.context;                                                             \
    (request).context_len = (call)->context_len;                                                   \
    (request).aad.data = aad;                                                                      \
    (request).aad.len = (call)->aad_len;                                                           \
    (request).flags = (call)->flags;                                                               \
    (call)->info.struct_size = sizeof(call)->info;                                                 \
  } while (0)

kms_error_t *kmsgo_generate_data_key(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                                     const uint8_t *aad, uint8_t *plaintext, uint8_t *ciphertext,
                                     uint8_t *iv) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  kms_buffer_t plaintext_buffer = {plaintext, call->plaintext_len, 0};
  kms_buffer_t ciphertext_buffer = {ciphertext, call->ciphertext_len, 0};
  kms_buffer_t iv_buffer = {iv, call->iv_len, 0};
  kms_status_t status;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  request.version_id = optional(&text);
  request.key_spec = call->key_spec;
  request.number_of_bytes = call->number_of_bytes;
  TAKE_LISTS(request, call);
  blank(&error);
  status = kms_generate_data_key((kms_t *)kms, &request, &plaintext_buffer, &ciphertext_buffer,
                                 iv == NULL ? NULL : &iv_buffer, &call->info, &error);
  call->plaintext_len = plaintext_buffer.len;
  call->ciphertext_len = ciphertext_buffer.len;
  call->iv_len = iv_buffer.len;
  if (lists.heap != NULL)
    free(lists.heap);
  return outcome(status, &error);
}

kms_error_t *kmsgo_generate_data_keys(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                                      const uint8_t *aad, size_t count, uint8_t *plaintexts,
                                      uint8_t *ciphertexts, uint8_t *ivs) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  kms_column_t plaintext_column = {plaintexts, call->plaintext_len, 0, 0};
  kms_column_t ciphertext_column = {ciphertexts, call->ciphertext_len, 0, 0};
  kms_column_t iv_column = {ivs, call->iv_len, 0, 0};
  kms_status_t status;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  request.version_id = optional(&text);
  request.key_spec = call->key_spec;
  request.number_of_bytes = call->number_of_bytes;
  TAKE_LISTS(request, call);
  blank(&error);
  status =
      kms_generate_data_keys((kms_t *)kms, &request, count, &plaintext_column, &ciphertext_column,
                             ivs == NULL ? NULL : &iv_column, &call->info, &error);
  call->plaintext_len = plaintext_column.item_len;
  call->ciphertext_len = ciphertext_column.item_len;
  call->iv_len = iv_column.item_len;
  if (lists.heap != NULL)
    free(lists.heap);
  return outcome(status, &error);
}

kms_error_t *kmsgo_encrypt(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                           const uint8_t *aad, const uint8_t *plaintext, uint8_t *ciphertext,
                           uint8_t *iv) {
  kms_encrypt_request_t request = KMS_ENCRYPT_REQUEST_INIT;
  kms_buffer_t ciphertext_buffer = {ciphertext, call->ciphertext_len, 0};
  kms_buffer_t iv_buffer = {iv, call->iv_len, 0};
  kms_status_t status;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  request.version_id = optional(&text);
  request.plaintext.data = plaintext;
  request.plaintext.len = call->plaintext_len;
  TAKE_LISTS(request, call);
  blank(&error);
  status = kms_encrypt((kms_t *)kms, &request, &ciphertext_buffer, iv == NULL ? NULL : &iv_buffer,
                       &call->info, &error);
  call->ciphertext_len = ciphertext_buffer.len;
  call->iv_len = iv_buffer.len;
  if (lists.heap != NULL)
    free(lists.heap);
  return outcome(status, &error);
}

kms_error_t *kmsgo_decrypt(kmsgo_handle_t kms, kmsgo_data_t *call, const uint8_t *text,
                           const uint8_t *aad, const uint8_t *ciphertext, const uint8_t *iv,
                           uint8_t *plaintext) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  kms_buffer_t plaintext_buffer = {plaintext, call->plaintext_len, 0};
  kms_status_t status;
  kms_error_t error;
  lists_t lists;
  request.ciphertext.data = ciphertext;
  request.ciphertext.len = call->ciphertext_len;
  request.iv.data = iv;
  request.iv.len = call->iv_len;
  request.key_id = optional(&text);
  TAKE_LISTS(request, call);
  blank(&error);
  status = kms_decrypt((kms_t *)kms, &request, &plaintext_buffer, &call->info, &error);
  call->plaintext_len = plaintext_buffer.len;
  if (lists.heap != NULL)
    free(lists.heap);
  return outcome(status, &error);
}

kms_error_t *kmsgo_generate_random(kmsgo_handle_t kms, uint32_t number_of_bytes, uint32_t flags,
                                   uint8_t *random, size_t random_len) {
  kms_random_request_t request = KMS_RANDOM_REQUEST_INIT;
  kms_buffer_t buffer = {random, random_len, 0};
  kms_error_t error;
  request.number_of_bytes = number_of_bytes;
  request.flags = flags;
  blank(&error);
  return outcome(kms_generate_random((kms_t *)kms, &request, &buffer, &error), &error);
}
