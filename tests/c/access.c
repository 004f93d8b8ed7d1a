/* A host of tenants in C: the root gives a key a policy, two tenants work with it by policy, grant
 * and token, each reaches for what is the other's, dry runs change nothing, handles close in any
 * order, and what was done stands in an audit log that nobody can edit. */
#include "check.h"

#define ALICE "arn:aws:iam::000000000000:user/alice"
#define BOB "bob"

static kms_t *root, *alice, *bob;

/* The root does all; alice works with data, in her own context only. */
static const char policy[] =
    "{\"Version\":\"2012-10-17\",\"Statement\":["
    "{\"Sid\":\"root\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"arn:aws:iam::000000000000:"
    "root\"},\"Action\":\"kms:*\",\"Resource\":\"*\"},"
    "{\"Sid\":\"alice\",\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" ALICE "\"},"
    "\"Action\":[\"kms:GenerateDataKey\",\"kms:Decrypt\",\"kms:CreateGrant\"],\"Resource\":\"*\","
    "\"Condition\":{\"StringEquals\":{\"kms:EncryptionContext:tenant\":\"alice\"}}}]}";

static const kms_context_entry_t of_alice[] = {{"tenant", "alice"}};
static const kms_context_entry_t of_bob[] = {{"tenant", "bob"}};

static kms_t *act_as(kms_t *kms, const char *principal) {
  kms_principal_options_t options = KMS_PRINCIPAL_OPTIONS_INIT;
  kms_t *out = NULL;
  options.principal = principal;
  CHECK_OK(kms_as_principal(kms, &options, &out, &err));
  return out;
}

/* --- data keys, of everyone for everyone
 * ------------------------------------------------------------------------- */

typedef struct sealed {
  uint8_t plaintext[32], ciphertext[32 + KMS_CIPHERTEXT_OVERHEAD];
} sealed_t;

static kms_status_t generate(kms_t *who, const char *key_id, const kms_context_entry_t *context,
                             const char *token, uint32_t flags, sealed_t *sealed) {
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  kms_buffer_t plaintext = fresh_buffer(sealed->plaintext, sizeof sealed->plaintext);
  kms_buffer_t ciphertext = fresh_buffer(sealed->ciphertext, sizeof sealed->ciphertext);
  kms_status_t status;
  request.key_id = key_id;
  request.context = context;
  request.context_len = context == NULL ? 0 : 1;
  request.grant_tokens = &token;
  request.grant_tokens_len = token == NULL ? 0 : 1;
  request.flags = flags;
  status = kms_generate_data_key(who, &request, &plaintext, &ciphertext, NULL, NULL, &err);
  if (status != KMS_OK)
    CHECK(buffer_untouched(&plaintext) && buffer_untouched(&ciphertext));
  return status;
}

static kms_status_t opened(kms_t *who, const sealed_t *sealed, const kms_context_entry_t *context,
                           const char *token, uint32_t flags) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  uint8_t bytes[32];
  kms_buffer_t plaintext = fresh_buffer(bytes, sizeof bytes);
  kms_status_t status;
  request.ciphertext.data = sealed->ciphertext;
  request.ciphertext.len = sizeof sealed->ciphertext;
  request.context = context;
  request.context_len = context == NULL ? 0 : 1;
  request.grant_tokens = &token;
  request.grant_tokens_len = token == NULL ? 0 : 1;
  request.flags = flags;
  status = kms_decrypt(who, &request, &plaintext, NULL, &err);
  if (status == KMS_OK)
    CHECK(memcmp(bytes, sealed->plaintext, sizeof bytes) == 0);
  else
    CHECK(buffer_untouched(&plaintext));
  return status;
}

/* --- policies
 * ----------------------------------------------------------------------------------------------------
 */

static kms_status_t put_policy(kms_t *who, const char *text, uint32_t flags) {
  kms_policy_request_t request = KMS_POLICY_REQUEST_INIT;
  request.key_id = "orders";
  request.policy = text;
  request.flags = flags;
  return kms_put_key_policy(who, &request, &err);
}

