/* A host program whose memory tests/residue.rs searches: it opens a store, uses keys in every way,
 * and closes it, and stops on the way to be looked at. It wipes its own copies of secrets, so that
 * whatever is found is libkms's.
 *
 *   program STORE SOURCE MODE    SOURCE: root_key, passphrase, or a root_key_uri; MODE: clean or
 * leak
 *
 * Standard input: the root key or passphrase (a length byte, then the bytes; length 0 where SOURCE
 * is a URI), then one byte for each stop. Standard output, in binary: 'K' a data key, 'B' a
 * ciphertext, 'S' a stop; each with a length of four bytes (the host's byte order) and that many
 * bytes. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <kms.h>

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #condition, error.message);           \
      _exit(1);                                                                                    \
    }                                                                                              \
  } while (0)

/* What a core dump must hold, so that a search for secrets in it can be believed. */
static volatile char marker[] = "?ibkms residue: ordinary memory";

struct secret {
  uint8_t bytes[256];
  size_t len;
};

static struct secret secret, next_secret;
static int leak;

static void read_all(uint8_t *data, size_t len) {
  while (len > 0) {
    ssize_t got = read(0, data, len);
    if (got <= 0)
      _exit(1);
    data += got;
    len -= (size_t)got;
  }
}

static void write_all(const uint8_t *data, size_t len) {
  while (len > 0) {
    ssize_t put = write(1, data, len);
    if (put <= 0)
      _exit(1);
    data += put;
    len -= (size_t)put;
  }
}

static void read_secret(struct secret *to) {
  uint8_t len;
  read_all(&len, 1);
  to->len = len;
  read_all(to->bytes, len);
}

/* Straight from the buffer it is in: no copy of ours. */
static void record(char kind, const uint8_t *data, size_t len) {
  uint8_t head[5];
  uint32_t size = (uint32_t)len;
  head[0] = (uint8_t)kind;
  memcpy(head + 1, &size, 4);
  write_all(head, sizeof head);
  write_all(data, len);
}

static void stop(const char *name) {
  uint8_t go;
  record('S', (const uint8_t *)name, strlen(name));
  read_all(&go, 1);
}

/* The twin that must be found. */
static uint8_t *volatile kept;

static void keep(const uint8_t *data, size_t len) {
  uint8_t *copy = (uint8_t *)malloc(len + 3);
  if (copy != NULL)
    memcpy(copy + 3, data, len);
  kept = copy;
}

static kms_buffer_t buffer(uint8_t *data, size_t capacity) {
  kms_buffer_t made;
  made.data = data;
  made.capacity = capacity;
  made.len = 0;
  return made;
}

static kms_t *open_store(const char *store, const char *source) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_t *kms = NULL;
  kms_error_t error;
  options.store = store;
  options.flags = KMS_OPEN_CREATE;
  if (strcmp(source, "root_key") == 0) {
    options.root_key.data = secret.bytes;
    options.root_key.len = secret.len;
  } else if (strcmp(source, "passphrase") == 0) {
    options.passphrase.data = secret.bytes;
    options.passphrase.len = secret.len;
  } else {
    options.root_key_uri = source;
  }
  CHECK(kms_open(&options, &kms, &error) == KMS_OK);
  return kms;
}

enum { SINGLE = 24, BATCH = 16, ALL = SINGLE + BATCH + 8 };

/* Of one thread. */
struct work {
  kms_t *kms;
  uint8_t plaintext[1024];
  uint8_t again[1024];
  uint8_t blobs[ALL][1024 + KMS_CIPHERTEXT_OVERHEAD];
  size_t blob_lens[ALL];
  size_t blobs_len;
};

static const char *const keys[] = {"first", "second", "third"};
static const kms_context_entry_t context[] = {{"purpose", "residue"}};

static void made(struct work *work, const uint8_t *plaintext, size_t len, size_t blob_len) {
  if (plaintext != NULL)
    record('K', plaintext, len);
  record('B', work->blobs[work->blobs_len], blob_len);
  if (leak && plaintext != NULL && work->blobs_len == 0)
    keep(plaintext, len);
  work->blob_lens[work->blobs_len++] = blob_len;
}

