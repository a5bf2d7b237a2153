/* SPDX-License-Identifier: MIT */
/* The parser: every vector whole, in every split of two pieces and byte by byte; what it keeps, its limits to the byte,
 * and how early it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/parser_body.h"
#include "unit/h1_vectors.h"

enum { SERVED = 404, LONG_VECTOR = 4096 };

static const struct parser_limits LIMITS = {
    .header_bytes = 16 * 1024, .query_bytes = 8 * 1024, .body_bytes = 64 * 1024};

/* A reader of one connection's bytes, in pieces, as a server would be. */
struct reader {
    struct parser parser;
    struct request request;
    struct buf joined;
    struct happened happened;
    size_t at; /* where the current head, or the rest of its body, begins */
    bool in_body;
};

static void reader_init(struct reader *reader)
{
    memset(reader, 0, sizeof(*reader));
    parser_init(&reader->parser);
    buf_init(&reader->joined, LIMITS.header_bytes + PARSER_JOINED_EXTRA);
}

static void note(struct reader *reader, int status)
{
    assert_true(reader->happened.count < VECTOR_ANSWERS_MAX);
    reader->happened.statuses[reader->happened.count++] = status;
}

static void serve(struct reader *reader)
{
    note(reader, SERVED);
    reader->happened.closed = !reader->parser.keep_alive;
    reader->in_body = false;
    parser_init(&reader->parser);
}

static enum parser_verdict step(struct reader *reader, struct slice there, size_t *used)
{
    if (reader->in_body)
        return parser_discard_body(&reader->parser, there, &LIMITS, used);
    enum parser_verdict verdict = parser_head(&reader->parser, there, &LIMITS, &reader->request, &reader->joined, used);
    if (verdict != PARSER_HEAD)
        *used = 0;
    else if (slice_starts_with(reader->request.path, slice_of("/smuggled")))
        reader->happened.smuggled = true;
    return verdict;
}

