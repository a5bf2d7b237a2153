/* SPDX-License-Identifier: MIT */
/* What this process holds of one client's quota: birth, change and view. Who spends it: quota.c, quota_desk.c. */
#include "client/quota_holding.h"

#include "base/random.h"

#include <assert.h>
#include <stdio.h>

static const struct rate *rate_of(const struct client_policy *policy)
{
    return policy->has_rate ? &policy->rate : NULL;
}

static void set_limits(struct quota_holding *holding, int64_t timeout_us, int64_t now_us)
{
    static const struct rate_window none = {0, 1};
    const struct client_policy *policy = &holding->account->policy;
    lease_init(&holding->lease, rate_of(policy), timeout_us, now_us);
    prepaid_init(&holding->prepaid, policy->has_misses ? &policy->misses : &none);
}

struct quota_holding *quota_holding_new(struct quota_account *account, struct slice client, int64_t timeout_us,
                                        int64_t now_us)
{
    struct quota_holding *holding = mem_new(sizeof *holding);
    uint64_t number;
    random_secret(&number, sizeof number);
    snprintf(holding->name, sizeof holding->name, "%016llx", (unsigned long long)number);
    holding->account = account;
    holding->client = slice_make(mem_copy_text(client.at, client.length), client.length);
    set_limits(holding, timeout_us, now_us);
    return holding;
}

void quota_holding_free(struct quota_holding *holding)
{
    if (holding == NULL)
        return;
    assert(holding->asks == NULL && holding->desk == NULL);
    mem_free((void *)holding->client.at);
    mem_free(holding);
}

/* What was held by the old limits is not spent any more; the next call says so. Searches of the window that were used
 * stay used. */
void quota_holding_change(struct quota_holding *holding, int64_t now_us)
{
    bool asking = holding->lease.asking;
    struct prepaid before = holding->prepaid;
    set_limits(holding, holding->lease.timeout_us, now_us);
    holding->lease.asking = asking;
    holding->limits++;
    if (before.limit.period_us == holding->prepaid.limit.period_us) {
        holding->prepaid.window = before.window;
        holding->prepaid.used = holding->prepaid.granted = before.used;
    }
}

void quota_holding_look(const struct quota_holding *holding, int64_t now_us, int64_t wall_us, struct quota_view *view)
{
    const struct client_policy *policy = &holding->account->policy;
    if (policy->has_rate)
        lease_look(&holding->lease, now_us, &view->rate_left, &view->rate_full_us);
    if (policy->has_misses)
        prepaid_look(&holding->prepaid, now_us, wall_us, &view->misses_left, &view->misses_next_us);
}
