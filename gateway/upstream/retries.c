/* SPDX-License-Identifier: MIT */
#include "upstream/retries.h"

enum { ONE = 100, SAVED_MAX = RETRIES_SAVED_MAX * ONE };

void retries_init(struct retries *retries, int64_t percent)
{
    *retries = (struct retries){.percent = percent, .saved = percent > 0 ? ONE : 0};
}

void retries_earn(struct retries *retries)
{
    int64_t saved = retries->saved + retries->percent;

    retries->saved = saved < SAVED_MAX ? saved : SAVED_MAX;
}

bool retries_spend(struct retries *retries)
{
    if (retries->saved < ONE)
        return false;
    retries->saved -= ONE;
    return true;
}
