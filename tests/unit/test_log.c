/* SPDX-License-Identifier: MIT */
/* Log lines that nobody can forge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* What one call writes, without its time. */
static void written(enum log_format format, enum log_level level, const struct log_field *fields, size_t count,
                    char line[LOG_LINE_MAX + 1])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct clock *clock = clock_new();
    struct log *log = log_new(ends[1], LOG_LEVEL_INFO, format, clock);
    log_write(log, level, "some words", fields, count);
    close(ends[1]);
    ssize_t got = read(ends[0], line, LOG_LINE_MAX);
    assert_true(got >= 0);
    line[got] = '\0';
    close(ends[0]);
    log_free(log);
    clock_free(clock);
}

static void lines_have_their_form(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX + 1];
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARN, LOG_FIELDS(LOG_TEXT("a", slice_of("plain")), LOG_NUMBER("n", -5)), line);
    assert_string_equal(line + strlen("ts=2026-01-01T00:00:00.000Z"), " level=warn msg=\"some words\" a=plain n=-5\n");
    written(LOG_FORMAT_JSON, LOG_LEVEL_ERROR, LOG_FIELDS(LOG_TEXT("a", slice_of("x\"y")), LOG_NUMBER("n", 7)), line);
    assert_string_equal(line + strlen("{\"ts\":\"2026-01-01T00:00:00.000Z\""),
                        ",\"level\":\"error\",\"msg\":\"some words\",\"a\":\"x\\\"y\",\"n\":7}\n");
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_DEBUG, NULL, 0, line);
    assert_string_equal(line, "");
}

static void values_cannot_forge(void **state)
{
    (void)state;
    static const struct {
        struct slice value;
        const char *logfmt, *json;
    } ROWS[] = {
        {SLICE("bare-[x]!~"), "bare-[x]!~", "\"bare-[x]!~\""},
        {SLICE(""), "\"\"", "\"\""},
        {SLICE("!"), "!", "\"!\""},
        {SLICE("~"), "~", "\"~\""},
        {SLICE(" "), "\" \"", "\" \""},
        {SLICE("="), "\"=\"", "\"=\""},
        {SLICE("\""), "\"\\\"\"", "\"\\\"\""},
        {SLICE("\x7f"), "\"\\u007f\"", "\"\\u007f\""},
        {SLICE("two words"), "\"two words\"", "\"two words\""},
        {SLICE("x\nts=1 level=info"), "\"x\\nts=1 level=info\"", "\"x\\nts=1 level=info\""},
        {SLICE("a=b"), "\"a=b\"", "\"a=b\""},
        {SLICE("say \"x\""), "\"say \\\"x\\\"\"", "\"say \\\"x\\\"\""},
        {SLICE("c:\\"), "\"c:\\\\\"", "\"c:\\\\\""},
        {SLICE("\r\t\0\x1b[2J\x7f"), "\"\\r\\t\\u0000\\u001b[2J\\u007f\"", "\"\\r\\t\\u0000\\u001b[2J\\u007f\""},
        {SLICE("\xff\xC0\xAF"), "\"\uFFFD\uFFFD\uFFFD\"", "\"\uFFFD\uFFFD\uFFFD\""},
        {SLICE("caf\u00E9"), "\"caf\u00E9\"", "\"caf\u00E9\""},
        {SLICE("\xC2\x9B"
               "2J\u2028"),
         "\"\\u009b2J\\u2028\"", "\"\\u009b2J\\u2028\""},
        {SLICE("\"}\n{\"ts\":1"), "\"\\\"}\\n{\\\"ts\\\":1\"", "\"\\\"}\\n{\\\"ts\\\":1\""},
    };
    char line[LOG_LINE_MAX + 1], expected[LOG_LINE_MAX + 1];
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        written(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, LOG_FIELDS(LOG_TEXT("a", ROWS[i].value), LOG_NUMBER("n", 1)), line);
        snprintf(expected, sizeof(expected), " a=%s n=1\n", ROWS[i].logfmt);
        assert_string_equal(strstr(line, " a="), expected);
        written(LOG_FORMAT_JSON, LOG_LEVEL_INFO, LOG_FIELDS(LOG_TEXT("a", ROWS[i].value), LOG_NUMBER("n", 1)), line);
        snprintf(expected, sizeof(expected), ",\"a\":%s,\"n\":1}\n", ROWS[i].json);
        assert_string_equal(strstr(line, ",\"a\":"), expected);
    }
}

