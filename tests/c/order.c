/* The order of checks. Where a call is wrong in two ways the design says which is told, so that
 * nobody learns of a key what is none of their business: arguments; the blob's shape; the named
 * key; whether the blob is of that key; the blob's own key; the version; buffer sizes; and only
 * then what needs key material. */
#include "check.h"

#define DATA_KEY_SIZE 32
#define WRAPPED_SIZE (DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD)

static kms_t *kms;
static uint8_t blob[WRAPPED_SIZE]; /* of key-1 */

/* What a decryption can be wrong in, each by itself. */
enum {
  BAD_FLAG = 1 << 0,
  BAD_FORMAT = 1 << 1,
  TRUNCATED = 1 << 2,
  UNKNOWN_NAME = 1 << 3,
  OTHER_NAME = 1 << 4,
  UNKNOWN_KEY = 1 << 5,     /* the blob's own */
  UNKNOWN_VERSION = 1 << 6, /* the blob's own */
  SMALL_BUFFER = 1 << 7,
  BAD_COMMITMENT = 1 << 8,
  BAD_IV = 1 << 9,
  BAD_TAG = 1 << 10,
  LAST_MISTAKE = BAD_TAG
};

static kms_status_t decrypt(unsigned mistakes, uint32_t flags) {
  static const uint8_t wrong_iv[KMS_IV_SIZE] = {0};
  uint8_t bytes[WRAPPED_SIZE], plain_bytes[DATA_KEY_SIZE];
  kms_buffer_t plain =
      fresh_buffer(plain_bytes, mistakes & SMALL_BUFFER ? DATA_KEY_SIZE - 1 : DATA_KEY_SIZE);
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  kms_status_t status;
  memcpy(bytes, blob, sizeof bytes);
  if (mistakes & BAD_FORMAT)
    bytes[2] = 9;
  if (mistakes & UNKNOWN_KEY)
    memset(bytes + 4, 0x77, 16);
  if (mistakes & UNKNOWN_VERSION)
    bytes[20] = 0x7f;
  if (mistakes & BAD_COMMITMENT)
    bytes[24] ^= 1;
  if (mistakes & BAD_TAG)
    bytes[WRAPPED_SIZE - 1] ^= 1;
  request.ciphertext.data = bytes;
  request.ciphertext.len = mistakes & TRUNCATED ? 95 : sizeof bytes;
  if (mistakes & UNKNOWN_NAME)
    request.key_id = "no-such-key";
  else if (mistakes & OTHER_NAME)
    request.key_id = "key-2";
  if (mistakes & BAD_IV) {
    request.iv.data = wrong_iv;
    request.iv.len = sizeof wrong_iv;
  }
  request.flags = flags | (mistakes & BAD_FLAG ? 0x80000000u : 0);
  status = kms_decrypt(kms, &request, &plain, NULL, &err);
  CHECK(status == KMS_OK || untouched(plain_bytes, plain.capacity));
  return status;
}

/* What is told of these mistakes: that of the first of them, in the order of the design. */
static kms_status_t expected(unsigned mistakes) {
  if (mistakes & BAD_FLAG)
    return KMS_INVALID_ARGUMENT;
  if (mistakes & BAD_FORMAT) /* how long a newer format is we do not know */
    return KMS_UNSUPPORTED;
  if (mistakes & TRUNCATED)
    return KMS_INVALID_CIPHERTEXT;
  if (mistakes & UNKNOWN_NAME)
    return KMS_NOT_FOUND;
  if (mistakes & OTHER_NAME) /* the blob's own key is not looked up */
    return KMS_INCORRECT_KEY;
  if (mistakes & UNKNOWN_KEY)
    return KMS_NOT_FOUND;
  if (mistakes & UNKNOWN_VERSION) /* the key never had it: nobody made this blob */
    return KMS_INVALID_CIPHERTEXT;
  if (mistakes & SMALL_BUFFER)
    return KMS_BUFFER_TOO_SMALL;
  if (mistakes & (BAD_COMMITMENT | BAD_IV | BAD_TAG))
    return KMS_INVALID_CIPHERTEXT;
  return KMS_OK;
}

