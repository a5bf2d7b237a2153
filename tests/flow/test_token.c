/* SPDX-License-Identifier: MIT */
/* The token's life on a frozen clock, with a puppet for the token endpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ground.h"
#include "plain.h"
#include "puppet.h"
#include "upstream/token.h"
#include "upstream/totp.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAITERS_MAX = 500 };

struct wanting {
    struct token_waiter waiter;
    unsigned answers;
    enum token_state state;
    char authorization[64];
    uint64_t generation;
    int64_t retry_us;
};

struct house {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    int log_fd;
    struct metrics *metrics;
    struct counters *counters;
    struct random random;
    struct puppet puppet;
    struct token *token;
    struct wanting wanting[WAITERS_MAX];
};

static void build(struct house *house, const struct token_options *options)
{
    token_free(house->token);
    house->token =
        token_new(house->loop, &house->puppet.transport, options, house->log, house->counters, &house->random);
}

static int set_up(void **state)
{
    struct house *house = mem_new(sizeof *house);

    house->log_fd = ground_lay_logged(&house->clock, &house->loop, &house->log);
    house->metrics = metrics_new();
    house->counters = metrics_block(house->metrics);
    random_init(&house->random, 11);
    puppet_init(&house->puppet, house->loop);
    const struct token_options options = plain_login();
    build(house, &options);
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;

    token_free(house->token);
    puppet_settle(house->loop);
    puppet_free(&house->puppet);
    metrics_free(house->metrics);
    ground_clear(house->clock, house->loop, house->log);
    close(house->log_fd);
    mem_free(house);
    return 0;
}

static void on_token(struct token_waiter *waiter, const struct token_answer *answer)
{
    struct wanting *wanting = MEM_OUTER(waiter, struct wanting, waiter);

    wanting->answers++;
    wanting->state = answer->state;
    wanting->generation = answer->generation;
    wanting->retry_us = answer->retry_us;
    snprintf(wanting->authorization, sizeof wanting->authorization, "%s",
             answer->authorization == NULL ? "" : answer->authorization);
}

static void want(struct house *house, struct wanting *wanting)
{
    *wanting = (struct wanting){.waiter = {.on_token = on_token}};
    token_want(house->token, &wanting->waiter);
    assert_int_equal(wanting->answers, 0); /* never inside */
}

/* One want, answered in this turn. */
static struct wanting *want_now(struct house *house)
{
    struct wanting *wanting = &house->wanting[0];

    want(house, wanting);
    puppet_settle(house->loop);
    assert_int_equal(wanting->answers, 1);
    return wanting;
}

static void move(struct house *house, int64_t us)
{
    clock_move(house->clock, us);
    puppet_settle(house->loop);
}

static void assert_calls(const struct house *house, size_t logins, size_t refreshes)
{
    assert_int_equal(house->puppet.logins, logins);
    assert_int_equal(house->puppet.refreshes, refreshes);
    assert_int_equal(metrics_read(house->metrics, METRIC_LOGINS), logins);
    assert_int_equal(metrics_read(house->metrics, METRIC_REFRESHES), refreshes);
}

static size_t count_in_log(const struct house *house, const char *text)
{
    return ground_logged(house->log_fd, text);
}

static void nobody_wants_nothing_is_sent(void **state)
{
    struct house *house = *state;

    move(house, CLOCK_DAY);
    assert_calls(house, 0, 0);
}

static void the_first_want_logs_in(void **state)
{
    struct house *house = *state;
    struct wanting *wanting = want_now(house);

    assert_int_equal(wanting->state, TOKEN_GOOD);
    assert_string_equal(wanting->authorization, "Authorization: Bearer access-1");
    assert_int_equal(wanting->generation, 1);
    assert_calls(house, 1, 0);
    const struct puppet_call *call = puppet_last(&house->puppet);
    assert_string_equal(call->url, "https://nexudus.test/api/token");
    assert_string_equal(call->form, "grant_type=password&username=someone%40example.org&password=s3cret%20%26%20more");
    assert_string_equal(call->client_id, ""); /* only when configured */
    assert_int_equal(count_in_log(house, "access-1"), 0);
    assert_int_equal(count_in_log(house, "s3cret"), 0);
}

