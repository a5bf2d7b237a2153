/* SPDX-License-Identifier: MIT */
/* When servers were found to hang, told from thread to thread: each has a connection of its own, and without this a
 * request that passes through several would wait on each. A table of times by a hash of the server's address; two
 * servers in one place only cost a connection made again. Any thread. */
#ifndef NEXGATE_IO_REDIS_ALARM_H
#define NEXGATE_IO_REDIS_ALARM_H

#include <stdatomic.h>
#include <stdint.h>

enum { REDIS_ALARM_PLACES = 64 };

struct redis_alarm { /* zeroed: no server hangs */
    _Atomic int64_t at_us[REDIS_ALARM_PLACES];
};

#endif
