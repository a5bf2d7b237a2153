/* SPDX-License-Identifier: MIT */
/* Buffers and slices: ceilings, numbers, JSON strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"

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
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\r\t\x01\x7f", "\"\\n\\r\\t\\u0001\\u007f\""},
        {"caf\xC3\xA9 \xF0\x9F\x98\x80", "\"caf\xC3\xA9 \xF0\x9F\x98\x80\""},
        {"\xC3", "\"\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {"\xC0\xAF", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    struct buf buf;
    buf_init(&buf, 1000);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        buf_add_json(&buf, slice_of(ROWS[i].text));
        expect(&buf, ROWS[i].json);
    }
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

static void slices_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *pieces[5];
    } ROWS[] = {
        {"a,,b", {"a", "", "b"}}, {"a,", {"a", ""}}, {"", {""}}, {",", {"", ""}}, {"abc", {"abc"}},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct slice rest = slice_of(ROWS[i].text), piece;
        size_t count = 0;
        while (slice_cut(&rest, ',', &piece)) {
            assert_non_null(ROWS[i].pieces[count]);
            assert_true(slice_is(piece, ROWS[i].pieces[count]));
            count++;
        }
        assert_null(ROWS[i].pieces[count]);
    }
    struct slice none = {NULL, 0}, piece;
    assert_false(slice_cut(&none, ',', &piece));
}

static void slices_are_compared(void **state)
{
    (void)state;
    assert_true(slice_equal_nocase(slice_of("WebHook_Name"), slice_of("webhook_NAME")));
    assert_false(slice_equal_nocase(slice_of("a"), slice_of("ab")));
    assert_false(slice_equal_nocase(slice_of("@"), slice_of("`"))); /* 0x40 and 0x60 are not letters */
    assert_true(slice_compare(slice_of("a"), slice_of("ab")) < 0);
    assert_true(slice_compare(slice_of("\xff"), slice_of("a")) > 0);
    assert_int_equal(slice_compare(slice_of("a"), slice_of("a")), 0);
    assert_true(slice_is(slice_trim(slice_of(" \t a b\t ")), "a b"));
    assert_true(slice_is(slice_trim(slice_of("  ")), ""));
    assert_true(slice_starts_with_nocase(slice_of("Bearer x"), slice_of("bearer ")));
    assert_false(slice_starts_with(slice_of("Be"), slice_of("Bearer")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adds_what_is_given),    cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(json_strings_are_safe), cmocka_unit_test(taking_empties_the_giver),
        cmocka_unit_test(slices_are_cut),        cmocka_unit_test(slices_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
