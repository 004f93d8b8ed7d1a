/* Output buffers: each one byte too small, in turn and together, with every length told and nothing
 * else done; outputs that overlap; outputs after each kind of failure; columns with strides, whose
 * gaps stay as they were. Buffers of exact size end at an inaccessible page. */
#include "guarded.h"

#include "check.h"

#define DATA_KEY_SIZE 32
#define WRAPPED_SIZE (DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD)

static kms_t *kms;

static kms_data_key_request_t data_key_request(void) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  return request;
}

static kms_stats_t stats_now(void) {
  const kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  kms_stats_t stats = KMS_STATS_INIT;
  CHECK_OK(kms_stats(kms, &request, &stats, &err));
  return stats;
}

/* `count` outputs of exact size, of which those in `mask` are `less` bytes too small. Each has
 * memory of its own that ends at an inaccessible page. */
typedef struct outputs {
  guarded_t memory[3];
  kms_buffer_t buffer[3];
  size_t need[3], count;
} outputs_t;

static outputs_t make_outputs(const size_t *need, size_t count, unsigned mask, size_t less) {
  outputs_t outputs;
  size_t i;
  memset(&outputs, 0, sizeof outputs);
  outputs.count = count;
  for (i = 0; i < count; i++) {
    size_t capacity = need[i];
    if (mask >> i & 1)
      capacity -= less < capacity ? less : capacity;
    outputs.need[i] = need[i];
    outputs.memory[i] = guarded_alloc(capacity);
    outputs.buffer[i] = fresh_buffer(outputs.memory[i].data, capacity);
  }
  return outputs;
}

static void free_outputs(outputs_t *outputs) {
  size_t i;
  for (i = 0; i < outputs->count; i++)
    guarded_free(&outputs->memory[i]);
}

typedef kms_status_t (*outputs_call_t)(kms_buffer_t *const *buffers);

/* Every combination of buffers that are one byte too small, or empty, or a size query. */
static void too_small(const size_t *need, size_t count, outputs_call_t call) {
  static const size_t shortages[] = {1, SIZE_MAX};
  unsigned mask;
  size_t i, s;
  int query;
  for (s = 0; s < 2; s++)
    for (query = 0; query < 2; query++)
      for (mask = 0; mask < 1u << count; mask++) {
        outputs_t outputs = make_outputs(need, count, mask, shortages[s]);
        kms_stats_t before = stats_now(), after;
        kms_buffer_t *buffers[3];
        for (i = 0; i < 3; i++) {
          buffers[i] = &outputs.buffer[i];
          if (query && mask >> i & 1 && outputs.buffer[i].capacity == 0)
            outputs.buffer[i].data = NULL;
        }
        if (mask == 0) {
          CHECK_OK(call(buffers));
          for (i = 0; i < count; i++)
            CHECK(outputs.buffer[i].len == need[i] &&
                  !untouched(outputs.buffer[i].data, outputs.buffer[i].capacity));
        } else {
          CHECK_STATUS(KMS_BUFFER_TOO_SMALL, call(buffers));
          for (i = 0; i < count; i++)
            CHECK(outputs.buffer[i].len == need[i] &&
                  untouched(outputs.buffer[i].data, outputs.buffer[i].capacity));
          after = stats_now();
          CHECK(after.data_keys_generated == before.data_keys_generated &&
                after.payloads_encrypted == before.payloads_encrypted &&
                after.ciphertexts_decrypted == before.ciphertexts_decrypted);
        }
        free_outputs(&outputs);
      }
}

static kms_status_t call_generate(kms_buffer_t *const *buffers) {
  const kms_data_key_request_t request = data_key_request();
  return kms_generate_data_key(kms, &request, buffers[0], buffers[1], buffers[2], NULL, &err);
}

static kms_status_t call_generate_without_plaintext(kms_buffer_t *const *buffers) {
  const kms_data_key_request_t request = data_key_request();
  return kms_generate_data_key(kms, &request, NULL, buffers[0], buffers[1], NULL, &err);
}

static kms_status_t call_generate_without_iv(kms_buffer_t *const *buffers) {
  const kms_data_key_request_t request = data_key_request();
  return kms_generate_data_key(kms, &request, buffers[0], buffers[1], NULL, NULL, &err);
}

