/* SPDX-License-Identifier: MIT */
/* Quotas of a fleet through whole searches: several instances, each with its own accounts, desk and connection, and one
 * puppet for Redis, which runs the real script on the frozen clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "flow/store.h"
#include "ground.h"
#include "plain.h"
#include "puppet.h"
#include "puppet_redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { INSTANCES = 3, ASKERS_MAX = 600 };

struct asker {
    struct exchange *exchange;
    unsigned answers;
};

struct instance {
    struct roster *roster; /* the snapshot's */
    struct snapshot *snapshot;
    struct puppet_redis redis;
    struct quota_desk *desk;
    struct flow *flow;
    struct counters *counters;
    struct notable *notable;
};

struct house {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct puppet puppet;
    struct puppet_store store;
    struct memory *memory;
    struct mailbox *mailbox;
    struct fetcher *fetcher;
    struct instance instances[INSTANCES];
    struct asker askers[ASKERS_MAX];
    size_t asked;
    char text[64 * 1024];
};

static void add_client(struct roster *roster, const char *name, const struct client_policy *policy)
{
    uint8_t digest[1][HASH_SHA256_BYTES];
    struct scope scope = {.all = true};
    char why[128];
    hash_sha256(slice_of(name), digest[0]);
    assert_true(roster_add(roster, slice_of(name), (const uint8_t(*)[HASH_SHA256_BYTES])digest, 1, &scope, policy, why,
                           sizeof(why)));
}

static struct client_policy with_rate(int64_t count, int64_t burst)
{
    struct client_policy policy = {.weight = 1, .has_rate = true};
    assert_true(rate_init(&policy.rate, count, CLOCK_SECOND, burst));
    return policy;
}

/* Takes the instance's clients. */
static struct snapshot *build_snapshot(struct instance *instance)
{
    const struct flow_options flow = {
        .key_prefix = SLICE("t:"), .ttl_us = 60 * CLOCK_SECOND, .window = 20, .query_max = 8192};
    struct complaints none;
    complaints_init(&none);
    struct schema_set *schemas = schema_set_new();
    assert_true(schema_set_add(schemas, schema_builtin_webhooks(), "built in", &none));
    complaints_free(&none);
    return snapshot_new(&flow, schemas, instance->roster, NULL);
}

static void build_desk(struct house *house, struct instance *instance, enum quota_on_failure on_failure)
{
    const struct quota_desk_options options = {
        .key_prefix = SLICE("t:"), .timeout_us = 20 * CLOCK_MILLISECOND, .on_failure = on_failure};
    flow_free(instance->flow);
    quota_desk_free(instance->desk);
    instance->desk = quota_desk_new(house->loop, &instance->redis.redis, &options, house->log, instance->counters);
    const struct flow_parts parts = {
        .clock = house->clock,
        .memory = house->memory,
        .fetcher = house->fetcher,
        .mailbox = house->mailbox,
        .log = house->log,
        .counters = instance->counters,
        .desk = instance->desk,
        .notable = instance->notable,
    };
    instance->flow = flow_new(instance->snapshot, &parts);
}

static void build_instance(struct house *house, struct instance *instance)
{
    struct client_policy policy = with_rate(10, 20);
    instance->roster = roster_new();
    add_client(instance->roster, "busy", &policy);
    policy.dry_run = true;
    add_client(instance->roster, "rehearsal", &policy);
    policy = with_rate(1, 1);
    add_client(instance->roster, "single", &policy);
    policy = with_rate(10, 100);
    policy.has_misses = true;
    policy.misses = (struct rate_window){3, CLOCK_DAY};
    add_client(instance->roster, "poor", &policy);
    policy = (struct client_policy){.weight = 1, .has_misses = true, .misses = {3, CLOCK_DAY}};
    add_client(instance->roster, "counted", &policy);
    policy = with_rate(10, 20);
    policy.concurrency = 2;
    add_client(instance->roster, "narrow", &policy);
    instance->snapshot = build_snapshot(instance);
    instance->counters = metrics_block(house->metrics);
    instance->notable = notable_new();
    puppet_redis_init(&instance->redis, &house->store, house->loop);
    build_desk(house, instance, QUOTA_LOCAL);
}

