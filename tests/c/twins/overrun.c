/* Writes one byte past a heap block: AddressSanitizer must say so. */
#include <stdint.h>
#include <stdlib.h>

#include "kms.h"

int main(int argc, char **argv) {
  size_t size = (size_t)argc + 31;
  uint8_t *block = (uint8_t *)malloc(size);
  (void)argv;
  if (block == NULL)
    return 2;
  kms_wipe(block, size);
  block[size] = 1;
  size = block[0];
  free(block);
  return size == 0 ? 0 : 1;
}
