/* SPDX-License-Identifier: MIT */
/* How another token comes: by a refresh while there is a refresh token, and by the password otherwise or when the
 * refresh is refused; in a fleet in turn with the others, or from one of them. The alarm is set for the next thing to
 * be done unasked: renewing ahead, the next one-time code, or trying again after an outage. A refusal is never tried
 * again unasked: many wrong passwords lock a user out. How a call to the token endpoint looks is login.c's. */
#include "upstream/renewal.h"

#define REFRESH_TOKEN_LIFE_US (15 * CLOCK_DAY)
#define CODE_PATIENCE_US (2 * CLOCK_SECOND) /* a one-time code that is due so soon is worth waiting for */

#define RENEWAL_MIN_US (30 * CLOCK_SECOND) /* what must be renewed sooner than that is renewed when it is wanted */
#define LIFE_MIN_US (10 * CLOCK_SECOND)    /* a shorter life is not believed: it ends when the token is refused */

static bool is_our_turn(const struct token *token)
{
    return token->fleet != NULL && fleet_login_is_held(token->fleet);
}

static bool can_refresh(const struct token *token)
{
    return token->refresh_token.length > 0 && loop_now(token->loop) - token->refresh_since_us < REFRESH_TOKEN_LIFE_US;
}

/* Failures. */

static void tell_failure(struct token *token, enum token_state state, const char *why, int64_t wait_us)
{
    if (token->told == state)
        return; /* once until a token works again */
    token->told = state;
    log_write(token->log, LOG_LEVEL_ERROR, state == TOKEN_REFUSED ? "Nexudus refuses our login" : "no login at Nexudus",
              LOG_FIELDS(LOG_TEXT("why", slice_of(why)), LOG_NUMBER("retry_ms", wait_us / CLOCK_MILLISECOND)));
}

void renewal_back_off(struct token *token, enum token_state state, int64_t retry_after_us, const char *why)
{
    const int64_t longest_us = TOKEN_BACKOFF_MAX_MS * CLOCK_MILLISECOND;
    int64_t now_us = loop_now(token->loop);

    token->backoff_us = token->backoff_us == 0 ? TOKEN_BACKOFF_FIRST_MS * CLOCK_MILLISECOND : token->backoff_us * 2;
    if (token->backoff_us > longest_us)
        token->backoff_us = longest_us;
    int64_t wait_us = random_between(token->random, token->backoff_us * 9 / 10, token->backoff_us * 11 / 10);
    if (retry_after_us > longest_us)
        retry_after_us = longest_us;
    if (wait_us < retry_after_us)
        wait_us = retry_after_us;
    /* Where the next one-time code must be awaited, waiters are better told so than left waiting. */
    if (!can_refresh(token) && wait_us < login_ready_at(token->login) - now_us)
        wait_us = login_ready_at(token->login) - now_us;

    token->failing = true;
    token->failed_state = state;
    token->retry_at_us = now_us + wait_us;
    tell_failure(token, state, why, wait_us);
    if (state == TOKEN_REFUSED)
        timer_stop(token->loop, &token->alarm); /* the next want after that tries again */
    else
        timer_start(token->loop, &token->alarm, token->retry_at_us);
    loop_defer(token->loop, &token->settle);
}

/* Renewal. */

/* The login comes by itself; those who would have to wait long for it are told when. */
static void await_code(struct token *token, int64_t ready_us)
{
    int64_t wait_us = ready_us - loop_now(token->loop);

    timer_start(token->loop, &token->alarm, ready_us);
    if (token_is_good(token) || wait_us <= CODE_PATIENCE_US)
        return;
    token->failing = true;
    token->failed_state = TOKEN_UNAVAILABLE;
    token->retry_at_us = ready_us;
    tell_failure(token, TOKEN_UNAVAILABLE, "the next one-time code is not due yet", wait_us);
    loop_defer(token->loop, &token->settle);
}

static void renew_by_password(struct token *token)
{
    int64_t ready_us = login_ready_at(token->login);

    if (ready_us > loop_now(token->loop)) {
        if (is_our_turn(token))
            fleet_login_release(token->fleet);
        await_code(token, ready_us);
        return;
    }
    counters_add(token->counters, METRIC_LOGINS, 1);
    login_by_password(token->login);
}

static void send_grant(struct token *token)
{
    if (!can_refresh(token)) {
        renew_by_password(token);
        return;
    }
    counters_add(token->counters, METRIC_REFRESHES, 1);
    login_by_refresh(token->login, buf_slice(&token->refresh_token));
}

/* How long Redis is waited for before a login without it takes the others' tokens away: while ours is good nothing
 * hurries, and else those who wait for it shall still have something of it. */
