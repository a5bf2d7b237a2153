/* SPDX-License-Identifier: MIT */
/* Windows from and to Redis. What is read is held against the purges and, because a refresh or a purge may come while
 * it is under way, goes to memory only if nothing was said of its key meanwhile. Must not know what a search is. */
#include "cache/shared.h"

#include "base/map.h"
#include "cache/shared_put.h"
#include "cache/shared_script.h"
#include "cache/stored.h"
#include "search/key.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>

/* One command for all who look for the same key at the same time. */
struct shared_query {
    struct shared *shared;
    struct redis_call call;
    struct shared_lookup *first, **last;
    struct window window;
    uint64_t moment;  /* of the key, when the command was sent */
    unsigned link;    /* the same */
    bool again;       /* it was sent twice already */
    struct slice key; /* in the same block */
};

/* A malformed value on its way out; nobody waits. */
struct drop {
    struct redis_call call;
    struct shared *shared;
    struct drop *next, *previous;
    char tail[STORED_CHECKSUM_BYTES];
    char key[];
};

struct shared {
    struct shared_options options;
    struct log *log;
    struct counters *counters;
    char channel[SHARED_CHANNEL_MAX], name[SHARED_CHANNEL_MAX];
    struct map *queries; /* by key */
    struct shared_puts puts;
    struct drop *drops;
    struct shared_lookup *refused;     /* to be answered at the end of the turn */
    struct shared_arrival *settled[2]; /* the same: not there, there */
    struct deferred settling;
    bool closed;
};

bool shared_is_there(const struct shared *shared)
{
    return !shared->closed && memory_link_is_up(memory_link(shared->options.memory)) &&
           shared->options.redis->is_there(shared->options.redis);
}

/* Answers without Redis, at the end of the turn. */

static void on_settling(struct deferred *deferred)
{
    struct shared *shared = MEM_OUTER(deferred, struct shared, settling);
    struct shared_lookup *lookup;
    struct shared_arrival *arrival;
    while ((lookup = shared->refused) != NULL) {
        shared->refused = lookup->next;
        lookup->on_found(lookup);
    }
    for (int there = 0; there < 2; there++) {
        while ((arrival = shared->settled[there]) != NULL) {
            shared->settled[there] = arrival->next;
            arrival->on_there(arrival, there == 1);
        }
    }
}

static void settle_lookup(struct shared *shared, struct shared_lookup *lookup)
{
    lookup->query = NULL;
    lookup->next = shared->refused;
    shared->refused = lookup;
    loop_defer(shared->options.loop, &shared->settling);
}

static void settle_arrival(struct shared *shared, struct shared_arrival *arrival, bool there)
{
    arrival->put = NULL;
    arrival->next = shared->settled[there];
    shared->settled[there] = arrival;
    loop_defer(shared->options.loop, &shared->settling);
}

/* Dropping what is no window, so that it cannot keep a good one out. */

static void free_drop(struct drop *drop)
{
    if (drop->previous != NULL)
        drop->previous->next = drop->next;
    else
        drop->shared->drops = drop->next;
    if (drop->next != NULL)
        drop->next->previous = drop->previous;
    mem_free(drop);
}

static void on_dropped(struct redis_call *call)
{
    free_drop(MEM_OUTER(call, struct drop, call));
}

static void drop_value(struct shared *shared, struct slice key, struct slice value)
{
    counters_add(shared->counters, METRIC_SHARED_MALFORMED, 1);
    struct drop *drop = mem_new(sizeof(*drop) + key.length);
    size_t tail = value.length < sizeof(drop->tail) ? value.length : sizeof(drop->tail);
    memcpy(drop->key, key.at, key.length);
    if (tail > 0)
        memcpy(drop->tail, value.at + value.length - tail, tail);
    drop->shared = shared;
    drop->next = shared->drops;
    if (drop->next != NULL)
        drop->next->previous = drop;
    shared->drops = drop;
    drop->call = (struct redis_call){.script = &shared_drop_script,
                                     .key_count = 1,
                                     .argument_count = 2,
                                     .key = slice_make(drop->key, key.length),
                                     .on_done = on_dropped};
    drop->call.arguments[0] = drop->call.key;
    drop->call.arguments[1] = slice_make(drop->tail, tail);
    shared->options.redis->start(shared->options.redis, &drop->call);
}

