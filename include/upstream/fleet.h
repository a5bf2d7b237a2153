/* SPDX-License-Identifier: MIT */
/* What all gateways with one Redis and one prefix share of Nexudus: how one of them speaks to the others. Its parts are
 * fleet_flight (one flight), fleet_budget (one budget) and fleet_login (one login); this is what they have in common.
 * On the fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_FLEET_H
#define NEXGATE_UPSTREAM_FLEET_H

#include "base/buf.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "io/redis.h"
#include "upstream/fleet_message.h"

enum { FLEET_WORDS_NUMBERS_MAX = 12 };

struct fleet_options {
    struct redis *redis; /* on the fetcher's loop; borrowed */
    const char *prefix;  /* of all keys and of the channel */
};

struct fleet_errand;

struct fleet {
    struct loop *loop;
    struct redis *redis;
    struct log *log;
    struct counters *counters;
    struct random random;
    char *prefix, *channel;
    char me[FLEET_MARK_BYTES + 1];
    bool linked; /* nothing that is said on the channel is missed */
    struct fleet_errand *errands;
    char why[REDIS_FAILURE_MAX]; /* the last answer was none: redis_call_failure's */
    struct {
        void (*hear)(void *context, const struct fleet_message *message);
        void *context;
    } topics[FLEET_TOPICS];
};

/* Texts are copied, the rest is borrowed. */
struct fleet *fleet_new(struct loop *loop, const struct fleet_options *options, struct log *log,
                        struct counters *counters);
void fleet_free(struct fleet *fleet);

/* Whatever was told by fleet_tell has come to Redis, or cannot. */
bool fleet_is_quiet(const struct fleet *fleet);

/* A message of the channel, to who hears of its topic; what is malformed is nobody's. */
void fleet_hear(struct fleet *fleet, struct slice text);

/* Whether messages are heard (redis_feed_events.on_link). */
void fleet_link(struct fleet *fleet, bool up);

/* The keys and arguments of a script, being put together. */
struct fleet_words {
    struct slice at[REDIS_ARGUMENTS_MAX];
    size_t count;
    char numbers[FLEET_WORDS_NUMBERS_MAX][24];
    size_t numbers_used;
};

void fleet_say(struct fleet_words *words, struct slice word);
void fleet_say_number(struct fleet_words *words, int64_t number);

/* Runs a script on the node of its first key; `on_done` and the memory are the caller's. */
void fleet_ask(struct fleet *fleet, struct redis_call *call, const struct redis_script *script, size_t keys,
               const struct fleet_words *words);

/* The same for what nobody waits for. A failure is counted. */
void fleet_tell(struct fleet *fleet, const struct redis_script *script, size_t keys, const struct fleet_words *words);

/* What a script of ours answered: an array of at least so many elements. Anything else is counted, and false. */
bool fleet_answered(struct fleet *fleet, const struct redis_call *call, size_t elements) MUST_CHECK;

/* Its elements; 0 or "" for one of another type. */
int64_t fleet_number(const struct redis_call *call, size_t index);
struct slice fleet_text(const struct redis_call *call, size_t index);

/* A new mark, NUL-terminated. */
void fleet_mark(char mark[FLEET_MARK_BYTES + 1]);

#endif
