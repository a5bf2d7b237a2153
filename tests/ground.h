/* SPDX-License-Identifier: MIT */
/* What houses in tests stand on: a clock that stands still, a loop by it, and a log. */
#ifndef NEXGATE_TESTS_GROUND_H
#define NEXGATE_TESTS_GROUND_H

#include "base/clock.h"
#include "base/log.h"
#include "io/loop.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { GROUND_LOG_BYTES_MAX = 256 * 1024 };

/* Errors are logged to stderr. */
static inline void ground_lay(struct clock **clock, struct loop **loop, struct log **log)
{
    *clock = clock_new();
    clock_freeze(*clock);
    *loop = loop_new(*clock);
    assert(*loop != NULL);
    *log = log_new(STDERR_FILENO, LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, *clock);
}

/* The same with all that is logged kept where the result, a descriptor of the caller's, points. */
static inline int ground_lay_logged(struct clock **clock, struct loop **loop, struct log **log)
{
    int log_fd = memfd_create("log", MFD_CLOEXEC);
    assert(log_fd >= 0);
    ground_lay(clock, loop, log);
    log_free(*log);
    *log = log_new(log_fd, LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT, *clock);
    return log_fd;
}

/* To the beginning of a day, by the wall: no day ends while a test looks. */
static inline void ground_begin_day(struct clock *clock)
{
    clock_move(clock, CLOCK_DAY - clock_wall(clock) % CLOCK_DAY);
}

static inline void ground_clear(struct clock *clock, struct loop *loop, struct log *log)
{
    loop_free(loop);
    log_free(log);
    clock_free(clock);
}

/* How often `text` stands in the log that is kept there. */
static inline size_t ground_logged(int log_fd, const char *text)
{
    static char bytes[GROUND_LOG_BYTES_MAX];
    size_t count = 0;
    ssize_t length = pread(log_fd, bytes, sizeof bytes - 1, 0);
    assert(length >= 0 && length < GROUND_LOG_BYTES_MAX - 1);
    bytes[length] = '\0';
    for (const char *at = bytes; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

#endif
