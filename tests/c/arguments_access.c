/* Principals, policies, grants, and the audit log: NULL in every position, texts and integers at
 * their bounds and past them, and what a refusal leaves alone. Their struct sizes and flags are in
 * structs.c. */
#include "guarded.h"

#include "calls.h"

static const char policy[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","
                             "\"Action\":\"kms:*\",\"Resource\":\"*\"}}";
static const char no_grant[] = "0000000000000000000000000000000000000000000000000000000000000000";
static const char *const null_token[] = {NULL};

/* --- the outputs that a refused call must leave alone
 * --------------------------------------------------------- */

static uint8_t text_bytes[KMS_LIST_MIN_TEXT];
static kms_buffer_t text;
static kms_created_grant_t created;
static kms_grant_info_t grants[2];
static kms_log_damage_info_t damages[2];
static kms_page_t page;

static void fresh_outputs(void) {
  const kms_page_t first = KMS_PAGE_INIT;
  text = fresh_buffer(text_bytes, sizeof text_bytes);
  FRESH_STRUCT(created);
  memset(grants, UNTOUCHED, sizeof grants);
  memset(damages, UNTOUCHED, sizeof damages);
  page = first;
}

static int outputs_untouched(void) {
  const kms_page_t first = KMS_PAGE_INIT;
  return buffer_untouched(&text) && STRUCT_UNTOUCHED(created) && untouched(grants, sizeof grants) &&
         untouched(damages, sizeof damages) && memcmp(&page, &first, sizeof page) == 0;
}

#define REFUSED(argument, call)                                                                    \
  (fresh_outputs(), CHECK_ARGUMENT(argument, call) && CHECK(outputs_untouched()))
#define ACCEPTED(call) (fresh_outputs(), CHECK_OK(call))

#define REFUSED_HANDLE_AND_REQUEST(function, ...)                                                  \
  do {                                                                                             \
    REFUSED("kms", function(NULL, &request, __VA_ARGS__));                                         \
    REFUSED("request", function(kms, NULL, __VA_ARGS__));                                          \
  } while (0)

#define CHECK_KEY_AND_TOKENS(request, call)                                                        \
  do {                                                                                             \
    const char *key_id = (request).key_id;                                                         \
    (request).key_id = NULL;                                                                       \
    REFUSED("request.key_id", call);                                                               \
    (request).key_id = key_id;                                                                     \
    (request).grant_tokens_len = 1;                                                                \
    REFUSED("request.grant_tokens", call);                                                         \
    (request).grant_tokens_len = SIZE_MAX;                                                         \
    REFUSED("request.grant_tokens", call);                                                         \
    (request).grant_tokens = null_token;                                                           \
    (request).grant_tokens_len = 1;                                                                \
    REFUSED("request.grant_tokens", call);                                                         \
    (request).grant_tokens_len = 0; /* a pointer with length 0 is nothing */                       \
  } while (0)

/* `len` times a letter, in memory that ends with its NUL. */
static const char *letters(size_t len, char letter) {
  static guarded_t memory;
  if (memory.data != NULL)
    guarded_free(&memory);
  memory = guarded_alloc(len + 1);
  memset(memory.data, letter, len);
  memory.data[len] = 0;
  return (const char *)memory.data;
}

/* --- principals and policies
 * ---------------------------------------------------------------------------- */

static void check_as_principal(void) {
  static const char *const bad[] = {"", "*", "tenant-?", "a\nb", "\xff"};
  kms_principal_options_t options = KMS_PRINCIPAL_OPTIONS_INIT;
  kms_t *out = kms;
  size_t i;
#define NO_HANDLE(argument, call) (out = kms, CHECK_ARGUMENT(argument, call) && CHECK(out == NULL))
  NO_HANDLE("options.principal", kms_as_principal(kms, &options, &out, &err));
  options.principal = "tenant";
  NO_HANDLE("kms", kms_as_principal(NULL, &options, &out, &err));
  NO_HANDLE("options", kms_as_principal(kms, NULL, &out, &err));
  CHECK_ARGUMENT("out", kms_as_principal(kms, &options, NULL, &err));
  CHECK(kms_as_principal(NULL, NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    options.principal = bad[i];
    NO_HANDLE("options.principal", kms_as_principal(kms, &options, &out, &err));
  }
  options.principal = letters(KMS_MAX_PRINCIPAL + 1, 'p');
  NO_HANDLE("options.principal", kms_as_principal(kms, &options, &out, &err));
  options.principal = letters(KMS_MAX_PRINCIPAL, 'p');
  options.flags = KMS_DRY_RUN;
  out = kms;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_as_principal(kms, &options, &out, &err));
  CHECK(out == NULL);
  options.flags = 0;
  CHECK(kms_as_principal(kms, &options, &out, NULL) == KMS_OK);
  kms_close(out);
}

static void check_put_key_policy(void) {
  static const char *const bad[] = {"", "{", "[]", "null", "{}", "{\"Statement\":[]} x", "\xff"};
  kms_policy_request_t request = KMS_POLICY_REQUEST_INIT;
  char *long_policy;
  size_t i;
  request.key_id = "key-1";
  REFUSED("request.policy", kms_put_key_policy(kms, &request, &err));
  request.policy = policy;
  REFUSED_HANDLE_AND_REQUEST(kms_put_key_policy, &err);
  CHECK_KEY_AND_TOKENS(request, kms_put_key_policy(kms, &request, &err));
  CHECK(kms_put_key_policy(NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
  for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    request.policy = bad[i];
    REFUSED("request.policy", kms_put_key_policy(kms, &request, &err));
  }
  /* White space makes it as long as is allowed, and one byte longer. */
  long_policy = (char *)malloc(KMS_MAX_POLICY_SIZE + 2);
  if (!CHECK(long_policy != NULL))
    return;
  memset(long_policy, ' ', KMS_MAX_POLICY_SIZE + 1);
  memcpy(long_policy, policy, sizeof policy - 1);
  long_policy[KMS_MAX_POLICY_SIZE + 1] = 0;
  request.policy = long_policy;
  REFUSED("request.policy", kms_put_key_policy(kms, &request, &err));
  long_policy[KMS_MAX_POLICY_SIZE] = 0;
  CHECK(kms_put_key_policy(kms, &request, NULL) == KMS_OK);
  free(long_policy);
}

static void check_get_key_policy(void) {
  uint8_t exact[KMS_MAX_POLICY_SIZE];
  kms_buffer_t need = {NULL, 0, 0}, place;
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  request.key_id = "key-1";
  REFUSED_HANDLE_AND_REQUEST(kms_get_key_policy, &text, &err);
  REFUSED("policy", kms_get_key_policy(kms, &request, NULL, &err));
  CHECK_KEY_AND_TOKENS(request, kms_get_key_policy(kms, &request, &text, &err));
  request.version_id = "x";
  REFUSED("request.version_id", kms_get_key_policy(kms, &request, &text, &err));
  request.version_id = NULL;
  fresh_outputs();
  text.data = NULL; /* with a capacity */
  CHECK_ARGUMENT("policy", kms_get_key_policy(kms, &request, &text, &err));
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, kms_get_key_policy(kms, &request, &need, &err));
  CHECK(need.len == KMS_MAX_POLICY_SIZE); /* what check_put_key_policy put */
  place = fresh_buffer(exact, sizeof exact);
  place.capacity--;
  CHECK_STATUS(KMS_BUFFER_TOO_SMALL, kms_get_key_policy(kms, &request, &place, &err));
  CHECK(place.len == need.len && untouched(exact, sizeof exact));
  place.capacity++;
  CHECK(kms_get_key_policy(kms, &request, &place, NULL) == KMS_OK);
  CHECK(place.len == need.len && memcmp(exact, policy, sizeof policy - 1) == 0);
  CHECK(all_bytes(exact + sizeof policy - 1, need.len - (sizeof policy - 1), ' '));
}

static void check_policy_of_a_new_key(void) {
  kms_create_key_request_t request = KMS_CREATE_KEY_REQUEST_INIT;
  kms_key_request_t describe = KMS_KEY_REQUEST_INIT;
  request.key_id = "with-a-policy";
  request.policy = "{";
  CHECK_ARGUMENT("request.policy", call_create_key(&request));
  request.policy = "\xff";
  CHECK_ARGUMENT("request.policy", call_create_key(&request));
  describe.key_id = request.key_id;
  CHECK_STATUS(KMS_NOT_FOUND, call_describe_key(&describe));
  request.policy = policy;
  CHECK_OK(call_create_key(&request));
}

/* --- grants
 * ------------------------------------------------------------------------------------------------------
 */

static kms_create_grant_request_t good_grant(void) {
  kms_create_grant_request_t request = KMS_CREATE_GRANT_REQUEST_INIT;
  request.key_id = "key-2";
  request.grantee_principal = "tenant";
  request.operations = KMS_GRANT_DECRYPT;
  return request;
}

static void check_create_grant(void) {
  static const kms_context_entry_t pair[] = {{"tenant", "7"}}, null_key[] = {{NULL, "x"}};
  static const kms_context_entry_t null_value[] = {{"x", NULL}}, twice[] = {{"a", "1"}, {"a", "2"}};
  kms_create_grant_request_t request = good_grant();
#define CREATE kms_create_grant(kms, &request, &created, &err)
  REFUSED_HANDLE_AND_REQUEST(kms_create_grant, &created, &err);
  REFUSED("grant", kms_create_grant(kms, &request, NULL, &err));
  CHECK(kms_create_grant(NULL, NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
  CHECK_KEY_AND_TOKENS(request, CREATE);
  request.grantee_principal = NULL;
  REFUSED("request.grantee_principal", CREATE);
  request.grantee_principal = "";
  REFUSED("request.grantee_principal", CREATE);
  request.grantee_principal = "*";
  REFUSED("request.grantee_principal", CREATE);
  request.grantee_principal = letters(KMS_MAX_PRINCIPAL + 1, 'p');
  REFUSED("request.grantee_principal", CREATE);
  request.grantee_principal = letters(KMS_MAX_PRINCIPAL, 'p');
  ACCEPTED(CREATE);
  request = good_grant();
  request.retiring_principal = "";
  REFUSED("request.retiring_principal", CREATE);
  request.retiring_principal = "a\tb";
  REFUSED("request.retiring_principal", CREATE);
  request.retiring_principal = NULL;
  request.name = letters(KMS_MAX_GRANT_NAME + 1, 'n');
  REFUSED("request.name", CREATE);
  request.name = letters(KMS_MAX_GRANT_NAME, 'n');
  ACCEPTED(CREATE);
  request.name = "\n";
  REFUSED("request.name", CREATE);
  request.name = NULL;

  request.operations = 0;
  REFUSED("request.operations", CREATE);
  request.operations = 256;
  REFUSED("request.operations", CREATE);
  request.operations = UINT32_MAX;
  REFUSED("request.operations", CREATE);
  request.operations = 255; /* all there are */
  ACCEPTED(CREATE);
  request.constraint = 3;
  REFUSED("request.constraint", CREATE);
  request.constraint = UINT32_MAX;
  REFUSED("request.constraint", CREATE);

  request.constraint = KMS_GRANT_CONTEXT_SUBSET; /* of nothing */
  REFUSED("request.context", CREATE);
  request.context_len = 1; /* of NULL */
  REFUSED("request.context", CREATE);
  request.context_len = SIZE_MAX;
  REFUSED("request.context", CREATE);
  request.context_len = 1;
  request.context = null_key;
  REFUSED("request.context", CREATE);
  request.context = null_value;
  REFUSED("request.context", CREATE);
  request.context = twice;
  request.context_len = 2;
  REFUSED("request.context", CREATE);
  request.context = pair;
  request.context_len = 1;
  ACCEPTED(CREATE);
  request.constraint = KMS_GRANT_CONTEXT_ANY;
  REFUSED("request.context", CREATE);
  request.constraint = KMS_GRANT_CONTEXT_EQUALS;
  ACCEPTED(CREATE);
  request.context_len = 0; /* just the empty context */
  ACCEPTED(CREATE);
  CHECK(strlen(created.grant_id) == 64 && strlen(created.grant_token) > 64);
  CHECK(all_bytes(created.reserved0, sizeof created.reserved0, 0));
  CHECK(kms_create_grant(kms, &request, &created, NULL) == KMS_OK);
}

static void check_list_grants(void) {
  static const size_t sizes[] = {0, 1, sizeof(kms_grant_info_t) - 1, 4097, SIZE_MAX};
  kms_list_grants_request_t request = KMS_LIST_GRANTS_REQUEST_INIT;
  const size_t size = sizeof grants[0];
  size_t i;
  request.key_id = "key-2";
#define LIST(page, items, size, text)                                                              \
  kms_list_grants(kms, &request, (page), (items), (size), 2, (text), &err)
  REFUSED_HANDLE_AND_REQUEST(kms_list_grants, &page, grants, size, 2, &text, &err);
  REFUSED("page", LIST(NULL, grants, size, &text));
  REFUSED("items", LIST(&page, NULL, size, &text));
  REFUSED("text", LIST(&page, grants, size, NULL));
  CHECK_KEY_AND_TOKENS(request, LIST(&page, grants, size, &text));
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    REFUSED("item_size", LIST(&page, grants, sizes[i], &text));
  fresh_outputs();
  text.data = NULL; /* with a capacity */
  CHECK_ARGUMENT("text", LIST(&page, grants, size, &text));
  fresh_outputs();
  memcpy(page.marker, "nonsense", sizeof "nonsense");
  CHECK_ARGUMENT("page.marker", LIST(&page, grants, size, &text));
  ACCEPTED(LIST(&page, grants, size, &text));
  CHECK(page.items_len == 2 && page.more == 1);
  CHECK(strcmp(grants[0].key_id, "key-2") == 0 && strlen(grants[0].grant_id) == 64);
  CHECK(all_bytes(grants[0].reserved0, sizeof grants[0].reserved0, 0) && grants[0].reserved1 == 0);
  request.grant_id = "no such grant";
  ACCEPTED(LIST(&page, grants, size, &text));
  CHECK(page.items_len == 0 && page.more == 0);
  request.grant_id = "\xff";
  REFUSED("request.grant_id", LIST(&page, grants, size, &text));
  request.grant_id = NULL;
  request.grantee_principal = "\xff";
  REFUSED("request.grantee_principal", LIST(&page, grants, size, &text));
  request.grantee_principal = "tenant";
  fresh_outputs();
  CHECK(kms_list_grants(kms, &request, &page, grants, size, 2, &text, NULL) == KMS_OK);
}

static void check_list_retirable_grants(void) {
  kms_list_retirable_grants_request_t request = KMS_LIST_RETIRABLE_GRANTS_REQUEST_INIT;
  const size_t size = sizeof grants[0];
#define RETIRABLE(page, items, size, text)                                                         \
  kms_list_retirable_grants(kms, &request, (page), (items), (size), 2, (text), &err)
  REFUSED("request.retiring_principal", RETIRABLE(&page, grants, size, &text));
  request.retiring_principal = "a*";
  REFUSED("request.retiring_principal", RETIRABLE(&page, grants, size, &text));
  request.retiring_principal = "retirer";
  REFUSED_HANDLE_AND_REQUEST(kms_list_retirable_grants, &page, grants, size, 2, &text, &err);
  REFUSED("page", RETIRABLE(NULL, grants, size, &text));
  REFUSED("items", RETIRABLE(&page, NULL, size, &text));
  REFUSED("text", RETIRABLE(&page, grants, size, NULL));
  REFUSED("item_size", RETIRABLE(&page, grants, size - 1, &text));
  ACCEPTED(RETIRABLE(&page, grants, size, &text));
  fresh_outputs();
  CHECK(kms_list_retirable_grants(kms, &request, &page, grants, size, 2, &text, NULL) == KMS_OK);
}

typedef kms_status_t (*grant_function_t)(kms_t *, const kms_grant_request_t *, kms_error_t *);

static void check_ending(grant_function_t function) {
  static const char *const bad_ids[] = {"", "x", "0000", "\xff"};
  kms_grant_request_t request = KMS_GRANT_REQUEST_INIT;
  size_t i;
  REFUSED("request.grant_id", function(kms, &request, &err));
  request.key_id = "key-2";
  REFUSED("request.grant_id", function(kms, &request, &err));
  request.grant_id = no_grant;
  REFUSED("kms", function(NULL, &request, &err));
  REFUSED("request", function(kms, NULL, &err));
  request.key_id = NULL;
  REFUSED("request.grant_id", function(kms, &request, &err));
  request.key_id = "key-2";
  request.grant_token = "x"; /* all three */
  REFUSED("request.grant_id", function(kms, &request, &err));
  request.grant_token = NULL;
  for (i = 0; i < sizeof bad_ids / sizeof bad_ids[0]; i++) {
    request.grant_id = bad_ids[i];
    REFUSED("request.grant_id", function(kms, &request, &err));
  }
  request.grant_id = no_grant;
  CHECK_STATUS(KMS_NOT_FOUND, function(kms, &request, &err));
  CHECK(err.detail == KMS_DETAIL_GRANT);
  request.key_id = "no-such-key";
  CHECK_STATUS(KMS_NOT_FOUND, function(kms, &request, &err));
  CHECK(err.detail == KMS_DETAIL_KEY);
  CHECK(function(NULL, NULL, NULL) == KMS_INVALID_ARGUMENT);
}

static void check_retire_and_revoke(void) {
  kms_grant_request_t request = KMS_GRANT_REQUEST_INIT;
  check_ending(kms_retire_grant);
  check_ending(kms_revoke_grant);
  request.grant_token = "not a token";
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, kms_retire_grant(kms, &request, &err));
  REFUSED("request.grant_token", kms_revoke_grant(kms, &request, &err));
}

/* --- the audit log
 * ------------------------------------------------------------------------------------------------
 */

static void check_verify_audit_log(void) {
  static const size_t sizes[] = {0, 1, sizeof(kms_log_damage_info_t) - 1, 4097, SIZE_MAX};
  kms_verify_audit_log_request_t request = KMS_VERIFY_AUDIT_LOG_REQUEST_INIT;
  const size_t size = sizeof damages[0];
  size_t i;
#define VERIFY(page, items, size, text)                                                            \
  kms_verify_audit_log(kms, &request, (page), (items), (size), 2, (text), &err)
  REFUSED("request.path", VERIFY(&page, damages, size, &text));
  request.path = "";
  REFUSED("request.path", VERIFY(&page, damages, size, &text));
  request.path = "no-such-log";
  REFUSED_HANDLE_AND_REQUEST(kms_verify_audit_log, &page, damages, size, 2, &text, &err);
  REFUSED("page", VERIFY(NULL, damages, size, &text));
  REFUSED("items", VERIFY(&page, NULL, size, &text));
  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    REFUSED("item_size", VERIFY(&page, damages, sizes[i], &text));
  fresh_outputs();
  text.data = NULL;
  CHECK_ARGUMENT("text", VERIFY(&page, damages, size, &text));
  fresh_outputs();
  memcpy(page.marker, "nonsense", sizeof "nonsense");
  CHECK_ARGUMENT("page.marker", VERIFY(&page, damages, size, &text));
  fresh_outputs();
  CHECK_STATUS(KMS_NOT_FOUND, VERIFY(&page, damages, size, &text));
  CHECK(kms_verify_audit_log(kms, &request, &page, damages, size, 2, NULL, NULL) == KMS_NOT_FOUND);
}

/* Options of a log without a log, and of a log in a folder that is not there. */
static void check_open(void) {
  kms_open_options_t options = good_options();
  int bit;
  options.audit_data = KMS_AUDIT_DATA_ALL;
  CHECK_ARGUMENT("options.audit_log", call_open(&options));
  options.audit_data = 0;
  options.audit_flags = KMS_AUDIT_CONTEXT_VALUES;
  CHECK_ARGUMENT("options.audit_log", call_open(&options));
  options.audit_flags = 0;
  options.audit_max_kib = 4;
  CHECK_ARGUMENT("options.audit_log", call_open(&options));
  options.audit_log = "";
  CHECK_ARGUMENT("options.audit_log", call_open(&options));
  options.audit_log = "\xff";
  CHECK_ARGUMENT("options.audit_log", call_open(&options));
  options.audit_log = "no/such/folder/audit.log";
  CHECK_STATUS(KMS_STORE_ERROR, call_open(&options));
  CHECK(err.native_code != 0);
  options.audit_data = KMS_AUDIT_DATA_COUNTED + 1;
  CHECK_ARGUMENT("options.audit_data", call_open(&options));
  options.audit_data = UINT32_MAX;
  CHECK_ARGUMENT("options.audit_data", call_open(&options));
  options.audit_data = 0;
  for (bit = 2; bit < 32; bit++) {
    options.audit_flags = (uint32_t)1 << bit;
    CHECK_ARGUMENT("options.audit_flags", call_open(&options));
  }
  options.audit_flags = 0;
  for (options.audit_max_kib = 1; options.audit_max_kib < 4; options.audit_max_kib++)
    CHECK_ARGUMENT("options.audit_max_kib", call_open(&options));
}

int main(void) {
  open_for_calls();
  check_open();
  check_as_principal();
  check_put_key_policy();
  check_get_key_policy();
  check_policy_of_a_new_key();
  check_create_grant();
  check_list_grants();
  check_list_retirable_grants();
  check_retire_and_revoke();
  check_verify_audit_log();
  kms_close(kms);
  return check_result();
}
