/* Memory that ends where an inaccessible page begins: a library that reads or writes one byte too
 * far is killed, with no sanitizer needed. Include it first: it asks for the POSIX names. */
#ifndef GUARDED_H
#define GUARDED_H

#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct guarded {
  uint8_t *data; /* ends at the inaccessible page; at no particular alignment */
  void *map;
  size_t map_size;
} guarded_t;

static inline guarded_t guarded_alloc(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (size / page + 1) * page;
  guarded_t memory;
  memory.map_size = body + page;
  memory.map =
      mmap(NULL, memory.map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory.map == MAP_FAILED || mprotect((uint8_t *)memory.map + body, page, PROT_NONE) != 0) {
    perror("guarded_alloc");
    exit(EXIT_FAILURE);
  }
  memory.data = (uint8_t *)memory.map + body - size;
  return memory;
}

static inline guarded_t guarded_copy(const void *data, size_t size) {
  guarded_t memory = guarded_alloc(size);
  if (size > 0)
    memcpy(memory.data, data, size);
  return memory;
}

static inline void guarded_free(guarded_t *memory) {
  munmap(memory->map, memory->map_size);
}

#endif
