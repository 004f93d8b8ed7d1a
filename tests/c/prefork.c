/* A prefork server: the parent opens a store, uses it, and forks workers that serve data keys and
 * decryption over sockets with the handle they inherit. Now and then a worker is replaced by a new
 * one. What one process wraps another opens; no data key and no IV comes twice, and no N1 in two
 * processes.
 *
 * usage: prefork DIR [ROUNDS] */
#define _POSIX_C_SOURCE 200809L

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define WORKERS 4
/* A worker serves this many rounds. */
#define LIFE 50
/* Seconds after which a process that hangs is ended. */
#define PATIENCE 300
#define DATA_KEY_SIZE 32
#define WRAPPED_SIZE (DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD)
#define N1_OFFSET 56
#define N1_SIZE 12

typedef struct data_key {
  uint8_t plain[DATA_KEY_SIZE], wrapped[WRAPPED_SIZE], iv[KMS_IV_SIZE];
  uint8_t process[4]; /* that made it: the parent is 0, workers count from 1 */
} data_key_t;

typedef struct request {
  uint8_t operation; /* 'g' generates, 'd' decrypts, 'q' ends the worker */
  uint8_t wrapped[WRAPPED_SIZE];
} request_t;

typedef struct reply {
  int32_t status;
  data_key_t key;
} reply_t;

typedef struct worker {
  pid_t pid;
  int socket;
} worker_t;

static uint32_t processes_made;

static kms_status_t generate(kms_t *kms, uint32_t process, data_key_t *key, kms_error_t *error) {
  kms_buffer_t plain = {key->plain, sizeof key->plain, 0};
  kms_buffer_t wrapped = {key->wrapped, sizeof key->wrapped, 0};
  kms_buffer_t iv = {key->iv, sizeof key->iv, 0};
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  request.key_id = "alias/served";
  request.number_of_bytes = DATA_KEY_SIZE;
  memcpy(key->process, &process, sizeof key->process);
  return kms_generate_data_key(kms, &request, &plain, &wrapped, &iv, NULL, error);
}

static kms_status_t decrypt(kms_t *kms, const uint8_t *wrapped, uint8_t *plain,
                            kms_error_t *error) {
  kms_buffer_t buffer = {plain, DATA_KEY_SIZE, 0};
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  request.ciphertext.data = wrapped;
  request.ciphertext.len = WRAPPED_SIZE;
  return kms_decrypt(kms, &request, &buffer, NULL, error);
}

static int send_all(int to, const void *data, size_t len) {
  const char *at = (const char *)data;
  while (len > 0) {
    ssize_t sent = write(to, at, len);
    if (sent <= 0)
      return 0;
    at += sent;
    len -= (size_t)sent;
  }
  return 1;
}

static int receive_all(int from, void *data, size_t len) {
  char *at = (char *)data;
  while (len > 0) {
    ssize_t got = read(from, at, len);
    if (got <= 0)
      return 0;
    at += got;
    len -= (size_t)got;
  }
  return 1;
}

/* Serves until it is told to end; its exit code says whether all went well. */
static int serve(kms_t *kms, uint32_t process, int socket) {
  request_t request;
  while (receive_all(socket, &request, sizeof request)) {
    reply_t reply;
    memset(&reply, 0, sizeof reply);
    if (request.operation == 'q') {
      kms_close(kms);
      return 0;
    }
    reply.status = request.operation == 'g' ? generate(kms, process, &reply.key, &err)
                                            : decrypt(kms, request.wrapped, reply.key.plain, &err);
    if (reply.status != KMS_OK)
      printf("worker %u: %.447s\n", (unsigned)process, err.message);
    if (!send_all(socket, &reply, sizeof reply))
      break;
  }
  return 1;
}

static void start(worker_t *worker, kms_t *kms) {
  int ends[2];
  uint32_t process = ++processes_made;
  if (!CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0))
    exit(check_result());
  fflush(stdout);
  worker->pid = fork();
  if (worker->pid == 0) {
    int code;
    alarm(PATIENCE);
    close(ends[0]);
    code = serve(kms, process, ends[1]);
    fflush(stdout);
    _exit(code);
  }
  CHECK(worker->pid > 0);
  close(ends[1]);
  worker->socket = ends[0];
}

static void ask(const worker_t *worker, uint8_t operation, const uint8_t *wrapped) {
  request_t request;
  memset(&request, 0, sizeof request);
  request.operation = operation;
  if (wrapped != NULL)
    memcpy(request.wrapped, wrapped, sizeof request.wrapped);
  CHECK(send_all(worker->socket, &request, sizeof request));
}

static void stop(worker_t *worker) {
  int status = -1;
  ask(worker, 'q', NULL);
  CHECK(waitpid(worker->pid, &status, 0) == worker->pid);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  close(worker->socket);
}

