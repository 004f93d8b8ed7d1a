/* The whole of what a stranger would write against the design: a store on disk, keys, aliases, data
 * keys, payloads, and the store again from the disk. Compiled as C99 and as C++17; uses nothing but
 * the header and standard C.
 *
 * usage: story DIR */
#include <time.h>

#include "check.h"

#define DATA_KEY_SIZE 32
#define WRAPPED_SIZE (DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD)
#define DESCRIPTION "orders of the web shop, caf\xc3\xa9"

typedef struct wrapped_key {
  uint8_t plain[DATA_KEY_SIZE], wrapped[WRAPPED_SIZE], iv[KMS_IV_SIZE];
  kms_buffer_t plain_buffer, wrapped_buffer, iv_buffer;
  kms_data_key_info_t info;
} wrapped_key_t;

static const kms_context_entry_t tenant_context[] = {{"tenant", "7"}, {"table", "orders"}};
static const kms_context_entry_t swapped_context[] = {{"table", "orders"}, {"tenant", "7"}};
static const kms_context_entry_t wrong_context[] = {{"tenant", "8"}, {"table", "orders"}};

static char store[4096];

static kms_open_options_t open_options(uint32_t flags) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  options.store = store;
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = flags;
  return options;
}

static kms_data_key_request_t data_key_request(const char *key_id) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = key_id;
  return request;
}

static kms_decrypt_request_t decrypt_request(const wrapped_key_t *key) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  request.ciphertext.data = key->wrapped;
  request.ciphertext.len = key->wrapped_buffer.len;
  return request;
}

static kms_status_t generate(kms_t *kms, const kms_data_key_request_t *request,
                             wrapped_key_t *key) {
  const kms_data_key_info_t info = KMS_DATA_KEY_INFO_INIT;
  key->plain_buffer = fresh_buffer(key->plain, sizeof key->plain);
  key->wrapped_buffer = fresh_buffer(key->wrapped, sizeof key->wrapped);
  key->iv_buffer = fresh_buffer(key->iv, sizeof key->iv);
  key->info = info;
  return kms_generate_data_key(kms, request, &key->plain_buffer, &key->wrapped_buffer,
                               &key->iv_buffer, &key->info, &err);
}

/* Decrypts, and compares with what was generated. */
static kms_status_t unwrap(kms_t *kms, const kms_decrypt_request_t *request,
                           const wrapped_key_t *key) {
  uint8_t plain[DATA_KEY_SIZE];
  kms_buffer_t buffer = fresh_buffer(plain, sizeof plain);
  kms_status_t status = kms_decrypt(kms, request, &buffer, NULL, &err);
  if (status == KMS_OK)
    CHECK(buffer.len == key->plain_buffer.len && memcmp(plain, key->plain, buffer.len) == 0);
  else
    CHECK(buffer_untouched(&buffer));
  return status;
}

static void the_library_says_what_it_is(void) {
  char version[64];
  snprintf(version, sizeof version, "%d.%d.%d", KMS_VERSION_MAJOR, KMS_VERSION_MINOR,
           KMS_VERSION_PATCH);
  CHECK(strcmp(kms_version(), version) == 0);
  CHECK(kms_abi_version() == KMS_ABI_VERSION);
  CHECK(kms_root_key_size() == KMS_ROOT_KEY_SIZE);
  CHECK(kms_iv_size() == KMS_IV_SIZE);
  CHECK(kms_max_data_key_size() == KMS_MAX_DATA_KEY_SIZE);
  CHECK(kms_max_payload_size() == KMS_MAX_PAYLOAD_SIZE);
  CHECK(kms_max_ciphertext_size() == KMS_MAX_CIPHERTEXT_SIZE);
  CHECK(kms_ciphertext_size(0) == KMS_CIPHERTEXT_OVERHEAD);
  CHECK(kms_ciphertext_size(DATA_KEY_SIZE) == 128);
  CHECK(kms_ciphertext_size(KMS_MAX_PAYLOAD_SIZE) == KMS_MAX_CIPHERTEXT_SIZE);
  CHECK(strcmp(kms_algorithm_name(KMS_ALGORITHM_XAES_256_GCM), "XAES_256_GCM") == 0);
  CHECK(strcmp(kms_status_name(KMS_OK), "KMS_OK") == 0);
  CHECK(strcmp(kms_status_name(KMS_NOT_FOUND), "KMS_NOT_FOUND") == 0);
  CHECK(strcmp(kms_status_name(KMS_READ_ONLY), "KMS_READ_ONLY") == 0);
}