static int set_up(void **state)
{
    const struct fetcher_options options = plain_fetcher();
    struct house *house = mem_new(sizeof *house);
    ground_lay(&house->clock, &house->loop, &house->log);
    ground_begin_day(house->clock);
    house->metrics = metrics_new();
    puppet_init(&house->puppet, house->loop);
    puppet_store_init(&house->store, house->clock);
    house->memory = memory_new(8 << 20);
    house->mailbox = mailbox_new(house->loop, house);
    const struct fetcher_cache cache = store_in(house->memory);
    house->fetcher =
        fetcher_new(house->loop, &house->puppet.transport, &options, &cache, house->log, metrics_block(house->metrics));
    for (size_t i = 0; i < INSTANCES; i++)
        build_instance(house, &house->instances[i]);
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;
    fetcher_free(house->fetcher);
    for (size_t i = 0; i < INSTANCES; i++)
        quota_desk_close(house->instances[i].desk);
    puppet_settle(house->loop);
    for (size_t i = 0; i < ASKERS_MAX; i++) {
        if (house->askers[i].exchange != NULL) {
            exchange_reset(house->askers[i].exchange);
            exchange_free(house->askers[i].exchange);
        }
    }
    for (size_t i = 0; i < INSTANCES; i++) {
        flow_free(house->instances[i].flow);
        quota_desk_free(house->instances[i].desk);
        puppet_redis_free(&house->instances[i].redis);
        notable_free(house->instances[i].notable);
        snapshot_unref(house->instances[i].snapshot);
    }
    puppet_store_free(&house->store);
    mailbox_free(house->mailbox);
    memory_free(house->memory);
    puppet_free(&house->puppet);
    metrics_free(house->metrics);
    ground_clear(house->clock, house->loop, house->log);
    mem_free(house);
    return 0;
}

static void on_answer(struct exchange *exchange)
{
    struct asker *asker = exchange->connection;
    asker->answers++;
}

static struct asker *begin(struct house *house, size_t at, const char *client, const char *query)
{
    struct asker *asker = &house->askers[house->asked++];
    assert_true(house->asked <= ASKERS_MAX);
    *asker = (struct asker){.exchange = exchange_new()};
    asker->exchange->connection = asker;
    asker->exchange->on_answer = on_answer;
    asker->exchange->request = (struct request){
        .method = METHOD_GET,
        .method_text = SLICE("GET"),
        .path = SLICE("/api/sys/webhooks"),
        .query = slice_of(query),
        .api_key = slice_of(client),
        .came_us = clock_now(house->clock),
    };
    struct handler *handler = flow_handler(house->instances[at].flow);
    if (handler->start(handler, asker->exchange))
        asker->answers++;
    return asker;
}

/* The status; the fields and the body are in house->text. */
static int end(struct house *house, struct asker *asker)
{
    const struct answer *answer = &asker->exchange->answer;
    assert_int_equal(asker->answers, 1);
    assert_true(buf_ok(&answer->fields) && buf_ok(&answer->text));
    snprintf(house->text, sizeof house->text, "%.*s\n%.*s", (int)answer->fields.length,
             answer->fields.length > 0 ? answer->fields.bytes : "", (int)answer->text.length,
             answer->text.length > 0 ? answer->text.bytes : "");
    int status = answer->status;
    exchange_reset(asker->exchange);
    exchange_free(asker->exchange);
    asker->exchange = NULL;
    house->asked--;
    return status;
}

static int ask(struct house *house, size_t at, const char *client, const char *query)
{
    assert_true(house->asked == 0 || house->askers[house->asked - 1].exchange != NULL);
    struct asker *asker = begin(house, at, client, query);
    puppet_settle(house->loop);
    return end(house, asker);
}

static void expect(const struct house *house, const char *part)
{
    if (strstr(house->text, part) == NULL)
        fail_msg("expected %s in:\n%s", part, house->text);
}

static void let_pass(struct house *house, int64_t us)
{
    clock_move(house->clock, us);
    puppet_settle(house->loop);
}

static int64_t count(const struct house *house, enum metric metric)
{
    return metrics_read(house->metrics, metric);
}

/* How many of `asks` are answered 200; the others must be 429. */
static int flood(struct house *house, size_t at, const char *client, int asks)
{
    int admitted = 0;
    for (int i = 0; i < asks; i++) {
        int status = ask(house, at, client, "");
        admitted += status == 200;
        assert_true(status == 200 || status == 429);
    }
    return admitted;
}

