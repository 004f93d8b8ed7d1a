/* Many threads on one handle, while others open and close handles of the same store, make keys and
 * list them. What one thread wraps another opens; no IV and no data key comes twice.
 *
 * usage: threads DIR [ROUNDS] */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>

#include "check.h"

#define WORKERS 6
#define CLOSERS 2
#define DATA_KEY_SIZE 32
#define WRAPPED_SIZE (DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD)

typedef struct data_key {
  uint8_t plain[DATA_KEY_SIZE], wrapped[WRAPPED_SIZE], iv[KMS_IV_SIZE];
} data_key_t;

/* A thread counts its own failures: check.h's counters are for one thread. */
typedef struct thread {
  pthread_t id;
  size_t number, rounds;
  kms_t *kms;
  const char *store;
  data_key_t *keys; /* `rounds` of them */
  int failures;
} thread_t;

static const kms_context_entry_t context[] = {{"purpose", "threads"}};

static void failed(thread_t *thread, const char *what, const kms_error_t *error) {
  if (thread->failures++ == 0)
    printf("thread %u: %s: %s: %.447s\n", (unsigned)thread->number, what,
           kms_status_name(error->status), error->message);
}

static int unwrap(kms_t *kms, const data_key_t *key, kms_error_t *error) {
  uint8_t plain[DATA_KEY_SIZE];
  kms_buffer_t buffer = {plain, sizeof plain, 0};
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  request.ciphertext.data = key->wrapped;
  request.ciphertext.len = sizeof key->wrapped;
  request.context = context;
  request.context_len = 1;
  return kms_decrypt(kms, &request, &buffer, NULL, error) == KMS_OK &&
         memcmp(plain, key->plain, sizeof plain) == 0;
}

static void *work(void *argument) {
  thread_t *thread = (thread_t *)argument;
  kms_error_t error;
  size_t i;
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  memset(&error, 0, sizeof error);
  request.key_id = thread->number % 2 == 0 ? "key-1" : "alias/two";
  request.context = context;
  request.context_len = 1;
  for (i = 0; i < thread->rounds; i++) {
    data_key_t *key = &thread->keys[i];
    kms_buffer_t plain = {key->plain, sizeof key->plain, 0};
    kms_buffer_t wrapped = {key->wrapped, sizeof key->wrapped, 0};
    kms_buffer_t iv = {key->iv, sizeof key->iv, 0};
    if (kms_generate_data_key(thread->kms, &request, &plain, &wrapped, &iv, NULL, &error) != KMS_OK)
      failed(thread, "generate", &error);
    else if (!unwrap(thread->kms, key, &error))
      failed(thread, "unwrap", &error);
    /* Its own mistakes, and what it is told of them, are nobody else's. */
    key->wrapped[WRAPPED_SIZE - 1] ^= 1;
    if (unwrap(thread->kms, key, &error) || error.status != KMS_INVALID_CIPHERTEXT)
      failed(thread, "an altered key was opened", &error);
    key->wrapped[WRAPPED_SIZE - 1] ^= 1;
  }
  return NULL;
}

static kms_t *open_store(const char *store, kms_error_t *error) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_t *kms = NULL;
  options.store = store;
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = KMS_OPEN_CREATE;
  return kms_open(&options, &kms, error) == KMS_OK ? kms : NULL;
}

/* Opens a handle of its own, makes a key with it, uses it, lists, closes; again and again. */
static void *open_and_close(void *argument) {
  thread_t *thread = (thread_t *)argument;
  kms_error_t error;
  size_t i;
  memset(&error, 0, sizeof error);
  for (i = 0; i < thread->rounds; i++) {
    const kms_list_keys_request_t list = KMS_LIST_KEYS_REQUEST_INIT;
    const kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
    kms_key_info_t info = KMS_KEY_INFO_INIT, items[4];
    kms_page_t page = KMS_PAGE_INIT;
    kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
    uint8_t wrapped_bytes[WRAPPED_SIZE];
    kms_buffer_t wrapped = {wrapped_bytes, sizeof wrapped_bytes, 0};
    kms_t *kms = open_store(thread->store, &error);
    if (kms == NULL) {
      failed(thread, "open", &error);
      continue;
    }
    request.key_id = info.key_id;
    if (kms_create_key(kms, &create, &info, &error) != KMS_OK)
      failed(thread, "create key", &error);
    else if (kms_generate_data_key(kms, &request, NULL, &wrapped, NULL, NULL, &error) != KMS_OK)
      failed(thread, "generate in another handle", &error);
    else if (kms_list_keys(kms, &list, &page, items, sizeof items[0], 4, NULL, &error) != KMS_OK ||
             page.items_len < 3)
      failed(thread, "list", &error);
    kms_close(kms);
  }
  return NULL;
}

