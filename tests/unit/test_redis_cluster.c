/* SPDX-License-Identifier: MIT */
/* The route through a cluster, of which one node does what the test says. Real clusters: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "io/redis_cluster.h"

#include <hiredis/hiredis.h>

#define SLOTS "*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"
#define PTTL "*2\r\n$4\r\nPTTL\r\n$3\r\nfoo\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n" /* slot 12182 */

struct asked {
    struct redis_call call;
    unsigned done;
    char text[100];
};

static struct redis_url url;

static void on_done(struct redis_call *call)
{
    struct asked *asked = MEM_OUTER(call, struct asked, call);
    asked->done++;
    if (call->outcome == REDIS_ANSWERED && call->reply->str != NULL)
        snprintf(asked->text, sizeof asked->text, "%s", call->reply->str);
}

static void get(struct redis *redis, struct asked *asked)
{
    asked->call.arguments[0] = slice_of("GET");
    asked->call.arguments[1] = asked->call.key = slice_of("foo");
    asked->call.argument_count = 2;
    asked->call.on_done = on_done;
    redis->start(redis, &asked->call);
    assert_int_equal(asked->done, 0);
}

/* It is asked of the node that is spoken to, and this is the answer. */
static void answer(struct fake_house *house, struct asked *asked)
{
    fake_hear(house, GET);
    fake_say(house, "+bar\r\n");
    FAKE_WAIT(house, asked->done);
    assert_string_equal(asked->text, "bar");
}

static void say_with_port(struct fake_house *house, const char *before, const char *after)
{
    char text[300];
    snprintf(text, sizeof text, "%s%d%s", before, house->port, after);
    fake_say(house, text);
}

static struct redis *join(struct fake_house *house)
{
    static struct redis_options options;
    char text[100], why[REDIS_URL_WHY_MAX];
    snprintf(text, sizeof text, "redis+cluster://127.0.0.1:%d", house->port);
    assert_true(redis_url_read(slice_of(text), &url, why));
    options = (struct redis_options){&url, FAKE_TIMEOUT_US, NULL};
    return redis_new(house->loop, &options, house->log, house->counters);
}

