/* SPDX-License-Identifier: MIT */
/* What lies free in the heap is given back again and again, until it is told to stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "trimming.h"

static int trims;

static void trim(void)
{
    trims++;
}

static void test_it_goes_on_until_it_is_stopped(void **state)
{
    (void)state;
    struct clock *clock = clock_new();
    clock_freeze(clock);
    struct loop *loop = loop_new(clock);
    assert_non_null(loop);
    struct trimming trimming = {0};
    trimming_stop(&trimming); /* never started */

    trimming_start(&trimming, loop, trim);
    for (int turns = 0; turns < 5; turns++) {
        assert_false(loop_turn(loop)); /* nothing is due yet */
        assert_int_equal(loop_timers(loop), 1);
        clock_move(clock, TRIMMING_EVERY_US);
        assert_true(loop_turn(loop));
        assert_int_equal(trims, turns + 1);
    }
    trimming_stop(&trimming);
    assert_int_equal(loop_timers(loop), 0);

    loop_free(loop);
    clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_goes_on_until_it_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
