/* SPDX-License-Identifier: MIT */
/* The head of a request, scanned once in stages: empty lines, method, target, version, then field after field. Each
 * stage takes the run of octets that its grammar allows and looks at what ended it, so a bad octet is refused when it
 * comes, and no byte is looked at twice until the head is whole. Only a head that came in pieces is then read once
 * more, from end to end, because the slices of the earlier pieces may lie where the bytes no longer are. Must not know
 * what a field means. */
#include "front/parser.h"

#include "front/octets.h"
#include "front/parser_fields.h"
#include "front/target.h"

#include <assert.h>

enum stage {
    STAGE_START,
    STAGE_METHOD,
    STAGE_PATH,
    STAGE_QUERY,
    STAGE_VERSION,
    STAGE_FIELD,
    STAGE_NAME,
    STAGE_VALUE,
    STAGE_DONE
};

enum step { STEP_ON, STEP_WAIT, STEP_REFUSED };

/* The head as far as it has come. */
struct head {
    const char *at;
    size_t length; /* at most limits->header_bytes: what lies behind cannot be of a head that we take */
    const struct parser_limits *limits;
    struct request *request;
};

void parser_init(struct parser *parser)
{
    *parser = (struct parser){.method = METHOD_OTHER};
}

static enum step refuse(struct parser *parser, int status, const char *why)
{
    (void)parser_refuse(parser, status, why);
    return STEP_REFUSED;
}

/* Where the parser stands is a CR: is the LF there? */
static enum step expect_line_end(struct parser *parser, const struct head *head)
{
    if (parser->scanned + 1 == head->length)
        return STEP_WAIT;
    if (head->at[parser->scanned + 1] != '\n')
        return refuse(parser, 400, "a carriage return stands without its line feed");
    return STEP_ON;
}

/* Empty lines before a request are skipped (RFC 9112 section 2.2), a few of them. */
static enum step scan_start(struct parser *parser, const struct head *head)
{
    while (parser->scanned < head->length && head->at[parser->scanned] == '\r') {
        enum step step = expect_line_end(parser, head);
        if (step != STEP_ON)
            return step;
        if (++parser->empty_lines > PARSER_EMPTY_LINES_MAX)
            return refuse(parser, 400, "too many empty lines stand before the request");
        parser->scanned += 2;
    }
    if (parser->scanned == head->length)
        return STEP_WAIT;
    parser->line_at = parser->scanned;
    parser->stage = STAGE_METHOD;
    return STEP_ON;
}

/* The run of octets of a class from where the parser stands; false when it reaches the end of what has come. */
static bool skip_run(struct parser *parser, const struct head *head, enum octet_class wanted)
{
    parser->scanned += (uint32_t)octet_run(head->at + parser->scanned, head->length - parser->scanned, wanted);
    return parser->scanned < head->length;
}

static enum exchange_method method_of(struct slice text)
{
    if (slice_is(text, "GET"))
        return METHOD_GET;
    if (slice_is(text, "HEAD"))
        return METHOD_HEAD;
    return slice_is(text, "POST") ? METHOD_POST : METHOD_OTHER;
}

static enum step scan_method(struct parser *parser, const struct head *head)
{
    if (!skip_run(parser, head, OCTET_TOKEN))
        return STEP_WAIT;
    if (parser->scanned == parser->line_at || head->at[parser->scanned] != ' ')
        return refuse(parser, 400, "the request line does not begin with a method and a blank");
    struct slice method = slice_make(head->at + parser->line_at, parser->scanned - parser->line_at);
    parser->method = (uint8_t)method_of(method);
    head->request->method = parser->method;
    head->request->method_text = method;
    parser->mark = ++parser->scanned;
    parser->stage = STAGE_PATH;
    return STEP_ON;
}

