/* SPDX-License-Identifier: MIT */
/* The states of a flight and the one door between them.
 *
 *                 ask, paid for
 *                      │ line_up          (line full, or the wait would be too long: THROTTLED)
 *                      ▼
 *   ┌──────────────► QUEUED ────────────── patience over, or the breaker is open ──► THROTTLED, OUTAGE
 *   │                  │ advance: first in line, and the budget allows a call
 *   │                  ▼
 *   │   pause begun  AT_GATE ───────────── no token, or not in time ───────────────► OUTAGE, REFUSED, TIMEOUT
 *   ├────────────────  │ depart: the token is there
 *   │                  ▼
 *   │ throttled,     CALLING ───────────── answered otherwise ─────────────────────► CAPPED, BROKEN, …
 *   └─ 401, retry ───  │ a whole envelope
 *                      ▼
 *                    LANDED ── a moment later ──► OUT, and buried at the end of the turn
 *
 * `move` is the only door between states; each state is a list, and one timer of the flight is the state's. At most one
 * flight is at the gate, so the budget's turn cannot be given twice, and one is enough to fetch the token for all.
 *
 * The queue is in the order of flight_goes_before: fair between the clients that started the flights, and refreshes
 * that nobody waits for stand behind everything else. Who is called again keeps its place. */
#include "upstream/formation.h"

enum {
    RECENT_MAX = 32,    /* landed flights that are kept for latecomers */
    CALLS_MAX = 512,    /* under way at once: descriptors and bodies are bounded however slow Nexudus is */
    RETRY_MIN_US = 1000 /* a 503 always says when to come again */
};

#define SLOT_PATIENCE_US (50 * CLOCK_MILLISECOND) /* where the time that Redis has is not known */
#define RECENT_US (1 * CLOCK_SECOND)

/* The door between states. */

static void publish(struct fetcher *fetcher)
{
    size_t queued = fetcher->flights[FLIGHT_QUEUED].count;
    size_t open = queued + fetcher->flights[FLIGHT_FORMING].count + fetcher->flights[FLIGHT_AT_GATE].count +
                  fetcher->flights[FLIGHT_CALLING].count;

    fetcher->queued = (int64_t)queued;
    fetcher->open = (int64_t)open;
    counters_set(fetcher->counters, METRIC_UPSTREAM_QUEUED, (int64_t)queued);
    counters_set(fetcher->counters, METRIC_FLIGHTS_OPEN, (int64_t)open);
}

static void move(struct flight *flight, enum flight_state next)
{
    struct fetcher *fetcher = flight->fetcher;

    timer_stop(fetcher->loop, &flight->timer);
    if (flight->state == FLIGHT_AT_GATE)
        token_leave(fetcher->token, &flight->token_waiter);
    if (flight->state != FLIGHT_OUT)
        flight_list_remove(&fetcher->flights[flight->state], flight);
    flight->state = next;
    if (flight->state != FLIGHT_OUT)
        flight_list_put(&fetcher->flights[flight->state], flight);
    if (fetcher->flights[FLIGHT_QUEUED].count + fetcher->flights[FLIGHT_AT_GATE].count == 0)
        fair_rest(fetcher->fair);
    publish(fetcher);
}

/* Its rank: taken for the client of `ask`, and given back where it was not used. */

static void give_up_rank(struct flight *flight)
{
    if (flight->ranked)
        fair_leave(flight->fetcher->fair, flight->client, flight->weight);
    flight->ranked = false;
}

static void take_rank(struct flight *flight, const struct ask *ask)
{
    give_up_rank(flight);
    flight->background = ask->background;
    if (flight->background)
        return;
    flight->client = ask->client;
    flight->weight = most(ask->weight, 1);
    flight->rank = fair_enter(flight->fetcher->fair, flight->client, flight->weight);
    flight->ranked = true;
}

/* Landing. */

void route_retire(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;

    if (map_get(fetcher->by_key, flight->key) == flight)
        map_remove(fetcher->by_key, flight->key);
    if (flight->landing.entry != NULL)
        fetcher->cache.unref(flight->landing.entry);
    flight->landing.entry = NULL;
    move(flight, FLIGHT_OUT);
    flight_bury(flight, fetcher->loop);
}

/* Takes the landing's reference. A window is kept for a moment: whoever looked into the store before it was there, and
 * whose ask comes only now, shall not start a second call. */
