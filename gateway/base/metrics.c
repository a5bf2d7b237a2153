/* SPDX-License-Identifier: MIT */
/* Storage of the metrics table. How it is told is metrics_text.c's. Must not know what is counted. */
#include "base/metrics.h"

#include "base/map.h"
#include "base/metrics_block.h"

#include <assert.h>

struct metrics *metrics_new(void)
{
    struct metrics *metrics = mem_new(sizeof(*metrics));
    struct hash_secret secret;
    hash_secret_init(&secret);
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->by_name = map_new(&secret);
    uint32_t nobody;
    if (!metrics_client(metrics, slice_of("(none)"), &nobody)) {
        metrics_free(metrics);
        return NULL;
    }
    assert(nobody == METRICS_NOBODY);
    return metrics;
}

static void block_free(struct counters *counters)
{
    for (size_t i = 0; i < METRICS_CHUNKS; i++) {
        struct client_chunk *chunk = atomic_load(&counters->chunks[i]);
        for (size_t j = 0; chunk != NULL && j < METRICS_CHUNK; j++)
            mem_free(atomic_load(&chunk->cells[j]));
        mem_free(chunk);
    }
    mem_free(counters);
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    while (metrics->blocks != NULL) {
        struct counters *next = metrics->blocks->next;
        block_free(metrics->blocks);
        metrics->blocks = next;
    }
    for (size_t i = 0; i < metrics->client_count; i++)
        mem_free(metrics->clients[i]);
    mem_free(metrics->clients);
    map_free(metrics->by_name);
    pthread_mutex_destroy(&metrics->lock);
    mem_free(metrics);
}

struct counters *metrics_block(struct metrics *metrics)
{
    struct counters *counters = mem_new(sizeof(*counters));
    counters->next = metrics->blocks;
    metrics->blocks = counters;
    return counters;
}

/* Under the lock. NULL when memory cannot be had. */
static struct metrics_name *add_client(struct metrics *metrics, struct slice text)
{
    if (metrics->client_count == metrics->client_room) {
        size_t room = metrics->client_room == 0 ? 16 : metrics->client_room * 2;
        struct metrics_name **clients = mem_try_resize(metrics->clients, room * sizeof(struct metrics_name *));
        if (clients == NULL)
            return NULL;
        metrics->clients = clients;
        metrics->client_room = room;
    }
    struct metrics_name *name = map_make_room(metrics->by_name, 1) ? mem_try_zeroed(sizeof(*name) + text.length) : NULL;
    if (name == NULL)
        return NULL;
    name->number = (uint32_t)metrics->client_count;
    name->length = text.length;
    if (text.length > 0)
        memcpy(name->text, text.at, text.length);
    metrics->clients[metrics->client_count++] = name;
    map_put(metrics->by_name, slice_make(name->text, name->length), name);
    return name;
}

bool metrics_client(struct metrics *metrics, struct slice name, uint32_t *number)
{
    pthread_mutex_lock(&metrics->lock);
    struct metrics_name *found = map_get(metrics->by_name, name);
    bool is_full = found == NULL && metrics->client_count == METRICS_CLIENTS_MAX;
    if (found == NULL && !is_full)
        found = add_client(metrics, name);
    pthread_mutex_unlock(&metrics->lock);
    *number = found != NULL ? found->number : METRICS_NOBODY;
    return found != NULL || is_full;
}

size_t metrics_clients(struct metrics *metrics)
{
    pthread_mutex_lock(&metrics->lock);
    size_t count = metrics->client_count;
    pthread_mutex_unlock(&metrics->lock);
    return count;
}

/* The thread is the only writer: a plain add, made visible whole. */
static void add(atomic_int_least64_t *value, int64_t amount)
{
    int64_t before = atomic_load_explicit(value, memory_order_relaxed);
    atomic_store_explicit(value, before + amount, memory_order_relaxed);
}

void counters_add(struct counters *counters, enum metric metric, int64_t amount)
{
    add(&counters->values[metric], amount);
}

void counters_set(struct counters *counters, enum metric metric, int64_t value)
{
    atomic_store_explicit(&counters->values[metric], value, memory_order_relaxed);
}

/* The bucket whose end is the first that is not below the value. */
static size_t bucket_of(int64_t us)
{
    if (us <= INT64_C(1) << HISTOGRAM_FIRST_POWER)
        return 0;
    size_t power = 64 - (size_t)__builtin_clzll((unsigned long long)us - 1);
    size_t bucket = power - HISTOGRAM_FIRST_POWER;
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS;
}

