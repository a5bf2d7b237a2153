/* SPDX-License-Identifier: MIT */
/* A timer that trims the heap. Must not know who uses it. */
#include "trimming.h"

#include "base/mem.h"

static void on_timer(struct timer *timer)
{
    struct trimming *trimming = MEM_OUTER(timer, struct trimming, timer);
    trimming->trim();
    timer_start(trimming->loop, &trimming->timer, loop_now(trimming->loop) + TRIMMING_EVERY_US);
}

void trimming_start(struct trimming *trimming, struct loop *loop, void (*trim)(void))
{
    *trimming = (struct trimming){.timer = {.on_timer = on_timer}, .loop = loop, .trim = trim};
    timer_start(loop, &trimming->timer, loop_now(loop) + TRIMMING_EVERY_US);
}

void trimming_stop(struct trimming *trimming)
{
    if (trimming->loop != NULL)
        timer_stop(trimming->loop, &trimming->timer);
}
