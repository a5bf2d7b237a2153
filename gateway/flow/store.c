/* SPDX-License-Identifier: MIT */
/* From a fetched window to a stored entry. On the fetcher's thread. */
#include "flow/store.h"

static void *on_fetched(void *context, struct fetched *fetched, bool *stored)
{
    struct memory *memory = context;
    struct entry *entry = entry_new(fetched->key, fetched->body, fetched->envelope, fetched->started_us);
    *stored = entry != NULL && fetched->store && memory_put(memory, entry);
    return entry;
}

static void *ref(void *entry)
{
    return entry_ref(entry);
}

static void unref(void *entry)
{
    entry_unref(entry);
}

struct fetcher_cache store_in(struct memory *memory)
{
    return (struct fetcher_cache){.on_fetched = on_fetched, .ref = ref, .unref = unref, .context = memory};
}
