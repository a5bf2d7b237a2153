/* SPDX-License-Identifier: MIT */
/* The head of an answer, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/respond.h"

static const struct respond_date DATE = {.second = 1, .text = "Thu, 01 Jan 1970 00:00:01 GMT"};

struct row {
    int status;
    enum exchange_method method;
    const char *type;
    size_t length;
    bool keep_alive, is_http_1_0;
    const char *fields;
    const char *head;
    bool has_body;
};

#define D "Date: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
#define ID "X-Request-Id: id-1\r\n"

static const struct row ROWS[] = {
    {200, METHOD_GET, "text/plain", 5, true, false, "",
     "HTTP/1.1 200 OK\r\n" D "Content-Type: text/plain\r\nContent-Length: 5\r\n" ID "\r\n", true},
    {200, METHOD_HEAD, "text/plain", 12345678, true, false, "",
     "HTTP/1.1 200 OK\r\n" D "Content-Type: text/plain\r\nContent-Length: 12345678\r\n" ID "\r\n", false},
    {200, METHOD_GET, NULL, 0, true, false, "", "HTTP/1.1 200 OK\r\n" D "Content-Length: 0\r\n" ID "\r\n", true},
    {304, METHOD_GET, "text/plain", 5, true, false, "ETag: \"e\"\r\n",
     "HTTP/1.1 304 Not Modified\r\n" D ID "ETag: \"e\"\r\n\r\n", false},
    {204, METHOD_GET, NULL, 0, true, false, "", "HTTP/1.1 204 No Content\r\n" D ID "\r\n", false},
    {404, METHOD_GET, "a/b", 1, false, false, "",
     "HTTP/1.1 404 Not Found\r\n" D "Content-Type: a/b\r\nContent-Length: 1\r\n" ID "Connection: close\r\n\r\n", true},
    {200, METHOD_GET, "a/b", 1, true, true, "",
     "HTTP/1.1 200 OK\r\n" D "Content-Type: a/b\r\nContent-Length: 1\r\n" ID "Connection: keep-alive\r\n\r\n", true},
    {200, METHOD_GET, "a/b", 1, false, true, "",
     "HTTP/1.1 200 OK\r\n" D "Content-Type: a/b\r\nContent-Length: 1\r\n" ID "Connection: close\r\n\r\n", true},
    {599, METHOD_GET, NULL, 0, true, false, "A: b\r\nC: d\r\n",
     "HTTP/1.1 599 Unknown\r\n" D "Content-Length: 0\r\n" ID "A: b\r\nC: d\r\n\r\n", true},
};

static void test_heads(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        const struct row *row = &ROWS[i];
        struct exchange *exchange = exchange_new();
        struct buf out;
        buf_init(&out, RESPOND_HEAD_MAX);
        memcpy(exchange->id, "id-1", 5);
        exchange->id_length = 4;
        exchange->request.method = row->method;
        exchange->answer.status = row->status;
        exchange->answer.content_type = row->type;
        exchange->answer.body_length = row->length;
        buf_add_text(&exchange->answer.fields, row->fields);
        respond_head(&out, exchange, &DATE, row->keep_alive, row->is_http_1_0);
        if (!slice_is(buf_slice(&out), row->head))
            fail_msg("row %zu: %.*s", i, (int)out.length, out.bytes);
        assert_int_equal(respond_has_body(exchange), row->has_body);
        buf_free(&out);
        exchange_free(exchange);
    }
}

/* The longest head that can be fits the room that is kept for one. */
static void test_longest_head(void **state)
{
    (void)state;
    struct exchange *exchange = exchange_new();
    struct buf out;
    buf_init(&out, RESPOND_HEAD_MAX);
    memset(exchange->id, 'i', EXCHANGE_ID_MAX);
    exchange->id_length = EXCHANGE_ID_MAX;
    exchange->answer.status = 431;
    exchange->answer.content_type = "application/problem+json; charset=utf-8; and=something-long";
    exchange->answer.body_length = SIZE_MAX;
    while (exchange->answer.fields.length < EXCHANGE_FIELDS_MAX)
        buf_add_char(&exchange->answer.fields, 'f');
    respond_head(&out, exchange, &DATE, true, true);
    assert_true(buf_ok(&out));
    assert_true(out.length > EXCHANGE_FIELDS_MAX);
    buf_free(&out);
    exchange_free(exchange);
}

static void test_dates(void **state)
{
    (void)state;
    static const struct {
        int64_t second;
        const char *text;
    } DATES[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},          {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},  {1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
        {4102444800, "Fri, 01 Jan 2100 00:00:00 GMT"},
    };
    struct respond_date date = {0};
    for (size_t i = 0; i < sizeof(DATES) / sizeof(DATES[0]); i++) {
        respond_date_update(&date, DATES[i].second * CLOCK_SECOND + 999999);
        assert_string_equal(date.text, DATES[i].text);
        respond_date_update(&date, DATES[i].second * CLOCK_SECOND);
        assert_string_equal(date.text, DATES[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_longest_head),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
