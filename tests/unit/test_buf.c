/* SPDX-License-Identifier: MIT */
/* Buffers: ceilings, numbers, JSON strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/random.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

static void expect(struct buf *buf, const char *text)
{
    assert_true(buf_ok(buf));
    if (!slice_is(buf_slice(buf), text))
        fail_msg("expected %s, got %.*s", text, (int)buf->length, buf->bytes);
    buf_reset(buf);
}

static void adds_what_is_given(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    buf_add_text(&buf, "a");
    buf_add_char(&buf, 'b');
    buf_add(&buf, slice_make(NULL, 0));
    buf_add_unsigned(&buf, UINT64_MAX);
    expect(&buf, "ab18446744073709551615");
    buf_add_integer(&buf, INT64_MIN);
    buf_add_integer(&buf, 0);
    buf_add_integer(&buf, INT64_MAX);
    expect(&buf, "-922337203685477580809223372036854775807");
    buf_format(&buf, "%s-%d", "x", 5);
    expect(&buf, "x-5");
    for (int i = 0; i < 100; i++) /* through several growths */
        buf_format(&buf, "%04d,%s", i, "tail;");
    assert_int_equal(buf.length, 1000);
    for (int i = 0; i < 100; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%04d,tail;", i);
        assert_memory_equal(buf.bytes + 10 * i, text, 10);
    }
    buf_reset(&buf);
    buf_free(&buf);
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max++) {
        struct buf buf;
        buf_init(&buf, max);
        for (size_t i = 0; i < max; i++)
            buf_add_char(&buf, 'x');
        assert_true(buf_ok(&buf));
        assert_int_equal(buf.length, max);
        buf_add_char(&buf, 'y');
        assert_false(buf_ok(&buf));
        assert_int_equal(buf.length, max);
        assert_null(buf_room(&buf, 0)); /* once over, always over */
        buf_reset(&buf);
        assert_true(buf_ok(&buf));
        buf_free(&buf);
    }
    struct buf buf;
    buf_init(&buf, 5);
    buf_add_text(&buf, "123456");
    assert_false(buf_ok(&buf));
    buf_free(&buf);
    buf_format(&buf, "%s", "123456");
    assert_false(buf_ok(&buf));
    buf_free(&buf);
    assert_null(buf_room(&buf, SIZE_MAX));
    buf_free(&buf);
}

static void json_strings_are_safe(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } ROWS[] = {
        {"", "\"\""},
        {"plain ~", "\"plain ~\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\r\t\x01\x7f", "\"\\n\\r\\t\\u0001\\u007f\""},
        {"caf\xC3\xA9 \xF0\x9F\x98\x80", "\"caf\xC3\xA9 \xF0\x9F\x98\x80\""},
        {"\xC3", "\"\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xC2\x85\xC2\x9B\u00a0", "\"\\u0085\\u009b\u00a0\""}, /* commands to terminals; not the blank behind them */
        {"\u2027\u2028\u2029\u202a", "\"\u2027\\u2028\\u2029\u202a\""},
    };
    struct buf buf;
    buf_init(&buf, 1000);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        buf_add_json(&buf, slice_of(ROWS[i].text));
        expect(&buf, ROWS[i].json);
    }
    buf_free(&buf);
}

static void fitting_keeps_the_content(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100000);
    for (int i = 0; i < 1000; i++)
        buf_add_char(&buf, 'x');
    assert_true(buf.capacity > 1000);
    buf_fit(&buf);
    assert_int_equal(buf.capacity, 1000);
    assert_int_equal(buf.length, 1000);
    buf_add_text(&buf, "y"); /* and it can still grow */
    assert_true(buf_ok(&buf));
    assert_int_equal(buf.bytes[999], 'x');
    assert_int_equal(buf.bytes[1000], 'y');
    buf_free(&buf);
    buf_fit(&buf);
    assert_int_equal(buf.length, 0);
    buf_free(&buf);
}

static void taking_empties_the_giver(void **state)
{
    (void)state;
    struct buf from, to;
    buf_init(&from, 100);
    buf_init(&to, 50);
    buf_add_text(&from, "hello");
    buf_take(&to, &from);
    expect(&to, "hello");
    assert_null(from.bytes);
    assert_int_equal(from.length, 0);
    buf_free(&to);
}

static void a_format_may_fill_the_buffer_to_its_last_byte(void **state)
{
    (void)state;
    for (size_t max = 1; max < 1200; max += 7) {
        struct buf buf;
        buf_init(&buf, max);
        buf_format(&buf, "%*d", (int)max, 1);
        assert_true(buf_ok(&buf));
        assert_int_equal(buf.length, max);
        assert_int_equal(buf.bytes[max - 1], '1');
        buf_format(&buf, "%s", "");
        assert_true(buf_ok(&buf));
        buf_format(&buf, "%d", 1);
        assert_false(buf_ok(&buf));
        assert_int_equal(buf.length, max);
        buf_free(&buf);
    }
}

static void numbers_are_written_as_printf_would(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    uint64_t number = 1;
    for (int digits = 1; digits <= 20; digits++, number *= 10) {
        char text[32];
        for (uint64_t off = 0; off < 2; off++) {
            snprintf(text, sizeof(text), "%" PRIu64, number - off);
            buf_add_unsigned(&buf, number - off);
            expect(&buf, text);
            snprintf(text, sizeof(text), "%" PRId64, -(int64_t)(number - off));
            buf_add_integer(&buf, -(int64_t)(number - off));
            expect(&buf, text);
        }
        if (digits == 19)
            break; /* the next power would not fit a signed number */
    }
    buf_free(&buf);
}

/* Whatever bytes go in, a JSON string without control characters comes out. */
static void json_of_random_bytes_is_json(void **state)
{
    (void)state;
    struct random random;
    struct buf buf;
    random_init(&random, 11);
    buf_init(&buf, 10000);
    for (int round = 0; round < 20000; round++) {
        static const char LIKELY[] = {'"',    '\\',   '\n',   '\0',   '\x7f', '\xC2',
                                      '\x85', '\xE2', '\x80', '\xA8', '\xF0', 'a'};
        char bytes[24];
        size_t length = (size_t)random_between(&random, 0, sizeof(bytes));
        for (size_t i = 0; i < length; i++)
            bytes[i] = random_between(&random, 0, 1) != 0 ? LIKELY[random_between(&random, 0, sizeof(LIKELY) - 1)]
                                                          : (char)random_between(&random, 0, 255);
        buf_reset(&buf);
        buf_add_json(&buf, slice_make(bytes, length));
        assert_true(buf_ok(&buf) && codec_is_utf8(buf_slice(&buf)));
        for (size_t i = 0; i < buf.length; i++)
            assert_true((unsigned char)buf.bytes[i] >= ' ' && buf.bytes[i] != '\x7f');
        json_t *read = json_loadb(buf.bytes, buf.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(read);
        if (codec_is_utf8(slice_make(bytes, length)))
            assert_true(
                slice_equal(slice_make(json_string_value(read), json_string_length(read)), slice_make(bytes, length)));
        json_decref(read);
    }
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_what_is_given),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(a_format_may_fill_the_buffer_to_its_last_byte),
        cmocka_unit_test(numbers_are_written_as_printf_would),
        cmocka_unit_test(json_strings_are_safe),
        cmocka_unit_test(json_of_random_bytes_is_json),
        cmocka_unit_test(fitting_keeps_the_content),
        cmocka_unit_test(taking_empties_the_giver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
