/* SPDX-License-Identifier: MIT */
/* Numbers with units as they stand in the configuration, read strictly and printed back. Pure. */
#ifndef NEXGATE_BASE_UNITS_H
#define NEXGATE_BASE_UNITS_H

#include "base/buf.h"

/* Digits with an optional '-', nothing else, within 64 bits. */
bool units_integer(struct slice text, int64_t *number) MUST_CHECK;

/* "250ms", "10s", "5m", "24h", "2d", "0": µs. A bare number is refused unless it is 0. */
bool units_duration(struct slice text, int64_t *us) MUST_CHECK;

/* "512b", "64kb", "64mb", "2gb" (1024 each), "0": bytes. A bare number is refused unless it is 0. */
bool units_size(struct slice text, int64_t *bytes) MUST_CHECK;

/* "50/s", "10/100ms", "2000/day": count, and the period in µs. Units ms, s, m, h, day, with a number before or 1. */
bool units_rate(struct slice text, int64_t *count, int64_t *period_us) MUST_CHECK;

void units_print_duration(struct buf *out, int64_t us);
void units_print_size(struct buf *out, int64_t bytes);
void units_print_rate(struct buf *out, int64_t count, int64_t period_us);

#endif
