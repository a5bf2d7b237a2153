/* SPDX-License-Identifier: MIT */
/* A timer that looks how late it is, and how many there are. */
#include "io/lag.h"

static void on_timer(struct timer *timer)
{
    struct lag *lag = MEM_OUTER(timer, struct lag, timer);
    int64_t now_us = loop_now(lag->loop);
    counters_observe(lag->counters, HISTOGRAM_LOOP_LAG, now_us - lag->due_us);
    lag->due_us = now_us + LAG_EVERY_US;
    timer_start(lag->loop, &lag->timer, lag->due_us);
    counters_set(lag->counters, METRIC_TIMERS, (int64_t)loop_timers(lag->loop));
}

void lag_start(struct lag *lag, struct loop *loop, struct counters *counters)
{
    *lag = (struct lag){.timer = {.on_timer = on_timer}, .loop = loop, .counters = counters};
    lag->due_us = loop_now(loop) + LAG_EVERY_US;
    timer_start(loop, &lag->timer, lag->due_us);
    counters_set(counters, METRIC_TIMERS, (int64_t)loop_timers(loop));
}

void lag_stop(struct lag *lag)
{
    if (lag->loop != NULL)
        timer_stop(lag->loop, &lag->timer);
}
