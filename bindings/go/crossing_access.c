/* Who may: principals, key policies, grants. */
#include "inside.h"

kms_error_t *kmsgo_as_principal(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                kmsgo_handle_t *out) {
  kms_principal_options_t options = KMS_PRINCIPAL_OPTIONS_INIT;
  kms_t *principal = NULL;
  kms_status_t status;
  kms_error_t error;
  options.principal = string(&text);
  options.flags = flags;
  blank(&error);
  status = kms_as_principal((kms_t *)kms, &options, &principal, &error);
  *out = (kmsgo_handle_t)principal;
  return outcome(status, &error);
}

kms_error_t *kmsgo_put_key_policy(kmsgo_handle_t kms, const uint8_t *text, size_t grant_tokens_len,
                                  uint32_t flags) {
  kms_policy_request_t request = KMS_POLICY_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  request.policy = string(&text);
  if (!take(&lists, text, grant_tokens_len, 0))
    return no_memory();
  request.grant_tokens = lists.grant_tokens;
  request.grant_tokens_len = grant_tokens_len;
  request.flags = flags;
  blank(&error);
  failure = outcome(kms_put_key_policy((kms_t *)kms, &request, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_get_key_policy(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                  uint8_t *policy, size_t *policy_len) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_buffer_t buffer = {policy, *policy_len, 0};
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_key(&request, &lists, text, call))
    return no_memory();
  blank(&error);
  failure = outcome(kms_get_key_policy((kms_t *)kms, &request, &buffer, &error), &error);
  *policy_len = buffer.len;
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_create_grant(kmsgo_handle_t kms, kmsgo_create_grant_t call, const uint8_t *text,
                                kms_created_grant_t *grant) {
  kms_create_grant_request_t request = KMS_CREATE_GRANT_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  request.grantee_principal = string(&text);
  request.retiring_principal = optional(&text);
  request.name = optional(&text);
  if (!take(&lists, text, call.grant_tokens_len, call.context_len))
    return no_memory();
  request.grant_tokens = lists.grant_tokens;
  request.grant_tokens_len = call.grant_tokens_len;
  request.context = lists.context;
  request.context_len = call.context_len;
  request.operations = call.operations;
  request.constraint = call.constraint;
  request.flags = call.flags;
  grant->struct_size = sizeof *grant;
  blank(&error);
  failure = outcome(kms_create_grant((kms_t *)kms, &request, grant, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_list_grants(kmsgo_handle_t kms, const uint8_t *text, size_t grant_tokens_len,
                               uint32_t flags, kms_page_t *page, kms_grant_info_t *items,
                               size_t items_len, uint8_t *strings, size_t strings_len) {
  kms_list_grants_request_t request = KMS_LIST_GRANTS_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  request.grant_id = optional(&text);
  request.grantee_principal = optional(&text);
  if (!take(&lists, text, grant_tokens_len, 0))
    return no_memory();
  request.grant_tokens = lists.grant_tokens;
  request.grant_tokens_len = grant_tokens_len;
  request.flags = flags;
  page->struct_size = sizeof *page;
  blank(&error);
  failure = outcome(kms_list_grants((kms_t *)kms, &request, page, items, sizeof *items, items_len,
                                    &buffer, &error),
                    &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_list_retirable_grants(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                         kms_page_t *page, kms_grant_info_t *items,
                                         size_t items_len, uint8_t *strings, size_t strings_len) {
  kms_list_retirable_grants_request_t request = KMS_LIST_RETIRABLE_GRANTS_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t error;
  request.retiring_principal = string(&text);
  request.flags = flags;
  page->struct_size = sizeof *page;
  blank(&error);
  return outcome(kms_list_retirable_grants((kms_t *)kms, &request, page, items, sizeof *items,
                                           items_len, &buffer, &error),
                 &error);
}

/* Both ways to end a grant take the same request. */
typedef kms_status_t(KMS_CALL *on_grant_t)(kms_t *, const kms_grant_request_t *, kms_error_t *);

static kms_error_t *on_grant(on_grant_t operation, kmsgo_handle_t kms, const uint8_t *text,
                             uint32_t flags) {
  kms_grant_request_t request = KMS_GRANT_REQUEST_INIT;
  kms_error_t error;
  request.key_id = optional(&text);
  request.grant_id = optional(&text);
  request.grant_token = optional(&text);
  request.flags = flags;
  blank(&error);
  return outcome(operation((kms_t *)kms, &request, &error), &error);
}

kms_error_t *kmsgo_retire_grant(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  return on_grant(kms_retire_grant, kms, text, flags);
}

kms_error_t *kmsgo_revoke_grant(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  return on_grant(kms_revoke_grant, kms, text, flags);
}
