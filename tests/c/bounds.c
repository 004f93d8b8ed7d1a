/* Every integer and every length at its bounds and past them: specs, counts, strides, sizes of
 * texts and bytes. A caller's mistake is KMS_INVALID_ARGUMENT with the argument's name. */
#include "guarded.h"

#include "calls.h"

/* --- opening
 * --------------------------------------------------------------------------------------------------
 */

static void open_bounds(void) {
  static const char *const bad_stores[] = {"", "memory", "sqlite", "sqlite:", "mysql:x", "MEMORY:"};
  static const char *const bad_accounts[] = {"", "00000000000", "0000000000000", "00000000000x"};
  uint8_t long_key[KMS_ROOT_KEY_SIZE + 1] = {0};
  kms_open_options_t options = good_options();
  size_t i;
  int bit;

  for (bit = 4; bit < 32; bit++) {
    options.flags = KMS_OPEN_CREATE | (uint32_t)1 << bit;
    CHECK_ARGUMENT("options.flags", call_open(&options));
  }
  options.flags = UINT32_MAX;
  CHECK_ARGUMENT("options.flags", call_open(&options));
  options.flags = KMS_OPEN_CREATE | KMS_OPEN_SYSTEM_RNG;
  CHECK_OK(call_open(&options));
  options.reserved = 1;
  CHECK_ARGUMENT("options.reserved", call_open(&options));
  options = good_options();
  options.max_cached_keys = 1;
  CHECK_OK(call_open(&options));
  options.max_cached_keys = UINT32_MAX;
  CHECK_OK(call_open(&options));
  options.max_staleness_ms = UINT32_MAX;
  options.timeout_ms = UINT32_MAX;
  CHECK_OK(call_open(&options));
  options.max_staleness_ms = 1;
  options.timeout_ms = 1;
  CHECK_OK(call_open(&options));

  for (i = 0; i < sizeof bad_stores / sizeof bad_stores[0]; i++) {
    options.store = bad_stores[i];
    CHECK_ARGUMENT("options.store", call_open(&options));
  }
  options.store = "sqlite:\xff.db";
  CHECK_ARGUMENT("options.store", call_open(&options));
  options.store = "memory:";
  for (i = 0; i < sizeof bad_accounts / sizeof bad_accounts[0]; i++) {
    options.account_id = bad_accounts[i];
    CHECK_ARGUMENT("options.account_id", call_open(&options));
  }
  options.account_id = "123456789012";
  CHECK_OK(call_open(&options));
  options.region = "\xc3"; /* the first half of a character */
  CHECK_ARGUMENT("options.region", call_open(&options));
  options.region = "";
  CHECK_ARGUMENT("options.region", call_open(&options));
  options.region = "eu-west-1";
  CHECK_OK(call_open(&options));

  options = good_options();
  for (i = 0; i <= sizeof long_key; i++)
    if (i != KMS_ROOT_KEY_SIZE) {
      options.root_key.data = long_key;
      options.root_key.len = i; /* 0: no source at all */
      CHECK_ARGUMENT("options.root_key", call_open(&options));
    }
  options = good_options(); /* two sources, three sources */
  options.passphrase.data = long_key;
  options.passphrase.len = sizeof long_key;
  CHECK_ARGUMENT("options.root_key", call_open(&options));
  options.root_key_uri = "env:HOME";
  CHECK_ARGUMENT("options.root_key", call_open(&options));
  options.root_key.len = 0;
  CHECK_ARGUMENT("options.root_key", call_open(&options));
  options.passphrase.len = 0;
  options.root_key_uri = "";
  CHECK_ARGUMENT("options.root_key_uri", call_open(&options));
  options.root_key_uri = "http://x";
  CHECK_ARGUMENT("options.root_key_uri", call_open(&options));
  options.root_key_uri = "file:\xff";
  CHECK_ARGUMENT("options.root_key_uri", call_open(&options));
}

/* --- lengths of data keys, payloads, AAD
 * ---------------------------------------------------------------------- */

