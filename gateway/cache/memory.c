/* SPDX-License-Identifier: MIT */
/* The memory store. SIEVE keeps each shard's nodes in order of arrival; a hit only sets a bit; the hand walks from the
 * oldest towards the newest, spares and unmarks what was visited, evicts the first that was not. Must not know what is
 * fresh.
 *
 * A shard owns one reference on each of its entries. References are dropped after the lock is let go, so that freeing a
 * large window never holds up a hit. */
#include "cache/memory.h"

#include "base/map.h"

#include <malloc.h>
#include <pthread.h>

enum {
    SHARDS_MAX = 16,
    SHARD_BYTES_MIN = 4 * 1024 * 1024, /* below this a shard could not hold the widest windows */
    MOMENTS = 256                      /* of a shard: keys that fall together disturb each other now and then */
};

struct node {
    struct node *newer, *older;
    struct entry *entry;
    size_t bytes; /* of entry and node */
    bool visited;
};

struct shard {
    pthread_mutex_t lock;
    struct map *nodes; /* by the entry's key */
    struct node *newest, *oldest;
    struct node *hand;  /* next to be looked at; NULL: start at the oldest */
    struct node *sweep; /* the same, of memory_sweep */
    uint32_t moments[MOMENTS];
    size_t bytes; /* of nodes and entries, without the table */
    size_t bytes_max;
    uint64_t evictions;
    char apart[64]; /* one shard's lock must not slow its neighbour */
};

struct memory {
    struct hash_secret secret;
    struct purges *purges;
    atomic_uint link;
    size_t shard_count; /* a power of two */
    struct shard shards[SHARDS_MAX];
};

struct memory *memory_new(size_t bytes)
{
    struct memory *memory = mem_new(sizeof(*memory));
    hash_secret_init(&memory->secret);
    memory->purges = purges_new();
    memory->shard_count = 1;
    while (memory->shard_count < SHARDS_MAX && bytes / (memory->shard_count * 2) >= SHARD_BYTES_MIN)
        memory->shard_count *= 2;
    for (size_t i = 0; i < memory->shard_count; i++) {
        struct shard *shard = &memory->shards[i];
        pthread_mutex_init(&shard->lock, NULL);
        shard->nodes = map_new(&memory->secret);
        shard->bytes_max = bytes / memory->shard_count;
    }
    return memory;
}

/* Takes the node out of the order; hand and sweep step on so that they never point at a node that is gone. */
static void unlink_node(struct shard *shard, struct node *node)
{
    if (shard->hand == node)
        shard->hand = node->newer;
    if (shard->sweep == node)
        shard->sweep = node->newer;
    if (node->newer != NULL)
        node->newer->older = node->older;
    else
        shard->newest = node->older;
    if (node->older != NULL)
        node->older->newer = node->newer;
    else
        shard->oldest = node->newer;
    shard->bytes -= node->bytes;
}

static void link_newest(struct shard *shard, struct node *node)
{
    node->older = shard->newest;
    node->newer = NULL;
    if (shard->newest != NULL)
        shard->newest->newer = node;
    else
        shard->oldest = node;
    shard->newest = node;
    shard->bytes += node->bytes;
}

static size_t shard_bytes(const struct shard *shard)
{
    return shard->bytes + map_bytes(shard->nodes);
}

/* The node to evict next: the first from the hand on that was not visited since the hand passed it. */
static struct node *sieve_victim(struct shard *shard)
{
    struct node *node = shard->hand != NULL ? shard->hand : shard->oldest;
    while (node->visited) {
        node->visited = false;
        node = node->newer != NULL ? node->newer : shard->oldest;
    }
    shard->hand = node;
    return node;
}

/* Makes room for `more` bytes within the shard's bound; what was evicted is put before `gone`, chained by `older`, for
 * the caller to free without the lock. */
static struct node *evict(struct shard *shard, size_t more, struct node *gone)
{
    while (shard_bytes(shard) + more > shard->bytes_max && shard->oldest != NULL) {
        struct node *victim = sieve_victim(shard);
        unlink_node(shard, victim);
        map_remove(shard->nodes, victim->entry->key);
        shard->evictions++;
        victim->older = gone;
        gone = victim;
    }
    return gone;
}

