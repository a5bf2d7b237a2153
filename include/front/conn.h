/* SPDX-License-Identifier: MIT */
/* One client connection: reads heads, discards bodies, hands each request to the handler, writes the answers in order. */
#ifndef NEXGATE_FRONT_CONN_H
#define NEXGATE_FRONT_CONN_H

#include "front/listener.h"

struct conn;

/* What all connections of one front share: read buffer, timers, pools, the date. Owned by the front. */
struct conn_home;

struct conn_home *conn_home_new(struct loop *loop, const struct front_options *options, struct handler *handler,
                                struct log *log, struct counters *counters, void (*on_close)(void *context, uint64_t address),
                                void *context);
void conn_home_free(struct conn_home *home); /* closes all connections */

/* Takes the descriptor. `address` is handed back to on_close. */
void conn_open(struct conn_home *home, int descriptor, uint64_t address);

/* Closes the idle, lets the busy finish; on_drained (once, in a later turn) when none is left. */
void conn_home_drain(struct conn_home *home, void (*on_drained)(void *context), void *context);

#endif
