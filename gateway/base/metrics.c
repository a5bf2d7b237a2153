/* SPDX-License-Identifier: MIT */
/* Storage and output of the metrics table. Must not know what is counted. */
#include "base/metrics.h"

#include "base/mem.h"

#include <stdatomic.h>

enum metric_kind { COUNTER, GAUGE };

struct row {
    const char *name, *labels, *help;
    enum metric_kind kind;
};

static const struct row ROWS[METRIC_COUNT] = {
#define ROW(id, name, labels, kind, help) {name, labels, help, kind},
    METRICS_TABLE(ROW)
#undef ROW
};

/* One writer each; readers see each number whole, and no two of them at one instant. */
struct counters {
    struct counters *next;
    char apart[64]; /* keeps one thread's numbers off another's cache lines */
    atomic_int_least64_t values[METRIC_COUNT];
    char apart_too[64];
};

struct metrics {
    struct counters *blocks; /* complete before the threads run, so it needs no lock */
};

struct metrics *metrics_new(void)
{
    return mem_new(sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
    if (metrics == NULL)
        return;
    while (metrics->blocks != NULL) {
        struct counters *next = metrics->blocks->next;
        mem_free(metrics->blocks);
        metrics->blocks = next;
    }
    mem_free(metrics);
}

struct counters *metrics_block(struct metrics *metrics)
{
    struct counters *counters = mem_new(sizeof(*counters));
    counters->next = metrics->blocks;
    metrics->blocks = counters;
    return counters;
}

void counters_add(struct counters *counters, enum metric metric, int64_t amount)
{
    /* The thread is the only writer: a plain add, made visible whole. */
    int64_t value = atomic_load_explicit(&counters->values[metric], memory_order_relaxed);
    atomic_store_explicit(&counters->values[metric], value + amount, memory_order_relaxed);
}

void counters_set(struct counters *counters, enum metric metric, int64_t value)
{
    atomic_store_explicit(&counters->values[metric], value, memory_order_relaxed);
}

int64_t metrics_read(const struct metrics *metrics, enum metric metric)
{
    int64_t sum = 0;
    for (const struct counters *block = metrics->blocks; block != NULL; block = block->next)
        sum += atomic_load_explicit(&block->values[metric], memory_order_relaxed);
    return sum;
}

static const char *kind_name(const struct row *row)
{
    return row->kind == COUNTER ? "counter" : "gauge";
}

static bool opens_name(size_t metric)
{
    return metric == 0 || !slice_is(slice_of(ROWS[metric].name), ROWS[metric - 1].name);
}

void metrics_print(const struct metrics *metrics, struct buf *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        const struct row *row = &ROWS[i];
        if (opens_name(i))
            buf_format(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name, kind_name(row));
        buf_add_text(out, row->name);
        if (row->labels[0] != '\0')
            buf_format(out, "{%s}", row->labels);
        buf_add_char(out, ' ');
        buf_add_integer(out, metrics_read(metrics, (enum metric)i));
        buf_add_char(out, '\n');
    }
}

void metrics_list(struct buf *out)
{
    for (size_t i = 0; i < METRIC_COUNT; i++) {
        if (opens_name(i))
            buf_format(out, "%s\t%s\t%s\n", ROWS[i].name, kind_name(&ROWS[i]), ROWS[i].help);
    }
}
