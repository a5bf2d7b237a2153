/* SPDX-License-Identifier: MIT */
/* Intervals in which somebody always waited and there was once nothing to be had; one that was otherwise begins it
 * anew, since it does not show what could have been had. */
#include "upstream/fleet_share.h"

#include "base/least.h"

static void end_interval(struct fleet_share *share)
{
    if (share->fed || share->starved_until_us <= share->begin_us) {
        share->past_count = 0;
    } else {
        share->past[share->past_next] = share->got;
        share->past_next = (share->past_next + 1) % FLEET_SHARE_INTERVALS;
        share->past_count = (size_t)least((int64_t)share->past_count + 1, FLEET_SHARE_INTERVALS);
    }
    share->got = 0;
    share->fed = false;
}

static void go_to(struct fleet_share *share, int64_t now_us, int64_t interval_us)
{
    for (int i = 0; i < FLEET_SHARE_INTERVALS && now_us - share->begin_us >= interval_us; i++) {
        end_interval(share);
        share->begin_us += interval_us;
    }
    if (now_us - share->begin_us >= interval_us) { /* it was long ago */
        fleet_share_forget(share);
        share->begin_us = now_us;
    }
}

void fleet_share_got(struct fleet_share *share, int64_t now_us, int64_t interval_us, int64_t slots)
{
    go_to(share, now_us, interval_us);
    share->got += slots;
}

void fleet_share_starved(struct fleet_share *share, int64_t now_us, int64_t interval_us, int64_t until_us)
{
    go_to(share, now_us, interval_us);
    share->starved_until_us = most(share->starved_until_us, until_us);
}

void fleet_share_fed(struct fleet_share *share, int64_t now_us, int64_t interval_us)
{
    go_to(share, now_us, interval_us);
    share->fed = true;
}

void fleet_share_forget(struct fleet_share *share)
{
    *share = (struct fleet_share){.begin_us = share->begin_us, .fed = true};
}

/* An interval is taken off for the slots that the one under way has still to give. */
int64_t fleet_share_turn(struct fleet_share *share, int64_t now_us, int64_t interval_us, int64_t fair, int64_t ahead)
{
    int64_t got = 0;

    go_to(share, now_us, interval_us);
    if (share->past_count < FLEET_SHARE_INTERVALS)
        return now_us;
    for (size_t i = 0; i < FLEET_SHARE_INTERVALS; i++)
        got += share->past[i];
    got = most(most(got, fair * FLEET_SHARE_INTERVALS), 1);
    int64_t intervals = ahead * FLEET_SHARE_INTERVALS / got;
    return now_us + most(intervals - 1, 0) * interval_us;
}