/* Looking. */

/* How old what was read is by now: as its writer's clock says, or as Redis counted, whichever is more; so a clock that
 * goes wrong makes windows older and never fresher. */
static int64_t age_of(const struct shared *shared, const struct stored_facts *facts, int64_t left_ms)
{
    int64_t by_wall_us = clock_wall(loop_clock(shared->options.loop)) - facts->fetched_wall_us;
    int64_t lived_ms = facts->kept_ms > left_ms ? facts->kept_ms - left_ms : 0;
    int64_t by_redis_us = facts->age_us + lived_ms * CLOCK_MILLISECOND;
    return by_wall_us > by_redis_us ? by_wall_us : by_redis_us;
}

/* The entry that a value is; NULL when it is none, which is counted, or was purged. */
static struct entry *make_entry(struct shared *shared, const struct shared_query *query, struct slice value,
                                int64_t left_ms)
{
    struct stored_facts facts;
    struct envelope envelope;
    struct buf body;
    if (!stored_read(value, query->key, query->window, &facts, &envelope, &body)) {
        drop_value(shared, query->key, value);
        return NULL;
    }
    int64_t age_us = age_of(shared, &facts, left_ms);
    struct entry *entry = entry_new(query->key, &body, &envelope, loop_now(shared->options.loop) - age_us);
    if (entry == NULL)
        return NULL;
    entry->mark = facts.mark;
    entry->purge_number = facts.purge_number;
    entry->foreign = true;
    memory_prepare(shared->options.memory, entry);
    atomic_store_explicit(&entry->link, query->link, memory_order_relaxed);
    if (purges_spare(memory_purges(shared->options.memory), entry))
        return entry;
    counters_add(shared->counters, METRIC_SHARED_PURGED, 1);
    entry_unref(entry);
    return NULL;
}

static void on_value(struct redis_call *call);

static void send_query(struct shared_query *query)
{
    struct shared *shared = query->shared;
    query->moment = memory_moment(shared->options.memory, query->key);
    query->link = memory_link(shared->options.memory);
    shared_ask_get(&query->call, query->key, on_value);
    shared->options.redis->start(shared->options.redis, &query->call);
}

/* Takes the query's reference to the entry. */
static void end_query(struct shared_query *query, struct entry *entry, bool answered)
{
    struct shared_lookup *lookup;
    map_remove(query->shared->queries, query->key);
    while ((lookup = query->first) != NULL) { /* who is told may make others leave */
        query->first = lookup->next;
        lookup->query = NULL;
        lookup->entry = entry != NULL ? entry_ref(entry) : NULL;
        lookup->answered = answered;
        lookup->on_found(lookup);
    }
    entry_unref(entry);
    mem_free(query);
}

static void on_value(struct redis_call *call)
{
    struct shared_query *query = MEM_OUTER(call, struct shared_query, call);
    struct shared *shared = query->shared;
    struct memory *memory = shared->options.memory;
    enum shared_reply what = SHARED_REPLY_NONE;
    struct slice value;
    int64_t left_ms;
    bool answered = shared_read_get(call, &what, &value, &left_ms);
    bool still = memory_moment(memory, query->key) == query->moment;
    if (answered && !still && !query->again) {
        query->again = true; /* the others said that there is a newer one while this one was read */
        send_query(query);
        return;
    }
    struct entry *entry = NULL;
    if (what == SHARED_REPLY_FOREIGN)
        drop_value(shared, query->key, slice_make("", 0));
    else if (what == SHARED_REPLY_VALUE)
        entry = make_entry(shared, query, value, left_ms);
    if (!answered)
        counters_add(shared->counters, METRIC_SHARED_FAILED, 1);
    else
        counters_add(shared->counters, entry != NULL ? METRIC_SHARED_HITS : METRIC_SHARED_MISSES, 1);
    if (entry != NULL && !memory_put_if(memory, entry, query->moment) && !still)
        atomic_store_explicit(&entry->link, 0, memory_order_relaxed);
    end_query(query, entry, answered);
}

