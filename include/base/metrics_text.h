/* SPDX-License-Identifier: MIT */
/* The metrics as text: for Prometheus, and as a list. Any thread. */
#ifndef NEXGATE_BASE_METRICS_TEXT_H
#define NEXGATE_BASE_METRICS_TEXT_H

#include "base/metrics.h"

/* Everything in Prometheus's text format 0.0.4. A client's counters that are 0, and its gauges that are not set, are
 * left out. */
void metrics_print(struct metrics *metrics, struct buf *out);

/* The rows themselves, for `nexgate metrics`: NAME TYPE LABELS HELP a line, tab-separated; the labels' names are
 * separated by commas, "-" where there are none. */
void metrics_list(struct buf *out);

#endif
