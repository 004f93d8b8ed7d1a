/* Care for the store: a new root key, backups, verification of it and of its audit log. */
#include "inside.h"

kms_error_t *kmsgo_rekey(kmsgo_handle_t kms, kmsgo_rekey_t call, const uint8_t *text,
                         const uint8_t *root_key, const uint8_t *passphrase) {
  kms_rekey_request_t request = KMS_REKEY_REQUEST_INIT;
  kms_error_t error;
  request.root_key_uri = optional(&text);
  request.root_key.data = root_key;
  request.root_key.len = call.root_key_len;
  request.passphrase.data = passphrase;
  request.passphrase.len = call.passphrase_len;
  request.flags = call.flags;
  blank(&error);
  return outcome(kms_rekey((kms_t *)kms, &request, &error), &error);
}

kms_error_t *kmsgo_backup(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  kms_backup_request_t request = KMS_BACKUP_REQUEST_INIT;
  kms_error_t error;
  request.path = string(&text);
  request.flags = flags;
  blank(&error);
  return outcome(kms_backup((kms_t *)kms, &request, &error), &error);
}

kms_error_t *kmsgo_verify(kmsgo_handle_t kms, uint32_t flags, kms_page_t *page,
                          kms_damage_info_t *items, size_t items_len, uint8_t *strings,
                          size_t strings_len) {
  kms_verify_request_t request = KMS_VERIFY_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t error;
  request.flags = flags;
  page->struct_size = sizeof *page;
  blank(&error);
  return outcome(
      kms_verify((kms_t *)kms, &request, page, items, sizeof *items, items_len, &buffer, &error),
      &error);
}

kms_error_t *kmsgo_verify_audit_log(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                    kms_page_t *page, kms_log_damage_info_t *items,
                                    size_t items_len, uint8_t *strings, size_t strings_len) {
  kms_verify_audit_log_request_t request = KMS_VERIFY_AUDIT_LOG_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t error;
  request.path = string(&text);
  request.flags = flags;
  page->struct_size = sizeof *page;
  blank(&error);
  return outcome(kms_verify_audit_log((kms_t *)kms, &request, page, items, sizeof *items, items_len,
                                      &buffer, &error),
                 &error);
}
