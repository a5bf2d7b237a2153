/* SPDX-License-Identifier: MIT */
/* What each octet may be in a request: one table, made from the grammars of RFC 9110, RFC 9112 and RFC 3986. */
#ifndef NEXGATE_FRONT_OCTETS_H
#define NEXGATE_FRONT_OCTETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum octet_class {
    OCTET_TOKEN = 1,     /* tchar (RFC 9110 section 5.6.2): methods, field names */
    OCTET_PATH = 2,      /* of a request target, before its '?' */
    OCTET_QUERY = 4,     /* after it */
    OCTET_VALUE = 8,     /* of a field value: visible, blank, tab, 8-bit (RFC 9110 section 5.5) */
    OCTET_REG_NAME = 16, /* of a host name (RFC 3986 section 3.2.2); '%' must be followed by two OCTET_HEX */
    OCTET_DIGIT = 32,
    OCTET_HEX = 64,
    OCTET_ID = 128 /* of a request id that we repeat */
};

extern const uint8_t octet_classes[256];

static inline bool octet_is(char octet, enum octet_class wanted)
{
    return (octet_classes[(unsigned char)octet] & wanted) != 0;
}

/* How many octets from `at` on are of the class, looking at `length` of them at most. Four in a go: this is where a
 * parser spends its time. */
static inline size_t octet_run(const char *at, size_t length, enum octet_class wanted)
{
    size_t run = 0;
    for (; length - run >= 4; run += 4) {
        if (!octet_is(at[run], wanted))
            return run;
        if (!octet_is(at[run + 1], wanted))
            return run + 1;
        if (!octet_is(at[run + 2], wanted))
            return run + 2;
        if (!octet_is(at[run + 3], wanted))
            return run + 3;
    }
    while (run < length && octet_is(at[run], wanted))
        run++;
    return run;
}

#endif