/* The target is whole; the blank behind it is where the parser stands. */
static enum step end_target(struct parser *parser, const struct head *head)
{
    struct request *request = head->request;
    size_t path_end = parser->query_at > 0 ? parser->query_at - 1 : parser->scanned;
    struct slice method = slice_make(head->at + parser->line_at, parser->mark - 1 - parser->line_at);
    if (slice_is(method, "CONNECT"))
        return refuse(parser, 400, "this gateway opens no tunnels");
    const char *why = NULL;
    struct slice before_query = slice_make(head->at + parser->mark, path_end - parser->mark);
    enum target_form form = target_split(before_query, &request->host, &request->path, &why);
    if (form == TARGET_BAD)
        return refuse(parser, 400, why);
    if (form == TARGET_ASTERISK && (parser->query_at > 0 || !slice_is(method, "OPTIONS")))
        return refuse(parser, 400, "the request target * is for OPTIONS alone");
    if (parser->query_at > 0)
        request->query = slice_make(head->at + parser->query_at, parser->scanned - parser->query_at);
    parser->mark = ++parser->scanned;
    parser->stage = STAGE_VERSION;
    return STEP_ON;
}

static enum step scan_path(struct parser *parser, const struct head *head)
{
    if (!skip_run(parser, head, OCTET_PATH))
        return STEP_WAIT;
    switch (head->at[parser->scanned]) {
    case ' ':
        return end_target(parser, head);
    case '?':
        parser->query_at = ++parser->scanned;
        parser->stage = STAGE_QUERY;
        return STEP_ON;
    default:
        return refuse(parser, 400, "the request target has a character that no URI may have, or no version follows it");
    }
}

static enum step scan_query(struct parser *parser, const struct head *head)
{
    bool has_ended = skip_run(parser, head, OCTET_QUERY);
    if (parser->scanned - parser->query_at > head->limits->query_bytes) {
        (void)parser_refuse_limit(parser, PARSER_LIMIT_QUERY, 414,
                                  "the query is longer than this gateway takes (limits.query_bytes)");
        return STEP_REFUSED;
    }
    if (!has_ended)
        return STEP_WAIT;
    if (head->at[parser->scanned] != ' ')
        return refuse(parser, 400, "the query has a character that no URI may have, or no version follows it");
    return end_target(parser, head);
}

static const struct slice VERSION_LINE = SLICE("HTTP/1.1\r\n");

