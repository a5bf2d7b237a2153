/* SPDX-License-Identifier: MIT */
/* Calls: each becomes an op, which is sent to the node that the route picks, sent again where a server said that
 * nothing was done, and ends by its reply, by its deadline or by the loss of its connection. Knows what a script is;
 * knows no socket and no topology. */
#include "io/redis.h"

#include "io/redis_cluster.h"
#include "io/redis_sentinel.h"
#include "io/redis_single.h"
#include "io/redis_slots.h"
#include "io/redis_wire.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdio.h>

#include <hiredis/hiredis.h>

enum { SCRIPTS_MAX = 32, SHA1_BYTES = 20, SHA1_DIGITS = 40 };

struct known_script {
    const struct redis_script *script;
    char sha1[SHA1_DIGITS];
};

struct redis_carrier {
    struct redis redis;
    struct redis_route *route;
    struct redis_route_parts parts;
    struct redis_op *ops; /* all under way */
    size_t op_count;
    bool is_closed;
    struct redis_op *at_deadline; /* the op whose deadline is being looked at; NULL when it ended meanwhile */
    struct known_script scripts[SCRIPTS_MAX];
    size_t script_count;
};

static void count(struct redis_carrier *carrier, enum metric metric, int64_t amount)
{
    counters_add(carrier->parts.counters, metric, amount);
}

/* Scripts */

static void hash_script(struct known_script *known)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    int hashed = EVP_Digest(known->script->text, strlen(known->script->text), digest, &length, EVP_sha1(), NULL);
    assert(hashed == 1 && length == SHA1_BYTES);
    for (size_t i = 0; i < SHA1_BYTES; i++) {
        known->sha1[2 * i] = digits[digest[i] >> 4];
        known->sha1[2 * i + 1] = digits[digest[i] & 15];
    }
}

static const struct known_script *find_script(struct redis_carrier *carrier, const struct redis_script *script)
{
    for (size_t i = 0; i < carrier->script_count; i++) {
        if (carrier->scripts[i].script == script)
            return &carrier->scripts[i];
    }
    assert(carrier->script_count < SCRIPTS_MAX);
    struct known_script *known = &carrier->scripts[carrier->script_count++];
    known->script = script;
    hash_script(known);
    return known;
}

static void write_head(struct redis_op *op)
{
    const struct known_script *known = find_script(op->carrier, op->script);
    buf_free(&op->head);
    redis_wire_begin(&op->head, op->word_count + 2);
    redis_wire_word(&op->head, slice_of(op->by_text ? "EVAL" : "EVALSHA"));
    redis_wire_word(&op->head, op->by_text ? slice_of(op->script->text) : slice_make(known->sha1, SHA1_DIGITS));
}

/* False when it is larger than anything that could be sent. */
static bool write_words(struct redis_op *op, const struct redis_call *call)
{
    size_t bytes = 64;
    for (size_t i = 0; i < call->argument_count; i++)
        bytes += call->arguments[i].length + 32;
    buf_init(&op->words, REDIS_UNSENT_MAX);
    buf_init(&op->head, REDIS_UNSENT_MAX);
    if (buf_room(&op->words, bytes < REDIS_UNSENT_MAX ? bytes : REDIS_UNSENT_MAX) == NULL)
        return false;
    op->word_count = call->argument_count;
    if (call->with_life) {
        redis_wire_begin(&op->head, 2);
        redis_wire_word(&op->head, slice_of("PTTL"));
        redis_wire_word(&op->head, call->key);
    }
    if (call->script != NULL) {
        redis_wire_number(&op->words, call->key_count);
        op->word_count++;
        write_head(op);
    } else {
        redis_wire_begin(&op->words, call->argument_count);
    }
    for (size_t i = 0; i < call->argument_count; i++)
        redis_wire_word(&op->words, call->arguments[i]);
    return buf_ok(&op->words) && buf_ok(&op->head);
}

/* The life of an op */

static void unlink_op(struct redis_op *op)
{
    struct redis_carrier *carrier = op->carrier;
    if (op->previous != NULL)
        op->previous->next = op->next;
    else
        carrier->ops = op->next;
    if (op->next != NULL)
        op->next->previous = op->previous;
    carrier->op_count--;
    if (carrier->at_deadline == op)
        carrier->at_deadline = NULL;
}

/* Off every list but the loop's own queue, where it stays until the end of the turn. */
static void end_op(struct redis_op *op)
{
    timer_stop(op->carrier->parts.loop, &op->deadline);
    timer_stop(op->carrier->parts.loop, &op->again);
    if (op->request.node != NULL)
        redis_node_forget(op->request.node, &op->request);
    unlink_op(op);
    op->call->handle = NULL;
    op->call = NULL;
    buf_free(&op->words);
    buf_free(&op->head);
    if (!op->early.queued)
        mem_free(op);
}

