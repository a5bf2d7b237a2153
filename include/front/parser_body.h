/* SPDX-License-Identifier: MIT */
/* The body of a request, read and thrown away: nothing that is served here has a use for one. */
#ifndef NEXGATE_FRONT_PARSER_BODY_H
#define NEXGATE_FRONT_PARSER_BODY_H

#include "front/parser.h"

/* After PARSER_HEAD: discards the request's body from `bytes` and says how many were its own in `*used`. PARSER_HEAD
 * when the body is over. */
enum parser_verdict parser_discard_body(struct parser *parser, struct slice bytes, const struct parser_limits *limits,
                                        size_t *used) MUST_CHECK;

#endif
