/* SPDX-License-Identifier: MIT */
/* Date-times as Nexudus takes them in a search: YYYY-MM-DDTHH:mm on the location's own wall clock. Never converted.
 * Pure. */
#ifndef NEXGATE_SEARCH_DATE_TIME_H
#define NEXGATE_SEARCH_DATE_TIME_H

#include "base/mem.h"
#include "base/slice.h"

enum { DATE_TIME_LENGTH = 16 };

enum date_time_verdict {
    DATE_TIME_OK,       /* the first DATE_TIME_LENGTH bytes are the canonical form */
    DATE_TIME_SHAPE,    /* not written YYYY-MM-DDTHH:mm */
    DATE_TIME_CALENDAR, /* there is no such day or time of day; the years are 0001 to 9999 */
    DATE_TIME_SECONDS,  /* seconds other than :00 */
    DATE_TIME_ZONE      /* a zone or an offset, where the location's own clock is meant */
};

enum date_time_verdict date_time_check(struct slice text) MUST_CHECK;

#endif