static void data_key_bounds(void) {
  static const uint32_t good_numbers[] = {1, 2, 1023, 1024};
  static const uint32_t bad_numbers[] = {1025, 65536, 0x80000000u, UINT32_MAX};
  static const uint32_t bad_specs[] = {5, 6, 255, 0x80000000u, UINT32_MAX};
  static uint8_t aad[KMS_MAX_AAD_SIZE + 1];
  kms_data_key_request_t request = good_generate();
  uint32_t spec;
  size_t i;
  for (spec = KMS_KEY_SPEC_UNSPECIFIED; spec <= KMS_KEY_SPEC_AES_256; spec++) {
    request.key_spec = spec;
    CHECK_OK(call_generate(&request));
    CHECK_OK(call_generate_many(&request));
  }
  request.key_spec = KMS_KEY_SPEC_AES_256_HSM;
  CHECK_STATUS(KMS_INVALID_KEY_USAGE, call_generate(&request));
  CHECK_STATUS(KMS_INVALID_KEY_USAGE, call_generate_many(&request));
  for (i = 0; i < sizeof bad_specs / sizeof bad_specs[0]; i++) {
    request.key_spec = bad_specs[i];
    CHECK_ARGUMENT("request.key_spec", call_generate(&request));
    CHECK_ARGUMENT("request.key_spec", call_generate_many(&request));
  }
  request.key_spec = 0;
  for (i = 0; i < sizeof good_numbers / sizeof good_numbers[0]; i++) {
    request.number_of_bytes = good_numbers[i];
    CHECK_OK(call_generate(&request));
  }
  for (i = 0; i < sizeof bad_numbers / sizeof bad_numbers[0]; i++) {
    request.number_of_bytes = bad_numbers[i];
    CHECK_ARGUMENT("request.number_of_bytes", call_generate(&request));
    CHECK_ARGUMENT("request.number_of_bytes", call_generate_many(&request));
  }
  request.number_of_bytes = 32; /* both, even if they agree */
  request.key_spec = KMS_KEY_SPEC_AES_256;
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_generate(&request));
  request = good_generate();
  request.flags = KMS_INITIAL_VERSION;
  request.version_id = "x";
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_generate(&request));

  request = good_generate();
  request.aad.data = aad;
  request.aad.len = KMS_MAX_AAD_SIZE;
  CHECK_OK(call_generate(&request));
  request.aad.len = KMS_MAX_AAD_SIZE + 1;
  CHECK_ARGUMENT("request.aad", call_generate(&request));
  CHECK_ARGUMENT("request.aad", call_generate_many(&request));
  request.aad.len = SIZE_MAX; /* refused before it is read */
  CHECK_ARGUMENT("request.aad", call_generate(&request));
}

static void payload_bounds(void) {
  static uint8_t payload[KMS_MAX_PAYLOAD_SIZE + 1], aad[KMS_MAX_AAD_SIZE + 1];
  kms_encrypt_request_t request = good_encrypt();
  kms_decrypt_request_t decrypt_request = good_decrypt();
  request.plaintext.data = payload;
  request.plaintext.len = KMS_MAX_PAYLOAD_SIZE;
  CHECK_OK(call_encrypt(&request));
  request.plaintext.len = KMS_MAX_PAYLOAD_SIZE + 1;
  CHECK_ARGUMENT("request.plaintext", call_encrypt(&request));
  /* Refused for its length, not for all that so long a plaintext would overlap. */
  request.plaintext.data = (const uint8_t *)8;
  request.plaintext.len = SIZE_MAX / 2;
  CHECK_ARGUMENT("request.plaintext", call_encrypt(&request));
  request.plaintext.data = payload;
  CHECK_ARGUMENT("request.plaintext", call_encrypt(&request));
  request.plaintext.len = SIZE_MAX;
  CHECK_ARGUMENT("request.plaintext", call_encrypt(&request));
  request.plaintext.len = 1;
  request.aad.data = aad;
  request.aad.len = KMS_MAX_AAD_SIZE;
  CHECK_OK(call_encrypt(&request));
  request.aad.len++;
  CHECK_ARGUMENT("request.aad", call_encrypt(&request));
  decrypt_request.aad = request.aad;
  CHECK_ARGUMENT("request.aad", call_decrypt(&decrypt_request));
  decrypt_request.aad.len = KMS_MAX_AAD_SIZE; /* allowed, though not what was encrypted */
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_decrypt(&decrypt_request));
}

