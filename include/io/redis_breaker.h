/* SPDX-License-Identifier: MIT */
/* Whether a Redis is worth asking: fed with what became of commands, it says when to stop. Opens after a row of
 * failures, or when of the last seconds' commands too large a share was lost. Pure; the node before it probes and
 * closes it. */
#ifndef NEXGATE_IO_REDIS_BREAKER_H
#define NEXGATE_IO_REDIS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
    REDIS_BREAKER_ROW = 3,          /* failures with no answer between them */
    REDIS_BREAKER_LOST_MIN = 20,    /* commands lost, for their share to count */
    REDIS_BREAKER_LOST_PERCENT = 20 /* of the commands */
};
#define REDIS_BREAKER_HALF_US INT64_C(5000000) /* the share is that of this time and of the same before it */

struct redis_breaker {
    unsigned row;
    struct {
        uint64_t answered, lost;
    } halves[2]; /* this one, and the one before */
    int64_t half_began_us;
};

/* A command was answered in time. */
void redis_breaker_answered(struct redis_breaker *breaker, int64_t now_us);

/* A command was late, or the connection broke; `lost` commands went with it. True: stop asking. */
bool redis_breaker_failed(struct redis_breaker *breaker, uint64_t lost, int64_t now_us);

/* A probe was answered in time: the past is forgotten, but the next failure counts as the last of a row. */
void redis_breaker_close(struct redis_breaker *breaker, int64_t now_us);

#endif
