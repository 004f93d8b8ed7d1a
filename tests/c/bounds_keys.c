/* Every integer and every length at its bounds and past them, as in bounds.c, of the functions for
 * the life of keys: waiting periods, tags, descriptions, imported material, versions,
 * re-encryption, lists. */
#include "guarded.h"

#include <time.h>

#include "calls.h"

static uint8_t material[33] = {1, 2, 3};

static void create_key(const char *key_id, uint32_t origin) {
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  request.key_id = key_id;
  request.origin = origin;
  CHECK_OK(call_create_key(&request));
}

static kms_key_request_t on_key(const char *key_id, const char *version_id) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = key_id;
  request.version_id = version_id;
  return request;
}

static kms_version_info_t version_of(const char *key_id) {
  const kms_key_request_t request = on_key(key_id, NULL);
  kms_version_info_t info = KMS_VERSION_INFO_INIT;
  CHECK_OK(kms_describe_key_version(kms, &request, &info, &err));
  return info;
}

/* --- versions and waiting periods
 * ----------------------------------------------------------------------------- */

/* An operation on a whole key takes no version, one on a version takes one that is there. */
static void version_ids(void) {
  const extensible_call_t of_keys[] = {
      call_enable_key,      call_disable_key,   call_rotate_key,        call_cancel_key_deletion,
      call_delete_imported, call_list_key_tags, call_list_key_versions, call_describe_key};
  const extensible_call_t of_versions[] = {
      call_set_primary_version, call_cancel_version_destruction, call_describe_key_version};
  kms_key_request_t request = on_key("key-1", "x");
  kms_schedule_request_t schedule = KMS_SCHEDULE_REQUEST_INIT;
  size_t i;
  for (i = 0; i < sizeof of_keys / sizeof of_keys[0]; i++)
    CHECK_ARGUMENT("request.version_id", of_keys[i](&request));
  for (i = 0; i < sizeof of_versions / sizeof of_versions[0]; i++) {
    request.version_id = "x";
    CHECK_STATUS(KMS_NOT_FOUND, of_versions[i](&request));
    CHECK(err.detail == KMS_DETAIL_VERSION);
    request.version_id = "";
    CHECK_STATUS(KMS_NOT_FOUND, of_versions[i](&request));
    request.version_id = "\xff";
    CHECK_ARGUMENT("request.version_id", of_versions[i](&request));
  }
  schedule.key_id = "key-1";
  schedule.version_id = "x";
  CHECK_ARGUMENT("request.version_id", call_schedule_key_deletion(&schedule));
  CHECK_STATUS(KMS_NOT_FOUND, call_schedule_version_destruction(&schedule));
}

static void waiting_days(void) {
  static const uint32_t refused_for_keys[] = {1, 6, 31, 0x80000000u, UINT32_MAX};
  static const uint32_t refused_for_versions[] = {31, 0x80000000u, UINT32_MAX};
  static const uint32_t good[] = {0, 7, 30, 1}; /* 0 stands for 30; the last is for versions only */
  const kms_key_request_t key = on_key("waiting", NULL);
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  kms_version_info_t version;
  kms_key_request_t on_version;
  size_t i;
  create_key("waiting", KMS_ORIGIN_KMS);
  version = version_of("waiting");
  on_version = on_key("waiting", version.version_id);
  request.key_id = "waiting";
  for (i = 0; i < sizeof refused_for_keys / sizeof refused_for_keys[0]; i++) {
    request.waiting_days = refused_for_keys[i];
    CHECK_ARGUMENT("request.waiting_days", call_schedule_key_deletion(&request));
  }
  for (i = 0; i < 3; i++) {
    const long long now = (long long)time(NULL), days = good[i] == 0 ? 30 : good[i];
    kms_key_info_t info = KMS_KEY_INFO_INIT;
    request.waiting_days = good[i];
    CHECK_OK(kms_schedule_key_deletion(kms, &request, &info, &err));
    CHECK(info.state == KMS_KEY_STATE_PENDING_DELETION);
    CHECK(info.deletion_at >= now + days * 86400 &&
          info.deletion_at <= (long long)time(NULL) + 1 + days * 86400);
    CHECK_OK(kms_cancel_key_deletion(kms, &key, &err));
  }
  CHECK_OK(kms_enable_key(kms, &key, &err));
  CHECK_OK(kms_rotate_key(kms, &key, NULL, &err)); /* so that the first version is free to go */
  request.version_id = version.version_id;
  for (i = 0; i < sizeof refused_for_versions / sizeof refused_for_versions[0]; i++) {
    request.waiting_days = refused_for_versions[i];
    CHECK_ARGUMENT("request.waiting_days", call_schedule_version_destruction(&request));
  }
  for (i = 0; i < 4; i++) {
    const long long now = (long long)time(NULL), days = good[i] == 0 ? 30 : good[i];
    kms_version_info_t info = KMS_VERSION_INFO_INIT;
    request.waiting_days = good[i];
    CHECK_OK(kms_schedule_version_destruction(kms, &request, &info, &err));
    CHECK(info.state == KMS_VERSION_STATE_PENDING_DESTRUCTION && info.is_primary == 0);
    CHECK(info.destruction_at >= now + days * 86400 &&
          info.destruction_at <= (long long)time(NULL) + 1 + days * 86400);
    CHECK_OK(kms_cancel_version_destruction(kms, &on_version, &err));
  }
}

