/* The calls of the C ABI with good arguments in all places but one: what structs.c and bounds.c
 * vary. A call that fails must have left its outputs alone. */
#ifndef CALLS_H
#define CALLS_H

#include "check.h"

/* Each takes the struct that the tests vary. */
typedef kms_status_t (*extensible_call_t)(void *extensible);

static kms_t *kms;
/* A data key of "key-1", wrapped, and its IV. */
static uint8_t blob[32 + KMS_CIPHERTEXT_OVERHEAD], blob_iv[KMS_IV_SIZE];

static inline kms_open_options_t good_options(void) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  options.store = "memory:";
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = KMS_OPEN_CREATE;
  return options;
}

static inline kms_create_alias_request_t good_alias(void) {
  kms_create_alias_request_t request = KMS_CREATE_ALIAS_REQUEST_INIT;
  request.alias = "alias/bounds";
  request.key_id = "key-1";
  request.flags = KMS_DRY_RUN;
  return request;
}

static inline kms_data_key_request_t good_generate(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  return request;
}

static inline kms_encrypt_request_t good_encrypt(void) {
  kms_encrypt_request_t request = KMS_ENCRYPT_REQUEST_INIT;
  request.key_id = "key-1";
  return request;
}

static inline kms_decrypt_request_t good_decrypt(void) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  request.ciphertext.data = blob;
  request.ciphertext.len = sizeof blob;
  return request;
}

static inline kms_status_t call_open(void *request) {
  kms_t *out = NULL;
  kms_status_t status = kms_open((const kms_open_options_t *)request, &out, &err);
  kms_close(out);
  return status;
}

static inline kms_status_t call_create_key(void *request) {
  return kms_create_key(kms, (const kms_create_key_request_t *)request, NULL, &err);
}

static inline kms_status_t call_create_key_info(void *info) {
  const kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  return kms_create_key(kms, &request, (kms_key_info_t *)info, &err);
}

static inline kms_status_t call_describe_key(void *request) {
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  return kms_describe_key(kms, (const kms_key_request_t *)request, &info, NULL, &err);
}

static inline kms_status_t call_describe_key_info(void *info) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  return kms_describe_key(kms, &request, (kms_key_info_t *)info, NULL, &err);
}

static inline kms_status_t call_list_keys(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  kms_key_info_t item;
  return kms_list_keys(kms, (const kms_list_keys_request_t *)request, &page, &item, sizeof item, 1,
                       NULL, &err);
}

static inline kms_status_t call_list_keys_page(void *page) {
  const kms_list_keys_request_t request = KMS_LIST_KEYS_REQUEST_INIT;
  kms_key_info_t item;
  return kms_list_keys(kms, &request, (kms_page_t *)page, &item, sizeof item, 1, NULL, &err);
}

static inline kms_status_t call_create_alias(void *request) {
  return kms_create_alias(kms, (const kms_create_alias_request_t *)request, &err);
}

static inline kms_status_t call_list_aliases(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  kms_alias_info_t item;
  return kms_list_aliases(kms, (const kms_list_aliases_request_t *)request, &page, &item,
                          sizeof item, 1, NULL, &err);
}

static inline kms_status_t call_list_aliases_page(void *page) {
  const kms_list_aliases_request_t request = KMS_LIST_ALIASES_REQUEST_INIT;
  kms_alias_info_t item;
  return kms_list_aliases(kms, &request, (kms_page_t *)page, &item, sizeof item, 1, NULL, &err);
}

static inline kms_status_t call_update_alias(void *request) {
  return kms_update_alias(kms, (const kms_create_alias_request_t *)request, &err);
}

static inline kms_status_t call_delete_alias(void *request) {
  return kms_delete_alias(kms, (const kms_alias_request_t *)request, &err);
}

static inline kms_status_t call_enable_key(void *request) {
  return kms_enable_key(kms, (const kms_key_request_t *)request, &err);
}

static inline kms_status_t call_disable_key(void *request) {
  return kms_disable_key(kms, (const kms_key_request_t *)request, &err);
}

static inline kms_status_t call_schedule_key_deletion(void *request) {
  return kms_schedule_key_deletion(kms, (const kms_schedule_request_t *)request, NULL, &err);
}

static inline kms_status_t call_cancel_key_deletion(void *request) {
  return kms_cancel_key_deletion(kms, (const kms_key_request_t *)request, &err);
}

static inline kms_status_t call_set_key_rotation(void *request) {
  return kms_set_key_rotation(kms, (const kms_rotation_request_t *)request, &err);
}

static inline kms_status_t call_update_key_description(void *request) {
  return kms_update_key_description(kms, (const kms_description_request_t *)request, &err);
}

static inline kms_status_t call_tag_key(void *request) {
  return kms_tag_key(kms, (const kms_tags_request_t *)request, &err);
}

static inline kms_status_t call_untag_key(void *request) {
  return kms_untag_key(kms, (const kms_tags_request_t *)request, &err);
}

