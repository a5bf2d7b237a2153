/* SPDX-License-Identifier: MIT */
/* The fields that the connection and the handlers care about, by name. All others are allowed and forgotten. Must not
 * know lines or stages: it gets names and values. */
#include "front/parser_fields.h"

#include "front/octets.h"
#include "front/target.h"

enum { CONNECTION_CLOSE = 1, CONNECTION_KEEP_ALIVE = 2 };

#define NOT_KEPT SIZE_MAX

typedef bool (*field_reader)(struct parser *parser, struct slice value, const struct parser_limits *limits);

static bool read_host(struct parser *parser, struct slice value, const struct parser_limits *limits);
static bool read_content_length(struct parser *parser, struct slice value, const struct parser_limits *limits);
static bool read_transfer_encoding(struct parser *parser, struct slice value, const struct parser_limits *limits);
static bool read_connection(struct parser *parser, struct slice value, const struct parser_limits *limits);
static bool read_expect(struct parser *parser, struct slice value, const struct parser_limits *limits);

/* The places in `parser->seen`, in the order of the names' lengths. */
enum field {
    FIELD_HOST,
    FIELD_EXPECT,
    FIELD_ORIGIN,
    FIELD_PRAGMA,
    FIELD_PREFER,
    FIELD_API_KEY,
    FIELD_CONNECTION,
    FIELD_TRACEPARENT,
    FIELD_REQUEST_ID,
    FIELD_AUTHORIZATION,
    FIELD_CACHE_CONTROL,
    FIELD_IF_NONE_MATCH,
    FIELD_CONTENT_LENGTH,
    FIELD_FETCH_SITE,
    FIELD_TRANSFER_ENCODING,
    FIELD_COUNT
};

enum repeats {
    REPEATS_REFUSED, /* one line at most */
    REPEATS_READ,    /* each line is read */
    REPEATS_JOINED   /* a list: all lines make one value (RFC 9110 section 5.3) */
};

/* A field is read, kept in the request, or both. A request id, an origin or a traceparent that came twice is joined
 * too: so joined it is not a valid one, and is not used. */
static const struct {
    struct slice name;
    enum repeats repeats;
    field_reader read; /* NULL: it is only kept */
    size_t kept;       /* offset in struct request; NOT_KEPT */
} FIELDS[FIELD_COUNT] = {
    [FIELD_HOST] = {SLICE("Host"), REPEATS_REFUSED, read_host, offsetof(struct request, host)},
    [FIELD_EXPECT] = {SLICE("Expect"), REPEATS_READ, read_expect, NOT_KEPT},
    [FIELD_ORIGIN] = {SLICE("Origin"), REPEATS_JOINED, NULL, offsetof(struct request, origin)},
    [FIELD_PRAGMA] = {SLICE("Pragma"), REPEATS_JOINED, NULL, offsetof(struct request, pragma)},
    [FIELD_PREFER] = {SLICE("Prefer"), REPEATS_JOINED, NULL, offsetof(struct request, prefer)},
    [FIELD_API_KEY] = {SLICE("X-API-Key"), REPEATS_REFUSED, NULL, offsetof(struct request, api_key)},
    [FIELD_CONNECTION] = {SLICE("Connection"), REPEATS_READ, read_connection, NOT_KEPT},
    [FIELD_TRACEPARENT] = {SLICE("Traceparent"), REPEATS_JOINED, NULL, offsetof(struct request, traceparent)},
    [FIELD_REQUEST_ID] = {SLICE("X-Request-Id"), REPEATS_JOINED, NULL, offsetof(struct request, request_id)},
    [FIELD_AUTHORIZATION] = {SLICE("Authorization"), REPEATS_REFUSED, NULL, offsetof(struct request, authorization)},
    [FIELD_CACHE_CONTROL] = {SLICE("Cache-Control"), REPEATS_JOINED, NULL, offsetof(struct request, cache_control)},
    [FIELD_IF_NONE_MATCH] = {SLICE("If-None-Match"), REPEATS_JOINED, NULL, offsetof(struct request, if_none_match)},
    [FIELD_CONTENT_LENGTH] = {SLICE("Content-Length"), REPEATS_REFUSED, read_content_length, NOT_KEPT},
    [FIELD_FETCH_SITE] = {SLICE("Sec-Fetch-Site"), REPEATS_JOINED, NULL, offsetof(struct request, fetch_site)},
    [FIELD_TRANSFER_ENCODING] = {SLICE("Transfer-Encoding"), REPEATS_REFUSED, read_transfer_encoding, NOT_KEPT},
};