/* All that has come so far, in a block of its own so that reading past it is seen and no address stays. */
static void feed(struct reader *reader, const char *bytes, size_t length)
{
    char *copy = malloc(length + 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    copy = realloc(copy, length > 0 ? length : 1);
    while (reader->at < length && !reader->happened.closed) {
        size_t used = 0;
        enum parser_verdict verdict = step(reader, slice_make(copy + reader->at, length - reader->at), &used);
        reader->at += used;
        if (verdict == PARSER_REFUSED) {
            note(reader, reader->parser.status);
            assert_non_null(reader->parser.why);
            reader->happened.closed = true;
        } else if (verdict == PARSER_HEAD && !reader->in_body && reader->parser.body != PARSER_BODY_NONE) {
            if (reader->parser.expects_continue && reader->at == length)
                reader->happened.interims++;
            reader->in_body = true;
        } else if (verdict == PARSER_HEAD) {
            serve(reader);
        } else {
            break;
        }
    }
    free(copy);
}

/* `split` 0: whole; SIZE_MAX: byte by byte. */
static struct happened read_vector(const struct vector *vector, size_t split)
{
    struct reader reader;
    reader_init(&reader);
    const char *bytes = vector->raw.bytes;
    size_t length = vector->raw.length;
    if (split == SIZE_MAX) {
        for (size_t i = 1; i <= length; i++)
            feed(&reader, bytes, i);
    } else {
        if (split > 0)
            feed(&reader, bytes, split);
        feed(&reader, bytes, length);
    }
    buf_free(&reader.joined);
    return reader.happened;
}

static void assert_same(const struct vector *vector, size_t split, const struct happened *whole,
                        const struct happened *parts)
{
    if (whole->count != parts->count || whole->closed != parts->closed || whole->smuggled != parts->smuggled ||
        memcmp(whole->statuses, parts->statuses, sizeof(whole->statuses)) != 0)
        fail_msg("%s: split at %zu differs: %zu answers, first %d; whole: %zu, %d", vector->name, split, parts->count,
                 parts->statuses[0], whole->count, whole->statuses[0]);
}

static void test_vectors(void **state)
{
    (void)state;
    struct vectors *vectors = vectors_read();
    size_t runs = 0;
    assert_true(vectors->count > 250);
    for (size_t i = 0; i < vectors->count; i++) {
        const struct vector *vector = &vectors->list[i];
        size_t length = vector->raw.length;
        struct happened whole = read_vector(vector, 0);
        const char *wrong = vector_judge(vector, &whole);
        if (wrong != NULL)
            fail_msg("%s: %s (%zu answers, first %d)", vector->name, wrong, whole.count, whole.statuses[0]);
        struct happened bytewise = read_vector(vector, SIZE_MAX);
        assert_same(vector, SIZE_MAX, &whole, &bytewise);
        for (size_t split = 1; split < length; split++) {
            bool near_an_end = split < LONG_VECTOR / 4 || length - split < LONG_VECTOR / 4;
            if (length > LONG_VECTOR && !near_an_end && split % 97 != 0)
                continue;
            struct happened parts = read_vector(vector, split);
            assert_same(vector, split, &whole, &parts);
            runs++;
        }
    }
    print_message("note: %zu raw request vectors, %zu splits in two, and each byte by byte, through the parser\n",
                  vectors->count, runs);
    vectors_free(vectors);
}

/* One head, whole or in pieces of `piece` bytes. */
struct parsed {
    struct parser parser;
    struct request request;
    struct buf joined;
    size_t length;
    enum parser_verdict verdict;
};

static struct parsed parse_limited(const char *text, size_t length, size_t piece, const struct parser_limits *limits)
{
    struct parsed parsed = {.verdict = PARSER_MORE};
    parser_init(&parsed.parser);
    buf_init(&parsed.joined, limits->header_bytes + PARSER_JOINED_EXTRA);
    for (size_t there = 0; there < length && parsed.verdict == PARSER_MORE;) {
        there = length - there < piece ? length : there + piece;
        parsed.verdict = parser_head(&parsed.parser, slice_make(text, there), limits, &parsed.request, &parsed.joined,
                                     &parsed.length);
    }
    return parsed;
}

static struct parsed parse(const char *text, size_t piece)
{
    return parse_limited(text, strlen(text), piece, &LIMITS);
}

static void assert_slice(struct slice slice, const char *text)
{
    if (text == NULL) {
        assert_null(slice.at);
        return;
    }
    assert_non_null(slice.at);
    if (!slice_is(slice, text))
        fail_msg("'%.*s' is not '%s'", (int)slice.length, slice.at, text);
}

static void test_keeps_what_handlers_want(void **state)
{
    (void)state;
    static const char HEAD[] = "GET /api/sys/webhooks?page=2&size=5 HTTP/1.1\r\n"
                               "host: gate:8080\r\nAUTHORIZATION:Bearer abc\r\nx-api-KEY: \t k1 \t\r\n"
                               "Cache-Control: no-cache\r\nAccept: */*\r\nPragma: p\r\nIf-None-Match: \"a\"\r\n"
                               "X-Request-Id: r-1\r\nPrefer: wait=5\r\ntraceparent: 00-1-2-3\r\n"
                               "origin: null\r\nSec-Fetch-Site: none\r\n\r\n";
    static const size_t PIECES[] = {1, 7, sizeof(HEAD)};
    for (size_t i = 0; i < sizeof(PIECES) / sizeof(PIECES[0]); i++) {
        struct parsed parsed = parse(HEAD, PIECES[i]);
        assert_int_equal(parsed.verdict, PARSER_HEAD);
        assert_int_equal(parsed.length, strlen(HEAD));
        assert_int_equal(parsed.request.method, METHOD_GET);
        assert_slice(parsed.request.method_text, "GET");
        assert_slice(parsed.request.path, "/api/sys/webhooks");
        assert_slice(parsed.request.query, "page=2&size=5");
        assert_slice(parsed.request.authorization, "Bearer abc");
        assert_slice(parsed.request.api_key, "k1");
        assert_slice(parsed.request.cache_control, "no-cache");
        assert_slice(parsed.request.pragma, "p");
        assert_slice(parsed.request.if_none_match, "\"a\"");
        assert_slice(parsed.request.request_id, "r-1");
        assert_slice(parsed.request.prefer, "wait=5");
        assert_slice(parsed.request.traceparent, "00-1-2-3");
        assert_slice(parsed.request.host, "gate:8080");
        assert_slice(parsed.request.origin, "null");
        assert_slice(parsed.request.fetch_site, "none");
        assert_true(parsed.parser.keep_alive);
        assert_int_equal(parsed.parser.body, PARSER_BODY_NONE);
        buf_free(&parsed.joined);
    }
}

/* RFC 9112 section 3.2.2. */
static void test_an_absolute_target_says_which_host_is_meant(void **state)
{
    (void)state;
    static const struct {
        const char *head, *host;
    } ROWS[] = {
        {"GET http://a:80/p HTTP/1.1\r\nHost: b\r\n\r\n", "a:80"},
        {"GET HTTPS://[::1]/p?q HTTP/1.1\r\nX: y\r\nHost:\r\n\r\n", "[::1]"},
        {"GET http://a?q HTTP/1.0\r\n\r\n", "a"},
        {"GET /http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "b"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        for (size_t piece = 1; piece <= strlen(ROWS[i].head); piece++) {
            struct parsed parsed = parse(ROWS[i].head, piece);
            assert_int_equal(parsed.verdict, PARSER_HEAD);
            assert_slice(parsed.request.host, ROWS[i].host);
        }
    }
    /* It is no excuse for a field that is missing, bad, or there twice. */
    assert_int_equal(parse("GET http://a/ HTTP/1.1\r\n\r\n", 1000).parser.status, 400);
    assert_int_equal(parse("GET http://a/ HTTP/1.1\r\nHost: b c\r\n\r\n", 1000).parser.status, 400);
    assert_int_equal(parse("GET http://a/ HTTP/1.1\r\nHost: b\r\nHost: b\r\n\r\n", 1000).parser.status, 400);
}

static void test_absent_is_null_and_empty_is_not(void **state)
{
    (void)state;
    struct parsed parsed = parse("GET /p? HTTP/1.1\r\nHost:\r\nPragma:\r\n\r\n", 1000);
    assert_int_equal(parsed.verdict, PARSER_HEAD);
    assert_slice(parsed.request.query, "");
    assert_slice(parsed.request.pragma, "");
    assert_slice(parsed.request.cache_control, NULL);
    assert_slice(parsed.request.authorization, NULL);
    parsed = parse("GET /p HTTP/1.1\r\nHost: h\r\n\r\n", 1000);
    assert_slice(parsed.request.query, NULL);
}

static void test_joins_lists(void **state)
{
    (void)state;
    static const char HEAD[] =
        "GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"a\"\r\nCache-Control: no-cache\r\nX: y\r\n"
        "if-none-match:W/\"b\" \r\ncache-control:\r\nCACHE-CONTROL: max-age=0\r\nIf-None-Match: \"c\"\r\n"
        "X-Request-Id: one\r\nX-Request-Id: two\r\nPragma: alone\r\n\r\n";
    for (size_t piece = 1; piece < sizeof(HEAD); piece += 13) {
        struct parsed parsed = parse(HEAD, piece);
        assert_int_equal(parsed.verdict, PARSER_HEAD);
        assert_slice(parsed.request.if_none_match, "\"a\", W/\"b\", \"c\"");
        assert_slice(parsed.request.cache_control, "no-cache, , max-age=0");
        assert_slice(parsed.request.request_id, "one, two");
        assert_slice(parsed.request.pragma, "alone");
        buf_free(&parsed.joined);
    }
}

static void test_targets(void **state)
{
    (void)state;
    static const struct {
        const char *line, *path, *query;
    } ROWS[] = {
        {"GET / HTTP/1.1", "/", NULL},
        {"GET //a/b HTTP/1.1", "//a/b", NULL},
        {"GET /a?b?c HTTP/1.1", "/a", "b?c"},
        {"GET http://h/a?b HTTP/1.1", "/a", "b"},
        {"GET https://h:1 HTTP/1.1", "/", NULL},
        {"GET http://h?q HTTP/1.1", "/", "q"},
        {"GET HtTp://[::1]:80/x/ HTTP/1.1", "/x/", NULL},
        {"OPTIONS * HTTP/1.1", "*", NULL},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char head[200];
        snprintf(head, sizeof(head), "%s\r\nHost: h\r\n\r\n", ROWS[i].line);
        for (size_t piece = 1; piece < 100; piece += 33) {
            struct parsed parsed = parse(head, piece);
            assert_int_equal(parsed.verdict, PARSER_HEAD);
            assert_slice(parsed.request.path, ROWS[i].path);
            assert_slice(parsed.request.query, ROWS[i].query);
        }
    }
}

static void test_methods(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum exchange_method method;
    } ROWS[] = {{"GET", METHOD_GET},   {"HEAD", METHOD_HEAD},  {"POST", METHOD_POST},
                {"get", METHOD_OTHER}, {"GETS", METHOD_OTHER}, {"DELETE", METHOD_OTHER}};
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char head[100];
        snprintf(head, sizeof(head), "%s / HTTP/1.1\r\nHost: h\r\n\r\n", ROWS[i].text);
        struct parsed parsed = parse(head, 1000);
        assert_int_equal(parsed.verdict, PARSER_HEAD);
        assert_int_equal(parsed.request.method, ROWS[i].method);
        assert_slice(parsed.request.method_text, ROWS[i].text);
    }
    struct parsed refused = parse("HEAD / HTTP/1.1\r\nHost: h\r\nbad\r\n\r\n", 3);
    assert_int_equal(refused.verdict, PARSER_REFUSED);
    assert_int_equal(refused.request.method, METHOD_HEAD); /* so that the refusal carries no body */
}

