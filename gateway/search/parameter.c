/* SPDX-License-Identifier: MIT */
/* One value under its parameter's rules. Must not know how values are escaped, or what else a query holds. */
#include "search/parameter.h"

#include "base/nearest.h"
#include "base/units.h"
#include "search/date_time.h"
#include "search/shown.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define TEXT(slice) (int)(slice).length, (slice).at

/* The detail of a refusal: the parameter's name and what its value lacks. */
static bool refuse(const struct parameter *parameter, struct query_error *error, const char *what)
{
    (void)snprintf(error->detail, sizeof(error->detail), "The value of %.*s %s.", TEXT(parameter->name), what);
    return false;
}

static bool means_number(struct meaning *meaning, int64_t number)
{
    *meaning = (struct meaning){.is_number = true, .number = number};
    return true;
}

static bool means_text(struct meaning *meaning, struct slice text)
{
    *meaning = (struct meaning){.text = text};
    return true;
}

static int fold(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : (unsigned char)c;
}

static bool has_integer_shape(struct slice value)
{
    size_t digits = value.length > 0 && value.at[0] == '-' ? 1 : 0;
    if (digits == value.length)
        return false;
    for (size_t i = digits; i < value.length; i++) {
        if (value.at[i] < '0' || value.at[i] > '9')
            return false;
    }
    return true;
}

static bool read_integer(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                         struct query_error *error)
{
    int64_t number = 0;
    if (!has_integer_shape(value))
        return refuse(parameter, error, "is not an integer: only digits, with a '-' before them where it is negative");
    if (!units_integer(value, &number))
        return refuse(parameter, error, "does not fit 64 bits");
    if (number < parameter->min || number > parameter->max)
        return refuse(parameter, error, "is out of range");
    return means_number(meaning, number);
}

static bool read_boolean(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                         struct query_error *error)
{
    static const struct slice WORDS[] = {SLICE("false"), SLICE("true")};
    for (size_t i = 0; i < 2; i++) {
        if (slice_equal_nocase(value, WORDS[i]))
            return means_text(meaning, WORDS[i]);
    }
    return refuse(parameter, error, "is neither true nor false");
}

int parameter_compare_names(struct slice a, struct slice b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    for (size_t i = 0; i < shorter; i++) {
        int order = fold(a.at[i]) - fold(b.at[i]);
        if (order != 0)
            return order;
    }
    return (a.length > b.length) - (a.length < b.length);
}

