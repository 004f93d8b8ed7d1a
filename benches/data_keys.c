/* What a data key costs through the C ABI, against the cryptography alone of others: `make bench`.
 *
 * Machines drift, so each contender runs once in each of many short rounds, and what counts is the
 * median of its rounds and the ratio to the others' in the same run. It is the time of the
 * processor, so that what else runs on the machine weighs less; no contender waits for anything.
 *
 * Prints one line for each: name, TAB, nanoseconds of the median round. With one of the names in
 * hot[] and a number it makes so many calls and nothing else, for benches/report.py. */
#define _GNU_SOURCE
#include <kms.h>

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 41
#define CALLS 2000
#define BATCH 1000
#define KEYS 1000
#define COLD 512     /* ciphertexts of as many subkeys: more than are remembered */
#define AAD_SIZE 7   /* with the 57 bytes that a blob adds: 64 */
#define PAYLOAD 1024 /* bytes for kms_encrypt */

#define STATEMENT(principal, condition)                                                            \
  "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":"       \
  "\"000000000000\"},\"Action\":\"kms:*\",\"Resource\":\"*\"},{\"Effect\":\"Allow\","              \
  "\"Principal\":{\"AWS\":\"" principal "\"},\"Action\":\"kms:GenerateDataKey\",\"Resource\":"     \
  "\"*\"" condition "}]}"
#define TENANT "tenant-7"
#define IF_TENANT ",\"Condition\":{\"StringEquals\":{\"kms:EncryptionContext:tenant\":\"7\"}}"

static const uint8_t aad[AAD_SIZE] = "orders";
static const kms_context_entry_t context[] = {
    {"tenant", "7"}, {"purpose", "orders"}, {"table", "lines"}};
enum { PAIRS = sizeof context / sizeof *context };

/* A handle, the keys that are used in turn, and a wrapped data key to open. */
struct caller {
  kms_t *kms;
  char (*keys)[KMS_ID_SIZE];
  size_t keys_len;
  int with_context;
  uint8_t blob[KMS_CIPHERTEXT_OVERHEAD + 32];
};

static struct caller usual, many, in_context, system_rng, tenant, tenant_context, logged, counted;
static uint8_t cold_blobs[COLD][KMS_CIPHERTEXT_OVERHEAD + 32];
static EVP_CIPHER_CTX *reused;
static uint8_t openssl_key[32] = {1};

static void check(int ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
  }
}

static kms_data_key_request_t request(const struct caller *caller, size_t turn) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = caller->keys[turn % caller->keys_len];
  if (caller->with_context) {
    request.context = context;
    request.context_len = PAIRS;
  } else {
    request.aad.data = aad;
    request.aad.len = sizeof aad;
  }
  return request;
}

static void generate(void *of, size_t calls) {
  struct caller *caller = of;
  uint8_t key[32], iv[KMS_IV_SIZE];
  kms_buffer_t plaintext = {key, sizeof key, 0}, nonce = {iv, sizeof iv, 0},
               ciphertext = {caller->blob, sizeof caller->blob, 0};
  for (size_t i = 0; i < calls; i++) {
    kms_data_key_request_t wanted = request(caller, i);
    check(kms_generate_data_key(caller->kms, &wanted, &plaintext, &ciphertext, &nonce, NULL,
                                NULL) == KMS_OK,
          "kms_generate_data_key");
  }
}

static void generate_batch(void *of, size_t calls) {
  static uint8_t keys[BATCH * 32], blobs[BATCH * (KMS_CIPHERTEXT_OVERHEAD + 32)],
      ivs[BATCH * KMS_IV_SIZE];
  struct caller *caller = of;
  kms_data_key_request_t wanted = request(caller, 0);
  for (size_t i = 0; i < calls / BATCH; i++) {
    kms_column_t plaintexts = {keys, sizeof keys, 0, 0}, ciphertexts = {blobs, sizeof blobs, 0, 0};
    kms_column_t nonces = {ivs, sizeof ivs, 0, 0};
    check(kms_generate_data_keys(caller->kms, &wanted, BATCH, &plaintexts, &ciphertexts, &nonces,
                                 NULL, NULL) == KMS_OK,
          "kms_generate_data_keys");
  }
}

