/* SPDX-License-Identifier: MIT */
/* Windows, not pages: which windows a page lies in, whether two windows may stand on one page, and the page cut from
 * them. A page is a head, one or two slices of records exactly as Nexudus sent them, and a tail. Pure. */
#ifndef NEXGATE_SEARCH_PAGE_H
#define NEXGATE_SEARCH_PAGE_H

#include "search/envelope.h"

enum {
    PAGE_WINDOWS_MAX = 2,
    PAGE_SLICES_MAX = 5,
    PAGE_WIDE_WINDOW = 1000,
    PAGE_ETAG_LENGTH = 34 /* two quotes and 32 hex digits */
};

struct page_plan {
    int64_t page; /* from 1 */
    int64_t size; /* records on the page, after any cap */
    struct window windows[PAGE_WINDOWS_MAX];
    size_t window_count; /* 1 or 2; the second is needed only if the first says that the set reaches into it */
};

/* `window_size` is the configured one; a larger page size takes PAGE_WIDE_WINDOW. `cap` (0: none) is the largest page
 * that Nexudus gives: neither the page nor the windows are larger. page x size must fit 62 bits. */
void page_plan(struct page_plan *plan, int64_t page, int64_t size, int64_t window_size, int64_t cap);

/* The page as a single window of its own size: one upstream answer, whatever its alignment. */
void page_plan_alone(struct page_plan *plan, int64_t page, int64_t size, int64_t cap);

/* True when the page needs its second window: there is one, and the first one's TotalItems reaches it. */
bool page_needs_second(const struct page_plan *plan, const struct envelope *first);

struct page_part {
    const struct envelope *envelope;
    struct slice body; /* what the envelope's offsets refer to */
};

/* True when the two windows can be one page: equal TotalItems, and no record of the page twice. */
bool page_agree(const struct page_plan *plan, const struct page_part parts[2]);

/* A cut page: slices in order, in the parts' bodies and in `text`. */
struct page {
    struct slice slices[PAGE_SLICES_MAX];
    size_t slice_count;
    size_t length; /* of all slices, bytes */
    size_t records;
    char etag[PAGE_ETAG_LENGTH]; /* the strong entity tag of the page's bytes (RFC 9110 section 8.8.3); no NUL */
};

/* Cuts the page from `part_count` (1 or 2) windows. `text` is emptied and holds head and tail; it must not move while
 * the page is used. False when `text` overflows. */
bool page_cut(const struct page_plan *plan, const struct page_part *parts, size_t part_count, struct buf *text,
              struct page *page) MUST_CHECK;

#endif
