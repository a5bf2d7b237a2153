/* SPDX-License-Identifier: MIT */
/* Borrowed runs of bytes: cut, compared, trimmed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/slice.h"

static void cut_into_all_pieces(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *pieces[5];
    } ROWS[] = {
        {"a,,b", {"a", "", "b"}}, {"a,", {"a", ""}}, {"", {""}}, {",", {"", ""}}, {"abc", {"abc"}}, {",a", {"", "a"}},
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

static void ordered_by_unsigned_bytes(void **state)
{
    (void)state;
    /* In ascending order. */
    static const struct slice ORDER[] = {
        {NULL, 0},    SLICE("\0"), SLICE("\0a"), SLICE("A"),    SLICE("a"),
        SLICE("a\0"), SLICE("ab"), SLICE("b"),   SLICE("\xff"),
    };
    enum { COUNT = sizeof(ORDER) / sizeof(ORDER[0]) };
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            int order = slice_compare(ORDER[i], ORDER[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(slice_equal(ORDER[i], ORDER[j]), i == j);
        }
    }
}

static void equal_without_regard_to_case(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } ROWS[] = {
        {"WebHook_Name", "webhook_NAME", true},
        {"", "", true},
        {"az", "AZ", true},
        {"a", "ab", false},
        {"@", "`", false},       /* 0x40 and 0x60 are no letters, though they differ like some */
        {"[", "{", false},       /* 0x5b and 0x7b */
        {"\xC0", "\xE0", false}, /* nor is anything past ASCII */
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if (slice_equal_nocase(slice_of(ROWS[i].a), slice_of(ROWS[i].b)) != ROWS[i].equal)
            fail_msg("%s and %s", ROWS[i].a, ROWS[i].b);
    }
}

static void heads_are_recognised(void **state)
{
    (void)state;
    assert_true(slice_starts_with(slice_of("Bearer x"), slice_of("Bearer ")));
    assert_true(slice_starts_with(slice_of("Bearer"), slice_of("Bearer")));
    assert_true(slice_starts_with(slice_of("Bearer"), slice_of("")));
    assert_true(slice_starts_with(slice_make(NULL, 0), slice_make(NULL, 0)));
    assert_false(slice_starts_with(slice_of("bearer x"), slice_of("Bearer ")));
    assert_false(slice_starts_with(slice_of("Be"), slice_of("Bearer")));
    assert_true(slice_starts_with_nocase(slice_of("Bearer x"), slice_of("bEARER ")));
    assert_true(slice_starts_with_nocase(slice_of("Bearer"), slice_of("bearer")));
    assert_false(slice_starts_with_nocase(slice_of("Be"), slice_of("bearer")));
    assert_false(slice_starts_with_nocase(slice_of("Basic xyz"), slice_of("bearer")));
}

static void blanks_and_tabs_are_trimmed_alone(void **state)
{
    (void)state;
    static const char *const ROWS[][2] = {
        {" \t a b\t ", "a b"}, {"  ", ""},     {"", ""},  {"a", "a"},
        {" \na\r ", "\na\r"},  {"\va", "\va"}, {" ", ""}, {"\t", ""},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        assert_true(slice_is(slice_trim(slice_of(ROWS[i][0])), ROWS[i][1]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_into_all_pieces),
        cmocka_unit_test(ordered_by_unsigned_bytes),
        cmocka_unit_test(equal_without_regard_to_case),
        cmocka_unit_test(heads_are_recognised),
        cmocka_unit_test(blanks_and_tabs_are_trimmed_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