void shared_get(struct shared *shared, struct shared_lookup *lookup)
{
    lookup->entry = NULL;
    lookup->answered = false;
    lookup->next = NULL;
    struct window window;
    if (!shared_is_there(shared) || !key_window(lookup->key, &window)) {
        settle_lookup(shared, lookup);
        return;
    }
    struct shared_query *query = map_get(shared->queries, lookup->key);
    bool fresh = query == NULL;
    if (fresh) {
        query = mem_new(sizeof(*query) + lookup->key.length);
        char *key = (char *)(query + 1);
        memcpy(key, lookup->key.at, lookup->key.length);
        query->shared = shared;
        query->key = slice_make(key, lookup->key.length);
        query->window = window;
        query->last = &query->first;
        map_put(shared->queries, query->key, query);
    }
    lookup->query = query;
    *query->last = lookup;
    query->last = &lookup->next;
    if (fresh)
        send_query(query);
}

void shared_leave(struct shared *shared, struct shared_lookup *lookup)
{
    struct shared_lookup **at = lookup->query != NULL ? &lookup->query->first : &shared->refused;
    while (*at != NULL && *at != lookup)
        at = &(*at)->next;
    if (*at == NULL)
        return;
    *at = lookup->next;
    if (lookup->query != NULL && lookup->next == NULL)
        lookup->query->last = at;
    lookup->query = NULL;
}

/* Storing. */

bool shared_put(struct shared *shared, struct entry *entry, struct shared_arrival *arrival)
{
    bool copied = atomic_load_explicit(&entry->copied, memory_order_relaxed);
    struct shared_put *put = NULL;
    if (!copied)
        put = shared_puts_find(&shared->puts, entry);
    if (arrival != NULL && put == NULL)
        settle_arrival(shared, arrival, copied);
    else if (arrival != NULL)
        shared_put_await(put, arrival);
    return copied || put != NULL;
}

void shared_leave_put(struct shared *shared, struct shared_arrival *arrival)
{
    if (arrival->put != NULL)
        shared_put_leave(arrival);
    else if (!shared_arrival_take_out(&shared->settled[0], arrival))
        (void)shared_arrival_take_out(&shared->settled[1], arrival);
}

/* Birth and death. */

struct shared *shared_new(const struct shared_options *options, struct log *log, struct counters *counters)
{
    struct shared *shared = mem_new(sizeof(*shared));
    struct hash_secret secret;
    hash_secret_init(&secret);
    shared->options = *options;
    snprintf(shared->channel, sizeof(shared->channel), "%s", options->channel);
    snprintf(shared->name, sizeof(shared->name), "%s", options->name);
    shared->options.channel = shared->channel;
    shared->options.name = shared->name;
    shared->log = log;
    shared->counters = counters;
    shared->puts = (struct shared_puts){.options = &shared->options, .counters = counters};
    shared->queries = map_new(&secret);
    shared->settling.on_turn_end = on_settling;
    return shared;
}

void shared_close(struct shared *shared)
{
    if (shared->closed)
        return;
    shared->closed = true;
    struct redis *redis = shared->options.redis;
    struct shared_query *query;
    size_t cursor = 0;
    while ((query = map_next(shared->queries, &cursor)) != NULL) {
        redis->cancel(redis, &query->call);
        end_query(query, NULL, false);
        cursor = 0; /* who was answered may have changed the table */
    }
    struct shared_arrival *arrival;
    while ((arrival = shared_puts_cancel(&shared->puts)) != NULL)
        settle_arrival(shared, arrival, false);
    while (shared->drops != NULL) {
        redis->cancel(redis, &shared->drops->call);
        free_drop(shared->drops);
    }
}

void shared_free(struct shared *shared)
{
    if (shared == NULL)
        return;
    shared_close(shared);
    assert(shared->refused == NULL && !shared->settling.queued);
    map_free(shared->queries);
    mem_free(shared);
}
