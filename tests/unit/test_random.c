/* SPDX-License-Identifier: MIT */
/* The generator for jitter: its published sequence, its ranges, and that secrets differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"

#include <stdbool.h>

/* Computed by hand from the definition for the state 1, 2, 3, 4: rotate(s1 x 5, 7) x 9. */
static void the_sequence_is_xoshiro256(void **state)
{
    (void)state;
    struct random random = {{1, 2, 3, 4}};
    static const uint64_t EXPECTED[] = {11520, 0, 1509978240, UINT64_C(1215971899390074240)};
    for (size_t i = 0; i < sizeof(EXPECTED) / sizeof(EXPECTED[0]); i++)
        assert_true(random_next(&random) == EXPECTED[i]);
}

static void a_seed_gives_its_sequence_and_none_a_new_one(void **state)
{
    (void)state;
    struct random one, other;
    random_init(&one, 5);
    random_init(&other, 5);
    for (int i = 0; i < 100; i++)
        assert_true(random_next(&one) == random_next(&other));
    random_init(&one, 0);
    random_init(&other, 0);
    assert_true(random_next(&one) != random_next(&other));
}

static void ranges_are_kept_and_reached(void **state)
{
    (void)state;
    static const int64_t RANGES[][2] = {
        {0, 0},          {-3, 3}, {5, 6}, {INT64_MIN, INT64_MIN}, {INT64_MAX - 1, INT64_MAX}, {INT64_MIN, INT64_MAX},
        {-1, INT64_MAX},
    };
    struct random random;
    random_init(&random, 77);
    for (size_t i = 0; i < sizeof(RANGES) / sizeof(RANGES[0]); i++) {
        int64_t low = RANGES[i][0], high = RANGES[i][1];
        bool reached_low = false, reached_high = false;
        for (int draw = 0; draw < 1000; draw++) {
            int64_t number = random_between(&random, low, high);
            assert_true(number >= low && number <= high);
            reached_low |= number == low;
            reached_high |= number == high;
        }
        bool is_narrow = (uint64_t)high - (uint64_t)low < 10;
        assert_true(!is_narrow || (reached_low && reached_high));
    }
}

static void a_range_is_drawn_from_evenly(void **state)
{
    (void)state;
    enum { SIDES = 6, DRAWS = 60000 };
    int counts[SIDES] = {0};
    struct random random;
    random_init(&random, 99);
    for (int i = 0; i < DRAWS; i++)
        counts[random_between(&random, 0, SIDES - 1)]++;
    for (int i = 0; i < SIDES; i++)
        assert_in_range(counts[i], DRAWS / SIDES - 500, DRAWS / SIDES + 500); /* more than five deviations */
    /* A span of two thirds of all numbers: a plain remainder would give the lower half twice as often. */
    int lower = 0;
    int64_t third = (int64_t)(UINT64_MAX / 3);
    for (int i = 0; i < DRAWS; i++)
        lower += random_between(&random, -third, third) < 0;
    assert_in_range(lower, DRAWS / 2 - 700, DRAWS / 2 + 700);
}

static void secrets_differ(void **state)
{
    (void)state;
    unsigned char secrets[2][64] = {{0}, {0}}, nothing[64] = {0};
    random_secret(secrets[0], sizeof(secrets[0]));
    random_secret(secrets[1], sizeof(secrets[1]));
    random_secret(NULL, 0);
    assert_memory_not_equal(secrets[0], secrets[1], sizeof(nothing));
    assert_memory_not_equal(secrets[0], nothing, sizeof(nothing));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sequence_is_xoshiro256),
        cmocka_unit_test(a_seed_gives_its_sequence_and_none_a_new_one),
        cmocka_unit_test(ranges_are_kept_and_reached),
        cmocka_unit_test(a_range_is_drawn_from_evenly),
        cmocka_unit_test(secrets_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