static void free_nodes(struct node *node)
{
    while (node != NULL) {
        struct node *next = node->older;
        entry_unref(node->entry);
        mem_free(node);
        node = next;
    }
}

void memory_free(struct memory *memory)
{
    if (memory == NULL)
        return;
    for (size_t i = 0; i < memory->shard_count; i++) {
        free_nodes(memory->shards[i].newest);
        map_free(memory->shards[i].nodes);
        pthread_mutex_destroy(&memory->shards[i].lock);
    }
    purges_free(memory->purges);
    mem_free(memory);
}

struct purges *memory_purges(struct memory *memory)
{
    return memory->purges;
}

/* Where a key belongs: the top bits choose the shard, others the moment; the map inside the shard uses the low ones. */
struct place {
    struct shard *shard;
    uint32_t *moment;
    uint64_t hash; /* as the shard's map has it */
};

static struct place place_of(struct memory *memory, struct slice key)
{
    uint64_t hash = hash_keyed(&memory->secret, key);
    struct shard *shard = &memory->shards[(hash >> 56) & (memory->shard_count - 1)];
    return (struct place){shard, &shard->moments[(hash >> 40) % MOMENTS], hash};
}

/* Takes the node out of the shard; it is the caller's to free, without the lock. */
static struct node *take_out(struct shard *shard, struct node *node)
{
    map_remove(shard->nodes, node->entry->key);
    unlink_node(shard, node);
    node->older = NULL;
    return node;
}

void memory_forget(struct memory *memory, struct entry *entry)
{
    struct shard *shard = place_of(memory, entry->key).shard;
    pthread_mutex_lock(&shard->lock);
    struct node *node = map_get(shard->nodes, entry->key);
    node = node != NULL && node->entry == entry ? take_out(shard, node) : NULL;
    pthread_mutex_unlock(&shard->lock);
    free_nodes(node);
}

/* `visits`: what is found is spared by the next eviction. */
static inline struct entry *find(struct memory *memory, struct slice key, bool visits)
{
    struct place place = place_of(memory, key);
    struct shard *shard = place.shard;
    struct entry *entry = NULL;
    pthread_mutex_lock(&shard->lock);
    struct node *node = map_get_hashed(shard->nodes, place.hash, key);
    if (node != NULL) {
        node->visited |= visits;
        entry = entry_ref(node->entry);
    }
    pthread_mutex_unlock(&shard->lock);
    if (entry != NULL && !purges_spare(memory->purges, entry)) {
        memory_forget(memory, entry);
        entry_unref(entry);
        return NULL;
    }
    return entry;
}

struct entry *memory_get(struct memory *memory, struct slice key)
{
    return find(memory, key, true);
}

struct entry *memory_peek(struct memory *memory, struct slice key)
{
    return find(memory, key, false);
}

/* Under the shard's lock: puts the node in the place of `before` (NULL: a new key), making room first, so that the
 * newcomer is not weighed against those it displaces. Returns the nodes that are out. */
static struct node *insert(struct shard *shard, struct node *node, struct node *before)
{
    struct node *gone = NULL;
    if (before != NULL) {
        node->visited = before->visited;
        gone = take_out(shard, before);
    }
    gone = evict(shard, node->bytes, gone);
    map_put(shard->nodes, node->entry->key, node);
    link_newest(shard, node);
    return evict(shard, 0, gone); /* the table itself may have grown */
}

/* What is there stays: it was fetched later, or is the same. It was compared with what the others have just now. */
static bool stays(const struct node *before, const struct entry *entry)
{
    if (before == NULL)
        return false;
    bool same = entry->mark != 0 && before->entry->mark == entry->mark;
    if (!same && before->entry->fetched_us <= entry->fetched_us)
        return false;
    atomic_store_explicit(&before->entry->link, atomic_load_explicit(&entry->link, memory_order_relaxed),
                          memory_order_relaxed);
    return true;
}

