/* SPDX-License-Identifier: MIT */
/* Two servers at most are looked at: the one that was named last, and the one that is used, which are the same but
 * while another is being tried. Sentinels are asked in rounds, which end when a majority has named the same server,
 * when all have answered, or when the time is up. */
#include "io/redis_master.h"

#include "base/units.h"
#include "io/redis_slots.h"
#include "io/redis_vote.h"
#include "io/redis_wire.h"

#include <hiredis/hiredis.h>

struct sentinel {
    struct redis_master *master;
    struct redis_node *node;
    struct redis_request question;
};

/* A server that was named. */
struct server {
    struct redis_master *master;
    struct redis_node *node;
    struct redis_place place;
    struct redis_request question;
    struct timer deadline;
    bool is_master; /* as it said on this connection */
    bool is_retired;
    struct server *next; /* retired */
};

struct redis_master {
    struct loop *loop;
    struct redis_master_options options;
    struct sentinel sentinels[REDIS_HOSTS_MAX];
    size_t sentinel_count;
    struct buf ask, role; /* commands */

    struct timer round, round_deadline;
    int64_t asked_us; /* when the last round began */
    bool is_asking;
    struct redis_vote vote; /* of the last round */

    struct server *named; /* whom the last word named; NULL: nobody was named yet */
    bool has_word;        /* it was named after it was lost last */
    struct server *used;  /* NULL: none */
    struct server *retired;
    struct timer patience; /* while it runs, calls wait for a master */
    const char *complaint; /* the last that was logged since there was a master */
};

static void refresh_soon(struct redis_master *master);

static int64_t now_of(const struct redis_master *master)
{
    return loop_now(master->loop);
}

static void complain(struct redis_master *master, const char *message)
{
    if (master->complaint == message)
        return;
    master->complaint = message;
    log_write(master->options.log, LOG_LEVEL_WARN, message,
              LOG_FIELDS(LOG_TEXT("master", slice_of(master->options.redis->url->master))));
}

static void tell(struct redis_master *master)
{
    if (master->options.on_change != NULL)
        master->options.on_change(master->options.context);
}

/* Servers */

static void forget_question(struct server *server)
{
    timer_stop(server->master->loop, &server->deadline);
    if (server->question.node != NULL)
        redis_node_forget(server->node, &server->question);
}

/* What is under way on it may be answered yet; then it is let go of. */
static void retire(struct server *server)
{
    struct redis_master *master = server->master;
    forget_question(server);
    server->is_retired = true;
    server->next = master->retired;
    master->retired = server;
}

static void free_server(struct server *server)
{
    if (server == NULL)
        return;
    timer_stop(server->master->loop, &server->deadline);
    redis_node_free(server->node);
    mem_free(server);
}

static void sweep(struct redis_master *master)
{
    struct server **at = &master->retired;
    while (*at != NULL) {
        struct server *server = *at;
        if (!redis_node_is_idle(server->node)) {
            at = &server->next;
            continue;
        }
        *at = server->next;
        free_server(server);
    }
}

static void use(struct redis_master *master, struct server *server)
{
    if (master->used == server)
        return;
    if (master->used != NULL)
        retire(master->used);
    master->used = server;
    master->complaint = NULL;
    timer_stop(master->loop, &master->patience);
    log_write(master->options.log, LOG_LEVEL_INFO, "the master of redis was found",
              LOG_FIELDS(LOG_TEXT("address", slice_of(redis_node_name(server->node)))));
    tell(master);
}

/* It was lost, or is no master any more. */
static void lost(struct server *server)
{
    struct redis_master *master = server->master;
    server->is_master = false;
    if (server == master->named)
        master->has_word = false;
    if (server != master->used) {
        refresh_soon(master);
        return;
    }
    master->used = NULL;
    if (server != master->named)
        retire(server);
    if (redis_node_is_there(server->node)) /* it does not hang: nobody has waited yet */
        timer_start(master->loop, &master->patience, now_of(master) + master->options.redis->timeout_us);
    refresh_soon(master);
    tell(master);
}

static bool says_master(const struct redisReply *reply)
{
    return reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
           slice_is(redis_wire_text(reply->element[0]), "master");
}

static void on_role(struct redis_request *question, const struct redisReply *reply)
{
    struct server *server = MEM_OUTER(question, struct server, question);
    struct redis_master *master = server->master;
    question->node = NULL;
    timer_stop(master->loop, &server->deadline);
    if (reply == NULL)
        return; /* its connection is lost, which is told by itself */
    redis_node_answered(server->node);
    server->is_master = says_master(reply);
    if (!server->is_master) {
        complain(master, "the server that sentinels name is no master as it says itself");
        refresh_soon(master);
    } else if (master->has_word && server == master->named) {
        use(master, server);
    }
}

