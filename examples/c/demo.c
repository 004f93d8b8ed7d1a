/* demo DIR FILE: the whole story, told step by step. A key store is made on disk in DIR, FILE is
 * encrypted with a data key from it, everything is closed; then the store is opened again, the
 * wrapped key decrypted, the file too, and compared. FILE itself is only read. */
#define _POSIX_C_SOURCE 200809L /* open with a mode */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/rand.h>

#include "kms.h"
#include "sealed_file.h"

#define PATH_SIZE 4096

typedef struct paths {
  char store[PATH_SIZE], root_key[PATH_SIZE], root_key_uri[PATH_SIZE];
  char sealed[PATH_SIZE], opened[PATH_SIZE];
} paths_t;

static const kms_context_entry_t context[] = {{"purpose", "demo"}};
static const kms_context_entry_t other_context[] = {{"purpose", "something else"}};

static bool step(const char *text) {
  static int number = 0;
  printf("%2d. %s\n", ++number, text);
  return true;
}

static bool fail(const char *what, const char *why) {
  fflush(stdout); /* what was done before comes first */
  fprintf(stderr, "demo: %s: %s\n", what, why);
  return false;
}

static bool kms_fail(const char *what, const kms_error_t *error) {
  fflush(stdout);
  fprintf(stderr, "demo: %s: %s (%s)\n", what, error->message, kms_status_name(error->status));
  return false;
}

static bool make_path(char *path, const char *before, const char *dir, const char *name) {
  int len = snprintf(path, PATH_SIZE, "%s%s/%s", before, dir, name);
  return (len > 0 && len < PATH_SIZE) || fail(dir, "the path is too long");
}

/* The root key seals everything in the store. Here it is a file; it belongs on another disk than
 * the store, or in whatever the machine has for secrets. */
static bool make_root_key(const char *path) {
  uint8_t root_key[KMS_ROOT_KEY_SIZE];
  bool done;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
  if (fd < 0)
    return errno == EEXIST ? step("root key: there from an earlier run")
                           : fail(path, strerror(errno));
  done = RAND_bytes(root_key, sizeof root_key) == 1 &&
         write(fd, root_key, sizeof root_key) == (ssize_t)sizeof root_key && fsync(fd) == 0;
  kms_wipe(root_key, sizeof root_key);
  done = close(fd) == 0 && done;
  return done ? step("root key: 32 random bytes, in a file that only its owner can read")
              : fail(path, "cannot write the root key");
}

static bool open_store(const paths_t *paths, uint32_t flags, kms_t **kms) {
  kms_error_t error;
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  options.store = paths->store;
  options.root_key_uri = paths->root_key_uri;
  options.flags = flags;
  if (kms_open(&options, kms, &error) != KMS_OK)
    return kms_fail("open store", &error);
  printf("    %s\n", paths->store);
  return true;
}

static bool create_key(kms_t *kms) {
  kms_error_t error;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  kms_status_t status;
  request.alias = "alias/demo";
  request.description = "made by examples/c/demo.c";
  status = kms_create_key(kms, &request, &info, &error);
  if (status == KMS_ALREADY_EXISTS)
    return step("KMS key alias/demo: there from an earlier run");
  if (status != KMS_OK)
    return kms_fail("create key", &error);
  step("KMS key created, named alias/demo; it never leaves the library");
  printf("    key %s\n    version %s\n", info.key_id, info.primary_version_id);
  return true;
}

static bool encrypt_file(kms_t *kms, const char *in_path, const char *out_path) {
  static sealed_header_t header;
  kms_error_t error;
  uint8_t key[SEALED_KEY_SIZE], wrapped[SEALED_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD];
  uint8_t prefix[SEALED_PREFIX_SIZE];
  kms_buffer_t key_buffer = {key, sizeof key, 0}, wrapped_buffer = {wrapped, sizeof wrapped, 0};
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  sealed_output_t output;
  const char *failure;
  FILE *in = fopen(in_path, "rb");
  if (in == NULL)
    return fail(in_path, strerror(errno));
  request.key_id = "alias/demo";
  request.context = context;
  request.context_len = 1;
  if (kms_generate_data_key(kms, &request, &key_buffer, &wrapped_buffer, NULL, NULL, &error) !=
      KMS_OK) {
    fclose(in);
    return kms_fail("generate data key", &error);
  }
  step("data key generated: 32 bytes to encrypt with, and the same wrapped to keep");
  printf("    wrapped: %lu bytes, under alias/demo with the context purpose=demo\n",
         (unsigned long)wrapped_buffer.len);
  if (RAND_bytes(prefix, sizeof prefix) != 1)
    failure = "libcrypto has no random bytes";
  else
    failure = sealed_start_header(&header, prefix, wrapped, wrapped_buffer.len);
  if (failure == NULL)
    failure = sealed_add_context(&header, context[0].key);
  if (failure == NULL)
    failure = sealed_add_context(&header, context[0].value);
  if (failure == NULL)
    failure = sealed_create(&output, out_path);
  if (failure == NULL)
    failure = sealed_commit(&output, sealed_write(&header, key, in, output.file));
  kms_wipe(key, sizeof key);
  fclose(in);
  if (failure != NULL)
    return fail(out_path, failure);
  step(
      "file encrypted with the data key, which was wiped; the wrapped key is in the file's header");
  printf("    %s -> %s\n", in_path, out_path);
  return true;
}

