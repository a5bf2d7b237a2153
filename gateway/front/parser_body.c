/* SPDX-License-Identifier: MIT */
/* The framing of a body: a length, or chunks with their extensions and trailers (RFC 9112 section 7.1), which are
 * checked and dropped. Must not know what a request is for. */
#include "front/parser_body.h"

#include "front/octets.h"

enum body_stage {
    CHUNK_SIZE_FIRST, /* at least one digit */
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_LINE_FEED,
    CHUNK_DATA,
    CHUNK_DATA_RETURN,
    CHUNK_DATA_LINE_FEED,
    TRAILER_LINE, /* the beginning of one, or of the empty line at the end */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LINE_FEED,
    TRAILER_LAST_LINE_FEED
};

static enum parser_verdict refuse(struct parser *parser, int status, const char *why)
{
    (void)parser_refuse(parser, status, why);
    return PARSER_REFUSED;
}

static enum parser_verdict refuse_chunk(struct parser *parser)
{
    return refuse(parser, 400, "the chunked body is malformed");
}

static enum parser_verdict go(struct parser *parser, enum body_stage stage)
{
    parser->body_stage = (uint8_t)stage;
    return PARSER_MORE;
}

static unsigned hex_digit(char octet)
{
    if (octet_is(octet, OCTET_DIGIT))
        return (unsigned)(octet - '0');
    return (unsigned)((octet | 0x20) - 'a') + 10;
}

/* A digit more makes the size larger, so one that passes the limit is refused before its last digit has come. */
static enum parser_verdict add_size_digit(struct parser *parser, char octet, const struct parser_limits *limits)
{
    parser->body_left = parser->body_left * 16 + hex_digit(octet);
    if (parser->body_left > limits->body_bytes - parser->body_total) {
        (void)parser_refuse_limit(parser, PARSER_LIMIT_BODY, 413,
                                  "the body is longer than this gateway takes (limits.body_bytes)");
        return PARSER_REFUSED;
    }
    return go(parser, CHUNK_SIZE);
}

static enum parser_verdict end_chunk_line(struct parser *parser)
{
    parser->body_line = 0;
    parser->body_total += parser->body_left;
    return go(parser, parser->body_left > 0 ? CHUNK_DATA : TRAILER_LINE);
}

/* One octet of a chunk's line, or of the line end behind its data. */
static enum parser_verdict chunk_octet(struct parser *parser, char octet, const struct parser_limits *limits)
{
    enum body_stage stage = parser->body_stage;
    if (stage <= CHUNK_LINE_FEED && ++parser->body_line > PARSER_CHUNK_LINE_MAX)
        return refuse_chunk(parser);
    switch (stage) {
    case CHUNK_SIZE_FIRST:
    case CHUNK_SIZE:
        if (octet_is(octet, OCTET_HEX))
            return add_size_digit(parser, octet, limits);
        if (stage == CHUNK_SIZE_FIRST || (octet != ';' && octet != '\r'))
            return refuse_chunk(parser);
        return go(parser, octet == ';' ? CHUNK_EXTENSION : CHUNK_LINE_FEED);
    case CHUNK_EXTENSION:
        if (octet == '\r')
            return go(parser, CHUNK_LINE_FEED);
        return octet_is(octet, OCTET_VALUE) ? PARSER_MORE : refuse_chunk(parser);
    case CHUNK_LINE_FEED:
        return octet == '\n' ? end_chunk_line(parser) : refuse_chunk(parser);
    case CHUNK_DATA_RETURN:
        return octet == '\r' ? go(parser, CHUNK_DATA_LINE_FEED) : refuse_chunk(parser);
    default: /* CHUNK_DATA_LINE_FEED */
        return octet == '\n' ? go(parser, CHUNK_SIZE_FIRST) : refuse_chunk(parser);
    }
}

static enum parser_verdict refuse_trailer(struct parser *parser)
{
    return refuse(parser, 400, "a trailer of the chunked body is malformed");
}

/* One octet of the trailer section: field lines as in a head, and an empty line. */
static enum parser_verdict trailer_octet(struct parser *parser, char octet)
{
    if (++parser->body_line > PARSER_TRAILER_MAX)
        return refuse(parser, 431, "the trailers are longer than this gateway takes");
    switch ((enum body_stage)parser->body_stage) {
    case TRAILER_LINE:
        if (octet == '\r')
            return go(parser, TRAILER_LAST_LINE_FEED);
        return octet_is(octet, OCTET_TOKEN) ? go(parser, TRAILER_NAME) : refuse_trailer(parser);
    case TRAILER_NAME:
        if (octet == ':')
            return go(parser, TRAILER_VALUE);
        return octet_is(octet, OCTET_TOKEN) ? PARSER_MORE : refuse_trailer(parser);
    case TRAILER_VALUE:
        if (octet == '\r')
            return go(parser, TRAILER_LINE_FEED);
        return octet_is(octet, OCTET_VALUE) ? PARSER_MORE : refuse_trailer(parser);
    case TRAILER_LINE_FEED:
        return octet == '\n' ? go(parser, TRAILER_LINE) : refuse_trailer(parser);
    default: /* TRAILER_LAST_LINE_FEED */
        return octet == '\n' ? PARSER_HEAD : refuse_trailer(parser);
    }
}

/* Takes off what is data of a known length. */
static size_t discard_data(struct parser *parser, size_t there)
{
    size_t data = parser->body_left < there ? (size_t)parser->body_left : there;
    parser->body_left -= data;
    return data;
}

static enum parser_verdict discard_chunks(struct parser *parser, struct slice bytes, const struct parser_limits *limits,
                                          size_t *used)
{
    enum parser_verdict verdict = PARSER_MORE;
    size_t at = 0;
    while (at < bytes.length && verdict == PARSER_MORE) {
        if (parser->body_stage == CHUNK_DATA) {
            at += discard_data(parser, bytes.length - at);
            if (parser->body_left == 0)
                parser->body_stage = CHUNK_DATA_RETURN;
        } else if (parser->body_stage < TRAILER_LINE) {
            verdict = chunk_octet(parser, bytes.at[at++], limits);
        } else {
            verdict = trailer_octet(parser, bytes.at[at++]);
        }
    }
    *used = at;
    return verdict;
}

enum parser_verdict parser_discard_body(struct parser *parser, struct slice bytes, const struct parser_limits *limits,
                                        size_t *used)
{
    if (parser->body == PARSER_BODY_CHUNKED)
        return discard_chunks(parser, bytes, limits, used);
    *used = discard_data(parser, bytes.length);
    return parser->body_left == 0 ? PARSER_HEAD : PARSER_MORE;
}
