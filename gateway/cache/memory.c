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
    SHARD_BYTES_MIN = 4 * 1024 * 1024 /* below this a shard could not hold the widest windows */
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
    struct node *hand; /* next to be looked at; NULL: start at the oldest */
    size_t bytes;      /* of nodes and entries, without the table */
    size_t bytes_max;
    uint64_t evictions;
    char apart[64]; /* one shard's lock must not slow its neighbour */
};

struct memory {
    struct hash_secret secret;
    size_t shard_count; /* a power of two */
    struct shard shards[SHARDS_MAX];
};

struct memory *memory_new(size_t bytes)
{
    struct memory *memory = mem_new(sizeof(*memory));
    hash_secret_init(&memory->secret);
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

/* Takes the node out of the order; the hand steps on so that it never points at a node that is gone. */
static void unlink_node(struct shard *shard, struct node *node)
{
    if (shard->hand == node)
        shard->hand = node->newer;
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
    mem_free(memory);
}

/* The top bits choose the shard; the map inside it uses the low ones. */
static struct shard *shard_of(struct memory *memory, struct slice key)
{
    return &memory->shards[(hash_keyed(&memory->secret, key) >> 56) & (memory->shard_count - 1)];
}

struct entry *memory_peek(struct memory *memory, struct slice key)
{
    struct shard *shard = shard_of(memory, key);
    pthread_mutex_lock(&shard->lock);
    struct node *node = map_get(shard->nodes, key);
    struct entry *entry = node != NULL ? entry_ref(node->entry) : NULL;
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

struct entry *memory_get(struct memory *memory, struct slice key)
{
    struct shard *shard = shard_of(memory, key);
    struct entry *entry = NULL;
    pthread_mutex_lock(&shard->lock);
    struct node *node = map_get(shard->nodes, key);
    if (node != NULL) {
        node->visited = true;
        entry = entry_ref(node->entry);
    }
    pthread_mutex_unlock(&shard->lock);
    return entry;
}

/* Under the shard's lock: puts the node in the place of `before` (NULL: a new key), making room first, so that the
 * newcomer is not weighed against those it displaces. Returns the nodes that are out. */
static struct node *insert(struct shard *shard, struct node *node, struct node *before)
{
    struct node *gone = NULL;
    if (before != NULL) {
        map_remove(shard->nodes, before->entry->key);
        unlink_node(shard, before);
        node->visited = before->visited;
        before->older = NULL;
        gone = before;
    }
    gone = evict(shard, node->bytes, gone);
    map_put(shard->nodes, node->entry->key, node);
    link_newest(shard, node);
    return evict(shard, 0, gone); /* the table itself may have grown */
}

bool memory_put(struct memory *memory, struct entry *entry)
{
    struct shard *shard = shard_of(memory, entry->key);
    struct node *node = mem_new(sizeof(*node));
    node->entry = entry_ref(entry);
    node->bytes = entry->bytes + malloc_usable_size(node);
    struct node *gone = NULL;

    pthread_mutex_lock(&shard->lock);
    struct node *before = map_get(shard->nodes, entry->key);
    bool newer_is_there = before != NULL && before->entry->fetched_us > entry->fetched_us;
    bool stored = !newer_is_there && node->bytes + map_bytes(shard->nodes) <= shard->bytes_max;
    if (stored) {
        gone = insert(shard, node, before);
        stored = map_get(shard->nodes, entry->key) == node;
    } else {
        gone = node;
    }
    pthread_mutex_unlock(&shard->lock);

    free_nodes(gone);
    return stored;
}

bool memory_remove(struct memory *memory, struct slice key)
{
    struct shard *shard = shard_of(memory, key);
    pthread_mutex_lock(&shard->lock);
    struct node *node = map_remove(shard->nodes, key);
    if (node != NULL) {
        unlink_node(shard, node);
        node->older = NULL;
    }
    pthread_mutex_unlock(&shard->lock);
    free_nodes(node);
    return node != NULL;
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
