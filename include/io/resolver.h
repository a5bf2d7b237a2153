/* SPDX-License-Identifier: MIT */
/* Names to addresses without stopping the loop: numbers at once, names on a thread of their own, as a name server that
 * hangs would hold everybody else. One lookup at a time; one thread. */
#ifndef NEXGATE_IO_RESOLVER_H
#define NEXGATE_IO_RESOLVER_H

#include "io/loop.h"

#include <stdbool.h>
#include <sys/socket.h>

enum { RESOLVER_ADDRESSES_MAX = 8 };

struct resolved {
    struct sockaddr_storage addresses[RESOLVER_ADDRESSES_MAX];
    socklen_t lengths[RESOLVER_ADDRESSES_MAX];
    size_t count; /* 0: the name is not known, or could not be looked up */
};

typedef void (*resolved_cb)(void *context, const struct resolved *resolved);

struct resolver;

struct resolver *resolver_new(struct loop *loop, resolved_cb on_resolved, void *context);

/* A lookup under way is forgotten; its thread ends by itself. Not inside on_resolved. */
void resolver_free(struct resolver *resolver);

/* Calls on_resolved once, never before it returns. While an earlier lookup is still under way, its answer is the one
 * that comes: always ask for the same name. */
void resolver_ask(struct resolver *resolver, const char *name, int port);

#endif
