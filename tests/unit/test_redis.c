/* SPDX-License-Identifier: MIT */
/* Calls against a server that does what the test says, on a frozen clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "io/redis_breaker.h"
#include "io/redis_node.h"
#include "io/redis_reader.h"

struct asked {
    struct redis_call call;
    unsigned done;
    char text[64]; /* of the reply */
    int type;
    struct redis *redis;
    struct asked *cancels, *starts; /* in on_done */
};

static void ask(struct redis *redis, struct asked *asked, const char *word);

static void on_done(struct redis_call *call)
{
    struct asked *asked = MEM_OUTER(call, struct asked, call);
    asked->done++;
    if (call->outcome == REDIS_ANSWERED) {
        asked->type = call->reply->type;
        snprintf(asked->text, sizeof asked->text, "%s", call->reply->str != NULL ? call->reply->str : "");
    } else {
        assert_null(call->reply);
    }
    if (asked->cancels != NULL)
        asked->redis->cancel(asked->redis, &asked->cancels->call);
    if (asked->starts != NULL)
        ask(asked->redis, asked->starts, "NEXT");
}

static void ask(struct redis *redis, struct asked *asked, const char *word)
{
    asked->redis = redis;
    asked->call.arguments[0] = slice_of(word);
    asked->call.argument_count = 1;
    asked->call.on_done = on_done;
    unsigned before = asked->done;
    redis->start(redis, &asked->call);
    assert_int_equal(asked->done, before); /* never inside start */
}

static bool logged(struct fake_house *house, const char *text)
{
    return ground_logged(house->log_fd, text) > 0;
}

static int64_t counted(struct fake_house *house, enum metric metric)
{
    return metrics_read(house->metrics, metric);
}

#define ASSERT_OUTCOME(asked, expected, sent)                                                                          \
    do {                                                                                                               \
        assert_int_equal((asked)->done, 1);                                                                            \
        assert_int_equal((asked)->call.outcome, expected);                                                             \
        assert_int_equal((asked)->call.maybe_done, sent);                                                              \
    } while (0)

static void answers_come_in_their_order(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked one = {0}, two = {0}, three = {0};
    ask(redis, &one, "ONE"); /* these wait for the connection */
    ask(redis, &two, "TWO");
    assert_true(redis->is_there(redis));
    fake_accept(house);
    fake_hear(house, FAKE_PING);
    fake_settle(house);
    assert_int_equal(house->heard_length, 0); /* nothing before the login is done */
    fake_say(house, "+PONG\r\n");
    fake_hear(house, "*1\r\n$3\r\nONE\r\n*1\r\n$3\r\nTWO\r\n");
    ask(redis, &three, "THREE");
    fake_say(house, "+first\r\n$6\r\nsec");
    FAKE_WAIT(house, one.done);
    fake_hear(house, "*1\r\n$5\r\nTHREE\r\n");
    assert_int_equal(two.done, 0);
    fake_say(house, "ond\r\n-ERR no such thing\r\n");
    FAKE_WAIT(house, three.done);
    assert_string_equal(one.text, "first");
    assert_string_equal(two.text, "second");
    assert_string_equal(three.text, "ERR no such thing");
    assert_int_equal(three.type, REDIS_REPLY_ERROR);
    ASSERT_OUTCOME(&three, REDIS_ANSWERED, true);
    assert_int_equal(counted(house, METRIC_REDIS_COMMANDS), 3);
    assert_int_equal(counted(house, METRIC_REDIS_ERRORS), 1);
    assert_int_equal(counted(house, METRIC_REDIS_UP), 1);
    fake_disconnect(house, redis);
    assert_int_equal(counted(house, METRIC_REDIS_UP), 0);
}

static void the_login_comes_first(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "ann:p%2Bw+x@localhost", 7);
    struct asked asked = {0};
    ask(redis, &asked, "GO");
    fake_accept(house);
    fake_hear(house, "*3\r\n$4\r\nAUTH\r\n$3\r\nann\r\n$5\r\np+w+x\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n7\r\n" FAKE_PING);
    fake_say(house, "+OK\r\n+OK\r\n+PONG\r\n");
    fake_hear(house, "*1\r\n$2\r\nGO\r\n");
    fake_say(house, ":7\r\n");
    FAKE_WAIT(house, asked.done);
    assert_int_equal(asked.type, REDIS_REPLY_INTEGER);
    fake_disconnect(house, redis);
}

