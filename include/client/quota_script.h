/* SPDX-License-Identifier: MIT */
/* The one script that counts a client's quota in Redis (client/quota.lua), and its arguments and reply as numbers.
 * Pure. Private to client/. */
#ifndef NEXGATE_CLIENT_QUOTA_SCRIPT_H
#define NEXGATE_CLIENT_QUOTA_SCRIPT_H

#include "client/lease.h"
#include "client/prepaid.h"
#include "io/redis.h"

extern const char quota_lua[]; /* the text, NUL-terminated */
extern const struct redis_script QUOTA_SCRIPT;

enum {
    QUOTA_HOLDER_LENGTH = 16, /* hexadecimal digits */
    QUOTA_KEY_MAX = 512,      /* bytes */
    QUOTA_NUMBERS = 22,       /* of the arguments */
    QUOTA_ARGUMENTS_BYTES = 2 * QUOTA_KEY_MAX + QUOTA_HOLDER_LENGTH + QUOTA_NUMBERS * 24
};

struct quota_call_facts {
    struct slice prefix, client; /* of the keys */
    struct slice holder;         /* who asks: QUOTA_HOLDER_LENGTH digits that nobody else has */
    int64_t sequence;            /* higher than of any call of this holder before */
    struct lease_ask lease;      /* rate.count 0: no rate */
    struct prepaid_ask prepaid;  /* limit.limit 0: no misses */
};

/* Fills script, arguments and key of `call`; their bytes lie in `text`, which is emptied first. False when the names
 * are too long. */
bool quota_script_write(const struct quota_call_facts *facts, struct buf *text, struct redis_call *call) MUST_CHECK;

/* The words of a reply that is an error; empty: it is none. */
struct slice quota_script_error(const struct redisReply *reply);

/* False when the reply is an error, or that the call came late, or nothing of ours. */
bool quota_script_read(const struct redisReply *reply, struct lease_grant *lease,
                       struct prepaid_grant *prepaid) MUST_CHECK;

#endif
