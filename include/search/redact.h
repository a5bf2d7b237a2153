/* SPDX-License-Identifier: MIT */
/* A canonical query that may be shown: the values of parameters that the schema marks as sensitive are replaced. Pure.
 */
#ifndef NEXGATE_SEARCH_REDACT_H
#define NEXGATE_SEARCH_REDACT_H

#include "search/schema.h"

/* What stands for a sensitive value. */
#define REDACT_MARK "***"

/* Appends to `out`, whose ceiling may be lower than the query is long: it is cut there, and has overflowed no more. */
void redact_query(const struct schema *schema, struct slice canonical, struct buf *out);

#endif
