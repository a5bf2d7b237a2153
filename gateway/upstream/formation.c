/* SPDX-License-Identifier: MIT */
/* Between a flight and the parts of the fleet. A flight that nobody wants stored is not for others and goes alone, as
 * does one that must be anew while another gateway's is in the air: whether that began late enough could only be told
 * by comparing clocks. Who follows pays nothing; the charge is given back when that is known, and taken again where it
 * must make the call after all. */
#include "upstream/formation.h"

#include <assert.h>
#include <stdio.h>

/* A landed window on its way to the shared store, before the others are told. */
struct publication {
    struct fetcher *fetcher;
    struct publication *next, **link;
    struct shared_copy copy;
    struct fleet_end end;
    struct fleet_news news;
    struct deferred burial;
};

static void on_burial(struct deferred *deferred)
{
    mem_free(MEM_OUTER(deferred, struct publication, burial));
}

/* Out of sight; its memory goes at the end of the turn. */
static void close_publication(struct publication *publication)
{
    struct fetcher *fetcher = publication->fetcher;

    fetcher->cache.unref(publication->copy.entry);
    *publication->link = publication->next;
    if (publication->next != NULL)
        publication->next->link = publication->link;
    publication->burial.on_turn_end = on_burial;
    loop_defer(fetcher->loop, &publication->burial);
}

static void on_copied(struct shared_copy *copy, bool is_there)
{
    struct publication *publication = MEM_OUTER(copy, struct publication, copy);

    publication->news.stored = is_there;
    fleet_end_tell(&publication->end, &publication->news);
    close_publication(publication);
}

static void publish(struct flight *flight, const struct landing *landing, const struct fleet_news *news)
{
    struct fetcher *fetcher = flight->fetcher;
    struct publication *publication = mem_new(sizeof *publication);

    publication->fetcher = fetcher;
    publication->next = fetcher->publications;
    publication->link = &fetcher->publications;
    if (publication->next != NULL)
        publication->next->link = &publication->next;
    fetcher->publications = publication;
    publication->news = *news;
    publication->copy.entry = fetcher->cache.ref(landing->entry);
    publication->copy.on_copied = on_copied;
    fleet_flight_take_end(&flight->fleet, &publication->end);
    fetcher->cache.shared->copy(fetcher->cache.shared->context, &publication->copy);
}

/* Who pays. */

static void give_charge_back(struct flight *flight)
{
    struct ask *starter = flight->asks;

    if (flight->charged && starter->on_refund != NULL)
        starter->on_refund(starter);
    flight->charged = false;
}

/* The first aboard who can pay does; who cannot leaves. */
static bool take_charge(struct flight *flight)
{
    const struct landing uncharged = {.verdict = ASK_UNCHARGED, .why = "the client's searches are spent"};
    struct ask *ask;

    while (!flight->charged && (ask = flight->asks) != NULL) {
        flight->charged = ask->on_charge == NULL || ask->on_charge(ask);
        if (!flight->charged) {
            flight_leave_first(flight);
            ask_answer(ask, &uncharged, false, &flight->fetcher->cache);
        }
    }
    return flight->charged;
}

/* Turns. */

static void fly(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;

    if (!take_charge(flight)) {
        fleet_flight_leave(&flight->fleet);
        route_retire(flight);
        return;
    }
    route_renew_patience(flight);
    flight->followed = false;
    route_enter(flight);
    route_advance(fetcher);
}

static void on_found(struct shared_find *find, void *entry)
{
    struct flight *flight = MEM_OUTER(find, struct flight, find);
    const struct landing landing = {.verdict = ASK_OK, .entry = entry, .stored = true, .status = 200, .why = ""};

    flight->finding = false;
    if (entry == NULL)
        fleet_flight_pass(&flight->fleet); /* gone again, or purged */
    else
        route_land(flight, &landing);
}

static void look_for_window(struct flight *flight)
{
    const struct shared_store *shared = flight->fetcher->cache.shared;

    flight->finding = true;
    flight->find.key = flight->key;
    flight->find.on_found = on_found;
    shared->find(shared->context, &flight->find);
}

