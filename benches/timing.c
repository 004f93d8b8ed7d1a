/* Whether kms_decrypt takes longer to refuse a ciphertext the later a byte is wrong: `make timing`.
 *
 * After dudect (Reparaz, Balasch and Verbauwhede, "Dude, is my code constant time?", 2017): calls
 * of two classes in random order, of which one has the first byte of the commitment, or of the tag,
 * wrong, the other the last; the slow ones, which something interrupted, are left out by several
 * percentiles of the time; and Welch's t of what is left. 4.5 and more in every attempt means that
 * the times differ. A leak shows more clearly the more calls there are, chance does not: so one
 * attempt below the limit is enough.
 *
 * The twin shows that the harness would see it: it adds to the same call a comparison that stops at
 * the first byte that differs.
 *
 * Usage: timing [CALLS]. Prints a line for each measurement; 1 is returned if one is not as it
 * should be. */
#define _GNU_SOURCE
#include <kms.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIMIT 4.5
#define ATTEMPTS 5
#define CALLS 200000
#define BLOB (KMS_CIPHERTEXT_OVERHEAD + 32)
/* docs/format.md */
#define COMMITMENT 24
#define COMMITMENT_SIZE 32
#define TAG (BLOB - TAG_SIZE)
#define TAG_SIZE 16

static kms_t *kms;
static uint8_t right[BLOB], shown[BLOB];
static volatile int sink;

static void check(int ok, const char *what) {
  if (!ok) {
    fprintf(stderr, "%s failed\n", what);
    exit(1);
  }
}

static void refuse(void) {
  kms_decrypt_request_t request = KMS_DECRYPT_REQUEST_INIT;
  uint8_t key[32];
  kms_buffer_t plaintext = {key, sizeof key, 0};
  request.ciphertext.data = shown;
  request.ciphertext.len = sizeof shown;
  check(kms_decrypt(kms, &request, &plaintext, NULL, NULL) == KMS_INVALID_CIPHERTEXT,
        "the refusal of a wrong ciphertext");
}

/* What must not be: as memcmp may be made. */
static void refuse_and_leak(void) {
  int i = 0;
  refuse();
  while (i < COMMITMENT_SIZE &&
         *(volatile uint8_t *)&shown[COMMITMENT + i] == right[COMMITMENT + i])
    i++;
  sink = i;
}

