/* SPDX-License-Identifier: MIT */
/* Date-times: every rule in a row, and the calendar against the C library's for all days of 9999 years. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "search/date_time.h"

#include <stdio.h>
#include <time.h>

struct row {
    const char *text;
    enum date_time_verdict verdict;
};

static const struct row ROWS[] = {
    {"2025-01-15T10:30", DATE_TIME_OK},
    {"2025-01-15T10:30:00", DATE_TIME_OK},
    {"0001-01-01T00:00", DATE_TIME_OK},
    {"9999-12-31T23:59", DATE_TIME_OK},
    {"2000-02-29T00:00", DATE_TIME_OK},
    {"2024-02-29T00:00", DATE_TIME_OK},
    {"1900-02-29T00:00", DATE_TIME_CALENDAR},
    {"2023-02-29T00:00", DATE_TIME_CALENDAR},
    {"0000-01-01T00:00", DATE_TIME_CALENDAR},
    {"2025-00-01T00:00", DATE_TIME_CALENDAR},
    {"2025-13-01T00:00", DATE_TIME_CALENDAR},
    {"2025-01-00T00:00", DATE_TIME_CALENDAR},
    {"2025-01-32T00:00", DATE_TIME_CALENDAR},
    {"2025-04-31T00:00", DATE_TIME_CALENDAR},
    {"2025-01-15T24:00", DATE_TIME_CALENDAR},
    {"2025-01-15T10:60", DATE_TIME_CALENDAR},
    {"2025-01-15T10:30:01", DATE_TIME_SECONDS},
    {"2025-01-15T10:30:59", DATE_TIME_SECONDS},
    {"2025-01-15T10:30:00.000", DATE_TIME_SECONDS},
    {"2025-01-15T10:30:30.5", DATE_TIME_SECONDS},
    {"2025-01-15T10:30Z", DATE_TIME_ZONE},
    {"2025-01-15T10:30z", DATE_TIME_ZONE},
    {"2025-01-15T10:30:00Z", DATE_TIME_ZONE},
    {"2025-01-15T10:30:00.000Z", DATE_TIME_ZONE},
    {"2025-01-15T10:30+02:00", DATE_TIME_ZONE},
    {"2025-01-15T10:30 02:00", DATE_TIME_ZONE},
    {"2025-01-15T10:30:00-0500", DATE_TIME_ZONE},
    {"", DATE_TIME_SHAPE},
    {"2025-01-15", DATE_TIME_SHAPE},
    {"2025-01-15 10:30", DATE_TIME_SHAPE},
    {"2025-01-15t10:30", DATE_TIME_SHAPE},
    {"2025-1-15T10:30", DATE_TIME_SHAPE},
    {"2025-01-15T10:3", DATE_TIME_SHAPE},
    {"2025-01-15T10:30:", DATE_TIME_SHAPE},
    {"2025-01-15T10:30:0", DATE_TIME_SHAPE},
    {"2025-01-15T10:30:000", DATE_TIME_SHAPE},
    {"2025-01-15T10:30 ", DATE_TIME_SHAPE},
    {" 2025-01-15T10:30", DATE_TIME_SHAPE},
    {"-025-01-15T10:30", DATE_TIME_SHAPE},
    {"12025-01-15T10:30", DATE_TIME_SHAPE},
    {"15/01/2025 10:30", DATE_TIME_SHAPE},
    {"2025-01-15T10:30:00x", DATE_TIME_SHAPE},
    {"2025-01-15T10:30:00.x", DATE_TIME_SHAPE},
};

static void follows_every_rule(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        enum date_time_verdict verdict = date_time_check(slice_of(ROWS[i].text));
        if (verdict != ROWS[i].verdict)
            fail_msg("%s: %d, not %d", ROWS[i].text, (int)verdict, (int)ROWS[i].verdict);
    }
}

/* A date exists when timegm leaves it as it is. */
static bool library_knows(int year, int month, int day)
{
    struct tm date = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    (void)timegm(&date);
    return date.tm_year == year - 1900 && date.tm_mon == month - 1 && date.tm_mday == day;
}

static void agrees_with_the_library_on_every_month_end(void **state)
{
    (void)state;
    for (int year = 1; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 28; day <= 31; day++) {
                char text[64];
                (void)snprintf(text, sizeof(text), "%04d-%02d-%02dT12:00", year, month, day);
                bool exists = date_time_check(slice_of(text)) == DATE_TIME_OK;
                if (exists != library_knows(year, month, day))
                    fail_msg("%s", text);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_every_rule),
        cmocka_unit_test(agrees_with_the_library_on_every_month_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
