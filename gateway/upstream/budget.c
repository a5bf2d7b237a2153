/* SPDX-License-Identifier: MIT */
/* A ring of the last `count` starts: the next one may come when the oldest of them has left the interval. */
#include "upstream/budget.h"

#include "base/least.h"

#include <assert.h>
#include <stdatomic.h>

struct budget {
    atomic_int_least64_t
        count; /* at most BUDGET_COUNT_MAX, which is what the ring has room for: a reload may raise it */
    atomic_int_least64_t interval_us; /* margin included */
    atomic_int_least64_t paused_until_us;
    atomic_int_least64_t next;                     /* where the next start goes; the oldest one once the ring is full */
    atomic_int_least64_t started;                  /* starts in the ring, up to count */
    atomic_int_least64_t starts[BUDGET_COUNT_MAX]; /* µs; the first `count` are used */
};

struct budget *budget_new(int64_t count, int64_t interval_us, int64_t margin_us)
{
    assert(count >= 1 && count <= BUDGET_COUNT_MAX && interval_us > 0 && margin_us >= 0);

    struct budget *budget = mem_new(sizeof *budget);
    budget->count = count;
    budget->interval_us = interval_us + margin_us;
    return budget;
}

void budget_free(struct budget *budget)
{
    mem_free(budget);
}

static void reverse(atomic_int_least64_t *first, atomic_int_least64_t *end)
{
    for (; first < end; first++) {
        int64_t start_us = *first;
        *first = *--end;
        *end = start_us;
    }
}

/* Turns the ring until the oldest start is its first: three reversals (Bentley, Programming Pearls, column 2). */
static void straighten(struct budget *budget)
{
    atomic_int_least64_t *oldest = budget->starts + (budget->started < budget->count ? 0 : budget->next);
    atomic_int_least64_t *end = budget->starts + budget->started;
    reverse(budget->starts, oldest);
    reverse(oldest, end);
    reverse(budget->starts, end);
}

void budget_change(struct budget *budget, int64_t count, int64_t interval_us, int64_t margin_us)
{
    int64_t kept = budget->started < count ? budget->started : count;

    assert(count >= 1 && count <= BUDGET_COUNT_MAX && interval_us > 0 && margin_us >= 0);
    straighten(budget);
    for (int64_t i = 0; i < kept; i++)
        budget->starts[i] = (int64_t)budget->starts[budget->started - kept + i];
    budget->started = kept;
    budget->next = kept % count;
    budget->count = count;
    budget->interval_us = interval_us + margin_us;
}

/* The n-th start from now repeats, whole intervals later, the n modulo count-th: starts as early as they may be keep
 * the distances of the ones before them. */
int64_t budget_ready_behind(const struct budget *budget, int64_t now_us, int64_t ahead)
{
    int64_t ready_us = most(now_us, budget->paused_until_us);
    int64_t rounds = ahead / budget->count;
    int64_t place = ahead % budget->count; /* in the ring, from the oldest */
    int64_t unused = budget->count - budget->started;

    if (place >= unused) {
        int64_t first = budget->started < budget->count ? 0 : budget->next;
        int64_t start_us = budget->starts[(first + place - unused) % budget->count];
        ready_us = most(ready_us, start_us + budget->interval_us);
    }
    return ready_us + rounds * budget->interval_us;
}

int64_t budget_ready_at(const struct budget *budget, int64_t now_us)
{
    return budget_ready_behind(budget, now_us, 0);
}

void budget_start(struct budget *budget, int64_t now_us)
{
    assert(budget_ready_at(budget, now_us) <= now_us);

    budget->starts[budget->next] = now_us;
    budget->next = (budget->next + 1) % budget->count;
    if (budget->started < budget->count)
        budget->started++;
}

void budget_pause(struct budget *budget, int64_t until_us)
{
    budget->paused_until_us = most(budget->paused_until_us, until_us);
}

int64_t budget_pause_left(const struct budget *budget, int64_t now_us)
{
    return most(budget->paused_until_us - now_us, 0);
}

int64_t budget_left(const struct budget *budget, int64_t now_us)
{
    int64_t started = budget->started, left = budget->count;

    if (budget->paused_until_us > now_us)
        return 0;
    for (int64_t i = 0; i < started; i++)
        left -= budget->starts[i] + budget->interval_us > now_us;
    return left;
}
