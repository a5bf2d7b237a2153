/* SPDX-License-Identifier: MIT */
/* Who is the master, where sentinels know. All of them are asked, and whom most of those who answer name is connected
 * to; it is used once it says itself (ROLE) that it is a master. Both is done again for each connection: a server that
 * was a master may be none when it comes back, and sentinels may not know of a failover yet. While the master is used
 * they are asked too, so that one that was replaced is left even if it still answers. Where no sentinel answers, the
 * last word stands. Sentinels are asked without a login; the URL's is the master's. (After Redis's "Guidelines for
 * Redis clients with support for Redis Sentinel", which ask one sentinel.) One thread. */
#ifndef NEXGATE_IO_REDIS_MASTER_H
#define NEXGATE_IO_REDIS_MASTER_H

#include "io/redis.h"
#include "io/redis_node.h"

#define REDIS_MASTER_ASK_US INT64_C(1000000)    /* sentinels are asked again after this */
#define REDIS_MASTER_ASK_MIN_US INT64_C(100000) /* and after this while there is no master */

struct redis_master_options {
    const struct redis_options *redis; /* borrowed for good */
    struct log *log;
    struct counters *counters; /* NULL: its connections are not counted */

    /* redis_master_node changed. May be NULL. Free nothing of it in here. */
    void (*on_change)(void *context);
    void *context;
};

struct redis_master;

struct redis_master *redis_master_new(struct loop *loop, const struct redis_master_options *options);

/* Forgets its nodes' requests: nobody is called. */
void redis_master_free(struct redis_master *master);

/* The server that is a master as it says itself, up; NULL: none now. Good until the end of the turn, and as long as
 * requests are under way on it. */
struct redis_node *redis_master_node(const struct redis_master *master);

/* There is a master, or it was lost less than a timeout ago: one may be found in a moment. */
bool redis_master_is_there(const struct redis_master *master);

/* The node said (READONLY) that it is no master. */
void redis_master_doubt(struct redis_master *master, const struct redis_node *node);

#endif
