/* SPDX-License-Identifier: MIT */
/* A window as bytes for Redis: a header, the key, the index, the records' bytes, a checksum over all. Whoever reads it
 * trusts nothing: every length and offset is checked, and anything that is not exactly what stored_write would have
 * written is refused. All numbers are little-endian. Pure. */
#ifndef NEXGATE_CACHE_STORED_H
#define NEXGATE_CACHE_STORED_H

#include "search/envelope.h"

enum {
    STORED_VERSION = 1,
    STORED_BYTES_MAX = 32 * 1024 * 1024, /* more than the longest body with the longest index */
    STORED_PACK_MIN = 1024,              /* bytes of a body; shorter ones are not compressed */
    /* for the scripts, which read no more than this of a value: */
    STORED_MAGIC_BYTES = 6, /* "NXGW" and the version */
    STORED_AGE_AT = 8,
    STORED_KEPT_AT = 16,
    STORED_LEAD_BYTES = 24,
    STORED_CHECKSUM_BYTES = 16 /* at the end */
};

/* What is known of a window beside its bytes. */
struct stored_facts {
    int64_t age_us;           /* since its fetch began, when it was written */
    int64_t kept_ms;          /* how long the store was asked to keep it */
    int64_t fetched_wall_us;  /* when its fetch began, by the writer's clock */
    int64_t ttl_us, stale_us; /* the writer's bounds, for who looks at it; readers have their own */
    int64_t purge_number;     /* cache/purges.h */
    uint64_t mark;            /* of the fetch */
    struct window window;
};

/* The first STORED_MAGIC_BYTES of everything written. */
extern const char stored_magic[STORED_MAGIC_BYTES];

/* Appends to `out`; false when it overflowed. */
bool stored_write(struct buf *out, struct slice key, const struct stored_facts *facts, const struct envelope *envelope,
                  struct slice body) MUST_CHECK;

/* Reads what should be the window stored under `key`. On true `facts`, `envelope` (to be freed) and `body` (which must
 * be empty and without memory) are filled; on false all three are empty. */
bool stored_read(struct slice bytes, struct slice key, struct window window, struct stored_facts *facts,
                 struct envelope *envelope, struct buf *body) MUST_CHECK;

#endif
