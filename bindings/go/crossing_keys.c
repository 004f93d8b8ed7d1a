/* Keys: their making, aliases, states, tags. */
#include "inside.h"

/* Tags out of a text: as many as a key may have lie on the stack. */
typedef struct tags {
  kms_tag_t *tags;
  void *heap;
  kms_tag_t few[KMS_MAX_TAGS];
} tags_t;

/* Returns 0 if memory is out. */
static int take_tags(tags_t *tags, const uint8_t *text, size_t len) {
  size_t i;
  tags->tags = tags->few;
  tags->heap = NULL;
  if (len > KMS_MAX_TAGS) {
    tags->heap = malloc(len * sizeof *tags->tags); /* no overflow: Go holds a string for each */
    if (tags->heap == NULL)
      return 0;
    tags->tags = tags->heap;
  }
  for (i = 0; i < len; i++) {
    tags->tags[i].key = string(&text);
    tags->tags[i].value = string(&text);
  }
  return 1;
}

kms_error_t *kmsgo_create_key(kmsgo_handle_t kms, kmsgo_create_key_t call, const uint8_t *text,
                              const uint8_t *key_uuid, kms_key_info_t *info) {
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  tags_t tags;
  request.key_id = optional(&text);
  request.description = optional(&text);
  request.alias = optional(&text);
  request.policy = optional(&text);
  if (!take_tags(&tags, text, call.tags_len))
    return no_memory();
  request.tags = tags.tags;
  request.tags_len = call.tags_len;
  request.key_uuid.data = key_uuid;
  request.key_uuid.len = call.key_uuid_len;
  request.rotation_period_s = call.rotation_period_s;
  request.rotate_after_uses = call.rotate_after_uses;
  request.origin = call.origin;
  request.flags = call.flags;
  info->struct_size = sizeof *info;
  blank(&error);
  failure = outcome(kms_create_key((kms_t *)kms, &request, info, &error), &error);
  free(tags.heap);
  return failure;
}

kms_error_t *kmsgo_describe_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                kms_key_info_t *info, uint8_t *strings, size_t strings_len) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_key(&request, &lists, text, call))
    return no_memory();
  info->struct_size = sizeof *info;
  blank(&error);
  failure = outcome(kms_describe_key((kms_t *)kms, &request, info, &buffer, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_list_keys(kmsgo_handle_t kms, uint32_t flags, kms_page_t *page,
                             kms_key_info_t *items, size_t items_len, uint8_t *strings,
                             size_t strings_len) {
  kms_list_keys_request_t request = KMS_LIST_KEYS_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t error;
  request.flags = flags;
  page->struct_size = sizeof *page;
  blank(&error);
  return outcome(
      kms_list_keys((kms_t *)kms, &request, page, items, sizeof *items, items_len, &buffer, &error),
      &error);
}

/* A call on an alias that names a key: creating and updating take the same request. */
typedef kms_status_t(KMS_CALL *on_alias_t)(kms_t *, const kms_create_alias_request_t *,
                                           kms_error_t *);

static kms_error_t *on_alias(on_alias_t operation, kmsgo_handle_t kms, const uint8_t *text,
                             uint32_t flags) {
  kms_create_alias_request_t request = KMS_CREATE_ALIAS_REQUEST_INIT;
  kms_error_t error;
  request.alias = string(&text);
  request.key_id = string(&text);
  request.flags = flags;
  blank(&error);
  return outcome(operation((kms_t *)kms, &request, &error), &error);
}

kms_error_t *kmsgo_create_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  return on_alias(kms_create_alias, kms, text, flags);
}

kms_error_t *kmsgo_update_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  return on_alias(kms_update_alias, kms, text, flags);
}

kms_error_t *kmsgo_delete_alias(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  kms_alias_request_t request = KMS_ALIAS_REQUEST_INIT;
  kms_error_t error;
  request.alias = string(&text);
  request.flags = flags;
  blank(&error);
  return outcome(kms_delete_alias((kms_t *)kms, &request, &error), &error);
}