static void the_policy_says(const char *text) {
  kms_key_request_t request = KMS_KEY_REQUEST_INIT;
  uint8_t bytes[2048];
  kms_buffer_t place = fresh_buffer(bytes, sizeof bytes);
  request.key_id = "orders";
  CHECK_OK(kms_get_key_policy(root, &request, &place, &err));
  CHECK(place.len == strlen(text) && memcmp(bytes, text, place.len) == 0);
}

static void keys_of_the_root(void) {
  static const char locks_out[] = "{\"Statement\":{\"Effect\":\"Allow\",\"Principal\":\"*\","
                                  "\"Action\":\"kms:Decrypt\",\"Resource\":\"*\"}}";
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  create.key_id = "orders";
  create.policy = locks_out;
  CHECK_ARGUMENT("request.policy", kms_create_key(root, &create, NULL, &err));
  create.policy = policy;
  create.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_create_key(root, &create, NULL, &err));
  create.flags = 0;
  CHECK_OK(kms_create_key(root, &create, NULL, &err));
  the_policy_says(policy);
  create.key_id = "secrets"; /* the default policy: the root's own */
  create.policy = NULL;
  CHECK_OK(kms_create_key(root, &create, NULL, &err));
  CHECK_STATUS(KMS_ACCESS_DENIED, kms_create_key(alice, &create, NULL, &err));

  CHECK_ARGUMENT("request.policy", put_policy(root, locks_out, 0));
  CHECK_STATUS(KMS_ACCESS_DENIED, put_policy(alice, policy, 0));
  CHECK_STATUS(KMS_DRY_RUN_OK,
               put_policy(root, locks_out, KMS_DRY_RUN | KMS_BYPASS_POLICY_LOCKOUT_CHECK));
  the_policy_says(policy);
}

static void by_policy(void) {
  sealed_t sealed, other;
  CHECK_OK(generate(alice, "orders", of_alice, NULL, 0, &sealed));
  CHECK_OK(opened(alice, &sealed, of_alice, NULL, 0));
  CHECK_OK(opened(root, &sealed, of_alice, NULL, 0));
  CHECK_STATUS(KMS_DRY_RUN_OK, opened(alice, &sealed, of_alice, NULL, KMS_DRY_RUN));
  CHECK_STATUS(KMS_ACCESS_DENIED, opened(bob, &sealed, of_alice, NULL, 0));
  CHECK_STATUS(KMS_ACCESS_DENIED, opened(bob, &sealed, of_alice, NULL, KMS_DRY_RUN));
  /* The condition, and a key that is none of hers. */
  CHECK_STATUS(KMS_ACCESS_DENIED, generate(alice, "orders", of_bob, NULL, 0, &other));
  CHECK_STATUS(KMS_ACCESS_DENIED, generate(alice, "orders", NULL, NULL, 0, &other));
  CHECK_STATUS(KMS_ACCESS_DENIED, generate(alice, "secrets", of_alice, NULL, 0, &other));
  CHECK_OK(generate(root, "secrets", of_alice, NULL, 0, &other));
  CHECK_STATUS(KMS_ACCESS_DENIED, opened(alice, &other, of_alice, NULL, 0));
}

/* --- grants and tokens
 * ------------------------------------------------------------------------------------------- */

static kms_create_grant_request_t to_bob(void) {
  kms_create_grant_request_t request = KMS_CREATE_GRANT_REQUEST_INIT;
  request.key_id = "orders";
  request.grantee_principal = BOB;
  request.retiring_principal = BOB;
  request.operations = KMS_GRANT_DECRYPT;
  request.constraint = KMS_GRANT_CONTEXT_EQUALS;
  request.context = of_alice;
  request.context_len = 1;
  return request;
}

