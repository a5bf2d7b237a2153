/* SPDX-License-Identifier: MIT */
/* The holder's side of searches paid in advance. As with a lease, what Redis has on record as granted is never less
 * than what the holder allows itself: `held` is said before it is kept to, and only a reply raises it. */
#include "client/prepaid.h"

enum {
    SECURITY = 256, /* part of what is left of a window that is not used */
    WANT_MIN = 8,   /* searches asked for at once */
    WANT_MAX = 64
};

static const int64_t LOOK_AGAIN_US = CLOCK_SECOND; /* others may have given some back */

void prepaid_init(struct prepaid *prepaid, const struct rate_window *limit)
{
    *prepaid = (struct prepaid){.limit = *limit, .window = -1, .holders = 1, .left = limit->limit};
}

enum prepaid_answer prepaid_pay(struct prepaid *prepaid, int64_t now_us, int64_t *window)
{
    if (now_us < prepaid->stop_us && prepaid->used < prepaid->granted) {
        prepaid->used++;
        *window = prepaid->window;
        return PREPAID_PAID;
    }
    return now_us < prepaid->ask_at_us ? PREPAID_SPENT : PREPAID_ASK;
}

bool prepaid_pay_alone(struct prepaid *prepaid, int64_t wall_us, int64_t *window)
{
    int64_t current = wall_us / prepaid->limit.period_us;
    if (current > prepaid->window) {
        prepaid->window = current;
        prepaid->granted = prepaid->used = 0;
        prepaid->stop_us = 0;
    }
    int64_t part = prepaid->limit.limit / prepaid->holders;
    if (prepaid->used >= (part > 0 ? part : 1))
        return false;
    prepaid->used++;
    *window = prepaid->window;
    return true;
}

void prepaid_return(struct prepaid *prepaid, int64_t window)
{
    if (window == prepaid->window && prepaid->used > 0)
        prepaid->used--;
}

void prepaid_ask(struct prepaid *prepaid, int64_t now_us, int64_t need, bool all_back, struct prepaid_ask *ask)
{
    int64_t recent = prepaid->used - prepaid->asked_used;
    int64_t want = 2 * (recent > 0 ? recent : 0);
    want = want < WANT_MIN ? WANT_MIN : want;
    want = want > WANT_MAX ? WANT_MAX : want;
    if (all_back || now_us >= prepaid->stop_us || prepaid->granted < prepaid->used)
        prepaid->granted = prepaid->used;
    int64_t unused = prepaid->granted - prepaid->used;
    prepaid->asked_used = prepaid->used;
    prepaid->sent_us = now_us;
    prepaid->want = all_back || unused > want / 2 ? 0 : want - unused;
    if (prepaid->want < need)
        prepaid->want = need;
    *ask = (struct prepaid_ask){prepaid->limit, prepaid->window, prepaid->granted, prepaid->want};
}

void prepaid_granted(struct prepaid *prepaid, int64_t now_us, const struct prepaid_grant *grant)
{
    if (grant->window != prepaid->window) {
        prepaid->window = grant->window;
        prepaid->used = prepaid->asked_used = 0;
    }
    prepaid->granted = grant->granted;
    prepaid->left = grant->left;
    prepaid->holders = grant->holders > 0 ? grant->holders : 1;
    prepaid->was_told = true;
    prepaid->stop_us = prepaid->sent_us + grant->stop_us - grant->stop_us / SECURITY;
    prepaid->over_us = now_us + grant->stop_us;
    prepaid->ask_at_us = prepaid->want > 0 && grant->left == 0 ? now_us + LOOK_AGAIN_US : 0;
}

bool prepaid_has_unused(const struct prepaid *prepaid, int64_t now_us)
{
    return prepaid->granted > prepaid->used && now_us < prepaid->stop_us;
}

void prepaid_look(const struct prepaid *prepaid, int64_t now_us, int64_t wall_us, int64_t *left, int64_t *next_us)
{
    bool is_over = !prepaid->was_told || now_us >= prepaid->over_us;
    int64_t unused = prepaid->granted - prepaid->used + prepaid->left; /* used more than granted: taken from the rest */
    *left = is_over ? prepaid->limit.limit : unused > 0 ? unused : 0;
    *next_us = is_over ? rate_window_until_next(&prepaid->limit, wall_us) : prepaid->over_us - now_us;
}
