/* SPDX-License-Identifier: MIT */
/* The field traceparent (W3C Trace Context, level 1, section 3.2): whose trace a request belongs to. Pure. */
#ifndef NEXGATE_FRONT_TRACE_H
#define NEXGATE_FRONT_TRACE_H

#include "flow/exchange.h"

/* Fills `trace` from a good field; false, and nothing is there, otherwise. */
bool trace_read(struct slice field, struct trace *trace);

#endif
