/* SPDX-License-Identifier: MIT */
/* The node's states, its connection and its probes. A failure while it is up is followed by one attempt at once, for
 * which requests wait; a failure of an attempt, or too many failures, put it away. One that hangs is tried at once too,
 * but nobody waits for it: whoever asks has waited on it, or will on another thread's connection. A link is never
 * mended: each attempt has a link of its own. */
#include "io/redis_node.h"

#include "base/random.h"
#include "io/redis_breaker.h"
#include "io/redis_queue.h"
#include "io/redis_wire.h"
#include "io/resolver.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/un.h>

#include <hiredis/hiredis.h>

enum { NAME_MAX_BYTES = 280 };

enum state { TRYING, UP, AWAY };

struct redis_node {
    struct loop *loop;
    struct redis_node_options options;
    char *host; /* owned */
    char name[NAME_MAX_BYTES];
    size_t alarm_place;
    enum state state;
    struct redis_breaker breaker;
    struct random random;
    int64_t pause_us; /* the next one, before jitter */
    struct timer pause;
    bool was_up;
    bool hangs;       /* it was late, and has not answered since: requests do not wait for it */
    int64_t alive_us; /* when it answered last */

    struct resolver *resolver;
    struct timer resolve_deadline;
    struct resolved resolved;
    size_t address; /* the one being tried, or connected to */
    struct redis_link *link;
    bool attempting;

    struct redis_queue waiting; /* while trying */

    struct timer heartbeat, heartbeat_deadline;
    struct redis_request ping;
    struct buf ping_bytes;

    struct deferred first_attempt, burial;
    bool is_freed;
};

static void attempt(struct redis_node *node);
static void on_ready(void *context);
static void on_end(void *context, const char *why);
static void on_said(void *context, const struct redisReply *reply);

static void say(struct redis_node *node, enum log_level level, const char *message, const char *why)
{
    log_write(node->options.log, level, message,
              LOG_FIELDS(LOG_TEXT("address", slice_of(node->name)), LOG_TEXT("why", slice_of(why))));
}

/* The gauges are sums over all nodes of the thread. */
static void set_state(struct redis_node *node, enum state state)
{
    struct counters *counters = node->options.counters;
    if (counters != NULL) {
        counters_add(counters, METRIC_REDIS_UP, (state == UP) - (node->state == UP));
        counters_add(counters, METRIC_REDIS_AWAY, (state == AWAY) - (node->state == AWAY));
    }
    node->state = state;
}

/* Requests that wait */

/* Whoever is told may ask again, and is refused then. */
static void refuse_waiting(struct redis_node *node)
{
    struct redis_request *request;
    while (!node->is_freed && (request = redis_queue_take(&node->waiting)) != NULL)
        request->on_reply(request, NULL);
}

static void send_waiting(struct redis_node *node)
{
    struct redis_request *request;
    while (node->state == UP && (request = redis_queue_take(&node->waiting)) != NULL) {
        if (!redis_link_send(node->link, request))
            request->on_reply(request, NULL);
    }
}

/* Its link, and what becomes of it */

static void drop_link(struct redis_node *node)
{
    redis_link_free(node->link);
    node->link = NULL;
    timer_stop(node->loop, &node->heartbeat);
    timer_stop(node->loop, &node->heartbeat_deadline);
}

static void go_away(struct redis_node *node, const char *why)
{
    bool is_new = node->state != AWAY;
    set_state(node, AWAY);
    int64_t jittered = random_between(&node->random, node->pause_us / 2, node->pause_us + node->pause_us / 2);
    timer_start(node->loop, &node->pause, loop_now(node->loop) + jittered);
    node->pause_us = node->pause_us * 2 < REDIS_PAUSE_MAX_US ? node->pause_us * 2 : REDIS_PAUSE_MAX_US;
    if (!is_new)
        return;
    say(node, LOG_LEVEL_WARN, "redis is away", why);
    if (node->options.on_change != NULL)
        node->options.on_change(node->options.context, node);
    refuse_waiting(node);
}