kms_error_t *kmsgo_list_aliases(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags,
                                kms_page_t *page, kms_alias_info_t *items, size_t items_len) {
  kms_list_aliases_request_t request = KMS_LIST_ALIASES_REQUEST_INIT;
  kms_error_t error;
  request.key_id = optional(&text);
  request.flags = flags;
  page->struct_size = sizeof *page;
  blank(&error);
  return outcome(
      kms_list_aliases((kms_t *)kms, &request, page, items, sizeof *items, items_len, NULL, &error),
      &error);
}

kms_error_t *kmsgo_enable_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call) {
  return kmsgo_on_key(kms_enable_key, kms, text, call);
}

kms_error_t *kmsgo_disable_key(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call) {
  return kmsgo_on_key(kms_disable_key, kms, text, call);
}

kms_error_t *kmsgo_schedule_key_deletion(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                         kms_key_info_t *info) {
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_schedule(&request, &lists, text, call))
    return no_memory();
  info->struct_size = sizeof *info;
  blank(&error);
  failure = outcome(kms_schedule_key_deletion((kms_t *)kms, &request, info, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_cancel_key_deletion(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call) {
  return kmsgo_on_key(kms_cancel_key_deletion, kms, text, call);
}

kms_error_t *kmsgo_set_key_rotation(kmsgo_handle_t kms, const uint8_t *text,
                                    size_t grant_tokens_len, uint32_t rotation_period_s,
                                    uint64_t rotate_after_uses, uint32_t flags) {
  kms_rotation_request_t request = KMS_ROTATION_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  request.key_id = string(&text);
  if (!take(&lists, text, grant_tokens_len, 0))
    return no_memory();
  request.grant_tokens = lists.grant_tokens;
  request.grant_tokens_len = grant_tokens_len;
  request.rotation_period_s = rotation_period_s;
  request.rotate_after_uses = rotate_after_uses;
  request.flags = flags;
  blank(&error);
  failure = outcome(kms_set_key_rotation((kms_t *)kms, &request, &error), &error);
  free(lists.heap);
  return failure;
}

kms_error_t *kmsgo_update_key_description(kmsgo_handle_t kms, const uint8_t *text, uint32_t flags) {
  kms_description_request_t request = KMS_DESCRIPTION_REQUEST_INIT;
  kms_error_t error;
  request.key_id = string(&text);
  request.description = string(&text);
  request.flags = flags;
  blank(&error);
  return outcome(kms_update_key_description((kms_t *)kms, &request, &error), &error);
}

typedef kms_status_t(KMS_CALL *on_tags_t)(kms_t *, const kms_tags_request_t *, kms_error_t *);

static kms_error_t *on_tags(on_tags_t operation, kmsgo_handle_t kms, const uint8_t *text,
                            size_t tags_len, uint32_t flags) {
  kms_tags_request_t request = KMS_TAGS_REQUEST_INIT;
  kms_error_t *failure;
  kms_error_t error;
  tags_t tags;
  request.key_id = string(&text);
  if (!take_tags(&tags, text, tags_len))
    return no_memory();
  request.tags = tags.tags;
  request.tags_len = tags_len;
  request.flags = flags;
  blank(&error);
  failure = outcome(operation((kms_t *)kms, &request, &error), &error);
  free(tags.heap);
  return failure;
}

kms_error_t *kmsgo_tag_key(kmsgo_handle_t kms, const uint8_t *text, size_t tags_len,
                           uint32_t flags) {
  return on_tags(kms_tag_key, kms, text, tags_len, flags);
}

kms_error_t *kmsgo_untag_key(kmsgo_handle_t kms, const uint8_t *text, size_t tags_len,
                             uint32_t flags) {
  return on_tags(kms_untag_key, kms, text, tags_len, flags);
}

kms_error_t *kmsgo_list_key_tags(kmsgo_handle_t kms, const uint8_t *text, kmsgo_key_t call,
                                 kms_page_t *page, kms_tag_info_t *items, size_t items_len,
                                 uint8_t *strings, size_t strings_len) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_buffer_t buffer = {strings, strings_len, 0};
  kms_error_t *failure;
  kms_error_t error;
  lists_t lists;
  if (!take_key(&request, &lists, text, call))
    return no_memory();
  page->struct_size = sizeof *page;
  blank(&error);
  failure = outcome(kms_list_key_tags((kms_t *)kms, &request, page, items, sizeof *items, items_len,
                                      &buffer, &error),
                    &error);
  free(lists.heap);
  return failure;
}
