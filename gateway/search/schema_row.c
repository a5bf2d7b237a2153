/* SPDX-License-Identifier: MIT */
/* Reads one parameter of a schema file and says everything that is wrong with it. Must not know its neighbours. */
#include "search/schema_row.h"

#include "search/form_text.h"
#include "search/parameter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ENUM_NUMBER_MIN = -99999, /* a number is at most twice as long as the shortest name for it and its '=' and '&': */
    ENUM_NUMBER_MAX = 999999, /* so a canonical query keeps within three times its first spelling */
    DEFAULT_TEXT_MAX = 4096,
    NUMBER_MAX = 24 /* bytes of any integer as text, with its NUL */
};

static const char OUT_OF_MEMORY[] = "out of memory";

/* What a type is called, and which members its rows may have. */
struct type_row {
    const char *name;
    enum parameter_type type;
    bool has_bounds, has_values, may_repeat, is_paging;
    int64_t min, max;
};

static const struct type_row TYPES[] = {
    {"integer", PARAMETER_INTEGER, true, false, true, false, INT64_MIN, INT64_MAX},
    {"boolean", PARAMETER_BOOLEAN, false, false, false, false, 0, 0},
    {"enum", PARAMETER_ENUM, false, true, true, false, 0, 0},
    {"date-time", PARAMETER_DATE_TIME, false, false, false, false, 0, 0},
    {"string", PARAMETER_STRING, false, false, true, false, 0, 0},
    {"property", PARAMETER_PROPERTY, false, true, false, false, 0, 0},
    {"direction", PARAMETER_DIRECTION, false, false, false, false, 0, 0},
    {"page", PARAMETER_PAGE, true, false, false, true, 1, INT32_MAX},
    {"size", PARAMETER_SIZE, true, false, false, true, 1, 1000},
};

/* A row while it is read. */
struct row {
    json_t *json;
    const char *name; /* for complaints */
    const char *file;
    struct complaints *complaints;
    const struct type_row *type;
    struct parameter *parameter;
};

#define COMPLAIN(row, format, ...)                                                                                     \
    complaints_error((row)->complaints, (row)->file, 0, "parameter %s: " format, (row)->name, __VA_ARGS__)

bool schema_row_is_name(struct slice text)
{
    static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char OTHERS[] = "0123456789_.";
    if (text.length == 0 || text.length > SCHEMA_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        bool letter = c != '\0' && strchr(LETTERS, c) != NULL;
        bool other = c != '\0' && strchr(OTHERS, c) != NULL;
        if (!letter && !(other && i > 0))
            return false;
    }
    return true;
}

static void read_type(struct row *row)
{
    const char *text = json_string_value(json_object_get(row->json, "type"));
    for (size_t i = 0; text != NULL && i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (strcmp(TYPES[i].name, text) == 0)
            row->type = &TYPES[i];
    }
    if (row->type == NULL) {
        COMPLAIN(row, "type must be one of %s",
                 "integer, boolean, enum, date-time, string, property, direction, page, size");
        return;
    }
    row->parameter->type = row->type->type;
    row->parameter->min = row->type->min;
    row->parameter->max = row->type->max;
}

/* Members that no row has, or not a row of this type. */
static void check_members(const struct row *row)
{
    const struct type_row *type = row->type;
    const struct {
        const char *name;
        bool allowed;
    } members[] = {
        {"name", true},
        {"type", true},
        {"default", true},
        {"repeats", type->may_repeat},
        {"sensitive", !type->is_paging},
        {"min", type->has_bounds},
        {"max", type->has_bounds},
        {"values", type->has_values},
    };
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(row->json, key, value)
    {
        bool allowed = false;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
            allowed = allowed || (members[i].allowed && strcmp(members[i].name, key) == 0);
        if (!allowed)
            COMPLAIN(row, "a row of type %s has no member \"%s\"", type->name, key);
    }
}

