/* dlopen, use on a thread, dlclose while the thread lives, and then let it end: its thread-locals
 * are destroyed by code that must still be there. The program is not linked to the library.
 *
 * usage: unload LIBRARY [ROUNDS] */
#define _POSIX_C_SOURCE 200809L

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"

#define THREADS 4

typedef kms_status_t (*open_function)(const kms_open_options_t *, kms_t **, kms_error_t *);
typedef void (*close_function)(kms_t *);
typedef kms_status_t (*create_function)(kms_t *, const kms_create_key_request_t *, kms_key_info_t *,
                                        kms_error_t *);
typedef kms_status_t (*generate_function)(kms_t *, const kms_data_key_request_t *, kms_buffer_t *,
                                          kms_buffer_t *, kms_buffer_t *, kms_data_key_info_t *,
                                          kms_error_t *);

static generate_function generate;
static kms_t *kms;
static pthread_barrier_t used, closed;

/* ISO C has no conversion from an object pointer to a function pointer; POSIX says that their bytes
 * are the same. */
static void look_up(void *library, const char *name, void *function) {
  void *symbol = dlsym(library, name);
  if (symbol == NULL) {
    fprintf(stderr, "unload: %s: %s\n", name, dlerror());
    exit(EXIT_FAILURE);
  }
  memcpy(function, &symbol, sizeof symbol);
}

static void *use_and_outlive(void *failed) {
  uint8_t bytes[32 + KMS_CIPHERTEXT_OVERHEAD];
  kms_buffer_t wrapped = {bytes, sizeof bytes, 0};
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  if (generate(kms, &request, NULL, &wrapped, NULL, NULL, NULL) != KMS_OK)
    *(int *)failed = 1;
  pthread_barrier_wait(&used);
  pthread_barrier_wait(&closed); /* between the two, the handle was closed and the library too */
  return NULL;
}

static int one_round(const char *path) {
  static const uint8_t root_key[KMS_ROOT_KEY_SIZE] = {1};
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  open_function open_store;
  close_function close_store;
  create_function create_key;
  pthread_t threads[THREADS];
  int failed[THREADS] = {0}, any = 0, i;
  if (library == NULL) {
    fprintf(stderr, "unload: %s\n", dlerror());
    return 1;
  }
  look_up(library, "kms_open", &open_store);
  look_up(library, "kms_close", &close_store);
  look_up(library, "kms_create_key", &create_key);
  look_up(library, "kms_generate_data_key", &generate);
  options.store = "memory:";
  options.root_key.data = root_key;
  options.root_key.len = sizeof root_key;
  options.flags = KMS_OPEN_CREATE;
  create.key_id = "key-1";
  if (open_store(&options, &kms, NULL) != KMS_OK || create_key(kms, &create, NULL, NULL) != KMS_OK)
    return 1;
  pthread_barrier_init(&used, NULL, THREADS + 1);
  pthread_barrier_init(&closed, NULL, THREADS + 1);
  for (i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, use_and_outlive, &failed[i]) != 0)
      return 1;
  pthread_barrier_wait(&used);
  close_store(kms);
  if (dlclose(library) != 0)
    return 1;
  pthread_barrier_wait(&closed);
  for (i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    any |= failed[i];
  }
  pthread_barrier_destroy(&used);
  pthread_barrier_destroy(&closed);
  return any;
}

int main(int argc, char **argv) {
  int round, rounds = argc > 2 ? atoi(argv[2]) : 20;
  if (argc < 2 || rounds < 1) {
    fputs("usage: unload LIBRARY [ROUNDS]\n", stderr);
    return 2;
  }
  for (round = 0; round < rounds; round++)
    if (one_round(argv[1]) != 0) {
      fprintf(stderr, "unload: round %d failed\n", round);
      return EXIT_FAILURE;
    }
  printf("%d rounds\n", rounds);
  return EXIT_SUCCESS;
}
