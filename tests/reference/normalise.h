/* SPDX-License-Identifier: MIT */
/* The canonical query, once more: slow, obvious, and written from docs/canonical-query.md alone, for fuzzers that
 * compare it with search/query. For a client that may search everything. */
#ifndef NEXGATE_TESTS_REFERENCE_NORMALISE_H
#define NEXGATE_TESTS_REFERENCE_NORMALISE_H

#include "search/schema.h"

#include <stdbool.h>

enum { REFERENCE_QUERY_MAX = 8192, REFERENCE_TEXT_MAX = 3 * REFERENCE_QUERY_MAX + 64 };

struct reference {
    char canonical[REFERENCE_TEXT_MAX];
    int64_t page, size;
};

/* `raw` has at most REFERENCE_QUERY_MAX bytes. False: it has no canonical form. */
bool reference_normalise(const struct schema *schema, struct slice raw, struct reference *out);

#endif
