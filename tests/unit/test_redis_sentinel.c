/* SPDX-License-Identifier: MIT */
/* The route and the feed behind sentinels, all of them scripted, on a frozen clock. Real ones: tests/e2e. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "io/redis_master.h"
#include "io/redis_route.h"

#include <hiredis/hiredis.h>

#define ASK "*3\r\n$8\r\nSENTINEL\r\n$23\r\nGET-MASTER-ADDR-BY-NAME\r\n$4\r\nmine\r\n"
#define ROLE "*1\r\n$4\r\nROLE\r\n"
#define MASTER "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
#define REPLICA "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"
#define GET "*2\r\n$3\r\nGET\r\n$3\r\nfoo\r\n"
#define SUBSCRIBE "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n"
#define CONFIRMED "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"

enum { SENTINELS = 3, SERVERS = 2 };

struct asked {
    struct redis_call call;
    unsigned done;
    char text[100];
};

struct world {
    struct fake_house *house; /* whose loop all share */
    struct fake_house sentinels[SENTINELS], servers[SERVERS];
    struct redis_url url;
    struct redis_options options;
    struct redis *redis;
    struct redis_feed *feed;
    unsigned ups, downs;
};

static void open_door(struct fake_house *house, struct fake_house *door)
{
    *door = *house;
    door->port = 0;
    door->peer = -1;
    fake_listen(door);
}

static void close_door(struct fake_house *door)
{
    if (door->listener >= 0)
        close(door->listener);
    if (door->peer >= 0)
        close(door->peer);
    door->listener = door->peer = -1;
}

static int set_up(void **state)
{
    struct world *world = mem_new(sizeof *world);
    char text[200], why[REDIS_URL_WHY_MAX];
    void *house;
    fake_set_up(&house);
    world->house = house;
    for (size_t i = 0; i < SENTINELS; i++)
        open_door(house, &world->sentinels[i]);
    for (size_t i = 0; i < SERVERS; i++)
        open_door(house, &world->servers[i]);
    snprintf(text, sizeof text, "redis+sentinel://127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d/mine",
             world->sentinels[0].port, world->sentinels[1].port, world->sentinels[2].port);
    assert_true(redis_url_read(slice_of(text), &world->url, why));
    world->options = (struct redis_options){&world->url, FAKE_TIMEOUT_US, NULL};
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    void *house = world->house;
    redis_free(world->redis);
    redis_feed_free(world->feed);
    redis_url_free(&world->url);
    for (size_t i = 0; i < SENTINELS; i++)
        close_door(&world->sentinels[i]);
    for (size_t i = 0; i < SERVERS; i++)
        close_door(&world->servers[i]);
    mem_free(world);
    return fake_tear_down(&house);
}

static void on_done(struct redis_call *call)
{
    struct asked *asked = MEM_OUTER(call, struct asked, call);
    asked->done++;
    if (call->outcome == REDIS_ANSWERED && call->reply->str != NULL)
        snprintf(asked->text, sizeof asked->text, "%s", call->reply->str);
}

static void get(struct world *world, struct asked *asked)
{
    *asked = (struct asked){.call = {.argument_count = 2, .on_done = on_done}};
    asked->call.arguments[0] = slice_of("GET");
    asked->call.arguments[1] = asked->call.key = slice_of("foo");
    world->redis->start(world->redis, &asked->call);
    assert_int_equal(asked->done, 0);
}

static void connect_sentinels(struct world *world)
{
    for (size_t i = 0; i < SENTINELS; i++)
        fake_welcome(&world->sentinels[i]);
}

static void join(struct world *world)
{
    world->redis = redis_new(world->house->loop, &world->options, world->house->log, world->house->counters);
    connect_sentinels(world);
}