static void take_news(struct flight *flight, const struct fleet_news *news)
{
    struct fetcher *fetcher = flight->fetcher;
    const struct landing landing = {
        .verdict = news->verdict,
        .status = news->status,
        .retry_after_us = least(news->retry_after_us, fetcher->options.retry_after_max_us),
        .cap = news->cap,
        .why = news->why,
    };

    give_charge_back(flight);
    flight->followed = true;
    if (news->verdict == ASK_OK && news->stored && fetcher->cache.shared != NULL) {
        look_for_window(flight);
    } else if (news->verdict == ASK_OK) {
        fly(flight); /* made, but nobody else can have it */
    } else {
        if (news->verdict == ASK_BAD_QUERY)
            refusals_keep(fetcher->refusals, flight->key, news->status, news->why, loop_now(fetcher->loop));
        if (news->cap > 0)
            caps_learn(&fetcher->caps, flight->schema, news->cap, loop_now(fetcher->loop));
        route_land(flight, &landing);
    }
}

static void on_turn(struct fleet_flight *fleet, enum fleet_turn turn, const struct fleet_news *news)
{
    struct flight *flight = MEM_OUTER(fleet, struct flight, fleet);

    if (turn == FLEET_NEWS) {
        take_news(flight, news);
    } else if (turn == FLEET_FOLLOW) {
        give_charge_back(flight);
        flight->followed = true;
        formation_want(flight->fetcher); /* one slot less */
    } else {
        fly(flight);
    }
}

void formation_enter(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;

    if (fetcher->fleet_flights == NULL || !flight->store) {
        route_enter(flight);
        route_advance(fetcher);
        return;
    }
    flight->fleet.key = flight->key;
    flight->fleet.came_us = flight->asks->came_us;
    flight->fleet.anew = flight->asks->anew;
    flight->fleet.background = flight->background;
    flight->fleet.on_turn = on_turn;
    route_form(flight);
    fleet_flight_join(fetcher->fleet_flights, &flight->fleet);
    formation_want(fetcher); /* on the same way */
}

void formation_join(struct flight *flight, struct ask *ask)
{
    flight_board(flight, ask);
    if (ask->background)
        return;
    if (flight->background)
        route_set_patience(flight, ask->patience_us);
    else if (ask->patience_us > flight->patience_us)
        route_add_patience(flight, ask->patience_us);
    flight->background = false;
    route_form(flight); /* with its new deadline */
}

void formation_give_up(struct flight *flight)
{
    route_fail(flight, ASK_TIMEOUT, 0, "another gateway's call to Nexudus took too long");
}

/* Whether the landing is Nexudus's answer, which the others would get as well. What happened in our queue is ours. */
static bool is_for_all(const struct flight *flight, const struct landing *landing)
{
    return flight->state == FLIGHT_CALLING && landing->verdict != ASK_THROTTLED && landing->verdict != ASK_CLOSING;
}

void formation_land(struct flight *flight, const struct landing *landing)
{
    struct fetcher *fetcher = flight->fetcher;
    struct fleet_news news = {
        .verdict = landing->verdict,
        .status = landing->status,
        .retry_after_us = most(landing->retry_after_us, 0),
        .cap = landing->cap,
    };

    if (flight->finding)
        fetcher->cache.shared->leave_find(fetcher->cache.shared->context, &flight->find);
    flight->finding = false;
    snprintf(news.why, sizeof news.why, "%s", landing->why);
    if (flight->fleet.state != FLEET_LEADING || !is_for_all(flight, landing))
        fleet_flight_leave(&flight->fleet);
    else if (landing->verdict == ASK_OK && landing->stored && fetcher->cache.shared != NULL)
        publish(flight, landing, &news);
    else
        fleet_flight_tell(&flight->fleet, &news);
}

/* The budget. */

/* Slots do not last, so none are asked for during a pause. */
void formation_want(struct fetcher *fetcher)
{
    int64_t wanted = (int64_t)fetcher->flights[FLIGHT_QUEUED].count + (int64_t)fetcher->flights[FLIGHT_AT_GATE].count;

    if (fetcher->fleet_budget == NULL)
        return;
    for (struct flight *flight = fetcher->flights[FLIGHT_FORMING].first; flight != NULL && wanted < FLEET_SLOTS_MAX;
         flight = flight->next)
        wanted += !flight->followed;
    if (budget_pause_left(fetcher->budget, loop_now(fetcher->loop)) > 0 || fetcher->closing)
        wanted = 0;
    fleet_budget_want(fetcher->fleet_budget, wanted);
}

