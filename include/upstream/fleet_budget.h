/* SPDX-License-Identifier: MIT */
/* One upstream budget, and one pause, for the fleet. A slot is the leave to start one call within a short time; Redis
 * gives it out, by its clock, so that never more than `count` calls of all gateways start in any interval. After a
 * pause one gateway's call is let through first, and the rest waits for its answer. While Redis gives none, this
 * gateway keeps to its share: `count` by the number of gateways that were last seen alive. On the fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_FLEET_BUDGET_H
#define NEXGATE_UPSTREAM_FLEET_BUDGET_H

#include "upstream/fleet.h"

enum {
    FLEET_SLOTS_MAX = 16,     /* in hand */
    FLEET_BEAT_MS = 5000,     /* between two signs of life of an idle gateway, */
    FLEET_ALIVE_MS = 15000,   /* and how long one lasts */
    FLEET_AWAY_RETRY_MS = 500 /* between two tries to reach a Redis that gave no answer */
};

struct fleet_budget_options {
    int64_t count, interval_us; /* the margin for the network's jitter included */
    int64_t probe_us;           /* how long the first call after a pause may take */
    int64_t pause_max_us;
};

struct fleet_budget_events {
    void (*on_change)(void *context);                  /* a call may start now that might not before */
    void (*on_pause)(void *context, int64_t pause_us); /* somebody was told to wait for so long from now */
    void *context;
};

struct fleet_budget;

struct fleet_budget *fleet_budget_new(struct fleet *fleet, const struct fleet_budget_options *options,
                                      const struct fleet_budget_events *events);
void fleet_budget_free(struct fleet_budget *budget);

/* Other limits from now on. Slots in hand stay good. */
void fleet_budget_change(struct fleet_budget *budget, const struct fleet_budget_options *options);

/* How many calls wait for a slot now: asks for slots, or gives back those that nobody waits for. */
void fleet_budget_want(struct fleet_budget *budget, int64_t wanted);

/* Whether a call may start now. */
bool fleet_budget_is_ready(struct fleet_budget *budget);

/* Not ready: when it will be as far as can be known, or CLOCK_NEVER: on_change tells. */
int64_t fleet_budget_ready_at(const struct fleet_budget *budget);

/* When a call with `ahead` others before it may start, as far as can be told from what this gateway has got of late
 * while it always wanted more, or from its share while Redis does not share it; now or before where that is not known.
 */
int64_t fleet_budget_turn(struct fleet_budget *budget, int64_t ahead);

/* A call starts, which must be ready. Above 0: it is the first after a pause; fleet_budget_pardon is to be called with
 * that number when it was answered otherwise than by a throttle. */
int64_t fleet_budget_start(struct fleet_budget *budget) MUST_CHECK;
void fleet_budget_pardon(struct fleet_budget *budget, int64_t probe);

/* Nexudus throttles: nobody calls for so long. */
void fleet_budget_pause(struct fleet_budget *budget, int64_t pause_us);

/* Whether Redis does not share it, so that each gateway is on its own. */
bool fleet_budget_is_away(const struct fleet_budget *budget);

#endif