static void name(struct fake_house *sentinel, const struct fake_house *server)
{
    char text[100], port[10];
    snprintf(port, sizeof port, "%d", server->port);
    snprintf(text, sizeof text, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
    fake_hear(sentinel, ASK);
    fake_say(sentinel, text);
}

/* Some sentinels may be asked in the round that began when the first was there, the others in the next. */
static void all_name(struct world *world, const struct fake_house *server)
{
    for (size_t i = 0; i < SENTINELS; i++)
        name(&world->sentinels[i], server);
    fake_settle(world->house);
}

static void next_round(struct world *world)
{
    fake_move(world->house, REDIS_MASTER_ASK_MIN_US);
}

/* The sentinel that was there first was asked by itself. */
static void first_round(struct world *world, const struct fake_house *server)
{
    fake_settle(world->house);
    name(&world->sentinels[0], server);
    fake_settle(world->house);
}

static void say_role(struct fake_house *server, const char *role)
{
    fake_hear(server, ROLE);
    fake_say(server, role);
    fake_settle(server);
}

/* A new connection, to a server that says that it is a master. */
static void meet_master(struct fake_house *server)
{
    fake_welcome(server);
    say_role(server, MASTER);
}

static void assert_silent(struct fake_house *server)
{
    char byte;
    fake_settle(server);
    assert_int_equal(server->heard_length, 0);
    assert_int_equal(recv(server->peer, &byte, 1, MSG_PEEK), -1);
    assert_int_equal(errno, EAGAIN);
}

/* A call under way is heard there, and answered. */
static void serve(struct world *world, struct fake_house *server, struct asked *asked)
{
    fake_hear(server, GET);
    fake_say(server, "+bar\r\n");
    FAKE_WAIT(world->house, asked->done);
    assert_string_equal(asked->text, "bar");
}

static void answer(struct world *world, struct fake_house *server, struct asked *asked)
{
    get(world, asked);
    serve(world, server, asked);
}

/* The first server is named. */
static void join_named(struct world *world)
{
    join(world);
    first_round(world, &world->servers[0]);
}

/* The first server is used. */
static void join_known(struct world *world)
{
    join_named(world);
    meet_master(&world->servers[0]);
    assert_true(world->redis->is_there(world->redis));
}

static void a_call_waits_until_the_master_is_found(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join(world);
    assert_true(world->redis->is_there(world->redis));
    get(world, &asked);
    first_round(world, &world->servers[0]);
    meet_master(&world->servers[0]);
    fake_move(world->house, REDIS_AGAIN_US);
    serve(world, &world->servers[0], &asked);
}

static void a_replica_that_is_named_is_never_used(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join_named(world);
    fake_welcome(&world->servers[0]);
    say_role(&world->servers[0], REPLICA);
    fake_move(world->house, FAKE_TIMEOUT_US);
    get(world, &asked);
    FAKE_WAIT(world->house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_AWAY);
    next_round(world); /* still named, and still none */
    all_name(world, &world->servers[0]);
    say_role(&world->servers[0], REPLICA);
    assert_false(world->redis->is_there(world->redis));
    next_round(world); /* now the sentinels know */
    all_name(world, &world->servers[1]);
    meet_master(&world->servers[1]);
    answer(world, &world->servers[1], &asked);
    assert_silent(&world->servers[0]);
}

static void a_master_that_nobody_knows_is_away(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join(world);
    fake_hear(&world->sentinels[0], ASK);
    fake_say(&world->sentinels[0], "*-1\r\n");
    fake_settle(world->house);
    fake_move(world->house, FAKE_TIMEOUT_US);
    get(world, &asked);
    FAKE_WAIT(world->house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_AWAY);
}

static void nonsense_names_nobody(void **state)
{
    static const char *const NONSENSE[] = {
        "+OK\r\n",
        "-IDONTKNOW No such master\r\n",
        "*1\r\n$1\r\na\r\n",
        "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
        "*2\r\n$1\r\na\r\n$5\r\n65536\r\n",
        "*2\r\n$1\r\na\r\n$1\r\n0\r\n",
        "*2\r\n$3\r\na b\r\n$4\r\n6379\r\n",
        "*2\r\n:1\r\n:6379\r\n",
    };
    struct world *world = *state;
    join(world);
    fake_hear(&world->sentinels[0], ASK);
    fake_say(&world->sentinels[0], NONSENSE[0]);
    fake_settle(world->house);
    for (size_t i = 1; i < sizeof NONSENSE / sizeof NONSENSE[0]; i++) {
        next_round(world);
        for (size_t at = 0; at < SENTINELS; at++) {
            fake_hear(&world->sentinels[at], ASK);
            fake_say(&world->sentinels[at], NONSENSE[i]);
        }
        fake_settle(world->house);
    }
    assert_false(world->redis->is_there(world->redis));
}

static void sentinels_that_hang_or_are_dead_do_not_matter(void **state)
{
    struct world *world = *state;
    struct asked asked;
    close_door(&world->sentinels[0]);
    world->redis = redis_new(world->house->loop, &world->options, world->house->log, world->house->counters);
    fake_welcome(&world->sentinels[1]);
    fake_hear(&world->sentinels[1], ASK); /* and says nothing */
    fake_welcome(&world->sentinels[2]);
    fake_move(world->house, FAKE_TIMEOUT_US);
    fake_welcome(&world->sentinels[1]); /* over a new connection */
    next_round(world);
    name(&world->sentinels[2], &world->servers[0]);
    fake_hear(&world->sentinels[1], ASK);
    fake_move(world->house, FAKE_TIMEOUT_US); /* the round is over, with one answer */
    meet_master(&world->servers[0]);
    answer(world, &world->servers[0], &asked);
}

static void most_sentinels_are_right(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join(world);
    fake_hear(&world->sentinels[0], ASK);
    fake_say(&world->sentinels[0], "*-1\r\n");
    fake_settle(world->house);
    next_round(world);
    name(&world->sentinels[0], &world->servers[1]); /* it was cut off, and so was that server */
    fake_settle(world->house);
    name(&world->sentinels[1], &world->servers[0]);
    name(&world->sentinels[2], &world->servers[0]);
    meet_master(&world->servers[0]);
    answer(world, &world->servers[0], &asked);
    assert_false(fake_try_accept(&world->servers[1]));
}

static void a_master_that_works_is_left_only_for_whom_most_name(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join_known(world);
    fake_move(world->house, REDIS_MASTER_ASK_US);
    name(&world->sentinels[0], &world->servers[1]);
    fake_hear(&world->sentinels[1], ASK);
    fake_hear(&world->sentinels[2], ASK);
    fake_move(world->house, FAKE_TIMEOUT_US); /* the others hang */
    fake_welcome(&world->sentinels[1]);
    fake_welcome(&world->sentinels[2]);
    assert_false(fake_try_accept(&world->servers[1]));
    answer(world, &world->servers[0], &asked);
    fake_move(world->house, REDIS_MASTER_ASK_US);
    all_name(world, &world->servers[1]);
    fake_welcome(&world->servers[1]);
    answer(world, &world->servers[0], &asked); /* it is used until the other has said that it is a master */
    say_role(&world->servers[1], MASTER);
    answer(world, &world->servers[1], &asked);
}

static void a_lost_master_is_used_again_when_it_is_named_again_and_says_so(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join_known(world);
    fake_hang_up(&world->servers[0]);
    FAKE_WAIT(world->house, fake_try_accept(&world->servers[0]));
    fake_hear(&world->servers[0], FAKE_PING);
    fake_say(&world->servers[0], "+PONG\r\n");
    say_role(&world->servers[0], MASTER);
    get(world, &asked);
    assert_silent(&world->servers[0]); /* its own word is not enough */
    fake_move(world->house, FAKE_TIMEOUT_US);
    FAKE_WAIT(world->house, asked.done);
    next_round(world);
    all_name(world, &world->servers[0]);
    answer(world, &world->servers[0], &asked);
}

static void a_failover_is_followed_when_the_master_dies(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join_known(world);
    get(world, &asked);
    fake_hear(&world->servers[0], GET);
    close_door(&world->servers[0]);
    FAKE_WAIT(world->house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_AWAY);
    assert_true(asked.call.maybe_done);
    next_round(world);
    all_name(world, &world->servers[0]); /* they do not know yet */
    next_round(world);
    get(world, &asked);
    FAKE_WAIT(world->house, asked.done);
    assert_int_equal(asked.call.outcome, REDIS_AWAY); /* at once */
    all_name(world, &world->servers[1]);
    meet_master(&world->servers[1]);
    answer(world, &world->servers[1], &asked);
}

static void a_master_that_became_a_replica_is_left(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join_known(world);
    next_round(world);
    get(world, &asked);
    fake_hear(&world->servers[0], GET);
    fake_say(&world->servers[0], "-READONLY You can't write against a read only replica.\r\n");
    fake_settle(world->house); /* it was asked long ago: at once */
    all_name(world, &world->servers[1]);
    meet_master(&world->servers[1]);
    fake_move(world->house, REDIS_AGAIN_US); /* nothing was done, so the call is made again */
    serve(world, &world->servers[1], &asked);
}

/* Calls are refused until the sentinels name another, or it is well. */
static void a_master_that_cannot_serve_is_away(void **state)
{
    static const char *const refusals[] = {"-LOADING Redis is loading the dataset in memory\r\n",
                                           "-MASTERDOWN Link with MASTER is down\r\n"};
    struct world *world = *state;
    join_known(world);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct asked refused, next;
        struct fake_house *master = &world->servers[i];
        next_round(world);
        get(world, &refused);
        fake_hear(master, GET);
        fake_say(master, refusals[i]);
        fake_settle(world->house);
        all_name(world, master); /* it was asked long ago: at once; they do not know yet */
        fake_move(world->house, REDIS_AGAIN_US);
        FAKE_WAIT(world->house, refused.done);
        assert_int_equal(refused.call.outcome, REDIS_AWAY);
        get(world, &next);
        FAKE_WAIT(world->house, next.done);
        assert_int_equal(next.call.outcome, REDIS_AWAY);
        if (i == 0) {
            next_round(world);
            all_name(world, &world->servers[1]);
            meet_master(&world->servers[1]);
        } else {
            fake_move(world->house, 2 * REDIS_PAUSE_FIRST_US);
            meet_master(master);
        }
        answer(world, &world->servers[1], &next);
    }
}

