/* SPDX-License-Identifier: MIT */
/* One login for several gateways: who calls, who takes, what a death at each point leads to, and what stands in Redis.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet_street.h"

#include "upstream/totp.h"

#include <stdio.h>
#include <stdlib.h>

static struct street street;

static struct house *const a = &street.houses[0];
static struct house *const b = &street.houses[1];
static struct house *const c = &street.houses[2];

static int set_up(void **state)
{
    street_open(&street);
    for (int i = 0; i < 3; i++)
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

static void assert_calls(size_t logins, size_t refreshes)
{
    assert_int_equal(street.nexudus.logins, logins);
    assert_int_equal(street.nexudus.refreshes, refreshes);
}

/* A search of its own, answered in `seconds` at most. */
static struct question *search(struct house *house, int seconds)
{
    static unsigned number;
    char name[24];

    snprintf(name, sizeof name, "n%u", number++);
    struct question *question = street_ask(house, name);
    for (int i = 0; i < 10 * seconds && question->answers == 0; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    return question;
}

static void assert_good(const struct question *question)
{
    assert_int_equal(question->answers, 1);
    assert_int_equal(question->ask.verdict, ASK_OK);
}

static void all_start_at_once(void **state)
{
    struct question *questions[HOUSES_MAX];
    (void)state;
    while (street.house_count < HOUSES_MAX)
        street_build(&street);
    street.nexudus.hold_tokens = true;
    for (size_t i = 0; i < HOUSES_MAX; i++) {
        char name[8];
        snprintf(name, sizeof name, "s%zu", i);
        questions[i] = street_ask(&street.houses[i], name);
    }
    assert_calls(1, 0);
    puppet_release(&street.nexudus);
    street_settle(&street);
    street_move(&street, CLOCK_SECOND);
    for (size_t i = 0; i < HOUSES_MAX; i++)
        assert_good(questions[i]);
    assert_calls(1, 0);
}

static void a_newcomer_takes_what_is_there(void **state)
{
    (void)state;
    assert_good(search(a, 1));
    assert_good(search(street_build(&street), 1));
    assert_calls(1, 0);
    assert_int_equal(metrics_read(street.houses[3].metrics, METRIC_FLEET_TOKENS_TAKEN), 1);
}

static void one_renews_ahead_for_all(void **state)
{
    (void)state;
    assert_good(search(a, 1));
    assert_good(search(b, 1));
    assert_good(search(c, 1));
    street_move(&street, 3250 * CLOCK_SECOND); /* all are past their time to renew */
    for (int i = 0; i < 30; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_calls(1, 1);
    street_move(&street, 400 * CLOCK_SECOND); /* the first token is past its end */
    assert_good(search(a, 1));
    assert_good(search(b, 1));
    assert_good(search(c, 1));
    assert_calls(1, 1);
}

/* Nexudus forgets all tokens: a 401 each, and one login. */
static void after_a_revocation_one_logs_in(void **state)
{
    (void)state;
    assert_good(search(a, 1));
    assert_good(search(b, 1));
    street_move(&street, 60 * CLOCK_SECOND);
    puppet_revoke(&street.nexudus);
    assert_good(search(a, 1));
    assert_good(search(b, 1));
    assert_good(search(c, 1));
    assert_calls(2, 1); /* the refresh was refused */
}

/* It has not heard of the new token: its 401 leads to a look, not to a login. */
static void who_is_refused_looks_for_a_newer_token(void **state)
{
    (void)state;
    assert_good(search(a, 1));
    assert_good(search(b, 1));
    puppet_channels_link(&street.channels, b->feed, false);
    street_move(&street, 60 * CLOCK_SECOND);
    puppet_revoke(&street.nexudus);
    assert_good(search(a, 1));
    assert_calls(2, 1);
    assert_good(search(b, 1));
    assert_calls(2, 1);
}

/* However often that happens: the distance between two is there to spare the identity service, which is not asked. */
static void what_another_has_logged_in_for_is_taken_at_any_distance(void **state)
{
    (void)state;
    puppet_channels_link(&street.channels, b->feed, false);
    assert_good(search(b, 1));
    for (int round = 0; round < 5; round++) {
        struct house *other = round == 0 ? a : round == 1 ? c : street_build(&street);
        assert_good(search(other, 1));
        street_move(&street, 5 * CLOCK_SECOND);
        puppet_revoke(&street.nexudus);
        assert_good(search(other, 1));
        size_t logins = street.nexudus.logins;
        assert_good(search(b, 1));
        assert_int_equal(street.nexudus.logins, logins);
    }
}

/* The same for a fresh token, whose refusal looks like a stolen login. */
static void a_fresh_token_that_is_refused_may_have_been_replaced(void **state)
{
    (void)state;
    assert_good(search(a, 1));
    street_move(&street, 60 * CLOCK_SECOND);
    puppet_channels_link(&street.channels, b->feed, false);
    puppet_revoke(&street.nexudus);
    assert_good(search(a, 1));
    street.nexudus.hold_searches = true;
    struct question *second = street_ask(b, "mine"); /* has the token, and has proved nothing with it */
    street_move(&street, 60 * CLOCK_SECOND);
    (void)second;
    street.nexudus.hold_searches = false;
    puppet_revoke(&street.nexudus);
    assert_good(search(a, 1));
    size_t logins = street.nexudus.logins;
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_good(search(b, 1));
    assert_int_equal(street.nexudus.logins, logins);
}

static void the_holder_dies_before_it_sends(void **state)
{
    (void)state;
    a->redis.is_held = true;
    street_ask(a, "x"); /* flight and budget are asked for; the login waits behind them */
    for (int i = 0; i < 8; i++) {
        puppet_redis_release_one(&a->redis);
        street_settle(&street);
    }
    street_kill(a);
    assert_good(search(b, 9));
    assert_int_equal(street.nexudus.logins, 1);
}

static void the_holder_dies_during_its_call(void **state)
{
    (void)state;
    street.nexudus.hold_tokens = true;
    street_ask(a, "x");
    assert_calls(1, 0);
    struct question *second = street_ask(b, "y");
    street_kill(a);
    street.nexudus.hold_tokens = false;
    for (int i = 0; i < 90 && second->answers == 0; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_good(second);
    assert_calls(2, 0);
}

/* What is ended in order leaves no lock behind: time stands still here, so nobody waits for its end. */
static void a_holder_that_closes_hands_over(void **state)
{
    (void)state;
    street.nexudus.hold_tokens = true;
    struct question *first = street_ask(a, "x");
    assert_calls(1, 0);
    struct question *second = street_ask(b, "y");
    street.nexudus.hold_tokens = false;
    fetcher_close(a->fetcher);
    assert_false(fetcher_has_left(a->fetcher));
    street_settle(&street);
    assert_true(fetcher_has_left(a->fetcher));
    assert_int_equal(first->ask.verdict, ASK_CLOSING);
    assert_good(second);
    assert_calls(2, 0);
    street_move(&street, 3600 * CLOCK_SECOND);
    assert_calls(2, 1); /* by `b`: who is closed renews nothing */
}

/* Nor a question for it that Redis has answered, and nobody has heard. */
static void who_closes_while_it_asks_leaves_no_lock(void **state)
{
    (void)state;
    a->redis.is_held = a->redis.runs_cancelled = true;
    street_ask(a, "x");
    while (strncmp(a->redis.names, "login_lock ", strlen("login_lock ")) != 0) {
        assert_true(puppet_redis_release_one(&a->redis));
        street_settle(&street);
    }
    a->redis.is_held = false;
    fetcher_close(a->fetcher);
    struct question *question = street_ask(b, "y"); /* time stands still */
    assert_good(question);
    assert_calls(1, 0);
}

/* Only `a` has a token, and renews it. */
static void let_a_be_the_one(void)
{
    puppet_channels_link(&street.channels, b->feed, false);
    puppet_channels_link(&street.channels, c->feed, false);
    assert_good(search(a, 1));
}

/* The refresh token in Redis is dead then: it is refused, and the password helps. */
static void the_holder_dies_between_rotation_and_store(void **state)
{
    (void)state;
    let_a_be_the_one();
    street.nexudus.hold_tokens = true;
    street_move(&street, 3650 * CLOCK_SECOND);
    street_ask(a, "x");
    struct question *second = street_ask(b, "y");
    assert_calls(1, 1);
    a->redis.is_held = true; /* what it stores does not arrive */
    b->redis.is_held = true;
    puppet_release(&street.nexudus);
    street_settle(&street);
    street_kill(a);
    b->redis.is_held = false;
    puppet_redis_release(&b->redis);
    street.nexudus.hold_tokens = false;
    for (int i = 0; i < 90 && second->answers == 0; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_good(second);
    assert_calls(2, 2);
}

/* Stopped for so long that another has taken its place: it overwrites nothing, and takes the newer token. */
static void a_holder_that_lost_its_lock_stores_nothing(void **state)
{
    (void)state;
    street.nexudus.hold_tokens = true;
    street_ask(a, "x");
    a->redis.is_away = true; /* its lock is not renewed */
    struct question *second = street_ask(b, "y");
    for (int i = 0; i < 60 && street.nexudus.logins < 2; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_calls(2, 0);
    puppet_release_one(&street.nexudus, puppet_token_call(&street.nexudus, 0));
    street_settle(&street);
    puppet_release(&street.nexudus);
    street_settle(&street);
    assert_good(second);
    a->redis.is_away = false;
    street.nexudus.hold_tokens = false;
    street_move(&street, 6 * CLOCK_SECOND);
    assert_good(search(a, 3));
    assert_good(search(c, 3));
    assert_calls(2, 0);
}

/* What stands in Redis may be anything, and Redis's clock may have jumped back: nobody stays without a login for it. */
static void a_wild_failure_is_nobodys(void **state)
{
    static const char *const wild[] = {"9007199254740991", "nan", "inf", "-inf", "1e300", "x", ""};
    char key[STREET_KEY_MAX];

    (void)state;
    street_login_key(&street, "failure", key);
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        street_redis(&street, "HSET", key, "refused", "1", "until", wild[i], "backoff", wild[i], NULL);
        assert_good(search(a, 1));
        puppet_revoke(&street.nexudus);
        street_move(&street, 600 * CLOCK_SECOND);
    }
}

/* As long as a back-off of ours can be. */
static void a_failure_counts_for_two_minutes_at_most(void **state)
{
    char key[STREET_KEY_MAX], until[32];

    (void)state;
    street_login_key(&street, "failure", key);
    snprintf(until, sizeof until, "%lld", (long long)(puppet_store_time(&street.store) + 100 * CLOCK_SECOND));
    street_redis(&street, "HSET", key, "refused", "1", "until", until, "backoff", "9007199254740991", NULL);
    struct question *first = street_ask(a, "x");
    street_move(&street, 0);
    assert_int_equal(first->ask.verdict, ASK_REFUSED);
    street_redis(&street, "DEL", key, NULL);
    street_move(&street, 180 * CLOCK_SECOND);
    assert_good(search(a, 1));
}

/* A lock that lives longer than one of ours is nobody's. */
static void a_lock_without_an_end_is_nobodys(void **state)
{
    char key[STREET_KEY_MAX];

    (void)state;
    street_login_key(&street, "lock", key);
    street_redis(&street, "SET", key, "0123456789abcdef01234567", NULL);
    assert_good(search(a, 1));
    puppet_revoke(&street.nexudus);
    street_move(&street, 60 * CLOCK_SECOND);
    street_redis(&street, "SET", key, "0123456789abcdef01234567", "PX", "3600000", NULL);
    assert_good(search(b, 2));
}

/* One that is renewed and renewed is a gateway's that lives and gets no token: that is a failure, and told as one. */
static void a_turn_that_takes_a_minute_is_a_failure(void **state)
{
    static const char failed[] = "another gateway's login has failed";
    char key[STREET_KEY_MAX];

    (void)state;
    street_login_key(&street, "lock", key);
    street_redis(&street, "SET", key, "0123456789abcdef01234567", "PX", "5000", NULL);
    struct question *questions[62];
    for (int second = 0; second < 62; second++) {
        char name[8];
        snprintf(name, sizeof name, "m%d", second);
        questions[second] = street_ask(a, name);
        for (int tenth = 0; tenth < 10; tenth++) {
            street_redis(&street, "SET", key, "0123456789abcdef01234567", "PX", "5000", NULL);
            street_move(&street, 100 * CLOCK_MILLISECOND);
        }
        if (second == 58)
            assert_int_equal(street_logged(&street, failed), 0);
    }
    assert_true(street_logged(&street, failed) > 0);
    for (int second = 0; second < 60; second++) {
        assert_int_equal(questions[second]->answers, 1);
        assert_int_not_equal(questions[second]->ask.verdict, ASK_OK);
    }
    assert_calls(0, 0);
    street_redis(&street, "DEL", key, NULL);
    assert_good(search(a, 10));
    assert_calls(1, 0);
}

/* A generation that no login can have had is none; what its place holds is replaced, and the others take that. */
static void a_wild_generation_is_replaced(void **state)
{
    static const char *const wild[] = {"9007199254740991", "9223372036854775807", "1e300", "inf", "nan", "-5",
                                       "4503599627370496"};
    char key[STREET_KEY_MAX];

    (void)state;
    street_login_key(&street, "token", key);
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        street_redis(&street, "HSET", key, "generation", wild[i], "sealed", "junk", NULL);
        puppet_revoke(&street.nexudus);
        street_move(&street, 600 * CLOCK_SECOND);
        size_t logins = street.nexudus.logins;
        assert_good(search(a, 2));
        assert_good(search(b, 2));
        assert_good(search(c, 2));
        assert_int_equal(street.nexudus.logins, logins + 1);
    }
}

/* A fraction looks newer than the whole number that is known of it. */
static void a_broken_generation_is_not_asked_for_again_and_again(void **state)
{
    char key[STREET_KEY_MAX], generation[32];

    (void)state;
    street_login_key(&street, "token", key);
    snprintf(generation, sizeof generation, "%lld.5", (long long)puppet_store_time(&street.store));
    street_redis(&street, "HSET", key, "generation", generation, "sealed", "junk", NULL);
    assert_good(search(a, 1));
    assert_true(a->redis.calls < 100);
}

/* Times that no token of ours can have: it is replaced. */
static void a_wild_life_is_not_believed(void **state)
{
    static const char *const wild[] = {"9007199254740991", "-9007199254740991", "1e300", "-1e300", "inf", "-inf"};
    static const char *const fields[] = {"expires", "born", "refresh_born"};
    char key[STREET_KEY_MAX];

    (void)state;
    let_a_be_the_one();
    street_login_key(&street, "token", key);
    for (size_t field = 0; field < 3; field++) {
        for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
            puppet_revoke(&street.nexudus);
            street_move(&street, 600 * CLOCK_SECOND);
            assert_good(search(a, 2));
            size_t logins = street.nexudus.logins;
            street_redis(&street, "HSET", key, fields[field], wild[i], NULL);
            assert_good(search(b, 2)); /* has not heard of that one, and makes its own */
            assert_int_equal(street.nexudus.logins, logins + 1);
            assert_good(search(a, 2)); /* which is everybody's */
            assert_int_equal(street.nexudus.logins, logins + 1);
        }
    }
}

/* Somebody writes a step of the far future where the last one-time code stands: it counts for as long as it is there.
 */
static void a_wild_step_is_soon_over(void **state)
{
    static const char *const wild[] = {"9007199254740991", "9223372036854775807", "1e300", "inf", "nan"};
    char key[STREET_KEY_MAX];

    (void)state;
    street.options.token.totp_secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    street.nexudus.gives_refresh_tokens = false;
    struct house *d = street_build(&street);
    street_login_key(&street, "step", key);
    for (size_t i = 0; i < sizeof wild / sizeof wild[0]; i++) {
        street_redis(&street, "SET", key, wild[i], NULL);
        search(d, 1);
        street_redis(&street, "DEL", key, NULL);
        street_move(&street, 90 * CLOCK_SECOND);
        assert_good(search(d, 2));
        puppet_revoke(&street.nexudus);
        street_move(&street, 90 * CLOCK_SECOND);
    }
}

static void a_failed_login_is_not_tried_by_each(void **state)
{
    (void)state;
    street.nexudus.accepts_password = false;
    struct question *first = street_ask(a, "x"), *second = street_ask(b, "y"), *third = street_ask(c, "z");
    street_move(&street, 0);
    assert_calls(1, 0);
    assert_int_equal(first->ask.verdict, ASK_REFUSED);
    assert_int_equal(second->ask.verdict, ASK_REFUSED);
    assert_int_equal(third->ask.verdict, ASK_REFUSED);
    assert_true(second->ask.retry_after_us > 500 * CLOCK_MILLISECOND);
    street_move(&street, 1200 * CLOCK_MILLISECOND);
    search(b, 1);
    search(c, 1);
    assert_calls(2, 0);
    street_move(&street, 1200 * CLOCK_MILLISECOND); /* the back-off has grown, for all */
    search(a, 0);
    search(c, 0);
    assert_calls(2, 0);
    street.nexudus.accepts_password = true;
    street_move(&street, 5 * CLOCK_SECOND);
    assert_good(search(c, 1));
    assert_good(search(a, 6));
    assert_calls(3, 0);
}

/* While the others' token is still being stored, it is refused: who waits for the next one is not forgotten. */
static void who_wants_another_while_one_is_stored_gets_it(void **state)
{
    (void)state;
    street.nexudus.hold_tokens = true;
    struct question *question = street_ask(a, "x");
    assert_calls(1, 0);
    a->redis.is_away = true;
    puppet_next_search(&street.nexudus, (struct puppet_answer){.status = 401});
    street.nexudus.hold_tokens = false;
    puppet_release(&street.nexudus);
    street_settle(&street);
    for (int i = 0; i < 10; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_int_equal(street.nexudus.searches, 1);
    assert_int_equal(question->answers, 0);
    a->redis.is_away = false;
    for (int i = 0; i < 30 && question->answers == 0; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_int_equal(question->answers, 1);
}

static void without_redis_one_waits_and_then_logs_in(void **state)
{
    (void)state;
    a->redis.is_away = true;
    struct question *first = street_ask(a, "x");
    for (int i = 0; i < 49; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_calls(0, 0);
    for (int i = 0; i < 10; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_good(first);
    assert_calls(1, 0);
    assert_int_equal(street_logged(&street, "msg=\"logging in alone\" why=\"Redis gives no answer\""), 1);
}

static void a_redis_that_refuses_is_not_said_to_be_silent(void **state)
{
    (void)state;
    a->redis.refusal = "NOPERM this user has no permissions to run the 'evalsha' command";
    struct question *first = street_ask(a, "x");
    for (int i = 0; i < 60; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_good(first);
    assert_int_equal(street_logged(&street, "msg=\"logging in alone\" why=\"Redis refuses: NOPERM\""), 1);
    assert_int_equal(street_logged(&street, "gives no answer"), 0);
}

static void an_answer_of_no_script_of_ours_is_told_as_that(void **state)
{
    (void)state;
    a->redis.refusal = "what?";
    a->redis.refused = "login_lock";
    a->redis.babbles = true;
    struct question *first = street_ask(a, "x");
    for (int i = 0; i < 60; i++)
        street_move(&street, 100 * CLOCK_MILLISECOND);
    assert_good(first);
    assert_int_equal(street_logged(&street, "msg=\"logging in alone\" why=\"Redis answers what was not asked\""), 1);
}

/* A token that is good for long needs nothing of Redis. */
static void a_good_token_outlasts_an_outage_of_redis(void **state)
{
    (void)state;
    let_a_be_the_one();
    a->redis.is_away = true;
    street_move(&street, 3250 * CLOCK_SECOND);
    street_move(&street, 100 * CLOCK_SECOND);
    assert_calls(1, 0);
    assert_good(search(a, 1));
    a->redis.is_away = false;
    street_move(&street, CLOCK_SECOND);
    street_move(&street, CLOCK_SECOND);
    assert_calls(1, 1);
}

static void another_key_cannot_open_it(void **state)
{
    (void)state;
    assert_good(search(a, 1));
    uint8_t other[SEALED_KEY_BYTES] = {1};
    street.options.redis.token_key = other;
    struct house *stranger = street_build(&street);
    assert_good(search(stranger, 1));
    assert_calls(2, 0);
    assert_true(street_logged(&street, "the shared login cannot be opened") > 0);
}

static void no_key_shares_nothing(void **state)
{
    (void)state;
    street.options.redis.token_key = NULL;
    struct house *d = street_build(&street), *e = street_build(&street);
    assert_good(search(d, 1));
    assert_good(search(e, 1));
    assert_calls(2, 0);
    assert_null(puppet_store_peek(&street.store, "t:{login}:token").at);
}

static void a_code_is_used_once_by_the_fleet(void **state)
{
    (void)state;
    street.options.token.totp_secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    street.nexudus.gives_refresh_tokens = false;
    struct house *d = street_build(&street), *e = street_build(&street);
    assert_good(search(d, 1));
    assert_good(search(e, 1));
    assert_calls(1, 0);
    puppet_revoke(&street.nexudus);
    street_move(&street, CLOCK_SECOND); /* at most: the step may be a new one now */
    for (int i = 0; i < 800 && street.nexudus.logins < 2; i++) {
        search(e, 0);
        street_move(&street, 100 * CLOCK_MILLISECOND);
    }
    assert_int_equal(street.nexudus.logins, 2);
    const char *first = strstr(puppet_token_call(&street.nexudus, 0)->form, "totp=");
    const char *second = strstr(puppet_token_call(&street.nexudus, 1)->form, "totp=");
    assert_non_null(first);
    assert_non_null(second);
    assert_string_not_equal(first, second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(all_start_at_once),
        TEST(a_newcomer_takes_what_is_there),
        TEST(one_renews_ahead_for_all),
        TEST(after_a_revocation_one_logs_in),
        TEST(who_is_refused_looks_for_a_newer_token),
        TEST(what_another_has_logged_in_for_is_taken_at_any_distance),
        TEST(a_fresh_token_that_is_refused_may_have_been_replaced),
        TEST(the_holder_dies_before_it_sends),
        TEST(the_holder_dies_during_its_call),
        TEST(a_holder_that_closes_hands_over),
        TEST(who_closes_while_it_asks_leaves_no_lock),
        TEST(the_holder_dies_between_rotation_and_store),
        TEST(a_holder_that_lost_its_lock_stores_nothing),
        TEST(a_failed_login_is_not_tried_by_each),
        TEST(a_wild_failure_is_nobodys),
        TEST(a_failure_counts_for_two_minutes_at_most),
        TEST(a_lock_without_an_end_is_nobodys),
        TEST(a_turn_that_takes_a_minute_is_a_failure),
        TEST(a_wild_generation_is_replaced),
        TEST(a_broken_generation_is_not_asked_for_again_and_again),
        TEST(a_wild_life_is_not_believed),
        TEST(a_wild_step_is_soon_over),
        TEST(who_wants_another_while_one_is_stored_gets_it),
        TEST(without_redis_one_waits_and_then_logs_in),
        TEST(a_redis_that_refuses_is_not_said_to_be_silent),
        TEST(an_answer_of_no_script_of_ours_is_told_as_that),
        TEST(a_good_token_outlasts_an_outage_of_redis),
        TEST(another_key_cannot_open_it),
        TEST(no_key_shares_nothing),
        TEST(a_code_is_used_once_by_the_fleet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
