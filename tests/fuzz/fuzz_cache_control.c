/* SPDX-License-Identifier: MIT */
/* Any bytes as a request's Cache-Control: what is read lies in its bounds, what takes an answer takes a younger one,
 * and a directive more never makes a request take what it did not before, but for max-stale. */
#include "base/buf.h"
#include "base/clock.h"
#include "cache/freshness.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AGES = 40, TTL = 20, SECONDS_MAX = 366 * 86400 };

static bool is_bounded(int64_t us)
{
    return us == -1 || (us >= 0 && us <= SECONDS_MAX * CLOCK_SECOND && us % CLOCK_SECOND == 0);
}

/* How many of the ages from 0 on are taken. */
static int64_t taken(const struct cache_directives *directives)
{
    int64_t count = 0;
    for (int64_t age = 0; age < AGES; age++) {
        enum freshness freshness = freshness_judge(directives, age * CLOCK_SECOND, TTL * CLOCK_SECOND);
        bool is_taken = freshness == FRESHNESS_FRESH || freshness == FRESHNESS_STALE_ASKED;
        assert(!is_taken || count == age);
        assert(freshness != FRESHNESS_FRESH || age < TTL);
        count += is_taken;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const MORE[] = {"max-age=3", "min-fresh=3", "no-store", "only-if-cached", "x=y"};
    struct cache_directives directives, stricter;
    struct slice text = slice_make((const char *)data, size);
    struct buf longer;
    freshness_read(text, false, &directives);
    assert(is_bounded(directives.max_age_us) && is_bounded(directives.min_fresh_us) &&
           is_bounded(directives.max_stale_us));
    int64_t before = taken(&directives);
    buf_init(&longer, size + 32);
    for (size_t i = 0; i < sizeof(MORE) / sizeof(MORE[0]); i++) {
        buf_reset(&longer);
        buf_add_text(&longer, MORE[i]);
        buf_add_char(&longer, ',');
        buf_add(&longer, text);
        freshness_read(buf_slice(&longer), false, &stricter);
        assert(taken(&stricter) <= before);
    }
    buf_free(&longer);
    return 0;
}
