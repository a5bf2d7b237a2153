/* SPDX-License-Identifier: MIT */
/* How often Nexudus may be called: never more than `count` starts in any sliding interval, and none while it has asked
 * us to wait. Exact: it remembers the last `count` starts. Pure; time is passed in. One thread. */
#ifndef NEXGATE_UPSTREAM_BUDGET_H
#define NEXGATE_UPSTREAM_BUDGET_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { BUDGET_COUNT_MAX = 10000 };

struct budget;

/* `margin_us` is added to the interval, for the jitter of the network between us and the counter at the other end. */
struct budget *budget_new(int64_t count, int64_t interval_us, int64_t margin_us);
void budget_free(struct budget *budget);

/* Another limit from now on; the latest starts and the pause count on. */
void budget_change(struct budget *budget, int64_t count, int64_t interval_us, int64_t margin_us);

/* What only asks may be called on any thread; it is exact where no call starts meanwhile. */

/* The first moment at which a call may start: `now` or before when one may start now. */
int64_t budget_ready_at(const struct budget *budget, int64_t now_us);

/* The same for a call before which `ahead` others will be started, each as early as it may. */
int64_t budget_ready_behind(const struct budget *budget, int64_t now_us, int64_t ahead);

/* Records a start; only when budget_ready_at allows it. */
void budget_start(struct budget *budget, int64_t now_us);

/* No call before `until_us`; a later pause that ends earlier changes nothing. */
void budget_pause(struct budget *budget, int64_t until_us);

/* How many calls may start now. */
int64_t budget_left(const struct budget *budget, int64_t now_us);

/* µs that the pause still lasts, 0 when there is none. */
int64_t budget_pause_left(const struct budget *budget, int64_t now_us);

#endif
