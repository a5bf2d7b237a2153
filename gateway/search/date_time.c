/* SPDX-License-Identifier: MIT */
/* The Gregorian calendar, as far as a search needs it. Must not know any clock or zone. */
#include "search/date_time.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 'd' stands for a digit, all else for itself. */
static bool has_shape(struct slice text, const char *shape)
{
    if (text.length != strlen(shape))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (shape[i] == 'd' ? !is_digit(text.at[i]) : text.at[i] != shape[i])
            return false;
    }
    return true;
}

static int number_at(struct slice text, size_t at, size_t digits)
{
    int number = 0;
    for (size_t i = at; i < at + digits; i++)
        number = number * 10 + (text.at[i] - '0');
    return number;
}

static int days_of(int month, int year)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return DAYS[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool exists(struct slice text)
{
    int year = number_at(text, 0, 4);
    int month = number_at(text, 5, 2);
    int day = number_at(text, 8, 2);
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_of(month, year))
        return false;
    return number_at(text, 11, 2) < 24 && number_at(text, 14, 2) < 60;
}

/* An offset's '+' that was sent unescaped arrives as a blank. */
static bool is_zone(struct slice text)
{
    if (text.length == 0)
        return false;
    char c = text.at[0];
    if ((c == 'Z' || c == 'z') && text.length == 1)
        return true;
    return (c == '+' || c == '-' || c == ' ') && text.length > 1 && is_digit(text.at[1]);
}

/* What follows the minutes: nothing, :00, or something to explain. */
static enum date_time_verdict check_tail(struct slice tail)
{
    if (tail.length == 0)
        return DATE_TIME_OK;
    if (is_zone(tail))
        return DATE_TIME_ZONE;
    struct slice seconds = slice_make(tail.at, tail.length < 3 ? tail.length : 3);
    if (!has_shape(seconds, ":dd"))
        return DATE_TIME_SHAPE;
    struct slice rest = slice_make(tail.at + 3, tail.length - 3);
    if (rest.length > 0 && rest.at[0] == '.') {
        size_t digits = 1;
        while (digits < rest.length && is_digit(rest.at[digits]))
            digits++;
        rest = slice_make(rest.at + digits, rest.length - digits);
        if (rest.length == 0)
            return DATE_TIME_SECONDS;
    }
    if (is_zone(rest))
        return DATE_TIME_ZONE;
    if (rest.length > 0)
        return DATE_TIME_SHAPE;
    return has_shape(seconds, ":00") ? DATE_TIME_OK : DATE_TIME_SECONDS;
}

enum date_time_verdict date_time_check(struct slice text)
{
    if (text.length < DATE_TIME_LENGTH)
        return DATE_TIME_SHAPE;
    struct slice minutes = slice_make(text.at, DATE_TIME_LENGTH);
    if (!has_shape(minutes, "dddd-dd-ddTdd:dd"))
        return DATE_TIME_SHAPE;
    enum date_time_verdict tail = check_tail(slice_make(text.at + DATE_TIME_LENGTH, text.length - DATE_TIME_LENGTH));
    if (tail != DATE_TIME_OK)
        return tail;
    return exists(minutes) ? DATE_TIME_OK : DATE_TIME_CALENDAR;
}
