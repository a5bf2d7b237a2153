/* SPDX-License-Identifier: MIT */
/* A slice is a borrowed run of bytes: pointer and length, not NUL-terminated, owned by somebody else. */
#ifndef NEXGATE_BASE_SLICE_H
#define NEXGATE_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *at; /* may be NULL only when length is 0 */
    size_t length;  /* bytes */
};

/* A string literal as a slice, usable in static initialisers too. */
#define SLICE(literal)                                                                                                 \
    {                                                                                                                  \
        ("" literal), sizeof(literal) - 1                                                                              \
    }

static inline struct slice slice_make(const char *at, size_t length)
{
    return (struct slice){at, length};
}

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

/* Equality without regard to the case of ASCII letters. */
bool slice_equal_nocase(struct slice a, struct slice b);

/* Order of the bytes (unsigned), a shorter prefix first: <0, 0 or >0. */
int slice_compare(struct slice a, struct slice b);

bool slice_starts_with(struct slice whole, struct slice head);
bool slice_starts_with_nocase(struct slice whole, struct slice head);

/* Without the blanks and tabs at either end (OWS of RFC 9110 section 5.6.3). */
struct slice slice_trim(struct slice text);

/* Takes the piece before the next `separator` off the front of `*rest`; without a separator, all of it. False when
 * nothing is left, which `*rest` shows by at == NULL. "a,,b" gives "a", "", "b"; "a," gives "a" and ""; "" gives "". */
bool slice_cut(struct slice *rest, char separator, struct slice *piece);

#endif