static void test_persistence(void **state)
{
    (void)state;
    static const struct {
        const char *version, *fields;
        bool keep_alive;
    } ROWS[] = {
        {"1.1", "", true},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: keep-alive\r\n", true},
        {"1.1", "Connection: keep-alive, Close\r\n", false},
        {"1.1", "Connection: x\r\nConnection: ,close ,\r\n", false},
        {"1.1", "Connection: close-not\r\n", true},
        {"1.7", "", true},
        {"1.0", "", false},
        {"1.0", "Connection: Keep-Alive\r\n", true},
        {"1.0", "Connection: keep-alive\r\nConnection: close\r\n", false},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char head[200];
        snprintf(head, sizeof(head), "GET / HTTP/%s\r\nHost: h\r\n%s\r\n", ROWS[i].version, ROWS[i].fields);
        struct parsed parsed = parse(head, 1000);
        assert_int_equal(parsed.verdict, PARSER_HEAD);
        assert_int_equal(parsed.parser.keep_alive, ROWS[i].keep_alive);
        assert_int_equal(parsed.parser.is_http_1_0, strcmp(ROWS[i].version, "1.0") == 0);
    }
}

/* How many bytes must have come before the head is refused: the one that is wrong is the last one needed. */
static void test_refuses_at_once(void **state)
{
    (void)state;
    static const struct {
        const char *bytes; /* up to and with the first wrong octet */
        int status;
    } ROWS[] = {
        {"\n", 400},
        {"\rG", 400},
        {"\x16", 400},
        {" ", 400},
        {"GET\t", 400},
        {"GET  ", 400},
        {"GET /a#", 400},
        {"GET /a\r", 400},
        {"GET /a?b\"", 400},
        {"GET ftp://h/ ", 400},
        {"CONNECT h:1 ", 400},
        {"GET / h", 400},
        {"GET / HTTP/2", 505},
        {"GET / HTTP/1.1 ", 400},
        {"GET / HTTP/1.1\n", 400},
        {"GET / HTTP/1.1\r\r", 400},
        {"GET / HTTP/1.1\r\n ", 400},
        {"GET / HTTP/1.1\r\n:", 400},
        {"GET / HTTP/1.1\r\nA ", 400},
        {"GET / HTTP/1.1\r\nA: b\n", 400},
        {"GET / HTTP/1.1\r\nA: b\rc", 400},
        {"GET / HTTP/1.1\r\nHost: a b\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400},
        {"GET / HTTP/1.1\r\nContent-Length: x\r\n", 400},
        {"GET / HTTP/1.1\r\nContent-Length: 65537\r\n", 413},
        {"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400},
        {"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n", 501},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400},
        {"GET / HTTP/1.1\r\nExpect: x\r\n", 417},
        {"GET / HTTP/1.1\r\nAuthorization: a\r\nAuthorization: a\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        size_t length = strlen(ROWS[i].bytes);
        for (size_t there = 1; there < length; there++) {
            struct parsed parsed = parse_limited(ROWS[i].bytes, there, 1, &LIMITS);
            if (parsed.verdict != PARSER_MORE)
                fail_msg("row %zu: refused after %zu of %zu bytes", i, there, length);
        }
        struct parsed parsed = parse_limited(ROWS[i].bytes, length, 1, &LIMITS);
        if (parsed.verdict != PARSER_REFUSED || parsed.parser.status != ROWS[i].status)
            fail_msg("row %zu: verdict %d, status %d", i, (int)parsed.verdict, parsed.parser.status);
    }
}

static void fill(struct buf *head, const char *before, char letter, size_t count, const char *after)
{
    buf_init(head, 1024 * 1024);
    buf_add_text(head, before);
    for (size_t i = 0; i < count; i++)
        buf_add_char(head, letter);
    buf_add_text(head, after);
}

static int status_of(const struct buf *head, size_t piece, const struct parser_limits *limits)
{
    struct parsed parsed = parse_limited(head->bytes, head->length, piece, limits);
    return parsed.verdict == PARSER_REFUSED ? parsed.parser.status : parsed.verdict == PARSER_HEAD ? 0 : -1;
}

/* At the limit it is taken, one byte past it is not, whatever the pieces. */
static void test_limits_to_the_byte(void **state)
{
    (void)state;
    static const struct parser_limits SMALL = {.header_bytes = 300, .query_bytes = 100, .body_bytes = 10};
    static const struct {
        const char *before, *after;
        size_t most; /* letters that just fit */
        int status;
    } ROWS[] = {
        {"GET /?", " HTTP/1.1\r\nHost: h\r\n\r\n", 100, 414},
        {"GET /", " HTTP/1.1\r\nHost: h\r\n\r\n", 300 - 5 - 22, 431}, /* the line fits, the head does not */
        {"GET / HTTP/1.1\r\nHost: h\r\nX: ", "\r\n\r\n", 300 - 28 - 4, 431},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        for (size_t piece = 1; piece < 700; piece = piece * 3 + 1) {
            struct buf head;
            fill(&head, ROWS[i].before, 'x', ROWS[i].most, ROWS[i].after);
            assert_int_equal(status_of(&head, piece, &SMALL), 0);
            buf_free(&head);
            fill(&head, ROWS[i].before, 'x', ROWS[i].most + 1, ROWS[i].after);
            assert_int_equal(status_of(&head, piece, &SMALL), ROWS[i].status);
            buf_free(&head);
            fill(&head, ROWS[i].before, 'x', 5000, ROWS[i].after);
            assert_int_equal(status_of(&head, piece, &SMALL), i == 1 ? 414 : ROWS[i].status);
            buf_free(&head);
        }
    }
}

static void test_field_count(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct buf head;
        fill(&head, "GET / HTTP/1.1\r\nHost: h\r\n", 'x', 0, "");
        for (int i = 1; i < PARSER_FIELDS_MAX + extra; i++)
            buf_add_text(&head, "a:b\r\n");
        buf_add_text(&head, "\r\n");
        assert_int_equal(status_of(&head, 11, &LIMITS), extra == 0 ? 0 : 431);
        buf_free(&head);
    }
}

static void test_empty_lines(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        struct buf head;
        fill(&head, "", 'x', 0, "");
        for (int i = 0; i < PARSER_EMPTY_LINES_MAX + extra; i++)
            buf_add_text(&head, "\r\n");
        buf_add_text(&head, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        assert_int_equal(status_of(&head, 1, &LIMITS), extra == 0 ? 0 : 400);
        assert_int_equal(status_of(&head, 100, &LIMITS), extra == 0 ? 0 : 400);
        buf_free(&head);
    }
}

/* The verdict over a chunked body, in pieces; `*used` of it. 0: over; -1: more; else the status. */
static int chunks(const char *body, size_t piece, size_t *used)
{
    static const struct parser_limits SMALL = {.header_bytes = 300, .query_bytes = 100, .body_bytes = 40};
    struct parsed parsed =
        parse_limited("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", 57, 1000, &SMALL);
    assert_int_equal(parsed.verdict, PARSER_HEAD);
    assert_int_equal(parsed.parser.body, PARSER_BODY_CHUNKED);
    size_t length = strlen(body);
    enum parser_verdict verdict = PARSER_MORE;
    for (*used = 0; *used < length && verdict == PARSER_MORE;) {
        size_t there = length - *used < piece ? length - *used : piece, taken = 0;
        verdict = parser_discard_body(&parsed.parser, slice_make(body + *used, there), &SMALL, &taken);
        assert_true(taken <= there);
        assert_true(taken == there || verdict != PARSER_MORE);
        *used += taken;
    }
    return verdict == PARSER_HEAD ? 0 : verdict == PARSER_MORE ? -1 : parsed.parser.status;
}

static void test_chunks(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int result;
        size_t used; /* when it is over */
    } ROWS[] = {
        {"0\r\n\r\n", 0, 5},
        {"00000\r\n\r\nGET", 0, 9},
        {"5\r\nhello\r\n0\r\n\r\nGET /", 0, 15},
        {"a\r\n0123456789\r\n1E\r\n012345678901234567890123456789\r\n0\r\n\r\n", 0, 56},
        {"28\r\n0123456789012345678901234567890123456789\r\n0\r\nA: b\r\nC:\r\n\r\nx", 0, 61},
        {"29\r\n", 413, 0},
        {"20\r\n01234567890123456789012345678901\r\n9\r\n", 413, 0},
        {"fffffffffffffffffffffff\r\n", 413, 0},
        {"5;x=\"y z\"\r\nhello\r\n0\r\n\r\n", 0, 23},
        {"5\r\nhel", -1, 0},
        {"5\r\nhello\r\n0\r\n", -1, 0},
        {"5\r\nhelloX", 400, 0},
        {"5\r\nhello\rX", 400, 0},
        {"5 \r\n", 400, 0},
        {"g\r\n", 400, 0},
        {"\r\n", 400, 0},
        {"5\n", 400, 0},
        {"5;a\001", 400, 0},
        {"0\r\nA b: c\r\n\r\n", 400, 0},
        {"0\r\n A: c\r\n\r\n", 400, 0},
        {"0\r\nA: c\n", 400, 0},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        for (size_t piece = 1; piece < 80; piece++) {
            size_t used = 0;
            int result = chunks(ROWS[i].body, piece, &used);
            if (result != ROWS[i].result || (result == 0 && used != ROWS[i].used))
                fail_msg("row %zu in pieces of %zu: %d, used %zu", i, piece, result, used);
        }
    }
}

