/* SPDX-License-Identifier: MIT */
/* The windows that are on their way to Redis, each once however many wait for its arrival. Private to
 * cache/shared*.c. */
#ifndef NEXGATE_CACHE_SHARED_PUT_H
#define NEXGATE_CACHE_SHARED_PUT_H

#include "cache/shared.h"

/* Embedded in `shared`; borrows both. */
struct shared_puts {
    const struct shared_options *options;
    struct counters *counters;
    struct shared_put *first;
    size_t count, bytes; /* of the values */
    bool is_closed;
};

/* The one of this entry that is under way, or that is started now. NULL: there is no room, no Redis, or nothing worth
 * storing; whether the entry is the newest is not known then. */
struct shared_put *shared_puts_find(struct shared_puts *puts, struct entry *entry);

/* It is told, inside the put's last call, whether the others find the window there, or a newer one. */
void shared_put_await(struct shared_put *put, struct shared_arrival *arrival);

/* It shall not be told. */
void shared_put_leave(struct shared_arrival *arrival);

/* Cancels all, and no other starts: gives those who waited, one a call and to be told by the caller; NULL: nothing is
 * left. */
struct shared_arrival *shared_puts_cancel(struct shared_puts *puts);

/* Takes it out of a list; false when it is not there. */
bool shared_arrival_take_out(struct shared_arrival **list, const struct shared_arrival *arrival);

#endif
