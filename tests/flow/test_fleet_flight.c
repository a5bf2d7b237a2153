/* SPDX-License-Identifier: MIT */
/* One flight for several gateways: who leads, who follows, who pays, and what becomes of those who follow when the
 * leader answers, fails, gives up or dies, or when Redis does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet_street.h"

static struct street street;

static int set_up(void **state)
{
    street_open(&street);
    street_build(&street);
    street_build(&street);
    street_build(&street);
    *state = &street;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    street_close(&street);
    return 0;
}

static struct house *const a = &street.houses[0];
static struct house *const b = &street.houses[1];
static struct house *const c = &street.houses[2];

static int64_t count(const struct house *house, enum metric metric)
{
    return metrics_read(house->metrics, metric);
}

static void equal_misses_are_one_call(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    struct question *first = street_ask(a, "x"), *second = street_ask(b, "x"), *third = street_ask(c, "x");
    struct question *fourth = street_ask(a, "x");
    assert_int_equal(street.nexudus.searches, 1);
    assert_int_equal(second->charged, 0); /* given back as soon as it is known that another pays */
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(street.nexudus.searches, 1);
    assert_int_equal(street.nexudus.logins, 1);
    assert_true(first->ask.verdict == ASK_OK && !first->ask.collapsed && first->charged == 1);
    struct question *others[] = {second, third, fourth};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(others[i]->answers, 1);
        assert_int_equal(others[i]->ask.verdict, ASK_OK);
        assert_true(others[i]->ask.collapsed && others[i]->ask.stored);
        assert_int_equal(others[i]->ask.status, 200);
        assert_int_equal(others[i]->charged, 0);
        assert_ptr_equal(others[i]->ask.window_entry, first->ask.window_entry);
    }
    assert_int_equal(count(a, METRIC_FLEET_LED), 1);
    assert_int_equal(count(b, METRIC_FLEET_FOLLOWED), 1);
    assert_int_equal(count(c, METRIC_FLEET_FOLLOWED), 1);
}

/* Without messages: by looking. */
static void who_hears_nothing_looks(void **state)
{
    (void)state;
    puppet_channels_link(&street.channels, b->feed, false);
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x");
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(second->answers, 0);
    street_move(&street, CLOCK_SECOND);
    assert_int_equal(second->answers, 1);
    assert_true(second->ask.collapsed);
    assert_int_equal(street.nexudus.searches, 1);
}

/* The end is told before the answer to the question who flies it has come. */
static void an_end_that_overtakes_is_not_missed(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    street.channels.is_held = true;
    struct question *second = street_ask(b, "x");
    b->redis.is_held = true;
    puppet_release(&street.nexudus);
    street_settle(&street);
    puppet_channels_release(&street.channels);
    b->redis.is_held = false;
    puppet_redis_release(&b->redis);
    street_settle(&street);
    assert_int_equal(second->answers, 1);
    assert_int_equal(street.nexudus.searches, 1);
}

/* Its lookup in the store was before the landing, its ask comes after. */
static void who_comes_just_after_the_end_takes_it(void **state)
{
    (void)state;
    struct question *late = street_prepare(&street, "x");
    street_move(&street, 1000);
    street_ask(a, "x");
    street_move(&street, 2 * CLOCK_SECOND);
    fetcher_ask(b->fetcher, &late->ask);
    street_settle(&street);
    assert_int_equal(late->answers, 1);
    assert_true(late->ask.collapsed && late->charged == 0);
    assert_int_equal(street.nexudus.searches, 1);
}

/* It has seen the store with that window in it, and was not content. */
static void who_came_after_the_end_flies_again(void **state)
{
    (void)state;
    street_ask(a, "x");
    street_move(&street, 1000);
    struct question *second = street_ask(b, "x");
    assert_true(second->ask.verdict == ASK_OK && !second->ask.collapsed);
    assert_int_equal(street.nexudus.searches, 2);
}

static void a_refresh_is_made_once_in_a_moment(void **state)
{
    (void)state;
    street_ask(a, "x");
    street_move(&street, 1000);
    struct question *refresh = street_prepare(&street, "x");
    refresh->ask.background = true;
    refresh->ask.on_charge = NULL;
    refresh->ask.on_refund = NULL;
    fetcher_ask(b->fetcher, &refresh->ask);
    street_settle(&street);
    assert_int_equal(refresh->ask.verdict, ASK_OK);
    assert_int_equal(street.nexudus.searches, 1);
}