static void one_limit_for_all(void **state)
{
    struct house *house = *state;
    int admitted = 0;
    assert_int_equal(ask(house, 0, "busy", ""), 200);
    expect(house, "RateLimit: \"rate\";r=19;t=1\r\n");
    for (int round = 0; round < 10; round++)
        for (size_t at = 0; at < INSTANCES; at++)
            admitted += flood(house, at, "busy", 1);
    assert_in_range(admitted, 17, 19); /* a token or two lie where nobody asks */
    assert_int_equal(ask(house, 1, "busy", ""), 429);
    expect(house, "Retry-After: 1\r\n");
    expect(house, "RateLimit: \"rate\";r=0;");
    for (int i = 0; i < 40; i++) { /* four seconds more: 40 tokens, less what lies unspent */
        let_pass(house, 100 * CLOCK_MILLISECOND);
        admitted += flood(house, (size_t)i % INSTANCES, "busy", 3);
    }
    assert_in_range(admitted, 17 + 40 - 4, 19 + 40);
}

static void a_kept_lease_needs_no_call(void **state)
{
    struct house *house = *state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ask(house, 0, "busy", ""), 200);
        let_pass(house, 200 * CLOCK_MILLISECOND);
    }
    assert_in_range(count(house, METRIC_QUOTA_CALLS), 1, 4);
    assert_in_range(count(house, METRIC_QUOTA_WAITED), 1, 2);
    assert_int_equal(count(house, METRIC_QUOTA_CALLS_FAILED), 0);
}

static void refusals_are_remembered(void **state)
{
    struct house *house = *state;
    assert_int_equal(flood(house, 0, "single", 1), 1);
    int64_t calls = count(house, METRIC_QUOTA_CALLS);
    assert_int_equal(flood(house, 0, "single", 200), 0);
    assert_in_range(count(house, METRIC_QUOTA_CALLS), calls, calls + 4);
    uint64_t writes = house->store.writes;
    int64_t remembered = count(house, METRIC_QUOTA_REMEMBERED);
    assert_int_equal(flood(house, 0, "single", 50), 0);
    assert_int_equal(flood(house, 1, "single", 50), 0);
    assert_int_equal(house->store.writes, writes); /* a refusal writes nothing */
    assert_true(count(house, METRIC_QUOTA_REMEMBERED) > remembered);
    let_pass(house, 1500 * CLOCK_MILLISECOND);
    assert_int_equal(flood(house, 1, "single", 5), 1);
}

static void all_wait_for_one_call(void **state)
{
    struct house *house = *state;
    struct asker *askers[30];
    puppet_redis_release(&house->instances[0].redis);
    house->instances[0].redis.is_held = true;
    for (size_t i = 0; i < 30; i++)
        askers[i] = begin(house, 0, "busy", "");
    puppet_settle(house->loop);
    assert_int_equal(house->instances[0].redis.calls, 1);
    for (size_t i = 0; i < 30; i++)
        assert_int_equal(askers[i]->answers, 0);
    house->instances[0].redis.is_held = false;
    puppet_redis_release(&house->instances[0].redis);
    puppet_settle(house->loop);
    int admitted = 0;
    for (size_t i = 30; i-- > 0;)
        admitted += end(house, askers[i]) == 200;
    assert_int_equal(admitted, 20);
    assert_in_range(house->instances[0].redis.calls, 1, 3);
}

static void a_lost_reply_costs_tokens_and_nothing_else(void **state)
{
    struct house *house = *state;
    const struct puppet_redis_answer lost = {.outcome = REDIS_TIMED_OUT, .runs = true};
    puppet_redis_next(&house->instances[0].redis, lost);
    assert_int_equal(ask(house, 0, "busy", ""), 200); /* alone, and owed */
    assert_int_equal(count(house, METRIC_QUOTA_ALONE), 1);
    let_pass(house, 200 * CLOCK_MILLISECOND);
    int admitted = 1;
    for (int i = 0; i < 20; i++)
        for (size_t at = 0; at < INSTANCES; at++)
            admitted += flood(house, at, "busy", 1);
    assert_in_range(admitted, 10, 22);
}

