/* SPDX-License-Identifier: MIT */
/* One of the windows that a page lies in, while it is gathered. Private to flow/. */
#ifndef NEXGATE_FLOW_SEARCH_PART_H
#define NEXGATE_FLOW_SEARCH_PART_H

#include "cache/entry.h"

/* Why a window was not served from the store; the order is the one in which a page of two windows reports them. */
enum forward_reason { FORWARD_NONE, FORWARD_REQUEST, FORWARD_STALE, FORWARD_URI_MISS };

enum { SEARCH_DETAIL_MAX = 48 };

struct search_part {
    struct buf key;
    struct entry *entry;    /* a reference of ours; NULL until it is gathered */
    struct entry *fallback; /* a reference of ours: what may be served should the fetch fail; NULL: nothing */
    enum forward_reason reason;
    bool collapsed, stored;         /* of the forward */
    char detail[SEARCH_DETAIL_MAX]; /* why something stale is served; "" when nothing is */
    bool is_bridged;                /* because a fetch failed */
};

#endif
