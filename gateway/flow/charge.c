/* SPDX-License-Identifier: MIT */
/* What an upstream search costs its client: charged when a flight begins, given back when Nexudus gives nothing usable
 * or the request is refused. Must not know how quotas are counted. */
#include "flow/search.h"

#include <assert.h>

/* On the fetcher's thread; the search waits, so nobody else touches it. */
bool search_on_charge(struct ask *ask)
{
    struct search *search = MEM_OUTER(ask, struct search, ask);
    const struct clock *clock = search->flow->parts.clock;
    int64_t receipt = search->waiter.receipt;
    if (search->is_paid_ahead)
        search->is_paid_ahead = false;
    else
        search->charge = quota_charge_miss(search->client, clock_now(clock), clock_wall(clock), &receipt);
    if (search->charge == QUOTA_WAIT && search->is_refused_ahead)
        search->charge = QUOTA_MISSES;
    if (search->charge == QUOTA_OK) {
        assert(search->charges < SEARCH_CHARGES_MAX);
        search->receipts[search->charges++] = receipt;
    }
    return search->charge == QUOTA_OK || search->charge == QUOTA_DRY_RUN;
}

void search_on_refund(struct ask *ask)
{
    struct search *search = MEM_OUTER(ask, struct search, ask);
    if (search->charge == QUOTA_OK) /* a dry run took nothing */
        quota_refund_miss(search->client, search->receipts[--search->charges]);
}

void search_refund(struct search *search)
{
    while (search->charges > 0)
        quota_refund_miss(search->client, search->receipts[--search->charges]);
}

void search_on_verdict(struct quota_waiter *waiter)
{
    search_resume(MEM_OUTER(waiter, struct search, waiter));
}

void search_settle_ahead(struct search *search)
{
    if (search->is_paid_ahead && search->charge == QUOTA_OK)
        quota_refund_miss(search->client, search->waiter.receipt);
    search->is_paid_ahead = search->is_refused_ahead = false;
}

static enum step_result fail_away(struct search *search, int64_t retry_us)
{
    quota_return(search->client, search->now_us);
    search_refund(search);
    search_look_at_quota(search);
    search_outcome(search, OUTCOME_FAILED);
    return search_fail(search, 503, retry_us, "quotas cannot be counted now; what is stored is still served", NULL);
}

enum step_result search_pay_ahead(struct search *search)
{
    struct quota_waiter *waiter = &search->waiter;
    struct flow_parts *parts = &search->flow->parts;
    if (!search->waits_at_desk) {
        waiter->reply_to = parts->mailbox;
        waiter->on_verdict = search_on_verdict;
        waiter->verdict =
            quota_desk_charge(parts->desk, search->client, clock_now(parts->clock), waiter, &waiter->retry_us);
        search->waits_at_desk = waiter->verdict == QUOTA_WAIT;
        search->asked = search->waits_at_desk; /* what is gathered stays gathered */
        if (search->waits_at_desk)
            return STEP_WAIT;
    }
    search->waits_at_desk = false;
    search->charge = waiter->verdict;
    if (search->charge == QUOTA_AWAY)
        return fail_away(search, waiter->retry_us);
    search->is_paid_ahead = search->charge == QUOTA_OK || search->charge == QUOTA_DRY_RUN;
    search->is_refused_ahead = !search->is_paid_ahead; /* another may have paid for the same search meanwhile */
    search->asked = true;
    fetcher_ask(parts->fetcher, &search->ask);
    return STEP_WAIT;
}
