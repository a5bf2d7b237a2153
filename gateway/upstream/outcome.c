/* SPDX-License-Identifier: MIT */
/* Where an answer leads: each verdict of nexudus.c has its row, with what is counted, what it says about the token, and
 * what is done with the flight. */
#include "upstream/outcome.h"

#include "upstream/formation.h"

enum { PAUSE_MIN_US = 100000 }; /* for a throttle that asks for no wait at all */

static void after_ok(struct flight *flight, struct nexudus_answer *answer)
{
    struct fetcher *fetcher = flight->fetcher;
    struct landing landing = {.verdict = ASK_OK, .status = answer->status, .why = ""};
    struct fetched fetched = {
        .key = flight->key,
        .body = &flight->fetch.body,
        .envelope = &answer->envelope,
        .started_us = flight->started_us,
        .store = flight->store,
    };

    refusals_forget(fetcher->refusals, flight->key);
    landing.entry = fetcher->cache.on_fetched(fetcher->cache.context, &fetched, &landing.stored);
    if (landing.entry == NULL)
        route_fail(flight, ASK_OUTAGE, ROUTE_RETRY_DEFAULT_US, "no memory for Nexudus's answer");
    else
        route_land(flight, &landing);
}

static void after_throttle(struct flight *flight, struct nexudus_answer *answer)
{
    struct fetcher *fetcher = flight->fetcher;
    int64_t pause_us = answer->retry_after_us < 0 ? ROUTE_RETRY_DEFAULT_US : most(answer->retry_after_us, PAUSE_MIN_US);

    pause_us += random_between(&fetcher->random, 0, pause_us / 5); /* so that instances do not return as one */
    pause_us = least(pause_us, fetcher->options.retry_after_max_us);
    fetcher->on_probation = true;
    fetcher->probe = NULL;
    flight->fleet_probe = 0;
    flight->started_us = CLOCK_NEVER;
    formation_pause(fetcher, pause_us);
    route_hold_calls(fetcher, pause_us);
    route_line_up(flight);
    route_clear_line(fetcher);
}

static void note_denial(struct flight *flight, enum token_blame blame)
{
    struct fetcher *fetcher = flight->fetcher;
    bool is_news = denials_add(&fetcher->denials, flight->schema, loop_now(fetcher->loop));

    if (is_news && blame == TOKEN_KEPT)
        log_write(fetcher->log, LOG_LEVEL_ERROR, "an entity's searches are refused with a fresh token",
                  LOG_FIELDS(LOG_TEXT("path", flight->schema->path), LOG_TEXT("why", slice_of(TOKEN_WHY_REFUSED))));
}

/* Once more with another token, unless that is known not to help: Nexudus may answer 401 where our user lacks the role,
 * and then this search fails alone. */
static void after_unauthorized(struct flight *flight, struct nexudus_answer *answer)
{
    struct fetcher *fetcher = flight->fetcher;
    enum token_blame blame = TOKEN_KEPT;
    unsigned doubt = (flight->replayed ? TOKEN_DOUBT_AGAIN : 0U) |
                     (denials_knows(&fetcher->denials, flight->schema) ? TOKEN_DOUBT_USUAL : 0U);

    if (!denials_holds(&fetcher->denials, flight->schema, loop_now(fetcher->loop))) {
        blame = token_refused(fetcher->token, flight->generation, doubt);
        if (blame == TOKEN_KEPT || blame == TOKEN_STOLEN)
            note_denial(flight, blame);
    }
    if (flight->replayed || blame == TOKEN_KEPT) {
        route_fail(flight, ASK_REFUSED, 0, answer->why);
        return;
    }
    flight->replayed = true;
    route_renew_patience(flight);
    flight->started_us = CLOCK_NEVER;
    route_line_up(flight);
}

static void after_failure(struct flight *flight, enum ask_verdict verdict, const struct nexudus_answer *answer)
{
    int64_t retry_after_us = most(answer->retry_after_us, ROUTE_RETRY_DEFAULT_US);
    const struct landing landing = {
        .verdict = verdict,
        .status = answer->status,
        .retry_after_us = least(retry_after_us, flight->fetcher->options.retry_after_max_us),
        .cap = answer->cap,
        .why = answer->why,
    };

    route_land(flight, &landing);
}

/* A search changes nothing at Nexudus, so sending it again is safe; it must also be likely to help. A timeout or a lie
 * is not: the next answer would be as late, or the same. Who says when to come again is not asked before. */
static bool is_worth_a_retry(const struct fetch *fetch)
{
    switch (fetch->outcome) {
    case FETCH_UNREACHABLE:
        return true;
    case FETCH_CUT:
        return fetch->reused_connection; /* it may have died of its age */
    case FETCH_ANSWERED:
        return fetch->status >= 500 && fetch->retry_after_us < 0;
    case FETCH_TIMED_OUT:
    case FETCH_TOO_BIG:
    case FETCH_NO_ROOM:
        break;
    }
    return false;
}

/* A kept connection ended before a byte of the answer came: it was idle for too long. That is no news of Nexudus. */
static bool died_of_age(const struct fetch *fetch)
{
    return fetch->outcome == FETCH_UNREACHABLE && fetch->reused_connection;
}

/* Nobody waits for a refresh, so it is not worth a retry either. */
static bool may_retry(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;
    int64_t now_us = loop_now(fetcher->loop);
    bool for_free = died_of_age(&flight->fetch);

    if (flight->retried || (flight->background && !for_free) || !is_worth_a_retry(&flight->fetch) ||
        now_us >= flight->latest_us || !breaker_allows(&fetcher->breaker, now_us))
        return false;
    route_renew_patience(flight);
    return route_is_in_time(flight) && (for_free || retries_spend(&fetcher->retries));
}