static void the_time_is_rfc_3339_in_utc(void **state)
{
    (void)state;
    char line[LOG_LINE_MAX + 1];
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, NULL, 0, line);
    static const char FORM[] = "ts=0000-00-00T00:00:00.000Z level=info msg=\"some words\"\n";
    assert_int_equal(strlen(line), strlen(FORM));
    for (size_t i = 0; FORM[i] != '\0'; i++)
        assert_true(FORM[i] == '0' ? line[i] >= '0' && line[i] <= '9' : line[i] == FORM[i]);
    struct tm parts = {0};
    assert_non_null(strptime(line + strlen("ts="), "%Y-%m-%dT%H:%M:%S", &parts));
    double ago = difftime(time(NULL), timegm(&parts));
    assert_true(ago > -3600 && ago < 3600); /* an hour is less than any mistaken time zone, and more than any test */
}

static void the_level_is_a_threshold_that_moves(void **state)
{
    (void)state;
    struct clock *clock = clock_new();
    struct log *log = log_new(-1, LOG_LEVEL_WARN, LOG_FORMAT_JSON, clock);
    assert_false(log_wants(log, LOG_LEVEL_INFO));
    assert_true(log_wants(log, LOG_LEVEL_WARN));
    assert_true(log_wants(log, LOG_LEVEL_ERROR));
    log_set_level(log, LOG_LEVEL_DEBUG);
    assert_true(log_wants(log, LOG_LEVEL_DEBUG));
    log_say(log, LOG_LEVEL_ERROR, "to a descriptor that is closed: lost, and nothing else");
    log_free(log);
    clock_free(clock);
}

static void long_values_are_cut(void **state)
{
    (void)state;
    static char value[100000];
    char line[LOG_LINE_MAX + 1];
    memset(value, 'v', sizeof(value));
    struct slice slice = slice_make(value, sizeof(value));
    written(LOG_FORMAT_JSON, LOG_LEVEL_INFO,
            LOG_FIELDS(LOG_TEXT("a", slice), LOG_TEXT("b", slice), LOG_TEXT("c", slice), LOG_TEXT("d", slice),
                       LOG_NUMBER("e", INT64_MIN)),
            line);
    assert_true(strlen(line) <= LOG_LINE_MAX);
    const char *a = strstr(line, "\"a\":\""), *b = strstr(line, "...\",\"b\":\"v");
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(b + strlen("...") - (a + strlen("\"a\":\"")), LOG_VALUE_MAX);
    assert_non_null(strstr(line, "\"d\":\"vvv")); /* shorter than the others, as the line is almost full */
    static const char END[] = "vvv...\",\"e\":-9223372036854775808}\n";
    assert_string_equal(line + strlen(line) - strlen(END), END);
}

static void a_value_of_the_largest_size_is_whole(void **state)
{
    (void)state;
    char value[LOG_VALUE_MAX + 1], line[LOG_LINE_MAX + 1];
    memset(value, 'v', sizeof(value));
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, LOG_FIELDS(LOG_TEXT("a", slice_make(value, LOG_VALUE_MAX))), line);
    assert_null(strstr(line, "..."));
    written(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, LOG_FIELDS(LOG_TEXT("a", slice_make(value, LOG_VALUE_MAX + 1))), line);
    assert_non_null(strstr(line, "vvv...\n"));
}

