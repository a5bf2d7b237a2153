/* SPDX-License-Identifier: MIT */
/* Windows from and to Redis. What is read is held against the purges and, because a refresh or a purge may come while
 * it is under way, goes to memory only if nothing was said of its key meanwhile. Must not know what a search is. */
#include "cache/shared.h"

#include "base/map.h"
#include "cache/coherence_message.h"
#include "cache/shared_script.h"
#include "search/key.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
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

struct shared_put {
    struct shared *shared;
    struct redis_call call;
    struct shared_put *next, *previous;
    struct shared_arrival *arrivals;
    struct entry *entry; /* a reference */
    struct buf value, message;
    size_t bytes; /* of the value */
    char age[24], kept[24];
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
    struct shared_put *puts;
    struct drop *drops;
    size_t put_count, put_bytes;
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

static void free_put(struct shared_put *put)
{
    struct shared *shared = put->shared;
    if (put->previous != NULL)
        put->previous->next = put->next;
    else
        shared->puts = put->next;
    if (put->next != NULL)
        put->next->previous = put->previous;
    shared->put_count--;
    shared->put_bytes -= put->bytes;
    buf_free(&put->value);
    buf_free(&put->message);
    entry_unref(put->entry);
    mem_free(put);
}

/* Ours is not the newest, or we cannot know: memory must look again, or drop it. */
static void doubt(struct shared *shared, struct entry *entry, bool older)
{
    atomic_store_explicit(&entry->link, 0, memory_order_relaxed);
    if (older)
        memory_forget(shared->options.memory, entry);
}

static void on_put(struct redis_call *call)
{
    struct shared_put *put = MEM_OUTER(call, struct shared_put, call);
    struct shared *shared = put->shared;
    bool answered = call->outcome == REDIS_ANSWERED && call->reply->type == REDIS_REPLY_INTEGER;
    bool stored = answered && call->reply->integer == 1;
    if (stored) {
        counters_add(shared->counters, METRIC_SHARED_STORES, 1);
        counters_add(shared->counters, METRIC_SHARED_STORED_BYTES, (int64_t)put->bytes);
        atomic_store_explicit(&put->entry->copied, true, memory_order_relaxed);
    } else {
        counters_add(shared->counters, answered ? METRIC_SHARED_OLDER : METRIC_SHARED_FAILED, 1);
        doubt(shared, put->entry, answered);
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
static bool write_value(struct shared *shared, struct shared_put *put)
{
    const struct shared_options *options = &shared->options;
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
        .kind = COHERENCE_STORED, .id = slice_of(shared->name), .mark = entry->mark, .text = entry->key};
    bool named = key_window(entry->key, &facts.window);
    snprintf(put->age, sizeof(put->age), "%" PRId64, age_us);
    snprintf(put->kept, sizeof(put->kept), "%" PRId64, facts.kept_ms);
    coherence_message_write(&put->message, &message);
    return named && facts.kept_ms > 0 && purges_spare(memory_purges(options->memory), entry) &&
           stored_write(&put->value, entry->key, &facts, &entry->envelope, buf_slice(&entry->body)) &&
           buf_ok(&put->message);
}

static struct shared_put *put_new(struct shared *shared, struct entry *entry)
{
    struct shared_put *put = mem_new(sizeof(*put));
    put->shared = shared;
    put->entry = entry_ref(entry);
    buf_init(&put->value, STORED_BYTES_MAX);
    buf_init(&put->message, COHERENCE_MESSAGE_MAX);
    put->next = shared->puts;
    if (put->next != NULL)
        put->next->previous = put;
    shared->puts = put;
    shared->put_count++;
    return put;
}

static void send_put(struct shared *shared, struct shared_put *put)
{
    put->call = (struct redis_call){
        .script = &shared_put_script, .key_count = 1, .argument_count = 7, .key = put->entry->key, .on_done = on_put};
    put->call.arguments[0] = put->entry->key;
    put->call.arguments[1] = buf_slice(&put->value);
    put->call.arguments[2] = slice_of(put->age);
    put->call.arguments[3] = slice_of(put->kept);
    put->call.arguments[4] = slice_make(stored_magic, STORED_MAGIC_BYTES);
    put->call.arguments[5] = slice_of(shared->channel);
    put->call.arguments[6] = buf_slice(&put->message);
    shared->options.redis->start(shared->options.redis, &put->call);
    buf_free(&put->value); /* the driver has its own copy */
}

/* A put that may be joined or started; NULL: neither. */
static struct shared_put *find_put(struct shared *shared, struct entry *entry)
{
    for (struct shared_put *put = shared->puts; put != NULL; put = put->next) {
        if (put->entry == entry)
            return put;
    }
    if (shared->closed || shared->put_count >= SHARED_PUTS_MAX || shared->put_bytes >= SHARED_PUT_BYTES_MAX ||
        !shared->options.redis->is_there(shared->options.redis))
        return NULL;
    struct shared_put *put = put_new(shared, entry);
    if (!write_value(shared, put)) {
        free_put(put);
        return NULL;
    }
    put->bytes = put->value.length;
    shared->put_bytes += put->bytes;
    send_put(shared, put);
    return put;
}

bool shared_put(struct shared *shared, struct entry *entry, struct shared_arrival *arrival)
{
    bool copied = atomic_load_explicit(&entry->copied, memory_order_relaxed);
    struct shared_put *put = copied ? NULL : find_put(shared, entry);
    if (put == NULL && !copied)
        doubt(shared, entry, false);
    if (arrival != NULL && put == NULL) {
        settle_arrival(shared, arrival, copied);
    } else if (arrival != NULL) {
        arrival->put = put;
        arrival->next = put->arrivals;
        put->arrivals = arrival;
    }
    return copied || put != NULL;
}

static bool take_out(struct shared_arrival **at, const struct shared_arrival *arrival)
{
    while (*at != NULL && *at != arrival)
        at = &(*at)->next;
    if (*at == NULL)
        return false;
    *at = arrival->next;
    return true;
}

void shared_leave_put(struct shared *shared, struct shared_arrival *arrival)
{
    if (arrival->put != NULL)
        (void)take_out(&arrival->put->arrivals, arrival);
    else if (!take_out(&shared->settled[0], arrival))
        (void)take_out(&shared->settled[1], arrival);
    arrival->put = NULL;
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
    while (shared->puts != NULL) {
        struct shared_put *put = shared->puts;
        redis->cancel(redis, &put->call);
        while (put->arrivals != NULL) {
            struct shared_arrival *arrival = put->arrivals;
            put->arrivals = arrival->next;
            settle_arrival(shared, arrival, false);
        }
        free_put(put);
    }
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
