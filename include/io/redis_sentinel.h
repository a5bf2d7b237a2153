/* SPDX-License-Identifier: MIT */
/* The route to the master that sentinels name. */
#ifndef NEXGATE_IO_REDIS_SENTINEL_H
#define NEXGATE_IO_REDIS_SENTINEL_H

#include "io/redis_route.h"

struct redis_route *redis_sentinel_new(const struct redis_route_parts *parts);

#endif
