/* SPDX-License-Identifier: MIT */
/* Recently cut pages: the head, the tail and the entity tag of a page of given windows. Windows are immutable and their
 * ids are never used again, so what is kept can be forgotten but never be wrong. A fixed table per thread. Private to
 * flow/. */
#ifndef NEXGATE_FLOW_PAGE_MEMO_H
#define NEXGATE_FLOW_PAGE_MEMO_H

#include "cache/entry.h"

struct page_memo;

struct page_memo *page_memo_new(void);
void page_memo_free(struct page_memo *memo);

/* As page_cut, from what is kept where it can be. `entries` are the plan's windows, 1 or 2. */
bool page_memo_cut(struct page_memo *memo, const struct page_plan *plan, struct entry *const *entries, size_t count,
                   struct buf *text, struct page *page) MUST_CHECK;

#endif
