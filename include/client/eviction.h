/* SPDX-License-Identifier: MIT */
/* Asks a server once whether it may throw counters away when its memory is full, and warns if so: an evicted counter is
 * a fresh one. One thread. */
#ifndef NEXGATE_CLIENT_EVICTION_H
#define NEXGATE_CLIENT_EVICTION_H

#include "base/log.h"
#include "io/redis.h"

struct eviction_check {
    struct redis_call call;
    struct redis *redis;
    struct log *log;
    bool is_asking;
};

/* What INFO says: true when keys can be evicted; `policy` is then the rule. A server without a limit evicts nothing. */
bool eviction_threatens(struct slice info, struct slice *policy) MUST_CHECK;

/* Asks; says nothing when there is no answer. The struct must stay until the answer, or until eviction_check_stop. */
void eviction_check_start(struct eviction_check *check, struct redis *redis, struct log *log);
void eviction_check_stop(struct eviction_check *check);

#endif
