/* What a data key costs through the C ABI, against the cryptography alone of others: `make bench`.
 *
 * Machines drift, so each contender runs once in each of many short rounds, and what counts are the
 * medians of its rounds' times and of their ratios to the first contender's in the same round. It
 * is the time of the processor, so that what else runs on the machine weighs less; what threads get
 * done together is measured by the clock.
 *
 * Prints lines for benches/report.py, of fields between TABs: "row", name, ns, ratio; "threads",
 * their number, data keys per second, ratio to one thread's, ns of processor time for each. With
 * one of the names in hot[] and a number it makes so many calls and nothing else. */
#define _GNU_SOURCE
#include "bench.h"

#include <dlfcn.h>
#include <kms.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 41
#define CALLS 2000
#define BATCH 1000
#define KEYS 1000
#define HOT 10000      /* of a store with STORED keys */
#define STORED 1000000 /* as benches/scale.rs makes it */
#define STRIDE 7919    /* has no factor in common with STORED */
#define THREADS 8
#define THREAD_ROUNDS 11
/* Some 50 ms: what is over in a few is over before the threads are on processors of their own. */
#define THREAD_CALLS 200000
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
  size_t turn; /* goes on from round to round */
  int with_context;
  uint8_t blob[KMS_CIPHERTEXT_OVERHEAD + 32];
};

static struct caller usual, many, one_stored, hot_stored, cold_stored, in_context, system_rng,
    tenant, tenant_context, logged, counted;
static uint8_t cold_blobs[COLD][KMS_CIPHERTEXT_OVERHEAD + 32];

static kms_data_key_request_t request(const struct caller *caller) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = caller->keys[caller->turn % caller->keys_len];
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
    kms_data_key_request_t wanted = request(caller);
    caller->turn++;
    check(kms_generate_data_key(caller->kms, &wanted, &plaintext, &ciphertext, &nonce, NULL,
                                NULL) == KMS_OK,
          "kms_generate_data_key");
  }
}

/* Each under a key of the store that no call has used yet. */
static void generate_cold(void *of, size_t calls) {
  static size_t used;
  struct caller *caller = of;
  for (size_t i = 0; i < calls; i++) {
    used++;
    snprintf(caller->keys[0], KMS_ID_SIZE, "key-%07zu", used * STRIDE % STORED);
    generate(caller, 1);
  }
}

static void generate_batch(void *of, size_t calls) {
  static uint8_t keys[BATCH * 32], blobs[BATCH * (KMS_CIPHERTEXT_OVERHEAD + 32)],
      ivs[BATCH * KMS_IV_SIZE];
  struct caller *caller = of;
  kms_data_key_request_t wanted = request(caller);
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
  shown.aad = request(caller).aad;
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
  wanted.aad = request(caller).aad;
  check(kms_encrypt(caller->kms, &wanted, &ciphertext, NULL, NULL, NULL) == KMS_OK, "kms_encrypt");
}

static void encrypt(void *of, size_t calls) {
  uint8_t out[PAYLOAD + KMS_CIPHERTEXT_OVERHEAD];
  for (size_t i = 0; i < calls; i++)
    encrypt_bytes(of, PAYLOAD, out, sizeof out);
}

static double cpu_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static double clock_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

struct worker {
  struct caller caller;
  pthread_barrier_t *go;
  size_t calls;
  double cpu, start, end;
};

static void *work(void *of) {
  struct worker *worker = of;
  generate(&worker->caller, 1);
  pthread_barrier_wait(worker->go);
  worker->start = clock_ns();
  double before = cpu_ns();
  generate(&worker->caller, worker->calls);
  worker->cpu = cpu_ns() - before;
  worker->end = clock_ns();
  return NULL;
}

static void in_threads(struct caller *caller, size_t threads, size_t calls,
                       struct worker *workers) {
  pthread_barrier_t go;
  pthread_t ids[THREADS];
  pthread_barrier_init(&go, NULL, (unsigned)threads);
  for (size_t i = 0; i < threads; i++) {
    workers[i] = (struct worker){*caller, &go, calls, 0, 0, 0};
    check(pthread_create(&ids[i], NULL, work, &workers[i]) == 0, "pthread_create");
  }
  for (size_t i = 0; i < threads; i++)
    pthread_join(ids[i], NULL);
  pthread_barrier_destroy(&go);
}

/* What one call takes while two threads make them. Without waiting, and without memory that both
 * write to, it is what it takes with one. */