static kms_t *make_the_store(void) {
  kms_open_options_t options = open_options(0);
  kms_t *kms = (kms_t *)&options; /* anything but NULL, to see it become NULL */
  CHECK_STATUS(KMS_NOT_FOUND, kms_open(&options, &kms, &err));
  CHECK(kms == NULL);
  options.flags = KMS_OPEN_CREATE;
  if (!CHECK_OK(kms_open(&options, &kms, &err)) || !CHECK(kms != NULL))
    exit(check_result());
  return kms;
}

static void create_keys(kms_t *kms, kms_key_info_t *orders) {
  const kms_key_info_t empty = KMS_KEY_INFO_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  long long now = (long long)time(NULL);

  /* An id of the library's choice. */
  *orders = empty;
  request.alias = "alias/orders";
  request.description = DESCRIPTION;
  CHECK_OK(kms_create_key(kms, &request, orders, &err));
  CHECK(orders->struct_size == sizeof *orders);
  CHECK(strlen(orders->key_id) == 36 && orders->key_id[8] == '-' && orders->key_id[14] == '4');
  CHECK(orders->primary_version_id[0] != 0);
  CHECK(orders->state == KMS_KEY_STATE_ENABLED);
  CHECK(orders->primary_version_number == 1 && orders->versions_len == 1);
  CHECK(orders->origin == KMS_ORIGIN_KMS && orders->rotation_period_s == 0);
  CHECK(orders->created_at >= now - 1 && orders->created_at <= (long long)time(NULL) + 1);
  CHECK(orders->description.offset == 0 && orders->description.len == 0);

  /* Taken: the alias, with nothing made of the rest of the request. */
  request.key_id = "late";
  CHECK_STATUS(KMS_ALREADY_EXISTS, kms_create_key(kms, &request, &info, &err));
  CHECK(err.detail == KMS_DETAIL_ALIAS && strstr(err.message, "alias/orders") != NULL);
  CHECK(memcmp(&info, &empty, sizeof info) == 0);
  describe.key_id = "late";
  CHECK_STATUS(KMS_NOT_FOUND, kms_describe_key(kms, &describe, &info, NULL, &err));
  CHECK(err.detail == KMS_DETAIL_KEY && strstr(err.message, "late") != NULL);

  /* The caller's own id, which a dry run does not take. */
  request.key_id = "Invoices_2024-A";
  request.alias = NULL;
  request.description = NULL;
  request.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_create_key(kms, &request, &info, &err));
  request.flags = 0;
  CHECK_OK(kms_create_key(kms, &request, &info, &err));
  CHECK(strcmp(info.key_id, "Invoices_2024-A") == 0);
  CHECK(strcmp(info.primary_version_id, orders->primary_version_id) != 0);
  CHECK_STATUS(KMS_ALREADY_EXISTS, kms_create_key(kms, &request, NULL, &err));
  CHECK(err.detail == KMS_DETAIL_KEY);
  request.flags = KMS_DRY_RUN; /* a dry run sees that too */
  CHECK_STATUS(KMS_ALREADY_EXISTS, kms_create_key(kms, &request, NULL, &err));

  /* All zeros but struct_size is a good request, and info and error may be left out. */
  {
    const kms_create_key_request_t plain = KMS_CREATE_KEY_REQUEST_INIT;
    CHECK(kms_create_key(kms, &plain, NULL, NULL) == KMS_OK);
  }
}

static void name_a_key_twice(kms_t *kms, const kms_key_info_t *orders) {
  kms_create_alias_request_t request = KMS_CREATE_ALIAS_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  request.alias = "alias/shop/Orders_2";
  request.key_id = orders->key_id;
  describe.key_id = request.alias;
  request.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_create_alias(kms, &request, &err));
  CHECK_STATUS(KMS_NOT_FOUND, kms_describe_key(kms, &describe, &info, NULL, &err));
  CHECK(err.detail == KMS_DETAIL_ALIAS);
  request.flags = 0;
  CHECK_OK(kms_create_alias(kms, &request, &err));
  CHECK_OK(kms_describe_key(kms, &describe, &info, NULL, &err));
  CHECK(strcmp(info.key_id, orders->key_id) == 0);
  CHECK_STATUS(KMS_ALREADY_EXISTS, kms_create_alias(kms, &request, &err));
  CHECK(err.detail == KMS_DETAIL_ALIAS);
  request.alias = "alias/of-nothing";
  request.key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, kms_create_alias(kms, &request, &err));
  CHECK(err.detail == KMS_DETAIL_KEY);
}