static void on_role_deadline(struct timer *timer)
{
    struct server *server = MEM_OUTER(timer, struct server, deadline);
    redis_node_catch_up(server->node);
    if (server->question.node == NULL)
        return;
    redis_node_forget(server->node, &server->question);
    redis_node_late(server->node);
}

static void ask_role(struct server *server)
{
    struct redis_master *master = server->master;
    server->question.parts[0] = buf_slice(&master->role);
    server->question.on_reply = on_role;
    if (redis_node_send(server->node, &server->question))
        timer_start(master->loop, &server->deadline, now_of(master) + master->options.redis->timeout_us);
}

/* What is known of the server that was named is brought forward. */
static void consider(struct redis_master *master)
{
    struct server *server = master->named;
    if (!redis_node_is_up(server->node))
        return;
    if (!server->is_master && server->question.node == NULL)
        ask_role(server);
    else if (server->is_master && master->has_word)
        use(master, server);
}

static void on_server_change(void *context, struct redis_node *node)
{
    struct server *server = context;
    if (server->is_retired)
        return;
    if (redis_node_is_up(node))
        consider(server->master);
    else
        lost(server);
}

static struct server *server_new(struct redis_master *master, const struct redis_place *place)
{
    const struct redis_url *url = master->options.redis->url;
    struct server *server = mem_new(sizeof(*server));
    const struct redis_node_options options = {
        .host = place->host,
        .port = place->port,
        .user = url->user,
        .password = url->password,
        .database = url->database,
        .timeout_us = master->options.redis->timeout_us,
        .log = master->options.log,
        .counters = master->options.counters,
        .alarm = master->options.redis->alarm,
        .on_change = on_server_change,
        .context = server,
    };
    server->master = master;
    server->place = *place;
    server->deadline.on_timer = on_role_deadline;
    server->node = redis_node_new(master->loop, &options);
    return server;
}

static void follow(struct redis_master *master, const struct redis_place *place)
{
    struct server *old = master->named;
    master->has_word = true;
    if (old == NULL || !redis_place_equal(&old->place, place)) {
        bool is_used = master->used != NULL && redis_place_equal(&master->used->place, place);
        master->named = is_used ? master->used : server_new(master, place);
        if (old != NULL && old != master->used)
            retire(old);
    }
    consider(master);
}

/* Rounds of questions to the sentinels */

static bool is_settled(const struct redis_master *master)
{
    return master->used != NULL && master->used == master->named;
}

static void refresh_soon(struct redis_master *master)
{
    int64_t at_us = master->asked_us + REDIS_MASTER_ASK_MIN_US;
    if (timer_is_started(&master->round) && master->round.at_us <= at_us)
        return;
    timer_start(master->loop, &master->round, at_us);
}

/* Where the master that works is; NULL: none does. */
static const struct redis_place *used_place(const struct redis_master *master)
{
    return master->used != NULL ? &master->used->place : NULL;
}

static void end_round(struct redis_master *master)
{
    master->is_asking = false;
    timer_stop(master->loop, &master->round_deadline);
    for (size_t i = 0; i < master->sentinel_count; i++) {
        struct sentinel *sentinel = &master->sentinels[i];
        if (sentinel->question.node != NULL)
            redis_node_forget(sentinel->node, &sentinel->question);
    }
    const struct redis_place *place = redis_vote_winner(&master->vote, used_place(master));
    if (place != NULL) {
        const struct redis_place copy = *place;
        follow(master, &copy);
    } else if (redis_vote_answers(&master->vote) > 0) {
        complain(master, "sentinels do not know the master");
    } else if (master->named != NULL) {
        master->has_word = true;
        consider(master);
    }
    timer_start(master->loop, &master->round,
                master->asked_us + (is_settled(master) ? REDIS_MASTER_ASK_US : REDIS_MASTER_ASK_MIN_US));
}

static bool is_over(const struct redis_master *master)
{
    bool is_open = false;
    for (size_t i = 0; i < master->sentinel_count; i++)
        is_open |= master->sentinels[i].question.node != NULL;
    return !is_open || redis_vote_is_decided(&master->vote, used_place(master));
}

/* ["127.0.0.1", "6379"] */
static bool read_place(const struct redisReply *reply, const char *asked, struct redis_place *place)
{
    int64_t port;
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
           units_integer(redis_wire_text(reply->element[1]), &port) &&
           redis_place_make(redis_wire_text(reply->element[0]), port, asked, place);
}

