/* SPDX-License-Identifier: MIT */
/* A node for each master, and who serves which slot: asked of any node at the start, after a redirection, when a node
 * is lost and from time to time. Between two answers what MOVED says is believed slot by slot. A node that serves
 * nothing any more is let go when nothing is under way on it. */
#include "io/redis_cluster.h"

#include "io/redis_slots.h"
#include "io/redis_wire.h"

struct member {
    struct redis_node *node;
    bool is_seed, is_listed;
};

struct cluster {
    struct redis_route route;
    struct redis_route_parts parts;
    struct member members[REDIS_CLUSTER_NODES_MAX];
    size_t member_count;
    struct redis_node *owner[REDIS_SLOTS]; /* NULL: nobody is known */
    bool is_known;                         /* the cluster has said once who serves what */

    struct redis_slots said;
    struct redis_request question;
    struct buf words;
    size_t turn; /* whom to ask next */
    struct timer refresh, deadline;
    int64_t asked_us; /* when it was asked last */
};

static void on_change(void *context, struct redis_node *node);

static struct cluster *cluster_of(struct redis_route *route)
{
    return MEM_OUTER(route, struct cluster, route);
}

static struct redis_node *find_node(struct cluster *cluster, const char *host, int port, bool is_seed)
{
    const struct redis_url *url = cluster->parts.options.url;
    for (size_t i = 0; i < cluster->member_count; i++) {
        struct redis_node *node = cluster->members[i].node;
        if (redis_node_port(node) == port && strcmp(redis_node_host(node), host) == 0)
            return node;
    }
    if (cluster->member_count == REDIS_CLUSTER_NODES_MAX)
        return NULL;
    const struct redis_node_options options = {
        .host = host,
        .port = port,
        .user = url->user,
        .password = url->password,
        .timeout_us = cluster->parts.options.timeout_us,
        .log = cluster->parts.log,
        .counters = cluster->parts.counters,
        .alarm = cluster->parts.options.alarm,
        .on_change = on_change,
        .context = cluster,
    };
    struct member *member = &cluster->members[cluster->member_count++];
    *member = (struct member){redis_node_new(cluster->parts.loop, &options), is_seed, false};
    return member->node;
}

/* Who serves what */

static void refresh_soon(struct cluster *cluster)
{
    struct loop *loop = cluster->parts.loop;
    int64_t at_us = cluster->asked_us + REDIS_CLUSTER_REFRESH_MIN_US;
    if (timer_is_started(&cluster->refresh) && cluster->refresh.at_us <= at_us)
        return;
    timer_start(loop, &cluster->refresh, at_us);
}

/* Lets go of who serves nothing, is no seed and has nothing under way. */
static void sweep(struct cluster *cluster)
{
    for (size_t i = cluster->member_count; i-- > 0;) {
        struct member *member = &cluster->members[i];
        if (member->is_seed || member->is_listed || !redis_node_is_idle(member->node))
            continue;
        redis_node_free(member->node);
        *member = cluster->members[--cluster->member_count];
    }
}

static void believe(struct cluster *cluster)
{
    struct redis_node *nodes[REDIS_CLUSTER_NODES_MAX];
    const struct redis_slots *said = &cluster->said;
    for (size_t i = 0; i < cluster->member_count; i++)
        cluster->members[i].is_listed = false;
    for (size_t i = 0; i < said->place_count; i++) {
        nodes[i] = find_node(cluster, said->places[i].host, said->places[i].port, false);
        for (size_t at = 0; at < cluster->member_count; at++)
            cluster->members[at].is_listed |= cluster->members[at].node == nodes[i];
    }
    for (size_t slot = 0; slot < REDIS_SLOTS; slot++)
        cluster->owner[slot] = said->owner[slot] == REDIS_NO_OWNER ? NULL : nodes[said->owner[slot]];
    cluster->is_known = true;
    sweep(cluster);
}

static void on_said(struct redis_request *question, const struct redisReply *reply)
{
    struct cluster *cluster = MEM_OUTER(question, struct cluster, question);
    const char *asked = redis_node_host(question->node);
    question->node = NULL;
    timer_stop(cluster->parts.loop, &cluster->deadline);
    if (reply != NULL && redis_slots_read(reply, asked, &cluster->said)) {
        believe(cluster);
        timer_start(cluster->parts.loop, &cluster->refresh, loop_now(cluster->parts.loop) + REDIS_CLUSTER_REFRESH_US);
    } else {
        refresh_soon(cluster);
    }
}

static struct redis_node *next_up(struct cluster *cluster)
{
    for (size_t tries = 0; tries < cluster->member_count; tries++) {
        struct redis_node *node = cluster->members[cluster->turn++ % cluster->member_count].node;
        if (redis_node_is_up(node))
            return node;
    }
    return NULL;
}

