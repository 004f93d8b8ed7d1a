/* The rules of structs that grow: every struct_size there is, members that we do not know, unknown
 * flags, reserved members. Structs lie in memory that ends at an inaccessible page, at no
 * particular alignment. */
#include "guarded.h"

#include "calls.h"

/* --- struct_size
 * ---------------------------------------------------------------------------------------------- */

/* `call` is refused; by this name, if there is one. */
static void refused(const char *argument, extensible_call_t call, void *extensible) {
  if (argument == NULL)
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call(extensible));
  else
    CHECK_ARGUMENT(argument, call(extensible));
}

/* A size_t alone is all that may be read of a struct with an impossible size. */
static void refused_size(const char *argument, size_t struct_size, extensible_call_t call) {
  guarded_t memory = guarded_copy(&struct_size, sizeof struct_size);
  refused(argument, call, memory.data);
  guarded_free(&memory);
}

static void refused_sizes(const char *name, size_t size, extensible_call_t call) {
  char text[64], *argument = name == NULL ? NULL : text;
  snprintf(text, sizeof text, "%s.struct_size", name == NULL ? "" : name);
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

/* A request that had `first` bytes in the first release: callers of then know no more. */
static void grown_sizes(const char *name, const void *valid, size_t first, size_t size,
                        kms_status_t expected, extensible_call_t call) {
  size_t i;
  refused_sizes(name, first, call);
  for (i = first; i < size; i += sizeof(uint32_t)) {
    guarded_t memory = longer_struct(valid, i, i);
    CHECK_STATUS(expected, call(memory.data));
    guarded_free(&memory);
  }
  for (i = 0; i <= sizeof longer_by / sizeof longer_by[0]; i++) {
    size_t struct_size =
        i < sizeof longer_by / sizeof longer_by[0] ? size + longer_by[i] : (size_t)4096;
    guarded_t memory = longer_struct(valid, size, struct_size);
    CHECK_STATUS(expected, call(memory.data));
    if (struct_size > size) {
      memory.data[size] = 1; /* the first byte that we do not know */
      refused(name, call, memory.data);
      memory.data[size] = 0;
      memory.data[struct_size - 1] = 0x80; /* the last one */
      refused(name, call, memory.data);
    }
    guarded_free(&memory);
  }
}

static void request_sizes(const char *name, const void *valid, size_t size, kms_status_t expected,
                          extensible_call_t call) {
  grown_sizes(name, valid, size, size, expected, call);
}

/* An info: what we know of it is filled, the rest of what the caller has becomes zero, struct_size
 * stays. The last member that is filled is at filled_at, and is known since the first release, when
 * the info had `first` bytes. */
static void grown_info_sizes(const char *name, size_t first, size_t size, size_t filled_at,
                             extensible_call_t call) {
  size_t i;
  refused_sizes(name, first, call);
  for (i = first; i < size; i += sizeof(uint32_t)) {
    guarded_t memory = guarded_alloc(i);
    memset(memory.data, UNTOUCHED, i);
    memcpy(memory.data, &i, sizeof i);
    CHECK_OK(call(memory.data));
    CHECK(!untouched(memory.data + filled_at, sizeof(uint32_t)));
    guarded_free(&memory);
  }
  for (i = 0; i <= sizeof longer_by / sizeof longer_by[0]; i++) {
    size_t kept, struct_size = i < sizeof longer_by / sizeof longer_by[0] ? size + longer_by[i]
                                                                          : (size_t)4096;
    guarded_t memory = guarded_alloc(struct_size);
    memset(memory.data, UNTOUCHED, struct_size);
    memcpy(memory.data, &struct_size, sizeof struct_size);
    CHECK_OK(call(memory.data));
    memcpy(&kept, memory.data, sizeof kept);
    CHECK(kept == struct_size);
    CHECK(!untouched(memory.data + filled_at, sizeof(uint32_t)));
    CHECK(all_bytes(memory.data + size, struct_size - size, 0));
    guarded_free(&memory);
  }
}

static void info_sizes(const char *name, size_t size, size_t filled_at, extensible_call_t call) {
  grown_info_sizes(name, size, size, filled_at, call);
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

  grown_sizes("options", &options, offsetof(kms_open_options_t, audit_log), sizeof options, KMS_OK,
              call_open);
  grown_sizes("request", &create, offsetof(kms_create_key_request_t, policy), sizeof create, KMS_OK,
              call_create_key);
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
  grown_info_sizes("stats", offsetof(kms_stats_t, audit_records), sizeof(kms_stats_t),
                   offsetof(kms_stats_t, store_id), call_stats_info);
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

/* --- the same for the life of keys
 * ---------------------------------------------------------------------------- */

/* Of "key-2", whose primary version is another: one that can be destroyed. */
static char old_version[KMS_ID_SIZE];

static const uint8_t material[32] = {1, 2, 3};
static const kms_tag_t tags[] = {{"team", "shop"}};

static kms_key_request_t on_key(const char *key_id, const char *version_id, uint32_t flags) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = key_id;
  request.version_id = version_id;
  request.flags = flags;
  return request;
}

static kms_schedule_request_t to_schedule(const char *key_id, const char *version_id,
                                          uint32_t flags) {
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  request.key_id = key_id;
  request.version_id = version_id;
  request.flags = flags;
  return request;
}

static kms_import_request_t to_import(uint32_t flags) {
  kms_import_request_t request = KMS_IMPORT_REQUEST_INIT;
  request.key_id = "imported";
  request.material.data = material;
  request.material.len = sizeof material;
  request.flags = flags;
  return request;
}

static kms_status_t call_rotate_key_info(void *info) {
  const kms_key_request_t request = on_key("key-2", NULL, 0);
  return kms_rotate_key(kms, &request, (kms_version_info_t *)info, &err);
}

static kms_status_t call_describe_key_version_info(void *info) {
  const kms_key_request_t request = on_key("key-1", NULL, 0);
  return kms_describe_key_version(kms, &request, (kms_version_info_t *)info, &err);
}

static kms_status_t call_schedule_key_deletion_info(void *info) {
  const kms_schedule_request_t request = to_schedule("doomed", NULL, 0);
  const kms_key_request_t cancel = on_key("doomed", NULL, 0);
  kms_status_t status = kms_schedule_key_deletion(kms, &request, (kms_key_info_t *)info, &err);
  if (status == KMS_OK) /* so that it can be scheduled again */
    CHECK(kms_cancel_key_deletion(kms, &cancel, NULL) == KMS_OK);
  return status;
}

static kms_status_t call_schedule_version_destruction_info(void *info) {
  const kms_schedule_request_t request = to_schedule("key-2", old_version, 0);
  const kms_key_request_t cancel = on_key("key-2", old_version, 0);
  kms_status_t status =
      kms_schedule_version_destruction(kms, &request, (kms_version_info_t *)info, &err);
  if (status == KMS_OK)
    CHECK(kms_cancel_version_destruction(kms, &cancel, NULL) == KMS_OK);
  return status;
}

static kms_status_t call_import_info(void *info) {
  const kms_import_request_t request = to_import(0);
  return kms_import_key_material(kms, &request, (kms_version_info_t *)info, &err);
}

static kms_status_t call_re_encrypt_info(void *info) {
  const kms_re_encrypt_request_t request = good_re_encrypt();
  return re_encrypt(&request, NULL, (kms_data_key_info_t *)info);
}

static kms_status_t call_re_encrypt_source_info(void *info) {
  const kms_re_encrypt_request_t request = good_re_encrypt();
  return re_encrypt(&request, (kms_data_key_info_t *)info, NULL);
}

static kms_status_t call_list_key_tags_page(void *page) {
  const kms_key_request_t request = on_key("key-1", NULL, 0);
  return list_key_tags(&request, (kms_page_t *)page);
}

static kms_status_t call_list_key_versions_page(void *page) {
  const kms_key_request_t request = on_key("key-1", NULL, 0);
  return list_key_versions(&request, (kms_page_t *)page);
}

static kms_status_t call_verify_page(void *page) {
  const kms_verify_request_t request = KMS_VERIFY_REQUEST_INIT;
  return verify(&request, (kms_page_t *)page);
}

/* "doomed"; "imported", which has its material; and a second version of "key-2". */
static void create_keys_with_a_past(void) {
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  const kms_key_request_t key_2 = on_key("key-2", NULL, 0);
  kms_import_request_t import = to_import(0);
  kms_version_info_t version = KMS_VERSION_INFO_INIT;
  create.key_id = "doomed";
  CHECK_OK(call_create_key(&create));
  create.key_id = "imported";
  create.origin = KMS_ORIGIN_EXTERNAL;
  CHECK_OK(call_create_key(&create));
  CHECK_OK(call_import(&import));
  CHECK_OK(kms_describe_key_version(kms, &key_2, &version, &err));
  memcpy(old_version, version.version_id, sizeof old_version);
  CHECK_OK(kms_rotate_key(kms, &key_2, NULL, &err));
}

static kms_create_alias_request_t to_update_alias(void) {
  kms_create_alias_request_t request = KMS_CREATE_ALIAS_REQUEST_INIT;
  request.alias = "alias/one";
  request.key_id = "key-1";
  request.flags = KMS_DRY_RUN;
  return request;
}

static kms_alias_request_t to_delete_alias(void) {
  kms_alias_request_t request = KMS_ALIAS_REQUEST_INIT;
  request.alias = "alias/one";
  request.flags = KMS_DRY_RUN;
  return request;
}

static kms_rotation_request_t to_set_rotation(void) {
  kms_rotation_request_t request = KMS_ROTATION_REQUEST_INIT;
  request.key_id = "key-1";
  request.flags = KMS_DRY_RUN;
  return request;
}

static kms_description_request_t to_describe(void) {
  kms_description_request_t request = KMS_DESCRIPTION_REQUEST_INIT;
  request.key_id = "key-1";
  request.flags = KMS_DRY_RUN;
  return request;
}

static kms_tags_request_t to_tag(void) {
  kms_tags_request_t request = KMS_TAGS_REQUEST_INIT;
  request.key_id = "key-1";
  request.tags = tags;
  request.tags_len = 1;
  request.flags = KMS_DRY_RUN;
  return request;
}

static kms_rekey_request_t to_rekey(void) {
  kms_rekey_request_t request = KMS_REKEY_REQUEST_INIT;
  request.root_key.data = material;
  request.root_key.len = sizeof material;
  request.flags = KMS_DRY_RUN;
  return request;
}

static void every_struct_size_of_a_key_s_life(void) {
  const kms_create_alias_request_t update = to_update_alias();
  const kms_alias_request_t alias = to_delete_alias();
  const kms_key_request_t key = on_key("key-1", NULL, 0), dry = on_key("key-1", NULL, KMS_DRY_RUN);
  const kms_key_request_t version = on_key("key-2", old_version, KMS_DRY_RUN);
  const kms_schedule_request_t deletion = to_schedule("key-1", NULL, KMS_DRY_RUN);
  const kms_schedule_request_t destruction = to_schedule("key-2", old_version, KMS_DRY_RUN);
  const kms_rotation_request_t rotation = to_set_rotation();
  const kms_description_request_t description = to_describe();
  const kms_tags_request_t tag = to_tag();
  const kms_import_request_t import = to_import(KMS_DRY_RUN);
  const kms_rekey_request_t rekey = to_rekey();
  const kms_verify_request_t verify_request = KMS_VERIFY_REQUEST_INIT;
  const kms_re_encrypt_request_t re_encrypt_request = good_re_encrypt();
  const kms_exchange_request_t exchange = good_exchange();
  const kms_page_t page = KMS_PAGE_INIT;
  kms_backup_request_t backup = KMS_BACKUP_REQUEST_INIT;
  backup.path = "a-store-in-memory-has-no-backup";

  /* A status that comes after the struct was read is as good as KMS_OK here. */
  request_sizes("request", &update, sizeof update, KMS_DRY_RUN_OK, call_update_alias);
  request_sizes("request", &alias, sizeof alias, KMS_DRY_RUN_OK, call_delete_alias);
  request_sizes("request", &dry, sizeof dry, KMS_DRY_RUN_OK, call_enable_key);
  request_sizes("request", &dry, sizeof dry, KMS_DRY_RUN_OK, call_disable_key);
  request_sizes("request", &deletion, sizeof deletion, KMS_DRY_RUN_OK, call_schedule_key_deletion);
  request_sizes("request", &key, sizeof key, KMS_INVALID_STATE, call_cancel_key_deletion);
  request_sizes("request", &rotation, sizeof rotation, KMS_DRY_RUN_OK, call_set_key_rotation);
  request_sizes("request", &description, sizeof description, KMS_DRY_RUN_OK,
                call_update_key_description);
  request_sizes("request", &tag, sizeof tag, KMS_DRY_RUN_OK, call_tag_key);
  request_sizes("request", &tag, sizeof tag, KMS_DRY_RUN_OK, call_untag_key);
  request_sizes("request", &key, sizeof key, KMS_OK, call_list_key_tags);
  request_sizes("page", &page, sizeof page, KMS_OK, call_list_key_tags_page);
  request_sizes("request", &dry, sizeof dry, KMS_DRY_RUN_OK, call_rotate_key);
  request_sizes("request", &version, sizeof version, KMS_DRY_RUN_OK, call_set_primary_version);
  request_sizes("request", &key, sizeof key, KMS_OK, call_describe_key_version);
  request_sizes("request", &key, sizeof key, KMS_OK, call_list_key_versions);
  request_sizes("page", &page, sizeof page, KMS_OK, call_list_key_versions_page);
  request_sizes("request", &destruction, sizeof destruction, KMS_DRY_RUN_OK,
                call_schedule_version_destruction);
  request_sizes("request", &version, sizeof version, KMS_INVALID_STATE,
                call_cancel_version_destruction);
  request_sizes("request", &import, sizeof import, KMS_DRY_RUN_OK, call_import);
  request_sizes("request", &key, sizeof key, KMS_INVALID_KEY_USAGE, call_delete_imported);
  request_sizes(NULL, &rekey, sizeof rekey, KMS_DRY_RUN_OK, call_rekey);
  request_sizes("request", &backup, sizeof backup, KMS_UNSUPPORTED, call_backup);
  request_sizes("request", &verify_request, sizeof verify_request, KMS_OK, call_verify);
  request_sizes("page", &page, sizeof page, KMS_OK, call_verify_page);
  request_sizes("request", &re_encrypt_request, sizeof re_encrypt_request, KMS_OK, call_re_encrypt);
  request_sizes("request", &exchange, sizeof exchange, KMS_OK, call_exchange);

  info_sizes("info", sizeof(kms_version_info_t), offsetof(kms_version_info_t, version_number),
             call_rotate_key_info);
  info_sizes("info", sizeof(kms_version_info_t), offsetof(kms_version_info_t, version_number),
             call_describe_key_version_info);
  info_sizes("info", sizeof(kms_key_info_t), offsetof(kms_key_info_t, deletion_at),
             call_schedule_key_deletion_info);
  info_sizes("info", sizeof(kms_version_info_t), offsetof(kms_version_info_t, destruction_at),
             call_schedule_version_destruction_info);
  info_sizes("info", sizeof(kms_version_info_t), offsetof(kms_version_info_t, version_number),
             call_import_info);
  info_sizes("info", sizeof(kms_data_key_info_t), offsetof(kms_data_key_info_t, version_number),
             call_re_encrypt_info);
  info_sizes(NULL, sizeof(kms_data_key_info_t), offsetof(kms_data_key_info_t, version_number),
             call_re_encrypt_source_info);
}

/* --- the same for principals, policies, grants, and the audit log
 * ----------------------------------------------------------------------------- */

static const char policy[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","
                             "\"Action\":\"kms:*\",\"Resource\":\"*\"}}";
static const char no_grant[] = "0000000000000000000000000000000000000000000000000000000000000000";

static kms_principal_options_t to_act(void) {
  kms_principal_options_t options = KMS_PRINCIPAL_OPTIONS_INIT;
  options.principal = "tenant";
  return options;
}

static kms_policy_request_t to_put_policy(void) {
  kms_policy_request_t request = KMS_POLICY_REQUEST_INIT;
  request.key_id = "key-1";
  request.policy = policy;
  request.flags = KMS_DRY_RUN;
  return request;
}

static kms_create_grant_request_t to_grant(void) {
  kms_create_grant_request_t request = KMS_CREATE_GRANT_REQUEST_INIT;
  request.key_id = "key-1";
  request.grantee_principal = "tenant";
  request.operations = KMS_GRANT_DECRYPT;
  return request;
}

static kms_grant_request_t on_grant(void) {
  kms_grant_request_t request = KMS_GRANT_REQUEST_INIT;
  request.key_id = "key-1";
  request.grant_id = no_grant;
  return request;
}

static kms_list_grants_request_t to_list_grants(void) {
  kms_list_grants_request_t request = KMS_LIST_GRANTS_REQUEST_INIT;
  request.key_id = "key-1";
  return request;
}

static kms_list_retirable_grants_request_t to_list_retirable(void) {
  kms_list_retirable_grants_request_t request = KMS_LIST_RETIRABLE_GRANTS_REQUEST_INIT;
  request.retiring_principal = "tenant";
  return request;
}

static kms_verify_audit_log_request_t to_verify_log(void) {
  kms_verify_audit_log_request_t request = KMS_VERIFY_AUDIT_LOG_REQUEST_INIT;
  request.path = "no-such-log";
  return request;
}

static kms_status_t call_as_principal(void *options) {
  kms_t *out = kms;
  kms_status_t status = kms_as_principal(kms, (const kms_principal_options_t *)options, &out, &err);
  CHECK((out != NULL) == (status == KMS_OK));
  kms_close(out);
  return status;
}

static kms_status_t call_put_policy(void *request) {
  return kms_put_key_policy(kms, (const kms_policy_request_t *)request, &err);
}

static kms_status_t call_get_policy(void *request) {
  kms_buffer_t text = fresh_buffer(out_bytes, sizeof out_bytes);
  return kms_get_key_policy(kms, (const kms_key_request_t *)request, &text, &err);
}

static kms_status_t call_create_grant(void *request) {
  kms_created_grant_t grant = KMS_CREATED_GRANT_INIT;
  return kms_create_grant(kms, (const kms_create_grant_request_t *)request, &grant, &err);
}

static kms_status_t call_create_grant_info(void *grant) {
  kms_create_grant_request_t request = to_grant();
  request.name = "the same each time";
  return kms_create_grant(kms, &request, (kms_created_grant_t *)grant, &err);
}

static kms_status_t list_grants(const kms_list_grants_request_t *request, kms_page_t *page) {
  kms_buffer_t text = fresh_buffer(out_bytes, sizeof out_bytes);
  kms_grant_info_t item;
  return kms_list_grants(kms, request, page, &item, sizeof item, 1, &text, &err);
}

static kms_status_t call_list_grants(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  return list_grants((const kms_list_grants_request_t *)request, &page);
}

static kms_status_t call_list_grants_page(void *page) {
  const kms_list_grants_request_t request = to_list_grants();
  return list_grants(&request, (kms_page_t *)page);
}

static kms_status_t list_retirable(const kms_list_retirable_grants_request_t *request,
                                   kms_page_t *page) {
  kms_buffer_t text = fresh_buffer(out_bytes, sizeof out_bytes);
  kms_grant_info_t item;
  return kms_list_retirable_grants(kms, request, page, &item, sizeof item, 1, &text, &err);
}

static kms_status_t call_list_retirable(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  return list_retirable((const kms_list_retirable_grants_request_t *)request, &page);
}

static kms_status_t call_list_retirable_page(void *page) {
  const kms_list_retirable_grants_request_t request = to_list_retirable();
  return list_retirable(&request, (kms_page_t *)page);
}

static kms_status_t call_retire_grant(void *request) {
  return kms_retire_grant(kms, (const kms_grant_request_t *)request, &err);
}

static kms_status_t call_revoke_grant(void *request) {
  return kms_revoke_grant(kms, (const kms_grant_request_t *)request, &err);
}

static kms_status_t verify_log(const kms_verify_audit_log_request_t *request, kms_page_t *page) {
  kms_log_damage_info_t item;
  return kms_verify_audit_log(kms, request, page, &item, sizeof item, 1, NULL, &err);
}

static kms_status_t call_verify_log(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  return verify_log((const kms_verify_audit_log_request_t *)request, &page);
}

static kms_status_t call_verify_log_page(void *page) {
  const kms_verify_audit_log_request_t request = to_verify_log();
  return verify_log(&request, (kms_page_t *)page);
}

static void every_struct_size_of_access(void) {
  const kms_principal_options_t principal = to_act();
  const kms_policy_request_t put = to_put_policy();
  const kms_key_request_t get = on_key("key-1", NULL, 0);
  const kms_create_grant_request_t create = to_grant();
  const kms_list_grants_request_t list = to_list_grants();
  const kms_list_retirable_grants_request_t retirable = to_list_retirable();
  const kms_grant_request_t grant = on_grant();
  const kms_verify_audit_log_request_t log = to_verify_log();
  const kms_page_t page = KMS_PAGE_INIT;
  request_sizes("options", &principal, sizeof principal, KMS_OK, call_as_principal);
  request_sizes("request", &put, sizeof put, KMS_DRY_RUN_OK, call_put_policy);
  request_sizes("request", &get, sizeof get, KMS_OK, call_get_policy);
  request_sizes("request", &create, sizeof create, KMS_OK, call_create_grant);
  request_sizes("request", &list, sizeof list, KMS_OK, call_list_grants);
  request_sizes("page", &page, sizeof page, KMS_OK, call_list_grants_page);
  request_sizes("request", &retirable, sizeof retirable, KMS_OK, call_list_retirable);
  request_sizes("page", &page, sizeof page, KMS_OK, call_list_retirable_page);
  request_sizes("request", &grant, sizeof grant, KMS_NOT_FOUND, call_retire_grant);
  request_sizes("request", &grant, sizeof grant, KMS_NOT_FOUND, call_revoke_grant);
  request_sizes("request", &log, sizeof log, KMS_NOT_FOUND, call_verify_log);
  request_sizes("page", &page, sizeof page, KMS_NOT_FOUND, call_verify_log_page);
  info_sizes("grant", sizeof(kms_created_grant_t), offsetof(kms_created_grant_t, grant_token),
             call_create_grant_info);
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

/* The flags of requests that are all zeros else: flags are an argument, and arguments come first.
 */
static void flags_and_reserved_of_a_key_s_life(void) {
  kms_create_alias_request_t update = to_update_alias();
  kms_alias_request_t alias = to_delete_alias();
  kms_key_request_t key = on_key("key-1", NULL, 0);
  kms_key_request_t version = on_key("key-2", old_version, KMS_DRY_RUN);
  kms_schedule_request_t deletion = to_schedule("key-1", NULL, KMS_DRY_RUN);
  kms_schedule_request_t destruction = to_schedule("key-2", old_version, KMS_DRY_RUN);
  kms_rotation_request_t rotation = to_set_rotation();
  kms_description_request_t description = to_describe();
  kms_tags_request_t tag = to_tag();
  kms_import_request_t import = to_import(KMS_DRY_RUN);
  kms_rekey_request_t rekey = to_rekey();
  kms_backup_request_t backup = KMS_BACKUP_REQUEST_INIT;
  kms_verify_request_t verify_request = KMS_VERIFY_REQUEST_INIT;
  kms_re_encrypt_request_t re_encrypt_request = good_re_encrypt();
  kms_exchange_request_t exchange = good_exchange();
  kms_page_t page = KMS_PAGE_INIT;
  const extensible_call_t on_keys[] = {
      call_enable_key,      call_disable_key,   call_rotate_key,        call_cancel_key_deletion,
      call_delete_imported, call_list_key_tags, call_list_key_versions, call_describe_key_version};
  const extensible_call_t on_versions[] = {call_set_primary_version,
                                           call_cancel_version_destruction};
  size_t i;
  backup.path = "a-store-in-memory-has-no-backup";
  UNKNOWN_FLAGS(update, KMS_DRY_RUN, call_update_alias(&update));
  RESERVED(update, call_update_alias(&update));
  UNKNOWN_FLAGS(alias, KMS_DRY_RUN, call_delete_alias(&alias));
  RESERVED(alias, call_delete_alias(&alias));
  for (i = 0; i < sizeof on_keys / sizeof on_keys[0]; i++) {
    UNKNOWN_FLAGS(key, KMS_DRY_RUN, on_keys[i](&key));
    RESERVED(key, on_keys[i](&key));
  }
  for (i = 0; i < sizeof on_versions / sizeof on_versions[0]; i++) {
    UNKNOWN_FLAGS(version, KMS_DRY_RUN, on_versions[i](&version));
    RESERVED(version, on_versions[i](&version));
  }
  UNKNOWN_FLAGS(deletion, KMS_DRY_RUN, call_schedule_key_deletion(&deletion));
  UNKNOWN_FLAGS(destruction, KMS_DRY_RUN, call_schedule_version_destruction(&destruction));
  UNKNOWN_FLAGS(rotation, KMS_DRY_RUN, call_set_key_rotation(&rotation));
  UNKNOWN_FLAGS(description, KMS_DRY_RUN, call_update_key_description(&description));
  RESERVED(description, call_update_key_description(&description));
  UNKNOWN_FLAGS(tag, KMS_DRY_RUN, call_tag_key(&tag));
  RESERVED(tag, call_tag_key(&tag));
  UNKNOWN_FLAGS(tag, KMS_DRY_RUN, call_untag_key(&tag));
  RESERVED(tag, call_untag_key(&tag));
  UNKNOWN_FLAGS(import, KMS_DRY_RUN, call_import(&import));
  UNKNOWN_FLAGS(rekey, KMS_DRY_RUN, call_rekey(&rekey));
  UNKNOWN_FLAGS(backup, KMS_DRY_RUN, call_backup(&backup));
  RESERVED(backup, call_backup(&backup));
  UNKNOWN_FLAGS(verify_request, KMS_DRY_RUN, call_verify(&verify_request));
  RESERVED(verify_request, call_verify(&verify_request));
  UNKNOWN_FLAGS(re_encrypt_request, KMS_INITIAL_VERSION | KMS_DRY_RUN,
                call_re_encrypt(&re_encrypt_request));
  RESERVED(re_encrypt_request, call_re_encrypt(&re_encrypt_request));
  UNKNOWN_FLAGS(exchange, 0u, call_exchange(&exchange));
  RESERVED(exchange, call_exchange(&exchange));
  page.reserved = 1;
  CHECK_ARGUMENT("page.reserved", call_list_key_tags_page(&page));
  CHECK_ARGUMENT("page.reserved", call_list_key_versions_page(&page));
  CHECK_ARGUMENT("page.reserved", call_verify_page(&page));
}

static void flags_and_reserved_of_access(void) {
  kms_principal_options_t principal = to_act();
  kms_policy_request_t put = to_put_policy();
  kms_key_request_t get = on_key("key-1", NULL, 0);
  kms_create_grant_request_t create = to_grant();
  kms_list_grants_request_t list = to_list_grants();
  kms_list_retirable_grants_request_t retirable = to_list_retirable();
  kms_grant_request_t grant = on_grant();
  kms_verify_audit_log_request_t log = to_verify_log();
  kms_page_t page = KMS_PAGE_INIT;
  int bit;
  for (bit = 0; bit < 32; bit++)
    if ((KMS_DRY_RUN >> bit & 1) == 0) {
      principal.flags = (uint32_t)1 << bit;
      CHECK_ARGUMENT("options.flags", call_as_principal(&principal));
    }
  principal = to_act();
  principal.reserved = 1;
  CHECK_ARGUMENT("options.reserved", call_as_principal(&principal));
  UNKNOWN_FLAGS(put, KMS_DRY_RUN | KMS_BYPASS_POLICY_LOCKOUT_CHECK, call_put_policy(&put));
  RESERVED(put, call_put_policy(&put));
  UNKNOWN_FLAGS(get, KMS_DRY_RUN, call_get_policy(&get));
  RESERVED(get, call_get_policy(&get));
  UNKNOWN_FLAGS(create, KMS_DRY_RUN, call_create_grant(&create));
  RESERVED(create, call_create_grant(&create));
  UNKNOWN_FLAGS(list, KMS_DRY_RUN, call_list_grants(&list));
  RESERVED(list, call_list_grants(&list));
  UNKNOWN_FLAGS(retirable, KMS_DRY_RUN, call_list_retirable(&retirable));
  RESERVED(retirable, call_list_retirable(&retirable));
  UNKNOWN_FLAGS(grant, KMS_DRY_RUN, call_retire_grant(&grant));
  RESERVED(grant, call_retire_grant(&grant));
  UNKNOWN_FLAGS(grant, KMS_DRY_RUN, call_revoke_grant(&grant));
  RESERVED(grant, call_revoke_grant(&grant));
  UNKNOWN_FLAGS(log, KMS_DRY_RUN, call_verify_log(&log));
  RESERVED(log, call_verify_log(&log));
  page.reserved = 1;
  CHECK_ARGUMENT("page.reserved", call_list_grants_page(&page));
  CHECK_ARGUMENT("page.reserved", call_list_retirable_page(&page));
  CHECK_ARGUMENT("page.reserved", call_verify_log_page(&page));
}

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
  UNKNOWN_FLAGS(create, KMS_DRY_RUN | KMS_BYPASS_POLICY_LOCKOUT_CHECK, call_create_key(&create));
  create.reserved1 = 1;
  CHECK_ARGUMENT("request.reserved1", call_create_key(&create));
  create.reserved1 = 0;
  RESERVED(create, call_create_key(&create));
  UNKNOWN_FLAGS(describe, KMS_DRY_RUN, call_describe_key(&describe));
  RESERVED(describe, call_describe_key(&describe));
  UNKNOWN_FLAGS(list_keys, KMS_DRY_RUN, call_list_keys(&list_keys));
  RESERVED(list_keys, call_list_keys(&list_keys));
  UNKNOWN_FLAGS(alias, KMS_DRY_RUN, call_create_alias(&alias));
  RESERVED(alias, call_create_alias(&alias));
  UNKNOWN_FLAGS(list_aliases, KMS_DRY_RUN, call_list_aliases(&list_aliases));
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
  UNKNOWN_FLAGS(stats, KMS_DRY_RUN, call_stats(&stats));
  RESERVED(stats, call_stats(&stats));
  page.reserved = 1;
  CHECK_ARGUMENT("page.reserved", call_list_keys_page(&page));
  CHECK_ARGUMENT("page.reserved", call_list_aliases_page(&page));
}

int main(void) {
  open_for_calls();
  create_keys_with_a_past();
  every_struct_size();
  every_struct_size_of_a_key_s_life();
  every_struct_size_of_access();
  infos_have_no_leftovers();
  a_refused_info_makes_nothing();
  flags_and_reserved();
  flags_and_reserved_of_a_key_s_life();
  flags_and_reserved_of_access();
  kms_close(kms);
  return check_result();
}
