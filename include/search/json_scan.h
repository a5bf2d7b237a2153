/* SPDX-License-Identifier: MIT */
/* A strict scanner of JSON (RFC 8259) that finds where values begin and end and converts nothing: no number, no escape.
 * Without recursion, depth bounded. Pure. */
#ifndef NEXGATE_SEARCH_JSON_SCAN_H
#define NEXGATE_SEARCH_JSON_SCAN_H

#include "base/mem.h"
#include "base/slice.h"

enum { JSON_SCAN_DEPTH_MAX = 64 };

struct json_scan {
    const char *start, *at, *end;
    const char *why; /* what was missing where a call failed, as words of our own; the place is `at` */
};

/* False when the text is not UTF-8 throughout. */
bool json_scan_init(struct json_scan *scan, struct slice text) MUST_CHECK;

/* Skips white space, then takes `c` if it is next. Not finding it is no failure. */
bool json_scan_take(struct json_scan *scan, char c) MUST_CHECK;

/* The same where only `c` can be; `why` is told when it is not. */
bool json_scan_need(struct json_scan *scan, char c, const char *why) MUST_CHECK;

/* A string after white space: `raw` is as it stands, quotes included. Escapes are checked for their form only: the
 * grammar allows \ud83d alone, and so it is good here. */
bool json_scan_string(struct json_scan *scan, struct slice *raw) MUST_CHECK;

/* Any value after white space, nested at most `depth_max` deep (at most JSON_SCAN_DEPTH_MAX): `raw` is as it stands. */
bool json_scan_value(struct json_scan *scan, unsigned depth_max, struct slice *raw) MUST_CHECK;

/* True when nothing but white space is left. */
bool json_scan_at_end(struct json_scan *scan) MUST_CHECK;

/* True when a scanned string, once its escapes are read, is `text`, which is ASCII. */
bool json_scan_is(struct slice raw, struct slice text);

#endif
