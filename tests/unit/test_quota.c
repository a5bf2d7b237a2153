/* SPDX-License-Identifier: MIT */
/* What a client may still ask: every limit alone, together, on a dry run, and counted by many threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/quota.h"

#include <pthread.h>
#include <stdatomic.h>

static const int64_t START = 1000 * CLOCK_SECOND;

static struct client make_client(struct client_policy policy)
{
    return (struct client){.name = SLICE("test"), .policy = policy, .account = quota_account_new(&policy)};
}

static struct client_policy rate_policy(int64_t count, int64_t period_us, int64_t burst)
{
    struct client_policy policy = {.has_rate = true, .weight = 1};
    assert_true(rate_init(&policy.rate, count, period_us, burst));
    return policy;
}

/* Begins and ends one request. */
static enum quota_verdict ask(struct client *client, int64_t now_us)
{
    struct quota_view view;
    int64_t retry_us;
    enum quota_verdict verdict = quota_begin(client, now_us, now_us, &view, &retry_us);
    if (verdict == QUOTA_OK || verdict == QUOTA_DRY_RUN)
        quota_end(client);
    return verdict;
}

static enum quota_verdict charge(struct client *client, int64_t wall_us)
{
    int64_t receipt;
    enum quota_verdict verdict = quota_charge_miss(client, START, wall_us, &receipt);
    if (verdict == QUOTA_OK)
        assert_int_equal(receipt, wall_us);
    return verdict;
}

static void a_steady_flood_gets_exactly_its_rate(void **state)
{
    (void)state;
    struct client client = make_client(rate_policy(10, CLOCK_SECOND, 20));
    int admitted = 0;
    for (int64_t at = 0; at <= 5 * CLOCK_SECOND; at += CLOCK_MILLISECOND)
        admitted += ask(&client, START + at) == QUOTA_OK;
    assert_int_equal(admitted, 70);
    quota_account_unref(client.account);
}

static void three_a_second_for_an_hour_is_never_one_too_many(void **state)
{
    (void)state;
    struct client client = make_client(rate_policy(3, CLOCK_SECOND, 3));
    int64_t admitted = 0;
    for (int64_t at = 0; at <= 3600 * CLOCK_SECOND; at += 7919) { /* a step that divides nothing */
        admitted += ask(&client, START + at) == QUOTA_OK;
        assert_true(admitted <= 3 + 3 * at / CLOCK_SECOND);
    }
    assert_true(admitted >= 3 + 3 * 3600 - 1);
    quota_account_unref(client.account);
}

static void a_refusal_costs_nothing_and_says_when(void **state)
{
    (void)state;
    struct client client = make_client(rate_policy(2, CLOCK_SECOND, 1));
    struct quota_view view;
    int64_t retry_us;
    assert_int_equal(quota_begin(&client, START, START, &view, &retry_us), QUOTA_OK);
    assert_int_equal(view.rate_left, 0);
    assert_int_equal(view.rate_full_us, CLOCK_SECOND / 2);
    quota_end(&client);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(quota_begin(&client, START + 100, START, &view, &retry_us), QUOTA_RATE);
        assert_int_equal(retry_us, CLOCK_SECOND / 2 - 100);
    }
    assert_int_equal(ask(&client, START + 100 + retry_us - 1), QUOTA_RATE);
    assert_int_equal(ask(&client, START + 100 + retry_us), QUOTA_OK);
    quota_account_unref(client.account);
}

static void a_returned_token_can_be_taken_again(void **state)
{
    (void)state;
    struct client client = make_client(rate_policy(1, CLOCK_SECOND, 1));
    assert_int_equal(ask(&client, START), QUOTA_OK);
    quota_return(&client, START);
    assert_int_equal(ask(&client, START), QUOTA_OK);
    assert_int_equal(ask(&client, START), QUOTA_RATE);
    quota_account_unref(client.account);
}

static void misses_are_counted_by_the_utc_day(void **state)
{
    (void)state;
    struct client_policy policy = {.has_misses = true, .weight = 1, .misses = {2, CLOCK_DAY}};
    struct client client = make_client(policy);
    int64_t evening = 20000 * CLOCK_DAY - CLOCK_SECOND;
    struct quota_view view;
    assert_int_equal(charge(&client, evening), QUOTA_OK);
    assert_int_equal(charge(&client, evening), QUOTA_OK);
    assert_int_equal(charge(&client, evening), QUOTA_MISSES);
    quota_look(&client, START, evening, &view);
    assert_int_equal(view.misses_left, 0);
    assert_int_equal(view.misses_next_us, CLOCK_SECOND);
    quota_refund_miss(&client, evening);
    assert_int_equal(charge(&client, evening), QUOTA_OK);
    int64_t morning = evening + CLOCK_SECOND;
    assert_int_equal(charge(&client, morning), QUOTA_OK);
    quota_refund_miss(&client, evening); /* yesterday's refund is not today's */
    assert_int_equal(charge(&client, morning), QUOTA_OK);
    assert_int_equal(charge(&client, morning), QUOTA_MISSES);
    quota_account_unref(client.account);
}

