/* SPDX-License-Identifier: MIT */
/* One stored window and its reference count. Must not know where it is stored or whether it is fresh. */
#include "cache/entry.h"

#include <assert.h>
#include <malloc.h>

enum { OWN_PAGES_MIN = 32 * 1024 }; /* bytes of a body: with less too much of the last page is lost */

void entry_settle(struct entry *entry)
{
    struct buf *body = &entry->body;
    char *pages = body->length >= OWN_PAGES_MIN ? mem_try_map(body->length) : NULL;
    if (pages == NULL)
        return;
    entry->bytes -= malloc_usable_size(body->bytes);
    memcpy(pages, body->bytes, body->length);
    mem_free(body->bytes);
    body->bytes = pages;
    body->capacity = body->length;
    entry->has_pages = true;
    entry->bytes += mem_mapped_bytes(body->length);
}

static void free_body(struct entry *entry)
{
    if (entry->has_pages)
        mem_unmap(entry->body.bytes, entry->body.length);
    else
        buf_free(&entry->body);
}

/* The key's bytes follow the struct in the same block. */
struct entry *entry_new(struct slice key, struct buf *body, struct envelope *envelope, int64_t fetched_us)
{
    static atomic_uint_fast64_t last_id;
    struct entry *entry = mem_try_new(sizeof(*entry) + key.length);
    if (entry == NULL) {
        buf_free(body);
        envelope_free(envelope);
        return NULL;
    }
    char *key_bytes = (char *)(entry + 1);
    memcpy(key_bytes, key.at, key.length);
    entry->key = slice_make(key_bytes, key.length);
    buf_init(&entry->body, body->max);
    buf_take(&entry->body, body);
    buf_fit(&entry->body);
    entry->has_pages = false;
    entry->envelope = *envelope;
    *envelope = (struct envelope){.records = NULL};
    entry->fetched_us = fetched_us;
    entry->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    entry->bytes = malloc_usable_size(entry) + malloc_usable_size(entry->body.bytes) +
                   malloc_usable_size(entry->envelope.members) + malloc_usable_size(entry->envelope.records);
    entry->mark = 0;
    entry->purge_number = 0;
    entry->foreign = false;
    atomic_init(&entry->link, 0);
    atomic_init(&entry->copied, false);
    atomic_init(&entry->references, 1);
    atomic_init(&entry->purges_seen, 0);
    atomic_init(&entry->stale_from_us, CLOCK_NEVER);
    atomic_init(&entry->refresh_us, INT64_MIN);
    return entry;
}

struct entry *entry_ref(struct entry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void entry_unref(struct entry *entry)
{
    if (entry == NULL)
        return;
    unsigned before = atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    free_body(entry);
    envelope_free(&entry->envelope);
    mem_free(entry);
}

int64_t entry_age(const struct entry *entry, int64_t now_us)
{
    return now_us > entry->fetched_us ? now_us - entry->fetched_us : 0;
}

bool entry_claim_refresh(struct entry *entry, int64_t now_us, int64_t pause_us)
{
    int_least64_t before = atomic_load_explicit(&entry->refresh_us, memory_order_relaxed);
    return before <= now_us && atomic_compare_exchange_strong_explicit(&entry->refresh_us, &before, now_us + pause_us,
                                                                       memory_order_relaxed, memory_order_relaxed);
}

struct page_part entry_part(const struct entry *entry)
{
    return (struct page_part){&entry->envelope, buf_slice(&entry->body)};
}
