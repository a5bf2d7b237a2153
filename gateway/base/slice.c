/* SPDX-License-Identifier: MIT */
/* Comparing and cutting borrowed runs of bytes. */
#include "base/slice.h"

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    if (slice_equal(a, b)) /* most are spelt as we spell them */
        return true;
    for (size_t i = 0; i < a.length; i++) {
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    }
    return true;
}

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.length < b.length ? a.length : b.length;
    int order = shorter > 0 ? memcmp(a.at, b.at, shorter) : 0;
    if (order != 0)
        return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

bool slice_starts_with(struct slice whole, struct slice head)
{
    return whole.length >= head.length && slice_equal(slice_make(whole.at, head.length), head);
}

bool slice_starts_with_nocase(struct slice whole, struct slice head)
{
    return whole.length >= head.length && slice_equal_nocase(slice_make(whole.at, head.length), head);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice text)
{
    while (text.length > 0 && is_blank(text.at[0])) {
        text.at++;
        text.length--;
    }
    while (text.length > 0 && is_blank(text.at[text.length - 1]))
        text.length--;
    return text;
}

/* An exhausted rest has at == NULL, so that the empty piece behind a last separator can still be given. */
bool slice_cut(struct slice *rest, char separator, struct slice *piece)
{
    if (rest->at == NULL)
        return false;
    const char *end = rest->length > 0 ? memchr(rest->at, separator, rest->length) : NULL;
    if (end == NULL) {
        *piece = *rest;
        *rest = slice_make(NULL, 0);
        return true;
    }
    size_t length = (size_t)(end - rest->at);
    *piece = slice_make(rest->at, length);
    *rest = slice_make(end + 1, rest->length - length - 1);
    return true;
}
