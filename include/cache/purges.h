/* SPDX-License-Identifier: MIT */
/* What was purged: the heads of keys ("PREFIXv1:", "PREFIXv1:ENTITY:", "PREFIXv1:ENTITY:CANONICAL#") with growing
 * numbers. A fetch carries the number that was known when it began; what it brought is purged when a purge of a greater
 * number covers its key. So nothing has to be searched for when a purge comes, and no clock is compared. Any thread. */
#ifndef NEXGATE_CACHE_PURGES_H
#define NEXGATE_CACHE_PURGES_H

#include "cache/entry.h"

enum {
    PURGES_MAX = 4096,    /* remembered; where one more comes, whatever is older than the oldest of them is purged */
    PURGE_HEAD_MAX = 1024 /* bytes */
};

/* The greatest number that is believed of anybody: numbers are Redis's microseconds (this is in the year 2255), and
 * pass through doubles, which are exact below 2^53. From there on a purge can no longer be told to others. */
#define PURGE_NUMBER_MAX INT64_C(9000000000000000)

struct purges;

struct purges *purges_new(void);
void purges_free(struct purges *purges);

/* Learns of a purge. `soft`: what it covers becomes stale, not gone. False when it was known already, or is said by
 * others. `before` (NULL: not asked) is the greatest number that was known when this very purge was learnt, or now when
 * it is said by others: what was fetched until then bears that number at most, and is covered where it is less. */
bool purges_add(struct purges *purges, struct slice head, int64_t number, bool soft, int64_t now_us, int64_t *before);

/* Learns of a purge that was ordered here and has no number yet. It covers what was fetched here before, and whatever
 * was read from the others, since nobody can tell what number would cover that. */
void purges_order(struct purges *purges, struct slice head, bool soft, int64_t now_us);

/* A purge that was ordered here has its number, for which one greater than `least` was asked, and has been waited for:
 * nothing more is covered by its order, and by those before it that say no more. */
void purges_settle(struct purges *purges, struct slice head, bool soft, int64_t least);

/* All purges up to this number are known by now. */
void purges_know(struct purges *purges, int64_t number, int64_t now_us);

/* The greatest number known. */
int64_t purges_known(struct purges *purges);

/* What was known when a fetch began at this moment: less where that cannot be told for sure. */
int64_t purges_known_at(struct purges *purges, int64_t started_us);

/* When the last purge that covers the key was learnt of, monotonic; INT64_MIN when there is none. A call that began
 * before answers nobody who asks after it. */
int64_t purges_last_us(struct purges *purges, struct slice key);

/* False when the entry is purged. Marks it as stale where a soft purge covers it. One comparison when nothing was
 * purged since it was looked at last. */
bool purges_spare(struct purges *purges, struct entry *entry) MUST_CHECK;

#endif