void route_land(struct flight *flight, const struct landing *landing)
{
    struct fetcher *fetcher = flight->fetcher;
    struct ask *starter = flight->asks;

    formation_land(flight, landing);
    if (landing->verdict != ASK_OK && flight->charged && starter->on_refund != NULL)
        starter->on_refund(starter);
    give_up_rank(flight);
    /* Before anybody hears of it: whoever asks on after its answer came later than the landing. */
    flight->landed_us = loop_now(fetcher->loop);
    flight->landing = *landing;
    flight->schema = NULL; /* it may go with the last of those who wait for it */
    flight_answer(flight, landing, &fetcher->cache);
    if (landing->verdict != ASK_OK || map_get(fetcher->by_key, flight->key) != flight) {
        route_retire(flight);
        return;
    }
    flight->rank = 0; /* those that have landed are in the order of coming */
    flight->background = false;
    move(flight, FLIGHT_LANDED);
    timer_start(fetcher->loop, &flight->timer, flight->landed_us + RECENT_US);
    if (fetcher->flights[FLIGHT_LANDED].count > RECENT_MAX)
        route_retire(fetcher->flights[FLIGHT_LANDED].first);
}

void route_fail(struct flight *flight, enum ask_verdict verdict, int64_t retry_after_us, const char *why)
{
    const struct landing landing = {
        .verdict = verdict,
        .status = flight->status,
        .retry_after_us = most(retry_after_us, RETRY_MIN_US),
        .why = why,
    };

    route_land(flight, &landing);
}

/* The line before the budget. */

static int64_t flights_ahead(const struct flight *flight)
{
    const struct fetcher *fetcher = flight->fetcher;

    return (int64_t)(flight_list_ahead(&fetcher->flights[FLIGHT_QUEUED], flight) +
                     flight_list_ahead(&fetcher->flights[FLIGHT_AT_GATE], flight));
}

/* The whole budget, and in a fleet what this gateway gets of it. */
static int64_t turn_behind(const struct fetcher *fetcher, int64_t ahead)
{
    return most(budget_ready_behind(fetcher->budget, loop_now(fetcher->loop), ahead), formation_turn(fetcher, ahead));
}

int64_t route_turn(const struct flight *flight)
{
    return turn_behind(flight->fetcher, flights_ahead(flight));
}

bool route_is_in_time(const struct flight *flight)
{
    int64_t ready_us = route_turn(flight);

    return ready_us <= flight->wait_until_us || ready_us <= loop_now(flight->fetcher->loop);
}

/* The way to Redis is not the queue: who would not wait at all has time for a slot of the fleet's. */
static void start_patience(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;
    const struct redis_options *redis = fetcher->options.redis.options;
    int64_t end_us = flight->wait_until_us;

    if (fetcher->fleet != NULL)
        end_us = most(end_us, loop_now(fetcher->loop) + (redis != NULL ? redis->timeout_us : SLOT_PATIENCE_US));
    timer_start(fetcher->loop, &flight->timer, end_us);
}

static void refuse(struct flight *flight, int64_t ready_us, const char *why)
{
    struct fetcher *fetcher = flight->fetcher;

    counters_add(fetcher->counters, METRIC_UPSTREAM_QUEUE_FULL, 1);
    route_fail(flight, ASK_THROTTLED, ready_us - loop_now(fetcher->loop), why);
}

static void refuse_full(struct flight *flight)
{
    refuse(flight, route_turn(flight), "too many searches wait for Nexudus already");
}

static void refuse_to_wait(struct flight *flight, int64_t ready_us)
{
    struct fetcher *fetcher = flight->fetcher;

    if (budget_pause_left(fetcher->budget, loop_now(fetcher->loop)) > 0)
        refuse(flight, ready_us, "Nexudus asks us to call less often, and the wait would be too long");
    else
        refuse(flight, ready_us, "more searches wait for Nexudus than can be asked in time");
}

/* Those whose turn is now are in the line only until the end of this turn, or until the login is done: they do not
 * count. */
static bool is_line_full(const struct fetcher *fetcher)
{
    int64_t now_us = loop_now(fetcher->loop);
    size_t in_line = fetcher->flights[FLIGHT_QUEUED].count + fetcher->flights[FLIGHT_AT_GATE].count;
    int64_t beyond = (int64_t)in_line - fetcher->options.queue;

    return beyond >= 0 && budget_ready_behind(fetcher->budget, now_us, beyond) > now_us;
}

static void wait_until(struct flight *flight, int64_t wait_until_us)
{
    flight->wait_until_us = wait_until_us;
    flight->latest_us = wait_until_us + 2 * flight->fetcher->options.timeout_us; /* the token's and the call's */
}

void route_set_patience(struct flight *flight, int64_t patience_us)
{
    flight->patience_us = patience_us;
    wait_until(flight, loop_now(flight->fetcher->loop) + patience_us);
}

void route_add_patience(struct flight *flight, int64_t patience_us)
{
    wait_until(flight, flight->wait_until_us + patience_us - flight->patience_us);
    flight->patience_us = patience_us;
}

void route_renew_patience(struct flight *flight)
{
    int64_t now_us = loop_now(flight->fetcher->loop);

    flight->wait_until_us = least(now_us + flight->patience_us, flight->latest_us);
}

