/* SPDX-License-Identifier: MIT */
/* What a lookup's two replies mean, taken together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/shared_script.h"

#include <hiredis/hiredis.h>

static char hello[] = "hello", wrong[] = "WRONGTYPE Operation against a key holding the wrong kind of value",
            refused[] = "NOPERM this user has no permissions";

static const struct redisReply VALUE = {.type = REDIS_REPLY_STRING, .str = hello, .len = 5};
static const struct redisReply NIL = {.type = REDIS_REPLY_NIL};
static const struct redisReply WRONG = {.type = REDIS_REPLY_ERROR, .str = wrong, .len = sizeof wrong - 1};
static const struct redisReply REFUSED = {.type = REDIS_REPLY_ERROR, .str = refused, .len = sizeof refused - 1};
static const struct redisReply NUMBER = {.type = REDIS_REPLY_INTEGER, .integer = 5};

static void on_done(struct redis_call *call)
{
    (void)call;
}

static void a_lookup_asks_for_the_value_and_its_life(void **state)
{
    struct redis_call call;
    (void)state;
    shared_ask_get(&call, slice_of("k"), on_done);
    assert_true(call.with_life && call.script == NULL && call.on_done == on_done);
    assert_int_equal(call.argument_count, 2);
    assert_true(slice_is(call.arguments[0], "GET"));
    assert_true(slice_is(call.arguments[1], "k") && slice_is(call.key, "k"));
}

static void both_replies_decide(void **state)
{
    static const struct {
        const struct redisReply *reply;
        int64_t life_ms;
        bool answered;
        enum shared_reply what;
    } CASES[] = {
        {&VALUE, 1500, true, SHARED_REPLY_VALUE},
        {&VALUE, 0, true, SHARED_REPLY_VALUE},
        {&VALUE, -1, true, SHARED_REPLY_FOREIGN},
        {&VALUE, -2, true, SHARED_REPLY_NONE}, /* came between the two: how old it is by Redis's count is not known */
        {&VALUE, REDIS_LIFE_UNKNOWN, false, SHARED_REPLY_NONE},
        {&VALUE, -3, false, SHARED_REPLY_NONE},
        {&NIL, -2, true, SHARED_REPLY_NONE},
        {&NIL, 1, true, SHARED_REPLY_NONE}, /* expired between the two */
        {&NIL, REDIS_LIFE_UNKNOWN, true, SHARED_REPLY_NONE},
        {&WRONG, 1500, true, SHARED_REPLY_FOREIGN},
        {&WRONG, -2, true, SHARED_REPLY_FOREIGN},
        {&REFUSED, 1500, false, SHARED_REPLY_NONE},
        {&NUMBER, 1500, false, SHARED_REPLY_NONE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct redis_call call = {.outcome = REDIS_ANSWERED, .reply = CASES[i].reply, .life_ms = CASES[i].life_ms};
        enum shared_reply what = SHARED_REPLY_NONE;
        struct slice value = slice_make("", 0);
        int64_t left_ms = -7;
        assert_int_equal(shared_read_get(&call, &what, &value, &left_ms), CASES[i].answered);
        assert_int_equal(what, CASES[i].what);
        if (what == SHARED_REPLY_VALUE) {
            assert_true(slice_is(value, "hello"));
            assert_int_equal(left_ms, CASES[i].life_ms);
        }
        call.outcome = REDIS_TIMED_OUT;
        call.reply = NULL;
        assert_false(shared_read_get(&call, &what, &value, &left_ms));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookup_asks_for_the_value_and_its_life),
        cmocka_unit_test(both_replies_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
