/* SPDX-License-Identifier: MIT */
/* What a flight does in a fleet, before it has a place in the queue and when it lands: it leads, or follows another
 * gateway's, whose window it takes from the shared store. Without a fleet it enters the queue at once. Part of the
 * fetcher (upstream/route.h). */
#ifndef NEXGATE_UPSTREAM_FORMATION_H
#define NEXGATE_UPSTREAM_FORMATION_H

#include "upstream/route.h"

/* The fetcher's parts of the fleet, where its options name one. False when the kernel refuses. */
bool formation_init(struct fetcher *fetcher) MUST_CHECK;
void formation_free(struct fetcher *fetcher);

/* The fetcher's options are others now. */
void formation_change(struct fetcher *fetcher);

/* A new flight: into the queue, at once or when it is clear that nobody else makes its call. */
void formation_enter(struct flight *flight);

/* Somebody comes aboard a flight that is not in the queue yet. */
void formation_join(struct flight *flight, struct ask *ask);

/* It waited for another gateway for too long. */
void formation_give_up(struct flight *flight);

/* It is about to land: who leads tells the others, who follows leaves. */
void formation_land(struct flight *flight, const struct landing *landing);

/* The budget that the fleet shares; without one, the fetcher's own is all. */
void formation_want(struct fetcher *fetcher); /* asks for as many slots as flights wait for one */
bool formation_may_start(const struct fetcher *fetcher);
int64_t formation_ready_at(const struct fetcher *fetcher); /* when it may, or CLOCK_NEVER: route_advance is called */
int64_t formation_turn(const struct fetcher *fetcher, int64_t ahead); /* when one with so many before it may, at best */
void formation_start(struct flight *flight);                          /* its call starts */
void formation_pause(struct fetcher *fetcher, int64_t pause_us);
void formation_answered(struct flight *flight); /* by other than a throttle */

/* Whether the first call after a pause is the fetcher's own to choose. */
bool formation_probes_alone(const struct fetcher *fetcher);

#endif
