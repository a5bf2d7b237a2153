/* SPDX-License-Identifier: MIT */
/* The fetcher from outside: asks come in by letter and join a flight or start one. How a flight goes on is route.c's,
 * where its answer leads is outcome.c's. Knows nothing of clients, of the store behind `on_fetched`, or of how HTTP is
 * spoken. */
#include "upstream/fetcher.h"

#include "upstream/fetcher_change.h"
#include "upstream/fetcher_view.h"
#include "upstream/formation.h"
#include "upstream/outcome.h"
#include "upstream/route.h"

static void start_flight(struct fetcher *fetcher, struct ask *ask)
{
    struct flight *flight = flight_new(fetcher, ask);

    flight->number = ++fetcher->came;
    flight->born_us = loop_now(fetcher->loop);
    route_set_patience(flight, ask->patience_us);
    flight->timer.on_timer = route_on_timer;
    flight->token_waiter.on_token = route_on_token;
    flight->fetch.on_done = outcome_on_done;
    map_put(fetcher->by_key, flight->key, flight);

    bool fits = nexudus_url(&flight->url, fetcher->url, ask->schema, ask->canonical, ask->window);
    buf_add_char(&flight->url, '\0');
    if (!fits || !buf_ok(&flight->url)) {
        if (ask->canonical.length > flight->url.max / 2)
            route_fail(flight, ASK_BAD_QUERY, 0, "the query is too long for Nexudus");
        else
            route_fail(flight, ASK_OUTAGE, ROUTE_RETRY_DEFAULT_US, "there is no memory for another call");
        return;
    }
    formation_enter(flight);
}

static void answer_unflown(struct fetcher *fetcher, struct ask *ask, const struct landing *landing)
{
    ask_answer(ask, landing, false, &fetcher->cache);
}

/* Without a call: Nexudus refused this very query a moment ago. */
static bool answer_from_memory(struct fetcher *fetcher, struct ask *ask)
{
    int64_t now_us = loop_now(fetcher->loop);
    const struct refusal *refusal =
        ask->anew || ask->doubting ? NULL : refusals_find(fetcher->refusals, ask->key, now_us);

    bool outdated = refusal != NULL && refusal->until_us - fetcher->options.negative_ttl_us <= ask->purged_us;

    if (refusal == NULL || outdated)
        return false;
    const struct landing landing = {.verdict = ASK_BAD_QUERY,
                                    .status = refusal->status,
                                    .remembered_us = refusal->until_us - now_us,
                                    .why = refusal->why};
    counters_add(fetcher->counters, METRIC_UPSTREAM_REMEMBERED, 1);
    answer_unflown(fetcher, ask, &landing);
    return true;
}

static void on_ask(struct letter *letter, void *receiver)
{
    struct fetcher *fetcher = receiver;
    struct ask *ask = MEM_OUTER(letter, struct ask, letter);
    struct flight *flight = map_get(fetcher->by_key, ask->key);
    int64_t max_wait_us = fetcher->options.max_wait_us;

    ask->patience_us = ask->impatient ? least(ask->patience_us, max_wait_us) : max_wait_us;

    if (fetcher->closing) {
        const struct landing closing = {
            .verdict = ASK_CLOSING, .retry_after_us = ROUTE_RETRY_DEFAULT_US, .why = "the gateway is closing"};
        answer_unflown(fetcher, ask, &closing);
        return;
    }
    if (flight != NULL && flight_takes(flight, ask)) {
        if (flight->state == FLIGHT_LANDED)
            ask_answer(ask, &flight->landing, true, &fetcher->cache);
        else
            route_join(flight, ask);
        return;
    }
    if (answer_from_memory(fetcher, ask))
        return;
    if (ask->on_charge != NULL && !ask->on_charge(ask)) {
        const struct landing uncharged = {.verdict = ASK_UNCHARGED, .why = "the client's searches are spent"};
        answer_unflown(fetcher, ask, &uncharged);
        return;
    }
    if (flight != NULL && flight->state == FLIGHT_LANDED)
        route_retire(flight);
    start_flight(fetcher, ask);
}

void fetcher_ask(struct fetcher *fetcher, struct ask *ask)
{
    ask->letter.on_open = on_ask;
    mailbox_post(fetcher->mailbox, &ask->letter);
}

const char *fetcher_channel(const struct fetcher *fetcher)
{
    return fetcher->fleet != NULL ? fetcher->fleet->channel : NULL;
}

void fetcher_hear(struct fetcher *fetcher, struct slice message)
{
    if (fetcher->fleet != NULL && !fetcher->closing)
        fleet_hear(fetcher->fleet, message);
}

void fetcher_link(struct fetcher *fetcher, bool up)
{
    if (fetcher->fleet != NULL)
        fleet_link(fetcher->fleet, up);
}

/* Birth, death and the view from outside. */

/* The caller's texts may go. */
static void forget_texts(struct fetcher *fetcher)
{
    fetcher->options.url = NULL;
    fetcher->options.token = (struct token_options){0};
}

