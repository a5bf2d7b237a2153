/* SPDX-License-Identifier: MIT */
/* Waiters in the order in which they joined, which is the order in which they are late, and one timer for the first of
 * them. A touched waiter goes to the end of the queue and the timer stays, so that a busy connection costs no timer at
 * all. */
#include "io/waiting_room.h"

#include "io/loop.h"

#include <assert.h>

struct waiting_room {
    struct loop *loop;
    int64_t length_us, grain_us;
    waiter_cb on_late;
    void *context;
    struct waiter ends; /* the ring's head: next is the first, previous the last */
    struct timer timer;
};

static void unlink_waiter(struct waiter *waiter)
{
    waiter->previous->next = waiter->next;
    waiter->next->previous = waiter->previous;
    waiter->next = NULL;
    waiter->previous = NULL;
}

/* Looks only at whole grains, and so at most once in each. */
static void start_timer(struct waiting_room *room)
{
    int64_t late_us = room->ends.next->since_us + room->length_us;
    int64_t grains = (late_us + room->grain_us - 1) / room->grain_us;

    timer_start(room->loop, &room->timer, grains * room->grain_us);
}

static void on_timer(struct timer *timer)
{
    struct waiting_room *room = MEM_OUTER(timer, struct waiting_room, timer);
    int64_t now_us = loop_now(room->loop);

    while (room->ends.next != &room->ends && now_us - room->ends.next->since_us >= room->length_us) {
        struct waiter *waiter = room->ends.next;
        unlink_waiter(waiter);
        room->on_late(waiter, room->context);
    }
    if (room->ends.next != &room->ends)
        start_timer(room);
}

struct waiting_room *waiting_room_new(struct loop *loop, int64_t length_us, int64_t grain_us, waiter_cb on_late,
                                      void *context)
{
    assert(length_us > 0 && grain_us > 0);

    struct waiting_room *room = mem_new(sizeof *room);
    room->loop = loop;
    room->length_us = length_us;
    room->grain_us = grain_us;
    room->on_late = on_late;
    room->context = context;
    room->ends.next = &room->ends;
    room->ends.previous = &room->ends;
    room->timer.on_timer = on_timer;
    return room;
}

void waiting_room_change(struct waiting_room *room, int64_t length_us, int64_t grain_us)
{
    assert(length_us > 0 && grain_us > 0);
    room->length_us = length_us;
    room->grain_us = grain_us;
    if (room->ends.next != &room->ends)
        start_timer(room);
}

void waiting_room_free(struct waiting_room *room)
{
    if (room == NULL)
        return;
    assert(room->ends.next == &room->ends);
    timer_stop(room->loop, &room->timer);
    mem_free(room);
}

void waiting_room_join(struct waiting_room *room, struct waiter *waiter, int64_t now_us)
{
    if (waiter->next != NULL)
        unlink_waiter(waiter);
    waiter->since_us = now_us;
    waiter->next = &room->ends;
    waiter->previous = room->ends.previous;
    waiter->previous->next = waiter;
    room->ends.previous = waiter;
    if (!timer_is_started(&room->timer))
        start_timer(room);
}

void waiting_room_leave(struct waiting_room *room, struct waiter *waiter)
{
    (void)room;
    if (waiter->next != NULL)
        unlink_waiter(waiter);
}
