/* SPDX-License-Identifier: MIT */
/* A table by key, and a ring in the order of coming, which is that of expiring: all are remembered for the same time,
 * but for those around a reload. */
#include "upstream/refusals.h"

#include "base/map.h"

#include <stdio.h>

struct refusals {
    int64_t ttl_us;
    struct map *by_key;
    struct refusal *ring[REFUSALS_MAX]; /* NULL: a free place */
    size_t next;                        /* the oldest place, which the next one takes */
};

struct refusals *refusals_new(int64_t ttl_us)
{
    struct refusals *refusals = mem_new(sizeof *refusals);
    struct hash_secret secret;

    hash_secret_init(&secret);
    refusals->ttl_us = ttl_us;
    refusals->by_key = map_new(&secret);
    return refusals;
}

static void drop(struct refusals *refusals, struct refusal *refusal)
{
    if (refusal == NULL)
        return;
    map_remove(refusals->by_key, refusal->key);
    refusals->ring[refusal->place] = NULL;
    mem_free(refusal);
}

void refusals_free(struct refusals *refusals)
{
    if (refusals == NULL)
        return;
    for (size_t i = 0; i < REFUSALS_MAX; i++)
        drop(refusals, refusals->ring[i]);
    map_free(refusals->by_key);
    mem_free(refusals);
}

void refusals_change(struct refusals *refusals, int64_t ttl_us)
{
    refusals->ttl_us = ttl_us;
}

void refusals_keep(struct refusals *refusals, struct slice key, int status, const char *why, int64_t now_us)
{
    refusals_forget(refusals, key);
    if (refusals->ttl_us <= 0)
        return;
    struct refusal *refusal = mem_try_new(sizeof *refusal + key.length);
    if (refusal == NULL)
        return; /* then it is asked again */
    char *copy = (char *)(refusal + 1);
    memcpy(copy, key.at, key.length);
    refusal->key = slice_make(copy, key.length);
    refusal->status = status;
    refusal->until_us = now_us + refusals->ttl_us;
    snprintf(refusal->why, sizeof refusal->why, "%s", why);
    refusal->place = refusals->next;
    drop(refusals, refusals->ring[refusals->next]);
    refusals->ring[refusals->next] = refusal;
    refusals->next = (refusals->next + 1) % REFUSALS_MAX;
    map_put(refusals->by_key, refusal->key, refusal);
}

const struct refusal *refusals_find(struct refusals *refusals, struct slice key, int64_t now_us)
{
    struct refusal *refusal = map_get(refusals->by_key, key);

    if (refusal == NULL || now_us < refusal->until_us)
        return refusal;
    drop(refusals, refusal);
    return NULL;
}

void refusals_forget(struct refusals *refusals, struct slice key)
{
    drop(refusals, map_get(refusals->by_key, key));
}
