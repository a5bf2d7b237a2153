/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "upstream/refusals.h"

#include <stdio.h>

enum { TTL = 5000 };

static int set_up(void **state)
{
    *state = refusals_new(TTL);
    return 0;
}

static int tear_down(void **state)
{
    refusals_free(*state);
    return 0;
}

static void a_refusal_is_known_for_its_time(void **state)
{
    struct refusals *refusals = *state;
    char key[] = "key:a";

    assert_null(refusals_find(refusals, slice_of(key), 0));
    refusals_keep(refusals, slice_of(key), 422, "no", 1000);
    key[4] = 'b'; /* it was copied */
    assert_null(refusals_find(refusals, slice_of(key), 1000));
    const struct refusal *refusal = refusals_find(refusals, slice_of("key:a"), 1000 + TTL - 1);
    assert_non_null(refusal);
    assert_int_equal(refusal->status, 422);
    assert_string_equal(refusal->why, "no");
    assert_int_equal(refusal->until_us, 1000 + TTL);
    assert_null(refusals_find(refusals, slice_of("key:a"), 1000 + TTL));
    assert_null(refusals_find(refusals, slice_of("key:a"), 1000)); /* gone for good */
}

static void a_newer_refusal_takes_the_place_of_the_older(void **state)
{
    struct refusals *refusals = *state;

    refusals_keep(refusals, slice_of("a"), 400, "first", 0);
    refusals_keep(refusals, slice_of("a"), 404, "second", 3000);
    const struct refusal *refusal = refusals_find(refusals, slice_of("a"), TTL);
    assert_non_null(refusal);
    assert_int_equal(refusal->status, 404);
    refusals_forget(refusals, slice_of("a"));
    refusals_forget(refusals, slice_of("a"));
    assert_null(refusals_find(refusals, slice_of("a"), TTL));
}

/* The ring goes round three times; now and then one is forgotten, so that it has holes. */
static void the_oldest_makes_room(void **state)
{
    struct refusals *refusals = *state;
    char key[32];

    for (int i = 0; i < 3 * REFUSALS_MAX; i++) {
        snprintf(key, sizeof key, "%d", i);
        refusals_keep(refusals, slice_of(key), 400, "", 0);
        if (i % 7 == 0)
            refusals_forget(refusals, slice_of(key));
        if (i < REFUSALS_MAX)
            continue;
        snprintf(key, sizeof key, "%d", i - REFUSALS_MAX);
        assert_null(refusals_find(refusals, slice_of(key), 0));
        snprintf(key, sizeof key, "%d", i - REFUSALS_MAX + 1);
        bool forgotten = (i - REFUSALS_MAX + 1) % 7 == 0;
        assert_int_equal(refusals_find(refusals, slice_of(key), 0) == NULL, forgotten);
    }
}

static void without_a_ttl_nothing_is_kept(void **state)
{
    struct refusals *refusals = refusals_new(0);

    (void)state;
    refusals_keep(refusals, slice_of("a"), 400, "", 10);
    assert_null(refusals_find(refusals, slice_of("a"), 10));
    refusals_free(refusals);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_refusal_is_known_for_its_time),
        TEST(a_newer_refusal_takes_the_place_of_the_older),
        TEST(the_oldest_makes_room),
        TEST(without_a_ttl_nothing_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
