/* SPDX-License-Identifier: MIT */
/* Holders that spend their part of the limit while Redis is away (on_failure = local): what all of them let through as
 * it goes and comes, on a clock of the test's, and by the bounds that docs/redis.md gives. A bound is a bucket that
 * holds as many tokens more as may be let through beyond the limit, so that every interval is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "quota_server.h"

#include <stdio.h>

enum { HOLDERS_MAX = 4, SEEDS = 3 };

static const int64_t START = INT64_C(1700000000) * CLOCK_SECOND;
static const int64_t TIMEOUT = 20 * CLOCK_MILLISECOND;

struct holder {
    struct lease lease;
    char name[QUOTA_HOLDER_LENGTH + 1];
    int64_t sequence;
};

struct fleet {
    struct random random;
    struct rate rate, bound;
    struct rate_bucket ideal; /* by the bound */
    struct quota_state state;
    struct holder holders[HOLDERS_MAX];
    size_t count;
    int64_t at_us, admitted;
    bool is_away, is_above;
};

static int64_t now_of(const struct fleet *fleet)
{
    return 5000 * CLOCK_SECOND + fleet->at_us;
}

static void fleet_init(struct fleet *fleet, uint64_t seed, int64_t per_second, int64_t burst, size_t holders)
{
    *fleet = (struct fleet){.count = holders};
    random_init(&fleet->random, seed);
    assert_true(rate_init(&fleet->rate, per_second, CLOCK_SECOND, burst));
    fleet->bound = fleet->rate;
    rate_fill(&fleet->bound, &fleet->ideal, START);
    for (size_t i = 0; i < holders; i++) {
        snprintf(fleet->holders[i].name, sizeof fleet->holders[i].name, "%016zx", i);
        lease_init(&fleet->holders[i].lease, &fleet->rate, TIMEOUT, now_of(fleet));
    }
}

/* Before the first request. */
static void allow_more(struct fleet *fleet, int64_t tokens)
{
    fleet->bound.burst += tokens;
    rate_fill(&fleet->bound, &fleet->ideal, START);
}

static void ask(struct fleet *fleet, struct holder *holder, int64_t need)
{
    struct lease_grant lease;
    struct prepaid_grant prepaid;
    struct quota_call_facts facts = {.prefix = SLICE("t:"),
                                     .client = SLICE("client"),
                                     .holder = slice_make(holder->name, QUOTA_HOLDER_LENGTH),
                                     .sequence = ++holder->sequence};
    lease_ask(&holder->lease, now_of(fleet), need, &facts.lease);
    assert_true(quota_server_run(&fleet->state, START + fleet->at_us, &facts, &lease, &prepaid));
    lease_granted(&holder->lease, now_of(fleet), &lease);
}

static void request(struct fleet *fleet, struct holder *holder)
{
    int64_t retry_us, now_us = now_of(fleet);
    enum lease_answer answer = lease_pay(&holder->lease, now_us, &retry_us);
    if (answer == LEASE_ASK) {
        if (fleet->is_away)
            lease_failed(&holder->lease, now_us);
        else
            ask(fleet, holder, 1);
        answer = lease_pay_waiter(&holder->lease, now_us, &retry_us);
    }
    bool is_alone = answer == LEASE_AWAY && lease_pay_alone(&holder->lease, now_us, false, &retry_us);
    if (answer == LEASE_PAID || is_alone) {
        fleet->admitted++;
        fleet->is_above |= !rate_take(&fleet->bound, &fleet->ideal, START + fleet->at_us, 1);
    }
    if (answer == LEASE_PAID && lease_is_due(&holder->lease, now_us) && !fleet->is_away)
        ask(fleet, holder, 0);
}

static struct holder *anybody(struct fleet *fleet)
{
    return &fleet->holders[random_between(&fleet->random, 0, (int64_t)fleet->count - 1)];
}

/* Twenty times what the limit allows. */
static void flood(struct fleet *fleet, struct holder *only, int64_t us)
{
    int64_t step_us = fleet->rate.period_us / fleet->rate.count / 10;
    for (int64_t end_us = fleet->at_us + us; fleet->at_us < end_us;) {
        fleet->at_us += random_between(&fleet->random, 0, step_us);
        request(fleet, only != NULL ? only : anybody(fleet));
    }
}

static int64_t about(struct fleet *fleet, int64_t us)
{
    return random_between(&fleet->random, us / 2, us + us / 2);
}

static void flap(struct fleet *fleet, int64_t up_us, int64_t away_us, int64_t us)
{
    for (int64_t end_us = fleet->at_us + us; fleet->at_us < end_us;) {
        flood(fleet, NULL, about(fleet, up_us));
        fleet->is_away = true;
        flood(fleet, NULL, about(fleet, away_us));
        fleet->is_away = false;
    }
}

static void one_that_loses_redis_again_and_again_has_one_limit(void **state)
{
    (void)state;
    static const struct {
        int64_t per_second, burst, up_ms, away_ms;
    } CASES[] = {{100, 100, 500, 500},  {100, 100, 100, 900}, {100, 100, 2000, 2000}, {100, 500, 1000, 1000},
                 {10, 100, 3000, 3000}, {50, 50, 20, 20},     {50, 50, 20000, 20000}, {100, 100, 5000, 100}};
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct fleet fleet;
            fleet_init(&fleet, seed, CASES[i].per_second, CASES[i].burst, 1);
            flap(&fleet, CASES[i].up_ms * CLOCK_MILLISECOND, CASES[i].away_ms * CLOCK_MILLISECOND, 60 * CLOCK_SECOND);
            assert_false(fleet.is_above);
            assert_true(fleet.admitted >= CASES[i].per_second * 20); /* a small lease in hand is kept to its end */
        }
    }
}

