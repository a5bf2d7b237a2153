/* SPDX-License-Identifier: MIT */
/* A Redis that does what the test says, on the test's own thread: nothing happens but what the test lets happen, and on
 * a frozen clock nothing is late but what the test makes late. Also a house with a loop to meet it in. */
#ifndef NEXGATE_TESTS_FAKE_REDIS_H
#define NEXGATE_TESTS_FAKE_REDIS_H

#include "base/metrics.h"
#include "ground.h"
#include "io/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FAKE_HEARD_MAX = 64 * 1024, FAKE_PATIENCE_SECONDS = 60, FAKE_TIMEOUT_US = 20000 };

struct fake_house {
    struct clock *clock;
    struct loop *loop;
    struct metrics *metrics;
    struct counters *counters;
    struct log *log;
    int log_fd;
    int listener, port;
    int peer; /* the connection that is talked to; -1: none */
    char heard[FAKE_HEARD_MAX];
    size_t heard_length;
    struct redis_url url;      /* of the connection under test */
    struct redis_alarm *alarm; /* of the next connection; NULL: none */
};

static void fake_listen(struct fake_house *house)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int one = 1;
    address.sin_port = htons((uint16_t)house->port);
    house->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    setsockopt(house->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    assert_int_equal(bind(house->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(house->listener, 16), 0);
    assert_int_equal(getsockname(house->listener, (struct sockaddr *)&address, &length), 0);
    house->port = ntohs(address.sin_port);
}

static int fake_set_up(void **state)
{
    struct fake_house *house = mem_new(sizeof *house);
    house->log_fd = ground_lay_logged(&house->clock, &house->loop, &house->log);
    house->metrics = metrics_new();
    house->counters = metrics_block(house->metrics);
    house->peer = -1;
    fake_listen(house);
    *state = house;
    return 0;
}

static int fake_tear_down(void **state)
{
    struct fake_house *house = *state;
    if (house->peer >= 0)
        close(house->peer);
    if (house->listener >= 0)
        close(house->listener);
    metrics_free(house->metrics);
    ground_clear(house->clock, house->loop, house->log);
    close(house->log_fd);
    mem_free(house);
    return 0;
}

/* One turn of the loop, and a breath for the kernel. False when patience is at its end. */
static bool fake_turn(struct fake_house *house, time_t began)
{
    const struct timespec breath = {0, 200 * 1000};
    if (!loop_turn(house->loop))
        nanosleep(&breath, NULL);
    return time(NULL) - began < FAKE_PATIENCE_SECONDS;
}

#define FAKE_WAIT(house, condition)                                                                                    \
    do {                                                                                                               \
        time_t began = time(NULL);                                                                                     \
        while (!(condition)) {                                                                                         \
            if (!fake_turn(house, began))                                                                              \
                fail_msg("waited in vain for " #condition);                                                            \
        }                                                                                                              \
    } while (0)

/* What is under way on loopback arrives: for what must not happen. */
static void fake_settle(struct fake_house *house)
{
    for (unsigned turns = 0; turns < 20; turns++)
        fake_turn(house, time(NULL));
}

static void fake_move(struct fake_house *house, int64_t us)
{
    clock_move(house->clock, us);
    fake_settle(house);
}

static bool fake_try_accept(struct fake_house *house)
{
    int peer = accept4(house->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (peer < 0)
        return false;
    if (house->peer >= 0)
        close(house->peer);
    house->peer = peer;
    house->heard_length = 0;
    return true;
}

static void fake_accept(struct fake_house *house)
{
    FAKE_WAIT(house, fake_try_accept(house));
}

static bool fake_has_heard(struct fake_house *house, const char *text)
{
    char *end = house->heard + house->heard_length;
    ssize_t got = recv(house->peer, end, sizeof house->heard - 1 - house->heard_length, 0);
    if (got > 0)
        house->heard_length += (size_t)got;
    house->heard[house->heard_length] = '\0';
    size_t length = strlen(text);
    if (house->heard_length < length)
        return false;
    if (memcmp(house->heard, text, length) != 0)
        fail_msg("expected %s\nheard %s", text, house->heard);
    memmove(house->heard, house->heard + length, house->heard_length - length);
    house->heard_length -= length;
    return true;
}

/* Waits for exactly these bytes. */
static void fake_hear(struct fake_house *house, const char *text)
{
    FAKE_WAIT(house, fake_has_heard(house, text));
}

static void fake_say(struct fake_house *house, const char *text)
{
    size_t length = strlen(text);
    assert_int_equal(send(house->peer, text, length, MSG_NOSIGNAL), length);
}

static inline void fake_hang_up(struct fake_house *house)
{
    close(house->peer);
    house->peer = -1;
}

/* The connection under test, to redis://WHO:port/DATABASE. */
static inline struct redis *fake_connect(struct fake_house *house, const char *who, int database)
{
    char text[200], why[REDIS_URL_WHY_MAX];
    const struct redis_options options = {&house->url, FAKE_TIMEOUT_US, house->alarm};
    snprintf(text, sizeof text, "redis://%s:%d/%d", who, house->port, database);
    assert_true(redis_url_read(slice_of(text), &house->url, why));
    struct redis *redis = redis_new(house->loop, &options, house->log, house->counters);
    assert_non_null(redis);
    return redis;
}

static inline void fake_disconnect(struct fake_house *house, struct redis *redis)
{
    redis_free(redis);
    redis_url_free(&house->url);
}

#define FAKE_PING "*1\r\n$4\r\nPING\r\n"

/* A connection, and its PING answered. */
static void fake_welcome(struct fake_house *house)
{
    fake_accept(house);
    fake_hear(house, FAKE_PING);
    fake_say(house, "+PONG\r\n");
    fake_settle(house);
}

#endif
