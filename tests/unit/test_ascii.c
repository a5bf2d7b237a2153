/* SPDX-License-Identifier: MIT */
/* Every byte is of one kind, and a text is of the kind of all its bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ascii.h"

static void every_byte_is_of_its_kind(void **state)
{
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char text[3] = {'a', (char)byte, 'z'};
        struct slice slice = slice_make(text, sizeof(text));
        bool visible = byte >= 0x21 && byte <= 0x7E;
        assert_int_equal(ascii_is_visible((char)byte), visible);
        assert_int_equal(ascii_is_printable((char)byte), visible || byte == 0x20);
        assert_int_equal(ascii_is_control((char)byte), byte < 0x20 || byte == 0x7F);
        assert_int_equal(ascii_all_visible(slice), visible);
        assert_int_equal(ascii_all_printable(slice), visible || byte == 0x20);
    }
}

static void the_ends_count_and_nothing_is_all(void **state)
{
    (void)state;
    assert_true(ascii_all_visible(slice_make(NULL, 0)));
    assert_true(ascii_all_printable(slice_make(NULL, 0)));
    assert_false(ascii_all_visible(slice_of(" a")));
    assert_false(ascii_all_visible(slice_of("a ")));
    assert_false(ascii_all_printable(slice_of("\na")));
    assert_false(ascii_all_printable(slice_of("a\xC3")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_is_of_its_kind),
        cmocka_unit_test(the_ends_count_and_nothing_is_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
