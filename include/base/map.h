/* SPDX-License-Identifier: MIT */
/* A hash table from bytes to pointers: open addressing with linear probing, keyed hash, grows as needed. The keys are
 * borrowed: they must live, unchanged, as long as they are in the table. A call looks at a few slots; at all of them at
 * worst, if all keys had one hash, which the secret keeps anybody from bringing about. One thread, or the caller's
 * lock. */
#ifndef NEXGATE_BASE_MAP_H
#define NEXGATE_BASE_MAP_H

#include "base/hash.h"
#include "base/mem.h"

struct map;

struct map *map_new(const struct hash_secret *secret);                /* the secret is copied */
struct map *map_try_new(const struct hash_secret *secret) MUST_CHECK; /* NULL when memory cannot be had */
void map_free(struct map *map);                                       /* not the values; NULL is fine */

/* Room for so many more keys: the next puts of as many need no memory. False when it cannot be had. */
bool map_make_room(struct map *map, size_t more) MUST_CHECK;

size_t map_count(const struct map *map);

/* Bytes of the table itself, for those who account for memory. */
size_t map_bytes(const struct map *map);

/* The value under `key`, or NULL. */
void *map_get(const struct map *map, struct slice key);

/* The same for who has hashed the key already, by hash_keyed with the map's secret. */
void *map_get_hashed(const struct map *map, uint64_t hash, struct slice key);

/* Puts `value` (not NULL) under `key`; where the key was there, both are replaced. Returns the value before, or NULL.
 */
void *map_put(struct map *map, struct slice key, void *value);

/* Takes the key out; the value it had, or NULL. */
void *map_remove(struct map *map, struct slice key);

/* Walks the values in no order: start with *cursor = 0, NULL at the end. Removing the value just given is allowed,
 * putting is not. */
void *map_next(const struct map *map, size_t *cursor);

#endif
