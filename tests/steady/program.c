/* Makes many calls of one kind between two marks on its standard output, "begin" and "end", and
 * then says how many allocations were made in between: its malloc and its like are the ones that
 * the library gets, too. */
#include <kms.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLS 20000
#define BATCH 100

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

static unsigned long allocations;

static void count(void) {
  __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *old, size_t size) {
  count();
  return __libc_realloc(old, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count();
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
  *memory = aligned_alloc(alignment, size);
  return 0;
}

void free(void *memory) {
  __libc_free(memory);
}

static const kms_context_entry_t context[] = {{"tenant", "7"}, {"purpose", "orders"},
                                              {"a", "1"},      {"b", "2"},
                                              {"c", "3"},      {"d", "4"},
                                              {"e", "5"},      {"f", "6"},
                                              {"g", "7"},      {"h", "8"},
                                              {"i", "9"},      {"j", "10"},
                                              {"k", "11"},     {"l", "12"},
                                              {"m", "13"},     {"n", "14"},
                                              {"o", "15"}};
static kms_t *kms;
static char key_id[KMS_ID_SIZE];
static size_t pairs;
static const char *token;
static uint8_t made[KMS_CIPHERTEXT_OVERHEAD + 32];

static void check(int ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
  }
}

static kms_data_key_request_t request(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = key_id;
  request.context = context;
  request.context_len = pairs;
  request.grant_tokens = &token;
  request.grant_tokens_len = token != NULL;
  return request;
}

static void generate(int calls) {
  kms_data_key_request_t wanted = request();
  kms_data_key_info_t info = KMS_DATA_KEY_INFO_INIT;
  kms_error_t error;
  uint8_t key[32], blob[sizeof made], iv[KMS_IV_SIZE];
  kms_buffer_t plaintext = {key, sizeof key, 0}, ciphertext = {blob, sizeof blob, 0},
               nonce = {iv, sizeof iv, 0};
  for (int i = 0; i < calls; i++)
    check(kms_generate_data_key(kms, &wanted, &plaintext, &ciphertext, &nonce, &info, &error) ==
              KMS_OK,
          "kms_generate_data_key");
  if (calls == 1)
    memcpy(made, blob, sizeof made);
}

static void generate_many(int calls) {
  static uint8_t keys[BATCH * 32], blobs[BATCH * sizeof made];
  kms_data_key_request_t wanted = request();
  for (int i = 0; i < calls / BATCH; i++) {
    kms_column_t plaintexts = {keys, sizeof keys, 0, 0}, ciphertexts = {blobs, sizeof blobs, 0, 0};
    check(kms_generate_data_keys(kms, &wanted, BATCH, &plaintexts, &ciphertexts, NULL, NULL,
                                 NULL) == KMS_OK,
          "kms_generate_data_keys");
  }
}

static void decrypt(int calls) {
  kms_decrypt_request_t shown = KMS_DECRYPT_REQUEST_INIT;
  uint8_t key[32];
  kms_buffer_t plaintext = {key, sizeof key, 0};
  shown.ciphertext.data = made;
  shown.ciphertext.len = sizeof made;
  shown.context = context;
  shown.context_len = pairs;
  for (int i = 0; i < calls; i++)
    check(kms_decrypt(kms, &shown, &plaintext, NULL, NULL) == KMS_OK, "kms_decrypt");
}

static void encrypt(int calls) {
  kms_encrypt_request_t wanted = KMS_ENCRYPT_REQUEST_INIT;
  uint8_t blob[KMS_CIPHERTEXT_OVERHEAD];
  kms_buffer_t ciphertext = {blob, sizeof blob, 0};
  wanted.key_id = key_id;
  for (int i = 0; i < calls; i++)
    check(kms_encrypt(kms, &wanted, &ciphertext, NULL, NULL, NULL) == KMS_OK, "kms_encrypt");
}

