/* SPDX-License-Identifier: MIT */
/* Settings read, refused, defaulted and listed by their rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/options.h"

struct values {
    char *text;
    int64_t number, duration, size, share;
    struct option_rate rate;
    bool flag;
    int choice;
    char *reserved, *word;
    int64_t reserved_share, below, above;
};

#define ROW(name, type, flags, field, preset, low, high, choices)                                                      \
    {                                                                                                                  \
        "s", name, type, flags, offsetof(struct values, field), preset, low, high, choices, "help"                     \
    }

static const struct option TABLE[] = {
    ROW("text", OPTION_TEXT, OPTION_SECRET, text, "", 0, 0, NULL),
    ROW("number", OPTION_INTEGER, 0, number, "5", 1, 9, NULL),
    ROW("duration", OPTION_DURATION, OPTION_RELOADABLE, duration, "10s", 1000, 60000000, NULL),
    ROW("size", OPTION_SIZE, 0, size, "64kb", 0, 0, NULL),
    ROW("share", OPTION_SHARE, 0, share, "50%", 1, 100, NULL),
    ROW("rate", OPTION_RATE, 0, rate, "unlimited", 1, 100, NULL),
    ROW("flag", OPTION_FLAG, 0, flag, "no", 0, 0, NULL),
    ROW("choice", OPTION_CHOICE, 0, choice, "b", 0, 0, "a|b|c"),
    ROW("reserved", OPTION_TEXT, OPTION_RESERVED, reserved, "", 0, 0, NULL),
    ROW("reserved_share", OPTION_SHARE, OPTION_RESERVED, reserved_share, "50%", 1, 100, NULL),
    ROW("word", OPTION_TEXT, 0, word, "abc", 1, 5, NULL),
    ROW("below", OPTION_INTEGER, 0, below, "-5", -9, 0, NULL),
    ROW("above", OPTION_SIZE, 0, above, "1kb", 0, 4096, NULL),
};
enum { ROWS_COUNT = sizeof(TABLE) / sizeof(TABLE[0]) };

static bool set(struct values *values, const char *name, const char *text, char why[OPTION_WHY_MAX])
{
    const struct option *row = options_find(TABLE, ROWS_COUNT, slice_of("s"), slice_of(name));
    assert_non_null(row);
    return option_set(row, values, slice_of(text), why);
}

static void options_are_checked_by_their_rows(void **state)
{
    (void)state;
    struct values values;
    char why[OPTION_WHY_MAX];
    assert_true(options_defaults(TABLE, ROWS_COUNT, &values));
    assert_null(values.text);
    assert_int_equal(values.duration, 10000000);
    assert_int_equal(values.size, 65536);
    assert_int_equal(values.share, 50);
    assert_int_equal(values.rate.count, 0);
    assert_int_equal(values.choice, 1);
    static const struct {
        const char *name, *text, *said; /* said NULL: accepted */
    } SETS[] = {
        {"text", "hello", NULL},
        {"number", "9", NULL},
        {"number", "10", "expected a number from 1 to 9"},
        {"number", "", "expected"},
        {"duration", "60s", NULL},
        {"duration", "61s", "expected a duration such as 250ms, 10s, 5m or 24h, from 1ms to 1m"},
        {"duration", "10", "such as"},
        {"size", "1mb", NULL},
        {"share", "100%", NULL},
        {"share", "0%", "from 1% to 100%"},
        {"share", "5", "such as 50%"},
        {"rate", "100/s", NULL},
        {"rate", "101/s", "such as"},
        {"flag", "yes", NULL},
        {"flag", "true", "yes or no"},
        {"choice", "c", NULL},
        {"choice", "d", "expected a, b or c"},
        {"reserved", "", NULL},
        {"reserved", "x", "not available in this version; leave it out"},
        {"reserved_share", "50%", NULL},
        {"reserved_share", "", NULL},
        {"reserved_share", "51%", "not available in this version; leave it out or at 50%"},
        {"word", "12345", NULL},
        {"word", "123456", "expected text of 1 to 5 bytes"},
        {"word", "", "expected text of 1 to 5 bytes"},
        {"text", "", NULL},
        {"number", "1", NULL},
        {"number", "-1", "expected a number from 1 to 9"},
        {"below", "0", NULL},
        {"below", "-9", NULL},
        {"below", "1", "from -9 to 0"},
        {"below", "-10", "from -9 to 0"},
        {"above", "0b", NULL},
        {"above", "4kb", NULL},
        {"above", "4097b", "expected a size such as 64kb or 64mb, from 0kb to 4kb"},
        {"number", "3x", "expected a number from 1 to 9"},
        {"rate", "unlimited", NULL},
        {"rate", "0/s", "such as"},
        {"choice", "", "a, b or c"},
        {"choice", "a|b", "a, b or c"},
        {"flag", "Yes", "yes or no"},
        {"share", "%", "such as"},
        {"share", "", "such as"},
    };
    for (size_t i = 0; i < sizeof(SETS) / sizeof(SETS[0]); i++) {
        bool good = set(&values, SETS[i].name, SETS[i].text, why);
        if (good != (SETS[i].said == NULL) || (!good && strstr(why, SETS[i].said) == NULL))
            fail_msg("%s = %s: %s", SETS[i].name, SETS[i].text, good ? "accepted" : why);
    }
    /* A refusal leaves the value before. */
    assert_null(values.text);
    assert_string_equal(values.word, "12345");
    assert_int_equal(values.number, 1);
    assert_int_equal(values.duration, 60000000);
    assert_int_equal(values.size, 1 << 20);
    assert_int_equal(values.share, 100);
    assert_int_equal(values.reserved_share, 50);
    assert_int_equal(values.rate.count, 0);
    assert_int_equal(values.choice, 2);
    assert_true(values.flag);
    assert_false(option_set(&TABLE[0], &values, slice_make("a\0b", 3), why));
    assert_false(option_set(&TABLE[0], &values, slice_make("\0", 1), why));
    assert_true(option_set(&TABLE[0], &values, slice_of("x"), why));
    assert_string_equal(values.text, "x");
    assert_true(option_set(&TABLE[0], &values, slice_make(NULL, 0), why));
    assert_null(values.text);
    options_free(TABLE, ROWS_COUNT, &values);
    assert_null(values.text);
}