static void describe_by_every_name(kms_t *kms, const kms_key_info_t *orders) {
  char arn[128];
  const char *names[4];
  size_t i;
  snprintf(arn, sizeof arn, "arn:aws:kms:local:000000000000:key/%s", orders->key_id);
  names[0] = orders->key_id;
  names[1] = "alias/orders";
  names[2] = arn;
  names[3] = "acs:kms:local:000000000000:alias/orders";
  for (i = 0; i < 4; i++) {
    uint8_t bytes[64];
    kms_buffer_t text = fresh_buffer(NULL, 0);
    kms_key_info_t info = KMS_KEY_INFO_INIT;
    kms_key_request_t request = KMS_KEY_REQUEST_INIT;
    request.key_id = names[i];
    CHECK_STATUS(KMS_BUFFER_TOO_SMALL, kms_describe_key(kms, &request, &info, &text, &err));
    CHECK(text.len == sizeof DESCRIPTION); /* its NUL included */
    CHECK(info.key_id[0] == 0);
    text = fresh_buffer(bytes, sizeof bytes);
    CHECK_OK(kms_describe_key(kms, &request, &info, &text, &err));
    CHECK(strcmp(info.key_id, orders->key_id) == 0);
    CHECK(strcmp(info.primary_version_id, orders->primary_version_id) == 0);
    CHECK(info.created_at == orders->created_at);
    CHECK(info.description.len == sizeof DESCRIPTION - 1 && text.len == sizeof DESCRIPTION);
    CHECK(memcmp(bytes + info.description.offset, DESCRIPTION, sizeof DESCRIPTION) == 0);
    CHECK(untouched(bytes + sizeof DESCRIPTION, sizeof bytes - sizeof DESCRIPTION));
    request.flags = KMS_DRY_RUN;
    text = fresh_buffer(bytes, sizeof bytes);
    CHECK_STATUS(KMS_DRY_RUN_OK, kms_describe_key(kms, &request, &info, &text, &err));
    CHECK(buffer_untouched(&text));
  }
}

/* Lists page by page, `step` items at a time; returns how many keys there are and finds `wanted`
 * among them. */
static size_t list_keys(kms_t *kms, size_t step, const char *wanted, int *found) {
  kms_list_keys_request_t request = KMS_LIST_KEYS_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  kms_key_info_t items[4];
  static uint8_t bytes[KMS_LIST_MIN_TEXT];
  size_t i, count = 0;
  *found = 0;
  do {
    kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
    memset(items, UNTOUCHED, sizeof items);
    if (!CHECK_OK(kms_list_keys(kms, &request, &page, items, sizeof items[0], step, &text, &err)) ||
        !CHECK(page.items_len >= 1 && page.items_len <= step && page.more <= 1))
      return 0;
    for (i = 0; i < page.items_len; i++) {
      CHECK(items[i].struct_size == sizeof items[i]);
      if (strcmp(items[i].key_id, wanted) == 0) {
        ++*found;
        CHECK(strcmp((const char *)bytes + items[i].description.offset, DESCRIPTION) == 0);
      }
    }
    CHECK(untouched(items + page.items_len, (4 - page.items_len) * sizeof items[0]));
    count += page.items_len;
  } while (page.more && count < 1000);
  return count;
}

/* The same for aliases, of one key or (NULL) of all. */
static size_t list_aliases(kms_t *kms, size_t step, const char *key_id, const char *wanted,
                           int *found) {
  kms_list_aliases_request_t request = KMS_LIST_ALIASES_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  kms_alias_info_t items[4];
  size_t i, count = 0;
  request.key_id = key_id;
  *found = 0;
  do {
    if (!CHECK_OK(
            kms_list_aliases(kms, &request, &page, items, sizeof items[0], step, NULL, &err)) ||
        !CHECK(page.items_len <= step && (page.items_len >= 1 || !page.more)))
      return 0;
    for (i = 0; i < page.items_len; i++) {
      CHECK(key_id == NULL || strcmp(items[i].key_id, key_id) == 0);
      if (strcmp(items[i].alias, wanted) == 0)
        ++*found;
    }
    count += page.items_len;
  } while (page.more && count < 1000);
  return count;
}

static void list_all(kms_t *kms, const kms_key_info_t *orders) {
  size_t step;
  int found;
  for (step = 1; step <= 4; step++) {
    CHECK(list_keys(kms, step, orders->key_id, &found) == 3 && found == 1);
    CHECK(list_aliases(kms, step, NULL, "alias/orders", &found) == 2 && found == 1);
    CHECK(list_aliases(kms, step, orders->key_id, "alias/shop/Orders_2", &found) == 2 &&
          found == 1);
    CHECK(list_aliases(kms, step, "Invoices_2024-A", "alias/orders", &found) == 0 && found == 0);
  }
}