static void many_wait_for_one_login(void **state)
{
    struct house *house = *state;

    house->puppet.hold_tokens = true;
    for (size_t i = 0; i < WAITERS_MAX; i++)
        want(house, &house->wanting[i]);
    puppet_settle(house->loop);
    assert_calls(house, 1, 0);
    token_leave(house->token, &house->wanting[7].waiter);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    for (size_t i = 0; i < WAITERS_MAX; i++)
        assert_int_equal(house->wanting[i].answers, i != 7);
    assert_calls(house, 1, 0);
}

static void a_token_is_renewed_ahead_of_its_end(void **state)
{
    struct house *house = *state;
    struct token_view view;

    want_now(house);
    token_look(house->token, &view);
    assert_true(view.has_token && !view.failing && view.state == TOKEN_GOOD);
    assert_int_equal(view.expires_us, 3600 * CLOCK_SECOND);
    assert_in_range(view.renew_us, 2880 * CLOCK_SECOND, 3240 * CLOCK_SECOND);
    move(house, view.renew_us - 1);
    assert_calls(house, 1, 0);

    house->puppet.hold_tokens = true;
    move(house, 1);
    assert_calls(house, 1, 1);
    assert_string_equal(puppet_last(&house->puppet)->form, "grant_type=refresh_token&refresh_token=refresh-1");
    assert_string_equal(puppet_last(&house->puppet)->client_id, "someone@example.org");
    assert_string_equal(want_now(house)->authorization, "Authorization: Bearer access-1"); /* meanwhile */
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    assert_string_equal(want_now(house)->authorization, "Authorization: Bearer access-2");
    assert_calls(house, 1, 1);

    house->puppet.hold_tokens = false; /* the rotated refresh token is the one that is used next */
    move(house, 3300 * CLOCK_SECOND);
    assert_string_equal(want_now(house)->authorization, "Authorization: Bearer access-3");
    assert_calls(house, 1, 2);
}

static void a_failed_renewal_keeps_the_good_token(void **state)
{
    struct house *house = *state;
    struct token_view view;

    want_now(house);
    house->puppet.hold_tokens = true;
    move(house, 3300 * CLOCK_SECOND);
    assert_calls(house, 1, 1);
    house->puppet.hold_tokens = false;
    for (int i = 0; i < 40; i++)
        puppet_next_token(&house->puppet, (struct puppet_answer){.status = 503});
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    token_look(house->token, &view);
    assert_true(view.has_token && view.failing);
    assert_string_equal(want_now(house)->authorization, "Authorization: Bearer access-1");
    move(house, 299 * CLOCK_SECOND);
    assert_string_equal(want_now(house)->authorization, "Authorization: Bearer access-1");
    move(house, CLOCK_SECOND); /* its end */
    assert_int_equal(want_now(house)->state, TOKEN_UNAVAILABLE);
    token_look(house->token, &view);
    assert_true(!view.has_token && view.failing && view.state == TOKEN_UNAVAILABLE);
    assert_int_equal(house->puppet.logins, 1);
    assert_int_equal(count_in_log(house, "no login at Nexudus"), 1);
}

static void a_dead_refresh_token_leads_to_a_login_at_once(void **state)
{
    static const int refusals[] = {400, 401};
    struct house *house = *state;

    want_now(house);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        token_worked(house->token, i + 1);
        move(house, CLOCK_SECOND);
        token_refused(house->token, i + 1, 0);
        puppet_next_token(&house->puppet, (struct puppet_answer){.status = refusals[i]});
        assert_int_equal(want_now(house)->generation, i + 2);
        assert_calls(house, 2 + i, 1 + i);
        assert_int_equal(metrics_read(house->metrics, METRIC_LOGIN_FAILURES), i + 1);
    }
}

static void an_old_refresh_token_is_not_tried(void **state)
{
    struct house *house = *state;

    house->puppet.token_lifetime_seconds = 20 * 24 * 3600;
    want_now(house);
    move(house, 15 * CLOCK_DAY - 1);
    token_worked(house->token, 1);
    token_refused(house->token, 1, 0);
    assert_int_equal(want_now(house)->state, TOKEN_GOOD);
    assert_calls(house, 1, 1);
    move(house, 15 * CLOCK_DAY);
    token_worked(house->token, 2);
    token_refused(house->token, 2, 0);
    assert_int_equal(want_now(house)->state, TOKEN_GOOD);
    assert_calls(house, 2, 1);
}

