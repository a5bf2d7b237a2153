/* SPDX-License-Identifier: MIT */
/* What a fetched window becomes: an entry, and if it may be kept, one in the memory store. The fetcher knows the store
 * only by these callbacks. */
#ifndef NEXGATE_FLOW_STORE_H
#define NEXGATE_FLOW_STORE_H

#include "cache/memory.h"
#include "upstream/fetcher.h"

/* The callbacks of a fetcher whose windows go into `memory` (borrowed). */
struct fetcher_cache store_in(struct memory *memory);

#endif
