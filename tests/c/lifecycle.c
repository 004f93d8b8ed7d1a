/* The life of keys, from C99: versions, states, import, re-encryption, aliases, tags; care for a
 * store on disk; and each integer of these requests at its bounds. The argument is a directory. */
#include <time.h>

#include "check.h"

#define DAY ((int64_t)86400)

/* Whether the library may just have read `seconds` from its clock. time() reads a coarser one,
 * which lags behind by up to a tick and so may still be in the second before. */
static int is_now(int64_t seconds) {
  const int64_t now = (int64_t)time(NULL);
  return seconds > now - 60 && seconds <= now + 1;
}

static kms_t *kms;
static const uint8_t material[33] = {1, 2, 3};

static kms_key_request_t key(const char *id) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = id;
  return request;
}

static kms_schedule_request_t schedule(const char *id, const char *version_id, uint32_t days) {
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  request.key_id = id;
  request.version_id = version_id;
  request.waiting_days = days;
  return request;
}

static kms_import_request_t import_of(const char *id, size_t len) {
  kms_import_request_t request = KMS_IMPORT_REQUEST_INIT;
  request.key_id = id;
  request.material.data = material;
  request.material.len = len;
  return request;
}

static kms_key_info_t described(const char *id) {
  const kms_key_request_t request = key(id);
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  CHECK_OK(kms_describe_key(kms, &request, &info, NULL, &err));
  return info;
}

static void create(const char *id, uint32_t origin) {
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  request.key_id = id;
  request.origin = origin;
  CHECK_OK(kms_create_key(kms, &request, NULL, &err));
}

/* A data key and its wrapped form. */
typedef struct made {
  uint8_t plain[32], wrapped[32 + KMS_CIPHERTEXT_OVERHEAD];
  kms_data_key_info_t info;
} made_t;

static kms_status_t generate(const char *id, made_t *made) {
  const kms_data_key_info_t no_info = KMS_DATA_KEY_INFO_INIT;
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  kms_buffer_t plain = fresh_buffer(made->plain, sizeof made->plain);
  kms_buffer_t wrapped = fresh_buffer(made->wrapped, sizeof made->wrapped);
  made->info = no_info;
  request.key_id = id;
  return kms_generate_data_key(kms, &request, &plain, &wrapped, NULL, &made->info, &err);
}

static kms_status_t open_with(kms_t *handle, const made_t *made) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  uint8_t again[32];
  kms_buffer_t plain = fresh_buffer(again, sizeof again);
  kms_status_t status;
  request.ciphertext.data = made->wrapped;
  request.ciphertext.len = sizeof made->wrapped;
  status = kms_decrypt(handle, &request, &plain, NULL, &err);
  if (status == KMS_OK)
    CHECK(memcmp(again, made->plain, sizeof again) == 0);
  else
    CHECK(buffer_untouched(&plain));
  return status;
}

static void versions(void) {
  const kms_key_request_t request = key("k");
  kms_key_request_t version = key("k");
  kms_version_info_t info = KMS_VERSION_INFO_INIT, items[3];
  kms_page_t page = KMS_PAGE_INIT;
  kms_schedule_request_t destroy;
  made_t first, second;
  create("k", KMS_ORIGIN_KMS);
  CHECK_OK(generate("k", &first));
  CHECK_OK(kms_rotate_key(kms, &request, &info, &err));
  CHECK(info.version_number == 2 && info.is_primary == 1);
  CHECK(info.state == KMS_VERSION_STATE_ENABLED && strcmp(info.key_id, "k") == 0);
  CHECK_OK(generate("k", &second));
  CHECK(first.info.version_number == 1 && second.info.version_number == 2);
  CHECK_OK(open_with(kms, &first));
  CHECK_OK(open_with(kms, &second));
  CHECK_OK(kms_list_key_versions(kms, &request, &page, items, sizeof items[0], 3, NULL, &err));
  CHECK(page.items_len == 2 && page.more == 0);
  CHECK(items[0].version_number == 1 && items[1].version_number == 2 && items[0].is_primary == 0);

  version.version_id = items[0].version_id;
  CHECK_OK(kms_set_primary_version(kms, &version, &err));
  CHECK(described("k").primary_version_number == 1 && described("k").versions_len == 2);
  destroy = schedule("k", items[0].version_id, 1);
  CHECK_STATUS(KMS_INVALID_STATE, kms_schedule_version_destruction(kms, &destroy, NULL, &err));
  version.version_id = items[1].version_id;
  destroy.version_id = items[1].version_id;
  CHECK_STATUS(KMS_INVALID_STATE, kms_cancel_version_destruction(kms, &version, &err));
  CHECK_OK(kms_schedule_version_destruction(kms, &destroy, &info, &err));
  CHECK(info.state == KMS_VERSION_STATE_PENDING_DESTRUCTION && info.version_number == 2);
  CHECK(is_now(info.destruction_at - DAY));
  CHECK_STATUS(KMS_INVALID_STATE, open_with(kms, &second));
  CHECK(err.detail == KMS_DETAIL_VERSION_PENDING_DESTRUCTION);
  CHECK_OK(open_with(kms, &first));
  CHECK_OK(kms_cancel_version_destruction(kms, &version, &err));
  CHECK_OK(kms_describe_key_version(kms, &version, &info, &err));
  CHECK(info.state == KMS_VERSION_STATE_ENABLED && info.destruction_at == 0);
  CHECK_OK(open_with(kms, &second));
}

