/* Data keys, payloads, random bytes. */
#include "inside.h"

/* The members that requests on data have in common. */
#define TAKE_LISTS(request, call)                                                                  \
  do {                                                                                             \
    if (!take(&lists, text, (call)->grant_tokens_len, (call)->context_len))                        \
      return no_memory();                                                                          \
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

kms_error_t *kmsgo_re_encrypt(kmsgo_handle_t kms, kmsgo_re_encrypt_t *call, const uint8_t *text,
                              const uint8_t *source_aad, const uint8_t *destination_aad,
                              const uint8_t *source, const uint8_t *source_iv, uint8_t *ciphertext,
                              uint8_t *iv) {
  kms_re_encrypt_request_t request = KMS_RE_ENCRYPT_REQUEST_INIT;
  kms_buffer_t ciphertext_buffer = {ciphertext, call->ciphertext_len, 0};
  kms_buffer_t iv_buffer = {iv, call->iv_len, 0};
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  request.source_key_id = optional(&text);
  request.destination_key_id = string(&text);
  request.destination_version_id = optional(&text);
  if (!take(&lists, text, call->grant_tokens_len,
            call->source_context_len + call->destination_context_len))
    return no_memory();
  request.ciphertext.data = source;
  request.ciphertext.len = call->source_len;
  request.source_iv.data = source_iv;
  request.source_iv.len = call->source_iv_len;
  request.source_aad.data = source_aad;
  request.source_aad.len = call->source_aad_len;
  request.source_context = lists.context;
  request.source_context_len = call->source_context_len;
  request.destination_aad.data = destination_aad;
  request.destination_aad.len = call->destination_aad_len;
  request.destination_context = lists.context + call->source_context_len;
  request.destination_context_len = call->destination_context_len;
  request.grant_tokens = lists.grant_tokens;
  request.grant_tokens_len = call->grant_tokens_len;
  request.flags = call->flags;
  call->source_info.struct_size = sizeof call->source_info;
  call->info.struct_size = sizeof call->info;
  blank(&error);
  failure = outcome(kms_re_encrypt((kms_t *)kms, &request, &ciphertext_buffer, &iv_buffer,
                                   &call->source_info, &call->info, &error),
                    &error);
  call->ciphertext_len = ciphertext_buffer.len;
  call->iv_len = iv_buffer.len;
  free(lists.heap);
  return failure;
}