static void open_blobs(struct caller *caller, uint8_t (*blobs)[sizeof caller->blob], size_t count,
                       size_t calls) {
  kms_decrypt_request_t shown = KMS_DECRYPT_REQUEST_INIT;
  uint8_t key[32];
  kms_buffer_t plaintext = {key, sizeof key, 0};
  shown.ciphertext.len = sizeof caller->blob;
  shown.aad = request(caller, 0).aad;
  for (size_t i = 0; i < calls; i++) {
    shown.ciphertext.data = blobs[i % count];
    check(kms_decrypt(caller->kms, &shown, &plaintext, NULL, NULL) == KMS_OK, "kms_decrypt");
  }
}

static void decrypt(void *of, size_t calls) {
  struct caller *caller = of;
  open_blobs(caller, &caller->blob, 1, calls);
}

static void decrypt_cold(void *of, size_t calls) {
  open_blobs(of, cold_blobs, COLD, calls);
}

static void encrypt_bytes(struct caller *caller, size_t len, uint8_t *out, size_t capacity) {
  static const uint8_t payload[PAYLOAD];
  kms_encrypt_request_t wanted = KMS_ENCRYPT_REQUEST_INIT;
  kms_buffer_t ciphertext = {out, capacity, 0};
  wanted.key_id = caller->keys[0];
  wanted.plaintext.data = payload;
  wanted.plaintext.len = len;
  wanted.aad = request(caller, 0).aad;
  check(kms_encrypt(caller->kms, &wanted, &ciphertext, NULL, NULL, NULL) == KMS_OK, "kms_encrypt");
}

static void encrypt(void *of, size_t calls) {
  uint8_t out[PAYLOAD + KMS_CIPHERTEXT_OVERHEAD];
  for (size_t i = 0; i < calls; i++)
    encrypt_bytes(of, PAYLOAD, out, sizeof out);
}

/* 32 random bytes for the key, 12 for the IV, AES-256-GCM over 32 bytes with 64 bytes of AAD; no
 * key management. */
static void openssl_seal(EVP_CIPHER_CTX *cipher) {
  uint8_t random[44], bound[64] = {0}, sealed[48];
  int len;
  check(RAND_bytes(random, sizeof random) == 1, "RAND_bytes");
  check(EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, random + 32) == 1, "EVP_EncryptInit_ex");
  check(EVP_EncryptUpdate(cipher, NULL, &len, bound, sizeof bound) == 1, "EVP_EncryptUpdate");
  check(EVP_EncryptUpdate(cipher, sealed, &len, random, 32) == 1, "EVP_EncryptUpdate");
  check(EVP_EncryptFinal_ex(cipher, sealed + 32, &len) == 1, "EVP_EncryptFinal_ex");
  check(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, sealed + 32) == 1,
        "EVP_CIPHER_CTX_ctrl");
}

static void openssl_reused(void *of, size_t calls) {
  (void)of;
  for (size_t i = 0; i < calls; i++)
    openssl_seal(reused);
}

static void openssl_fetched(void *of, size_t calls) {
  (void)of;
  for (size_t i = 0; i < calls; i++) {
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    EVP_CIPHER_CTX *fetched = EVP_CIPHER_CTX_new();
    check(EVP_EncryptInit_ex(fetched, cipher, NULL, openssl_key, NULL) == 1, "EVP_EncryptInit_ex");
    openssl_seal(fetched);
    EVP_CIPHER_CTX_free(fetched);
    EVP_CIPHER_free(cipher);
  }
}

static double cpu_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

struct worker {
  struct caller *caller;
  pthread_barrier_t *start;
  double ns;
};

