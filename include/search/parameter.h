/* SPDX-License-Identifier: MIT */
/* What a value means under its parameter's type: the rules of docs/canonical-query.md for one value. Pure. */
#ifndef NEXGATE_SEARCH_PARAMETER_H
#define NEXGATE_SEARCH_PARAMETER_H

#include "search/query.h"
#include "search/schema.h"

/* A value in the form in which it is compared and written: a number, or a text that needs no escaping. */
struct meaning {
    bool is_number;
    int64_t number;
    struct slice text; /* in the schema, in the value that was read, or static */
};

/* Reads a decoded value that is not empty. Not for PARAMETER_STRING, whose every text is good and means itself. False:
 * `detail` of `error` says what is wrong; its other members are the caller's. */
bool parameter_read(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                    struct query_error *error) MUST_CHECK;

/* What the parameter accepts, in words. */
void parameter_expect(const struct parameter *parameter, char *out, size_t size);

/* The order of names without regard to the case of ASCII letters: how a parameter's values are sorted. */
int parameter_compare_names(struct slice a, struct slice b);

#endif
