/* SPDX-License-Identifier: MIT */
/* Reads, checks and lists settings by their rows. Must not know any of them. */
#include "base/options.h"

#include "base/nearest.h"
#include "base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

static void *place(const struct option *option, void *values)
{
    return (char *)values + option->offset;
}

/* Bytes of a value that is not a text. */
static size_t value_size(const struct option *option)
{
    switch (option->type) {
    case OPTION_RATE:
        return sizeof(struct option_rate);
    case OPTION_FLAG:
        return sizeof(bool);
    case OPTION_CHOICE:
        return sizeof(int);
    default:
        return sizeof(int64_t);
    }
}

static void free_text(const struct option *option, void *values)
{
    char **text = place(option, values);
    if (*text != NULL && (option->flags & OPTION_SECRET) != 0)
        mem_wipe(*text, strlen(*text));
    mem_free(*text);
    *text = NULL;
}

static bool is_bounded(const struct option *option)
{
    return option->min != 0 || option->max != 0;
}

/* The number as it would be written in the row's type. */
static void print_value(struct buf *out, const struct option *option, int64_t number)
{
    switch (option->type) {
    case OPTION_DURATION:
        units_print_duration(out, number);
        break;
    case OPTION_SIZE:
        units_print_size(out, number);
        break;
    case OPTION_SHARE:
        buf_format(out, "%" PRId64 "%%", number);
        break;
    default:
        buf_add_integer(out, number);
    }
}

static const char *type_name(const struct option *option)
{
    switch (option->type) {
    case OPTION_TEXT:
        return "text";
    case OPTION_INTEGER:
        return "integer";
    case OPTION_DURATION:
        return "duration";
    case OPTION_SIZE:
        return "size";
    case OPTION_RATE:
        return "rate";
    case OPTION_SHARE:
        return "share";
    case OPTION_FLAG:
        return "flag";
    case OPTION_CHOICE:
        return "choice";
    }
    return "?";
}

static const char *example(const struct option *option)
{
    switch (option->type) {
    case OPTION_DURATION:
        return "a duration such as 250ms, 10s, 5m or 24h";
    case OPTION_SIZE:
        return "a size such as 64kb or 64mb";
    case OPTION_RATE:
        return "a rate such as 50/s, 10/100ms or 2000/day";
    case OPTION_SHARE:
        return "a share such as 50%";
    case OPTION_INTEGER:
        return "a number";
    case OPTION_FLAG:
        return "yes or no";
    default:
        return "text";
    }
}

static void add_range(struct buf *out, const struct option *option)
{
    if (option->type == OPTION_CHOICE) {
        buf_add_text(out, option->choices);
    } else if (option->type == OPTION_FLAG) {
        buf_add_text(out, "yes|no");
    } else if (is_bounded(option)) {
        print_value(out, option, option->min);
        buf_add_text(out, "..");
        print_value(out, option, option->max);
    }
}

/* "a, b or c". */
static void add_choices(struct buf *out, const char *choices)
{
    struct slice rest = slice_of(choices);
    struct slice word;
    for (bool first = true; slice_cut(&rest, '|', &word); first = false) {
        if (!first)
            buf_add_text(out, rest.at != NULL ? ", " : " or ");
        buf_add(out, word);
    }
}

/* Why a value was refused; the value itself may be a secret and is not repeated. */
static bool refuse(const struct option *option, char why[OPTION_WHY_MAX])
{
    struct buf text;
    buf_init(&text, OPTION_WHY_MAX - 1);
    buf_add_text(&text, "expected ");
    if (option->type == OPTION_CHOICE)
        add_choices(&text, option->choices);
    else
        buf_add_text(&text, example(option));
    if (is_bounded(option)) {
        bool has_comma = option->type == OPTION_DURATION || option->type == OPTION_SIZE || option->type == OPTION_RATE;
        buf_add_text(&text, option->type == OPTION_TEXT ? " of " : has_comma ? ", from " : " from ");
        print_value(&text, option, option->min);
        buf_add_text(&text, " to ");
        print_value(&text, option, option->max);
        buf_add_text(&text, option->type == OPTION_TEXT ? " bytes" : "");
    }
    snprintf(why, OPTION_WHY_MAX, "%.*s", (int)text.length, text.bytes);
    buf_free(&text);
    return false;
}

static bool is_within(const struct option *option, int64_t number)
{
    return !is_bounded(option) || (number >= option->min && number <= option->max);
}

static bool is_text(const struct option *option, struct slice value)
{
    return is_within(option, (int64_t)value.length) &&
           (value.length == 0 || memchr(value.at, '\0', value.length) == NULL);
}

/* False when there is no memory for it. */
static bool set_text(const struct option *option, void *values, struct slice value)
{
    char *copy = NULL;
    if (value.length > 0 && (copy = mem_try_copy(value)) == NULL)
        return false;
    free_text(option, values);
    *(char **)place(option, values) = copy;
    return true;
}

