/* SPDX-License-Identifier: MIT */
/* The puppet Redis does what a Redis would, as far as the other tests rely on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ground.h"
#include "puppet.h"
#include "puppet_redis.h"

#include <stdio.h>

struct house {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    struct puppet_store store;
    struct puppet_redis redis;
    struct redis_call call;
    unsigned answers;
    char text[256]; /* the last reply, in words */
};

static void describe(const redisReply *reply, char *out, size_t size)
{
    char inner[128];
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        snprintf(out, size, "%lld", reply->integer);
        return;
    case REDIS_REPLY_NIL:
        snprintf(out, size, "nil");
        return;
    case REDIS_REPLY_ARRAY:
        snprintf(out, size, "[");
        for (size_t i = 0; i < reply->elements; i++) {
            describe(reply->element[i], inner, sizeof(inner));
            size_t length = strlen(out);
            snprintf(out + length, size - length, "%s%s", i > 0 ? " " : "", inner);
        }
        snprintf(out + strlen(out), size - strlen(out), "]");
        return;
    default:
        snprintf(out, size, "%s", reply->str);
    }
}

static void on_done(struct redis_call *call)
{
    struct house *house = MEM_OUTER(call, struct house, call);
    house->answers++;
    snprintf(house->text, sizeof(house->text), "%s", call->outcome == REDIS_AWAY ? "away" : "late");
    if (call->outcome == REDIS_ANSWERED)
        describe(call->reply, house->text, sizeof(house->text));
}

/* Starts a command given as words. */
static void begin(struct house *house, const struct redis_script *script, size_t key_count, const char *words)
{
    struct slice rest = slice_of(words), word;
    house->call = (struct redis_call){.script = script, .key_count = key_count, .on_done = on_done};
    house->answers = 0;
    while (slice_cut(&rest, ' ', &word))
        house->call.arguments[house->call.argument_count++] = word;
    house->redis.redis.start(&house->redis.redis, &house->call);
    assert_int_equal(house->answers, 0);
}

static const char *run(struct house *house, const char *words)
{
    begin(house, NULL, 0, words);
    puppet_settle(house->loop);
    assert_int_equal(house->answers, 1);
    return house->text;
}

static const char *run_script(struct house *house, const char *text, size_t key_count, const char *words)
{
    const struct redis_script script = {"test", text};
    begin(house, &script, key_count, words);
    puppet_settle(house->loop);
    assert_int_equal(house->answers, 1);
    return house->text;
}

static int set_up(void **state)
{
    struct house *house = mem_new(sizeof(*house));
    ground_lay(&house->clock, &house->loop, &house->log);
    puppet_store_init(&house->store, house->clock);
    puppet_redis_init(&house->redis, &house->store, house->loop);
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;
    puppet_redis_free(&house->redis);
    puppet_store_free(&house->store);
    ground_clear(house->clock, house->loop, house->log);
    mem_free(house);
    return 0;
}

static void strings_live_as_long_as_they_were_told(void **state)
{
    struct house *house = *state;
    assert_string_equal(run(house, "SET k v PX 1500"), "OK");
    assert_string_equal(run(house, "SET k w NX"), "nil");
    assert_string_equal(run(house, "PTTL k"), "1500");
    clock_move(house->clock, 1499 * CLOCK_MILLISECOND);
    assert_string_equal(run(house, "GET k"), "v");
    clock_move(house->clock, 1 * CLOCK_MILLISECOND);
    assert_string_equal(run(house, "GET k"), "nil");
    assert_string_equal(run(house, "GETRANGE k 0 3"), "");
    assert_string_equal(run(house, "INCRBY n 5"), "5");
    assert_string_equal(run(house, "DEL n k"), "1");
    assert_string_equal(run(house, "NOSUCH n"), "ERR unknown command, to the puppet");
}

