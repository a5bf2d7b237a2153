/* SPDX-License-Identifier: MIT */
/* The admin listener's handler: a table of pages, who may ask for them, and what they are made from. On the main
 * thread; reads what other threads publish. */
#ifndef NEXGATE_ADMIN_ADMIN_H
#define NEXGATE_ADMIN_ADMIN_H

#include "base/metrics.h"
#include "cache/coherence.h"
#include "client/roster.h"
#include "flow/flow.h"
#include "upstream/fetcher.h"

/* What the pages work with; all borrowed, all outlive it. */
struct admin_parts {
    const struct clock *clock;
    struct log *log;
    struct metrics *metrics;
    struct counters *counters; /* the main thread's: gauges that are looked up go here before a read */
    struct memory *memory;
    struct fetcher *fetcher;
    struct notable *notable;
    const struct flow_options *options;
    const char *url;                                  /* Nexudus's base */
    int64_t budget, budget_interval_us, memory_bytes; /* as configured, for who reads the page */
    const struct schema_set *schemas;                 /* these, clients, options and budget until admin_change */
    struct coherence *coherence;                      /* purges go by it, */
    struct mailbox *mailbox;                          /* their answers come by this one, of the main thread */
    struct slice key_prefix;
    struct roster *roster;
    struct reloader *reloader; /* admin/reload.h */
    const char *version;
};

/* Seen by its pages. */
struct admin {
    struct handler handler;
    struct admin_parts parts;
    int64_t started_us;
    bool draining;
    bool has_key;
    uint8_t key_digest[HASH_SHA256_BYTES];
};

enum admin_methods { ADMIN_READS, /* GET and HEAD */ ADMIN_CHANGES /* POST, with the admin key where there is one */ };

/* One path of the listener. `answer` is as handler->start: true when the answer is made; false when `on_answer` of the
 * exchange will be called in a later turn, on this thread. What it borrows is released by on_finish, which may come
 * before the answer when the process ends. */
struct admin_page {
    const char *path;
    enum admin_methods methods;
    bool (*answer)(struct admin *admin, struct exchange *exchange);
};

struct admin *admin_new(const struct admin_parts *parts);
void admin_free(struct admin *admin);

struct handler *admin_handler(struct admin *admin);

/* From now on the pages tell of this snapshot, which is borrowed until the next change, and of this budget. */
void admin_change(struct admin *admin, const struct snapshot *snapshot, int64_t budget, int64_t budget_interval_us);

/* The SHA-256 of the key that POST asks for from now on; NULL: none. */
void admin_set_key(struct admin *admin, const uint8_t digest[HASH_SHA256_BYTES]);

/* From now on /readyz says 503: the process drains. */
void admin_drain(struct admin *admin);

#endif
