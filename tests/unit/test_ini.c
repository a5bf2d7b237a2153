/* SPDX-License-Identifier: MIT */
/* The configuration's syntax and its mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ini.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void on_line(void *context, const struct ini_line *line)
{
    struct buf *seen = context;
    buf_format(seen, "%zu[%.*s]%.*s=%.*s;", line->line, (int)line->section.length, line->section.at,
               (int)line->name.length, line->name.length > 0 ? line->name.at : "", (int)line->value.length,
               line->value.length > 0 ? line->value.at : "");
}

struct row {
    struct slice text;
    const char *seen;
    const char *said; /* NULL: good; else all that is said */
};

#define HEADING "f:1: expected a heading such as [server] or [client NAME]\n"
#define SETTING "f:2: expected name = value\n"
#define VARIABLE "f:2: expected a variable such as ${NAME}; a literal \"${\" is written \"$${\"\n"

static const struct row ROWS[] = {
    {SLICE(""), "", NULL},
    {SLICE("# a\n; b\n\n  \n\t# c\n"), "", NULL},
    {SLICE("\xEF\xBB\xBF[a]\r\nx = 1\r\n"), "1[a]=;2[a]x=1;", NULL},
    {SLICE("[a]\nx =  1 # not a comment ; nor this \n"), "1[a]=;2[a]x=1 # not a comment ; nor this;", NULL},
    {SLICE("[a]\nx=a=b\n"), "1[a]=;2[a]x=a=b;", NULL},
    {SLICE("[a]\nx =\n"), "1[a]=;2[a]x=;", NULL},
    {SLICE("[a]\nx = [b]\n"), "1[a]=;2[a]x=[b];", NULL},
    {SLICE("[a b c]\n[AZ.az]\n[0-9_]\n"), "1[a b c]=;2[AZ.az]=;3[0-9_]=;", NULL},
    {SLICE("[a]\nAZ_az-09.x = 1\n"), "1[a]=;2[a]AZ_az-09.x=1;", NULL},
    {SLICE("[a]\r\n\r\n\r\n"), "1[a]=;", NULL},
    {SLICE("\0"), "", "f:1: the line holds a NUL byte\n"},
    {SLICE("[a/b]\n"), "", HEADING},
    {SLICE("[/a]\n"), "", HEADING},
    {SLICE("[a/]\n"), "", HEADING},
    {SLICE("[a]\n[a]\n"), "1[a]=;", "f:2: section [a] was opened before\n"},
    {SLICE("[a]\n+x = 1\n"), "1[a]=;", SETTING},
    {SLICE("[a]b]\n"), "", HEADING},
    {SLICE("[a]\n\xC3\xA9 = 1\n"), "1[a]=;", SETTING},
    {SLICE("\t[a] \n\t x\t=\t1\t\n"), "1[a]=;2[a]x=1;", NULL},
    {SLICE("[ client b ]\ny = 2"), "1[client b]=;2[client b]y=2;", NULL},
    {SLICE("[a]\nx = 1\nx = 2\n"), "1[a]=;2[a]x=1;3[a]x=2;", NULL}, /* the settings' reader complains */
    {SLICE("[a]\nx = caf\xC3\xA9 \xFF\n"), "1[a]=;2[a]x=caf\xC3\xA9 \xFF;", NULL},
    {SLICE("[a]\nx = <${INI_TEST}> $${HOME} $x ${INI_TEST}\n"), "1[a]=;2[a]x=<value> ${HOME} $x value;", NULL},
    {SLICE("[a]\nx = ${INI_EMPTY}\n"), "1[a]=;2[a]x=;", NULL},
    {SLICE("[a]\nx = ${INI_NESTED}\n"), "1[a]=;2[a]x=${INI_TEST} # x;", NULL}, /* what is put in is not read again */
    {SLICE("[a]\nx = $\ny = $$\nz = $$$${\n"), "1[a]=;2[a]x=$;3[a]y=$$;4[a]z=$$${;", NULL},
    {SLICE("[a]\nx = ${INI_UNSET}\n"), "1[a]=;", "f:2: the environment variable INI_UNSET is not set\n"},
    {SLICE("[a]\nx = ${INI_TEST\n"), "1[a]=;", VARIABLE},
    {SLICE("[a]\nx = ${\n"), "1[a]=;", VARIABLE},
    {SLICE("[a]\nx = ${}\n"), "1[a]=;", VARIABLE},
    {SLICE("[a]\nx = ${no name}\n"), "1[a]=;", VARIABLE},
    {SLICE("x = 1\n"), "", "f:1: a setting stands before the first heading\n"},
    {SLICE("[a]\nx\n"), "1[a]=;", SETTING},
    {SLICE("[a]\n= 1\n"), "1[a]=;", SETTING},
    {SLICE("[a]\nx y = 1\n"), "1[a]=;", SETTING},
    {SLICE("[a]\nx: 1\n"), "1[a]=;", SETTING},
    {SLICE("[a]\nexport x = 1\n"), "1[a]=;", SETTING},
    {SLICE("[a\nx = 1\n[b]\n"), "3[b]=;", HEADING},
    {SLICE("[a] x\n"), "", HEADING},
    {SLICE("[a] # comment\n"), "", HEADING},
    {SLICE("[]\n"), "", HEADING},
    {SLICE("[ ]\n"), "", HEADING},
    {SLICE("[\n"), "", HEADING},
    {SLICE("[a  b]\n"), "", HEADING},
    {SLICE("[a\tb]\n"), "", HEADING},
    {SLICE("[[a]]\n"), "", HEADING},
    {SLICE("[a]\n[b]\n[a]\nx = 1\n[c]\n"), "1[a]=;2[b]=;5[c]=;", "f:3: section [a] was opened before\n"},
    {SLICE("[a]\nbad\nx = 1\n"), "1[a]=;3[a]x=1;", SETTING},
    {SLICE("[a]\nx = 1\0002\ny = 1\n"), "1[a]=;3[a]y=1;", "f:2: the line holds a NUL byte\n"},
    {SLICE("[a]\n# \0\n"), "1[a]=;", "f:2: the line holds a NUL byte\n"},
    {SLICE("[a]\nx\n[a]\ny\n"), "1[a]=;",
     "f:2: expected name = value\nf:3: section [a] was opened before\nf:4: expected name = value\n"},
};

