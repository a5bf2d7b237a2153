/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "upstream/budget.h"

enum { STARTS_MAX = 4000 };

static void as_many_as_allowed_then_none_until_the_first_has_aged(void **state)
{
    struct budget *budget = budget_new(3, 100, 5);

    (void)state;
    for (int64_t now = 1000; now < 1030; now += 10) {
        assert_int_equal(budget_ready_at(budget, now), now);
        budget_start(budget, now);
    }
    assert_int_equal(budget_ready_at(budget, 1030), 1105);
    assert_int_equal(budget_ready_at(budget, 1104), 1105);
    budget_start(budget, 1105);
    assert_int_equal(budget_ready_at(budget, 1105), 1115);
    budget_free(budget);
}

static void a_pause_holds_and_a_shorter_one_does_not_end_it(void **state)
{
    struct budget *budget = budget_new(2, 100, 0);

    (void)state;
    assert_int_equal(budget_pause_left(budget, 0), 0);
    budget_pause(budget, 500);
    budget_pause(budget, 300);
    assert_int_equal(budget_ready_at(budget, 100), 500);
    assert_int_equal(budget_pause_left(budget, 100), 400);
    assert_int_equal(budget_pause_left(budget, 501), 0);
    assert_int_equal(budget_ready_at(budget, 501), 501);
    budget_free(budget);
}

/* Random load: no window of the interval holds more than `count` starts, and none is later than it had to be. */
static void no_sliding_interval_holds_more(void **state)
{
    static const struct {
        int64_t count, interval_us, margin_us;
    } rows[] = {{1, 100, 0}, {1, 7, 3}, {10, 100000, 5000}, {10, 100000, 0}, {3, 10, 0}, {1000, 1000, 1}};
    static int64_t starts[STARTS_MAX];
    struct random random;

    (void)state;
    random_init(&random, 5);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        int64_t count = rows[row].count, whole_us = rows[row].interval_us + rows[row].margin_us, now = 12345;
        struct budget *budget = budget_new(count, rows[row].interval_us, rows[row].margin_us);
        for (size_t i = 0; i < STARTS_MAX; i++) {
            if (random_between(&random, 0, 9) == 0)
                now += random_between(&random, 0, whole_us * 2 / count);
            int64_t ready = budget_ready_at(budget, now);
            int64_t least = i < (size_t)count ? now : starts[i - (size_t)count] + whole_us;
            assert_int_equal(ready, least > now ? least : now);
            now = ready;
            starts[i] = now;
            budget_start(budget, now);
        }
        budget_free(budget);
    }
}

/* What is foretold for the n-th call is what happens when all before it start as early as they may. */
static void the_turn_of_a_later_call_is_foretold(void **state)
{
    static const struct {
        int64_t count, starts, pause_until;
    } rows[] = {{1, 0, 0}, {1, 1, 0}, {3, 0, 0}, {3, 2, 0}, {3, 3, 0}, {3, 7, 0}, {5, 12, 2500}, {4, 2, 9000}};
    struct random random;

    (void)state;
    random_init(&random, 6);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct budget *budget = budget_new(rows[row].count, 1000, 10);
        int64_t now = 1, foretold[40];
        for (int64_t i = 0; i < rows[row].starts; i++) {
            now = budget_ready_at(budget, now + random_between(&random, 0, 200));
            budget_start(budget, now);
        }
        budget_pause(budget, rows[row].pause_until);
        for (int64_t i = 0; i < 40; i++)
            foretold[i] = budget_ready_behind(budget, now, i);
        for (int64_t i = 0; i < 40; i++) {
            now = budget_ready_at(budget, now);
            assert_int_equal(foretold[i], now);
            budget_start(budget, now);
        }
        budget_free(budget);
    }
}

static void another_limit_remembers_what_was_started(void **state)
{
    struct budget *budget = budget_new(3, 100, 0);

    (void)state;
    for (int64_t now = 1000; now < 1040; now += 10) {
        int64_t at = budget_ready_at(budget, now);
        budget_start(budget, at); /* 1000, 1010, 1020, 1100 */
    }
    budget_change(budget, 2, 200, 5); /* fewer: those of 1020 and 1100 count */
    assert_int_equal(budget_ready_at(budget, 1100), 1225);
    budget_change(budget, 4, 50, 0); /* more, in a shorter time */
    assert_int_equal(budget_ready_at(budget, 1100), 1100);
    budget_pause(budget, 1500);
    budget_change(budget, 1, 1000, 0);
    assert_int_equal(budget_ready_at(budget, 1100), 2100);
    assert_int_equal(budget_pause_left(budget, 1100), 400);
    budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_allowed_then_none_until_the_first_has_aged),
        cmocka_unit_test(a_pause_holds_and_a_shorter_one_does_not_end_it),
        cmocka_unit_test(no_sliding_interval_holds_more),
        cmocka_unit_test(the_turn_of_a_later_call_is_foretold),
        cmocka_unit_test(another_limit_remembers_what_was_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
