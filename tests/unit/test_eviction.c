/* SPDX-License-Identifier: MIT */
/* Whether INFO says that counters can be evicted, and who is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/eviction.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <unistd.h>

static void the_policy_counts_where_there_is_a_limit(void **state)
{
    (void)state;
    static const struct {
        const char *info;
        const char *policy; /* NULL: no threat */
    } ROWS[] = {
        {"# Memory\r\nmaxmemory:1048576\r\nmaxmemory_policy:allkeys-lru\r\n", "allkeys-lru"},
        {"maxmemory:1\r\nmaxmemory_human:1B\r\nmaxmemory_policy:volatile-ttl", "volatile-ttl"},
        {"maxmemory_policy:volatile-ttl\nmaxmemory:7\n", "volatile-ttl"},
        {"maxmemory:1048576\r\nmaxmemory_policy:noeviction\r\n", NULL},
        {"maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n", NULL},
        {"maxmemory_policy:allkeys-lru\r\n", NULL},
        {"maxmemory:5\r\nmaxmemory_policy\r\n", NULL},
        {"maxmemory:5\r\n", NULL},
        {"", NULL},
        {":\r\n\r\n:maxmemory:5", NULL},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct slice policy;
        assert_int_equal(eviction_threatens(slice_of(ROWS[i].info), &policy), ROWS[i].policy != NULL);
        if (ROWS[i].policy != NULL)
            assert_true(slice_is(policy, ROWS[i].policy));
    }
}

/* A server of one answer. */
struct server {
    struct redis redis;
    struct redis_call *call;
    unsigned started, cancelled;
};

static void start(struct redis *redis, struct redis_call *call)
{
    struct server *server = MEM_OUTER(redis, struct server, redis);
    server->call = call;
    server->started++;
}

static void cancel(struct redis *redis, struct redis_call *call)
{
    struct server *server = MEM_OUTER(redis, struct server, redis);
    assert_ptr_equal(call, server->call);
    server->cancelled++;
}

static size_t told(const char *info, enum redis_outcome outcome)
{
    struct server server = {.redis = {.start = start, .cancel = cancel}};
    struct eviction_check check = {0};
    struct clock *clock = clock_new();
    int pipes[2];
    char text[512];
    assert_int_equal(pipe(pipes), 0);
    struct log *log = log_new(pipes[1], LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, clock);
    eviction_check_start(&check, &server.redis, log);
    eviction_check_start(&check, &server.redis, log); /* one at a time */
    assert_int_equal(server.started, 1);
    assert_true(slice_is(server.call->arguments[0], "INFO"));
    redisReply reply = {.type = REDIS_REPLY_STRING, .str = (char *)(uintptr_t)info, .len = strlen(info)};
    server.call->outcome = outcome;
    server.call->reply = outcome == REDIS_ANSWERED ? &reply : NULL;
    server.call->on_done(server.call);
    eviction_check_stop(&check);
    assert_int_equal(server.cancelled, 0);
    log_free(log);
    close(pipes[1]);
    ssize_t length = read(pipes[0], text, sizeof text);
    close(pipes[0]);
    clock_free(clock);
    return (size_t)length;
}

static void who_reads_the_log_is_told(void **state)
{
    (void)state;
    static const char bad[] = "maxmemory:5\r\nmaxmemory_policy:allkeys-lfu\r\n";
    assert_true(told(bad, REDIS_ANSWERED) > 0);
    assert_int_equal(told(bad, REDIS_AWAY), 0);
    assert_int_equal(told("maxmemory:0\r\n", REDIS_ANSWERED), 0);
}

static void a_check_can_be_stopped(void **state)
{
    (void)state;
    struct server server = {.redis = {.start = start, .cancel = cancel}};
    struct eviction_check check = {0};
    eviction_check_stop(&check);
    eviction_check_start(&check, &server.redis, NULL);
    eviction_check_stop(&check);
    eviction_check_stop(&check);
    assert_int_equal(server.cancelled, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_policy_counts_where_there_is_a_limit),
        cmocka_unit_test(who_reads_the_log_is_told),
        cmocka_unit_test(a_check_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
