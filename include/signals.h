/* SPDX-License-Identifier: MIT */
/* SIGTERM, SIGINT and SIGHUP as events of a loop, instead of interruptions of some thread. */
#ifndef NEXGATE_SIGNALS_H
#define NEXGATE_SIGNALS_H

#include "io/loop.h"

struct signals;

/* Called with the signal's number, on the loop's thread. */
typedef void signals_handler(int number, void *context);

/* Blocks them from now on; before any thread is made, so that all inherit that. Loop and context are borrowed, and the
 * signals are freed before the loop. NULL when the kernel has no descriptor for them. */
struct signals *signals_new(struct loop *loop, signals_handler *on_signal, void *context) MUST_CHECK;

/* They stay blocked. NULL is fine. */
void signals_free(struct signals *signals);

#endif
