/* SPDX-License-Identifier: MIT */
/* The hash table: linear probing, at most three quarters full, deletion by shifting back, so that no tombstones pile
 * up. */
#include "base/map.h"

#include <assert.h>

enum { FIRST_SLOTS = 16 };

struct slot {
    uint64_t hash;
    struct slice key;
    void *value; /* NULL: empty */
};

struct map {
    struct hash_secret secret;
    struct slot *slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t used;
};

struct map *map_new(const struct hash_secret *secret)
{
    struct map *map = mem_new(sizeof(*map));
    map->secret = *secret;
    return map;
}

struct map *map_try_new(const struct hash_secret *secret)
{
    struct map *map = mem_try_new(sizeof(*map));
    if (map != NULL)
        *map = (struct map){.secret = *secret};
    return map;
}

void map_free(struct map *map)
{
    if (map == NULL)
        return;
    mem_free(map->slots);
    mem_free(map);
}

size_t map_count(const struct map *map)
{
    return map->used;
}

size_t map_bytes(const struct map *map)
{
    return map->slot_count * sizeof(struct slot);
}

/* The slot that holds the key, or the empty one where it would go. The table is never full. */
static struct slot *find(const struct map *map, uint64_t hash, struct slice key)
{
    size_t mask = map->slot_count - 1;
    for (size_t at = (size_t)hash & mask;; at = (at + 1) & mask) {
        struct slot *slot = &map->slots[at];
        if (slot->value == NULL || (slot->hash == hash && slice_equal(slot->key, key)))
            return slot;
    }
}

void *map_get(const struct map *map, struct slice key)
{
    return map->used > 0 ? map_get_hashed(map, hash_keyed(&map->secret, key), key) : NULL;
}

void *map_get_hashed(const struct map *map, uint64_t hash, struct slice key)
{
    return map->used > 0 ? find(map, hash, key)->value : NULL;
}

/* Takes the new table, which is empty. */
static void move(struct map *map, struct slot *slots, size_t slot_count)
{
    struct slot *old = map->slots;
    size_t old_count = map->slot_count;
    map->slot_count = slot_count;
    map->slots = slots;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].value != NULL)
            *find(map, old[i].hash, old[i].key) = old[i];
    }
    mem_free(old);
}

/* Slots of a table that `more` keys fit into. */
static size_t slots_for(const struct map *map, size_t more)
{
    size_t slot_count = map->slot_count > 0 ? map->slot_count : FIRST_SLOTS;
    while (4 * (map->used + more) > 3 * slot_count)
        slot_count *= 2;
    return slot_count;
}

bool map_make_room(struct map *map, size_t more)
{
    size_t slot_count = slots_for(map, more);
    if (slot_count == map->slot_count)
        return true;
    struct slot *slots = mem_try_zeroed(slot_count * sizeof(struct slot));
    if (slots == NULL)
        return false;
    move(map, slots, slot_count);
    return true;
}

void *map_put(struct map *map, struct slice key, void *value)
{
    assert(value != NULL);
    size_t slot_count = slots_for(map, 1);
    if (slot_count > map->slot_count)
        move(map, mem_new(slot_count * sizeof(struct slot)), slot_count);
    uint64_t hash = hash_keyed(&map->secret, key);
    struct slot *slot = find(map, hash, key);
    void *before = slot->value;
    *slot = (struct slot){hash, key, value};
    map->used += before == NULL;
    return before;
}

/* Moves back those behind a hole that the hole would cut off from their place (Knuth, TAOCP 6.4, algorithm R). */
static void close_hole(struct map *map, size_t hole)
{
    size_t mask = map->slot_count - 1;
    for (size_t at = (hole + 1) & mask; map->slots[at].value != NULL; at = (at + 1) & mask) {
        size_t home = (size_t)map->slots[at].hash & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole] = (struct slot){0};
}

void *map_remove(struct map *map, struct slice key)
{
    if (map->used == 0)
        return NULL;
    struct slot *slot = find(map, hash_keyed(&map->secret, key), key);
    void *value = slot->value;
    if (value == NULL)
        return NULL;
    close_hole(map, (size_t)(slot - map->slots));
    map->used--;
    return value;
}

/* Walks downwards from an empty slot: what close_hole shifts back comes from slots that were walked already, so
 * removing the value just given loses nothing. The cursor is 0 before the first call, then 1 + start x slot_count +
 * steps. */
void *map_next(const struct map *map, size_t *cursor)
{
    if (map->slot_count == 0)
        return NULL;
    if (*cursor == 0) {
        size_t empty = 0;
        while (map->slots[empty].value != NULL)
            empty++;
        *cursor = 1 + empty * map->slot_count;
    }
    size_t start = (*cursor - 1) / map->slot_count;
    for (size_t step = (*cursor - 1) % map->slot_count + 1; step < map->slot_count; step++) {
        void *value = map->slots[(start - step) & (map->slot_count - 1)].value;
        *cursor = 1 + start * map->slot_count + step;
        if (value != NULL)
            return value;
    }
    return NULL;
}
