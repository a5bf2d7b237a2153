/* SPDX-License-Identifier: MIT */
/* The one token and who waits for it. How another comes is renewal.c's.
 *
 *   no token ──want──► login under way ──granted──► good ──time to renew──► good, renewal under way ──granted──► good
 *      ▲                     │ failed                │ 401                        │ failed
 *      │                     ▼                       ▼                            ▼
 *      └──back-off over── backing off           no token                 good, backing off (until it expires)
 */
#include "upstream/token.h"

#include "upstream/renewal.h"
#include "upstream/token_ring.h"

#define FRESH_US (10 * CLOCK_SECOND) /* the age of a token that another one would be no better than */
#define CALM_US (300 * CLOCK_SECOND) /* where no token was cut short for so long, all is well again */

enum {
    CUT_SHORT_LOUD = 3, /* working tokens refused before their time, one after another */
    EXCUSES_MAX = 2     /* entities that may refuse an unproven token before it is the login that is doubted */
};

/* What there is. */

static bool is_backing_off(const struct token *token)
{
    return token->failing && loop_now(token->loop) < token->retry_at_us;
}

/* What was refused ahead of the token's end is tried again by who comes after the back-off. */
static bool is_due_again(const struct token *token)
{
    return token->failing && token->failed_state == TOKEN_REFUSED && !is_backing_off(token);
}

/* Those who wait. */

static bool answer_now(const struct token *token, struct token_answer *answer)
{
    *answer = (struct token_answer){.state = TOKEN_GOOD};
    if (token_is_good(token)) {
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

    while (!token_ring_is_empty(&token->waiting)) {
        struct token_waiter *waiter = token->waiting.next;
        token_ring_remove(waiter);
        token_ring_put(&token->answering, waiter);
    }
    while (!token_ring_is_empty(&token->answering)) {
        struct token_waiter *waiter = token->answering.next;
        token_ring_remove(waiter);
        if (answer_now(token, &answer)) {
            waiter->on_token(waiter, &answer);
        } else {
            token_ring_put(&token->waiting, waiter);
            must_wait = true;
        }
    }
    if (must_wait || is_due_again(token))
        renewal_start(token);
}

void token_want(struct token *token, struct token_waiter *waiter)
{
    token_ring_put(&token->waiting, waiter);
    loop_defer(token->loop, &token->settle);
}

void token_leave(struct token *token, struct token_waiter *waiter)
{
    (void)token;
    if (waiter->next != NULL)
        token_ring_remove(waiter);
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
    token->spacing_was_us = is_first ? TOKEN_BACKOFF_FIRST_MS * CLOCK_MILLISECOND : token->spacing_us;
    token->spacing_us = is_first ? token->spacing_was_us : token->spacing_was_us * 2;
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
    token_drop(token);
    token->suspect = found == TOKEN_STOLEN && token->fleet != NULL;
    if (found == TOKEN_STOLEN && !token->suspect)
        renewal_back_off(token, TOKEN_REFUSED, -1, TOKEN_WHY_REFUSED);
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

void token_change(struct token *token, int64_t connect_timeout_us, int64_t timeout_us)
{
    login_change(token->login, connect_timeout_us, timeout_us);
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
    token->settle.on_turn_end = on_settle;
    token_ring_init(&token->waiting);
    token_ring_init(&token->answering);
    renewal_init(token, transport, options);
    return token;
}

void token_close(struct token *token)
{
    renewal_close(token);
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
    while (!token_ring_is_empty(&token->waiting))
        token_ring_remove(token->waiting.next);
    renewal_free(token);
    token->settle.on_turn_end = on_burial;
    loop_defer(token->loop, &token->settle);
}
