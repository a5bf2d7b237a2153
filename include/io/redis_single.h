/* SPDX-License-Identifier: MIT */
/* The route to a single server. */
#ifndef NEXGATE_IO_REDIS_SINGLE_H
#define NEXGATE_IO_REDIS_SINGLE_H

#include "io/redis_route.h"

struct redis_route *redis_single_new(const struct redis_route_parts *parts);

#endif
