/* SPDX-License-Identifier: MIT */
/* The words of the fleet: what is read, and what is nobody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/fleet_message.h"

#include <stdio.h>

#define MARK "0123456789abcdef01234567"

static void a_flight_is_read(void **state)
{
    (void)state;
    struct fleet_message message;
    assert_true(fleet_message_read(slice_of("F5 a b:c" MARK "1 ok 1 200 0 0 "), &message));
    assert_int_equal(message.topic, FLEET_FLIGHT);
    assert_true(slice_is(message.name, "a b:c"));
    assert_true(slice_is(message.mark, MARK));
    assert_true(slice_is(message.news, "1 ok 1 200 0 0 "));
    assert_true(fleet_message_read(slice_of("F5 a b:c"), &message));
    assert_true(slice_is(message.name, "a b:c"));
    assert_int_equal(message.news.length, 0);
}

static void a_login_and_a_pause_are_read(void **state)
{
    (void)state;
    struct fleet_message message;
    assert_true(fleet_message_read(slice_of("L"), &message));
    assert_int_equal(message.topic, FLEET_LOGIN);
    assert_true(fleet_message_read(slice_of("B86400000000"), &message));
    assert_int_equal(message.topic, FLEET_BUDGET);
    assert_int_equal(message.pause_us, FLEET_PAUSE_MAX_US);
    assert_true(fleet_message_read(slice_of("B0"), &message));
    assert_int_equal(message.pause_us, 0);
}

static void the_rest_is_nobodys(void **state)
{
    (void)state;
    static const char *const REST[] = {
        "",
        "X",
        "Lx",
        "B",
        "B-1",
        "B1 ",
        "B86400000001",
        "B99999999999999999999",
        "F",
        "F0",
        "F0 ",
        "F5",
        "F-1 ab",
        "F6 a b:c",
        "F65537 a",
        "F9223372036854775808 a",
        "F1 a" MARK,                                   /* a mark without news */
        "F1 a0123456789ABCDEF012345671 ok 1 200 0 0 ", /* no mark */
        "F1 a0123456789abcdef0123456 1 ok 1 200 0 0 ",
    };
    for (size_t i = 0; i < sizeof REST / sizeof REST[0]; i++) {
        struct fleet_message message;
        assert_false(fleet_message_read(slice_of(REST[i]), &message));
    }
}

static void news_too_long_are_nobodys(void **state)
{
    (void)state;
    char text[4 + sizeof MARK + FLEET_NEWS_MAX + 1];
    struct fleet_message message;
    int head = snprintf(text, sizeof text, "F1 a" MARK);
    memset(text + head, 'x', FLEET_NEWS_MAX + 1);
    assert_true(fleet_message_read(slice_make(text, (size_t)head + FLEET_NEWS_MAX), &message));
    assert_false(fleet_message_read(slice_make(text, (size_t)head + FLEET_NEWS_MAX + 1), &message));
}

static void news_are_read_as_they_were_written(void **state)
{
    (void)state;
    static const struct fleet_news NEWS[] = {
        {ASK_OK, true, 200, 0, 0, ""},
        {ASK_OK, false, 200, 0, 0, ""},
        {ASK_CAPPED, false, 200, 0, FLEET_CAP_MAX, ""},
        {ASK_OUTAGE, false, 503, FLEET_PAUSE_MAX_US, 0, "Nexudus answered 503."},
        {ASK_TIMEOUT, false, 0, 1, 0, "late"},
        {ASK_REFUSED, false, 401, 1, 0, "no"},
        {ASK_BROKEN, false, 200, 1, 0, " two  blanks "},
        {ASK_BAD_QUERY, false, 422, 1, 0, "why"},
    };
    for (size_t i = 0; i < sizeof NEWS / sizeof NEWS[0]; i++) {
        char text[FLEET_NEWS_MAX];
        struct fleet_news read;
        fleet_news_write(text, &NEWS[i]);
        assert_true(fleet_news_read(slice_of(text), &read));
        assert_int_equal(read.verdict, NEWS[i].verdict);
        assert_int_equal(read.stored, NEWS[i].stored);
        assert_int_equal(read.status, NEWS[i].status);
        assert_int_equal(read.retry_after_us, NEWS[i].retry_after_us);
        assert_int_equal(read.cap, NEWS[i].cap);
        assert_string_equal(read.why, NEWS[i].why);
    }
}

static void other_news_are_not_believed(void **state)
{
    (void)state;
    static const char *const REST[] = {
        "",
        "1",
        "2 ok 1 200 0 0 ",
        "1 fine 1 200 0 0 ",
        "1 throttled 0 409 0 0 ",
        "1 ok 2 200 0 0 ",
        "1 ok 1 1000 0 0 ",
        "1 ok 1 200 86400000001 0 ",
        "1 ok 1 200 -1 0 ",
        "1 ok 1 200 0 1000001 ",
        "1 capped 0 200 0 0 ",
        "1 outage 0 503 0 0 a\nline",
        "1 outage 0 503 0 0 caf\xc3\xa9",
    };
    char text[FLEET_NEWS_MAX];
    struct fleet_news read;
    for (size_t i = 0; i < sizeof REST / sizeof REST[0]; i++)
        assert_false(fleet_news_read(slice_of(REST[i]), &read));
    snprintf(text, sizeof text, "1 outage 0 503 0 0 %0*d", ENVELOPE_WHY_MAX, 0);
    assert_false(fleet_news_read(slice_of(text), &read));
    text[strlen(text) - 1] = '\0';
    assert_true(fleet_news_read(slice_of(text), &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flight_is_read),
        cmocka_unit_test(a_login_and_a_pause_are_read),
        cmocka_unit_test(the_rest_is_nobodys),
        cmocka_unit_test(news_too_long_are_nobodys),
        cmocka_unit_test(news_are_read_as_they_were_written),
        cmocka_unit_test(other_news_are_not_believed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
