/* SPDX-License-Identifier: MIT */
/* The inside of coherence. Private to cache/coherence*.c. */
#ifndef NEXGATE_CACHE_COHERENCE_HOME_H
#define NEXGATE_CACHE_COHERENCE_HOME_H

#include "cache/coherence_register.h"

enum {
    COHERENCE_PREFIX_MAX = 256,
    COHERENCE_ECHOES = 256,
    COHERENCE_LIVE_MS = 15000 /* who was not heard of for so long is not there */
};

/* A confirmation that was heard: it may come before we know our own purge's number. */
struct echo {
    int64_t number, known;
    char id[COHERENCE_ID_MAX]; /* coherence_is_id */
};

struct purging; /* coherence_purge.c */
struct saying;  /* coherence.c */

struct coherence {
    struct coherence_options options;
    struct log *log;
    struct counters *counters;
    struct mailbox *mailbox;
    char id[COHERENCE_ID_MAX];
    char prefix[COHERENCE_PREFIX_MAX];
    char channel[COHERENCE_PREFIX_MAX + 16];
    char purges_key[COHERENCE_PREFIX_MAX + 32], gateways_key[COHERENCE_PREFIX_MAX + 32];
    struct redis_call beat, sync;
    struct saying *sayings; /* under way, and nobody waits */
    bool beating, syncing, leaving;
    bool linked; /* the feed is up; memory's link is when the log was read, too */
    struct timer beat_timer, sync_timer, sweep_timer;
    size_t to_sweep;
    struct coherence_register others;
    struct echo echoes[COHERENCE_ECHOES];
    size_t echo_count; /* heard so far */
    struct purging *purgings;
};

/* Learns of a purge: applies it here, and tells the others so where it came from them. */
void coherence_learn(struct coherence *coherence, struct slice head, int64_t number, bool soft);

/* The same without telling. Returns what was known before (cache/purges.h). */
int64_t coherence_apply(struct coherence *coherence, struct slice head, int64_t number, bool soft);

/* Applies a purge that was ordered here and is still to be told (purges_order). */
void coherence_order(struct coherence *coherence, struct slice head, bool soft);

/* Says something on the channel that nobody waits for. */
void coherence_say(struct coherence *coherence, const struct coherence_message *message);

/* Runs a script on the keys of purges and gateways. */
void coherence_run(struct coherence *coherence, struct redis_call *call, const struct redis_script *script,
                   const struct slice *arguments, size_t count);

#endif
