/* SPDX-License-Identifier: MIT */
/* Feeds against a server that does what the test says, on a frozen clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"

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

static void confirm(struct fake_house *house, struct listener *listener)
{
    unsigned before = listener->ups;
    fake_welcome(house);
    fake_hear(house, SUBSCRIBE);
    fake_say(house, CONFIRMED_A);
    fake_settle(house);
    assert_int_equal(listener->ups, before); /* half of the channels are none */
    fake_say(house, CONFIRMED_B);
    FAKE_WAIT(house, listener->ups == before + 1);
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
        TEST(messages_are_handed_out),          TEST(a_lost_link_is_told_and_made_again),
        TEST(silence_is_a_lost_link),           TEST(an_unconfirmed_subscription_is_a_lost_link),
        TEST(what_is_no_message_ends_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
