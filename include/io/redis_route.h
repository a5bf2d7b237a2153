/* SPDX-License-Identifier: MIT */
/* Between a call and the node that answers it: a call under way (the op), and what a single server, a cluster and
 * sentinels do differently (the route). Private to io/redis*. */
#ifndef NEXGATE_IO_REDIS_ROUTE_H
#define NEXGATE_IO_REDIS_ROUTE_H

#include "io/redis.h"
#include "io/redis_node.h"

enum { REDIS_HOPS_MAX = 5, REDIS_HEAD_MAX = 128 };
#define REDIS_AGAIN_US INT64_C(5000) /* between two tries where the server says to wait */

struct redis_carrier;

/* A call under way. */
struct redis_op {
    struct redis_request request;
    struct redis_carrier *carrier;
    struct redis_call *call; /* NULL: cancelled, or done */
    struct redis_op *next, *previous;
    struct timer deadline, again;
    struct deferred early; /* AWAY at once */
    struct buf words;      /* of a script: what follows the text or its hash */
    struct buf head;       /* of a script: EVALSHA and the hash, or EVAL and the text; with_life: PTTL and the key */
    const struct redis_script *script;
    size_t word_count;
    bool by_text;
    unsigned hops;
    int slot; /* -1: any node */
    int64_t started_us;
    struct redis_node *redirected; /* where an ASK sent it; NULL: where the slot says */
};

/* What to do with an error reply. */
enum redis_verdict {
    REDIS_DELIVER,     /* it is the command's */
    REDIS_HOP,         /* nothing was done: send it again, now; costs a hop */
    REDIS_WAIT_AND_TRY /* nothing was done: send it again in a moment, within its deadline */
};

struct redis_route {
    /* The node for this op; NULL: none is there. `*later`: one may be in a moment, ask again. */
    struct redis_node *(*pick)(struct redis_route *route, struct redis_op *op, bool *later);
    enum redis_verdict (*judge)(struct redis_route *route, struct redis_op *op, struct redis_node *node,
                                const struct redisReply *error);
    bool (*is_there)(const struct redis_route *route);
    void (*free)(struct redis_route *route);
};

struct redis_route_parts {
    struct loop *loop;
    struct redis_options options;
    struct log *log;
    struct counters *counters;
};

#endif
