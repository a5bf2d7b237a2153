/* SPDX-License-Identifier: MIT */
/* The route of a flight: its states, and what takes it from one to the next. Shared by the fetcher's own sources
 * (fetcher.c: asks and owner, route.c: the states, outcome.c: what an answer leads to, formation.c: the fleet) and by
 * nobody else. On the fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_ROUTE_H
#define NEXGATE_UPSTREAM_ROUTE_H

#include "base/least.h"
#include "base/map.h"
#include "upstream/budget.h"
#include "upstream/caps.h"
#include "upstream/denials.h"
#include "upstream/fair.h"
#include "upstream/fleet_budget.h"
#include "upstream/flight.h"
#include "upstream/refusals.h"
#include "upstream/retries.h"

struct fetcher {
    struct loop *loop;
    struct transport *transport;
    struct log *log;
    struct counters *counters;
    struct fetcher_options options; /* without its texts */
    char *url;                      /* Nexudus's base */
    struct fetcher_cache cache;
    struct mailbox *mailbox;
    struct token *token;
    struct budget *budget;
    struct fair *fair;
    struct fleet *fleet; /* NULL, like its parts: this gateway is alone */
    struct fleet_flights *fleet_flights;
    struct fleet_budget *fleet_budget;
    struct redis_feed *fleet_feed;
    struct publication *publications; /* windows on their way to the shared store, before the others are told */
    struct breaker breaker;
    struct retries retries;
    struct refusals *refusals;
    struct random random;

    struct map *by_key; /* the newest flight of each key */
    struct flight_list flights[FLIGHT_LISTS];
    uint64_t came;             /* flights so far */
    struct timer opening;      /* when the budget allows the next call */
    bool on_probation;         /* after a throttle, until a call was answered otherwise */
    struct flight *probe;      /* the one call that is sent meanwhile; NULL: not yet */
    enum nexudus_verdict told; /* the trouble that the log knows of; NEXUDUS_OK: none */
    bool closing;

    struct cap_table caps;
    struct denials denials;
    atomic_int_least64_t queued, open; /* numbers of flights */
    atomic_int_least64_t paused_until_us;
    atomic_int_least64_t breaker_state, breaker_until_us; /* for those on other threads */
};

enum { FETCHER_BUDGET_MARGIN_US = 5000 }; /* for the jitter of the network */

/* Where Nexudus does not say when to come again. */
#define ROUTE_RETRY_DEFAULT_US (1 * CLOCK_SECOND)

/* How long it may wait in the queue, from now; the end of everything follows from that. */
void route_set_patience(struct flight *flight, int64_t patience_us);

/* The same for who waits already and may wait longer. */
void route_add_patience(struct flight *flight, int64_t patience_us);

/* Its time in the queue begins anew, within the end of everything. */
void route_renew_patience(struct flight *flight);

/* Into no queue yet: who makes its call is being found out, in bounded time. */
void route_form(struct flight *flight);

/* Into the queue for the first time. Where the queue is full, the last in it is refused: a refresh, or the newest of
 * the client whose queue is longest for its weight. */
void route_enter(struct flight *flight);

/* Somebody else comes aboard, and the flight moves up where that client's own turn would be earlier, or waits
 * longer where that client would. */
void route_join(struct flight *flight, struct ask *ask);

/* Into the queue, in its order; refused where the wait would be too long. */
void route_line_up(struct flight *flight);

/* When its call could start if all before it start as early as they may. */
int64_t route_turn(const struct flight *flight);

/* Whether that is within its patience. Who would not wait at all may still go at once: time passes while we think. */
bool route_is_in_time(const struct flight *flight);

/* Nobody calls for so long; who cannot wait is told by route_clear_line. */
void route_hold_calls(struct fetcher *fetcher, int64_t pause_us);

/* Refuses those in the queue who would outwait their patience: a pause has begun. */
void route_clear_line(struct fetcher *fetcher);

/* Takes the first in line on if a call may start now; while the breaker is open, everybody in line is told so. To be
 * called whenever the line, the gate, the budget, the probe or the breaker has changed. */
void route_advance(struct fetcher *fetcher);

/* Lets other threads see the breaker as it is now. */
void route_show_breaker(struct fetcher *fetcher);

/* Answers everybody aboard; takes the landing's reference. */
void route_land(struct flight *flight, const struct landing *landing);

/* The same without an entry. */
void route_fail(struct flight *flight, enum ask_verdict verdict, int64_t retry_after_us, const char *why);

/* Out of the table and out of sight; nobody may be aboard. */
void route_retire(struct flight *flight);

/* The flight's callbacks. */
void route_on_timer(struct timer *timer);
void route_on_opening(struct timer *timer);
void route_on_token(struct token_waiter *waiter, const struct token_answer *token);

#endif
