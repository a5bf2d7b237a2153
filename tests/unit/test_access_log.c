/* SPDX-License-Identifier: MIT */
/* Lines of the access log: whatever octets a method or a path is of, a line is one line, and its readers find those
 * octets again. The parser lets few of them through; this does not rely on it. Whole lines: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/access_log.h"
#include "ground.h"

#include <stdio.h>

#include <jansson.h>

enum { SAID_MAX = 64 * 1024 };

struct house {
    struct clock *clock;
    struct loop *loop;
    struct log *log, *written;
    struct access_log *access;
    struct exchange *exchange;
    int log_fd;
    char said[SAID_MAX];
};

static int set_up(void **state, enum log_format format)
{
    struct house *house = mem_new(sizeof *house);
    ground_lay(&house->clock, &house->loop, &house->log);
    house->log_fd = memfd_create("log", MFD_CLOEXEC);
    house->written = log_new(house->log_fd, LOG_LEVEL_INFO, format, house->clock);
    house->access = access_log_new(house->loop, house->written);
    access_log_change(house->access, 1);
    house->exchange = exchange_new();
    *state = house;
    return 0;
}

static int set_up_logfmt(void **state)
{
    return set_up(state, LOG_FORMAT_LOGFMT);
}

static int set_up_json(void **state)
{
    return set_up(state, LOG_FORMAT_JSON);
}

static int tear_down(void **state)
{
    struct house *house = *state;
    access_log_free(house->access);
    exchange_reset(house->exchange);
    exchange_free(house->exchange);
    log_free(house->written);
    close(house->log_fd);
    ground_clear(house->clock, house->loop, house->log);
    mem_free(house);
    return 0;
}

/* What was written so far. */
static void forget(struct house *house)
{
    assert_int_equal(ftruncate(house->log_fd, 0), 0);
    assert_int_equal(lseek(house->log_fd, 0, SEEK_SET), 0);
}

/* The line of such a request, refused with a 404, without its line feed. */
static const char *line_of(struct house *house, struct slice method, struct slice path)
{
    struct exchange *exchange = house->exchange;
    exchange_reset(exchange);
    exchange->request.method = METHOD_OTHER;
    exchange->request.method_text = method;
    exchange->request.path = path;
    exchange->request.came_us = loop_now(house->loop);
    exchange->id_length = (size_t)snprintf(exchange->id, sizeof exchange->id, "id");
    exchange->answer.status = 404;
    exchange->outcome.kind = OUTCOME_NOT_FOUND;
    exchange->outcome.is_sent = true;
    forget(house);
    access_log_note(exchange);
    access_log_add(house->access, exchange);
    access_log_flush(house->access);
    ssize_t length = pread(house->log_fd, house->said, sizeof house->said - 1, 0);
    assert_in_range(length, 1, SAID_MAX - 1);
    for (ssize_t i = 0; i < length - 1; i++)
        assert_in_range((unsigned char)house->said[i], ' ', '~'); /* one line, of what any terminal shows */
    assert_int_equal(house->said[length - 1], '\n');
    house->said[length - 1] = '\0';
    return house->said;
}

static void what_could_end_a_field_is_escaped(void **state)
{
    struct house *house = *state;
    const char *line = line_of(house, slice_of("A\"B"), slice_make("/\\\" x=y\r\n\0\t\x7f\x80\xc3\xa9", 15));
    const char *rest = strstr(line, " request=id ");
    assert_non_null(rest);
    assert_string_equal(rest, " request=id method=\"A\\\"B\" path=\"/\\\\\\\" "
                              "x=y\\u000d\\u000a\\u0000\\u0009\\u007f\\u0080\\u00c3\\u00a9\" status=404 bytes=0 "
                              "outcome=not_found us=0");
    assert_memory_equal(line, "ts=", 3);
}