static const uint8_t payload[100] = {1, 2, 3};

static kms_status_t call_encrypt(kms_buffer_t *const *buffers) {
  kms_encrypt_request_t request = KMS_ENCRYPT_REQUEST_INIT;
  request.key_id = "key-1";
  request.plaintext.data = payload;
  request.plaintext.len = sizeof payload;
  return kms_encrypt(kms, &request, buffers[0], buffers[1], NULL, &err);
}

static uint8_t blob[WRAPPED_SIZE];

static kms_decrypt_request_t decrypt_request(void) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  request.ciphertext.data = blob;
  request.ciphertext.len = sizeof blob;
  return request;
}

static kms_status_t call_decrypt(kms_buffer_t *const *buffers) {
  const kms_decrypt_request_t request = decrypt_request();
  return kms_decrypt(kms, &request, buffers[0], NULL, &err);
}

static kms_status_t call_random(kms_buffer_t *const *buffers) {
  kms_random_request_t request = KMS_RANDOM_REQUEST_INIT;
  request.number_of_bytes = 77;
  return kms_generate_random(kms, &request, buffers[0], &err);
}

static kms_status_t call_describe(kms_buffer_t *const *buffers) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  kms_status_t status;
  request.key_id = "described";
  status = kms_describe_key(kms, &request, &info, buffers[0], &err);
  if (status != KMS_OK)
    CHECK(info.key_id[0] == 0 && info.created_at == 0);
  return status;
}

static void every_buffer_too_small(void) {
  const size_t data_key[] = {DATA_KEY_SIZE, WRAPPED_SIZE, KMS_IV_SIZE};
  const size_t sealed[] = {sizeof payload + KMS_CIPHERTEXT_OVERHEAD, KMS_IV_SIZE};
  const size_t random[] = {77};
  const size_t described[] = {sizeof "a description"};
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  create.key_id = "described";
  create.description = "a description";
  CHECK_OK(kms_create_key(kms, &create, NULL, &err));
  too_small(data_key, 3, call_generate);
  too_small(data_key + 1, 2, call_generate_without_plaintext);
  too_small(data_key, 2, call_generate_without_iv);
  too_small(sealed, 2, call_encrypt);
  too_small(data_key, 1, call_decrypt);
  too_small(random, 1, call_random);
  too_small(described, 1, call_describe);
}

/* A list gives as many whole items as there is text for, and says what the next one needs. */
static void text_of_a_list(void) {
  const kms_list_keys_request_t request = KMS_LIST_KEYS_REQUEST_INIT;
  const kms_page_t first = KMS_PAGE_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  kms_key_info_t items[8];
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_t *list = NULL;
  guarded_t memory;
  kms_buffer_t text;
  size_t total = 0;
  options.store = "memory:";
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = KMS_OPEN_CREATE;
  if (!CHECK_OK(kms_open(&options, &list, &err)))
    return;
  /* No key: nothing, and that is no failure. */
  CHECK_OK(kms_list_keys(list, &request, &page, items, sizeof items[0], 8, NULL, &err));
  CHECK(page.items_len == 0 && page.more == 0);
  create.description = "nine char";
  CHECK_OK(kms_create_key(list, &create, NULL, &err));
  CHECK_OK(kms_create_key(list, &create, NULL, &err));
  CHECK_OK(kms_create_key(list, &create, NULL, &err));

  memory = guarded_alloc(9); /* no room for its NUL */
  text = fresh_buffer(memory.data, 9);
  memset(items, UNTOUCHED, sizeof items);
  page = first;
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL,
               kms_list_keys(list, &request, &page, items, sizeof items[0], 8, &text, &err));
  CHECK(text.len == 10 && untouched(memory.data, 9) && untouched(items, sizeof items));
  CHECK(memcmp(&page, &first, sizeof page) == 0);
  guarded_free(&memory);

  memory = guarded_alloc(20); /* two fit, exactly */
  while (total < 10) {
    text = fresh_buffer(memory.data, 20);
    memset(items, UNTOUCHED, sizeof items);
    if (!CHECK_OK(kms_list_keys(list, &request, &page, items, sizeof items[0], 8, &text, &err)))
      break;
    CHECK(page.items_len == (total == 0 ? 2u : 1u) && text.len == 10 * page.items_len);
    CHECK(strcmp((char *)memory.data + items[0].description.offset, "nine char") == 0);
    CHECK(untouched(items + page.items_len, (8 - page.items_len) * sizeof items[0]));
    total += page.items_len;
    if (!page.more)
      break;
  }
  CHECK(total == 3);
  guarded_free(&memory);
  kms_close(list);
}

