/* SPDX-License-Identifier: MIT */
/* What a gateway learns of its share, interval by interval. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/fleet_share.h"

static const int64_t INTERVAL = 100000, BEGIN = 1000000;

/* An interval in which so many slots were got, and more were wanted. */
static int64_t want_for_an_interval(struct fleet_share *share, int64_t now_us, int64_t slots)
{
    fleet_share_got(share, now_us, INTERVAL, slots);
    fleet_share_starved(share, now_us + 1, INTERVAL, now_us + INTERVAL);
    return now_us + INTERVAL;
}

static int64_t want(struct fleet_share *share, int64_t now_us, int64_t slots, unsigned intervals)
{
    for (unsigned i = 0; i < intervals; i++)
        now_us = want_for_an_interval(share, now_us, slots);
    return now_us;
}

static void nothing_is_known_at_first(void **state)
{
    (void)state;
    struct fleet_share share = {0};
    fleet_share_fed(&share, BEGIN, INTERVAL);
    int64_t now_us = want(&share, BEGIN + INTERVAL, 2, FLEET_SHARE_INTERVALS - 1);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 1000), now_us);
    now_us = want(&share, now_us, 2, 1);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 1000), now_us + 499 * INTERVAL);
}

static void the_next_ones_have_no_time_to_wait(void **state)
{
    (void)state;
    struct fleet_share share = {0};
    fleet_share_fed(&share, BEGIN, INTERVAL);
    int64_t now_us = want(&share, BEGIN + INTERVAL, 2, 20);
    for (int64_t ahead = 0; ahead < 4; ahead++)
        assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, ahead), now_us);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 4), now_us + INTERVAL);
}

static void a_fair_share_is_believed_in(void **state)
{
    (void)state;
    struct fleet_share share = {0};
    fleet_share_fed(&share, BEGIN, INTERVAL);
    int64_t now_us = want(&share, BEGIN + INTERVAL, 0, 20);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 5, 50), now_us + 9 * INTERVAL);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 0, 10),
                     now_us + 79 * INTERVAL); /* one in all of them */
}

static void who_was_fed_once_knows_nothing(void **state)
{
    (void)state;
    struct fleet_share share = {0};
    int64_t now_us = want(&share, BEGIN, 2, 20);
    fleet_share_fed(&share, now_us, INTERVAL);
    now_us = want(&share, now_us, 2, 1);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 1000), now_us);
}

/* It got all that it wanted: what it could have had is not known. */
static void who_was_not_starved_knows_nothing(void **state)
{
    (void)state;
    struct fleet_share share = {0};
    int64_t now_us = want(&share, BEGIN, 2, 20);
    for (int i = 0; i < 2; i++, now_us += INTERVAL)
        fleet_share_got(&share, now_us, INTERVAL, 2);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 1000), now_us);
}

static void long_ago_is_forgotten(void **state)
{
    (void)state;
    struct fleet_share share = {0};
    int64_t now_us = want(&share, BEGIN, 2, 20) + 1000 * INTERVAL;
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 1000), now_us);
    now_us = want(&share, BEGIN + 2000 * INTERVAL, 2, 20);
    fleet_share_forget(&share);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 1000), now_us);
}

/* The others have gone: eight intervals later that is known. */
static void more_is_believed_as_it_comes(void **state)
{
    (void)state;
    struct fleet_share share = {0};
    int64_t now_us = want(&share, BEGIN, 2, 20);
    now_us = want(&share, now_us, 10, FLEET_SHARE_INTERVALS + 1);
    assert_int_equal(fleet_share_turn(&share, now_us, INTERVAL, 1, 100), now_us + 9 * INTERVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_known_at_first),         cmocka_unit_test(the_next_ones_have_no_time_to_wait),
        cmocka_unit_test(a_fair_share_is_believed_in),       cmocka_unit_test(who_was_fed_once_knows_nothing),
        cmocka_unit_test(who_was_not_starved_knows_nothing), cmocka_unit_test(long_ago_is_forgotten),
        cmocka_unit_test(more_is_believed_as_it_comes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
