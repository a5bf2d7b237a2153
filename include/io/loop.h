/* SPDX-License-Identifier: MIT */
/* One thread's event loop: libevent's events for descriptors, our own timers (so that time can be moved in tests), and
 * the end of the turn, where deferred calls run and the dead are buried. One thread per loop; only loop_stop and
 * letters (io/mailbox.h) may come from others. */
#ifndef NEXGATE_IO_LOOP_H
#define NEXGATE_IO_LOOP_H

#include "base/clock.h"
#include "base/mem.h"
#include "io/waiting_room.h"

#include <stddef.h>

struct event_base;
struct loop;

/* NULL when the kernel refuses. The clock is borrowed. */
struct loop *loop_new(const struct clock *clock) MUST_CHECK;

/* Runs what is still deferred, then frees. Timers still started are forgotten. */
void loop_free(struct loop *loop);

struct event_base *loop_base(struct loop *loop);
const struct clock *loop_clock(const struct loop *loop);

/* The clock, monotonic, µs. */
int64_t loop_now(const struct loop *loop);

/* Turns until loop_stop. */
void loop_run(struct loop *loop);

/* One turn that does not wait: what is ready, then due timers, then the end of the turn. For tests that move the clock.
 * True when anything was done. */
bool loop_turn(struct loop *loop);

/* Ends loop_run after this turn. Any thread. */
void loop_stop(struct loop *loop);

/* A timer, embedded in its owner; all zero is a timer that is not started. */
struct timer {
    int64_t at_us;   /* private */
    size_t position; /* private: 0 when not started */
    void (*on_timer)(struct timer *timer);
};

/* Starts, or moves, the timer: `on_timer` is called once, when the loop's clock has reached `at_us`. */
void timer_start(struct loop *loop, struct timer *timer, int64_t at_us);

/* Nothing happens when it is not started. */
void timer_stop(struct loop *loop, struct timer *timer);

bool timer_is_started(const struct timer *timer);

/* How many are started now. */
size_t loop_timers(const struct loop *loop);

/* A call at the end of this turn, embedded in its owner; all zero is one that is not queued. Objects that die inside
 * their own callback are freed this way, and a start call that fails at once reports this way. */
struct deferred {
    struct deferred *next; /* private */
    bool queued;           /* private */
    void (*on_turn_end)(struct deferred *deferred);
};

/* Queued twice counts once. What is deferred at the end of a turn still runs in that turn. */
void loop_defer(struct loop *loop, struct deferred *deferred);

#endif
