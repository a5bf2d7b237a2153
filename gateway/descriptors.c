/* SPDX-License-Identifier: MIT */
/* The share of the process's descriptors that clients may take. Must not know what they are used for. */
#include "descriptors.h"

#include <sys/resource.h>

int64_t descriptors_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return INT64_MAX;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 && getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return INT64_MAX;
    return limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}

int64_t descriptors_for_clients(int64_t limit, int64_t wanted)
{
    int64_t reserved = limit < 2 * DESCRIPTORS_RESERVED ? limit - limit / 2 : DESCRIPTORS_RESERVED;
    int64_t room = limit - reserved;
    if (room < 1)
        room = 1;
    return wanted < room ? wanted : room;
}