static bool unwrap_key(kms_t *kms, const sealed_header_t *header, uint8_t key[SEALED_KEY_SIZE]) {
  kms_error_t error;
  kms_data_key_info_t info = KMS_DATA_KEY_INFO_INIT;
  kms_buffer_t key_buffer = {key, SEALED_KEY_SIZE, 0};
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  request.ciphertext.data = header->wrapped;
  request.ciphertext.len = header->wrapped_len;
  request.context = other_context;
  request.context_len = 1;
  if (kms_decrypt(kms, &request, &key_buffer, NULL, &error) != KMS_INVALID_CIPHERTEXT)
    return fail("unwrap data key", "a wrong context was not refused");
  step("wrapped key shown with a wrong context: refused");
  request.context = context;
  if (kms_decrypt(kms, &request, &key_buffer, &info, &error) != KMS_OK)
    return kms_fail("unwrap data key", &error);
  step("wrapped key decrypted with the right one");
  printf("    by key %s, version %lu, %s\n", info.key_id, (unsigned long)info.version_number,
         kms_algorithm_name(info.algorithm));
  return true;
}

static bool decrypt_file(kms_t *kms, const char *in_path, const char *out_path) {
  static sealed_header_t header;
  uint8_t key[SEALED_KEY_SIZE];
  sealed_output_t output;
  const char *failure;
  FILE *in = fopen(in_path, "rb");
  if (in == NULL)
    return fail(in_path, strerror(errno));
  failure = sealed_read_header(&header, in);
  if (failure == NULL && !unwrap_key(kms, &header, key)) {
    fclose(in);
    return false;
  }
  if (failure == NULL)
    failure = sealed_create(&output, out_path);
  if (failure == NULL)
    failure = sealed_commit(&output, sealed_read(&header, key, in, output.file));
  kms_wipe(key, sizeof key);
  fclose(in);
  if (failure != NULL)
    return fail(in_path, failure);
  step("file decrypted with the data key");
  printf("    %s -> %s\n", in_path, out_path);
  return true;
}

static bool compare_files(const char *left_path, const char *right_path) {
  FILE *left = fopen(left_path, "rb"), *right = fopen(right_path, "rb");
  unsigned long size = 0;
  bool equal = left != NULL && right != NULL;
  while (equal) {
    int byte = getc(left);
    equal = byte == getc(right);
    if (byte == EOF)
      break;
    size++;
  }
  equal = equal && !ferror(left) && !ferror(right);
  if (left != NULL)
    fclose(left);
  if (right != NULL)
    fclose(right);
  if (!equal)
    return fail(right_path, "differs from the original");
  step("compared with the original: equal");
  printf("    %lu bytes\n", size);
  return true;
}

int main(int argc, char **argv) {
  static paths_t paths;
  kms_t *kms = NULL;
  bool done;
  if (argc != 3) {
    fputs("usage: demo DIR FILE\n", stderr);
    return 2;
  }
  printf("libkms %s\n", kms_version());
  done = make_path(paths.store, "sqlite:", argv[1], "keys.db") &&
         make_path(paths.root_key, "", argv[1], "root.key") &&
         make_path(paths.root_key_uri, "file:", argv[1], "root.key") &&
         make_path(paths.sealed, "", argv[1], "demo.sealed") &&
         make_path(paths.opened, "", argv[1], "demo.opened") && make_root_key(paths.root_key) &&
         step("key store opened on disk") && open_store(&paths, KMS_OPEN_CREATE, &kms) &&
         create_key(kms) && encrypt_file(kms, argv[2], paths.sealed);
  kms_close(kms);
  kms = NULL;
  done = done && step("store closed, and opened again from what is on the disk") &&
         open_store(&paths, 0, &kms) && decrypt_file(kms, paths.sealed, paths.opened) &&
         compare_files(argv[2], paths.opened);
  kms_close(kms);
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
