/* SPDX-License-Identifier: MIT */
/* A transport without a network, for tests on a frozen clock: it records every call and plays Nexudus: the token
 * endpoint with rotation and mutual invalidation, and a search endpoint with as many records as one likes. A test can
 * script the next answers, hold calls until it lets them go, and take tokens away. */
#ifndef NEXGATE_TESTS_PUPPET_H
#define NEXGATE_TESTS_PUPPET_H

#include "base/random.h"
#include "io/fetch.h"

enum { PUPPET_CALLS_MAX = 8192, PUPPET_SCRIPT_MAX = 64, PUPPET_TEXT_MAX = 128 };

/* What the test knows of a call for good. */
struct puppet_call {
    struct fetch *fetch; /* NULL when it was answered or cancelled */
    struct puppet *puppet;
    struct timer deadline;
    bool is_search; /* else the token endpoint */
    bool is_fresh;  /* over a connection of its own */
    bool is_ready;  /* its outcome is in `fetch` */
    bool was_cancelled;
    int status; /* that it was answered; 0: none */
    char *url, *form;
    char authorization[PUPPET_TEXT_MAX], client_id[PUPPET_TEXT_MAX]; /* header values; "" when not sent */
    int64_t started_us;
};

/* An answer, for a script. All zero is not one. */
struct puppet_answer {
    enum fetch_outcome outcome;
    int status;       /* FETCH_ANSWERED only */
    const char *body; /* NULL: empty */
    const char *content_type;
    bool says_retry; /* with a Retry-After of: */
    int64_t retry_after_us;
    bool reused_connection;
};

struct puppet_script {
    struct puppet_answer answers[PUPPET_SCRIPT_MAX];
    size_t next, count;
};

struct puppet {
    struct transport transport;
    struct loop *loop;
    struct deferred delivery;
    struct puppet_call *calls[PUPPET_CALLS_MAX]; /* in the order they came */
    size_t call_count;
    size_t searches, logins, refreshes; /* calls that came, whatever their answer */

    /* How Nexudus is; a test sets these as it likes. */
    bool hold_searches, hold_tokens; /* calls wait for puppet_release */
    bool is_dead;                    /* nobody can connect */
    bool kept_are_dead;              /* searches that do not ask for a fresh connection are sent over a dead one */
    int64_t throttled_percent;       /* of the searches, at random: 409 with a Retry-After of a second */
    int64_t throttle_count;          /* searches admitted in any throttle_interval_us; 0: any number. Others: 409 */
    int64_t throttle_interval_us;
    int64_t jitter_us; /* a search arrives there by so much later at the most */
    struct random random;
    const char *denied;             /* searches whose URL holds this are answered 401; NULL: none */
    int64_t token_uses;             /* searches that a token is good for; 0: any number */
    int64_t total_items;            /* 3 */
    int64_t cap;                    /* largest page; 0: as asked */
    int64_t token_lifetime_seconds; /* 3600 */
    bool gives_refresh_tokens;      /* yes */
    bool accepts_password;          /* yes */

    struct puppet_script search_script, token_script; /* what is answered before anything else */
    unsigned serial;                                  /* of the last token: access-N, refresh-N */
    unsigned oldest_access;                           /* older ones are dead */
    int64_t used;                                     /* searches with the last token */
    int64_t admitted[PUPPET_CALLS_MAX];               /* when they arrived, by the throttle */
    size_t admitted_count;
    bool refresh_alive; /* of `serial` */
    int64_t expires_us; /* of the last token */
};

void puppet_init(struct puppet *puppet, struct loop *loop);

/* No call may be under way. */
void puppet_free(struct puppet *puppet);

/* Adds to what the next calls are answered. */
void puppet_next_search(struct puppet *puppet, struct puppet_answer answer);
void puppet_next_token(struct puppet *puppet, struct puppet_answer answer);

/* Answers all that is held; what comes later is held again. */
void puppet_release(struct puppet *puppet);

/* Answers one that is held. */
void puppet_release_one(struct puppet *puppet, const struct puppet_call *call);

/* All tokens that were given are dead. */
void puppet_revoke(struct puppet *puppet);

/* Calls that wait. */
size_t puppet_held(const struct puppet *puppet);

/* The last call, and the nth search or token call, from 0. */
const struct puppet_call *puppet_last(const struct puppet *puppet);
const struct puppet_call *puppet_search(const struct puppet *puppet, size_t nth);
const struct puppet_call *puppet_token_call(const struct puppet *puppet, size_t nth);

/* Turns the loop until nothing is left to do at this moment. */
void puppet_settle(struct loop *loop);

#endif
