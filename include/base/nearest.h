/* SPDX-License-Identifier: MIT */
/* "Did you mean …": the nearest of some names to a misspelt one. Pure. */
#ifndef NEXGATE_BASE_NEAREST_H
#define NEXGATE_BASE_NEAREST_H

#include "base/slice.h"

enum { NEAREST_NAME_MAX = 64 }; /* longer names are not compared */

struct nearest {
    struct slice wanted;
    struct slice best; /* empty while none is near */
    unsigned distance; /* of best */
};

void nearest_init(struct nearest *nearest, struct slice wanted);

/* Considers one candidate (borrowed while `nearest` is used): optimal string alignment distance without regard to case,
 * near when it is at most a third of the longer name. */
void nearest_consider(struct nearest *nearest, struct slice candidate);

#endif