static size_t grants_of_orders(void) {
  static uint8_t bytes[KMS_LIST_MIN_TEXT];
  kms_list_grants_request_t request = KMS_LIST_GRANTS_REQUEST_INIT;
  kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
  kms_page_t page = KMS_PAGE_INIT;
  kms_grant_info_t grants[4];
  request.key_id = "orders";
  CHECK_OK(kms_list_grants(root, &request, &page, grants, sizeof grants[0], 4, &text, &err));
  CHECK(page.more == 0);
  if (page.items_len > 0) {
    const char *grantee = (const char *)bytes + grants[0].grantee_principal.offset;
    const char *context = (const char *)bytes + grants[0].context.offset;
    CHECK(strcmp(grantee, BOB) == 0 && strcmp(context, "{\"tenant\":\"alice\"}") == 0);
    CHECK(grants[0].operations == KMS_GRANT_DECRYPT && grants[0].created_at > 0);
    CHECK(grants[0].constraint == KMS_GRANT_CONTEXT_EQUALS && grants[0].name.len == 0);
  }
  return page.items_len;
}

static void by_grant(void) {
  kms_create_grant_request_t request = to_bob();
  kms_created_grant_t grant = KMS_CREATED_GRANT_INIT, second = KMS_CREATED_GRANT_INIT;
  kms_grant_request_t which = KMS_GRANT_REQUEST_INIT;
  char forged[sizeof grant.grant_token];
  sealed_t sealed, other;
  CHECK_OK(generate(alice, "orders", of_alice, NULL, 0, &sealed));
  CHECK_OK(generate(root, "orders", of_bob, NULL, 0, &other));

  request.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_create_grant(root, &request, &grant, &err));
  CHECK(grants_of_orders() == 0);
  request.flags = 0;
  CHECK_STATUS(KMS_ACCESS_DENIED, kms_create_grant(bob, &request, &grant, &err));
  CHECK_OK(kms_create_grant(root, &request, &grant, &err));
  CHECK(grants_of_orders() == 1);
  /* What the policy does not let alice do herself she cannot give. */
  request.operations = KMS_GRANT_ENCRYPT;
  CHECK_STATUS(KMS_ACCESS_DENIED, kms_create_grant(alice, &request, &second, &err));

  CHECK_OK(opened(bob, &sealed, of_alice, NULL, 0));
  CHECK_OK(opened(bob, &sealed, of_alice, grant.grant_token, 0));
  CHECK_STATUS(KMS_ACCESS_DENIED, opened(bob, &other, of_bob, NULL, 0)); /* another context */
  CHECK_STATUS(KMS_ACCESS_DENIED, generate(bob, "orders", of_alice, NULL, 0, &other));

  /* A token is of one key, and not to be made up. */
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN,
               generate(root, "secrets", NULL, grant.grant_token, 0, &other));
  memcpy(forged, grant.grant_token, sizeof forged);
  forged[30] = forged[30] == 'A' ? 'B' : 'A';
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, opened(bob, &sealed, of_alice, forged, 0));
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, opened(bob, &sealed, of_alice, "", 0));

  /* Retired by whom it names, by its token; then it is over, also for the token. */
  which.grant_token = grant.grant_token;
  which.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_retire_grant(bob, &which, &err));
  which.flags = 0;
  CHECK_STATUS(KMS_ACCESS_DENIED, kms_retire_grant(alice, &which, &err));
  CHECK_OK(opened(bob, &sealed, of_alice, NULL, 0));
  CHECK_OK(kms_retire_grant(bob, &which, &err));
  CHECK_STATUS(KMS_ACCESS_DENIED, opened(bob, &sealed, of_alice, NULL, 0));
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, opened(bob, &sealed, of_alice, grant.grant_token, 0));
  CHECK_STATUS(KMS_INVALID_GRANT_TOKEN, kms_retire_grant(bob, &which, &err));
  CHECK(grants_of_orders() == 0);

  /* The same name and content give the same grant; another is revoked by the root alone. */
  request = to_bob();
  request.name = "for bob";
  CHECK_OK(kms_create_grant(root, &request, &grant, &err));
  CHECK_OK(kms_create_grant(root, &request, &second, &err));
  CHECK(strcmp(grant.grant_id, second.grant_id) == 0);
  which.grant_token = NULL;
  which.key_id = "orders";
  which.grant_id = grant.grant_id;
  CHECK_STATUS(KMS_ACCESS_DENIED, kms_revoke_grant(bob, &which, &err));
  which.flags = KMS_DRY_RUN;
  CHECK_STATUS(KMS_DRY_RUN_OK, kms_revoke_grant(root, &which, &err));
  CHECK_OK(opened(bob, &sealed, of_alice, NULL, 0));
  which.flags = 0;
  CHECK_OK(kms_revoke_grant(root, &which, &err));
  CHECK_STATUS(KMS_ACCESS_DENIED, opened(bob, &sealed, of_alice, NULL, 0));
  CHECK_STATUS(KMS_NOT_FOUND, kms_revoke_grant(root, &which, &err));
  CHECK(err.detail == KMS_DETAIL_GRANT);
}

