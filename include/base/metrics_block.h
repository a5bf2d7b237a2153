/* SPDX-License-Identifier: MIT */
/* What the metrics are made of. Private to metrics.c and metrics_text.c. */
#ifndef NEXGATE_BASE_METRICS_BLOCK_H
#define NEXGATE_BASE_METRICS_BLOCK_H

#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { METRICS_CHUNK = 256, METRICS_CHUNKS = METRICS_CLIENTS_MAX / METRICS_CHUNK };

struct histogram_cells {
    atomic_int_least64_t counts[HISTOGRAM_BUCKETS + 1];
    atomic_int_least64_t sum_us;
};

/* Of one client. */
struct client_cells {
    atomic_int_least64_t values[CLIENT_METRIC_COUNT];
    atomic_bool is_set[CLIENT_METRIC_COUNT]; /* gauges */
};

struct client_chunk {
    _Atomic(struct client_cells *) cells[METRICS_CHUNK]; /* NULL: nothing was counted yet */
};

/* One writer each; readers see each number whole, and no two of them at one instant. */
struct counters {
    struct counters *next;
    char apart[64]; /* keeps one thread's numbers off another's cache lines */
    atomic_int_least64_t values[METRIC_COUNT];
    struct histogram_cells histograms[HISTOGRAM_COUNT];
    _Atomic(struct client_chunk *) chunks[METRICS_CHUNKS];
    char apart_too[64];
};

struct metrics_name {
    uint32_t number;
    size_t length;
    char text[];
};

struct metrics {
    struct counters *blocks;       /* complete before the threads run, so it needs no lock */
    pthread_mutex_t lock;          /* of what follows */
    struct metrics_name **clients; /* by number */
    size_t client_count, client_room;
    struct map *by_name;
};

/* The block's cells of a client, or NULL. */
static inline struct client_cells *metrics_find_cells(const struct counters *counters, uint32_t client)
{
    const struct client_chunk *chunk =
        atomic_load_explicit(&counters->chunks[client / METRICS_CHUNK], memory_order_acquire);
    if (chunk == NULL)
        return NULL;
    return atomic_load_explicit(&chunk->cells[client % METRICS_CHUNK], memory_order_acquire);
}

/* The sum over all blocks; true when a gauge is set in any. */
bool metrics_find_client(const struct metrics *metrics, uint32_t client, enum client_metric metric, int64_t *sum);

#endif
