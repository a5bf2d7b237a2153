/* SPDX-License-Identifier: MIT */
/* What a reload brings to the fetcher. */
#ifndef NEXGATE_UPSTREAM_FETCHER_CHANGE_H
#define NEXGATE_UPSTREAM_FETCHER_CHANGE_H

#include "upstream/fetcher.h"

/* Other limits, by letter: `done` is posted to `reply_to` when they are in force. Of `options` only what is not a text
 * counts; nothing is done about searches under way. */
struct fetcher_change {
    struct fetcher_options options;
    struct mailbox *reply_to;
    struct letter *done;
    struct letter letter; /* private */
};

/* Any thread; the change is given away until `done` comes. */
void fetcher_change(struct fetcher *fetcher, struct fetcher_change *change);

#endif
