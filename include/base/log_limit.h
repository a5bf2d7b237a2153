/* SPDX-License-Identifier: MIT */
/* What repeats itself in the log is limited: of each message so many lines in a while, and then how many were left out.
 * Messages are told apart by address: they are our own static texts. Not thread-safe: the log has a lock. */
#ifndef NEXGATE_BASE_LOG_LIMIT_H
#define NEXGATE_BASE_LOG_LIMIT_H

#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>

enum { LOG_LIMIT_MESSAGES = 64, LOG_LIMIT_LINES = 20 };
#define LOG_LIMIT_US (10 * CLOCK_SECOND)

struct log_limit_row {
    const char *message; /* NULL: free */
    int64_t since_us;
    int64_t written;
    int64_t left_out;
};

/* Embedded; all zero is one that has seen nothing. */
struct log_limit {
    struct log_limit_row rows[LOG_LIMIT_MESSAGES];
};

/* Whether one more line of this message may be written; false counts it as left out. */
bool log_limit_allows(struct log_limit *limit, const char *message, int64_t now_us);

/* A message whose while is over (or any, when `now_us` is CLOCK_NEVER) and of which lines were left out: it starts
 * afresh. NULL: there is none. */
const char *log_limit_settle(struct log_limit *limit, int64_t now_us, int64_t *left_out);

#endif
