/* SPDX-License-Identifier: MIT */
/* The scripts of the fleet's budget (fleet_budget.c's alone): each is one step that nothing comes between. */
#ifndef NEXGATE_UPSTREAM_FLEET_BUDGET_SCRIPTS_H
#define NEXGATE_UPSTREAM_FLEET_BUDGET_SCRIPTS_H

#include "io/redis.h"

extern const struct redis_script fleet_budget_take;     /* slots, or when there will be some; who asks is alive */
extern const struct redis_script fleet_budget_return;   /* slots that are not needed */
extern const struct redis_script fleet_budget_announce; /* a pause, for all */
extern const struct redis_script fleet_budget_absolve;  /* the pause is over: its probe came through */

#endif
