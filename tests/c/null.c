/* NULL in every position of every function, one at a time: each pointer argument, each pointer of
 * each struct, with length 0 and with a length. Each is refused with the argument's name or is what
 * the header says NULL means, nothing crashes, and no output is touched by a refusal. */
#include "check.h"

#define DATA_KEY_SIZE 32
#define WRAPPED_SIZE (DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD)

static kms_t *kms;

/* --- the outputs that a refused call must leave alone
 * --------------------------------------------------------- */

static uint8_t plain_bytes[DATA_KEY_SIZE], wrapped_bytes[WRAPPED_SIZE], iv_bytes[KMS_IV_SIZE];
static uint8_t text_bytes[KMS_LIST_MIN_TEXT];
static kms_buffer_t plain, wrapped, iv, text;
static kms_column_t plain_column, wrapped_column, iv_column;
static kms_data_key_info_t info;
static kms_key_info_t key_info, key_items[2];
static kms_alias_info_t alias_items[2];
static kms_stats_t stats;
static kms_page_t page;

static kms_column_t fresh_column(uint8_t *data, size_t capacity) {
  kms_column_t column;
  memset(data, UNTOUCHED, capacity);
  column.data = data;
  column.capacity = capacity;
  column.stride = 0;
  memset(&column.item_len, UNTOUCHED, sizeof column.item_len);
  return column;
}

static int column_untouched(const kms_column_t *column) {
  return untouched(&column->item_len, sizeof column->item_len) &&
         untouched(column->data, column->capacity);
}

static void fresh_outputs(void) {
  const kms_page_t first = KMS_PAGE_INIT;
  plain = fresh_buffer(plain_bytes, sizeof plain_bytes);
  wrapped = fresh_buffer(wrapped_bytes, sizeof wrapped_bytes);
  iv = fresh_buffer(iv_bytes, sizeof iv_bytes);
  text = fresh_buffer(text_bytes, sizeof text_bytes);
  FRESH_STRUCT(info);
  FRESH_STRUCT(key_info);
  FRESH_STRUCT(stats);
  memset(key_items, UNTOUCHED, sizeof key_items);
  memset(alias_items, UNTOUCHED, sizeof alias_items);
  page = first;
}

/* Columns share their bytes with the buffers: no call has both. */
static void fresh_columns(void) {
  plain_column = fresh_column(plain_bytes, sizeof plain_bytes);
  wrapped_column = fresh_column(wrapped_bytes, sizeof wrapped_bytes);
  iv_column = fresh_column(iv_bytes, sizeof iv_bytes);
}

static int outputs_untouched(void) {
  const kms_page_t first = KMS_PAGE_INIT;
  return buffer_untouched(&plain) && buffer_untouched(&wrapped) && buffer_untouched(&iv) &&
         buffer_untouched(&text) && STRUCT_UNTOUCHED(info) && STRUCT_UNTOUCHED(key_info) &&
         STRUCT_UNTOUCHED(stats) && untouched(key_items, sizeof key_items) &&
         untouched(alias_items, sizeof alias_items) && memcmp(&page, &first, sizeof page) == 0;
}

static int columns_untouched(void) {
  return column_untouched(&plain_column) && column_untouched(&wrapped_column) &&
         column_untouched(&iv_column) && STRUCT_UNTOUCHED(info);
}

#define REFUSED(argument, call)                                                                    \
  (fresh_outputs(), CHECK_ARGUMENT(argument, call) && CHECK(outputs_untouched()))
#define REFUSED_COLUMNS(argument, call)                                                            \
  (fresh_outputs(), fresh_columns(), CHECK_ARGUMENT(argument, call) && CHECK(columns_untouched()))
#define ACCEPTED(call) (fresh_outputs(), CHECK_OK(call))

/* --- what the struct members share
 * ---------------------------------------------------------------------------- */

static const uint8_t some_bytes[] = {1, 2, 3};
static const kms_context_entry_t good_context[] = {{"tenant", "7"}};
static const kms_context_entry_t null_key_context[] = {{"tenant", "7"}, {NULL, "x"}};
static const kms_context_entry_t null_value_context[] = {{"tenant", "7"}, {"x", NULL}};
static const char *const null_token[] = {NULL};

