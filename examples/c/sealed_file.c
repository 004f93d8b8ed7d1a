#define _POSIX_C_SOURCE 200809L /* mkstemp, fdopen, fsync */
#define _FILE_OFFSET_BITS 64    /* files past 2 GiB on 32-bit machines */

#include "sealed_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define CHUNK_SIZE 65536
/* The header is not authenticated until the first chunk is: a planted one must not eat the memory.
 */
#define MAX_CHUNK_SIZE 1048576
#define TAG_SIZE 16
#define NONCE_SIZE 12
#define PREFIX_AT 5

static const uint8_t magic_and_version[PREFIX_AT] = {'K', 'M', 'S', 'F', 1};

static void put_u16(uint8_t *at, size_t value) {
  at[0] = (uint8_t)(value >> 8);
  at[1] = (uint8_t)value;
}

static void put_u32(uint8_t *at, uint32_t value) {
  put_u16(at, value >> 16);
  put_u16(at + 2, value & 0xffff);
}

static size_t get_u16(const uint8_t *at) {
  return (size_t)at[0] << 8 | at[1];
}

static const char *io_failure(void) {
  return errno != 0 ? strerror(errno) : "input or output failed";
}

/* Fills in the fields from the first SEALED_FIXED_SIZE bytes. */
static const char *parse_fixed(sealed_header_t *header) {
  const uint8_t *bytes = header->bytes;
  if (memcmp(bytes, magic_and_version, PREFIX_AT) != 0)
    return "refused: not a sealed file, or of a newer version";
  header->chunk_size = (uint32_t)(get_u16(bytes + 12) << 16 | get_u16(bytes + 14));
  header->wrapped_len = get_u16(bytes + 16);
  header->context_len = get_u16(bytes + 18);
  header->wrapped = bytes + SEALED_FIXED_SIZE;
  header->context = (const char *)header->wrapped + header->wrapped_len;
  header->len = SEALED_FIXED_SIZE + header->wrapped_len + header->context_len;
  if (header->chunk_size == 0 || header->chunk_size > MAX_CHUNK_SIZE)
    return "refused: the header's chunk size is out of range";
  if (header->wrapped_len == 0 || header->wrapped_len > SEALED_MAX_WRAPPED)
    return "refused: the header's wrapped key has an impossible length";
  return NULL;
}

const char *sealed_start_header(sealed_header_t *header, const uint8_t prefix[SEALED_PREFIX_SIZE],
                                const uint8_t *wrapped, size_t wrapped_len) {
  memset(header->bytes, 0, SEALED_FIXED_SIZE);
  memcpy(header->bytes, magic_and_version, PREFIX_AT);
  memcpy(header->bytes + PREFIX_AT, prefix, SEALED_PREFIX_SIZE);
  put_u32(header->bytes + 12, CHUNK_SIZE);
  if (wrapped_len <= SEALED_MAX_WRAPPED) {
    put_u16(header->bytes + 16, wrapped_len);
    memcpy(header->bytes + SEALED_FIXED_SIZE, wrapped, wrapped_len);
  }
  return parse_fixed(header);
}

const char *sealed_add_context(sealed_header_t *header, const char *string) {
  size_t size = strlen(string) + 1;
  if (size > SEALED_MAX_CONTEXT - header->context_len)
    return "the context is too long";
  memcpy(header->bytes + header->len, string, size);
  put_u16(header->bytes + 18, header->context_len + size);
  return parse_fixed(header);
}

const char *sealed_read_header(sealed_header_t *header, FILE *in) {
  const char *failure;
  size_t rest;
  if (fread(header->bytes, 1, SEALED_FIXED_SIZE, in) != SEALED_FIXED_SIZE)
    return ferror(in) ? io_failure() : "refused: not a sealed file: it is too short";
  if ((failure = parse_fixed(header)) != NULL)
    return failure;
  rest = header->len - SEALED_FIXED_SIZE;
  if (fread(header->bytes + SEALED_FIXED_SIZE, 1, rest, in) != rest)
    return ferror(in) ? io_failure() : "refused: the header is cut short";
  if (header->context_len > 0 && header->bytes[header->len - 1] != 0)
    return "refused: the header's context does not end with a NUL";
  return NULL;
}

/* Seals or opens one chunk in place: `len` plaintext bytes, then the tag. The nonce holds the
 * chunk's place and whether it is the last, so a chunk opens nowhere else; the header is the AAD of
 * every chunk. */