static void retirable_grants(void) {
  static uint8_t bytes[KMS_LIST_MIN_TEXT];
  kms_list_retirable_grants_request_t request = KMS_LIST_RETIRABLE_GRANTS_REQUEST_INIT;
  kms_create_grant_request_t create = to_bob();
  kms_created_grant_t grant = KMS_CREATED_GRANT_INIT;
  kms_grant_request_t which = KMS_GRANT_REQUEST_INIT;
  kms_t *const allowed[] = {root, bob};
  kms_page_t page = KMS_PAGE_INIT;
  kms_grant_info_t item;
  size_t i;
  CHECK_OK(kms_create_grant(root, &create, &grant, &err));
  request.retiring_principal = BOB;
  for (i = 0; i < 2; i++) {
    const kms_page_t first = KMS_PAGE_INIT;
    kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
    page = first;
    CHECK_OK(
        kms_list_retirable_grants(allowed[i], &request, &page, &item, sizeof item, 1, &text, &err));
    CHECK(page.items_len == 1 && strcmp(item.grant_id, grant.grant_id) == 0);
    CHECK(strcmp(item.key_id, "orders") == 0);
  }
  {
    kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
    CHECK_STATUS(KMS_ACCESS_DENIED, kms_list_retirable_grants(alice, &request, &page, &item,
                                                              sizeof item, 1, &text, &err));
  }
  which.key_id = "orders";
  which.grant_id = grant.grant_id;
  CHECK_OK(kms_retire_grant(bob, &which, &err));
}

/* --- what a tenant may not, and dry runs
 * ------------------------------------------------------------------------- */

