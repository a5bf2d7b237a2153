/* SPDX-License-Identifier: MIT */
/* The table of octet classes. The compiler works it out from the grammars below; nothing is looked up but
 * `octet_classes`. */
#include "front/octets.h"

#define DIGIT(c) ((c) >= '0' && (c) <= '9')
#define ALPHA(c) (((c) >= 'a' && (c) <= 'z') || ((c) >= 'A' && (c) <= 'Z'))
#define HEX(c) (DIGIT(c) || ((c) >= 'a' && (c) <= 'f') || ((c) >= 'A' && (c) <= 'F'))

/* RFC 3986 section 2. */
#define UNRESERVED(c) (ALPHA(c) || DIGIT(c) || (c) == '-' || (c) == '.' || (c) == '_' || (c) == '~')
#define SUB_DELIMS(c)                                                                                                  \
    ((c) == '!' || (c) == '$' || (c) == '&' || (c) == '\'' || (c) == '(' || (c) == ')' || (c) == '*' || (c) == '+' ||  \
     (c) == ',' || (c) == ';' || (c) == '=')
#define REG_NAME(c) (UNRESERVED(c) || SUB_DELIMS(c) || (c) == '%')

/* Brackets are URI characters out of their place; common clients send them bare, and they frame nothing. */
#define PATH(c) (REG_NAME(c) || (c) == ':' || (c) == '@' || (c) == '/' || (c) == '[' || (c) == ']')
#define QUERY(c) (PATH(c) || (c) == '?')

/* RFC 9110. */
#define TOKEN(c)                                                                                                       \
    (ALPHA(c) || DIGIT(c) || (c) == '!' || (c) == '#' || (c) == '$' || (c) == '%' || (c) == '&' || (c) == '\'' ||      \
     (c) == '*' || (c) == '+' || (c) == '-' || (c) == '.' || (c) == '^' || (c) == '_' || (c) == '`' || (c) == '|' ||   \
     (c) == '~')
#define VALUE(c) ((c) == '\t' || ((c) >= ' ' && (c) != 0x7f))

#define ID(c)                                                                                                          \
    (ALPHA(c) || DIGIT(c) || (c) == '.' || (c) == '_' || (c) == '~' || (c) == ':' || (c) == '/' || (c) == '+' ||       \
     (c) == '=' || (c) == '@' || (c) == '-')

#define CLASSES(c)                                                                                                     \
    ((TOKEN(c) ? OCTET_TOKEN : 0) | (PATH(c) ? OCTET_PATH : 0) | (QUERY(c) ? OCTET_QUERY : 0) |                        \
     (VALUE(c) ? OCTET_VALUE : 0) | (REG_NAME(c) ? OCTET_REG_NAME : 0) | (DIGIT(c) ? OCTET_DIGIT : 0) |                \
     (HEX(c) ? OCTET_HEX : 0) | (ID(c) ? OCTET_ID : 0))

#define FOUR(c) CLASSES(c), CLASSES((c) + 1), CLASSES((c) + 2), CLASSES((c) + 3)
#define SIXTEEN(c) FOUR(c), FOUR((c) + 4), FOUR((c) + 8), FOUR((c) + 12)
#define SIXTY_FOUR(c) SIXTEEN(c), SIXTEEN((c) + 16), SIXTEEN((c) + 32), SIXTEEN((c) + 48)

const uint8_t octet_classes[256] = {SIXTY_FOUR(0), SIXTY_FOUR(64), SIXTY_FOUR(128), SIXTY_FOUR(192)};
