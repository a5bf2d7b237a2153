/* SPDX-License-Identifier: MIT */
/* Tells the service manager again and again that we are alive, which is true only while every thread's loop still
 * turns: each is asked, and all must have answered before it is told the next time. Main thread. */
#ifndef NEXGATE_WATCHDOG_H
#define NEXGATE_WATCHDOG_H

#include "io/mailbox.h"
#include "notify.h"

enum { WATCHDOG_LOOPS_MAX = 257 /* the workers and the fetcher */ };

struct watchdog;

/* To be fed every `interval_us` at the latest. NULL when the kernel refuses. All is borrowed. */
struct watchdog *watchdog_new(struct loop *loop, struct notify *notify, int64_t interval_us) MUST_CHECK;

/* One more loop that must turn; before its thread starts. False when the kernel refuses. */
bool watchdog_add(struct watchdog *watchdog, struct loop *loop) MUST_CHECK;

/* The threads of all loops must have been started. */
void watchdog_start(struct watchdog *watchdog);

/* When all threads have ended, before their loops go. NULL is fine. */
void watchdog_free(struct watchdog *watchdog);

#endif