/* An attempt came to nothing; the next address of the same name may do better. */
static void attempt_failed(struct redis_node *node, const char *why)
{
    node->attempting = false;
    timer_stop(node->loop, &node->resolve_deadline);
    drop_link(node);
    if (node->address + 1 < node->resolved.count) {
        node->address++;
        attempt(node);
        return;
    }
    node->resolved.count = 0; /* the name may mean another machine by now */
    go_away(node, why);
}

static void schedule_heartbeat(struct redis_node *node)
{
    int64_t pause_us = node->options.heartbeat_us > 0 ? node->options.heartbeat_us : REDIS_HEARTBEAT_US;
    timer_start(node->loop, &node->heartbeat, loop_now(node->loop) + pause_us);
}

static void on_ready(void *context)
{
    struct redis_node *node = context;
    bool was_away = node->state == AWAY;
    node->attempting = false;
    node->hangs = false;
    node->alive_us = loop_now(node->loop);
    if (was_away)
        redis_breaker_close(&node->breaker, loop_now(node->loop));
    if (node->was_up && node->options.counters != NULL)
        counters_add(node->options.counters, METRIC_REDIS_RECONNECTS, 1);
    if (was_away || !node->was_up)
        say(node, LOG_LEVEL_INFO, "redis is up", was_away ? "a probe was answered in time" : "connected");
    node->was_up = true;
    set_state(node, UP);
    schedule_heartbeat(node);
    if (node->options.on_change != NULL)
        node->options.on_change(node->options.context, node);
    send_waiting(node);
}

/* While it is up: once more at once, or away when that was too often. */
static void failed(struct redis_node *node, size_t lost, const char *why)
{
    bool opens = redis_breaker_failed(&node->breaker, lost, loop_now(node->loop));
    struct redis_link *link = node->link;
    say(node, LOG_LEVEL_DEBUG, "redis connection lost", why);
    if (opens) {
        go_away(node, why);
    } else {
        set_state(node, TRYING);
        loop_defer(node->loop, &node->first_attempt);
        if (node->options.on_change != NULL)
            node->options.on_change(node->options.context, node);
    }
    assert(node->link == link);
}

/* The link tells its requests when this returns; they may come back here, and find another state. */
static void on_end(void *context, const char *why)
{
    struct redis_node *node = context;
    if (node->attempting) {
        attempt_failed(node, why);
        return;
    }
    size_t lost = redis_link_under_way(node->link);
    timer_stop(node->loop, &node->heartbeat);
    timer_stop(node->loop, &node->heartbeat_deadline);
    failed(node, lost > 0 ? lost : 1, why);
}

/* Attempts */

static bool start_link(struct redis_node *node, const struct sockaddr_storage *address, socklen_t length)
{
    const struct redis_link_options options = {
        .address = *address,
        .address_length = length,
        .user = node->options.user,
        .password = node->options.password,
        .database = node->options.database,
        .timeout_us = node->options.timeout_us,
        .on_ready = on_ready,
        .on_end = on_end,
        .on_said = node->options.on_said != NULL ? on_said : NULL,
        .context = node,
    };
    node->link = redis_link_new(node->loop, &options);
    return node->link != NULL;
}

static bool attempt_path(struct redis_node *node)
{
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    snprintf(path.sun_path, sizeof(path.sun_path), "%s", node->host);
    memcpy(&address, &path, sizeof(path));
    return start_link(node, &address, sizeof(path));
}

static void attempt(struct redis_node *node)
{
    bool started = true;
    node->attempting = true;
    if (node->options.port == 0) {
        started = attempt_path(node);
    } else if (node->address < node->resolved.count) {
        started = start_link(node, &node->resolved.addresses[node->address], node->resolved.lengths[node->address]);
    } else {
        timer_start(node->loop, &node->resolve_deadline, loop_now(node->loop) + node->options.timeout_us);
        resolver_ask(node->resolver, node->host, node->options.port);
    }
    if (!started)
        attempt_failed(node, strerror(errno));
}

