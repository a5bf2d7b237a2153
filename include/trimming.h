/* SPDX-License-Identifier: MIT */
/* Gives the kernel back, now and then, what lies free in the heap: what a burst needed is not held for ever after. */
#ifndef NEXGATE_TRIMMING_H
#define NEXGATE_TRIMMING_H

#include "io/loop.h"

#define TRIMMING_EVERY_US (10 * CLOCK_SECOND)

/* Embedded; private. */
struct trimming {
    struct timer timer;
    struct loop *loop;
    void (*trim)(void);
};

/* Calls `trim` every TRIMMING_EVERY_US from now on: mem_trim_end on each thread, and mem_trim_holes on one. The loop is
 * borrowed. On the loop's thread, or before it runs. */
void trimming_start(struct trimming *trimming, struct loop *loop, void (*trim)(void));

/* Also where it was never started, if all is zero. */
void trimming_stop(struct trimming *trimming);

#endif
