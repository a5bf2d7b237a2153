/* SPDX-License-Identifier: MIT */
/* Upstream searches of a calendar window that were paid in advance, as their holder (one process) sees them. What was
 * granted counts as used, in Redis, until the holder says that it will not use it. Pure; the other side is
 * client/quota.lua. No lock: the caller has one. */
#ifndef NEXGATE_CLIENT_PREPAID_H
#define NEXGATE_CLIENT_PREPAID_H

#include "base/clock.h"
#include "base/rate.h"

struct prepaid_ask {
    struct rate_window limit;
    int64_t held_window, held; /* used by this holder before it hears from Redis, at most */
    int64_t want;              /* beyond that */
};

struct prepaid_grant {
    int64_t window;  /* number of the window, by Redis's clock */
    int64_t granted; /* to this holder in this window, in all */
    int64_t left;    /* of the limit */
    int64_t stop_us; /* until the window ends */
    int64_t holders; /* seen lately */
};

struct prepaid {
    struct rate_window limit;
    int64_t window;           /* that the counts belong to */
    int64_t granted, used;    /* used can be more when Redis was away */
    int64_t stop_us, over_us; /* monotonic: spend nothing from then on; the window is surely over */
    int64_t left, holders;    /* as Redis said last */
    int64_t ask_at_us;        /* it said that nothing is left */
    int64_t asked_used;       /* `used` when it was asked last */
    int64_t sent_us, want;
    bool was_told;
};

enum prepaid_answer { PREPAID_PAID, PREPAID_ASK, PREPAID_SPENT };

void prepaid_init(struct prepaid *prepaid, const struct rate_window *limit);

/* Takes one; `*window` is what prepaid_return wants. */
enum prepaid_answer prepaid_pay(struct prepaid *prepaid, int64_t now_us, int64_t *window) MUST_CHECK;

/* Takes one out of this process's part of the limit: Redis is away. */
bool prepaid_pay_alone(struct prepaid *prepaid, int64_t wall_us, int64_t *window) MUST_CHECK;

/* Puts one back; nothing happens when its window is over. */
void prepaid_return(struct prepaid *prepaid, int64_t window);

/* What a call made now says. `need`: searches that wait. `all_back`: nothing is kept. */
void prepaid_ask(struct prepaid *prepaid, int64_t now_us, int64_t need, bool all_back, struct prepaid_ask *ask);

void prepaid_granted(struct prepaid *prepaid, int64_t now_us, const struct prepaid_grant *grant);

/* Whether anything lies here unused. */
bool prepaid_has_unused(const struct prepaid *prepaid, int64_t now_us);

void prepaid_look(const struct prepaid *prepaid, int64_t now_us, int64_t wall_us, int64_t *left, int64_t *next_us);

#endif