struct fetcher *fetcher_new(struct loop *loop, struct transport *transport, const struct fetcher_options *options,
                            const struct fetcher_cache *cache, struct log *log, struct counters *counters)
{
    struct fetcher *fetcher = mem_new(sizeof *fetcher);
    struct hash_secret secret;

    fetcher->loop = loop;
    fetcher->transport = transport;
    fetcher->log = log;
    fetcher->counters = counters;
    fetcher->options = *options;
    fetcher->url = mem_copy_text(options->url, strlen(options->url));
    fetcher->cache = *cache;
    fetcher->opening.on_timer = route_on_opening;
    random_init(&fetcher->random, 0);
    hash_secret_init(&secret);
    fetcher->by_key = map_new(&secret);
    fetcher->budget = budget_new(options->budget_count, options->budget_interval_us, FETCHER_BUDGET_MARGIN_US);
    breaker_init(&fetcher->breaker, options->breaker_percent, options->breaker_probe_us);
    route_show_breaker(fetcher);
    retries_init(&fetcher->retries, options->retry_percent);
    fetcher->fair = fair_new();
    fetcher->refusals = refusals_new(options->negative_ttl_us);
    bool heard = formation_init(fetcher);
    struct token_options login = options->token;
    login.fleet = fetcher->fleet;
    login.fleet_key = options->redis.token_key;
    fetcher->token = token_new(loop, transport, &login, log, counters, &fetcher->random);
    forget_texts(fetcher);
    fetcher->mailbox = mailbox_new(loop, fetcher);
    if (fetcher->mailbox == NULL || !heard) {
        fetcher_free(fetcher);
        return NULL;
    }
    return fetcher;
}

static void on_change(struct letter *letter, void *receiver)
{
    struct fetcher *fetcher = receiver;
    struct fetcher_change *change = MEM_OUTER(letter, struct fetcher_change, letter);
    const struct fetcher_options *options = &change->options;

    struct fetcher_redis redis = fetcher->options.redis; /* stays as it is from the start */
    fetcher->options = *options;
    fetcher->options.redis = redis;
    forget_texts(fetcher);
    budget_change(fetcher->budget, options->budget_count, options->budget_interval_us, FETCHER_BUDGET_MARGIN_US);
    formation_change(fetcher);
    breaker_change(&fetcher->breaker, options->breaker_percent, options->breaker_probe_us);
    refusals_change(fetcher->refusals, options->negative_ttl_us);
    token_change(fetcher->token, options->connect_timeout_us, options->timeout_us);
    route_show_breaker(fetcher);
    route_advance(fetcher); /* a wider budget lets the next one go */
    mailbox_post(change->reply_to, change->done);
}

void fetcher_change(struct fetcher *fetcher, struct fetcher_change *change)
{
    change->letter.on_open = on_change;
    mailbox_post(fetcher->mailbox, &change->letter);
}

void fetcher_close(struct fetcher *fetcher)
{
    fetcher->closing = true;
    for (enum flight_state state = 0; state < FLIGHT_LISTS; state++) {
        struct flight *flight;
        while ((flight = fetcher->flights[state].first) != NULL) {
            if (state == FLIGHT_CALLING)
                fetcher->transport->cancel(fetcher->transport, &flight->fetch);
            if (state == FLIGHT_LANDED)
                route_retire(flight);
            else
                route_fail(flight, ASK_CLOSING, ROUTE_RETRY_DEFAULT_US, "the gateway is closing");
        }
    }
    token_close(fetcher->token);
}

bool fetcher_has_left(const struct fetcher *fetcher)
{
    return fetcher->fleet == NULL || fleet_is_quiet(fetcher->fleet);
}

void fetcher_free(struct fetcher *fetcher)
{
    if (fetcher == NULL)
        return;
    fetcher_close(fetcher);
    mailbox_free(fetcher->mailbox);
    timer_stop(fetcher->loop, &fetcher->opening);
    token_free(fetcher->token);
    formation_free(fetcher);
    budget_free(fetcher->budget);
    fair_free(fetcher->fair);
    refusals_free(fetcher->refusals);
    map_free(fetcher->by_key);
    mem_free(fetcher->url);
    mem_free(fetcher);
}

int64_t fetcher_cap(const struct fetcher *fetcher, const struct schema *schema)
{
    return caps_find(&fetcher->caps, schema, loop_now(fetcher->loop));
}

void fetcher_look(const struct fetcher *fetcher, struct fetcher_view *view)
{
    struct token_view token;

    int64_t now_us = loop_now(fetcher->loop);
    token_look(fetcher->token, &token);
    *view = (struct fetcher_view){
        .token_good = token.has_token,
        .token_failing = token.failing,
        .token_age_us = token.age_us,
        .token_expires_us = token.expires_us,
        .token_renew_us = token.renew_us,
        .budget_left = budget_left(fetcher->budget, now_us),
        .pause_us = most(fetcher->paused_until_us - now_us, 0),
        .breaker = (enum breaker_state)fetcher->breaker_state,
        .breaker_wait_us = most(fetcher->breaker_until_us - now_us, 0),
        .queued = fetcher->queued,
        .flights = fetcher->open,
    };
    view->wait_us = most(budget_ready_behind(fetcher->budget, now_us, view->queued) - now_us, view->breaker_wait_us);
}
