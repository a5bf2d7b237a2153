/* SPDX-License-Identifier: MIT */
/* A strict HTTP/1.1 request parser (RFC 9112): what a gateway does not understand it refuses. Takes bytes as they come, at any
 * split, copies nothing, allocates nothing. Knows no socket. */
#ifndef NEXGATE_FRONT_PARSER_H
#define NEXGATE_FRONT_PARSER_H

#include "flow/exchange.h"

enum { PARSER_FIELDS_MAX = 100, PARSER_EMPTY_LINES_MAX = 4, PARSER_CHUNK_LINE_MAX = 256, PARSER_TRAILER_MAX = 8192 };

struct parser_limits {
    size_t header_bytes; /* request line and fields; longer: 431 */
    size_t query_bytes;  /* longer: 414 */
    size_t body_bytes;   /* longer: 413 */
};

enum parser_verdict {
    PARSER_MORE,   /* the head is not whole yet */
    PARSER_HEAD,   /* the head is whole: `request` is filled, a body may follow */
    PARSER_REFUSED /* `status` and `why` say how; the connection must be closed after the answer */
};

enum parser_body { PARSER_BODY_NONE, PARSER_BODY_LENGTH, PARSER_BODY_CHUNKED };

/* State of one request, reset for each. About 100 bytes: an idle connection keeps one. */
struct parser {
    uint32_t scanned;  /* bytes of the head that were looked at */
    uint32_t line_at;  /* where the current line begins */
    uint16_t fields;   /* seen so far */
    uint8_t stage;     /* private */
    uint8_t body;      /* enum parser_body */
    uint8_t body_stage;
    bool keep_alive;   /* after PARSER_HEAD */
    bool expects_continue;
    bool is_http_1_0;
    uint64_t body_left;  /* bytes of the body, or of the chunk, still to come */
    uint64_t body_total; /* bytes of content seen so far */
    uint32_t body_line;  /* bytes of the chunk line or trailer seen so far */
    int status;          /* PARSER_REFUSED */
    const char *why;     /* PARSER_REFUSED: static text */
};

void parser_init(struct parser *parser);

/* Looks at `bytes`, which is all of the head that has come so far, from its first byte, at an address that may change from call
 * to call. On PARSER_HEAD `*head_length` says where the head ends and `request`'s slices lie in `bytes`; list fields that came
 * on several lines are joined by way of `joined` (emptied first). */
enum parser_verdict parser_head(struct parser *parser, struct slice bytes, const struct parser_limits *limits,
                                struct request *request, struct buf *joined, size_t *head_length) MUST_CHECK;

/* After PARSER_HEAD: discards the request's body from `bytes` and says how many were its own in `*used`. PARSER_HEAD when the
 * body is over. */
enum parser_verdict parser_discard_body(struct parser *parser, struct slice bytes, const struct parser_limits *limits,
                                        size_t *used) MUST_CHECK;

#endif
