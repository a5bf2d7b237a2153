/* SPDX-License-Identifier: MIT */
/* The circuit breaker: whether Nexudus may be called at all. It opens when too large a share of the latest calls has
 * failed; then one call in each probe interval is let through, and the first that does not fail closes it. Pure
 * arithmetic; time is passed in. One thread. */
#ifndef NEXGATE_UPSTREAM_BREAKER_H
#define NEXGATE_UPSTREAM_BREAKER_H

#include "base/clock.h"
#include "base/mem.h"

enum {
    BREAKER_CALLS = 20,    /* the latest calls that count, */
    BREAKER_CALLS_MIN = 10 /* and how many of them there must be */
};

/* Older calls do not count. */
#define BREAKER_AGE_US (60 * CLOCK_SECOND)

enum breaker_state { BREAKER_CLOSED, BREAKER_HALF_OPEN /* a probe is under way */, BREAKER_OPEN };

/* Embedded; private. */
struct breaker {
    int64_t percent;
    int64_t probe_us;
    enum breaker_state state;
    int64_t next_probe_us; /* unless closed */
    size_t ended, next;    /* calls in the ring, and where the next one goes */
    struct {
        int64_t at_us;
        bool failed;
    } calls[BREAKER_CALLS];
};

/* Opens at `percent` failing calls; 0: never. */
void breaker_init(struct breaker *breaker, int64_t percent, int64_t probe_us);

/* Other limits from now on; what was seen so far counts on. */
void breaker_change(struct breaker *breaker, int64_t percent, int64_t probe_us);

/* Whether a call may start. */
bool breaker_allows(const struct breaker *breaker, int64_t now_us);

/* A call starts, which breaker_allows allowed; true when it is a probe. */
bool breaker_start(struct breaker *breaker, int64_t now_us) MUST_CHECK;

/* A call is over; `probe` is what breaker_start said of it. True when this opened or closed the breaker. */
bool breaker_end(struct breaker *breaker, bool probe, bool failed, int64_t now_us) MUST_CHECK;

/* µs until a call may start, above 0 whenever none may. */
int64_t breaker_wait(const struct breaker *breaker, int64_t now_us);

/* "closed", "half-open", "open". */
const char *breaker_state_name(enum breaker_state state);

#endif