static double now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* xorshift64: which class is next need not be secret, only without a pattern. */
static uint64_t random_bits(void) {
  static uint64_t state = 0x9E3779B97F4A7C15;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

/* One measurement: the class of each call, drawn before the first, and its time. */
struct samples {
  uint8_t *late;
  double *ns, *sorted;
  size_t len;
};

/* Nothing between two calls depends on their classes but the values of two bytes. */
static void measure(void (*call)(void), size_t first, size_t last, const struct samples *samples) {
  for (size_t i = 0; i < samples->len; i++)
    samples->late[i] = random_bits() >> 40 & 1;
  for (size_t i = 0; i < samples->len; i++) {
    uint8_t late = samples->late[i];
    shown[first] = right[first] ^ (uint8_t)((late ^ 1) << 7);
    shown[last] = right[last] ^ (uint8_t)(late << 7);
    double start = now_ns();
    call();
    samples->ns[i] = now_ns() - start;
  }
  memcpy(shown, right, sizeof shown);
}

static int ascending(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return (difference > 0) - (difference < 0);
}

/* Of the times below `limit`. */
static double welch_t(const struct samples *samples, double limit) {
  double sum[2] = {0}, squares[2] = {0}, count[2] = {0}, error = 0;
  for (size_t i = 0; i < samples->len; i++) {
    if (samples->ns[i] < limit) {
      count[samples->late[i]]++;
      sum[samples->late[i]] += samples->ns[i];
    }
  }
  if (count[0] < 100 || count[1] < 100)
    return 0;
  for (size_t i = 0; i < samples->len; i++) {
    int late = samples->late[i];
    double off = samples->ns[i] - sum[late] / count[late];
    squares[late] += samples->ns[i] < limit ? off * off : 0;
  }
  for (int late = 0; late < 2; late++)
    error += squares[late] / (count[late] - 1) / count[late];
  return error > 0 ? (sum[0] / count[0] - sum[1] / count[1]) / sqrt(error) : 0;
}

/* The largest |t|: of all times, and of those below some percentiles of both classes together. */
static double largest_t(const struct samples *samples) {
  static const double percentiles[] = {0.25, 0.5, 0.75, 0.9, 0.95, 0.99};
  double largest = fabs(welch_t(samples, INFINITY));
  memcpy(samples->sorted, samples->ns, samples->len * sizeof *samples->ns);
  qsort(samples->sorted, samples->len, sizeof *samples->sorted, ascending);
  for (size_t i = 0; i < sizeof percentiles / sizeof *percentiles; i++) {
    size_t place = (size_t)(percentiles[i] * (double)samples->len);
    double t = fabs(welch_t(samples, samples->sorted[place]));
    largest = t > largest ? t : largest;
  }
  return largest;
}

/* The smallest of the attempts, the first below the limit being the last. */
static double attempts(void (*call)(void), size_t first, size_t last, size_t calls) {
  struct samples samples = {malloc(calls), malloc(calls * sizeof(double)),
                            malloc(calls * sizeof(double)), calls};
  double smallest = INFINITY;
  check(samples.late && samples.ns && samples.sorted, "malloc");
  measure(call, first, last, &samples); /* until all is warm and in place */
  for (int i = 0; i < ATTEMPTS && smallest >= LIMIT; i++) {
    measure(call, first, last, &samples);
    double t = largest_t(&samples);
    smallest = t < smallest ? t : smallest;
  }
  free(samples.late);
  free(samples.ns);
  free(samples.sorted);
  return smallest;
}

static void set_up(void) {
  static const uint8_t root_key[KMS_ROOT_KEY_SIZE] = {7};
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_data_key_request_t request = KMS_DATA_KEY_REQUEST_INIT;
  uint8_t key[32];
  kms_buffer_t plaintext = {key, sizeof key, 0}, ciphertext = {right, sizeof right, 0};
  options.store = "memory:";
  options.root_key.data = root_key;
  options.root_key.len = sizeof root_key;
  options.flags = KMS_OPEN_CREATE;
  create.key_id = "k";
  request.key_id = "k";
  check(kms_open(&options, &kms, NULL) == KMS_OK, "kms_open");
  check(kms_create_key(kms, &create, NULL, NULL) == KMS_OK, "kms_create_key");
  check(kms_generate_data_key(kms, &request, &plaintext, &ciphertext, NULL, NULL, NULL) == KMS_OK,
        "kms_generate_data_key");
  memcpy(shown, right, sizeof shown);
}

int main(int argc, char **argv) {
  size_t calls = argc > 1 ? strtoul(argv[1], NULL, 10) : CALLS;
  set_up();
  struct {
    const char *name;
    void (*call)(void);
    size_t start, len;
    int leaks;
  } const cases[] = {
      {"commitment", refuse, COMMITMENT, COMMITMENT_SIZE, 0},
      {"tag", refuse, TAG, TAG_SIZE, 0},
      {"a comparison that stops early", refuse_and_leak, COMMITMENT, COMMITMENT_SIZE, 1},
  };
  int wrong = 0;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    double t = attempts(cases[i].call, cases[i].start, cases[i].start + cases[i].len - 1, calls);
    int as_it_should = (t >= LIMIT) == cases[i].leaks;
    wrong |= !as_it_should;
    printf("%s\t%.1f\t%s\n", cases[i].name, t, as_it_should ? "as it should be" : "WRONG");
  }
  kms_close(kms);
  return wrong;
}
