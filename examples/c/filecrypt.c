/* filecrypt: encrypts and decrypts a file of any size with a data key from libkms.
 *
 *   filecrypt encrypt --store STORE --root-key-uri URI --key KEY [--context NAME=VALUE]...
 * [--create] IN OUT filecrypt decrypt --store STORE --root-key-uri URI [--key KEY] [--context
 * NAME=VALUE]... IN OUT
 *
 * Each file has a data key of its own. The plain data key lives in memory while the file is worked
 * on; the file carries it wrapped under the KMS key. The file layout is in examples/README.md. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kms.h"
#include "sealed_file.h"

typedef struct arguments {
  const char *command, *store, *root_key_uri, *key, *in, *out;
  bool create;
  kms_context_entry_t context[KMS_MAX_CONTEXT_PAIRS];
  size_t context_len;
} arguments_t;

static bool fail(const char *what, const char *why) {
  fprintf(stderr, "filecrypt: %s: %s\n", what, why);
  return false;
}

/* The error struct is ours and holds a whole sentence: there is nothing to fetch and nothing to
 * free. */
static bool kms_fail(const char *what, const kms_error_t *error) {
  fprintf(stderr, "filecrypt: %s: %s (%s)\n", what, error->message, kms_status_name(error->status));
  return false;
}

static bool open_store(const arguments_t *arguments, kms_t **kms) {
  kms_error_t error;
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  options.store = arguments->store;
  options.root_key_uri = arguments->root_key_uri;
  options.flags = arguments->create ? KMS_OPEN_CREATE : 0;
  return kms_open(&options, kms, &error) == KMS_OK || kms_fail("open store", &error);
}

/* Makes the KMS key if it is not there: "alias/NAME" gets a new id and that alias, anything else is
 * the id. */
static bool create_key(kms_t *kms, const char *key) {
  kms_error_t error;
  kms_status_t status;
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  if (strncmp(key, "alias/", 6) == 0)
    request.alias = key;
  else
    request.key_id = key;
  status = kms_create_key(kms, &request, NULL, &error);
  return status == KMS_OK || status == KMS_ALREADY_EXISTS || kms_fail("create key", &error);
}

/* The header's context as kms_decrypt takes it; the entries point into the header. */
static bool unpack_context(const sealed_header_t *header, kms_context_entry_t *entries,
                           size_t *entries_len) {
  const char *at = header->context, *end = at + header->context_len;
  *entries_len = 0;
  while (at < end) { /* a NUL is before end: sealed_read_header saw to it */
    kms_context_entry_t *entry = &entries[*entries_len];
    entry->key = at;
    entry->value = at += strlen(at) + 1;
    if (at >= end || ++*entries_len > KMS_MAX_CONTEXT_PAIRS)
      return fail("refused", "the header's context is not pairs, or too many");
    at += strlen(at) + 1;
  }
  return true;
}

/* The file says which context it was encrypted with, and the KMS verifies that; the caller says
 * what it expects of it, which only the caller can: otherwise one tenant's file would pass for
 * another's. */
static bool expect_context(const arguments_t *arguments, const kms_context_entry_t *entries,
                           size_t entries_len) {
  size_t i, j;
  for (i = 0; i < arguments->context_len; i++) {
    const kms_context_entry_t *expected = &arguments->context[i];
    for (j = 0; j < entries_len; j++)
      if (strcmp(entries[j].key, expected->key) == 0 &&
          strcmp(entries[j].value, expected->value) == 0)
        break;
    if (j == entries_len)
      return fail(arguments->in, "refused: it was encrypted with another context");
  }
  return true;
}

/* A fresh data key for this file, and a header that carries it wrapped. */
static bool generate_key(kms_t *kms, const arguments_t *arguments, sealed_header_t *header,
                         uint8_t key[SEALED_KEY_SIZE]) {
  kms_error_t error;
  uint8_t wrapped[SEALED_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD], prefix[SEALED_PREFIX_SIZE];
  kms_buffer_t key_buffer = {key, SEALED_KEY_SIZE, 0};
  kms_buffer_t wrapped_buffer = {wrapped, sizeof wrapped, 0};
  kms_buffer_t prefix_buffer = {prefix, sizeof prefix, 0};
  kms_random_request_t random = KMS_RANDOM_REQUEST_INIT;
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT; /* asks for AES-256 */
  const char *failure;
  size_t i;
  request.key_id = arguments->key;
  request.context = arguments->context;
  request.context_len = arguments->context_len;
  random.number_of_bytes = SEALED_PREFIX_SIZE;
  if (kms_generate_random(kms, &random, &prefix_buffer, &error) != KMS_OK)
    return kms_fail("generate nonce prefix", &error);
  if (kms_generate_data_key(kms, &request, &key_buffer, &wrapped_buffer, NULL, NULL, &error) !=
      KMS_OK)
    return kms_fail("generate data key", &error);
  failure = sealed_start_header(header, prefix, wrapped, wrapped_buffer.len);
  for (i = 0; i < arguments->context_len && failure == NULL; i++) {
    failure = sealed_add_context(header, arguments->context[i].key);
    if (failure == NULL)
      failure = sealed_add_context(header, arguments->context[i].value);
  }
  return failure == NULL || fail("header", failure);
}