static void states(void) {
  const kms_key_request_t request = key("k");
  const kms_schedule_request_t deletion = schedule("k", NULL, 7);
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  made_t made;
  CHECK_OK(generate("k", &made));
  CHECK_OK(kms_disable_key(kms, &request, &err));
  CHECK_STATUS(KMS_DISABLED, open_with(kms, &made));
  CHECK(described("k").state == KMS_KEY_STATE_DISABLED);
  CHECK_OK(kms_enable_key(kms, &request, &err));
  CHECK_STATUS(KMS_INVALID_STATE, kms_cancel_key_deletion(kms, &request, &err));
  CHECK_OK(kms_schedule_key_deletion(kms, &deletion, &info, &err));
  CHECK(info.state == KMS_KEY_STATE_PENDING_DELETION && is_now(info.deletion_at - 7 * DAY));
  CHECK_STATUS(KMS_INVALID_STATE, open_with(kms, &made));
  CHECK(err.detail == KMS_DETAIL_PENDING_DELETION);
  CHECK_STATUS(KMS_INVALID_STATE, kms_enable_key(kms, &request, &err));
  CHECK_OK(kms_cancel_key_deletion(kms, &request, &err));
  CHECK(described("k").state == KMS_KEY_STATE_DISABLED && described("k").deletion_at == 0);
  CHECK_OK(kms_enable_key(kms, &request, &err));
  CHECK_OK(open_with(kms, &made));
}

static void rotation_by_uses(void) {
  kms_rotation_request_t request = KMS_ROTATION_REQUEST_INIT;
  made_t made;
  uint32_t use;
  create("uses", KMS_ORIGIN_KMS);
  request.key_id = "uses";
  request.rotate_after_uses = 3;
  request.rotation_period_s = 1000000;
  CHECK_OK(kms_set_key_rotation(kms, &request, &err));
  CHECK(described("uses").rotate_after_uses == 3 && described("uses").next_rotation_at != 0);
  for (use = 0; use < 7; use++) {
    CHECK_OK(generate("uses", &made));
    CHECK(made.info.version_number == 1 + use / 3);
  }
  CHECK_OK(kms_flush(kms, &err));
  CHECK(described("uses").uses_sealed == 7 && described("uses").uses_opened == 0);
}

static void import(void) {
  const kms_key_request_t request = key("byok");
  kms_import_request_t bring = import_of("byok", 32);
  kms_version_info_t info = KMS_VERSION_INFO_INIT;
  uint8_t other[32] = {9};
  made_t made;
  create("byok", KMS_ORIGIN_EXTERNAL);
  CHECK_STATUS(KMS_INVALID_STATE, generate("byok", &made));
  CHECK(err.detail == KMS_DETAIL_PENDING_IMPORT);
  bring.expires_at = (int64_t)time(NULL) + 100 * DAY;
  bring.version_number = 5;
  CHECK_OK(kms_import_key_material(kms, &bring, &info, &err));
  CHECK(info.version_number == 5 && info.is_primary == 1);
  CHECK(described("byok").material_expires_at == bring.expires_at);
  CHECK(described("byok").origin == KMS_ORIGIN_EXTERNAL);
  CHECK_OK(generate("byok", &made));
  CHECK_STATUS(KMS_INVALID_KEY_USAGE, kms_rotate_key(kms, &request, NULL, &err));
  CHECK_OK(kms_delete_imported_key_material(kms, &request, &err));
  CHECK_STATUS(KMS_INVALID_STATE, open_with(kms, &made));
  bring.material.data = other;
  CHECK_STATUS(KMS_INCORRECT_KEY, kms_import_key_material(kms, &bring, NULL, &err));
  bring.material.data = material;
  bring.version_number = 4;
  CHECK_ARGUMENT("request.version_number", kms_import_key_material(kms, &bring, NULL, &err));
  bring.version_number = 0;
  bring.expires_at = 0;
  CHECK_OK(kms_import_key_material(kms, &bring, NULL, &err));
  CHECK_OK(open_with(kms, &made));
  bring.key_id = "k";
  CHECK_STATUS(KMS_INVALID_KEY_USAGE, kms_import_key_material(kms, &bring, NULL, &err));
}