static void on_resolved(void *context, const struct resolved *resolved)
{
    struct redis_node *node = context;
    if (!node->attempting || node->link != NULL)
        return; /* too late for that attempt: the next one asks again */
    timer_stop(node->loop, &node->resolve_deadline);
    node->resolved = *resolved;
    node->address = 0;
    if (resolved->count == 0)
        attempt_failed(node, "the name is not known");
    else
        attempt(node);
}

static void on_resolve_deadline(struct timer *timer)
{
    attempt_failed(MEM_OUTER(timer, struct redis_node, resolve_deadline), "looking up the name took too long");
}

/* What the ended link still held was told by now. */
static void on_first_attempt(struct deferred *deferred)
{
    struct redis_node *node = MEM_OUTER(deferred, struct redis_node, first_attempt);
    if (node->is_freed || node->state != TRYING || node->attempting)
        return;
    drop_link(node);
    attempt(node);
}

static void on_pause_over(struct timer *timer)
{
    struct redis_node *node = MEM_OUTER(timer, struct redis_node, pause);
    drop_link(node);
    attempt(node);
}

/* Its sign of life */

static void on_sign_of_life(struct redis_node *node)
{
    timer_stop(node->loop, &node->heartbeat_deadline);
    redis_node_answered(node);
    schedule_heartbeat(node);
}

static void on_ping_reply(struct redis_request *request, const struct redisReply *reply)
{
    struct redis_node *node = MEM_OUTER(request, struct redis_node, ping);
    request->node = NULL;
    if (reply != NULL)
        on_sign_of_life(node);
}

/* Of a connection that has subscribed: ["pong", ""]. */
static bool is_pong(const struct redisReply *reply)
{
    return slice_is(redis_wire_text(reply), "PONG") || (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                                                        slice_is(redis_wire_text(reply->element[0]), "pong"));
}

static void on_said(void *context, const struct redisReply *reply)
{
    struct redis_node *node = context;
    on_sign_of_life(node);
    if (!is_pong(reply))
        node->options.on_said(node->options.context, reply);
}

static void on_heartbeat(struct timer *timer)
{
    struct redis_node *node = MEM_OUTER(timer, struct redis_node, heartbeat);
    node->ping.parts[0] = buf_slice(&node->ping_bytes);
    node->ping.on_reply = on_ping_reply;
    if (node->options.on_said != NULL) {
        redis_link_say(node->link, buf_slice(&node->ping_bytes));
    } else if (!redis_link_send(node->link, &node->ping)) {
        schedule_heartbeat(node); /* too much is under way: there are signs of life enough, or deadlines */
        return;
    }
    timer_start(node->loop, &node->heartbeat_deadline, loop_now(node->loop) + node->options.timeout_us);
}

static void hang(struct redis_node *node, const char *why)
{
    node->hangs = true;
    redis_link_end(node->link, why);
}

static void found_late(struct redis_node *node, const char *why)
{
    redis_alarm_raise(node->options.alarm, node->alarm_place, loop_now(node->loop));
    hang(node, why);
}

static void on_heartbeat_deadline(struct timer *timer)
{
    struct redis_node *node = MEM_OUTER(timer, struct redis_node, heartbeat_deadline);
    struct redis_link *link = node->link;
    redis_link_catch_up(link);
    /* Answered, or ended, or ended and followed: all of them stop waiting for this PING. */
    if (node->link == link && redis_link_is_ready(link) && !timer_is_started(&node->heartbeat))
        found_late(node, "an idle connection gave no sign of life");
}

/* From outside */