/* One octet of the version and its line end, `place` places into it. */
static enum step version_octet(struct parser *parser, uint32_t place, char octet)
{
    enum { MAJOR = 5, MINOR = 7 };
    if ((place == MAJOR || place == MINOR) && octet_is(octet, OCTET_DIGIT)) {
        if (place == MAJOR && octet != '1')
            return refuse(parser, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
        if (place == MINOR)
            parser->is_http_1_0 = octet == '0'; /* a later minor version is read as ours (RFC 9110 section 2.5) */
        return STEP_ON;
    }
    if (octet != VERSION_LINE.at[place])
        return refuse(parser, 400, "the request line does not end in a version of HTTP");
    return STEP_ON;
}

static enum step scan_version(struct parser *parser, const struct head *head)
{
    struct slice rest = slice_make(head->at + parser->scanned, head->length - parser->scanned);
    if (parser->scanned == parser->mark && slice_starts_with(rest, VERSION_LINE)) /* what nearly all send, at once */
        parser->scanned += (uint32_t)VERSION_LINE.length;
    while (parser->scanned - parser->mark < VERSION_LINE.length) {
        if (parser->scanned == head->length)
            return STEP_WAIT;
        enum step step = version_octet(parser, parser->scanned - parser->mark, head->at[parser->scanned]);
        if (step != STEP_ON)
            return step;
        parser->scanned++;
    }
    parser->stage = STAGE_FIELD;
    return STEP_ON;
}

/* The beginning of a line: a field, or the end of the head. */
static enum step scan_field(struct parser *parser, const struct head *head)
{
    if (parser->scanned == head->length)
        return STEP_WAIT;
    if (head->at[parser->scanned] == '\r') {
        enum step step = expect_line_end(parser, head);
        if (step != STEP_ON)
            return step;
        if (!parser_fields_end(parser))
            return STEP_REFUSED;
        parser->scanned += 2;
        parser->stage = STAGE_DONE;
        return STEP_ON;
    }
    if (++parser->fields > PARSER_FIELDS_MAX)
        return refuse(parser, 431, "the request has more fields than this gateway takes (100)");
    parser->line_at = parser->scanned;
    parser->stage = STAGE_NAME;
    return STEP_ON;
}

static enum step scan_name(struct parser *parser, const struct head *head)
{
    if (!skip_run(parser, head, OCTET_TOKEN))
        return STEP_WAIT;
    /* Also a line that begins with a blank: folding is obsolete, and a blank before the colon hides a field from
     * others. */
    if (parser->scanned == parser->line_at || head->at[parser->scanned] != ':')
        return refuse(parser, 400, "a field line does not begin with a name and a colon");
    parser->mark = parser->scanned++;
    parser->stage = STAGE_VALUE;
    return STEP_ON;
}

static enum step scan_value(struct parser *parser, const struct head *head)
{
    if (!skip_run(parser, head, OCTET_VALUE))
        return STEP_WAIT;
    if (head->at[parser->scanned] != '\r')
        return refuse(parser, 400, "a field has a control character in its value");
    enum step step = expect_line_end(parser, head);
    if (step != STEP_ON)
        return step;
    struct slice name = slice_make(head->at + parser->line_at, parser->mark - parser->line_at);
    struct slice value = slice_trim(slice_make(head->at + parser->mark + 1, parser->scanned - parser->mark - 1));
    if (!parser_fields_take(parser, name, value, head->limits, head->request))
        return STEP_REFUSED;
    parser->scanned += 2;
    parser->stage = STAGE_FIELD;
    return STEP_ON;
}

static enum step scan_stage(struct parser *parser, const struct head *head)
{
    switch ((enum stage)parser->stage) {
    case STAGE_START:
        return scan_start(parser, head);
    case STAGE_METHOD:
        return scan_method(parser, head);
    case STAGE_PATH:
        return scan_path(parser, head);
    case STAGE_QUERY:
        return scan_query(parser, head);
    case STAGE_VERSION:
        return scan_version(parser, head);
    case STAGE_FIELD:
        return scan_field(parser, head);
    case STAGE_NAME:
        return scan_name(parser, head);
    case STAGE_VALUE:
        return scan_value(parser, head);
    case STAGE_DONE:
        break;
    }
    return STEP_WAIT;
}

/* Until the head is whole, refused, or at the end of what has come. */
static enum parser_verdict scan(struct parser *parser, const struct head *head)
{
    while (parser->stage != STAGE_DONE) {
        switch (scan_stage(parser, head)) {
        case STEP_ON:
            break;
        case STEP_REFUSED:
            return PARSER_REFUSED;
        case STEP_WAIT:
            if (head->length < head->limits->header_bytes)
                return PARSER_MORE;
            if (parser->stage < STAGE_FIELD)
                (void)parser_refuse_limit(parser, PARSER_LIMIT_HEADER, 414,
                                          "the request line is longer than this gateway takes (limits.header_bytes)");
            else
                (void)parser_refuse_limit(parser, PARSER_LIMIT_HEADER, 431,
                                          "the request's head is longer than this gateway takes (limits.header_bytes)");
            return PARSER_REFUSED;
        }
    }
    return PARSER_HEAD;
}

size_t parser_skip_empty_lines(struct parser *parser, struct slice bytes)
{
    uint8_t empty_lines = parser->empty_lines;
    size_t skipped = 0;
    while (skipped + 1 < bytes.length && bytes.at[skipped] == '\r')
        skipped += 2;
    if (skipped > 0) {
        parser_init(parser);
        parser->empty_lines = empty_lines;
    }
    return skipped;
}

enum parser_verdict parser_head(struct parser *parser, struct slice bytes, const struct parser_limits *limits,
                                struct request *request, struct buf *joined, size_t *head_length)
{
    bool came_in_pieces = parser->scanned > 0;
    size_t length = bytes.length < limits->header_bytes ? bytes.length : limits->header_bytes;
    struct head head = {.at = bytes.at, .length = length, .limits = limits, .request = request};
    *request = (struct request){.method = METHOD_OTHER};
    enum parser_verdict verdict = scan(parser, &head);
    if (verdict == PARSER_HEAD && came_in_pieces) {
        *request = (struct request){.method = METHOD_OTHER};
        parser_init(parser);
        verdict = scan(parser, &head);
        assert(verdict == PARSER_HEAD);
    }
    if (verdict != PARSER_HEAD) {
        request->method = parser->method;
        return verdict;
    }
    *head_length = parser->scanned;
    if (parser->repeated != 0 && !parser_fields_join(parser, slice_make(bytes.at, *head_length), request, joined))
        return PARSER_REFUSED;
    return PARSER_HEAD;
}
