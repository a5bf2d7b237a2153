/* SPDX-License-Identifier: MIT */
/* A secret sealed for a place that others can read and write: AES-256-GCM (NIST SP 800-38D) with a fresh random nonce
 * each time, bound to where it stands, so that nobody can put an old or a foreign one there. Pure. */
#ifndef NEXGATE_UPSTREAM_SEALED_H
#define NEXGATE_UPSTREAM_SEALED_H

#include "base/buf.h"

enum {
    SEALED_KEY_BYTES = 32,
    SEALED_NONCE_BYTES = 12,
    SEALED_TAG_BYTES = 16,
    SEALED_EXTRA_BYTES = 1 + SEALED_NONCE_BYTES + SEALED_TAG_BYTES, /* what a sealed secret is longer by */
    SEALED_SECRET_MAX = 64 * 1024
};

/* Authenticated with the secret, and not stored with it. */
struct sealed_place {
    struct slice prefix;    /* of the fleet's keys */
    struct slice client_id; /* whose login it is */
    uint64_t generation;
};

/* Version, nonce, ciphertext, tag; `sealed` is initialised here. False when memory is out. */
bool sealed_close(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice secret,
                  struct buf *sealed) MUST_CHECK;

/* `secret` is initialised here, and is to be wiped. False, with nothing in it, when this was not sealed with that key
 * for that place. */
bool sealed_open(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice sealed,
                 struct buf *secret) MUST_CHECK;

/* The same for two secrets in one, of which the first is not empty. What sealed_open_pair fills is to be wiped either
 * way. */
bool sealed_close_pair(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice first,
                       struct slice second, struct buf *sealed) MUST_CHECK;
bool sealed_open_pair(const uint8_t key[SEALED_KEY_BYTES], const struct sealed_place *place, struct slice sealed,
                      struct buf *first, struct buf *second) MUST_CHECK;

#endif