static double in_two_threads(struct caller *caller) {
  struct worker workers[2];
  in_threads(caller, 2, CALLS, workers);
  return (workers[0].cpu + workers[1].cpu) / (2 * CALLS);
}

/* By the clock: data keys in a second, of so many threads together. Gives the processor's
 * nanoseconds for each as well, which stay what they are if threads do not hinder each other. */
static double per_second(struct caller *caller, size_t threads, double *cpu_each) {
  struct worker workers[THREADS];
  double cpu = 0;
  in_threads(caller, threads, THREAD_CALLS, workers);
  double start = workers[0].start, end = workers[0].end;
  for (size_t i = 1; i < threads; i++) {
    start = workers[i].start < start ? workers[i].start : start;
    end = workers[i].end > end ? workers[i].end : end;
  }
  for (size_t i = 0; i < threads; i++)
    cpu += workers[i].cpu;
  *cpu_each = cpu / (double)(threads * THREAD_CALLS);
  return (double)(threads * THREAD_CALLS) / (end - start) * 1e9;
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
  double ns[ROUNDS], ratio[ROUNDS];
};

static struct contender contenders[] = {
    {"OpenSSL RAND_bytes + EVP, context reused", openssl_reused, NULL, NULL, {0}, {0}},
    {"OpenSSL RAND_bytes + EVP, context fetched", openssl_fetched, NULL, NULL, {0}, {0}},
    {"ring + ChaCha20 generator", rival, NULL, "rival_ring", {0}, {0}},
    {"aws-lc-rs + ChaCha20 generator", rival, NULL, "rival_aws_lc", {0}, {0}},
    {"aws-lc-rs + its own generator", rival, NULL, "rival_aws_lc_own", {0}, {0}},
    {"aes-gcm + ChaCha20 generator", rival, NULL, "rival_aes_gcm", {0}, {0}},
    {"aes-gcm + getrandom", rival, NULL, "rival_aes_gcm_getrandom", {0}, {0}},
    {"libsodium + randombytes_buf", libsodium, NULL, NULL, {0}, {0}},
    {"SoftHSM2 C_GenerateRandom + C_Encrypt", rival, NULL, "rival_softhsm", {0}, {0}},
    {"kms_generate_data_key", generate, &usual, NULL, {0}, {0}},
    {"kms_generate_data_key, in each of two threads", NULL, &usual, NULL, {0}, {0}},
    {"kms_generate_data_key, 1,000 keys in turn", generate, &many, NULL, {0}, {0}},
    {"kms_generate_data_key, one of 1,000,000 keys", generate, &one_stored, NULL, {0}, {0}},
    {"kms_generate_data_key, 10,000 of 1,000,000 keys", generate, &hot_stored, NULL, {0}, {0}},
    {"kms_generate_data_key, a key not in memory", generate_cold, &cold_stored, NULL, {0}, {0}},
    {"kms_generate_data_key, a context of 3 pairs", generate, &in_context, NULL, {0}, {0}},
    {"kms_generate_data_key, KMS_OPEN_SYSTEM_RNG", generate, &system_rng, NULL, {0}, {0}},
    {"kms_generate_data_key, principal and policy", generate, &tenant, NULL, {0}, {0}},
    {"kms_generate_data_key, policy on the context", generate, &tenant_context, NULL, {0}, {0}},
    {"kms_generate_data_key, audit log counts", generate, &counted, NULL, {0}, {0}},
    {"kms_generate_data_key, audit log of each", generate, &logged, NULL, {0}, {0}},
    {"kms_generate_data_keys, each of 1,000", generate_batch, &usual, NULL, {0}, {0}},
    {"kms_decrypt, recent batch", decrypt, &usual, NULL, {0}, {0}},
    {"kms_decrypt, subkey not known", decrypt_cold, &usual, NULL, {0}, {0}},
    {"kms_encrypt, 1 KiB", encrypt, &usual, NULL, {0}, {0}},
};
enum { CONTENDERS = sizeof contenders / sizeof *contenders };

static struct {
  const char *name;
  void (*run)(void *, size_t);
} hot[] = {
    {"generate", generate}, {"batch", generate_batch}, {"decrypt", decrypt}, {"encrypt", encrypt}};

