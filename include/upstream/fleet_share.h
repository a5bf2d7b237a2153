/* SPDX-License-Identifier: MIT */
/* What this gateway gets of the fleet's budget while it always wants more, as its last intervals show: how long its
 * queue takes, which the whole budget would promise too soon. Pure; time is passed in and never goes back. One thread.
 */
#ifndef NEXGATE_UPSTREAM_FLEET_SHARE_H
#define NEXGATE_UPSTREAM_FLEET_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FLEET_SHARE_INTERVALS = 8 }; /* looked back at; before so many have passed in want, nothing is known */

/* All zero is ready for use. */
struct fleet_share {
    int64_t begin_us;         /* of the interval under way */
    int64_t got;              /* slots in it */
    bool fed;                 /* there was a moment in it in which nobody waited */
    int64_t starved_until_us; /* as long as there was nothing to be had */
    int64_t past[FLEET_SHARE_INTERVALS];
    size_t past_count; /* whole intervals of want, one after the other */
    size_t past_next;
};

/* So many slots were got, of an interval of so many µs. */
void fleet_share_got(struct fleet_share *share, int64_t now_us, int64_t interval_us, int64_t slots);

/* Others have all there is, until then. */
void fleet_share_starved(struct fleet_share *share, int64_t now_us, int64_t interval_us, int64_t until_us);

/* Nobody waits for a slot. */
void fleet_share_fed(struct fleet_share *share, int64_t now_us, int64_t interval_us);

/* Nothing of before says anything any more: the budget is another, or was paused. */
void fleet_share_forget(struct fleet_share *share);

/* When a call with `ahead` before it can start if all goes on as in the last intervals, at `fair` slots in each of them
 * at least; `now_us` where that is not known. */
int64_t fleet_share_turn(struct fleet_share *share, int64_t now_us, int64_t interval_us, int64_t fair, int64_t ahead);

#endif