static void without_sentinels_the_last_word_stands(void **state)
{
    struct world *world = *state;
    struct asked asked;
    join_known(world);
    for (size_t i = 0; i < SENTINELS; i++)
        close_door(&world->sentinels[i]);
    fake_settle(world->house);
    answer(world, &world->servers[0], &asked);
    fake_hang_up(&world->servers[0]);
    meet_master(&world->servers[0]);
    next_round(world);
    answer(world, &world->servers[0], &asked);
}

static void a_server_that_does_not_tell_its_role_is_late(void **state)
{
    struct world *world = *state;
    join_named(world);
    fake_welcome(&world->servers[0]);
    fake_hear(&world->servers[0], ROLE);
    fake_move(world->house, FAKE_TIMEOUT_US);
    fake_welcome(&world->servers[0]); /* a new connection */
    fake_hear(&world->servers[0], ROLE);
    assert_false(world->redis->is_there(world->redis));
}

static void on_message(void *context, struct slice channel, struct slice message)
{
    (void)context;
    (void)channel;
    (void)message;
}

static void on_link(void *context, bool up)
{
    struct world *world = context;
    if (up)
        world->ups++;
    else
        world->downs++;
}

/* A feed, to which the first server is named. */
static void subscribe(struct world *world)
{
    static const struct slice channel = SLICE("a");
    const struct redis_feed_events events = {on_message, on_link, world};
    world->feed = redis_feed_new(world->house->loop, &world->options, &channel, 1, &events, world->house->log);
    connect_sentinels(world);
    first_round(world, &world->servers[0]);
}