/* --- overlap
 * --------------------------------------------------------------------------------------------------
 */

static kms_buffer_t at(uint8_t *data, size_t capacity) {
  kms_buffer_t buffer;
  buffer.data = data;
  buffer.capacity = capacity;
  memset(&buffer.len, UNTOUCHED, sizeof buffer.len);
  return buffer;
}

static void overlapping_outputs(void) {
  static uint8_t bytes[4096], aad_bytes[64];
  kms_data_key_request_t request = data_key_request();
  kms_encrypt_request_t encrypt = KMS_ENCRYPT_REQUEST_INIT;
  kms_decrypt_request_t decrypt = decrypt_request();
  kms_buffer_t plain, wrapped, iv;
  kms_column_t wrapped_column = {NULL, 0, 0, 0}, plain_column = {NULL, 0, 0, 0};
  memset(bytes, UNTOUCHED, sizeof bytes);
  memset(aad_bytes, UNTOUCHED, sizeof aad_bytes);

#define OVERLAP(call)                                                                              \
  (CHECK_STATUS(KMS_INVALID_ARGUMENT, call), CHECK(untouched(bytes, sizeof bytes)))

  plain = at(bytes, DATA_KEY_SIZE); /* one on the other */
  wrapped = at(bytes, WRAPPED_SIZE);
  iv = at(bytes + 1024, KMS_IV_SIZE);
  OVERLAP(kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, NULL, &err));
  plain = at(bytes + WRAPPED_SIZE - 1, DATA_KEY_SIZE); /* by one byte */
  OVERLAP(kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, NULL, &err));
  plain = at(bytes + 2048, DATA_KEY_SIZE);
  iv = at(bytes + WRAPPED_SIZE - 1, KMS_IV_SIZE);
  OVERLAP(kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, NULL, &err));
  iv = at(bytes + 2048 + DATA_KEY_SIZE - 1, KMS_IV_SIZE);
  OVERLAP(kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, NULL, &err));

  iv = at(bytes + 1024, KMS_IV_SIZE); /* an output on an input */
  request.aad.data = bytes + 2048;
  request.aad.len = 1;
  OVERLAP(kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, NULL, &err));
  wrapped_column.data = bytes + 2048;
  wrapped_column.capacity = WRAPPED_SIZE;
  OVERLAP(kms_generate_data_keys(kms, &request, 1, NULL, &wrapped_column, NULL, NULL, &err));
  request.aad.len = 0;
  plain_column.data = bytes + 2048 + WRAPPED_SIZE - 1;
  plain_column.capacity = DATA_KEY_SIZE;
  OVERLAP(
      kms_generate_data_keys(kms, &request, 1, &plain_column, &wrapped_column, NULL, NULL, &err));

  encrypt.key_id = "key-1";
  encrypt.plaintext.data = bytes;
  encrypt.plaintext.len = 16;
  wrapped = at(bytes + 15, WRAPPED_SIZE);
  OVERLAP(kms_encrypt(kms, &encrypt, &wrapped, NULL, NULL, &err));
  wrapped = at(bytes + 16, 16 + KMS_CIPHERTEXT_OVERHEAD); /* beside it is fine */
  CHECK_OK(kms_encrypt(kms, &encrypt, &wrapped, NULL, NULL, &err));
  memset(bytes, UNTOUCHED, sizeof bytes);

  memcpy(bytes, blob, sizeof blob); /* a decryption in place is refused */
  decrypt.ciphertext.data = bytes;
  plain = at(bytes + 80, DATA_KEY_SIZE);
  CHECK_STATUS(KMS_INVALID_ARGUMENT, kms_decrypt(kms, &decrypt, &plain, NULL, &err));
  CHECK(memcmp(bytes, blob, sizeof blob) == 0);
  decrypt.iv.data = bytes + 1024;
  decrypt.iv.len = KMS_IV_SIZE;
  memcpy(bytes + 1024, blob + 68, KMS_IV_SIZE);
  plain = at(bytes + 1024 + KMS_IV_SIZE - 1, DATA_KEY_SIZE);
  CHECK_STATUS(KMS_INVALID_ARGUMENT, kms_decrypt(kms, &decrypt, &plain, NULL, &err));
  CHECK(memcmp(bytes + 1024, blob + 68, KMS_IV_SIZE) == 0);
  plain = at(bytes + 1024 + KMS_IV_SIZE, DATA_KEY_SIZE);
  CHECK_OK(kms_decrypt(kms, &decrypt, &plain, NULL, &err));
}

