/* SPDX-License-Identifier: MIT */
/* What recent raw queries meant: services ask the same few questions in the same spelling over and over, and reading
 * one anew costs more than finding it here. A fixed table per thread; holds only queries that were good. Private to
 * flow/. */
#ifndef NEXGATE_FLOW_QUERY_MEMO_H
#define NEXGATE_FLOW_QUERY_MEMO_H

#include "base/hash.h"
#include "search/query.h"

struct query_memo;

struct query_memo *query_memo_new(void) MUST_CHECK; /* NULL when memory cannot be had */
void query_memo_free(struct query_memo *memo);

/* Fills `query` and `canonical` (emptied first) when this raw query was read before for this schema and scope; `scope`
 * is compared by address: it is the client's, which lives as long as the memo. */
bool query_memo_recall(const struct query_memo *memo, const struct schema *schema, const struct scope *scope,
                       struct slice raw, struct buf *canonical, struct query *query) MUST_CHECK;

/* Remembers what query_normalise said of `raw`; forgets whatever had its place. */
void query_memo_keep(struct query_memo *memo, const struct scope *scope, struct slice raw, const struct query *query);

#endif
