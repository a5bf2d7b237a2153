/* SPDX-License-Identifier: MIT */
/* When servers were found to hang, told from thread to thread: each has a connection of its own, and without this a
 * request that passes through several would wait on each. A table of times by a hash of the server's address; two
 * servers in one place only cost a connection made again. Any thread. */
#ifndef NEXGATE_IO_REDIS_ALARM_H
#define NEXGATE_IO_REDIS_ALARM_H

#include "base/hash.h"

#include <stdatomic.h>
#include <stdint.h>

enum { REDIS_ALARM_PLACES = 64 };

struct redis_alarm { /* zeroed: no server hangs */
    _Atomic int64_t at_us[REDIS_ALARM_PLACES];
};

/* Of a server's address. */
static inline size_t redis_alarm_place(struct slice name)
{
    return hash_open(name).low % REDIS_ALARM_PLACES;
}

/* It was found to hang. NULL is fine here and below: nobody else asks the server. */
static inline void redis_alarm_raise(struct redis_alarm *alarm, size_t place, int64_t now_us)
{
    if (alarm != NULL)
        atomic_store(&alarm->at_us[place], now_us);
}

/* Whether it was found to hang after `alive_us`. */
static inline bool redis_alarm_is_raised(const struct redis_alarm *alarm, size_t place, int64_t alive_us)
{
    return alarm != NULL && atomic_load(&alarm->at_us[place]) > alive_us;
}

#endif
