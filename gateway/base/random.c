/* SPDX-License-Identifier: MIT */
/* Randomness: getrandom for secrets, xoshiro256** (Blackman and Vigna, 2018) for jitter. */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

void random_secret(void *bytes, size_t count)
{
    unsigned char *at = bytes;
    while (count > 0) {
        ssize_t got = getrandom(at, count, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "nexgate: the kernel gives no randomness\n");
            abort();
        }
        at += got;
        count -= (size_t)got;
    }
}

/* SplitMix64 (Steele, Lea and Flood, 2014): spreads a seed over the whole state. */
static uint64_t split_mix(uint64_t *state)
{
    uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

void random_init(struct random *random, uint64_t seed)
{
    if (seed == 0)
        random_secret(&seed, sizeof(seed));
    for (size_t i = 0; i < 4; i++)
        random->state[i] = split_mix(&seed);
}

static uint64_t rotate_left(uint64_t value, int bits)
{
    return (value << bits) | (value >> (64 - bits));
}

uint64_t random_next(struct random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate_left(s[3], 45);
    return result;
}

int64_t random_between(struct random *random, int64_t low, int64_t high)
{
    assert(low <= high);
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    /* 2^64 is no multiple of most spans: the first few numbers would be favoured, so they are drawn again. */
    uint64_t surplus = span == 0 ? 0 : (0 - span) % span;
    uint64_t pick;
    do
        pick = random_next(random);
    while (pick < surplus);
    return (int64_t)((uint64_t)low + (span == 0 ? pick : pick % span));
}
