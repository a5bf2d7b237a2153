/* SPDX-License-Identifier: MIT */
/* Counting. */
#include "io/redis_vote.h"

#include <assert.h>

void redis_vote_begin(struct redis_vote *vote, size_t voters)
{
    assert(voters <= REDIS_HOSTS_MAX);
    *vote = (struct redis_vote){.voters = voters};
}

void redis_vote_cast(struct redis_vote *vote, size_t voter, const struct redis_place *place)
{
    assert(voter < vote->voters);
    vote->has_answered[voter] = true;
    vote->has_named[voter] = place != NULL;
    if (place != NULL)
        vote->named[voter] = *place;
}

size_t redis_vote_answers(const struct redis_vote *vote)
{
    size_t answers = 0;
    for (size_t i = 0; i < vote->voters; i++)
        answers += vote->has_answered[i];
    return answers;
}

static size_t votes_for(const struct redis_vote *vote, const struct redis_place *place)
{
    size_t votes = 0;
    for (size_t i = 0; i < vote->voters; i++)
        votes += vote->has_named[i] && redis_place_equal(&vote->named[i], place);
    return votes;
}

static bool is_majority(const struct redis_vote *vote, size_t votes)
{
    return votes * 2 > vote->voters;
}

const struct redis_place *redis_vote_winner(const struct redis_vote *vote, const struct redis_place *used)
{
    const struct redis_place *best = NULL;
    size_t most = 0;
    if (used != NULL && (most = votes_for(vote, used)) > 0)
        best = used;
    for (size_t i = 0; i < vote->voters; i++) {
        size_t votes = vote->has_named[i] ? votes_for(vote, &vote->named[i]) : 0;
        if (votes > most) {
            best = &vote->named[i];
            most = votes;
        }
    }
    return best != NULL && used != NULL && !is_majority(vote, most) ? used : best;
}

bool redis_vote_is_decided(const struct redis_vote *vote, const struct redis_place *used)
{
    const struct redis_place *place = redis_vote_winner(vote, used);
    return place != NULL && is_majority(vote, votes_for(vote, place));
}
