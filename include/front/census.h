/* SPDX-License-Identifier: MIT */
/* Who is connected: a place for each connection, counted over all workers, in total and by address. Thread-safe. The
 * making of a census is front/listener.h's. */
#ifndef NEXGATE_FRONT_CENSUS_H
#define NEXGATE_FRONT_CENSUS_H

#include "front/listener.h"

struct sockaddr;

/* The address of those who have none: clients of a unix socket. They count in the total only. */
#define CENSUS_NO_ADDRESS UINT64_MAX

/* What connections are counted by: an IPv4 address, or the /64 of an IPv6 one, which is what one customer gets. */
uint64_t census_address(const struct sockaddr *peer);

enum census_verdict {
    CENSUS_ENTERED,
    CENSUS_FULL,        /* no place for anybody */
    CENSUS_ADDRESS_FULL /* none for this address */
};

/* Takes a place, if there is one. */
enum census_verdict census_enter(struct front_census *census, uint64_t address) MUST_CHECK;

/* Gives a place back. */
void census_leave(struct front_census *census, uint64_t address);

#endif
