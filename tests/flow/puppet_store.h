/* SPDX-License-Identifier: MIT */
/* The data of a Redis that lives in the test: strings, hashes, sorted sets, expiry by the test's clock, and scripts,
 * whose Lua text is really run (Lua 5.1, as in Redis). Commands are added as tests need them: an unknown one is an
 * error reply. */
#ifndef NEXGATE_TESTS_PUPPET_STORE_H
#define NEXGATE_TESTS_PUPPET_STORE_H

#include "base/clock.h"
#include "base/slice.h"

#include <hiredis/hiredis.h>
#include <stdint.h>

struct puppet_store {
    const struct clock *clock;
    int64_t skew_us; /* its wall clock against the test's */
    struct puppet_value *values;
    uint64_t scripts; /* run */
    uint64_t writes;  /* commands that change something, those of scripts counted */

    /* Hears PUBLISH; returns how many heard it. */
    int64_t (*on_publish)(void *context, struct slice channel, struct slice message);
    void *publish_context;
};

void puppet_store_init(struct puppet_store *store, const struct clock *clock);
void puppet_store_free(struct puppet_store *store);

/* Runs one command, or a script with its first `key_count` arguments as keys. The reply is the caller's. */
redisReply *puppet_store_run(struct puppet_store *store, const struct slice *arguments, size_t count);
redisReply *puppet_store_script(struct puppet_store *store, const char *text, const struct slice *arguments,
                                size_t count, size_t key_count);

/* The time that TIME tells, µs. */
int64_t puppet_store_time(const struct puppet_store *store);

/* A string's bytes, to be looked at or spoilt in place; at == NULL when the key is not there or no string. */
struct slice puppet_store_peek(struct puppet_store *store, const char *key);

/* Every key is gone. */
void puppet_store_flush(struct puppet_store *store);

/* Replies, for those who script them. */
redisReply *puppet_reply_nil(void);
redisReply *puppet_reply_integer(int64_t integer);
redisReply *puppet_reply_bulk(struct slice bytes);
redisReply *puppet_reply_status(const char *text);
redisReply *puppet_reply_error(const char *text);
redisReply *puppet_reply_array(size_t count); /* of NULLs, to be filled */
void puppet_reply_free(redisReply *reply);

#endif
