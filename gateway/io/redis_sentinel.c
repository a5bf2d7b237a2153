/* SPDX-License-Identifier: MIT */
/* The route to the master that sentinels name. When it is lost, calls wait for the next one, within their deadline, as
 * long as one may be found in a moment; then they are refused until there is one. */
#include "io/redis_sentinel.h"

#include "io/redis_master.h"
#include "io/redis_wire.h"

struct sentinel_route {
    struct redis_route route;
    struct redis_options options;
    struct redis_master *master;
};

static struct redis_master *master_of(const struct redis_route *route)
{
    return MEM_OUTER(route, const struct sentinel_route, route)->master;
}

static struct redis_node *pick(struct redis_route *route, struct redis_op *op, bool *later)
{
    (void)op;
    struct redis_node *node = redis_master_node(master_of(route));
    *later = node == NULL && redis_master_is_there(master_of(route));
    return node;
}

static enum redis_verdict judge(struct redis_route *route, struct redis_op *op, struct redis_node *node,
                                const struct redisReply *error)
{
    (void)op;
    if (redis_wire_is_error(error, "READONLY")) {
        redis_master_doubt(master_of(route), node);
        return REDIS_WAIT_AND_TRY;
    }
    if (!redis_wire_is_error(error, "LOADING") && !redis_wire_is_error(error, "MASTERDOWN"))
        return REDIS_DELIVER;
    redis_node_refuses(node, "the server says that it cannot serve now");
    return REDIS_WAIT_AND_TRY;
}

static bool is_there(const struct redis_route *route)
{
    return redis_master_is_there(master_of(route));
}

static void free_route(struct redis_route *route)
{
    redis_master_free(master_of(route));
    mem_free(MEM_OUTER(route, struct sentinel_route, route));
}

struct redis_route *redis_sentinel_new(const struct redis_route_parts *parts)
{
    struct sentinel_route *sentinel = mem_new(sizeof(*sentinel));
    sentinel->route = (struct redis_route){pick, judge, is_there, free_route};
    sentinel->options = parts->options;
    const struct redis_master_options options = {
        .redis = &sentinel->options, .log = parts->log, .counters = parts->counters};
    sentinel->master = redis_master_new(parts->loop, &options);
    return &sentinel->route;
}
