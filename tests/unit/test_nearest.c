/* SPDX-License-Identifier: MIT */
/* "Did you mean": which of some names is near, and that the distance is a distance. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/nearest.h"
#include "base/random.h"

static void the_near_are_found_and_the_far_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *wanted, *candidate;
        int distance; /* -1: not near */
    } ROWS[] = {
        {"listen", "listen", 0},
        {"LISTEN", "listen", 0},
        {"AZaz", "azAZ", 0},
        {"lisen", "listen", 1},   /* one left out */
        {"listten", "listen", 1}, /* one too many */
        {"lusten", "listen", 1},  /* another */
        {"litsen", "listen", 1},  /* two swapped */
        {"itslen", "listen", -1},
        {"ac", "abc", 1},
        {"ab", "ba", -1}, /* a third of two letters is none */
        {"abc", "acb", 1},
        {"ca", "abc", -1}, /* 3 when no substring is edited twice */
        {"a", "a", 0},
        {"a", "b", -1},
        {"kitten", "sitting", -1}, /* 3 of 7 */
        {"kittens", "sittings", -1},
        {"", "a", -1},
        {"a", "", -1},
        {"", "", -1},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct nearest nearest;
        nearest_init(&nearest, slice_of(ROWS[i].wanted));
        nearest_consider(&nearest, slice_of(ROWS[i].candidate));
        int found = nearest.best.length > 0 ? (int)nearest.distance : -1;
        if (found != ROWS[i].distance)
            fail_msg("%s and %s: %d", ROWS[i].wanted, ROWS[i].candidate, found);
    }
}

static void the_nearest_of_several_wins(void **state)
{
    (void)state;
    struct nearest nearest;
    nearest_init(&nearest, slice_of("time_outs"));
    nearest_consider(&nearest, slice_of("time_out_max"));
    assert_int_equal(nearest.distance, 4);
    nearest_consider(&nearest, slice_of("timeouts"));
    nearest_consider(&nearest, slice_of("time_oute")); /* as near: the first stays */
    nearest_consider(&nearest, slice_of("ttl"));
    assert_true(slice_is(nearest.best, "timeouts"));
    assert_int_equal(nearest.distance, 1);
}

static void long_names_are_not_compared(void **state)
{
    (void)state;
    char name[NEAREST_NAME_MAX + 2];
    memset(name, 'x', sizeof(name));
    for (size_t wanted = NEAREST_NAME_MAX - 1; wanted <= NEAREST_NAME_MAX + 1; wanted++) {
        for (size_t candidate = NEAREST_NAME_MAX - 1; candidate <= NEAREST_NAME_MAX + 1; candidate++) {
            struct nearest nearest;
            nearest_init(&nearest, slice_make(name, wanted));
            nearest_consider(&nearest, slice_make(name, candidate));
            bool comparable = wanted <= NEAREST_NAME_MAX && candidate <= NEAREST_NAME_MAX;
            assert_int_equal(nearest.best.length > 0, comparable);
        }
    }
}

/* The definition, without a table. */
static unsigned plain_distance(struct slice a, struct slice b)
{
    if (a.length == 0 || b.length == 0)
        return (unsigned)(a.length + b.length);
    struct slice a1 = slice_make(a.at, a.length - 1), b1 = slice_make(b.at, b.length - 1);
    bool same = a.at[a1.length] == b.at[b1.length];
    unsigned best = plain_distance(a1, b1) + !same;
    unsigned other = plain_distance(a1, b) + 1;
    best = other < best ? other : best;
    other = plain_distance(a, b1) + 1;
    best = other < best ? other : best;
    if (a1.length > 0 && b1.length > 0 && a.at[a1.length] == b.at[b1.length - 1] &&
        a.at[a1.length - 1] == b.at[b1.length]) {
        other = plain_distance(slice_make(a.at, a.length - 2), slice_make(b.at, b.length - 2)) + 1;
        best = other < best ? other : best;
    }
    return best;
}

static void the_distance_is_its_definition(void **state)
{
    (void)state;
    struct random random;
    random_init(&random, 31);
    for (int round = 0; round < 1500; round++) {
        char texts[2][7];
        struct slice words[2];
        for (int i = 0; i < 2; i++) {
            words[i] = slice_make(texts[i], (size_t)random_between(&random, 1, sizeof(texts[i])));
            for (size_t at = 0; at < words[i].length; at++)
                texts[i][at] = (char)random_between(&random, 'a', 'c');
        }
        unsigned expected = plain_distance(words[0], words[1]);
        size_t longer = words[0].length > words[1].length ? words[0].length : words[1].length;
        struct nearest nearest;
        nearest_init(&nearest, words[0]);
        nearest_consider(&nearest, words[1]);
        assert_int_equal(nearest.best.length > 0, expected <= longer / 3);
        if (nearest.best.length > 0)
            assert_int_equal(nearest.distance, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_near_are_found_and_the_far_are_not),
        cmocka_unit_test(the_nearest_of_several_wins),
        cmocka_unit_test(long_names_are_not_compared),
        cmocka_unit_test(the_distance_is_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