/* A server may repeat what it was sent: of its words only the first is kept. */
static void a_refused_login_is_told_without_the_password(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, ":sesame@127.0.0.1", 0);
    struct asked asked = {0};
    ask(redis, &asked, "GO");
    fake_accept(house);
    fake_hear(house, "*2\r\n$4\r\nAUTH\r\n$6\r\nsesame\r\n" FAKE_PING);
    fake_say(house, "-ERR unknown command 'AUTH', with args beginning with: 'sesame'\r\n");
    FAKE_WAIT(house, asked.done);
    ASSERT_OUTCOME(&asked, REDIS_AWAY, false);
    assert_false(redis->is_there(redis));
    assert_true(logged(house, "the login was answered ERR"));
    assert_false(logged(house, "sesame"));
    fake_disconnect(house, redis);
}

static void a_late_command_drops_its_connection(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked late = {0}, other = {0}, next = {0}, refused = {0};
    fake_welcome(house);
    ask(redis, &late, "LATE");
    other.call.timeout_us = FAKE_TIMEOUT_US * 10;
    ask(redis, &other, "OTHER");
    fake_hear(house, "*1\r\n$4\r\nLATE\r\n*1\r\n$5\r\nOTHER\r\n");
    fake_move(house, FAKE_TIMEOUT_US - 1);
    assert_int_equal(late.done + other.done, 0);
    fake_move(house, 1);
    ASSERT_OUTCOME(&late, REDIS_TIMED_OUT, true);
    ASSERT_OUTCOME(&other, REDIS_AWAY, true);
    assert_int_equal(counted(house, METRIC_REDIS_TIMEOUTS), 1);
    assert_int_equal(counted(house, METRIC_REDIS_REFUSED), 1);
    assert_false(redis->is_there(redis)); /* one is no row: it is tried again at once, but nobody waits for that */
    ask(redis, &refused, "REFUSED");
    FAKE_WAIT(house, refused.done);
    ASSERT_OUTCOME(&refused, REDIS_AWAY, false);
    fake_welcome(house);
    assert_true(redis->is_there(redis));
    ask(redis, &next, "NEXT");
    fake_hear(house, "*1\r\n$4\r\nNEXT\r\n");
    fake_say(house, "+late is never taken for next\r\n");
    FAKE_WAIT(house, next.done);
    ASSERT_OUTCOME(&next, REDIS_ANSWERED, true);
    assert_int_equal(counted(house, METRIC_REDIS_RECONNECTS), 1);
    fake_disconnect(house, redis);
}

/* Each thread has a connection of its own; who asks on one after the other does not wait twice. */
static void what_hangs_for_one_thread_is_not_waited_for_by_another(void **state)
{
    struct fake_house *house = *state;
    struct redis_alarm alarm = {0};
    house->alarm = &alarm;
    struct redis *one = fake_connect(house, "127.0.0.1", 0);
    fake_welcome(house);
    int first = house->peer;
    house->peer = -1;
    struct redis *other = redis_new(house->loop, &(struct redis_options){&house->url, FAKE_TIMEOUT_US, &alarm},
                                    house->log, house->counters);
    house->alarm = NULL;
    struct asked late = {0}, refused = {0}, again = {0};
    fake_welcome(house);
    fake_move(house, 1);
    ask(one, &late, "LATE");
    fake_settle(house);
    fake_move(house, FAKE_TIMEOUT_US);
    ASSERT_OUTCOME(&late, REDIS_TIMED_OUT, true);
    FAKE_WAIT(house, fake_try_accept(house)); /* the first one's next attempt, left alone */
    ask(other, &refused, "REFUSED");
    FAKE_WAIT(house, refused.done); /* the clock stands: at once */
    ASSERT_OUTCOME(&refused, REDIS_AWAY, false);
    assert_int_equal(counted(house, METRIC_REDIS_TIMEOUTS), 1);
    fake_welcome(house); /* the other one's */
    ask(other, &again, "AGAIN");
    fake_hear(house, "*1\r\n$5\r\nAGAIN\r\n"); /* it has proved that it is well */
    fake_say(house, "+OK\r\n");
    FAKE_WAIT(house, again.done);
    close(first);
    redis_free(other);
    fake_disconnect(house, one);
}

/* The deadline is over and so is the work: whoever was busy was us. */
static void what_has_come_is_not_late(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked asked = {0};
    fake_welcome(house);
    ask(redis, &asked, "ONE");
    fake_hear(house, "*1\r\n$3\r\nONE\r\n");
    fake_say(house, "+in time\r\n");
    clock_move(house->clock, 10 * FAKE_TIMEOUT_US);
    FAKE_WAIT(house, asked.done);
    ASSERT_OUTCOME(&asked, REDIS_ANSWERED, true);
    fake_disconnect(house, redis);
}

