/* SPDX-License-Identifier: MIT */
/* Counters and gauges from one table: enum, storage, output and documentation come from the rows below. Each thread has
 * its own block and is its only writer, so counting costs one plain add; reading sums the blocks. */
#ifndef NEXGATE_BASE_METRICS_H
#define NEXGATE_BASE_METRICS_H

#include "base/buf.h"

#include <stdint.h>

/* ROW(NAME, "prometheus_name", "labels or empty", KIND, "help"). Rows of one prometheus name stand together and share
 * their help. */
#include "base/metrics_table.h"

enum metric {
#define ROW(id, name, labels, kind, help) METRIC_##id,
    METRICS_TABLE(ROW)
#undef ROW
        METRIC_COUNT
};

struct metrics;  /* all blocks */
struct counters; /* one thread's block */

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);

/* A new block for the calling thread's use; owned by `metrics`. Before the threads run. */
struct counters *metrics_block(struct metrics *metrics);

void counters_add(struct counters *counters, enum metric metric, int64_t amount);
void counters_set(struct counters *counters, enum metric metric, int64_t value); /* gauges */

/* The sum over all blocks. Any thread. */
int64_t metrics_read(const struct metrics *metrics, enum metric metric);

/* Everything in Prometheus's text format 0.0.4. Any thread. */
void metrics_print(const struct metrics *metrics, struct buf *out);

/* The rows themselves, for `nexgate metrics`: NAME TYPE HELP a line. */
void metrics_list(struct buf *out);

#endif