static void left_alone_each_keeps_its_part(void **state)
{
    struct house *house = *state;
    for (size_t at = 0; at < INSTANCES; at++) /* two times, so that each knows of all */
        assert_int_equal(ask(house, at, "busy", ""), 200);
    let_pass(house, 10 * CLOCK_SECOND);
    for (size_t at = 0; at < INSTANCES; at++)
        assert_int_equal(ask(house, at, "busy", ""), 200);
    for (size_t at = 0; at < INSTANCES; at++)
        house->instances[at].redis.is_away = true;
    let_pass(house, 700 * CLOCK_SECOND);              /* every lease is over */
    assert_int_equal(flood(house, 2, "busy", 50), 6); /* a third of 20 */
    let_pass(house, CLOCK_SECOND);
    assert_int_equal(flood(house, 2, "busy", 50), 3); /* a third of 10 */
    assert_int_equal(count(house, METRIC_QUOTA_ALONE), 9);
    for (size_t at = 0; at < INSTANCES; at++)
        house->instances[at].redis.is_away = false;
    let_pass(house, CLOCK_SECOND); /* 3 of the 6 are back; what is not is paid first */
    int admitted = flood(house, 2, "busy", 50);
    assert_in_range(admitted, 15, 18);
    assert_int_equal(count(house, METRIC_QUOTA_ALONE), 9);
}

/* As long as Redis is away, a window's searches are what the limit gives one of the gateways that are known; what is
 * refused for them costs nothing of the rate. When Redis is back it hears of all that were made. */
static void left_alone_each_has_its_part_of_a_window(void **state)
{
    struct house *house = *state;
    house->instances[0].redis.is_away = true;
    for (int day = 0; day < 2; day++) {
        char query[40];
        for (int i = 0; i < 3; i++) {
            snprintf(query, sizeof query, "WebHook_Name=%d-%d", day, i);
            assert_int_equal(ask(house, 0, "poor", query), 200);
        }
        for (int i = 0; i < 150; i++) { /* more than the rate's burst */
            assert_int_equal(ask(house, 0, "poor", "WebHook_Name=more"), 429);
            expect(house, "\"violated-policies\":[\"misses\"]");
        }
        assert_int_equal(ask(house, 0, "poor", query), 200); /* a hit */
        assert_int_equal(house->puppet.searches, 3 * (day + 1));
        let_pass(house, day == 0 ? CLOCK_DAY : 2 * CLOCK_SECOND);
    }
    house->instances[0].redis.is_away = false;
    assert_int_equal(ask(house, 0, "poor", "WebHook_Name=more"), 429);
    let_pass(house, 2 * CLOCK_SECOND);
    assert_int_equal(ask(house, 1, "poor", "WebHook_Name=other"), 429); /* it knows */
    expect(house, "\"violated-policies\":[\"misses\"]");
    assert_int_equal(house->puppet.searches, 6);
}

static void on_failure_allow_and_deny(void **state)
{
    struct house *house = *state;
    house->instances[0].redis.is_away = house->instances[1].redis.is_away = true;
    build_desk(house, &house->instances[0], QUOTA_ALLOW);
    build_desk(house, &house->instances[1], QUOTA_DENY);
    assert_int_equal(flood(house, 0, "busy", 100), 100);
    assert_int_equal(ask(house, 1, "busy", ""), 503);
    expect(house, "Retry-After: 1\r\n");
    assert_int_equal(ask(house, 0, "counted", "WebHook_Name=a"), 200);
    assert_int_equal(ask(house, 1, "counted", "WebHook_Name=a"), 200); /* stored: nobody needs to count */
    assert_int_equal(ask(house, 1, "counted", "WebHook_Name=b"), 503);
    house->instances[1].redis.is_away = false;
    let_pass(house, 2 * CLOCK_SECOND);
    assert_int_equal(ask(house, 1, "busy", ""), 200);
    assert_int_equal(ask(house, 1, "counted", "WebHook_Name=b"), 200);
}

static void slow_is_dead(void **state)
{
    struct house *house = *state;
    house->instances[0].redis.is_held = true;
    struct asker *first = begin(house, 0, "busy", "");
    struct asker *second = begin(house, 0, "busy", "");
    puppet_settle(house->loop);
    assert_int_equal(first->answers + second->answers, 0);
    let_pass(house, 20 * CLOCK_MILLISECOND);
    assert_int_equal(end(house, second), 200);
    assert_int_equal(end(house, first), 200);
    assert_int_equal(count(house, METRIC_QUOTA_CALLS_FAILED), 1);
    ask(house, 0, "busy", ""); /* at once, without another call */
    assert_int_equal(count(house, METRIC_QUOTA_CALLS), 1);
}

