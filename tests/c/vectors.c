/* The vectors of tests/vectors in C: ciphertexts through the library, and all of them with
 * OpenSSL's libcrypto alone, written from docs/format.md. tests/vectors.rs makes vectors.h of the
 * JSON files. */
#include <openssl/evp.h>

#include "check.h"

typedef struct vector_key {
  kms_bytes_t material, key_uuid;
  uint32_t version;
} vector_key_t;

typedef struct vector_case {
  const char *name;
  kms_status_t status;
  int key; /* the key that it is made with, or that a refusal's request names; -1 = none */
  kms_bytes_t blob, aad, iv;
  kms_bytes_t encoded, plaintext; /* not of a refusal */
  const kms_context_entry_t *context;
  size_t context_len;
} vector_case_t;

typedef struct vector_xaes {
  kms_bytes_t key, nonce, derived_key, plaintext, aad, ciphertext;
} vector_xaes_t;

#include "vectors.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TAG 16

static int equal(const uint8_t *data, size_t len, kms_bytes_t expected) {
  return len == expected.len && (len == 0 || memcmp(data, expected.data, len) == 0);
}

static void aes256(const uint8_t key[32], const uint8_t in[16], uint8_t out[16]) {
  EVP_CIPHER_CTX *aes = EVP_CIPHER_CTX_new();
  int len = 0;
  if (aes == NULL || EVP_EncryptInit_ex(aes, EVP_aes_256_ecb(), NULL, key, NULL) != 1 ||
      EVP_EncryptUpdate(aes, out, &len, in, 16) != 1 || len != 16)
    exit(EXIT_FAILURE);
  EVP_CIPHER_CTX_free(aes);
}

/* 32 bytes of the KBKDF in counter mode with CMAC-AES256 (NIST SP 800-108r1 clause 4.1). Its
 * messages are one whole block, so CMAC needs its first subkey only. */
static void kbkdf(const uint8_t key[32], uint8_t label, const uint8_t context[12],
                  uint8_t out[32]) {
  static const uint8_t zeros[16] = {0};
  uint8_t subkey[16], block[16], first;
  int counter, i;
  aes256(key, zeros, subkey);
  first = subkey[0];
  for (i = 0; i < 15; i++)
    subkey[i] = (uint8_t)(subkey[i] << 1 | subkey[i + 1] >> 7);
  subkey[15] = (uint8_t)(subkey[15] << 1 ^ (first & 0x80 ? 0x87 : 0));
  for (counter = 1; counter <= 2; counter++) {
    block[0] = 0;
    block[1] = (uint8_t)counter;
    block[2] = label;
    block[3] = 0;
    memcpy(block + 4, context, 12);
    for (i = 0; i < 16; i++)
      block[i] ^= subkey[i];
    aes256(key, block, out + 16 * (counter - 1));
  }
}

static void derive_subkey(const uint8_t key[32], const uint8_t n1[12], uint8_t out[32]) {
  kbkdf(key, 0x58, n1, out);
}

/* AES-256-GCM; out has TAG bytes more than in. */
static void gcm_seal(const uint8_t key[32], const uint8_t iv[12], kms_bytes_t aad, kms_bytes_t in,
                     uint8_t *out) {
  EVP_CIPHER_CTX *gcm = EVP_CIPHER_CTX_new();
  int len = 0;
  if (gcm == NULL || EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, iv) != 1 ||
      EVP_EncryptUpdate(gcm, NULL, &len, aad.data, (int)aad.len) != 1 ||
      (in.len > 0 && EVP_EncryptUpdate(gcm, out, &len, in.data, (int)in.len) != 1) ||
      EVP_EncryptFinal_ex(gcm, out + in.len, &len) != 1 ||
      EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_GET_TAG, TAG, out + in.len) != 1)
    exit(EXIT_FAILURE);
  EVP_CIPHER_CTX_free(gcm);
}

static kms_bytes_t bytes_of(const uint8_t *data, size_t len) {
  kms_bytes_t bytes;
  bytes.data = data;
  bytes.len = len;
  return bytes;
}

static void xaes_cases(void) {
  uint8_t subkey[32], sealed[1024];
  size_t i;
  for (i = 0; i < COUNT(vector_xaes); i++) {
    const vector_xaes_t *vector = &vector_xaes[i];
    derive_subkey(vector->key.data, vector->nonce.data, subkey);
    CHECK(equal(subkey, sizeof subkey, vector->derived_key));
    gcm_seal(subkey, vector->nonce.data + 12, vector->aad, vector->plaintext, sealed);
    CHECK(equal(sealed, vector->plaintext.len + TAG, vector->ciphertext));
  }
}

