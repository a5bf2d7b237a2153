/* SPDX-License-Identifier: MIT */
/* The admin listener's handler: health, readiness, status, metrics. On the main thread; reads what other threads
 * publish. */
#ifndef NEXGATE_ADMIN_STATUS_H
#define NEXGATE_ADMIN_STATUS_H

#include "base/metrics.h"
#include "cache/memory.h"
#include "flow/exchange.h"
#include "upstream/fetcher.h"

struct status_parts { /* all borrowed */
    const struct clock *clock;
    struct metrics *metrics;
    struct counters *counters; /* the main thread's: the store's gauges go here before a read */
    struct memory *memory;
    struct fetcher *fetcher;
    const char *version;
};

struct status;

struct status *status_new(const struct status_parts *parts);
void status_free(struct status *status);

struct handler *status_handler(struct status *status);

/* From now on /readyz says 503: the process drains. */
void status_drain(struct status *status);

#endif