/* A refusal is a refusal: the primary version, refused for destruction, works on. */
static void the_primary_version_stays(void) {
  const kms_version_info_t primary = version_of("key-1");
  const kms_data_key_request_t generate_request = good_generate();
  kms_schedule_request_t request = KMS_SCHEDULE_REQUEST_INIT;
  request.key_id = "key-1";
  request.version_id = primary.version_id;
  CHECK_STATUS(KMS_INVALID_STATE, call_schedule_version_destruction(&request));
  CHECK(version_of("key-1").state == KMS_VERSION_STATE_ENABLED);
  CHECK_OK(generate(&generate_request, NULL));
}

static void rotation_limits(void) {
  const kms_key_request_t describe = on_key("rotating", NULL);
  kms_rotation_request_t request = KMS_ROTATION_REQUEST_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  create_key("rotating", KMS_ORIGIN_KMS);
  request.key_id = "rotating";
  request.rotation_period_s = UINT32_MAX;
  request.rotate_after_uses = UINT64_MAX;
  CHECK_OK(call_set_key_rotation(&request));
  CHECK_OK(kms_describe_key(kms, &describe, &info, NULL, &err));
  CHECK(info.rotation_period_s == UINT32_MAX && info.rotate_after_uses == UINT64_MAX);
  CHECK(info.next_rotation_at >= info.created_at + (long long)UINT32_MAX);
  request.rotation_period_s = 0;
  request.rotate_after_uses = 0;
  CHECK_OK(call_set_key_rotation(&request));
  CHECK_OK(kms_describe_key(kms, &describe, &info, NULL, &err));
  CHECK(info.rotation_period_s == 0 && info.rotate_after_uses == 0 && info.next_rotation_at == 0);
}

/* --- descriptions, tags, aliases
 * ------------------------------------------------------------------------------ */

static void description_bounds(void) {
  static char text[KMS_MAX_DESCRIPTION_SIZE + 2];
  kms_description_request_t request = KMS_DESCRIPTION_REQUEST_INIT;
  const kms_key_request_t describe = on_key("key-1", NULL);
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  kms_buffer_t buffer = fresh_buffer(out_bytes, sizeof out_bytes);
  memset(text, 'd', KMS_MAX_DESCRIPTION_SIZE + 1);
  request.key_id = "key-1";
  request.description = text;
  CHECK_ARGUMENT("request.description", call_update_key_description(&request));
  request.description = "half a character: \xc3";
  CHECK_ARGUMENT("request.description", call_update_key_description(&request));
  request.description = text + 1;
  CHECK_OK(call_update_key_description(&request));
  CHECK_OK(kms_describe_key(kms, &describe, &info, &buffer, &err));
  CHECK(info.description.len == KMS_MAX_DESCRIPTION_SIZE);
  CHECK(strcmp((char *)out_bytes + info.description.offset, text + 1) == 0);
  request.description = NULL;
  CHECK_OK(call_update_key_description(&request));
  CHECK_OK(kms_describe_key(kms, &describe, &info, &buffer, &err));
  CHECK(info.description.len == 0);
  request.key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, call_update_key_description(&request));
}