static void ciphertext_bounds(void) {
  static uint8_t long_blob[KMS_MAX_CIPHERTEXT_SIZE + 1];
  uint8_t long_iv[KMS_IV_SIZE + 1] = {0};
  kms_decrypt_request_t request = good_decrypt();
  size_t len;
  for (len = 0; len < sizeof blob; len++) {
    /* Cut anywhere, and lying before an inaccessible page. */
    guarded_t cut = guarded_copy(blob, len);
    request.ciphertext.data = cut.data;
    request.ciphertext.len = len;
    CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_decrypt(&request));
    guarded_free(&cut);
  }
  memcpy(long_blob, blob, sizeof blob);
  request.ciphertext.data = long_blob;
  request.ciphertext.len = sizeof blob + 1;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_decrypt(&request));
  request.ciphertext.len = KMS_MAX_CIPHERTEXT_SIZE;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_decrypt(&request));
  request.ciphertext.len = KMS_MAX_CIPHERTEXT_SIZE + 1;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_decrypt(&request));
  request.ciphertext.len = SIZE_MAX;
  CHECK_ARGUMENT("request.ciphertext", call_decrypt(&request));

  memcpy(long_iv, blob_iv, sizeof blob_iv);
  request = good_decrypt();
  request.iv.data = long_iv;
  request.iv.len = KMS_IV_SIZE;
  CHECK_OK(call_decrypt(&request));
  request.iv.len = KMS_IV_SIZE - 1;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_decrypt(&request));
  request.iv.len = KMS_IV_SIZE + 1;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_decrypt(&request));
}

static void random_bounds(void) {
  static const uint32_t bad[] = {0, KMS_MAX_RANDOM_SIZE + 1, 0x80000000u, UINT32_MAX};
  kms_random_request_t request = KMS_RANDOM_REQUEST_INIT;
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    request.number_of_bytes = bad[i];
    CHECK_ARGUMENT("request.number_of_bytes", call_random(&request));
    request.flags = KMS_DRY_RUN;
    CHECK_ARGUMENT("request.number_of_bytes", call_random(&request));
    request.flags = 0;
  }
  request.number_of_bytes = 1;
  CHECK_OK(call_random(&request));
  request.number_of_bytes = KMS_MAX_RANDOM_SIZE;
  CHECK_OK(call_random(&request));
}

/* --- contexts and grant tokens
 * -------------------------------------------------------------------------------- */

/* The same context for all three operations that take one. */
static void context_refused(const kms_context_entry_t *context, size_t len) {
  kms_data_key_request_t generate_request = good_generate();
  kms_encrypt_request_t encrypt_request = good_encrypt();
  kms_decrypt_request_t decrypt_request = good_decrypt();
  generate_request.context = encrypt_request.context = decrypt_request.context = context;
  generate_request.context_len = encrypt_request.context_len = decrypt_request.context_len = len;
  CHECK_ARGUMENT("request.context", call_generate(&generate_request));
  CHECK_ARGUMENT("request.context", call_generate_many(&generate_request));
  CHECK_ARGUMENT("request.context", call_encrypt(&encrypt_request));
  CHECK_ARGUMENT("request.context", call_decrypt(&decrypt_request));
}

/* Accepted, and what was made with it is opened with it. */
static void context_works(const kms_context_entry_t *context, size_t len) {
  kms_data_key_request_t generate_request = good_generate();
  kms_decrypt_request_t decrypt_request = KMS_DECRYPT_REQUEST_INIT;
  generate_request.context = decrypt_request.context = context;
  generate_request.context_len = decrypt_request.context_len = len;
  if (!CHECK_OK(call_generate(&generate_request)))
    return;
  decrypt_request.ciphertext.data = out_bytes;
  decrypt_request.ciphertext.len = 32 + KMS_CIPHERTEXT_OVERHEAD;
  CHECK_OK(call_decrypt(&decrypt_request));
}

