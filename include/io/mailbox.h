/* SPDX-License-Identifier: MIT */
/* Letters from any thread to the thread of one loop: first in, first out, no allocation, one wake-up for many. */
#ifndef NEXGATE_IO_MAILBOX_H
#define NEXGATE_IO_MAILBOX_H

#include "io/loop.h"

struct mailbox;

/* Embedded in what is sent. The sender gives the letter away with the post; it is the receiver's when opened. */
struct letter {
    struct letter *next; /* private */
    void (*on_open)(struct letter *letter, void *receiver);
};

/* `receiver` is handed to every letter. NULL when the kernel refuses. */
struct mailbox *mailbox_new(struct loop *loop, void *receiver) MUST_CHECK;

/* On the loop's thread, when nobody posts any more; unopened letters are opened first. */
void mailbox_free(struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct letter *letter);

#endif
