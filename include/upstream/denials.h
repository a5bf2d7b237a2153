/* SPDX-License-Identifier: MIT */
/* The entities whose searches were answered 401 although the token was fresh: our user may lack the role for them. Each
 * is held for a while, twice as long each time, and known until one of its searches is answered. Pure; time is passed
 * in. One thread. */
#ifndef NEXGATE_UPSTREAM_DENIALS_H
#define NEXGATE_UPSTREAM_DENIALS_H

#include "base/clock.h"
#include "search/schema.h"

enum {
    DENIALS_ENTITIES_MAX = 64, /* further ones are not remembered */
    DENIALS_FIRST_MS = 2000,   /* doubles up to a minute */
    DENIALS_LONGEST_MS = 60000
};

struct denial {
    uint64_t entity;  /* the schema's number; 0: this row and those behind it are free */
    int64_t lasts_us; /* 0: forgotten */
    int64_t until_us;
    bool told;
    int64_t told_us; /* when it was news last */
};

/* What was news is none for so long, though searches be answered in between. */
#define DENIALS_NEWS_US (600 * CLOCK_SECOND)

/* All zero is an empty table. */
struct denials {
    struct denial rows[DENIALS_ENTITIES_MAX];
};

/* True: it is news. */
bool denials_add(struct denials *denials, const struct schema *schema, int64_t now_us);

bool denials_knows(const struct denials *denials, const struct schema *schema);

/* Whether its last one is recent enough that another token will not help. */
bool denials_holds(const struct denials *denials, const struct schema *schema, int64_t now_us);

/* One of its searches was answered. */
void denials_forget(struct denials *denials, const struct schema *schema);

#endif