static void who_wants_it_anew_does_not_follow(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *anew = street_prepare(&street, "x");
    anew->ask.anew = true;
    fetcher_ask(b->fetcher, &anew->ask);
    street_settle(&street);
    assert_int_equal(street.nexudus.searches, 2);
    assert_int_equal(count(b, METRIC_FLEET_ALONE), 1);
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_true(anew->ask.verdict == ASK_OK && !anew->ask.collapsed);
}

/* It boards no flight that may turn out to follow one that began before. */
static void who_wants_it_anew_boards_no_follower(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *follower = street_ask(b, "x");
    struct question *anew = street_prepare(&street, "x");
    anew->ask.anew = true;
    fetcher_ask(b->fetcher, &anew->ask);
    street_settle(&street);
    assert_int_equal(street.nexudus.searches, 2);
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_true(follower->ask.collapsed && !anew->ask.collapsed);
}

static void what_is_not_to_be_stored_is_not_for_others(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    struct question *secretive = street_prepare(&street, "x");
    secretive->ask.store = false;
    fetcher_ask(a->fetcher, &secretive->ask);
    street_settle(&street);
    street_ask(b, "x");
    assert_int_equal(street.nexudus.searches, 2);
    puppet_release(&street.nexudus);
    street_settle(&street);
}

static void a_failure_reaches_all(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x");
    puppet_next_search(&street.nexudus, (struct puppet_answer){.status = 500});
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(second->answers, 1);
    assert_int_equal(second->ask.verdict, ASK_OUTAGE);
    assert_int_equal(second->ask.status, 500);
    assert_true(second->ask.retry_after_us > 0);
    assert_int_equal(street.nexudus.searches, 1);
}

static void a_cap_that_one_met_is_known_to_all(void **state)
{
    (void)state;
    street.nexudus.total_items = 300;
    street.nexudus.cap = 100;
    street.nexudus.hold_searches = true;
    struct question *first = street_ask(a, "x"), *second = street_ask(b, "x");
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(first->ask.verdict, ASK_CAPPED);
    assert_int_equal(second->ask.verdict, ASK_CAPPED);
    assert_int_equal(second->ask.cap, 100);
    assert_int_equal(first->charged + second->charged, 0);
    assert_int_equal(fetcher_cap(b->fetcher, street.schema), 100);
    assert_int_equal(fetcher_cap(c->fetcher, street.schema), 0); /* who has not asked learns it when it does */
    assert_int_equal(street.nexudus.searches, 1);
}

static void a_refused_query_is_remembered_by_all(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x");
    puppet_next_search(&street.nexudus, (struct puppet_answer){.status = 400});
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(second->ask.verdict, ASK_BAD_QUERY);
    street_move(&street, CLOCK_SECOND);
    struct question *again = street_ask(b, "x");
    assert_int_equal(again->ask.verdict, ASK_BAD_QUERY);
    assert_true(again->ask.remembered_us > 0);
    assert_int_equal(street.nexudus.searches, 1);
}

/* Its patience in its own queue is over: that is not the others' affair. */
static void a_leader_that_gives_up_hands_over(void **state)
{
    (void)state;
    street.nexudus.hold_tokens = true;
    struct question *impatient = street_prepare(&street, "x");
    impatient->ask.impatient = true;
    impatient->ask.patience_us = 0;
    fetcher_ask(a->fetcher, &impatient->ask);
    street_settle(&street);
    struct question *second = street_ask(b, "x");
    struct question *third = street_ask(c, "x");
    street_move(&street, 10 * CLOCK_SECOND); /* the login took too long for the first */
    assert_int_equal(impatient->answers, 1);
    puppet_release(&street.nexudus);
    for (int i = 0; i < 20 && third->answers + second->answers < 2; i++) {
        puppet_release(&street.nexudus);
        street_move(&street, 100 * CLOCK_MILLISECOND);
    }
    assert_int_equal(second->ask.verdict, ASK_OK);
    assert_int_equal(third->ask.verdict, ASK_OK);
    assert_int_equal(second->charged + third->charged, 1);
    assert_int_equal(street.nexudus.searches, 1);
    assert_int_equal(count(b, METRIC_FLEET_TAKEN_OVER) + count(c, METRIC_FLEET_TAKEN_OVER), 1);
}