static void a_row_of_late_commands_opens_the_breaker(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked late[REDIS_BREAKER_ROW], refused = {0}, again = {0};
    memset(late, 0, sizeof late);
    for (size_t i = 0; i < REDIS_BREAKER_ROW; i++) {
        fake_welcome(house);
        ask(redis, &late[i], "LATE");
        fake_hear(house, "*1\r\n$4\r\nLATE\r\n");
        fake_move(house, FAKE_TIMEOUT_US);
        ASSERT_OUTCOME(&late[i], REDIS_TIMED_OUT, true);
    }
    assert_false(redis->is_there(redis));
    assert_int_equal(counted(house, METRIC_REDIS_AWAY), 1);
    ask(redis, &refused, "REFUSED");
    FAKE_WAIT(house, refused.done); /* the clock stands: at once */
    ASSERT_OUTCOME(&refused, REDIS_AWAY, false);
    assert_false(fake_try_accept(house)); /* not before its pause */
    /* A probe that is not answered keeps it open, and the next pause is longer. */
    fake_move(house, 2 * REDIS_PAUSE_FIRST_US);
    fake_accept(house);
    fake_hear(house, FAKE_PING);
    fake_move(house, FAKE_TIMEOUT_US);
    assert_false(redis->is_there(redis));
    fake_move(house, REDIS_PAUSE_FIRST_US - 1);
    assert_false(fake_try_accept(house));
    fake_move(house, 3 * REDIS_PAUSE_FIRST_US);
    fake_welcome(house);
    FAKE_WAIT(house, redis->is_there(redis));
    assert_int_equal(counted(house, METRIC_REDIS_AWAY), 0);
    ask(redis, &again, "AGAIN");
    fake_hear(house, "*1\r\n$5\r\nAGAIN\r\n");
    fake_say(house, "+OK\r\n");
    FAKE_WAIT(house, again.done);
    ASSERT_OUTCOME(&again, REDIS_ANSWERED, true);
    fake_disconnect(house, redis);
}

static void a_dead_server_is_away_until_it_is_back(void **state)
{
    struct fake_house *house = *state;
    close(house->listener);
    house->listener = -1;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked waits = {0}, back = {0};
    ask(redis, &waits, "WAITS");
    FAKE_WAIT(house, waits.done);
    ASSERT_OUTCOME(&waits, REDIS_AWAY, false);
    assert_false(redis->is_there(redis));
    fake_listen(house);
    fake_move(house, REDIS_PAUSE_FIRST_US * 2);
    fake_welcome(house);
    FAKE_WAIT(house, redis->is_there(redis));
    ask(redis, &back, "BACK");
    fake_hear(house, "*1\r\n$4\r\nBACK\r\n");
    fake_say(house, "_\r\n"); /* and this is no RESP2 */
    FAKE_WAIT(house, back.done);
    fake_disconnect(house, redis);
}

static void a_cancelled_call_swallows_its_reply(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked one = {0}, two = {0}, waiting = {0}, unsent = {0};
    ask(redis, &waiting, "WAITING");
    redis->cancel(redis, &waiting.call);
    fake_welcome(house);
    ask(redis, &one, "ONE");
    ask(redis, &two, "TWO");
    ask(redis, &unsent, "UNSENT");
    redis->cancel(redis, &one.call);
    redis->cancel(redis, &one.call); /* nothing happens */
    fake_hear(house, "*1\r\n$3\r\nONE\r\n*1\r\n$3\r\nTWO\r\n*1\r\n$6\r\nUNSENT\r\n");
    two.cancels = &unsent;
    fake_say(house, "+1\r\n+2\r\n+3\r\n");
    FAKE_WAIT(house, two.done);
    fake_settle(house);
    assert_string_equal(two.text, "2");
    assert_int_equal(one.done + waiting.done + unsent.done, 0);
    fake_disconnect(house, redis);
}

static void calls_may_be_made_where_others_end(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked one = {0}, two = {0}, next = {0}, last = {0};
    fake_welcome(house);
    one.starts = &next;
    ask(redis, &one, "ONE");
    ask(redis, &two, "TWO");
    two.cancels = &next;
    two.starts = &last;
    fake_hear(house, "*1\r\n$3\r\nONE\r\n*1\r\n$3\r\nTWO\r\n");
    fake_hang_up(house); /* both end AWAY; what they ask goes to the next connection */
    FAKE_WAIT(house, one.done && two.done);
    ASSERT_OUTCOME(&one, REDIS_AWAY, true);
    assert_int_equal(next.done, 0);
    fake_welcome(house);
    fake_hear(house, "*1\r\n$4\r\nNEXT\r\n");
    fake_say(house, "+done\r\n");
    FAKE_WAIT(house, last.done);
    fake_disconnect(house, redis);
}