_Static_assert(FIELD_COUNT <= 8 * sizeof(((struct parser *)NULL)->seen), "a bit for each");

/* Where those of a length begin, plus one; they stand in the order of their lengths. Most fields that come are none of
 * ours, and most of those end here. */
static const uint8_t FIRST_OF_LENGTH[] = {
    [4] = FIELD_HOST + 1,           [6] = FIELD_EXPECT + 1,          [9] = FIELD_API_KEY + 1,
    [10] = FIELD_CONNECTION + 1,    [11] = FIELD_TRACEPARENT + 1,    [12] = FIELD_REQUEST_ID + 1,
    [13] = FIELD_AUTHORIZATION + 1, [14] = FIELD_CONTENT_LENGTH + 1, [17] = FIELD_TRANSFER_ENCODING + 1,
};

static struct slice *kept_in(struct request *request, size_t field)
{
    return (struct slice *)(void *)((char *)request + FIELDS[field].kept);
}

static bool has_seen(const struct parser *parser, enum field field)
{
    return (parser->seen & 1U << field) != 0;
}

static bool take_known(struct parser *parser, size_t field, struct slice value, const struct parser_limits *limits,
                       struct request *request)
{
    uint16_t bit = (uint16_t)(1U << field);
    bool again = (parser->seen & bit) != 0;
    if (again && FIELDS[field].repeats == REPEATS_REFUSED)
        return parser_refuse(parser, 400, "a field that may come once came twice");
    parser->seen |= bit;
    if (FIELDS[field].kept != NOT_KEPT && again)
        parser->repeated |= bit;
    else if (FIELDS[field].kept != NOT_KEPT && kept_in(request, field)->at == NULL) /* a target has said the host */
        *kept_in(request, field) = value;
    return FIELDS[field].read == NULL || FIELDS[field].read(parser, value, limits);
}

bool parser_fields_take(struct parser *parser, struct slice name, struct slice value,
                        const struct parser_limits *limits, struct request *request)
{
    if (name.length >= sizeof(FIRST_OF_LENGTH) || FIRST_OF_LENGTH[name.length] == 0)
        return true;
    size_t field = (size_t)FIRST_OF_LENGTH[name.length] - 1;
    for (; field < FIELD_COUNT && FIELDS[field].name.length == name.length; field++)
        if (slice_equal_nocase(FIELDS[field].name, name))
            return take_known(parser, field, value, limits, request);
    return true;
}

/* An empty Host is what a target without an authority has (RFC 9110 section 7.2). */
static bool read_host(struct parser *parser, struct slice value, const struct parser_limits *limits)
{
    (void)limits;
    if (value.length > 0 && !target_is_authority(value))
        return parser_refuse(parser, 400, "the Host field names no valid host and port");
    return true;
}

static bool refuse_two_framings(struct parser *parser)
{
    return parser_refuse(parser, 400, "Content-Length and Transfer-Encoding may not come together");
}

static bool read_content_length(struct parser *parser, struct slice value, const struct parser_limits *limits)
{
    if (has_seen(parser, FIELD_TRANSFER_ENCODING))
        return refuse_two_framings(parser);
    if (value.length == 0 || octet_run(value.at, value.length, OCTET_DIGIT) != value.length)
        return parser_refuse(parser, 400, "Content-Length must be a number");
    uint64_t length = 0;
    for (size_t i = 0; i < value.length; i++) {
        length = length * 10 + (uint64_t)(value.at[i] - '0');
        if (length > limits->body_bytes)
            return parser_refuse_limit(parser, PARSER_LIMIT_BODY, 413,
                                       "the body is longer than this gateway takes (limits.body_bytes)");
    }
    parser->body_left = length;
    return true;
}

