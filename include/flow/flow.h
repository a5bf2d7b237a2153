/* SPDX-License-Identifier: MIT */
/* The life of a search: the steps in their order, and only the order. One `flow` per worker thread. */
#ifndef NEXGATE_FLOW_FLOW_H
#define NEXGATE_FLOW_FLOW_H

#include "base/log.h"
#include "base/metrics.h"
#include "cache/shared.h"
#include "client/auth.h"
#include "client/quota_desk.h"
#include "flow/exchange.h"
#include "flow/notable.h"
#include "io/mailbox.h"
#include "io/redis.h"
#include "upstream/fetcher.h"

struct flow_options {
    struct slice key_prefix;
    int64_t ttl_us;
    int64_t stale_while_revalidate_us; /* past the ttl: served at once, refreshed in the background */
    int64_t stale_if_error_us;         /* past the ttl: served when Nexudus gives nothing usable */
    int64_t window;                    /* records */
    size_t query_max;                  /* bytes of a raw query */
    int64_t quota_timeout_us;          /* of one call to Redis for quota */
    enum quota_on_failure quota_on_failure;
};

/* What a flow works with; all borrowed, all outlive it. */
struct flow_parts {
    const struct clock *clock;
    const struct schema_set *schemas;
    const struct roster *roster;
    struct memory *memory;
    struct fetcher *fetcher;
    struct mailbox *mailbox;                                         /* of this worker's loop */
    struct loop *loop;                                               /* this worker's */
    const struct redis_options *redis_options, *quota_redis_options; /* NULL: no Redis; NULL: the same for counters */
    struct redis *redis;                                             /* on this worker's loop; NULL: none */
    struct redis *quota_redis;                                       /* the same, or another one for counters */
    struct log *log;
    struct counters *counters; /* this worker's */
    struct notable *notable;
    bool is_first;                        /* of the workers: says once what all would say */
    struct quota_desk *desk;              /* this worker's; NULL: quotas are counted in process */
    const struct shared_options *sharing; /* with whom windows are shared; its loop and Redis are this worker's */
};

struct flow;

struct flow *flow_new(const struct flow_options *options, const struct flow_parts *parts);
void flow_free(struct flow *flow);

/* The flow as a handler of the public listener. */
struct handler *flow_handler(struct flow *flow);

#endif
