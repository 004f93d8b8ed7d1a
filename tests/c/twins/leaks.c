/* Forgets a handle: valgrind and LeakSanitizer must say so. */
#include "../check.h"

int main(void) {
  CHECK(open_test_store() != NULL);
  return check_result();
}