static int64_t patience_with_redis(const struct token *token)
{
    int64_t shortest_us = token->timeout_us / 2;
    int64_t left_us = token->expires_us - loop_now(token->loop) - 2 * token->timeout_us;

    return token_is_good(token) && left_us > shortest_us ? left_us : shortest_us;
}

void renewal_start(struct token *token)
{
    const char *fault = login_fault(token->login);

    if (token->is_closed || login_is_busy(token->login) || (token->fleet != NULL && fleet_login_is_busy(token->fleet)))
        return;
    timer_stop(token->loop, &token->alarm);
    if (fault != NULL)
        renewal_back_off(token, TOKEN_REFUSED, -1, fault);
    else if (token->fleet != NULL)
        fleet_login_want(token->fleet, patience_with_redis(token));
    else
        send_grant(token);
}

static void on_alarm(struct timer *timer)
{
    renewal_start(MEM_OUTER(timer, struct token, alarm));
}

static bool put_authorization(struct token *token, struct slice access_token)
{
    static const char head[] = "Authorization: Bearer ";
    size_t length = sizeof head + access_token.length; /* with a NUL */

    grant_wipe(&token->authorization);
    buf_init(&token->authorization, length);
    if (buf_room(&token->authorization, length) == NULL)
        return false;
    buf_add_text(&token->authorization, head);
    buf_add(&token->authorization, access_token);
    buf_add_char(&token->authorization, '\0');
    return true;
}

static void keep_refresh_token(struct token *token, struct login_result *result)
{
    if (result->grant.refresh_token.length == 0 && result->by_refresh)
        return; /* RFC 6749 section 6: the old one stays */
    grant_wipe(&token->refresh_token);
    buf_take(&token->refresh_token, &result->grant.refresh_token);
    token->refresh_since_us = result->asked_us;
}

/* Ahead by 10 to 20 % of its life; its end where that is too soon. */
static int64_t renewal_of(const struct token *token, int64_t lifetime_us)
{
    int64_t renew_us = token->expires_us - lifetime_us / 1000 * random_between(token->random, 100, 200);

    return renew_us - token->taken_us < RENEWAL_MIN_US ? (int64_t)token->expires_us : renew_us;
}

/* Another token: good from `since_us` for `lifetime_us`, and given at `given_us`. False when there was no memory. */
static bool install(struct token *token, struct slice access_token, int64_t since_us, int64_t lifetime_us,
                    int64_t given_us)
{
    if (token_is_good(token))
        token->cut_short = 0; /* the one before lived as long as it should */
    if (!put_authorization(token, access_token)) {
        renewal_back_off(token, TOKEN_UNAVAILABLE, -1, "out of memory");
        return false;
    }
    token->generation++;
    token->worked = false;
    token->taken_us = given_us;
    token->excuses = 0;
    token->failing = false;
    token->suspect = false;
    token->expires_us = since_us + lifetime_us;
    token->renew_us = renewal_of(token, lifetime_us);
    if (token->renew_us < token->expires_us)
        timer_start(token->loop, &token->alarm, token->renew_us);
    else
        timer_stop(token->loop, &token->alarm);
    loop_defer(token->loop, &token->settle);
    return true;
}

static void log_taken(const struct token *token, const char *how, int64_t lifetime_us)
{
    log_write(token->log, LOG_LEVEL_INFO, "token taken",
              LOG_FIELDS(LOG_TEXT("grant", slice_of(how)), LOG_NUMBER("lifetime_s", lifetime_us / CLOCK_SECOND)));
}

static bool take_grant(struct token *token, struct login_result *result)
{
    int64_t lifetime_us = result->grant.lifetime_us < LIFE_MIN_US ? LIFE_MIN_US : result->grant.lifetime_us;

    if (result->asked_us + lifetime_us <= loop_now(token->loop)) {
        renewal_back_off(token, TOKEN_UNAVAILABLE, -1, "the token had expired when it came");
        return false;
    }
    if (!install(token, buf_slice(&result->grant.access_token), result->asked_us, lifetime_us, loop_now(token->loop)))
        return false;
    token->spacing_was_us = token->spacing_us;
    keep_refresh_token(token, result);
    log_taken(token, result->by_refresh ? "refresh_token" : "password", lifetime_us);
    return true;
}

/* The end of our turn in the fleet: the others get the token, or wait with us. */
static void tell_fleet(struct token *token, const struct login_result *result, bool taken)
{
    int64_t now_us = loop_now(token->loop);
    const struct fleet_failure failure = {
        .refused = token->failed_state == TOKEN_REFUSED,
        .retry_us = token->retry_at_us - now_us,
        .backoff_us = token->backoff_us,
    };

    if (!is_our_turn(token))
        return;
    if (taken)
        fleet_login_store(token->fleet, buf_slice(&result->grant.access_token), buf_slice(&token->refresh_token),
                          token->expires_us - now_us, now_us - token->refresh_since_us);
    else
        fleet_login_fail(token->fleet, &failure);
}