static void generate_and_decrypt(kms_t *kms, const kms_key_info_t *orders) {
  wrapped_key_t key, other;
  kms_data_key_request_t request = data_key_request("alias/orders");
  kms_decrypt_request_t decrypt;
  kms_data_key_info_t info = KMS_DATA_KEY_INFO_INIT;
  kms_buffer_t plain;
  uint8_t bytes[DATA_KEY_SIZE], wrong_iv[KMS_IV_SIZE];

  CHECK_OK(generate(kms, &request, &key));
  CHECK(key.plain_buffer.len == DATA_KEY_SIZE && key.wrapped_buffer.len == WRAPPED_SIZE);
  CHECK(key.iv_buffer.len == KMS_IV_SIZE);
  CHECK(!untouched(key.plain, sizeof key.plain));
  /* Format 1 is public: magic, format, algorithm; the IV at offset 68. */
  CHECK(memcmp(key.wrapped, "KM\1\1", 4) == 0 && memcmp(key.wrapped + 68, key.iv, 12) == 0);
  CHECK(strcmp(key.info.key_id, orders->key_id) == 0);
  CHECK(strcmp(key.info.version_id, orders->primary_version_id) == 0);
  CHECK(key.info.algorithm == KMS_ALGORITHM_XAES_256_GCM && key.info.version_number == 1);
  CHECK(strlen(key.info.request_id) == 36);

  CHECK_OK(generate(kms, &request, &other));
  CHECK(memcmp(key.plain, other.plain, sizeof key.plain) != 0);
  CHECK(memcmp(key.iv, other.iv, sizeof key.iv) != 0);
  CHECK(strcmp(key.info.request_id, other.info.request_id) != 0);

  /* The blob says which key; the caller may say it too, by any name, and which IV. */
  decrypt = decrypt_request(&key);
  CHECK_OK(unwrap(kms, &decrypt, &key));
  decrypt.key_id = orders->key_id;
  CHECK_OK(unwrap(kms, &decrypt, &key));
  decrypt.key_id = "alias/shop/Orders_2";
  decrypt.iv.data = key.iv;
  decrypt.iv.len = sizeof key.iv;
  CHECK_OK(unwrap(kms, &decrypt, &key));
  plain = fresh_buffer(bytes, sizeof bytes);
  CHECK_OK(kms_decrypt(kms, &decrypt, &plain, &info, &err));
  CHECK(strcmp(info.key_id, orders->key_id) == 0 && info.version_number == 1);
  CHECK(strcmp(info.version_id, orders->primary_version_id) == 0);

  memcpy(wrong_iv, key.iv, sizeof wrong_iv);
  wrong_iv[11] ^= 1;
  decrypt.iv.data = wrong_iv;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  decrypt.iv.len = 0;
  decrypt.key_id = "Invoices_2024-A";
  CHECK_STATUS(KMS_INCORRECT_KEY, unwrap(kms, &decrypt, &key));
  decrypt.key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, unwrap(kms, &decrypt, &key));
  decrypt.key_id = NULL;
  key.wrapped[90] ^= 1;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  key.wrapped[90] ^= 1;
  decrypt.ciphertext.len--;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  decrypt.ciphertext.len++;
  key.wrapped[2] = 2; /* a newer format */
  CHECK_STATUS(KMS_UNSUPPORTED, unwrap(kms, &decrypt, &key));
  key.wrapped[2] = 1;
  key.wrapped[3] = 2; /* another algorithm */
  CHECK_STATUS(KMS_UNSUPPORTED, unwrap(kms, &decrypt, &key));
}

