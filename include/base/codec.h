/* SPDX-License-Identifier: MIT */
/* Encodings of bytes as text: hexadecimal, base64, base32, percent, UTF-8. Strict, pure. */
#ifndef NEXGATE_BASE_CODEC_H
#define NEXGATE_BASE_CODEC_H

#include "base/buf.h"

void codec_hex(struct buf *out, const uint8_t *bytes, size_t count); /* lower case */

/* Exactly `count` bytes from 2 x count digits of either case. */
bool codec_unhex(struct slice text, uint8_t *bytes, size_t count) MUST_CHECK;

/* Whether all of it is digits as codec_hex writes them; of nothing, too. */
bool codec_is_lower_hex(struct slice text) MUST_CHECK;

void codec_base64url(struct buf *out, const uint8_t *bytes, size_t count); /* no padding (RFC 4648 section 5) */

/* RFC 4648 section 4 with padding, no blanks, no stray bits; appends to `out`. */
bool codec_unbase64(struct slice text, struct buf *out) MUST_CHECK;

/* RFC 4648 section 6, either case, padding optional, blanks skipped (as authenticator secrets are printed). */
bool codec_unbase32(struct slice text, struct buf *out) MUST_CHECK;

/* application/x-www-form-urlencoded to bytes: %XX and '+'. False for a bad escape. */
bool codec_unpercent(struct slice text, struct buf *out) MUST_CHECK;

/* One way to write any bytes: ALPHA DIGIT - . _ ~ as they are, with those in `also` (a C string), the rest %XX. */
void codec_percent(struct buf *out, struct slice bytes, const char *also);

/* Well-formed UTF-8 per RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF. */
bool codec_is_utf8(struct slice bytes) MUST_CHECK;

#endif
