/* SPDX-License-Identifier: MIT */
/* Any bytes as a date-time: what is accepted is a day of the C library's calendar, and what is not is none, unless it
 * is written otherwise. */
#include "search/date_time.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { YEARS_BEFORE = 1900 };

/* Whether the calendar has that day: no field moves when it is made whole. */
static bool is_day(const struct tm *read)
{
    struct tm given = *read, back;
    time_t seconds = timegm(&given);
    gmtime_r(&seconds, &back);
    return read->tm_year + YEARS_BEFORE >= 1 && back.tm_mday == read->tm_mday && back.tm_mon == read->tm_mon &&
           back.tm_year == read->tm_year;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make((const char *)data, size);
    enum date_time_verdict verdict = date_time_check(text);
    struct tm read = {.tm_isdst = 0};
    char first[DATE_TIME_LENGTH + 1], again[DATE_TIME_LENGTH + 1];
    if (size < DATE_TIME_LENGTH) {
        assert(verdict == DATE_TIME_SHAPE);
        return 0;
    }
    snprintf(first, sizeof(first), "%.*s", DATE_TIME_LENGTH, text.at);
    const char *end = strptime(first, "%Y-%m-%dT%H:%M", &read);
    /* strptime takes blanks and single digits, too: only what is printed the same again was written so. */
    bool is_shape = end != NULL && *end == '\0' &&
                    snprintf(again, sizeof(again), "%04d-%02d-%02dT%02d:%02d", read.tm_year + YEARS_BEFORE,
                             read.tm_mon + 1, read.tm_mday, read.tm_hour, read.tm_min) == DATE_TIME_LENGTH &&
                    strcmp(first, again) == 0;
    bool is_good = is_shape && is_day(&read);
    assert(verdict != DATE_TIME_OK || is_good);
    assert(size > DATE_TIME_LENGTH || is_good == (verdict == DATE_TIME_OK));
    return 0;
}
