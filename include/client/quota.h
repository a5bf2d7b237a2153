/* SPDX-License-Identifier: MIT */
/* How much a client may still ask: rate, upstream searches, requests in progress. Exact, one short lock a client; a
 * refused call costs nothing. Counted in process, or, for clients that a desk serves (client/quota_desk.h), by what
 * this process holds of the fleet's quota; requests in progress are counted in process always. An account outlives the
 * configuration that opened it: after a reload the client of the same name goes on with it, under the new limits. Any
 * thread. */
#ifndef NEXGATE_CLIENT_QUOTA_H
#define NEXGATE_CLIENT_QUOTA_H

#include "base/clock.h"
#include "client/roster.h"

struct quota_account;

/* With one reference; counts by a copy of the policy. */
struct quota_account *quota_account_new(const struct client_policy *policy) MUST_CHECK;
struct quota_account *quota_account_ref(struct quota_account *account);
void quota_account_unref(struct quota_account *account);

/* From now on the account counts by these limits, for everybody who holds it. What was spent stays spent. */
void quota_account_change(struct quota_account *account, const struct client_policy *policy, int64_t now_us,
                          int64_t wall_us);

enum quota_verdict {
    QUOTA_OK,
    QUOTA_DRY_RUN,     /* would be refused, but the client is on a dry run */
    QUOTA_RATE,        /* refused by: rate */
    QUOTA_MISSES,      /* refused by: misses */
    QUOTA_CONCURRENCY, /* refused by: concurrency */
    QUOTA_AWAY,        /* Redis does not count, and nothing is let through meanwhile */
    QUOTA_WAIT         /* not known yet: see client/quota_desk.h */
};

/* A client's numbers at one moment, for the RateLimit fields. */
struct quota_view {
    int64_t rate_left, rate_full_us;     /* tokens; µs until full */
    int64_t misses_left, misses_next_us; /* searches; µs until the window ends */
};

/* Starts a request: counts it as in progress and takes one token. On a refusal nothing was taken and `retry_us` says
 * when it could succeed. `view` is filled always. Each QUOTA_OK or QUOTA_DRY_RUN is ended by one quota_end. */
enum quota_verdict quota_begin(struct client *client, int64_t now_us, int64_t wall_us, struct quota_view *view,
                               int64_t *retry_us) MUST_CHECK;

void quota_end(struct client *client);

/* Gives the token of quota_begin back (the request was then refused for another reason). */
void quota_return(struct client *client, int64_t now_us);

/* Charges one upstream search: QUOTA_OK, with a receipt for quota_refund_miss; QUOTA_DRY_RUN, QUOTA_MISSES; or
 * QUOTA_WAIT: nothing is in hand, a desk must be asked. */
enum quota_verdict quota_charge_miss(struct client *client, int64_t now_us, int64_t wall_us,
                                     int64_t *receipt) MUST_CHECK;

/* Returns a charge: Nexudus gave no usable answer, or was not asked. */
void quota_refund_miss(struct client *client, int64_t receipt);

void quota_look(struct client *client, int64_t now_us, int64_t wall_us, struct quota_view *view);

#endif
