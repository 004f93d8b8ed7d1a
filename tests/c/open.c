/* Opening a store: where the root key comes from, what is refused and why, and stores that are not
 * ours or damaged.
 *
 * usage: open DIR [passphrase]    the word asks for the passphrase tests too: Argon2id takes 64 MiB
 * and a while */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static const char *dir;

static const char *store_path(char *text, size_t size, const char *scheme, const char *name) {
  snprintf(text, size, "%s%.3900s/%s", scheme, dir, name);
  return text;
}

static kms_open_options_t options_for(const char *store, uint32_t flags) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  options.store = store;
  options.flags = flags;
  return options;
}

static void with_root_key(kms_open_options_t *options) {
  options->root_key.data = test_root_key;
  options->root_key.len = sizeof test_root_key;
}

/* Opens and closes; *out is NULL if it failed, whatever was in it. */
static kms_status_t open_once(const kms_open_options_t *options) {
  kms_t *kms = (kms_t *)&dir;
  kms_status_t status = kms_open(options, &kms, &err);
  CHECK((status == KMS_OK) == (kms != NULL));
  kms_close(kms);
  return status;
}

static void write_file(const char *path, const void *data, size_t len, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
  CHECK(fd >= 0 && write(fd, data, len) == (ssize_t)len);
  CHECK(fchmod(fd, mode) == 0);
  CHECK(close(fd) == 0);
}

static void stores_that_are_not_there(void) {
  char store[4096];
  kms_open_options_t options = options_for("memory:", 0);
  with_root_key(&options);
  options.store = store_path(store, sizeof store, "sqlite:", "none.db");
  CHECK_STATUS(KMS_NOT_FOUND, open_once(&options));
  options.flags = KMS_OPEN_READ_ONLY;
  CHECK_STATUS(KMS_NOT_FOUND, open_once(&options));
  CHECK(access(store + 7, F_OK) != 0); /* looking does not make it */
  options.flags = KMS_OPEN_CREATE;
  options.store = store_path(store, sizeof store, "sqlite:", "no/such/directory.db");
  CHECK_STATUS(KMS_STORE_ERROR, open_once(&options));
  CHECK(err.native_code != 0);
  options.store = store_path(store, sizeof store, "sqlite:", "."); /* a directory */
  CHECK_STATUS(KMS_STORE_ERROR, open_once(&options));
  options.store = "sqlite://keys.db"; /* would be in the root folder */
  CHECK_ARGUMENT("options.store", open_once(&options));
  CHECK(strstr(err.message, "sqlite:PATH") != NULL && access("/keys.db", F_OK) != 0);
  options.store = "sqlite:///tmp/keys.db";
  CHECK_ARGUMENT("options.store", open_once(&options));
}

/* What is refused is left as it was. */
static void check_refused(kms_status_t expected, const void *content, size_t len) {
  static const uint32_t ways[] = {0, KMS_OPEN_CREATE, KMS_OPEN_READ_ONLY};
  char store[4096];
  char *after = (char *)malloc(len + 1);
  kms_open_options_t options =
      options_for(store_path(store, sizeof store, "sqlite:", "other.db"), 0);
  size_t i;
  int fd;
  with_root_key(&options);
  write_file(store + 7, content, len, 0600);
  for (i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    options.flags = ways[i];
    CHECK_STATUS(expected, open_once(&options));
  }
  fd = open(store + 7, O_RDONLY);
  CHECK(after != NULL && read(fd, after, len + 1) == (ssize_t)len);
  CHECK(memcmp(content, after, len) == 0);
  close(fd);
  free(after);
}

/* KMS_STORE_ERROR is another file, KMS_CORRUPT_STORE is a libkms store with damage in it,
 * KMS_UNSUPPORTED is one of a later release. `ours` is a store. */