static void re_encryption(void) {
  static const uint8_t aad[] = {'a', 'a', 'd'};
  kms_re_encrypt_request_t request = KMS_RE_ENCRYPT_REQUEST_INIT;
  kms_decrypt_request_t decrypt = KMS_DECRYPT_REQUEST_INIT;
  kms_data_key_info_t from = KMS_DATA_KEY_INFO_INIT, to = KMS_DATA_KEY_INFO_INIT;
  uint8_t moved[32 + KMS_CIPHERTEXT_OVERHEAD], iv[KMS_IV_SIZE], again[32];
  kms_buffer_t out = fresh_buffer(moved, sizeof moved);
  kms_buffer_t out_iv = fresh_buffer(iv, sizeof iv), plain = fresh_buffer(again, sizeof again);
  made_t made;
  CHECK_OK(generate("k", &made));
  request.ciphertext.data = made.wrapped;
  request.ciphertext.len = sizeof made.wrapped;
  request.destination_key_id = "uses";
  request.destination_aad.data = aad;
  request.destination_aad.len = sizeof aad;
  request.source_key_id = "byok";
  CHECK_STATUS(KMS_INCORRECT_KEY, kms_re_encrypt(kms, &request, &out, &out_iv, &from, &to, &err));
  CHECK(buffer_untouched(&out) && buffer_untouched(&out_iv));
  request.source_key_id = "k";
  CHECK_OK(kms_re_encrypt(kms, &request, &out, &out_iv, &from, &to, &err));
  CHECK(out.len == sizeof moved && strcmp(from.key_id, "k") == 0 && strcmp(to.key_id, "uses") == 0);
  decrypt.ciphertext.data = moved;
  decrypt.ciphertext.len = out.len;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, kms_decrypt(kms, &decrypt, &plain, NULL, &err));
  decrypt.aad = request.destination_aad;
  decrypt.iv.data = iv;
  decrypt.iv.len = sizeof iv;
  CHECK_OK(kms_decrypt(kms, &decrypt, &plain, NULL, &err));
  CHECK(memcmp(again, made.plain, sizeof again) == 0);
}

static void names_and_tags(void) {
  const kms_key_request_t request = key("k");
  const kms_tag_t tags[] = {{"team", "orders"}, {"env", "test"}};
  const kms_tag_t gone = {"env", NULL};
  kms_create_alias_request_t alias = KMS_CREATE_ALIAS_REQUEST_INIT;
  kms_alias_request_t no_alias = KMS_ALIAS_REQUEST_INIT;
  kms_tags_request_t set = KMS_TAGS_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT, page2 = KMS_PAGE_INIT;
  kms_tag_info_t items[2];
  uint8_t bytes[KMS_LIST_MIN_TEXT];
  kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
  made_t made;
  alias.alias = no_alias.alias = "alias/moving";
  alias.key_id = "k";
  CHECK_OK(kms_create_alias(kms, &alias, &err));
  alias.key_id = "uses";
  CHECK_OK(kms_update_alias(kms, &alias, &err));
  CHECK_OK(generate("alias/moving", &made));
  CHECK(strcmp(made.info.key_id, "uses") == 0);
  CHECK_OK(kms_delete_alias(kms, &no_alias, &err));
  CHECK_STATUS(KMS_NOT_FOUND, kms_delete_alias(kms, &no_alias, &err));

  set.key_id = "k";
  set.tags = tags;
  set.tags_len = 2;
  CHECK_OK(kms_tag_key(kms, &set, &err));
  CHECK_OK(kms_list_key_tags(kms, &request, &page, items, sizeof items[0], 2, &text, &err));
  CHECK(page.items_len == 2 && strcmp((char *)bytes + items[0].key.offset, "env") == 0);
  CHECK(items[1].value.len == 6 && strcmp((char *)bytes + items[1].value.offset, "orders") == 0);
  set.tags = &gone;
  set.tags_len = 1;
  CHECK_OK(kms_untag_key(kms, &set, &err));
  CHECK_OK(kms_list_key_tags(kms, &request, &page2, items, sizeof items[0], 2, &text, &err));
  CHECK(page2.items_len == 1);
}