static void nonsense_ends_the_connection(void **state)
{
    static const char *const NONSENSE[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "*1000000000\r\n",
        "*2147483647\r\n",
        "$99999999999999999999999\r\n",
        "$-7\r\n",
        ":12a\r\n+x\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1048577\r\n",
        "+one\r\n+two that nobody asked for\r\n",
        "$5\r\nhal",
        "*3\r\n+a\r\n",
    };
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    for (size_t i = 0; i < sizeof NONSENSE / sizeof NONSENSE[0]; i++) {
        struct asked asked = {0}, fine = {0};
        fake_welcome(house);
        ask(redis, &fine, "FINE"); /* else a row would open the breaker */
        fake_hear(house, "*1\r\n$4\r\nFINE\r\n");
        fake_say(house, "+OK\r\n");
        FAKE_WAIT(house, fine.done);
        ask(redis, &asked, "ASKED");
        fake_hear(house, "*1\r\n$5\r\nASKED\r\n");
        fake_say(house, NONSENSE[i]);
        fake_settle(house);
        if (!asked.done)
            fake_hang_up(house); /* in the middle of a reply */
        FAKE_WAIT(house, asked.done);
        bool was_answered = NONSENSE[i][0] == '+' || NONSENSE[i][0] == ':';
        if (!was_answered)
            ASSERT_OUTCOME(&asked, REDIS_AWAY, true);
    }
    fake_welcome(house); /* and each time it came back */
    fake_disconnect(house, redis);
}

static const struct redis_script SCRIPT = {"answer", "return KEYS[1]"};

static void a_script_that_is_not_known_is_sent_whole(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked asked = {.call = {.script = &SCRIPT, .key_count = 1}, .redis = redis};
    asked.call.arguments[0] = slice_of("k");
    asked.call.arguments[1] = slice_of("v");
    asked.call.argument_count = 2;
    asked.call.on_done = on_done;
    fake_welcome(house);
    redis->start(redis, &asked.call);
    fake_hear(house, "*5\r\n$7\r\nEVALSHA\r\n$40\r\n4a2267357833227dd98abdedb8cf24b15a986445\r\n"
                     "$1\r\n1\r\n$1\r\nk\r\n$1\r\nv\r\n");
    fake_say(house, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
    fake_hear(house, "*5\r\n$4\r\nEVAL\r\n$14\r\nreturn KEYS[1]\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\nv\r\n");
    fake_say(house, "$1\r\nk\r\n");
    FAKE_WAIT(house, asked.done);
    assert_string_equal(asked.text, "k");
    fake_disconnect(house, redis);
}

static void a_server_that_cannot_serve_is_away(void **state)
{
    static const char *const refusals[] = {"-LOADING Redis is loading the dataset in memory\r\n",
                                           "-MASTERDOWN Link with MASTER is down\r\n"};
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    fake_welcome(house);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct asked one = {0}, two = {0}, well = {0};
        ask(redis, &one, "ONE");
        ask(redis, &two, "TWO");
        fake_hear(house, "*1\r\n$3\r\nONE\r\n*1\r\n$3\r\nTWO\r\n");
        fake_say(house, refusals[i]);
        FAKE_WAIT(house, one.done && two.done);
        ASSERT_OUTCOME(&one, REDIS_AWAY, false); /* it said that it did nothing */
        ASSERT_OUTCOME(&two, REDIS_AWAY, true);
        assert_false(redis->is_there(redis));
        fake_move(house, 2 * REDIS_PAUSE_FIRST_US);
        fake_accept(house); /* a probe, which it refuses as well */
        fake_hear(house, FAKE_PING);
        fake_say(house, refusals[i]);
        fake_settle(house);
        assert_false(redis->is_there(redis));
        fake_move(house, 4 * REDIS_PAUSE_FIRST_US);
        fake_welcome(house);
        ask(redis, &well, "WELL");
        fake_hear(house, "*1\r\n$4\r\nWELL\r\n");
        fake_say(house, "+fine\r\n");
        FAKE_WAIT(house, well.done);
        assert_string_equal(well.text, "fine");
    }
    fake_disconnect(house, redis);
}

