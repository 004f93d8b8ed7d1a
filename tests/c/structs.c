/* The rules of structs that grow: every struct_size there is, members that we do not know, unknown
 * flags, reserved members. Structs lie in memory that ends at an inaccessible page, at no
 * particular alignment. */
#include "guarded.h"

#include "calls.h"

/* --- struct_size
 * ---------------------------------------------------------------------------------------------- */

typedef kms_status_t (*struct_call_t)(void *extensible);

/* A size_t alone is all that may be read of a struct with an impossible size. */
static void refused_size(const char *argument, size_t struct_size, struct_call_t call) {
  guarded_t memory = guarded_copy(&struct_size, sizeof struct_size);
  CHECK_ARGUMENT(argument, call(memory.data));
  guarded_free(&memory);
}

static void refused_sizes(const char *name, size_t size, struct_call_t call) {
  char argument[64];
  snprintf(argument, sizeof argument, "%s.struct_size", name);
  refused_size(argument, 0, call);
  refused_size(argument, 1, call);
  refused_size(argument, sizeof(size_t), call);
  refused_size(argument, size - 1, call);
  refused_size(argument, 4097, call);
  refused_size(argument, SIZE_MAX, call);
}

/* A struct of a later release: `size` bytes longer than what we know, with `tail` as its last byte.
 */
static guarded_t longer_struct(const void *valid, size_t size, size_t struct_size) {
  guarded_t memory = guarded_alloc(struct_size);
  memset(memory.data, 0, struct_size);
  memcpy(memory.data, valid, size);
  memcpy(memory.data, &struct_size, sizeof struct_size);
  return memory;
}

static const size_t longer_by[] = {0, 1, 3, 8, 64};

static void request_sizes(const char *name, const void *valid, size_t size, kms_status_t expected,
                          struct_call_t call) {
  size_t i;
  refused_sizes(name, size, call);
  for (i = 0; i <= sizeof longer_by / sizeof longer_by[0]; i++) {
    size_t struct_size =
        i < sizeof longer_by / sizeof longer_by[0] ? size + longer_by[i] : (size_t)4096;
    guarded_t memory = longer_struct(valid, size, struct_size);
    CHECK_STATUS(expected, call(memory.data));
    if (struct_size > size) {
      memory.data[size] = 1; /* the first byte that we do not know */
      CHECK_ARGUMENT(name, call(memory.data));
      memory.data[size] = 0;
      memory.data[struct_size - 1] = 0x80; /* the last one */
      CHECK_ARGUMENT(name, call(memory.data));
    }
    guarded_free(&memory);
  }
}

/* An info: what we know of it is filled, the rest of what the caller has becomes zero, struct_size
 * stays. The last member that is filled is at filled_at. */
static void info_sizes(const char *name, size_t size, size_t filled_at, struct_call_t call) {
  size_t i;
  refused_sizes(name, size, call);
  for (i = 0; i <= sizeof longer_by / sizeof longer_by[0]; i++) {
    size_t kept, struct_size = i < sizeof longer_by / sizeof longer_by[0] ? size + longer_by[i]
                                                                          : (size_t)4096;
    guarded_t memory = guarded_alloc(struct_size);
    memset(memory.data, UNTOUCHED, struct_size);
    memcpy(memory.data, &struct_size, sizeof struct_size);
    CHECK_OK(call(memory.data));
    memcpy(&kept, memory.data, sizeof kept);
    CHECK(kept == struct_size);
    CHECK(memory.data[filled_at] != UNTOUCHED);
    CHECK(all_bytes(memory.data + size, struct_size - size, 0));
    guarded_free(&memory);
  }
}

