/* SPDX-License-Identifier: MIT */
/* One upstream budget and one pause for several gateways: what starts when, counted over all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet_street.h"
#include "upstream/fetcher_change.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUDGET = 10 };

#define INTERVAL_US (100 * CLOCK_MILLISECOND)

static struct street street;

static struct house *const a = &street.houses[0];
static struct house *const b = &street.houses[1];

static int set_up(void **state)
{
    street_open(&street);
    for (int i = 0; i < 4; i++)
        street_build(&street);
    street_move(&street, 5 * CLOCK_SECOND); /* each has heard of all */
    *state = &street;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    street_close(&street);
    return 0;
}

static struct question *ask_new(struct house *house)
{
    static unsigned number;
    char name[24];

    snprintf(name, sizeof name, "n%u", number++);
    return street_ask(house, name);
}

/* Everybody has a token, and nothing is in the interval. */
static void warm_up(void)
{
    for (size_t i = 0; i < street.house_count; i++) {
        ask_new(&street.houses[i]);
        street_move(&street, CLOCK_SECOND);
    }
    assert_int_equal(street.nexudus.searches, street.house_count);
}

/* The most searches in any interval from the call numbered `from` on. */
static size_t most_in_an_interval(size_t from)
{
    size_t most = 0;

    for (size_t i = from; i < street.nexudus.searches; i++) {
        int64_t end_us = puppet_search(&street.nexudus, i)->started_us;
        size_t inside = 0;
        for (size_t j = from; j <= i; j++)
            inside += puppet_search(&street.nexudus, j)->started_us > end_us - INTERVAL_US;
        most = inside > most ? inside : most;
    }
    return most;
}

/* At least so many, in so many steps. */
static void move_until_searched(size_t searches, int64_t step_us, int steps)
{
    for (int i = 0; i < steps && street.nexudus.searches < searches; i++)
        street_move(&street, step_us);
    assert_true(street.nexudus.searches >= searches);
}

static void a_flood_on_all_keeps_to_one_budget(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    int64_t begin_us = loop_now(street.loop);
    for (int i = 0; i < 200; i++)
        ask_new(&street.houses[i % 4]);
    move_until_searched(from + 200, CLOCK_MILLISECOND, 4900);
    assert_in_range(most_in_an_interval(from), 1, BUDGET);
    /* And it is used: 200 calls are 19 intervals after the first, each with its margin. */
    assert_in_range(loop_now(street.loop) - begin_us, 19 * INTERVAL_US, 19 * INTERVAL_US * 3 / 2);
}

/* Each has its turn, whoever asks most. */
static void a_flood_on_one_leaves_room_for_another(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    for (int i = 0; i < 100; i++)
        ask_new(a);
    struct question *lonely = ask_new(b);
    for (int i = 0; i < 1000 && lonely->answers == 0; i++)
        street_move(&street, CLOCK_MILLISECOND);
    assert_int_equal(lonely->answers, 1);
    assert_true(street.nexudus.searches - from < 100);
    move_until_searched(from + 101, CLOCK_MILLISECOND, 4000);
    assert_in_range(most_in_an_interval(from), 1, BUDGET);
}

/* Its turn could not come in time as things are: it is told so at once, and when it would. */
static void who_cannot_be_served_in_time_is_told_at_once(void **state)
{
    (void)state;
    warm_up();
    for (int i = 0; i < 800; i++)
        ask_new(&street.houses[i % 4]);
    for (int i = 0; i < 1200; i++)
        street_move(&street, CLOCK_MILLISECOND);
    struct question *question =
        ask_new(a); /* the whole budget would take 1.8 s for those before it, its share takes 7 */
    assert_int_equal(question->answers, 1);
    assert_int_equal(question->ask.verdict, ASK_THROTTLED);
    assert_in_range(question->ask.retry_after_us, 5 * CLOCK_SECOND, 10 * CLOCK_SECOND);
    size_t from = street.nexudus.searches;
    for (int i = 0; i < 3000; i++)
        street_move(&street, CLOCK_MILLISECOND);
    assert_true(street.nexudus.searches - from > 250); /* the budget is used all the same */
}

