/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/fair.h"

enum { CLIENTS = 3, CALLS_EACH = 2000 };

static const int64_t WEIGHTS[CLIENTS] = {1, 3, 1000};

static int set_up(void **state)
{
    *state = fair_new();
    return 0;
}

static int tear_down(void **state)
{
    fair_free(*state);
    return 0;
}

/* Serves whoever of the waiting ranks is lowest; each client's are in order. */
static size_t serve(struct fair *fair, const uint64_t ranks[CLIENTS][CALLS_EACH], size_t served[CLIENTS])
{
    size_t lowest = 0;

    for (size_t i = 1; i < CLIENTS; i++) {
        if (ranks[i][served[i]] < ranks[lowest][served[lowest]])
            lowest = i;
    }
    fair_serve(fair, ranks[lowest][served[lowest]]);
    served[lowest]++;
    return lowest;
}

static void shares_are_as_the_weights(void **state)
{
    static uint64_t ranks[CLIENTS][CALLS_EACH];
    struct fair *fair = *state;
    size_t served[CLIENTS] = {0};

    for (size_t i = 0; i < CLIENTS; i++) {
        for (size_t j = 0; j < CALLS_EACH; j++)
            ranks[i][j] = fair_enter(fair, 7 + i, WEIGHTS[i]);
    }
    for (int i = 0; i < 1004; i++)
        serve(fair, (const uint64_t(*)[CALLS_EACH])ranks, served);
    assert_int_equal(served[0], 1);
    assert_int_equal(served[1], 3);
    assert_int_equal(served[2], 1000);
}

static void who_comes_late_owes_nothing_and_is_owed_nothing(void **state)
{
    struct fair *fair = *state;
    uint64_t flood = 0;

    for (int i = 0; i < 100; i++)
        flood = fair_enter(fair, 1, 1);
    fair_serve(fair, fair_enter(fair, 2, 1));
    for (int i = 0; i < 50; i++)
        fair_serve(fair, flood / 99 * (uint64_t)i);
    uint64_t rank = fair_enter(fair, 2, 1);
    assert_int_equal(rank, flood / 99 * 49); /* with those that are served now: neither first of all nor behind */
    assert_true(fair_enter(fair, 2, 1) > rank);
}

static void who_leaves_without_a_call_has_paid_nothing(void **state)
{
    struct fair *fair = *state;
    uint64_t first = fair_enter(fair, 1, 4);

    for (int i = 0; i < 1000; i++) {
        assert_true(fair_enter(fair, 1, 4) > first);
        fair_leave(fair, 1, 4);
    }
    uint64_t second = fair_enter(fair, 2, 4);
    assert_int_equal(second, first);
    assert_int_equal(fair_next(fair, 1), fair_next(fair, 2));
    fair_leave(fair, 99, 1); /* unknown: nothing happens */
}

static void after_a_rest_all_begin_equal(void **state)
{
    struct fair *fair = *state;
    uint64_t last = 0;

    for (uint64_t i = 0; i < 1000; i++)
        last = fair_enter(fair, i % 10, 1 + (int64_t)(i % 5));
    fair_rest(fair);
    assert_true(fair_next(fair, 3) >= last);
    assert_int_equal(fair_next(fair, 3), fair_next(fair, 4));
    assert_int_equal(fair_next(fair, 3), fair_next(fair, 12345));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(shares_are_as_the_weights),
        TEST(who_comes_late_owes_nothing_and_is_owed_nothing),
        TEST(who_leaves_without_a_call_has_paid_nothing),
        TEST(after_a_rest_all_begin_equal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
