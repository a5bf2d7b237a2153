/* SPDX-License-Identifier: MIT */
/* A strict HTTP/1.1 request parser (RFC 9112): what a gateway does not understand it refuses. Takes bytes as they come,
 * at any split, copies nothing, allocates nothing. Knows no socket. The body that follows a head is
 * front/parser_body.h's. */
#ifndef NEXGATE_FRONT_PARSER_H
#define NEXGATE_FRONT_PARSER_H

#include "flow/exchange.h"

enum { PARSER_FIELDS_MAX = 100, PARSER_EMPTY_LINES_MAX = 4, PARSER_CHUNK_LINE_MAX = 256, PARSER_TRAILER_MAX = 8192 };

/* What joining list fields can take beyond the head's own bytes. */
enum { PARSER_JOINED_EXTRA = 2 * PARSER_FIELDS_MAX };

struct parser_limits {
    size_t header_bytes; /* request line and fields, empty lines before them included; longer: 431, or 414 */
    size_t query_bytes;  /* longer: 414 */
    size_t body_bytes;   /* longer: 413 */
};

enum parser_verdict {
    PARSER_MORE,   /* the head is not whole yet */
    PARSER_HEAD,   /* the head is whole: `request` is filled, a body may follow */
    PARSER_REFUSED /* `status` and `why` say how; the connection must be closed after the answer */
};

/* Which limit of parser_limits a refused request ran into. */
enum parser_limit { PARSER_LIMIT_NONE, PARSER_LIMIT_HEADER, PARSER_LIMIT_QUERY, PARSER_LIMIT_BODY };

enum parser_body { PARSER_BODY_NONE, PARSER_BODY_LENGTH, PARSER_BODY_CHUNKED };

/* State of one request, reset for each. Under 100 bytes: an idle connection keeps one. Offsets count from the head's
 * first byte. */
struct parser {
    uint32_t scanned;  /* bytes of the head that were looked at */
    uint32_t line_at;  /* where the current line begins */
    uint32_t mark;     /* where the target or the version begins, or the field's colon */
    uint32_t query_at; /* where the query begins; 0: there is none */
    uint16_t fields;   /* seen so far */
    uint16_t seen;     /* private: which known fields came */
    uint16_t repeated; /* private: which list fields came on several lines */
    uint8_t stage;     /* private */
    uint8_t empty_lines;
    uint8_t method;     /* enum exchange_method */
    uint8_t connection; /* private: the options that came */
    uint8_t body;       /* enum parser_body */
    uint8_t body_stage; /* private */
    bool keep_alive;    /* after PARSER_HEAD */
    bool expects_continue;
    bool is_http_1_0;
    uint8_t limit;       /* PARSER_REFUSED: enum parser_limit */
    uint32_t body_line;  /* bytes of the chunk line or trailer seen so far */
    uint64_t body_left;  /* bytes of the body, or of the chunk, still to come */
    uint64_t body_total; /* bytes of content in the chunks so far */
    int status;          /* PARSER_REFUSED */
    const char *why;     /* PARSER_REFUSED: static text, a sentence's worth */
};

void parser_init(struct parser *parser);

/* Looks at `bytes`, which is all of the head that has come so far, from its first byte, at an address that may change
 * from call to call. On PARSER_HEAD `*head_length` says where the head ends and `request`'s slices lie in `bytes`; list
 * fields that came on several lines are joined by way of `joined` (emptied first; its ceiling must be header_bytes +
 * PARSER_JOINED_EXTRA). The method is right after PARSER_REFUSED too, when it was read. What is wrong is refused as
 * soon as its bytes are there. */
enum parser_verdict parser_head(struct parser *parser, struct slice bytes, const struct parser_limits *limits,
                                struct request *request, struct buf *joined, size_t *head_length) MUST_CHECK;

/* After PARSER_MORE for these bytes: how many of them are empty lines before the request. They need not be given again,
 * but what is behind them must be. How many there were is remembered. */
size_t parser_skip_empty_lines(struct parser *parser, struct slice bytes);

/* For the parser's parts: notes the refusal, and is false. */
static inline bool parser_refuse(struct parser *parser, int status, const char *why)
{
    parser->status = status;
    parser->why = why;
    return false;
}

/* The same for what is longer than a limit allows. */
static inline bool parser_refuse_limit(struct parser *parser, enum parser_limit limit, int status, const char *why)
{
    parser->limit = (uint8_t)limit;
    return parser_refuse(parser, status, why);
}

#endif