static void stores_that_are_not_ours(const char *ours) {
  static const char text[] = "This file is not a database, and was there first.";
  static const size_t application_id = 68, user_version = 60; /* in the header of a SQLite file */
  static char content[1 << 20];
  kms_open_options_t options = options_for(NULL, 0);
  char store[4096];
  int fd;
  ssize_t len;
  size_t i;
  check_refused(KMS_STORE_ERROR, text, sizeof text);
  for (i = 0; i < 8192; i++)
    content[i] = (char)((i * i * 31 + i * 7 + 5) >> 3);
  check_refused(KMS_STORE_ERROR, content, 8192);
  memset(content, 0, 4096);
  check_refused(KMS_STORE_ERROR, content, 4096);
  memcpy(content, "SQLite format 3", 16); /* and nothing of what a database has then */
  check_refused(KMS_STORE_ERROR, content, 4096);

  fd = open(ours + 7, O_RDONLY);
  len = read(fd, content, sizeof content);
  CHECK(len > 4096 && len < (ssize_t)sizeof content && close(fd) == 0);
  content[user_version + 3]++;
  check_refused(KMS_UNSUPPORTED, content, (size_t)len);
  content[application_id] ^= 1;
  check_refused(KMS_STORE_ERROR, content, (size_t)len);
  memset(content + application_id, 0, 4);
  check_refused(KMS_STORE_ERROR, content, (size_t)len);
  memcpy(content + application_id, "kms1", 4);
  content[user_version + 3] = 0;
  check_refused(KMS_CORRUPT_STORE, content, (size_t)len);
  content[user_version + 3] = 1;
  memset(content + 4096, 0x5a, (size_t)len - 4096); /* every page but the first */
  check_refused(KMS_CORRUPT_STORE, content, (size_t)len);

  /* An empty file is a store that is still to be made: there is none before, and one after. */
  options.store = store_path(store, sizeof store, "sqlite:", "empty.db");
  with_root_key(&options);
  write_file(store + 7, "", 0, 0600);
  CHECK_STATUS(KMS_NOT_FOUND, open_once(&options));
  options.flags = KMS_OPEN_CREATE;
  CHECK_OK(open_once(&options));
  options.flags = KMS_OPEN_READ_ONLY;
  CHECK_OK(open_once(&options));
}

/* PATH is a file's name and nothing else: no URI of SQLite, no name of its that makes a store in
 * memory. */
static void paths_are_taken_as_they_are(void) {
  static const char *const names[] = {":memory:", "file:a.db", "a?mode=memory", "a%41#b",
                                      "caf\xc3\xa9 b"};
  char store[4096];
  size_t i;
  CHECK(chdir(dir) == 0);
  for (i = 0; i < sizeof names / sizeof names[0]; i++) {
    kms_open_options_t options = options_for(store, KMS_OPEN_CREATE);
    with_root_key(&options);
    snprintf(store, sizeof store, "sqlite:%s", names[i]);
    CHECK(access(names[i], F_OK) != 0);
    CHECK_OK(open_once(&options));
    CHECK(access(names[i], F_OK) == 0);
  }
}

/* The kernel's generator serves every request: nothing else differs. */
static void the_system_generator(void) {
  uint8_t plain_bytes[32], wrapped_bytes[32 + KMS_CIPHERTEXT_OVERHEAD], again_bytes[32];
  kms_buffer_t plain = fresh_buffer(plain_bytes, sizeof plain_bytes);
  kms_buffer_t wrapped = fresh_buffer(wrapped_bytes, sizeof wrapped_bytes);
  kms_buffer_t again = fresh_buffer(again_bytes, sizeof again_bytes);
  kms_open_options_t options = options_for("memory:", KMS_OPEN_CREATE | KMS_OPEN_SYSTEM_RNG);
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_data_key_request_t generate = KMS_DATA_KEY_REQUEST_INIT;
  kms_decrypt_request_t decrypt = KMS_DECRYPT_REQUEST_INIT;
  kms_t *kms = NULL;
  with_root_key(&options);
  create.key_id = generate.key_id = "k";
  if (!CHECK_OK(kms_open(&options, &kms, &err)))
    return;
  CHECK_OK(kms_create_key(kms, &create, NULL, &err));
  CHECK_OK(kms_generate_data_key(kms, &generate, &plain, &wrapped, NULL, NULL, &err));
  decrypt.ciphertext.data = wrapped_bytes;
  decrypt.ciphertext.len = wrapped.len;
  CHECK_OK(kms_decrypt(kms, &decrypt, &again, NULL, &err));
  CHECK(!untouched(plain_bytes, 32) && memcmp(plain_bytes, again_bytes, 32) == 0);
  kms_close(kms);
}