static void read_bound(const struct row *row, const char *member, int64_t *bound)
{
    const json_t *value = json_object_get(row->json, member);
    if (value == NULL || !row->type->has_bounds)
        return;
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < row->type->min || number > row->type->max) {
        COMPLAIN(row, "%s must be an integer from %" PRId64 " to %" PRId64, member, row->type->min, row->type->max);
        return;
    }
    *bound = number;
}

static void read_bounds(const struct row *row)
{
    read_bound(row, "min", &row->parameter->min);
    read_bound(row, "max", &row->parameter->max);
    if (row->parameter->min > row->parameter->max)
        COMPLAIN(row, "%s", "min is above max");
}

static void read_flag(const struct row *row, const char *member, bool *flag)
{
    const json_t *value = json_object_get(row->json, member);
    if (value == NULL)
        return;
    if (!json_is_boolean(value))
        COMPLAIN(row, "%s must be true or false", member);
    *flag = json_is_true(value);
}

static void read_value(const struct row *row, const char *name, size_t length, int64_t number,
                       struct parameter_value *value)
{
    *value = (struct parameter_value){slice_make(name, length), number};
    if (!schema_row_is_name(value->name))
        COMPLAIN(row, "values: \"%s\" is not a name of at most %d letters, digits, '_' and '.'", name, SCHEMA_NAME_MAX);
}

/* {"NAME": NUMBER, …} */
static size_t read_numbered_values(const struct row *row, json_t *json, struct parameter_value *values)
{
    size_t count = 0;
    const char *key = NULL;
    json_t *member = NULL;
    json_object_foreach(json, key, member)
    {
        int64_t number = json_integer_value(member);
        if (!json_is_integer(member) || number < ENUM_NUMBER_MIN || number > ENUM_NUMBER_MAX)
            COMPLAIN(row, "values: the number of \"%s\" must be an integer from %d to %d", key, ENUM_NUMBER_MIN,
                     ENUM_NUMBER_MAX);
        read_value(row, key, strlen(key), number, &values[count++]);
    }
    return count;
}

/* ["NAME", …] */
static size_t read_plain_values(const struct row *row, const json_t *json, struct parameter_value *values)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(json); i++) {
        const json_t *name = json_array_get(json, i);
        if (json_is_string(name))
            read_value(row, json_string_value(name), json_string_length(name), 0, &values[count++]);
        else
            COMPLAIN(row, "%s", "values must be an array of names");
    }
    return count;
}

static int by_name(const void *a, const void *b)
{
    return parameter_compare_names(((const struct parameter_value *)a)->name,
                                   ((const struct parameter_value *)b)->name);
}

static int by_number(const void *a, const void *b)
{
    int64_t of_a = *(const int64_t *)a;
    int64_t of_b = *(const int64_t *)b;
    return (of_a > of_b) - (of_a < of_b);
}

static void sort_values(const struct row *row, struct parameter_value *values, size_t count)
{
    qsort(values, count, sizeof(*values), by_name);
    for (size_t i = 1; i < count; i++) {
        if (by_name(&values[i - 1], &values[i]) == 0)
            COMPLAIN(row, "values: \"%.*s\" is there twice", (int)values[i].name.length, values[i].name.at);
    }
    int64_t *numbers = mem_try_new(count * sizeof(*numbers));
    if (numbers == NULL) {
        COMPLAIN(row, "values: %s", OUT_OF_MEMORY);
        return;
    }
    for (size_t i = 0; i < count; i++)
        numbers[i] = values[i].number;
    qsort(numbers, count, sizeof(*numbers), by_number);
    row->parameter->numbers = numbers;
}

