/* SPDX-License-Identifier: MIT */
/* What the process will never ask of the kernel from now on: other programs, other processes, other users, mounts,
 * modules, clocks and the input of its terminal. Whoever takes the process over by its input does not get further by
 * these. */
#ifndef NEXGATE_SANDBOX_H
#define NEXGATE_SANDBOX_H

#include "base/mem.h"

#include <stdbool.h>

/* For all threads there are and will be; cannot be undone. Calls on the list fail with EPERM. False where the kernel
 * has no seccomp. */
bool sandbox_enter(void) MUST_CHECK;

#endif