bool formation_may_start(const struct fetcher *fetcher)
{
    return fetcher->fleet_budget == NULL || fleet_budget_is_ready(fetcher->fleet_budget);
}

int64_t formation_ready_at(const struct fetcher *fetcher)
{
    return fetcher->fleet_budget == NULL ? CLOCK_NEVER : fleet_budget_ready_at(fetcher->fleet_budget);
}

int64_t formation_turn(const struct fetcher *fetcher, int64_t ahead)
{
    return fetcher->fleet_budget == NULL ? 0 : fleet_budget_turn(fetcher->fleet_budget, ahead);
}

void formation_start(struct flight *flight)
{
    struct fetcher *fetcher = flight->fetcher;

    flight->fleet_probe = fetcher->fleet_budget == NULL ? 0 : fleet_budget_start(fetcher->fleet_budget);
}

void formation_pause(struct fetcher *fetcher, int64_t pause_us)
{
    if (fetcher->fleet_budget != NULL)
        fleet_budget_pause(fetcher->fleet_budget, pause_us);
}

void formation_answered(struct flight *flight)
{
    if (flight->fleet_probe != 0)
        fleet_budget_pardon(flight->fetcher->fleet_budget, flight->fleet_probe);
    flight->fleet_probe = 0;
}

bool formation_probes_alone(const struct fetcher *fetcher)
{
    return fetcher->fleet_budget == NULL || fleet_budget_is_away(fetcher->fleet_budget);
}

static void on_change(void *context)
{
    route_advance(context);
}

static void on_pause(void *context, int64_t pause_us)
{
    route_hold_calls(context, pause_us);
    route_clear_line(context);
}

/* Birth and death. */

static void on_message(void *context, struct slice channel, struct slice message)
{
    (void)channel; /* there is but one */
    fetcher_hear(context, message);
}

static void on_link(void *context, bool up)
{
    fetcher_link(context, up);
}

static bool make_feed(struct fetcher *fetcher)
{
    const struct slice channel = slice_of(fetcher->fleet->channel);
    const struct redis_feed_events events = {on_message, on_link, fetcher};

    if (fetcher->options.redis.options == NULL)
        return true;
    fetcher->fleet_feed =
        redis_feed_new(fetcher->loop, fetcher->options.redis.options, &channel, 1, &events, fetcher->log);
    if (fetcher->fleet_feed != NULL)
        redis_feed_follow(fetcher->fleet_feed, fetcher->options.redis.redis);
    return fetcher->fleet_feed != NULL;
}

static struct fleet_budget_options budget_options(const struct fetcher *fetcher)
{
    const struct fetcher_options *options = &fetcher->options;

    return (struct fleet_budget_options){
        .count = options->budget_count,
        .interval_us = options->budget_interval_us + FETCHER_BUDGET_MARGIN_US,
        .probe_us = options->timeout_us,
        .pause_max_us = options->retry_after_max_us,
    };
}

void formation_change(struct fetcher *fetcher)
{
    const struct fleet_budget_options budget = budget_options(fetcher);

    if (fetcher->fleet_budget != NULL)
        fleet_budget_change(fetcher->fleet_budget, &budget);
}

bool formation_init(struct fetcher *fetcher)
{
    const struct fetcher_options *options = &fetcher->options;
    const struct fleet_options fleet = {options->redis.redis, options->redis.prefix};
    const struct fleet_budget_options budget = budget_options(fetcher);
    const struct fleet_budget_events events = {on_change, on_pause, fetcher};

    if (options->redis.redis == NULL)
        return true;
    fetcher->fleet = fleet_new(fetcher->loop, &fleet, fetcher->log, fetcher->counters);
    fetcher->fleet_flights = fleet_flights_new(fetcher->fleet);
    fetcher->fleet_budget = fleet_budget_new(fetcher->fleet, &budget, &events);
    return make_feed(fetcher);
}

void formation_free(struct fetcher *fetcher)
{
    while (fetcher->publications != NULL) {
        struct publication *publication = fetcher->publications;
        fetcher->cache.shared->leave_copy(fetcher->cache.shared->context, &publication->copy);
        buf_free(&publication->end.name);
        close_publication(publication);
    }
    if (fetcher->fleet_feed != NULL)
        redis_feed_free(fetcher->fleet_feed);
    fleet_budget_free(fetcher->fleet_budget);
    fleet_flights_free(fetcher->fleet_flights);
    fleet_free(fetcher->fleet);
}
