/* What the programs of this directory share: checks that count themselves and go on after a
 * failure, and the store they run against. Valid C99 and C++11. A program ends with `return
 * check_result();`. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"

static int checks_made, checks_failed;

/* The error struct of every call in a CHECK_STATUS. */
static kms_error_t err;

/* What outputs hold before a call: a byte that no size, text or status has. */
#define UNTOUCHED 0xA5

static inline int check_that(int ok, const char *file, int line, const char *what) {
  checks_made++;
  if (!ok) {
    checks_failed++;
    printf("%s:%d: FAILED: %s\n", file, line, what);
  }
  return ok;
}

#define CHECK(condition) check_that((condition) ? 1 : 0, __FILE__, __LINE__, #condition)

static inline int all_bytes(const void *data, size_t len, int byte) {
  const unsigned char *at = (const unsigned char *)data;
  size_t i;
  for (i = 0; i < len; i++)
    if (at[i] != byte)
      return 0;
  return 1;
}

static inline int untouched(const void *data, size_t len) {
  return all_bytes(data, len, UNTOUCHED);
}

/* A buffer over `capacity` bytes of `data`, which become UNTOUCHED, as does len. */
static inline kms_buffer_t fresh_buffer(uint8_t *data, size_t capacity) {
  kms_buffer_t buffer;
  if (data != NULL)
    memset(data, UNTOUCHED, capacity);
  memset(&buffer.len, UNTOUCHED, sizeof buffer.len);
  buffer.data = data;
  buffer.capacity = capacity;
  return buffer;
}

static inline int buffer_untouched(const kms_buffer_t *buffer) {
  return untouched(&buffer->len, sizeof buffer->len) && untouched(buffer->data, buffer->capacity);
}

/* An info struct before a call, and whether it is still as it was. */
#define FRESH_STRUCT(value)                                                                        \
  (memset(&(value), UNTOUCHED, sizeof(value)), (value).struct_size = sizeof(value))
#define STRUCT_UNTOUCHED(value)                                                                    \
  ((value).struct_size == sizeof(value) &&                                                         \
   untouched((const uint8_t *)&(value) + sizeof(size_t), sizeof(value) - sizeof(size_t)))

/* NUL-terminated in its place, and without control characters. */
static inline int is_clean_text(const char *text, size_t size) {
  size_t i;
  for (i = 0; i < size && text[i] != 0; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
      return 0;
  return i < size;
}

static inline void check_error_begins(void) {
  memset(&err, UNTOUCHED, sizeof err);
}

/* What holds for the error struct of every call, whatever it returned. */
static inline int error_is_well_formed(kms_status_t status) {
  if (err.status != status)
    return 0;
  if (status == KMS_OK) { /* status and message[0] are written, nothing else */
    kms_error_t rest = err;
    memset(&rest.status, UNTOUCHED, sizeof rest.status);
    rest.message[0] = (char)UNTOUCHED;
    return err.message[0] == 0 && untouched(&rest, sizeof rest);
  }
  return err.reserved == 0 && err.detail <= KMS_DETAIL_MATERIAL_EXPIRED &&
         (err.flags & ~(uint32_t)(KMS_ERROR_RETRYABLE | KMS_ERROR_POISONED)) == 0 &&
         is_clean_text(err.request_id, sizeof err.request_id) &&
         strlen(err.request_id) == KMS_REQUEST_ID_SIZE - 1 &&
         is_clean_text(err.message, sizeof err.message) && err.message[0] != 0;
}

static inline int check_status(kms_status_t expected, kms_status_t status, const char *argument,
                               const char *file, int line, const char *call) {
  checks_made++;
  if (status != expected) {
    checks_failed++;
    printf("%s:%d: FAILED: %s, expected %s: %s: %.447s\n", file, line, kms_status_name(status),
           kms_status_name(expected), call, err.status == status ? err.message : "(no message)");
    return 0;
  }
  if (!error_is_well_formed(status)) {
    checks_failed++;
    printf("%s:%d: FAILED: the error struct of a %s is malformed: %s\n", file, line,
           kms_status_name(status), call);
    return 0;
  }
  if (argument != NULL) {
    /* The message starts with the argument's name, so "request.aad" does not pass for
     * "request.aad_len". */
    size_t len = strlen(argument);
    char after = strncmp(err.message, argument, len) == 0 ? err.message[len] : '?';
    if (after != ':' && after != ' ' && after != '[') {
      checks_failed++;
      printf("%s:%d: FAILED: \"%s\" does not start with \"%s\": %s\n", file, line, err.message,
             argument, call);
      return 0;
    }
  }
  return 1;
}

/* `call` passes &err as its error and returns `expected`. */
#define CHECK_STATUS(expected, call)                                                               \
  (check_error_begins(), check_status((expected), (call), NULL, __FILE__, __LINE__, #call))
#define CHECK_OK(call) CHECK_STATUS(KMS_OK, call)
/* `call` is refused, and the message starts with the name of `argument`. */
#define CHECK_ARGUMENT(argument, call)                                                             \
  (check_error_begins(),                                                                           \
   check_status(KMS_INVALID_ARGUMENT, (call), (argument), __FILE__, __LINE__, #call))

static inline int check_result(void) {
  printf("%d checks, %d failed\n", checks_made, checks_failed);
  /* A program that checked nothing has not passed. */
  return checks_failed == 0 && checks_made > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static const uint8_t test_root_key[KMS_ROOT_KEY_SIZE] = {
    0x6b, 0x6d, 0x73, 0x20, 0x74, 0x65, 0x73, 0x74, 0x20, 0x72, 0x6f, 0x6f, 0x74, 0x20, 0x6b, 0x65,
    0x79, 0x2c, 0x20, 0x6e, 0x6f, 0x74, 0x20, 0x61, 0x20, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74, 0x2e};

/* An open memory store with the key "key-1", also "alias/one", and the key "key-2". The program
 * ends if that fails. */
static inline kms_t *open_test_store(void) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_t *kms = NULL;
  options.store = "memory:";
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = KMS_OPEN_CREATE;
  if (!CHECK_OK(kms_open(&options, &kms, &err)))
    exit(check_result());
  create.key_id = "key-1";
  create.alias = "alias/one";
  if (!CHECK_OK(kms_create_key(kms, &create, NULL, &err)))
    exit(check_result());
  create.key_id = "key-2";
  create.alias = NULL;
  if (!CHECK_OK(kms_create_key(kms, &create, NULL, &err)))
    exit(check_result());
  return kms;
}

#endif