/* The data key of the file whose header this is. */
static bool unwrap_key(kms_t *kms, const arguments_t *arguments, const sealed_header_t *header,
                       uint8_t key[SEALED_KEY_SIZE]) {
  static kms_context_entry_t context[KMS_MAX_CONTEXT_PAIRS + 1];
  kms_error_t error;
  kms_buffer_t key_buffer = {key, SEALED_KEY_SIZE, 0};
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  request.ciphertext.data = header->wrapped;
  request.ciphertext.len = header->wrapped_len;
  request.key_id = arguments->key; /* NULL: whichever key the file names */
  request.context = context;
  if (!unpack_context(header, context, &request.context_len) ||
      !expect_context(arguments, context, request.context_len))
    return false;
  if (kms_decrypt(kms, &request, &key_buffer, NULL, &error) != KMS_OK)
    return kms_fail("unwrap data key", &error);
  return key_buffer.len == SEALED_KEY_SIZE ||
         fail(arguments->in, "refused: its data key is not AES-256");
}

static bool crypt_file(kms_t *kms, const arguments_t *arguments) {
  static sealed_header_t header;
  bool seal = strcmp(arguments->command, "encrypt") == 0, have_key;
  uint8_t key[SEALED_KEY_SIZE];
  sealed_output_t output;
  const char *failure = NULL;
  FILE *in = fopen(arguments->in, "rb");
  if (in == NULL)
    return fail(arguments->in, strerror(errno));
  if (seal) {
    have_key = generate_key(kms, arguments, &header, key);
  } else {
    failure = sealed_read_header(&header, in);
    have_key = failure == NULL && unwrap_key(kms, arguments, &header, key);
  }
  if (have_key) {
    failure = sealed_create(&output, arguments->out);
    if (failure == NULL) {
      failure = seal ? sealed_write(&header, key, in, output.file)
                     : sealed_read(&header, key, in, output.file);
      failure = sealed_commit(&output, failure);
    }
  }
  kms_wipe(key, sizeof key); /* whatever happened: the plain key does not outlive the file's work */
  fclose(in);
  return failure == NULL ? have_key : fail(arguments->in, failure);
}

static bool parse_context(arguments_t *arguments, char *pair) {
  char *equals = strchr(pair, '=');
  if (equals == NULL || arguments->context_len == KMS_MAX_CONTEXT_PAIRS)
    return fail("--context", "NAME=VALUE, at most 2048 of them");
  *equals = 0;
  arguments->context[arguments->context_len].key = pair;
  arguments->context[arguments->context_len++].value = equals + 1;
  return true;
}

static bool parse_arguments(int argc, char **argv, arguments_t *arguments) {
  int i;
  arguments->command = argc > 1 ? argv[1] : "";
  for (i = 2; i + 1 < argc && strncmp(argv[i], "--", 2) == 0; i++) {
    if (strcmp(argv[i], "--create") == 0)
      arguments->create = true;
    else if (strcmp(argv[i], "--store") == 0)
      arguments->store = argv[++i];
    else if (strcmp(argv[i], "--root-key-uri") == 0)
      arguments->root_key_uri = argv[++i];
    else if (strcmp(argv[i], "--key") == 0)
      arguments->key = argv[++i];
    else if (strcmp(argv[i], "--context") == 0 && parse_context(arguments, argv[i + 1]))
      i++;
    else
      return false;
  }
  if (argc - i != 2 || arguments->store == NULL || arguments->root_key_uri == NULL)
    return false;
  arguments->in = argv[i];
  arguments->out = argv[i + 1];
  if (strcmp(arguments->command, "encrypt") == 0)
    return arguments->key != NULL;
  return strcmp(arguments->command, "decrypt") == 0 && !arguments->create;
}

int main(int argc, char **argv) {
  static arguments_t arguments;
  kms_t *kms = NULL;
  bool done;
  if (!parse_arguments(argc, argv, &arguments)) {
    fputs("usage: filecrypt encrypt --store STORE --root-key-uri URI --key KEY"
          " [--context NAME=VALUE]... [--create] IN OUT\n"
          "       filecrypt decrypt --store STORE --root-key-uri URI [--key KEY]"
          " [--context NAME=VALUE]... IN OUT\n",
          stderr);
    return 2;
  }
  done = open_store(&arguments, &kms) && (!arguments.create || create_key(kms, arguments.key)) &&
         crypt_file(kms, &arguments);
  kms_close(kms); /* NULL is a no-op */
  return done ? EXIT_SUCCESS : EXIT_FAILURE;
}
