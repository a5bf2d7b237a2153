/* SPDX-License-Identifier: MIT */
/* A feed: a node of its own that subscribes as soon as it is up, and whose confirmations are counted. Behind sentinels
 * it is with the master and with nobody else: while there is none, it is down. In a cluster any node does, as all of
 * them hear what one is told: it is with one of the masters last heard of, or one that the URL names, and goes to the
 * next when that is lost, or is no master any more. A connection that has subscribed takes no other command, so others
 * ask for it who they are. Knows nothing of what is said. */
#include "io/redis_feed.h"

#include "base/random.h"
#include "io/redis.h"
#include "io/redis_cluster.h"
#include "io/redis_master.h"
#include "io/redis_node.h"
#include "io/redis_slots.h"
#include "io/redis_wire.h"

#include <hiredis/hiredis.h>

/* No request waits for a feed, so it is given longer than a command before it is called dead. */
#define PATIENCE_MIN_US INT64_C(1000000)
#define HEARTBEAT_US INT64_C(1000000)
#define MOVE_US INT64_C(200000)

struct redis_feed {
    struct loop *loop;
    struct redis_feed_events events;
    struct redis_options options;
    struct redis_master *master; /* behind sentinels; else NULL */
    struct redis_node *node;     /* NULL: there is no master now */
    size_t turn;                 /* whom to try next: the places in their order, then the URL's hosts */
    struct timer move;
    struct redis *redis; /* asks who the masters are; NULL: nobody does */
    struct redis_call question;
    struct timer ask;
    struct redis_place *masters; /* last heard of */
    size_t master_count;
    bool was_master; /* the node was among them once */
    struct random random;
    struct log *log;
    int64_t patience_us;
    struct buf subscribe; /* the command */
    size_t channel_count;
    size_t confirmed;
    bool is_up;
    struct timer deadline; /* of the confirmations */
};

static void set_up(struct redis_feed *feed, bool up)
{
    if (feed->is_up == up)
        return;
    feed->is_up = up;
    feed->events.on_link(feed->events.context, up);
}

static void connect_next(struct redis_feed *feed);
static void ask(struct redis_feed *feed);

static void on_change(void *context, struct redis_node *node)
{
    struct redis_feed *feed = context;
    feed->confirmed = 0;
    timer_stop(feed->loop, &feed->deadline);
    if (redis_node_is_up(node)) {
        redis_node_say(node, buf_slice(&feed->subscribe));
        timer_start(feed->loop, &feed->deadline, loop_now(feed->loop) + feed->patience_us);
        return;
    }
    set_up(feed, false);
    if (!redis_node_is_there(node) && feed->options.url->kind == REDIS_CLUSTER) {
        ask(feed);
        timer_start(feed->loop, &feed->move,
                    loop_now(feed->loop) + random_between(&feed->random, MOVE_US / 2, MOVE_US));
    }
}

static void disconnect(struct redis_feed *feed)
{
    feed->confirmed = 0;
    timer_stop(feed->loop, &feed->deadline);
    redis_node_free(feed->node);
    feed->node = NULL;
    set_up(feed, false);
}

/* Who the masters of a cluster are. */

static bool is_master(const struct redis_feed *feed)
{
    const char *host = redis_node_host(feed->node);
    for (size_t i = 0; i < feed->master_count; i++) {
        if (feed->masters[i].port == redis_node_port(feed->node) && strcmp(feed->masters[i].host, host) == 0)
            return true;
    }
    return false;
}

/* It may still be there, and hear nothing of what the cluster's nodes are told. One that was never among them may be
 * known by another name. */
static bool has_left(const struct redis_feed *feed)
{
    return feed->was_master && !is_master(feed);
}

static void keep_masters(struct redis_feed *feed, const struct redis_slots *said)
{
    mem_free(feed->masters);
    feed->masters = mem_new(said->place_count * sizeof(said->places[0]));
    memcpy(feed->masters, said->places, said->place_count * sizeof(said->places[0]));
    feed->master_count = said->place_count;
}

/* To the next node of a cluster. */
static void on_move(struct timer *timer)
{
    struct redis_feed *feed = MEM_OUTER(timer, struct redis_feed, move);
    if (redis_node_is_up(feed->node) && !has_left(feed))
        return;
    disconnect(feed);
    connect_next(feed);
}

static void on_answer(struct redis_call *call)
{
    struct redis_feed *feed = MEM_OUTER(call, struct redis_feed, question);
    struct redis_slots *said = mem_new(sizeof(*said));
    timer_start(feed->loop, &feed->ask, loop_now(feed->loop) + REDIS_CLUSTER_REFRESH_US);
    if (call->outcome == REDIS_ANSWERED && redis_slots_read(call->reply, "", said)) {
        keep_masters(feed, said);
        feed->was_master |= is_master(feed);
        if (has_left(feed) && !timer_is_started(&feed->move))
            timer_start(feed->loop, &feed->move, loop_now(feed->loop));
    }
    mem_free(said);
}

