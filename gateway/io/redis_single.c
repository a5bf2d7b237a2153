/* SPDX-License-Identifier: MIT */
/* The route to a single server: there is one node. */
#include "io/redis_single.h"

#include "io/redis_wire.h"

struct single {
    struct redis_route route;
    struct redis_node *node;
};

static struct redis_node *pick(struct redis_route *route, struct redis_op *op, bool *later)
{
    (void)op;
    *later = false;
    return MEM_OUTER(route, struct single, route)->node;
}

/* A server that loads its data, or has lost its master, serves nobody for a while: that is being away. */
static enum redis_verdict judge(struct redis_route *route, struct redis_op *op, struct redis_node *node,
                                const struct redisReply *error)
{
    (void)route;
    (void)op;
    if (!redis_wire_is_error(error, "LOADING") && !redis_wire_is_error(error, "MASTERDOWN"))
        return REDIS_DELIVER;
    redis_node_refuses(node, "the server says that it cannot serve now");
    return REDIS_HOP;
}

static bool is_there(const struct redis_route *route)
{
    return redis_node_is_there(MEM_OUTER(route, struct single, route)->node);
}

static void free_single(struct redis_route *route)
{
    struct single *single = MEM_OUTER(route, struct single, route);
    redis_node_free(single->node);
    mem_free(single);
}

struct redis_route *redis_single_new(const struct redis_route_parts *parts)
{
    const struct redis_url *url = parts->options.url;
    struct single *single = mem_new(sizeof(*single));
    const struct redis_node_options options = {
        .host = url->kind == REDIS_UNIX ? url->path : url->hosts[0].name,
        .port = url->kind == REDIS_UNIX ? 0 : url->hosts[0].port,
        .user = url->user,
        .password = url->password,
        .database = url->database,
        .timeout_us = parts->options.timeout_us,
        .log = parts->log,
        .counters = parts->counters,
        .alarm = parts->options.alarm,
    };
    single->route = (struct redis_route){pick, judge, is_there, free_single};
    single->node = redis_node_new(parts->loop, &options);
    return &single->route;
}