static void test_chunk_lines_are_bounded(void **state)
{
    (void)state;
    for (size_t extra = 0; extra < 2; extra++) {
        struct buf body;
        size_t used = 0;
        fill(&body, "1;", 'e', PARSER_CHUNK_LINE_MAX - 4 + extra, "\r\nx\r\n0\r\n\r\n");
        buf_add_char(&body, '\0');
        assert_int_equal(chunks(body.bytes, 100, &used), extra == 0 ? 0 : 400);
        buf_free(&body);
        fill(&body, "0\r\nA:", 't', PARSER_TRAILER_MAX - 6 + extra, "\r\n\r\n");
        buf_add_char(&body, '\0');
        assert_int_equal(chunks(body.bytes, 100, &used), extra == 0 ? 0 : 431);
        buf_free(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_keeps_what_handlers_want),
        cmocka_unit_test(test_an_absolute_target_says_which_host_is_meant),
        cmocka_unit_test(test_absent_is_null_and_empty_is_not),
        cmocka_unit_test(test_joins_lists),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_persistence),
        cmocka_unit_test(test_refuses_at_once),
        cmocka_unit_test(test_limits_to_the_byte),
        cmocka_unit_test(test_field_count),
        cmocka_unit_test(test_empty_lines),
        cmocka_unit_test(test_chunks),
        cmocka_unit_test(test_chunk_lines_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
