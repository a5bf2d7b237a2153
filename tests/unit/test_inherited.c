/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "inherited.h"

static const struct {
    struct inherited_words words;
    bool good;
    size_t count;
    const char *first, *last;
} ROWS[] = {
    {{NULL, NULL, NULL}, true, 0, NULL, NULL},
    {{"42", NULL, NULL}, true, 0, NULL, NULL},
    {{NULL, "2", NULL}, true, 0, NULL, NULL},
    {{"42", "2", NULL}, true, 2, "", ""},
    {{"42", "0", ""}, true, 0, NULL, NULL},
    {{"42", "1", "public"}, true, 1, "public", "public"},
    {{"42", "3", "public:tls:admin"}, true, 3, "public", "admin"},
    {{"42", "2", "a:"}, true, 2, "a", ""},
    {{"42", "1", ""}, true, 1, "", ""},
    {{"42", "32", NULL}, true, 32, "", ""},
    {{"43", "2", NULL}, true, 0, NULL, NULL}, /* another process's */
    {{"43", "x", "a"}, true, 0, NULL, NULL},
    {{"42", "33", NULL}, false, 0, NULL, NULL},
    {{"42", "-1", NULL}, false, 0, NULL, NULL},
    {{"42", "x", NULL}, false, 0, NULL, NULL},
    {{"42", "", NULL}, false, 0, NULL, NULL},
    {{"x", "1", NULL}, false, 0, NULL, NULL},
    {{"", "1", NULL}, false, 0, NULL, NULL},
    {{"-42", "1", NULL}, false, 0, NULL, NULL},
    {{"42", "2", "a"}, false, 0, NULL, NULL},
    {{"42", "2", "a:b:c"}, false, 0, NULL, NULL},
    {{"42", "1", "a:"}, false, 0, NULL, NULL},
    {{"42", "99999999999999999999", NULL}, false, 0, NULL, NULL},
};

static void test_words(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct inherited found;
        char why[100] = "";
        assert_int_equal(inherited_read(&ROWS[i].words, 42, &found, why, sizeof(why)), ROWS[i].good);
        assert_int_equal(why[0] == '\0', ROWS[i].good);
        if (!ROWS[i].good)
            continue;
        assert_int_equal(found.count, ROWS[i].count);
        if (found.count > 0) {
            assert_true(slice_is(found.names[0], ROWS[i].first));
            assert_true(slice_is(found.names[found.count - 1], ROWS[i].last));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