static size_t damages(void) {
  const kms_verify_request_t request = KMS_VERIFY_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  kms_damage_info_t items[4];
  size_t found = 0;
  do {
    if (!CHECK_OK(kms_verify(kms, &request, &page, items, sizeof items[0], 4, NULL, &err)))
      return 1;
    found += page.items_len;
  } while (page.more);
  return found;
}

static kms_t *open_file(const char *file, const uint8_t *root_key, kms_status_t expected) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_t *opened = NULL;
  char store[600];
  snprintf(store, sizeof store, "sqlite:%.500s", file);
  options.store = store;
  options.root_key.data = root_key;
  options.root_key.len = KMS_ROOT_KEY_SIZE;
  options.flags = KMS_OPEN_CREATE;
  CHECK_STATUS(expected, kms_open(&options, &opened, &err));
  return opened;
}

static void care(const char *dir) {
  static const uint8_t new_root_key[KMS_ROOT_KEY_SIZE] = {42};
  kms_backup_request_t backup = KMS_BACKUP_REQUEST_INIT;
  kms_rekey_request_t rekey = KMS_REKEY_REQUEST_INIT;
  kms_t *copy;
  char file[600], place[600];
  made_t made;
  snprintf(file, sizeof file, "%.500s/life.db", dir);
  snprintf(place, sizeof place, "%.500s/backup.db", dir);
  kms = open_file(file, test_root_key, KMS_OK);
  create("k", KMS_ORIGIN_KMS);
  CHECK_OK(generate("k", &made));
  CHECK(damages() == 0);
  backup.path = place;
  CHECK_OK(kms_backup(kms, &backup, &err));
  CHECK_STATUS(KMS_ALREADY_EXISTS, kms_backup(kms, &backup, &err));
  rekey.root_key.data = new_root_key;
  rekey.root_key.len = sizeof new_root_key;
  rekey.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_rekey(kms, &rekey, &err));
  rekey.flags = 0;
  CHECK_OK(kms_rekey(kms, &rekey, &err));
  CHECK_OK(open_with(kms, &made));
  CHECK(damages() == 0);
  kms_close(kms);
  CHECK(open_file(file, test_root_key, KMS_WRONG_ROOT_KEY) == NULL);
  kms = open_file(file, new_root_key, KMS_OK);
  CHECK_OK(open_with(kms, &made));
  kms_close(kms);
  copy = open_file(place, test_root_key, KMS_OK);
  CHECK_OK(open_with(copy, &made));
  kms_close(copy);
}

static void bounds_of_days(void) {
  const uint32_t good[] = {0, 7, 30}, bad[] = {1, 6, 31, UINT32_MAX};
  const uint32_t bad_of_version[] = {31, UINT32_MAX};
  const kms_key_info_t info = described("k");
  const kms_key_request_t request = key("k");
  kms_version_info_t rotated = KMS_VERSION_INFO_INIT;
  kms_schedule_request_t days = schedule("k", NULL, 0);
  size_t i;
  CHECK_OK(kms_rotate_key(kms, &request, &rotated, &err));
  days.flags = KMS_DRY_RUN;
  for (i = 0; i < sizeof good / sizeof good[0]; i++) {
    days.waiting_days = good[i];
    CHECK_STATUS(KMS_DRY_RUN_OK, kms_schedule_key_deletion(kms, &days, NULL, &err));
  }
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    days.waiting_days = bad[i];
    CHECK_ARGUMENT("request.waiting_days", kms_schedule_key_deletion(kms, &days, NULL, &err));
  }
  days.version_id = info.primary_version_id;
  for (i = 0; i <= 30; i++) {
    days.waiting_days = (uint32_t)i;
    CHECK_STATUS(KMS_DRY_RUN_OK, kms_schedule_version_destruction(kms, &days, NULL, &err));
  }
  for (i = 0; i < sizeof bad_of_version / sizeof bad_of_version[0]; i++) {
    days.waiting_days = bad_of_version[i];
    CHECK_ARGUMENT("request.waiting_days",
                   kms_schedule_version_destruction(kms, &days, NULL, &err));
  }
}