/* The others are there and want nothing: the whole budget is ours, */
static void who_can_be_served_is_not_refused(void **state)
{
    (void)state;
    warm_up();
    size_t begin = street.asked;
    for (int i = 0; i < 400; i++)
        ask_new(a);
    for (int i = 0; i < 1000; i++)
        street_move(&street, CLOCK_MILLISECOND);
    for (int i = 0; i < 50; i++)
        ask_new(a);
    for (int i = 0; i < 6000; i++)
        street_move(&street, CLOCK_MILLISECOND);
    for (size_t i = begin; i < street.asked; i++)
        assert_int_equal(street.questions[i].ask.verdict, ASK_OK);
}

/* and it is again a moment after they have had enough. */
static void who_can_be_served_again_is_not_refused(void **state)
{
    (void)state;
    warm_up();
    for (int i = 0; i < 480; i++)
        ask_new(&street.houses[i % 4]);
    for (int i = 0; i < 1500; i++)
        street_move(&street, CLOCK_MILLISECOND);
    street_kill(&street.houses[1]);
    street_kill(&street.houses[2]);
    street_kill(&street.houses[3]);
    for (int i = 0; i < 400; i++)
        ask_new(a);
    for (int i = 0; i < 1000; i++)
        street_move(&street, CLOCK_MILLISECOND);
    struct question *question = ask_new(a);
    assert_int_equal(question->answers, 0);
    for (int i = 0; i < 5000; i++)
        street_move(&street, CLOCK_MILLISECOND);
    assert_int_equal(question->ask.verdict, ASK_OK);
}

/* Alone and idle, a search is not held up: its slot comes with the first answer. */
static void a_search_alone_starts_at_once(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    int64_t now_us = loop_now(street.loop);
    struct question *question = ask_new(a);
    assert_int_equal(question->answers, 1);
    assert_int_equal(puppet_search(&street.nexudus, from)->started_us, now_us);
}

/* Slots of who dies, or does not need them, are the others' soon. */
static void slots_that_nobody_uses_come_back(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    street.nexudus.hold_searches = true;
    ask_new(a);
    for (int i = 0; i < 40; i++)
        street_ask(b, "the same"), street_ask(a, "the same");
    street.nexudus.hold_searches = false;
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_int_equal(street.nexudus.searches, from + 2);
    for (int i = 0; i < BUDGET - 2; i++)
        ask_new(&street.houses[i % 4]);
    assert_int_equal(street.nexudus.searches, from + BUDGET);
}

static void a_pause_holds_all(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    puppet_next_search(&street.nexudus,
                       (struct puppet_answer){.status = 409, .says_retry = true, .retry_after_us = 2 * CLOCK_SECOND});
    ask_new(a);
    for (size_t i = 0; i < 4; i++)
        ask_new(&street.houses[i]);
    assert_int_equal(street.nexudus.searches, from + 1);
    street.nexudus.hold_searches = true;
    street_move(&street, 2 * CLOCK_SECOND - 1);
    assert_int_equal(street.nexudus.searches, from + 1);
    move_until_searched(from + 2, CLOCK_MILLISECOND, 500); /* with its jitter */
    street_move(&street, CLOCK_SECOND);
    assert_int_equal(street.nexudus.searches, from + 2); /* one is sent ahead, and all wait for its answer */
    street.nexudus.hold_searches = false;
    puppet_release(&street.nexudus);
    street_settle(&street);
    move_until_searched(from + 6, CLOCK_MILLISECOND, 500);
}

/* It is known from Redis, too. */
static void a_pause_is_found_by_who_did_not_hear(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    puppet_channels_link(&street.channels, b->feed, false);
    puppet_next_search(&street.nexudus,
                       (struct puppet_answer){.status = 409, .says_retry = true, .retry_after_us = 2 * CLOCK_SECOND});
    ask_new(a);
    ask_new(b);
    assert_int_equal(street.nexudus.searches, from + 1);
    move_until_searched(from + 3, CLOCK_MILLISECOND, 2700);
}

/* The one sent ahead dies with its gateway: another goes when its time is over. */
static void a_probe_that_dies_is_followed_by_another(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    puppet_next_search(&street.nexudus,
                       (struct puppet_answer){.status = 409, .says_retry = true, .retry_after_us = CLOCK_SECOND});
    ask_new(a);
    street.nexudus.hold_searches = true;
    move_until_searched(from + 2, CLOCK_MILLISECOND, 1300);
    street_kill(a);
    street.nexudus.hold_searches = false;
    struct question *next = NULL;
    for (int i = 0; i < 11 && (next == NULL || next->ask.verdict != ASK_OK || next->answers == 0); i++) {
        next = ask_new(b);
        for (int j = 0; j < 10 && next->answers == 0; j++)
            street_move(&street, 100 * CLOCK_MILLISECOND);
        if (next->answers == 0)
            for (int j = 0; j < 50 && next->answers == 0; j++)
                street_move(&street, 100 * CLOCK_MILLISECOND);
    }
    assert_int_equal(next->ask.verdict, ASK_OK);
}