static int compare_ivs(const void *a, const void *b) {
  return memcmp(((const data_key_t *)a)->iv, ((const data_key_t *)b)->iv, KMS_IV_SIZE);
}

static int compare_plains(const void *a, const void *b) {
  return memcmp(((const data_key_t *)a)->plain, ((const data_key_t *)b)->plain, DATA_KEY_SIZE);
}

static void none_comes_twice(data_key_t *keys, size_t count) {
  size_t i;
  qsort(keys, count, sizeof *keys, compare_ivs);
  for (i = 1; i < count; i++)
    CHECK(compare_ivs(&keys[i - 1], &keys[i]) != 0);
  qsort(keys, count, sizeof *keys, compare_plains);
  for (i = 1; i < count; i++)
    CHECK(compare_plains(&keys[i - 1], &keys[i]) != 0);
}

int main(int argc, char **argv) {
  thread_t threads[WORKERS + CLOSERS];
  size_t i, rounds = argc > 2 ? (size_t)atol(argv[2]) : 2000;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_stats_request_t stats_request = KMS_STATS_REQUEST_INIT;
  kms_stats_t stats = KMS_STATS_INIT;
  char store[4096];
  data_key_t *keys;
  kms_t *kms;
  if (argc < 2 || rounds == 0) {
    fputs("usage: threads DIR [ROUNDS]\n", stderr);
    return 2;
  }
  snprintf(store, sizeof store, "sqlite:%.4000s/threads.db", argv[1]);
  kms = open_store(store, &err);
  keys = (data_key_t *)calloc(WORKERS * rounds, sizeof *keys);
  if (!CHECK(kms != NULL && keys != NULL))
    return check_result();
  create.key_id = "key-1";
  CHECK_OK(kms_create_key(kms, &create, NULL, &err));
  create.key_id = NULL;
  create.alias = "alias/two";
  CHECK_OK(kms_create_key(kms, &create, NULL, &err));

  for (i = 0; i < WORKERS + CLOSERS; i++) {
    threads[i].number = i;
    threads[i].kms = kms;
    threads[i].store = store;
    threads[i].failures = 0;
    /* Opening writes to the disk: a thousandth of what is done in memory takes as long. */
    threads[i].rounds = i < WORKERS ? rounds : rounds / 100 + 1;
    threads[i].keys = keys + (i < WORKERS ? i * rounds : 0);
    CHECK(pthread_create(&threads[i].id, NULL, i < WORKERS ? work : open_and_close, &threads[i]) ==
          0);
  }
  for (i = 0; i < WORKERS + CLOSERS; i++) {
    CHECK(pthread_join(threads[i].id, NULL) == 0);
    CHECK(threads[i].failures == 0);
  }
  /* What threads that are gone wrapped opens here, and what they did was counted. */
  for (i = 0; i < WORKERS * rounds; i += rounds)
    CHECK(unwrap(kms, &keys[i], &err));
  CHECK_OK(kms_stats(kms, &stats_request, &stats, &err));
  CHECK(stats.data_keys_generated == WORKERS * rounds);
  CHECK(stats.ciphertexts_decrypted == WORKERS * rounds + WORKERS);
  CHECK(stats.calls_failed == WORKERS * rounds);
  none_comes_twice(keys, WORKERS * rounds);
  free(keys);
  kms_close(kms);
  return check_result();
}