/* Every operation that a tenant without rights may try; with a dry run it is refused as well. */
static void nothing_for_strangers(uint32_t flags) {
  static const kms_tag_t tag[] = {{"a", "b"}};
  static const uint8_t new_root_key[KMS_ROOT_KEY_SIZE] = {9};
  static uint8_t bytes[KMS_LIST_MIN_TEXT];
  kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
  kms_page_t page = KMS_PAGE_INIT;
  kms_key_request_t key = KMS_KEY_REQUEST_INIT;
  kms_schedule_request_t schedule = KMS_SCHEDULE_REQUEST_INIT;
  kms_rotation_request_t rotation = KMS_ROTATION_REQUEST_INIT;
  kms_description_request_t description = KMS_DESCRIPTION_REQUEST_INIT;
  kms_tags_request_t tags = KMS_TAGS_REQUEST_INIT;
  kms_create_alias_request_t alias = KMS_CREATE_ALIAS_REQUEST_INIT;
  kms_list_keys_request_t list_keys = KMS_LIST_KEYS_REQUEST_INIT;
  kms_list_aliases_request_t list_aliases = KMS_LIST_ALIASES_REQUEST_INIT;
  kms_list_grants_request_t list_grants = KMS_LIST_GRANTS_REQUEST_INIT;
  kms_rekey_request_t rekey = KMS_REKEY_REQUEST_INIT;
  kms_backup_request_t backup = KMS_BACKUP_REQUEST_INIT;
  kms_verify_request_t verify = KMS_VERIFY_REQUEST_INIT;
  kms_verify_audit_log_request_t verify_log = KMS_VERIFY_AUDIT_LOG_REQUEST_INIT;
  kms_stats_request_t stats_request = KMS_STATS_REQUEST_INIT;
  kms_principal_options_t principal = KMS_PRINCIPAL_OPTIONS_INIT;
  kms_stats_t stats = KMS_STATS_INIT;
  kms_key_info_t info = KMS_KEY_INFO_INIT;
  kms_alias_info_t alias_info;
  kms_grant_info_t grant_info;
  kms_damage_info_t damage;
  kms_log_damage_info_t log_damage;
  kms_t *out = root;
#define DENIED(call) CHECK_STATUS(KMS_ACCESS_DENIED, call)
  key.key_id = schedule.key_id = rotation.key_id = description.key_id = "secrets";
  tags.key_id = alias.key_id = list_grants.key_id = "secrets";
  tags.tags = tag;
  tags.tags_len = 1;
  alias.alias = "alias/mine";
  rekey.root_key.data = new_root_key;
  rekey.root_key.len = sizeof new_root_key;
  backup.path = verify_log.path = "stolen";
  principal.principal = ALICE;
  key.flags = schedule.flags = rotation.flags = description.flags = tags.flags = flags;
  alias.flags = list_keys.flags = list_aliases.flags = list_grants.flags = flags;
  rekey.flags = backup.flags = verify.flags = verify_log.flags = stats_request.flags = flags;
  principal.flags = flags;

  DENIED(kms_describe_key(bob, &key, &info, NULL, &err));
  DENIED(kms_enable_key(bob, &key, &err));
  DENIED(kms_disable_key(bob, &key, &err));
  DENIED(kms_rotate_key(bob, &key, NULL, &err));
  DENIED(kms_get_key_policy(bob, &key, &text, &err));
  DENIED(kms_schedule_key_deletion(bob, &schedule, NULL, &err));
  DENIED(kms_cancel_key_deletion(bob, &key, &err));
  DENIED(kms_set_key_rotation(bob, &rotation, &err));
  DENIED(kms_update_key_description(bob, &description, &err));
  DENIED(kms_tag_key(bob, &tags, &err));
  DENIED(kms_untag_key(bob, &tags, &err));
  DENIED(kms_create_alias(bob, &alias, &err));
  DENIED(kms_list_grants(bob, &list_grants, &page, &grant_info, sizeof grant_info, 1, &text, &err));
  DENIED(kms_list_keys(bob, &list_keys, &page, &info, sizeof info, 1, NULL, &err));
  DENIED(
      kms_list_aliases(bob, &list_aliases, &page, &alias_info, sizeof alias_info, 1, NULL, &err));
  DENIED(kms_rekey(bob, &rekey, &err));
  DENIED(kms_backup(bob, &backup, &err));
  DENIED(kms_verify(bob, &verify, &page, &damage, sizeof damage, 1, NULL, &err));
  DENIED(
      kms_verify_audit_log(bob, &verify_log, &page, &log_damage, sizeof log_damage, 1, NULL, &err));
  DENIED(kms_stats(bob, &stats_request, &stats, &err));
  DENIED(kms_as_principal(bob, &principal, &out, &err));
  CHECK(out == NULL && page.items_len == 0);
}