static void every_struct_size(void) {
  const kms_open_options_t options = good_options();
  const kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  const kms_create_alias_request_t alias = good_alias();
  const kms_list_keys_request_t list_keys = KMS_LIST_KEYS_REQUEST_INIT;
  const kms_list_aliases_request_t list_aliases = KMS_LIST_ALIASES_REQUEST_INIT;
  const kms_page_t page = KMS_PAGE_INIT;
  const kms_data_key_request_t data_key = good_generate();
  const kms_encrypt_request_t encrypt_request = good_encrypt();
  const kms_decrypt_request_t decrypt_request = good_decrypt();
  const kms_stats_request_t stats = KMS_STATS_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  kms_random_request_t random = KMS_RANDOM_REQUEST_INIT;
  describe.key_id = "key-1";
  random.number_of_bytes = 16;

  request_sizes("options", &options, sizeof options, KMS_OK, call_open);
  request_sizes("request", &create, sizeof create, KMS_OK, call_create_key);
  request_sizes("request", &describe, sizeof describe, KMS_OK, call_describe_key);
  request_sizes("request", &list_keys, sizeof list_keys, KMS_OK, call_list_keys);
  request_sizes("request", &alias, sizeof alias, KMS_DRY_RUN_OK, call_create_alias);
  request_sizes("request", &list_aliases, sizeof list_aliases, KMS_OK, call_list_aliases);
  request_sizes("page", &page, sizeof page, KMS_OK, call_list_keys_page);
  request_sizes("page", &page, sizeof page, KMS_OK, call_list_aliases_page);
  request_sizes("request", &data_key, sizeof data_key, KMS_OK, call_generate);
  request_sizes("request", &data_key, sizeof data_key, KMS_OK, call_generate_many);
  request_sizes("request", &encrypt_request, sizeof encrypt_request, KMS_OK, call_encrypt);
  request_sizes("request", &decrypt_request, sizeof decrypt_request, KMS_OK, call_decrypt);
  request_sizes("request", &random, sizeof random, KMS_OK, call_random);
  request_sizes("request", &stats, sizeof stats, KMS_OK, call_stats);

  info_sizes("info", sizeof(kms_key_info_t), offsetof(kms_key_info_t, description),
             call_create_key_info);
  info_sizes("info", sizeof(kms_key_info_t), offsetof(kms_key_info_t, description),
             call_describe_key_info);
  info_sizes("info", sizeof(kms_data_key_info_t), offsetof(kms_data_key_info_t, version_number),
             call_generate_info);
  info_sizes("info", sizeof(kms_data_key_info_t), offsetof(kms_data_key_info_t, version_number),
             call_generate_many_info);
  info_sizes("info", sizeof(kms_data_key_info_t), offsetof(kms_data_key_info_t, version_number),
             call_encrypt_info);
  info_sizes("info", sizeof(kms_data_key_info_t), offsetof(kms_data_key_info_t, version_number),
             call_decrypt_info);
  info_sizes("stats", sizeof(kms_stats_t), offsetof(kms_stats_t, store_id), call_stats_info);
}

/* Whatever was in an info before: its reserved members, and what is behind a text, are zero after.
 */
static void infos_have_no_leftovers(void) {
  kms_key_info_t key;
  kms_data_key_info_t data_key;
  kms_stats_t stats;
  memset(&key, UNTOUCHED, sizeof key);
  memset(&data_key, UNTOUCHED, sizeof data_key);
  memset(&stats, UNTOUCHED, sizeof stats);
  key.struct_size = sizeof key;
  data_key.struct_size = sizeof data_key;
  stats.struct_size = sizeof stats;
#define ZERO_BEHIND_TEXT(text) all_bytes((text) + strlen(text), sizeof(text) - strlen(text), 0)
  CHECK_OK(call_describe_key_info(&key));
  CHECK(ZERO_BEHIND_TEXT(key.key_id) && ZERO_BEHIND_TEXT(key.primary_version_id));
  CHECK(all_bytes(key.reserved0, sizeof key.reserved0, 0) && key.reserved2 == 0);
  CHECK(all_bytes(key.reserved1, sizeof key.reserved1, 0));
  CHECK_OK(call_generate_info(&data_key));
  CHECK(ZERO_BEHIND_TEXT(data_key.key_id) && ZERO_BEHIND_TEXT(data_key.version_id));
  CHECK(ZERO_BEHIND_TEXT(data_key.request_id) && data_key.reserved0 == 0);
  CHECK_OK(call_stats_info(&stats));
  CHECK(ZERO_BEHIND_TEXT(stats.store_id) && stats.reserved0 == 0 && stats.reserved1 == 0);
  CHECK(all_bytes(stats.reserved2, sizeof stats.reserved2, 0));
}

/* A refused info refuses the whole call, and nothing is made. */
static void a_refused_info_makes_nothing(void) {
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  create.key_id = "not-made";
  info.struct_size = 0;
  CHECK_ARGUMENT("info.struct_size", kms_create_key(kms, &create, &info, &err));
  describe.key_id = "not-made";
  CHECK_STATUS(KMS_NOT_FOUND, call_describe_key(&describe));
}

