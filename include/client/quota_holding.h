/* SPDX-License-Identifier: MIT */
/* What is behind a client's account: counts of this process, or, with Redis, what this process holds of the fleet's.
 * Private to client/. */
#ifndef NEXGATE_CLIENT_QUOTA_HOLDING_H
#define NEXGATE_CLIENT_QUOTA_HOLDING_H

#include "client/quota.h"
#include "client/quota_desk.h"
#include "client/quota_line.h"
#include "client/quota_script.h"

#include <pthread.h>
#include <stdatomic.h>

/* What this process holds of the fleet's quota of one client. */
struct quota_holding {
    struct quota_account *account;
    struct lease lease;
    struct prepaid prepaid;
    char name[QUOTA_HOLDER_LENGTH + 1]; /* of the holder, in Redis */
    int64_t sequence;
    unsigned limits;              /* grows when the limits become others */
    struct quota_line for_rate;   /* requests that wait for the call under way */
    struct quota_line for_misses; /* searches that do */
    struct quota_desk *desk;      /* whose list this is on, NULL: on none; and the list */
    struct quota_holding *next;
    struct quota_desk *asks; /* whose call is under way, and the list of these */
    struct quota_holding *next_asking;
    struct redis_call call;
    unsigned limits_asked;
    struct slice client; /* the client's name, owned */
    int64_t used_us;     /* when somebody came last */
};

struct quota_account {
    atomic_uint references;
    pthread_mutex_t lock;        /* of all below; held for a few instructions */
    struct client_policy policy; /* the limits in force: a client of an earlier configuration has its own, older ones */
    struct rate_bucket bucket;
    bool filled; /* the bucket starts full at the first request */
    struct rate_counter misses;
    int64_t in_progress;
    struct quota_holding *holding; /* owned; made by the first request that a desk answers, then there for good */
};

/* A client that is over its concurrency is told to come back in a second: when a request of its own will end is not
 * known. */
#define QUOTA_CONCURRENCY_RETRY_US CLOCK_SECOND

/* With the account locked. */
struct quota_holding *quota_holding_new(struct quota_account *account, struct slice client, int64_t timeout_us,
                                        int64_t now_us);
void quota_holding_free(struct quota_holding *holding);
void quota_holding_change(struct quota_holding *holding, int64_t now_us);
void quota_holding_look(const struct quota_holding *holding, int64_t now_us, int64_t wall_us, struct quota_view *view);

/* A receipt for a search that was charged to what is held of a window, and back; local receipts are wall times. */
static inline int64_t quota_receipt_of_window(int64_t window)
{
    return -1 - window;
}

#endif
