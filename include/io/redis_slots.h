/* SPDX-License-Identifier: MIT */
/* The slots of a Redis cluster: which slot a key is in, who serves it, and what a cluster says of that. Pure. */
#ifndef NEXGATE_IO_REDIS_SLOTS_H
#define NEXGATE_IO_REDIS_SLOTS_H

#include "base/mem.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { REDIS_SLOTS = 16384, REDIS_CLUSTER_NODES_MAX = 256, REDIS_HOST_MAX = 254, REDIS_NO_OWNER = 0xffff };

struct redisReply;

/* CRC16 (XMODEM) of the key, or of what stands between its first '{' and the next '}' where that is not empty
 * (the cluster's specification, "Hash tags"). */
int redis_slot(struct slice key);

struct redis_place {
    char host[REDIS_HOST_MAX];
    int port;
};

/* Names the place. An empty host, or "?", means `asked`. False when that is no host, or no port. */
bool redis_place_make(struct slice host, int64_t port, const char *asked, struct redis_place *place) MUST_CHECK;

bool redis_place_equal(const struct redis_place *one, const struct redis_place *other);

/* Who serves what: a master for each slot. */
struct redis_slots {
    struct redis_place places[REDIS_CLUSTER_NODES_MAX];
    size_t place_count;
    uint16_t owner[REDIS_SLOTS]; /* index of a place, or REDIS_NO_OWNER */
};

/* Reads the reply of CLUSTER SLOTS. `asked` is the host that answered, whom an empty host means. False when it is no
 * such reply, or names nobody. */
bool redis_slots_read(const struct redisReply *reply, const char *asked, struct redis_slots *slots) MUST_CHECK;

/* "MOVED 3999 127.0.0.1:6381", "ASK …": the slot and the place. False for anything else. */
bool redis_slots_redirection(const struct redisReply *error, const char *asked, int *slot,
                             struct redis_place *place) MUST_CHECK;

#endif
