/* SPDX-License-Identifier: MIT */
/* What is said to Redis about windows: the scripts and how their replies are read. Private to cache/. */
#ifndef NEXGATE_CACHE_SHARED_SCRIPT_H
#define NEXGATE_CACHE_SHARED_SCRIPT_H

#include "cache/stored.h"
#include "io/redis.h"

/* KEYS: the window's. Answers its value and what is left of its life, ms. */
extern const struct redis_script shared_get_script;

/* KEYS: the window's. ARGV: value, age µs, ms to keep it, magic, channel, message. Answers 1, or 0 when a younger one
 * is there. The message is published when it was stored. */
extern const struct redis_script shared_put_script;

/* KEYS: the window's. ARGV: the last STORED_CHECKSUM_BYTES of a value that is no window. Deletes it if it still is so.
 */
extern const struct redis_script shared_drop_script;

enum shared_reply {
    SHARED_REPLY_NONE,   /* nothing is stored */
    SHARED_REPLY_VALUE,  /* `value` and `left_ms` */
    SHARED_REPLY_FOREIGN /* something is stored that is no string, or lives for ever */
};

/* False: Redis did not answer, or with an error. */
bool shared_read_get(const struct redis_call *call, enum shared_reply *what, struct slice *value,
                     int64_t *left_ms) MUST_CHECK;

#endif
