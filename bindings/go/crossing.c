#include "inside.h"

const kms_error_t kmsgo_out_of_memory = {KMS_OUT_OF_MEMORY,
                                         KMS_DETAIL_NONE,
                                         0,
                                         KMS_ERROR_RETRYABLE,
                                         0,
                                         "",
                                         "the Go binding: not enough memory"};

kms_error_t *kmsgo_failed(kms_status_t status, const kms_error_t *error) {
  kms_error_t *copy = malloc(sizeof *copy);
  if (copy == NULL)
    return no_memory();
  *copy = *error;
  copy->status = status;
  return copy;
}

void kmsgo_error_free(kms_error_t *error) {
  if (error != &kmsgo_out_of_memory)
    free(error);
}

kms_error_t *kmsgo_on_key(on_key_t operation, kmsgo_handle_t kms, const uint8_t *text,
                          kmsgo_key_t call) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_key(&request, &lists, text, call))
    return no_memory();
  blank(&error);
  failure = outcome(operation((kms_t *)kms, &request, &error), &error);
  free(lists.heap);
  return failure;
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
  options.audit_log = optional(&text);
  options.audit_data = call.audit_data;
  options.audit_flags = call.audit_flags;
  options.audit_max_kib = call.audit_max_kib;
  options.root_key.data = root_key;
  options.root_key.len = call.root_key_len;
  options.passphrase.data = passphrase;
  options.passphrase.len = call.passphrase_len;
  options.flags = call.flags;
  options.max_staleness_ms = call.max_staleness_ms;
  options.timeout_ms = call.timeout_ms;
  options.max_cached_keys = call.max_cached_keys;
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

kms_error_t *kmsgo_stats(kmsgo_handle_t kms, uint32_t flags, kms_stats_t *stats) {
  kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  kms_error_t error;
  request.flags = flags;
  stats->struct_size = sizeof *stats;
  blank(&error);
  return outcome(kms_stats((kms_t *)kms, &request, stats, &error), &error);
}