static bool crypt_chunk(EVP_CIPHER_CTX *cipher, bool seal, const sealed_header_t *header,
                        uint32_t counter, bool last, uint8_t *chunk, size_t len) {
  uint8_t nonce[NONCE_SIZE];
  uint8_t *tag = chunk + len;
  int n;
  memcpy(nonce, header->bytes + PREFIX_AT, SEALED_PREFIX_SIZE);
  put_u32(nonce + SEALED_PREFIX_SIZE, counter);
  nonce[NONCE_SIZE - 1] = last ? 1 : 0;
  return EVP_CipherInit_ex(cipher, NULL, NULL, NULL, nonce, seal) == 1 &&
         EVP_CipherUpdate(cipher, NULL, &n, header->bytes, (int)header->len) == 1 &&
         EVP_CipherUpdate(cipher, chunk, &n, chunk, (int)len) == 1 &&
         (seal || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, TAG_SIZE, tag) == 1) &&
         EVP_CipherFinal_ex(cipher, tag, &n) == 1 && /* GCM writes nothing here */
         (!seal || EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, TAG_SIZE, tag) == 1);
}

static bool at_end(FILE *in) {
  int next = getc(in);
  return next == EOF || ungetc(next, in) == EOF;
}

static const char *crypt_chunks(EVP_CIPHER_CTX *cipher, bool seal, const sealed_header_t *header,
                                uint8_t *chunk, FILE *in, FILE *out) {
  size_t tag_in = seal ? 0 : TAG_SIZE, tag_out = TAG_SIZE - tag_in;
  uint32_t counter = 0;
  for (;;) {
    size_t len = fread(chunk, 1, header->chunk_size + tag_in, in);
    bool last = at_end(in);
    if (ferror(in))
      return io_failure();
    if (len < tag_in)
      return "refused: it was cut short";
    len -= tag_in;
    if (!crypt_chunk(cipher, seal, header, counter, last, chunk, len))
      return seal ? "libcrypto could not encrypt" : "refused: it was altered, cut or reordered";
    if (fwrite(chunk, 1, len + tag_out, out) != len + tag_out)
      return io_failure();
    if (last)
      return NULL;
    if (++counter == 0) /* a nonce would be used twice */
      return "too long: more than 2^32 chunks";
  }
}

static const char *crypt_stream(bool seal, const sealed_header_t *header, const uint8_t *key,
                                FILE *in, FILE *out) {
  const char *failure = "not enough memory";
  size_t chunk_capacity = header->chunk_size + (size_t)TAG_SIZE;
  uint8_t *chunk = malloc(chunk_capacity);
  EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
  errno = 0;
  if (chunk != NULL && cipher != NULL) {
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_gcm(), NULL, key, NULL, seal) != 1)
      failure = "libcrypto has no AES-256-GCM";
    else
      failure = crypt_chunks(cipher, seal, header, chunk, in, out);
    OPENSSL_cleanse(chunk, chunk_capacity);
  }
  EVP_CIPHER_CTX_free(cipher); /* wipes its expanded key */
  free(chunk);
  return failure;
}

const char *sealed_write(const sealed_header_t *header, const uint8_t key[SEALED_KEY_SIZE],
                         FILE *in, FILE *out) {
  if (fwrite(header->bytes, 1, header->len, out) != header->len)
    return io_failure();
  return crypt_stream(true, header, key, in, out);
}

const char *sealed_read(const sealed_header_t *header, const uint8_t key[SEALED_KEY_SIZE], FILE *in,
                        FILE *out) {
  return crypt_stream(false, header, key, in, out);
}

const char *sealed_create(sealed_output_t *output, const char *path) {
  static const char suffix[] = ".XXXXXX";
  size_t len = strlen(path);
  int fd;
  output->path = path;
  output->file = NULL;
  output->temp_path = malloc(len + sizeof suffix);
  if (output->temp_path == NULL)
    return "not enough memory";
  memcpy(output->temp_path, path, len);
  memcpy(output->temp_path + len, suffix, sizeof suffix);
  fd = mkstemp(output->temp_path); /* mode 0600 */
  if (fd >= 0)
    output->file = fdopen(fd, "wb");
  if (output->file == NULL) {
    const char *failure = io_failure();
    if (fd >= 0) {
      close(fd);
      remove(output->temp_path);
    }
    free(output->temp_path);
    return failure;
  }
  return NULL;
}

const char *sealed_commit(sealed_output_t *output, const char *failure) {
  /* On the disk before it has its name, so that a crash leaves the old file or the whole new one.
   */
  if (failure == NULL && (fflush(output->file) != 0 || fsync(fileno(output->file)) != 0))
    failure = io_failure();
  if (fclose(output->file) != 0 && failure == NULL)
    failure = io_failure();
  if (failure == NULL && rename(output->temp_path, output->path) != 0)
    failure = io_failure();
  if (failure != NULL)
    remove(output->temp_path);
  free(output->temp_path);
  return failure;
}
