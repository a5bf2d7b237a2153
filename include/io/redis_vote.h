/* SPDX-License-Identifier: MIT */
/* One round of what sentinels say: who of them has answered, and whom each names as the master. Pure. */
#ifndef NEXGATE_IO_REDIS_VOTE_H
#define NEXGATE_IO_REDIS_VOTE_H

#include "io/redis_slots.h"
#include "io/redis_url.h"

struct redis_vote {
    struct redis_place named[REDIS_HOSTS_MAX];
    bool has_answered[REDIS_HOSTS_MAX], has_named[REDIS_HOSTS_MAX];
    size_t voters; /* at most REDIS_HOSTS_MAX */
};

/* A new round of so many. */
void redis_vote_begin(struct redis_vote *vote, size_t voters);

/* The answer of one; NULL: it names nobody. */
void redis_vote_cast(struct redis_vote *vote, size_t voter, const struct redis_place *place);

size_t redis_vote_answers(const struct redis_vote *vote);

/* Whom most name, of equals `used`, else who was named first; NULL: nobody is named. A master that works, `used` (NULL:
 * none does), is left only for one that most of all sentinels name, not most of those who happen to answer. */
const struct redis_place *redis_vote_winner(const struct redis_vote *vote, const struct redis_place *used);

/* Whether what is still to come can change nothing: most of all voters name the winner. */
bool redis_vote_is_decided(const struct redis_vote *vote, const struct redis_place *used);

#endif