static void the_nearest_name_is_offered(void **state)
{
    (void)state;
    assert_string_equal(options_nearest(TABLE, ROWS_COUNT, slice_of("s"), slice_of("nmuber")), "number");
    assert_string_equal(options_nearest(TABLE, ROWS_COUNT, slice_of("s"), slice_of("txet")), "text");
    assert_string_equal(options_nearest(TABLE, ROWS_COUNT, slice_of("s"), slice_of("Durations")), "duration");
    assert_null(options_nearest(TABLE, ROWS_COUNT, slice_of("s"), slice_of("zzz")));
    assert_null(options_nearest(TABLE, ROWS_COUNT, slice_of("t"), slice_of("number")));
}

static void a_refused_value_is_not_repeated(void **state)
{
    (void)state;
    struct values values;
    char why[OPTION_WHY_MAX];
    assert_true(options_defaults(TABLE, ROWS_COUNT, &values));
    for (size_t i = 0; i < ROWS_COUNT; i++) {
        if (!option_set(&TABLE[i], &values, slice_of("hunter2-hunter2"), why))
            assert_null(strstr(why, "hunter2"));
    }
    options_free(TABLE, ROWS_COUNT, &values);
}

static void rows_are_found_by_section_and_name(void **state)
{
    (void)state;
    assert_ptr_equal(options_find(TABLE, ROWS_COUNT, slice_of("s"), slice_of("number")), &TABLE[1]);
    assert_null(options_find(TABLE, ROWS_COUNT, slice_of("s"), slice_of("Number")));
    assert_null(options_find(TABLE, ROWS_COUNT, slice_of("s"), slice_of("numbe")));
    assert_null(options_find(TABLE, ROWS_COUNT, slice_of("t"), slice_of("number")));
    assert_null(options_find(TABLE, ROWS_COUNT, slice_of("s"), slice_of("")));
}