/* Somebody asks all the time; the attempts come at 1, 2, 4 … 60 s, give or take a tenth. */
static void check_attempts(struct house *house, enum token_state expected)
{
    static const int64_t waits_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    int64_t last_us = loop_now(house->loop);

    assert_int_equal(want_now(house)->state, expected);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        size_t before = house->puppet.call_count;
        while (house->puppet.call_count == before) {
            const struct wanting *wanting = want_now(house);
            assert_int_equal(wanting->state, expected);
            assert_true(wanting->retry_us > 0);
            move(house, 10 * CLOCK_MILLISECOND);
            assert_true(loop_now(house->loop) - last_us < 70 * CLOCK_SECOND);
        }
        int64_t waited_us = loop_now(house->loop) - last_us;
        assert_in_range(waited_us, waits_s[i] * 900 * CLOCK_MILLISECOND, waits_s[i] * 1110 * CLOCK_MILLISECOND);
        last_us = loop_now(house->loop);
    }
}

static void a_refused_login_is_not_hammered(void **state)
{
    struct house *house = *state;

    house->puppet.accepts_password = false;
    check_attempts(house, TOKEN_REFUSED);
    assert_calls(house, 10, 0);
    assert_int_equal(metrics_read(house->metrics, METRIC_LOGIN_FAILURES), 10);
    assert_int_equal(count_in_log(house, "Nexudus refuses our login"), 1);

    house->puppet.accepts_password = true;
    move(house, 66 * CLOCK_SECOND);
    assert_int_equal(want_now(house)->state, TOKEN_GOOD);
    token_worked(house->token, 1);
    assert_int_equal(count_in_log(house, "works again"), 1);
    house->puppet.accepts_password = false; /* and the next back-off begins small */
    house->puppet.refresh_alive = false;
    token_refused(house->token, 1, 0);
    assert_in_range(want_now(house)->retry_us, 900 * CLOCK_MILLISECOND, 1100 * CLOCK_MILLISECOND);
    assert_int_equal(count_in_log(house, "Nexudus refuses our login"), 2); /* news again */
}

/* Many wrong passwords lock a user out. */
static void a_refused_password_is_not_tried_again_unasked(void **state)
{
    struct house *house = *state;

    house->puppet.accepts_password = false;
    assert_int_equal(want_now(house)->state, TOKEN_REFUSED);
    move(house, CLOCK_DAY);
    assert_calls(house, 1, 0);
    assert_int_equal(want_now(house)->state, TOKEN_REFUSED);
    assert_calls(house, 2, 0);

    house->puppet.accepts_password = true;
    move(house, CLOCK_DAY);
    assert_int_equal(want_now(house)->state, TOKEN_GOOD);
    house->puppet.accepts_password = house->puppet.refresh_alive = false; /* while the token is still good */
    move(house, 3300 * CLOCK_SECOND);
    assert_calls(house, 4, 1);
    move(house, 120 * CLOCK_SECOND);
    assert_calls(house, 4, 1);
    assert_int_equal(want_now(house)->state, TOKEN_GOOD);
    assert_calls(house, 5, 1);
    assert_int_equal(want_now(house)->state, TOKEN_GOOD);
    assert_calls(house, 5, 1);
}

static void an_unreachable_login_is_not_hammered(void **state)
{
    static const struct puppet_answer failures[] = {
        {.outcome = FETCH_UNREACHABLE},
        {.outcome = FETCH_CUT},
        {.outcome = FETCH_TOO_BIG},
        {.status = 500},
        {.status = 409},
        {.status = 302},
        {.status = 200, .body = "<html>", .content_type = "text/html"},
        {.status = 200, .body = "{\"access_token\":\"a b\",\"token_type\":\"bearer\"}"},
        {.status = 404},
        {.outcome = FETCH_TIMED_OUT},
    };
    struct house *house = *state;

    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
        puppet_next_token(&house->puppet, failures[i]);
    check_attempts(house, TOKEN_UNAVAILABLE);
    assert_int_equal(count_in_log(house, "no login at Nexudus"), 1);
}