/* `count` times a character of two bytes, in `text`. */
static char *repeated(char *text, size_t count) {
  size_t i;
  for (i = 0; i < count; i++)
    memcpy(text + 2 * i, "\xc3\xa9", 2);
  text[2 * count] = 0;
  return text;
}

static void tag_bounds(void) {
  static char long_key[2 * KMS_MAX_TAG_KEY + 3], long_value[2 * KMS_MAX_TAG_VALUE + 3];
  static char names[KMS_MAX_TAGS + 1][8];
  kms_tag_t tag, twice[2], many[KMS_MAX_TAGS + 1];
  kms_tags_request_t request = KMS_TAGS_REQUEST_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  size_t i;
  create_key("tagged", KMS_ORIGIN_KMS);
  request.key_id = "tagged";
  request.tags = create.tags = &tag;
  request.tags_len = create.tags_len = 1;
#define TAG_REFUSED(k, v)                                                                          \
  (tag.key = (k), tag.value = (v), CHECK_ARGUMENT("request.tags", call_tag_key(&request)),         \
   CHECK_ARGUMENT("request.tags", call_create_key(&create)))
#define TAG_WORKS(k, v) (tag.key = (k), tag.value = (v), CHECK_OK(call_tag_key(&request)))
  TAG_REFUSED("", "x");
  TAG_REFUSED("\xff", "x");
  TAG_REFUSED("x", "\xff");
  TAG_REFUSED(repeated(long_key, KMS_MAX_TAG_KEY + 1), "x"); /* counted in characters */
  TAG_REFUSED("x", repeated(long_value, KMS_MAX_TAG_VALUE + 1));
  TAG_WORKS(repeated(long_key, KMS_MAX_TAG_KEY), repeated(long_value, KMS_MAX_TAG_VALUE));
  TAG_WORKS("x", "");
  TAG_WORKS("x", "again");
  twice[0].key = twice[1].key = "same";
  twice[0].value = "1";
  twice[1].value = "2";
  request.tags = twice;
  request.tags_len = 2;
  CHECK_ARGUMENT("request.tags", call_tag_key(&request));

  for (i = 0; i <= KMS_MAX_TAGS; i++) {
    snprintf(names[i], sizeof names[i], "tag-%u", (unsigned)i);
    many[i].key = names[i];
    many[i].value = "v";
  }
  request.tags = many;
  request.tags_len = KMS_MAX_TAGS + 1;
  CHECK_ARGUMENT("request.tags_len", call_tag_key(&request));
  CHECK_ARGUMENT("request.tags_len", call_untag_key(&request));
  request.tags_len = KMS_MAX_TAGS; /* with the two that are there it is too many, and none is set */
  CHECK_STATUS(KMS_LIMIT_EXCEEDED, call_tag_key(&request));
  twice[0].key = long_key;
  twice[1].key = "x";
  request.tags = twice;
  request.tags_len = 2;
  CHECK_OK(call_untag_key(&request));
  CHECK_OK(call_untag_key(&request)); /* they are gone, and that is no error */
  request.tags = many;
  request.tags_len = KMS_MAX_TAGS;
  CHECK_OK(call_tag_key(&request));
  request.tags = many + KMS_MAX_TAGS;
  request.tags_len = 1;
  CHECK_STATUS(KMS_LIMIT_EXCEEDED, call_tag_key(&request));
  request.tags = many;
  CHECK_OK(call_tag_key(&request)); /* one that is there is no further one */
}

