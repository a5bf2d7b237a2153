/* SPDX-License-Identifier: MIT */
/* A thread's desk: carries what leases ask to Redis and back, and keeps the lines of those who wait. How much is asked
 * for and what may be spent is client/lease.c's and client/prepaid.c's. Nothing is called while an account is locked
 * but redis->start's copying. */
#include "client/quota_holding.h"

#include "client/eviction.h"

#include <assert.h>

static const int64_t SWEEP_US = CLOCK_SECOND;
static const int64_t UNUSED_US = 30 * CLOCK_SECOND; /* scarce searches that lie unused so long are given back */
static const int64_t LOG_PAUSE_US = 10 * CLOCK_SECOND;
static const int64_t AWAY_RETRY_US = CLOCK_SECOND;
static const int64_t NO_RECEIPT = INT64_MIN;

struct quota_desk {
    struct loop *loop;
    struct redis *redis;
    struct quota_desk_options options;
    struct log *log;
    struct counters *counters;
    struct buf text;                /* arguments of the call that is being made */
    struct quota_holding *holdings; /* with something in hand, once this desk made a call for them; each by a reference
                                       to its account */
    struct quota_holding *asking;   /* whose calls are under way */
    struct timer sweep;
    struct eviction_check eviction;
    bool is_closed;
    int64_t logged_us;
    void (*on_returned)(void *context);
    void *returned_context;
    struct deferred returned;
};

/* Verdicts, with the account locked. */

static bool can_call(const struct quota_desk *desk)
{
    return !desk->is_closed && desk->redis->is_there(desk->redis);
}

static enum quota_verdict decide_alone(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us,
                                       int64_t *retry_us)
{
    switch (desk->options.on_failure) {
    case QUOTA_LOCAL:
        if (!lease_pay_alone(&holding->lease, now_us, can_call(desk), retry_us))
            return QUOTA_RATE;
        break;
    case QUOTA_ALLOW:
        break;
    case QUOTA_DENY:
        *retry_us = AWAY_RETRY_US;
        return QUOTA_AWAY;
    }
    counters_add(desk->counters, METRIC_QUOTA_ALONE, 1);
    return QUOTA_OK;
}

/* QUOTA_WAIT: a call is under way, or must be made. */
static enum quota_verdict decide_rate(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us,
                                      enum lease_answer answer, int64_t *retry_us)
{
    if (answer == LEASE_ASK && !can_call(desk)) {
        lease_failed(&holding->lease, now_us);
        answer = lease_pay_waiter(&holding->lease, now_us, retry_us);
    }
    switch (answer) {
    case LEASE_PAID:
        return QUOTA_OK;
    case LEASE_ASK:
    case LEASE_WAIT:
        return QUOTA_WAIT;
    case LEASE_AWAY:
        return decide_alone(desk, holding, now_us, retry_us);
    case LEASE_REFUSED:
        break;
    }
    counters_add(desk->counters, METRIC_QUOTA_REMEMBERED, 1);
    return QUOTA_RATE;
}

static enum quota_verdict charge_alone(struct quota_desk *desk, struct quota_holding *holding, int64_t *receipt)
{
    int64_t window;
    int64_t wall_us = clock_wall(loop_clock(desk->loop));
    switch (desk->options.on_failure) {
    case QUOTA_LOCAL:
        if (!prepaid_pay_alone(&holding->prepaid, wall_us, &window))
            return QUOTA_MISSES;
        *receipt = quota_receipt_of_window(window);
        return QUOTA_OK;
    case QUOTA_ALLOW:
        return QUOTA_OK;
    case QUOTA_DENY:
        break;
    }
    return QUOTA_AWAY;
}

static enum quota_verdict decide_miss(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us,
                                      int64_t *retry_us, int64_t *receipt)
{
    int64_t window;
    *receipt = NO_RECEIPT;
    *retry_us = AWAY_RETRY_US;
    if (!holding->account->policy.has_misses)
        return QUOTA_OK; /* a reload has lifted the limit meanwhile */
    switch (prepaid_pay(&holding->prepaid, now_us, &window)) {
    case PREPAID_PAID:
        *receipt = quota_receipt_of_window(window);
        return QUOTA_OK;
    case PREPAID_SPENT:
        return QUOTA_MISSES;
    case PREPAID_ASK:
        break;
    }
    int64_t wait_us;
    enum lease_answer answer = lease_may_ask(&holding->lease, now_us, &wait_us);
    if (answer == LEASE_ASK && !can_call(desk)) {
        lease_failed(&holding->lease, now_us);
        answer = LEASE_AWAY;
    }
    if (answer == LEASE_AWAY)
        return charge_alone(desk, holding, receipt);
    return answer == LEASE_REFUSED ? QUOTA_MISSES : QUOTA_WAIT;
}