static void hashes_and_sorted_sets(void **state)
{
    struct house *house = *state;
    assert_string_equal(run(house, "HSET h a 1 b 2"), "2");
    assert_string_equal(run(house, "HMGET h b c a"), "[2 nil 1]");
    assert_string_equal(run(house, "GET h"), "WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_string_equal(run(house, "ZADD z 3 c 1 a 2 b"), "3");
    assert_string_equal(run(house, "ZADD z GT 0 c 9 a"), "0");
    assert_string_equal(run(house, "ZRANGEBYSCORE z (2 +inf WITHSCORES"), "[c 3 a 9]");
    assert_string_equal(run(house, "ZREMRANGEBYRANK z 0 -3"), "1");
    assert_string_equal(run(house, "ZREMRANGEBYSCORE z -inf 3"), "1");
    assert_string_equal(run(house, "ZREM z a"), "1");
    assert_string_equal(run(house, "EXISTS z"), "0");
}

static void scripts_are_run(void **state)
{
    struct house *house = *state;
    assert_string_equal(run_script(house,
                                   "redis.call('SET', KEYS[1], ARGV[1], 'PX', 7) "
                                   "return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1]), 3.7, true, false}",
                                   1, "k v"),
                        "[v 7 3 1 nil]");
    assert_string_equal(run_script(house, "return redis.call('INCRBY', KEYS[1], 4503599627370497)", 1, "n"),
                        "4503599627370497");
    assert_string_equal(run_script(house, "local t = redis.call('TIME') return #t", 0, "-"), "2");
    assert_string_equal(run_script(house, "return redis.pcall('HSET', KEYS[1], 'a', 'b')", 1, "n"),
                        "WRONGTYPE Operation against a key holding the wrong kind of value");
    assert_string_equal(run_script(house, "return {1, nil, 3}", 0, "-"), "[1]");
}

static void connections_fail_as_told(void **state)
{
    struct house *house = *state;
    house->redis.is_away = true;
    assert_false(house->redis.redis.is_there(&house->redis.redis));
    assert_string_equal(run(house, "GET k"), "away");
    house->redis.is_away = false;
    puppet_redis_next(&house->redis, (struct puppet_redis_answer){.outcome = REDIS_TIMED_OUT, .runs = true});
    puppet_redis_next(&house->redis, (struct puppet_redis_answer){.error = "LOADING"});
    assert_string_equal(run(house, "SET k v"), "late");
    assert_string_equal(run(house, "GET k"), "LOADING");
    assert_string_equal(run(house, "GET k"), "v");
}

static void calls_are_held_and_time_out(void **state)
{
    struct house *house = *state;
    house->redis.is_held = true;
    begin(house, NULL, 0, "GET k");
    puppet_settle(house->loop);
    assert_int_equal(puppet_redis_held(&house->redis), 1);
    puppet_redis_release(&house->redis);
    puppet_settle(house->loop);
    assert_string_equal(house->text, "nil");

    begin(house, NULL, 0, "SET k v");
    clock_move(house->clock, 20 * CLOCK_MILLISECOND);
    puppet_settle(house->loop);
    assert_string_equal(house->text, "late");
    assert_true(house->call.maybe_done);

    begin(house, NULL, 0, "SET k v");
    house->redis.redis.cancel(&house->redis.redis, &house->call);
    clock_move(house->clock, CLOCK_SECOND);
    puppet_settle(house->loop);
    assert_int_equal(house->answers, 0);
    assert_null(puppet_store_peek(&house->store, "k").at);
}

struct hearer {
    unsigned messages;
    bool is_up;
};

static void on_message(void *context, struct slice channel, struct slice message)
{
    struct hearer *hearer = context;
    assert_true(slice_is(channel, "c"));
    assert_true(slice_is(message, "hello"));
    hearer->messages++;
}

static void on_link(void *context, bool up)
{
    ((struct hearer *)context)->is_up = up;
}

static void channels_reach_those_who_listen(void **state)
{
    struct house *house = *state;
    struct puppet_channels channels;
    struct hearer hearers[2] = {{0}};
    puppet_channels_init(&channels, &house->store, house->loop);
    for (size_t i = 0; i < 2; i++) {
        const struct redis_feed_events events = {on_message, on_link, &hearers[i]};
        assert_int_equal(puppet_channels_subscribe(&channels, &events), i);
    }
    puppet_channels_link(&channels, 0, true);
    assert_string_equal(run(house, "PUBLISH c hello"), "1");
    puppet_channels_link(&channels, 1, true);
    channels.is_held = true;
    assert_string_equal(run_script(house, "return redis.call('PUBLISH', 'c', ARGV[1])", 0, "hello"), "2");
    assert_int_equal(hearers[0].messages, 1);
    puppet_channels_release(&channels);
    assert_int_equal(hearers[0].messages, 2);
    assert_int_equal(hearers[1].messages, 1);
    puppet_channels_free(&channels);
    house->store.on_publish = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(strings_live_as_long_as_they_were_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(hashes_and_sorted_sets, set_up, tear_down),
        cmocka_unit_test_setup_teardown(scripts_are_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(connections_fail_as_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(calls_are_held_and_time_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(channels_reach_those_who_listen, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
