/* SPDX-License-Identifier: MIT */
/* One worker's view of a snapshot: with it the tables that remember who is who and what queries meant, which name its
 * clients and schemas and so must not outlive it. Counted without atomics: one thread. */
#ifndef NEXGATE_FLOW_EDITION_H
#define NEXGATE_FLOW_EDITION_H

#include "client/auth.h"
#include "flow/query_memo.h"
#include "flow/snapshot.h"

struct edition {
    struct snapshot *snapshot; /* a reference */
    struct auth *auth;
    struct query_memo *query_memo;
    size_t users; /* searches under way, and one more while it is the flow's newest */
};

/* With one user; takes a reference of its own on the snapshot. NULL when memory cannot be had. May be made on another
 * thread than the one that uses it. */
struct edition *edition_new(struct snapshot *snapshot) MUST_CHECK;

struct edition *edition_ref(struct edition *edition);
void edition_unref(struct edition *edition);

#endif