static void finish(struct redis_op *op, enum redis_outcome outcome, const struct redisReply *reply, bool maybe_done)
{
    struct redis_call *call = op->call;
    struct redis_carrier *carrier = op->carrier;
    count(carrier, METRIC_REDIS_ERRORS, outcome == REDIS_ANSWERED && reply->type == REDIS_REPLY_ERROR);
    count(carrier, METRIC_REDIS_TIMEOUTS, outcome == REDIS_TIMED_OUT);
    count(carrier, METRIC_REDIS_REFUSED, outcome == REDIS_AWAY);
    if (outcome == REDIS_ANSWERED)
        counters_observe(carrier->parts.counters, HISTOGRAM_REDIS_DURATION,
                         loop_now(carrier->parts.loop) - op->started_us);
    end_op(op);
    call->outcome = outcome;
    call->reply = reply;
    call->maybe_done = maybe_done;
    call->on_done(call);
}

/* False when nobody takes it. */
static bool dispatch(struct redis_op *op)
{
    struct redis_route *route = op->carrier->route;
    bool later = false;
    struct redis_node *node = op->redirected;
    op->request.asking = node != NULL;
    if (node == NULL)
        node = route->pick(route, op, &later);
    op->redirected = NULL;
    op->call->life_ms = REDIS_LIFE_UNKNOWN;
    if (node == NULL && later) {
        timer_start(op->carrier->parts.loop, &op->again, loop_now(op->carrier->parts.loop) + REDIS_AGAIN_US);
        return true;
    }
    op->request.parts[0] = buf_slice(&op->head);
    op->request.parts[1] = buf_slice(&op->words);
    return node != NULL && redis_node_send(node, &op->request);
}

static void dispatch_again(struct redis_op *op)
{
    if (!dispatch(op))
        finish(op, REDIS_AWAY, NULL, false);
}

static void on_again(struct timer *timer)
{
    dispatch_again(MEM_OUTER(timer, struct redis_op, again));
}

static void on_error(struct redis_op *op, struct redis_node *node, const struct redisReply *reply)
{
    struct redis_carrier *carrier = op->carrier;
    enum redis_verdict verdict;
    if (op->script != NULL && !op->by_text && redis_wire_is_error(reply, "NOSCRIPT")) {
        op->by_text = true;
        write_head(op);
        op->redirected = NULL;
        verdict = REDIS_HOP;
    } else {
        verdict = carrier->route->judge(carrier->route, op, node, reply);
    }
    if (verdict == REDIS_HOP && op->hops < REDIS_HOPS_MAX) {
        op->hops++;
        dispatch_again(op);
    } else if (verdict == REDIS_WAIT_AND_TRY) {
        timer_start(carrier->parts.loop, &op->again, loop_now(carrier->parts.loop) + REDIS_AGAIN_US);
    } else {
        finish(op, REDIS_ANSWERED, reply, true);
    }
}

static void on_life(struct redis_request *request, const struct redisReply *reply)
{
    struct redis_op *op = MEM_OUTER(request, struct redis_op, request);
    if (reply->type == REDIS_REPLY_INTEGER)
        op->call->life_ms = reply->integer;
}

static void on_reply(struct redis_request *request, const struct redisReply *reply)
{
    struct redis_op *op = MEM_OUTER(request, struct redis_op, request);
    struct redis_node *node = request->node;
    request->node = NULL;
    if (reply == NULL) {
        finish(op, REDIS_AWAY, NULL, request->maybe_done);
        return;
    }
    redis_node_answered(node);
    if (reply->type == REDIS_REPLY_ERROR)
        on_error(op, node, reply);
    else
        finish(op, REDIS_ANSWERED, reply, true);
}

/* Its socket is read once more before a server is called late: it may be us who were busy. */
static void on_deadline(struct timer *timer)
{
    struct redis_op *op = MEM_OUTER(timer, struct redis_op, deadline);
    struct redis_carrier *carrier = op->carrier;
    bool maybe_done = false;
    carrier->at_deadline = op;
    if (op->request.node != NULL)
        redis_node_catch_up(op->request.node);
    if (carrier->at_deadline != op)
        return; /* it has ended */
    carrier->at_deadline = NULL;
    struct redis_node *node = op->request.node;
    if (node != NULL) {
        redis_node_forget(node, &op->request);
        maybe_done = op->request.maybe_done;
        redis_node_late(node);
    }
    finish(op, REDIS_TIMED_OUT, NULL, maybe_done);
}

static void on_early(struct deferred *deferred)
{
    struct redis_op *op = MEM_OUTER(deferred, struct redis_op, early);
    if (op->call == NULL)
        mem_free(op); /* cancelled, or the carrier is gone */
    else
        finish(op, REDIS_AWAY, NULL, op->request.maybe_done);
}