/* --- outputs after a failure
 * ---------------------------------------------------------------------------------- */

static void untouched_by_failures(void) {
  uint8_t altered[WRAPPED_SIZE], plain_bytes[DATA_KEY_SIZE];
  static const kms_context_entry_t context[] = {{"a", "b"}};
  kms_decrypt_request_t request = decrypt_request();
  kms_data_key_info_t info, fresh;
  kms_buffer_t plain;
  size_t bit;
  memset(&info, UNTOUCHED, sizeof info);
  info.struct_size = sizeof info;
  fresh = info;
#define FAILS(expected)                                                                            \
  do {                                                                                             \
    plain = fresh_buffer(plain_bytes, sizeof plain_bytes);                                         \
    CHECK_STATUS(expected, kms_decrypt(kms, &request, &plain, &info, &err));                       \
    CHECK(buffer_untouched(&plain) && memcmp(&info, &fresh, sizeof info) == 0);                    \
  } while (0)
  /* Every bit of ciphertext and tag; those of the header have statuses of their own. */
  request.ciphertext.data = altered;
  for (bit = 80 * 8; bit < sizeof blob * 8; bit++) {
    memcpy(altered, blob, sizeof blob);
    altered[bit / 8] ^= (uint8_t)(1u << bit % 8);
    FAILS(KMS_INVALID_CIPHERTEXT);
  }
  memcpy(altered, blob, sizeof blob);
  request.context = context;
  request.context_len = 1;
  FAILS(KMS_INVALID_CIPHERTEXT);
  request.context_len = 0;
  request.key_id = "key-2";
  FAILS(KMS_INCORRECT_KEY);
  request.key_id = "none";
  FAILS(KMS_NOT_FOUND);
  request.key_id = NULL;
  altered[4] ^= 1; /* the key it was made under, which nobody has */
  FAILS(KMS_NOT_FOUND);
  request.flags = KMS_DRY_RUN;
  FAILS(KMS_NOT_FOUND);
  altered[4] ^= 1;
  FAILS(KMS_DRY_RUN_OK);
  request.flags = 0;
  plain = fresh_buffer(plain_bytes, sizeof plain_bytes);
  CHECK_OK(kms_decrypt(kms, &request, &plain, &info, &err));
  CHECK(plain.len == DATA_KEY_SIZE && !untouched(plain_bytes, sizeof plain_bytes));
}

/* --- columns
 * --------------------------------------------------------------------------------------------------
 */

