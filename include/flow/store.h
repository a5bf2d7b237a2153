/* SPDX-License-Identifier: MIT */
/* What a fetched window becomes: an entry, and if it may be kept, one in the memory store and in Redis. The fetcher
 * knows both only by these callbacks. On the fetcher's thread. */
#ifndef NEXGATE_FLOW_STORE_H
#define NEXGATE_FLOW_STORE_H

#include "cache/shared.h"
#include "upstream/fetcher.h"

/* The callbacks of a fetcher whose windows go into `memory` (borrowed). */
struct fetcher_cache store_in(struct memory *memory);

/* Windows that go to others, too. Embedded, or made by who owns the fetcher. */
struct store {
    struct memory *memory;
    struct shared *shared;
    struct shared_store view;
    uint64_t marks; /* what this process's marks begin at */
};

/* Both are borrowed; `shared` is on the fetcher's loop. */
void store_init(struct store *store, struct memory *memory, struct shared *shared);

/* The callbacks; the store must outlive the fetcher. */
struct fetcher_cache store_cache(struct store *store);

#endif
