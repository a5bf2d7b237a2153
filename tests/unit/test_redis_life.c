/* SPDX-License-Identifier: MIT */
/* Calls that ask for a key's life as well: two commands and two replies that stay one call, whatever happens between
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"

#include <hiredis/hiredis.h>

#define PTTL "*2\r\n$4\r\nPTTL\r\n$1\r\nk\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"

struct asked {
    struct redis_call call;
    unsigned done;
    char text[64]; /* of the reply */
};

static void on_done(struct redis_call *call)
{
    struct asked *asked = MEM_OUTER(call, struct asked, call);
    asked->done++;
    if (call->outcome == REDIS_ANSWERED)
        snprintf(asked->text, sizeof asked->text, "%s", call->reply->str != NULL ? call->reply->str : "");
}

static void get(struct redis *redis, struct asked *asked, bool with_life)
{
    *asked = (struct asked){.call = {.argument_count = 2, .with_life = with_life, .on_done = on_done}};
    asked->call.arguments[0] = slice_of("GET");
    asked->call.arguments[1] = asked->call.key = slice_of("k");
    redis->start(redis, &asked->call);
    assert_int_equal(asked->done, 0);
}

#define ASSERT_ANSWERED(asked, life, said)                                                                             \
    do {                                                                                                               \
        assert_int_equal((asked)->done, 1);                                                                            \
        assert_int_equal((asked)->call.outcome, REDIS_ANSWERED);                                                       \
        assert_true((asked)->call.life_ms == (life));                                                                  \
        assert_string_equal((asked)->text, said);                                                                      \
    } while (0)

static void the_life_is_asked_before_the_command(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked one, plain, two;
    get(redis, &one, true); /* waits for the connection */
    fake_welcome(house);
    get(redis, &plain, false);
    get(redis, &two, true);
    fake_hear(house, PTTL GET GET PTTL GET);
    fake_say(house, ":1500\r\n");
    fake_settle(house);
    assert_int_equal(one.done, 0); /* half an answer is none */
    fake_say(house, "$3\r\none\r\n$5\r\nplain\r\n:-2\r\n$-1\r\n");
    FAKE_WAIT(house, two.done);
    ASSERT_ANSWERED(&one, 1500, "one");
    assert_string_equal(plain.text, "plain");
    ASSERT_ANSWERED(&two, -2, "");
    assert_int_equal(metrics_read(house->metrics, METRIC_REDIS_COMMANDS), 3);
    fake_disconnect(house, redis);
}

static void a_life_that_is_refused_is_not_known(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked asked;
    fake_welcome(house);
    get(redis, &asked, true);
    fake_hear(house, PTTL GET);
    fake_say(house, "-NOPERM this user has no permissions\r\n$3\r\none\r\n");
    FAKE_WAIT(house, asked.done);
    ASSERT_ANSWERED(&asked, REDIS_LIFE_UNKNOWN, "one");
    fake_disconnect(house, redis);
}

static void a_cancelled_call_swallows_both_replies(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked before, between, after, next;
    fake_welcome(house);
    get(redis, &before, true);
    get(redis, &between, true);
    get(redis, &after, true);
    get(redis, &next, true);
    fake_hear(house, PTTL GET PTTL GET PTTL GET PTTL GET);
    redis->cancel(redis, &before.call);
    fake_say(house, ":1\r\n+before\r\n:2\r\n");
    fake_settle(house);
    redis->cancel(redis, &between.call); /* one of its replies has come */
    fake_say(house, "+between\r\n:3\r\n+after\r\n:4\r\n+next\r\n");
    FAKE_WAIT(house, next.done);
    assert_int_equal(before.done + between.done, 0);
    ASSERT_ANSWERED(&after, 3, "after");
    ASSERT_ANSWERED(&next, 4, "next");
    fake_disconnect(house, redis);
}

static void a_connection_that_ends_between_the_replies_is_told_once(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked half, whole;
    fake_welcome(house);
    get(redis, &half, true);
    get(redis, &whole, true);
    fake_hear(house, PTTL GET PTTL GET);
    fake_say(house, ":1\r\n");
    fake_settle(house);
    fake_hang_up(house);
    FAKE_WAIT(house, half.done && whole.done);
    fake_welcome(house);
    assert_int_equal(half.done, 1);
    assert_int_equal(half.call.outcome, REDIS_AWAY);
    assert_true(half.call.maybe_done);
    assert_int_equal(whole.done, 1);
    assert_int_equal(whole.call.outcome, REDIS_AWAY);
    fake_disconnect(house, redis);
}

static void half_an_answer_is_late(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked late, next;
    fake_welcome(house);
    get(redis, &late, true);
    fake_hear(house, PTTL GET);
    fake_say(house, ":1\r\n");
    fake_settle(house);
    fake_move(house, FAKE_TIMEOUT_US);
    assert_int_equal(late.done, 1);
    assert_int_equal(late.call.outcome, REDIS_TIMED_OUT);
    fake_welcome(house);
    get(redis, &next, true);
    fake_hear(house, PTTL GET);
    fake_say(house, ":2\r\n+next\r\n");
    FAKE_WAIT(house, next.done);
    ASSERT_ANSWERED(&next, 2, "next");
    fake_disconnect(house, redis);
}

/* As many calls as may be under way, each with two replies to come; the ring grows with half an answer in it. */
static void as_many_fit_as_without_a_life(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked *many = mem_new(REDIS_CALLS_MAX * sizeof *many);
    fake_welcome(house);
    get(redis, &many[0], true);
    fake_hear(house, PTTL GET);
    fake_say(house, ":7\r\n");
    fake_settle(house);
    for (size_t i = 1; i < REDIS_CALLS_MAX; i++)
        get(redis, &many[i], true);
    loop_turn(house->loop);
    assert_int_equal(many[REDIS_CALLS_MAX - 1].done, 0);
    fake_say(house, "+first\r\n:8\r\n+second\r\n");
    FAKE_WAIT(house, many[1].done);
    ASSERT_ANSWERED(&many[0], 7, "first");
    ASSERT_ANSWERED(&many[1], 8, "second");
    fake_disconnect(house, redis);
    mem_free(many);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_life_is_asked_before_the_command),
        TEST(a_life_that_is_refused_is_not_known),
        TEST(a_cancelled_call_swallows_both_replies),
        TEST(a_connection_that_ends_between_the_replies_is_told_once),
        TEST(half_an_answer_is_late),
        TEST(as_many_fit_as_without_a_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
