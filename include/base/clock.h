/* SPDX-License-Identifier: MIT */
/* Time, from one keeper. Microseconds in signed 64 bits everywhere: monotonic for intervals and deadlines, wall (since
 * 1970, UTC) only for what is shown or shared. A build with NEXGATE_MOVABLE_CLOCK can be moved from outside; the
 * release build has no such door. Any thread. */
#ifndef NEXGATE_BASE_CLOCK_H
#define NEXGATE_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_MILLISECOND INT64_C(1000)
#define CLOCK_DAY (INT64_C(86400) * CLOCK_SECOND)
#define CLOCK_NEVER INT64_MAX

struct clock;

struct clock *clock_new(void);
void clock_free(struct clock *clock);

int64_t clock_now(const struct clock *clock);  /* monotonic, µs */
int64_t clock_wall(const struct clock *clock); /* since 1970, µs */

/* Whole seconds for a header: rounded up, at least 0. */
int64_t clock_seconds_up(int64_t us);

/* True in a build whose clock can be moved; timers then look at the clock every few real milliseconds. */
bool clock_is_movable(void);

#ifdef NEXGATE_MOVABLE_CLOCK
/* Stops both clocks: from now on they move by clock_move alone. */
void clock_freeze(struct clock *clock);

/* Moves both clocks forward by `us`. */
void clock_move(struct clock *clock, int64_t us);

/* Adds to both clocks the number that stands, as a native int64_t of µs, in the first 8 bytes of a file, read anew at
 * every call (the file is mapped). False when it cannot be mapped. */
bool clock_follow(struct clock *clock, const char *path);
#endif

#endif