static void retry_after_is_obeyed_up_to_a_minute(void **state)
{
    static const struct {
        int64_t said_s, low_s, high_s;
    } rows[] = {{20, 20, 20}, {3600, 60, 60}, {0, 3, 5}};
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct puppet_answer throttle = {
            .status = 429, .says_retry = true, .retry_after_us = rows[i].said_s * CLOCK_SECOND};
        puppet_next_token(&house->puppet, throttle);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t retry_us = want_now(house)->retry_us;
        assert_in_range(retry_us, rows[i].low_s * CLOCK_SECOND, rows[i].high_s * CLOCK_SECOND);
        assert_int_equal(house->puppet.call_count, i + 1);
        move(house, retry_us); /* the next attempt comes unasked */
    }
}

static void a_revoked_token_is_renewed_once(void **state)
{
    struct house *house = *state;

    want_now(house);
    token_worked(house->token, 1);
    for (int i = 0; i < 500; i++)
        token_refused(house->token, 1, 0);
    house->puppet.hold_tokens = true;
    for (size_t i = 0; i < WAITERS_MAX; i++)
        want(house, &house->wanting[i]);
    puppet_settle(house->loop);
    token_refused(house->token, 1, 0);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    token_refused(house->token, 1, 0); /* a latecomer: a newer one is there */
    for (size_t i = 0; i < WAITERS_MAX; i++)
        assert_string_equal(house->wanting[i].authorization, "Authorization: Bearer access-2");
    assert_calls(house, 1, 1);
    assert_int_equal(want_now(house)->generation, 2);
}

static void a_fresh_token_that_is_refused_means_a_rival(void **state)
{
    struct house *house = *state;

    for (int i = 0; i < 4; i++) {
        const struct wanting *wanting = want_now(house);
        assert_int_equal(wanting->state, TOKEN_GOOD);
        token_refused(house->token, wanting->generation, 0);
        wanting = want_now(house);
        assert_int_equal(wanting->state, TOKEN_REFUSED);
        assert_in_range(wanting->retry_us, 900000 << i,
                        1100000 << i); /* the back-off grows although each login works */
        move(house, wanting->retry_us);
    }
    assert_int_equal(count_in_log(house, "same client_id"), 1);
}

static void an_old_token_that_never_worked_is_renewed_once(void **state)
{
    static const struct {
        int64_t age_us;
        enum token_state state;
    } rows[] = {{10 * CLOCK_SECOND - 1, TOKEN_REFUSED}, {10 * CLOCK_SECOND, TOKEN_GOOD}};
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct token_options options = plain_login();
        build(house, &options);
        want_now(house);
        move(house, rows[i].age_us);
        token_refused(house->token, 1, 0);
        assert_int_equal(want_now(house)->state, rows[i].state);
    }
    assert_int_equal(want_now(house)->generation, 2);
    move(house, 1000 * CLOCK_SECOND);
    token_refused(house->token, 2, 0); /* two in a row */
    assert_int_equal(want_now(house)->state, TOKEN_REFUSED);
    assert_int_equal(count_in_log(house, "same client_id, or our user lacks the role"), 2);
}

