/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/retries.h"

/* Every call wants a retry. */
static int64_t retried(int64_t percent, int64_t calls)
{
    struct retries retries;
    int64_t spent = 0;

    retries_init(&retries, percent);
    for (int64_t i = 0; i < calls; i++) {
        retries_earn(&retries);
        spent += retries_spend(&retries);
    }
    return spent;
}

static void a_share_of_the_calls_and_one_more(void **state)
{
    (void)state;
    assert_int_equal(retried(20, 1000), 201);
    assert_int_equal(retried(7, 1000), 71);
    assert_int_equal(retried(100, 1000), 1000);
    assert_int_equal(retried(0, 1000), 0);
    assert_int_equal(retried(20, 1), 1);
    assert_int_equal(retried(20, 2), 1);
}

static void quiet_times_save_up_to_a_bound(void **state)
{
    struct retries retries;
    int64_t spent = 0;

    (void)state;
    retries_init(&retries, 20);
    for (int i = 0; i < 100000; i++)
        retries_earn(&retries);
    while (retries_spend(&retries))
        spent++;
    assert_int_equal(spent, RETRIES_SAVED_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_of_the_calls_and_one_more),
        cmocka_unit_test(quiet_times_save_up_to_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
