/* SPDX-License-Identifier: MIT */
/* Requests that wait for a connection, in their order. Embedded in a node; passive. */
#ifndef NEXGATE_IO_REDIS_QUEUE_H
#define NEXGATE_IO_REDIS_QUEUE_H

#include "io/redis_link.h"

struct redis_queue { /* zeroed: empty */
    struct redis_request *first, *last;
    size_t count;
};

/* Behind all others. It must stay where it is until it is taken or removed. Clears maybe_done: nothing of it was sent.
 */
void redis_queue_add(struct redis_queue *queue, struct redis_request *request);

/* One that is_waiting in this queue. */
void redis_queue_remove(struct redis_queue *queue, struct redis_request *request);

/* The first, which waits no more; NULL: none. */
struct redis_request *redis_queue_take(struct redis_queue *queue);

#endif
