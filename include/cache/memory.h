/* SPDX-License-Identifier: MIT */
/* The memory store: windows by key, bounded by bytes with all overhead, shared by all threads. Sharded, one lock a
 * shard. Evicts by SIEVE (Zhang et al., NSDI 2024), which a scan of one-time searches does not empty. */
#ifndef NEXGATE_CACHE_MEMORY_H
#define NEXGATE_CACHE_MEMORY_H

#include "base/hash.h"
#include "cache/entry.h"

struct memory;

struct memory_stats {
    size_t bytes, entries;
    uint64_t evictions;
};

/* At most `bytes` in all. 0: stores nothing. */
struct memory *memory_new(size_t bytes);
void memory_free(struct memory *memory);

/* The entry under the key with a reference for the caller, or NULL. Fresh or not is for the caller to judge. */
struct entry *memory_get(struct memory *memory, struct slice key);

/* The same without a trace: what is looked at so is not spared by the next eviction. For those who only want to know.
 */
struct entry *memory_peek(struct memory *memory, struct slice key);

/* Stores the entry (takes a reference of its own), replacing one under the same key unless that was fetched later.
 * False when it was not stored: larger than a shard, or older than what is there. */
bool memory_put(struct memory *memory, struct entry *entry);

/* Drops the key; true when it was there. */
bool memory_remove(struct memory *memory, struct slice key);

struct memory_stats memory_stats(struct memory *memory);

#endif