static void every_length(kms_t *kms) {
  static const struct {
    uint32_t spec, number_of_bytes;
    size_t len;
  } lengths[] = {{KMS_KEY_SPEC_UNSPECIFIED, 0, 32}, {KMS_KEY_SPEC_AES_128, 0, 16},
                 {KMS_KEY_SPEC_AES_192, 0, 24},     {KMS_KEY_SPEC_AES_256, 0, 32},
                 {KMS_KEY_SPEC_UNSPECIFIED, 1, 1},  {KMS_KEY_SPEC_UNSPECIFIED, 1024, 1024}};
  size_t i;
  for (i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    uint8_t plain[KMS_MAX_DATA_KEY_SIZE], again[KMS_MAX_DATA_KEY_SIZE];
    uint8_t wrapped[KMS_MAX_DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD];
    kms_buffer_t plain_buffer = fresh_buffer(plain, sizeof plain);
    kms_buffer_t wrapped_buffer = fresh_buffer(wrapped, sizeof wrapped);
    kms_buffer_t again_buffer = fresh_buffer(again, sizeof again);
    kms_data_key_request_t request = data_key_request("alias/orders");
    kms_decrypt_request_t decrypt = KMS_DECRYPT_REQUEST_INIT;
    request.key_spec = lengths[i].spec;
    request.number_of_bytes = lengths[i].number_of_bytes;
    CHECK_OK(
        kms_generate_data_key(kms, &request, &plain_buffer, &wrapped_buffer, NULL, NULL, &err));
    CHECK(plain_buffer.len == lengths[i].len);
    CHECK(wrapped_buffer.len == kms_ciphertext_size(lengths[i].len));
    CHECK(untouched(plain + lengths[i].len, sizeof plain - lengths[i].len));
    decrypt.ciphertext.data = wrapped;
    decrypt.ciphertext.len = wrapped_buffer.len;
    CHECK_OK(kms_decrypt(kms, &decrypt, &again_buffer, NULL, &err));
    CHECK(again_buffer.len == lengths[i].len && memcmp(plain, again, sizeof plain) == 0);
  }
}

static void bound_to_a_context(kms_t *kms) {
  static const kms_context_entry_t split[] = {{"a", "bc"}}, joined[] = {{"ab", "c"}};
  static const kms_context_entry_t empty_value[] = {{"tenant", ""}};
  static const uint8_t raw[] = "tenant7tableorders";
  wrapped_key_t key;
  kms_decrypt_request_t decrypt;
  kms_data_key_request_t request = data_key_request("alias/orders");

  request.context = tenant_context;
  request.context_len = 2;
  CHECK_OK(generate(kms, &request, &key));
  decrypt = decrypt_request(&key);
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key)); /* none */
  decrypt.context_len = 2;
  decrypt.context = tenant_context;
  CHECK_OK(unwrap(kms, &decrypt, &key));
  decrypt.context = swapped_context; /* pairs have no order */
  CHECK_OK(unwrap(kms, &decrypt, &key));
  decrypt.context = wrong_context;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  decrypt.context = tenant_context;
  decrypt.context_len = 1; /* a part of it */
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));

  request.context = split; /* where a name ends and its value starts matters */
  request.context_len = 1;
  CHECK_OK(generate(kms, &request, &key));
  decrypt = decrypt_request(&key);
  decrypt.context_len = 1;
  decrypt.context = joined;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  decrypt.context = split;
  CHECK_OK(unwrap(kms, &decrypt, &key));

  request.context = empty_value;
  CHECK_OK(generate(kms, &request, &key));
  decrypt = decrypt_request(&key);
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  decrypt.context = empty_value;
  decrypt.context_len = 1;
  CHECK_OK(unwrap(kms, &decrypt, &key));

  request = data_key_request("alias/orders"); /* raw AAD is no context, and the other way round */
  request.aad.data = raw;
  request.aad.len = sizeof raw - 1;
  CHECK_OK(generate(kms, &request, &key));
  decrypt = decrypt_request(&key);
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  decrypt.context = tenant_context;
  decrypt.context_len = 2;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  decrypt.context_len = 0;
  decrypt.aad = request.aad;
  CHECK_OK(unwrap(kms, &decrypt, &key));
  decrypt.aad.len--;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));

  request = data_key_request("alias/orders"); /* nothing, empty AAD, empty context: the same */
  request.aad.data = raw;
  CHECK_OK(generate(kms, &request, &key));
  decrypt = decrypt_request(&key);
  CHECK_OK(unwrap(kms, &decrypt, &key));
  decrypt.context = tenant_context; /* with context_len 0 */
  CHECK_OK(unwrap(kms, &decrypt, &key));
}

