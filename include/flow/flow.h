/* SPDX-License-Identifier: MIT */
/* The life of a search: the steps in their order, and only the order. One `flow` per worker thread. */
#ifndef NEXGATE_FLOW_FLOW_H
#define NEXGATE_FLOW_FLOW_H

#include "base/log.h"
#include "base/metrics.h"
#include "cache/shared.h"
#include "client/quota_desk.h"
#include "flow/exchange.h"
#include "flow/notable.h"
#include "flow/snapshot.h"
#include "io/mailbox.h"
#include "io/redis.h"
#include "upstream/fetcher.h"

/* What a flow works with; all borrowed, all outlive it. */
struct flow_parts {
    const struct clock *clock;
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
struct edition;

/* Takes a reference of its own on the snapshot. NULL when memory for its edition cannot be had. */
struct flow *flow_new(struct snapshot *snapshot, const struct flow_parts *parts) MUST_CHECK;
void flow_free(struct flow *flow); /* NULL is fine */

/* Searches that begin from now on go by this edition of a snapshot (flow/edition.h), which is taken; those under way
 * keep theirs. On the flow's thread. */
void flow_change(struct flow *flow, struct edition *edition);

/* The flow as a handler of the public listener. */
struct handler *flow_handler(struct flow *flow);

#endif