static void generate(struct work *work, const char *key, uint32_t len, uint32_t flags) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  kms_buffer_t plaintext = buffer(work->plaintext, sizeof work->plaintext);
  kms_buffer_t blob = buffer(work->blobs[work->blobs_len], sizeof work->blobs[0]);
  kms_error_t error;
  request.key_id = key;
  request.number_of_bytes = len;
  request.context = context;
  request.context_len = 1;
  request.flags = flags;
  CHECK(kms_generate_data_key(work->kms, &request, &plaintext, &blob, NULL, NULL, &error) ==
        KMS_OK);
  made(work, flags & KMS_SKIP_PLAINTEXT ? NULL : plaintext.data, plaintext.len, blob.len);
  kms_wipe(work->plaintext, sizeof work->plaintext);
}

static void generate_many(struct work *work, const char *key) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  kms_column_t plaintexts = {NULL, 0, 0, 0}, blobs = {NULL, 0, 0, 0};
  kms_error_t error;
  int i;
  request.key_id = key;
  request.key_spec = KMS_KEY_SPEC_AES_256;
  request.context = context;
  request.context_len = 1;
  plaintexts.data = work->plaintext;
  plaintexts.capacity = sizeof work->plaintext;
  blobs.data = work->blobs[work->blobs_len];
  blobs.stride = sizeof work->blobs[0];
  blobs.capacity = BATCH * sizeof work->blobs[0];
  CHECK(kms_generate_data_keys(work->kms, &request, BATCH, &plaintexts, &blobs, NULL, NULL,
                               &error) == KMS_OK);
  for (i = 0; i < BATCH; i++)
    made(work, work->plaintext + i * plaintexts.item_len, plaintexts.item_len, blobs.item_len);
  kms_wipe(work->plaintext, sizeof work->plaintext);
}

static void encrypt(struct work *work, const char *key, uint32_t len) {
  kms_random_request_t random = KMS_RANDOM_REQUEST_INIT;
  kms_encrypt_request_t request = KMS_ENCRYPT_REQUEST_INIT;
  kms_buffer_t payload = buffer(work->plaintext, sizeof work->plaintext);
  kms_buffer_t blob = buffer(work->blobs[work->blobs_len], sizeof work->blobs[0]);
  kms_error_t error;
  random.number_of_bytes = len;
  CHECK(kms_generate_random(work->kms, &random, &payload, &error) == KMS_OK);
  request.key_id = key;
  request.plaintext.data = payload.data;
  request.plaintext.len = payload.len;
  request.context = context;
  request.context_len = 1;
  CHECK(kms_encrypt(work->kms, &request, &blob, NULL, NULL, &error) == KMS_OK);
  made(work, payload.data, payload.len, blob.len);
  kms_wipe(work->plaintext, sizeof work->plaintext);
}

static void decrypt(struct work *work, size_t index) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  kms_buffer_t plaintext = buffer(work->again, sizeof work->again);
  kms_error_t error;
  uint8_t *last = &work->blobs[index][work->blob_lens[index] - 1];
  request.ciphertext.data = work->blobs[index];
  request.ciphertext.len = work->blob_lens[index];
  request.context = context;
  request.context_len = 1;
  CHECK(kms_decrypt(work->kms, &request, &plaintext, NULL, &error) == KMS_OK);
  kms_wipe(work->again, sizeof work->again);
  request.flags = KMS_DRY_RUN;
  CHECK(kms_decrypt(work->kms, &request, &plaintext, NULL, &error) == KMS_DRY_RUN_OK);
  request.flags = 0;
  *last ^= 1;
  CHECK(kms_decrypt(work->kms, &request, &plaintext, NULL, &error) == KMS_INVALID_CIPHERTEXT);
  *last ^= 1;
}

static void *use(void *argument) {
  struct work *work = (struct work *)argument;
  size_t i;
  work->blobs_len = 0;
  for (i = 0; i < SINGLE; i++)
    generate(work, keys[i % 3], i % 8 == 7 ? 1000 : 32, i % 8 == 5 ? KMS_SKIP_PLAINTEXT : 0);
  generate_many(work, keys[0]);
  for (i = 0; i < 8; i++)
    encrypt(work, keys[i % 3], 48 + (uint32_t)i * 100);
  for (i = 0; i < work->blobs_len; i++)
    decrypt(work, i);
  return NULL;
}