static void misses_are_shared(void **state)
{
    struct house *house = *state;
    assert_int_equal(ask(house, 0, "poor", "WebHook_Name=a"), 200);
    assert_int_equal(ask(house, 1, "poor", "WebHook_Name=b"), 200);
    assert_int_equal(ask(house, 2, "poor", "WebHook_Name=c"), 200);
    assert_int_equal(house->puppet.searches, 3);
    let_pass(house, 2 * CLOCK_SECOND);
    for (size_t at = 0; at < INSTANCES; at++) {
        assert_int_equal(ask(house, at, "poor", "WebHook_Name=d"), 429);
        expect(house, "\"violated-policies\":[\"misses\"]");
        expect(house, "\"misses\";r=0;");
        assert_int_equal(ask(house, at, "poor", "WebHook_Name=a"), 200); /* hits are served */
    }
    assert_int_equal(house->puppet.searches, 3);
    let_pass(house, CLOCK_DAY);
    assert_int_equal(ask(house, 1, "poor", "WebHook_Name=d"), 200);
}

static void a_refused_miss_costs_no_rate(void **state)
{
    struct house *house = *state;
    for (int i = 0; i < 3; i++) {
        char query[32];
        snprintf(query, sizeof query, "WebHook_Name=%d", i);
        assert_int_equal(ask(house, 0, "poor", query), 200);
    }
    expect(house, "\"rate\";r=97;");
    for (int i = 0; i < 50; i++)
        assert_int_equal(ask(house, 0, "poor", "WebHook_Name=x"), 429);
    expect(house, "\"rate\";r=97;");
}

static void a_failed_search_is_refunded(void **state)
{
    struct house *house = *state;
    house->puppet.is_dead = true;
    for (int i = 0; i < 10; i++) {
        char query[32];
        snprintf(query, sizeof query, "WebHook_Name=%d", i);
        assert_int_equal(ask(house, 0, "poor", query), 503);
        let_pass(house, CLOCK_SECOND);
    }
    house->puppet.is_dead = false;
    let_pass(house, 20 * CLOCK_SECOND);
    assert_int_equal(ask(house, 0, "poor", "WebHook_Name=a"), 200);
    assert_int_equal(ask(house, 0, "poor", "WebHook_Name=b"), 200);
    assert_int_equal(ask(house, 0, "poor", "WebHook_Name=c"), 200);
    assert_int_equal(ask(house, 0, "poor", "WebHook_Name=d"), 429);
}

/* A client without a rate meets the desk first in its miss, which waits for Redis and is then asked again. */
static void a_miss_is_paid_ahead(void **state)
{
    struct house *house = *state;
    struct asker *askers[8];
    house->puppet.hold_searches = true;
    for (size_t i = 0; i < 8; i++) /* all the same search: one flight, one charge */
        askers[i] = begin(house, i % 2, "counted", "WebHook_Name=a");
    puppet_settle(house->loop);
    assert_int_equal(puppet_held(&house->puppet), 1);
    puppet_release(&house->puppet);
    house->puppet.hold_searches = false;
    puppet_settle(house->loop);
    for (size_t i = 8; i-- > 0;)
        assert_int_equal(end(house, askers[i]), 200);
    assert_int_equal(house->puppet.searches, 1);
    int charged = 0;
    for (int i = 0; i < 6; i++) {
        char query[32];
        snprintf(query, sizeof query, "WebHook_Name=more%d", i);
        charged += ask(house, (size_t)i % 2, "counted", query) == 200;
        let_pass(house, CLOCK_SECOND);
    }
    assert_int_equal(charged, 2);
}

static void a_dry_run_lets_through_and_counts(void **state)
{
    struct house *house = *state;
    for (int i = 0; i < 50; i++)
        assert_int_equal(ask(house, 0, "rehearsal", ""), 200);
    assert_int_equal(count(house, METRIC_QUOTA_DRY_RUN), 30);
}

static void concurrency_counts_those_who_wait(void **state)
{
    struct house *house = *state;
    house->instances[0].redis.is_held = true;
    struct asker *first = begin(house, 0, "narrow", ""), *second = begin(house, 0, "narrow", "");
    puppet_settle(house->loop);
    assert_int_equal(ask(house, 0, "narrow", ""), 429);
    expect(house, "\"violated-policies\":[\"concurrency\"]");
    house->instances[0].redis.is_held = false;
    puppet_redis_release(&house->instances[0].redis);
    puppet_settle(house->loop);
    assert_int_equal(end(house, second), 200);
    assert_int_equal(end(house, first), 200);
    assert_int_equal(ask(house, 0, "narrow", ""), 200);
}

static void what_nobody_uses_is_given_back(void **state)
{
    struct house *house = *state;
    for (int i = 0; i < 40; i++) { /* nearly all of the limit */
        flood(house, 0, "busy", 1);
        let_pass(house, 110 * CLOCK_MILLISECOND);
    }
    for (int i = 0; i < 4; i++)
        let_pass(house, CLOCK_SECOND);
    assert_int_equal(flood(house, 1, "busy", 40), 20);
}