static void concurrency_counts_what_is_in_progress(void **state)
{
    (void)state;
    struct client_policy policy = rate_policy(1, CLOCK_SECOND, 3);
    policy.concurrency = 2;
    struct client client = make_client(policy);
    struct quota_view view;
    int64_t retry_us;
    assert_int_equal(quota_begin(&client, START, START, &view, &retry_us), QUOTA_OK);
    assert_int_equal(quota_begin(&client, START, START, &view, &retry_us), QUOTA_OK);
    assert_int_equal(quota_begin(&client, START, START, &view, &retry_us), QUOTA_CONCURRENCY);
    assert_int_equal(view.rate_left, 1); /* the refusal took no token */
    assert_true(retry_us > 0);
    quota_end(&client);
    assert_int_equal(quota_begin(&client, START, START, &view, &retry_us), QUOTA_OK);
    quota_end(&client);
    quota_end(&client);
    quota_account_unref(client.account);
}

static void a_dry_run_refuses_nobody(void **state)
{
    (void)state;
    struct client_policy policy = rate_policy(1, CLOCK_SECOND, 1);
    policy.dry_run = true;
    policy.has_misses = true;
    policy.misses = (struct rate_window){1, CLOCK_DAY};
    struct client client = make_client(policy);
    assert_int_equal(ask(&client, START), QUOTA_OK);
    assert_int_equal(ask(&client, START), QUOTA_DRY_RUN);
    assert_int_equal(charge(&client, START), QUOTA_OK);
    assert_int_equal(charge(&client, START), QUOTA_DRY_RUN);
    quota_account_unref(client.account);
}

static void without_limits_all_pass(void **state)
{
    (void)state;
    struct client client = make_client((struct client_policy){.weight = 1});
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ask(&client, START), QUOTA_OK);
    assert_int_equal(charge(&client, START), QUOTA_OK);
    quota_account_unref(client.account);
}

/* What a reload does to an account. */

static struct quota_view look(struct client *client, int64_t at_us)
{
    struct quota_view view;
    quota_look(client, at_us, at_us, &view);
    return view;
}

static void what_was_spent_stays_spent_after_a_reload(void **state)
{
    (void)state;
    struct client client = make_client(rate_policy(1, CLOCK_SECOND, 10));
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(&client, START), QUOTA_OK);
    client.policy = rate_policy(100, CLOCK_SECOND, 50);
    quota_account_change(client.account, &client.policy, START, START);
    assert_int_equal(look(&client, START).rate_left, 46);
    client.policy = rate_policy(1, 3 * CLOCK_SECOND, 5);
    quota_account_change(client.account, &client.policy, START, START);
    assert_int_equal(look(&client, START).rate_left, 1);
    client.policy = rate_policy(1, 3 * CLOCK_SECOND, 2);
    quota_account_change(client.account, &client.policy, START, START);
    assert_int_equal(ask(&client, START), QUOTA_RATE); /* never less than nothing */
    assert_int_equal(ask(&client, START + 3 * CLOCK_SECOND), QUOTA_OK);
    quota_account_unref(client.account);
}

static void a_reload_gives_nobody_a_token(void **state)
{
    (void)state;
    struct client client = make_client(rate_policy(3, 7, 1000));
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ask(&client, START), QUOTA_OK);
    for (int i = 0; i < 1000; i++) { /* back and forth: what is rounded is never rounded in the client's favour */
        client.policy = i % 2 == 0 ? rate_policy(7, 11, 1000) : rate_policy(3, 7, 1000);
        quota_account_change(client.account, &client.policy, START, START);
        assert_int_equal(ask(&client, START), QUOTA_RATE);
    }
    quota_account_unref(client.account);
}

static void a_rate_that_comes_with_a_reload_starts_full(void **state)
{
    (void)state;
    struct client client = make_client((struct client_policy){.weight = 1});
    assert_int_equal(ask(&client, START), QUOTA_OK);
    client.policy = rate_policy(1, CLOCK_SECOND, 2);
    quota_account_change(client.account, &client.policy, START, START);
    assert_int_equal(ask(&client, START), QUOTA_OK);
    assert_int_equal(ask(&client, START), QUOTA_OK);
    assert_int_equal(ask(&client, START), QUOTA_RATE);
    quota_account_unref(client.account);
}

