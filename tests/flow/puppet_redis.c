/* SPDX-License-Identifier: MIT */
#include "puppet_redis.h"

#include <assert.h>
#include <stdio.h>

struct puppet_message {
    struct puppet_message *next;
    struct slice channel, message; /* owned */
    bool for_feed[PUPPET_FEEDS_MAX];
};

/* The calls of one connection. */

static void free_call(struct puppet_redis_call *own)
{
    timer_stop(own->redis->loop, &own->deadline);
    puppet_reply_free(own->reply);
    mem_free(own->bytes);
    mem_free(own);
}

static int64_t life_of(struct puppet_redis_call *own)
{
    const struct slice ask[] = {slice_of("PTTL"), own->call->key};
    redisReply *reply = puppet_store_run(own->redis->store, ask, 2);
    int64_t life_ms = reply->type == REDIS_REPLY_INTEGER ? reply->integer : REDIS_LIFE_UNKNOWN;
    puppet_reply_free(reply);
    return life_ms;
}

static redisReply *run_on_server(struct puppet_redis_call *own)
{
    const struct redis_script *script = own->call->script;
    if (own->call->with_life)
        own->call->life_ms = life_of(own);
    if (script != NULL)
        return puppet_store_script(own->redis->store, script->text, own->arguments, own->argument_count,
                                   own->call->key_count);
    return puppet_store_run(own->redis->store, own->arguments, own->argument_count);
}

static redisReply *refusal_of(const struct puppet_redis_answer *answer)
{
    if (!answer->babbles)
        return puppet_reply_error(answer->error);
    redisReply *reply = puppet_reply_array(1);
    reply->element[0] = puppet_reply_bulk(slice_of(answer->error));
    return reply;
}

static void make_ready(struct puppet_redis_call *own, const struct puppet_redis_answer *answer)
{
    struct redis_call *call = own->call;
    call->outcome = answer != NULL ? answer->outcome : REDIS_ANSWERED;
    call->life_ms = REDIS_LIFE_UNKNOWN;
    call->maybe_done = call->outcome == REDIS_TIMED_OUT || (answer != NULL && answer->runs);
    if (answer != NULL && answer->error != NULL)
        own->reply = refusal_of(answer);
    else if (answer == NULL || answer->runs || answer->outcome == REDIS_ANSWERED)
        own->reply = run_on_server(own);
    own->is_ready = true;
    loop_defer(own->redis->loop, &own->redis->delivery);
}

static void answer(struct puppet_redis_call *own)
{
    struct puppet_redis *puppet = own->redis;
    static const struct puppet_redis_answer away = {.outcome = REDIS_AWAY};
    if (puppet->is_away)
        make_ready(own, &away);
    else if (puppet->next_scripted < puppet->scripted)
        make_ready(own, &puppet->script[puppet->next_scripted++]);
    else if (puppet->refusal != NULL && own->call->script != NULL &&
             (puppet->refused == NULL || strcmp(puppet->refused, own->call->script->name) == 0))
        make_ready(own, &(struct puppet_redis_answer){
                            .outcome = REDIS_ANSWERED, .error = puppet->refusal, .babbles = puppet->babbles});
    else
        make_ready(own, NULL);
}

static void on_deadline(struct timer *timer)
{
    struct puppet_redis_call *own = MEM_OUTER(timer, struct puppet_redis_call, deadline);
    static const struct puppet_redis_answer late = {.outcome = REDIS_TIMED_OUT};
    if (!own->is_ready)
        make_ready(own, &late);
}

static void deliver(struct puppet_redis_call *own)
{
    struct redis_call *call = own->call;
    timer_stop(own->redis->loop, &own->deadline);
    own->call = NULL;
    call->handle = NULL;
    call->reply = call->outcome == REDIS_ANSWERED ? own->reply : NULL;
    call->on_done(call);
}

static void sweep(struct puppet_redis *puppet)
{
    struct puppet_redis_call **at = &puppet->first;
    puppet->last = NULL;
    while (*at != NULL) {
        struct puppet_redis_call *own = *at;
        if (own->call == NULL) {
            *at = own->next;
            free_call(own);
        } else {
            puppet->last = own;
            at = &own->next;
        }
    }
}

static void on_delivery(struct deferred *deferred)
{
    struct puppet_redis *puppet = MEM_OUTER(deferred, struct puppet_redis, delivery);
    for (struct puppet_redis_call *own = puppet->first; own != NULL; own = own->next) {
        if (own->call != NULL && own->is_ready)
            deliver(own);
    }
    sweep(puppet);
}

static void copy_arguments(struct puppet_redis_call *own, const struct redis_call *call)
{
    size_t total = 1;
    for (size_t i = 0; i < call->argument_count; i++)
        total += call->arguments[i].length;
    own->bytes = mem_new(total);
    char *at = own->bytes;
    for (size_t i = 0; i < call->argument_count; i++) {
        if (call->arguments[i].length > 0)
            memcpy(at, call->arguments[i].at, call->arguments[i].length);
        own->arguments[i] = slice_make(at, call->arguments[i].length);
        at += call->arguments[i].length;
    }
    own->argument_count = call->argument_count;
}

static void note_name(struct puppet_redis *puppet, const struct redis_call *call)
{
    char before[sizeof puppet->names];
    struct slice name = call->script != NULL ? slice_of(call->script->name) : call->arguments[0];
    memcpy(before, puppet->names, sizeof before);
    snprintf(puppet->names, sizeof puppet->names, "%.*s %s", (int)name.length, name.at, before);
}