static void the_list_has_every_row(void **state)
{
    (void)state;
    static const char *const LINES[] = {
        "s\ttext\ttext\t\t\trestart\thelp",
        "s\tnumber\tinteger\t1..9\t5\trestart\thelp",
        "s\tduration\tduration\t1ms..1m\t10s\treloadable\thelp",
        "s\tsize\tsize\t\t64kb\trestart\thelp",
        "s\tshare\tshare\t1%..100%\t50%\trestart\thelp",
        "s\trate\trate\t1..100\tunlimited\trestart\thelp",
        "s\tflag\tflag\tyes|no\tno\trestart\thelp",
        "s\tchoice\tchoice\ta|b|c\tb\trestart\thelp",
        "s\treserved\ttext\t\t\trestart, not in this version\thelp",
        "s\treserved_share\tshare\t1%..100%\t50%\trestart, not in this version\thelp",
        "s\tword\ttext\t1..5\tabc\trestart\thelp",
        "s\tbelow\tinteger\t-9..0\t-5\trestart\thelp",
        "s\tabove\tsize\t0kb..4kb\t1kb\trestart\thelp",
    };
    struct buf out;
    buf_init(&out, 10000);
    options_list(TABLE, ROWS_COUNT, &out);
    struct slice rest = slice_make(out.bytes, out.length - 1), line;
    size_t count = 0;
    while (slice_cut(&rest, '\n', &line)) {
        assert_true(count < sizeof(LINES) / sizeof(LINES[0]));
        if (!slice_is(line, LINES[count]))
            fail_msg("%.*s", (int)line.length, line.at);
        count++;
    }
    assert_int_equal(count, ROWS_COUNT);
    buf_free(&out);
}

static void values_are_compared_and_copied_by_row(void **state)
{
    static const struct {
        const char *name, *other;
    } CHANGES[] = {{"text", "x"},    {"number", "6"}, {"duration", "11s"}, {"size", "65kb"},
                   {"share", "51%"}, {"rate", "5/s"}, {"flag", "yes"},     {"choice", "c"}};
    (void)state;
    for (size_t i = 0; i < sizeof(CHANGES) / sizeof(CHANGES[0]); i++) {
        struct values one, other;
        char why[OPTION_WHY_MAX];
        assert_true(options_defaults(TABLE, ROWS_COUNT, &one));
        assert_true(options_defaults(TABLE, ROWS_COUNT, &other));
        assert_true(set(&other, CHANGES[i].name, CHANGES[i].other, why));
        for (size_t row = 0; row < ROWS_COUNT; row++)
            assert_int_equal(option_equal(&TABLE[row], &one, &other), strcmp(TABLE[row].name, CHANGES[i].name) != 0);
        for (size_t row = 0; row < ROWS_COUNT; row++)
            assert_true(option_copy(&TABLE[row], &one, &other));
        for (size_t row = 0; row < ROWS_COUNT; row++)
            assert_true(option_equal(&TABLE[row], &one, &other));
        options_free(TABLE, ROWS_COUNT, &one);
        options_free(TABLE, ROWS_COUNT, &other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_are_checked_by_their_rows),
        cmocka_unit_test(a_refused_value_is_not_repeated),
        cmocka_unit_test(rows_are_found_by_section_and_name),
        cmocka_unit_test(the_nearest_name_is_offered),
        cmocka_unit_test(the_list_has_every_row),
        cmocka_unit_test(values_are_compared_and_copied_by_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