static void on_answer(struct redis_request *question, const struct redisReply *reply)
{
    struct sentinel *sentinel = MEM_OUTER(question, struct sentinel, question);
    struct redis_master *master = sentinel->master;
    struct redis_place place;
    question->node = NULL;
    if (reply != NULL) {
        redis_node_answered(sentinel->node);
        bool has_named = read_place(reply, redis_node_host(sentinel->node), &place);
        redis_vote_cast(&master->vote, (size_t)(sentinel - master->sentinels), has_named ? &place : NULL);
    }
    if (master->is_asking && is_over(master))
        end_round(master);
}

static void on_round(struct timer *timer)
{
    struct redis_master *master = MEM_OUTER(timer, struct redis_master, round);
    sweep(master);
    if (master->is_asking)
        return; /* its end goes on */
    master->asked_us = now_of(master);
    master->is_asking = true;
    redis_vote_begin(&master->vote, master->sentinel_count);
    for (size_t i = 0; i < master->sentinel_count; i++) {
        struct sentinel *sentinel = &master->sentinels[i];
        sentinel->question.parts[0] = buf_slice(&master->ask);
        sentinel->question.on_reply = on_answer;
        if (redis_node_is_up(sentinel->node) && !redis_node_send(sentinel->node, &sentinel->question))
            sentinel->question.node = NULL;
    }
    if (is_over(master))
        end_round(master);
    else
        timer_start(master->loop, &master->round_deadline, master->asked_us + master->options.redis->timeout_us);
}

static void on_round_deadline(struct timer *timer)
{
    struct redis_master *master = MEM_OUTER(timer, struct redis_master, round_deadline);
    for (size_t i = 0; i < master->sentinel_count && master->is_asking; i++) {
        struct sentinel *sentinel = &master->sentinels[i];
        if (sentinel->question.node != NULL)
            redis_node_catch_up(sentinel->node);
        if (!master->is_asking || sentinel->question.node == NULL)
            continue;
        redis_node_forget(sentinel->node, &sentinel->question);
        redis_node_late(sentinel->node);
    }
    if (master->is_asking)
        end_round(master);
}

static void on_sentinel_change(void *context, struct redis_node *node)
{
    struct redis_master *master = context;
    if (redis_node_is_up(node) && !is_settled(master))
        refresh_soon(master);
}

/* From outside */

static void on_patience_over(struct timer *timer)
{
    (void)timer; /* whoever waits looks again by himself */
}

static void add_sentinel(struct redis_master *master, const struct redis_host *host)
{
    struct sentinel *sentinel = &master->sentinels[master->sentinel_count++];
    const struct redis_node_options options = {
        .host = host->name,
        .port = host->port,
        .timeout_us = master->options.redis->timeout_us,
        .log = master->options.log,
        .on_change = on_sentinel_change,
        .context = master,
    };
    sentinel->master = master;
    sentinel->node = redis_node_new(master->loop, &options);
}

struct redis_master *redis_master_new(struct loop *loop, const struct redis_master_options *options)
{
    const struct redis_url *url = options->redis->url;
    struct redis_master *master = mem_new(sizeof(*master));
    master->loop = loop;
    master->options = *options;
    master->round.on_timer = on_round;
    master->round_deadline.on_timer = on_round_deadline;
    master->patience.on_timer = on_patience_over;
    buf_init(&master->ask, 4096);
    buf_init(&master->role, 64);
    redis_wire_command(&master->ask, (const char *const[]){"SENTINEL", "GET-MASTER-ADDR-BY-NAME", url->master, NULL});
    redis_wire_command(&master->role, (const char *const[]){"ROLE", NULL});
    master->asked_us = now_of(master) - REDIS_MASTER_ASK_MIN_US;
    for (size_t i = 0; i < url->host_count; i++)
        add_sentinel(master, &url->hosts[i]);
    timer_start(loop, &master->patience, now_of(master) + options->redis->timeout_us);
    return master;
}

void redis_master_free(struct redis_master *master)
{
    if (master == NULL)
        return;
    timer_stop(master->loop, &master->round);
    timer_stop(master->loop, &master->round_deadline);
    timer_stop(master->loop, &master->patience);
    for (size_t i = 0; i < master->sentinel_count; i++)
        redis_node_free(master->sentinels[i].node);
    if (master->used != master->named)
        free_server(master->used);
    free_server(master->named);
    while (master->retired != NULL) {
        struct server *server = master->retired;
        master->retired = server->next;
        free_server(server);
    }
    buf_free(&master->ask);
    buf_free(&master->role);
    mem_free(master);
}

struct redis_node *redis_master_node(const struct redis_master *master)
{
    return master->used != NULL ? master->used->node : NULL;
}

bool redis_master_is_there(const struct redis_master *master)
{
    return master->used != NULL || timer_is_started(&master->patience);
}

void redis_master_doubt(struct redis_master *master, const struct redis_node *node)
{
    if (master->used != NULL && master->used->node == node)
        lost(master->used);
}