/* A missing role may look like a dead token. */
static void where_the_fault_of_a_refusal_is_looked_for(void **state)
{
    enum { AGAIN = TOKEN_DOUBT_AGAIN, USUAL = TOKEN_DOUBT_USUAL };
    static const struct {
        bool one_before_worked;
        int64_t worked_s; /* when the token worked last, in seconds of its age; -1: never */
        int64_t age_s;
        unsigned doubt;
        enum token_blame blame;
    } rows[] = {
        {false, -1, 0, 0, TOKEN_STOLEN},           {false, -1, 0, AGAIN, TOKEN_STOLEN},
        {false, -1, 10, 0, TOKEN_EXPIRED},         {false, -1, 0, USUAL, TOKEN_EXPIRED},
        {false, -1, 0, AGAIN | USUAL, TOKEN_KEPT}, {true, -1, 0, 0, TOKEN_KEPT},
        {true, -1, 0, AGAIN, TOKEN_KEPT},          {true, -1, 10, 0, TOKEN_EXPIRED},
        {true, -1, 10, AGAIN, TOKEN_KEPT},         {true, -1, 10, USUAL, TOKEN_EXPIRED},
        {false, 0, 0, 0, TOKEN_EXPIRED},           {false, 0, 9, AGAIN, TOKEN_KEPT},
        {false, 0, 9, USUAL, TOKEN_KEPT},          {false, 0, 10, AGAIN, TOKEN_EXPIRED},
        {false, 0, 10, USUAL, TOKEN_EXPIRED}, /* it may have died since */
        {false, 5, 14, USUAL, TOKEN_KEPT},
    };
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct token_options options = plain_login();
        build(house, &options);
        uint64_t generation = want_now(house)->generation;
        if (rows[i].one_before_worked) {
            token_worked(house->token, generation);
            assert_int_equal(token_refused(house->token, generation, 0), TOKEN_EXPIRED);
            generation = want_now(house)->generation;
        }
        int64_t taken_us = loop_now(house->loop);
        if (rows[i].worked_s >= 0) {
            token_worked(house->token, generation);
            move(house, rows[i].worked_s * CLOCK_SECOND);
            token_worked(house->token, generation);
        }
        move(house, taken_us + rows[i].age_s * CLOCK_SECOND - loop_now(house->loop));
        enum token_blame blame = token_refused(house->token, generation, rows[i].doubt);
        if (blame != rows[i].blame)
            fail_msg("row %zu: %d", i, (int)blame);
        assert_int_equal(want_now(house)->state, blame == TOKEN_STOLEN ? TOKEN_REFUSED : TOKEN_GOOD);
        assert_true((house->wanting[0].generation == generation) == (blame == TOKEN_KEPT));
    }
}

static void a_token_that_many_refuse_is_stolen_after_all(void **state)
{
    struct house *house = *state;

    want_now(house);
    token_worked(house->token, 1);
    token_refused(house->token, 1, 0);
    want_now(house);
    assert_int_equal(token_refused(house->token, 2, TOKEN_DOUBT_AGAIN), TOKEN_KEPT);
    assert_int_equal(token_refused(house->token, 2, 0), TOKEN_KEPT);
    assert_int_equal(token_refused(house->token, 2, 0), TOKEN_STOLEN);
    assert_int_equal(token_refused(house->token, 2, 0), TOKEN_OUTDATED);
    assert_int_equal(want_now(house)->state, TOKEN_REFUSED);
}

static void tokens_cut_short_again_and_again_are_reported(void **state)
{
    struct house *house = *state;

    for (uint64_t i = 1; i <= 5; i++) {
        assert_int_equal(want_now(house)->generation, i);
        token_worked(house->token, i);
        move(house, 60 * CLOCK_SECOND);
        assert_int_equal(token_refused(house->token, i, 0), TOKEN_EXPIRED);
        assert_int_equal(count_in_log(house, "same client_id"), i >= 3);
    }
}

/* A rival takes each token away, or one query is refused whatever the token: the grants come ever more slowly. */
static void tokens_that_die_after_one_use_are_not_hammered_for(void **state)
{
    struct house *house = *state;
    int64_t last_us = loop_now(house->loop), longest_us = 0;
    size_t grants = 1;

    want_now(house);
    for (int i = 0; i < 60000; i++) { /* ten minutes */
        uint64_t generation = want_now(house)->generation;
        assert_int_equal(house->wanting[0].state, TOKEN_GOOD);
        if (house->puppet.call_count > grants) {
            int64_t waited_us = loop_now(house->loop) - last_us;
            assert_int_equal(house->puppet.call_count, ++grants);
            assert_true(grants == 2 || waited_us >= CLOCK_SECOND);
            assert_true(grants > 8 || waited_us >= longest_us);
            longest_us = waited_us > longest_us ? waited_us : longest_us;
            last_us = loop_now(house->loop);
        }
        token_worked(house->token, generation);
        token_refused(house->token, generation, 0);
        move(house, 10 * CLOCK_MILLISECOND);
    }
    assert_in_range(grants, 10, 20);
    assert_in_range(longest_us, 60 * CLOCK_SECOND, 61 * CLOCK_SECOND);
    assert_int_equal(count_in_log(house, "same client_id"), 1);

    move(house, 300 * CLOCK_SECOND); /* all is well for a while: a revocation is mended at once */
    uint64_t generation = want_now(house)->generation;
    token_worked(house->token, generation);
    assert_int_equal(token_refused(house->token, generation, 0), TOKEN_EXPIRED);
    assert_int_equal(want_now(house)->generation, generation + 1);
}