/* The feed's connection is one more than that on which the role was asked. */
static void confirm(struct world *world, struct fake_house *server)
{
    unsigned before = world->ups;
    int watch = server->peer;
    server->peer = -1; /* keeps it open */
    fake_welcome(server);
    fake_hear(server, SUBSCRIBE);
    assert_int_equal(world->ups, before);
    fake_say(server, CONFIRMED);
    FAKE_WAIT(world->house, world->ups == before + 1);
    close(server->peer);
    server->peer = watch;
}

static void a_feed_follows_the_master(void **state)
{
    struct world *world = *state;
    subscribe(world);
    fake_welcome(&world->servers[0]);
    assert_false(fake_try_accept(&world->servers[0])); /* not before it is known to be the master */
    say_role(&world->servers[0], MASTER);
    confirm(world, &world->servers[0]);
    FAKE_WAIT(world->house, world->downs == 1); /* its connection was lost, but the master was not */
    confirm(world, &world->servers[0]);
    FAKE_WAIT(world->house, world->downs == 2);
    close_door(&world->servers[0]);
    next_round(world);
    all_name(world, &world->servers[1]);
    fake_welcome(&world->servers[1]);
    assert_int_equal(world->ups, 2);
    say_role(&world->servers[1], MASTER);
    confirm(world, &world->servers[1]);
}

static void a_feed_is_down_when_its_server_is_no_master_any_more(void **state)
{
    struct world *world = *state;
    subscribe(world);
    meet_master(&world->servers[0]);
    int watch = world->servers[0].peer;
    world->servers[0].peer = -1;
    fake_welcome(&world->servers[0]);
    fake_hear(&world->servers[0], SUBSCRIBE);
    fake_say(&world->servers[0], CONFIRMED);
    FAKE_WAIT(world->house, world->ups == 1);
    fake_move(world->house, REDIS_MASTER_ASK_US); /* the feed's own connection goes on */
    all_name(world, &world->servers[1]);
    fake_welcome(&world->servers[1]);
    assert_int_equal(world->downs, 0);
    say_role(&world->servers[1], MASTER);
    assert_int_equal(world->downs, 1);
    confirm(world, &world->servers[1]);
    close(watch);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_call_waits_until_the_master_is_found),
        TEST(a_replica_that_is_named_is_never_used),
        TEST(a_master_that_nobody_knows_is_away),
        TEST(nonsense_names_nobody),
        TEST(sentinels_that_hang_or_are_dead_do_not_matter),
        TEST(most_sentinels_are_right),
        TEST(a_master_that_works_is_left_only_for_whom_most_name),
        TEST(a_lost_master_is_used_again_when_it_is_named_again_and_says_so),
        TEST(a_failover_is_followed_when_the_master_dies),
        TEST(a_master_that_became_a_replica_is_left),
        TEST(a_master_that_cannot_serve_is_away),
        TEST(without_sentinels_the_last_word_stands),
        TEST(a_server_that_does_not_tell_its_role_is_late),
        TEST(a_feed_follows_the_master),
        TEST(a_feed_is_down_when_its_server_is_no_master_any_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
