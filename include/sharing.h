/* SPDX-License-Identifier: MIT */
/* All that a process shares its windows by: what its fetcher stores, what its workers look up, what it hears of the
 * others. Without Redis it is the memory alone. Made and freed on the main thread; runs on the fetcher's. */
#ifndef NEXGATE_SHARING_H
#define NEXGATE_SHARING_H

#include "cache/coherence.h"
#include "flow/store.h"
#include "settings.h"

struct sharing;

struct sharing_parts { /* all borrowed */
    const struct settings *settings;
    struct loop *loop;   /* the fetcher's */
    struct redis *redis; /* on that loop; NULL: none */
    const struct redis_options *redis_options;
    struct memory *memory;
    struct log *log;
    struct counters *counters; /* the fetcher's */
};

/* NULL when the kernel refuses. */
struct sharing *sharing_new(const struct sharing_parts *parts) MUST_CHECK;

/* What is stored from now on is kept for as long as these settings say. Any thread. */
void sharing_change(struct sharing *sharing, const struct settings *settings);

/* After the loop's thread has ended: says goodbye to the others, and waits a moment until it is heard. */
void sharing_leave(struct sharing *sharing);

/* After the fetcher. */
void sharing_free(struct sharing *sharing);

struct fetcher_cache sharing_cache(struct sharing *sharing);           /* for the fetcher */
const struct shared_options *sharing_options(struct sharing *sharing); /* for the workers' flows; NULL: none */
struct coherence *sharing_coherence(struct sharing *sharing);          /* for purges */

#endif
