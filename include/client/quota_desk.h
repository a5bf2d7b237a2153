/* SPDX-License-Identifier: MIT */
/* Where quotas are counted for all the fleet: each thread has a desk, with its own connection to Redis; what it gets is
 * held by the whole process. Whoever finds nothing in hand waits for one call, however many they are. Does what
 * on_failure says while Redis does not count. One thread; waiters come from any. */
#ifndef NEXGATE_CLIENT_QUOTA_DESK_H
#define NEXGATE_CLIENT_QUOTA_DESK_H

#include "base/log.h"
#include "base/metrics.h"
#include "client/quota.h"
#include "io/mailbox.h"
#include "io/redis.h"

/* In the order of the setting's choices. */
enum quota_on_failure {
    QUOTA_LOCAL, /* this process's part of the limit: by as many as were seen to hold some of it */
    QUOTA_ALLOW,
    QUOTA_DENY
};

struct quota_desk_options {
    struct slice key_prefix; /* borrowed */
    int64_t timeout_us;      /* of a call */
    enum quota_on_failure on_failure;
    bool checks_server; /* asks once whether the server may evict counters, and warns */
};

struct quota_desk;

/* Borrows loop, redis (of this loop), log and counters. */
struct quota_desk *quota_desk_new(struct loop *loop, struct redis *redis, const struct quota_desk_options *options,
                                  struct log *log, struct counters *counters);

/* Gives up what is under way: whoever waits is answered by on_failure, and so is whoever comes. */
void quota_desk_close(struct quota_desk *desk);

/* Gives back to Redis what the process holds and this desk got; `on_done` is called once that was said, or was not
 * answered in time; never inside this call. */
void quota_desk_return_all(struct quota_desk *desk, void (*on_done)(void *context), void *context);

/* Closed, or without calls under way. */
void quota_desk_free(struct quota_desk *desk);

/* One who waits, embedded. Given away by QUOTA_WAIT until on_verdict runs, on its own thread. */
struct quota_waiter {
    struct mailbox *reply_to;
    void (*on_verdict)(struct quota_waiter *waiter);

    /* result */
    enum quota_verdict verdict; /* never QUOTA_WAIT */
    int64_t retry_us;
    int64_t receipt; /* of quota_desk_charge */

    /* private */
    struct letter letter;
    struct quota_waiter *next;
};

/* As quota_begin. QUOTA_WAIT: the waiter is told later; until then it counts as in progress. */
enum quota_verdict quota_desk_begin(struct quota_desk *desk, struct client *client, int64_t now_us,
                                    struct quota_waiter *waiter, int64_t *retry_us) MUST_CHECK;

/* Charges one upstream search, or waits: for those whom quota_charge_miss said QUOTA_WAIT. The receipt is in the waiter
 * in every case. */
enum quota_verdict quota_desk_charge(struct quota_desk *desk, struct client *client, int64_t now_us,
                                     struct quota_waiter *waiter, int64_t *retry_us) MUST_CHECK;

#endif
