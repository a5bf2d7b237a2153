/* SPDX-License-Identifier: MIT */
/* Client connections: they read heads, discard bodies, hand each request to the handler, and write the answers in
 * order. What they share has one owner, the home. One thread. */
#ifndef NEXGATE_FRONT_CONN_H
#define NEXGATE_FRONT_CONN_H

#include "front/listener.h"

/* What all connections of one front share: read buffer, timers, pools, the date. Owned by the front. */
struct conn_home;
struct tls;

/* All arguments but the options are borrowed; `counters` may be NULL. `on_close` is called once for each connection,
 * when nothing of it is left: not while the handler still works for a client that has gone. */
struct conn_home *conn_home_new(struct loop *loop, const struct front_options *options, struct handler *handler,
                                struct log *log, struct counters *counters,
                                void (*on_close)(void *context, uint64_t address), void *context);

/* Those that are opened from now on speak TLS; `tls` is borrowed. */
void conn_home_use_tls(struct conn_home *home, struct tls *tls);

/* Closes all connections. What the handler has not answered yet is finished, and it must never answer it. Not inside a
 * callback of a connection. */
void conn_home_free(struct conn_home *home);

/* Other timeouts, also for those who wait already, and another access log. */
void conn_home_change(struct conn_home *home, const struct front_options *options);

/* Takes the descriptor, which does not block. `address` is handed back to on_close. */
void conn_open(struct conn_home *home, int descriptor, uint64_t address);

/* Closes the idle, lets the busy finish; on_drained (once, never inside this call) when none is left. */
void conn_home_drain(struct conn_home *home, void (*on_drained)(void *context), void *context);

#endif
