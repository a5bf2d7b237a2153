/* SPDX-License-Identifier: MIT */
/* From a fetched window to a stored entry, and the shared store as the fetcher sees it. A fetch that was under way when
 * a purge came is answered to those who waited for it, and stored nowhere. */
#include "flow/store.h"

#include "base/random.h"

static struct entry *make_entry(struct memory *memory, struct fetched *fetched)
{
    struct entry *entry = entry_new(fetched->key, fetched->body, fetched->envelope, fetched->started_us);
    if (entry == NULL)
        return NULL;
    if (fetched->store)
        memory_prepare(memory, entry);
    entry->purge_number = purges_known_at(memory_purges(memory), fetched->started_us);
    atomic_store_explicit(&entry->link, memory_link(memory), memory_order_relaxed);
    return entry;
}

static void *on_fetched(void *context, struct fetched *fetched, bool *stored)
{
    struct memory *memory = context;
    struct entry *entry = make_entry(memory, fetched);
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

static void *on_fetched_for_all(void *context, struct fetched *fetched, bool *stored)
{
    struct store *store = context;
    struct entry *entry = make_entry(store->memory, fetched);
    *stored = false;
    if (entry == NULL)
        return NULL;
    entry->mark = store->marks + entry->id;
    if (fetched->store && purges_spare(memory_purges(store->memory), entry)) {
        *stored = memory_put(store->memory, entry);
        *stored = shared_put(store->shared, entry, NULL) || *stored;
    }
    return entry;
}

/* A find or a copy under way. */
struct errand {
    struct store *store;
    struct shared_lookup lookup;
    struct shared_arrival arrival;
    struct shared_find *find;
    struct shared_copy *copy;
};

static void on_found(struct shared_lookup *lookup)
{
    struct errand *errand = MEM_OUTER(lookup, struct errand, lookup);
    struct shared_find *find = errand->find;
    struct entry *entry = lookup->entry;
    mem_free(errand);
    find->handle = NULL;
    find->on_found(find, entry);
}

static void find_window(void *context, struct shared_find *find)
{
    struct store *store = context;
    struct errand *errand = mem_new(sizeof(*errand));
    errand->store = store;
    errand->find = find;
    errand->lookup = (struct shared_lookup){.key = find->key, .on_found = on_found};
    find->handle = errand;
    shared_get(store->shared, &errand->lookup);
}

static void leave_find(void *context, struct shared_find *find)
{
    struct store *store = context;
    struct errand *errand = find->handle;
    if (errand == NULL)
        return;
    shared_leave(store->shared, &errand->lookup);
    find->handle = NULL;
    mem_free(errand);
}

static void on_there(struct shared_arrival *arrival, bool is_there)
{
    struct errand *errand = MEM_OUTER(arrival, struct errand, arrival);
    struct shared_copy *copy = errand->copy;
    mem_free(errand);
    copy->handle = NULL;
    copy->on_copied(copy, is_there);
}

static void copy_window(void *context, struct shared_copy *copy)
{
    struct store *store = context;
    struct errand *errand = mem_new(sizeof(*errand));
    errand->store = store;
    errand->copy = copy;
    errand->arrival.on_there = on_there;
    copy->handle = errand;
    (void)shared_put(store->shared, copy->entry, &errand->arrival);
}

static void leave_copy(void *context, struct shared_copy *copy)
{
    struct store *store = context;
    struct errand *errand = copy->handle;
    if (errand == NULL)
        return;
    shared_leave_put(store->shared, &errand->arrival);
    copy->handle = NULL;
    mem_free(errand);
}

void store_init(struct store *store, struct memory *memory, struct shared *shared)
{
    *store = (struct store){
        .memory = memory, .shared = shared, .view = {find_window, leave_find, copy_window, leave_copy, store}};
    random_secret(&store->marks, sizeof(store->marks));
}

struct fetcher_cache store_cache(struct store *store)
{
    return (struct fetcher_cache){
        .on_fetched = on_fetched_for_all, .ref = ref, .unref = unref, .context = store, .shared = &store->view};
}
