/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "upstream/nexudus.h"

#include <stdio.h>

static int set_up(void **state)
{
    *state = schema_builtin_webhooks();
    return 0;
}

static int tear_down(void **state)
{
    schema_free(*state);
    return 0;
}

static void the_address_of_a_window(void **state)
{
    static const struct {
        const char *base, *canonical;
        struct window window;
        const char *url;
    } rows[] = {
        {"https://n.test", "", {200, 0}, "https://n.test/api/sys/webhooks?page=1&size=200"},
        {"https://n.test/", "a=1&b=x%20y", {1000, 4}, "https://n.test/api/sys/webhooks?a=1&b=x%20y&page=5&size=1000"},
        {"http://[::1]:8080//",
         "a=1",
         {1, INT64_MAX - 1},
         "http://[::1]:8080/api/sys/webhooks?a=1&page=9223372036854775807&size=1"},
        {"https://n.test", "a=1", {1, INT64_MAX}, NULL},
        {"https://n.test", "a=1", {1, -1}, NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf url;
        buf_init(&url, 1000);
        bool fits = nexudus_url(&url, rows[i].base, *state, slice_of(rows[i].canonical), rows[i].window);
        assert_int_equal(fits, rows[i].url != NULL);
        if (fits)
            assert_true(slice_is(buf_slice(&url), rows[i].url));
        buf_free(&url);
    }

    struct buf tight;
    buf_init(&tight, 20);
    assert_false(nexudus_url(&tight, "https://n.test", *state, slice_of(""), (struct window){200, 0}));
    buf_free(&tight);
}

/* One record, or a page of `size` of three. */
static const char good[] =
    "{\"Records\":[{\"Id\":1}],\"CurrentPage\":1,\"CurrentPageSize\":200,\"CurrentOrderField\":\"Id\","
    "\"CurrentSortDirection\":0,"
    "\"FirstItem\":1,\"LastItem\":1,\"TotalItems\":1,\"TotalPages\":1,\"HasNextPage\":false,\"HasPreviousPage\":false}";
static const char capped[] =
    "{\"Records\":[{\"Id\":1}],\"CurrentPage\":1,\"CurrentPageSize\":1,\"CurrentOrderField\":\"Id\","
    "\"CurrentSortDirection\":0,"
    "\"FirstItem\":1,\"LastItem\":1,\"TotalItems\":3,\"TotalPages\":3,\"HasNextPage\":true,\"HasPreviousPage\":false}";

static void each_answer_has_its_verdict(void **state)
{
    static const struct {
        enum fetch_outcome outcome;
        int status;
        const char *body, *content_type;
        int64_t retry_after_us;
        enum nexudus_verdict verdict;
    } rows[] = {
        {FETCH_ANSWERED, 200, good, "application/json", -1, NEXUDUS_OK},
        {FETCH_ANSWERED, 200, good, "", -1, NEXUDUS_OK},
        {FETCH_ANSWERED, 200, capped, "application/json", -1, NEXUDUS_CAPPED},
        {FETCH_ANSWERED, 200, good, "text/html; charset=utf-8", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 200, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 200, "{\"Records\":", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 201, good, "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 204, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 301, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 302, "", "", 5, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 400, "", "", -1, NEXUDUS_BAD_QUERY},
        {FETCH_ANSWERED, 401, "", "", -1, NEXUDUS_UNAUTHORIZED},
        {FETCH_ANSWERED, 402, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 403, "", "", -1, NEXUDUS_FORBIDDEN},
        {FETCH_ANSWERED, 404, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 409, "", "", -1, NEXUDUS_THROTTLED},
        {FETCH_ANSWERED, 409, "", "", 1000000, NEXUDUS_THROTTLED},
        {FETCH_ANSWERED, 418, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 422, "", "", -1, NEXUDUS_BAD_QUERY},
        {FETCH_ANSWERED, 429, "", "", -1, NEXUDUS_THROTTLED},
        {FETCH_ANSWERED, 500, "", "", 7, NEXUDUS_OUTAGE},
        {FETCH_ANSWERED, 502, "", "", -1, NEXUDUS_OUTAGE},
        {FETCH_ANSWERED, 503, "", "", -1, NEXUDUS_OUTAGE},
        {FETCH_ANSWERED, 503, "", "", 0, NEXUDUS_THROTTLED},
        {FETCH_ANSWERED, 599, "", "", -1, NEXUDUS_OUTAGE},
        {FETCH_ANSWERED, 600, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_ANSWERED, 999, "", "", -1, NEXUDUS_BROKEN},
        {FETCH_UNREACHABLE, 0, "", "", -1, NEXUDUS_OUTAGE},
        {FETCH_TIMED_OUT, 0, good, "", -1, NEXUDUS_TIMEOUT},
        {FETCH_CUT, 0, good, "", -1, NEXUDUS_BROKEN},
        {FETCH_TOO_BIG, 0, good, "", -1, NEXUDUS_BROKEN},
        {FETCH_NO_ROOM, 0, good, "", -1, NEXUDUS_OUTAGE},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fetch fetch = {
            .outcome = rows[i].outcome, .status = rows[i].status, .retry_after_us = rows[i].retry_after_us};
        struct nexudus_answer answer;
        buf_init(&fetch.body, 10000);
        buf_add_text(&fetch.body, rows[i].body);
        snprintf(fetch.content_type, sizeof fetch.content_type, "%s", rows[i].content_type);
        nexudus_judge(&fetch, *state, (struct window){200, 0}, &answer);
        if (answer.verdict != rows[i].verdict)
            fail_msg("row %zu: %s instead of %s", i, nexudus_verdict_name(answer.verdict),
                     nexudus_verdict_name(rows[i].verdict));
        assert_int_equal(answer.status, rows[i].outcome == FETCH_ANSWERED ? rows[i].status : 0);
        assert_int_equal(answer.retry_after_us, rows[i].retry_after_us);
        assert_int_equal(answer.cap, rows[i].verdict == NEXUDUS_CAPPED ? 1 : 0);
        assert_int_equal(answer.why[0] == '\0', rows[i].verdict == NEXUDUS_OK);
        if (rows[i].verdict == NEXUDUS_OK)
            assert_int_equal(answer.envelope.record_count, 1);
        envelope_free(&answer.envelope);
        buf_free(&fetch.body);
    }
}

/* What Nexudus says is for nobody's log. */
static void why_never_repeats_the_answer(void **state)
{
    static const char *const bodies[] = {"{\"Records\":\"topsecret\"}", "topsecret", "<html>topsecret</html>",
                                         "{\"error\":\"topsecret\"}", "{\"topsecret\":[1,2"};
    static const int statuses[] = {200, 302, 400, 401, 403, 409, 500};

    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        for (size_t j = 0; j < sizeof statuses / sizeof statuses[0]; j++) {
            struct fetch fetch = {.status = statuses[j], .retry_after_us = -1};
            struct nexudus_answer answer;
            buf_init(&fetch.body, 10000);
            buf_add_text(&fetch.body, bodies[i]);
            nexudus_judge(&fetch, *state, (struct window){200, 0}, &answer);
            assert_null(strstr(answer.why, "topsecret"));
            assert_true(answer.why[0] != '\0');
            envelope_free(&answer.envelope);
            buf_free(&fetch.body);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_address_of_a_window),
        cmocka_unit_test(each_answer_has_its_verdict),
        cmocka_unit_test(why_never_repeats_the_answer),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