static void spend_misses(struct client *client, int count, int64_t at_us)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(charge(client, at_us), QUOTA_OK);
}

static void misses_go_on_in_another_window(void **state)
{
    (void)state;
    const int64_t noon = 20000 * CLOCK_DAY + CLOCK_DAY / 2, hour = 3600 * CLOCK_SECOND;
    struct client client =
        make_client((struct client_policy){.weight = 1, .has_misses = true, .misses = {10, CLOCK_DAY}});
    spend_misses(&client, 3, noon);
    client.policy.misses = (struct rate_window){5, hour};
    quota_account_change(client.account, &client.policy, noon, noon);
    assert_int_equal(look(&client, noon).misses_left, 2);
    assert_int_equal(look(&client, noon + hour).misses_left, 5);
    spend_misses(&client, 4, noon + hour);
    client.policy.misses = (struct rate_window){6, CLOCK_DAY};
    quota_account_change(client.account, &client.policy, noon + hour, noon + hour);
    assert_int_equal(look(&client, noon + hour).misses_left, 2);
    client.policy.misses = (struct rate_window){6, hour};
    quota_account_change(client.account, &client.policy, noon + 2 * CLOCK_DAY, noon + 2 * CLOCK_DAY);
    assert_int_equal(look(&client, noon + 2 * CLOCK_DAY).misses_left, 6); /* its day was over */
    quota_account_unref(client.account);
}

static const uint8_t KEY[1][HASH_SHA256_BYTES] = {{1}};

static struct roster *roster_of(const char *name, struct client_policy policy)
{
    char why[64];
    struct roster *roster = roster_new();
    assert_true(roster_add(roster, slice_of(name), KEY, 1, &(struct scope){.all = true}, &policy, why, sizeof(why)));
    return roster;
}

static void a_client_keeps_its_account_by_name(void **state)
{
    (void)state;
    struct roster *first = roster_of("a", rate_policy(1, CLOCK_SECOND, 2));
    struct client *old = roster_at(first, 0);
    struct quota_view view;
    int64_t retry_us;
    assert_int_equal(quota_begin(old, START, START, &view, &retry_us), QUOTA_OK);
    struct roster *second = roster_of("a", rate_policy(1, CLOCK_SECOND, 3));
    roster_succeed(second, first, START, START);
    struct client *new = roster_at(second, 0);
    assert_ptr_equal(old->account, new->account);
    assert_int_equal(look(new, START).rate_left, 2);
    assert_int_equal(ask(old, START), QUOTA_OK); /* who still has the old one counts by the new limits */
    assert_int_equal(ask(new, START), QUOTA_OK);
    assert_int_equal(ask(old, START), QUOTA_RATE);
    quota_end(old);
    roster_free(first);
    struct roster *third = roster_of("b", rate_policy(1, CLOCK_SECOND, 3));
    roster_succeed(third, second, START, START);
    assert_ptr_not_equal(roster_at(third, 0)->account, new->account);
    assert_int_equal(ask(new, START), QUOTA_RATE);
    roster_free(second);
    roster_free(third);
}

struct flood {
    struct client *client;
    atomic_int *admitted;
};

static void *flood(void *context)
{
    struct flood *flood = context;
    for (int i = 0; i < 2000; i++) {
        if (ask(flood->client, START) == QUOTA_OK)
            atomic_fetch_add(flood->admitted, 1);
    }
    return NULL;
}

static void threads_share_one_bucket(void **state)
{
    (void)state;
    struct client client = make_client(rate_policy(1, CLOCK_SECOND, 1000));
    atomic_int admitted = 0;
    struct flood shared = {&client, &admitted};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, flood, &shared), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(admitted, 1000);
    quota_account_unref(client.account);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_steady_flood_gets_exactly_its_rate),
        cmocka_unit_test(three_a_second_for_an_hour_is_never_one_too_many),
        cmocka_unit_test(a_refusal_costs_nothing_and_says_when),
        cmocka_unit_test(a_returned_token_can_be_taken_again),
        cmocka_unit_test(misses_are_counted_by_the_utc_day),
        cmocka_unit_test(concurrency_counts_what_is_in_progress),
        cmocka_unit_test(a_dry_run_refuses_nobody),
        cmocka_unit_test(without_limits_all_pass),
        cmocka_unit_test(threads_share_one_bucket),
        cmocka_unit_test(what_was_spent_stays_spent_after_a_reload),
        cmocka_unit_test(a_reload_gives_nobody_a_token),
        cmocka_unit_test(a_rate_that_comes_with_a_reload_starts_full),
        cmocka_unit_test(misses_go_on_in_another_window),
        cmocka_unit_test(a_client_keeps_its_account_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
