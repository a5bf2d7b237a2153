/* SPDX-License-Identifier: MIT */
/* Our login at Nexudus: the password grant, the refresh grant with rotation, renewal ahead of expiry, one call at a
 * time however many wait, and growing back-off after a failure. The only place that sees credentials and tokens. On the
 * fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_TOKEN_H
#define NEXGATE_UPSTREAM_TOKEN_H

#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "io/fetch.h"

enum {
    TOKEN_MAX = 8192,              /* bytes of an access or refresh token */
    TOKEN_ANSWER_MAX = 64 * 1024,  /* bytes of the token endpoint's answer */
    TOKEN_BACKOFF_FIRST_MS = 1000, /* doubles up to a minute */
    TOKEN_BACKOFF_MAX_MS = 60000
};

struct fleet;

struct token_options {
    const char *url; /* Nexudus's base URL */
    const char *username, *password;
    const char *client_id;   /* NULL: the server takes the user's e-mail address */
    const char *totp_secret; /* base32; NULL: no second factor */
    int64_t connect_timeout_us, timeout_us;
    struct fleet *fleet;      /* borrowed; NULL: this gateway is alone */
    const uint8_t *fleet_key; /* SEALED_KEY_BYTES, what the shared login is sealed with; NULL: it is not shared */
};

enum token_state {
    TOKEN_GOOD,        /* usable now */
    TOKEN_UNAVAILABLE, /* the identity service cannot be reached, throttles or answers nonsense */
    TOKEN_REFUSED      /* it refused our credentials, or fresh tokens are refused */
};

/* What a waiter gets. */
struct token_answer {
    enum token_state state;
    const char *authorization; /* TOKEN_GOOD: "Authorization: Bearer …", valid during the call */
    uint64_t generation;       /* TOKEN_GOOD: which token it was */
    int64_t retry_us;          /* otherwise: when the next attempt may be made, from now */
};

/* Embedded in who waits. */
struct token_waiter {
    struct token_waiter *next, *previous; /* private */
    void (*on_token)(struct token_waiter *waiter,
                     const struct token_answer *answer); /* once, never inside token_want */
};

struct token;

/* All borrowed; texts are copied. */
struct token *token_new(struct loop *loop, struct transport *transport, const struct token_options *options,
                        struct log *log, struct counters *counters, struct random *random);

/* Waiters are forgotten; a call under way is cancelled; secrets are wiped. */
void token_free(struct token *token);

/* No other token is fetched any more; the fleet is told where it was ours to fetch one. Nobody may be waiting. */
void token_close(struct token *token);

/* Asks for a token: at the end of this turn where one is good, else after the login or refresh that is under way or
 * that this starts. A failure that is backing off, and a one-time code that is not due for a while, are answered at
 * once.
 */
void token_want(struct token *token, struct token_waiter *waiter);

/* Other timeouts for the calls to come. */
void token_change(struct token *token, int64_t connect_timeout_us, int64_t timeout_us);

/* Stops waiting. */
void token_leave(struct token *token, struct token_waiter *waiter);

/* What else is known of a search that was answered 401; they add up. */
enum token_doubt {
    TOKEN_DOUBT_AGAIN = 1, /* the same search was refused with an earlier token, too */
    TOKEN_DOUBT_USUAL = 2  /* searches like it were refused with a fresh token, and none was answered since */
};

/* Where the fault is looked for. */
enum token_blame {
    TOKEN_OUTDATED, /* that token was gone already: nothing is learnt */
    TOKEN_EXPIRED,  /* the token: it is dropped, and the next want renews */
    TOKEN_STOLEN,   /* the login, TOKEN_REFUSED: the token is dropped, and this backs off */
    TOKEN_KEPT      /* the search: the token is good as far as is known */
};

/* The likeliest causes of a fresh token's being refused, for the log. */
#define TOKEN_WHY_REFUSED                                                                                              \
    "another gateway logs in with the same client_id, or our user lacks the role: "                                    \
    "share one login through Redis, or give each its own client_id; or grant the role"

/* The token of that generation was answered 401, with `doubt` about it. A missing role may look like a dead token, so
 * one that has proved good otherwise, or comes after one that has, is kept where another would hardly help. Unproven
 * ones that are refused when they are fresh, or one after another, are the login's. */
enum token_blame token_refused(struct token *token, uint64_t generation, unsigned doubt);

/* The token of that generation worked: an answer came that only a good token gets. */
void token_worked(struct token *token, uint64_t generation);

/* For /status and /readyz: whether a token is there, µs until it expires and until it is renewed, whether the last
 * attempt failed. Any thread. */
struct token_view {
    bool has_token, failing;
    enum token_state state;
    int64_t expires_us, renew_us; /* from now */
    int64_t age_us;
};
void token_look(const struct token *token, struct token_view *view);

#endif
