/* NULL in every position, as in null.c, of the functions for the life of keys: aliases, states,
 * tags, versions, imports, re-encryption, and the care for a store. */
#include "calls.h"

static const char *const null_token[] = {NULL};
static const uint8_t material[32] = {1, 2, 3};

/* --- the outputs that a refused call must leave alone
 * --------------------------------------------------------- */

static uint8_t sealed_bytes[sizeof blob], iv_bytes[KMS_IV_SIZE], text_bytes[KMS_LIST_MIN_TEXT];
static kms_buffer_t sealed, iv, text;
static kms_key_info_t key_info;
static kms_version_info_t version_info, version_items[2];
static kms_data_key_info_t info, source_info;
static kms_tag_info_t tag_items[2];
static kms_damage_info_t damage_items[2];
static kms_page_t page;

static void fresh_outputs(void) {
  const kms_page_t first = KMS_PAGE_INIT;
  sealed = fresh_buffer(sealed_bytes, sizeof sealed_bytes);
  iv = fresh_buffer(iv_bytes, sizeof iv_bytes);
  text = fresh_buffer(text_bytes, sizeof text_bytes);
  FRESH_STRUCT(key_info);
  FRESH_STRUCT(version_info);
  FRESH_STRUCT(info);
  FRESH_STRUCT(source_info);
  memset(version_items, UNTOUCHED, sizeof version_items);
  memset(tag_items, UNTOUCHED, sizeof tag_items);
  memset(damage_items, UNTOUCHED, sizeof damage_items);
  page = first;
}

static int outputs_untouched(void) {
  const kms_page_t first = KMS_PAGE_INIT;
  return buffer_untouched(&sealed) && buffer_untouched(&iv) && buffer_untouched(&text) &&
         STRUCT_UNTOUCHED(key_info) && STRUCT_UNTOUCHED(version_info) && STRUCT_UNTOUCHED(info) &&
         STRUCT_UNTOUCHED(source_info) && untouched(version_items, sizeof version_items) &&
         untouched(tag_items, sizeof tag_items) && untouched(damage_items, sizeof damage_items) &&
         memcmp(&page, &first, sizeof page) == 0;
}

#define REFUSED(argument, call)                                                                    \
  (fresh_outputs(), CHECK_ARGUMENT(argument, call) && CHECK(outputs_untouched()))
/* Refused by whatever name. */
#define REFUSED_SOMEHOW(call)                                                                      \
  (fresh_outputs(), CHECK_STATUS(KMS_INVALID_ARGUMENT, call) && CHECK(outputs_untouched()))
#define ACCEPTED(call) (fresh_outputs(), CHECK_OK(call))

/* Both are refused, and a third call without an error struct crashes no more than they do. */
#define REFUSED_HANDLE_AND_REQUEST(function, ...)                                                  \
  do {                                                                                             \
    REFUSED("kms", function(NULL, &request, __VA_ARGS__));                                         \
    REFUSED("request", function(kms, NULL, __VA_ARGS__));                                          \
  } while (0)

/* The id of a key, and grant tokens, of a request that has both. */
#define CHECK_KEY_AND_TOKENS(request, call)                                                        \
  do {                                                                                             \
    const char *key_id = (request).key_id;                                                         \
    (request).key_id = NULL;                                                                       \
    REFUSED("request.key_id", call);                                                               \
    (request).key_id = key_id;                                                                     \
    (request).grant_tokens = NULL;                                                                 \
    (request).grant_tokens_len = 1;                                                                \
    REFUSED("request.grant_tokens", call);                                                         \
    (request).grant_tokens_len = SIZE_MAX;                                                         \
    REFUSED("request.grant_tokens", call);                                                         \
    (request).grant_tokens = null_token;                                                           \
    (request).grant_tokens_len = 1;                                                                \
    REFUSED("request.grant_tokens", call);                                                         \
    (request).grant_tokens_len = 0; /* a pointer with length 0 is nothing */                       \
  } while (0)

/* --- function by function
 * ------------------------------------------------------------------------------------- */

