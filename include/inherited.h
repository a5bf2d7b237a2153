/* SPDX-License-Identifier: MIT */
/* Sockets that whoever started us has opened and keeps, as systemd's socket activation hands them over
 * (sd_listen_fds(3)): descriptors from 3 on, and three words of the environment. Only the words are read here. Pure. */
#ifndef NEXGATE_INHERITED_H
#define NEXGATE_INHERITED_H

#include "base/mem.h"
#include "base/slice.h"

#include <stdint.h>

enum { INHERITED_FIRST = 3, INHERITED_MAX = 32 /* sockets */ };

/* The values of LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES; NULL: not there. */
struct inherited_words {
    const char *pid, *count, *names;
};

/* Descriptors INHERITED_FIRST to INHERITED_FIRST + count - 1. */
struct inherited {
    size_t count;
    struct slice names[INHERITED_MAX]; /* borrowed from the words; empty where none was given */
};

/* None when the words are not there, or are another process's. False, with the reason, when they make no sense. */
bool inherited_read(const struct inherited_words *words, int64_t own_pid, struct inherited *found, char *why,
                    size_t why_size) MUST_CHECK;

#endif