static void alias_bounds(void) {
  static const char *const bad[] = {"", "alias/", "x", "alias/a b", "alias/\xff"};
  kms_create_alias_request_t update = KMS_CREATE_ALIAS_REQUEST_INIT;
  kms_alias_request_t request = KMS_ALIAS_REQUEST_INIT;
  size_t i;
  update.key_id = "key-2";
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    update.alias = request.alias = bad[i];
    CHECK_ARGUMENT("request.alias", call_update_alias(&update));
    CHECK_ARGUMENT("request.alias", call_delete_alias(&request));
  }
  update.alias = request.alias = "alias/not-there";
  CHECK_STATUS(KMS_NOT_FOUND, call_update_alias(&update));
  CHECK(err.detail == KMS_DETAIL_ALIAS);
  CHECK_STATUS(KMS_NOT_FOUND, call_delete_alias(&request));
  CHECK(err.detail == KMS_DETAIL_ALIAS);
  update.alias = "alias/one";
  update.key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, call_update_alias(&update));
  CHECK(err.detail == KMS_DETAIL_KEY);
  update.key_id = "alias/one";
  CHECK_ARGUMENT("request.key_id", call_update_alias(&update));
}

/* --- imported material
 * ---------------------------------------------------------------------------------------- */

static void create_imported_bounds(void) {
  static const size_t bad_lengths[] = {1, 15, 17, SIZE_MAX};
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  size_t i;
  create.origin = KMS_ORIGIN_EXTERNAL;
  create.key_uuid.data = material;
  for (i = 0; i < sizeof bad_lengths / sizeof bad_lengths[0]; i++) {
    create.key_uuid.len = bad_lengths[i];
    CHECK_ARGUMENT("request.key_uuid", call_create_key(&create));
  }
  create.key_uuid.len = 16;
  CHECK_OK(call_create_key(&create));
  CHECK_STATUS(KMS_ALREADY_EXISTS, call_create_key(&create)); /* the UUID is taken */
  create.origin = KMS_ORIGIN_KMS;
  CHECK_ARGUMENT("request.key_uuid", call_create_key(&create));
  create.key_uuid.len = 0;
  create.origin = KMS_ORIGIN_EXTERNAL;
  create.rotation_period_s = 1; /* there is nothing to rotate to */
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_create_key(&create));
  create.rotation_period_s = 0;
  create.rotate_after_uses = 1;
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_create_key(&create));
}

static void import_bounds(void) {
  static const size_t bad_lengths[] = {0, 1, 16, 31, 33, SIZE_MAX};
  static const int64_t past[] = {-1, 1, INT64_MIN};
  const kms_data_key_request_t first = good_generate();
  kms_data_key_request_t generate_request = KMS_DATA_KEY_REQUEST_INIT;
  kms_import_request_t request = KMS_IMPORT_REQUEST_INIT;
  kms_version_info_t info = KMS_VERSION_INFO_INIT;
  size_t i;
  create_key("imported", KMS_ORIGIN_EXTERNAL);
  generate_request.key_id = "imported";
  CHECK_STATUS(KMS_INVALID_STATE, generate(&generate_request, NULL));
  CHECK(err.detail == KMS_DETAIL_PENDING_IMPORT);
  request.key_id = "imported";
  request.material.data = material;
  for (i = 0; i < sizeof bad_lengths / sizeof bad_lengths[0]; i++) {
    request.material.len = bad_lengths[i];
    CHECK_ARGUMENT("request.material", call_import(&request));
  }
  request.material.len = 32;
  for (i = 0; i < sizeof past / sizeof past[0]; i++) {
    request.expires_at = past[i];
    CHECK_ARGUMENT("request.expires_at", call_import(&request));
  }
  request.expires_at = INT64_MAX;
  request.version_number = UINT32_MAX;
  CHECK_OK(kms_import_key_material(kms, &request, &info, &err));
  CHECK(info.version_number == UINT32_MAX && info.is_primary == 1);
  CHECK_OK(generate(&generate_request, NULL));
  CHECK(memcmp(out_bytes + 20, "\xff\xff\xff\xff", 4) == 0);
  request.version_number = 1; /* it is another by now */
  CHECK_ARGUMENT("request.version_number", call_import(&request));
  request.version_number = 0;
  request.expires_at = 0;
  CHECK_OK(call_import(&request));
  material[31] ^= 1;
  CHECK_STATUS(KMS_INCORRECT_KEY, call_import(&request));
  material[31] ^= 1;
  request.key_id = "key-1";
  CHECK_STATUS(KMS_INVALID_KEY_USAGE, call_import(&request));
  CHECK_OK(generate(&first, NULL));
}

