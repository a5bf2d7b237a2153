/* SPDX-License-Identifier: MIT */
/* The largest page that Nexudus was seen to give, for each entity, remembered for an hour. One thread learns, any
 * thread asks. */
#ifndef NEXGATE_UPSTREAM_CAPS_H
#define NEXGATE_UPSTREAM_CAPS_H

#include "search/schema.h"

#include <stdatomic.h>

enum { CAPS_ENTITIES_MAX = 64 }; /* further ones are not remembered, only answered */

struct cap {
    atomic_uint_least64_t entity; /* the schema's number; 0: this row and those behind it are free */
    atomic_int_least64_t size;
    atomic_int_least64_t until_us;
};

/* All zero is an empty table. */
struct cap_table {
    struct cap rows[CAPS_ENTITIES_MAX];
};

/* The learner's thread only. */
void caps_learn(struct cap_table *table, const struct schema *schema, int64_t size, int64_t now_us);

/* 0: none is known. */
int64_t caps_find(const struct cap_table *table, const struct schema *schema, int64_t now_us);

#endif