static bool set_rate(const struct option *option, struct option_rate *rate, struct slice value)
{
    if (slice_is(value, "unlimited")) {
        *rate = (struct option_rate){0, 0};
        return true;
    }
    struct option_rate read;
    if (!units_rate(value, &read.count, &read.period_us) || !is_within(option, read.count))
        return false;
    *rate = read;
    return true;
}

static bool set_choice(const struct option *option, int *choice, struct slice value)
{
    struct slice rest = slice_of(option->choices);
    struct slice word;
    for (int i = 0; slice_cut(&rest, '|', &word); i++) {
        if (slice_equal(word, value)) {
            *choice = i;
            return true;
        }
    }
    return false;
}

static bool set_flag(bool *flag, struct slice value)
{
    bool yes = slice_is(value, "yes");
    if (!yes && !slice_is(value, "no"))
        return false;
    *flag = yes;
    return true;
}

static bool set_number(const struct option *option, int64_t *number, struct slice value)
{
    int64_t read;
    bool good = false;
    if (option->type == OPTION_INTEGER)
        good = units_integer(value, &read);
    else if (option->type == OPTION_DURATION)
        good = units_duration(value, &read);
    else if (option->type == OPTION_SIZE)
        good = units_size(value, &read);
    else if (value.length > 1 && value.at[value.length - 1] == '%')
        good = units_integer(slice_make(value.at, value.length - 1), &read);
    if (!good || !is_within(option, read))
        return false;
    *number = read;
    return true;
}

/* Of a value that is no text. */
static bool set_value(const struct option *option, void *values, struct slice text)
{
    switch (option->type) {
    case OPTION_RATE:
        return set_rate(option, place(option, values), text);
    case OPTION_FLAG:
        return set_flag(place(option, values), text);
    case OPTION_CHOICE:
        return set_choice(option, place(option, values), text);
    default:
        return set_number(option, place(option, values), text);
    }
}

bool option_set(const struct option *option, void *values, struct slice text, char why[OPTION_WHY_MAX])
{
    bool is_default = slice_is(text, option->default_text);
    if ((option->flags & OPTION_RESERVED) != 0 && !is_default && text.length > 0) {
        snprintf(why, OPTION_WHY_MAX, "not available in this version; leave it out%s%s",
                 option->default_text[0] != '\0' ? " or at " : "", option->default_text);
        return false;
    }
    if ((option->flags & OPTION_RESERVED) != 0)
        return true;
    if (option->type != OPTION_TEXT)
        return set_value(option, values, text) || refuse(option, why);
    if (!is_text(option, text))
        return refuse(option, why);
    bool good = set_text(option, values, text);
    if (!good)
        snprintf(why, OPTION_WHY_MAX, "out of memory");
    return good;
}

bool option_equal(const struct option *option, const void *values, const void *others)
{
    const char *one = (const char *)values + option->offset, *other = (const char *)others + option->offset;
    if (option->type == OPTION_TEXT) {
        const char *text = *(char *const *)(const void *)one, *other_text = *(char *const *)(const void *)other;
        return text == NULL || other_text == NULL ? text == other_text : strcmp(text, other_text) == 0;
    }
    return memcmp(one, other, value_size(option)) == 0;
}

bool option_copy(const struct option *option, void *to, const void *from)
{
    const char *source = (const char *)from + option->offset;
    if (option->type == OPTION_TEXT) {
        const char *text = *(char *const *)(const void *)source;
        return set_text(option, to, text != NULL ? slice_of(text) : slice_make(NULL, 0));
    }
    memcpy(place(option, to), source, value_size(option));
    return true;
}

bool options_defaults(const struct option *table, size_t count, void *values)
{
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        struct slice text = slice_of(table[i].default_text);
        bool is_text_row = table[i].type == OPTION_TEXT;
        if (is_text_row)
            *(char **)place(&table[i], values) = NULL;
        bool fits = is_text_row ? is_text(&table[i], text) : set_value(&table[i], values, text);
        assert(fits);
        (void)fits;
        good = (!is_text_row || set_text(&table[i], values, text)) && good;
    }
    return good;
}

void options_free(const struct option *table, size_t count, void *values)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].type == OPTION_TEXT)
            free_text(&table[i], values);
    }
}

const struct option *options_find(const struct option *table, size_t count, struct slice section, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (slice_is(section, table[i].section) && slice_is(name, table[i].name))
            return &table[i];
    }
    return NULL;
}

const char *options_nearest(const struct option *table, size_t count, struct slice section, struct slice name)
{
    struct nearest nearest;
    nearest_init(&nearest, name);
    for (size_t i = 0; i < count; i++) {
        if (slice_is(section, table[i].section))
            nearest_consider(&nearest, slice_of(table[i].name));
    }
    return nearest.best.at; /* a row's name: NUL-terminated */
}

void options_list(const struct option *table, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct option *row = &table[i];
        buf_format(out, "%s\t%s\t%s\t", row->section, row->name, type_name(row));
        add_range(out, row);
        buf_format(out, "\t%s\t%s%s\t%s\n", row->default_text,
                   (row->flags & OPTION_RELOADABLE) != 0 ? "reloadable" : "restart",
                   (row->flags & OPTION_RESERVED) != 0 ? ", not in this version" : "", row->help);
    }
}
