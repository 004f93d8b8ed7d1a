/* A program whose check fails: it must not exit with success. */
#include "../check.h"

int main(void) {
  CHECK(1 + 1 == 3);
  return check_result();
}
