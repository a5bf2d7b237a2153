/* SPDX-License-Identifier: MIT */
/* The arithmetic of limits. Every product is bounded by RATE_LEVEL_MAX or checked before it is made. */
#include "base/rate.h"

#include <assert.h>

static int64_t greatest_divisor(int64_t a, int64_t b)
{
    while (b != 0) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

bool rate_init(struct rate *rate, int64_t count, int64_t period_us, int64_t burst)
{
    if (count < 1 || period_us < 1 || burst < 1)
        return false;
    int64_t divisor = greatest_divisor(count, period_us);
    *rate = (struct rate){count / divisor, period_us / divisor, burst};
    return burst <= RATE_LEVEL_MAX / rate->period_us && rate->count <= RATE_LEVEL_MAX;
}

void rate_refine(const struct rate *rate, struct rate *fine)
{
    enum { PARTS = 4096 };
    *fine = *rate;
    for (int parts = 1; parts < PARTS; parts *= 2) {
        if (fine->period_us > RATE_LEVEL_MAX / 4 / fine->burst || fine->count > RATE_LEVEL_MAX / 4)
            return;
        fine->period_us *= 2;
        fine->count *= 2;
    }
}

static int64_t full_level(const struct rate *rate)
{
    return rate->burst * rate->period_us;
}

void rate_fill(const struct rate *rate, struct rate_bucket *bucket, int64_t now_us)
{
    *bucket = (struct rate_bucket){full_level(rate), now_us};
}

/* The level at `now`. A clock that stepped back adds nothing; a time longer than it takes to fill fills, without the
 * multiplication that could overflow. */
static int64_t level_at(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us)
{
    int64_t full = full_level(rate);
    if (now_us <= bucket->last_us)
        return bucket->level;
    int64_t missing = full - bucket->level;
    uint64_t elapsed = (uint64_t)now_us - (uint64_t)bucket->last_us; /* may need all of the 64 bits */
    if (missing <= 0 || elapsed > (uint64_t)(missing / rate->count))
        return full;
    return bucket->level + (int64_t)elapsed * rate->count;
}

static void refill(const struct rate *rate, struct rate_bucket *bucket, int64_t now_us)
{
    bucket->level = level_at(rate, bucket, now_us);
    if (now_us > bucket->last_us)
        bucket->last_us = now_us;
}

bool rate_take(const struct rate *rate, struct rate_bucket *bucket, int64_t now_us, int64_t tokens)
{
    assert(tokens >= 0);
    refill(rate, bucket, now_us);
    if (tokens > rate->burst || bucket->level < tokens * rate->period_us)
        return false;
    bucket->level -= tokens * rate->period_us;
    return true;
}

void rate_give_back(const struct rate *rate, struct rate_bucket *bucket, int64_t now_us, int64_t tokens)
{
    refill(rate, bucket, now_us);
    int64_t missing = full_level(rate) - bucket->level;
    if (tokens >= rate->burst || tokens * rate->period_us > missing)
        bucket->level = full_level(rate);
    else
        bucket->level += tokens * rate->period_us;
}

int64_t rate_left(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us)
{
    return level_at(rate, bucket, now_us) / rate->period_us;
}

/* µs from `now` until the level is there, rounded up: so that who waits that long is not refused for a fraction. */
static int64_t until_level(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us, int64_t level)
{
    int64_t missing = level - level_at(rate, bucket, now_us);
    if (missing <= 0)
        return 0;
    int64_t wait = missing / rate->count + (missing % rate->count != 0);
    /* After a step back of the clock nothing is added until it has caught up. */
    return now_us < bucket->last_us ? wait + (bucket->last_us - now_us) : wait;
}

int64_t rate_wait(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us, int64_t tokens)
{
    assert(tokens <= rate->burst);
    return until_level(rate, bucket, now_us, tokens * rate->period_us);
}

int64_t rate_until_full(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us)
{
    return until_level(rate, bucket, now_us, full_level(rate));
}

void rate_change(const struct rate *before, const struct rate *after, struct rate_bucket *bucket, int64_t now_us)
{
    refill(before, bucket, now_us);
    __int128 spent = (__int128)(full_level(before) - bucket->level) * after->period_us;
    spent = (spent + before->period_us - 1) / before->period_us; /* rounded up: nobody gains by a reload */
    bucket->level = spent < full_level(after) ? full_level(after) - (int64_t)spent : 0;
}

static int64_t window_of(const struct rate_window *window, int64_t wall_us)
{
    return wall_us / window->period_us;
}

bool rate_window_take(const struct rate_window *window, struct rate_counter *counter, int64_t wall_us)
{
    int64_t current = window_of(window, wall_us);
    if (current > counter->window) /* a clock that steps back must not open an old window anew */
        *counter = (struct rate_counter){current, 0};
    if (counter->used >= window->limit)
        return false;
    counter->used++;
    return true;
}

void rate_window_give_back(const struct rate_window *window, struct rate_counter *counter, int64_t taken_wall_us)
{
    if (window_of(window, taken_wall_us) == counter->window && counter->used > 0)
        counter->used--;
}

int64_t rate_window_left(const struct rate_window *window, const struct rate_counter *counter, int64_t wall_us)
{
    if (window_of(window, wall_us) > counter->window)
        return window->limit;
    return counter->used < window->limit ? window->limit - counter->used : 0; /* a reload may have lowered the limit */
}

void rate_window_change(const struct rate_window *before, const struct rate_window *after, struct rate_counter *counter,
                        int64_t wall_us)
{
    if (before->period_us == after->period_us)
        return; /* and the windows are the same */
    if (counter->window < window_of(before, wall_us))
        counter->used = 0;
    counter->window = window_of(after, wall_us);
}

int64_t rate_window_until_next(const struct rate_window *window, int64_t wall_us)
{
    return window->period_us - wall_us % window->period_us;
}
