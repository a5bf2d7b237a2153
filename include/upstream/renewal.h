/* SPDX-License-Identifier: MIT */
/* What token.c (who waits, what became of a token) and renewal.c (how another comes) share, and nobody else. On the
 * fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_RENEWAL_H
#define NEXGATE_UPSTREAM_RENEWAL_H

#include "upstream/fleet_login.h"
#include "upstream/login.h"
#include "upstream/token.h"

#include <stdatomic.h>

/* The last token that was judged: was it good? */
enum proof { PROOF_NONE, PROOF_WORKED, PROOF_REFUSED };

struct token {
    struct loop *loop;
    struct log *log;
    struct counters *counters;
    struct random *random;
    struct login *login;
    struct fleet_login *fleet; /* NULL: the login is ours alone */
    bool suspect;              /* a fresh token of the fleet was refused: unless there is a newer one, this backs off */
    int64_t timeout_us;
    struct timer alarm;
    bool is_closed; /* no other token is fetched */

    struct buf authorization; /* the header line; empty: no token */
    uint64_t generation;      /* of the last token there was */
    bool worked;              /* that one */
    atomic_llong taken_us;    /* when it came, */
    int64_t worked_us;        /* and when it worked last */
    int excuses;              /* how often it was kept although it was refused and had not worked yet */
    enum proof proof;
    struct buf refresh_token; /* empty: none */
    int64_t refresh_since_us;

    int64_t backoff_us; /* the last one's length; 0: nothing failed since a token worked */
    int64_t retry_at_us;
    int cut_short;           /* tokens in a row that worked and were refused before their time */
    int64_t cut_us;          /* when a token was dropped last because it was refused, */
    int64_t spacing_us;      /* and how long after that none is; 0: none was dropped yet */
    int64_t spacing_was_us;  /* before that drop made it longer, until a login of ours made up for it */
    enum token_state told;   /* what the log was told last: TOKEN_GOOD when all is well */
    atomic_bool failing;     /* the last attempt failed */
    atomic_int failed_state; /* how, enum token_state */
    atomic_llong expires_us; /* of the token that is there, monotonic; 0: none */
    atomic_llong renew_us;

    struct token_waiter waiting;   /* ring's head */
    struct token_waiter answering; /* ring's head: those who were waiting when answering began */
    struct deferred settle;
};

/* With the login, and the fleet's where `options` name one. */
void renewal_init(struct token *token, struct transport *transport, const struct token_options *options);
void renewal_free(struct token *token);

/* No other token is fetched any more, and what is under way is given up. */
void renewal_close(struct token *token);

/* Another token, by whatever way there is, unless one is on its way. */
void renewal_start(struct token *token);

/* An attempt has failed, or a fresh token was refused: nothing is sent for a growing while. */
void renewal_back_off(struct token *token, enum token_state state, int64_t retry_after_us, const char *why);

static inline bool token_is_good(const struct token *token)
{
    return token->authorization.length > 0 && loop_now(token->loop) < token->expires_us;
}

static inline void token_drop(struct token *token)
{
    grant_wipe(&token->authorization);
    token->expires_us = 0;
    token->renew_us = 0;
}

#endif
