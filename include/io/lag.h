/* SPDX-License-Identifier: MIT */
/* How late a loop calls its timers: what every client of that loop waits for. On the loop's thread. */
#ifndef NEXGATE_IO_LAG_H
#define NEXGATE_IO_LAG_H

#include "base/metrics.h"
#include "io/loop.h"

#define LAG_EVERY_US (CLOCK_SECOND / 2)

/* Embedded; private. */
struct lag {
    struct timer timer;
    struct loop *loop;
    struct counters *counters;
    int64_t due_us;
};

/* Observes the lag, and how many timers the loop has, from now on, twice a second. All borrowed. On the loop's thread,
 * or before it runs. */
void lag_start(struct lag *lag, struct loop *loop, struct counters *counters);
void lag_stop(struct lag *lag);

#endif
