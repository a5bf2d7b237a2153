/* SPDX-License-Identifier: MIT */
/* Feeds against a server that does what the test says, on a frozen clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"

#include <hiredis/hiredis.h>

#define SUBSCRIBE "*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$1\r\nb\r\n"
#define CONFIRMED_A "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
#define CONFIRMED_B "*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
#define SECOND_US INT64_C(1000000)

struct listener {
    struct redis_url url;
    struct redis_options options;
    struct redis_feed *feed;
    unsigned ups, downs, messages;
    char last[100];
};

static void on_message(void *context, struct slice channel, struct slice message)
{
    struct listener *listener = context;
    listener->messages++;
    snprintf(listener->last, sizeof listener->last, "%.*s=%.*s", (int)channel.length, channel.at, (int)message.length,
             message.at);
}

static void on_link(void *context, bool up)
{
    struct listener *listener = context;
    if (up)
        listener->ups++;
    else
        listener->downs++;
}

static void subscribe(struct fake_house *house, struct listener *listener)
{
    static const struct slice channels[] = {SLICE("a"), SLICE("b")};
    const struct redis_feed_events events = {on_message, on_link, listener};
    char text[100], why[REDIS_URL_WHY_MAX];
    snprintf(text, sizeof text, "redis://127.0.0.1:%d", house->port);
    assert_true(redis_url_read(slice_of(text), &listener->url, why));
    listener->options = (struct redis_options){&listener->url, FAKE_TIMEOUT_US, NULL};
    listener->feed = redis_feed_new(house->loop, &listener->options, channels, 2, &events, house->log);
    assert_non_null(listener->feed);
}

static void leave(struct listener *listener)
{
    redis_feed_free(listener->feed);
    redis_url_free(&listener->url);
}

static void confirm_channels(struct fake_house *house, struct listener *listener)
{
    unsigned before = listener->ups;
    fake_hear(house, SUBSCRIBE);
    fake_say(house, CONFIRMED_A);
    fake_settle(house);
    assert_int_equal(listener->ups, before); /* half of the channels are none */
    fake_say(house, CONFIRMED_B);
    FAKE_WAIT(house, listener->ups == before + 1);
}

static void confirm(struct fake_house *house, struct listener *listener)
{
    fake_welcome(house);
    confirm_channels(house, listener);
}

static void messages_are_handed_out(void **state)
{
    struct fake_house *house = *state;
    struct listener listener = {0};
    subscribe(house, &listener);
    confirm(house, &listener);
    fake_say(house, "*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$5\r\nhel");
    fake_settle(house);
    assert_int_equal(listener.messages, 0);
    fake_say(house, "lo\r\n");
    FAKE_WAIT(house, listener.messages == 1);
    assert_string_equal(listener.last, "b=hello");
    leave(&listener);
    assert_int_equal(listener.downs, 0);
}

static void a_lost_link_is_told_and_made_again(void **state)
{
    struct fake_house *house = *state;
    struct listener listener = {0};
    subscribe(house, &listener);
    confirm(house, &listener);
    fake_hang_up(house);
    FAKE_WAIT(house, listener.downs == 1);
    confirm(house, &listener);
    leave(&listener);
}

