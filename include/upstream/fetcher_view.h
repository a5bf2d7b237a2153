/* SPDX-License-Identifier: MIT */
/* How it stands with Nexudus, for who looks. */
#ifndef NEXGATE_UPSTREAM_FETCHER_VIEW_H
#define NEXGATE_UPSTREAM_FETCHER_VIEW_H

#include "upstream/fetcher.h"

struct fetcher_view {
    bool token_good, token_failing;                         /* a login worked / the last one failed */
    int64_t token_age_us, token_expires_us, token_renew_us; /* while it is good; the latter two from now */
    int64_t budget_left;                                    /* calls that may start now */
    int64_t pause_us;                                       /* what is left of a throttle's pause */
    enum breaker_state breaker;
    int64_t breaker_wait_us; /* until the next probe may start */
    int64_t queued, flights;
    int64_t wait_us; /* until one more search could be sent, if all that wait are sent as early as they may */
};

/* Any thread. */
void fetcher_look(const struct fetcher *fetcher, struct fetcher_view *view);

#endif
