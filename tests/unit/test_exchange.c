/* SPDX-License-Identifier: MIT */
/* The exchange: used again, it remembers nothing and keeps little. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/exchange.h"

static int finished;

static void on_finish(struct exchange *exchange)
{
    finished++;
    assert_null(exchange->on_finish); /* not called again, whatever it does */
    assert_ptr_equal(exchange->state, &finished);
}

static void on_answer(struct exchange *exchange)
{
    (void)exchange;
}

static void fill(struct exchange *exchange)
{
    exchange->request.method = METHOD_POST;
    exchange->request.path = slice_of("/p");
    exchange->request.came_us = 5;
    memcpy(exchange->id, "id", 3);
    exchange->id_length = 2;
    exchange->answer.status = 200;
    exchange->answer.close = true;
    exchange->outcome.kind = OUTCOME_HIT;
    exchange->outcome.step_us[STEP_FETCHER] = 3;
    exchange->on_answer = on_answer;
    exchange->state = &finished;
    exchange->on_finish = on_finish;
    answer_field(&exchange->answer, "X-A", slice_of("b"));
    buf_add_text(&exchange->answer.text, "text");
    answer_body_text(&exchange->answer, "text/plain");
}

static void test_reset_forgets(void **state)
{
    (void)state;
    struct exchange *exchange = exchange_new();
    finished = 0;
    fill(exchange);
    char *memory = exchange->answer.text.bytes;
    size_t text_max = exchange->answer.text.max;
    exchange->answer.text.max = 1000 * 1000; /* a handler with a large answer */
    exchange_reset(exchange);
    assert_int_equal(finished, 1);
    assert_null(exchange->request.path.at);
    assert_int_equal(exchange->request.came_us, 0);
    assert_int_equal(exchange->id_length, 0);
    assert_int_equal(exchange->answer.status, 0);
    assert_int_equal(exchange->answer.body_count, 0);
    assert_int_equal(exchange->answer.body_length, 0);
    assert_null(exchange->answer.content_type);
    assert_false(exchange->answer.close);
    assert_int_equal(exchange->outcome.kind, OUTCOME_OTHER);
    assert_null(exchange->on_answer);
    assert_null(exchange->state);
    assert_int_equal(exchange->answer.fields.length, 0);
    assert_int_equal(exchange->answer.text.length, 0);
    assert_ptr_equal(exchange->answer.text.bytes, memory); /* so that the next answer allocates nothing */
    assert_int_equal(exchange->answer.text.max, text_max);
    exchange_reset(exchange);
    assert_int_equal(finished, 1);
    fill(exchange);
    exchange_free(exchange);
    assert_int_equal(finished, 2);
    exchange_free(NULL);
}

static void test_reset_gives_large_memory_back(void **state)
{
    (void)state;
    struct exchange *exchange = exchange_new();
    for (int i = 0; i < 100 * 1000; i++)
        buf_add_char(&exchange->answer.text, 'x');
    for (int i = 0; i < EXCHANGE_FIELDS_MAX + 1; i++)
        buf_add_char(&exchange->answer.fields, 'x');
    assert_true(buf_ok(&exchange->answer.text));
    assert_false(buf_ok(&exchange->answer.fields));
    exchange_reset(exchange);
    assert_true(exchange->answer.text.capacity <= 16 * 1024);
    assert_true(buf_ok(&exchange->answer.fields));
    exchange_free(exchange);
}

static void test_fields_and_body(void **state)
{
    (void)state;
    struct exchange *exchange = exchange_new();
    answer_field(&exchange->answer, "Retry-After", slice_of("3"));
    answer_field(&exchange->answer, "X-Empty", slice_make(NULL, 0));
    assert_true(slice_is(buf_slice(&exchange->answer.fields), "Retry-After: 3\r\nX-Empty: \r\n"));
    buf_add_text(&exchange->answer.text, "hello");
    answer_body_text(&exchange->answer, "text/plain");
    assert_int_equal(exchange->answer.body_count, 1);
    assert_int_equal(exchange->answer.body_length, 5);
    assert_true(slice_is(exchange->answer.body[0], "hello"));
    assert_string_equal(exchange->answer.content_type, "text/plain");
    exchange_free(exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reset_forgets),
        cmocka_unit_test(test_reset_gives_large_memory_back),
        cmocka_unit_test(test_fields_and_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
