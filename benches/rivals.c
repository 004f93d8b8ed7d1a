/* Data keys without key management, as C programs make them: OpenSSL and libsodium. Those in Rust
 * are in the folder rivals/. */
#include "bench.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY = 32, IV = 12, TAG = 16 };

static const unsigned char key[KEY] = {1};
static const unsigned char bound[64];
static EVP_CIPHER_CTX *reused;
static crypto_aead_aes256gcm_state expanded;

void check(int ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
  }
}

void set_up_rivals(void) {
  reused = EVP_CIPHER_CTX_new();
  check(EVP_EncryptInit_ex(reused, EVP_aes_256_gcm(), NULL, key, NULL) == 1, "EVP_EncryptInit_ex");
  check(sodium_init() >= 0 && crypto_aead_aes256gcm_is_available(), "libsodium's AES-256-GCM");
  crypto_aead_aes256gcm_beforenm(&expanded, key);
}

static void openssl_seal(EVP_CIPHER_CTX *cipher) {
  unsigned char random[KEY + IV], sealed[KEY + TAG];
  int len;
  check(RAND_bytes(random, sizeof random) == 1, "RAND_bytes");
  check(EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, random + KEY) == 1, "EVP_EncryptInit_ex");
  check(EVP_EncryptUpdate(cipher, NULL, &len, bound, sizeof bound) == 1, "EVP_EncryptUpdate");
  check(EVP_EncryptUpdate(cipher, sealed, &len, random, KEY) == 1, "EVP_EncryptUpdate");
  check(EVP_EncryptFinal_ex(cipher, sealed + KEY, &len) == 1, "EVP_EncryptFinal_ex");
  check(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG, sealed + KEY) == 1,
        "EVP_CIPHER_CTX_ctrl");
}

void openssl_reused(void *unused, size_t calls) {
  (void)unused;
  for (size_t i = 0; i < calls; i++)
    openssl_seal(reused);
}

void openssl_fetched(void *unused, size_t calls) {
  (void)unused;
  for (size_t i = 0; i < calls; i++) {
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *fetched = EVP_CIPHER_CTX_new();
    check(EVP_EncryptInit_ex(fetched, cipher, NULL, key, NULL) == 1, "EVP_EncryptInit_ex");
    openssl_seal(fetched);
    EVP_CIPHER_CTX_free(fetched);
    EVP_CIPHER_free(cipher);
  }
}

void libsodium(void *unused, size_t calls) {
  (void)unused;
  for (size_t i = 0; i < calls; i++) {
    unsigned char random[KEY + IV], sealed[KEY + TAG];
    unsigned long long len;
    randombytes_buf(random, sizeof random);
    check(crypto_aead_aes256gcm_encrypt_afternm(sealed, &len, random, KEY, bound, sizeof bound,
                                                NULL, random + KEY, &expanded) == 0,
          "crypto_aead_aes256gcm_encrypt_afternm");
  }
}
