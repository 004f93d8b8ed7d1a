/* A program that expects another status than it gets, and another argument's name: it must not exit
 * with success. */
#include "../check.h"

int main(void) {
  int status_noticed, argument_noticed;
  status_noticed = !CHECK_STATUS(KMS_NOT_FOUND, kms_flush(NULL, &err));
  argument_noticed = !CHECK_ARGUMENT("handle", kms_flush(NULL, &err));
  printf("noticed: %d\n", status_noticed + argument_noticed);
  return check_result();
}