static void sizes_and_flags(kms_t *kms, const kms_key_info_t *orders) {
  wrapped_key_t key;
  kms_data_key_request_t request = data_key_request("alias/orders");
  kms_decrypt_request_t decrypt;
  kms_buffer_t none = fresh_buffer(NULL, 0), iv_size = fresh_buffer(NULL, 0), plain;
  uint8_t bytes[DATA_KEY_SIZE];

  /* How large must they be? */
  plain = fresh_buffer(NULL, 0);
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL,
               kms_generate_data_key(kms, &request, &plain, &none, &iv_size, NULL, &err));
  CHECK(plain.len == DATA_KEY_SIZE && none.len == WRAPPED_SIZE && iv_size.len == KMS_IV_SIZE);

  /* Only the wrapped key: to be opened later, by someone else. */
  request.flags = KMS_SKIP_PLAINTEXT;
  CHECK_OK(generate(kms, &request, &key));
  CHECK(key.plain_buffer.len == 0 && untouched(key.plain, sizeof key.plain));
  CHECK(key.wrapped_buffer.len == WRAPPED_SIZE);
  decrypt = decrypt_request(&key);
  plain = fresh_buffer(bytes, sizeof bytes);
  CHECK_OK(kms_decrypt(kms, &decrypt, &plain, NULL, &err));
  CHECK(plain.len == DATA_KEY_SIZE && !untouched(bytes, sizeof bytes));
  plain = fresh_buffer(NULL, 0); /* skipped, it needs no room */
  CHECK_OK(kms_generate_data_key(kms, &request, &plain, &key.wrapped_buffer, NULL, NULL, &err));
  CHECK(plain.len == 0);
  CHECK_OK(kms_generate_data_key(kms, &request, NULL, &key.wrapped_buffer, NULL, NULL, &err));

  /* The first version, by flag and by id; one that is not there; both. */
  request.flags = KMS_INITIAL_VERSION;
  CHECK_OK(generate(kms, &request, &key));
  CHECK(key.info.version_number == 1);
  request.flags = 0;
  request.version_id = orders->primary_version_id;
  CHECK_OK(generate(kms, &request, &key));
  CHECK(strcmp(key.info.version_id, orders->primary_version_id) == 0);
  request.flags = KMS_INITIAL_VERSION;
  CHECK_STATUS(KMS_INVALID_ARGUMENT, generate(kms, &request, &key));
  request.flags = 0;
  request.version_id = "no-such-version";
  CHECK_STATUS(KMS_NOT_FOUND, generate(kms, &request, &key));
  CHECK(err.detail == KMS_DETAIL_VERSION);

  /* Would it work? */
  request.version_id = NULL;
  request.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, generate(kms, &request, &key));
  CHECK(buffer_untouched(&key.plain_buffer) && buffer_untouched(&key.wrapped_buffer));
  CHECK(buffer_untouched(&key.iv_buffer) && key.info.key_id[0] == 0);
  request.key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, generate(kms, &request, &key));
  request.key_id = "alias/orders";
  request.flags = 0;
  CHECK_OK(generate(kms, &request, &key));
  decrypt = decrypt_request(&key);
  decrypt.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, unwrap(kms, &decrypt, &key));
  key.wrapped[sizeof key.wrapped - 1] ^= 1; /* a dry decrypt verifies the tag */
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));

  /* What it cannot do. */
  request.flags = 8;
  CHECK_ARGUMENT("request.flags", generate(kms, &request, &key));
  request.flags = 0;
  request.key_spec = KMS_KEY_SPEC_AES_256_HSM;
  CHECK_STATUS(KMS_INVALID_KEY_USAGE, generate(kms, &request, &key));
}

static void many_at_once(kms_t *kms, const kms_key_info_t *orders) {
  enum { COUNT = 100 };
  static uint8_t plains[COUNT][DATA_KEY_SIZE], wraps[COUNT][WRAPPED_SIZE], ivs[COUNT][KMS_IV_SIZE];
  kms_column_t plain_column = {&plains[0][0], sizeof plains, 0, 0};
  kms_column_t wrap_column = {&wraps[0][0], sizeof wraps, 0, 0};
  kms_column_t iv_column = {&ivs[0][0], sizeof ivs, 0, 0};
  kms_data_key_info_t info = KMS_DATA_KEY_INFO_INIT;
  kms_data_key_request_t request = data_key_request("alias/orders");
  size_t i, j;
  request.context = tenant_context;
  request.context_len = 2;
  CHECK_OK(kms_generate_data_keys(kms, &request, COUNT, &plain_column, &wrap_column, &iv_column,
                                  &info, &err));
  CHECK(plain_column.item_len == DATA_KEY_SIZE && wrap_column.item_len == WRAPPED_SIZE);
  CHECK(iv_column.item_len == KMS_IV_SIZE);
  CHECK(strcmp(info.key_id, orders->key_id) == 0 && info.version_number == 1);
  for (i = 0; i < COUNT; i++) {
    uint8_t again[DATA_KEY_SIZE];
    kms_buffer_t buffer = fresh_buffer(again, sizeof again);
    kms_decrypt_request_t decrypt = KMS_DECRYPT_REQUEST_INIT;
    decrypt.ciphertext.data = wraps[i];
    decrypt.ciphertext.len = WRAPPED_SIZE;
    decrypt.iv.data = ivs[i];
    decrypt.iv.len = KMS_IV_SIZE;
    decrypt.context = tenant_context;
    decrypt.context_len = 2;
    CHECK_OK(kms_decrypt(kms, &decrypt, &buffer, NULL, &err));
    CHECK(memcmp(again, plains[i], DATA_KEY_SIZE) == 0);
    for (j = 0; j < i; j++)
      CHECK(memcmp(ivs[i], ivs[j], KMS_IV_SIZE) != 0 &&
            memcmp(plains[i], plains[j], DATA_KEY_SIZE) != 0);
  }
}

