/* SPDX-License-Identifier: MIT */
/* What nobody gets out of the process, and what it will never ask of the kernel from now on: other programs, other
 * processes, other users, mounts, modules, clocks and the input of its terminal. Whoever takes the process over by its
 * input does not get further by these. */
#ifndef NEXGATE_SANDBOX_H
#define NEXGATE_SANDBOX_H

#include "base/mem.h"

#include <stdbool.h>

/* The process holds the login and every client's key: no core file, no debugger of another process of ours, and no end
 * by SIGPIPE. Before any secret is read. */
void sandbox_harden(void);

/* For all threads there are and will be; cannot be undone. Calls on the list fail with EPERM. False where the kernel
 * has no seccomp. */
bool sandbox_enter(void) MUST_CHECK;

#endif