static void context_bounds(void) {
  static kms_context_entry_t many[KMS_MAX_CONTEXT_PAIRS + 1];
  static char keys[KMS_MAX_CONTEXT_PAIRS + 1][8];
  static char value[KMS_MAX_CONTEXT_SIZE + 1];
  static const kms_context_entry_t twice[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  static const kms_context_entry_t empty_key[] = {{"a", "1"}, {"", "2"}};
  static const kms_context_entry_t bad_key[] = {{"a\xff", "1"}};
  static const kms_context_entry_t overlong_value[] = {{"a", "\xc0\x80"}};
  static const kms_context_entry_t surrogate[] = {{"a", "\xed\xa0\x80"}};
  static const kms_context_entry_t prefixes[] = {
      {"ab", ""}, {"a", ""}, {"\xc3\xa9", "caf\xc3\xa9"}, {"A", "a"}};
  kms_context_entry_t large;
  kms_data_key_request_t request = good_generate();
  size_t i;

  context_refused(twice, 3);
  context_works(twice, 2);
  context_refused(empty_key, 2);
  context_refused(bad_key, 1);
  context_refused(overlong_value, 1);
  context_refused(surrogate, 1);
  context_works(prefixes, 4);

  memset(value, 'v', sizeof value - 1);
  large.key = "k";
  large.value = value + 1; /* 32767 bytes */
  context_works(&large, 1);
  large.value = value;
  context_refused(&large, 1);
  large.key = value; /* a key may be as long */
  large.value = "";
  context_works(&large, 1);

  for (i = 0; i <= KMS_MAX_CONTEXT_PAIRS; i++) {
    snprintf(keys[i], sizeof keys[i], "%04x", (unsigned)(i * 7919 % 65536));
    many[i].key = keys[i];
    many[i].value = "";
  }
  context_works(many, KMS_MAX_CONTEXT_PAIRS);
  context_refused(many, KMS_MAX_CONTEXT_PAIRS + 1);
  context_refused(twice, SIZE_MAX); /* refused before it is read */

  request.context = twice;
  request.context_len = 2;
  request.aad.data = blob;
  request.aad.len = 1;
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_generate(&request)); /* aad or context, not both */
}

static void token_bounds(void) {
  static const char *const tokens[KMS_MAX_GRANT_TOKENS + 1] = {"t", "t", "t", "t", "t", "t",
                                                               "t", "t", "t", "t", "t"};
  static const char *const bad_text[] = {"\xff"};
  kms_data_key_request_t generate_request = good_generate();
  kms_encrypt_request_t encrypt_request = good_encrypt();
  kms_decrypt_request_t decrypt_request = good_decrypt();
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  describe.key_id = "key-1";
  generate_request.grant_tokens = encrypt_request.grant_tokens = decrypt_request.grant_tokens =
      describe.grant_tokens = tokens;
  generate_request.grant_tokens_len = encrypt_request.grant_tokens_len =
      decrypt_request.grant_tokens_len = describe.grant_tokens_len = 1;
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, call_generate(&generate_request));
  CHECK(err.detail == KMS_DETAIL_GRANT);
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, call_generate_many(&generate_request));
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, call_encrypt(&encrypt_request));
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, call_decrypt(&decrypt_request));
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, call_describe_key(&describe));
  generate_request.grant_tokens_len = KMS_MAX_GRANT_TOKENS;
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, call_generate(&generate_request));
  generate_request.grant_tokens_len = KMS_MAX_GRANT_TOKENS + 1;
  CHECK_ARGUMENT("request.grant_tokens_len", call_generate(&generate_request));
  generate_request.grant_tokens_len = SIZE_MAX;
  CHECK_ARGUMENT("request.grant_tokens_len", call_generate(&generate_request));
  generate_request.grant_tokens = bad_text;
  generate_request.grant_tokens_len = 1;
  CHECK_ARGUMENT("request.grant_tokens", call_generate(&generate_request));
}

/* --- names
 * ----------------------------------------------------------------------------------------------------
 */