static void silence_is_a_lost_link(void **state)
{
    struct fake_house *house = *state;
    struct listener listener = {0};
    subscribe(house, &listener);
    confirm(house, &listener);
    fake_move(house, SECOND_US);
    fake_hear(house, FAKE_PING);
    fake_say(house, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
    fake_settle(house);
    fake_move(house, SECOND_US);
    fake_hear(house, FAKE_PING);
    fake_move(house, SECOND_US - 1);
    assert_int_equal(listener.downs, 0);
    fake_move(house, 1);
    assert_int_equal(listener.downs, 1);
    assert_int_equal(listener.messages, 0);
    leave(&listener);
}

/* A command side that says who the masters are. */
struct oracle {
    struct redis redis;
    struct redis_call *asked;
    unsigned questions;
};

static void start_call(struct redis *redis, struct redis_call *call)
{
    struct oracle *oracle = MEM_OUTER(redis, struct oracle, redis);
    assert_true(call->script == NULL && call->argument_count == 2 && call->key.at == NULL);
    assert_true(slice_is(call->arguments[0], "CLUSTER") && slice_is(call->arguments[1], "SLOTS"));
    assert_null(oracle->asked);
    call->handle = oracle;
    oracle->asked = call;
    oracle->questions++;
}

static void cancel_call(struct redis *redis, struct redis_call *call)
{
    struct oracle *oracle = MEM_OUTER(redis, struct oracle, redis);
    if (oracle->asked == call)
        oracle->asked = NULL;
}

static bool always_there(const struct redis *redis)
{
    (void)redis;
    return true;
}

/* Port 0: there is no answer. */
static void tell_master(struct oracle *oracle, int port)
{
    struct redis_call *call = oracle->asked;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    char text[128];
    assert_non_null(call);
    snprintf(text, sizeof text, "*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$2\r\nid\r\n", port);
    assert_int_equal(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    oracle->asked = NULL;
    call->handle = NULL;
    call->outcome = port > 0 ? REDIS_ANSWERED : REDIS_AWAY;
    call->reply = port > 0 ? reply : NULL;
    call->on_done(call);
    freeReplyObject(reply);
    redisReaderFree(reader);
}

static void subscribe_in_cluster(struct fake_house *house, struct listener *listener, int port, struct oracle *oracle)
{
    static const struct slice channels[] = {SLICE("a"), SLICE("b")};
    const struct redis_feed_events events = {on_message, on_link, listener};
    char text[100], why[REDIS_URL_WHY_MAX];
    *oracle = (struct oracle){.redis = {start_call, cancel_call, always_there}};
    snprintf(text, sizeof text, "redis+cluster://127.0.0.1:%d", port);
    assert_true(redis_url_read(slice_of(text), &listener->url, why));
    listener->options = (struct redis_options){&listener->url, FAKE_TIMEOUT_US, NULL};
    listener->feed = redis_feed_new(house->loop, &listener->options, channels, 2, &events, house->log);
    assert_non_null(listener->feed);
    redis_feed_follow(listener->feed, &oracle->redis);
    FAKE_WAIT(house, oracle->asked != NULL);
}

/* Nobody listens there while it is open. */
static int reserve_port(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* All that the URL names have left the cluster, and one that it does not name lives. */
static void a_node_that_the_url_does_not_name_is_found(void **state)
{
    struct fake_house *house = *state;
    struct listener listener = {0};
    struct oracle oracle;
    int port, reserved = reserve_port(&port), tries = 0;
    subscribe_in_cluster(house, &listener, port, &oracle);
    for (; tries < 100 && !fake_try_accept(house); tries++) {
        if (oracle.asked != NULL) /* at times there is no answer */
            tell_master(&oracle, tries % 2 == 0 ? 0 : house->port);
        fake_move(house, SECOND_US / 5);
    }
    assert_true(tries < 100);
    fake_hear(house, FAKE_PING);
    fake_say(house, "+PONG\r\n");
    confirm_channels(house, &listener);
    leave(&listener);
    close(reserved);
}

/* It is still there, and hears nothing any more of what is said in the cluster. */
static void a_node_that_is_no_master_any_more_is_left(void **state)
{
    struct fake_house *house = *state;
    struct listener listener = {0};
    struct oracle oracle;
    subscribe_in_cluster(house, &listener, house->port, &oracle);
    tell_master(&oracle, house->port);
    confirm(house, &listener);
    for (int i = 0; i < 12 && oracle.asked == NULL; i++) {
        fake_move(house, SECOND_US);
        if (listener.downs == 0) {
            fake_hear(house, FAKE_PING);
            fake_say(house, "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
            fake_settle(house);
        }
    }
    assert_int_equal(oracle.questions, 2);
    assert_int_equal(listener.downs, 0);
    int port, reserved = reserve_port(&port);
    tell_master(&oracle, port);
    FAKE_WAIT(house, listener.downs == 1);
    leave(&listener);
    close(reserved);
}

static void an_unconfirmed_subscription_is_a_lost_link(void **state)
{
    struct fake_house *house = *state;
    struct listener listener = {0};
    subscribe(house, &listener);
    fake_welcome(house);
    fake_hear(house, SUBSCRIBE);
    fake_say(house, CONFIRMED_A);
    fake_settle(house);
    fake_move(house, SECOND_US);
    assert_int_equal(listener.ups, 0);
    confirm(house, &listener); /* over a new connection */
    leave(&listener);
}

static void what_is_no_message_ends_the_link(void **state)
{
    static const char *const NONSENSE[] = {"+OK\r\n",
                                           "-ERR no\r\n",
                                           ":1\r\n",
                                           "*1\r\n+message\r\n",
                                           "*3\r\n:1\r\n:2\r\n:3\r\n",
                                           "*3\r\n+unsubscribe\r\n+a\r\n:0\r\n",
                                           "?"};
    struct fake_house *house = *state;
    for (size_t i = 0; i < sizeof NONSENSE / sizeof NONSENSE[0]; i++) {
        struct listener listener = {0};
        subscribe(house, &listener);
        confirm(house, &listener);
        fake_say(house, NONSENSE[i]);
        FAKE_WAIT(house, listener.downs == 1);
        assert_int_equal(listener.messages, 0);
        leave(&listener);
        fake_settle(house);
        while (fake_try_accept(house))
            continue;
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(messages_are_handed_out),
        TEST(a_lost_link_is_told_and_made_again),
        TEST(silence_is_a_lost_link),
        TEST(a_node_that_the_url_does_not_name_is_found),
        TEST(a_node_that_is_no_master_any_more_is_left),
        TEST(an_unconfirmed_subscription_is_a_lost_link),
        TEST(what_is_no_message_ends_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
