/* SPDX-License-Identifier: MIT */
/* Numbers as decimal digits, two at a time: an answer's head and a log line hold a dozen of them. Pure. */
#ifndef NEXGATE_BASE_DECIMAL_H
#define NEXGATE_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>

enum { DECIMAL_DIGITS_MAX = 20 }; /* of UINT64_MAX */

/* How many digits the number has. */
size_t decimal_length(uint64_t number);

/* Writes the number's digits, of which there are `length`, without a NUL. Returns where they end. */
char *decimal_write(char *at, size_t length, uint64_t number);

static inline char *decimal_put(char *at, uint64_t number)
{
    return decimal_write(at, decimal_length(number), number);
}

#endif
