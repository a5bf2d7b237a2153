/* SPDX-License-Identifier: MIT */
/* A client's account: a token bucket, a count of upstream searches, a count of requests in progress. Must not know what
 * a request is. */
#include "client/quota_holding.h"

#include <assert.h>

struct quota_account *quota_account_new(const struct client_policy *policy)
{
    struct quota_account *account = mem_try_zeroed(sizeof(*account));
    if (account == NULL)
        return NULL;
    atomic_init(&account->references, 1);
    pthread_mutex_init(&account->lock, NULL);
    account->policy = *policy;
    return account;
}

struct quota_account *quota_account_ref(struct quota_account *account)
{
    atomic_fetch_add_explicit(&account->references, 1, memory_order_relaxed);
    return account;
}

void quota_account_unref(struct quota_account *account)
{
    if (account == NULL || atomic_fetch_sub_explicit(&account->references, 1, memory_order_acq_rel) > 1)
        return;
    quota_holding_free(account->holding);
    pthread_mutex_destroy(&account->lock);
    mem_free(account);
}

void quota_account_change(struct quota_account *account, const struct client_policy *policy, int64_t now_us,
                          int64_t wall_us)
{
    pthread_mutex_lock(&account->lock);
    if (!account->policy.has_rate || !policy->has_rate)
        account->filled = false;
    else if (account->filled)
        rate_change(&account->policy.rate, &policy->rate, &account->bucket, now_us);
    if (!account->policy.has_misses || !policy->has_misses)
        account->misses = (struct rate_counter){0};
    else
        rate_window_change(&account->policy.misses, &policy->misses, &account->misses, wall_us);
    account->policy = *policy;
    if (account->holding != NULL)
        quota_holding_change(account->holding, now_us);
    pthread_mutex_unlock(&account->lock);
}

/* The account, locked, with a bucket that is ready for `now_us`. */
static struct quota_account *open_account(struct client *client, int64_t now_us)
{
    struct quota_account *account = client->account;
    pthread_mutex_lock(&account->lock);
    if (!account->filled && account->policy.has_rate) {
        rate_fill(&account->policy.rate, &account->bucket, now_us);
        account->filled = true;
    }
    return account;
}

static void fill_view(const struct quota_account *account, int64_t now_us, int64_t wall_us, struct quota_view *view)
{
    const struct client_policy *policy = &account->policy;
    *view = (struct quota_view){0};
    if (account->holding != NULL) {
        quota_holding_look(account->holding, now_us, wall_us, view);
        return;
    }
    if (policy->has_rate) {
        view->rate_left = rate_left(&policy->rate, &account->bucket, now_us);
        view->rate_full_us = rate_until_full(&policy->rate, &account->bucket, now_us);
    }
    if (policy->has_misses) {
        view->misses_left = rate_window_left(&policy->misses, &account->misses, wall_us);
        view->misses_next_us = rate_window_until_next(&policy->misses, wall_us);
    }
}

/* Who refuses, if anybody; a token is taken only when nobody does. */
static enum quota_verdict decide(struct quota_account *account, int64_t now_us, int64_t *retry_us)
{
    const struct client_policy *policy = &account->policy;
    if (policy->concurrency > 0 && account->in_progress >= policy->concurrency) {
        *retry_us = QUOTA_CONCURRENCY_RETRY_US;
        return QUOTA_CONCURRENCY;
    }
    if (policy->has_rate && !rate_take(&policy->rate, &account->bucket, now_us, 1)) {
        *retry_us = rate_wait(&policy->rate, &account->bucket, now_us, 1);
        return QUOTA_RATE;
    }
    *retry_us = 0;
    return QUOTA_OK;
}

enum quota_verdict quota_begin(struct client *client, int64_t now_us, int64_t wall_us, struct quota_view *view,
                               int64_t *retry_us)
{
    struct quota_account *account = open_account(client, now_us);
    enum quota_verdict verdict = decide(account, now_us, retry_us);
    if (verdict != QUOTA_OK && account->policy.dry_run)
        verdict = QUOTA_DRY_RUN;
    if (verdict == QUOTA_OK || verdict == QUOTA_DRY_RUN)
        account->in_progress++;
    fill_view(account, now_us, wall_us, view);
    pthread_mutex_unlock(&account->lock);
    return verdict;
}

void quota_end(struct client *client)
{
    struct quota_account *account = client->account;
    pthread_mutex_lock(&account->lock);
    assert(account->in_progress > 0);
    account->in_progress--;
    pthread_mutex_unlock(&account->lock);
}

void quota_return(struct client *client, int64_t now_us)
{
    struct quota_account *account = open_account(client, now_us);
    if (account->holding != NULL)
        lease_return(&account->holding->lease, now_us);
    else if (account->policy.has_rate)
        rate_give_back(&account->policy.rate, &account->bucket, now_us, 1);
    pthread_mutex_unlock(&account->lock);
}

/* QUOTA_OK, QUOTA_MISSES or QUOTA_WAIT. */
static enum quota_verdict charge(struct quota_account *account, int64_t now_us, int64_t wall_us, int64_t *receipt)
{
    int64_t window;
    *receipt = wall_us;
    if (!account->policy.has_misses)
        return QUOTA_OK;
    if (account->holding == NULL)
        return rate_window_take(&account->policy.misses, &account->misses, wall_us) ? QUOTA_OK : QUOTA_MISSES;
    switch (prepaid_pay(&account->holding->prepaid, now_us, &window)) {
    case PREPAID_PAID:
        *receipt = quota_receipt_of_window(window);
        return QUOTA_OK;
    case PREPAID_ASK:
        return QUOTA_WAIT;
    case PREPAID_SPENT:
        break;
    }
    return QUOTA_MISSES;
}

enum quota_verdict quota_charge_miss(struct client *client, int64_t now_us, int64_t wall_us, int64_t *receipt)
{
    struct quota_account *account = client->account;
    pthread_mutex_lock(&account->lock);
    enum quota_verdict verdict = charge(account, now_us, wall_us, receipt);
    if (verdict == QUOTA_MISSES && account->policy.dry_run)
        verdict = QUOTA_DRY_RUN;
    pthread_mutex_unlock(&account->lock);
    return verdict;
}

void quota_refund_miss(struct client *client, int64_t receipt)
{
    struct quota_account *account = client->account;
    pthread_mutex_lock(&account->lock);
    if (receipt < 0 && account->holding != NULL)
        prepaid_return(&account->holding->prepaid, quota_receipt_of_window(receipt));
    else if (receipt >= 0 && account->policy.has_misses)
        rate_window_give_back(&account->policy.misses, &account->misses, receipt);
    pthread_mutex_unlock(&account->lock);
}

void quota_look(struct client *client, int64_t now_us, int64_t wall_us, struct quota_view *view)
{
    struct quota_account *account = open_account(client, now_us);
    fill_view(account, now_us, wall_us, view);
    pthread_mutex_unlock(&account->lock);
}