static inline kms_status_t list_key_tags(const kms_key_request_t *request, kms_page_t *page) {
  static uint8_t text_bytes[KMS_LIST_MIN_TEXT];
  kms_buffer_t text = fresh_buffer(text_bytes, sizeof text_bytes);
  kms_tag_info_t item;
  return kms_list_key_tags(kms, request, page, &item, sizeof item, 1, &text, &err);
}

static inline kms_status_t call_list_key_tags(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  return list_key_tags((const kms_key_request_t *)request, &page);
}

static inline kms_status_t list_key_versions(const kms_key_request_t *request, kms_page_t *page) {
  kms_version_info_t item;
  return kms_list_key_versions(kms, request, page, &item, sizeof item, 1, NULL, &err);
}

static inline kms_status_t call_list_key_versions(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  return list_key_versions((const kms_key_request_t *)request, &page);
}

static inline kms_status_t call_rotate_key(void *request) {
  return kms_rotate_key(kms, (const kms_key_request_t *)request, NULL, &err);
}

static inline kms_status_t call_set_primary_version(void *request) {
  return kms_set_primary_version(kms, (const kms_key_request_t *)request, &err);
}

static inline kms_status_t call_describe_key_version(void *request) {
  kms_version_info_t info = KMS_VERSION_INFO_INIT;
  return kms_describe_key_version(kms, (const kms_key_request_t *)request, &info, &err);
}

static inline kms_status_t call_schedule_version_destruction(void *request) {
  return kms_schedule_version_destruction(kms, (const kms_schedule_request_t *)request, NULL, &err);
}

static inline kms_status_t call_cancel_version_destruction(void *request) {
  return kms_cancel_version_destruction(kms, (const kms_key_request_t *)request, &err);
}

static inline kms_status_t call_import(void *request) {
  return kms_import_key_material(kms, (const kms_import_request_t *)request, NULL, &err);
}

static inline kms_status_t call_delete_imported(void *request) {
  return kms_delete_imported_key_material(kms, (const kms_key_request_t *)request, &err);
}

static uint8_t exchanged[KMS_EXCHANGE_MIN_CAPACITY], exchanged_headers[KMS_EXCHANGE_MIN_HEADERS];

/* A data key of "key-1", asked for as AWS's SDKs do. */
static inline kms_exchange_request_t good_exchange(void) {
  static const char headers[] = "X-Amz-Target: TrentService.GenerateDataKey\r\n";
  static const char body[] = "{\"KeyId\":\"key-1\",\"NumberOfBytes\":7}";
  kms_exchange_request_t request = KMS_EXCHANGE_REQUEST_INIT;
  request.target = "/";
  request.headers.data = (const uint8_t *)headers;
  request.headers.len = sizeof headers - 1;
  request.body.data = (const uint8_t *)body;
  request.body.len = sizeof body - 1;
  return request;
}

static inline kms_exchange_response_t fresh_response(void) {
  kms_exchange_response_t response = KMS_EXCHANGE_RESPONSE_INIT;
  response.headers = fresh_buffer(exchanged_headers, sizeof exchanged_headers);
  response.body = fresh_buffer(exchanged, sizeof exchanged);
  return response;
}

static inline kms_status_t call_exchange(void *request) {
  kms_exchange_response_t response = fresh_response();
  kms_status_t status =
      kms_exchange(kms, KMS_DIALECT_AWS, (const kms_exchange_request_t *)request, &response, &err);
  if (status != KMS_OK)
    CHECK(buffer_untouched(&response.headers) && buffer_untouched(&response.body));
  return status;
}

static inline kms_status_t call_rekey(void *request) {
  return kms_rekey(kms, (const kms_rekey_request_t *)request, &err);
}

static inline kms_status_t call_backup(void *request) {
  return kms_backup(kms, (const kms_backup_request_t *)request, &err);
}

static inline kms_status_t verify(const kms_verify_request_t *request, kms_page_t *page) {
  kms_damage_info_t item;
  return kms_verify(kms, request, page, &item, sizeof item, 1, NULL, &err);
}

static inline kms_status_t call_verify(void *request) {
  kms_page_t page = KMS_PAGE_INIT;
  return verify((const kms_verify_request_t *)request, &page);
}

static uint8_t out_bytes[KMS_MAX_CIPHERTEXT_SIZE], out_plain[KMS_MAX_PAYLOAD_SIZE];
static uint8_t out_iv[KMS_IV_SIZE];

static inline kms_status_t generate(const kms_data_key_request_t *request,
                                    kms_data_key_info_t *info) {
  kms_buffer_t plain = fresh_buffer(out_plain, KMS_MAX_DATA_KEY_SIZE);
  kms_buffer_t wrapped = fresh_buffer(out_bytes, KMS_MAX_DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD);
  kms_buffer_t iv = fresh_buffer(out_iv, sizeof out_iv);
  kms_status_t status = kms_generate_data_key(kms, request, &plain, &wrapped, &iv, info, &err);
  if (status != KMS_OK)
    CHECK(buffer_untouched(&plain) && buffer_untouched(&wrapped) && buffer_untouched(&iv));
  return status;
}