/* Absences that are shorter than the bucket takes to fill: all that was let through alone is paid. */
static void many_that_lose_redis_again_and_again_have_one_limit(void **state)
{
    (void)state;
    for (size_t holders = 2; holders <= HOLDERS_MAX; holders++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct fleet fleet;
            fleet_init(&fleet, seed, 10, 100, holders);
            allow_more(&fleet, 100);
            flood(&fleet, NULL, 20 * CLOCK_SECOND);
            flap(&fleet, 3 * CLOCK_SECOND, 3 * CLOCK_SECOND, 120 * CLOCK_SECOND);
            assert_false(fleet.is_above);
        }
    }
}

/* What was let through alone, and the bucket could not pay because another had spent it, is not lent a second time. */
static void a_debt_outlives_the_absence(void **state)
{
    (void)state;
    struct fleet fleet;
    fleet_init(&fleet, 1, 10, 200, 2);
    struct holder *one = &fleet.holders[0], *other = &fleet.holders[1];
    flood(&fleet, NULL, CLOCK_SECOND); /* each is told of the other */
    fleet.at_us += 60 * CLOCK_SECOND;  /* full, and no lease any more */
    fleet.is_away = true;
    flood(&fleet, one, 2 * CLOCK_SECOND);
    assert_true(one->lease.own_spent > 90 * one->lease.rate.period_us);
    fleet.is_away = false;
    flood(&fleet, other, 3 * CLOCK_SECOND);
    flood(&fleet, one, 2 * CLOCK_SECOND);
    assert_false(one->lease.on_its_own);
    assert_true(one->lease.own_spent > 50 * one->lease.rate.period_us);
    fleet.admitted = 0;
    struct fleet later = fleet;
    fleet.at_us += 12 * CLOCK_SECOND; /* no lease any more; half of the bucket, but for the debt */
    fleet.is_away = true;
    flood(&fleet, one, CLOCK_SECOND);
    assert_in_range(fleet.admitted, 1, 10); /* what comes alone: five a second */
    later.at_us += 60 * CLOCK_SECOND;       /* the bucket would have paid long ago */
    flood(&later, &later.holders[0], 2 * CLOCK_SECOND);
    assert_in_range(later.admitted, 170, 220);
}

/* The new master knows what the old one had passed on. */
static void a_failover_is_bounded(void **state)
{
    (void)state;
    static const int64_t RATE = 100, BURST = 100;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct fleet fleet;
        int64_t holders = 2 + (int64_t)seed % (HOLDERS_MAX - 1);
        fleet_init(&fleet, seed, RATE, BURST, (size_t)holders);
        allow_more(&fleet, 2 * BURST + BURST * (holders - 1) / holders + 2 * RATE);
        flood(&fleet, NULL, about(&fleet, 6 * CLOCK_SECOND));
        struct quota_state passed_on = fleet.state;
        flood(&fleet, NULL, about(&fleet, 200 * CLOCK_MILLISECOND));
        fleet.is_away = true;
        flood(&fleet, NULL, about(&fleet, 3 * CLOCK_SECOND));
        fleet.state = passed_on;
        fleet.is_away = false;
        flood(&fleet, NULL, 5 * CLOCK_SECOND);
        assert_false(fleet.is_above);
    }
}

/* Who asked before the others came takes all of the limit, and each of these its part. */
static void who_was_told_too_early_takes_too_much(void **state)
{
    (void)state;
    static const int64_t RATE = 100, BURST = 100, SECONDS = 60;
    struct fleet fleet;
    fleet_init(&fleet, 1, RATE, BURST, 2);
    request(&fleet, &fleet.holders[0]);
    request(&fleet, &fleet.holders[1]);
    assert_int_equal(fleet.holders[0].lease.holders, 1);
    assert_int_equal(fleet.holders[1].lease.holders, 2);
    fleet.is_away = true;
    flood(&fleet, NULL, SECONDS * CLOCK_SECOND);
    assert_in_range(fleet.admitted, RATE * SECONDS * 14 / 10, RATE * SECONDS * 15 / 10 + 2 * BURST);
}

/* Redis has forgotten those who are not back yet: whoever comes first does not take their part when it is away again.
 */
static void who_is_back_first_counts_the_others_for_a_minute(void **state)
{
    (void)state;
    struct fleet fleet;
    fleet_init(&fleet, 1, 100, 100, 2);
    struct holder *first = &fleet.holders[0];
    flood(&fleet, NULL, 5 * CLOCK_SECOND);
    assert_int_equal(first->lease.holders, 2);
    fleet.is_away = true;
    flood(&fleet, NULL, 20 * CLOCK_SECOND);
    fleet.is_away = false;
    flood(&fleet, first, 5 * CLOCK_SECOND);
    assert_false(first->lease.on_its_own);
    assert_int_equal(first->lease.holders, 2);
    flood(&fleet, first, 60 * CLOCK_SECOND);
    assert_int_equal(first->lease.holders, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_loses_redis_again_and_again_has_one_limit),
        cmocka_unit_test(many_that_lose_redis_again_and_again_have_one_limit),
        cmocka_unit_test(a_debt_outlives_the_absence),
        cmocka_unit_test(a_failover_is_bounded),
        cmocka_unit_test(who_was_told_too_early_takes_too_much),
        cmocka_unit_test(who_is_back_first_counts_the_others_for_a_minute),
    };
    return cmocka_run_group_tests(tests, quota_server_set_up, quota_server_tear_down);
}
