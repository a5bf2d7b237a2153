/* SPDX-License-Identifier: MIT */
/* The memory store: windows by key, bounded by bytes with all overhead, shared by all threads. Sharded, one lock a
 * shard. Evicts by SIEVE (Zhang et al., NSDI 2024), which a scan of one-time searches does not empty. */
#ifndef NEXGATE_CACHE_MEMORY_H
#define NEXGATE_CACHE_MEMORY_H

#include "base/hash.h"
#include "cache/purges.h"

struct memory;

/* Whether others' refreshes and purges are heard of. It changes each time: MEMORY_ALONE where nobody shares (for good,
 * unless memory_share was called), odd while the link is up, even while it is down. */
enum { MEMORY_ALONE = 0, MEMORY_JOINING = 2 /* it was never up */ };

struct memory_stats {
    size_t bytes, entries;
    uint64_t evictions;
};

/* At most `bytes` in all. 0: stores nothing. */
struct memory *memory_new(size_t bytes);
void memory_free(struct memory *memory);

/* The purges that its entries are held against. */
struct purges *memory_purges(struct memory *memory);

/* The entry under the key with a reference for the caller, or NULL; never a purged one. Fresh or not is for the caller
 * to judge. */
struct entry *memory_get(struct memory *memory, struct slice key);

/* The same without a trace: what is looked at so is not spared by the next eviction. For those who only want to know.
 */
struct entry *memory_peek(struct memory *memory, struct slice key);

/* Before the entry is shared: makes it fit to be stored for long, where this memory could. */
void memory_prepare(const struct memory *memory, struct entry *entry);

/* Stores the entry (takes a reference of its own), replacing one under the same key unless that was fetched later or is
 * the same. False when it was not stored: larger than a shard, purged, or older than what is there. */
bool memory_put(struct memory *memory, struct entry *entry);

/* Drops the key; true when it was there. */
bool memory_remove(struct memory *memory, struct slice key);

/* Drops this very entry. */
void memory_forget(struct memory *memory, struct entry *entry);

/* Drops what is purged of the next `steps` entries of each shard, going on where the last call stopped. For the
 * memory's sake only: memory_get gives none of them anyway. */
void memory_sweep(struct memory *memory, size_t steps);

/* Somebody else has a newer window under this key: drops ours, unless it bears that mark. */
void memory_invalidate(struct memory *memory, struct slice key, uint64_t mark);

/* Changes with every memory_invalidate of the key (and now and then of others). Who reads the key elsewhere takes it
 * before, and stores what was read only if it is the same after: */
uint64_t memory_moment(struct memory *memory, struct slice key);
bool memory_put_if(struct memory *memory, struct entry *entry, uint64_t moment);

/* The link (see above) now. */
unsigned memory_link(const struct memory *memory);
static inline bool memory_link_is_up(unsigned link)
{
    return link % 2 == 1;
}

/* There are others: the link is down until memory_set_link. Before there are threads. */
void memory_share(struct memory *memory);
void memory_set_link(struct memory *memory, bool up); /* one thread */

struct memory_stats memory_stats(struct memory *memory);

#endif
