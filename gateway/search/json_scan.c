/* SPDX-License-Identifier: MIT */
/* RFC 8259, sections 2 to 8, as a walk over the bytes. Must not know what the values mean. */
#include "search/json_scan.h"

#include "base/codec.h"

#include <assert.h>

/* The open arrays and objects around the place where we are: one bit each, set for an object. */
struct nest {
    uint64_t objects;
    unsigned depth, depth_max;
};

static bool fail(struct json_scan *scan, const char *why)
{
    scan->why = why;
    return false;
}

static void skip_space(struct json_scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\t' || *scan->at == '\n' || *scan->at == '\r'))
        scan->at++;
}

static bool next_is(const struct json_scan *scan, char c)
{
    return scan->at < scan->end && *scan->at == c;
}

bool json_scan_init(struct json_scan *scan, struct slice text)
{
    const char *start = text.length > 0 ? text.at : "";
    *scan = (struct json_scan){.start = start, .at = start, .end = start + text.length};
    return codec_is_utf8(text) || fail(scan, "text in UTF-8");
}

bool json_scan_take(struct json_scan *scan, char c)
{
    skip_space(scan);
    if (!next_is(scan, c))
        return false;
    scan->at++;
    return true;
}

bool json_scan_need(struct json_scan *scan, char c, const char *why)
{
    return json_scan_take(scan, c) || fail(scan, why);
}

bool json_scan_at_end(struct json_scan *scan)
{
    skip_space(scan);
    return scan->at == scan->end || fail(scan, "the end");
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* After the backslash. */
static bool skip_escape(struct json_scan *scan)
{
    if (scan->at == scan->end || *scan->at == '\0' || strchr("\"\\/bfnrtu", *scan->at) == NULL)
        return fail(scan, "an escape");
    if (*scan->at++ != 'u')
        return true;
    for (int i = 0; i < 4; i++, scan->at++) {
        if (scan->at == scan->end || !is_hex(*scan->at))
            return fail(scan, "four hexadecimal digits");
    }
    return true;
}

bool json_scan_string(struct json_scan *scan, struct slice *raw)
{
    skip_space(scan);
    const char *from = scan->at;
    if (!next_is(scan, '"'))
        return fail(scan, "a string");
    scan->at++;
    while (scan->at < scan->end) {
        unsigned char c = (unsigned char)*scan->at;
        if (c < 0x20)
            break;
        scan->at++;
        if (c == '"') {
            *raw = slice_make(from, (size_t)(scan->at - from));
            return true;
        }
        if (c == '\\' && !skip_escape(scan))
            return false;
    }
    return fail(scan, "the end of a string");
}

/* One digit or more. */
static bool skip_digits(struct json_scan *scan)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > from || fail(scan, "a digit");
}

static bool skip_number(struct json_scan *scan)
{
    if (next_is(scan, '-'))
        scan->at++;
    if (next_is(scan, '0'))
        scan->at++;
    else if (!skip_digits(scan))
        return false;
    if (next_is(scan, '.')) {
        scan->at++;
        if (!skip_digits(scan))
            return false;
    }
    if (next_is(scan, 'e') || next_is(scan, 'E')) {
        scan->at++;
        if (next_is(scan, '+') || next_is(scan, '-'))
            scan->at++;
        return skip_digits(scan);
    }
    return true;
}

static bool skip_word(struct json_scan *scan, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, word, length) != 0)
        return fail(scan, "a value");
    scan->at += length;
    return true;
}

static bool skip_name(struct json_scan *scan)
{
    struct slice name;
    return json_scan_string(scan, &name) && json_scan_need(scan, ':', "a colon");
}

/* Goes into an array or object. `*inside` is left false when it is empty: it is whole already. */
static bool enter(struct json_scan *scan, struct nest *nest, bool *inside)
{
    bool object = *scan->at++ == '{';
    if (nest->depth == nest->depth_max)
        return fail(scan, "a value that is nested less deeply");
    if (json_scan_take(scan, object ? '}' : ']'))
        return true;
    nest->objects = nest->objects << 1 | (object ? 1 : 0);
    nest->depth++;
    *inside = true;
    return !object || skip_name(scan);
}

/* Takes a scalar, or goes into an array or object; `*inside` says whether its first value comes next. */
static bool begin_value(struct json_scan *scan, struct nest *nest, bool *inside)
{
    *inside = false;
    skip_space(scan);
    struct slice raw;
    switch (scan->at < scan->end ? *scan->at : '\0') {
    case '{':
    case '[':
        return enter(scan, nest, inside);
    case '"':
        return json_scan_string(scan, &raw);
    case 't':
        return skip_word(scan, "true");
    case 'f':
        return skip_word(scan, "false");
    case 'n':
        return skip_word(scan, "null");
    default:
        break;
    }
    if (scan->at < scan->end && (*scan->at == '-' || (*scan->at >= '0' && *scan->at <= '9')))
        return skip_number(scan);
    return fail(scan, "a value");
}

/* Behind a value: goes to the next one around it, leaving what ends here. At depth 0 nothing is around. */
static bool after_value(struct json_scan *scan, struct nest *nest)
{
    while (nest->depth > 0) {
        bool object = (nest->objects & 1) != 0;
        if (json_scan_take(scan, ','))
            return !object || skip_name(scan);
        if (!json_scan_need(scan, object ? '}' : ']', "a comma or the end of an array or object"))
            return false;
        nest->objects >>= 1;
        nest->depth--;
    }
    return true;
}

bool json_scan_value(struct json_scan *scan, unsigned depth_max, struct slice *raw)
{
    assert(depth_max <= JSON_SCAN_DEPTH_MAX);
    struct nest nest = {.depth_max = depth_max};
    skip_space(scan);
    const char *from = scan->at;
    do {
        bool inside = false;
        if (!begin_value(scan, &nest, &inside))
            return false;
        if (!inside && !after_value(scan, &nest))
            return false;
    } while (nest.depth > 0);
    *raw = slice_make(from, (size_t)(scan->at - from));
    return true;
}

static unsigned hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* The character behind a backslash, as a code unit; moves `*at` past it. */
static unsigned read_escape(const char **at)
{
    static const char FROM[] = "\"\\/bfnrt";
    static const char TO[] = "\"\\/\b\f\n\r\t";
    char c = *(*at)++;
    if (c != 'u')
        return (unsigned)TO[strchr(FROM, c) - FROM];
    unsigned unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | hex_value(*(*at)++);
    return unit;
}

bool json_scan_is(struct slice raw, struct slice text)
{
    struct slice inner = slice_make(raw.at + 1, raw.length - 2);
    if (inner.length == 0 || memchr(inner.at, '\\', inner.length) == NULL)
        return slice_equal(inner, text);
    const char *at = inner.at;
    const char *end = inner.at + inner.length;
    for (size_t i = 0; i < text.length; i++) {
        if (at == end)
            return false;
        unsigned unit = (unsigned char)*at++;
        if (unit == '\\')
            unit = read_escape(&at);
        if (unit != (unsigned char)text.at[i])
            return false;
    }
    return at == end;
}
