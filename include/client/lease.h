/* SPDX-License-Identifier: MIT */
/* A lease of a client's rate, as its holder (one process) sees it: what it may spend by itself, when it must ask, and
 * for how much. Pure arithmetic on a clock that is passed in; the other side is client/quota.lua, and why no holder
 * ever spends more than Redis has on record for it: docs/decisions/0010-fleet-quotas.md. No lock: the caller has one.
 */
#ifndef NEXGATE_CLIENT_LEASE_H
#define NEXGATE_CLIENT_LEASE_H

#include "base/clock.h"
#include "base/rate.h"

/* What is said to Redis. Units are those of a level (tokens x period), shares are units a microsecond. */
struct lease_ask {
    struct rate rate;                          /* in fine units, see rate_refine */
    int64_t kept_share, kept_room, kept_level; /* what goes on being used until the reply */
    int64_t back;                              /* not spent, and never will be */
    int64_t owed;                              /* spent while Redis was away */
    int64_t most;                              /* the bucket cannot hold more: what Redis begins with if it forgot */
    int64_t want_share, want_room, need, duration_us; /* need: tokens that requests wait for */
    int64_t rush_us;                                  /* how long those may take */
};

/* What Redis says. */
struct lease_grant {
    bool was_alive; /* what was kept was on record */
    int64_t share, room, level, rush, duration_us;
    int64_t wait_us;                        /* until asking again can give more; 0: it can now */
    int64_t left, ceiling, refill, holders; /* of the bucket, beside all leases */
    int64_t paid;                           /* of what was owed */
};

struct lease {
    struct rate rate;   /* of all the fleet, in fine units */
    int64_t rush_us;    /* see lease_ask */
    int64_t timeout_us; /* that a call to Redis may take */

    /* in hand, until stop_us */
    int64_t share, room, level, last_us; /* level: at last_us */
    int64_t stop_us, renew_us;
    int64_t rush, rush_stop_us; /* tokens */

    bool asking;
    bool is_giving; /* and wants nothing: a reply that gives nothing is no refusal */
    int64_t sent_us;
    int64_t ask_at_us;               /* Redis said that it has nothing before */
    int64_t back;                    /* to be given back with the next call */
    struct rate_bucket pace;         /* of the calls */
    int64_t away_until_us, pause_us; /* the last call failed */

    int64_t arrivals, since_us; /* demand: what came, since when */
    double per_second, cushion; /* cushion: tokens that bursts were seen to need */

    bool was_told;
    int64_t told_us, told_left, told_ceiling, told_refill, holders;

    bool on_its_own;                           /* spends its part of the limit without Redis */
    int64_t own_level, own_last_us, own_spent; /* own_spent: and Redis was not paid */
    int64_t doubt_until_us;                    /* Redis may not know of all holders */
};

enum lease_answer {
    LEASE_PAID,    /* a token was taken */
    LEASE_ASK,     /* nothing in hand: ask Redis (lease_ask), and wait */
    LEASE_WAIT,    /* a call is under way: wait */
    LEASE_REFUSED, /* the limit is reached */
    LEASE_AWAY     /* nothing in hand, and Redis did not answer */
};

/* `rate` as in the client's policy; NULL: it has none, and only the calls are paced here. */
void lease_init(struct lease *lease, const struct rate *rate, int64_t timeout_us, int64_t now_us);

/* A request came: pays for it where it can. LEASE_REFUSED: `retry_us` says when it could succeed. */
enum lease_answer lease_pay(struct lease *lease, int64_t now_us, int64_t *retry_us) MUST_CHECK;

/* The same for one that waited and was counted. */
enum lease_answer lease_pay_waiter(struct lease *lease, int64_t now_us, int64_t *retry_us) MUST_CHECK;

/* Whether a call may be made for another reason: LEASE_ASK, LEASE_WAIT, LEASE_AWAY, or LEASE_REFUSED: not so soon. */
enum lease_answer lease_may_ask(const struct lease *lease, int64_t now_us, int64_t *retry_us) MUST_CHECK;

/* Whether it is time to ask although there is something in hand. */
bool lease_is_due(const struct lease *lease, int64_t now_us);

/* Whether it holds a good part of the limit and nobody has come for a while: it is better given back. */
bool lease_is_idle(const struct lease *lease, int64_t now_us);

/* A call is made now, for `need` requests that wait. lease_granted or lease_failed must follow. */
void lease_ask(struct lease *lease, int64_t now_us, int64_t need, struct lease_ask *ask);

/* A call that gives everything back is made now. */
void lease_ask_nothing(struct lease *lease, int64_t now_us, struct lease_ask *ask);

void lease_granted(struct lease *lease, int64_t now_us, const struct lease_grant *grant);

/* No reply, or none that is one. The server may have run the call all the same. */
void lease_failed(struct lease *lease, int64_t now_us);

/* After LEASE_AWAY: pays out of this process's part of the limit. `is_slow`: Redis is there but did not answer in time,
 * so others may be spending. */
bool lease_pay_alone(struct lease *lease, int64_t now_us, bool is_slow, int64_t *retry_us) MUST_CHECK;

/* Puts a token back that bought nothing. */
void lease_return(struct lease *lease, int64_t now_us);

/* Whole tokens left in the fleet's bucket and µs until it is full, as far as is known here. */
void lease_look(const struct lease *lease, int64_t now_us, int64_t *left, int64_t *full_us);

#endif