static void columns_with_gaps(void) {
  enum { COUNT = 5 };
  static const size_t sizes[3] = {DATA_KEY_SIZE, WRAPPED_SIZE, KMS_IV_SIZE};
  const kms_data_key_request_t request = data_key_request();
  size_t gap, i, c;
  for (gap = 0; gap < 40; gap += 13) {
    /* The last item ends where the memory does: no gap is needed behind it. */
    guarded_t memory[3];
    kms_column_t columns[3];
    kms_decrypt_request_t decrypt = KMS_DECRYPT_REQUEST_INIT;
    for (c = 0; c < 3; c++) {
      columns[c].stride = gap == 0 ? 0 : sizes[c] + gap;
      columns[c].capacity = (COUNT - 1) * (sizes[c] + gap) + sizes[c];
      memory[c] = guarded_alloc(columns[c].capacity);
      memset(memory[c].data, UNTOUCHED, columns[c].capacity);
      columns[c].data = memory[c].data;
      columns[c].item_len = 0;
    }
    for (c = 0; c < 3; c++) { /* one byte less is too little, in each */
      size_t d;
      columns[c].capacity--;
      CHECK_STATUS(KMS_BUFFER_TOO_SMALL,
                   kms_generate_data_keys(kms, &request, COUNT, &columns[0], &columns[1],
                                          &columns[2], NULL, &err));
      columns[c].capacity++;
      for (d = 0; d < 3; d++)
        CHECK(columns[d].item_len == sizes[d] && untouched(columns[d].data, columns[d].capacity));
    }
    CHECK_OK(kms_generate_data_keys(kms, &request, COUNT, &columns[0], &columns[1], &columns[2],
                                    NULL, &err));
    for (i = 0; i < COUNT; i++) {
      uint8_t plain_bytes[DATA_KEY_SIZE];
      kms_buffer_t plain = fresh_buffer(plain_bytes, sizeof plain_bytes);
      for (c = 0; c < 3; c++)
        if (i + 1 < COUNT)
          CHECK(untouched(columns[c].data + i * (sizes[c] + gap) + sizes[c], gap));
      decrypt.ciphertext.data = columns[1].data + i * (WRAPPED_SIZE + gap);
      decrypt.ciphertext.len = WRAPPED_SIZE;
      decrypt.iv.data = columns[2].data + i * (KMS_IV_SIZE + gap);
      decrypt.iv.len = KMS_IV_SIZE;
      CHECK_OK(kms_decrypt(kms, &decrypt, &plain, NULL, &err));
      CHECK(memcmp(plain_bytes, columns[0].data + i * (DATA_KEY_SIZE + gap), DATA_KEY_SIZE) == 0);
    }
    for (c = 0; c < 3; c++)
      guarded_free(&memory[c]);
  }
}

static void column_size_queries_and_failures(void) {
  static uint8_t bytes[3][1024];
  kms_data_key_request_t request = data_key_request();
  kms_column_t columns[3], query[3];
  size_t c;
  memset(query, 0, sizeof query);
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, kms_generate_data_keys(kms, &request, 7, &query[0], &query[1],
                                                            &query[2], NULL, &err));
  CHECK(query[0].item_len == DATA_KEY_SIZE && query[1].item_len == WRAPPED_SIZE &&
        query[2].item_len == KMS_IV_SIZE);

  memset(bytes, UNTOUCHED, sizeof bytes);
  for (c = 0; c < 3; c++) {
    columns[c].data = bytes[c];
    columns[c].capacity = sizeof bytes[c];
    columns[c].stride = 0;
    memset(&columns[c].item_len, UNTOUCHED, sizeof columns[c].item_len);
  }
  request.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_generate_data_keys(kms, &request, 7, &columns[0], &columns[1],
                                                      &columns[2], NULL, &err));
  request.flags = 0;
  request.key_id = "none";
  CHECK_STATUS(KMS_NOT_FOUND, kms_generate_data_keys(kms, &request, 7, &columns[0], &columns[1],
                                                     &columns[2], NULL, &err));
  CHECK(untouched(bytes, sizeof bytes));
  for (c = 0; c < 3; c++)
    CHECK(untouched(&columns[c].item_len, sizeof columns[c].item_len));
  request.key_id = "key-1";
  request.flags = KMS_SKIP_PLAINTEXT;
  CHECK_OK(
      kms_generate_data_keys(kms, &request, 7, &columns[0], &columns[1], &columns[2], NULL, &err));
  CHECK(columns[0].item_len == 0 && untouched(bytes[0], sizeof bytes[0]));
  CHECK(untouched(bytes[1] + 7 * WRAPPED_SIZE, sizeof bytes[1] - 7 * WRAPPED_SIZE));
}

static uint64_t calls_failed(void) {
  const kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  kms_stats_t stats = KMS_STATS_INIT;
  CHECK_OK(kms_stats(kms, &request, &stats, &err));
  return stats.calls_failed;
}

int main(void) {
  const kms_data_key_request_t request = data_key_request();
  kms_buffer_t blob_buffer = fresh_buffer(blob, sizeof blob);
  kms = open_test_store();
  CHECK_OK(kms_generate_data_key(kms, &request, NULL, &blob_buffer, NULL, NULL, &err));
  every_buffer_too_small();
  CHECK(calls_failed() == 0); /* to ask for sizes is no failure */
  text_of_a_list();
  overlapping_outputs();
  untouched_by_failures();
  CHECK(calls_failed() > 0);
  columns_with_gaps();
  column_size_queries_and_failures();
  kms_close(kms);
  return check_result();
}
