/* SPDX-License-Identifier: MIT */
/* The one token and who waits for it.
 *
 *   no token ──want──► login under way ──granted──► good ──time to renew──► good, renewal under way ──granted──► good
 *      ▲                     │ failed                │ 401                        │ failed
 *      │                     ▼                       ▼                            ▼
 *      └──back-off over── backing off           no token                 good, backing off (until it expires)
 *
 * A renewal is a refresh while there is a refresh token, and a login by password otherwise or when the refresh is
 * refused. The alarm is set for the next thing to be done unasked: renewing ahead, the next one-time code, or trying
 * again after an outage. A refusal is never tried again unasked: many wrong passwords lock a user out. How a call to
 * the token endpoint looks is login.c's. */
#include "upstream/token.h"

#include "upstream/login.h"

#include <assert.h>
#include <stdatomic.h>

#define REFRESH_TOKEN_LIFE_US (15 * CLOCK_DAY)
#define CODE_PATIENCE_US (2 * CLOCK_SECOND) /* a one-time code that is due so soon is worth waiting for */

#define FRESH_US (10 * CLOCK_SECOND) /* the age of a token that another one would be no better than */

#define RENEWAL_MIN_US (30 * CLOCK_SECOND) /* what must be renewed sooner than that is renewed when it is wanted */
#define LIFE_MIN_US (10 * CLOCK_SECOND)    /* a shorter life is not believed: it ends when the token is refused */
#define CALM_US (300 * CLOCK_SECOND)       /* where no token was cut short for so long, all is well again */

enum {
    CUT_SHORT_LOUD = 3, /* working tokens refused before their time, one after another */
    EXCUSES_MAX = 2     /* entities that may refuse an unproven token before it is the login that is doubted */
};

/* The last token that was judged: was it good? */
enum proof { PROOF_NONE, PROOF_WORKED, PROOF_REFUSED };

struct token {
    struct loop *loop;
    struct log *log;
    struct counters *counters;
    struct random *random;
    struct login *login;
    struct timer alarm;

    struct buf authorization; /* the header line; empty: no token */
    uint64_t generation;      /* of the last token there was */
    bool worked;              /* that one */
    atomic_llong taken_us;    /* when it came, */
    int64_t worked_us;        /* and when it worked last */
    int excuses;              /* how often it was kept although it was refused and had not worked yet */
    enum proof proof;
    struct buf refresh_token; /* empty: none */
    int64_t refresh_since_us;

    int64_t backoff_us; /* the last one's length; 0: nothing failed since a token worked */
    int64_t retry_at_us;
    int cut_short;           /* tokens in a row that worked and were refused before their time */
    int64_t cut_us;          /* when a token was dropped last because it was refused, */
    int64_t spacing_us;      /* and how long after that none is; 0: none was dropped yet */
    enum token_state told;   /* what the log was told last: TOKEN_GOOD when all is well */
    atomic_bool failing;     /* the last attempt failed */
    atomic_int failed_state; /* how, enum token_state */
    atomic_llong expires_us; /* of the token that is there, monotonic; 0: none */
    atomic_llong renew_us;

    struct token_waiter waiting;   /* ring's head */
    struct token_waiter answering; /* ring's head: those who were waiting when answering began */
    struct deferred settle;
};

static void renew(struct token *token);

/* Rings of waiters. */

static void make_ring(struct token_waiter *ring)
{
    ring->next = ring;
    ring->previous = ring;
}

static bool is_empty(const struct token_waiter *ring)
{
    return ring->next == ring;
}

static void link_last(struct token_waiter *ring, struct token_waiter *waiter)
{
    waiter->next = ring;
    waiter->previous = ring->previous;
    waiter->previous->next = waiter;
    ring->previous = waiter;
}

static void unlink_waiter(struct token_waiter *waiter)
{
    assert(waiter->previous != NULL && waiter->next != NULL);
    waiter->previous->next = waiter->next;
    waiter->next->previous = waiter->previous;
    waiter->next = NULL;
    waiter->previous = NULL;
}

/* What there is. */

static bool is_good(const struct token *token)
{
    return token->authorization.length > 0 && loop_now(token->loop) < token->expires_us;
}

static bool is_backing_off(const struct token *token)
{
    return token->failing && loop_now(token->loop) < token->retry_at_us;
}

/* What was refused ahead of the token's end is tried again by who comes after the back-off. */
static bool is_due_again(const struct token *token)
{
    return token->failing && token->failed_state == TOKEN_REFUSED && !is_backing_off(token);
}

static bool can_refresh(const struct token *token)
{
    return token->refresh_token.length > 0 && loop_now(token->loop) - token->refresh_since_us < REFRESH_TOKEN_LIFE_US;
}

static void drop_access_token(struct token *token)
{
    grant_wipe(&token->authorization);
    token->expires_us = 0;
    token->renew_us = 0;
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

static void back_off(struct token *token, enum token_state state, int64_t retry_after_us, const char *why)
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
    if (is_good(token) || wait_us <= CODE_PATIENCE_US)
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
        await_code(token, ready_us);
        return;
    }
    counters_add(token->counters, METRIC_LOGINS, 1);
    login_by_password(token->login);
}