static void every_pair_of_mistakes(void) {
  unsigned first, second;
  CHECK_OK(decrypt(0, 0));
  for (first = 1; first <= LAST_MISTAKE; first <<= 1)
    for (second = first; second <= LAST_MISTAKE; second <<= 1)
      CHECK_STATUS(expected(first | second), decrypt(first | second, 0));
}

/* A dry run makes the same checks, but for the buffers, which it does not touch. */
static void every_mistake_of_a_dry_run(void) {
  unsigned mistake;
  CHECK_STATUS(KMS_DRY_RUN_OK, decrypt(0, KMS_DRY_RUN));
  for (mistake = 1; mistake <= LAST_MISTAKE; mistake <<= 1)
    if (mistake != SMALL_BUFFER)
      CHECK_STATUS(expected(mistake), decrypt(mistake, KMS_DRY_RUN));
}

static void one_message_for_all(void) {
  char first[sizeof err.message];
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, decrypt(BAD_TAG, 0));
  memcpy(first, err.message, sizeof first);
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, decrypt(BAD_IV, 0));
  CHECK(strcmp(err.message, first) == 0);
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, decrypt(BAD_COMMITMENT, 0));
  CHECK(strcmp(err.message, first) == 0);
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, decrypt(UNKNOWN_VERSION, 0));
  CHECK(strcmp(err.message, first) == 0);
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, decrypt(TRUNCATED, 0));
  CHECK(strcmp(err.message, first) == 0);
}

static kms_status_t generate(const kms_data_key_request_t *request, size_t capacity) {
  uint8_t bytes[WRAPPED_SIZE];
  kms_buffer_t wrapped = fresh_buffer(bytes, capacity);
  kms_status_t status = kms_generate_data_key(kms, request, NULL, &wrapped, NULL, NULL, &err);
  CHECK(status == KMS_OK || untouched(bytes, capacity));
  return status;
}

static void of_a_generation(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "no-such-key";
  request.number_of_bytes = 1025; /* an argument comes before the key */
  CHECK_STATUS(KMS_INVALID_ARGUMENT, generate(&request, 0));
  request.number_of_bytes = 0; /* the key before the buffers, and before what it cannot do */
  CHECK_STATUS(KMS_NOT_FOUND, generate(&request, 0));
  request.key_spec = KMS_KEY_SPEC_AES_256_HSM;
  CHECK_STATUS(KMS_NOT_FOUND, generate(&request, 0));
  request.key_id = "key-1";
  CHECK_STATUS(KMS_INVALID_KEY_USAGE, generate(&request, 0));
  request.key_spec = 0;
  request.version_id = "no-such-version"; /* the version before the buffers */
  CHECK_STATUS(KMS_NOT_FOUND, generate(&request, 0));
  CHECK(err.detail == KMS_DETAIL_VERSION);
  request.version_id = NULL;
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, generate(&request, WRAPPED_SIZE - 1));
  request.flags = KMS_DRY_RUN; /* which needs no buffers */
  CHECK_STATUS(KMS_DRY_RUN_OK, generate(&request, 0));
  request.version_id = "no-such-version";
  CHECK_STATUS(KMS_NOT_FOUND, generate(&request, 0));
}

int main(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  kms_buffer_t buffer = fresh_buffer(blob, sizeof blob);
  kms = open_test_store();
  request.key_id = "key-1";
  CHECK_OK(kms_generate_data_key(kms, &request, NULL, &buffer, NULL, NULL, &err));
  every_pair_of_mistakes();
  every_mistake_of_a_dry_run();
  one_message_for_all();
  of_a_generation();
  kms_close(kms);
  return check_result();
}
