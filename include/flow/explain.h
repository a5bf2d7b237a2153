/* SPDX-License-Identifier: MIT */
/* What would become of a search now, and what it would cost: by the same parts that would answer it, without asking
 * Nexudus, and without a trace in any counter, quota or store. */
#ifndef NEXGATE_FLOW_EXPLAIN_H
#define NEXGATE_FLOW_EXPLAIN_H

#include "client/quota.h"
#include "flow/flow.h"
#include "search/key.h"
#include "upstream/fetcher_view.h"

enum explain_state {
    EXPLAIN_HIT,   /* stored and fresh */
    EXPLAIN_STALE, /* stored, and would be served while it is refreshed */
    EXPLAIN_MISS,  /* stored no more, or too old: would be fetched */
    EXPLAIN_UNSURE /* the second window of a page: whether it is needed, the first one will tell */
};

/* One of the windows that the page lies in. */
struct explain_window {
    struct buf key, url; /* the url is empty where it cannot be written: too long, no memory */
    enum explain_state state;
    bool is_stored;
    bool is_fallback; /* too old, but would be served if Nexudus failed */
    int64_t age_us;   /* of what is stored */
    int64_t ttl_us;   /* how long it is fresh from its fetch on: less after a soft purge */
    int64_t records;  /* in it */
};

struct explanation {
    enum query_verdict verdict;
    struct query_error error; /* unless QUERY_OK */
    struct buf canonical;     /* `query` lies in it */
    struct query query;
    struct explain_window windows[PAGE_WINDOWS_MAX];
    size_t window_count;
    int64_t fetches;                  /* windows that would be fetched, as far as is known */
    int64_t fetches_max;              /* and at most */
    enum quota_verdict quota_verdict; /* QUOTA_OK: nothing is in the way; without a client always */
    struct quota_view quota;          /* the client's */
    struct fetcher_view upstream;
    int status;                /* of the answer, as far as can be told: 200 where it depends on Nexudus */
    enum outcome_kind outcome; /* likewise */
};

/* By what a search would be judged; all borrowed. */
struct explain_parts {
    const struct clock *clock;
    const struct flow_options *options;
    struct memory *memory;
    const struct fetcher *fetcher;
    const char *url; /* Nexudus's base */
};

/* `client` NULL: of nobody in particular, who may search everywhere. Fills `explanation` (to be freed); of one whose
 * verdict is QUERY_NO_MEMORY the verdict alone counts. */
void explain_make(const struct explain_parts *parts, const struct schema *schema, struct client *client,
                  struct slice raw, struct explanation *explanation);
void explain_free(struct explanation *explanation);

/* "hit", "stale", "miss", "unsure". */
const char *explain_state_name(enum explain_state state);

#endif
