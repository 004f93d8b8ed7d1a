/*
 * What the files of the crossing share and Go does not see: errors, and the strings of a text.
 */
#ifndef KMSGO_INSIDE_H
#define KMSGO_INSIDE_H

#include "crossing.h"

#include <stdlib.h>
#include <string.h>

extern const kms_error_t kmsgo_out_of_memory;

/* The caller does not write to it, and kmsgo_error_free() knows it. */
static inline kms_error_t *no_memory(void) {
  return (kms_error_t *)&kmsgo_out_of_memory;
}

/* An error struct before its call: what must not be garbage if the library leaves it alone. */
static inline void blank(kms_error_t *error) {
  error->detail = KMS_DETAIL_NONE;
  error->native_code = 0;
  error->flags = 0;
  error->request_id[0] = 0;
  error->message[0] = 0;
}

kms_error_t *kmsgo_failed(kms_status_t status, const kms_error_t *error);

static inline kms_error_t *outcome(kms_status_t status, const kms_error_t *error) {
  return status == KMS_OK ? NULL : kmsgo_failed(status, error);
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

/* A request on a key, or on a version of one. The lists' heap is the caller's to free. */
static inline int take_key(kms_key_request_t *request, lists_t *lists, const uint8_t *text,
                           kmsgo_key_t call) {
  request->key_id = string(&text);
  request->version_id = optional(&text);
  if (!take(lists, text, call.grant_tokens_len, 0))
    return 0;
  request->grant_tokens = lists->grant_tokens;
  request->grant_tokens_len = call.grant_tokens_len;
  request->flags = call.flags;
  return 1;
}

static inline int take_schedule(kms_schedule_request_t *request, lists_t *lists,
                                const uint8_t *text, kmsgo_key_t call) {
  request->key_id = string(&text);
  request->version_id = optional(&text);
  if (!take(lists, text, call.grant_tokens_len, 0))
    return 0;
  request->grant_tokens = lists->grant_tokens;
  request->grant_tokens_len = call.grant_tokens_len;
  request->waiting_days = call.waiting_days;
  request->flags = call.flags;
  return 1;
}

/* An operation of the library on a key, or on a version of one, that gives nothing. */
typedef kms_status_t(KMS_CALL *on_key_t)(kms_t *, const kms_key_request_t *, kms_error_t *);

kms_error_t *kmsgo_on_key(on_key_t operation, kmsgo_handle_t kms, const uint8_t *text,
                          kmsgo_key_t call);

#endif
