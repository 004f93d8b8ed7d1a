/* Ciphertexts of material that is known, by every operation that makes one. Each is printed as a
 * line of JSON, for another implementation of the format to open: tests/vectors.rs has Python's do
 * it. */
#include "check.h"

static const uint8_t material[32] = {7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5, 2,
                                     3, 5, 3, 6, 0, 2, 8, 7, 4, 7, 1, 3, 5, 2, 6, 6};
static const kms_context_entry_t context[] = {{"tenant", "7"}, {"caf\xc3\xa9", ""}};
#define CONTEXT_JSON "{\"caf\xc3\xa9\": \"\", \"tenant\": \"7\"}"
#define MANY 5
#define DATA_KEY 32
#define WRAPPED (DATA_KEY + KMS_CIPHERTEXT_OVERHEAD)

static kms_t *kms;

static void print_hex(const char *name, const uint8_t *data, size_t len) {
  size_t i;
  printf("\"%s\": \"", name);
  for (i = 0; i < len; i++)
    printf("%02x", data[i]);
  printf("\", ");
}

static void show(const uint8_t *blob, const uint8_t *plaintext, size_t len, kms_bytes_t aad,
                 const char *context_json) {
  printf("{");
  print_hex("material", material, sizeof material);
  print_hex("blob", blob, len + KMS_CIPHERTEXT_OVERHEAD);
  print_hex("plaintext", plaintext, len);
  print_hex("aad", aad.data, aad.len);
  printf("\"context\": %s}\n", context_json);
}

static kms_data_key_request_t data_key_request(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "known";
  return request;
}

static void data_keys(void) {
  static uint8_t plain[MANY * DATA_KEY], wrapped[MANY * WRAPPED];
  const kms_bytes_t no_aad = {NULL, 0};
  kms_data_key_request_t request = data_key_request();
  kms_buffer_t plaintext = fresh_buffer(plain, sizeof plain);
  kms_buffer_t ciphertext = fresh_buffer(wrapped, sizeof wrapped);
  kms_column_t plaintexts = {plain, sizeof plain, 0, 0},
               ciphertexts = {wrapped, sizeof wrapped, 0, 0};
  size_t i;
  CHECK_OK(kms_generate_data_key(kms, &request, &plaintext, &ciphertext, NULL, NULL, &err));
  show(wrapped, plain, plaintext.len, no_aad, "{}");
  request.context = context;
  request.context_len = 2;
  CHECK_OK(
      kms_generate_data_keys(kms, &request, MANY, &plaintexts, &ciphertexts, NULL, NULL, &err));
  for (i = 0; i < MANY; i++)
    show(wrapped + i * WRAPPED, plain + i * DATA_KEY, DATA_KEY, no_aad, CONTEXT_JSON);
}

static void payloads(void) {
  static const uint8_t text[] = "what is encrypted, and what it is encrypted again from";
  static const size_t lens[] = {0, 1, 16, sizeof text};
  const kms_bytes_t aad = {text, 9}, no_aad = {NULL, 0};
  uint8_t sealed[sizeof text + KMS_CIPHERTEXT_OVERHEAD], moved[sizeof sealed];
  size_t i;
  for (i = 0; i < sizeof lens / sizeof lens[0]; i++) {
    kms_encrypt_request_t encrypt = KMS_ENCRYPT_REQUEST_INIT;
    kms_re_encrypt_request_t move = KMS_RE_ENCRYPT_REQUEST_INIT;
    kms_buffer_t ciphertext = fresh_buffer(sealed, sizeof sealed);
    kms_buffer_t again = fresh_buffer(moved, sizeof moved);
    encrypt.key_id = "known";
    encrypt.plaintext.data = text;
    encrypt.plaintext.len = lens[i];
    encrypt.aad = aad;
    CHECK_OK(kms_encrypt(kms, &encrypt, &ciphertext, NULL, NULL, &err));
    show(sealed, text, lens[i], aad, "{}");
    move.ciphertext.data = sealed;
    move.ciphertext.len = ciphertext.len;
    move.source_aad = aad;
    move.destination_key_id = "known";
    move.destination_context = context;
    move.destination_context_len = 2;
    CHECK_OK(kms_re_encrypt(kms, &move, &again, NULL, NULL, NULL, &err));
    show(moved, text, lens[i], no_aad, CONTEXT_JSON);
  }
}

int main(void) {
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_import_request_t import = KMS_IMPORT_REQUEST_INIT;
  kms = open_test_store();
  create.key_id = import.key_id = "known";
  create.origin = KMS_ORIGIN_EXTERNAL;
  import.material.data = material;
  import.material.len = sizeof material;
  import.version_number = 3;
  CHECK_OK(kms_create_key(kms, &create, NULL, &err));
  CHECK_OK(kms_import_key_material(kms, &import, NULL, &err));
  data_keys();
  payloads();
  kms_close(kms);
  return check_result();
}