/* The values are sorted by name without regard to case: the one of that name, or NULL. */
static const struct parameter_value *find_value(const struct parameter *parameter, struct slice name)
{
    size_t low = 0;
    size_t high = parameter->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = parameter_compare_names(parameter->values[middle].name, name);
        if (order == 0)
            return &parameter->values[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool has_number(const struct parameter *parameter, int64_t number)
{
    size_t low = 0;
    size_t high = parameter->value_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (parameter->numbers[middle] == number)
            return true;
        if (parameter->numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static bool refuse_name(const struct parameter *parameter, struct slice value, struct query_error *error)
{
    struct nearest nearest;
    nearest_init(&nearest, value);
    for (size_t i = 0; i < parameter->value_count; i++)
        nearest_consider(&nearest, parameter->values[i].name);
    if (nearest.best.length == 0)
        return refuse(parameter, error, "is not one of those that it takes");
    (void)snprintf(error->detail, sizeof(error->detail),
                   "The value of %.*s is not one of those that it takes; the nearest is %.*s.", TEXT(parameter->name),
                   TEXT(nearest.best));
    return false;
}

static bool read_enum(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                      struct query_error *error)
{
    int64_t number = 0;
    if (has_integer_shape(value)) {
        if (units_integer(value, &number) && has_number(parameter, number))
            return means_number(meaning, number);
        return refuse(parameter, error, "is not a number of its table");
    }
    const struct parameter_value *found = find_value(parameter, value);
    return found != NULL ? means_number(meaning, found->number) : refuse_name(parameter, value, error);
}

static bool read_date_time(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                           struct query_error *error)
{
    switch (date_time_check(value)) {
    case DATE_TIME_OK:
        return means_text(meaning, slice_make(value.at, DATE_TIME_LENGTH));
    case DATE_TIME_CALENDAR:
        return refuse(parameter, error, "does not exist in the calendar");
    case DATE_TIME_SECONDS:
        return refuse(parameter, error, "has seconds: a search goes by the minute, so only :00 is taken");
    case DATE_TIME_ZONE:
        return refuse(parameter, error,
                      "names a zone or an offset: the wall clock of the location itself is meant, so leave it out");
    case DATE_TIME_SHAPE:
        break;
    }
    return refuse(parameter, error, "is not a date-time of the form YYYY-MM-DDTHH:mm");
}

static bool read_property(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                          struct query_error *error)
{
    const struct parameter_value *found = find_value(parameter, value);
    return found != NULL ? means_text(meaning, found->name) : refuse_name(parameter, value, error);
}

static bool read_direction(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                           struct query_error *error)
{
    int64_t number = 0;
    if (has_integer_shape(value) && units_integer(value, &number)) {
        if (number == 0 || number == 1)
            return means_number(meaning, number);
        if (number == -1)
            return refuse(
                parameter, error,
                "is -1, which older generations of the API read as descending while they read 1 as ascending: "
                "say 0 for ascending or 1 for descending");
    }
    if (slice_equal_nocase(value, slice_of("ascending")))
        return means_number(meaning, 0);
    if (slice_equal_nocase(value, slice_of("descending")))
        return means_number(meaning, 1);
    return refuse(parameter, error, "is not a direction");
}

bool parameter_read(const struct parameter *parameter, struct slice value, struct meaning *meaning,
                    struct query_error *error)
{
    assert(parameter->type != PARAMETER_STRING);
    switch (parameter->type) {
    case PARAMETER_INTEGER:
    case PARAMETER_PAGE:
    case PARAMETER_SIZE:
        return read_integer(parameter, value, meaning, error);
    case PARAMETER_BOOLEAN:
        return read_boolean(parameter, value, meaning, error);
    case PARAMETER_ENUM:
        return read_enum(parameter, value, meaning, error);
    case PARAMETER_DATE_TIME:
        return read_date_time(parameter, value, meaning, error);
    case PARAMETER_PROPERTY:
        return read_property(parameter, value, meaning, error);
    case PARAMETER_DIRECTION:
        return read_direction(parameter, value, meaning, error);
    case PARAMETER_STRING:
        break;
    }
    return false;
}

static void expect_values(const struct parameter *parameter, char *out, size_t size)
{
    bool numbered = parameter->type == PARAMETER_ENUM;
    struct shown_list list;
    shown_list_begin(&list, out, size, numbered ? "by name or number, one of " : "one of ");
    for (size_t i = 0; i < parameter->value_count; i++) {
        const struct parameter_value *value = &parameter->values[i];
        if (numbered)
            shown_list_add(&list, "%.*s (%" PRId64 ")", TEXT(value->name), value->number);
        else
            shown_list_add(&list, "%.*s", TEXT(value->name));
    }
}

void parameter_expect(const struct parameter *parameter, char *out, size_t size)
{
    const char *words = "text in UTF-8 without NUL";
    switch (parameter->type) {
    case PARAMETER_INTEGER:
    case PARAMETER_PAGE:
    case PARAMETER_SIZE:
        (void)snprintf(out, size, "an integer from %" PRId64 " to %" PRId64, parameter->min, parameter->max);
        return;
    case PARAMETER_ENUM:
    case PARAMETER_PROPERTY:
        expect_values(parameter, out, size);
        return;
    case PARAMETER_BOOLEAN:
        words = "true or false";
        break;
    case PARAMETER_DATE_TIME:
        words = "a date-time YYYY-MM-DDTHH:mm on the location's own wall clock, e.g. 2025-01-15T10:30";
        break;
    case PARAMETER_DIRECTION:
        words = "0 or ascending, 1 or descending";
        break;
    case PARAMETER_STRING:
        break;
    }
    (void)snprintf(out, size, "%s", words);
}