static void key_id_bounds(void) {
  static const char *const bad[] = {"",     "a b",     "a.b",       "a/b", "a:b", "caf\xc3\xa9",
                                    "\xff", "alias/x", "arn:x:y:z", "a\n"};
  char text[2050];
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_data_key_request_t request = good_generate();
  size_t i;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    create.key_id = bad[i];
    CHECK_ARGUMENT("request.key_id", call_create_key(&create));
  }
  memset(text, 'k', sizeof text);
  text[65] = 0;
  create.key_id = text; /* 65 bytes */
  CHECK_ARGUMENT("request.key_id", call_create_key(&create));
  text[64] = 0;
  CHECK_OK(call_create_key(&create));
  request.key_id = text;
  CHECK_OK(call_generate(&request));
  create.key_id = "k";
  CHECK_OK(call_create_key(&create));

  /* To name a key with: what cannot be one is not found; what is nothing, or no text, is refused.
   */
  request.key_id = "";
  CHECK_ARGUMENT("request.key_id", call_generate(&request));
  request.key_id = "\xff";
  CHECK_ARGUMENT("request.key_id", call_generate(&request));
  request.key_id = "no.such/key";
  CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
  request.key_id = "alias/";
  CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
  memset(text, 'k', sizeof text);
  text[2048] = 0;
  request.key_id = text;
  CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
  text[2048] = 'k';
  text[2049] = 0;
  CHECK_ARGUMENT("request.key_id", call_generate(&request));
  request = good_generate();
  request.version_id = "\xff";
  CHECK_ARGUMENT("request.version_id", call_generate(&request));
  request.version_id = "";
  CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
  text[2048] = 0;
  request.version_id = text;
  CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
}

/* ARNs of this store's account and region; of another, they name nothing here. */
static void arn_bounds(void) {
  static const char *const good[] = {"arn:aws:kms:local:000000000000:key/key-1",
                                     "arn:aws:kms:local:000000000000:alias/one",
                                     "acs:kms:local:000000000000:key/key-1"};
  static const char *const other[] = {"arn:aws:kms:local:000000000001:key/key-1",
                                      "arn:aws:kms:moon:000000000000:key/key-1",
                                      "arn:aws:s3:local:000000000000:key/key-1",
                                      "arn:aws:kms:local:000000000000:key/",
                                      "arn:aws:kms:local:000000000000:key-1",
                                      "arn:aws:kms:local:000000000000:alias/none",
                                      "acs:kms:local:key/key-1",
                                      "arn:",
                                      "acs:"};
  kms_data_key_request_t request = good_generate();
  size_t i;
  for (i = 0; i < sizeof good / sizeof good[0]; i++) {
    request.key_id = good[i];
    CHECK_OK(call_generate(&request));
  }
  for (i = 0; i < sizeof other / sizeof other[0]; i++) {
    request.key_id = other[i];
    CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
  }
}

static void alias_bounds(void) {
  static const char *const bad[] = {
      "",          "alias",      "alias/",        "Alias/x",    "x",
      "alias/a b", "alias/a.b",  "alias/a:b",     "alias/\xff", "alias/a\n",
      "aliasx/a",  "/alias/abc", "alias/\xc3\xa9"};
  char text[300] = "alias/";
  kms_create_alias_request_t request = good_alias();
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_data_key_request_t generate_request = good_generate();
  size_t i;
  request.flags = 0;
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    request.alias = bad[i];
    CHECK_ARGUMENT("request.alias", call_create_alias(&request));
    create.alias = bad[i];
    CHECK_ARGUMENT("request.alias", call_create_key(&create));
  }
  memset(text + 6, 'a', sizeof text - 6);
  text[6 + 251] = 0;
  request.alias = create.alias = text;
  CHECK_ARGUMENT("request.alias", call_create_alias(&request));
  CHECK_ARGUMENT("request.alias", call_create_key(&create));
  text[6 + 250] = 0;
  CHECK_OK(call_create_alias(&request));
  generate_request.key_id = text;
  CHECK_OK(call_generate(&generate_request));
  request.alias = "alias/a";
  CHECK_OK(call_create_alias(&request));
  request.alias = "alias/a/b-c_D9";
  CHECK_OK(call_create_alias(&request));
  request.alias = "alias/of-an-alias"; /* an alias names a key, not another alias */
  request.key_id = "alias/a";
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_create_alias(&request));
}