static void encrypt_payloads(kms_t *kms) {
  static const size_t sizes[] = {0, 1, 15, 16, 17, 4096, KMS_MAX_PAYLOAD_SIZE};
  static uint8_t payload[KMS_MAX_PAYLOAD_SIZE], again[KMS_MAX_PAYLOAD_SIZE];
  static uint8_t sealed[KMS_MAX_CIPHERTEXT_SIZE];
  size_t i;
  for (i = 0; i < sizeof payload; i++)
    payload[i] = (uint8_t)(i * 31 + i / 251);
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    uint8_t iv[KMS_IV_SIZE];
    kms_buffer_t sealed_buffer = fresh_buffer(sealed, sizeof sealed);
    kms_buffer_t again_buffer = fresh_buffer(again, sizeof again);
    kms_buffer_t iv_buffer = fresh_buffer(iv, sizeof iv);
    kms_data_key_info_t info = KMS_DATA_KEY_INFO_INIT;
    kms_encrypt_request_t request = KMS_ENCRYPT_REQUEST_INIT;
    kms_decrypt_request_t decrypt = KMS_DECRYPT_REQUEST_INIT;
    request.key_id = "Invoices_2024-A";
    request.plaintext.data = payload;
    request.plaintext.len = sizes[i];
    request.context = tenant_context;
    request.context_len = 2;
    request.flags = KMS_DRY_RUN;
    CHECK_STATUS(KMS_DRY_RUN_OK,
                 kms_encrypt(kms, &request, &sealed_buffer, &iv_buffer, &info, &err));
    CHECK(buffer_untouched(&sealed_buffer) && buffer_untouched(&iv_buffer));
    request.flags = 0;
    CHECK_OK(kms_encrypt(kms, &request, &sealed_buffer, &iv_buffer, &info, &err));
    CHECK(sealed_buffer.len == kms_ciphertext_size(sizes[i]) && iv_buffer.len == sizeof iv);
    CHECK(memcmp(sealed + 68, iv, sizeof iv) == 0);
    CHECK(strcmp(info.key_id, "Invoices_2024-A") == 0);
    decrypt.ciphertext.data = sealed;
    decrypt.ciphertext.len = sealed_buffer.len;
    CHECK_STATUS(KMS_INVALID_CIPHERTEXT, kms_decrypt(kms, &decrypt, &again_buffer, NULL, &err));
    CHECK(buffer_untouched(&again_buffer));
    decrypt.context = tenant_context;
    decrypt.context_len = 2;
    CHECK_OK(kms_decrypt(kms, &decrypt, &again_buffer, &info, &err));
    CHECK(again_buffer.len == sizes[i] && memcmp(again, payload, sizes[i]) == 0);
  }
}

static void random_and_stats(kms_t *kms) {
  uint8_t first[64], second[64];
  kms_buffer_t first_buffer = fresh_buffer(first, sizeof first);
  kms_buffer_t second_buffer = fresh_buffer(second, sizeof second);
  kms_random_request_t request = KMS_RANDOM_REQUEST_INIT;
  kms_stats_request_t stats_request = KMS_STATS_REQUEST_INIT;
  kms_stats_t before = KMS_STATS_INIT, after = KMS_STATS_INIT;
  kms_data_key_request_t generate_request = data_key_request("alias/orders");
  kms_decrypt_request_t decrypt;
  wrapped_key_t key;
  request.number_of_bytes = 33;
  CHECK_OK(kms_generate_random(kms, &request, &first_buffer, &err));
  CHECK_OK(kms_generate_random(kms, &request, &second_buffer, &err));
  CHECK(first_buffer.len == 33 && untouched(first + 33, sizeof first - 33));
  CHECK(memcmp(first, second, 33) != 0);
  request.flags = KMS_DRY_RUN;
  first_buffer = fresh_buffer(first, sizeof first);
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_generate_random(kms, &request, &first_buffer, &err));
  CHECK(buffer_untouched(&first_buffer));

  CHECK_OK(kms_stats(kms, &stats_request, &before, &err));
  CHECK(before.struct_size == sizeof before && strlen(before.store_id) == 36);
  CHECK(before.secret_bytes > 0 && before.secret_bytes_unlocked <= before.secret_bytes);
  CHECK((before.secret_bytes_unlocked == 0) ==
        ((before.memory_protection & KMS_MEMORY_LOCKED) != 0));
  CHECK(before.store_revision > 0 && before.keys_cached > 0);
  CHECK_OK(generate(kms, &generate_request, &key));
  decrypt = decrypt_request(&key);
  CHECK_OK(unwrap(kms, &decrypt, &key));
  decrypt.ciphertext.len--;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, &key));
  generate_request.flags = KMS_DRY_RUN; /* counts as nothing */
  CHECK_STATUS(KMS_DRY_RUN_OK, generate(kms, &generate_request, &key));
  CHECK_OK(kms_stats(kms, &stats_request, &after, &err));
  CHECK(after.data_keys_generated == before.data_keys_generated + 1);
  CHECK(after.ciphertexts_decrypted == before.ciphertexts_decrypted + 1);
  CHECK(after.payloads_encrypted == before.payloads_encrypted);
  CHECK(strcmp(after.store_id, before.store_id) == 0);
}