static struct redis *join_known(struct fake_house *house)
{
    struct redis *redis = join(house);
    fake_welcome(house);
    fake_hear(house, SLOTS);
    say_with_port(house, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:", "\r\n");
    fake_settle(house);
    return redis;
}

static void leave(struct redis *redis)
{
    redis_free(redis);
    redis_url_free(&url);
}

static void calls_wait_until_the_cluster_is_known(void **state)
{
    struct fake_house *house = *state;
    struct asked asked = {0};
    struct redis *redis = join(house);
    get(redis, &asked);
    fake_welcome(house);
    fake_hear(house, SLOTS);
    fake_say(house, "*0\r\n"); /* a node that has not met the others yet */
    fake_settle(house);
    clock_move(house->clock, REDIS_CLUSTER_REFRESH_MIN_US); /* past its deadline */
    FAKE_WAIT(house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_TIMED_OUT);
    fake_hear(house, SLOTS);
    memset(&asked, 0, sizeof asked);
    get(redis, &asked);
    say_with_port(house, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:", "\r\n");
    fake_settle(house);
    fake_move(house, REDIS_AGAIN_US);
    answer(house, &asked);
    leave(redis);
}

static void a_call_is_not_sent_round_for_ever(void **state)
{
    struct fake_house *house = *state;
    struct asked asked = {0};
    struct redis *redis = join_known(house);
    get(redis, &asked);
    for (unsigned hop = 0; hop <= REDIS_HOPS_MAX; hop++) {
        fake_hear(house, GET);
        say_with_port(house, "-MOVED 12182 127.0.0.1:", "\r\n");
    }
    FAKE_WAIT(house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_ANSWERED);
    assert_memory_equal(asked.text, "MOVED", 5);
    leave(redis);
}

static void an_ask_is_followed_with_asking(void **state)
{
    struct fake_house *house = *state;
    struct asked asked = {0};
    struct redis *redis = join_known(house);
    get(redis, &asked);
    fake_hear(house, GET);
    say_with_port(house, "-ASK 12182 :", "\r\n"); /* the same host */
    fake_hear(house, "*1\r\n$6\r\nASKING\r\n" GET);
    fake_say(house, "+OK\r\n-TRYAGAIN Multiple keys request during rehashing of slot\r\n");
    fake_settle(house);
    fake_move(house, REDIS_AGAIN_US); /* and begins at the owner again */
    answer(house, &asked);
    leave(redis);
}

/* ASKING holds for one command only, so each of the two has its own; a life that was told by the node that has given
 * the key away is forgotten. */
static void a_key_and_its_life_are_asked_of_one_node(void **state)
{
    struct fake_house *house = *state;
    struct asked asked = {.call = {.with_life = true}}, next = {0};
    struct redis *redis = join_known(house);
    get(redis, &asked);
    fake_hear(house, PTTL GET);
    fake_say(house, ":5000\r\n");
    say_with_port(house, "-ASK 12182 :", "\r\n");
    fake_hear(house, "*1\r\n$6\r\nASKING\r\n" PTTL "*1\r\n$6\r\nASKING\r\n" GET);
    get(redis, &next);
    fake_hear(house, GET);
    fake_say(house, "+OK\r\n-ERR no\r\n+OK\r\n+bar\r\n+next\r\n");
    FAKE_WAIT(house, next.done);
    assert_string_equal(asked.text, "bar");
    assert_true(asked.call.life_ms == REDIS_LIFE_UNKNOWN);
    assert_string_equal(next.text, "next");
    leave(redis);
}

static void a_cluster_that_is_down_is_asked_until_the_deadline(void **state)
{
    struct fake_house *house = *state;
    struct asked asked = {0};
    struct redis *redis = join_known(house);
    get(redis, &asked);
    for (unsigned tries = 0; tries < FAKE_TIMEOUT_US / REDIS_AGAIN_US; tries++) {
        fake_hear(house, GET);
        fake_say(house, "-CLUSTERDOWN The cluster is down\r\n");
        fake_settle(house);
        fake_move(house, REDIS_AGAIN_US);
    }
    FAKE_WAIT(house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_TIMED_OUT);
    leave(redis);
}

/* Only its own slots are without it; and it is used again when it answers a probe. */
static void a_node_that_cannot_serve_is_away(void **state)
{
    static const char *const refusals[] = {"-LOADING Redis is loading the dataset in memory\r\n",
                                           "-MASTERDOWN Link with MASTER is down\r\n"};
    struct fake_house *house = *state;
    struct redis *redis = join_known(house);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct asked refused = {0}, next = {0}, well = {0};
        get(redis, &refused);
        fake_hear(house, GET);
        fake_say(house, refusals[i]);
        FAKE_WAIT(house, refused.done);
        assert_int_equal(refused.call.outcome, REDIS_AWAY);
        assert_false(refused.call.maybe_done); /* it said that it did nothing */
        get(redis, &next);
        FAKE_WAIT(house, next.done);
        assert_int_equal(next.call.outcome, REDIS_AWAY);
        assert_false(fake_try_accept(house)); /* not tried before its pause is over */
        fake_move(house, 2 * REDIS_PAUSE_FIRST_US);
        fake_welcome(house);
        get(redis, &well);
        answer(house, &well);
    }
    leave(redis);
}

/* A node that answers its PING, and not who serves what, is late: another connection is asked. */
static void a_map_that_does_not_come_is_not_waited_for(void **state)
{
    struct fake_house *house = *state;
    struct asked asked = {0};
    struct redis *redis = join(house);
    fake_welcome(house);
    fake_hear(house, SLOTS);
    fake_move(house, FAKE_TIMEOUT_US - 1);
    assert_false(fake_try_accept(house));
    fake_move(house, 1);
    fake_welcome(house);
    fake_move(house, REDIS_CLUSTER_REFRESH_MIN_US);
    get(redis, &asked);
    fake_hear(house, SLOTS);
    say_with_port(house, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:", "\r\n");
    fake_settle(house);
    fake_move(house, REDIS_AGAIN_US);
    answer(house, &asked);
    leave(redis);
}

static void nonsense_redirections_are_answers(void **state)
{
    struct fake_house *house = *state;
    struct asked asked = {0};
    struct redis *redis = join_known(house);
    get(redis, &asked);
    fake_hear(house, GET);
    fake_say(house, "-MOVED 99999 nowhere\r\n");
    FAKE_WAIT(house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_ANSWERED);
    leave(redis);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(calls_wait_until_the_cluster_is_known),
        TEST(a_call_is_not_sent_round_for_ever),
        TEST(an_ask_is_followed_with_asking),
        TEST(a_cluster_that_is_down_is_asked_until_the_deadline),
        TEST(nonsense_redirections_are_answers),
        TEST(a_node_that_cannot_serve_is_away),
        TEST(a_map_that_does_not_come_is_not_waited_for),
        TEST(a_key_and_its_life_are_asked_of_one_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
