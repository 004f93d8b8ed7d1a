/* Overflows a signed integer: UndefinedBehaviorSanitizer must say so. */
#include <limits.h>

int main(int argc, char **argv) {
  int most = INT_MAX - 1 + argc;
  (void)argv;
  return most + argc == 0;
}