static void on_refresh(struct timer *timer)
{
    struct cluster *cluster = MEM_OUTER(timer, struct cluster, refresh);
    struct redis_node *node = next_up(cluster);
    cluster->asked_us = loop_now(cluster->parts.loop);
    if (cluster->question.node != NULL)
        return; /* its answer, or its deadline, goes on */
    cluster->question.parts[0] = buf_slice(&cluster->words);
    cluster->question.on_reply = on_said;
    if (node == NULL || !redis_node_send(node, &cluster->question)) {
        refresh_soon(cluster);
        return;
    }
    timer_start(cluster->parts.loop, &cluster->deadline, cluster->asked_us + cluster->parts.options.timeout_us);
}

static void on_deadline(struct timer *timer)
{
    struct cluster *cluster = MEM_OUTER(timer, struct cluster, deadline);
    struct redis_node *node = cluster->question.node;
    redis_node_catch_up(node);
    if (cluster->question.node == NULL)
        return;
    redis_node_forget(node, &cluster->question);
    refresh_soon(cluster);
    redis_node_late(node);
}

static void on_change(void *context, struct redis_node *node)
{
    struct cluster *cluster = context;
    if (!redis_node_is_up(node) || !cluster->is_known)
        refresh_soon(cluster);
}

/* The route */

static bool anybody_there(const struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->member_count; i++) {
        if (redis_node_is_there(cluster->members[i].node))
            return true;
    }
    return false;
}

static struct redis_node *pick(struct redis_route *route, struct redis_op *op, bool *later)
{
    struct cluster *cluster = cluster_of(route);
    *later = !cluster->is_known && anybody_there(cluster);
    if (!cluster->is_known)
        return NULL;
    struct redis_node *node = op->slot >= 0 ? cluster->owner[op->slot] : next_up(cluster);
    if (node != NULL && redis_node_is_there(node))
        return node;
    refresh_soon(cluster);
    return NULL;
}

static enum redis_verdict redirect(struct cluster *cluster, struct redis_op *op, struct redis_node *from,
                                   const struct redisReply *error)
{
    struct redis_place place;
    int slot;
    if (!redis_slots_redirection(error, redis_node_host(from), &slot, &place))
        return REDIS_DELIVER;
    struct redis_node *node = find_node(cluster, place.host, place.port, false);
    if (node == NULL)
        return REDIS_DELIVER;
    if (redis_wire_is_error(error, "ASK")) {
        op->redirected = node;
        return REDIS_HOP;
    }
    cluster->owner[slot] = node;
    refresh_soon(cluster);
    return REDIS_HOP;
}

static enum redis_verdict judge(struct redis_route *route, struct redis_op *op, struct redis_node *node,
                                const struct redisReply *error)
{
    struct cluster *cluster = cluster_of(route);
    if (redis_wire_is_error(error, "MOVED") || redis_wire_is_error(error, "ASK"))
        return redirect(cluster, op, node, error);
    if (redis_wire_is_error(error, "TRYAGAIN"))
        return REDIS_WAIT_AND_TRY;
    if (redis_wire_is_error(error, "CLUSTERDOWN") || redis_wire_is_error(error, "READONLY")) {
        refresh_soon(cluster);
        return REDIS_WAIT_AND_TRY;
    }
    if (redis_wire_is_error(error, "LOADING") || redis_wire_is_error(error, "MASTERDOWN")) {
        redis_node_refuses(node, "the server says that it cannot serve now");
        return REDIS_HOP;
    }
    return REDIS_DELIVER;
}

static bool is_there(const struct redis_route *route)
{
    return anybody_there(MEM_OUTER(route, const struct cluster, route));
}

static void free_cluster(struct redis_route *route)
{
    struct cluster *cluster = cluster_of(route);
    timer_stop(cluster->parts.loop, &cluster->refresh);
    timer_stop(cluster->parts.loop, &cluster->deadline);
    for (size_t i = 0; i < cluster->member_count; i++)
        redis_node_free(cluster->members[i].node);
    buf_free(&cluster->words);
    mem_free(cluster);
}

struct redis_route *redis_cluster_new(const struct redis_route_parts *parts)
{
    const struct redis_url *url = parts->options.url;
    struct cluster *cluster = mem_new(sizeof(*cluster));
    cluster->route = (struct redis_route){pick, judge, is_there, free_cluster};
    cluster->parts = *parts;
    cluster->refresh.on_timer = on_refresh;
    cluster->deadline.on_timer = on_deadline;
    cluster->asked_us = loop_now(parts->loop) - REDIS_CLUSTER_REFRESH_MIN_US;
    buf_init(&cluster->words, 64);
    redis_wire_command(&cluster->words, (const char *const[]){"CLUSTER", "SLOTS", NULL});
    for (size_t i = 0; i < url->host_count; i++) {
        struct redis_node *seed = find_node(cluster, url->hosts[i].name, url->hosts[i].port, true);
        (void)seed; /* there is room for all seeds */
    }
    return &cluster->route;
}
