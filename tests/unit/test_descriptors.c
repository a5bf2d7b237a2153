/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "descriptors.h"

#include <sys/resource.h>

static void test_clients_leave_a_reserve(void **state)
{
    (void)state;
    static const struct {
        int64_t limit, wanted, got;
    } ROWS[] = {
        {INT64_MAX, 10000, 10000},
        {1048576, 10000, 10000},
        {11024, 10000, 10000},
        {11023, 10000, 9999},
        {4096, 10000, 3072},
        {4096, 100, 100},
        {2048, 10000, 1024},
        {2047, 10000, 1023}, /* half of what is less than two reserves */
        {1024, 10000, 512},
        {3, 10000, 1},
        {1, 10000, 1},
        {0, 10000, 1},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        assert_int_equal(descriptors_for_clients(ROWS[i].limit, ROWS[i].wanted), ROWS[i].got);
}

static void test_the_limit_is_raised(void **state)
{
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 100;
    limit.rlim_max = limit.rlim_max < 300 ? limit.rlim_max : 300;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(descriptors_raise(), limit.rlim_max);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_leave_a_reserve),
        cmocka_unit_test(test_the_limit_is_raised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