/* Of a cluster only. */
static int slot_of(const struct redis_carrier *carrier, const struct redis_call *call)
{
    if (carrier->parts.options.url->kind != REDIS_CLUSTER)
        return -1;
    struct slice key = call->key.at == NULL && call->key_count > 0 ? call->arguments[0] : call->key;
    int slot = key.at != NULL ? redis_slot(key) : -1;
    for (size_t i = 0; i < call->key_count; i++)
        assert(redis_slot(call->arguments[i]) == slot);
    return slot;
}

static void start(struct redis *redis, struct redis_call *call)
{
    struct redis_carrier *carrier = MEM_OUTER(redis, struct redis_carrier, redis);
    struct loop *loop = carrier->parts.loop;
    struct redis_op *op = mem_new(sizeof(*op));
    assert(call->argument_count > 0 && call->argument_count <= REDIS_ARGUMENTS_MAX);
    assert(call->script != NULL ? call->key_count <= call->argument_count : call->key_count == 0);
    assert(!call->with_life || (call->script == NULL && call->key.at != NULL));
    call->outcome = REDIS_AWAY;
    call->reply = NULL;
    call->maybe_done = false;
    call->handle = op;
    op->carrier = carrier;
    op->call = call;
    op->script = call->script;
    op->slot = slot_of(carrier, call);
    op->started_us = loop_now(loop);
    op->request.on_reply = on_reply;
    op->request.on_ahead = call->with_life ? on_life : NULL;
    op->deadline.on_timer = on_deadline;
    op->again.on_timer = on_again;
    op->early.on_turn_end = on_early;
    op->next = carrier->ops;
    if (op->next != NULL)
        op->next->previous = op;
    carrier->ops = op;
    carrier->op_count++;
    count(carrier, METRIC_REDIS_COMMANDS, 1);
    if (carrier->is_closed || carrier->op_count > REDIS_CALLS_MAX || !write_words(op, call) || !dispatch(op)) {
        loop_defer(loop, &op->early);
        return;
    }
    int64_t timeout_us = call->timeout_us > 0 ? call->timeout_us : carrier->parts.options.timeout_us;
    timer_start(loop, &op->deadline, op->started_us + timeout_us);
}

/* Its end is told at the end of the turn. */
static void let_go(struct redis_op *op)
{
    struct loop *loop = op->carrier->parts.loop;
    timer_stop(loop, &op->deadline);
    timer_stop(loop, &op->again);
    if (op->request.node != NULL)
        redis_node_forget(op->request.node, &op->request);
    loop_defer(loop, &op->early);
}

void redis_close(struct redis *redis)
{
    struct redis_carrier *carrier = MEM_OUTER(redis, struct redis_carrier, redis);
    carrier->is_closed = true;
    for (struct redis_op *op = carrier->ops; op != NULL; op = op->next)
        let_go(op);
}

static void cancel(struct redis *redis, struct redis_call *call)
{
    (void)redis;
    if (call->handle != NULL)
        end_op(call->handle);
}

static bool is_there(const struct redis *redis)
{
    const struct redis_carrier *carrier = MEM_OUTER(redis, const struct redis_carrier, redis);
    return !carrier->is_closed && carrier->op_count < REDIS_CALLS_MAX && carrier->route->is_there(carrier->route);
}

static struct redis_route *route_new(const struct redis_route_parts *parts)
{
    switch (parts->options.url->kind) {
    case REDIS_CLUSTER:
        return redis_cluster_new(parts);
    case REDIS_SENTINEL:
        return redis_sentinel_new(parts);
    case REDIS_SINGLE:
    case REDIS_UNIX:
        break;
    }
    return redis_single_new(parts);
}

const char *redis_call_failure(const struct redis_call *call, char room[REDIS_FAILURE_MAX])
{
    if (call->outcome != REDIS_ANSWERED || call->reply == NULL)
        return "Redis gives no answer";
    if (call->reply->type != REDIS_REPLY_ERROR)
        return "Redis answers what was not asked";
    struct slice code = redis_wire_code(call->reply);
    snprintf(room, REDIS_FAILURE_MAX, "Redis refuses: %.*s", (int)(code.length < 32 ? code.length : 32), code.at);
    return room;
}

struct redis *redis_new(struct loop *loop, const struct redis_options *options, struct log *log,
                        struct counters *counters)
{
    struct redis_carrier *carrier = mem_new(sizeof(*carrier));
    carrier->redis = (struct redis){start, cancel, is_there};
    carrier->parts = (struct redis_route_parts){loop, *options, log, counters};
    carrier->route = route_new(&carrier->parts);
    return &carrier->redis;
}

void redis_free(struct redis *redis)
{
    if (redis == NULL)
        return;
    struct redis_carrier *carrier = MEM_OUTER(redis, struct redis_carrier, redis);
    while (carrier->ops != NULL)
        end_op(carrier->ops);
    carrier->route->free(carrier->route);
    mem_free(carrier);
}
