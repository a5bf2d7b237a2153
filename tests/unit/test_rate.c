/* SPDX-License-Identifier: MIT */
/* The arithmetic of limits against exact rational arithmetic, and at its edges. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/rate.h"

/* The same bucket in 128 bits, level in tokens x period, nothing clamped but at the ends. */
struct model {
    __int128 level, full;
    int64_t last_us, count, period_us;
};

static void model_refill(struct model *model, int64_t now_us)
{
    if (now_us <= model->last_us)
        return;
    model->level += (__int128)(now_us - model->last_us) * model->count;
    if (model->level > model->full)
        model->level = model->full;
    model->last_us = now_us;
}

static bool model_take(struct model *model, int64_t now_us, int64_t tokens)
{
    model_refill(model, now_us);
    __int128 price = (__int128)tokens * model->period_us;
    if (price > model->level)
        return false;
    model->level -= price;
    return true;
}

static void model_give_back(struct model *model, int64_t now_us, int64_t tokens)
{
    model_refill(model, now_us);
    model->level += (__int128)tokens * model->period_us;
    if (model->level > model->full)
        model->level = model->full;
}

/* µs from `now` to the first instant at which that level is there; the clock may stand before `last_us`. */
static int64_t model_wait(const struct model *model, int64_t now_us, __int128 level)
{
    struct model then = *model;
    model_refill(&then, now_us);
    if (then.level >= level)
        return 0;
    return (int64_t)(then.last_us + (level - then.level + then.count - 1) / then.count - now_us);
}

/* One random step of both; they must say the same. */
static void step_both(struct random *random, const struct rate *rate, struct rate_bucket *bucket, struct model *model,
                      int64_t now_us)
{
    int64_t tokens = random_between(random, 1, rate->burst < 5 ? rate->burst : 5);
    __int128 level = (__int128)tokens * model->period_us;
    assert_true(rate_wait(rate, bucket, now_us, tokens) == model_wait(model, now_us, level));
    assert_true(rate_until_full(rate, bucket, now_us) == model_wait(model, now_us, model->full));
    if (random_between(random, 0, 9) == 0) {
        rate_give_back(rate, bucket, now_us, tokens);
        model_give_back(model, now_us, tokens);
    } else {
        assert_int_equal(rate_take(rate, bucket, now_us, tokens), model_take(model, now_us, tokens));
    }
    assert_int_equal(rate_left(rate, bucket, now_us), (int64_t)(model->level / model->period_us));
    assert_true(bucket->last_us == model->last_us); /* it moves while the bucket is full, too */
}

static void agrees_with_exact_arithmetic(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 20261123);
    for (int round = 0; round < 500; round++) {
        struct rate rate;
        struct rate_bucket bucket;
        int64_t count = random_between(&random, 1, 1000);
        int64_t period_us = random_between(&random, 1, CLOCK_DAY);
        int64_t burst = random_between(&random, 1, 5000);
        assert_true(rate_init(&rate, count, period_us, burst));
        int64_t now_us = random_between(&random, 0, INT64_C(1) << 50);
        struct model model = {(__int128)burst * period_us, (__int128)burst * period_us, now_us, count, period_us};
        rate_fill(&rate, &bucket, now_us);
        for (int step = 0; step < 400; step++) {
            /* Back, not at all, a little, and now and then far enough to fill. */
            now_us += random_between(&random, -period_us / 10, 3 * (period_us / count + 1));
            if (random_between(&random, 0, 99) == 0)
                now_us += random_between(&random, 0, 2 * burst) * (period_us / count + 1);
            step_both(&random, &rate, &bucket, &model, now_us);
        }
    }
}

static void the_wait_is_exact(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 7);
    for (int round = 0; round < 2000; round++) {
        struct rate rate;
        struct rate_bucket bucket;
        int64_t burst = random_between(&random, 1, 50);
        assert_true(rate_init(&rate, random_between(&random, 1, 100), random_between(&random, 1000, 10000000), burst));
        rate_fill(&rate, &bucket, 0);
        int64_t now_us = 0;
        while (rate_take(&rate, &bucket, now_us, 1))
            now_us += random_between(&random, 0, 100);
        int64_t wait_us = rate_wait(&rate, &bucket, now_us, 1);
        assert_true(wait_us > 0);
        struct rate_bucket early = bucket;
        assert_false(rate_take(&rate, &early, now_us + wait_us - 1, 1));
        assert_true(rate_take(&rate, &bucket, now_us + wait_us, 1));
    }
    struct rate rate;
    struct rate_bucket bucket;
    assert_true(rate_init(&rate, 1, 1000, 1));
    rate_fill(&rate, &bucket, 0);
    assert_true(rate_take(&rate, &bucket, 0, 1));
    assert_int_equal(rate_wait(&rate, &bucket, 999, 1), 1); /* for the last thousandth of a token */
}

