/* SPDX-License-Identifier: MIT */
/* From any spelling of a search to its canonical form: the text that is the cache key and the upstream query. The rules
 * are those of docs/canonical-query.md. Pure; touches each byte a bounded number of times. */
#ifndef NEXGATE_SEARCH_QUERY_H
#define NEXGATE_SEARCH_QUERY_H

#include "search/schema.h"

/* The locations that a client may search. */
struct scope {
    bool all;
    const int64_t *locations; /* sorted */
    size_t count;
};

enum { QUERY_PAIRS_MAX = 512, QUERY_SHOWN_MAX = 128 };

enum query_verdict {
    QUERY_OK,
    QUERY_INVALID,   /* 400 */
    QUERY_FORBIDDEN, /* 403: outside the scope, or a choice of several is needed */
    QUERY_NO_MEMORY  /* 503: nothing is known of the query */
};

struct query {
    const struct schema *schema;
    int64_t page;           /* from 1 */
    int64_t size;           /* 1 .. the schema's maximum */
    struct slice canonical; /* in the buffer that was given to query_normalise */
};

/* Why not: for the problem's members. The texts are cut at QUERY_SHOWN_MAX bytes (whole UTF-8 characters only). */
struct query_error {
    char parameter[QUERY_SHOWN_MAX + 1]; /* the schema's spelling when known, else as it came */
    char value[QUERY_SHOWN_MAX + 1];     /* decoded as far as it could be */
    bool has_value;
    char expected[512]; /* what is accepted */
    char detail[512];   /* one sentence, with the nearest name where one is near */
};

/* `raw` is the query as it came, without '?'. `canonical` is emptied, then filled; its ceiling must be at least
 * 3 x raw.length + 64. QUERY_OK fills `query`, the others `error`. */
enum query_verdict query_normalise(const struct schema *schema, const struct scope *scope, struct slice raw,
                                   struct buf *canonical, struct query *query, struct query_error *error) MUST_CHECK;

#endif