static inline kms_status_t call_generate(void *request) {
  return generate((const kms_data_key_request_t *)request, NULL);
}

static inline kms_status_t call_generate_info(void *info) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  return generate(&request, (kms_data_key_info_t *)info);
}

static inline kms_status_t generate_many(const kms_data_key_request_t *request, size_t count,
                                         kms_data_key_info_t *info) {
  kms_column_t wrapped;
  memset(&wrapped, 0, sizeof wrapped);
  wrapped.data = out_bytes;
  wrapped.capacity = sizeof out_bytes;
  return kms_generate_data_keys(kms, request, count, NULL, &wrapped, NULL, info, &err);
}

static inline kms_status_t call_generate_many(void *request) {
  return generate_many((const kms_data_key_request_t *)request, 2, NULL);
}

static inline kms_status_t call_generate_many_info(void *info) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  return generate_many(&request, 2, (kms_data_key_info_t *)info);
}

static inline kms_status_t encrypt(const kms_encrypt_request_t *request,
                                   kms_data_key_info_t *info) {
  kms_buffer_t sealed = fresh_buffer(out_bytes, sizeof out_bytes);
  kms_status_t status = kms_encrypt(kms, request, &sealed, NULL, info, &err);
  if (status != KMS_OK)
    CHECK(buffer_untouched(&sealed));
  return status;
}

static inline kms_status_t call_encrypt(void *request) {
  return encrypt((const kms_encrypt_request_t *)request, NULL);
}

static inline kms_status_t call_encrypt_info(void *info) {
  kms_encrypt_request_t request = KMS_ENCRYPT_REQUEST_INIT;
  request.key_id = "key-1";
  return encrypt(&request, (kms_data_key_info_t *)info);
}

static inline kms_status_t decrypt(const kms_decrypt_request_t *request,
                                   kms_data_key_info_t *info) {
  kms_buffer_t plain = fresh_buffer(out_plain, sizeof out_plain);
  kms_status_t status = kms_decrypt(kms, request, &plain, info, &err);
  if (status != KMS_OK)
    CHECK(buffer_untouched(&plain));
  return status;
}

static inline kms_status_t call_decrypt(void *request) {
  return decrypt((const kms_decrypt_request_t *)request, NULL);
}

static inline kms_status_t call_decrypt_info(void *info) {
  const kms_decrypt_request_t request = good_decrypt();
  return decrypt(&request, (kms_data_key_info_t *)info);
}

static inline kms_re_encrypt_request_t good_re_encrypt(void) {
  kms_re_encrypt_request_t request = KMS_RE_ENCRYPT_REQUEST_INIT;
  request.ciphertext.data = blob;
  request.ciphertext.len = sizeof blob;
  request.destination_key_id = "key-2";
  return request;
}

static inline kms_status_t re_encrypt(const kms_re_encrypt_request_t *request,
                                      kms_data_key_info_t *source_info, kms_data_key_info_t *info) {
  kms_buffer_t sealed = fresh_buffer(out_bytes, sizeof out_bytes);
  kms_buffer_t iv = fresh_buffer(out_iv, sizeof out_iv);
  kms_status_t status = kms_re_encrypt(kms, request, &sealed, &iv, source_info, info, &err);
  if (status != KMS_OK)
    CHECK(buffer_untouched(&sealed) && buffer_untouched(&iv));
  return status;
}

static inline kms_status_t call_re_encrypt(void *request) {
  return re_encrypt((const kms_re_encrypt_request_t *)request, NULL, NULL);
}

static inline kms_status_t call_random(void *request) {
  kms_buffer_t random = fresh_buffer(out_plain, sizeof out_plain);
  kms_status_t status =
      kms_generate_random(kms, (const kms_random_request_t *)request, &random, &err);
  if (status != KMS_OK)
    CHECK(buffer_untouched(&random));
  return status;
}

static inline kms_status_t call_stats(void *request) {
  kms_stats_t stats = KMS_STATS_INIT;
  return kms_stats(kms, (const kms_stats_request_t *)request, &stats, &err);
}

static inline kms_status_t call_stats_info(void *stats) {
  const kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  return kms_stats(kms, &request, (kms_stats_t *)stats, &err);
}

/* The store of every call. The program ends if it cannot be opened. */
static inline void open_for_calls(void) {
  kms_buffer_t blob_buffer = fresh_buffer(blob, sizeof blob);
  kms_buffer_t iv_buffer = fresh_buffer(blob_iv, sizeof blob_iv);
  const kms_data_key_request_t request = good_generate();
  kms = open_test_store();
  CHECK_OK(kms_generate_data_key(kms, &request, NULL, &blob_buffer, &iv_buffer, NULL, &err));
}

#endif