/* A list whose only member may be "chunked"; empty members before it are legal, if odd (RFC 9110 section 5.6.1). */
static bool read_transfer_encoding(struct parser *parser, struct slice value, const struct parser_limits *limits)
{
    (void)limits;
    if (has_seen(parser, FIELD_CONTENT_LENGTH))
        return refuse_two_framings(parser);
    if (parser->is_http_1_0)
        return parser_refuse(parser, 400, "HTTP/1.0 has no Transfer-Encoding");
    while (value.length > 0 && value.at[0] == ',')
        value = slice_trim(slice_make(value.at + 1, value.length - 1));
    if (slice_equal_nocase(value, slice_of("chunked")))
        return true;
    if (value.length > 0 && octet_run(value.at, value.length, OCTET_TOKEN) == value.length)
        return parser_refuse(parser, 501, "chunked is the only transfer coding understood here");
    return parser_refuse(parser, 400, "Transfer-Encoding must be chunked and nothing else");
}

static bool read_connection(struct parser *parser, struct slice value, const struct parser_limits *limits)
{
    (void)limits;
    struct slice option;
    while (slice_cut(&value, ',', &option)) {
        option = slice_trim(option);
        if (slice_equal_nocase(option, slice_of("close")))
            parser->connection |= CONNECTION_CLOSE;
        else if (slice_equal_nocase(option, slice_of("keep-alive")))
            parser->connection |= CONNECTION_KEEP_ALIVE;
    }
    return true;
}

/* RFC 9110 section 10.1.1; a client of HTTP/1.0 cannot mean it. */
static bool read_expect(struct parser *parser, struct slice value, const struct parser_limits *limits)
{
    (void)limits;
    if (parser->is_http_1_0)
        return true;
    if (!slice_equal_nocase(value, slice_of("100-continue")))
        return parser_refuse(parser, 417, "100-continue is the only expectation met here");
    parser->expects_continue = true;
    return true;
}

bool parser_fields_end(struct parser *parser)
{
    if (!parser->is_http_1_0 && !has_seen(parser, FIELD_HOST))
        return parser_refuse(parser, 400, "a request of HTTP/1.1 must have a Host field");
    if (has_seen(parser, FIELD_TRANSFER_ENCODING))
        parser->body = PARSER_BODY_CHUNKED;
    else if (parser->body_left > 0)
        parser->body = PARSER_BODY_LENGTH;
    bool wishes_to_stay = !parser->is_http_1_0 || (parser->connection & CONNECTION_KEEP_ALIVE) != 0;
    parser->keep_alive = wishes_to_stay && (parser->connection & CONNECTION_CLOSE) == 0;
    return true;
}

/* Appends each of the field's values in `head`, with ", " between them. */
static void gather(struct slice head, struct slice name, struct buf *joined)
{
    struct slice line, before_colon;
    const char *comma = "";
    while (slice_cut(&head, '\n', &line)) {
        if (!slice_cut(&line, ':', &before_colon) || !slice_equal_nocase(before_colon, name))
            continue;
        struct slice value = slice_trim(slice_make(line.at, line.length - 1)); /* without the CR */
        buf_add_text(joined, comma);
        buf_add(joined, value);
        comma = ", ";
    }
}

bool parser_fields_join(struct parser *parser, struct slice head, struct request *request, struct buf *joined)
{
    buf_reset(joined);
    /* All of it at once: what was joined may not move while more is added. */
    if (buf_room(joined, head.length + PARSER_JOINED_EXTRA) == NULL)
        return parser_refuse(parser, 503, "out of memory");
    for (size_t field = 0; field < FIELD_COUNT; field++) {
        if ((parser->repeated & 1U << field) == 0)
            continue;
        size_t start = joined->length;
        gather(head, FIELDS[field].name, joined);
        *kept_in(request, field) = slice_make(joined->bytes + start, joined->length - start);
    }
    return true;
}