static void after_outage(struct flight *flight, struct nexudus_answer *answer)
{
    if (!may_retry(flight)) {
        after_failure(flight, answer->verdict == NEXUDUS_BROKEN ? ASK_BROKEN : ASK_OUTAGE, answer);
        return;
    }
    counters_add(flight->fetcher->counters, METRIC_UPSTREAM_RETRIES, 1);
    flight->retried = true;
    flight->fetch.fresh_connection = true; /* the kept ones may be as dead, and who has failed often hangs up, too */
    flight->started_us = CLOCK_NEVER;
    route_line_up(flight);
}

static void after_bad_query(struct flight *flight, struct nexudus_answer *answer)
{
    struct fetcher *fetcher = flight->fetcher;

    if (flight->store)
        refusals_keep(fetcher->refusals, flight->key, answer->status, answer->why, loop_now(fetcher->loop));
    after_failure(flight, ASK_BAD_QUERY, answer);
}

static const struct {
    enum ask_verdict verdict; /* where nothing better can be done */
    enum metric metric;
    bool proves_token;                                                  /* only a good token is answered like this */
    bool is_trouble;                                                    /* the log shall know */
    bool is_failure;                                                    /* the breaker shall know */
    void (*then)(struct flight *flight, struct nexudus_answer *answer); /* NULL: after_failure */
} outcomes[] = {
    [NEXUDUS_OK] = {ASK_OK, METRIC_UPSTREAM_OK, true, false, false, after_ok},
    [NEXUDUS_CAPPED] = {ASK_CAPPED, METRIC_UPSTREAM_OK, true, false, false, NULL},
    [NEXUDUS_THROTTLED] = {ASK_THROTTLED, METRIC_UPSTREAM_THROTTLED, false, true, false, after_throttle},
    [NEXUDUS_UNAUTHORIZED] = {ASK_REFUSED, METRIC_UPSTREAM_REFUSED, false, false, false, after_unauthorized},
    [NEXUDUS_FORBIDDEN] = {ASK_REFUSED, METRIC_UPSTREAM_REFUSED, true, true, false, NULL},
    [NEXUDUS_BAD_QUERY] = {ASK_BAD_QUERY, METRIC_UPSTREAM_BAD_QUERY, true, true, false, after_bad_query},
    [NEXUDUS_BROKEN] = {ASK_BROKEN, METRIC_UPSTREAM_BROKEN, false, true, true, after_outage},
    [NEXUDUS_OUTAGE] = {ASK_OUTAGE, METRIC_UPSTREAM_OUTAGE, false, true, true, after_outage},
    [NEXUDUS_TIMEOUT] = {ASK_TIMEOUT, METRIC_UPSTREAM_TIMEOUT, false, true, true, NULL},
};

/* Once for each change of the weather, not for each call. */
static void tell(struct fetcher *fetcher, const struct nexudus_answer *answer, const char *error)
{
    if (answer->verdict == NEXUDUS_OK && fetcher->told != NEXUDUS_OK) {
        log_say(fetcher->log, LOG_LEVEL_INFO, "Nexudus answers again");
        fetcher->told = NEXUDUS_OK;
    } else if (outcomes[answer->verdict].is_trouble && fetcher->told != answer->verdict) {
        log_write(fetcher->log, LOG_LEVEL_WARN, "a search at Nexudus failed",
                  LOG_FIELDS(LOG_TEXT("result", slice_of(nexudus_verdict_name(answer->verdict))),
                             LOG_TEXT("why", slice_of(answer->why)), LOG_TEXT("error", slice_of(error))));
        fetcher->told = answer->verdict;
    }
}

static void tell_breaker(struct flight *flight, bool failed)
{
    struct fetcher *fetcher = flight->fetcher;
    bool changed = breaker_end(&fetcher->breaker, flight->probing, failed, loop_now(fetcher->loop));

    route_show_breaker(fetcher);
    if (changed && failed)
        log_say(fetcher->log, LOG_LEVEL_WARN, "the breaker opens: too many of the latest calls to Nexudus failed");
    else if (changed)
        log_say(fetcher->log, LOG_LEVEL_INFO, "the breaker closes: its probe was answered");
}

void outcome_on_done(struct fetch *fetch)
{
    struct flight *flight = MEM_OUTER(fetch, struct flight, fetch);
    struct fetcher *fetcher = flight->fetcher;
    struct nexudus_answer answer;

    nexudus_judge(fetch, flight->schema, flight->window, &answer);
    flight->status = answer.status;
    counters_observe(fetcher->counters, HISTOGRAM_UPSTREAM_DURATION, loop_now(fetcher->loop) - flight->started_us);
    counters_add(fetcher->counters, outcomes[answer.verdict].metric, 1);
    if (!died_of_age(fetch)) {
        tell(fetcher, &answer, fetch->error);
        tell_breaker(flight, outcomes[answer.verdict].is_failure && answer.status != 404); /* who says so is there */
    }
    if (outcomes[answer.verdict].proves_token) {
        token_worked(fetcher->token, flight->generation);
        denials_forget(&fetcher->denials, flight->schema);
    }
    if (answer.cap > 0)
        caps_learn(&fetcher->caps, flight->schema, answer.cap, loop_now(fetcher->loop));
    if (fetcher->probe == flight) {
        fetcher->probe = NULL;
        fetcher->on_probation = false; /* unless it was throttled, which begins another */
    }
    if (answer.verdict != NEXUDUS_THROTTLED)
        formation_answered(flight);
    if (outcomes[answer.verdict].then != NULL)
        outcomes[answer.verdict].then(flight, &answer);
    else
        after_failure(flight, outcomes[answer.verdict].verdict, &answer);
    envelope_free(&answer.envelope);
    buf_free(&fetch->body);
    route_advance(fetcher);
}