/* For all four, or back again. */
static void set_redis_away(bool is_away)
{
    for (size_t i = 0; i < 4; i++)
        street.houses[i].redis.is_away = is_away;
}

/* Each keeps to its share, and nothing starts before the slots of the others have left the interval. */
static void without_redis_each_keeps_to_its_share(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    for (int i = 0; i < 40; i++)
        ask_new(&street.houses[i % 4]);
    set_redis_away(true);
    move_until_searched(from + 40, CLOCK_MILLISECOND, 4900);
    assert_in_range(most_in_an_interval(from), 1, BUDGET);
}

static void when_redis_is_back_the_budget_is_shared_again(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    set_redis_away(true);
    for (int i = 0; i < 80; i++)
        ask_new(&street.houses[i % 4]);
    move_until_searched(from + 20, CLOCK_MILLISECOND, 4000);
    set_redis_away(false);
    move_until_searched(from + 80, CLOCK_MILLISECOND, 4000);
    assert_in_range(most_in_an_interval(from), 1, BUDGET);
    assert_int_equal(street_logged(&street, "the upstream budget is shared again"), 4);
}

/* That a pause is over says nothing of what was started while Redis was away. */
static void a_pardon_does_not_lift_the_guard_of_a_return(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    set_redis_away(true);
    for (int i = 0; i < 120; i++)
        ask_new(&street.houses[i % 4]);
    move_until_searched(from + 20, CLOCK_MILLISECOND, 4000);
    set_redis_away(false);
    for (int i = 0; i < 2000; i++) {
        street_redis(&street, "PUBLISH", "t:fleet", "B0", NULL);
        street_move(&street, CLOCK_MILLISECOND);
    }
    move_until_searched(from + 120, CLOCK_MILLISECOND, 4000);
    assert_in_range(most_in_an_interval(from), 1, BUDGET);
    assert_int_equal(street_logged(&street, "the upstream budget is shared again"), 4);
}

/* Answers that come too late for their slots: the next ones are good for longer. */
static void slots_that_come_late_last_longer(void **state)
{
    (void)state;
    warm_up();
    a->redis.is_held = true;
    a->redis.timeout_us = CLOCK_SECOND;
    struct question *question = ask_new(a);
    for (int i = 0; i < 100 && question->answers == 0; i++) {
        street_move(&street, 30 * CLOCK_MILLISECOND); /* the way to Redis and back */
        puppet_redis_release(&a->redis);
        street_settle(&street);
    }
    assert_int_equal(question->ask.verdict, ASK_OK);
}

/* Redis's clock jumps back by an hour: what was given by the clock before does not lock anybody out. */
static void a_clock_that_jumps_back_locks_nobody_out(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    for (int i = 0; i < BUDGET; i++)
        ask_new(a);
    street.store.skew_us = -3600 * CLOCK_SECOND;
    for (int i = 0; i < BUDGET; i++)
        ask_new(b);
    move_until_searched(from + 2 * BUDGET, 10 * CLOCK_MILLISECOND, 400);
}

/* The same for a pause, and for the first call after it. */
static void a_clock_that_jumps_back_ends_a_pause(void **state)
{
    (void)state;
    warm_up();
    size_t from = street.nexudus.searches;
    puppet_next_search(&street.nexudus,
                       (struct puppet_answer){.status = 409, .says_retry = true, .retry_after_us = CLOCK_SECOND});
    ask_new(a);
    street.store.skew_us = -3600 * CLOCK_SECOND;
    street.nexudus.hold_searches = true;
    move_until_searched(from + 2, CLOCK_MILLISECOND, 1500);
    street.store.skew_us = -2 * 3600 * CLOCK_SECOND;
    street_kill(a);
    street.nexudus.hold_searches = false;
    ask_new(b);
    move_until_searched(from + 3, CLOCK_MILLISECOND, 1500);
}

/* Nor are gateways counted that cannot be there. */
static void a_clock_that_jumps_back_leaves_no_ghosts(void **state)
{
    (void)state;
    street_kill(&street.houses[2]);
    street_kill(&street.houses[3]);
    street.store.skew_us = -3600 * CLOCK_SECOND;
    street_move(&street, 6 * CLOCK_SECOND);
    a->redis.is_away = true;
    ask_new(a);
    street_move(&street, CLOCK_SECOND);
    assert_int_equal(
        street_logged(&street, "msg=\"the upstream budget is not shared\" why=\"Redis gives no answer\" gateways=2"),
        1);
}