void counters_observe(struct counters *counters, enum histogram histogram, int64_t us)
{
    struct histogram_cells *cells = &counters->histograms[histogram];
    if (us < 0)
        us = 0;
    add(&cells->counts[bucket_of(us)], 1);
    add(&cells->sum_us, us);
}

/* Made when a thread first counts something of the client; other threads see it whole or not at all. */
static struct client_cells *make_cells(struct counters *counters, uint32_t client)
{
    _Atomic(struct client_chunk *) *place = &counters->chunks[client / METRICS_CHUNK];
    struct client_chunk *chunk = atomic_load_explicit(place, memory_order_relaxed);
    if (chunk == NULL) {
        chunk = mem_new(sizeof(*chunk));
        atomic_store_explicit(place, chunk, memory_order_release);
    }
    struct client_cells *cells = mem_new(sizeof(*cells));
    atomic_store_explicit(&chunk->cells[client % METRICS_CHUNK], cells, memory_order_release);
    return cells;
}

static struct client_cells *own_cells(struct counters *counters, uint32_t client)
{
    struct client_cells *cells = metrics_find_cells(counters, client);
    return cells != NULL ? cells : make_cells(counters, client);
}

void counters_add_client(struct counters *counters, uint32_t client, enum client_metric metric, int64_t amount)
{
    add(&own_cells(counters, client)->values[metric], amount);
}

void counters_request(struct counters *counters, uint32_t client, enum client_metric metric, enum histogram histogram,
                      int64_t us)
{
    counters_add_client(counters, client, metric, 1);
    counters_observe(counters, histogram, us);
}

void counters_set_client(struct counters *counters, uint32_t client, enum client_metric metric, int64_t value)
{
    struct client_cells *cells = own_cells(counters, client);
    atomic_store_explicit(&cells->values[metric], value, memory_order_relaxed);
    atomic_store_explicit(&cells->is_set[metric], true, memory_order_relaxed);
}

void counters_forget_clients(struct counters *counters)
{
    for (size_t i = 0; i < METRICS_CHUNKS; i++) {
        struct client_chunk *chunk = atomic_load_explicit(&counters->chunks[i], memory_order_relaxed);
        for (size_t j = 0; chunk != NULL && j < METRICS_CHUNK; j++) {
            struct client_cells *cells = atomic_load_explicit(&chunk->cells[j], memory_order_relaxed);
            for (size_t metric = 0; cells != NULL && metric < CLIENT_METRIC_COUNT; metric++) {
                if (!atomic_load_explicit(&cells->is_set[metric], memory_order_relaxed))
                    continue;
                atomic_store_explicit(&cells->is_set[metric], false, memory_order_relaxed);
                atomic_store_explicit(&cells->values[metric], 0, memory_order_relaxed);
            }
        }
    }
}

int64_t metrics_read(const struct metrics *metrics, enum metric metric)
{
    int64_t sum = 0;
    for (const struct counters *block = metrics->blocks; block != NULL; block = block->next)
        sum += atomic_load_explicit(&block->values[metric], memory_order_relaxed);
    return sum;
}

bool metrics_find_client(const struct metrics *metrics, uint32_t client, enum client_metric metric, int64_t *sum)
{
    bool is_set = false;
    *sum = 0;
    for (const struct counters *block = metrics->blocks; block != NULL; block = block->next) {
        struct client_cells *cells = metrics_find_cells(block, client);
        if (cells == NULL)
            continue;
        *sum += atomic_load_explicit(&cells->values[metric], memory_order_relaxed);
        is_set |= atomic_load_explicit(&cells->is_set[metric], memory_order_relaxed);
    }
    return is_set;
}

int64_t metrics_read_client(const struct metrics *metrics, uint32_t client, enum client_metric metric)
{
    int64_t sum;
    (void)metrics_find_client(metrics, client, metric, &sum);
    return sum;
}

bool metrics_has_client(const struct metrics *metrics, uint32_t client)
{
    for (const struct counters *block = metrics->blocks; block != NULL; block = block->next) {
        if (metrics_find_cells(block, client) != NULL)
            return true;
    }
    return false;
}

void metrics_read_histogram(const struct metrics *metrics, enum histogram histogram, struct histogram_view *view)
{
    *view = (struct histogram_view){0};
    for (const struct counters *block = metrics->blocks; block != NULL; block = block->next) {
        const struct histogram_cells *cells = &block->histograms[histogram];
        for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++) {
            int64_t count = atomic_load_explicit(&cells->counts[i], memory_order_relaxed);
            view->counts[i] += count;
            view->count += count;
        }
        view->sum_us += atomic_load_explicit(&cells->sum_us, memory_order_relaxed);
    }
}
