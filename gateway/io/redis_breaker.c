/* SPDX-License-Identifier: MIT */
/* Counting answers and losses. */
#include "io/redis_breaker.h"

static void turn_over(struct redis_breaker *breaker, int64_t now_us)
{
    int64_t age_us = now_us - breaker->half_began_us;
    if (age_us < REDIS_BREAKER_HALF_US)
        return;
    bool old = age_us >= 2 * REDIS_BREAKER_HALF_US;
    breaker->halves[1].answered = old ? 0 : breaker->halves[0].answered;
    breaker->halves[1].lost = old ? 0 : breaker->halves[0].lost;
    breaker->halves[0].answered = breaker->halves[0].lost = 0;
    breaker->half_began_us = now_us;
}

void redis_breaker_answered(struct redis_breaker *breaker, int64_t now_us)
{
    turn_over(breaker, now_us);
    breaker->row = 0;
    breaker->halves[0].answered++;
}

bool redis_breaker_failed(struct redis_breaker *breaker, uint64_t lost, int64_t now_us)
{
    turn_over(breaker, now_us);
    breaker->row++;
    breaker->halves[0].lost += lost;
    uint64_t lost_all = breaker->halves[0].lost + breaker->halves[1].lost;
    uint64_t all = lost_all + breaker->halves[0].answered + breaker->halves[1].answered;
    return breaker->row >= REDIS_BREAKER_ROW ||
           (lost_all >= REDIS_BREAKER_LOST_MIN && lost_all * 100 >= all * REDIS_BREAKER_LOST_PERCENT);
}

void redis_breaker_close(struct redis_breaker *breaker, int64_t now_us)
{
    *breaker = (struct redis_breaker){.row = REDIS_BREAKER_ROW - 1, .half_began_us = now_us};
}