/* What a dry run of the root says: it would succeed. And nothing has happened. */
static void dry_runs_of_the_root(void) {
  kms_key_request_t key = KMS_KEY_REQUEST_INIT;
  kms_list_keys_request_t list_keys = KMS_LIST_KEYS_REQUEST_INIT;
  kms_verify_request_t verify = KMS_VERIFY_REQUEST_INIT;
  kms_backup_request_t backup = KMS_BACKUP_REQUEST_INIT;
  kms_stats_request_t stats_request = KMS_STATS_REQUEST_INIT;
  kms_stats_t stats;
  kms_key_info_t info;
  kms_damage_info_t damage;
  kms_page_t page = KMS_PAGE_INIT;
  const kms_page_t first = KMS_PAGE_INIT;
  uint8_t bytes[1024];
  kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
  sealed_t sealed;
  FILE *stolen;
  FRESH_STRUCT(stats);
  FRESH_STRUCT(info);
  key.key_id = "secrets";
  key.flags = list_keys.flags = verify.flags = backup.flags = stats_request.flags = KMS_DRY_RUN;
  backup.path = "backup";
#define DRY(call) CHECK_STATUS(KMS_DRY_RUN_OK, call)
  DRY(kms_describe_key(root, &key, &info, NULL, &err));
  DRY(kms_disable_key(root, &key, &err));
  DRY(kms_rotate_key(root, &key, NULL, &err));
  DRY(kms_get_key_policy(root, &key, &text, &err));
  DRY(kms_list_keys(root, &list_keys, &page, &info, sizeof info, 1, NULL, &err));
  DRY(kms_verify(root, &verify, &page, &damage, sizeof damage, 1, NULL, &err));
  DRY(kms_backup(root, &backup, &err));
  DRY(kms_stats(root, &stats_request, &stats, &err));
  DRY(generate(root, "secrets", NULL, NULL, KMS_DRY_RUN, &sealed));
  CHECK(STRUCT_UNTOUCHED(stats) && STRUCT_UNTOUCHED(info) && buffer_untouched(&text));
  CHECK(memcmp(&page, &first, sizeof page) == 0);
  stolen = fopen("backup", "rb");
  CHECK(stolen == NULL);
  if (stolen != NULL)
    fclose(stolen);
  CHECK_OK(generate(root, "secrets", NULL, NULL, 0, &sealed));
}

/* --- the audit log
 * -----------------------------------------------------------------------------------------------
 */

static const char log_path[] = "audit.log";

/* How many damages there are, and the line of the first. */
static size_t damages_of_log(unsigned long long *line) {
  kms_verify_audit_log_request_t request = KMS_VERIFY_AUDIT_LOG_REQUEST_INIT;
  kms_page_t page = KMS_PAGE_INIT;
  kms_log_damage_info_t items[8];
  uint8_t bytes[4096];
  size_t found = 0;
  request.path = log_path;
  do {
    kms_buffer_t text = fresh_buffer(bytes, sizeof bytes);
    if (!CHECK_OK(
            kms_verify_audit_log(root, &request, &page, items, sizeof items[0], 8, &text, &err)))
      return SIZE_MAX;
    if (found == 0 && page.items_len > 0) {
      CHECK(items[0].problem.len > 0 && items[0].file_number == 0 && items[0].reserved0 == 0);
      *line = items[0].line;
    }
    found += page.items_len;
  } while (page.more);
  return found;
}

static char *read_log(size_t *len) {
  char *text = (char *)malloc(1 << 20);
  FILE *file = fopen(log_path, "rb");
  if (!CHECK(file != NULL && text != NULL))
    exit(check_result());
  *len = fread(text, 1, (1 << 20) - 1, file);
  fclose(file);
  text[*len] = 0;
  return text;
}

static void write_log(const char *text, size_t len) {
  FILE *file = fopen(log_path, "wb");
  CHECK(file != NULL && fwrite(text, 1, len, file) == len);
  fclose(file);
}

static void the_log_knows(void) {
  size_t len;
  unsigned long long line = 0;
  char *text;
  CHECK_OK(kms_flush(root, &err));
  CHECK(damages_of_log(&line) == 0);
  text = read_log(&len);
  /* Who did what, and who was refused; no values of contexts, as nobody asked for them. */
  CHECK(strstr(text, "\"principal\":\"" ALICE "\"") != NULL);
  CHECK(strstr(text, "\"principal\":\"bob\"") != NULL);
  CHECK(strstr(text, "\"action\":\"kms:CreateGrant\"") != NULL);
  CHECK(strstr(text, "\"action\":\"kms:PutKeyPolicy\"") != NULL);
  CHECK(strstr(text, "\"outcome\":\"KMS_ACCESS_DENIED\"") != NULL);
  CHECK(strstr(text, "\"outcome\":\"KMS_DRY_RUN_OK\"") != NULL);
  CHECK(strstr(text, "\"context\":[\"tenant\"]") != NULL);
  CHECK(strstr(text, "{\"tenant\":\"alice\"}") == NULL);
  free(text);
}