/* From a copy that ends where its block does, so that reading past the end is found. */
static bool parse_copy(struct slice text, ini_line_cb called, void *context, struct complaints *complaints)
{
    char *copy = mem_try_new(text.length);
    assert_non_null(copy);
    memcpy(copy, text.at, text.length);
    bool good = ini_parse(slice_make(copy, text.length), "f", called, context, complaints);
    mem_free(copy);
    return good;
}

static void every_line_is_read_or_named(void **state)
{
    (void)state;
    setenv("INI_TEST", "value", 1);
    setenv("INI_EMPTY", "", 1);
    setenv("INI_NESTED", "${INI_TEST} # x", 1);
    unsetenv("INI_UNSET");
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct buf seen;
        struct complaints complaints;
        buf_init(&seen, 10000);
        complaints_init(&complaints);
        bool good = parse_copy(ROWS[i].text, on_line, &seen, &complaints);
        const char *said = ROWS[i].said != NULL ? ROWS[i].said : "";
        if (good != (ROWS[i].said == NULL) || !slice_is(buf_slice(&complaints.text), said) ||
            !slice_is(buf_slice(&seen), ROWS[i].seen))
            fail_msg("%s: saw %.*s, said %.*s", ROWS[i].text.at, (int)seen.length, seen.length > 0 ? seen.bytes : "",
                     (int)complaints.text.length, complaints.text.length > 0 ? complaints.text.bytes : "");
        complaints_free(&complaints);
        buf_free(&seen);
    }
}