static kms_t *open_with(kms_open_options_t options, uint8_t root_byte) {
  uint8_t root_key[KMS_ROOT_KEY_SIZE];
  kms_error_t error;
  kms_t *kms = NULL;
  memset(root_key, root_byte, sizeof root_key);
  options.root_key.data = root_key;
  options.root_key.len = sizeof root_key;
  check(kms_open(&options, &kms, &error) == KMS_OK, options.store);
  return kms;
}

/* A store in memory of its own, with an audit log if `log` says where. */
static kms_t *open_store(uint32_t flags, const char *log, uint32_t data) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  options.store = "memory:";
  options.flags = KMS_OPEN_CREATE | flags;
  options.audit_log = log;
  options.audit_data = log ? data : 0;
  return open_with(options, 7);
}

static struct caller caller_of(kms_t *kms, size_t keys, const char *policy) {
  struct caller caller = {kms, calloc(keys, KMS_ID_SIZE), keys, 0, 0, {0}};
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

/* Keys of a store that benches/scale.rs made. */
static struct caller stored(kms_t *kms, size_t keys) {
  struct caller caller = {kms, calloc(keys, KMS_ID_SIZE), keys, 0, 0, {0}};
  check(caller.keys != NULL, "calloc");
  for (size_t i = 0; i < keys; i++)
    snprintf(caller.keys[i], KMS_ID_SIZE, "key-%07zu", i * STRIDE % STORED);
  return caller;
}

static void set_up_stored(const char *path) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  char uri[4096];
  snprintf(uri, sizeof uri, "sqlite:%s", path);
  options.store = uri;
  kms_t *kms = open_with(options, 0x5a);
  one_stored = stored(kms, 1);
  hot_stored = stored(kms, HOT);
  cold_stored = stored(open_with(options, 0x5a), 1);
  generate(&hot_stored, HOT);
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
  /* Each payload has a subkey of its own. */
  for (size_t i = 0; i < COLD; i++)
    encrypt_bytes(&usual, 32, cold_blobs[i], sizeof cold_blobs[i]);
  generate(&usual, 1);
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

static double median(double *values, size_t count) {
  qsort(values, count, sizeof *values, ascending);
  return values[count / 2];
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

static void print_rows(void) {
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < CONTENDERS; i++) {
      contenders[i].ns[round] = round_of(&contenders[i]);
      contenders[i].ratio[round] = contenders[i].ns[round] / contenders[0].ns[round];
    }
  }
  for (int i = 0; i < CONTENDERS; i++)
    printf("row\t%s\t%.0f\t%.3f\n", contenders[i].name, median(contenders[i].ns, ROUNDS),
           median(contenders[i].ratio, ROUNDS));
}

static void print_threads(void) {
  static double rates[THREADS + 1][THREAD_ROUNDS], ratios[THREADS + 1][THREAD_ROUNDS],
      each[THREADS + 1][THREAD_ROUNDS];
  for (int round = 0; round < THREAD_ROUNDS; round++) {
    for (size_t threads = 1; threads <= THREADS; threads++) {
      rates[threads][round] = per_second(&usual, threads, &each[threads][round]);
      ratios[threads][round] = rates[threads][round] / rates[1][round];
    }
  }
  for (size_t threads = 1; threads <= THREADS; threads++)
    printf("threads\t%zu\t%.0f\t%.3f\t%.0f\n", threads, median(rates[threads], THREAD_ROUNDS),
           median(ratios[threads], THREAD_ROUNDS), median(each[threads], THREAD_ROUNDS));
}

/* Usage: data_keys RIVALS_LIBRARY DIRECTORY_FOR_LOGS STORE, or data_keys NAME CALLS. */
int main(int argc, char **argv) {
  for (size_t i = 0; argc == 3 && i < sizeof hot / sizeof *hot; i++) {
    if (strcmp(argv[1], hot[i].name) == 0) {
      set_up(NULL);
      hot[i].run(&usual, strtoul(argv[2], NULL, 10));
      return 0;
    }
  }
  check(argc == 4, "reading of the arguments: RIVALS_LIBRARY DIRECTORY_FOR_LOGS STORE");
  void *rivals = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  check(rivals != NULL, "dlopen");
  for (int i = 0; i < CONTENDERS; i++) {
    if (contenders[i].symbol) {
      contenders[i].of = dlsym(rivals, contenders[i].symbol);
      check(contenders[i].of != NULL, contenders[i].symbol);
    }
  }
  set_up_rivals();
  set_up(argv[2]);
  set_up_stored(argv[3]);
  print_rows();
  print_threads();
  return 0;
}
