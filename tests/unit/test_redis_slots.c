/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/redis_reader.h"
#include "io/redis_slots.h"

static struct redisReply *reply_of(const char *text)
{
    struct redis_reader *reader = redis_reader_new(100000);
    bool broken;
    assert_true(redis_reader_feed(reader, text, strlen(text)));
    struct redisReply *reply = redis_reader_next(reader, &broken);
    assert_non_null(reply);
    redis_reader_free(reader);
    return reply;
}

/* What CLUSTER KEYSLOT of a real server says. */
static void keys_have_the_slots_that_the_servers_say(void **state)
{
    static const struct {
        const char *key;
        int slot;
    } KNOWN[] = {
        {"123456789", 12739},     {"", 0},
        {"foo", 12182},           {"{foo}bar", 12182},
        {"bar{foo}{zap}", 12182}, {"foo{}{bar}", 8363},
        {"foo{{bar}}zap", 4015},  {"foo{bar", 15278},
        {"user1000", 3443},       {"a{user1000}b", 3443},
    };
    (void)state;
    for (size_t i = 0; i < sizeof KNOWN / sizeof KNOWN[0]; i++)
        assert_int_equal(redis_slot(slice_of(KNOWN[i].key)), KNOWN[i].slot);
}

static void a_topology_is_read(void **state)
{
    struct redis_slots *slots = mem_new(sizeof *slots);
    struct redisReply *reply =
        reply_of("*2\r\n*4\r\n:0\r\n:99\r\n*3\r\n$9\r\n127.0.0.1\r\n:7000\r\n$1\r\nx\r\n*2\r\n$1\r\nr\r\n:1\r\n"
                 "*3\r\n:200\r\n:16383\r\n*2\r\n$0\r\n\r\n:7001\r\n");
    (void)state;
    assert_true(redis_slots_read(reply, "asked", slots));
    assert_int_equal(slots->place_count, 2);
    assert_int_equal(slots->owner[0], 0);
    assert_int_equal(slots->owner[99], 0);
    assert_int_equal(slots->owner[100], REDIS_NO_OWNER);
    assert_int_equal(slots->owner[16383], 1);
    assert_string_equal(slots->places[1].host, "asked");
    assert_int_equal(slots->places[0].port, 7000);
    freeReplyObject(reply);
    mem_free(slots);
}

static void nonsense_is_no_topology(void **state)
{
    static const char *const NONSENSE[] = {
        "*0\r\n",
        "+OK\r\n",
        "-ERR no\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:5\r\n:4\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:-1\r\n:4\r\n*2\r\n$1\r\na\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n$1\r\na\r\n:65536\r\n",
        "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n$3\r\na b\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:4\r\n*1\r\n$1\r\na\r\n",
        "*1\r\n*3\r\n:0\r\n:4\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n",
    };
    struct redis_slots *slots = mem_new(sizeof *slots);
    (void)state;
    for (size_t i = 0; i < sizeof NONSENSE / sizeof NONSENSE[0]; i++) {
        struct redisReply *reply = reply_of(NONSENSE[i]);
        if (redis_slots_read(reply, "asked", slots))
            fail_msg("%s was taken", NONSENSE[i]);
        freeReplyObject(reply);
    }
    mem_free(slots);
}

static void redirections_are_read(void **state)
{
    static const char *const BAD[] = {
        "-MOVED\r\n",       "-MOVED 1\r\n",       "-MOVED 1 a\r\n",    "-MOVED 16384 a:1\r\n", "-MOVED x a:1\r\n",
        "-MOVED 1 a:0\r\n", "-ASK 1 a:65536\r\n", "-MOVING 1 a:1\r\n", "-ASK -1 a:1\r\n",      "+MOVED 1 a:1\r\n"};
    struct redis_place place;
    int slot;
    (void)state;
    struct redisReply *reply = reply_of("-MOVED 3999 ::1:6381\r\n");
    assert_true(redis_slots_redirection(reply, "asked", &slot, &place));
    assert_int_equal(slot, 3999);
    assert_string_equal(place.host, "::1");
    assert_int_equal(place.port, 6381);
    freeReplyObject(reply);
    reply = reply_of("-ASK 7 :6381\r\n");
    assert_true(redis_slots_redirection(reply, "asked", &slot, &place));
    assert_string_equal(place.host, "asked");
    freeReplyObject(reply);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        reply = reply_of(BAD[i]);
        if (redis_slots_redirection(reply, "asked", &slot, &place))
            fail_msg("%s was taken", BAD[i]);
        freeReplyObject(reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_the_slots_that_the_servers_say),
        cmocka_unit_test(a_topology_is_read),
        cmocka_unit_test(nonsense_is_no_topology),
        cmocka_unit_test(redirections_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
