/* SPDX-License-Identifier: MIT */
/* Who waits for quota, in the order of coming. Private to client/; with the account locked where the line is its. */
#ifndef NEXGATE_CLIENT_QUOTA_LINE_H
#define NEXGATE_CLIENT_QUOTA_LINE_H

#include "client/quota_desk.h"

/* Empty when zeroed. */
struct quota_line {
    struct quota_waiter *first, *last;
    int64_t count;
};

static inline void quota_line_join(struct quota_line *line, struct quota_waiter *waiter)
{
    waiter->next = NULL;
    if (line->last == NULL)
        line->first = waiter;
    else
        line->last->next = waiter;
    line->last = waiter;
    line->count++;
}

/* The first of a line that is not empty; it leaves. */
static inline struct quota_waiter *quota_line_take(struct quota_line *line)
{
    struct quota_waiter *waiter = line->first;
    line->first = waiter->next;
    if (line->first == NULL)
        line->last = NULL;
    line->count--;
    return waiter;
}

#endif