/* aad, context and grant_tokens of a request, which CALL makes: the same rules everywhere. */
#define CHECK_AAD_CONTEXT_TOKENS(request, refused, accepted, call)                                 \
  do {                                                                                             \
    (request).aad.data = NULL;                                                                     \
    (request).aad.len = 1;                                                                         \
    refused("request.aad", call);                                                                  \
    (request).aad.len = SIZE_MAX;                                                                  \
    refused("request.aad", call);                                                                  \
    (request).aad.len = 0;                                                                         \
    (request).context_len = 1;                                                                     \
    refused("request.context", call);                                                              \
    (request).context_len = SIZE_MAX;                                                              \
    refused("request.context", call);                                                              \
    (request).context = null_key_context;                                                          \
    (request).context_len = 2;                                                                     \
    refused("request.context", call);                                                              \
    (request).context = null_value_context;                                                        \
    refused("request.context", call);                                                              \
    (request).context = NULL;                                                                      \
    (request).context_len = 0;                                                                     \
    (request).grant_tokens_len = 1;                                                                \
    refused("request.grant_tokens", call);                                                         \
    (request).grant_tokens_len = SIZE_MAX;                                                         \
    refused("request.grant_tokens", call);                                                         \
    (request).grant_tokens = null_token;                                                           \
    (request).grant_tokens_len = 1;                                                                \
    refused("request.grant_tokens", call);                                                         \
    (request).grant_tokens_len = 0; /* pointers with length 0 are nothing */                       \
    (request).aad.data = some_bytes;                                                               \
    (request).context = good_context;                                                              \
    accepted(call);                                                                                \
    (request).aad.data = NULL;                                                                     \
    (request).context = NULL;                                                                      \
    (request).grant_tokens = NULL;                                                                 \
    accepted(call);                                                                                \
  } while (0)

/* --- function by function
 * ------------------------------------------------------------------------------------- */

static void check_open(void) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_t *out;
  options.store = "memory:";
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = KMS_OPEN_CREATE;

  /* options, and its members: *out becomes NULL, whatever was in it */