static void *work(void *of) {
  struct worker *worker = of;
  struct caller own = *worker->caller;
  generate(&own, 1);
  pthread_barrier_wait(worker->start);
  double start = cpu_ns();
  generate(&own, CALLS);
  worker->ns = (cpu_ns() - start) / CALLS;
  return NULL;
}

/* What one call takes while two threads make them. Without waiting, and without memory that both
 * write to, it is what it takes with one. */
static double in_two_threads(struct caller *caller) {
  pthread_barrier_t start;
  pthread_t threads[2];
  struct worker workers[2] = {{caller, &start, 0}, {caller, &start, 0}};
  pthread_barrier_init(&start, NULL, 2);
  for (int i = 0; i < 2; i++)
    check(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "pthread_create");
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&start);
  return (workers[0].ns + workers[1].ns) / 2;
}

/* A function of benches/rivals: so many data keys. */
static void rival(void *of, size_t calls) {
  void (*function)(size_t);
  memcpy(&function, &of, sizeof function);
  function(calls);
}

struct contender {
  const char *name;
  void (*run)(void *, size_t); /* NULL: in_two_threads */
  void *of;
  const char *symbol; /* of a rival */
  double ns[ROUNDS];
};

static struct contender contenders[] = {
    {"OpenSSL RAND_bytes + EVP, context reused", openssl_reused, NULL, NULL, {0}},
    {"OpenSSL RAND_bytes + EVP, context fetched", openssl_fetched, NULL, NULL, {0}},
    {"ring + ChaCha20 generator", rival, NULL, "rival_ring", {0}},
    {"aes-gcm + ChaCha20 generator", rival, NULL, "rival_aes_gcm", {0}},
    {"aes-gcm + getrandom", rival, NULL, "rival_aes_gcm_getrandom", {0}},
    {"kms_generate_data_key", generate, &usual, NULL, {0}},
    {"kms_generate_data_key, in each of two threads", NULL, &usual, NULL, {0}},
    {"kms_generate_data_key, 1,000 keys in turn", generate, &many, NULL, {0}},
    {"kms_generate_data_key, a context of 3 pairs", generate, &in_context, NULL, {0}},
    {"kms_generate_data_key, KMS_OPEN_SYSTEM_RNG", generate, &system_rng, NULL, {0}},
    {"kms_generate_data_key, principal and policy", generate, &tenant, NULL, {0}},
    {"kms_generate_data_key, policy on the context", generate, &tenant_context, NULL, {0}},
    {"kms_generate_data_key, audit log counts", generate, &counted, NULL, {0}},
    {"kms_generate_data_key, audit log of each", generate, &logged, NULL, {0}},
    {"kms_generate_data_keys, each of 1,000", generate_batch, &usual, NULL, {0}},
    {"kms_decrypt, recent batch", decrypt, &usual, NULL, {0}},
    {"kms_decrypt, subkey not known", decrypt_cold, &usual, NULL, {0}},
    {"kms_encrypt, 1 KiB", encrypt, &usual, NULL, {0}},
};
enum { CONTENDERS = sizeof contenders / sizeof *contenders };

static struct {
  const char *name;
  void (*run)(void *, size_t);
} hot[] = {
    {"generate", generate}, {"batch", generate_batch}, {"decrypt", decrypt}, {"encrypt", encrypt}};

/* A store in memory of its own, with an audit log if `log` says where. */
static kms_t *open_store(uint32_t flags, const char *log, uint32_t data) {
  static const uint8_t root_key[KMS_ROOT_KEY_SIZE] = {7};
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_error_t error;
  kms_t *kms = NULL;
  options.store = "memory:";
  options.root_key.data = root_key;
  options.root_key.len = sizeof root_key;
  options.flags = KMS_OPEN_CREATE | flags;
  options.audit_log = log;
  options.audit_data = log ? data : 0;
  check(kms_open(&options, &kms, &error) == KMS_OK, "kms_open");
  return kms;
}

