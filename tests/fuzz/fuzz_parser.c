/* SPDX-License-Identifier: MIT */
/* Any bytes as requests on one connection: fed whole and fed in two pieces (the first byte says where) they must be
 * read alike. */
#include "front/parser.h"
#include "front/parser_body.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct parser_limits LIMITS = {.header_bytes = 2048, .query_bytes = 512, .body_bytes = 1024};

static uint64_t mix(uint64_t sum, struct slice bytes)
{
    sum = sum * 31 + bytes.length;
    for (size_t i = 0; i < bytes.length; i++)
        sum = sum * 31 + (unsigned char)bytes.at[i];
    return sum;
}

/* Everything the parser says about the first request of `bytes`, as one number. */
static uint64_t read_request(struct slice bytes, size_t first)
{
    struct parser parser;
    struct request request;
    struct buf joined;
    size_t head = 0, used = 0;
    uint64_t sum = 1;
    parser_init(&parser);
    buf_init(&joined, LIMITS.header_bytes + PARSER_JOINED_EXTRA);
    enum parser_verdict verdict = parser_head(&parser, slice_make(bytes.at, first), &LIMITS, &request, &joined, &head);
    if (verdict == PARSER_MORE)
        verdict = parser_head(&parser, bytes, &LIMITS, &request, &joined, &head);
    if (verdict == PARSER_HEAD) {
        assert(head <= bytes.length);
        struct slice fields[] = {request.method_text, request.path,          request.query,  request.authorization,
                                 request.api_key,     request.cache_control, request.pragma, request.if_none_match,
                                 request.request_id,  request.prefer,        request.host,   request.origin,
                                 request.fetch_site};
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
            sum = mix(sum, fields[i]);
        if (parser.body != PARSER_BODY_NONE) {
            verdict = parser_discard_body(&parser, slice_make(bytes.at + head, bytes.length - head), &LIMITS, &used);
            assert(used <= bytes.length - head);
        }
        sum = sum * 31 + head + used + parser.keep_alive;
    }
    sum = sum * 31 + (uint64_t)verdict * 1000 + (verdict == PARSER_REFUSED ? (uint64_t)parser.status : 0);
    buf_free(&joined);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct slice bytes = slice_make((const char *)data + 1, size - 1);
    assert(read_request(bytes, bytes.length) == read_request(bytes, data[0] % bytes.length));
    return 0;
}
