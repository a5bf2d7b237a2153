/* SPDX-License-Identifier: MIT */
/* May a stored window answer this request? The request's Cache-Control (RFC 9111 section 5.2.1) against an age. Pure.
 */
#ifndef NEXGATE_CACHE_FRESHNESS_H
#define NEXGATE_CACHE_FRESHNESS_H

#include "base/slice.h"

#include <stdint.h>

/* What the request asks. Absent ages are -1. */
struct cache_directives {
    bool no_cache, no_store, only_if_cached;
    bool max_stale_any; /* max-stale without a value */
    int64_t max_age_us, min_fresh_us, max_stale_us;
};

enum freshness {
    FRESHNESS_FRESH,       /* serve it */
    FRESHNESS_STALE_ASKED, /* past its ttl, but the request's max-stale takes it */
    FRESHNESS_STALE,       /* past its ttl: fetch (fwd=stale) */
    FRESHNESS_REFUSED      /* fresh, but the request does not want it: fetch (fwd=request) */
};

/* Reads the combined field value; unknown directives are ignored. A bad number is taken on the strict side: 0 for
 * max-age, more than anything has for min-fresh, none for max-stale. `max-age=0` means no-cache. No field (at == NULL):
 * no directives, but for the Pragma of an old client. */
void freshness_read(struct slice cache_control, bool pragma_no_cache, struct cache_directives *directives);

/* Whether the request's directives leave it to us to serve something of this age past its ttl. */
bool freshness_leaves_stale_to_us(const struct cache_directives *directives, int64_t age_us, int64_t ttl_us);

enum freshness freshness_judge(const struct cache_directives *directives, int64_t age_us, int64_t ttl_us);

#endif
