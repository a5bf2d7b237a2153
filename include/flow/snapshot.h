/* SPDX-License-Identifier: MIT */
/* What searches go by, as one configuration says it: the clients, the schemas, the times. Immutable but for the
 * clients' accounts, shared by all threads, counted: a search that began before a reload ends under what it began
 * with. */
#ifndef NEXGATE_FLOW_SNAPSHOT_H
#define NEXGATE_FLOW_SNAPSHOT_H

#include "client/quota_desk.h"
#include "client/roster.h"
#include "io/mailbox.h"
#include "search/schema.h"

#include <stdatomic.h>

struct flow_options {
    struct slice key_prefix;
    int64_t ttl_us;
    int64_t stale_while_revalidate_us; /* past the ttl: served at once, refreshed in the background */
    int64_t stale_if_error_us;         /* past the ttl: served when Nexudus gives nothing usable */
    int64_t window;                    /* records */
    size_t query_max;                  /* bytes of a raw query; as key_prefix, the same in all snapshots of a process */
    int64_t quota_timeout_us;          /* of one call to Redis for quota */
    enum quota_on_failure quota_on_failure;
};

struct snapshot {
    struct flow_options options; /* the prefix's bytes are the snapshot's own */
    struct schema_set *schemas;
    struct roster *roster;

    /* private */
    atomic_uint references;
    struct mailbox *grave;
    struct letter burial;
};

/* With one reference. Takes the schemas and the clients; NULL, and they stay the caller's, when memory cannot be had.
 * Freed on the thread of the mailbox (borrowed), since many clients take a while to free; NULL: by whoever lets go of
 * it last. */
struct snapshot *snapshot_new(const struct flow_options *options, struct schema_set *schemas, struct roster *roster,
                              struct mailbox *grave) MUST_CHECK;

struct snapshot *snapshot_ref(struct snapshot *snapshot);
void snapshot_unref(struct snapshot *snapshot); /* NULL is fine */

#endif