/* The specification's accumulated test: inputs out of one SHAKE-128, ciphertexts into another. */
static void xaes_accumulated(void) {
  static uint8_t inputs[10000 * (32 + 24 + 1 + 255 + 1 + 255)];
  EVP_MD_CTX *source = EVP_MD_CTX_new(), *hash = EVP_MD_CTX_new();
  uint8_t subkey[32], sealed[255 + TAG], digest[32];
  const uint8_t *at = inputs;
  int step;
  if (source == NULL || hash == NULL || EVP_DigestInit_ex(source, EVP_shake128(), NULL) != 1 ||
      EVP_DigestFinalXOF(source, inputs, sizeof inputs) != 1 ||
      EVP_DigestInit_ex(hash, EVP_shake128(), NULL) != 1)
    exit(EXIT_FAILURE);
  for (step = 0; step < 10000; step++) {
    const uint8_t *key = at, *nonce = at + 32, *plaintext = at + 57;
    const uint8_t *aad = plaintext + plaintext[-1] + 1;
    at = aad + aad[-1];
    derive_subkey(key, nonce, subkey);
    gcm_seal(subkey, nonce + 12, bytes_of(aad, aad[-1]), bytes_of(plaintext, plaintext[-1]),
             sealed);
    if (EVP_DigestUpdate(hash, sealed, (size_t)plaintext[-1] + TAG) != 1)
      exit(EXIT_FAILURE);
  }
  CHECK(EVP_DigestFinalXOF(hash, digest, sizeof digest) == 1);
  CHECK(equal(digest, sizeof digest, vector_accumulated));
  EVP_MD_CTX_free(source);
  EVP_MD_CTX_free(hash);
}

static kms_t *open_with_keys(void) {
  kms_t *kms = open_test_store();
  size_t i;
  for (i = 0; i < COUNT(vector_keys); i++) {
    kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
    kms_import_request_t import = KMS_IMPORT_REQUEST_INIT;
    char key_id[16];
    snprintf(key_id, sizeof key_id, "vector-%d", (int)i);
    create.key_id = import.key_id = key_id;
    create.origin = KMS_ORIGIN_EXTERNAL;
    create.key_uuid = vector_keys[i].key_uuid;
    import.material = vector_keys[i].material;
    import.version_number = vector_keys[i].version;
    CHECK_OK(kms_create_key(kms, &create, NULL, &err));
    CHECK_OK(kms_import_key_material(kms, &import, NULL, &err));
  }
  return kms;
}

/* `fully` names the key and the IV too. */
static void by_the_library(kms_t *kms, const vector_case_t *vector, int fully) {
  static uint8_t place[KMS_MAX_PAYLOAD_SIZE];
  kms_buffer_t plaintext = fresh_buffer(place, sizeof place);
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  char key_id[16];
  request.ciphertext = vector->blob;
  request.aad = vector->aad;
  request.context = vector->context;
  request.context_len = vector->context_len;
  if (fully) {
    request.iv = vector->iv;
    snprintf(key_id, sizeof key_id, "vector-%d", vector->key);
    request.key_id = vector->key < 0 ? NULL : key_id;
  }
  if (!CHECK_STATUS(vector->status, kms_decrypt(kms, &request, &plaintext, NULL, &err)))
    printf("of vector: %s\n", vector->name);
  if (vector->status == KMS_OK)
    CHECK(equal(place, plaintext.len, vector->plaintext));
  else
    CHECK(buffer_untouched(&plaintext));
}

/* Makes the ciphertext anew from its parts, as docs/format.md says. */
static void by_the_format(const vector_case_t *vector) {
  static const uint8_t zeros[12] = {0};
  static uint8_t made[KMS_MAX_CIPHERTEXT_SIZE], aad[56 + 1 + KMS_MAX_CONTEXT_SIZE];
  const vector_key_t *key = &vector_keys[vector->key];
  const uint8_t *n1 = vector->blob.data + 56;
  uint8_t subkey[32];
  int i;
  memcpy(made, "KM\1\1", 4);
  memcpy(made + 4, key->key_uuid.data, 16);
  for (i = 0; i < 4; i++)
    made[20 + i] = (uint8_t)(key->version >> (24 - 8 * i));
  kbkdf(key->material.data, 0x43, zeros, made + 24);
  memcpy(made + 56, n1, 24);
  memcpy(aad, made, 56);
  memcpy(aad + 56, vector->encoded.data, vector->encoded.len);
  derive_subkey(key->material.data, n1, subkey);
  gcm_seal(subkey, n1 + 12, bytes_of(aad, 56 + vector->encoded.len), vector->plaintext, made + 80);
  CHECK(equal(made, vector->plaintext.len + KMS_CIPHERTEXT_OVERHEAD, vector->blob));
}

int main(void) {
  kms_t *kms = open_with_keys();
  size_t i;
  for (i = 0; i < COUNT(vector_cases); i++) {
    const vector_case_t *vector = &vector_cases[i];
    by_the_library(kms, vector, 1);
    if (vector->status == KMS_OK) {
      by_the_library(kms, vector, 0);
      by_the_format(vector);
    }
  }
  kms_close(kms);
  xaes_cases();
  xaes_accumulated();
  return check_result();
}
