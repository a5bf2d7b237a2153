/* SPDX-License-Identifier: MIT */
/* One stored window: Nexudus's answer as it came, its index, and when it was fetched. Immutable but for who refreshes
 * it and what is known of it by now, and shared by reference count; any thread may hold, read and let go. */
#ifndef NEXGATE_CACHE_ENTRY_H
#define NEXGATE_CACHE_ENTRY_H

#include "base/clock.h"
#include "search/envelope.h"
#include "search/page.h"

#include <stdatomic.h>

struct entry {
    struct slice key;         /* owned, in the same block */
    struct buf body;          /* owned; never changed */
    bool has_pages;           /* private: the body lies in pages of its own, not in the heap */
    struct envelope envelope; /* owned; offsets into body */
    int64_t fetched_us;       /* monotonic: when the upstream call that gave it was started */
    uint64_t id;              /* unique in this process: two entries are the same bytes if their ids are equal */
    size_t bytes;             /* all of its memory, overhead included */
    uint64_t mark;            /* of the fetch that gave it, unique in the fleet; 0: none. Set before it is shared */
    int64_t purge_number;     /* known when that fetch began (cache/purges.h). Set before it is shared */
    bool foreign;             /* read from Redis, where any gateway may have put it. Set before it is shared */
    atomic_uint link;         /* the link (cache/memory.h) under which it was last known to be the newest */
    atomic_bool copied;       /* the others can find it in Redis */
    atomic_uint references;   /* private */
    atomic_uint_fast64_t purges_seen;   /* private to purges */
    atomic_int_least64_t stale_from_us; /* monotonic: a soft purge ended its freshness; CLOCK_NEVER: none */
    atomic_int_least64_t refresh_us;    /* private: no background refresh is claimed before this moment */
};

/* A new entry with one reference. Takes what `body` and `envelope` own (both are empty afterwards), copies the key.
 * NULL when memory is out (both are freed then). */
struct entry *entry_new(struct slice key, struct buf *body, struct envelope *envelope, int64_t fetched_us) MUST_CHECK;

/* Moves a long body to pages of its own, where what lives long leaves no holes in the heap. Only before it is shared;
 * where there are no pages it stays. */
void entry_settle(struct entry *entry);

struct entry *entry_ref(struct entry *entry); /* returns it */
void entry_unref(struct entry *entry);        /* NULL is fine; the last one frees: an entry has no callbacks */

/* Microseconds since it was fetched, never negative. */
int64_t entry_age(const struct entry *entry, int64_t now_us);

/* How long it is fresh where windows are fresh for `ttl_us`: less when it was purged softly. */
static inline int64_t entry_ttl(const struct entry *entry, int64_t ttl_us)
{
    int64_t stale_from_us = atomic_load_explicit(&entry->stale_from_us, memory_order_relaxed);
    if (stale_from_us == CLOCK_NEVER)
        return ttl_us;
    int64_t until_us = stale_from_us > entry->fetched_us ? stale_from_us - entry->fetched_us : 0;
    return until_us < ttl_us ? until_us : ttl_us;
}

/* True for one caller in `pause_us`: it is the one that refreshes the window in the background. Any thread. */
bool entry_claim_refresh(struct entry *entry, int64_t now_us, int64_t pause_us) MUST_CHECK;

/* The entry as a part of a page. */
struct page_part entry_part(const struct entry *entry);

#endif
