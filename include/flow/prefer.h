/* SPDX-License-Identifier: MIT */
/* The one preference that is honoured: Prefer: wait=SECONDS (RFC 7240 section 4.3). Private to flow/. */
#ifndef NEXGATE_FLOW_PREFER_H
#define NEXGATE_FLOW_PREFER_H

#include "base/slice.h"

#include <stdint.h>

enum { PREFER_WAIT_MAX = 24 * 3600 }; /* seconds; more is as much */

/* How long the client is willing to wait, µs; -1: it did not say, or not so that it can be understood. */
int64_t prefer_wait(struct slice prefer);

#endif