static void bounds_of_imports(void) {
  const int64_t past[] = {-1, 1, INT64_MIN, (int64_t)time(NULL)};
  kms_import_request_t bring = import_of("bounds", 32);
  kms_create_key_request_t made = KMS_CREATE_KEY_REQUEST_INIT;
  size_t i;
  create("bounds", KMS_ORIGIN_EXTERNAL);
  bring.flags = KMS_DRY_RUN;
  for (i = 31; i <= 33; i++) {
    bring.material.len = i;
    if (i == 32)
      CHECK_STATUS(KMS_DRY_RUN_OK, kms_import_key_material(kms, &bring, NULL, &err));
    else
      CHECK_ARGUMENT("request.material", kms_import_key_material(kms, &bring, NULL, &err));
  }
  bring.material.len = 32;
  for (i = 0; i < sizeof past / sizeof past[0]; i++) {
    bring.expires_at = past[i];
    CHECK_ARGUMENT("request.expires_at", kms_import_key_material(kms, &bring, NULL, &err));
  }
  bring.expires_at = INT64_MAX;
  bring.version_number = UINT32_MAX;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_import_key_material(kms, &bring, NULL, &err));

  made.flags = KMS_DRY_RUN;
  made.key_uuid.data = material;
  for (i = 15; i <= 17; i++) {
    made.origin = KMS_ORIGIN_EXTERNAL;
    made.key_uuid.len = i;
    if (i == 16)
      CHECK_STATUS(KMS_DRY_RUN_OK, kms_create_key(kms, &made, NULL, &err));
    else
      CHECK_ARGUMENT("request.key_uuid", kms_create_key(kms, &made, NULL, &err));
    made.origin = KMS_ORIGIN_KMS;
    CHECK_ARGUMENT("request.key_uuid", kms_create_key(kms, &made, NULL, &err));
  }
  made.key_uuid.len = 0;
  made.origin = 2;
  CHECK_ARGUMENT("request.origin", kms_create_key(kms, &made, NULL, &err));
}

static void bounds_of_tags(void) {
  kms_tags_request_t set = KMS_TAGS_REQUEST_INIT;
  kms_tag_t tags[KMS_MAX_TAGS + 1];
  char keys[KMS_MAX_TAGS + 1][8];
  size_t i;
  for (i = 0; i <= KMS_MAX_TAGS; i++) {
    snprintf(keys[i], sizeof keys[i], "%d", (int)i);
    tags[i].key = keys[i];
    tags[i].value = "";
  }
  set.key_id = "uses";
  set.tags = tags;
  set.tags_len = 0;
  CHECK_OK(kms_tag_key(kms, &set, &err));
  set.tags_len = KMS_MAX_TAGS + 1;
  CHECK_ARGUMENT("request.tags_len", kms_tag_key(kms, &set, &err));
  CHECK_ARGUMENT("request.tags_len", kms_untag_key(kms, &set, &err));
  set.tags_len = SIZE_MAX;
  CHECK_ARGUMENT("request.tags_len", kms_tag_key(kms, &set, &err));
  set.tags_len = KMS_MAX_TAGS;
  CHECK_OK(kms_tag_key(kms, &set, &err));
  set.tags = tags + KMS_MAX_TAGS;
  set.tags_len = 1;
  CHECK_STATUS(KMS_LIMIT_EXCEEDED, kms_tag_key(kms, &set, &err));
  set.tags = tags;
  set.tags_len = KMS_MAX_TAGS;
  CHECK_OK(kms_untag_key(kms, &set, &err));
  set.tags = NULL;
  CHECK_ARGUMENT("request.tags", kms_tag_key(kms, &set, &err));
}

int main(int argc, char **argv) {
  if (argc < 2)
    return EXIT_FAILURE;
  kms = open_test_store();
  versions();
  states();
  rotation_by_uses();
  import();
  re_encryption();
  names_and_tags();
  bounds_of_days();
  bounds_of_imports();
  bounds_of_tags();
  CHECK(damages() == 0);
  kms_close(kms);
  care(argv[1]);
  return check_result();
}