/* Every worker makes a data key, all at once, and opens that of the next; the parent takes part. */
static void one_round(kms_t *kms, const worker_t *workers, data_key_t *keys) {
  uint8_t plain[DATA_KEY_SIZE];
  reply_t reply;
  size_t i;
  for (i = 0; i < WORKERS; i++)
    ask(&workers[i], 'g', NULL);
  CHECK_OK(generate(kms, 0, &keys[WORKERS], &err));
  for (i = 0; i < WORKERS; i++) {
    memset(&reply, UNTOUCHED, sizeof reply);
    CHECK(receive_all(workers[i].socket, &reply, sizeof reply) && reply.status == KMS_OK);
    keys[i] = reply.key;
    CHECK_OK(decrypt(kms, keys[i].wrapped, plain, &err));
    CHECK(memcmp(plain, keys[i].plain, sizeof plain) == 0);
  }
  for (i = 0; i < WORKERS; i++)
    ask(&workers[i], 'd', keys[i + 1].wrapped);
  for (i = 0; i < WORKERS; i++) {
    memset(&reply, UNTOUCHED, sizeof reply);
    CHECK(receive_all(workers[i].socket, &reply, sizeof reply) && reply.status == KMS_OK);
    CHECK(memcmp(reply.key.plain, keys[i + 1].plain, sizeof plain) == 0);
  }
}

static int by_plain(const void *one, const void *other) {
  return memcmp(((const data_key_t *)one)->plain, ((const data_key_t *)other)->plain,
                DATA_KEY_SIZE);
}

static int by_iv(const void *one, const void *other) {
  return memcmp(((const data_key_t *)one)->iv, ((const data_key_t *)other)->iv, KMS_IV_SIZE);
}

static int by_n1(const void *one, const void *other) {
  return memcmp(((const data_key_t *)one)->wrapped + N1_OFFSET,
                ((const data_key_t *)other)->wrapped + N1_OFFSET, N1_SIZE);
}

static void check_nothing_repeats(data_key_t *keys, size_t len) {
  size_t i, plains = 0, ivs = 0, shared = 0;
  qsort(keys, len, sizeof *keys, by_plain);
  for (i = 1; i < len; i++)
    plains += by_plain(&keys[i - 1], &keys[i]) == 0;
  qsort(keys, len, sizeof *keys, by_iv);
  for (i = 1; i < len; i++)
    ivs += by_iv(&keys[i - 1], &keys[i]) == 0;
  /* A process may use an N1 for many data keys. */
  qsort(keys, len, sizeof *keys, by_n1);
  for (i = 1; i < len; i++)
    shared += by_n1(&keys[i - 1], &keys[i]) == 0 &&
              memcmp(keys[i - 1].process, keys[i].process, sizeof keys[i].process) != 0;
  CHECK(plains == 0);
  CHECK(ivs == 0);
  CHECK(shared == 0);
}

static kms_t *open_served_store(const char *dir) {
  char store[4096];
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_t *kms = NULL;
  snprintf(store, sizeof store, "sqlite:%s/prefork.db", dir);
  options.store = store;
  options.root_key.data = test_root_key;
  options.root_key.len = sizeof test_root_key;
  options.flags = KMS_OPEN_CREATE;
  if (!CHECK_OK(kms_open(&options, &kms, &err)))
    exit(check_result());
  create.key_id = "served";
  create.alias = "alias/served";
  CHECK_OK(kms_create_key(kms, &create, NULL, &err));
  return kms;
}

int main(int argc, char **argv) {
  size_t rounds = argc > 2 ? (size_t)atoi(argv[2]) : 200, made = 0, round, i;
  worker_t workers[WORKERS];
  data_key_t *keys;
  kms_t *kms;
  if (argc < 2)
    return EXIT_FAILURE;
  alarm(PATIENCE);
  kms = open_served_store(argv[1]);
  keys = (data_key_t *)calloc(rounds * (WORKERS + 1) + 1, sizeof *keys);
  if (keys == NULL)
    return EXIT_FAILURE;
  /* The generator and the subkeys are in use before anyone inherits them. */
  CHECK_OK(generate(kms, 0, &keys[made++], &err));
  for (i = 0; i < WORKERS; i++)
    start(&workers[i], kms);
  for (round = 0; round < rounds; round++) {
    one_round(kms, workers, keys + made);
    made += WORKERS + 1;
    if (round % LIFE == LIFE - 1) {
      worker_t *oldest = &workers[round / LIFE % WORKERS];
      stop(oldest);
      start(oldest, kms);
    }
  }
  for (i = 0; i < WORKERS; i++)
    stop(&workers[i]);
  check_nothing_repeats(keys, made);
  free(keys);
  kms_close(kms);
  return check_result();
}