static void a_steady_flood_gets_exactly_its_rate(void **state)
{
    (void)state;
    struct rate rate;
    struct rate_bucket bucket;
    int64_t start_us = 12345678901, admitted = 0;
    assert_true(rate_init(&rate, 10, CLOCK_SECOND, 20));
    rate_fill(&rate, &bucket, start_us);
    for (int64_t at = 0; at <= 5 * CLOCK_SECOND; at += CLOCK_MILLISECOND)
        admitted += rate_take(&rate, &bucket, start_us + at, 1);
    assert_int_equal(admitted, 70); /* 20 at once, and 10 for each second up to the fifth's end */
}

/* 3/s has no whole number of microseconds between two tokens: what is rounded must never be rounded up. Asking every
 * `step` for an hour admits all that is allowed and, at no instant, one more. */
static void three_a_second_for_an_hour_is_never_one_too_many(void **state)
{
    (void)state;
    static const int64_t STEPS[] = {1009, 7919, 99991, 333333, 333334, 1000001, 59999999};
    static const int64_t BURSTS[] = {1, 3, 1000};
    for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
        for (size_t j = 0; j < sizeof(BURSTS) / sizeof(BURSTS[0]); j++) {
            struct rate rate;
            struct rate_bucket bucket;
            assert_true(rate_init(&rate, 3, CLOCK_SECOND, BURSTS[j]));
            rate_fill(&rate, &bucket, 0);
            __int128 admitted = 0, allowed = 0, asked = 0;
            for (int64_t at = 0; at <= 3600 * CLOCK_SECOND; at += STEPS[i], asked++) {
                admitted += rate_take(&rate, &bucket, at, 1);
                allowed = BURSTS[j] + (__int128)3 * at / CLOCK_SECOND;
                assert_true(admitted <= allowed);
            }
            /* A bucket that never runs over loses nothing either. */
            if (BURSTS[j] > 1 && STEPS[i] * 3 < CLOCK_SECOND)
                assert_true(admitted == (asked < allowed ? asked : allowed));
        }
    }
}

static void a_long_pause_fills_and_does_not_overflow(void **state)
{
    (void)state;
    struct rate rate;
    struct rate_bucket bucket;
    assert_true(rate_init(&rate, 1000000, CLOCK_SECOND, 5));
    rate_fill(&rate, &bucket, 0);
    assert_true(rate_take(&rate, &bucket, 0, 5));
    assert_int_equal(rate_left(&rate, &bucket, INT64_MAX), 5);
    assert_true(rate_take(&rate, &bucket, INT64_MAX, 5));
    assert_false(rate_take(&rate, &bucket, INT64_MAX, 1));
    assert_int_equal(rate_until_full(&rate, &bucket, INT64_MAX), 5);
}

static void the_ends_of_time_are_no_special_case(void **state)
{
    (void)state;
    struct rate rate;
    assert_true(rate_init(&rate, RATE_LEVEL_MAX, 1, RATE_LEVEL_MAX)); /* the fastest and largest there is */
    struct rate_bucket bucket = {0, INT64_MIN};
    assert_true(rate_left(&rate, &bucket, INT64_MIN) == 0);
    assert_true(rate_left(&rate, &bucket, INT64_MIN + 1) == RATE_LEVEL_MAX);
    assert_true(rate_take(&rate, &bucket, INT64_MAX, RATE_LEVEL_MAX));
    assert_true(bucket.last_us == INT64_MAX);
    assert_false(rate_take(&rate, &bucket, INT64_MIN, 1));
    assert_true(rate_init(&rate, 1, RATE_LEVEL_MAX, 1)); /* the slowest */
    rate_fill(&rate, &bucket, 0);
    assert_true(rate_take(&rate, &bucket, 0, 1));
    assert_true(rate_wait(&rate, &bucket, 1, 1) == RATE_LEVEL_MAX - 1);
    assert_false(rate_take(&rate, &bucket, RATE_LEVEL_MAX - 1, 1));
    assert_true(rate_take(&rate, &bucket, RATE_LEVEL_MAX, 1));
    assert_false(rate_take(&rate, &bucket, INT64_MAX, INT64_MAX)); /* more than can ever be there */
}

static void a_clock_that_steps_back_gives_nothing(void **state)
{
    (void)state;
    struct rate rate;
    struct rate_bucket bucket;
    assert_true(rate_init(&rate, 1, CLOCK_SECOND, 2));
    rate_fill(&rate, &bucket, 100 * CLOCK_SECOND);
    assert_true(rate_take(&rate, &bucket, 100 * CLOCK_SECOND, 2));
    assert_false(rate_take(&rate, &bucket, 50 * CLOCK_SECOND, 1));
    assert_int_equal(rate_wait(&rate, &bucket, 50 * CLOCK_SECOND, 1), 51 * CLOCK_SECOND);
    assert_false(rate_take(&rate, &bucket, 100 * CLOCK_SECOND + 999999, 1));
    assert_true(rate_take(&rate, &bucket, 101 * CLOCK_SECOND, 1));
}