static void mark(void *context)
{
    *(bool *)context = true;
}

static void all_is_given_back_at_the_end(void **state)
{
    struct house *house = *state;
    bool is_done = false;
    assert_int_equal(flood(house, 0, "busy", 3), 3);
    quota_desk_return_all(house->instances[0].desk, mark, &is_done);
    assert_false(is_done);
    puppet_settle(house->loop);
    assert_true(is_done);
    assert_int_equal(flood(house, 1, "busy", 40), 17);
    is_done = false;
    quota_desk_return_all(house->instances[0].desk, mark, &is_done); /* nothing is left to give */
    puppet_settle(house->loop);
    assert_true(is_done);
}

static void a_close_answers_who_waits(void **state)
{
    struct house *house = *state;
    house->instances[0].redis.is_held = true;
    struct asker *asker = begin(house, 0, "busy", "");
    puppet_settle(house->loop);
    assert_int_equal(asker->answers, 0);
    quota_desk_close(house->instances[0].desk);
    puppet_settle(house->loop);
    assert_int_equal(end(house, asker), 200);
    assert_int_equal(ask(house, 0, "busy", ""), 200);
}

/* A server that came back empty is told by who asks first what it cannot have. */
static void a_forgetful_server_gives_no_second_burst(void **state)
{
    struct house *house = *state;
    assert_int_equal(flood(house, 0, "busy", 30), 20);
    puppet_store_flush(&house->store);
    let_pass(house, 500 * CLOCK_MILLISECOND);
    assert_in_range(flood(house, 0, "busy", 30), 1, 5);
}

static void an_error_is_a_failure(void **state)
{
    struct house *house = *state;
    const struct puppet_redis_answer error = {.outcome = REDIS_ANSWERED, .error = "OOM command not allowed"};
    puppet_redis_next(&house->instances[0].redis, error);
    assert_int_equal(ask(house, 0, "busy", ""), 200);
    assert_int_equal(count(house, METRIC_QUOTA_CALLS_FAILED), 1);
    assert_int_equal(count(house, METRIC_QUOTA_ALONE), 1);
}

/* A reload lifts the limit that they wait for. */
static void a_lifted_limit_lets_those_who_wait_through(void **state)
{
    enum { WAITING = 30 };
    static const struct client_policy unlimited = {.weight = 1};
    struct house *house = *state;
    struct asker *askers[WAITING];
    const char *client = "busy";
    for (int round = 0; round < 2; round++, client = "counted") {
        char query[32];
        house->instances[0].redis.is_held = true;
        for (int i = 0; i < WAITING; i++) {
            snprintf(query, sizeof(query), "Id=%d", 1000 * round + i);
            askers[i] = begin(house, 0, client, query);
        }
        puppet_settle(house->loop);
        struct client *changed = roster_by_name(house->instances[0].roster, slice_of(client));
        quota_account_change(changed->account, &unlimited, clock_now(house->clock), clock_wall(house->clock));
        house->instances[0].redis.is_held = false;
        puppet_redis_release(&house->instances[0].redis);
        puppet_settle(house->loop);
        for (int i = 0; i < WAITING; i++) {
            assert_int_equal(askers[i]->answers, 1);
            assert_int_equal(end(house, askers[i]), 200);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_limit_for_all),
        TEST(a_kept_lease_needs_no_call),
        TEST(refusals_are_remembered),
        TEST(all_wait_for_one_call),
        TEST(a_lost_reply_costs_tokens_and_nothing_else),
        TEST(left_alone_each_keeps_its_part),
        TEST(left_alone_each_has_its_part_of_a_window),
        TEST(on_failure_allow_and_deny),
        TEST(slow_is_dead),
        TEST(misses_are_shared),
        TEST(a_refused_miss_costs_no_rate),
        TEST(a_failed_search_is_refunded),
        TEST(a_miss_is_paid_ahead),
        TEST(a_dry_run_lets_through_and_counts),
        TEST(concurrency_counts_those_who_wait),
        TEST(what_nobody_uses_is_given_back),
        TEST(all_is_given_back_at_the_end),
        TEST(a_close_answers_who_waits),
        TEST(a_forgetful_server_gives_no_second_burst),
        TEST(an_error_is_a_failure),
        TEST(a_lifted_limit_lets_those_who_wait_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
