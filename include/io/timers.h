/* SPDX-License-Identifier: MIT */
/* The timers of one loop in order of time: a binary heap in which each timer knows its place, so that stopping one is
 * as cheap as starting it. Knows no clock and calls nobody. */
#ifndef NEXGATE_IO_TIMERS_H
#define NEXGATE_IO_TIMERS_H

#include "io/loop.h"

/* All zero is an empty heap. */
struct timer_heap {
    struct timer **slots; /* owned; slots[1] is the earliest, slots[0] is not used */
    size_t count;
    size_t capacity;
};

/* The array, not the timers. */
void timer_heap_free(struct timer_heap *heap);

/* Puts the timer in, or moves it, to `at_us`. */
void timer_heap_put(struct timer_heap *heap, struct timer *timer, int64_t at_us);

/* Takes the timer out; it must be in. */
void timer_heap_remove(struct timer_heap *heap, struct timer *timer);

/* NULL when there is none. */
struct timer *timer_heap_first(const struct timer_heap *heap);

#endif