static void given_back_is_never_more_than_full(void **state)
{
    (void)state;
    struct rate rate;
    struct rate_bucket bucket;
    assert_true(rate_init(&rate, 1, CLOCK_SECOND, 3));
    rate_fill(&rate, &bucket, 0);
    rate_give_back(&rate, &bucket, 0, 1);
    assert_int_equal(rate_left(&rate, &bucket, 0), 3);
    assert_true(rate_take(&rate, &bucket, 0, 3));
    rate_give_back(&rate, &bucket, 0, 2);
    assert_int_equal(rate_left(&rate, &bucket, 0), 2);
    assert_false(rate_take(&rate, &bucket, 0, 4));
}

static void bounds_are_refused(void **state)
{
    (void)state;
    struct rate rate;
    assert_false(rate_init(&rate, 0, 1, 1));
    assert_false(rate_init(&rate, 1, 0, 1));
    assert_false(rate_init(&rate, 1, 1, 0));
    assert_false(rate_init(&rate, 1, CLOCK_DAY, RATE_LEVEL_MAX));
    assert_true(rate_init(&rate, 1, CLOCK_DAY, 100000));
    assert_true(rate_init(&rate, 10, CLOCK_SECOND, 1));
    assert_int_equal(rate.count, 1);
    assert_int_equal(rate.period_us, 100000);
}

static void windows_are_calendar_windows(void **state)
{
    (void)state;
    const struct rate_window window = {3, CLOCK_DAY};
    struct rate_counter counter = {0};
    int64_t noon = 20000 * CLOCK_DAY + CLOCK_DAY / 2;
    for (int i = 0; i < 3; i++)
        assert_true(rate_window_take(&window, &counter, noon));
    assert_false(rate_window_take(&window, &counter, noon));
    assert_int_equal(rate_window_left(&window, &counter, noon), 0);
    assert_int_equal(rate_window_until_next(&window, noon), CLOCK_DAY / 2);
    assert_false(rate_window_take(&window, &counter, noon - CLOCK_DAY)); /* the clock stepped back */
    assert_int_equal(rate_window_left(&window, &counter, noon + CLOCK_DAY), 3);
    assert_true(rate_window_take(&window, &counter, noon + CLOCK_DAY));
    rate_window_give_back(&window, &counter, noon);
    assert_int_equal(rate_window_left(&window, &counter, noon + CLOCK_DAY), 2);
    rate_window_give_back(&window, &counter, noon + CLOCK_DAY);
    assert_int_equal(rate_window_left(&window, &counter, noon + CLOCK_DAY), 3);
    rate_window_give_back(&window, &counter, noon + CLOCK_DAY); /* nothing was taken */
    assert_int_equal(rate_window_left(&window, &counter, noon + CLOCK_DAY), 3);
    assert_int_equal(rate_window_until_next(&window, 20001 * CLOCK_DAY), CLOCK_DAY);
    assert_int_equal(rate_window_until_next(&window, 20001 * CLOCK_DAY - 1), 1);
}

static void a_lower_limit_leaves_nothing_not_less(void **state)
{
    (void)state;
    const struct rate_window before = {3, CLOCK_DAY}, after = {1, CLOCK_DAY};
    struct rate_counter counter = {0};
    for (int i = 0; i < 3; i++)
        assert_true(rate_window_take(&before, &counter, CLOCK_DAY));
    assert_int_equal(rate_window_left(&after, &counter, CLOCK_DAY), 0);
    assert_false(rate_window_take(&after, &counter, CLOCK_DAY));
    assert_true(rate_window_take(&after, &counter, 2 * CLOCK_DAY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_exact_arithmetic),
        cmocka_unit_test(the_wait_is_exact),
        cmocka_unit_test(a_steady_flood_gets_exactly_its_rate),
        cmocka_unit_test(three_a_second_for_an_hour_is_never_one_too_many),
        cmocka_unit_test(a_long_pause_fills_and_does_not_overflow),
        cmocka_unit_test(a_clock_that_steps_back_gives_nothing),
        cmocka_unit_test(given_back_is_never_more_than_full),
        cmocka_unit_test(bounds_are_refused),
        cmocka_unit_test(windows_are_calendar_windows),
        cmocka_unit_test(a_lower_limit_leaves_nothing_not_less),
        cmocka_unit_test(the_ends_of_time_are_no_special_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
