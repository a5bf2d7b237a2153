/* SPDX-License-Identifier: MIT */
/* One login for the fleet: one gateway at a time calls the token endpoint, under a lock, and the others take its token
 * from Redis, where it stands sealed, with a generation. Generations grow with Redis's clock, so they grow even where
 * Redis forgets. Who holds the lock checks it again before each call, and stores only while it holds it; a lock that is
 * not renewed is free after a while, so a holder may die at any point: at worst the refresh token that stands in Redis
 * is dead, and the next one takes the password. When to log in, and by what, is for renewal.c. On the fetcher's thread.
 */
#ifndef NEXGATE_UPSTREAM_FLEET_LOGIN_H
#define NEXGATE_UPSTREAM_FLEET_LOGIN_H

#include "upstream/fleet.h"
#include "upstream/sealed.h"

enum {
    FLEET_LOGIN_LOCK_MS = 5000,
    FLEET_LOGIN_RENEW_MS = 1500,
    FLEET_LOGIN_CHECKED_MS = 1000, /* how old the check of the lock may be when a call is sent */
    FLEET_LOGIN_POLL_MS = 1000,    /* between two looks of who waits for another's login, where messages are heard, */
    FLEET_LOGIN_POLL_DEAF_MS = 250 /* and where they are not, or Redis gives no answer */
};

/* The times of a token in Redis, where anybody may have written: beyond these it is not believed, but replaced. */
#define FLEET_LOGIN_LIFE_MAX_US (30 * CLOCK_DAY)      /* as long as a grant may last (upstream/grant.h) */
#define FLEET_LOGIN_AGE_MAX_US (31 * CLOCK_DAY)       /* it is kept for 15 days, with a refresh token as old as that */
#define FLEET_LOGIN_JUMP_MAX_US (3600 * CLOCK_SECOND) /* by which Redis's clock may have jumped back meanwhile */

/* A token that stands in Redis. */
struct fleet_token {
    uint64_t generation;
    struct buf access_token, refresh_token; /* the receiver may take them; what is left is wiped */
    int64_t lifetime_us;                    /* from now; not above 0: only the refresh token is of use */
    int64_t age_us, refresh_age_us;         /* since they were given; from 0 */
};

/* Another gateway's failed login. */
struct fleet_failure {
    bool refused;       /* else unavailable */
    int64_t retry_us;   /* nobody tries before, from now */
    int64_t backoff_us; /* the last back-off's length */
};

struct fleet_login_events {
    /* A newer token than the last one known; also unasked. */
    void (*on_taken)(void *context, struct fleet_token *token);

    /* The lock is ours and was just checked: send the grant inside, then tell what came of it. A login of others that
     * failed last backed off for `backoff_us`; 0: none did. */
    void (*on_turn)(void *context, int64_t backoff_us);

    /* Another's login has failed. */
    void (*on_failed)(void *context, const struct fleet_failure *failure);

    /* The one-time code of `step` was used: the next code must be awaited. The lock is given up. */
    void (*on_used_code)(void *context, int64_t step);

    /* What fleet_login_store was given is stored, or is not needed any more: it is not busy. */
    void (*on_free)(void *context);

    /* Redis gave no answer for as long as one could wait: log in without it. */
    void (*on_alone)(void *context);

    /* The step of the one-time code that a grant sent now would carry, or -1. */
    int64_t (*step)(void *context);
    void *context;
};

struct fleet_login;

/* `account` is what tells logins apart: Nexudus's address and whose login it is. Everything is copied. */
struct fleet_login *fleet_login_new(struct fleet *fleet, const uint8_t key[SEALED_KEY_BYTES], struct slice account,
                                    const struct fleet_login_events *events);
void fleet_login_free(struct fleet_login *login);

/* Gives up what is under way, and tells Redis where the lock is ours or may be: the others need not wait for its end.
 * Nothing is asked for any more. What is being stored goes on. */
void fleet_login_leave(struct fleet_login *login);

/* Asks for a token newer than the last one taken or stored, or for the turn to get one; one event answers, never
 * inside. It waits for Redis for `patience_us`. */
void fleet_login_want(struct fleet_login *login, int64_t patience_us);

/* From want to its event, and from on_turn until its end was told. */
bool fleet_login_is_busy(const struct fleet_login *login);

/* Whether this is a turn of ours. */
bool fleet_login_is_held(const struct fleet_login *login);

/* The ends of a turn. Another grant must be sent: on_turn comes again, or another event. */
void fleet_login_again(struct fleet_login *login);

/* It was granted: the others get it. */
void fleet_login_store(struct fleet_login *login, struct slice access_token, struct slice refresh_token,
                       int64_t lifetime_us, int64_t refresh_age_us);

/* It was not: nobody tries for so long. */
void fleet_login_fail(struct fleet_login *login, const struct fleet_failure *failure);

/* Nothing was sent. */
void fleet_login_release(struct fleet_login *login);

#endif
