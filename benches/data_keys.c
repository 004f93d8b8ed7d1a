/* What a data key costs through the C ABI, against the OpenSSL calls that it replaces: `make
 * bench`.
 *
 * Machines drift, so each contender runs once in each of many short rounds, and what counts is the
 * median of its rounds and the ratio to the others' in the same run. */
#include <kms.h>

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 41
#define CALLS 20000
#define BATCH 1000
#define AAD_SIZE 7 /* with the 57 bytes that a blob adds: 64 */

static kms_t *kms;
static char key_id[KMS_ID_SIZE];
static uint8_t aad[AAD_SIZE] = "orders";
static uint8_t blob[KMS_CIPHERTEXT_OVERHEAD + 32];
static EVP_CIPHER_CTX *reused;
static uint8_t openssl_key[32] = {1};

static void check(int ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
  }
}

static kms_data_key_request_t request(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = key_id;
  request.aad.data = aad;
  request.aad.len = sizeof aad;
  return request;
}

static void generate(void) {
  kms_data_key_request_t wanted = request();
  uint8_t key[32], iv[KMS_IV_SIZE];
  kms_buffer_t plaintext = {key, sizeof key, 0}, ciphertext = {blob, sizeof blob, 0},
               nonce = {iv, sizeof iv, 0};
  for (int i = 0; i < CALLS; i++)
    check(kms_generate_data_key(kms, &wanted, &plaintext, &ciphertext, &nonce, NULL, NULL) ==
              KMS_OK,
          "kms_generate_data_key");
}

static void generate_batch(void) {
  static uint8_t keys[BATCH * 32], blobs[BATCH * sizeof blob], ivs[BATCH * KMS_IV_SIZE];
  kms_data_key_request_t wanted = request();
  for (int i = 0; i < CALLS / BATCH; i++) {
    kms_column_t plaintexts = {keys, sizeof keys, 0, 0}, ciphertexts = {blobs, sizeof blobs, 0, 0};
    kms_column_t nonces = {ivs, sizeof ivs, 0, 0};
    check(kms_generate_data_keys(kms, &wanted, BATCH, &plaintexts, &ciphertexts, &nonces, NULL,
                                 NULL) == KMS_OK,
          "kms_generate_data_keys");
  }
}

static void decrypt(void) {
  kms_decrypt_request_t shown = KMS_DECRYPT_REQUEST_INIT;
  uint8_t key[32];
  kms_buffer_t plaintext = {key, sizeof key, 0};
  shown.ciphertext.data = blob;
  shown.ciphertext.len = sizeof blob;
  shown.aad = request().aad;
  for (int i = 0; i < CALLS; i++)
    check(kms_decrypt(kms, &shown, &plaintext, NULL, NULL) == KMS_OK, "kms_decrypt");
}

/* 32 random bytes for the key, 12 for the IV, AES-256-GCM over 32 bytes with 64 bytes of AAD; no
 * key management. */
static void openssl_seal(EVP_CIPHER_CTX *context) {
  uint8_t random[44], bound[64] = {0}, sealed[48];
  int len;
  check(RAND_bytes(random, sizeof random) == 1, "RAND_bytes");
  check(EVP_EncryptInit_ex(context, NULL, NULL, NULL, random + 32) == 1, "EVP_EncryptInit_ex");
  check(EVP_EncryptUpdate(context, NULL, &len, bound, sizeof bound) == 1, "EVP_EncryptUpdate");
  check(EVP_EncryptUpdate(context, sealed, &len, random, 32) == 1, "EVP_EncryptUpdate");
  check(EVP_EncryptFinal_ex(context, sealed + 32, &len) == 1, "EVP_EncryptFinal_ex");
  check(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, sealed + 32) == 1,
        "EVP_CIPHER_CTX_ctrl");
}

static void openssl_reused(void) {
  for (int i = 0; i < CALLS; i++)
    openssl_seal(reused);
}

static void openssl_fetched(void) {
  for (int i = 0; i < CALLS; i++) {
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    check(EVP_EncryptInit_ex(context, cipher, NULL, openssl_key, NULL) == 1, "EVP_EncryptInit_ex");
    openssl_seal(context);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
  }
}

struct contender {
  const char *name;
  void (*run)(void);
  double ns[ROUNDS];
};

static struct contender contenders[] = {
    {"OpenSSL RAND_bytes + EVP, context reused", openssl_reused, {0}},
    {"OpenSSL RAND_bytes + EVP, context fetched", openssl_fetched, {0}},
    {"kms_generate_data_key", generate, {0}},
    {"kms_generate_data_keys, each of 1000", generate_batch, {0}},
    {"kms_decrypt, recent batch", decrypt, {0}},
};
enum { CONTENDERS = sizeof contenders / sizeof *contenders };

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static double median(struct contender *contender) {
  qsort(contender->ns, ROUNDS, sizeof *contender->ns, ascending);
  return contender->ns[ROUNDS / 2];
}

int main(void) {
  static const uint8_t root_key[KMS_ROOT_KEY_SIZE] = {7};
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_info_t created = KMS_KEY_INFO_INIT;
  options.store = "memory:";
  options.root_key.data = root_key;
  options.root_key.len = sizeof root_key;
  options.flags = KMS_OPEN_CREATE;
  check(kms_open(&options, &kms, NULL) == KMS_OK, "kms_open");
  check(kms_create_key(kms, &create, &created, NULL) == KMS_OK, "kms_create_key");
  memcpy(key_id, created.key_id, sizeof key_id);
  reused = EVP_CIPHER_CTX_new();
  check(EVP_EncryptInit_ex(reused, EVP_aes_256_gcm(), NULL, openssl_key, NULL) == 1,
        "EVP_EncryptInit_ex");

  generate(); /* a blob to decrypt */
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < CONTENDERS; i++) {
      double start = now_ns();
      contenders[i].run();
      contenders[i].ns[round] = (now_ns() - start) / CALLS;
    }
    generate(); /* so that the blob is of a recent batch */
  }
  double base = median(&contenders[0]);
  printf("%-44s %8s  %s\n", "32-byte data key, 64 bytes of AAD", "ns", "ratio");
  for (int i = 0; i < CONTENDERS; i++) {
    double ns = i == 0 ? base : median(&contenders[i]);
    printf("%-44s %8.0f  %.2f\n", contenders[i].name, ns, ns / base);
  }
  EVP_CIPHER_CTX_free(reused);
  kms_close(kms);
  return 0;
}