static void the_wrong_root_key(const char *store) {
  uint8_t wrong[KMS_ROOT_KEY_SIZE];
  size_t i;
  kms_open_options_t options = options_for(store, 0);
  options.root_key.data = wrong;
  options.root_key.len = sizeof wrong;
  for (i = 0; i < sizeof wrong; i += 31) {
    memcpy(wrong, test_root_key, sizeof wrong);
    wrong[i] ^= 0x80;
    CHECK_STATUS(KMS_WRONG_ROOT_KEY, open_once(&options));
    options.flags = KMS_OPEN_CREATE; /* is not allowed to make it anew */
    CHECK_STATUS(KMS_WRONG_ROOT_KEY, open_once(&options));
    options.flags = 0;
  }
  with_root_key(&options);
  CHECK_OK(open_once(&options));
}

static void the_account(const char *store) {
  kms_open_options_t options = options_for(store, 0);
  with_root_key(&options);
  options.account_id = "000000000000"; /* what it was made with */
  CHECK_OK(open_once(&options));
  options.account_id = "000000000001";
  CHECK_ARGUMENT("options.account_id", open_once(&options));
}

static void root_key_files(const char *store) {
  static const char hex[] = "6b6D732074657374 20";
  char path[4096], uri[4096], text[65];
  kms_open_options_t options = options_for(store, 0);
  static const mode_t too_open[] = {0640, 0604, 0644, 0620, 0602};
  size_t i;
  store_path(path, sizeof path, "", "root.key");
  store_path(uri, sizeof uri, "file:", "root.key");
  options.root_key_uri = uri;
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options)); /* it is not there */
  write_file(path, test_root_key, sizeof test_root_key, 0600);
  CHECK_OK(open_once(&options));
  for (i = 0; i < sizeof too_open / sizeof too_open[0]; i++) {
    CHECK(chmod(path, too_open[i]) == 0); /* others can read it, or write */
    CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  }
  CHECK(chmod(path, 0400) == 0);
  CHECK_OK(open_once(&options));
  CHECK(chmod(path, 0600) == 0);

  for (i = 0; i < sizeof test_root_key; i++)
    snprintf(text + 2 * i, 3, i % 2 == 0 ? "%02x" : "%02X", test_root_key[i]);
  write_file(path, text, 64, 0600); /* hexadecimal, of either case */
  CHECK_OK(open_once(&options));
  write_file(path, text, 63, 0600);
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  write_file(path, hex, sizeof hex - 1, 0600);
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  write_file(path, "a21zIHRlc3Qgcm9vdCBrZXksIG5vdCBhIHNlY3JldC4=\n", 45, 0600); /* base64 */
  CHECK_OK(open_once(&options));
  write_file(path, test_root_key, sizeof test_root_key - 1, 0600);
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  write_file(path, "", 0, 0600);
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  write_file(path, "00000000000000000000000000000000", 32, 0600); /* 32 bytes, but others */
  CHECK_STATUS(KMS_WRONG_ROOT_KEY, open_once(&options));
  snprintf(uri, sizeof uri, "file:%.4000s", dir); /* a directory */
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));

  CHECK(unsetenv("KMS_TEST_ROOT_KEY") == 0);
  options.root_key_uri = "env:KMS_TEST_ROOT_KEY";
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  CHECK(setenv("KMS_TEST_ROOT_KEY", text, 1) == 0);
  CHECK_OK(open_once(&options));
  CHECK(setenv("KMS_TEST_ROOT_KEY", "too short", 1) == 0);
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  CHECK(strstr(err.message, "too short") == NULL); /* what is in the variable is not told */
  CHECK(setenv("KMS_TEST_ROOT_KEY", "", 1) == 0);
  CHECK_ARGUMENT("options.root_key_uri", open_once(&options));
  options.root_key_uri = "pkcs11:token=x";
  CHECK_STATUS(KMS_UNSUPPORTED, open_once(&options));
}

