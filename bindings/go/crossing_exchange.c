/* Requests of vendors' SDKs. */
#include "inside.h"

kms_error_t *kmsgo_exchange(kmsgo_handle_t kms, uint32_t dialect, kmsgo_exchange_t *call,
                            const uint8_t *text, const uint8_t *request_headers,
                            const uint8_t *request_body, uint8_t *headers, uint8_t *body) {
  kms_exchange_request_t request = KMS_EXCHANGE_REQUEST_INIT;
  kms_exchange_response_t response = KMS_EXCHANGE_RESPONSE_INIT;
  kms_status_t status;
  kms_error_t error;
  request.method = optional(&text);
  request.target = string(&text);
  request.headers.data = request_headers;
  request.headers.len = call->request_headers_len;
  request.body.data = request_body;
  request.body.len = call->request_body_len;
  response.headers.data = headers;
  response.headers.capacity = call->headers_len;
  response.body.data = body;
  response.body.capacity = call->body_len;
  blank(&error);
  status = kms_exchange((kms_t *)kms, dialect, &request, &response, &error);
  if (status != KMS_OK)
    return outcome(status, &error);
  call->headers_len = response.headers.len;
  call->body_len = response.body.len;
  call->http_status = response.http_status;
  call->grpc_status = response.grpc_status;
  call->status = response.status;
  call->detail = response.detail;
  memcpy(call->request_id, response.request_id, sizeof call->request_id);
  memcpy(call->message, response.message, sizeof call->message);
  return NULL;
}
