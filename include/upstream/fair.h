/* SPDX-License-Identifier: MIT */
/* Whose turn it is: start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) of equal calls between clients with
 * weights. Who waits has a rank, and the lowest goes first; a client's next rank grows with each of its calls by the
 * inverse of its weight, so a flood gets later and later ranks, and a client that asks little is never behind it. Exact
 * integers. Pure. One thread. */
#ifndef NEXGATE_UPSTREAM_FAIR_H
#define NEXGATE_UPSTREAM_FAIR_H

#include "base/mem.h"

#include <stdint.h>

struct fair;

struct fair *fair_new(void);
void fair_free(struct fair *fair);

/* The rank that the client's next call would get. Weights are from 1. */
uint64_t fair_next(const struct fair *fair, uint64_t client);

/* Takes that rank. */
uint64_t fair_enter(struct fair *fair, uint64_t client, int64_t weight) MUST_CHECK;

/* One that entered leaves without a call: the client's later ones are not behind it. */
void fair_leave(struct fair *fair, uint64_t client, int64_t weight);

/* Who has this rank is served. */
void fair_serve(struct fair *fair, uint64_t rank);

/* Nobody waits any more: what was is forgotten. */
void fair_rest(struct fair *fair);

#endif