static void on_result(void *context, struct login_result *result)
{
    struct token *token = context;

    if (result->verdict == LOGIN_GRANTED) {
        tell_fleet(token, result, take_grant(token, result));
        return;
    }
    counters_add(token->counters, METRIC_LOGIN_FAILURES, 1);
    if (result->verdict == LOGIN_REFUSED && result->by_refresh) {
        grant_wipe(&token->refresh_token);
        if (is_our_turn(token))
            fleet_login_again(token->fleet);
        else
            renew_by_password(token);
        return;
    }
    renewal_back_off(token, result->verdict == LOGIN_REFUSED ? TOKEN_REFUSED : TOKEN_UNAVAILABLE,
                     result->retry_after_us, result->why);
    tell_fleet(token, result, false);
}

/* The fleet. */

static void on_taken(void *context, struct fleet_token *taken)
{
    struct token *token = context;
    int64_t now_us = loop_now(token->loop), given_us = now_us - taken->age_us;

    grant_wipe(&token->refresh_token);
    buf_take(&token->refresh_token, &taken->refresh_token);
    token->refresh_since_us = now_us - taken->refresh_age_us;
    if (taken->lifetime_us <= 0) {
        loop_defer(token->loop, &token->settle); /* who waits makes a new one of its refresh token */
        return;
    }
    token->spacing_us = token->spacing_was_us; /* nobody was asked for it, so the next need not last longer */
    if (install(token, buf_slice(&taken->access_token), given_us, taken->age_us + taken->lifetime_us, given_us))
        log_taken(token, "another gateway's", taken->lifetime_us);
}

static void on_turn(void *context, int64_t backoff_us)
{
    struct token *token = context;

    if (token->suspect) {
        token->suspect = false;
        fleet_login_release(token->fleet);
        renewal_back_off(token, TOKEN_REFUSED, -1, TOKEN_WHY_REFUSED);
        return;
    }
    if (token->backoff_us < backoff_us)
        token->backoff_us = backoff_us; /* what one has learnt the next goes on with */
    send_grant(token);
}

static void on_failed(void *context, const struct fleet_failure *failure)
{
    struct token *token = context;

    token->failing = true;
    token->failed_state = failure->refused ? TOKEN_REFUSED : TOKEN_UNAVAILABLE;
    token->retry_at_us = loop_now(token->loop) + failure->retry_us;
    if (token->backoff_us < failure->backoff_us)
        token->backoff_us = failure->backoff_us;
    tell_failure(token, (enum token_state)token->failed_state, "another gateway's login has failed", failure->retry_us);
    if (!failure->refused)
        timer_start(token->loop, &token->alarm, token->retry_at_us);
    loop_defer(token->loop, &token->settle);
}

static void on_used_code(void *context, int64_t step)
{
    struct token *token = context;

    login_note_step(token->login, step);
    await_code(token, login_ready_at(token->login));
}

/* Somebody may have begun to wait for another one meanwhile. */
static void on_free(void *context)
{
    struct token *token = context;

    loop_defer(token->loop, &token->settle);
}

static void on_alone(void *context)
{
    send_grant(context);
}

static int64_t on_step(void *context)
{
    struct token *token = context;

    return can_refresh(token) ? -1 : login_step(token->login);
}

static void join_fleet(struct token *token, const struct token_options *options)
{
    const struct fleet_login_events events = {on_taken, on_turn,  on_failed, on_used_code,
                                              on_free,  on_alone, on_step,   token};
    const char *who = options->client_id != NULL ? options->client_id : options->username;
    struct buf account;

    buf_init(&account, SIZE_MAX / 4);
    buf_add_text(&account, options->url);
    buf_add_char(&account, '\n');
    buf_add_text(&account, who != NULL ? who : "");
    token->fleet = fleet_login_new(options->fleet, options->fleet_key, buf_slice(&account), &events);
    buf_free(&account);
}

void renewal_init(struct token *token, struct transport *transport, const struct token_options *options)
{
    token->alarm.on_timer = on_alarm;
    token->timeout_us = options->timeout_us;
    token->login = login_new(token->loop, transport, options, on_result, token);
    if (options->fleet != NULL && options->fleet_key != NULL)
        join_fleet(token, options);
}

void renewal_close(struct token *token)
{
    token->is_closed = true;
    timer_stop(token->loop, &token->alarm);
    login_cancel(token->login);
    if (token->fleet != NULL)
        fleet_login_leave(token->fleet);
}

void renewal_free(struct token *token)
{
    renewal_close(token);
    fleet_login_free(token->fleet);
    login_free(token->login);
    token_drop(token);
    grant_wipe(&token->refresh_token);
}