/* Another's call may take as long as ours may wait in the queue and be under way; then there is still time for ours. */
void route_form(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;

    move(flight, FLIGHT_FORMING);
    timer_start(fetcher->loop, &flight->timer, flight->wait_until_us + fetcher->options.timeout_us);
}

static const struct ask *first_who_waits(const struct flight *flight)
{
    const struct ask *ask = flight->asks;

    while (ask->background && ask->next != NULL)
        ask = ask->next;
    return ask;
}

void route_enter(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;
    struct flight *last = fetcher->flights[FLIGHT_QUEUED].last;
    bool full = is_line_full(fetcher);

    take_rank(flight, first_who_waits(flight));

    if (full && (last == NULL || !flight_goes_before(flight, last))) {
        refuse_full(flight);
        return;
    }
    route_line_up(flight);
    if (full && flight->state == FLIGHT_QUEUED)
        refuse_full(last);
}

/* One for which nobody waited so far begins to wait now; else it waits for as long as if the more patient had begun. */
static void take_patience(struct flight *flight, const struct ask *ask)
{
    if (flight->background) {
        route_set_patience(flight, ask->patience_us);
    } else if (ask->patience_us > flight->patience_us) {
        route_add_patience(flight, ask->patience_us);
    }
}

void route_join(struct flight *flight, struct ask *ask)
{
    if (flight->state == FLIGHT_FORMING) {
        formation_join(flight, ask);
        return;
    }
    bool waits_behind = flight->ranked && fair_next(flight->fetcher->fair, ask->client) < flight->rank;

    flight_board(flight, ask);
    if (ask->background || !(flight->background || waits_behind || ask->patience_us > flight->patience_us))
        return;
    take_patience(flight, ask);
    if (flight->background || waits_behind)
        take_rank(flight, ask);
    if (flight->state != FLIGHT_QUEUED)
        return;
    move(flight, FLIGHT_QUEUED); /* where it belongs now */
    start_patience(flight);
}

void route_line_up(struct flight *flight)
{
    if (!route_is_in_time(flight)) {
        refuse_to_wait(flight, route_turn(flight));
        return;
    }
    move(flight, FLIGHT_QUEUED);
    start_patience(flight);
}

void route_hold_calls(struct fetcher *fetcher, int64_t pause_us)
{
    int64_t now_us = loop_now(fetcher->loop);

    budget_pause(fetcher->budget, now_us + pause_us);
    fetcher->paused_until_us = now_us + budget_pause_left(fetcher->budget, now_us);
}

void route_clear_line(struct fetcher *fetcher)
{
    int64_t ahead = (int64_t)fetcher->flights[FLIGHT_AT_GATE].count;
    struct flight *next;

    for (struct flight *flight = fetcher->flights[FLIGHT_QUEUED].first; flight != NULL; flight = next) {
        next = flight->next;
        int64_t ready_us = turn_behind(fetcher, ahead);
        if (ready_us > flight->wait_until_us)
            refuse_to_wait(flight, ready_us);
        else
            ahead++;
    }
}

static bool may_call(const struct fetcher *fetcher)
{
    int64_t now_us = loop_now(fetcher->loop);

    return fetcher->flights[FLIGHT_CALLING].count < CALLS_MAX && breaker_allows(&fetcher->breaker, now_us) &&
           budget_ready_at(fetcher->budget, now_us) <= now_us && formation_may_start(fetcher) &&
           !(fetcher->on_probation && fetcher->probe != NULL && formation_probes_alone(fetcher));
}

void route_show_breaker(struct fetcher *fetcher)
{
    enum breaker_state state = fetcher->breaker.state;

    fetcher->breaker_until_us = state == BREAKER_CLOSED ? 0 : fetcher->breaker.next_probe_us;
    fetcher->breaker_state = state;
    counters_set(fetcher->counters, METRIC_BREAKER_STATE, state);
}

static void turn_away(struct fetcher *fetcher)
{
    struct flight *flight;
    int64_t wait_us = breaker_wait(&fetcher->breaker, loop_now(fetcher->loop));

    while ((flight = fetcher->flights[FLIGHT_QUEUED].first) != NULL) {
        counters_add(fetcher->counters, METRIC_BREAKER_REFUSED, 1);
        route_fail(flight, ASK_OUTAGE, wait_us, "Nexudus fails too often; it is left alone until the next probe");
    }
}

