/* SPDX-License-Identifier: MIT */
/* How long windows are kept, here and in Redis: fresh for `ttl_us`, then stale for `stale_us` at most. A reload changes
 * it on the main thread while the fetcher's reads it; each number stands for itself. */
#ifndef NEXGATE_CACHE_LIFETIME_H
#define NEXGATE_CACHE_LIFETIME_H

#include <stdatomic.h>
#include <stdint.h>

struct lifetime {
    _Atomic int64_t ttl_us, stale_us;
};

static inline void lifetime_set(struct lifetime *lifetime, int64_t ttl_us, int64_t stale_us)
{
    atomic_store_explicit(&lifetime->ttl_us, ttl_us, memory_order_relaxed);
    atomic_store_explicit(&lifetime->stale_us, stale_us, memory_order_relaxed);
}

static inline int64_t lifetime_ttl(const struct lifetime *lifetime)
{
    return atomic_load_explicit(&lifetime->ttl_us, memory_order_relaxed);
}

static inline int64_t lifetime_stale(const struct lifetime *lifetime)
{
    return atomic_load_explicit(&lifetime->stale_us, memory_order_relaxed);
}

/* From fetched to forgotten. */
static inline int64_t lifetime_whole(const struct lifetime *lifetime)
{
    return lifetime_ttl(lifetime) + lifetime_stale(lifetime);
}

#endif