static bool put(struct memory *memory, struct entry *entry, const uint64_t *moment)
{
    struct place place = place_of(memory, entry->key);
    struct shard *shard = place.shard;
    struct node *node = mem_new(sizeof(*node));
    node->entry = entry_ref(entry);
    node->bytes = entry->bytes + malloc_usable_size(node);
    struct node *gone = node;
    bool stored = false;

    pthread_mutex_lock(&shard->lock);
    if (moment == NULL || *moment == *place.moment) {
        struct node *before = map_get(shard->nodes, entry->key);
        stored = !stays(before, entry) && node->bytes + map_bytes(shard->nodes) <= shard->bytes_max &&
                 purges_spare(memory->purges, entry);
        if (stored) {
            gone = insert(shard, node, before);
            stored = map_get(shard->nodes, entry->key) == node;
        }
    }
    pthread_mutex_unlock(&shard->lock);

    free_nodes(gone);
    return stored;
}

void memory_prepare(const struct memory *memory, struct entry *entry)
{
    if (entry->bytes <= memory->shards[0].bytes_max)
        entry_settle(entry);
}

bool memory_put(struct memory *memory, struct entry *entry)
{
    return put(memory, entry, NULL);
}

bool memory_put_if(struct memory *memory, struct entry *entry, uint64_t moment)
{
    return put(memory, entry, &moment);
}

uint64_t memory_moment(struct memory *memory, struct slice key)
{
    struct place place = place_of(memory, key);
    pthread_mutex_lock(&place.shard->lock);
    uint64_t moment = *place.moment;
    pthread_mutex_unlock(&place.shard->lock);
    return moment;
}

void memory_invalidate(struct memory *memory, struct slice key, uint64_t mark)
{
    struct place place = place_of(memory, key);
    pthread_mutex_lock(&place.shard->lock);
    (*place.moment)++;
    struct node *node = map_get(place.shard->nodes, key);
    node = node != NULL && node->entry->mark != mark ? take_out(place.shard, node) : NULL;
    pthread_mutex_unlock(&place.shard->lock);
    free_nodes(node);
}

bool memory_remove(struct memory *memory, struct slice key)
{
    struct shard *shard = place_of(memory, key).shard;
    pthread_mutex_lock(&shard->lock);
    struct node *node = map_get(shard->nodes, key);
    if (node != NULL)
        take_out(shard, node);
    pthread_mutex_unlock(&shard->lock);
    free_nodes(node);
    return node != NULL;
}

static void sweep_shard(struct memory *memory, struct shard *shard, size_t steps)
{
    struct node *gone = NULL;
    pthread_mutex_lock(&shard->lock);
    for (size_t i = 0; i < steps && shard->oldest != NULL; i++) {
        struct node *node = shard->sweep != NULL ? shard->sweep : shard->oldest;
        shard->sweep = node->newer;
        if (purges_spare(memory->purges, node->entry))
            continue;
        take_out(shard, node)->older = gone;
        gone = node;
    }
    pthread_mutex_unlock(&shard->lock);
    free_nodes(gone);
}

void memory_sweep(struct memory *memory, size_t steps)
{
    for (size_t i = 0; i < memory->shard_count; i++)
        sweep_shard(memory, &memory->shards[i], steps);
}

unsigned memory_link(const struct memory *memory)
{
    return atomic_load_explicit(&memory->link, memory_order_acquire);
}

void memory_share(struct memory *memory)
{
    atomic_store_explicit(&memory->link, MEMORY_JOINING, memory_order_release);
}

void memory_set_link(struct memory *memory, bool up)
{
    unsigned link = memory_link(memory);
    if (memory_link_is_up(link) != up)
        atomic_store_explicit(&memory->link, link + 1, memory_order_release);
}

struct memory_stats memory_stats(struct memory *memory)
{
    struct memory_stats stats = {0};
    for (size_t i = 0; i < memory->shard_count; i++) {
        struct shard *shard = &memory->shards[i];
        pthread_mutex_lock(&shard->lock);
        stats.bytes += shard_bytes(shard);
        stats.entries += map_count(shard->nodes);
        stats.evictions += shard->evictions;
        pthread_mutex_unlock(&shard->lock);
    }
    return stats;
}