struct redis_node *redis_node_new(struct loop *loop, const struct redis_node_options *options)
{
    struct redis_node *node = mem_new(sizeof(*node));
    node->loop = loop;
    node->options = *options;
    node->host = mem_copy_text(options->host, strlen(options->host));
    if (options->port == 0)
        snprintf(node->name, sizeof(node->name), "unix:%s", node->host);
    else
        snprintf(node->name, sizeof(node->name), strchr(node->host, ':') != NULL ? "[%s]:%d" : "%s:%d", node->host,
                 options->port);
    node->alarm_place = redis_alarm_place(slice_of(node->name));
    node->state = TRYING;
    node->pause_us = REDIS_PAUSE_FIRST_US;
    random_init(&node->random, 0);
    node->resolver = resolver_new(loop, on_resolved, node);
    buf_init(&node->ping_bytes, 64);
    redis_wire_command(&node->ping_bytes, (const char *const[]){"PING", NULL});
    node->pause.on_timer = on_pause_over;
    node->resolve_deadline.on_timer = on_resolve_deadline;
    node->heartbeat.on_timer = on_heartbeat;
    node->heartbeat_deadline.on_timer = on_heartbeat_deadline;
    node->first_attempt.on_turn_end = on_first_attempt;
    loop_defer(loop, &node->first_attempt);
    return node;
}

static void bury(struct deferred *deferred)
{
    struct redis_node *node = MEM_OUTER(deferred, struct redis_node, burial);
    if (node->first_attempt.queued) {
        loop_defer(node->loop, deferred);
        return;
    }
    buf_free(&node->ping_bytes);
    mem_free(node->host);
    mem_free(node);
}

void redis_node_free(struct redis_node *node)
{
    if (node == NULL || node->is_freed)
        return;
    node->is_freed = true;
    drop_link(node);
    timer_stop(node->loop, &node->pause);
    timer_stop(node->loop, &node->resolve_deadline);
    resolver_free(node->resolver);
    set_state(node, TRYING); /* which no gauge counts */
    node->burial.on_turn_end = bury;
    loop_defer(node->loop, &node->burial);
}

bool redis_node_is_up(const struct redis_node *node)
{
    return node->state == UP;
}

bool redis_node_is_idle(const struct redis_node *node)
{
    return node->waiting.count == 0 && (node->link == NULL || redis_link_under_way(node->link) == 0);
}

bool redis_node_is_there(const struct redis_node *node)
{
    return node->state == UP || (node->state == TRYING && !node->hangs);
}

bool redis_node_send(struct redis_node *node, struct redis_request *request)
{
    bool sent = false;
    /* Another thread found that it hangs, and it has not answered here since: it must prove that it is well. */
    if (node->state == UP && redis_alarm_is_raised(node->options.alarm, node->alarm_place, node->alive_us))
        hang(node, "the server was late elsewhere");
    if (node->state == UP) {
        sent = redis_link_send(node->link, request);
    } else if (node->state == TRYING && !node->hangs && node->waiting.count < REDIS_WAITING_MAX) {
        redis_queue_add(&node->waiting, request);
        sent = true;
    }
    request->node = sent ? node : NULL;
    return sent;
}

void redis_node_forget(struct redis_node *node, struct redis_request *request)
{
    assert(request->node == node);
    if (request->is_waiting)
        redis_queue_remove(&node->waiting, request);
    else
        redis_link_forget(node->link, request);
    request->node = NULL;
}

void redis_node_say(struct redis_node *node, struct slice bytes)
{
    if (node->state == UP)
        redis_link_say(node->link, bytes);
}

void redis_node_catch_up(struct redis_node *node)
{
    if (node->state == UP)
        redis_link_catch_up(node->link);
}

void redis_node_late(struct redis_node *node)
{
    if (node->state == UP)
        found_late(node, "a command was not answered in time");
}

void redis_node_refuses(struct redis_node *node, const char *why)
{
    if (node->state != UP)
        return;
    node->breaker.row = REDIS_BREAKER_ROW;
    redis_link_end(node->link, why);
}

void redis_node_answered(struct redis_node *node)
{
    node->alive_us = loop_now(node->loop);
    redis_breaker_answered(&node->breaker, node->alive_us);
    node->pause_us = REDIS_PAUSE_FIRST_US;
}

const char *redis_node_name(const struct redis_node *node)
{
    return node->name;
}

const char *redis_node_host(const struct redis_node *node)
{
    return node->host;
}

int redis_node_port(const struct redis_node *node)
{
    return node->options.port;
}
