/* SPDX-License-Identifier: MIT */
/* The route through a cluster. */
#ifndef NEXGATE_IO_REDIS_CLUSTER_H
#define NEXGATE_IO_REDIS_CLUSTER_H

#include "io/redis_route.h"

#define REDIS_CLUSTER_REFRESH_US INT64_C(10000000)   /* who serves what is asked again after this */
#define REDIS_CLUSTER_REFRESH_MIN_US INT64_C(100000) /* and never sooner, whatever happens */

struct redis_route *redis_cluster_new(const struct redis_route_parts *parts);

#endif
