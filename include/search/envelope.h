/* SPDX-License-Identifier: MIT */
/* Nexudus's paginated envelope: a strict, allocation-light scan of the whole answer (RFC 8259, bounded depth, UTF-8)
 * that finds each member and each record without converting anything, and the checks that decide whether the answer may
 * be believed. Knows nothing of HTTP or of caching. Pure. */
#ifndef NEXGATE_SEARCH_ENVELOPE_H
#define NEXGATE_SEARCH_ENVELOPE_H

#include "base/buf.h"

enum {
    ENVELOPE_DEPTH_MAX = 64,   /* nested arrays and objects */
    ENVELOPE_MEMBERS_MAX = 64, /* members of the envelope itself */
    ENVELOPE_RECORDS_MAX = 1000,
    ENVELOPE_BODY_MAX = 16 * 1024 * 1024, /* bytes */
    ENVELOPE_TEXT_MAX = 128 * 1024,       /* bytes of all members but Records: each page carries them */
    ENVELOPE_WHY_MAX = 200
};

/* An aligned run of records: `size` records from record size x index on. */
struct window {
    int64_t size;  /* 1..1000 */
    int64_t index; /* from 0 */
};

/* The members that we know; all else passes through. */
enum envelope_field {
    ENVELOPE_UNKNOWN,
    ENVELOPE_RECORDS,
    ENVELOPE_CURRENT_PAGE,
    ENVELOPE_CURRENT_PAGE_SIZE,
    ENVELOPE_CURRENT_ORDER_FIELD,    /* checked to be a string or null, passes through */
    ENVELOPE_CURRENT_SORT_DIRECTION, /* checked to be a number or null, passes through */
    ENVELOPE_FIRST_ITEM,
    ENVELOPE_LAST_ITEM,
    ENVELOPE_TOTAL_ITEMS,
    ENVELOPE_TOTAL_PAGES,
    ENVELOPE_HAS_NEXT_PAGE,
    ENVELOPE_HAS_PREVIOUS_PAGE,
    ENVELOPE_PAGE_NUMBER,
    ENVELOPE_PAGE_SIZE,
    ENVELOPE_FIELD_COUNT
};

struct envelope_member {
    enum envelope_field field;
    uint32_t name_at, name_length;   /* in the body, quotes included */
    uint32_t value_at, value_length; /* in the body */
};

struct envelope_record {
    uint32_t at, length; /* in the body: from '{' to '}' */
    uint64_t identity; /* hash of the identity member's raw value; of the whole record where that is missing or null */
};

/* The index of one body; offsets only, so it stays right when the body moves. */
struct envelope {
    struct envelope_member *members; /* owned; in the order they came */
    size_t member_count;
    struct envelope_record *records; /* owned; NULL when none */
    size_t record_count;
    int64_t total_items;
    int64_t page_size; /* as Nexudus says it: the window's, or less where that holds all there is */
};

enum envelope_verdict {
    ENVELOPE_OK,
    ENVELOPE_BAD,   /* not JSON, not this shape, or counts that contradict each other: see `why` */
    ENVELOPE_CAPPED /* a whole answer, but for a smaller page size than asked, and more records exist: see `cap` */
};

/* Reads and checks the answer to the question "page window.index + 1 of size window.size". On ENVELOPE_OK `out` is
 * filled and to be freed. A page size below the one asked is accepted where it holds all there is; where more records
 * exist, ENVELOPE_CAPPED says so, and `*cap` the size (else 0). `why` gets one sentence without any bytes of the
 * answer's values. */
enum envelope_verdict envelope_read(struct slice body, struct window window, struct slice identity,
                                    struct envelope *out, int64_t *cap, char why[ENVELOPE_WHY_MAX]) MUST_CHECK;

void envelope_free(struct envelope *envelope);

/* Bytes of all members but Records, names and values. */
size_t envelope_text_bytes(const struct envelope *envelope);

/* The envelope's member name for a field ("Records"); for ENVELOPE_UNKNOWN an empty slice. */
struct slice envelope_field_name(enum envelope_field field);

#endif