/* --- re-encryption
 * -------------------------------------------------------------------------------------------- */

/* Each side's AAD and context have the bounds that those of kms_encrypt have. */
static void re_encrypt_bounds(void) {
  static uint8_t aad[KMS_MAX_AAD_SIZE + 1];
  static const kms_context_entry_t twice[] = {{"a", "1"}, {"a", "2"}}, bad[] = {{"", "1"}};
  static const uint8_t wrong_iv[KMS_IV_SIZE] = {0};
  kms_re_encrypt_request_t request = good_re_encrypt();
  kms_bytes_t *const sides[] = {&request.source_aad, &request.destination_aad};
  const kms_context_entry_t **const contexts[] = {&request.source_context,
                                                  &request.destination_context};
  size_t *const lengths[] = {&request.source_context_len, &request.destination_context_len};
  size_t i;
  CHECK_OK(call_re_encrypt(&request));
  for (i = 0; i < 2; i++) {
    sides[i]->data = aad;
    sides[i]->len = sizeof aad;
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call_re_encrypt(&request));
    sides[i]->len = SIZE_MAX;
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call_re_encrypt(&request));
    sides[i]->len = 1; /* with a context, it is both */
    *contexts[i] = twice;
    *lengths[i] = 1;
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call_re_encrypt(&request));
    sides[i]->len = 0;
    *lengths[i] = 2;
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call_re_encrypt(&request));
    *lengths[i] = SIZE_MAX;
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call_re_encrypt(&request));
    *contexts[i] = bad;
    *lengths[i] = 1;
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call_re_encrypt(&request));
    *lengths[i] = 0;
  }
  request.source_aad.len = 1; /* allowed, though not what was encrypted */
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_re_encrypt(&request));
  request.source_aad.len = 0;
  request.destination_aad.len = KMS_MAX_AAD_SIZE;
  CHECK_OK(call_re_encrypt(&request));
  request.destination_aad.len = 0;

  request.source_iv.data = wrong_iv;
  request.source_iv.len = sizeof wrong_iv;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_re_encrypt(&request));
  request.source_iv.len = 0;
  request.source_key_id = "key-2";
  CHECK_STATUS(KMS_INCORRECT_KEY, call_re_encrypt(&request));
  request.source_key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, call_re_encrypt(&request));
  request.source_key_id = NULL;
  request.destination_key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, call_re_encrypt(&request));
  request.destination_key_id = "key-2";
  request.destination_version_id = "x";
  CHECK_STATUS(KMS_NOT_FOUND, call_re_encrypt(&request));
  request.flags = KMS_INITIAL_VERSION; /* and a version by its id */
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_re_encrypt(&request));
  request.destination_version_id = NULL;
  CHECK_OK(call_re_encrypt(&request));
  request.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, call_re_encrypt(&request));
  request.ciphertext.len--;
  CHECK_STATUS(KMS_INVALID_CIPHERTEXT, call_re_encrypt(&request));
}

/* What comes out is as long as what goes in; each output one byte too small, and on top of an
 * input. */
