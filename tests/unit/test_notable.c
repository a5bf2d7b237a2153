/* SPDX-License-Identifier: MIT */
/* What is asked most and what waited longest is kept, within bounds and without secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/notable.h"

#include <stdio.h>

struct fixture {
    struct schema *schema;
    struct notable *notable;
};

static int begin(void **state)
{
    struct fixture *fixture = mem_new(sizeof(*fixture));
    fixture->schema = schema_builtin_webhooks();
    fixture->notable = notable_new();
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;
    notable_free(fixture->notable);
    schema_free(fixture->schema);
    mem_free(fixture);
    return 0;
}

static void ask(struct fixture *fixture, const char *canonical, int64_t count, int64_t now_us)
{
    const struct query query = {.schema = fixture->schema, .canonical = slice_of(canonical)};
    notable_add_hot(fixture->notable, &query, count, now_us);
}

static void the_most_asked_come_first(void **state)
{
    struct fixture *fixture = *state;
    struct notable_hot rows[4];
    assert_int_equal(notable_hottest(fixture->notable, rows, 4), 0);
    ask(fixture, "Id=1", 3, 1);
    ask(fixture, "", 5, 1);
    ask(fixture, "Id=1", 4, 1);
    ask(fixture, "WebHook_URL=https%3A%2F%2Fsecret", 1, 1);
    assert_int_equal(notable_hottest(fixture->notable, rows, 4), 3);
    assert_string_equal(rows[0].query, "webhooks?Id=1");
    assert_int_equal(rows[0].count, 7);
    assert_string_equal(rows[1].query, "webhooks?");
    assert_string_equal(rows[2].query, "webhooks?WebHook_URL=***");
    assert_int_equal(notable_hottest(fixture->notable, rows, 1), 1);
}

/* Whatever else is asked once, what is asked often enough stays, and no count is too high by more than it says. */
static void a_flood_of_others_hides_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct notable_hot rows[NOTABLE_HOT];
    char text[32];
    int64_t asked = 0;
    for (int i = 0; i < 20000; i++) {
        snprintf(text, sizeof(text), "Id=%d", 100 + i);
        ask(fixture, text, 1, 1);
        if (i % 10 == 0) {
            ask(fixture, "Id=7", 1, 1);
            asked++;
        }
    }
    assert_int_equal(notable_hottest(fixture->notable, rows, NOTABLE_HOT), NOTABLE_HOT);
    assert_string_equal(rows[0].query, "webhooks?Id=7");
    assert_true(rows[0].count >= asked && rows[0].count - rows[0].error <= asked);
    for (int i = 1; i < NOTABLE_HOT; i++)
        assert_true(rows[i].count - rows[i].error <= 1);
}

static void what_was_asked_long_ago_fades(void **state)
{
    struct fixture *fixture = *state;
    struct notable_hot rows[4];
    ask(fixture, "Id=1", 1000, 1);
    ask(fixture, "Id=2", 600, 1 + NOTABLE_FADE_US);
    assert_int_equal(notable_hottest(fixture->notable, rows, 4), 2);
    assert_string_equal(rows[0].query, "webhooks?Id=2");
    assert_int_equal(rows[1].count, 500);
    ask(fixture, "Id=3", 1, INT64_C(1) << 60); /* however long it was quiet */
    assert_int_equal(notable_hottest(fixture->notable, rows, 4), 1);
}

static void a_long_query_is_cut(void **state)
{
    struct fixture *fixture = *state;
    struct notable_hot row;
    char text[1000] = "WebHook_Name=";
    memset(text + strlen(text), 'x', sizeof(text) - strlen(text) - 1);
    ask(fixture, text, 1, 1);
    assert_int_equal(notable_hottest(fixture->notable, &row, 1), 1);
    assert_int_equal(strlen(row.query), NOTABLE_TEXT_MAX);
    assert_string_equal(row.query + NOTABLE_TEXT_MAX - 4, "x...");
}

static void wait_long(struct fixture *fixture, int64_t took_us, int64_t now_us)
{
    char canonical[32];
    snprintf(canonical, sizeof(canonical), "Id=%d", (int)took_us);
    const struct query query = {.schema = fixture->schema, .canonical = slice_of(canonical)};
    struct exchange exchange = {.id = "the id", .id_length = 6, .request = {.came_us = now_us - took_us}};
    exchange.answer.status = 200;
    exchange.outcome = (struct outcome){.kind = OUTCOME_MISS, .query = &query, .client = slice_of("alpha")};
    exchange.outcome.step_us[STEP_FETCHER] = took_us / 2;
    notable_add_slow(fixture->notable, &exchange, now_us);
}

static void the_slowest_stay(void **state)
{
    struct fixture *fixture = *state;
    struct notable_slow rows[NOTABLE_SLOW];
    const int64_t now_us = CLOCK_DAY;
    for (int64_t i = 1; i <= 100; i++)
        wait_long(fixture, i * 7 % 101, now_us);
    assert_int_equal(notable_slowest(fixture->notable, rows, NOTABLE_SLOW, now_us), NOTABLE_SLOW);
    for (int i = 0; i < NOTABLE_SLOW; i++)
        assert_int_equal(rows[i].took_us, 100 - i);
    assert_string_equal(rows[0].query, "webhooks?Id=100");
    assert_string_equal(rows[0].client, "alpha");
    assert_string_equal(rows[0].id, "the id");
    assert_int_equal(rows[0].fetcher_us, 50);
    wait_long(fixture, 5, now_us + NOTABLE_FADE_US); /* the others are too old now */
    assert_int_equal(notable_slowest(fixture->notable, rows, NOTABLE_SLOW, now_us + NOTABLE_FADE_US), 1);
    assert_int_equal(rows[0].took_us, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_most_asked_come_first, begin, end),
        cmocka_unit_test_setup_teardown(a_flood_of_others_hides_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_was_asked_long_ago_fades, begin, end),
        cmocka_unit_test_setup_teardown(a_long_query_is_cut, begin, end),
        cmocka_unit_test_setup_teardown(the_slowest_stay, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
