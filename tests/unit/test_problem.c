/* SPDX-License-Identifier: MIT */
/* Problem details: every member as promised, and JSON whatever the texts hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/problem.h"

#include <jansson.h>
#include <stdio.h>

#define TYPES "https://iana.org/assignments/http-problem-types#"

static json_t *body(int status, const char *detail, const char *instance, const struct problem_extra *extra)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    problem_body(&out, status, detail, slice_of(instance), extra);
    assert_true(buf_ok(&out));
    json_error_t error;
    json_t *problem = json_loadb(out.bytes, out.length, JSON_REJECT_DUPLICATES, &error);
    if (problem == NULL)
        fail_msg("%s in %.*s", error.text, (int)out.length, out.bytes);
    buf_free(&out);
    return problem;
}

static const char *text(json_t *problem, const char *name)
{
    return json_string_value(json_object_get(problem, name));
}

static void test_members(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *type, *title;
    } ROWS[] = {
        {400, "about:blank", "Bad Request"},
        {401, "about:blank", "Unauthorized"},
        {404, "about:blank", "Not Found"},
        {405, "about:blank", "Method Not Allowed"},
        {408, "about:blank", "Request Timeout"},
        {413, "about:blank", "Content Too Large"},
        {414, "about:blank", "URI Too Long"},
        {417, "about:blank", "Expectation Failed"},
        {429, TYPES "quota-exceeded", NULL},
        {431, "about:blank", "Request Header Fields Too Large"},
        {500, "about:blank", "Internal Server Error"},
        {501, "about:blank", "Not Implemented"},
        {502, "about:blank", "Bad Gateway"},
        {503, TYPES "temporary-reduced-capacity", NULL},
        {504, "about:blank", "Gateway Timeout"},
        {505, "about:blank", "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        json_t *problem = body(ROWS[i].status, "why", "id-1", NULL);
        assert_int_equal(json_object_size(problem), 5);
        assert_string_equal(text(problem, "type"), ROWS[i].type);
        if (ROWS[i].title != NULL)
            assert_string_equal(text(problem, "title"), ROWS[i].title);
        else
            assert_true(strlen(text(problem, "title")) > 10);
        assert_int_equal(json_integer_value(json_object_get(problem, "status")), ROWS[i].status);
        assert_string_equal(text(problem, "detail"), "why");
        assert_string_equal(text(problem, "instance"), "id-1");
        json_decref(problem);
    }
}

static void test_bad_parameter(void **state)
{
    (void)state;
    struct query_error error = {.has_value = true};
    snprintf(error.parameter, sizeof(error.parameter), "WebHook_Name");
    snprintf(error.value, sizeof(error.value), "a\"b\\c\x01\xff\n");
    snprintf(error.expected, sizeof(error.expected), "text");
    struct problem_extra extra = {.query = &error};
    json_t *problem = body(400, "a \"quoted\" why", "id", &extra);
    assert_int_equal(json_object_size(problem), 8);
    assert_string_equal(text(problem, "detail"), "a \"quoted\" why");
    assert_string_equal(text(problem, "parameter"), "WebHook_Name");
    assert_string_equal(text(problem, "value"), "a\"b\\c\x01\xef\xbf\xbd\n");
    assert_string_equal(text(problem, "expected"), "text");
    json_decref(problem);

    error = (struct query_error){.has_value = true}; /* an empty value is a value; what is not known is left out */
    problem = body(400, "why", "id", &extra);
    assert_int_equal(json_object_size(problem), 6);
    assert_string_equal(text(problem, "value"), "");
    json_decref(problem);
}

static void test_violated_policy(void **state)
{
    (void)state;
    struct problem_extra extra = {.violated_policy = "misses"};
    json_t *problem = body(429, "why", "id", &extra);
    json_t *policies = json_object_get(problem, "violated-policies");
    assert_int_equal(json_array_size(policies), 1);
    assert_string_equal(json_string_value(json_array_get(policies, 0)), "misses");
    json_decref(problem);
}

/* What was written of another answer before is gone, but not the fields that go with the error. */
static void test_answer(void **state)
{
    (void)state;
    struct exchange *exchange = exchange_new();
    memcpy(exchange->id, "abc", 4);
    exchange->id_length = 3;
    buf_add_text(&exchange->answer.text, "half an answer");
    exchange->answer.body_count = 4;
    answer_field(&exchange->answer, "Allow", slice_of("GET"));
    problem_answer(exchange, 405, "why", NULL);
    assert_int_equal(exchange->answer.status, 405);
    assert_string_equal(exchange->answer.content_type, "application/problem+json");
    assert_int_equal(exchange->answer.body_count, 1);
    assert_int_equal(exchange->answer.body[0].length, exchange->answer.body_length);
    assert_true(slice_is(buf_slice(&exchange->answer.fields), "Allow: GET\r\n"));
    json_t *problem = json_loadb(exchange->answer.body[0].at, exchange->answer.body_length, 0, NULL);
    assert_non_null(problem);
    assert_string_equal(text(problem, "instance"), "abc");
    json_decref(problem);
    exchange_free(exchange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_bad_parameter),
        cmocka_unit_test(test_violated_policy),
        cmocka_unit_test(test_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
