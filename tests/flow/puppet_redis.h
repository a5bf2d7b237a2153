/* SPDX-License-Identifier: MIT */
/* A `struct redis` without a network, for tests on a frozen clock. Several connections, of one instance or of many,
 * share one puppet_store (one server). A test can cut a connection, hold its calls, script the next answers, and hold
 * back what is said on channels. What a connection is asked runs when it is let go, not when it is sent. */
#ifndef NEXGATE_TESTS_PUPPET_REDIS_H
#define NEXGATE_TESTS_PUPPET_REDIS_H

#include "io/redis.h"
#include "puppet_store.h"

enum { PUPPET_REDIS_CALLS_MAX = 4096, PUPPET_REDIS_SCRIPT_MAX = 32, PUPPET_FEEDS_MAX = 8 };

/* An answer instead of the server's. */
struct puppet_redis_answer {
    enum redis_outcome outcome;
    bool runs;         /* the server runs it all the same, and its reply is lost (outcome is not ANSWERED) */
    const char *error; /* ANSWERED: this error reply, and nothing is run */
    bool babbles;      /* that text comes as the only one of an array */
};

struct puppet_redis_call {
    struct puppet_redis_call *next;
    struct puppet_redis *redis;
    struct redis_call *call; /* NULL when it was answered or cancelled */
    struct timer deadline;
    char *bytes;
    struct slice arguments[REDIS_ARGUMENTS_MAX];
    size_t argument_count;
    bool is_ready;
    redisReply *reply;
};

struct puppet_redis {
    struct redis redis;
    struct puppet_store *store;
    struct loop *loop;
    int64_t timeout_us; /* 20 ms */
    struct deferred delivery;
    struct puppet_redis_call *first, *last; /* not answered yet, and those just answered */

    bool is_away;        /* is_there says no, calls are answered REDIS_AWAY */
    bool is_held;        /* calls wait for puppet_redis_release, or for their deadline */
    bool runs_cancelled; /* the server has got what is cancelled while it is held, and runs it */
    const char *refusal; /* scripts are answered with this error: all, or those called `refused`; NULL: none is */
    const char *refused;
    bool babbles; /* the refusal comes as an answer of a script would */
    struct puppet_redis_answer script[PUPPET_REDIS_SCRIPT_MAX];
    size_t scripted, next_scripted;

    uint64_t calls;  /* that came */
    char names[256]; /* of the last commands and scripts that came, separated by blanks, the last one first */
};

void puppet_redis_init(struct puppet_redis *puppet, struct puppet_store *store, struct loop *loop);

/* Forgets what is under way. */
void puppet_redis_free(struct puppet_redis *puppet);

/* Adds to what the next calls are answered, before anything else. */
void puppet_redis_next(struct puppet_redis *puppet, struct puppet_redis_answer answer);

/* Runs and answers all that is held, in order; what comes later is held again. */
void puppet_redis_release(struct puppet_redis *puppet);

/* The same for the oldest alone. False when nothing is held. */
bool puppet_redis_release_one(struct puppet_redis *puppet);

size_t puppet_redis_held(const struct puppet_redis *puppet);

/* What is said on the store's channels, for those who would hear it by a redis_feed. */
struct puppet_channels {
    struct puppet_store *store;
    struct loop *loop;
    struct deferred delivery;
    bool is_held; /* messages wait for puppet_channels_release */
    struct {
        struct redis_feed_events events;
        bool is_up;
    } feeds[PUPPET_FEEDS_MAX];
    size_t feed_count;
    struct puppet_message *first, *last;
    uint64_t published;
};

/* PUBLISH of the store goes here from now on. */
void puppet_channels_init(struct puppet_channels *channels, struct puppet_store *store, struct loop *loop);
void puppet_channels_free(struct puppet_channels *channels);

/* A feed for every channel, with its link down; returns its number. */
size_t puppet_channels_subscribe(struct puppet_channels *channels, const struct redis_feed_events *events);

/* The feed's link; what is said while it is down is missed. */
void puppet_channels_link(struct puppet_channels *channels, size_t feed, bool up);

/* Hands out what was held. */
void puppet_channels_release(struct puppet_channels *channels);

#endif
