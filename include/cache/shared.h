/* SPDX-License-Identifier: MIT */
/* The windows that all gateways with one Redis and one prefix share: looked for and stored there, each with a deadline;
 * what is found goes to memory. Nothing here fails a search: without Redis nothing is found. One per thread that asks.
 */
#ifndef NEXGATE_CACHE_SHARED_H
#define NEXGATE_CACHE_SHARED_H

#include "base/log.h"
#include "base/metrics.h"
#include "cache/lifetime.h"
#include "cache/memory.h"
#include "io/redis.h"

enum {
    SHARED_PUTS_MAX = 256,                   /* under way at once; more are not stored */
    SHARED_PUT_BYTES_MAX = 64 * 1024 * 1024, /* in all of them */
    SHARED_CHANNEL_MAX = 256                 /* bytes */
};

struct shared_options {
    struct loop *loop;
    struct redis *redis; /* on that loop */
    struct memory *memory;
    const char *channel; /* where what is stored is told to the others (cache/coherence.h) */
    const char *name;    /* of this gateway there */
    const struct lifetime *lifetime;
};

struct shared;

/* Everything is borrowed but the texts. */
struct shared *shared_new(const struct shared_options *options, struct log *log, struct counters *counters);

/* Whoever waits is answered that nothing was found, now; so is who asks from now on. */
void shared_close(struct shared *shared);
void shared_free(struct shared *shared); /* nobody may wait any more */

/* Whether it is worth asking: Redis is there, and we hear of refreshes and purges. */
bool shared_is_there(const struct shared *shared);

/* A window looked for; embedded in who looks. */
struct shared_lookup {
    struct slice key;                               /* must live until on_found */
    void (*on_found)(struct shared_lookup *lookup); /* once, never inside shared_get */

    struct entry *entry; /* with a reference for who looked, by now also in memory; NULL: not there, or no answer */
    bool answered;       /* Redis was asked and answered */

    struct shared_lookup *next; /* private */
    struct shared_query *query; /* private */
};

/* Equal lookups at the same time are one command. */
void shared_get(struct shared *shared, struct shared_lookup *lookup);

/* on_found will not be called. */
void shared_leave(struct shared *shared, struct shared_lookup *lookup);

/* A window on its way to the others; embedded in who waits for its arrival. */
struct shared_arrival {
    void (*on_there)(struct shared_arrival *arrival, bool is_there); /* once, never inside shared_put */
    struct shared_arrival *next;                                     /* private */
    struct shared_put *put;                                          /* private */
};

/* Stores the entry for the others unless they have a newer one, in which case ours is dropped from memory. `arrival`
 * (NULL: nobody waits) is told whether they find it there, or a newer one. An entry that is under way, or was stored,
 * is not stored twice. True when it is on its way, or there. */
bool shared_put(struct shared *shared, struct entry *entry, struct shared_arrival *arrival);
void shared_leave_put(struct shared *shared, struct shared_arrival *arrival);

#endif
