/* SPDX-License-Identifier: MIT */
/* Any number of keys that all have one hash, for whoever knows the secret. XXH3 multiplies the two halves of a key's
 * first 16 bytes after an exclusive or with the secret: where one half is the secret's own bytes, the product is 0
 * whatever the other half is. (XXH3_len_17to128_64b in xxhash.h.) */
#ifndef NEXGATE_TESTS_COLLISIONS_H
#define NEXGATE_TESTS_COLLISIONS_H

#include "base/hash.h"

#include <string.h>

enum { COLLIDING_BYTES = 32 };

struct colliding_key {
    char bytes[COLLIDING_BYTES];
};

static inline struct slice colliding_key(const struct hash_secret *known, uint64_t number, struct colliding_key *key)
{
    memset(key->bytes, 'k', sizeof(key->bytes));
    memcpy(key->bytes, known->bytes, sizeof(number));
    memcpy(key->bytes + sizeof(number), &number, sizeof(number));
    return slice_make(key->bytes, sizeof(key->bytes));
}

#endif