static void start(struct redis *redis, struct redis_call *call)
{
    struct puppet_redis *puppet = MEM_OUTER(redis, struct puppet_redis, redis);
    struct puppet_redis_call *own = mem_new(sizeof *own);
    assert(call->argument_count > 0 && call->argument_count <= REDIS_ARGUMENTS_MAX && call->on_done != NULL);
    own->redis = puppet;
    own->call = call;
    copy_arguments(own, call);
    note_name(puppet, call);
    call->handle = own;
    call->reply = NULL;
    puppet->calls++;
    if (puppet->last == NULL)
        puppet->first = own;
    else
        puppet->last->next = own;
    puppet->last = own;
    own->deadline.on_timer = on_deadline;
    timer_start(puppet->loop, &own->deadline,
                loop_now(puppet->loop) + (call->timeout_us > 0 ? call->timeout_us : puppet->timeout_us));
    if (!puppet->is_held || puppet->is_away)
        answer(own);
}

static void cancel(struct redis *redis, struct redis_call *call)
{
    struct puppet_redis *puppet = MEM_OUTER(redis, struct puppet_redis, redis);
    struct puppet_redis_call *own = call->handle;
    if (puppet->runs_cancelled && !own->is_ready)
        own->reply = run_on_server(own);
    own->call = NULL;
    call->handle = NULL;
    timer_stop(puppet->loop, &own->deadline);
    loop_defer(puppet->loop, &puppet->delivery); /* which sweeps */
}

static bool is_there(const struct redis *redis)
{
    return !MEM_OUTER(redis, struct puppet_redis, redis)->is_away;
}

void puppet_redis_init(struct puppet_redis *puppet, struct puppet_store *store, struct loop *loop)
{
    *puppet = (struct puppet_redis){
        .redis = {.start = start, .cancel = cancel, .is_there = is_there},
        .store = store,
        .loop = loop,
        .timeout_us = 20 * CLOCK_MILLISECOND,
        .delivery = {.on_turn_end = on_delivery},
    };
}

void puppet_redis_free(struct puppet_redis *puppet)
{
    assert(!puppet->delivery.queued);
    while (puppet->first != NULL) {
        struct puppet_redis_call *next = puppet->first->next;
        free_call(puppet->first);
        puppet->first = next;
    }
    puppet->last = NULL;
}

void puppet_redis_next(struct puppet_redis *puppet, struct puppet_redis_answer next)
{
    assert(puppet->scripted < PUPPET_REDIS_SCRIPT_MAX);
    puppet->script[puppet->scripted++] = next;
}

bool puppet_redis_release_one(struct puppet_redis *puppet)
{
    for (struct puppet_redis_call *own = puppet->first; own != NULL; own = own->next) {
        if (own->call != NULL && !own->is_ready) {
            answer(own);
            return true;
        }
    }
    return false;
}

void puppet_redis_release(struct puppet_redis *puppet)
{
    while (puppet_redis_release_one(puppet))
        ;
}

size_t puppet_redis_held(const struct puppet_redis *puppet)
{
    size_t held = 0;
    for (const struct puppet_redis_call *own = puppet->first; own != NULL; own = own->next)
        held += own->call != NULL && !own->is_ready;
    return held;
}

/* Channels. */

static struct slice copy(struct slice bytes)
{
    return slice_make(mem_copy_text(bytes.length > 0 ? bytes.at : "", bytes.length), bytes.length);
}

static void free_message(struct puppet_message *message)
{
    mem_free((char *)(uintptr_t)message->channel.at);
    mem_free((char *)(uintptr_t)message->message.at);
    mem_free(message);
}

static int64_t on_publish(void *context, struct slice channel, struct slice text)
{
    struct puppet_channels *channels = context;
    struct puppet_message *message = mem_new(sizeof *message);
    int64_t heard = 0;
    channels->published++;
    message->channel = copy(channel);
    message->message = copy(text);
    for (size_t i = 0; i < channels->feed_count; i++) {
        message->for_feed[i] = channels->feeds[i].is_up;
        heard += channels->feeds[i].is_up;
    }
    if (channels->last == NULL)
        channels->first = message;
    else
        channels->last->next = message;
    channels->last = message;
    loop_defer(channels->loop, &channels->delivery);
    return heard;
}

static void hand_out(struct puppet_channels *channels)
{
    struct puppet_message *message = channels->first;
    channels->first = channels->last = NULL;
    while (message != NULL) {
        struct puppet_message *next = message->next;
        for (size_t i = 0; i < channels->feed_count; i++) {
            const struct redis_feed_events *events = &channels->feeds[i].events;
            if (message->for_feed[i] && channels->feeds[i].is_up)
                events->on_message(events->context, message->channel, message->message);
        }
        free_message(message);
        message = next;
    }
}

static void on_channels(struct deferred *deferred)
{
    struct puppet_channels *channels = MEM_OUTER(deferred, struct puppet_channels, delivery);
    if (!channels->is_held)
        hand_out(channels);
}

void puppet_channels_init(struct puppet_channels *channels, struct puppet_store *store, struct loop *loop)
{
    *channels = (struct puppet_channels){.store = store, .loop = loop, .delivery = {.on_turn_end = on_channels}};
    store->on_publish = on_publish;
    store->publish_context = channels;
}

void puppet_channels_free(struct puppet_channels *channels)
{
    channels->feed_count = 0;
    hand_out(channels);
}

size_t puppet_channels_subscribe(struct puppet_channels *channels, const struct redis_feed_events *events)
{
    assert(channels->feed_count < PUPPET_FEEDS_MAX);
    channels->feeds[channels->feed_count].events = *events;
    return channels->feed_count++;
}

void puppet_channels_link(struct puppet_channels *channels, size_t feed, bool up)
{
    const struct redis_feed_events *events = &channels->feeds[feed].events;
    channels->feeds[feed].is_up = up;
    events->on_link(events->context, up);
}

void puppet_channels_release(struct puppet_channels *channels)
{
    hand_out(channels);
}
