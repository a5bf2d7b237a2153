/* SPDX-License-Identifier: MIT */
/* How many calls may be sent a second time: a share of the traffic, so that a Nexudus that fails is not asked much more
 * often than one that does not. Whole percents of a call are saved up and spent. Pure. One thread. */
#ifndef NEXGATE_UPSTREAM_RETRIES_H
#define NEXGATE_UPSTREAM_RETRIES_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>

enum { RETRIES_SAVED_MAX = 10 /* calls */ };

/* Embedded; private. */
struct retries {
    int64_t percent; /* of the calls */
    int64_t saved;   /* in hundredths of a call */
};

/* With one retry saved; 0 percent: never any. */
void retries_init(struct retries *retries, int64_t percent);

/* A call was sent that is not a retry. */
void retries_earn(struct retries *retries);

/* False: there is none left. */
bool retries_spend(struct retries *retries) MUST_CHECK;

#endif