/* A refusal of a client on a dry run is none. */
static enum quota_verdict rehearse(const struct quota_account *account, enum quota_verdict verdict)
{
    return account->policy.dry_run && verdict != QUOTA_OK && verdict != QUOTA_WAIT ? QUOTA_DRY_RUN : verdict;
}

/* Lines. */

/* Those at the front who can be told something join `told`; stops at the first who must wait. */
static void serve_rate(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us, struct quota_line *told)
{
    struct quota_line *line = &holding->for_rate;
    while (line->first != NULL) {
        struct quota_waiter *waiter = line->first;
        bool is_limited = holding->account->policy.has_rate; /* a reload may have lifted what it waits for */
        enum lease_answer answer =
            is_limited ? lease_pay_waiter(&holding->lease, now_us, &waiter->retry_us) : LEASE_PAID;
        enum quota_verdict verdict = decide_rate(desk, holding, now_us, answer, &waiter->retry_us);
        if (verdict == QUOTA_WAIT)
            return;
        waiter->verdict = rehearse(holding->account, verdict);
        if (waiter->verdict != QUOTA_OK && waiter->verdict != QUOTA_DRY_RUN)
            holding->account->in_progress--;
        quota_line_join(told, quota_line_take(line));
    }
}

static void serve_misses(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us,
                         struct quota_line *told)
{
    struct quota_line *line = &holding->for_misses;
    while (line->first != NULL) {
        struct quota_waiter *waiter = line->first;
        enum quota_verdict verdict = decide_miss(desk, holding, now_us, &waiter->retry_us, &waiter->receipt);
        if (verdict == QUOTA_WAIT)
            return;
        waiter->verdict = rehearse(holding->account, verdict);
        quota_line_join(told, quota_line_take(line));
    }
}

static void on_letter(struct letter *letter, void *receiver)
{
    (void)receiver;
    struct quota_waiter *waiter = MEM_OUTER(letter, struct quota_waiter, letter);
    waiter->on_verdict(waiter);
}

static void tell(struct quota_line *told)
{
    while (told->first != NULL) {
        struct quota_waiter *waiter = quota_line_take(told);
        waiter->letter.on_open = on_letter;
        mailbox_post(waiter->reply_to, &waiter->letter);
    }
}

/* Calls. */

static void on_done(struct redis_call *call);

/* With the account locked; start_call must follow, unlocked. */
static void prepare_call(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us, bool nothing)
{
    struct quota_call_facts facts = {.prefix = desk->options.key_prefix,
                                     .client = holding->client,
                                     .holder = slice_make(holding->name, QUOTA_HOLDER_LENGTH),
                                     .sequence = ++holding->sequence};
    if (nothing)
        lease_ask_nothing(&holding->lease, now_us, &facts.lease);
    else
        lease_ask(&holding->lease, now_us, holding->for_rate.count, &facts.lease);
    prepaid_ask(&holding->prepaid, now_us, holding->for_misses.count, nothing, &facts.prepaid);
    if (!holding->account->policy.has_rate)
        facts.lease.rate = (struct rate){0};
    holding->limits_asked = holding->limits;
    holding->call = (struct redis_call){.timeout_us = desk->options.timeout_us, .on_done = on_done};
    if (!quota_script_write(&facts, &desk->text, &holding->call))
        assert(false && "names have their limits");
    holding->asks = desk;
    if (holding->desk == NULL) {
        holding->desk = desk;
        holding->next = desk->holdings;
        desk->holdings = holding;
        quota_account_ref(holding->account);
    }
}

static void start_call(struct quota_desk *desk, struct quota_holding *holding)
{
    holding->next_asking = desk->asking;
    desk->asking = holding;
    counters_add(desk->counters, METRIC_QUOTA_CALLS, 1);
    desk->redis->start(desk->redis, &holding->call);
}

/* Unlocks the account; Redis is asked where `calls`. */
static void unlock(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us, bool calls)
{
    if (calls)
        prepare_call(desk, holding, now_us, false);
    pthread_mutex_unlock(&holding->account->lock);
    if (calls)
        start_call(desk, holding);
}

static void forget_asking(struct quota_desk *desk, struct quota_holding *holding)
{
    struct quota_holding **at = &desk->asking;
    while (*at != holding)
        at = &(*at)->next_asking;
    *at = holding->next_asking;
}