static void ask(struct redis_feed *feed)
{
    if (feed->redis == NULL || feed->question.handle != NULL)
        return;
    feed->question =
        (struct redis_call){.arguments = {SLICE("CLUSTER"), SLICE("SLOTS")}, .argument_count = 2, .on_done = on_answer};
    feed->redis->start(feed->redis, &feed->question);
}

static void on_ask(struct timer *timer)
{
    ask(MEM_OUTER(timer, struct redis_feed, ask));
}

void redis_feed_follow(struct redis_feed *feed, struct redis *redis)
{
    if (feed->options.url->kind != REDIS_CLUSTER)
        return;
    feed->redis = redis;
    feed->ask.on_timer = on_ask;
    timer_start(feed->loop, &feed->ask, loop_now(feed->loop));
}

static void on_confirmed(struct redis_feed *feed)
{
    feed->confirmed++;
    if (feed->confirmed < feed->channel_count)
        return;
    timer_stop(feed->loop, &feed->deadline);
    set_up(feed, true);
}

static void on_said(void *context, const struct redisReply *reply)
{
    struct redis_feed *feed = context;
    bool is_three = reply->type == REDIS_REPLY_ARRAY && reply->elements == 3;
    struct slice kind = is_three ? redis_wire_text(reply->element[0]) : slice_make("", 0);
    if (slice_is(kind, "message"))
        feed->events.on_message(feed->events.context, redis_wire_text(reply->element[1]),
                                redis_wire_text(reply->element[2]));
    else if (slice_is(kind, "subscribe"))
        on_confirmed(feed);
    else
        redis_node_refuses(feed->node, "a feed was told what is no message");
}

static void on_deadline(struct timer *timer)
{
    redis_node_late(MEM_OUTER(timer, struct redis_feed, deadline)->node);
}

static void write_subscribe(struct redis_feed *feed, const struct slice *channels, size_t count)
{
    buf_init(&feed->subscribe, 64 * 1024);
    redis_wire_begin(&feed->subscribe, count + 1);
    redis_wire_word(&feed->subscribe, slice_of("SUBSCRIBE"));
    for (size_t i = 0; i < count; i++)
        redis_wire_word(&feed->subscribe, channels[i]);
    feed->channel_count = count;
}

/* `port` 0: a path. */
static void connect_node(struct redis_feed *feed, const char *host, int port)
{
    const struct redis_url *url = feed->options.url;
    const struct redis_node_options node = {
        .host = host,
        .port = port,
        .user = url->user,
        .password = url->password,
        .database = url->database,
        .timeout_us = feed->patience_us,
        .heartbeat_us = HEARTBEAT_US,
        .log = feed->log,
        .on_change = on_change,
        .on_said = on_said,
        .context = feed,
    };
    feed->node = redis_node_new(feed->loop, &node);
}

static void connect_next(struct redis_feed *feed)
{
    const struct redis_url *url = feed->options.url;
    if (url->kind == REDIS_UNIX) {
        connect_node(feed, url->path, 0);
        return;
    }
    size_t turn = feed->turn++ % (feed->master_count + url->host_count);
    if (turn < feed->master_count) {
        connect_node(feed, feed->masters[turn].host, feed->masters[turn].port);
    } else {
        const struct redis_host *host = &url->hosts[turn - feed->master_count];
        connect_node(feed, host->name, host->port);
    }
    feed->was_master = is_master(feed);
}

static void on_master(void *context)
{
    struct redis_feed *feed = context;
    const struct redis_node *master = redis_master_node(feed->master);
    if (feed->node != NULL)
        disconnect(feed);
    if (master != NULL)
        connect_node(feed, redis_node_host(master), redis_node_port(master));
}

static void begin(struct redis_feed *feed)
{
    const struct redis_master_options options = {
        .redis = &feed->options, .log = feed->log, .on_change = on_master, .context = feed};
    if (feed->options.url->kind == REDIS_SENTINEL)
        feed->master = redis_master_new(feed->loop, &options);
    else
        connect_next(feed);
}

struct redis_feed *redis_feed_new(struct loop *loop, const struct redis_options *options, const struct slice *channels,
                                  size_t channel_count, const struct redis_feed_events *events, struct log *log)
{
    struct redis_feed *feed = mem_new(sizeof(*feed));
    feed->loop = loop;
    feed->events = *events;
    feed->log = log;
    feed->patience_us = options->timeout_us > PATIENCE_MIN_US ? options->timeout_us : PATIENCE_MIN_US;
    feed->deadline.on_timer = on_deadline;
    feed->options = *options;
    feed->move.on_timer = on_move;
    random_init(&feed->random, 0);
    write_subscribe(feed, channels, channel_count);
    begin(feed);
    return feed;
}

void redis_feed_free(struct redis_feed *feed)
{
    if (feed == NULL)
        return;
    timer_stop(feed->loop, &feed->deadline);
    timer_stop(feed->loop, &feed->move);
    timer_stop(feed->loop, &feed->ask);
    if (feed->question.handle != NULL)
        feed->redis->cancel(feed->redis, &feed->question);
    mem_free(feed->masters);
    redis_master_free(feed->master);
    redis_node_free(feed->node);
    buf_free(&feed->subscribe);
    mem_free(feed);
}