static void description_bounds(void) {
  static char text[KMS_MAX_DESCRIPTION_SIZE + 2];
  static uint8_t bytes[KMS_MAX_DESCRIPTION_SIZE + 1];
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  kms_buffer_t buffer = fresh_buffer(bytes, sizeof bytes);
  memset(text, 'd', KMS_MAX_DESCRIPTION_SIZE + 1);
  create.key_id = "described";
  create.description = text;
  CHECK_ARGUMENT("request.description", call_create_key(&create));
  create.description = "half a character: \xc3";
  CHECK_ARGUMENT("request.description", call_create_key(&create));
  create.description = text + 1;
  CHECK_OK(call_create_key(&create));
  describe.key_id = "described";
  CHECK_OK(kms_describe_key(kms, &describe, &info, &buffer, &err));
  CHECK(info.description.len == KMS_MAX_DESCRIPTION_SIZE && buffer.len == sizeof bytes);
  CHECK(strcmp((char *)bytes + info.description.offset, text + 1) == 0);
}

static void create_key_bounds(void) {
  static const uint32_t bad_origins[] = {2, 0x80000000u, UINT32_MAX};
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  size_t i;
  for (i = 0; i < sizeof bad_origins / sizeof bad_origins[0]; i++) {
    create.origin = bad_origins[i];
    CHECK_ARGUMENT("request.origin", call_create_key(&create));
  }
}

static void describe_bounds(void) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  request.version_id = "x";
  CHECK_ARGUMENT("request.version_id", call_describe_key(&request));
  request.version_id = NULL;
  request.key_id = "";
  CHECK_ARGUMENT("request.key_id", call_describe_key(&request));
  request.key_id = "\xff";
  CHECK_ARGUMENT("request.key_id", call_describe_key(&request));
}

/* --- batches and lists
 * ---------------------------------------------------------------------------------------- */

static void batch_bounds(void) {
  static const size_t bad_counts[] = {0, KMS_MAX_DATA_KEYS + 1, SIZE_MAX / 2, SIZE_MAX};
  const size_t wrapped_size = 1 + KMS_CIPHERTEXT_OVERHEAD;
  kms_data_key_request_t request = good_generate();
  kms_column_t plain = {NULL, 0, 0, 0}, wrapped = {NULL, 0, 0, 0};
  uint8_t *memory = (uint8_t *)malloc(KMS_MAX_DATA_KEYS * wrapped_size);
  size_t i;
  if (!CHECK(memory != NULL))
    return;
  for (i = 0; i < sizeof bad_counts / sizeof bad_counts[0]; i++)
    CHECK_ARGUMENT("count", generate_many(&request, bad_counts[i], NULL));
  CHECK_OK(generate_many(&request, 1, NULL));
  request.number_of_bytes = 1;
  wrapped.data = memory;
  wrapped.capacity = KMS_MAX_DATA_KEYS * wrapped_size;
  CHECK_OK(
      kms_generate_data_keys(kms, &request, KMS_MAX_DATA_KEYS, NULL, &wrapped, NULL, NULL, &err));
  CHECK(wrapped.item_len == wrapped_size);

  wrapped.stride = wrapped_size - 1; /* items would overlap */
  CHECK_ARGUMENT("ciphertexts",
                 kms_generate_data_keys(kms, &request, 2, NULL, &wrapped, NULL, NULL, &err));
  wrapped.stride = 1;
  CHECK_ARGUMENT("ciphertexts",
                 kms_generate_data_keys(kms, &request, 1, NULL, &wrapped, NULL, NULL, &err));
  wrapped.stride = SIZE_MAX; /* (count - 1) * stride is past any memory */
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL,
               kms_generate_data_keys(kms, &request, 3, NULL, &wrapped, NULL, NULL, &err));
  wrapped.stride = SIZE_MAX / 2 + 2; /* and overflows to 2 * stride = 2 */
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL,
               kms_generate_data_keys(kms, &request, 3, NULL, &wrapped, NULL, NULL, &err));
  CHECK_OK(kms_generate_data_keys(kms, &request, 1, NULL, &wrapped, NULL, NULL, &err));
  wrapped.stride = 0;
  plain.data = memory; /* nothing is there to fill, so its stride does not matter */
  plain.capacity = 1;
  plain.stride = 1;
  wrapped.data = memory + 1;
  wrapped.capacity = wrapped_size;
  request.flags = KMS_SKIP_PLAINTEXT;
  CHECK_OK(kms_generate_data_keys(kms, &request, 1, &plain, &wrapped, NULL, NULL, &err));
  CHECK(plain.item_len == 0);
  free(memory);
}