static void an_idle_connection_must_give_a_sign_of_life(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    fake_welcome(house);
    fake_settle(house);
    fake_move(house, REDIS_HEARTBEAT_US);
    fake_hear(house, FAKE_PING);
    fake_say(house, "+PONG\r\n");
    fake_settle(house);
    fake_move(house, FAKE_TIMEOUT_US);
    assert_false(fake_try_accept(house));
    fake_move(house, REDIS_HEARTBEAT_US);
    fake_hear(house, FAKE_PING);
    fake_move(house, FAKE_TIMEOUT_US);
    fake_welcome(house); /* the old one is dropped */
    fake_disconnect(house, redis);
}

static void closing_answers_everybody(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked one = {0}, after = {0}, cancelled = {0};
    fake_welcome(house);
    ask(redis, &one, "ONE");
    ask(redis, &cancelled, "CANCELLED");
    fake_hear(house, "*1\r\n$3\r\nONE\r\n");
    redis_close(redis);
    redis->cancel(redis, &cancelled.call);
    assert_int_equal(one.done, 0);
    assert_false(redis->is_there(redis));
    ask(redis, &after, "AFTER");
    loop_turn(house->loop);
    ASSERT_OUTCOME(&one, REDIS_AWAY, true);
    ASSERT_OUTCOME(&after, REDIS_AWAY, false);
    assert_int_equal(cancelled.done, 0);
    fake_disconnect(house, redis);
}

static void freeing_forgets_everybody(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked waiting = {0}, sent = {0}, early = {0};
    fake_welcome(house);
    ask(redis, &sent, "SENT");
    fake_hear(house, "*1\r\n$4\r\nSENT\r\n");
    ask(redis, &waiting, "UNSENT");
    redis_close(redis);
    ask(redis, &early, "EARLY");
    fake_disconnect(house, redis);
    fake_settle(house);
    assert_int_equal(waiting.done + sent.done + early.done, 0);
}

static void too_many_at_once_are_refused(void **state)
{
    struct fake_house *house = *state;
    struct redis *redis = fake_connect(house, "127.0.0.1", 0);
    struct asked *many = mem_new((REDIS_CALLS_MAX + 1) * sizeof *many);
    for (size_t i = 0; i <= REDIS_CALLS_MAX; i++)
        ask(redis, &many[i], "X");
    assert_false(redis->is_there(redis));
    loop_turn(house->loop);
    ASSERT_OUTCOME(&many[REDIS_CALLS_MAX], REDIS_AWAY, false);
    assert_int_equal(many[0].done, 0);
    fake_disconnect(house, redis);
    mem_free(many);
}

/* Read in small pieces, a reply that would be too large is given up before it is kept. */
static void replies_have_a_ceiling(void **state)
{
    struct redis_reader *reader = redis_reader_new(100);
    bool broken;
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        assert_true(redis_reader_feed(reader, "$40\r\n0123456789012345678901234567890123456789\r\n", 47));
        struct redisReply *reply = redis_reader_next(reader, &broken);
        assert_non_null(reply);
        assert_int_equal(reply->len, 40);
        freeReplyObject(reply);
    }
    assert_true(redis_reader_feed(reader, "$1000\r\n", 7));
    for (unsigned bytes = 7; bytes + 10 <= 100; bytes += 10) {
        assert_true(redis_reader_feed(reader, "0123456789", 10));
        assert_null(redis_reader_next(reader, &broken));
        assert_false(broken);
    }
    assert_false(redis_reader_feed(reader, "0123456789", 10));
    assert_string_equal(redis_reader_why(reader), "a reply is larger than allowed");
    redis_reader_free(reader);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(answers_come_in_their_order),
        TEST(the_login_comes_first),
        TEST(a_refused_login_is_told_without_the_password),
        TEST(a_late_command_drops_its_connection),
        TEST(what_hangs_for_one_thread_is_not_waited_for_by_another),
        TEST(what_has_come_is_not_late),
        TEST(a_row_of_late_commands_opens_the_breaker),
        TEST(a_dead_server_is_away_until_it_is_back),
        TEST(a_cancelled_call_swallows_its_reply),
        TEST(calls_may_be_made_where_others_end),
        TEST(nonsense_ends_the_connection),
        TEST(a_script_that_is_not_known_is_sent_whole),
        TEST(a_server_that_cannot_serve_is_away),
        TEST(an_idle_connection_must_give_a_sign_of_life),
        TEST(closing_answers_everybody),
        TEST(freeing_forgets_everybody),
        TEST(too_many_at_once_are_refused),
        cmocka_unit_test(replies_have_a_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
