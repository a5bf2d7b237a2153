/* SPDX-License-Identifier: MIT */
/* Values and the messages that tell of them, in one script. Must not know who looks for what is stored. */
#include "cache/shared_put.h"

#include "cache/coherence_message.h"
#include "cache/shared_script.h"
#include "cache/stored.h"
#include "search/key.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

struct shared_put {
    struct shared_puts *puts;
    struct redis_call call;
    struct shared_put *next, *previous;
    struct shared_arrival *arrivals;
    struct entry *entry; /* a reference */
    struct buf value, message;
    size_t bytes; /* of the value */
    char age[24], kept[24];
};

static void free_put(struct shared_put *put)
{
    struct shared_puts *puts = put->puts;
    if (put->previous != NULL)
        put->previous->next = put->next;
    else
        puts->first = put->next;
    if (put->next != NULL)
        put->next->previous = put->previous;
    puts->count--;
    puts->bytes -= put->bytes;
    buf_free(&put->value);
    buf_free(&put->message);
    entry_unref(put->entry);
    mem_free(put);
}

/* Ours is not the newest, or we cannot know: memory must look again, or drop it. */
static void doubt(struct shared_puts *puts, struct entry *entry, bool older)
{
    atomic_store_explicit(&entry->link, 0, memory_order_relaxed);
    if (older)
        memory_forget(puts->options->memory, entry);
}

static void on_put(struct redis_call *call)
{
    struct shared_put *put = MEM_OUTER(call, struct shared_put, call);
    struct shared_puts *puts = put->puts;
    bool answered = call->outcome == REDIS_ANSWERED && call->reply->type == REDIS_REPLY_INTEGER;
    bool stored = answered && call->reply->integer == 1;
    if (stored) {
        counters_add(puts->counters, METRIC_SHARED_STORES, 1);
        counters_add(puts->counters, METRIC_SHARED_STORED_BYTES, (int64_t)put->bytes);
        atomic_store_explicit(&put->entry->copied, true, memory_order_relaxed);
    } else {
        counters_add(puts->counters, answered ? METRIC_SHARED_OLDER : METRIC_SHARED_FAILED, 1);
        doubt(puts, put->entry, answered);
    }
    struct shared_arrival *arrival;
    while ((arrival = put->arrivals) != NULL) {
        put->arrivals = arrival->next;
        arrival->put = NULL;
        arrival->on_there(arrival, answered);
    }
    free_put(put);
}

/* The value and its message; false when it cannot be stored. */
static bool write_value(struct shared_put *put)
{
    const struct shared_options *options = put->puts->options;
    struct entry *entry = put->entry;
    int64_t age_us = entry_age(entry, loop_now(options->loop));
    struct stored_facts facts = {
        .age_us = age_us,
        .kept_ms = (lifetime_whole(options->lifetime) - age_us) / CLOCK_MILLISECOND,
        .fetched_wall_us = clock_wall(loop_clock(options->loop)) - age_us,
        .ttl_us = lifetime_ttl(options->lifetime),
        .stale_us = lifetime_stale(options->lifetime),
        .purge_number = entry->purge_number,
        .mark = entry->mark,
    };
    const struct coherence_message message = {
        .kind = COHERENCE_STORED, .id = slice_of(options->name), .mark = entry->mark, .text = entry->key};
    bool named = key_window(entry->key, &facts.window);
    snprintf(put->age, sizeof(put->age), "%" PRId64, age_us);
    snprintf(put->kept, sizeof(put->kept), "%" PRId64, facts.kept_ms);
    coherence_message_write(&put->message, &message);
    return named && facts.kept_ms > 0 && purges_spare(memory_purges(options->memory), entry) &&
           stored_write(&put->value, entry->key, &facts, &entry->envelope, buf_slice(&entry->body)) &&
           buf_ok(&put->message);
}

static struct shared_put *put_new(struct shared_puts *puts, struct entry *entry)
{
    struct shared_put *put = mem_new(sizeof(*put));
    put->puts = puts;
    put->entry = entry_ref(entry);
    buf_init(&put->value, STORED_BYTES_MAX);
    buf_init(&put->message, COHERENCE_MESSAGE_MAX);
    put->next = puts->first;
    if (put->next != NULL)
        put->next->previous = put;
    puts->first = put;
    puts->count++;
    return put;
}

static void send_put(struct shared_put *put)
{
    const struct shared_options *options = put->puts->options;
    put->call = (struct redis_call){
        .script = &shared_put_script, .key_count = 1, .argument_count = 7, .key = put->entry->key, .on_done = on_put};
    put->call.arguments[0] = put->entry->key;
    put->call.arguments[1] = buf_slice(&put->value);
    put->call.arguments[2] = slice_of(put->age);
    put->call.arguments[3] = slice_of(put->kept);
    put->call.arguments[4] = slice_make(stored_magic, STORED_MAGIC_BYTES);
    put->call.arguments[5] = slice_of(options->channel);
    put->call.arguments[6] = buf_slice(&put->message);
    options->redis->start(options->redis, &put->call);
    buf_free(&put->value); /* the driver has its own copy */
}

struct shared_put *shared_puts_find(struct shared_puts *puts, struct entry *entry)
{
    struct redis *redis = puts->options->redis;
    for (struct shared_put *put = puts->first; put != NULL; put = put->next) {
        if (put->entry == entry)
            return put;
    }
    struct shared_put *put = NULL;
    if (!puts->is_closed && puts->count < SHARED_PUTS_MAX && puts->bytes < SHARED_PUT_BYTES_MAX &&
        redis->is_there(redis))
        put = put_new(puts, entry);
    if (put != NULL && !write_value(put)) {
        free_put(put);
        put = NULL;
    }
    if (put == NULL) {
        doubt(puts, entry, false);
        return NULL;
    }
    put->bytes = put->value.length;
    puts->bytes += put->bytes;
    send_put(put);
    return put;
}

void shared_put_await(struct shared_put *put, struct shared_arrival *arrival)
{
    arrival->put = put;
    arrival->next = put->arrivals;
    put->arrivals = arrival;
}

bool shared_arrival_take_out(struct shared_arrival **at, const struct shared_arrival *arrival)
{
    while (*at != NULL && *at != arrival)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = arrival->next;
    return true;
}

void shared_put_leave(struct shared_arrival *arrival)
{
    (void)shared_arrival_take_out(&arrival->put->arrivals, arrival);
    arrival->put = NULL;
}

struct shared_arrival *shared_puts_cancel(struct shared_puts *puts)
{
    struct shared_arrival *arrival;
    puts->is_closed = true;
    while (puts->first != NULL) {
        struct shared_put *put = puts->first;
        if ((arrival = put->arrivals) != NULL) {
            put->arrivals = arrival->next;
            return arrival;
        }
        puts->options->redis->cancel(puts->options->redis, &put->call);
        free_put(put);
    }
    return NULL;
}