static void re_encrypt_buffers(void) {
  const kms_re_encrypt_request_t request = good_re_encrypt();
  guarded_t sealed_memory = guarded_alloc(sizeof blob), iv_memory = guarded_alloc(KMS_IV_SIZE);
  size_t missing;
  for (missing = 0; missing <= 3; missing++) {
    kms_buffer_t sealed = fresh_buffer(sealed_memory.data, sizeof blob - (missing & 1));
    kms_buffer_t iv = fresh_buffer(iv_memory.data, KMS_IV_SIZE - (missing >> 1));
    if (missing == 0) {
      CHECK_OK(kms_re_encrypt(kms, &request, &sealed, &iv, NULL, NULL, &err));
      CHECK(memcmp(sealed_memory.data + 68, iv_memory.data, KMS_IV_SIZE) == 0);
    } else {
      CHECK_STATUS(KMS_BUFFER_TOO_SMALL,
                   kms_re_encrypt(kms, &request, &sealed, &iv, NULL, NULL, &err));
      CHECK(untouched(sealed.data, sealed.capacity) && untouched(iv.data, iv.capacity));
    }
    CHECK(sealed.len == sizeof blob && iv.len == KMS_IV_SIZE);
  }
  {
    uint8_t before[sizeof blob];
    kms_buffer_t in_place;
    memcpy(before, blob, sizeof blob);
    in_place.data = blob;
    in_place.capacity = sizeof blob;
    in_place.len = 0;
    CHECK_STATUS(KMS_INVALID_ARGUMENT,
                 kms_re_encrypt(kms, &request, &in_place, NULL, NULL, NULL, &err));
    CHECK(memcmp(blob, before, sizeof blob) == 0);
  }
  guarded_free(&sealed_memory);
  guarded_free(&iv_memory);
}

/* --- lists
 * ----------------------------------------------------------------------------------------------------
 */

static void list_bounds(void) {
  static const size_t bad_sizes[] = {0, 1, sizeof(size_t), 4097, SIZE_MAX};
  const kms_key_request_t request = on_key("key-2", NULL);
  const kms_verify_request_t verify_request = KMS_VERIFY_REQUEST_INIT;
  const kms_page_t first = KMS_PAGE_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  guarded_t wide = guarded_alloc(2 * 4096);
  kms_version_info_t *versions = (kms_version_info_t *)wide.data;
  kms_tag_info_t *tags = (kms_tag_info_t *)wide.data;
  kms_damage_info_t *damages = (kms_damage_info_t *)wide.data;
  kms_buffer_t text = fresh_buffer(out_bytes, sizeof out_bytes);
  size_t i, size;
  CHECK_OK(kms_rotate_key(kms, &request, NULL, &err)); /* two versions, at least */
  memset(wide.data, UNTOUCHED, 2 * 4096);
  for (i = 0; i < sizeof bad_sizes / sizeof bad_sizes[0]; i++) {
    size = bad_sizes[i];
    CHECK_ARGUMENT("item_size",
                   kms_list_key_versions(kms, &request, &page, versions, size, 1, NULL, &err));
    CHECK_ARGUMENT("item_size",
                   kms_list_key_tags(kms, &request, &page, tags, size, 1, &text, &err));
    CHECK_ARGUMENT("item_size",
                   kms_verify(kms, &verify_request, &page, damages, size, 1, &text, &err));
  }
  size = sizeof(kms_version_info_t) - 1;
  CHECK_ARGUMENT("item_size",
                 kms_list_key_versions(kms, &request, &page, versions, size, 1, NULL, &err));
  size = sizeof(kms_tag_info_t) - 1;
  CHECK_ARGUMENT("item_size", kms_list_key_tags(kms, &request, &page, tags, size, 1, &text, &err));
  size = sizeof(kms_damage_info_t) - 1;
  CHECK_ARGUMENT("item_size",
                 kms_verify(kms, &verify_request, &page, damages, size, 1, &text, &err));
  CHECK(untouched(wide.data, 2 * 4096) && memcmp(&page, &first, sizeof page) == 0);

  /* Items of a later release, and more room than there can be. */
  for (size = sizeof(kms_version_info_t); size <= 4096; size += 4096 - sizeof(kms_version_info_t)) {
    page = first;
    memset(wide.data, UNTOUCHED, 2 * 4096);
    CHECK_OK(kms_list_key_versions(kms, &request, &page, versions, size, 2, NULL, &err));
    for (i = 0; i < page.items_len; i++) {
      kms_version_info_t version;
      memcpy(&version, wide.data + i * size, sizeof version);
      CHECK(version.struct_size == size && version.version_number == i + 1);
      CHECK(version.is_primary == (i + 1 == page.items_len && !page.more ? 1u : 0u));
      CHECK(all_bytes(wide.data + i * size + sizeof version, size - sizeof version, 0));
    }
    CHECK(untouched(wide.data + page.items_len * size, (2 - page.items_len) * size));
  }
  page = first;
  memset(page.marker, 'x', sizeof page.marker);
  CHECK_ARGUMENT("page.marker", list_key_versions(&request, &page));
  CHECK_ARGUMENT("page.marker", list_key_tags(&request, &page));
  CHECK_ARGUMENT("page.marker", verify(&verify_request, &page));
  page.marker[1] = 0;
  CHECK_ARGUMENT("page.marker", list_key_versions(&request, &page));
  CHECK_ARGUMENT("page.marker", verify(&verify_request, &page));
  guarded_free(&wide);
}

