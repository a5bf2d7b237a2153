/* SPDX-License-Identifier: MIT */
/* How many descriptors the process may have, and how many of them clients may take. */
#ifndef NEXGATE_DESCRIPTORS_H
#define NEXGATE_DESCRIPTORS_H

#include <stdint.h>

enum {
    DESCRIPTORS_RESERVED = 1024 /* for all but clients: listeners, loops, Nexudus, Redis, the admin listener */
};

/* As many descriptors as the kernel lets us have: a gateway that stops accepting at 1024 helps nobody. The limit then,
 * INT64_MAX when there is none. */
int64_t descriptors_raise(void);

/* Of the `wanted` client connections those that fit below the limit: the reserve is kept free, or half of a limit that
 * is smaller than two reserves. At least 1. */
int64_t descriptors_for_clients(int64_t limit, int64_t wanted);

#endif