static void check_update_alias(void) {
  kms_create_alias_request_t request = KMS_CREATE_ALIAS_REQUEST_INIT;
  request.alias = "alias/one";
  request.key_id = "key-2";
  REFUSED_HANDLE_AND_REQUEST(kms_update_alias, &err);
  request.alias = NULL;
  REFUSED("request.alias", kms_update_alias(kms, &request, &err));
  request.alias = "alias/one";
  request.key_id = NULL;
  REFUSED("request.key_id", kms_update_alias(kms, &request, &err));
  request.key_id = "key-2";
  CHECK(kms_update_alias(kms, &request, NULL) == KMS_OK);
}

static void check_delete_alias(void) {
  kms_alias_request_t request = KMS_ALIAS_REQUEST_INIT;
  REFUSED("request.alias", kms_delete_alias(kms, &request, &err));
  request.alias = "alias/one";
  REFUSED_HANDLE_AND_REQUEST(kms_delete_alias, &err);
  CHECK(kms_delete_alias(kms, &request, NULL) == KMS_OK);
  CHECK(kms_delete_alias(kms, &request, NULL) == KMS_NOT_FOUND);
}

/* Functions of a handle, a kms_key_request_t and nothing else. `status` is theirs on a key that is
 * simply enabled. */
typedef kms_status_t (*key_function_t)(kms_t *, const kms_key_request_t *, kms_error_t *);