static void a_short_life_is_neither_hammered_nor_looped(void **state)
{
    static const struct {
        int64_t lifetime_s;
        size_t idle, busy; /* the most grants in an hour */
    } rows[] = {{0, 70, 70}, {1, 1, 361}, {2, 1, 361}, {9, 1, 361}, {11, 1, 328}, {30, 1, 121}, {60, 76, 76}};
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int busy = 0; busy < 2; busy++) {
            const struct token_options options = plain_login();
            build(house, &options);
            house->puppet.token_lifetime_seconds = rows[i].lifetime_s;
            size_t before = house->puppet.call_count;
            want_now(house);
            for (int j = 0; j < 36000; j++) {
                move(house, 100 * CLOCK_MILLISECOND);
                if (busy)
                    want_now(house);
            }
            size_t grants = house->puppet.call_count - before, most = busy ? rows[i].busy : rows[i].idle;
            if (grants < 1 || grants > most)
                fail_msg("a life of %d s: %zu grants in an hour, %zu at most", (int)rows[i].lifetime_s, grants, most);
        }
    }
}

static void a_token_that_lives_its_time_clears_the_rival_of_suspicion(void **state)
{
    struct house *house = *state;
    uint64_t generation = 0;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            generation = want_now(house)->generation;
            token_worked(house->token, generation);
            token_refused(house->token, generation, 0);
        }
        want_now(house);
        move(house, 3300 * CLOCK_SECOND); /* renewed ahead */
    }
    assert_int_equal(count_in_log(house, "same client_id"), 0);
}

static void a_refresh_without_a_new_refresh_token_keeps_the_old_one(void **state)
{
    struct house *house = *state;
    const struct puppet_answer answer = {.status = 200,
                                         .body = "{\"access_token\":\"other\",\"token_type\":\"bearer\"}"};

    want_now(house);
    for (uint64_t generation = 1; generation <= 2; generation++) {
        token_worked(house->token, generation);
        move(house, CLOCK_SECOND);
        token_refused(house->token, generation, 0);
        puppet_next_token(&house->puppet, answer);
        want_now(house);
        assert_string_equal(puppet_last(&house->puppet)->form, "grant_type=refresh_token&refresh_token=refresh-1");
    }
    assert_calls(house, 1, 2);
}

static void a_client_id_is_sent_when_configured(void **state)
{
    struct house *house = *state;
    struct token_options options = plain_login();

    options.client_id = "gateway-7";
    build(house, &options);
    want_now(house);
    assert_string_equal(puppet_last(&house->puppet)->client_id, "gateway-7");
    token_worked(house->token, 1);
    token_refused(house->token, 1, 0);
    want_now(house);
    assert_calls(house, 1, 1);
    assert_string_equal(puppet_last(&house->puppet)->client_id, "gateway-7");
}

static void expect_code(struct house *house, const char *secret)
{
    char code[TOTP_DIGITS + 1], expected[64];

    totp_code(slice_of(secret), totp_step(clock_wall(house->clock)), code);
    snprintf(expected, sizeof expected, "&totp=%s", code);
    assert_non_null(strstr(puppet_last(&house->puppet)->form, expected));
}

static void no_code_is_sent_twice(void **state)
{
    struct house *house = *state;
    struct token_options options = plain_login();
    int64_t step_us = TOTP_STEP_SECONDS * CLOCK_SECOND;

    options.totp_secret = "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ";
    build(house, &options);
    house->puppet.gives_refresh_tokens = false;
    clock_move(house->clock, step_us - clock_wall(house->clock) % step_us); /* a step begins */
    want_now(house);
    expect_code(house, "12345678901234567890");
    token_worked(house->token, 1);
    token_refused(house->token, 1, 0);

    const struct wanting *wanting = want_now(house); /* nobody is left waiting for the next code */
    assert_int_equal(wanting->state, TOKEN_UNAVAILABLE);
    assert_int_equal(wanting->retry_us, step_us);
    move(house, step_us - 1);
    assert_int_equal(want_now(house)->retry_us, 1);
    assert_int_equal(house->puppet.logins, 1);
    move(house, 1);
    assert_int_equal(house->puppet.logins, 2);
    assert_int_equal(want_now(house)->state, TOKEN_GOOD);
    expect_code(house, "12345678901234567890");

    token_worked(house->token, 2);
    token_refused(house->token, 2, 0);
    clock_move(house->clock, step_us);
    house->puppet.accepts_password = false;
    wanting = want_now(house);
    assert_int_equal(wanting->state, TOKEN_REFUSED);
    assert_int_equal(wanting->retry_us, step_us);
}