static struct caller caller_of(kms_t *kms, size_t keys, const char *policy) {
  struct caller caller = {kms, calloc(keys, KMS_ID_SIZE), keys, 0, {0}};
  check(caller.keys != NULL, "calloc");
  for (size_t i = 0; i < keys; i++) {
    kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
    kms_key_info_t created = KMS_KEY_INFO_INIT;
    create.policy = policy;
    check(kms_create_key(kms, &create, &created, NULL) == KMS_OK, "kms_create_key");
    memcpy(caller.keys[i], created.key_id, sizeof caller.keys[i]);
  }
  return caller;
}

static struct caller tenant_of(kms_t *root, const char *policy) {
  struct caller caller = caller_of(root, 1, policy);
  kms_principal_options_t options = KMS_PRINCIPAL_OPTIONS_INIT;
  options.principal = TENANT;
  check(kms_as_principal(root, &options, &caller.kms, NULL) == KMS_OK, "kms_as_principal");
  return caller;
}

static void set_up(const char *directory) {
  char log[4096];
  kms_t *root = open_store(0, NULL, 0);
  usual = caller_of(root, 1, NULL);
  many = caller_of(root, KEYS, NULL);
  in_context = caller_of(root, 1, NULL);
  in_context.with_context = 1;
  tenant = tenant_of(root, STATEMENT(TENANT, ""));
  tenant_context = tenant_of(root, STATEMENT(TENANT, IF_TENANT));
  tenant_context.with_context = 1;
  system_rng = caller_of(open_store(KMS_OPEN_SYSTEM_RNG, NULL, 0), 1, NULL);
  if (directory) {
    snprintf(log, sizeof log, "%s/all.log", directory);
    logged = caller_of(open_store(0, log, KMS_AUDIT_DATA_ALL), 1, NULL);
    snprintf(log, sizeof log, "%s/counted.log", directory);
    counted = caller_of(open_store(0, log, KMS_AUDIT_DATA_COUNTED), 1, NULL);
  }
  reused = EVP_CIPHER_CTX_new();
  check(EVP_EncryptInit_ex(reused, EVP_aes_256_gcm(), NULL, openssl_key, NULL) == 1,
        "EVP_EncryptInit_ex");
  /* Each payload has a subkey of its own. */
  for (size_t i = 0; i < COLD; i++)
    encrypt_bytes(&usual, 32, cold_blobs[i], sizeof cold_blobs[i]);
  generate(&usual, 1);
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static double round_of(const struct contender *contender) {
  if (!contender->run)
    return in_two_threads(contender->of);
  /* So that what there is to open is of a recent batch. */
  generate(&usual, 1);
  double start = cpu_ns();
  contender->run(contender->of, CALLS);
  return (cpu_ns() - start) / CALLS;
}

/* Usage: data_keys [RIVALS_LIBRARY DIRECTORY_FOR_LOGS], or data_keys NAME CALLS. */
int main(int argc, char **argv) {
  for (size_t i = 0; argc == 3 && i < sizeof hot / sizeof *hot; i++) {
    if (strcmp(argv[1], hot[i].name) == 0) {
      set_up(NULL);
      hot[i].run(&usual, strtoul(argv[2], NULL, 10));
      return 0;
    }
  }
  set_up(argc == 3 ? argv[2] : NULL);
  void *rivals = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
  for (int i = 0; i < CONTENDERS; i++) {
    struct contender *contender = &contenders[i];
    if (contender->symbol)
      contender->of = rivals ? dlsym(rivals, contender->symbol) : NULL;
  }
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < CONTENDERS; i++) {
      struct caller *caller = contenders[i].of;
      if (contenders[i].symbol ? caller != NULL : !caller || caller->kms)
        contenders[i].ns[round] = round_of(&contenders[i]);
    }
  }
  for (int i = 0; i < CONTENDERS; i++) {
    qsort(contenders[i].ns, ROUNDS, sizeof(double), ascending);
    if (contenders[i].ns[ROUNDS / 2] > 0)
      printf("%s\t%.0f\n", contenders[i].name, contenders[i].ns[ROUNDS / 2]);
  }
  return 0;
}
