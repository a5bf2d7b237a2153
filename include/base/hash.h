/* SPDX-License-Identifier: MIT */
/* Hashes: keyed ones for tables whose keys outsiders choose, an open one for entity tags, SHA-256 for credentials.
 * Any thread. */
#ifndef NEXGATE_BASE_HASH_H
#define NEXGATE_BASE_HASH_H

#include "base/slice.h"

#include <stdint.h>

enum { HASH_SECRET_BYTES = 192, HASH_SHA256_BYTES = 32 };

/* Random bytes that no peer can know, so that nobody can aim at one bucket. */
struct hash_secret {
    uint8_t bytes[HASH_SECRET_BYTES];
};

struct hash128 {
    uint64_t low, high;
};

/* Fills the secret from the kernel's random source; aborts where there is none. */
void hash_secret_init(struct hash_secret *secret);

/* XXH3 with a secret: 64 bits. */
uint64_t hash_keyed(const struct hash_secret *secret, struct slice bytes);

/* XXH3, the same on every machine: 128 bits. Not for keys that an outsider may choose. */
struct hash128 hash_open(struct slice bytes);

/* The same over several runs in turn, as if they were one. */
struct hash128 hash_open_parts(const struct slice *parts, size_t count);

/* SHA-256 (FIPS 180-4) into `digest`. */
void hash_sha256(struct slice bytes, uint8_t digest[HASH_SHA256_BYTES]);

#endif