/* A variable's name is as long as a setting's may be. */
static void long_variables_are_put_in_or_named(void **state)
{
    (void)state;
    for (size_t length = INI_NAME_MAX - 1; length <= INI_NAME_MAX + 1; length++) {
        char name[INI_NAME_MAX + 2], text[INI_NAME_MAX + 32];
        struct buf seen;
        struct complaints complaints;
        memset(name, 'N', length);
        name[length] = '\0';
        assert_int_equal(setenv(name, "found", 1), 0);
        snprintf(text, sizeof(text), "[a]\nx = ${%s}", name);
        buf_init(&seen, 1000);
        complaints_init(&complaints);
        assert_int_equal(parse_copy(slice_of(text), on_line, &seen, &complaints), length <= INI_NAME_MAX);
        assert_true(slice_is(buf_slice(&seen), length <= INI_NAME_MAX ? "1[a]=;2[a]x=found;" : "1[a]=;"));
        assert_true(slice_is(buf_slice(&complaints.text), length <= INI_NAME_MAX ? "" : VARIABLE));
        unsetenv(name);
        complaints_free(&complaints);
        buf_free(&seen);
    }
}

static void count_line(void *context, const struct ini_line *line)
{
    size_t *longest = context;
    if (line->value.length > *longest)
        *longest = line->value.length;
}

/* "[a]", then a setting whose name and value are that long; true when it was accepted with its whole value. */
static bool accepts(size_t name, size_t value)
{
    struct buf text;
    struct complaints complaints;
    size_t longest = 0;
    buf_init(&text, INI_FILE_MAX);
    complaints_init(&complaints);
    buf_add_text(&text, "[a]\n");
    for (size_t i = 0; i < name; i++)
        buf_add_char(&text, 'n');
    buf_add_text(&text, " = ");
    for (size_t i = 0; i < value; i++)
        buf_add_char(&text, 'v');
    bool good = ini_parse(buf_slice(&text), "f", count_line, &longest, &complaints);
    assert_int_equal(complaints.errors, good ? 0 : 1);
    assert_int_equal(longest, good ? value : 0);
    complaints_free(&complaints);
    buf_free(&text);
    return good;
}

static void lengths_have_limits(void **state)
{
    (void)state;
    assert_true(accepts(INI_NAME_MAX, INI_VALUE_MAX));
    assert_false(accepts(INI_NAME_MAX + 1, 1));
    assert_false(accepts(1, INI_VALUE_MAX + 1));
    assert_false(accepts(1, 2 * INI_VALUE_MAX));
    assert_false(accepts(2 * INI_VALUE_MAX, 1));
}

/* No input makes it crash, and what is refused is always explained. */
static void random_lines_are_read_or_explained(void **state)
{
    (void)state;
    static const char LIKELY[] = "[]=#;${} \t\r\n\n\nab\\\"\0\xEF\xBB\xBF";
    struct random random;
    random_init(&random, 23);
    for (int round = 0; round < 20000; round++) {
        char text[64];
        size_t length = (size_t)random_between(&random, 0, sizeof(text)), longest = 0;
        struct complaints complaints;
        complaints_init(&complaints);
        for (size_t i = 0; i < length; i++)
            text[i] = LIKELY[random_between(&random, 0, sizeof(LIKELY) - 2)];
        bool good = parse_copy(slice_make(text, length), count_line, &longest, &complaints);
        assert_int_equal(good, complaints.errors == 0);
        complaints_free(&complaints);
    }
}