/* A store with two keys, and a capacity that nobody has. */
static kms_status_t call_list_two(kms_page_t *page, uint8_t *items) {
  const kms_list_keys_request_t request = KMS_LIST_KEYS_REQUEST_INIT;
  kms_t *two = open_test_store();
  kms_status_t status;
  check_error_begins();
  status = kms_list_keys(two, &request, page, (kms_key_info_t *)items, sizeof(kms_key_info_t),
                         SIZE_MAX, NULL, &err);
  kms_close(two);
  return status;
}

static void list_bounds(void) {
  static const size_t bad_sizes[] = {0, 1, sizeof(size_t), 4097, SIZE_MAX};
  const kms_list_keys_request_t keys = KMS_LIST_KEYS_REQUEST_INIT;
  const kms_list_aliases_request_t aliases = KMS_LIST_ALIASES_REQUEST_INIT;
  const kms_page_t first = KMS_PAGE_INIT;
  kms_list_aliases_request_t of_key = KMS_LIST_ALIASES_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  guarded_t one = guarded_alloc(sizeof(kms_key_info_t)), wide = guarded_alloc(2 * 4096);
  size_t i, size;
  for (i = 0; i < sizeof bad_sizes / sizeof bad_sizes[0]; i++) {
    memset(one.data, UNTOUCHED, sizeof(kms_key_info_t));
    CHECK_ARGUMENT("item_size", kms_list_keys(kms, &keys, &page, (kms_key_info_t *)one.data,
                                              bad_sizes[i], 1, NULL, &err));
    CHECK_ARGUMENT("item_size", kms_list_aliases(kms, &aliases, &page, (kms_alias_info_t *)one.data,
                                                 bad_sizes[i], 1, NULL, &err));
    CHECK(untouched(one.data, sizeof(kms_key_info_t)));
    CHECK(memcmp(&page, &first, sizeof page) == 0);
  }
  size = sizeof(kms_key_info_t) - 1;
  CHECK_ARGUMENT("item_size",
                 kms_list_keys(kms, &keys, &page, (kms_key_info_t *)one.data, size, 1, NULL, &err));
  size = sizeof(kms_alias_info_t) - 1;
  CHECK_ARGUMENT("item_size", kms_list_aliases(kms, &aliases, &page, (kms_alias_info_t *)one.data,
                                               size, 1, NULL, &err));

  /* Room for one item: one item, and more to come. */
  CHECK_OK(kms_list_keys(kms, &keys, &page, (kms_key_info_t *)one.data, sizeof(kms_key_info_t), 1,
                         NULL, &err));
  CHECK(page.items_len == 1 && page.more == 1);

  /* Items of a later release: each is item_size long, zero behind what we know, and says so. */
  for (size = sizeof(kms_key_info_t); size <= 4096; size += 4096 - sizeof(kms_key_info_t)) {
    page = first;
    memset(wide.data, UNTOUCHED, 2 * 4096);
    CHECK_OK(kms_list_keys(kms, &keys, &page, (kms_key_info_t *)wide.data, size, 2, NULL, &err));
    CHECK(page.items_len == 2);
    for (i = 0; i < page.items_len; i++) {
      size_t struct_size;
      memcpy(&struct_size, wide.data + i * size, sizeof struct_size);
      CHECK(struct_size == size);
      CHECK(all_bytes(wide.data + i * size + sizeof(kms_key_info_t), size - sizeof(kms_key_info_t),
                      0));
    }
    CHECK(untouched(wide.data + 2 * size, 2 * 4096 - 2 * size));
  }

  /* Room for none. */
  page = first;
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, kms_list_keys(kms, &keys, &page, (kms_key_info_t *)one.data,
                                                   sizeof(kms_key_info_t), 0, NULL, &err));
  CHECK(memcmp(&page, &first, sizeof page) == 0);

  /* More room than there can be: two keys are there, and two are written. */
  page = first;
  memset(wide.data, UNTOUCHED, 2 * 4096);
  CHECK_OK(call_list_two(&page, wide.data));
  CHECK(page.items_len == 2 && page.more == 0);
  CHECK(untouched(wide.data + 2 * sizeof(kms_key_info_t), 2 * (4096 - sizeof(kms_key_info_t))));

  /* A marker that no list returned, or another list did. */
  memset(page.marker, 'x', sizeof page.marker);
  CHECK_ARGUMENT("page.marker", call_list_keys_page(&page));
  CHECK_ARGUMENT("page.marker", call_list_aliases_page(&page));
  page.marker[1] = 0;
  CHECK_ARGUMENT("page.marker", call_list_keys_page(&page));
  CHECK_ARGUMENT("page.marker", call_list_aliases_page(&page));
  page = first;
  page.marker[0] = '\xff';
  CHECK_ARGUMENT("page.marker", call_list_keys_page(&page));
  page = first;
  CHECK_OK(call_list_keys_page(&page));
  CHECK(page.more == 1);
  CHECK_ARGUMENT("page.marker", call_list_aliases_page(&page));

  of_key.key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, call_list_aliases(&of_key));
  of_key.key_id = "";
  CHECK_ARGUMENT("request.key_id", call_list_aliases(&of_key));
  of_key.key_id = "\xff";
  CHECK_ARGUMENT("request.key_id", call_list_aliases(&of_key));
  guarded_free(&one);
  guarded_free(&wide);
}

