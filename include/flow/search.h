/* SPDX-License-Identifier: MIT */
/* One search under way: what the steps of the flow hand to each other. Private to flow/. It is made when a request for
 * a search comes, is the exchange's state until the answer was sent, and is used again for the next one. */
#ifndef NEXGATE_FLOW_SEARCH_H
#define NEXGATE_FLOW_SEARCH_H

#include "cache/freshness.h"
#include "client/quota.h"
#include "flow/edition.h"
#include "flow/flow.h"
#include "flow/page_memo.h"
#include "flow/problem.h"
#include "flow/search_part.h"
#include "search/key.h"

enum {
    FLOW_POOL_MAX = 64,     /* searches kept for use again */
    SEARCH_CHARGES_MAX = 16 /* more flights than the caps and disagreements of one request can cause */
};

struct search {
    struct flow *flow;
    struct edition *edition;            /* what it goes by, from its start to its end: a reference */
    const struct flow_options *options; /* the edition's */
    struct exchange *exchange;
    struct search *next; /* in the pool */
    size_t step;         /* the step that runs, or is resumed */
    int64_t step_us;     /* when it began, where steps are timed */
    int64_t asked_us;    /* when it began to wait */
    int64_t now_us;      /* of this turn: set at the start and at each resumption */

    struct client *client;   /* NULL until authenticated */
    bool in_progress;        /* quota_begin was passed, quota_end is owed */
    struct quota_view quota; /* for the RateLimit fields */
    const struct schema *schema;
    struct buf canonical;
    struct query query;
    struct cache_directives directives;
    struct buf if_none_match; /* a copy: the request's bytes are gone after a wait */

    struct page_plan plan;
    struct search_part parts[PAGE_WINDOWS_MAX];
    size_t part_count;               /* parts that the page needs: 1 or 2 */
    unsigned replans;                /* caps learnt on the way */
    bool refetched;                  /* the older of two disagreeing windows was fetched again */
    bool alone;                      /* the page is asked for as a window of its own */
    char failure[SEARCH_DETAIL_MAX]; /* of a fetch that was bridged, for Cache-Status; "": none */
    int64_t patience_us;             /* what the client is willing to wait; -1: it did not say */
    int64_t granted_us;              /* what it was granted; -1: nothing was decided by it */

    struct shared_lookup lookup; /* in Redis, under way */

    struct ask ask;            /* the question under way */
    bool asked;                /* it was given away, and its answer was not looked at yet */
    bool looking;              /* the lookup was given away, and its answer was not looked at yet */
    unsigned looked_link;      /* memory's link when the lookup began */
    size_t asked_part;         /* which part it is for */
    enum quota_verdict charge; /* of the ask under way: OK; DRY_RUN: should have been refused; WAIT: pay at the desk */
    int64_t receipts[SEARCH_CHARGES_MAX]; /* of the flights that were charged to the client for this request */
    size_t charges;

    struct quota_waiter waiter; /* at the desk */
    bool waits_at_desk;
    bool is_paid_ahead;    /* the ask under way is charged already: the receipt is in `waiter` */
    bool is_refused_ahead; /* the ask under way may only join a flight: the desk has nothing */
};

enum step_result {
    STEP_NEXT, /* on to the next step */
    STEP_WAIT, /* an ask is under way; the same step is run again after its answer */
    STEP_DONE  /* the answer is made */
};

struct flow {
    struct handler handler;
    struct flow_parts parts;
    struct edition *edition; /* the newest: what the next search goes by */
    struct page_memo *page_memo;
    struct shared *shared; /* NULL: with nobody */
    struct search *pool;
    size_t pooled;                                     /* of these */
    uint64_t searches;                                 /* so far */
    int64_t stride, until_sample, samples, sampled_us; /* of what is asked (flow.c) */
    uint64_t late_hits;                                /* in the last part of a window's lifetime */
    int64_t dry_run_logged_us;                         /* when the last line about a dry run was written */
    int64_t dry_run_unlogged;                          /* refusals that were counted since */
};

/* The steps, in flow/admit.c … */
enum step_result step_authenticate(struct search *search);
enum step_result step_route(struct search *search);
enum step_result step_normalise(struct search *search);
enum step_result step_quota(struct search *search);
/* … flow/gather.c … */
enum step_result step_gather(struct search *search);
/* … and flow/reply.c. */
enum step_result step_reply(struct search *search);

/* Resumes a search whose ask was answered (flow.c). */
void search_resume(struct search *search);

/* Reads the quota as it stands, for answers that took nothing from it and those that waited (admit.c). */
void search_look_at_quota(struct search *search);

/* A refusal that a dry run lets through: counted, and logged now and then (admit.c). */
void search_log_dry_run(struct search *search);

/* The request's bytes are the connection's and do not outlast a wait: copies what is needed later (gather.c). */
void search_keep_request(struct search *search);

/* The desk has a verdict: resumes (charge.c). */
void search_on_verdict(struct quota_waiter *waiter);

/* Callbacks of an ask (charge.c). */
bool search_on_charge(struct ask *ask);
void search_on_refund(struct ask *ask);
/* After an ask that on_charge could not pay for without Redis: pays at the desk and asks again (charge.c). */
enum step_result search_pay_ahead(struct search *search);

/* What was paid ahead and not used is given back (charge.c). */
void search_settle_ahead(struct search *search);

/* Gives back every miss that this request was charged: it is refused, and a refused call costs nothing (charge.c). */
void search_refund(struct search *search);

/* Gives back the windows that were gathered (gather.c). */
void search_drop_parts(struct search *search);

/* Says what becomes of the request; counted when the answer is made. */
void search_outcome(struct search *search, enum outcome_kind kind);

/* The answer is an error, with the quota fields and, when `retry_us` is not negative, Retry-After (flow/reply.c). */
enum step_result search_fail(struct search *search, int status, int64_t retry_us, const char *detail,
                             const struct problem_extra *extra);

/* What went wrong, in one word or two (flow/reply.c). */
const char *search_ask_word(enum ask_verdict verdict);

/* The answer is the error that the ask's verdict means (flow/reply.c). */
enum step_result search_fail_ask(struct search *search);

#endif
