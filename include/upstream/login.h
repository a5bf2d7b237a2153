/* SPDX-License-Identifier: MIT */
/* One call to the token endpoint at a time: sends a grant, with a one-time code where one is needed, and says what came
 * of it. Never sends a code twice. Keeps no token; when to call is for renewal.c. On the fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_LOGIN_H
#define NEXGATE_UPSTREAM_LOGIN_H

#include "upstream/grant.h"
#include "upstream/token.h"

enum { LOGIN_WHY_MAX = 200 };

enum login_verdict {
    LOGIN_GRANTED,
    LOGIN_REFUSED,    /* what we presented is not accepted */
    LOGIN_UNAVAILABLE /* no connection, throttled, 5xx, or nonsense */
};

struct login_result {
    enum login_verdict verdict;
    bool by_refresh;
    int64_t asked_us;        /* when the call was sent, monotonic: a lifetime counts from here at the latest */
    int64_t retry_after_us;  /* -1: not said */
    struct grant grant;      /* LOGIN_GRANTED: the receiver may take its buffers; what is left is wiped */
    char why[LOGIN_WHY_MAX]; /* otherwise: one sentence for the log, without a secret */
};

struct login;

/* Texts are copied, the rest is borrowed. */
struct login *login_new(struct loop *loop, struct transport *transport, const struct token_options *options,
                        void (*on_result)(void *context, struct login_result *result), void *context);

/* A call under way is cancelled; secrets are wiped. */
void login_free(struct login *login);

/* The grant under way is cancelled: nobody is told of it. */
void login_cancel(struct login *login);

/* Other timeouts for the calls to come. */
void login_change(struct login *login, int64_t connect_timeout_us, int64_t timeout_us);

/* Whether a client_id, which a username may stand in for, can be sent as it must be. */
bool login_fits_a_header(const char *text) MUST_CHECK;

/* What makes these credentials unusable, or NULL. */
const char *login_fault(const struct login *login);

bool login_is_busy(const struct login *login);

/* When a password grant may be sent at the earliest, monotonic: in the past, or when the next one-time code begins. */
int64_t login_ready_at(const struct login *login);

/* The step whose one-time code a password grant would carry now; -1: none. */
int64_t login_step(const struct login *login);

/* The code of that step was used, by this gateway or another. */
void login_note_step(struct login *login, int64_t step);

/* Send a grant; only while not busy, without a fault, and the password when it is ready. `on_result` is never called
 * inside. */
void login_by_password(struct login *login);
void login_by_refresh(struct login *login, struct slice refresh_token);

#endif
