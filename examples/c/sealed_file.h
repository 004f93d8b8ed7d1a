/* Reading and writing the sealed file of examples/README.md: a header, then chunks of AES-256-GCM
 * in the STREAM construction, so that a file of any size streams through one buffer and no byte
 * leaves it unauthenticated. Knows libcrypto and no KMS: where the data key comes from is the
 * caller's business. */
#ifndef SEALED_FILE_H
#define SEALED_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SEALED_KEY_SIZE 32
#define SEALED_PREFIX_SIZE 7
#define SEALED_MAX_WRAPPED 1120
#define SEALED_MAX_CONTEXT 65535
#define SEALED_FIXED_SIZE 20 /* of the header: all but the wrapped key and the context */

typedef struct sealed_header {
  uint32_t chunk_size;
  const uint8_t *wrapped; /* the wrapped data key; points into bytes, as context does */
  size_t wrapped_len;
  const char *context; /* NUL-terminated strings: name, value, name, value, ... */
  size_t context_len;  /* bytes, NULs included */
  size_t len;          /* of bytes */
  uint8_t bytes[SEALED_FIXED_SIZE + SEALED_MAX_WRAPPED + SEALED_MAX_CONTEXT];
} sealed_header_t;

/* Each function returns NULL when it is done, or a text that says why not. */

/* A header for a new file, without context; then its context, string by string. */
const char *sealed_start_header(sealed_header_t *header, const uint8_t prefix[SEALED_PREFIX_SIZE],
                                const uint8_t *wrapped, size_t wrapped_len);
const char *sealed_add_context(sealed_header_t *header, const char *string);
const char *sealed_read_header(sealed_header_t *header, FILE *in);

/* Header and chunks of all of `in` to `out`. */
const char *sealed_write(const sealed_header_t *header, const uint8_t key[SEALED_KEY_SIZE],
                         FILE *in, FILE *out);
/* The chunks that follow the header in `in`, opened, to `out`. What is in `out` when this fails is
 * authentic, but it is not the whole file: throw it away. */
const char *sealed_read(const sealed_header_t *header, const uint8_t key[SEALED_KEY_SIZE], FILE *in,
                        FILE *out);

/* A file under a temporary name beside `path`, readable by its owner alone; sealed_commit gives it
 * its name if `failure` is NULL, and removes it otherwise. So `path` never holds half of a result,
 * or a refused one. */
typedef struct sealed_output {
  FILE *file;
  const char *path;
  char *temp_path;
} sealed_output_t;

const char *sealed_create(sealed_output_t *output, const char *path);
const char *sealed_commit(sealed_output_t *output, const char *failure);

#endif