static void passphrases(const char *raw_store) {
  static const uint8_t right[] = "correct horse battery staple", wrong[] = "Correct horse";
  char store[4096];
  kms_open_options_t options =
      options_for(store_path(store, sizeof store, "sqlite:", "passphrase.db"), KMS_OPEN_CREATE);
  options.passphrase.data = right;
  options.passphrase.len = sizeof right - 1;
  CHECK_OK(open_once(&options));
  options.flags = 0;
  CHECK_OK(open_once(&options));
  options.passphrase.data = wrong;
  options.passphrase.len = sizeof wrong - 1;
  CHECK_STATUS(KMS_WRONG_ROOT_KEY, open_once(&options));
  options.passphrase.data = right;
  options.passphrase.len = sizeof right - 2;
  CHECK_STATUS(KMS_WRONG_ROOT_KEY, open_once(&options));
  /* A raw key for a store of a passphrase, and the other way round, is the wrong root key. */
  options.passphrase.len = 0;
  with_root_key(&options);
  CHECK_STATUS(KMS_WRONG_ROOT_KEY, open_once(&options));
  options = options_for(raw_store, 0);
  options.passphrase.data = right;
  options.passphrase.len = sizeof right - 1;
  CHECK_STATUS(KMS_WRONG_ROOT_KEY, open_once(&options));
}

static void required_locked_memory(void) {
  const kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  kms_stats_t stats = KMS_STATS_INIT;
  kms_open_options_t options = options_for("memory:", KMS_OPEN_CREATE);
  kms_t *kms = NULL;
  kms_status_t status;
  with_root_key(&options);
  options.flags |= KMS_OPEN_REQUIRE_LOCKED_MEMORY;
  status = kms_open(&options, &kms, NULL);
  /* The machine decides which; the library must not open and be unlocked. */
  if (status == KMS_OK) {
    CHECK_OK(kms_stats(kms, &request, &stats, &err));
    CHECK(stats.secret_bytes > 0 && stats.secret_bytes_unlocked == 0);
    CHECK((stats.memory_protection & KMS_MEMORY_LOCKED) != 0);
  } else {
    CHECK(status == KMS_OUT_OF_MEMORY && kms == NULL);
  }
  kms_close(kms);
}

/* Memory stores are private to their handle, and gone with it. */
static void memory_stores(void) {
  kms_open_options_t options = options_for("memory:", KMS_OPEN_CREATE);
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  kms_t *first = NULL, *second = NULL;
  with_root_key(&options);
  CHECK_OK(kms_open(&options, &first, &err));
  CHECK_OK(kms_open(&options, &second, &err));
  create.key_id = describe.key_id = "mine";
  CHECK_OK(kms_create_key(first, &create, NULL, &err));
  CHECK_STATUS(KMS_NOT_FOUND, kms_describe_key(second, &describe, &info, NULL, &err));
  kms_close(first);
  CHECK_OK(kms_create_key(second, &create, NULL, &err));
  CHECK_OK(kms_describe_key(second, &describe, &info, NULL, &err));
  kms_close(second);
}

int main(int argc, char **argv) {
  char store[4096];
  kms_open_options_t options;
  if (argc < 2) {
    fputs("usage: open DIR [passphrase]\n", stderr);
    return 2;
  }
  dir = argv[1];
  options = options_for(store_path(store, sizeof store, "sqlite:", "open.db"), KMS_OPEN_CREATE);
  with_root_key(&options);
  CHECK_OK(open_once(&options));
  stores_that_are_not_there();
  stores_that_are_not_ours(store);
  paths_are_taken_as_they_are();
  the_system_generator();
  the_wrong_root_key(store);
  the_account(store);
  root_key_files(store);
  if (argc > 2 && strcmp(argv[2], "passphrase") == 0)
    passphrases(store);
  required_locked_memory();
  memory_stores();
  return check_result();
}
