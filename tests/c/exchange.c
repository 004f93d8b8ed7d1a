/* kms_exchange: NULL in every position, the least buffers and one byte less, the response struct of
 * every size, dialects that there are and are not, and that a vendor's error is an answer. */
#include "guarded.h"

#include "calls.h"

static kms_exchange_request_t request;
static kms_exchange_response_t response;

static kms_status_t exchange(void) {
  return kms_exchange(kms, KMS_DIALECT_AWS, &request, &response, &err);
}

static void fresh(void) {
  request = good_exchange();
  response = fresh_response();
}

static int response_untouched(void) {
  return untouched(exchanged, sizeof exchanged) &&
         untouched(exchanged_headers, sizeof exchanged_headers) && response.http_status == 0 &&
         response.grpc_status == 0 && response.request_id[0] == 0;
}

#define REFUSED(argument, call)                                                                    \
  do {                                                                                             \
    CHECK_ARGUMENT(argument, call);                                                                \
    CHECK(response_untouched());                                                                   \
    fresh();                                                                                       \
  } while (0)

static void nulls(void) {
  fresh();
  REFUSED("kms", kms_exchange(NULL, KMS_DIALECT_AWS, &request, &response, &err));
  REFUSED("request", kms_exchange(kms, KMS_DIALECT_AWS, NULL, &response, &err));
  REFUSED("response", kms_exchange(kms, KMS_DIALECT_AWS, &request, NULL, &err));
  request.target = NULL;
  REFUSED("request.target", exchange());
  request.target = "\xff";
  REFUSED("request.target", exchange());
  request.method = "\xff";
  REFUSED("request.method", exchange());
  request.headers.data = NULL;
  REFUSED("request.headers", exchange());
  request.body.data = NULL;
  REFUSED("request.body", exchange());
  response.headers.data = NULL;
  REFUSED("response.headers", exchange());
  response.body.data = NULL;
  REFUSED("response.body", exchange());
  request.method = NULL; /* POST */
  CHECK(kms_exchange(kms, KMS_DIALECT_AWS, &request, &response, NULL) == KMS_OK);
}

static void dialects(void) {
  static const uint32_t none[] = {0, 9, UINT32_MAX};
  uint32_t dialect;
  size_t i;
  for (i = 0; i < sizeof none / sizeof none[0]; i++) {
    fresh();
    REFUSED("dialect", kms_exchange(kms, none[i], &request, &response, &err));
  }
  for (dialect = KMS_DIALECT_YANDEX_GRPC; dialect <= KMS_DIALECT_AWS; dialect++) {
    fresh();
    request.target = "/no such thing";
    CHECK_OK(kms_exchange(kms, dialect, &request, &response, &err));
    CHECK(response.status != KMS_OK && response.request_id[0] != 0);
    if (dialect == KMS_DIALECT_YANDEX_GRPC)
      CHECK(response.http_status == 0 && response.grpc_status > 0);
    else
      CHECK(response.http_status >= 200 && response.grpc_status == -1);
  }
}

static void buffers(void) {
  fresh();
  response.body.capacity--;
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, exchange());
  CHECK(response_untouched() && response.body.len == KMS_EXCHANGE_MIN_CAPACITY);
  fresh();
  response.headers.capacity--;
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, exchange());
  CHECK(response_untouched() && response.headers.len == KMS_EXCHANGE_MIN_HEADERS);
  fresh();
  response.body.data = NULL;
  response.body.capacity = 0; /* the size query */
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, exchange());
  CHECK(response_untouched() && response.body.len == KMS_EXCHANGE_MIN_CAPACITY);
  fresh();
  response.headers.data = response.body.data + KMS_EXCHANGE_MIN_CAPACITY - KMS_EXCHANGE_MIN_HEADERS;
  REFUSED("response.headers", exchange()); /* overlaps the body */
  fresh();
  request.body.data = exchanged; /* overlaps an input */
  CHECK_ARGUMENT("response.body", exchange());

  fresh();
  response.headers.data = NULL; /* not wanted */
  response.headers.capacity = response.headers.len = 0;
  CHECK_OK(exchange());
  CHECK(response.headers.len == 0 && untouched(exchanged_headers, sizeof exchanged_headers));
  CHECK(response.http_status == 200 && response.status == KMS_OK);
}

static void what_is_written(void) {
  static const char type[] = "Content-Type: application/x-amz-json-1.1\r\n";
  fresh();
  CHECK_OK(exchange());
  CHECK(response.http_status == 200 && response.grpc_status == -1 && response.status == KMS_OK);
  CHECK(response.detail == KMS_DETAIL_NONE && response.message[0] == 0);
  CHECK(strlen(response.request_id) == KMS_REQUEST_ID_SIZE - 1);
  CHECK(response.headers.data == exchanged_headers && response.body.data == exchanged);
  CHECK(response.body.len > 2 && exchanged[0] == '{' && exchanged[response.body.len - 1] == '}');
  CHECK(untouched(exchanged + response.body.len, sizeof exchanged - response.body.len));
  CHECK(response.headers.len > sizeof type &&
        memcmp(exchanged_headers, type, sizeof type - 1) == 0);
  CHECK(untouched(exchanged_headers + response.headers.len,
                  sizeof exchanged_headers - response.headers.len));

  fresh(); /* a vendor's error is an answer */
  request.body.len = 0;
  CHECK_OK(exchange());
  CHECK(response.http_status == 400 && response.status == KMS_INVALID_ARGUMENT);
  CHECK(is_clean_text(response.message, sizeof response.message) && response.message[0] != 0);
}

/* The offers of memory are read, what we know is filled, the rest becomes zero. */
static void sizes(void) {
  static const size_t longer_by[] = {0, 1, 3, 8, 64, 4096 - sizeof(kms_exchange_response_t)};
  static const size_t wrong[] = {0, 1, sizeof(kms_exchange_response_t) - 1, 4097, SIZE_MAX};
  size_t i;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    fresh();
    response.struct_size = wrong[i];
    REFUSED("response.struct_size", exchange());
  }
  for (i = 0; i < sizeof longer_by / sizeof longer_by[0]; i++) {
    const size_t size = sizeof response + longer_by[i];
    guarded_t memory = guarded_alloc(size);
    fresh();
    response.struct_size = size;
    memset(memory.data, UNTOUCHED, size);
    memcpy(memory.data, &response, sizeof response);
    CHECK_OK(kms_exchange(kms, KMS_DIALECT_QKMS, &request,
                          (kms_exchange_response_t *)(void *)memory.data, &err));
    memcpy(&response, memory.data, sizeof response);
    CHECK(response.struct_size == size && response.http_status == 200);
    CHECK(response.body.data == exchanged && response.body.len > 2);
    CHECK(all_bytes(memory.data + sizeof response, size - sizeof response, 0));
    guarded_free(&memory);
  }
}

int main(void) {
  open_for_calls();
  nulls();
  dialects();
  buffers();
  what_is_written();
  sizes();
  kms_close(kms);
  return check_result();
}