static void check_key_function(key_function_t function, const char *version_id,
                               kms_status_t status) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  request.version_id = version_id;
  REFUSED_HANDLE_AND_REQUEST(function, &err);
  CHECK_KEY_AND_TOKENS(request, function(kms, &request, &err));
  CHECK_STATUS(status, function(kms, &request, &err));
  CHECK(function(kms, &request, NULL) == status);
  CHECK(function(NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
}

static void check_states(void) {
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  check_key_function(kms_enable_key, NULL, KMS_OK);
  check_key_function(kms_disable_key, NULL, KMS_OK);
  check_key_function(kms_enable_key, NULL, KMS_OK);
  check_key_function(kms_cancel_key_deletion, NULL, KMS_INVALID_STATE);
  check_key_function(kms_delete_imported_key_material, NULL, KMS_INVALID_KEY_USAGE);
  request.key_id = "doomed";
  REFUSED_HANDLE_AND_REQUEST(kms_schedule_key_deletion, &key_info, &err);
  CHECK_KEY_AND_TOKENS(request, kms_schedule_key_deletion(kms, &request, &key_info, &err));
  ACCEPTED(kms_schedule_key_deletion(kms, &request, NULL, &err));
  CHECK(kms_schedule_key_deletion(kms, &request, NULL, NULL) == KMS_INVALID_STATE);
}

static void check_rotation(void) {
  kms_rotation_request_t request = KMS_ROTATION_REQUEST_INIT;
  request.key_id = "key-1";
  REFUSED_HANDLE_AND_REQUEST(kms_set_key_rotation, &err);
  CHECK_KEY_AND_TOKENS(request, kms_set_key_rotation(kms, &request, &err));
  CHECK(kms_set_key_rotation(kms, &request, NULL) == KMS_OK);
}

static void check_description(void) {
  kms_description_request_t request = KMS_DESCRIPTION_REQUEST_INIT;
  REFUSED("request.key_id", kms_update_key_description(kms, &request, &err));
  request.key_id = "key-1"; /* and the description is NULL: none */
  REFUSED_HANDLE_AND_REQUEST(kms_update_key_description, &err);
  CHECK(kms_update_key_description(kms, &request, NULL) == KMS_OK);
}

static void check_tags(void) {
  static const kms_tag_t good[] = {{"team", "shop"}};
  static const kms_tag_t null_key[] = {{"team", "shop"}, {NULL, "x"}};
  static const kms_tag_t null_value[] = {{"team", "shop"}, {"x", NULL}};
  kms_tags_request_t request = KMS_TAGS_REQUEST_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  request.tags = good;
  request.tags_len = 1;
  REFUSED("request.key_id", kms_tag_key(kms, &request, &err));
  REFUSED("request.key_id", kms_untag_key(kms, &request, &err));
  request.key_id = "key-1";
  REFUSED_HANDLE_AND_REQUEST(kms_tag_key, &err);
  REFUSED_HANDLE_AND_REQUEST(kms_untag_key, &err);
  request.tags = NULL;
  REFUSED("request.tags", kms_tag_key(kms, &request, &err));
  REFUSED("request.tags", kms_untag_key(kms, &request, &err));
  request.tags_len = SIZE_MAX;
  REFUSED("request.tags_len", kms_tag_key(kms, &request, &err));
  REFUSED("request.tags_len", kms_untag_key(kms, &request, &err));
  request.tags_len = 2;
  request.tags = null_key;
  REFUSED("request.tags", kms_tag_key(kms, &request, &err));
  REFUSED("request.tags", kms_untag_key(kms, &request, &err));
  request.tags = null_value;
  REFUSED("request.tags", kms_tag_key(kms, &request, &err));
  ACCEPTED(kms_untag_key(kms, &request, &err)); /* it goes by the keys alone */
  CHECK(kms_tag_key(kms, &request, NULL) == KMS_INVALID_ARGUMENT);
  CHECK(kms_untag_key(kms, &request, NULL) == KMS_OK);

  create.key_id = "tagged";
  create.tags_len = 1;
  REFUSED("request.tags", kms_create_key(kms, &create, &key_info, &err));
  create.tags = null_key;
  create.tags_len = 2;
  REFUSED("request.tags", kms_create_key(kms, &create, &key_info, &err));
  create.tags = null_value;
  REFUSED("request.tags", kms_create_key(kms, &create, &key_info, &err));
  create.tags_len = 0; /* a pointer with length 0 is nothing */
  create.origin = KMS_ORIGIN_EXTERNAL;
  create.key_uuid.len = 16;
  REFUSED("request.key_uuid", kms_create_key(kms, &create, &key_info, &err));
  create.key_uuid.len = 0;
  ACCEPTED(kms_create_key(kms, &create, &key_info, &err));
}

static void check_list_key_tags(void) {
  const size_t size = sizeof tag_items[0];
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  REFUSED_HANDLE_AND_REQUEST(kms_list_key_tags, &page, tag_items, size, 2, &text, &err);
  REFUSED("page", kms_list_key_tags(kms, &request, NULL, tag_items, size, 2, &text, &err));
  REFUSED("items", kms_list_key_tags(kms, &request, &page, NULL, size, 2, &text, &err));
  /* Tags are nothing but text: here it is required. */
  REFUSED("text", kms_list_key_tags(kms, &request, &page, tag_items, size, 2, NULL, &err));
  CHECK_KEY_AND_TOKENS(request,
                       kms_list_key_tags(kms, &request, &page, tag_items, size, 2, &text, &err));
  fresh_outputs();
  text.data = NULL; /* with a capacity */
  CHECK_ARGUMENT("text", kms_list_key_tags(kms, &request, &page, tag_items, size, 2, &text, &err));
  CHECK(untouched(tag_items, sizeof tag_items) && untouched(&text.len, sizeof text.len));
  fresh_outputs();
  CHECK(kms_list_key_tags(kms, &request, &page, tag_items, size, 2, &text, NULL) == KMS_OK);
}

static void check_version_destruction(const char *old_version) {
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  request.key_id = "key-2";
  REFUSED("request.version_id",
          kms_schedule_version_destruction(kms, &request, &version_info, &err));
  request.version_id = old_version;
  REFUSED_HANDLE_AND_REQUEST(kms_schedule_version_destruction, &version_info, &err);
  CHECK_KEY_AND_TOKENS(request,
                       kms_schedule_version_destruction(kms, &request, &version_info, &err));
  ACCEPTED(kms_schedule_version_destruction(kms, &request, NULL, &err));
  CHECK(kms_schedule_version_destruction(kms, &request, NULL, NULL) == KMS_INVALID_STATE);
}

static void check_versions(void) {
  const size_t size = sizeof version_items[0];
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  char old_version[KMS_ID_SIZE];
  request.key_id = "key-2";
  REFUSED_HANDLE_AND_REQUEST(kms_describe_key_version, &version_info, &err);
  REFUSED("info", kms_describe_key_version(kms, &request, NULL, &err));
  CHECK_KEY_AND_TOKENS(request, kms_describe_key_version(kms, &request, &version_info, &err));
  ACCEPTED(kms_describe_key_version(kms, &request, &version_info, &err)); /* the primary one */
  memcpy(old_version, version_info.version_id, sizeof old_version);

  REFUSED_HANDLE_AND_REQUEST(kms_rotate_key, &version_info, &err);
  CHECK_KEY_AND_TOKENS(request, kms_rotate_key(kms, &request, &version_info, &err));
  ACCEPTED(kms_rotate_key(kms, &request, NULL, &err));
  CHECK(kms_rotate_key(kms, &request, NULL, NULL) == KMS_OK);

  REFUSED_HANDLE_AND_REQUEST(kms_list_key_versions, &page, version_items, size, 2, NULL, &err);
  REFUSED("page", kms_list_key_versions(kms, &request, NULL, version_items, size, 2, NULL, &err));
  REFUSED("items", kms_list_key_versions(kms, &request, &page, NULL, size, 2, NULL, &err));
  CHECK_KEY_AND_TOKENS(
      request, kms_list_key_versions(kms, &request, &page, version_items, size, 2, NULL, &err));
  fresh_outputs();
  CHECK(kms_list_key_versions(kms, &request, &page, version_items, size, 2, NULL, NULL) == KMS_OK);

  /* version_id is required, and NULL here. */
  REFUSED("request.version_id", kms_set_primary_version(kms, &request, &err));
  REFUSED("request.version_id", kms_cancel_version_destruction(kms, &request, &err));
  check_version_destruction(old_version);
  request.version_id = old_version;
  CHECK_OK(kms_cancel_version_destruction(kms, &request, &err));
  CHECK_OK(kms_set_primary_version(kms, &request, &err));
  /* The same two on key-1, whose only version is its primary one. */
  request.key_id = "key-1";
  request.version_id = NULL;
  ACCEPTED(kms_describe_key_version(kms, &request, &version_info, &err));
  memcpy(old_version, version_info.version_id, sizeof old_version);
  check_key_function(kms_set_primary_version, old_version, KMS_OK);
  check_key_function(kms_cancel_version_destruction, old_version, KMS_INVALID_STATE);
}

static void check_import(void) {
  kms_import_request_t request = KMS_IMPORT_REQUEST_INIT;
  request.key_id = "imported";
  request.material.len = sizeof material; /* data is NULL */
  REFUSED("request.material", kms_import_key_material(kms, &request, &version_info, &err));
  request.material.len = 0;
  REFUSED("request.material", kms_import_key_material(kms, &request, &version_info, &err));
  request.material.data = material;
  request.material.len = sizeof material;
  REFUSED_HANDLE_AND_REQUEST(kms_import_key_material, &version_info, &err);
  CHECK_KEY_AND_TOKENS(request, kms_import_key_material(kms, &request, &version_info, &err));
  ACCEPTED(kms_import_key_material(kms, &request, NULL, &err));
  CHECK(kms_import_key_material(kms, &request, NULL, NULL) == KMS_OK);
}

static void check_re_encrypt(void) {
  static const kms_context_entry_t null_key[] = {{NULL, "x"}}, null_value[] = {{"x", NULL}};
  kms_re_encrypt_request_t request = good_re_encrypt();
#define RE_ENCRYPT kms_re_encrypt(kms, &request, &sealed, &iv, &source_info, &info, &err)
  REFUSED_HANDLE_AND_REQUEST(kms_re_encrypt, &sealed, &iv, &source_info, &info, &err);
  REFUSED("ciphertext", kms_re_encrypt(kms, &request, NULL, &iv, &source_info, &info, &err));
  request.ciphertext.data = NULL;
  REFUSED("request.ciphertext", RE_ENCRYPT);
  request.ciphertext.data = blob;
  request.source_iv.len = KMS_IV_SIZE;
  REFUSED("request.source_iv", RE_ENCRYPT);
  request.source_iv.len = 0;
  request.destination_key_id = NULL;
  REFUSED("request.destination_key_id", RE_ENCRYPT);
  request.destination_key_id = "key-2";
  /* Both sides have AAD and a context of their own. */
  request.source_aad.len = 1;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.source_aad.len = 0;
  request.destination_aad.len = 1;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.destination_aad.len = 0;
  request.source_context_len = 1;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.source_context = null_key;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.source_context = null_value;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.source_context_len = 0;
  request.destination_context_len = 1;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.destination_context = null_key;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.destination_context = null_value;
  REFUSED_SOMEHOW(RE_ENCRYPT);
  request.destination_context_len = 0;
  request.grant_tokens_len = 1;
  REFUSED("request.grant_tokens", RE_ENCRYPT);
  request.grant_tokens = null_token;
  REFUSED("request.grant_tokens", RE_ENCRYPT);
  request.grant_tokens_len = 0;
  fresh_outputs();
  sealed.data = NULL; /* with a capacity */
  CHECK_ARGUMENT("ciphertext", RE_ENCRYPT);
  CHECK(buffer_untouched(&iv) && STRUCT_UNTOUCHED(info) && STRUCT_UNTOUCHED(source_info));
  fresh_outputs();
  iv.data = NULL;
  CHECK_ARGUMENT("iv", RE_ENCRYPT);
  CHECK(buffer_untouched(&sealed) && STRUCT_UNTOUCHED(info) && STRUCT_UNTOUCHED(source_info));
  ACCEPTED(kms_re_encrypt(kms, &request, &sealed, NULL, &source_info, &info, &err));
  ACCEPTED(kms_re_encrypt(kms, &request, &sealed, &iv, NULL, &info, &err));
  ACCEPTED(kms_re_encrypt(kms, &request, &sealed, &iv, &source_info, NULL, &err));
  ACCEPTED(RE_ENCRYPT);
  CHECK(strcmp(source_info.key_id, "key-1") == 0 && strcmp(info.key_id, "key-2") == 0);
  CHECK(kms_re_encrypt(kms, &request, &sealed, NULL, NULL, NULL, NULL) == KMS_OK);
}

static void check_verify(void) {
  const size_t size = sizeof damage_items[0];
  kms_verify_request_t request = KMS_VERIFY_REQUEST_INIT;
  REFUSED_HANDLE_AND_REQUEST(kms_verify, &page, damage_items, size, 2, &text, &err);
  REFUSED("page", kms_verify(kms, &request, NULL, damage_items, size, 2, &text, &err));
  REFUSED("items", kms_verify(kms, &request, &page, NULL, size, 2, &text, &err));
  fresh_outputs();
  text.data = NULL;
  CHECK_ARGUMENT("text", kms_verify(kms, &request, &page, damage_items, size, 2, &text, &err));
  CHECK(untouched(damage_items, sizeof damage_items) && untouched(&text.len, sizeof text.len));
  fresh_outputs();
  CHECK(kms_verify(kms, &request, &page, damage_items, size, 2, NULL, NULL) == KMS_OK);
}

static void check_backup(void) {
  kms_backup_request_t request = KMS_BACKUP_REQUEST_INIT;
  REFUSED("request.path", kms_backup(kms, &request, &err));
  request.path = "a-store-in-memory-has-no-backup";
  REFUSED_HANDLE_AND_REQUEST(kms_backup, &err);
  CHECK(kms_backup(kms, &request, NULL) == KMS_UNSUPPORTED);
}

static void check_rekey(void) {
  kms_rekey_request_t request = KMS_REKEY_REQUEST_INIT;
  REFUSED("kms", kms_rekey(NULL, &request, &err));
  REFUSED_SOMEHOW(kms_rekey(kms, NULL, &err));
  REFUSED_SOMEHOW(kms_rekey(kms, &request, &err)); /* no source */
  request.root_key.len = sizeof material;          /* data is NULL, here and below */
  REFUSED_SOMEHOW(kms_rekey(kms, &request, &err));
  request.root_key.len = 0;
  request.passphrase.len = 1;
  REFUSED_SOMEHOW(kms_rekey(kms, &request, &err));
  request.passphrase.len = 0;
  request.root_key.data = material;
  request.root_key.len = sizeof material;
  CHECK(kms_rekey(kms, &request, NULL) == KMS_OK);
}

int main(void) {
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  open_for_calls();
  create.key_id = "doomed";
  CHECK_OK(call_create_key(&create));
  create.key_id = "imported";
  create.origin = KMS_ORIGIN_EXTERNAL;
  CHECK_OK(call_create_key(&create));
  check_re_encrypt();
  check_update_alias();
  check_delete_alias();
  check_states();
  check_rotation();
  check_description();
  check_tags();
  check_list_key_tags();
  check_versions();
  check_import();
  check_verify();
  check_backup();
  check_rekey();
  kms_close(kms);
  return check_result();
}