/* As many fields as there may be, each as long as can be: the line keeps its ceiling and all its fields. */
static void a_line_keeps_its_ceiling(void **state)
{
    (void)state;
    enum { FIELDS = 32 };
    char line[LOG_LINE_MAX + 1];
    static char value[LOG_VALUE_MAX];
    static const unsigned char FILLINGS[] = {'v', '"', 1, 0xFF};
    struct log_field fields[FIELDS];
    char names[FIELDS][24];
    for (size_t round = 0; round < 2 * sizeof(FILLINGS); round++) {
        enum log_format format = round % 2 == 0 ? LOG_FORMAT_LOGFMT : LOG_FORMAT_JSON;
        memset(value, FILLINGS[round / 2], sizeof(value));
        for (int i = 0; i < FIELDS; i++) {
            snprintf(names[i], sizeof(names[i]), "name_%02d", i);
            fields[i] = (struct log_field)LOG_TEXT(names[i], slice_make(value, sizeof(value)));
        }
        written(format, LOG_LEVEL_INFO, fields, FIELDS, line);
        assert_true(strlen(line) <= LOG_LINE_MAX && strlen(line) > LOG_LINE_MAX - 200);
        assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
        if (format == LOG_FORMAT_JSON)
            assert_int_equal(line[strlen(line) - 2], '}');
        for (int i = 0; FILLINGS[round / 2] != 1 && i < FIELDS; i++)
            assert_non_null(strstr(line, names[i]));
    }
}

/* Escaping makes a value up to six times as long: it is cut further, and hides nothing behind it. */
static void values_that_swell_are_cut(void **state)
{
    (void)state;
    static char value[LOG_VALUE_MAX];
    char line[LOG_LINE_MAX + 1];
    memset(value, '\x01', sizeof(value));
    struct slice slice = slice_make(value, sizeof(value));
    for (int format = LOG_FORMAT_LOGFMT; format <= LOG_FORMAT_JSON; format++) {
        written((enum log_format)format, LOG_LEVEL_INFO,
                LOG_FIELDS(LOG_TEXT("a", slice), LOG_TEXT("b", slice), LOG_TEXT("c", slice_of("last"))), line);
        assert_true(strlen(line) <= LOG_LINE_MAX);
        assert_non_null(strstr(line, "\\u0001..."));
        assert_non_null(strstr(line, format == LOG_FORMAT_JSON ? "\"b\":\"\\u0001" : " b=\"\\u0001"));
        assert_non_null(strstr(line, format == LOG_FORMAT_JSON ? ",\"c\":\"last\"}\n" : " c=last\n"));
    }
}

static void a_character_is_not_cut_in_two(void **state)
{
    (void)state;
    char value[LOG_VALUE_MAX + 8], line[LOG_LINE_MAX + 1];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(value, 'v', sizeof(value));
        for (size_t i = shift; i + 4 <= sizeof(value); i += 4)
            memcpy(value + i, "\U0001F600", 4);
        written(LOG_FORMAT_JSON, LOG_LEVEL_INFO, LOG_FIELDS(LOG_TEXT("a", slice_make(value, LOG_VALUE_MAX + 1))), line);
        assert_non_null(strstr(line, "\U0001F600...\""));
        assert_null(strstr(line, "\uFFFD"));
    }
}

/* A reader that has stopped must not stop us. */
static void a_full_pipe_loses_lines_and_says_so(void **state)
{
    (void)state;
    static char bytes[1 << 20];
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct clock *clock = clock_new();
    struct log *log = log_new(ends[1], LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT, clock);
    for (int i = 0; i < 10000; i++)
        log_say(log, LOG_LEVEL_DEBUG, "a line that nobody reads"); /* and that no limit leaves out */
    assert_true(read(ends[0], bytes, sizeof(bytes)) > 0);
    log_say(log, LOG_LEVEL_INFO, "another");
    ssize_t got = read(ends[0], bytes, sizeof(bytes) - 1);
    assert_true(got > 0);
    bytes[got] = '\0';
    assert_non_null(strstr(bytes, "msg=another\n"));
    assert_non_null(strstr(bytes, "msg=\"the log could not be written\" lines_lost="));
    close(ends[0]);
    close(ends[1]);
    log_free(log);
    clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_pipe_loses_lines_and_says_so),
        cmocka_unit_test(lines_have_their_form),
        cmocka_unit_test(values_cannot_forge),
        cmocka_unit_test(the_time_is_rfc_3339_in_utc),
        cmocka_unit_test(the_level_is_a_threshold_that_moves),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(a_value_of_the_largest_size_is_whole),
        cmocka_unit_test(a_line_keeps_its_ceiling),
        cmocka_unit_test(values_that_swell_are_cut),
        cmocka_unit_test(a_character_is_not_cut_in_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
