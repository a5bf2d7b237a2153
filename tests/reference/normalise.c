/* SPDX-License-Identifier: MIT */
/* Each parameter is looked for in the whole query, each value is decoded into a text of its own, and sorted by
 * comparing all with all. */
#include "reference/normalise.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PAIRS_MAX = 512 };

/* A decoded text: bytes and their number, with a NUL behind them. */
struct text {
    char bytes[REFERENCE_QUERY_MAX + 1];
    size_t length;
};

struct pair {
    struct text name;
    struct slice value; /* as it came */
};

/* What a value means: a number, or a text. */
struct value {
    bool is_number;
    int64_t number;
    struct text text;
};

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c);
    return at == NULL ? -1 : (int)(at - digits);
}

/* One character's length if it is well-formed (the table of RFC 3629 section 4), else 0. */
static size_t character(const unsigned char *at, size_t left)
{
    static const struct {
        unsigned char low, high, second_low, second_high;
        size_t length;
    } rows[] = {{0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
                {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (at[0] < rows[i].low || at[0] > rows[i].high || rows[i].length > left)
            continue;
        if (rows[i].length > 1 && (at[1] < rows[i].second_low || at[1] > rows[i].second_high))
            return 0;
        for (size_t k = 2; k < rows[i].length; k++) {
            if (at[k] < 0x80 || at[k] > 0xbf)
                return 0;
        }
        return rows[i].length;
    }
    return 0;
}

static bool decode(struct slice raw, struct text *out)
{
    out->length = 0;
    for (size_t i = 0; i < raw.length; i++) {
        char c = raw.at[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            if (i + 2 >= raw.length || digit(raw.at[i + 1]) < 0 || digit(raw.at[i + 2]) < 0)
                return false;
            c = (char)(digit(raw.at[i + 1]) * 16 + digit(raw.at[i + 2]));
            i += 2;
        }
        out->bytes[out->length++] = c;
    }
    out->bytes[out->length] = '\0';
    for (size_t at = 0, step; at < out->length; at += step) {
        step = character((const unsigned char *)out->bytes + at, out->length - at);
        if (step == 0)
            return false;
    }
    return true;
}

static bool is_called(const struct text *text, struct slice name)
{
    return text->length == name.length && strncasecmp(text->bytes, name.at, name.length) == 0;
}

static bool read_number(const struct text *text, int64_t *number)
{
    const char *at = text->bytes + (text->bytes[0] == '-');
    if (*at == '\0' || strspn(at, "0123456789") != strlen(at))
        return false;
    char kept[24];
    while (at[0] == '0' && at[1] != '\0')
        at++;
    if (strlen(at) > 19)
        return false;
    snprintf(kept, sizeof kept, "%s%s", text->bytes[0] == '-' ? "-" : "", at);
    __int128 wide = 0;
    for (; *at != '\0'; at++)
        wide = wide * 10 + (*at - '0');
    if (kept[0] == '-')
        wide = -wide;
    *number = (int64_t)wide;
    return wide >= INT64_MIN && wide <= INT64_MAX;
}

static bool read_date_time(struct text *text)
{
    int year, month, day, hour, minute;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const char *shape = "dddd-dd-ddTdd:dd";
    if (text->length == 19 && strcmp(text->bytes + 16, ":00") == 0)
        text->bytes[text->length = 16] = '\0';
    if (text->length != 16)
        return false;
    for (size_t i = 0; i < 16; i++) {
        if (shape[i] == 'd' ? text->bytes[i] < '0' || text->bytes[i] > '9' : text->bytes[i] != shape[i])
            return false;
    }
    year = atoi(text->bytes), month = atoi(text->bytes + 5), day = atoi(text->bytes + 8);
    hour = atoi(text->bytes + 11), minute = atoi(text->bytes + 14);
    if (year < 1 || month < 1 || month > 12 || hour > 23 || minute > 59)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day >= 1 && day <= days[month - 1] + (month == 2 && leap);
}

/* The row of the table that the text names, or -1. */
static int named(const struct parameter *row, const struct text *text)
{
    for (size_t i = 0; i < row->value_count; i++) {
        if (is_called(text, row->values[i].name))
            return (int)i;
    }
    return -1;
}

static bool read_enum(const struct parameter *row, struct value *value)
{
    if (read_number(&value->text, &value->number)) {
        for (size_t i = 0; i < row->value_count; i++) {
            if (row->values[i].number == value->number)
                return true;
        }
    }
    int at = named(row, &value->text);
    if (at >= 0)
        value->number = row->values[at].number;
    return at >= 0;
}

static bool read_value(const struct parameter *row, struct slice raw, struct value *value)
{
    int at;
    if (!decode(raw, &value->text))
        return false;
    value->is_number = false;
    switch (row->type) {
    case PARAMETER_STRING:
        return true;
    case PARAMETER_DATE_TIME:
        return read_date_time(&value->text);
    case PARAMETER_BOOLEAN:
        for (char *c = value->text.bytes; *c != '\0'; c++)
            *c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
        return strcmp(value->text.bytes, "true") == 0 || strcmp(value->text.bytes, "false") == 0;
    case PARAMETER_PROPERTY:
        if ((at = named(row, &value->text)) < 0)
            return false;
        value->text.length = row->values[at].name.length;
        memcpy(value->text.bytes, row->values[at].name.at, value->text.length);
        return true;
    case PARAMETER_ENUM:
        value->is_number = true;
        return read_enum(row, value);
    case PARAMETER_DIRECTION:
        value->is_number = true;
        if (is_called(&value->text, slice_of("ascending")) || is_called(&value->text, slice_of("descending"))) {
            value->number = value->text.bytes[0] == 'd' || value->text.bytes[0] == 'D';
            return true;
        }
        return read_number(&value->text, &value->number) && (value->number == 0 || value->number == 1);
    case PARAMETER_INTEGER:
    case PARAMETER_PAGE:
    case PARAMETER_SIZE:
        value->is_number = true;
        return read_number(&value->text, &value->number) && value->number >= row->min && value->number <= row->max;
    }
    return false;
}

static int compare(const struct value *a, const struct value *b)
{
    if (a->is_number)
        return (a->number > b->number) - (a->number < b->number);
    size_t common = a->text.length < b->text.length ? a->text.length : b->text.length;
    int order = memcmp(a->text.bytes, b->text.bytes, common);
    return order != 0 ? order : (a->text.length > b->text.length) - (a->text.length < b->text.length);
}

static void encode(const struct value *value, char *out)
{
    if (value->is_number) {
        sprintf(out, "%" PRId64, value->number);
        return;
    }
    for (size_t i = 0; i < value->text.length; i++) {
        unsigned char c = (unsigned char)value->text.bytes[i];
        bool plain =
            c < 0x80 && c != 0 && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/", c);
        out += plain ? sprintf(out, "%c", c) : sprintf(out, "%%%02X", c);
    }
    *out = '\0';
}

/* The pairs of the query that name the row. */
static size_t values_of(const struct parameter *row, const struct pair *pairs, size_t count, struct slice *values)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_called(&pairs[i].name, row->name))
            values[found++] = pairs[i].value;
    }
    return found;
}

