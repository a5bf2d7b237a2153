/* SPDX-License-Identifier: MIT */
/* The queries worth knowing: those that are asked most, and those that waited longest for Nexudus. Bounded: the most
 * asked are counted by a space-saving sketch (Metwally, Agrawal and El Abbadi, ICDT 2005), whose counts may be too high
 * by `error` at most. What is kept can be shown: sensitive values are replaced. Any thread. */
#ifndef NEXGATE_FLOW_NOTABLE_H
#define NEXGATE_FLOW_NOTABLE_H

#include "base/clock.h"
#include "flow/exchange.h"
#include "search/query.h"

enum {
    NOTABLE_HOT = 64,       /* counted */
    NOTABLE_SLOW = 16,      /* kept */
    NOTABLE_TEXT_MAX = 240, /* bytes of a query; what is longer is cut and ends in "..." */
    NOTABLE_CLIENT_MAX = 64 /* bytes of a name */
};

/* Counts are halved this often, so that what was asked yesterday does not hide what is asked now; and who waited longer
 * ago than this is forgotten. */
#define NOTABLE_FADE_US (600 * CLOCK_SECOND)

struct notable_hot {
    uint64_t hash; /* private; 0: free */
    int64_t count, error;
    char query[NOTABLE_TEXT_MAX + 1]; /* "webhooks?WebHook_Active=true" */
};

struct notable_slow {
    int64_t took_us, fetcher_us; /* took_us 0: free */
    int64_t at_us;               /* monotonic */
    int status;
    enum outcome_kind outcome;
    char client[NOTABLE_CLIENT_MAX + 1];
    char id[EXCHANGE_ID_MAX + 1];
    char query[NOTABLE_TEXT_MAX + 1];
};

struct notable;

struct notable *notable_new(void);
void notable_free(struct notable *notable);

/* The query was asked `count` times more. */
void notable_add_hot(struct notable *notable, const struct query *query, int64_t count, int64_t now_us);

/* A search that waited for the fetcher was answered. */
void notable_add_slow(struct notable *notable, const struct exchange *exchange, int64_t now_us);

/* Copies what there is, the most asked or the slowest first; how many. */
size_t notable_hottest(struct notable *notable, struct notable_hot *rows, size_t max);
size_t notable_slowest(struct notable *notable, struct notable_slow *rows, size_t max, int64_t now_us);

#endif