#define OPEN_REFUSED(argument)                                                                     \
  (out = kms, CHECK_ARGUMENT(argument, kms_open(&options, &out, &err)) && CHECK(out == NULL))
  out = kms;
  CHECK_ARGUMENT("options", kms_open(NULL, &out, &err));
  CHECK(out == NULL);
  options.store = NULL;
  OPEN_REFUSED("options.store");
  options.store = "memory:";
  options.root_key.data = NULL; /* with len 32 */
  OPEN_REFUSED("options.root_key");
  options.root_key.len = 0; /* no source at all */
  OPEN_REFUSED("options.root_key");
  options.root_key.len = sizeof test_root_key;
  options.root_key.data = test_root_key;
  options.passphrase.len = 1;
  OPEN_REFUSED("options.passphrase");
  options.passphrase.len = SIZE_MAX;
  OPEN_REFUSED("options.passphrase");
  options.passphrase.len = 0;

  CHECK_ARGUMENT("out", kms_open(&options, NULL, &err));
  CHECK(kms_open(NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
  out = NULL;
  CHECK(kms_open(&options, &out, NULL) == KMS_OK);
  kms_close(out);
}

static void check_close_flush_wipe_names(void) {
  uint8_t byte = 1;
  kms_close(NULL);
  CHECK_ARGUMENT("kms", kms_flush(NULL, &err));
  CHECK(kms_flush(NULL, NULL) == KMS_INVALID_ARGUMENT);
  CHECK(kms_flush(kms, NULL) == KMS_OK);
  kms_wipe(NULL, 0);
  kms_wipe(NULL, 32);
  kms_wipe(&byte, 0);
  CHECK(byte == 1);
  kms_wipe(&byte, 1);
  CHECK(byte == 0);
  CHECK(kms_struct_size(NULL) == 0);
}

static void check_create_key(void) {
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  REFUSED("kms", kms_create_key(NULL, &request, &key_info, &err));
  REFUSED("request", kms_create_key(kms, NULL, &key_info, &err));
  fresh_outputs();
  CHECK(kms_create_key(NULL, NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
  /* key_id, description and alias are NULL here: a key with an id of its own */
  ACCEPTED(kms_create_key(kms, &request, &key_info, &err));
  ACCEPTED(kms_create_key(kms, &request, NULL, &err));
  CHECK(kms_create_key(kms, &request, NULL, NULL) == KMS_OK);
}

static void check_describe_key(void) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  REFUSED("kms", kms_describe_key(NULL, &request, &key_info, &text, &err));
  REFUSED("request", kms_describe_key(kms, NULL, &key_info, &text, &err));
  REFUSED("info", kms_describe_key(kms, &request, NULL, &text, &err));
  request.key_id = NULL;
  REFUSED("request.key_id", kms_describe_key(kms, &request, &key_info, &text, &err));
  request.key_id = "key-1";
  request.grant_tokens_len = 1;
  REFUSED("request.grant_tokens", kms_describe_key(kms, &request, &key_info, &text, &err));
  request.grant_tokens = null_token;
  REFUSED("request.grant_tokens", kms_describe_key(kms, &request, &key_info, &text, &err));
  request.grant_tokens_len = 0;
  fresh_outputs();
  text.data = NULL; /* with a capacity */
  CHECK_ARGUMENT("text", kms_describe_key(kms, &request, &key_info, &text, &err));
  CHECK(STRUCT_UNTOUCHED(key_info) && untouched(&text.len, sizeof text.len));
  ACCEPTED(kms_describe_key(kms, &request, &key_info, &text, &err));
  ACCEPTED(kms_describe_key(kms, &request, &key_info, NULL, &err));
  CHECK(key_info.description.offset == 0 && key_info.description.len == 0);
  CHECK(kms_describe_key(kms, &request, &key_info, NULL, NULL) == KMS_OK);
}

static void check_list_keys(void) {
  kms_list_keys_request_t request = KMS_LIST_KEYS_REQUEST_INIT;
  const size_t size = sizeof key_items[0];
  REFUSED("kms", kms_list_keys(NULL, &request, &page, key_items, size, 2, &text, &err));
  REFUSED("request", kms_list_keys(kms, NULL, &page, key_items, size, 2, &text, &err));
  REFUSED("page", kms_list_keys(kms, &request, NULL, key_items, size, 2, &text, &err));
  REFUSED("items", kms_list_keys(kms, &request, &page, NULL, size, 2, &text, &err));
  fresh_outputs();
  text.data = NULL;
  CHECK_ARGUMENT("text", kms_list_keys(kms, &request, &page, key_items, size, 2, &text, &err));
  CHECK(untouched(key_items, sizeof key_items) && untouched(&text.len, sizeof text.len));
  ACCEPTED(kms_list_keys(kms, &request, &page, key_items, size, 2, NULL, &err));
  fresh_outputs();
  CHECK(kms_list_keys(kms, &request, &page, key_items, size, 2, &text, NULL) == KMS_OK);
}

static void check_create_alias(void) {
  kms_create_alias_request_t request = KMS_CREATE_ALIAS_REQUEST_INIT;
  request.alias = "alias/null";
  request.key_id = "key-1";
  REFUSED("kms", kms_create_alias(NULL, &request, &err));
  REFUSED("request", kms_create_alias(kms, NULL, &err));
  request.alias = NULL;
  REFUSED("request.alias", kms_create_alias(kms, &request, &err));
  request.alias = "alias/null";
  request.key_id = NULL;
  REFUSED("request.key_id", kms_create_alias(kms, &request, &err));
  request.key_id = "key-1";
  CHECK(kms_create_alias(kms, &request, NULL) == KMS_OK);
}

static void check_list_aliases(void) {
  kms_list_aliases_request_t request = KMS_LIST_ALIASES_REQUEST_INIT;
  const size_t size = sizeof alias_items[0];
  REFUSED("kms", kms_list_aliases(NULL, &request, &page, alias_items, size, 2, NULL, &err));
  REFUSED("request", kms_list_aliases(kms, NULL, &page, alias_items, size, 2, NULL, &err));
  REFUSED("page", kms_list_aliases(kms, &request, NULL, alias_items, size, 2, NULL, &err));
  REFUSED("items", kms_list_aliases(kms, &request, &page, NULL, size, 2, NULL, &err));
  ACCEPTED(kms_list_aliases(kms, &request, &page, alias_items, size, 2, NULL, &err));
  fresh_outputs();
  CHECK(kms_list_aliases(kms, &request, &page, alias_items, size, 2, NULL, NULL) == KMS_OK);
}

static void check_generate_data_key(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  REFUSED("kms", kms_generate_data_key(NULL, &request, &plain, &wrapped, &iv, &info, &err));
  REFUSED("request", kms_generate_data_key(kms, NULL, &plain, &wrapped, &iv, &info, &err));
  REFUSED("ciphertext", kms_generate_data_key(kms, &request, &plain, NULL, &iv, &info, &err));
  request.key_id = NULL;
  REFUSED("request.key_id",
          kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, &info, &err));
  request.key_id = "key-1";
  CHECK_AAD_CONTEXT_TOKENS(
      request, REFUSED, ACCEPTED,
      kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, &info, &err));

  fresh_outputs();
  plain.data = NULL; /* with a capacity, here and below */
  CHECK_ARGUMENT("plaintext",
                 kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, &info, &err));
  CHECK(buffer_untouched(&wrapped) && buffer_untouched(&iv) && STRUCT_UNTOUCHED(info));
  fresh_outputs();
  wrapped.data = NULL;
  CHECK_ARGUMENT("ciphertext",
                 kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, &info, &err));
  CHECK(buffer_untouched(&plain) && buffer_untouched(&iv) && STRUCT_UNTOUCHED(info));
  fresh_outputs();
  iv.data = NULL;
  CHECK_ARGUMENT("iv", kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, &info, &err));
  CHECK(buffer_untouched(&plain) && buffer_untouched(&wrapped) && STRUCT_UNTOUCHED(info));

  ACCEPTED(kms_generate_data_key(kms, &request, NULL, &wrapped, &iv, &info, &err));
  ACCEPTED(kms_generate_data_key(kms, &request, &plain, &wrapped, NULL, &info, &err));
  ACCEPTED(kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, NULL, &err));
  CHECK(kms_generate_data_key(kms, &request, NULL, &wrapped, NULL, NULL, NULL) == KMS_OK);
  CHECK(kms_generate_data_key(NULL, NULL, NULL, NULL, NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
}

#define GENERATE_MANY(kms_, request_, plain_, wrapped_, iv_, info_)                                \
  kms_generate_data_keys((kms_), (request_), 1, (plain_), (wrapped_), (iv_), (info_), &err)
#define ACCEPTED_COLUMNS(call) (fresh_outputs(), fresh_columns(), CHECK_OK(call))

static void check_generate_data_keys(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  REFUSED_COLUMNS("kms",
                  GENERATE_MANY(NULL, &request, &plain_column, &wrapped_column, &iv_column, &info));
  REFUSED_COLUMNS("request",
                  GENERATE_MANY(kms, NULL, &plain_column, &wrapped_column, &iv_column, &info));
  REFUSED_COLUMNS("ciphertexts",
                  GENERATE_MANY(kms, &request, &plain_column, NULL, &iv_column, &info));
  request.key_id = NULL;
  REFUSED_COLUMNS("request.key_id",
                  GENERATE_MANY(kms, &request, &plain_column, &wrapped_column, &iv_column, &info));
  request.key_id = "key-1";
  CHECK_AAD_CONTEXT_TOKENS(
      request, REFUSED_COLUMNS, ACCEPTED_COLUMNS,
      GENERATE_MANY(kms, &request, &plain_column, &wrapped_column, &iv_column, &info));

  fresh_outputs();
  fresh_columns();
  plain_column.data = NULL; /* with a capacity, here and below */
  CHECK_ARGUMENT("plaintexts",
                 GENERATE_MANY(kms, &request, &plain_column, &wrapped_column, &iv_column, &info));
  CHECK(column_untouched(&wrapped_column) && column_untouched(&iv_column));
  fresh_columns();
  wrapped_column.data = NULL;
  CHECK_ARGUMENT("ciphertexts",
                 GENERATE_MANY(kms, &request, &plain_column, &wrapped_column, &iv_column, &info));
  CHECK(column_untouched(&plain_column) && column_untouched(&iv_column));
  fresh_columns();
  iv_column.data = NULL;
  CHECK_ARGUMENT("ivs",
                 GENERATE_MANY(kms, &request, &plain_column, &wrapped_column, &iv_column, &info));
  CHECK(column_untouched(&plain_column) && column_untouched(&wrapped_column));
  CHECK(STRUCT_UNTOUCHED(info));

  ACCEPTED_COLUMNS(GENERATE_MANY(kms, &request, NULL, &wrapped_column, &iv_column, &info));
  ACCEPTED_COLUMNS(GENERATE_MANY(kms, &request, &plain_column, &wrapped_column, NULL, &info));
  ACCEPTED_COLUMNS(GENERATE_MANY(kms, &request, &plain_column, &wrapped_column, &iv_column, NULL));
  fresh_columns();
  CHECK(kms_generate_data_keys(kms, &request, 1, NULL, &wrapped_column, NULL, NULL, NULL) ==
        KMS_OK);
}

static void check_encrypt(void) {
  static const uint8_t payload[DATA_KEY_SIZE] = {0};
  kms_encrypt_request_t request = KMS_ENCRYPT_REQUEST_INIT;
  request.key_id = "key-1";
  request.plaintext.data = payload;
  request.plaintext.len = sizeof payload;
  REFUSED("kms", kms_encrypt(NULL, &request, &wrapped, &iv, &info, &err));
  REFUSED("request", kms_encrypt(kms, NULL, &wrapped, &iv, &info, &err));
  REFUSED("ciphertext", kms_encrypt(kms, &request, NULL, &iv, &info, &err));
  request.key_id = NULL;
  REFUSED("request.key_id", kms_encrypt(kms, &request, &wrapped, &iv, &info, &err));
  request.key_id = "key-1";
  request.plaintext.data = NULL;
  REFUSED("request.plaintext", kms_encrypt(kms, &request, &wrapped, &iv, &info, &err));
  request.plaintext.len = 0; /* nothing, encrypted */
  ACCEPTED(kms_encrypt(kms, &request, &wrapped, &iv, &info, &err));
  CHECK(wrapped.len == KMS_CIPHERTEXT_OVERHEAD);
  request.plaintext.data = payload; /* with length 0: the same */
  ACCEPTED(kms_encrypt(kms, &request, &wrapped, &iv, &info, &err));
  CHECK(wrapped.len == KMS_CIPHERTEXT_OVERHEAD);
  request.plaintext.len = sizeof payload;
  CHECK_AAD_CONTEXT_TOKENS(request, REFUSED, ACCEPTED,
                           kms_encrypt(kms, &request, &wrapped, &iv, &info, &err));
  fresh_outputs();
  wrapped.data = NULL;
  CHECK_ARGUMENT("ciphertext", kms_encrypt(kms, &request, &wrapped, &iv, &info, &err));
  CHECK(buffer_untouched(&iv) && STRUCT_UNTOUCHED(info));
  fresh_outputs();
  iv.data = NULL;
  CHECK_ARGUMENT("iv", kms_encrypt(kms, &request, &wrapped, &iv, &info, &err));
  CHECK(buffer_untouched(&wrapped) && STRUCT_UNTOUCHED(info));
  ACCEPTED(kms_encrypt(kms, &request, &wrapped, NULL, &info, &err));
  ACCEPTED(kms_encrypt(kms, &request, &wrapped, &iv, NULL, &err));
  CHECK(kms_encrypt(kms, &request, &wrapped, NULL, NULL, NULL) == KMS_OK);
}

static void check_decrypt(void) {
  uint8_t blob[WRAPPED_SIZE], blob_iv[KMS_IV_SIZE];
  kms_buffer_t blob_buffer = fresh_buffer(blob, sizeof blob);
  kms_buffer_t blob_iv_buffer = fresh_buffer(blob_iv, sizeof blob_iv);
  kms_data_key_request_t generate = KMS_DATA_KEY_REQUEST_INIT;
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  generate.key_id = "key-1";
  CHECK_OK(kms_generate_data_key(kms, &generate, NULL, &blob_buffer, &blob_iv_buffer, NULL, &err));
  request.ciphertext.data = blob;
  request.ciphertext.len = blob_buffer.len;

  REFUSED("kms", kms_decrypt(NULL, &request, &plain, &info, &err));
  REFUSED("request", kms_decrypt(kms, NULL, &plain, &info, &err));
  REFUSED("plaintext", kms_decrypt(kms, &request, NULL, &info, &err));
  request.ciphertext.data = NULL;
  REFUSED("request.ciphertext", kms_decrypt(kms, &request, &plain, &info, &err));
  request.ciphertext.len = SIZE_MAX;
  REFUSED("request.ciphertext", kms_decrypt(kms, &request, &plain, &info, &err));
  request.ciphertext.data = blob;
  request.ciphertext.len = blob_buffer.len;
  request.iv.len = sizeof blob_iv; /* data is NULL */
  REFUSED("request.iv", kms_decrypt(kms, &request, &plain, &info, &err));
  request.iv.len = 0;
  request.iv.data = blob_iv; /* with length 0: not given */
  ACCEPTED(kms_decrypt(kms, &request, &plain, &info, &err));
  request.iv.data = NULL;
  CHECK_AAD_CONTEXT_TOKENS(request, REFUSED, ACCEPTED,
                           kms_decrypt(kms, &request, &plain, &info, &err));
  fresh_outputs();
  plain.data = NULL;
  CHECK_ARGUMENT("plaintext", kms_decrypt(kms, &request, &plain, &info, &err));
  CHECK(untouched(&plain.len, sizeof plain.len) && STRUCT_UNTOUCHED(info));
  ACCEPTED(kms_decrypt(kms, &request, &plain, NULL, &err));
  CHECK(kms_decrypt(kms, &request, &plain, NULL, NULL) == KMS_OK);
}

static void check_generate_random(void) {
  kms_random_request_t request = KMS_RANDOM_REQUEST_INIT;
  request.number_of_bytes = DATA_KEY_SIZE;
  REFUSED("kms", kms_generate_random(NULL, &request, &plain, &err));
  REFUSED("request", kms_generate_random(kms, NULL, &plain, &err));
  REFUSED("random", kms_generate_random(kms, &request, NULL, &err));
  fresh_outputs();
  plain.data = NULL;
  CHECK_ARGUMENT("random", kms_generate_random(kms, &request, &plain, &err));
  CHECK(untouched(&plain.len, sizeof plain.len));
  fresh_outputs();
  CHECK(kms_generate_random(kms, &request, &plain, NULL) == KMS_OK);
}

static void check_stats(void) {
  kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  REFUSED("kms", kms_stats(NULL, &request, &stats, &err));
  REFUSED("request", kms_stats(kms, NULL, &stats, &err));
  REFUSED("stats", kms_stats(kms, &request, NULL, &err));
  CHECK(kms_stats(kms, &request, &stats, NULL) == KMS_OK);
}

int main(void) {
  kms = open_test_store();
  check_open();
  check_close_flush_wipe_names();
  check_create_key();
  check_describe_key();
  check_list_keys();
  check_create_alias();
  check_list_aliases();
  check_generate_data_key();
  check_generate_data_keys();
  check_encrypt();
  check_decrypt();
  check_generate_random();
  check_stats();
  kms_close(kms);
  return check_result();
}
