/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "flow/prefer.h"

static void the_first_wait_is_found_wherever_it_stands(void **state)
{
    static const struct {
        const char *prefer;
        int64_t seconds; /* -1: none */
    } rows[] = {
        {"wait=10", 10},
        {"WAIT=0", 0},
        {"wait=\"3\"", 3},
        {"respond-async, wait=10", 10},
        {" return=minimal ; x=y ,\twait = 7 ; z=1", 7},
        {"wait=4, wait=5", 4},
        {"wait=x, wait=5", -1},
        {"wait", -1},
        {"wait=", -1},
        {"wait=-1", -1},
        {"wait=1.5", -1},
        {"wait=99999999999999999999999", PREFER_WAIT_MAX},
        {"wait=86401", PREFER_WAIT_MAX},
        {"waits=3", -1},
        {"x=\"a, wait=3\"", -1},
        {"x=\"a\\\", wait=3\", wait=4", 4},
        {"x=\"open, wait=3", -1},
        {"x=\"\\", -1},
        {"x;wait=3", -1},
        {",,wait=2,", 2},
        {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t expected = rows[i].seconds < 0 ? -1 : rows[i].seconds * CLOCK_SECOND;
        if (prefer_wait(slice_of(rows[i].prefer)) != expected)
            fail_msg("%s: %lld", rows[i].prefer, (long long)prefer_wait(slice_of(rows[i].prefer)));
    }
    assert_int_equal(prefer_wait(slice_make(NULL, 0)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_wait_is_found_wherever_it_stands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
