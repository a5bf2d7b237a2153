/* SPDX-License-Identifier: MIT */
/* The arithmetic of limits, pure: a token bucket that is exact in integers (the generic cell rate algorithm of ITU-T
 * I.371, in its continuous-state leaky bucket form), and a count per calendar window. Time is passed in; a clock that
 * steps back gives nothing. No lock: the caller has one. */
#ifndef NEXGATE_BASE_RATE_H
#define NEXGATE_BASE_RATE_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

/* No product of ours may pass 2^53, so that the same numbers are exact in Redis's Lua. */
#define RATE_LEVEL_MAX (INT64_C(1) << 53)

/* `count` tokens come back every `period_us`, reduced to lowest terms; at most `burst` are kept. A level is
 * tokens x period_us: every microsecond adds `count` to it, a token takes `period_us` from it. */
struct rate {
    int64_t count;
    int64_t period_us;
    int64_t burst;
};

struct rate_bucket {
    int64_t level;   /* 0 .. burst x period_us */
    int64_t last_us; /* when the level was right; monotonic */
};

/* Reduces and checks; false when a number is below 1 or burst x period_us passes RATE_LEVEL_MAX. */
bool rate_init(struct rate *rate, int64_t count, int64_t period_us, int64_t burst) MUST_CHECK;

/* The same rate in smaller units, as far as they fit, so that parts of it can be given to many: count and period are
 * multiplied by a power of two. */
void rate_refine(const struct rate *rate, struct rate *fine);

/* A full bucket at `now`. */
void rate_fill(const struct rate *rate, struct rate_bucket *bucket, int64_t now_us);

/* Takes `tokens` if they are all there; a refusal changes nothing but the refill. */
bool rate_take(const struct rate *rate, struct rate_bucket *bucket, int64_t now_us, int64_t tokens) MUST_CHECK;

/* Puts tokens back that bought nothing; never above `burst`. */
void rate_give_back(const struct rate *rate, struct rate_bucket *bucket, int64_t now_us, int64_t tokens);

/* Whole tokens there at `now`. */
int64_t rate_left(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us);

/* Microseconds until `tokens` (at most burst) will be there: 0 when they are, rounded up. */
int64_t rate_wait(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us, int64_t tokens);

/* Microseconds until the bucket is full, rounded up. */
int64_t rate_until_full(const struct rate *rate, const struct rate_bucket *bucket, int64_t now_us);

/* The limit becomes another: what was spent and has not come back stays spent, up to all of the new burst. */
void rate_change(const struct rate *before, const struct rate *after, struct rate_bucket *bucket, int64_t now_us);

/* At most `limit` per window of `period_us`, windows aligned to 1970 UTC (a day is a UTC day). */
struct rate_window {
    int64_t limit;
    int64_t period_us;
};

struct rate_counter {
    int64_t window; /* number of the window that `used` belongs to */
    int64_t used;
};

bool rate_window_take(const struct rate_window *window, struct rate_counter *counter, int64_t wall_us) MUST_CHECK;
/* Returns one that was taken at `taken_wall_us`; nothing happens when that window is over. */
void rate_window_give_back(const struct rate_window *window, struct rate_counter *counter, int64_t taken_wall_us);
int64_t rate_window_left(const struct rate_window *window, const struct rate_counter *counter, int64_t wall_us);
/* The window becomes another: what was used in the one of `wall_us` counts in the new one. */
void rate_window_change(const struct rate_window *before, const struct rate_window *after, struct rate_counter *counter,
                        int64_t wall_us);
int64_t rate_window_until_next(const struct rate_window *window, int64_t wall_us); /* µs, above 0 */

#endif
