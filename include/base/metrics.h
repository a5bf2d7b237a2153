/* SPDX-License-Identifier: MIT */
/* Counters, gauges and histograms from one table: enums, storage, output and documentation come from its rows. Each
 * thread has its own block and is its only writer, so counting costs one plain add; reading sums the blocks.
 *
 * Some rows are kept for each client. To this module a client is a name with a number; what was counted for a number
 * stays for as long as the process runs, whatever becomes of the client. */
#ifndef NEXGATE_BASE_METRICS_H
#define NEXGATE_BASE_METRICS_H

#include "base/buf.h"

#include <stdint.h>

/* ROW(NAME, "prometheus_name", "labels or empty", KIND, "help"). Rows of one prometheus name stand together and share
 * kind and help. The kinds:
 *   COUNTER, GAUGE   METRIC_NAME: a whole number
 *   SECONDS          METRIC_NAME: a gauge that is set in µs and told in seconds
 *   HISTOGRAM        HISTOGRAM_NAME: observed in µs, told in seconds
 *   CLIENT_COUNTER, CLIENT_GAUGE   CLIENT_METRIC_NAME: a whole number for each client, told with a label "client" */
#include "base/metrics_table.h"

#define METRIC_OF_COUNTER(id) METRIC_##id,
#define METRIC_OF_GAUGE(id) METRIC_##id,
#define METRIC_OF_SECONDS(id) METRIC_##id,
#define METRIC_OF_HISTOGRAM(id)
#define METRIC_OF_CLIENT_COUNTER(id)
#define METRIC_OF_CLIENT_GAUGE(id)
enum metric {
#define ROW(id, name, labels, kind, help) METRIC_OF_##kind(id)
    METRICS_TABLE(ROW)
#undef ROW
        METRIC_COUNT
};

#define HISTOGRAM_OF_COUNTER(id)
#define HISTOGRAM_OF_GAUGE(id)
#define HISTOGRAM_OF_SECONDS(id)
#define HISTOGRAM_OF_HISTOGRAM(id) HISTOGRAM_##id,
#define HISTOGRAM_OF_CLIENT_COUNTER(id)
#define HISTOGRAM_OF_CLIENT_GAUGE(id)
enum histogram {
#define ROW(id, name, labels, kind, help) HISTOGRAM_OF_##kind(id)
    METRICS_TABLE(ROW)
#undef ROW
        HISTOGRAM_COUNT
};

#define CLIENT_METRIC_OF_COUNTER(id)
#define CLIENT_METRIC_OF_GAUGE(id)
#define CLIENT_METRIC_OF_SECONDS(id)
#define CLIENT_METRIC_OF_HISTOGRAM(id)
#define CLIENT_METRIC_OF_CLIENT_COUNTER(id) CLIENT_METRIC_##id,
#define CLIENT_METRIC_OF_CLIENT_GAUGE(id) CLIENT_METRIC_##id,
enum client_metric {
#define ROW(id, name, labels, kind, help) CLIENT_METRIC_OF_##kind(id)
    METRICS_TABLE(ROW)
#undef ROW
        CLIENT_METRIC_COUNT
};

enum {
    METRICS_CLIENTS_MAX = 1 << 20, /* further ones are counted as nobody */
    METRICS_NOBODY = 0,            /* the number of who has no name, told as "(none)" */
    HISTOGRAM_FIRST_POWER = 3,     /* buckets end at 2^3 µs, 2^4 µs, … */
    HISTOGRAM_BUCKETS = 22         /* … 2^24 µs, and one more without an end */
};

struct metrics;  /* all blocks */
struct counters; /* one thread's block */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* A new block for the calling thread's use; owned by `metrics`. Before the threads run. */
struct counters *metrics_block(struct metrics *metrics);

/* The number of the client of that name: the same whenever it is asked for; METRICS_NOBODY where there are too many.
 * False when memory cannot be had. Any thread. */
bool metrics_client(struct metrics *metrics, struct slice name, uint32_t *number) MUST_CHECK;

/* How many numbers were given. Any thread. */
size_t metrics_clients(struct metrics *metrics);

/* All of these on the block's own thread. */

void counters_add(struct counters *counters, enum metric metric, int64_t amount);
void counters_set(struct counters *counters, enum metric metric, int64_t value); /* gauges */
void counters_observe(struct counters *counters, enum histogram histogram, int64_t us);
void counters_add_client(struct counters *counters, uint32_t client, enum client_metric metric, int64_t amount);
/* The two that a request costs, in one. */
void counters_request(struct counters *counters, uint32_t client, enum client_metric metric, enum histogram histogram,
                      int64_t us);
void counters_set_client(struct counters *counters, uint32_t client, enum client_metric metric, int64_t value);

/* Unsets this block's gauges of all clients: they are told no more. */
void counters_forget_clients(struct counters *counters);

/* The sum over all blocks. Any thread. */
int64_t metrics_read(const struct metrics *metrics, enum metric metric);
int64_t metrics_read_client(const struct metrics *metrics, uint32_t client, enum client_metric metric);

/* Whether any thread has counted anything of the client. */
bool metrics_has_client(const struct metrics *metrics, uint32_t client);

/* A histogram over all blocks: how many values in each bucket, the last being those above all ends. Any thread. */
struct histogram_view {
    int64_t counts[HISTOGRAM_BUCKETS + 1];
    int64_t count, sum_us;
};
void metrics_read_histogram(const struct metrics *metrics, enum histogram histogram, struct histogram_view *view);

#endif
