/* SPDX-License-Identifier: MIT */
/* A name or a value as it stands in a query: percent escapes, and '+' for a blank (application/x-www-form-urlencoded).
 * Read byte by byte where it lies, so that nothing is copied before it is known to be good. Pure. */
#ifndef NEXGATE_SEARCH_FORM_TEXT_H
#define NEXGATE_SEARCH_FORM_TEXT_H

#include "base/buf.h"

enum form_verdict {
    FORM_OK,
    FORM_BAD_ESCAPE, /* '%' without two hexadecimal digits */
    FORM_NUL,
    FORM_NOT_UTF8
};

/* What the text decodes to, judged: all other functions but form_show want text that passed. */
enum form_verdict form_check(struct slice raw) MUST_CHECK;

/* True when the text stands for itself: it holds neither an escape nor a '+'. */
bool form_is_plain(struct slice raw);

/* Decodes into `out`, which has room for raw.length bytes; returns the length. */
size_t form_decode(struct slice raw, char *out);

/* The order of the decoded bytes: <0, 0 or >0. */
int form_compare(struct slice a, struct slice b);

/* Appends the canonical spelling of some bytes: unreserved characters, ':' and '/' as they are, all else %XX. */
void form_spell(struct buf *out, struct slice bytes);

/* The same for a text that is spelt in some way already; appends at most 3 x raw.length. */
void form_respell(struct buf *out, struct slice raw);

/* For people: decoded up to whatever cannot be decoded, and cut to `size` - 1 bytes between two characters; ends in
 * NUL. */
void form_show(struct slice raw, char *out, size_t size);

#endif
