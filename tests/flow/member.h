/* SPDX-License-Identifier: MIT */
/* What a gateway needs to be one of a fleet's: its memory, kept coherent with the others' by one puppet Redis and its
 * channels. */
#ifndef NEXGATE_TESTS_MEMBER_H
#define NEXGATE_TESTS_MEMBER_H

#include "cache/coherence.h"
#include "cache/memory.h"
#include "puppet_redis.h"

/* Where members meet. Without a store and channels a member is alone. */
struct member_place {
    struct loop *loop;
    struct log *log;
    struct puppet_store *store;
    struct puppet_channels *channels;
};

struct member {
    struct member_place place;
    char name[16];
    size_t memory_bytes;
    struct metrics *metrics;
    struct counters *counters;
    struct memory *memory;
    struct mailbox *mailbox; /* of the loop's thread */
    struct puppet_redis redis;
    size_t feed;
    struct lifetime lifetime; /* the caller's, to be set before */
    struct coherence *coherence;
};

/* Comes with its link down. */
void member_init(struct member *member, const struct member_place *place, const char *name, size_t memory_bytes);

/* Its process ends and another begins under the same name, with nothing in memory. */
void member_begin_anew(struct member *member);

void member_link(struct member *member, bool up);

/* Its link must be down, or the channels gone. */
void member_free(struct member *member);

#endif