static void a_dead_leader_is_followed_by_another(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x"), *third = street_ask(c, "x");
    street_kill(a);
    street.nexudus.hold_searches = false;
    for (int i = 0; i < 70 && second->answers == 0; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    street_move(&street, CLOCK_SECOND);
    assert_int_equal(second->ask.verdict, ASK_OK);
    assert_int_equal(third->ask.verdict, ASK_OK);
    assert_int_equal(street.nexudus.searches, 2);
    assert_int_equal(second->charged + third->charged, 1);
    assert_int_equal(second->ask.collapsed + third->ask.collapsed, 1);
}

/* A leader that lives is followed however long it takes. */
static void a_lead_is_kept_as_long_as_it_takes(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x");
    for (int i = 0; i < 90; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_int_equal(street.nexudus.searches, 1);
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_true(second->ask.verdict == ASK_OK && second->ask.collapsed);
}

/* It hears that the window is there, and does not live to see it. */
static void who_gives_up_while_it_looks_is_not_found(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *follower = street_ask(b, "x");
    street.holds_finds = true;
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(street.find_count, 1);
    assert_int_equal(follower->answers, 0);
    street_move(&street, street.options.max_wait_us + street.options.timeout_us);
    assert_int_equal(follower->answers, 1);
    assert_int_equal(follower->ask.verdict, ASK_TIMEOUT);
    assert_null(street.finds[0]); /* it has told the store so */
    street_release_finds(&street);
    assert_int_equal(follower->answers, 1);
    struct question *next = street_ask(b, "y");
    assert_int_equal(next->ask.verdict, ASK_OK);
}

static struct question *ask_with_patience(struct house *house, bool background, int64_t patience_us)
{
    struct question *question = street_prepare(&street, "x");
    question->ask.background = background;
    question->ask.impatient = true;
    question->ask.patience_us = patience_us;
    fetcher_ask(house->fetcher, &question->ask);
    street_settle(&street);
    return question;
}

static void renew_foreign_lead(void)
{
    street_redis(&street, "SET", "t:flight:v1:webhooks:x", "F0123456789abcdef01234567", "PX", "5000", NULL);
}

/* A leader that lives, and neither answers nor lets go, is followed for as long as a search may wait for its turn and a
 * call may take. Who came later has its own time. */
static void a_lead_without_an_end_is_given_up(void **state)
{
    (void)state;
    const int64_t step_us = 100 * CLOCK_MILLISECOND;
    const int64_t patience_us = street.options.max_wait_us + street.options.timeout_us;
    renew_foreign_lead();
    struct question *first = street_ask(b, "x"), *late = NULL;
    assert_int_equal(count(b, METRIC_FLEET_FOLLOWED), 1);
    for (int64_t waited_us = 0; waited_us + step_us < patience_us; waited_us += step_us) {
        renew_foreign_lead();
        street_move(&street, step_us);
        if (waited_us == 3 * CLOCK_SECOND)
            late = street_ask(c, "x");
    }
    assert_int_equal(first->answers, 0);
    street_move(&street, step_us);
    assert_int_equal(first->answers, 1);
    assert_int_equal(first->ask.verdict, ASK_TIMEOUT);
    assert_string_equal(first->ask.why, "another gateway's call to Nexudus took too long");
    assert_int_equal(first->charged, 0);
    assert_int_equal(late->answers, 0);
    assert_int_equal(street.nexudus.searches, 0);
    street_redis(&street, "DEL", "t:flight:v1:webhooks:x", NULL); /* it lets go after all */
    for (int i = 0; i < 20 && late->answers == 0; i++)
        street_move(&street, step_us);
    assert_int_equal(late->ask.verdict, ASK_OK);
    assert_int_equal(street.nexudus.searches, 1);
}

/* Whoever boards makes the flight wait as long as it would itself: who is more patient than those aboard, and whoever
 * does not ask in the background. */
static void who_boards_a_follower_brings_its_patience(void **state)
{
    (void)state;
    const int64_t step_us = 100 * CLOCK_MILLISECOND, call_us = street.options.timeout_us;
    struct {
        bool background;
        int64_t first_us, second_us;
    } cases[] = {
        {false, CLOCK_SECOND, 3 * CLOCK_SECOND},
        {true, 3 * CLOCK_SECOND, CLOCK_SECOND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        renew_foreign_lead();
        struct question *first = ask_with_patience(b, cases[i].background, cases[i].first_us);
        struct question *idle = ask_with_patience(b, true, 5 * CLOCK_SECOND); /* says nothing about it */
        struct question *second = ask_with_patience(b, false, cases[i].second_us);
        for (int64_t waited_us = 0; waited_us + step_us < cases[i].second_us + call_us; waited_us += step_us) {
            renew_foreign_lead();
            street_move(&street, step_us);
        }
        assert_int_equal(first->answers + idle->answers + second->answers, 0);
        street_move(&street, step_us);
        assert_int_equal(second->answers, 1);
        assert_int_equal(second->ask.verdict, ASK_TIMEOUT);
        assert_int_equal(first->answers + idle->answers, 2);
    }
    assert_int_equal(street.nexudus.searches, 0);
}

static void who_cannot_pay_leaves_when_it_must_lead(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *poor = street_ask(b, "x"), *rich = street_ask(b, "x");
    poor->is_broke = true;
    street_kill(a);
    street.nexudus.hold_searches = false;
    for (int i = 0; i < 70; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_int_equal(poor->ask.verdict, ASK_UNCHARGED);
    assert_int_equal(rich->ask.verdict, ASK_OK);
    assert_int_equal(rich->charged, 1);
}

static void nobody_who_can_pay_is_no_flight(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *poor = street_ask(b, "x");
    poor->is_broke = true;
    street_kill(a);
    for (int i = 0; i < 70; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_int_equal(poor->ask.verdict, ASK_UNCHARGED);
    assert_int_equal(street.nexudus.searches, 1);
    street.nexudus.hold_searches = false;
    struct question *third = street_ask(c, "x"); /* the lead was given back */
    assert_int_equal(third->ask.verdict, ASK_OK);
}

static void without_redis_each_flies_alone(void **state)
{
    (void)state;
    a->redis.is_away = b->redis.is_away = true;
    street.nexudus.hold_searches = true;
    struct question *first = street_ask(a, "x"), *second = street_ask(b, "x");
    street_move(&street, CLOCK_SECOND); /* the share of the budget */
    for (int i = 0; i < 70 && street.nexudus.searches < 2; i++) {
        puppet_release(&street.nexudus);
        street_move(&street, 100 * CLOCK_MILLISECOND);
    }
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(street.nexudus.searches, 2);
    assert_true(first->ask.verdict == ASK_OK && second->ask.verdict == ASK_OK);
    assert_int_equal(count(b, METRIC_FLEET_ALONE), 1);
}

/* A lock that was taken by a call whose answer was lost is found to be ours. */
static void redis_that_dies_while_one_waits_lets_it_go_on(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x");
    b->redis.is_away = true;
    street_move(&street, 2 * CLOCK_SECOND);
    street_move(&street, CLOCK_SECOND);
    assert_int_equal(street.nexudus.searches, 2);
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_true(second->ask.verdict == ASK_OK && !second->ask.collapsed);
}

static void a_window_that_is_not_shared_is_fetched_by_each(void **state)
{
    (void)state;
    street.loses_windows = true;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x");
    puppet_release(&street.nexudus);
    street.nexudus.hold_searches = false;
    street_settle(&street);
    street_move(&street, CLOCK_SECOND);
    assert_true(second->ask.verdict == ASK_OK && !second->ask.collapsed && second->charged == 1);
    assert_int_equal(street.nexudus.searches, 2);
}

/* Others are told when the window is there, and not before; its own do not wait for that. */
static void the_others_are_told_when_the_window_is_there(void **state)
{
    (void)state;
    street.holds_copies = true;
    street.nexudus.hold_searches = true;
    struct question *first = street_ask(a, "x"), *second = street_ask(b, "x");
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(first->answers, 1);
    assert_int_equal(second->answers, 0);
    street_release_copies(&street);
    assert_int_equal(second->answers, 1);
    assert_true(second->ask.collapsed);
}

static void a_closing_leader_hands_over(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    struct question *first = street_ask(a, "x"), *second = street_ask(b, "x");
    fetcher_close(a->fetcher);
    street_settle(&street);
    assert_int_equal(first->ask.verdict, ASK_CLOSING);
    assert_int_equal(street.nexudus.searches, 2);
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(second->ask.verdict, ASK_OK);
}

/* Bytes that nobody of ours has written, in the key or on the channel. */
static void nonsense_is_no_news(void **state)
{
    static const char *const messages[] = {"",
                                           "F",
                                           "F1",
                                           "Fx y",
                                           "F5 t:fl",
                                           "F-1 x",
                                           "F99999999999999999999 x",
                                           "Bx",
                                           "B-1",
                                           "L",
                                           "Z",
                                           "F16 t:flight:v1:webh",
                                           "F22 t:flight:v1:webhooks:x000000000000000000000000"
                                           "9 nonsense"};
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    struct question *second = street_ask(b, "x");
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        fetcher_hear(b->fetcher, slice_of(messages[i]));
        street_settle(&street);
    }
    assert_int_equal(second->answers, 0);
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_true(second->ask.verdict == ASK_OK && second->ask.collapsed);
    assert_int_equal(street.nexudus.searches, 1);
}

/* Its question takes the lead after it has left: nobody flies then. */
static void a_gateway_that_closes_leaves_no_lead_behind(void **state)
{
    (void)state;
    a->redis.is_held = true;
    a->redis.runs_cancelled = true;
    street_ask(a, "x");
    fetcher_close(a->fetcher);
    puppet_redis_release(&a->redis);
    street_settle(&street);
    struct question *second = street_ask(b, "x");
    assert_int_equal(second->answers, 1);
    assert_int_equal(second->ask.verdict, ASK_OK);
}

static void put_value(const char *value)
{
    street_redis(&street, "SET", "t:flight:v1:webhooks:x", value, NULL);
}

/* Anything else than a lock or an end that we could have written is nobody's, and nobody waits for it. */
static void what_is_no_flight_is_overwritten(void **state)
{
    static const char *const wild[] = {
        "",
        "F",
        "Fx",
        "E",
        "E1",
        "F0123456789abcdef01234567",
        "Ezzzzzzzzzzzzzzzz0123456789abcdef012345671 ok 1 200 0 0 ",
        "E00000000000000010123456789abcdef0123456z1 ok 1 200 0 0 ",
        "E99999999999999990123456789abcdef012345671 outage 0 503 1000 0 x",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        put_value(wild[i]);
        struct question *question = street_ask(a, "x");
        assert_int_equal(question->answers, 1);
        assert_int_equal(question->ask.verdict, ASK_OK);
        assert_int_equal(street.nexudus.searches, i + 1);
        street_move(&street, 2 * CLOCK_SECOND);
    }
}

/* Redis's clock jumps back by an hour: the end of before is not good for all searches of that hour, */
static void a_clock_that_jumps_back_ends_the_news(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++)
        puppet_next_search(&street.nexudus, (struct puppet_answer){.status = 400});
    struct question *first = street_ask(a, "x");
    assert_int_equal(first->ask.verdict, ASK_BAD_QUERY);
    street.store.skew_us = -3600 * CLOCK_SECOND;
    street_move(&street, 20 * CLOCK_SECOND);
    struct question *second = street_ask(b, "x");
    assert_int_equal(second->answers, 1);
    assert_int_equal(street.nexudus.searches, 2);
}

/* and a leader that died in it is not waited for until its end. */
static void a_clock_that_jumps_back_ends_a_lead(void **state)
{
    (void)state;
    street.nexudus.hold_searches = true;
    street_ask(a, "x");
    street.store.skew_us = -3600 * CLOCK_SECOND;
    street_kill(a);
    a->redis.is_held = false;
    street.nexudus.hold_searches = false;
    street_redis(&street, "SET", "t:flight:v1:webhooks:x", "F0123456789abcdef01234567", "PX", "3605000", NULL);
    struct question *second = street_ask(b, "x");
    for (int i = 0; i < 100 && second->answers == 0; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_int_equal(second->ask.verdict, ASK_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_misses_are_one_call),
        TEST(who_hears_nothing_looks),
        TEST(an_end_that_overtakes_is_not_missed),
        TEST(who_comes_just_after_the_end_takes_it),
        TEST(who_came_after_the_end_flies_again),
        TEST(a_refresh_is_made_once_in_a_moment),
        TEST(who_wants_it_anew_does_not_follow),
        TEST(who_wants_it_anew_boards_no_follower),
        TEST(what_is_not_to_be_stored_is_not_for_others),
        TEST(a_failure_reaches_all),
        TEST(a_cap_that_one_met_is_known_to_all),
        TEST(a_refused_query_is_remembered_by_all),
        TEST(a_leader_that_gives_up_hands_over),
        TEST(a_dead_leader_is_followed_by_another),
        TEST(a_lead_is_kept_as_long_as_it_takes),
        TEST(a_lead_without_an_end_is_given_up),
        TEST(who_gives_up_while_it_looks_is_not_found),
        TEST(who_boards_a_follower_brings_its_patience),
        TEST(who_cannot_pay_leaves_when_it_must_lead),
        TEST(nobody_who_can_pay_is_no_flight),
        TEST(without_redis_each_flies_alone),
        TEST(redis_that_dies_while_one_waits_lets_it_go_on),
        TEST(a_window_that_is_not_shared_is_fetched_by_each),
        TEST(the_others_are_told_when_the_window_is_there),
        TEST(a_closing_leader_hands_over),
        TEST(nonsense_is_no_news),
        TEST(a_gateway_that_closes_leaves_no_lead_behind),
        TEST(what_is_no_flight_is_overwritten),
        TEST(a_clock_that_jumps_back_ends_the_news),
        TEST(a_clock_that_jumps_back_ends_a_lead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
