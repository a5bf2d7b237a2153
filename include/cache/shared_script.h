/* SPDX-License-Identifier: MIT */
/* What is said to Redis about windows: the scripts, and how looking is asked and read. Private to cache/. */
#ifndef NEXGATE_CACHE_SHARED_SCRIPT_H
#define NEXGATE_CACHE_SHARED_SCRIPT_H

#include "cache/stored.h"
#include "io/redis.h"

/* KEYS: the window's. ARGV: value, age µs, ms to keep it, magic, channel, message. Answers 1, or 0 when a younger one
 * is there. The message is published when it was stored. */
extern const struct redis_script shared_put_script;

/* KEYS: the window's. ARGV: the last STORED_CHECKSUM_BYTES of a value that is no window. Deletes it if it still is so.
 */
extern const struct redis_script shared_drop_script;

enum shared_reply {
    SHARED_REPLY_NONE,   /* nothing is stored, or was not a moment before */
    SHARED_REPLY_VALUE,  /* `value` and `left_ms` */
    SHARED_REPLY_FOREIGN /* something is stored that is no string, or lives for ever */
};

/* Fills the call for the window's key, which must live until it is done: its value and what is left of its life. Two
 * plain commands cost Redis half of what a script does that asks for both. */
void shared_ask_get(struct redis_call *call, struct slice key, void (*on_done)(struct redis_call *call));

/* False: Redis did not answer, or with an error. The life of a value that replaced another one between the two commands
 * is that of the other: it looks older than it is, never younger. */
bool shared_read_get(const struct redis_call *call, enum shared_reply *what, struct slice *value,
                     int64_t *left_ms) MUST_CHECK;

#endif