static void renew(struct token *token)
{
    const char *fault = login_fault(token->login);

    if (login_is_busy(token->login))
        return;
    timer_stop(token->loop, &token->alarm);
    if (fault != NULL) {
        back_off(token, TOKEN_REFUSED, -1, fault);
    } else if (can_refresh(token)) {
        counters_add(token->counters, METRIC_REFRESHES, 1);
        login_by_refresh(token->login, buf_slice(&token->refresh_token));
    } else {
        renew_by_password(token);
    }
}

static void on_alarm(struct timer *timer)
{
    renew(MEM_OUTER(timer, struct token, alarm));
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

static void take_grant(struct token *token, struct login_result *result)
{
    int64_t lifetime_us = result->grant.lifetime_us < LIFE_MIN_US ? LIFE_MIN_US : result->grant.lifetime_us;

    if (is_good(token))
        token->cut_short = 0; /* the one before lived as long as it should */
    if (result->asked_us + lifetime_us <= loop_now(token->loop)) {
        back_off(token, TOKEN_UNAVAILABLE, -1, "the token had expired when it came");
        return;
    }
    if (!put_authorization(token, buf_slice(&result->grant.access_token))) {
        back_off(token, TOKEN_UNAVAILABLE, -1, "out of memory");
        return;
    }
    keep_refresh_token(token, result);
    token->generation++;
    token->worked = false;
    token->taken_us = loop_now(token->loop);
    token->excuses = 0;
    token->failing = false;
    token->expires_us = result->asked_us + lifetime_us;
    token->renew_us = renewal_of(token, lifetime_us);
    if (token->renew_us < token->expires_us)
        timer_start(token->loop, &token->alarm, token->renew_us);
    log_write(token->log, LOG_LEVEL_INFO, "token taken",
              LOG_FIELDS(LOG_TEXT("grant", slice_of(result->by_refresh ? "refresh_token" : "password")),
                         LOG_NUMBER("lifetime_s", lifetime_us / CLOCK_SECOND)));
    loop_defer(token->loop, &token->settle);
}

static void on_result(void *context, struct login_result *result)
{
    struct token *token = context;

    if (result->verdict == LOGIN_GRANTED) {
        take_grant(token, result);
        return;
    }
    counters_add(token->counters, METRIC_LOGIN_FAILURES, 1);
    if (result->verdict == LOGIN_REFUSED && result->by_refresh) {
        grant_wipe(&token->refresh_token);
        renew_by_password(token);
        return;
    }
    back_off(token, result->verdict == LOGIN_REFUSED ? TOKEN_REFUSED : TOKEN_UNAVAILABLE, result->retry_after_us,
             result->why);
}

/* Those who wait. */

static bool answer_now(const struct token *token, struct token_answer *answer)
{
    *answer = (struct token_answer){.state = TOKEN_GOOD};
    if (is_good(token)) {
        answer->authorization = token->authorization.bytes;
        answer->generation = token->generation;
        return true;
    }
    if (is_backing_off(token)) {
        answer->state = (enum token_state)token->failed_state;
        answer->retry_us = token->retry_at_us - loop_now(token->loop);
        return true;
    }
    return false;
}

static void on_settle(struct deferred *deferred)
{
    struct token *token = MEM_OUTER(deferred, struct token, settle);
    struct token_answer answer;
    bool must_wait = false; /* not so those who ask while others are answered: their settlement is queued */

    while (!is_empty(&token->waiting)) {
        struct token_waiter *waiter = token->waiting.next;
        unlink_waiter(waiter);
        link_last(&token->answering, waiter);
    }
    while (!is_empty(&token->answering)) {
        struct token_waiter *waiter = token->answering.next;
        unlink_waiter(waiter);
        if (answer_now(token, &answer)) {
            waiter->on_token(waiter, &answer);
        } else {
            link_last(&token->waiting, waiter);
            must_wait = true;
        }
    }
    if (must_wait || is_due_again(token))
        renew(token);
}

void token_want(struct token *token, struct token_waiter *waiter)
{
    link_last(&token->waiting, waiter);
    loop_defer(token->loop, &token->settle);
}

void token_leave(struct token *token, struct token_waiter *waiter)
{
    (void)token;
    if (waiter->next != NULL)
        unlink_waiter(waiter);
}

/* What became of a token. */

static enum token_blame blame(struct token *token, unsigned doubt)
{
    bool again = (doubt & TOKEN_DOUBT_AGAIN) != 0, usual = (doubt & TOKEN_DOUBT_USUAL) != 0;
    int64_t now_us = loop_now(token->loop);
    bool fresh = now_us - token->taken_us < FRESH_US;

    if (token->worked) /* lately: else it may have died since */
        return (again || usual) && now_us - token->worked_us < FRESH_US ? TOKEN_KEPT : TOKEN_EXPIRED;
    if (usual) /* no news of the login */
        return again ? TOKEN_KEPT : TOKEN_EXPIRED;
    if (token->proof == PROOF_WORKED && (again || fresh))
        return token->excuses++ < EXCUSES_MAX ? TOKEN_KEPT : TOKEN_STOLEN;
    return fresh || token->proof == PROOF_REFUSED ? TOKEN_STOLEN : TOKEN_EXPIRED;
}

/* Whoever logs in again for each refusal hammers the identity service, be it that a rival takes each token away or that
 * one query is refused whatever the token: the time between two grows to a minute, and meanwhile the search fails. */
static bool may_drop(struct token *token)
{
    int64_t now_us = loop_now(token->loop);
    bool is_first = token->spacing_us == 0 || now_us - token->cut_us >= CALM_US;

    if (!is_first && now_us - token->cut_us < token->spacing_us)
        return false;
    token->spacing_us = is_first ? TOKEN_BACKOFF_FIRST_MS * CLOCK_MILLISECOND : token->spacing_us * 2;
    if (token->spacing_us > TOKEN_BACKOFF_MAX_MS * CLOCK_MILLISECOND)
        token->spacing_us = TOKEN_BACKOFF_MAX_MS * CLOCK_MILLISECOND;
    token->cut_us = now_us;
    return true;
}

static void note_refusal(struct token *token)
{
    if (!token->worked) {
        token->proof = PROOF_REFUSED;
        return;
    }
    token->cut_short += loop_now(token->loop) < token->renew_us;
    if (token->cut_short == CUT_SHORT_LOUD)
        log_write(token->log, LOG_LEVEL_ERROR, "our tokens are refused before their time",
                  LOG_FIELDS(LOG_TEXT("why", slice_of(TOKEN_WHY_REFUSED))));
}

enum token_blame token_refused(struct token *token, uint64_t generation, unsigned doubt)
{
    if (generation != token->generation || token->authorization.length == 0)
        return TOKEN_OUTDATED;
    enum token_blame found = blame(token, doubt);
    if (found == TOKEN_KEPT || (found == TOKEN_EXPIRED && !may_drop(token)))
        return TOKEN_KEPT;
    if ((doubt & TOKEN_DOUBT_USUAL) == 0)
        note_refusal(token);
    drop_access_token(token);
    if (found == TOKEN_STOLEN)
        back_off(token, TOKEN_REFUSED, -1, TOKEN_WHY_REFUSED);
    else if (!token->failing)
        timer_stop(token->loop, &token->alarm); /* renewed when somebody wants it */
    return found;
}

void token_worked(struct token *token, uint64_t generation)
{
    if (generation != token->generation || token->authorization.length == 0)
        return;
    token->worked_us = loop_now(token->loop);
    if (token->worked)
        return;
    token->worked = true;
    token->proof = PROOF_WORKED;
    token->backoff_us = 0;
    if (token->told != TOKEN_GOOD)
        log_say(token->log, LOG_LEVEL_INFO, "the login at Nexudus works again");
    token->told = TOKEN_GOOD;
}

void token_look(const struct token *token, struct token_view *view)
{
    int64_t now_us = loop_now(token->loop);
    int64_t expires_us = token->expires_us, renew_us = token->renew_us;

    *view = (struct token_view){.failing = token->failing, .has_token = now_us < expires_us};
    if (view->has_token) {
        view->state = TOKEN_GOOD;
        view->expires_us = expires_us - now_us;
        view->age_us = now_us - token->taken_us;
        view->renew_us = renew_us > now_us ? renew_us - now_us : 0;
    } else {
        view->state = view->failing ? (enum token_state)token->failed_state : TOKEN_UNAVAILABLE;
    }
}

struct token *token_new(struct loop *loop, struct transport *transport, const struct token_options *options,
                        struct log *log, struct counters *counters, struct random *random)
{
    struct token *token = mem_new(sizeof *token);

    token->loop = loop;
    token->log = log;
    token->counters = counters;
    token->random = random;
    token->told = TOKEN_GOOD;
    token->alarm.on_timer = on_alarm;
    token->settle.on_turn_end = on_settle;
    make_ring(&token->waiting);
    make_ring(&token->answering);
    token->login = login_new(loop, transport, options, on_result, token);
    return token;
}

/* A settlement may still be queued, so the memory goes at the end of the turn. */
static void on_burial(struct deferred *deferred)
{
    mem_free(MEM_OUTER(deferred, struct token, settle));
}

void token_free(struct token *token)
{
    if (token == NULL)
        return;
    while (!is_empty(&token->waiting))
        unlink_waiter(token->waiting.next);
    timer_stop(token->loop, &token->alarm);
    login_free(token->login);
    drop_access_token(token);
    grant_wipe(&token->refresh_token);
    token->settle.on_turn_end = on_burial;
    loop_defer(token->loop, &token->settle);
}
