/* SPDX-License-Identifier: MIT */
/* One parameter's row of a schema file: {"name", "type", "default", "repeats", "min", "max", "values"}. */
#ifndef NEXGATE_SEARCH_SCHEMA_ROW_H
#define NEXGATE_SEARCH_SCHEMA_ROW_H

#include "search/schema.h"

#include <jansson.h>

/* Reads row number `index` (from 0). The parameter's names lie in the JSON, which must outlive it. False, and
 * complaints, when anything is wrong; to be freed in either case. */
bool schema_row_read(struct parameter *parameter, json_t *row, size_t index, const char *file,
                     struct complaints *complaints) MUST_CHECK;

void schema_row_free(struct parameter *parameter);

/* A name that stands for itself in a query and in a sentence: a letter, then letters, digits, '_' and '.'. */
bool schema_row_is_name(struct slice text);

#endif
