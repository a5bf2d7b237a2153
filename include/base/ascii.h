/* SPDX-License-Identifier: MIT */
/* Which characters of ASCII leave a mark, which leave at least a gap, and which command (RFC 5234 appendix B.1). No
 * byte above 0x7F is any of them. Pure. */
#ifndef NEXGATE_BASE_ASCII_H
#define NEXGATE_BASE_ASCII_H

#include "base/slice.h"

/* VCHAR: what a name or an address is made of. */
static inline bool ascii_is_visible(char c)
{
    return c > ' ' && c <= '~';
}

/* VCHAR and the blank: what a line of text is made of. */
static inline bool ascii_is_printable(char c)
{
    return c >= ' ' && c <= '~';
}

/* CTL: what may end a line, or command a terminal. */
static inline bool ascii_is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7F;
}

/* All of it; of nothing, too. */
static inline bool ascii_all_visible(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!ascii_is_visible(text.at[i]))
            return false;
    }
    return true;
}

static inline bool ascii_all_printable(struct slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (!ascii_is_printable(text.at[i]))
            return false;
    }
    return true;
}

#endif