/* --- flags and reserved members
 * ------------------------------------------------------------------------------- */

/* Each bit outside `known` alone, and all of them. */
#define UNKNOWN_FLAGS(request, known, call)                                                        \
  do {                                                                                             \
    const uint32_t good = (request).flags;                                                         \
    int bit;                                                                                       \
    for (bit = 0; bit < 32; bit++)                                                                 \
      if (((known) >> bit & 1) == 0) {                                                             \
        (request).flags = good | (uint32_t)1 << bit;                                               \
        CHECK_ARGUMENT("request.flags", call);                                                     \
      }                                                                                            \
    (request).flags = UINT32_MAX;                                                                  \
    CHECK_ARGUMENT("request.flags", call);                                                         \
    (request).flags = good;                                                                        \
  } while (0)

#define RESERVED(request, call)                                                                    \
  do {                                                                                             \
    (request).reserved = 1;                                                                        \
    CHECK_ARGUMENT("request.reserved", call);                                                      \
    (request).reserved = UINT32_MAX;                                                               \
    CHECK_ARGUMENT("request.reserved", call);                                                      \
    (request).reserved = 0;                                                                        \
  } while (0)

static void flags_and_reserved(void) {
  const uint32_t generate_flags = KMS_SKIP_PLAINTEXT | KMS_INITIAL_VERSION | KMS_DRY_RUN;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  kms_list_keys_request_t list_keys = KMS_LIST_KEYS_REQUEST_INIT;
  kms_create_alias_request_t alias = good_alias();
  kms_list_aliases_request_t list_aliases = KMS_LIST_ALIASES_REQUEST_INIT;
  kms_data_key_request_t data_key = good_generate();
  kms_encrypt_request_t encrypt_request = good_encrypt();
  kms_decrypt_request_t decrypt_request = good_decrypt();
  kms_random_request_t random = KMS_RANDOM_REQUEST_INIT;
  kms_stats_request_t stats = KMS_STATS_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  describe.key_id = "key-1";
  random.number_of_bytes = 16;
  UNKNOWN_FLAGS(create, KMS_DRY_RUN, call_create_key(&create));
  RESERVED(create, call_create_key(&create));
  UNKNOWN_FLAGS(describe, KMS_DRY_RUN, call_describe_key(&describe));
  RESERVED(describe, call_describe_key(&describe));
  UNKNOWN_FLAGS(list_keys, 0u, call_list_keys(&list_keys));
  RESERVED(list_keys, call_list_keys(&list_keys));
  UNKNOWN_FLAGS(alias, KMS_DRY_RUN, call_create_alias(&alias));
  RESERVED(alias, call_create_alias(&alias));
  UNKNOWN_FLAGS(list_aliases, 0u, call_list_aliases(&list_aliases));
  RESERVED(list_aliases, call_list_aliases(&list_aliases));
  UNKNOWN_FLAGS(data_key, generate_flags, call_generate(&data_key));
  RESERVED(data_key, call_generate(&data_key));
  UNKNOWN_FLAGS(data_key, generate_flags, call_generate_many(&data_key));
  RESERVED(data_key, call_generate_many(&data_key));
  UNKNOWN_FLAGS(encrypt_request, KMS_INITIAL_VERSION | KMS_DRY_RUN, call_encrypt(&encrypt_request));
  RESERVED(encrypt_request, call_encrypt(&encrypt_request));
  UNKNOWN_FLAGS(decrypt_request, KMS_DRY_RUN, call_decrypt(&decrypt_request));
  RESERVED(decrypt_request, call_decrypt(&decrypt_request));
  UNKNOWN_FLAGS(random, KMS_DRY_RUN, call_random(&random));
  UNKNOWN_FLAGS(stats, 0u, call_stats(&stats));
  RESERVED(stats, call_stats(&stats));
  page.reserved = 1;
  CHECK_ARGUMENT("page.reserved", call_list_keys_page(&page));
  CHECK_ARGUMENT("page.reserved", call_list_aliases_page(&page));
}

int main(void) {
  open_for_calls();
  every_struct_size();
  infos_have_no_leftovers();
  a_refused_info_makes_nothing();
  flags_and_reserved();
  kms_close(kms);
  return check_result();
}