/* Who reads the log of one that refuses looks for what it wants, not for a server that is gone. */
static void a_redis_that_refuses_is_not_said_to_be_silent(void **state)
{
    (void)state;
    a->redis.refusal = "OOM command not allowed when used memory > 'maxmemory'.";
    ask_new(a);
    street_move(&street, CLOCK_SECOND);
    assert_int_equal(street_logged(&street, "msg=\"the upstream budget is not shared\" why=\"Redis refuses: OOM\""), 1);
    assert_int_equal(street_logged(&street, "gives no answer"), 0);
}

/* Whatever stands in Redis of a pause, the next one is everybody's. */
static void a_pause_that_is_no_number_is_replaced(void **state)
{
    (void)state;
    static const char *const wild[] = {"nan", "inf", "-inf", "1e300", "x", ""};
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        street_redis(&street, "HSET", "t:{upstream}:pause", "until", wild[i], "from", wild[i], "probe_until", wild[i],
                     NULL);
        size_t from = street.nexudus.searches;
        puppet_next_search(&street.nexudus,
                           (struct puppet_answer){.status = 409, .says_retry = true, .retry_after_us = CLOCK_SECOND});
        for (int j = 0; j < 1000 && street.nexudus.searches == from; j++) {
            ask_new(a);
            street_move(&street, 100 * CLOCK_MILLISECOND);
        }
        assert_int_equal(street.nexudus.searches, from + 1);
        puppet_channels_link(&street.channels, b->feed, false);
        ask_new(b);
        assert_int_equal(street.nexudus.searches, from + 1);
        puppet_channels_link(&street.channels, b->feed, true);
        street_move(&street, 2 * CLOCK_SECOND);
        street_move(&street, 2 * CLOCK_SECOND);
        street_redis(&street, "DEL", "t:{upstream}:pause", NULL);
    }
}

static void on_changed(struct letter *letter, void *receiver)
{
    (void)letter, (void)receiver;
}

/* A reload on every gateway, one after the other. */
static void a_budget_is_changed_while_all_is_running(void **state)
{
    struct fetcher_change changes[4];
    struct letter done[4];
    (void)state;
    warm_up();
    for (int i = 0; i < 400; i++)
        ask_new(&street.houses[i % 4]);
    street_move(&street, INTERVAL_US / 2);
    size_t waiting = street.nexudus.searches;
    for (size_t i = 0; i < street.house_count; i++) {
        changes[i] = (struct fetcher_change){.options = street.options, .reply_to = street.mailbox, .done = &done[i]};
        changes[i].options.budget_count = 3 * BUDGET;
        done[i] = (struct letter){.on_open = on_changed};
        fetcher_change(street.houses[i].fetcher, &changes[i]);
    }
    move_until_searched(waiting + 300, CLOCK_MILLISECOND, 4900);
    assert_in_range(most_in_an_interval(waiting), BUDGET + 1, 3 * BUDGET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_flood_on_all_keeps_to_one_budget),
        TEST(a_flood_on_one_leaves_room_for_another),
        TEST(who_cannot_be_served_in_time_is_told_at_once),
        TEST(who_can_be_served_is_not_refused),
        TEST(who_can_be_served_again_is_not_refused),
        TEST(a_search_alone_starts_at_once),
        TEST(slots_that_nobody_uses_come_back),
        TEST(a_pause_holds_all),
        TEST(a_pause_is_found_by_who_did_not_hear),
        TEST(a_probe_that_dies_is_followed_by_another),
        TEST(without_redis_each_keeps_to_its_share),
        TEST(when_redis_is_back_the_budget_is_shared_again),
        TEST(a_pardon_does_not_lift_the_guard_of_a_return),
        TEST(slots_that_come_late_last_longer),
        TEST(a_clock_that_jumps_back_locks_nobody_out),
        TEST(a_clock_that_jumps_back_ends_a_pause),
        TEST(a_clock_that_jumps_back_leaves_no_ghosts),
        TEST(a_redis_that_refuses_is_not_said_to_be_silent),
        TEST(a_pause_that_is_no_number_is_replaced),
        TEST(a_budget_is_changed_while_all_is_running),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