/* What an application does with its keys besides using them. */
static void manage(struct work *work, const char *store) {
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_random_request_t random = KMS_RANDOM_REQUEST_INIT;
  kms_import_request_t import = KMS_IMPORT_REQUEST_INIT;
  kms_key_request_t rotate = KMS_KEY_REQUEST_INIT;
  kms_re_encrypt_request_t again = KMS_RE_ENCRYPT_REQUEST_INIT;
  kms_backup_request_t backup = KMS_BACKUP_REQUEST_INIT;
  kms_verify_request_t verify = KMS_VERIFY_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  kms_damage_info_t damages[4];
  kms_buffer_t material = buffer(work->plaintext, 32);
  kms_buffer_t blob = buffer(work->blobs[ALL - 1], sizeof work->blobs[0]);
  kms_error_t error;
  char path[4096];

  create.key_id = "imported";
  create.origin = KMS_ORIGIN_EXTERNAL;
  CHECK(kms_create_key(work->kms, &create, NULL, &error) == KMS_OK);
  random.number_of_bytes = 32;
  CHECK(kms_generate_random(work->kms, &random, &material, &error) == KMS_OK);
  import.key_id = "imported";
  import.material.data = material.data;
  import.material.len = material.len;
  CHECK(kms_import_key_material(work->kms, &import, NULL, &error) == KMS_OK);
  record('K', material.data, material.len);
  kms_wipe(work->plaintext, sizeof work->plaintext);

  rotate.key_id = "third";
  CHECK(kms_rotate_key(work->kms, &rotate, NULL, &error) == KMS_OK);

  again.ciphertext.data = work->blobs[0];
  again.ciphertext.len = work->blob_lens[0];
  again.source_context = again.destination_context = context;
  again.source_context_len = again.destination_context_len = 1;
  again.destination_key_id = "imported";
  CHECK(kms_re_encrypt(work->kms, &again, &blob, NULL, NULL, NULL, &error) == KMS_OK);
  record('B', blob.data, blob.len);

  snprintf(path, sizeof path, "%s.backup", store + strlen("sqlite:"));
  backup.path = path;
  CHECK(kms_backup(work->kms, &backup, &error) == KMS_OK);
  do {
    CHECK(kms_verify(work->kms, &verify, &page, damages, sizeof damages[0], 4, NULL, &error) ==
          KMS_OK);
    CHECK(page.items_len == 0);
  } while (page.more);
  CHECK(kms_flush(work->kms, &error) == KMS_OK);
}

static void rekey(kms_t *kms) {
  kms_rekey_request_t request = KMS_REKEY_REQUEST_INIT;
  kms_error_t error;
  request.root_key.data = next_secret.bytes;
  request.root_key.len = next_secret.len;
  CHECK(kms_rekey(kms, &request, &error) == KMS_OK);
  kms_wipe(next_secret.bytes, sizeof next_secret.bytes);
}

static struct work main_work, thread_work;

int main(int argc, char **argv) {
  kms_error_t error;
  kms_t *kms;
  pthread_t thread;
  size_t i;
  memset(&error, 0, sizeof error);
  if (argc != 4)
    return 2;
  marker[0] = 'l';
  leak = strcmp(argv[3], "leak") == 0;
#ifdef PR_SET_PTRACER
  /* For the debugger that takes the core dump, where only parents may. */
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
#endif
  read_secret(&secret);
  read_secret(&next_secret);
  if (leak)
    keep(secret.bytes, secret.len);

  kms = open_store(argv[1], argv[2]);
  for (i = 0; i < 3; i++) {
    kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
    create.key_id = keys[i];
    CHECK(kms_create_key(kms, &create, NULL, &error) == KMS_OK);
  }
  main_work.kms = thread_work.kms = kms;
  use(&main_work);
  CHECK(pthread_create(&thread, NULL, use, &thread_work) == 0);
  pthread_join(thread, NULL);
  kms_close(kms);

  /* Again, with keys that come out of the store, and another handle beside it. */
  kms = open_store(argv[1], argv[2]);
  main_work.kms = open_store(argv[1], argv[2]);
  thread_work.kms = kms;
  kms_wipe(secret.bytes, sizeof secret.bytes);
  use(&main_work);
  manage(&main_work, argv[1]);
  use(&thread_work);
  stop("used");

  kms_close(main_work.kms);
  rekey(kms);
  use(&thread_work);
  stop("rekeyed");

  kms_close(kms);
  stop("closed");
  return 0;
}
