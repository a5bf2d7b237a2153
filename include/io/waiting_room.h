/* SPDX-License-Identifier: MIT */
/* Waiting with one fixed length, for many: a queue per length, O(1) to join, touch and leave, checked once a
 * `grain_us`, so a waiter is called up to that much late. For idle connections and the like. On the loop's thread. */
#ifndef NEXGATE_IO_WAITING_ROOM_H
#define NEXGATE_IO_WAITING_ROOM_H

#include <stdint.h>

struct loop;
struct waiting_room;

/* Embedded in who waits; all zero is one that does not. */
struct waiter {
    struct waiter *next, *previous; /* private; NULL outside */
    int64_t since_us;
};

typedef void (*waiter_cb)(struct waiter *waiter, void *context); /* it has left the room */

struct waiting_room *waiting_room_new(struct loop *loop, int64_t length_us, int64_t grain_us, waiter_cb on_late,
                                      void *context);
/* Another length, also for those who wait already. */
void waiting_room_change(struct waiting_room *room, int64_t length_us, int64_t grain_us);
void waiting_room_free(struct waiting_room *room);                                        /* must be empty */
void waiting_room_join(struct waiting_room *room, struct waiter *waiter, int64_t now_us); /* again: from now on */
void waiting_room_leave(struct waiting_room *room, struct waiter *waiter);

#endif
