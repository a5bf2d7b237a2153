/* SPDX-License-Identifier: MIT */
/* Rings of those who wait for a token, in the order in which they came; a ring's head is one that nobody is. Pure. */
#ifndef NEXGATE_UPSTREAM_TOKEN_RING_H
#define NEXGATE_UPSTREAM_TOKEN_RING_H

#include "upstream/token.h"

#include <assert.h>

static inline void token_ring_init(struct token_waiter *ring)
{
    ring->next = ring;
    ring->previous = ring;
}

static inline bool token_ring_is_empty(const struct token_waiter *ring)
{
    return ring->next == ring;
}

static inline void token_ring_put(struct token_waiter *ring, struct token_waiter *waiter)
{
    waiter->next = ring;
    waiter->previous = ring->previous;
    waiter->previous->next = waiter;
    ring->previous = waiter;
}

/* Out of whatever ring it is in. */
static inline void token_ring_remove(struct token_waiter *waiter)
{
    assert(waiter->previous != NULL && waiter->next != NULL);
    waiter->previous->next = waiter->next;
    waiter->next->previous = waiter->previous;
    waiter->next = NULL;
    waiter->previous = NULL;
}

#endif
