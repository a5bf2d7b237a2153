/* SPDX-License-Identifier: MIT */
/* A message that repeats itself is left out after a while, and is missed by nobody: how often is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/log_limit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char ONE[] = "one", OTHER[] = "other";

static void some_lines_of_each_message_are_allowed(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    int64_t left_out = 0;
    for (int i = 0; i < LOG_LIMIT_LINES; i++)
        assert_true(log_limit_allows(&limit, ONE, 1000));
    for (int i = 0; i < 5; i++)
        assert_false(log_limit_allows(&limit, ONE, 1000 + LOG_LIMIT_US - 1));
    assert_true(log_limit_allows(&limit, OTHER, 1000));
    assert_null(log_limit_settle(&limit, 1000 + LOG_LIMIT_US - 1, &left_out));
    assert_ptr_equal(log_limit_settle(&limit, 1000 + LOG_LIMIT_US, &left_out), ONE);
    assert_int_equal(left_out, 5);
    assert_null(log_limit_settle(&limit, 1000 + LOG_LIMIT_US, &left_out));
    assert_true(log_limit_allows(&limit, ONE, 1000 + LOG_LIMIT_US));
}

static void a_slow_message_is_never_limited(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(log_limit_allows(&limit, ONE, 1 + i * LOG_LIMIT_US / LOG_LIMIT_LINES));
}

static void a_full_table_limits_no_newcomer(void **state)
{
    (void)state;
    struct log_limit limit = {0};
    static const char MANY[LOG_LIMIT_MESSAGES + 8];
    for (int i = 0; i < LOG_LIMIT_MESSAGES; i++) {
        for (int line = 0; line < LOG_LIMIT_LINES; line++)
            assert_true(log_limit_allows(&limit, &MANY[i], 1));
        assert_false(log_limit_allows(&limit, &MANY[i], 1));
    }
    for (int i = 0; i < 8; i++)
        assert_true(log_limit_allows(&limit, &MANY[LOG_LIMIT_MESSAGES + i], 1));
    for (int i = 0; i < LOG_LIMIT_MESSAGES; i++)
        assert_false(log_limit_allows(&limit, &MANY[i], 1)); /* nobody was forgotten for that */
}

struct fixture {
    int ends[2];
    struct clock *clock;
    struct log *log;
    char text[64 * 1024];
};

static void begin(struct fixture *fixture)
{
    assert_int_equal(pipe(fixture->ends), 0);
    fixture->clock = clock_new();
    clock_freeze(fixture->clock);
    fixture->log = log_new(fixture->ends[1], LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, fixture->clock);
}

/* All that was written. */
static const char *end(struct fixture *fixture)
{
    size_t length = 0;
    ssize_t got;
    log_free(fixture->log);
    clock_free(fixture->clock);
    close(fixture->ends[1]);
    while ((got = read(fixture->ends[0], fixture->text + length, sizeof(fixture->text) - 1 - length)) > 0)
        length += (size_t)got;
    fixture->text[length] = '\0';
    close(fixture->ends[0]);
    return fixture->text;
}

static size_t occurrences(const char *text, const char *word)
{
    size_t count = 0;
    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

static void the_log_tells_how_many_it_left_out(void **state)
{
    (void)state;
    struct fixture *fixture = mem_new(sizeof(*fixture));
    begin(fixture);
    for (int i = 0; i < LOG_LIMIT_LINES + 7; i++)
        log_say(fixture->log, LOG_LEVEL_ERROR, ONE);
    clock_move(fixture->clock, LOG_LIMIT_US);
    log_say(fixture->log, LOG_LEVEL_INFO, OTHER);
    for (int i = 0; i < LOG_LIMIT_LINES + 3; i++)
        log_say(fixture->log, LOG_LEVEL_INFO, OTHER);
    const char *text = end(fixture);
    assert_int_equal(occurrences(text, "msg=one"), LOG_LIMIT_LINES);
    assert_int_equal(occurrences(text, "like=one count=7\n"), 1);
    assert_int_equal(occurrences(text, "msg=other"), LOG_LIMIT_LINES);
    assert_int_equal(occurrences(text, "like=other count=4\n"), 1); /* at the end, though nothing followed */
    mem_free(fixture);
}

static void what_is_asked_for_in_detail_is_not_limited(void **state)
{
    (void)state;
    struct fixture *fixture = mem_new(sizeof(*fixture));
    begin(fixture);
    log_set_level(fixture->log, LOG_LEVEL_DEBUG);
    for (int i = 0; i < 3 * LOG_LIMIT_LINES; i++)
        log_say(fixture->log, LOG_LEVEL_DEBUG, ONE);
    assert_int_equal(occurrences(end(fixture), "msg=one"), 3 * LOG_LIMIT_LINES);
    mem_free(fixture);
}

static void the_latest_trouble_is_kept(void **state)
{
    (void)state;
    static const char MANY[LOG_RECENT + 3][8] = {{0}};
    struct log_recent lines[LOG_RECENT];
    struct fixture *fixture = mem_new(sizeof(*fixture));
    begin(fixture);
    assert_int_equal(log_recent(fixture->log, lines, LOG_RECENT), 0);
    log_say(fixture->log, LOG_LEVEL_INFO, ONE);
    log_write(fixture->log, LOG_LEVEL_WARN, OTHER, LOG_FIELDS(LOG_TEXT("why", slice_of("a b")), LOG_NUMBER("n", 3)));
    assert_int_equal(log_recent(fixture->log, lines, LOG_RECENT), 1);
    assert_ptr_equal(lines[0].message, OTHER);
    assert_int_equal(lines[0].at_us, clock_now(fixture->clock)); /* which, unlike the wall's, is never turned back */
    assert_string_equal(lines[0].text, "why=\"a b\" n=3");
    for (int i = 0; i < LOG_RECENT + 3; i++)
        log_say(fixture->log, LOG_LEVEL_ERROR, MANY[i]);
    assert_int_equal(log_recent(fixture->log, lines, LOG_RECENT), LOG_RECENT);
    for (int i = 0; i < LOG_RECENT; i++)
        assert_ptr_equal(lines[i].message, MANY[LOG_RECENT + 2 - i]);
    (void)end(fixture);
    mem_free(fixture);
}

/* Many lines at once go in pieces that a pipe takes whole. */
static void gathered_lines_arrive_whole(void **state)
{
    (void)state;
    struct fixture *fixture = mem_new(sizeof(*fixture));
    struct buf lines;
    begin(fixture);
    buf_init(&lines, sizeof(fixture->text));
    for (int i = 0; i < 900; i++)
        buf_format(&lines, "line %d of many\n", i);
    log_raw(fixture->log, buf_slice(&lines));
    buf_add_char(&lines, '\0');
    assert_string_equal(end(fixture), lines.bytes);
    buf_free(&lines);
    mem_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(some_lines_of_each_message_are_allowed),
        cmocka_unit_test(a_slow_message_is_never_limited),
        cmocka_unit_test(a_full_table_limits_no_newcomer),
        cmocka_unit_test(the_log_tells_how_many_it_left_out),
        cmocka_unit_test(what_is_asked_for_in_detail_is_not_limited),
        cmocka_unit_test(the_latest_trouble_is_kept),
        cmocka_unit_test(gathered_lines_arrive_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
