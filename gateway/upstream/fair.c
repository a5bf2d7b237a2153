/* SPDX-License-Identifier: MIT */
/* A lane for each client that has waited since anybody last rested: as many as there are clients. Ranks only grow; a
 * call of weight 1 takes CALL of them, so they last for 2^40 calls. */
#include "upstream/fair.h"

#include "base/map.h"

#include <assert.h>

#define CALL (UINT64_C(1) << 24)

struct lane {
    uint64_t client; /* its key in the map */
    uint64_t finish; /* where its last call ends */
};

struct fair {
    struct map *lanes;
    uint64_t now; /* virtual time: the rank of the latest that was served */
};

static uint64_t cost_of(int64_t weight)
{
    assert(weight >= 1);
    return (uint64_t)weight < CALL ? CALL / (uint64_t)weight : 1;
}

static struct slice key_of(const uint64_t *client)
{
    return slice_make((const char *)client, sizeof *client);
}

struct fair *fair_new(void)
{
    struct fair *fair = mem_new(sizeof *fair);
    struct hash_secret secret;

    hash_secret_init(&secret);
    fair->lanes = map_new(&secret);
    return fair;
}

void fair_free(struct fair *fair)
{
    if (fair == NULL)
        return;
    fair_rest(fair);
    map_free(fair->lanes);
    mem_free(fair);
}

uint64_t fair_next(const struct fair *fair, uint64_t client)
{
    const struct lane *lane = map_get(fair->lanes, key_of(&client));

    return lane != NULL && lane->finish > fair->now ? lane->finish : fair->now;
}

uint64_t fair_enter(struct fair *fair, uint64_t client, int64_t weight)
{
    uint64_t rank = fair_next(fair, client);
    struct lane *lane = map_get(fair->lanes, key_of(&client));

    if (lane == NULL) {
        lane = mem_new(sizeof *lane);
        lane->client = client;
        map_put(fair->lanes, key_of(&lane->client), lane);
    }
    lane->finish = rank + cost_of(weight);
    return rank;
}

void fair_leave(struct fair *fair, uint64_t client, int64_t weight)
{
    struct lane *lane = map_get(fair->lanes, key_of(&client));

    if (lane != NULL)
        lane->finish -= cost_of(weight);
}

void fair_serve(struct fair *fair, uint64_t rank)
{
    if (rank > fair->now)
        fair->now = rank;
}

void fair_rest(struct fair *fair)
{
    size_t cursor = 0;
    struct lane *lane;

    while ((lane = map_next(fair->lanes, &cursor)) != NULL) {
        fair_serve(fair, lane->finish);
        map_remove(fair->lanes, key_of(&lane->client));
        mem_free(lane);
    }
}