/* What was wrapped before is opened after; with another root key nothing is; read-only changes
 * nothing. */
static void open_it_again(const wrapped_key_t *key, const kms_key_info_t *orders) {
  kms_open_options_t options = open_options(0);
  kms_decrypt_request_t decrypt = decrypt_request(key);
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_create_alias_request_t alias = KMS_CREATE_ALIAS_REQUEST_INIT;
  kms_data_key_request_t request = data_key_request("alias/orders");
  uint8_t wrong_root_key[KMS_ROOT_KEY_SIZE];
  wrapped_key_t fresh;
  kms_t *kms = NULL, *second = NULL;
  decrypt.context = swapped_context;
  decrypt.context_len = 2;

  if (!CHECK_OK(kms_open(&options, &kms, &err)))
    return;
  CHECK_OK(unwrap(kms, &decrypt, key));
  decrypt.context = wrong_context;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, unwrap(kms, &decrypt, key));
  decrypt.context = swapped_context;
  list_all(kms, orders);
  describe_by_every_name(kms, orders);

  /* A second handle, and CREATE on what is there, are nothing special. */
  options.flags = KMS_OPEN_CREATE;
  CHECK_OK(kms_open(&options, &second, &err));
  CHECK_OK(unwrap(second, &decrypt, key));
  kms_close(second);
  CHECK_OK(unwrap(kms, &decrypt, key));
  kms_close(kms);

  memcpy(wrong_root_key, test_root_key, sizeof wrong_root_key);
  wrong_root_key[31] ^= 1;
  options.root_key.data = wrong_root_key;
  kms = (kms_t *)&options;
  CHECK_STATUS(KMS_WRONG_ROOT_KEY, kms_open(&options, &kms, &err));
  CHECK(kms == NULL);

  options = open_options(KMS_OPEN_READ_ONLY);
  if (!CHECK_OK(kms_open(&options, &kms, &err)))
    return;
  CHECK_OK(unwrap(kms, &decrypt, key));
  CHECK_OK(generate(kms, &request, &fresh));
  CHECK_STATUS(KMS_READ_ONLY, kms_create_key(kms, &create, NULL, &err));
  alias.alias = "alias/read-only";
  alias.key_id = "Invoices_2024-A";
  CHECK_STATUS(KMS_READ_ONLY, kms_create_alias(kms, &alias, &err));
  kms_close(kms);
}

int main(int argc, char **argv) {
  kms_t *kms;
  kms_key_info_t orders;
  wrapped_key_t kept;
  kms_data_key_request_t request = data_key_request("alias/orders");
  if (argc != 2) {
    fputs("usage: story DIR\n", stderr);
    return 2;
  }
  snprintf(store, sizeof store, "sqlite:%.4000s/story.db", argv[1]);
  the_library_says_what_it_is();
  kms = make_the_store();
  create_keys(kms, &orders);
  name_a_key_twice(kms, &orders);
  describe_by_every_name(kms, &orders);
  list_all(kms, &orders);
  generate_and_decrypt(kms, &orders);
  every_length(kms);
  bound_to_a_context(kms);
  sizes_and_flags(kms, &orders);
  many_at_once(kms, &orders);
  encrypt_payloads(kms);
  random_and_stats(kms);
  request.context = tenant_context;
  request.context_len = 2;
  CHECK_OK(generate(kms, &request, &kept));
  CHECK_OK(kms_flush(kms, &err));
  kms_close(kms);
  kms_close(NULL);
  open_it_again(&kept, &orders);
  return check_result();
}
