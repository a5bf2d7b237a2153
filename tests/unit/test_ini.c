/* SPDX-License-Identifier: MIT */
/* The configuration's syntax, its mistakes, and the settings' rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ini.h"
#include "base/nearest.h"
#include "base/options.h"

#include <stdlib.h>

static void on_line(void *context, const struct ini_line *line)
{
    struct buf *seen = context;
    buf_format(seen, "%zu[%.*s]%.*s=%.*s;", line->line, (int)line->section.length, line->section.at,
               (int)line->name.length, line->name.length > 0 ? line->name.at : "", (int)line->value.length,
               line->value.length > 0 ? line->value.at : "");
}

struct row {
    const char *text;
    const char *seen;
    const char *said; /* NULL: good */
};

static const struct row ROWS[] = {
    {"", "", NULL},
    {"# a\n; b\n\n  \n", "", NULL},
    {"\xEF\xBB\xBF[a]\r\nx = 1\r\n", "1[a]=;2[a]x=1;", NULL},
    {"[a]\nx =  1 # not a comment ; nor this \n", "1[a]=;2[a]x=1 # not a comment ; nor this;", NULL},
    {"[a]\nx=a=b\n", "1[a]=;2[a]x=a=b;", NULL},
    {"[a]\nx =\n", "1[a]=;2[a]x=;", NULL},
    {"[ client b ]\ny = 2", "1[client b]=;2[client b]y=2;", NULL},
    {"[a]\nx = <${INI_TEST}> $${HOME} $x ${INI_TEST}\n", "1[a]=;2[a]x=<value> ${HOME} $x value;", NULL},
    {"[a]\nx = ${INI_UNSET}\n", "1[a]=;", "f:2: the environment variable INI_UNSET is not set"},
    {"[a]\nx = ${INI_TEST\n", "1[a]=;", "f:2: "},
    {"x = 1\n", "", "f:1: x stands outside any section"},
    {"[a]\nx\n", "1[a]=;", "f:2: expected name = value"},
    {"[a]\n= 1\n", "1[a]=;", "f:2: expected name = value"},
    {"[a]\nx y = 1\n", "1[a]=;", "f:2: expected name = value"},
    {"[a\nx = 1\n", "", "f:1: expected a heading"},
    {"[]\n", "", "f:1: expected a heading"},
    {"[a  b]\n", "", "f:1: expected a heading"},
    {"[a]\n[b]\n[a]\n", "1[a]=;2[b]=;", "f:3: section [a] was opened before"},
    {"[a]\nbad\nx = 1\n", "1[a]=;3[a]x=1;", "f:2: expected name = value"},
};

static void every_line_is_read_or_named(void **state)
{
    (void)state;
    setenv("INI_TEST", "value", 1);
    unsetenv("INI_UNSET");
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct buf seen;
        struct complaints complaints;
        buf_init(&seen, 10000);
        complaints_init(&complaints);
        bool good = ini_parse(slice_of(ROWS[i].text), "f", on_line, &seen, &complaints);
        buf_add_char(&complaints.text, '\0');
        bool named =
            ROWS[i].said == NULL ? complaints.errors == 0 : strstr(complaints.text.bytes, ROWS[i].said) != NULL;
        if (good != (ROWS[i].said == NULL) || !named || !slice_is(buf_slice(&seen), ROWS[i].seen))
            fail_msg("%s: saw %.*s, said %s", ROWS[i].text, (int)seen.length, seen.length > 0 ? seen.bytes : "",
                     complaints.text.bytes);
        complaints_free(&complaints);
        buf_free(&seen);
    }
}

static void a_nul_is_refused(void **state)
{
    (void)state;
    struct buf seen;
    struct complaints complaints;
    buf_init(&seen, 1000);
    complaints_init(&complaints);
    assert_false(ini_parse(slice_make("[a]\nx = 1\0002\n", 12), "f", on_line, &seen, &complaints));
    complaints_free(&complaints);
    buf_free(&seen);
}

struct values {
    char *text;
    int64_t number, duration, size, share;
    struct option_rate rate;
    bool flag;
    int choice;
    char *reserved;
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
    options_defaults(TABLE, ROWS_COUNT, &values);
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
        {"number", "10", "expected a number, 1..9"},
        {"number", "", "expected"},
        {"duration", "60s", NULL},
        {"duration", "61s", "1ms..1m"},
        {"duration", "10", "such as"},
        {"size", "1mb", NULL},
        {"share", "100%", NULL},
        {"share", "0%", "1%..100%"},
        {"share", "5", "such as 50%"},
        {"rate", "100/s", NULL},
        {"rate", "101/s", "such as"},
        {"flag", "yes", NULL},
        {"flag", "true", "yes or no"},
        {"choice", "c", NULL},
        {"choice", "d", "a|b|c"},
        {"reserved", "", NULL},
        {"reserved", "x", "not available in this version"},
    };
    for (size_t i = 0; i < sizeof(SETS) / sizeof(SETS[0]); i++) {
        bool good = set(&values, SETS[i].name, SETS[i].text, why);
        if (good != (SETS[i].said == NULL) || (!good && strstr(why, SETS[i].said) == NULL))
            fail_msg("%s = %s: %s", SETS[i].name, SETS[i].text, good ? "accepted" : why);
    }
    assert_string_equal(values.text, "hello");
    assert_int_equal(values.number, 9);
    assert_int_equal(values.choice, 2);
    assert_true(values.flag);
    options_free(TABLE, ROWS_COUNT, &values);
    assert_null(values.text);
}

static void the_nearest_name_is_offered(void **state)
{
    (void)state;
    assert_string_equal(options_nearest(TABLE, ROWS_COUNT, slice_of("s"), slice_of("nmuber")), "number");
    assert_string_equal(options_nearest(TABLE, ROWS_COUNT, slice_of("s"), slice_of("Durations")), "duration");
    assert_null(options_nearest(TABLE, ROWS_COUNT, slice_of("s"), slice_of("zzz")));
    assert_null(options_nearest(TABLE, ROWS_COUNT, slice_of("t"), slice_of("number")));
    struct nearest nearest;
    nearest_init(&nearest, slice_of("ab"));
    nearest_consider(&nearest, slice_of("ba")); /* a third of two letters is none */
    assert_int_equal(nearest.best.length, 0);
    nearest_init(&nearest, slice_of("abc"));
    nearest_consider(&nearest, slice_of("acb"));
    assert_int_equal(nearest.distance, 1);
}

static void the_list_has_every_row(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 10000);
    options_list(TABLE, ROWS_COUNT, &out);
    buf_add_char(&out, '\0');
    assert_non_null(strstr(out.bytes, "s\tduration\tduration\t1ms..1m\t10s\treloadable\thelp\n"));
    assert_non_null(strstr(out.bytes, "s\tchoice\tchoice\ta|b|c\tb\trestart\thelp\n"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_read_or_named),
        cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(options_are_checked_by_their_rows),
        cmocka_unit_test(the_nearest_name_is_offered),
        cmocka_unit_test(the_list_has_every_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