static void log_failure(struct quota_desk *desk, const struct redis_call *call, int64_t now_us)
{
    struct slice said = quota_script_error(call->outcome == REDIS_ANSWERED ? call->reply : NULL);
    if (said.length == 0 || (desk->logged_us != 0 && now_us - desk->logged_us < LOG_PAUSE_US))
        return;
    desk->logged_us = now_us;
    log_write(desk->log, LOG_LEVEL_WARN, "Redis does not count quotas", LOG_FIELDS(LOG_TEXT("reply", said)));
}

static void take_reply(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us)
{
    const struct redis_call *call = &holding->call;
    struct lease_grant lease;
    struct prepaid_grant prepaid;
    bool is_good = call->outcome == REDIS_ANSWERED && quota_script_read(call->reply, &lease, &prepaid);
    if (!is_good || holding->limits != holding->limits_asked) {
        lease_failed(&holding->lease, now_us);
        if (is_good)
            holding->lease.away_until_us = 0; /* by limits of before: ask again */
        else
            counters_add(desk->counters, METRIC_QUOTA_CALLS_FAILED, 1);
        return;
    }
    lease_granted(&holding->lease, now_us, &lease);
    if (holding->account->policy.has_misses)
        prepaid_granted(&holding->prepaid, now_us, &prepaid);
    if (lease.share + lease.level + lease.rush > 0)
        counters_add(desk->counters, METRIC_QUOTA_LEASES, 1);
}

static void on_done(struct redis_call *call)
{
    struct quota_holding *holding = MEM_OUTER(call, struct quota_holding, call);
    struct quota_account *account = holding->account;
    struct quota_desk *desk = holding->asks;
    struct quota_line told = {0};
    int64_t now_us = loop_now(desk->loop);
    forget_asking(desk, holding);
    pthread_mutex_lock(&account->lock);
    holding->asks = NULL;
    take_reply(desk, holding, now_us);
    log_failure(desk, call, now_us);
    serve_rate(desk, holding, now_us, &told);
    serve_misses(desk, holding, now_us, &told);
    unlock(desk, holding, now_us, holding->for_rate.count + holding->for_misses.count > 0);
    tell(&told);
    if (desk->asking == NULL && desk->on_returned != NULL)
        loop_defer(desk->loop, &desk->returned);
}

/* Requests. */

static struct quota_holding *open_holding(struct quota_desk *desk, struct client *client, int64_t now_us)
{
    struct quota_account *account = client->account;
    pthread_mutex_lock(&account->lock);
    if (account->holding == NULL)
        account->holding = quota_holding_new(account, client->name, desk->options.timeout_us, now_us);
    account->holding->used_us = now_us;
    return account->holding;
}

static enum quota_verdict begin(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us,
                                int64_t *retry_us)
{
    struct quota_account *account = holding->account;
    const struct client_policy *policy = &account->policy;
    *retry_us = QUOTA_CONCURRENCY_RETRY_US;
    if (policy->concurrency > 0 && account->in_progress >= policy->concurrency)
        return QUOTA_CONCURRENCY;
    if (!policy->has_rate)
        return QUOTA_OK;
    return decide_rate(desk, holding, now_us, lease_pay(&holding->lease, now_us, retry_us), retry_us);
}

enum quota_verdict quota_desk_begin(struct quota_desk *desk, struct client *client, int64_t now_us,
                                    struct quota_waiter *waiter, int64_t *retry_us)
{
    struct quota_holding *holding = open_holding(desk, client, now_us);
    struct quota_account *account = holding->account;
    enum quota_verdict verdict = rehearse(account, begin(desk, holding, now_us, retry_us));
    bool calls = verdict == QUOTA_OK && lease_is_due(&holding->lease, now_us) && can_call(desk);
    if (verdict == QUOTA_WAIT) {
        calls = !holding->lease.asking;
        quota_line_join(&holding->for_rate, waiter);
        counters_add(desk->counters, METRIC_QUOTA_WAITED, 1);
    }
    if (verdict == QUOTA_OK || verdict == QUOTA_DRY_RUN || verdict == QUOTA_WAIT)
        account->in_progress++;
    unlock(desk, holding, now_us, calls);
    return verdict;
}

enum quota_verdict quota_desk_charge(struct quota_desk *desk, struct client *client, int64_t now_us,
                                     struct quota_waiter *waiter, int64_t *retry_us)
{
    struct quota_holding *holding = open_holding(desk, client, now_us);
    struct quota_account *account = holding->account;
    enum quota_verdict verdict = rehearse(account, decide_miss(desk, holding, now_us, retry_us, &waiter->receipt));
    bool calls = verdict == QUOTA_WAIT && !holding->lease.asking;
    if (verdict == QUOTA_WAIT) {
        quota_line_join(&holding->for_misses, waiter);
        counters_add(desk->counters, METRIC_QUOTA_WAITED, 1);
    }
    unlock(desk, holding, now_us, calls);
    return verdict;
}