static void what_cannot_be_sent_is_a_refusal(void **state)
{
    static const struct {
        const char *username, *password, *client_id, *totp_secret, *why;
    } rows[] = {
        {"a@b", "p", NULL, "not base32!", "base32"},
        {"a@b", "p", "x\r\nHost: y", NULL, "header"},
        {NULL, "p", NULL, NULL, "configured"},
        {"a@b", NULL, NULL, NULL, "configured"},
    };
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_options options = plain_login();
        options.username = rows[i].username;
        options.password = rows[i].password;
        options.client_id = rows[i].client_id;
        options.totp_secret = rows[i].totp_secret;
        build(house, &options);
        assert_int_equal(want_now(house)->state, TOKEN_REFUSED);
        assert_true(count_in_log(house, rows[i].why) > 0);
    }
    assert_int_equal(house->puppet.call_count, 0);
}

static void a_token_that_comes_too_late_is_none(void **state)
{
    struct house *house = *state;
    struct token_options options = plain_login();

    options.timeout_us = 20 * CLOCK_SECOND;
    build(house, &options);
    house->puppet.hold_tokens = true;
    house->puppet.token_lifetime_seconds = 12;
    want(house, &house->wanting[0]);
    puppet_settle(house->loop);
    move(house, 13 * CLOCK_SECOND);
    puppet_release(&house->puppet);
    puppet_settle(house->loop);
    assert_int_equal(house->wanting[0].state, TOKEN_UNAVAILABLE);
    assert_int_equal(house->puppet.call_count, 1);
}

static void freeing_cancels_the_call(void **state)
{
    struct house *house = *state;

    house->puppet.hold_tokens = true;
    want(house, &house->wanting[0]);
    puppet_settle(house->loop);
    assert_int_equal(puppet_held(&house->puppet), 1);
    token_free(house->token);
    house->token = NULL;
    puppet_settle(house->loop);
    assert_true(puppet_last(&house->puppet)->was_cancelled);
    assert_int_equal(house->wanting[0].answers, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nobody_wants_nothing_is_sent),
        TEST(the_first_want_logs_in),
        TEST(many_wait_for_one_login),
        TEST(a_token_is_renewed_ahead_of_its_end),
        TEST(a_failed_renewal_keeps_the_good_token),
        TEST(a_dead_refresh_token_leads_to_a_login_at_once),
        TEST(an_old_refresh_token_is_not_tried),
        TEST(a_refused_login_is_not_hammered),
        TEST(a_refused_password_is_not_tried_again_unasked),
        TEST(an_unreachable_login_is_not_hammered),
        TEST(retry_after_is_obeyed_up_to_a_minute),
        TEST(a_revoked_token_is_renewed_once),
        TEST(a_fresh_token_that_is_refused_means_a_rival),
        TEST(an_old_token_that_never_worked_is_renewed_once),
        TEST(where_the_fault_of_a_refusal_is_looked_for),
        TEST(a_token_that_many_refuse_is_stolen_after_all),
        TEST(tokens_cut_short_again_and_again_are_reported),
        TEST(tokens_that_die_after_one_use_are_not_hammered_for),
        TEST(a_short_life_is_neither_hammered_nor_looped),
        TEST(a_token_that_lives_its_time_clears_the_rival_of_suspicion),
        TEST(a_refresh_without_a_new_refresh_token_keeps_the_old_one),
        TEST(a_client_id_is_sent_when_configured),
        TEST(no_code_is_sent_twice),
        TEST(what_cannot_be_sent_is_a_refusal),
        TEST(a_token_that_comes_too_late_is_none),
        TEST(freeing_cancels_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
