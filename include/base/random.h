/* SPDX-License-Identifier: MIT */
/* Randomness: the kernel's for secrets, a fast generator for jitter. */
#ifndef NEXGATE_BASE_RANDOM_H
#define NEXGATE_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Bytes from getrandom(2); aborts where there are none. Any thread. */
void random_secret(void *bytes, size_t count);

/* A generator for jitter (xoshiro256**); never for secrets. One thread each. */
struct random {
    uint64_t state[4];
};

void random_init(struct random *random, uint64_t seed); /* seed 0: from the kernel */
uint64_t random_next(struct random *random);

/* Evenly between low and high, both included. */
int64_t random_between(struct random *random, int64_t low, int64_t high);

#endif
