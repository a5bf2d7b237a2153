/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/breaker.h"

static const int64_t PROBE = 5 * CLOCK_SECOND;

/* 'x' fails, '.' does not; all at the same moment. The number of the call that opened it, from 1; 0: none did. */
static size_t run(struct breaker *breaker, const char *calls, int64_t now_us)
{
    for (size_t i = 0; calls[i] != '\0'; i++) {
        assert_false(breaker_start(breaker, now_us));
        if (breaker_end(breaker, false, calls[i] == 'x', now_us))
            return i + 1;
    }
    return 0;
}

static void it_opens_at_its_share_of_enough_calls(void **state)
{
    static const struct {
        int64_t percent;
        const char *calls;
        size_t opened_by;
    } rows[] = {
        {50, "xxxxxxxxx", 0},                     /* too few */
        {50, "xxxxxxxxxx", 10},                   /* enough */
        {50, "x.x.x.x.x.", 0},                    /* the share is reached by one that did not fail: */
        {50, "x.x.x.x.x.xx", 11},                 /* the next failure opens it */
        {50, ".....xxxxx", 10},                   /* 5 of 10 */
        {50, "....................xxxxxxxxx", 0}, /* 9 of the last 20 */
        {50, "....................xxxxxxxxxx", 30},
        {100, "xxxxxxxxx.xxxxxxxxxx", 0},
        {100, ".xxxxxxxxxxxxxxxxxxxx", 21}, /* the good one has left the ring */
        {1, ".........x", 10},
        {0, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct breaker breaker;
        breaker_init(&breaker, rows[i].percent, PROBE);
        size_t opened_by = run(&breaker, rows[i].calls, 0);
        if (opened_by != rows[i].opened_by)
            fail_msg("row %zu: opened by call %zu", i, opened_by);
        assert_int_equal(breaker_allows(&breaker, 0), opened_by == 0);
    }
}

static void old_calls_do_not_count(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, 50, PROBE);
    assert_int_equal(run(&breaker, "xxxxxxxxx", 0), 0);
    assert_int_equal(run(&breaker, "xxxxxxxxx", BREAKER_AGE_US), 0);
    assert_int_equal(run(&breaker, "x", 2 * BREAKER_AGE_US - 1), 1);
}

static void one_probe_in_each_interval(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, 50, PROBE);
    assert_int_equal(run(&breaker, "xxxxxxxxxx", 0), 10);
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker_wait(&breaker, 0), PROBE);
    assert_false(breaker_allows(&breaker, PROBE - 1));
    assert_int_equal(breaker_wait(&breaker, PROBE - 1), 1);
    assert_true(breaker_allows(&breaker, PROBE));
    assert_int_equal(breaker_wait(&breaker, PROBE), 0);

    int64_t now_us = PROBE + 7;
    assert_true(breaker_start(&breaker, now_us));
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_false(breaker_allows(&breaker, now_us));
    assert_false(breaker_end(&breaker, false, false, now_us)); /* one of before */
    assert_int_equal(breaker.state, BREAKER_HALF_OPEN);
    assert_false(breaker_end(&breaker, true, true, now_us + 100));
    assert_int_equal(breaker.state, BREAKER_OPEN);
    assert_int_equal(breaker_wait(&breaker, now_us + 100), PROBE - 100);
}

static void a_probe_that_hangs_does_not_put_off_the_next(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, 50, PROBE);
    assert_int_equal(run(&breaker, "xxxxxxxxxx", 0), 10);
    assert_true(breaker_start(&breaker, PROBE));
    assert_true(breaker_start(&breaker, 2 * PROBE));
    assert_true(breaker_end(&breaker, true, false, 2 * PROBE + 1));
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_false(breaker_end(&breaker, true, true, 3 * PROBE)); /* the one that hung: a call like any */
    assert_int_equal(run(&breaker, "xxxxxxxx", 3 * PROBE), 0);
    assert_int_equal(run(&breaker, "x", 3 * PROBE), 1); /* it began anew: ten are needed again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_opens_at_its_share_of_enough_calls),
        cmocka_unit_test(old_calls_do_not_count),
        cmocka_unit_test(one_probe_in_each_interval),
        cmocka_unit_test(a_probe_that_hangs_does_not_put_off_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