/* The log of a store that nobody writes to is edited by hand, and verified with a handle that has
 * no log of its own. */
static void the_log_was_edited(void) {
  size_t len, at, cut;
  unsigned long long line = 0, lines = 1;
  char *text = read_log(&len), *found = strstr(text, "\"principal\":\"bob\"");
  if (!CHECK(found != NULL))
    return;
  /* One letter of a name. */
  at = (size_t)(found - text) + strlen("\"principal\":\"");
  for (cut = 0; cut < at; cut++)
    lines += text[cut] == '\n';
  text[at] = 'r';
  write_log(text, len);
  CHECK(damages_of_log(&line) > 0 && line == lines);
  text[at] = 'b';
  write_log(text, len);
  CHECK(damages_of_log(&line) == 0);
  /* The last line cut off. */
  for (cut = len - 1; cut > 0 && text[cut - 1] != '\n'; cut--)
    ;
  write_log(text, cut);
  CHECK(damages_of_log(&line) == 1);
  write_log(text, len);
  CHECK(damages_of_log(&line) == 0);
  free(text);
}

static void statistics(void) {
  const kms_stats_request_t request = KMS_STATS_REQUEST_INIT;
  kms_stats_t stats = KMS_STATS_INIT;
  CHECK_OK(kms_flush(root, &err));
  CHECK_OK(kms_stats(root, &request, &stats, &err));
  CHECK(stats.audit_records > 50 && stats.audit_records_lost == 0);
}

/* --- handles
 * ------------------------------------------------------------------------------------------------------
 */

/* Handles close in any order, also one that another was made from, and the rest go on. */
static void handles_in_any_order(void) {
  kms_t *carol = act_as(root, "carol");
  kms_t *again = act_as(root, "arn:aws:iam::000000000000:root"); /* the root by its name */
  sealed_t sealed;
  kms_close(bob);
  CHECK_OK(generate(again, "secrets", NULL, NULL, 0, &sealed));
  kms_close(root);
  CHECK_OK(opened(again, &sealed, NULL, NULL, 0));
  CHECK_STATUS(KMS_ACCESS_DENIED, opened(carol, &sealed, NULL, NULL, 0));
  CHECK_OK(generate(alice, "orders", of_alice, NULL, 0, &sealed));
  kms_close(again);
  CHECK_OK(opened(alice, &sealed, of_alice, NULL, 0));
  kms_close(carol);
  CHECK_OK(kms_flush(alice, &err));
  kms_close(alice);
}

static kms_t *open_store(const char *log, uint32_t flags) {
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_t *kms = NULL;
  options.store = "sqlite:access.db";
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = flags;
  options.audit_log = log;
  if (!CHECK_OK(kms_open(&options, &kms, &err)))
    exit(check_result());
  return kms;
}

int main(void) {
  unsigned long long line = 0;
  root = open_store(log_path, KMS_OPEN_CREATE);
  alice = act_as(root, ALICE);
  bob = act_as(root, BOB);
  keys_of_the_root();
  by_policy();
  by_grant();
  retirable_grants();
  nothing_for_strangers(0);
  nothing_for_strangers(KMS_DRY_RUN);
  dry_runs_of_the_root();
  the_log_knows();
  statistics();
  handles_in_any_order();
  /* What the last handles did is in the log too, and it goes on where it was. */
  root = open_store(log_path, 0);
  CHECK(damages_of_log(&line) == 0);
  the_policy_says(policy);
  kms_close(root);
  root = open_store(NULL, 0);
  the_log_was_edited();
  kms_close(root);
  return check_result();
}