/* A file of that content, to be unlinked. */
static void write_file(char path[64], struct slice content)
{
    snprintf(path, 64, "/tmp/nexgate-ini-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content.at, content.length), (ssize_t)content.length);
    close(descriptor);
}

static void files_are_read_whole_or_refused(void **state)
{
    (void)state;
    struct buf text;
    struct complaints complaints;
    char path[64];
    size_t longest = 0;
    buf_init(&text, 2 * INI_FILE_MAX);
    buf_add_text(&text, "[a]\nx = last\n");
    while (text.length < INI_FILE_MAX)
        buf_add_char(&text, '\n');

    complaints_init(&complaints);
    write_file(path, buf_slice(&text));
    assert_true(ini_read(path, count_line, &longest, &complaints));
    assert_int_equal(longest, strlen("last"));
    unlink(path);

    buf_add_char(&text, '\n');
    write_file(path, buf_slice(&text));
    assert_false(ini_read(path, count_line, &longest, &complaints));
    unlink(path);
    assert_false(ini_read("/nonexistent/file", count_line, &longest, &complaints));
    assert_false(ini_read("/tmp", count_line, &longest, &complaints));
    assert_false(ini_read("/dev/zero", count_line, &longest, &complaints)); /* has no end */
    assert_int_equal(complaints.errors, 4);
    buf_add_char(&complaints.text, '\0');
    assert_non_null(strstr(complaints.text.bytes, ": cannot be read: longer than 16777216 bytes\n"));
    assert_non_null(strstr(complaints.text.bytes, "/nonexistent/file: cannot be read: No such file or directory\n"));
    assert_non_null(strstr(complaints.text.bytes, "/tmp: cannot be read: Is a directory\n"));
    complaints_free(&complaints);
    buf_free(&text);
}

static void a_secret_is_a_file_without_its_last_newline(void **state)
{
    (void)state;
    static const struct {
        struct slice content;
        const char *secret; /* NULL: refused */
    } FILES[] = {
        {SLICE("word\n"), "word"},
        {SLICE("word"), "word"},
        {SLICE("word\r\n"), "word"},
        {SLICE(" a b \n"), " a b "},
        {SLICE("two\nlines\n"), "two\nlines"},
        {SLICE(""), NULL},
        {SLICE("\n"), NULL},
        {SLICE("a\0b\n"), NULL},
        {SLICE("much too long to be taken\n"), NULL},
    };
    char path[64], why[256];
    for (size_t i = 0; i < sizeof(FILES) / sizeof(FILES[0]); i++) {
        struct buf content;
        buf_init(&content, 16);
        write_file(path, FILES[i].content);
        bool good = ini_read_secret(path, &content, why, sizeof(why));
        assert_int_equal(good, FILES[i].secret != NULL);
        if (good)
            assert_true(slice_is(buf_slice(&content), FILES[i].secret));
        else
            assert_true(slice_starts_with(slice_of(why), slice_of(path)) && strstr(why, "too long to") == NULL);
        buf_free(&content);
        unlink(path);
    }
    struct buf content;
    buf_init(&content, 16);
    assert_false(ini_read_secret("/nonexistent/file", &content, why, sizeof(why)));
    assert_string_equal(why, "/nonexistent/file: No such file or directory");
    buf_free(&content);
}

static void complaints_end_when_there_is_no_room(void **state)
{
    (void)state;
    struct complaints complaints;
    complaints_init(&complaints);
    for (int i = 1; i <= 20000; i++)
        complaints_error(&complaints, "f", (size_t)i, "%s", "something is wrong here");
    complaints_warn(&complaints, "f", 0, "one more");
    assert_int_equal(complaints.errors, 20000);
    assert_int_equal(complaints.warnings, 1);
    assert_true(buf_ok(&complaints.text) && complaints.text.length <= COMPLAINTS_MAX_BYTES);
    static const char END[] = ": something is wrong here\n... and more than can be shown\n";
    assert_memory_equal(complaints.text.bytes + complaints.text.length - strlen(END), END, strlen(END));
    complaints_free(&complaints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_is_read_or_named),
        cmocka_unit_test(long_variables_are_put_in_or_named),
        cmocka_unit_test(lengths_have_limits),
        cmocka_unit_test(random_lines_are_read_or_explained),
        cmocka_unit_test(files_are_read_whole_or_refused),
        cmocka_unit_test(a_secret_is_a_file_without_its_last_newline),
        cmocka_unit_test(complaints_end_when_there_is_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