/* From here on a principal calls, who is granted this context, and shows the grant's token. */
static void become_grantee(void) {
  static kms_created_grant_t grant = KMS_CREATED_GRANT_INIT;
  kms_create_grant_request_t wanted = KMS_CREATE_GRANT_REQUEST_INIT;
  kms_principal_options_t options = KMS_PRINCIPAL_OPTIONS_INIT;
  wanted.key_id = key_id;
  wanted.grantee_principal = options.principal = "tenant-7";
  wanted.operations = KMS_GRANT_GENERATE_DATA_KEY;
  wanted.constraint = KMS_GRANT_CONTEXT_EQUALS;
  wanted.context = context;
  wanted.context_len = pairs;
  check(kms_create_grant(kms, &wanted, &grant, NULL) == KMS_OK, "kms_create_grant");
  check(kms_as_principal(kms, &options, &kms, NULL) == KMS_OK, "kms_as_principal");
  token = grant.grant_token;
}

/* Two threads that start together and, so that nothing of the threads' own is counted, spin instead
 * of waiting. */
static int ready, go, done, leave;

static void *work(void *unused) {
  (void)unused;
  generate(1);
  __atomic_fetch_add(&ready, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
    ;
  generate(CALLS);
  __atomic_fetch_add(&done, 1, __ATOMIC_SEQ_CST);
  while (!__atomic_load_n(&leave, __ATOMIC_SEQ_CST))
    ;
  return NULL;
}

static void start(pthread_t threads[2]) {
  for (int i = 0; i < 2; i++)
    check(pthread_create(&threads[i], NULL, work, NULL) == 0, "pthread_create");
  while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < 2)
    ;
}

static void run_started(int calls) {
  (void)calls;
  __atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < 2)
    ;
}

static void mark(const char *text) {
  check(write(STDOUT_FILENO, text, strlen(text)) > 0, "write");
}

static const struct {
  const char *name;
  void (*run)(int);
  size_t pairs;
} kinds[] = {
    {"generate", generate, 2},   {"many", generate_many, 2}, {"decrypt", decrypt, 2},
    {"threads", run_started, 2}, {"encrypt", encrypt, 2},    {"wide", generate, 17},
    {"sixteen", generate, 16},   {"granted", generate, 2},   {"granted-threads", run_started, 2},
};

int main(int argc, char **argv) {
  static const uint8_t root_key[KMS_ROOT_KEY_SIZE] = {7};
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_info_t created = KMS_KEY_INFO_INIT;
  void (*run)(int) = NULL;
  pthread_t threads[2];
  for (size_t i = 0; argc == 2 && i < sizeof kinds / sizeof *kinds; i++) {
    if (strcmp(argv[1], kinds[i].name) == 0) {
      run = kinds[i].run;
      pairs = kinds[i].pairs;
    }
  }
  check(run != NULL, "the name of a kind of calls");
  options.store = "memory:";
  options.root_key.data = root_key;
  options.root_key.len = sizeof root_key;
  options.flags = KMS_OPEN_CREATE;
  check(kms_open(&options, &kms, NULL) == KMS_OK, "kms_open");
  check(kms_create_key(kms, &create, &created, NULL) == KMS_OK, "kms_create_key");
  memcpy(key_id, created.key_id, sizeof key_id);
  if (strncmp(argv[1], "granted", 7) == 0)
    become_grantee();
  generate(1);
  if (run == run_started)
    start(threads);
  else
    run(BATCH); /* what is set up once */

  unsigned long before = __atomic_load_n(&allocations, __ATOMIC_SEQ_CST);
  mark("begin\n");
  run(CALLS);
  mark("end\n");
  unsigned long after = __atomic_load_n(&allocations, __ATOMIC_SEQ_CST);
  if (run == run_started) {
    __atomic_store_n(&leave, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < 2; i++)
      pthread_join(threads[i], NULL);
  }
  printf("%lu\n", after - before);
  kms_close(kms);
  return 0;
}