void route_advance(struct fetcher *fetcher)
{
    if (!breaker_allows(&fetcher->breaker, loop_now(fetcher->loop)))
        turn_away(fetcher);
    formation_want(fetcher);
    struct flight *flight = fetcher->flights[FLIGHT_QUEUED].first;
    if (flight == NULL || fetcher->flights[FLIGHT_AT_GATE].count > 0 || fetcher->closing)
        return;
    int64_t now_us = loop_now(fetcher->loop);
    int64_t ready_us = budget_ready_at(fetcher->budget, now_us);
    if (ready_us <= now_us && !formation_may_start(fetcher))
        ready_us = formation_ready_at(fetcher);
    if (ready_us > now_us) {
        timer_start(fetcher->loop, &fetcher->opening, ready_us);
        return;
    }
    if (!may_call(fetcher))
        return;
    fair_serve(fetcher->fair, flight->rank);
    move(flight, FLIGHT_AT_GATE);
    timer_start(fetcher->loop, &flight->timer, least(now_us + fetcher->options.timeout_us, flight->latest_us));
    token_want(fetcher->token, &flight->token_waiter);
}

void route_on_opening(struct timer *timer)
{
    route_advance(MEM_OUTER(timer, struct fetcher, opening));
}

static bool waits_for_login(const struct fetcher *fetcher)
{
    struct token_view token;

    token_look(fetcher->token, &token);
    return !token.has_token && may_call(fetcher);
}

static void end_patience(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;

    route_advance(fetcher); /* its turn may have come at this very moment */
    if (flight->state != FLIGHT_QUEUED)
        return;
    if (waits_for_login(fetcher))
        route_fail(flight, ASK_OUTAGE, ROUTE_RETRY_DEFAULT_US, "our login at Nexudus takes too long");
    else
        refuse_to_wait(flight, route_turn(flight));
}

void route_on_timer(struct timer *timer)
{
    struct flight *flight = MEM_OUTER(timer, struct flight, timer);
    struct fetcher *fetcher = flight->fetcher;

    if (flight->state == FLIGHT_LANDED)
        route_retire(flight);
    else if (flight->state == FLIGHT_FORMING)
        formation_give_up(flight);
    else if (flight->state == FLIGHT_AT_GATE)
        route_fail(flight, ASK_TIMEOUT, 0, "our login at Nexudus took too long");
    else
        end_patience(flight);
    route_advance(fetcher);
}

/* The gate and the call. */

static void depart(struct flight *flight, const struct token_answer *token)
{
    struct fetcher *fetcher = flight->fetcher;
    int64_t now_us = loop_now(fetcher->loop);

    flight->ranked = false;
    move(flight, FLIGHT_CALLING);
    budget_start(fetcher->budget, now_us);
    formation_start(flight);
    if (!flight->retried)
        retries_earn(&fetcher->retries);
    flight->probing = breaker_start(&fetcher->breaker, now_us);
    if (flight->probing)
        flight->fetch.fresh_connection = true; /* the kept ones are from before, and prove nothing */
    route_show_breaker(fetcher);
    counters_add(fetcher->counters, METRIC_UPSTREAM_SEARCHES, 1);
    if (flight->born_us != 0)
        counters_observe(fetcher->counters, HISTOGRAM_UPSTREAM_WAIT, now_us - flight->born_us);
    flight->born_us = 0;
    if (fetcher->on_probation)
        fetcher->probe = flight;
    flight->started_us = now_us;
    flight->generation = token->generation;
    flight->fetch.url = flight->url.bytes;
    flight->fetch.headers[0] = "Accept: application/json";
    flight->fetch.headers[1] = token->authorization;
    flight->fetch.connect_timeout_us = fetcher->options.connect_timeout_us;
    flight->fetch.timeout_us = least(fetcher->options.timeout_us, flight->latest_us - now_us);
    flight->fetch.body_max = ENVELOPE_BODY_MAX;
    fetcher->transport->start(fetcher->transport, &flight->fetch);
    flight->fetch.headers[1] = NULL;
}

/* A pause has begun while it waited for the token, or its slot has grown old, which is no fault of its. */
static void step_back(struct flight *flight)
{
    if (!formation_may_start(flight->fetcher))
        route_renew_patience(flight);
    route_line_up(flight);
}

void route_on_token(struct token_waiter *waiter, const struct token_answer *token)
{
    struct flight *flight = MEM_OUTER(waiter, struct flight, token_waiter);
    struct fetcher *fetcher = flight->fetcher;

    if (token->state == TOKEN_REFUSED)
        route_fail(flight, ASK_REFUSED, token->retry_us, "Nexudus does not accept our login");
    else if (token->state != TOKEN_GOOD)
        route_fail(flight, ASK_OUTAGE, token->retry_us, "we cannot log in at Nexudus at present");
    else if (loop_now(fetcher->loop) >= flight->latest_us)
        route_fail(flight, ASK_TIMEOUT, 0, "Nexudus did not answer in time");
    else if (may_call(fetcher))
        depart(flight, token);
    else
        step_back(flight);
    route_advance(fetcher);
}