/* JSON: a reader of another make gets every octet back, each as the character of its number. */
static void every_octet_is_found_again(void **state)
{
    struct house *house = *state;
    char path[256];
    for (int i = 0; i < 256; i++)
        path[i] = (char)i;
    const char *line = line_of(house, slice_of("GET"), slice_make(path, sizeof path));
    json_error_t error;
    json_t *read = json_loads(line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    assert_non_null(read);
    const json_t *found = json_object_get(read, "path");
    const unsigned char *text = (const unsigned char *)json_string_value(found);
    const unsigned char *end = text + json_string_length(found);
    for (unsigned i = 0; i < 256; i++) {
        unsigned character = *text++;
        if (character >= 0x80)
            character = (character & 0x1f) << 6 | (*text++ & 0x3f);
        assert_int_equal(character, i);
    }
    assert_ptr_equal(text, end);
    assert_string_equal(json_string_value(json_object_get(read, "method")), "GET");
    assert_string_equal(json_string_value(json_object_get(read, "outcome")), "not_found");
    assert_int_equal(json_integer_value(json_object_get(read, "status")), 404);
    json_decref(read);
}

/* However long, and however much longer escaped; a text that just fits is whole. */
static void what_is_too_long_is_cut(void **state)
{
    struct house *house = *state;
    static char path[ACCESS_LOG_TEXT_MAX + 2], method[ACCESS_LOG_METHOD_MAX + 2];
    const char *line;
    json_error_t error;
    memset(path, '\x01', sizeof path);
    memset(method, '"', sizeof method);
    for (size_t more = 0; more < 2; more++) {
        line = line_of(house, slice_make(method, ACCESS_LOG_METHOD_MAX + more),
                       slice_make(path, ACCESS_LOG_TEXT_MAX + more));
        json_t *read = json_loads(line, 0, &error);
        assert_non_null(read);
        const json_t *cut_path = json_object_get(read, "path"), *cut_method = json_object_get(read, "method");
        assert_int_equal(json_string_length(cut_path), ACCESS_LOG_TEXT_MAX);
        assert_int_equal(json_string_length(cut_method), ACCESS_LOG_METHOD_MAX);
        const char *expected = more ? "..." : "\x01\x01\x01";
        assert_string_equal(json_string_value(cut_path) + ACCESS_LOG_TEXT_MAX - 3, expected);
        expected = more ? "..." : "\"\"\"";
        assert_string_equal(json_string_value(cut_method) + ACCESS_LOG_METHOD_MAX - 3, expected);
        json_decref(read);
    }
}

/* Lines are written when there are many, or when the first has waited. */
static void lines_wait_and_are_written_together(void **state)
{
    struct house *house = *state;
    (void)line_of(house, slice_of("GET"), slice_of("/")); /* fills the exchange */
    forget(house);
    access_log_add(house->access, house->exchange);
    clock_move(house->clock, ACCESS_LOG_WAIT_US - 1);
    loop_turn(house->loop);
    assert_int_equal(ground_logged(house->log_fd, "msg=access"), 0);
    clock_move(house->clock, 1);
    loop_turn(house->loop);
    assert_int_equal(ground_logged(house->log_fd, "msg=access"), 1);
    size_t added = 0;
    while (added < 1000 && ground_logged(house->log_fd, "msg=access") == 1) {
        access_log_add(house->access, house->exchange);
        added++;
    }
    assert_int_equal(ground_logged(house->log_fd, "msg=access"), 1 + added);
    assert_in_range(added, 2, ACCESS_LOG_GATHER_MAX / 50);
}

/* One in so many, counted from each change; and what was gathered before it is not lost. */
static void a_change_counts_anew_and_loses_nothing(void **state)
{
    static const int64_t shares[] = {1, 3, 2};
    struct house *house = *state;
    (void)line_of(house, slice_of("GET"), slice_of("/")); /* fills the exchange */
    forget(house);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        access_log_change(house->access, shares[i]);
        for (int64_t request = 0; request < 7; request++) {
            if (access_log_picks(house->access) != (request % shares[i] == 0))
                fail_msg("1/%d: request %d", (int)shares[i], (int)request);
        }
        access_log_add(house->access, house->exchange);
        assert_int_equal(ground_logged(house->log_fd, "msg=access"), i);
    }
    access_log_change(house->access, 1);
    assert_int_equal(ground_logged(house->log_fd, "msg=access"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_could_end_a_field_is_escaped, set_up_logfmt, tear_down),
        cmocka_unit_test_setup_teardown(lines_wait_and_are_written_together, set_up_logfmt, tear_down),
        cmocka_unit_test_setup_teardown(a_change_counts_anew_and_loses_nothing, set_up_logfmt, tear_down),
        cmocka_unit_test_setup_teardown(every_octet_is_found_again, set_up_json, tear_down),
        cmocka_unit_test_setup_teardown(what_is_too_long_is_cut, set_up_json, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