static void read_values(const struct row *row)
{
    if (!row->type->has_values)
        return;
    bool numbered = row->type->type == PARAMETER_ENUM;
    json_t *json = json_object_get(row->json, "values");
    size_t count = numbered ? json_object_size(json) : json_array_size(json);
    if (count == 0 || count > SCHEMA_VALUES_MAX) {
        COMPLAIN(row, "values must be %s of 1 to %d", numbered ? "an object, name to number," : "an array of names",
                 SCHEMA_VALUES_MAX);
        return;
    }
    struct parameter_value *values = mem_try_zeroed(count * sizeof(*values));
    if (values == NULL) {
        COMPLAIN(row, "values: %s", OUT_OF_MEMORY);
        return;
    }
    row->parameter->values = values;
    row->parameter->value_count =
        numbered ? read_numbered_values(row, json, values) : read_plain_values(row, json, values);
    sort_values(row, values, row->parameter->value_count);
}

/* The default as a client would write it; empty where it is none. A number is written into `room`. */
static struct slice default_text(const json_t *json, char room[NUMBER_MAX])
{
    if (json_is_string(json))
        return slice_make(json_string_value(json), json_string_length(json));
    if (json_is_boolean(json))
        return slice_of(json_is_true(json) ? "true" : "false");
    room[0] = '\0';
    if (json_is_integer(json))
        snprintf(room, NUMBER_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
    return slice_of(room);
}

/* The default as it would stand in a canonical query. */
static void keep_default(const struct row *row, struct slice value)
{
    struct meaning meaning = {.text = value};
    struct query_error error;
    if (row->type->type != PARAMETER_STRING && !parameter_read(row->parameter, value, &meaning, &error)) {
        COMPLAIN(row, "default: %s", error.detail);
        return;
    }
    struct buf canonical;
    buf_init(&canonical, 3 * DEFAULT_TEXT_MAX);
    if (meaning.is_number)
        buf_add_integer(&canonical, meaning.number);
    else
        form_spell(&canonical, meaning.text);
    char *copy = buf_ok(&canonical) ? mem_try_copy(buf_slice(&canonical)) : NULL;
    if (copy == NULL)
        COMPLAIN(row, "default: %s", OUT_OF_MEMORY);
    else
        row->parameter->default_value = slice_make(copy, canonical.length);
    buf_free(&canonical);
}

static void read_default(const struct row *row)
{
    const json_t *json = json_object_get(row->json, "default");
    if (json == NULL) {
        if (row->type->is_paging)
            COMPLAIN(row, "a row of type %s needs a default", row->type->name);
        return;
    }
    if (row->parameter->repeats) {
        COMPLAIN(row, "%s", "a parameter that repeats has no default");
        return;
    }
    char room[NUMBER_MAX];
    struct slice text = default_text(json, room);
    if (text.length > 0 && text.length <= DEFAULT_TEXT_MAX)
        keep_default(row, text);
    else
        COMPLAIN(row, "default must be a text, an integer, true or false, of 1 to %d bytes", DEFAULT_TEXT_MAX);
}

bool schema_row_read(struct parameter *parameter, json_t *row_json, size_t index, const char *file,
                     struct complaints *complaints)
{
    *parameter = (struct parameter){.type = PARAMETER_STRING};
    const json_t *name = json_object_get(row_json, "name");
    parameter->name = slice_make(json_string_value(name), json_string_length(name));
    if (!schema_row_is_name(parameter->name)) {
        complaints_error(complaints, file, 0,
                         "parameter number %zu needs a \"name\" of at most %d letters, digits, '_' and '.'", index + 1,
                         SCHEMA_NAME_MAX);
        return false;
    }
    struct row row = {row_json, parameter->name.at, file, complaints, NULL, parameter};
    size_t errors = complaints->errors;
    read_type(&row);
    if (row.type == NULL)
        return false;
    check_members(&row);
    read_bounds(&row);
    read_flag(&row, "repeats", &parameter->repeats);
    read_flag(&row, "sensitive", &parameter->sensitive);
    read_values(&row);
    if (complaints->errors == errors)
        read_default(&row); /* is judged by the rest of the row */
    return complaints->errors == errors;
}

void schema_row_free(struct parameter *parameter)
{
    mem_free((void *)(uintptr_t)parameter->values);
    mem_free((void *)(uintptr_t)parameter->numbers);
    mem_free((void *)(uintptr_t)parameter->default_value.at);
}