static bool write_row(const struct parameter *row, const struct slice *raw, size_t count, struct reference *out)
{
    struct value *values = calloc(count + 1, sizeof *values);
    size_t kept = 0;
    bool good = true;
    for (size_t i = 0; i < count && good; i++) {
        if (raw[i].length > 0 && (good = read_value(row, raw[i], &values[kept])))
            kept++;
    }
    /* Least first, each once. */
    for (const struct value *last = NULL; good;) {
        const struct value *least = NULL;
        for (size_t i = 0; i < kept; i++) {
            if ((last == NULL || compare(&values[i], last) > 0) && (least == NULL || compare(&values[i], least) < 0))
                least = &values[i];
        }
        if (least == NULL)
            break;
        last = least;
        char text[REFERENCE_TEXT_MAX];
        encode(least, text);
        if (row->type == PARAMETER_PAGE)
            out->page = least->number;
        else if (row->type == PARAMETER_SIZE)
            out->size = least->number;
        else if (row->default_value.length == 0 || !slice_is(row->default_value, text))
            sprintf(out->canonical + strlen(out->canonical), "%s%.*s=%s", out->canonical[0] == '\0' ? "" : "&",
                    (int)row->name.length, row->name.at, text);
    }
    free(values);
    return good;
}

static bool take_apart(const struct schema *schema, struct slice raw, struct pair *pairs, size_t *count)
{
    *count = 0;
    while (raw.length > 0) {
        const char *end = memchr(raw.at, '&', raw.length);
        struct slice piece = slice_make(raw.at, end == NULL ? raw.length : (size_t)(end - raw.at));
        size_t used = piece.length + (end != NULL);
        raw = slice_make(raw.at + used, raw.length - used);
        if (piece.length == 0)
            continue;
        if (*count == PAIRS_MAX)
            return false;
        const char *equals = memchr(piece.at, '=', piece.length);
        size_t name = equals == NULL ? piece.length : (size_t)(equals - piece.at);
        struct pair *pair = &pairs[(*count)++];
        if (!decode(slice_make(piece.at, name), &pair->name))
            return false;
        pair->value = equals == NULL ? slice_make("", 0) : slice_make(equals + 1, piece.length - name - 1);
        bool known = false;
        for (size_t i = 0; i < schema->parameter_count; i++)
            known = known || is_called(&pair->name, schema->parameters[i].name);
        if (!known)
            return false;
    }
    return true;
}

bool reference_normalise(const struct schema *schema, struct slice raw, struct reference *out)
{
    struct slice values[PAIRS_MAX];
    size_t count, pieces = 1;
    for (size_t i = 0; i < raw.length; i++)
        pieces += raw.at[i] == '&';
    struct pair *pairs = calloc(pieces < PAIRS_MAX ? pieces : PAIRS_MAX, sizeof *pairs);
    bool good = take_apart(schema, raw, pairs, &count);
    out->canonical[0] = '\0';
    out->page = atoi(schema->page->default_value.at);
    out->size = atoi(schema->size->default_value.at);
    for (size_t i = 0; i < schema->parameter_count && good; i++) {
        const struct parameter *row = &schema->parameters[i];
        size_t found = values_of(row, pairs, count, values);
        good = (found < 2 || row->repeats) && write_row(row, values, found, out);
    }
    free(pairs);
    return good;
}