/* Giving back. */

static bool holds_scarce_searches(const struct quota_holding *holding, int64_t now_us)
{
    const struct prepaid *prepaid = &holding->prepaid;
    return prepaid_has_unused(prepaid, now_us) && prepaid->left < prepaid->limit.limit / 4 &&
           now_us - holding->used_us > UNUSED_US;
}

/* Looks at one: what it should not keep is given back; one that has nothing is taken off the list (true). */
static bool sweep_one(struct quota_desk *desk, struct quota_holding *holding, int64_t now_us, bool all)
{
    struct quota_account *account = holding->account;
    pthread_mutex_lock(&account->lock);
    bool is_busy = holding->lease.asking;
    bool has_any = now_us < holding->lease.stop_us || prepaid_has_unused(&holding->prepaid, now_us);
    bool gives = !is_busy && can_call(desk) &&
                 (all ? has_any : lease_is_idle(&holding->lease, now_us) || holds_scarce_searches(holding, now_us));
    bool is_over = !is_busy && !has_any;
    if (gives)
        prepare_call(desk, holding, now_us, true);
    else if (is_over)
        holding->desk = NULL;
    pthread_mutex_unlock(&account->lock);
    if (gives)
        start_call(desk, holding);
    return !gives && is_over;
}

static void sweep(struct quota_desk *desk, bool all)
{
    int64_t now_us = loop_now(desk->loop);
    struct quota_holding **at = &desk->holdings;
    while (*at != NULL) {
        struct quota_holding *holding = *at, *next = holding->next;
        if (sweep_one(desk, holding, now_us, all)) {
            *at = next; /* before the account is let go: another desk may have it on its list by now */
            quota_account_unref(holding->account);
        } else {
            at = &holding->next;
        }
    }
}

static void on_sweep(struct timer *timer)
{
    struct quota_desk *desk = MEM_OUTER(timer, struct quota_desk, sweep);
    sweep(desk, false);
    if (desk->options.checks_server && can_call(desk)) {
        desk->options.checks_server = false;
        eviction_check_start(&desk->eviction, desk->redis, desk->log);
    }
    timer_start(desk->loop, timer, loop_now(desk->loop) + SWEEP_US);
}

static void on_returned(struct deferred *deferred)
{
    struct quota_desk *desk = MEM_OUTER(deferred, struct quota_desk, returned);
    void (*call)(void *context) = desk->on_returned;
    desk->on_returned = NULL;
    if (call != NULL)
        call(desk->returned_context);
}

void quota_desk_return_all(struct quota_desk *desk, void (*done)(void *context), void *context)
{
    desk->on_returned = done;
    desk->returned_context = context;
    sweep(desk, true);
    if (desk->asking == NULL)
        loop_defer(desk->loop, &desk->returned);
}

/* Birth and death. */

struct quota_desk *quota_desk_new(struct loop *loop, struct redis *redis, const struct quota_desk_options *options,
                                  struct log *log, struct counters *counters)
{
    struct quota_desk *desk = mem_new(sizeof *desk);
    desk->loop = loop;
    desk->redis = redis;
    desk->options = *options;
    desk->log = log;
    desk->counters = counters;
    buf_init(&desk->text, QUOTA_ARGUMENTS_BYTES);
    desk->returned.on_turn_end = on_returned;
    desk->sweep.on_timer = on_sweep;
    timer_start(loop, &desk->sweep, loop_now(loop) + SWEEP_US);
    return desk;
}

void quota_desk_close(struct quota_desk *desk)
{
    if (desk->is_closed)
        return;
    desk->is_closed = true;
    timer_stop(desk->loop, &desk->sweep);
    eviction_check_stop(&desk->eviction);
    while (desk->asking != NULL) {
        struct redis_call *call = &desk->asking->call;
        desk->redis->cancel(desk->redis, call);
        call->outcome = REDIS_AWAY;
        call->reply = NULL;
        on_done(call);
    }
    sweep(desk, true);
}

void quota_desk_free(struct quota_desk *desk)
{
    if (desk == NULL)
        return;
    quota_desk_close(desk);
    while (desk->holdings != NULL) {
        struct quota_holding *holding = desk->holdings;
        desk->holdings = holding->next;
        holding->desk = NULL;
        quota_account_unref(holding->account);
    }
    buf_free(&desk->text);
    mem_free(desk);
}
