/* SPDX-License-Identifier: MIT */
/* The queries that Nexudus refused lately (400, 422), each for a short while: whoever asks the same again is told
 * without a call. A fixed number of them; the oldest goes first. Pure; time is passed in. One thread. */
#ifndef NEXGATE_UPSTREAM_REFUSALS_H
#define NEXGATE_UPSTREAM_REFUSALS_H

#include "base/slice.h"
#include "search/envelope.h"

enum { REFUSALS_MAX = 1024 };

struct refusal {
    struct slice key;
    int status; /* of Nexudus's answer */
    int64_t until_us;
    char why[ENVELOPE_WHY_MAX];
    size_t place; /* private */
};

struct refusals;

/* Each is remembered for `ttl_us`; 0: none is. */
struct refusals *refusals_new(int64_t ttl_us);
void refusals_free(struct refusals *refusals);

/* For those to come. */
void refusals_change(struct refusals *refusals, int64_t ttl_us);

/* Copies key and text; where the key was known, this takes its place. */
void refusals_keep(struct refusals *refusals, struct slice key, int status, const char *why, int64_t now_us);

/* NULL: none is remembered. Good until the next call of any of these. */
const struct refusal *refusals_find(struct refusals *refusals, struct slice key, int64_t now_us);

/* Nexudus has answered it otherwise. */
void refusals_forget(struct refusals *refusals, struct slice key);

#endif
