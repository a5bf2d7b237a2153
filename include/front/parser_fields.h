/* SPDX-License-Identifier: MIT */
/* What the fields of a head mean: framing, persistence, and those that a request keeps. Private to the parser. */
#ifndef NEXGATE_FRONT_PARSER_FIELDS_H
#define NEXGATE_FRONT_PARSER_FIELDS_H

#include "front/parser.h"

/* One whole, well-formed field line; `value` is trimmed. False: refused. */
bool parser_fields_take(struct parser *parser, struct slice name, struct slice value,
                        const struct parser_limits *limits, struct request *request) MUST_CHECK;

/* At the end of the head: what must have come, what may not stand together, and whether a body follows. False: refused.
 */
bool parser_fields_end(struct parser *parser) MUST_CHECK;

/* Joins the list fields that came on several lines of `head`, which is whole and well-formed. False: refused. */
bool parser_fields_join(struct parser *parser, struct slice head, struct request *request,
                        struct buf *joined) MUST_CHECK;

#endif
