/* SPDX-License-Identifier: MIT */
/* Tells a service manager how we are, as sd_notify(3) does: datagrams to the socket that NOTIFY_SOCKET names, a path
 * or, with '@' in front, an abstract name. Main thread. */
#ifndef NEXGATE_NOTIFY_H
#define NEXGATE_NOTIFY_H

#include "base/log.h"

struct notify;

/* `address` is the value of NOTIFY_SOCKET; NULL or empty: nobody wants to know, and nothing is told. An address of
 * another kind, or a socket that cannot be had, is logged, and then nothing is told either. The log is borrowed. Never
 * NULL. */
struct notify *notify_new(const char *address, struct log *log);
void notify_free(struct notify *notify);

/* Where a service manager listens. */
bool notify_is_heard(const struct notify *notify);

void notify_ready(struct notify *notify, const char *status);
void notify_reloading(struct notify *notify);
void notify_stopping(struct notify *notify);
void notify_alive(struct notify *notify);

/* How often the service manager wants to hear that we are alive, µs, by the words WATCHDOG_USEC and WATCHDOG_PID (NULL:
 * not there); 0: not at all. */
int64_t notify_watchdog_us(const char *interval, const char *pid, int64_t own_pid);

#endif
