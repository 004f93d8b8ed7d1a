/* Versions of keys, and material that the caller brings. */
#include "inside.h"

/* An operation on a key, or on a version of one, that describes a version. */
typedef kms_status_t(KMS_CALL *on_version_t)(kms_t *, const kms_key_request_t *,
                                             kms_version_info_t *, kms_error_t *);

static kms_error_t *on_version(on_version_t operation, kmsgo_handle_t kms, const uint8_t *text,
                               kmsgo_key_t call, kms_version_info_t *info) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_key(&request, &lists, text, call))
    return no_memory();
  info->struct_size = sizeof *info;
  blank(&error);
  failure = outcome(operation((kms_t *)kms, &request, info, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_rotate_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                              kms_version_info_t *info) {
  return on_version(kms_rotate_key, kms, text, call, info);
}

kms_error_t *kmsgo_set_primary_version(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call) {
  return kmsgo_on_key(kms_set_primary_version, kms, text, call);
}

kms_error_t *kmsgo_describe_key_version(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                        kms_version_info_t *info) {
  return on_version(kms_describe_key_version, kms, text, call, info);
}

kms_error_t *kmsgo_list_key_versions(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                     kms_page_t *page, kms_version_info_t *items,
                                     size_t items_len) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_key(&request, &lists, text, call))
    return no_memory();
  page->struct_size = sizeof *page;
  blank(&error);
  failure = outcome(kms_list_key_versions((kms_t *)kms, &request, page, items, sizeof *items,
                                          items_len, NULL, &error),
                    &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_schedule_version_destruction(kmsgo_handle_t kms, const uint8_t *text,
                                                kmsgo_key_t call, kms_version_info_t *info) {
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_schedule(&request, &lists, text, call))
    return no_memory();
  info->struct_size = sizeof *info;
  blank(&error);
  failure = outcome(kms_schedule_version_destruction((kms_t *)kms, &request, info, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_cancel_version_destruction(kmsgo_handle_t kms, const uint8_t *text,
                                              kmsgo_key_t call) {
  return kmsgo_on_key(kms_cancel_version_destruction, kms, text, call);
}

kms_error_t *kmsgo_import_key_material(kmsgo_handle_t kms, kmsgo_import_t call, const uint8_t *text,
                                       const uint8_t *material, kms_version_info_t *info) {
  kms_import_request_t request = KMS_IMPORT_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  if (!take(&lists, text, call.grant_tokens_len, 0))
    return no_memory();
  request.grant_tokens = lists.grant_tokens;
  request.grant_tokens_len = call.grant_tokens_len;
  request.material.data = material;
  request.material.len = call.material_len;
  request.expires_at = call.expires_at;
  request.version_number = call.version_number;
  request.flags = call.flags;
  info->struct_size = sizeof *info;
  blank(&error);
  failure = outcome(kms_import_key_material((kms_t *)kms, &request, info, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_delete_imported_key_material(kmsgo_handle_t kms, const uint8_t *text,
                                                kmsgo_key_t call) {
  return kmsgo_on_key(kms_delete_imported_key_material, kms, text, call);
}