/* Tags one at a time, each with text of exact size; then one byte less. */
static void text_of_tags(void) {
  const kms_key_request_t request = on_key("labelled", NULL);
  static const kms_tag_t tags[] = {{"b", "two"}, {"a", "one"}, {"c", ""}};
  kms_tags_request_t tag = KMS_TAGS_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  guarded_t memory = guarded_alloc(6); /* "a", "one" and their NULs */
  kms_buffer_t text;
  kms_tag_info_t items[4];
  char found[8] = "";
  create_key("labelled", KMS_ORIGIN_KMS);
  tag.key_id = "labelled";
  tag.tags = tags;
  tag.tags_len = 3;
  CHECK_OK(call_tag_key(&tag));
  text = fresh_buffer(memory.data + 1, 5);
  memset(items, UNTOUCHED, sizeof items);
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL,
               kms_list_key_tags(kms, &request, &page, items, sizeof items[0], 4, &text, &err));
  CHECK(text.len == 6 && untouched(memory.data + 1, 5) && untouched(items, sizeof items));
  do {
    text = fresh_buffer(memory.data, 6);
    if (!CHECK_OK(
            kms_list_key_tags(kms, &request, &page, items, sizeof items[0], 4, &text, &err)) ||
        !CHECK(page.items_len == 1))
      break;
    strncat(found, (char *)memory.data + items[0].key.offset, 1);
    CHECK(items[0].struct_size == sizeof items[0] && items[0].key.len == 1);
    if (found[0] != 0 && found[1] == 0)
      CHECK(items[0].value.len == 3 &&
            strcmp((char *)memory.data + items[0].value.offset, "one") == 0);
  } while (page.more && strlen(found) < 4);
  CHECK(strcmp(found, "abc") == 0); /* in the order of their keys */
  guarded_free(&memory);
}

/* --- care
 * -----------------------------------------------------------------------------------------------------
 */

static void rekey_and_backup_bounds(void) {
  static const size_t bad_lengths[] = {1, 31, 33, SIZE_MAX};
  const kms_data_key_request_t generate_request = good_generate();
  kms_rekey_request_t request = KMS_REKEY_REQUEST_INIT;
  kms_backup_request_t backup = KMS_BACKUP_REQUEST_INIT;
  size_t i;
  request.root_key.data = material;
  for (i = 0; i < sizeof bad_lengths / sizeof bad_lengths[0]; i++) {
    request.root_key.len = bad_lengths[i];
    CHECK_STATUS(KMS_INVALID_ARGUMENT, call_rekey(&request));
  }
  request.root_key.len = 32;
  request.root_key_uri = "env:HOME"; /* a second source */
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_rekey(&request));
  request.root_key.len = 0;
  request.root_key_uri = "http://x";
  CHECK_STATUS(KMS_INVALID_ARGUMENT, call_rekey(&request));
  backup.path = "";
  CHECK_ARGUMENT("request.path", call_backup(&backup));
  backup.path = "\xff";
  CHECK_ARGUMENT("request.path", call_backup(&backup));
  CHECK_OK(generate(&generate_request, NULL));
}

int main(void) {
  open_for_calls();
  version_ids();
  waiting_days();
  the_primary_version_stays();
  rotation_limits();
  description_bounds();
  tag_bounds();
  alias_bounds();
  create_imported_bounds();
  import_bounds();
  re_encrypt_bounds();
  re_encrypt_buffers();
  list_bounds();
  text_of_tags();
  rekey_and_backup_bounds();
  kms_close(kms);
  return check_result();
}