/* --- functions of plain numbers
 * ------------------------------------------------------------------------------- */

static void names_and_sizes(void) {
  kms_status_t status;
  for (status = KMS_OK; status <= KMS_READ_ONLY; status++)
    CHECK(strncmp(kms_status_name(status), "KMS_", 4) == 0 &&
          strcmp(kms_status_name(status), "KMS_UNKNOWN_STATUS") != 0);
  CHECK(strcmp(kms_status_name(-1), "KMS_UNKNOWN_STATUS") == 0);
  CHECK(strcmp(kms_status_name(INT32_MIN), "KMS_UNKNOWN_STATUS") == 0);
  CHECK(strcmp(kms_status_name(INT32_MAX), "KMS_UNKNOWN_STATUS") == 0);
  CHECK(strcmp(kms_algorithm_name(0), "UNKNOWN") == 0);
  CHECK(strcmp(kms_algorithm_name(UINT32_MAX), "UNKNOWN") == 0);
  CHECK(kms_ciphertext_size(KMS_MAX_PAYLOAD_SIZE + 1) == 0);
  CHECK(kms_ciphertext_size(SIZE_MAX) == 0);
  CHECK(kms_struct_size("") == 0);
  CHECK(kms_struct_size("kms_handle") == 0);
  CHECK(kms_struct_size("\xff") == 0);
  CHECK(kms_struct_size("kms_error_t") == 512);
  CHECK(kms_struct_size("kms_open_options_t") == sizeof(kms_open_options_t));
}

/* A name in a message is escaped where it has control characters, and the message cut where it is
 * too long, at a character. */
static void messages_are_fit_to_print(void) {
  char text[2049];
  kms_data_key_request_t request = good_generate();
  size_t i, len;
  request.key_id = "bell\a, line\nfeed, delete\x7f";
  CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
  CHECK(strstr(err.message, "bell") != NULL && strstr(err.message, "feed") != NULL);
  for (len = 400; len < 403; len++) {
    /* Characters of three bytes, at three offsets. */
    memset(text, 'x', len);
    for (i = len; i + 3 < sizeof text; i += 3)
      memcpy(text + i, "\xe2\x82\xac", 3);
    text[i] = 0;
    request.key_id = text;
    CHECK_STATUS(KMS_NOT_FOUND, call_generate(&request));
    i = strlen(err.message);
    CHECK(i > 440 && i < sizeof err.message);
    CHECK(memcmp(err.message + i - 3, "\xe2\x82\xac", 3) == 0);
  }
}

int main(void) {
  open_for_calls();
  open_bounds();
  data_key_bounds();
  payload_bounds();
  ciphertext_bounds();
  random_bounds();
  context_bounds();
  token_bounds();
  key_id_bounds();
  arn_bounds();
  alias_bounds();
  description_bounds();
  create_key_bounds();
  describe_bounds();
  batch_bounds();
  list_bounds();
  names_and_sizes();
  messages_are_fit_to_print();
  kms_close(kms);
  return check_result();
}
