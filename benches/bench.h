/* What the programs of this folder share: one way to stop, and the rivals in C (rivals.c). */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

/* Ends the program if something did not work: a measurement of errors is none. */
void check(int ok, const char *what);

/* So many data keys without key management: 32 random bytes for the key, 12 for the IV, AES-256-GCM
 * over 32 bytes with 64 bytes of AAD. The first argument is not used. */
void openssl_reused(void *unused, size_t calls);
void openssl_fetched(void *unused, size_t calls);
void libsodium(void *unused, size_t calls);

/* Before any of them. */
void set_up_rivals(void);

#endif
