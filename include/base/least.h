/* SPDX-License-Identifier: MIT */
/* The lesser and the greater of two numbers; of two instants, the earlier and the later. Pure. */
#ifndef NEXGATE_BASE_LEAST_H
#define NEXGATE_BASE_LEAST_H

#include <stdint.h>

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
