/* SPDX-License-Identifier: MIT */
/* Two gateways and one Redis, all on one loop and a frozen clock: what one fetched is the other's hit, what one
 * refreshed or purged the other does not serve, and every race between these is forced by holding calls, replies and
 * messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "flow/flow.h"
#include "flow/store.h"
#include "ground.h"
#include "member.h"
#include "plain.h"
#include "puppet.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { GATEWAYS = 2, ASKERS_MAX = 64, WINDOW = 20 };

static const int64_t TTL = 60 * CLOCK_SECOND;
static const int64_t STALE = 300 * CLOCK_SECOND;
static const char KEY[] = "t:v1:webhooks:#20.0";

/* One gateway. Nexudus, Redis, clock and loop are the street's. */
struct house {
    struct street *street;
    struct member member;
    struct shared_options sharing;
    struct shared *shared;
    struct store store;
    struct fetcher *fetcher;
    struct flow *flow;
};

struct asker {
    struct exchange *exchange;
    unsigned answers;
};

struct order {
    struct purge_order purge;
    unsigned answers;
};

struct street {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    struct puppet nexudus;
    struct puppet_store store;
    struct puppet_channels channels;
    struct snapshot *snapshot;
    struct notable *notable;
    struct house houses[GATEWAYS];
    struct asker askers[ASKERS_MAX];
    size_t asked;
    char text[64 * 1024]; /* of the last answer: fields, empty line, body */
};

static void settle(struct street *street)
{
    puppet_settle(street->loop);
}

static void build(struct street *street, struct house *house)
{
    const struct fetcher_options options = plain_fetcher();
    const struct member_place place = {street->loop, street->log, &street->store, &street->channels};
    char name[16];
    snprintf(name, sizeof(name), "house-%zu", (size_t)(house - street->houses));
    house->street = street;
    lifetime_set(&house->member.lifetime, TTL, STALE);
    member_init(&house->member, &place, name, 8 << 20);
    house->sharing = (struct shared_options){.loop = street->loop,
                                             .redis = &house->member.redis.redis,
                                             .memory = house->member.memory,
                                             .channel = coherence_channel(house->member.coherence),
                                             .name = coherence_name(house->member.coherence),
                                             .lifetime = &house->member.lifetime};
    house->shared = shared_new(&house->sharing, street->log, house->member.counters);
    store_init(&house->store, house->member.memory, house->shared);
    const struct fetcher_cache cache = store_cache(&house->store);
    house->fetcher =
        fetcher_new(street->loop, &street->nexudus.transport, &options, &cache, street->log, house->member.counters);
    const struct flow_parts parts = {
        .clock = street->clock,
        .memory = house->member.memory,
        .fetcher = house->fetcher,
        .mailbox = house->member.mailbox,
        .loop = street->loop,
        .redis = &house->member.redis.redis,
        .sharing = &house->sharing,
        .log = street->log,
        .counters = house->member.counters,
        .notable = street->notable,
    };
    house->flow = flow_new(street->snapshot, &parts);
}

/* One client, who may do anything. */
static struct snapshot *build_snapshot(void)
{
    const struct flow_options flow = {
        .key_prefix = SLICE("t:"),
        .ttl_us = TTL,
        .stale_while_revalidate_us = STALE,
        .stale_if_error_us = STALE,
        .window = WINDOW,
        .query_max = 8192,
    };
    struct complaints none;
    struct client_policy policy = {.weight = 1};
    struct scope scope = {.all = true};
    struct schema_set *schemas = schema_set_new();
    struct roster *roster = roster_new();
    uint8_t digest[1][HASH_SHA256_BYTES];
    char why[128];
    complaints_init(&none);
    assert_true(schema_set_add(schemas, schema_builtin_webhooks(), "built in", &none));
    complaints_free(&none);
    hash_sha256(slice_of("free"), digest[0]);
    assert_true(roster_add(roster, slice_of("free"), (const uint8_t(*)[HASH_SHA256_BYTES])digest, 1, &scope, &policy,
                           why, sizeof(why)));
    return snapshot_new(&flow, schemas, roster, NULL);
}

static int set_up(void **state)
{
    struct street *street = mem_new(sizeof(*street));
    ground_lay(&street->clock, &street->loop, &street->log);
    puppet_init(&street->nexudus, street->loop);
    street->nexudus.total_items = 45;
    puppet_store_init(&street->store, street->clock);
    puppet_channels_init(&street->channels, &street->store, street->loop);
    street->snapshot = build_snapshot();
    street->notable = notable_new();
    for (size_t i = 0; i < GATEWAYS; i++)
        build(street, &street->houses[i]);
    for (size_t i = 0; i < GATEWAYS; i++)
        member_link(&street->houses[i].member, true);
    settle(street);
    clock_move(street->clock, 3 * CLOCK_SECOND); /* so that everything is after the links came up, and they have met */
    settle(street);
    *state = street;
    return 0;
}

static void take_down(struct house *house)
{
    fetcher_free(house->fetcher);
    settle(house->street);
    flow_free(house->flow);
    shared_free(house->shared);
    member_free(&house->member);
}

static int tear_down(void **state)
{
    struct street *street = *state;
    for (size_t i = 0; i < GATEWAYS; i++)
        street->houses[i].member.redis.is_held = false;
    settle(street);
    for (size_t i = 0; i < street->asked; i++) {
        exchange_reset(street->askers[i].exchange);
        exchange_free(street->askers[i].exchange);
    }
    for (size_t i = 0; i < GATEWAYS; i++)
        member_link(&street->houses[i].member, false);
    puppet_channels_free(&street->channels);
    for (size_t i = 0; i < GATEWAYS; i++)
        take_down(&street->houses[i]);
    snapshot_unref(street->snapshot);
    notable_free(street->notable);
    puppet_free(&street->nexudus);
    puppet_store_free(&street->store);
    ground_clear(street->clock, street->loop, street->log);
    mem_free(street);
    return 0;
}

static void on_answer(struct exchange *exchange)
{
    ((struct asker *)exchange->connection)->answers++;
}

/* Starts a search at a gateway. */
static struct asker *begin(struct street *street, size_t at, const char *cache_control)
{
    assert_true(street->asked < ASKERS_MAX);
    struct asker *asker = &street->askers[street->asked++];
    struct exchange *exchange = exchange_new();
    *asker = (struct asker){.exchange = exchange};
    exchange->connection = asker;
    exchange->on_answer = on_answer;
    exchange->request = (struct request){
        .method = METHOD_GET,
        .method_text = SLICE("GET"),
        .path = SLICE("/api/sys/webhooks"),
        .query = SLICE("size=5"),
        .api_key = SLICE("free"),
        .cache_control = cache_control != NULL ? slice_of(cache_control) : slice_make(NULL, 0),
        .came_us = clock_now(street->clock),
    };
    struct handler *handler = flow_handler(street->houses[at].flow);
    if (handler->start(handler, exchange))
        asker->answers++;
    return asker;
}

static int read_answer(struct street *street, const struct asker *asker)
{
    const struct answer *answer = &asker->exchange->answer;
    assert_int_equal(asker->answers, 1);
    size_t length = (size_t)snprintf(street->text, sizeof(street->text), "%.*s\n", (int)answer->fields.length,
                                     answer->fields.length > 0 ? answer->fields.bytes : "");
    for (size_t i = 0; i < answer->body_count; i++) {
        assert_true(length + answer->body[i].length < sizeof(street->text));
        memcpy(street->text + length, answer->body[i].at, answer->body[i].length);
        length += answer->body[i].length;
    }
    street->text[length] = '\0';
    return answer->status;
}

/* A search that must be answered 200 with this status and this TotalItems. */
static void expect(struct street *street, const struct asker *asker, const char *status, int total)
{
    char wanted[128];
    assert_int_equal(read_answer(street, asker), 200);
    snprintf(wanted, sizeof(wanted), "Cache-Status: nexgate; %s", status);
    if (strstr(street->text, wanted) == NULL)
        fail_msg("expected %s in\n%s", wanted, street->text);
    snprintf(wanted, sizeof(wanted), "\"TotalItems\":%d", total);
    if (strstr(street->text, wanted) == NULL)
        fail_msg("expected %s in\n%s", wanted, street->text);
}

static void ask(struct street *street, size_t at, const char *cache_control, const char *status, int total)
{
    const struct asker *asker = begin(street, at, cache_control);
    settle(street);
    expect(street, asker, status, total);
}

static void move_seconds(struct street *street, int64_t seconds)
{
    clock_move(street->clock, seconds * CLOCK_SECOND);
    settle(street);
}

static int64_t count(const struct street *street, size_t at, enum metric metric)
{
    return metrics_read(street->houses[at].member.metrics, metric);
}

static void on_purged(struct purge_order *purge)
{
    MEM_OUTER(purge, struct order, purge)->answers++;
}

static struct order *order_purge(struct street *street, size_t at, const char *head, bool soft)
{
    struct order *order = mem_new(sizeof(*order));
    struct house *house = &street->houses[at];
    order->purge.head_length = strlen(head);
    memcpy(order->purge.head, head, order->purge.head_length);
    order->purge.soft = soft;
    order->purge.reply_to = house->member.mailbox;
    order->purge.on_done = on_purged;
    coherence_purge(house->member.coherence, &order->purge);
    return order;
}

static bool names(const struct buf *names, const char *expected)
{
    return slice_is(buf_slice(names), expected);
}

static void end_order(struct order *order)
{
    buf_free(&order->purge.confirmed);
    buf_free(&order->purge.silent);
    mem_free(order);
}

/* A purge that all confirm at once. */
static void purge(struct street *street, size_t at, const char *head, bool soft)
{
    clock_move(street->clock, 1);
    struct order *order = order_purge(street, at, head, soft);
    settle(street);
    assert_int_equal(order->answers, 1);
    assert_true(order->purge.told);
    assert_true(names(&order->purge.silent, ""));
    assert_true(names(&order->purge.confirmed, at == 0 ? "house-0\nhouse-1\n" : "house-1\nhouse-0\n"));
    end_order(order);
    clock_move(street->clock, 1);
}

static struct puppet_redis *redis_of(struct street *street, size_t at)
{
    return &street->houses[at].member.redis;
}

/* The shared store. */

static void what_one_fetched_is_the_others_hit(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 45);
    move_seconds(street, 10);
    ask(street, 1, NULL, "hit; ttl=50\r", 45);
    assert_non_null(strstr(street->text, "Age: 10\r"));
    uint64_t calls = redis_of(street, 1)->calls;
    ask(street, 1, NULL, "hit; ttl=50\r", 45);
    assert_int_equal(redis_of(street, 1)->calls, calls); /* from memory now */
    assert_int_equal(street->nexudus.searches, 1);
    assert_int_equal(count(street, 1, METRIC_SHARED_HITS), 1);
    assert_int_equal(count(street, 0, METRIC_SHARED_STORES), 1);
}

static void a_clock_that_is_ahead_makes_nothing_fresher(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 45);
    /* As if its writer's clock were an hour ahead: the header says so, and the checksum agrees. */
    struct slice value = puppet_store_peek(&street->store, KEY);
    char *bytes = (char *)(uintptr_t)value.at;
    int64_t wall_us;
    memcpy(&wall_us, bytes + 24, 8);
    assert_int_equal(wall_us, clock_wall(street->clock));
    wall_us += 3600 * CLOCK_SECOND;
    memcpy(bytes + 24, &wall_us, 8);
    struct hash128 sum = hash_open(slice_make(bytes, value.length - 16));
    memcpy(bytes + value.length - 16, &sum.low, 8);
    memcpy(bytes + value.length - 8, &sum.high, 8);
    move_seconds(street, 25);
    ask(street, 1, NULL, "hit; ttl=35\r", 45);
    assert_int_equal(street->nexudus.searches, 1);
}

static void equal_lookups_are_one_command(void **state)
{
    struct street *street = *state;
    struct asker *askers[5];
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    redis_of(street, 1)->is_held = true;
    uint64_t calls = redis_of(street, 1)->calls;
    for (size_t i = 0; i < 5; i++)
        askers[i] = begin(street, 1, NULL);
    settle(street);
    assert_int_equal(redis_of(street, 1)->calls, calls + 1);
    puppet_redis_release(redis_of(street, 1));
    settle(street);
    for (size_t i = 0; i < 5; i++)
        expect(street, askers[i], "hit; ttl=60\r", 45);
}

static void a_redis_that_is_slow_or_gone_costs_no_answer(void **state)
{
    struct street *street = *state;
    redis_of(street, 0)->is_held = true;
    struct asker *asker = begin(street, 0, NULL);
    settle(street);
    assert_int_equal(asker->answers, 0);
    clock_move(street->clock, 20 * CLOCK_MILLISECOND);
    settle(street);
    expect(street, asker, "fwd=uri-miss; fwd-status=200; stored\r", 45);
    clock_move(street->clock, 5 * CLOCK_SECOND); /* the store is too late as well */
    settle(street);
    assert_int_equal(count(street, 0, METRIC_SHARED_FAILED), 2);
    redis_of(street, 1)->is_away = true;
    ask(street, 1, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 45);
    assert_int_equal(street->nexudus.searches, 2);
}

static void what_is_no_window_is_replaced(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    char *bytes = (char *)(uintptr_t)puppet_store_peek(&street->store, KEY).at;
    for (size_t bit = 8 * 8; bit < 30 * 8; bit += 3) { /* ages, clocks, lives: what the scripts read, too */
        bytes = (char *)(uintptr_t)puppet_store_peek(&street->store, KEY).at;
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        memory_remove(street->houses[1].member.memory, slice_of(KEY));
        clock_move(street->clock, 1000);
        if (street->asked >= ASKERS_MAX - 2)
            break;
        size_t searches = street->nexudus.searches;
        ask(street, 1, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 45);
        assert_int_equal(street->nexudus.searches, searches + 1);
    }
    assert_int_equal(count(street, 1, METRIC_SHARED_MALFORMED), count(street, 1, METRIC_SHARED_STORES));
    memory_remove(street->houses[0].member.memory, slice_of(KEY));
    ask(street, 0, NULL, "hit", 45);
}

static void a_value_of_another_kind_is_replaced(void **state)
{
    struct street *street = *state;
    const struct slice list[] = {SLICE("HSET"), slice_of(KEY), SLICE("a"), SLICE("b")};
    const struct slice plain[] = {SLICE("SET"), slice_of(KEY), SLICE("hello")};
    puppet_reply_free(puppet_store_run(&street->store, list, 4));
    ask(street, 0, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 45);
    memory_remove(street->houses[1].member.memory, slice_of(KEY));
    ask(street, 1, NULL, "hit", 45);
    puppet_reply_free(puppet_store_run(&street->store, plain, 3));
    memory_remove(street->houses[1].member.memory, slice_of(KEY));
    ask(street, 1, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 45);
    memory_remove(street->houses[0].member.memory, slice_of(KEY));
    ask(street, 0, NULL, "hit", 45);
}

/* A window stored under another's key answers nothing. */
static void a_foreign_window_answers_nothing(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    const struct slice copy[] = {SLICE("SET"), SLICE("t:v1:webhooks:WebHook_Active=true#20.0"),
                                 puppet_store_peek(&street->store, KEY), SLICE("PX"), SLICE("60000")};
    puppet_reply_free(puppet_store_run(&street->store, copy, 5));
    struct asker *asker = begin(street, 1, NULL);
    settle(street);
    expect(street, asker, "hit", 45);
    assert_int_equal(count(street, 1, METRIC_SHARED_MALFORMED), 0);
    asker = &street->askers[street->asked++];
    *asker = (struct asker){.exchange = exchange_new()};
    asker->exchange->connection = asker;
    asker->exchange->on_answer = on_answer;
    asker->exchange->request = (struct request){.method = METHOD_GET,
                                                .method_text = SLICE("GET"),
                                                .path = SLICE("/api/sys/webhooks"),
                                                .query = SLICE("WebHook_Active=true&size=5"),
                                                .api_key = SLICE("free"),
                                                .came_us = clock_now(street->clock)};
    struct handler *handler = flow_handler(street->houses[1].flow);
    assert_false(handler->start(handler, asker->exchange));
    settle(street);
    expect(street, asker, "fwd=uri-miss", 45);
    assert_int_equal(count(street, 1, METRIC_SHARED_MALFORMED), 1);
}

/* Refreshes. */

static void a_refresh_is_seen_by_the_other(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    street->nexudus.total_items = 46;
    move_seconds(street, 1);
    ask(street, 0, "no-cache", "fwd=request; fwd-status=200; stored\r", 46);
    ask(street, 1, NULL, "hit; ttl=60\r", 46);
    assert_int_equal(street->nexudus.searches, 2);
    assert_int_equal(count(street, 1, METRIC_SHARED_INVALIDATIONS), 2);
}

static void a_lookup_under_way_brings_nothing_old_back(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    /* The other reads the old one, and before the reply is there hears that there is a newer one. */
    street->channels.is_held = true;
    struct asker *early = begin(street, 1, NULL);
    loop_turn(street->loop);
    street->nexudus.total_items = 46;
    memory_invalidate(street->houses[1].member.memory, slice_of(KEY), 0);
    settle(street);
    expect(street, early, "hit", 45);

    memory_remove(street->houses[1].member.memory, slice_of(KEY));
    redis_of(street, 1)->is_held = true;
    struct asker *late = begin(street, 1, NULL);
    settle(street);
    move_seconds(street, 0);
    const struct asker *refresher = begin(street, 0, "no-cache");
    /* What it would have been told before the refresh. */
    struct slice before = puppet_store_peek(&street->store, KEY);
    char *copy = mem_copy_text(before.at, before.length);
    settle(street);
    expect(street, refresher, "fwd=request", 46);
    struct slice after = puppet_store_peek(&street->store, KEY);
    char *fresh = mem_copy_text(after.at, after.length);
    const struct slice back[] = {SLICE("SET"), slice_of(KEY), slice_make(copy, before.length), SLICE("PX"),
                                 SLICE("360000")};
    puppet_reply_free(puppet_store_run(&street->store, back, 5));
    assert_true(puppet_redis_release_one(redis_of(street, 1))); /* runs: the old value is on its way */
    const struct slice forth[] = {SLICE("SET"), slice_of(KEY), slice_make(fresh, after.length), SLICE("PX"),
                                  SLICE("360000")};
    puppet_reply_free(puppet_store_run(&street->store, forth, 5));
    puppet_channels_release(&street->channels); /* and the word that there is a newer one overtakes it */
    redis_of(street, 1)->is_held = false;
    settle(street);
    expect(street, late, "hit", 46);
    ask(street, 1, NULL, "hit", 46);
    mem_free(copy);
    mem_free(fresh);
}

static void an_older_window_replaces_no_newer_one(void **state)
{
    struct street *street = *state;
    street->nexudus.hold_searches = true;
    const struct asker *slow = begin(street, 0, NULL);
    settle(street);
    const struct puppet_call *held = puppet_last(&street->nexudus);
    move_seconds(street, 2);
    const struct asker *quick = begin(street, 1, NULL);
    settle(street);
    street->nexudus.total_items = 46;
    street->nexudus.oldest_access = 0; /* two logins, and both are good */
    puppet_release_one(&street->nexudus, puppet_last(&street->nexudus));
    settle(street);
    expect(street, quick, "fwd=uri-miss", 46);
    street->nexudus.total_items = 45;
    puppet_release_one(&street->nexudus, held);
    settle(street);
    expect(street, slow, "fwd=uri-miss", 45); /* who waited for it is told what came */
    assert_int_equal(count(street, 0, METRIC_SHARED_OLDER), 1);
    ask(street, 0, NULL, "hit; ttl=60\r", 46);
    ask(street, 1, NULL, "hit; ttl=60\r", 46);
}

/* The link. */

static void cut_off_memory_serves_until_its_ttl_and_is_checked_after(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    member_link(&street->houses[1].member, false);
    redis_of(street, 1)->is_away = true;
    street->nexudus.total_items = 46;
    move_seconds(street, 10);
    ask(street, 0, "no-cache", "fwd=request", 46);
    ask(street, 1, NULL, "hit; ttl=50\r", 45); /* it cannot know */
    move_seconds(street, 10);
    redis_of(street, 1)->is_away = false;
    member_link(&street->houses[1].member, true);
    settle(street);
    ask(street, 1, NULL, "hit; ttl=50\r", 46); /* Redis was asked first */
    uint64_t calls = redis_of(street, 1)->calls;
    ask(street, 1, NULL, "hit; ttl=50\r", 46);
    assert_int_equal(redis_of(street, 1)->calls, calls);
}

static void cut_off_memory_serves_nothing_stale_at_once(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    member_link(&street->houses[0].member, false);
    redis_of(street, 0)->is_away = true;
    move_seconds(street, 61);
    street->nexudus.total_items = 46;
    ask(street, 0, NULL, "fwd=stale; fwd-status=200; stored\r", 46);
    move_seconds(street, 61);
    street->nexudus.is_dead = true;
    ask(street, 0, NULL, "hit; ttl=-1; detail=\"stale-if-error: unreachable\"", 46); /* better than nothing */
}

/* Memory that was checked needs no second look, also where Redis has lost the window. */
static void after_a_break_each_window_is_looked_up_once(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    member_link(&street->houses[0].member, false);
    member_link(&street->houses[0].member, true);
    settle(street);
    puppet_store_flush(&street->store);
    ask(street, 0, NULL, "hit; ttl=60\r", 45);
    assert_int_equal(count(street, 0, METRIC_SHARED_MISSES), 2); /* the first search's own, and this one's */
    uint64_t calls = redis_of(street, 0)->calls;
    ask(street, 0, NULL, "hit; ttl=60\r", 45);
    assert_int_equal(redis_of(street, 0)->calls, calls);
    assert_int_equal(street->nexudus.searches, 1);
}

/* Purges. */

static void a_purge_reaches_memory_and_redis_of_both(void **state)
{
    static const char *const heads[] = {"t:v1:", "t:v1:webhooks:", "t:v1:webhooks:#"};
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    for (size_t i = 0; i < 3; i++) {
        ask(street, 1, NULL, "hit", 45 + (int)i);
        ask(street, 0, NULL, "hit", 45 + (int)i);
        street->nexudus.total_items++;
        purge(street, i % 2, heads[i], false);
        ask(street, 1, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 46 + (int)i);
        ask(street, 0, NULL, "hit", 46 + (int)i);
        assert_int_equal(street->nexudus.searches, 2 + i);
    }
    purge(street, 0, "t:v1:webhooks:WebHook_Active=true#", false);
    purge(street, 0, "t:v1:coworkers:", false);
    ask(street, 0, NULL, "hit", 48);
    ask(street, 1, NULL, "hit", 48);
    assert_int_equal(memory_stats(street->houses[0].member.memory).entries, 1);
}

static void a_purge_empties_memory_soon(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    purge(street, 0, "t:v1:", false);
    assert_int_equal(memory_stats(street->houses[0].member.memory).entries, 0);
    assert_int_equal(memory_stats(street->houses[1].member.memory).entries, 0);
}

static void a_soft_purge_makes_stale(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    move_seconds(street, 10);
    purge(street, 1, "t:v1:", true);
    street->nexudus.total_items = 46;
    move_seconds(street, 5);
    struct asker *asker = begin(street, 1, NULL); /* which had none: Redis gives it */
    settle(street);
    expect(street, asker, "hit; ttl=-5; detail=revalidating\r", 45);
    assert_non_null(strstr(street->text, "Cache-Control: private, max-age=0\r"));
    assert_non_null(strstr(street->text, "Age: 15\r"));
    ask(street, 1, NULL, "hit; ttl=60\r", 46); /* the refresh has come */
    ask(street, 0, NULL, "hit; ttl=60\r", 46);
    assert_int_equal(street->nexudus.searches, 2);
}

static void a_soft_purge_leaves_something_for_an_outage(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    purge(street, 1, "t:v1:webhooks:", true);
    street->nexudus.is_dead = true;
    ask(street, 0, NULL, "hit; ttl=0; detail=revalidating\r", 45);
    purge(street, 1, "t:v1:webhooks:", false);
    struct asker *asker = begin(street, 0, NULL);
    settle(street);
    assert_int_equal(read_answer(street, asker), 503);
}

static void a_fetch_under_way_is_not_stored(void **state)
{
    struct street *street = *state;
    street->nexudus.hold_searches = true;
    const struct asker *before = begin(street, 0, NULL);
    settle(street);
    const struct puppet_call *held = puppet_last(&street->nexudus);
    purge(street, 1, "t:v1:", false);
    street->nexudus.total_items = 46;
    const struct asker *after = begin(street, 0, NULL); /* must not join it */
    settle(street);
    assert_int_equal(street->nexudus.searches, 2);
    puppet_release_one(&street->nexudus, puppet_last(&street->nexudus));
    settle(street);
    expect(street, after, "fwd=uri-miss; fwd-status=200; stored\r", 46);
    street->nexudus.total_items = 45;
    puppet_release_one(&street->nexudus, held);
    settle(street);
    expect(street, before, "fwd=uri-miss; fwd-status=200\r", 45);
    street->nexudus.hold_searches = false;
    ask(street, 0, NULL, "hit", 46);
    ask(street, 1, NULL, "hit", 46);
}

static void a_landed_fetch_answers_nobody_after_a_purge(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    street->nexudus.total_items = 46;
    purge(street, 0, "t:v1:webhooks:#", false);
    ask(street, 0, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 46);
}

static void a_lookup_under_way_is_held_against_a_purge(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    redis_of(street, 1)->is_held = true;
    const struct asker *early = begin(street, 1, NULL);
    settle(street);
    /* Its own purge: the lookup is still on its way when that is confirmed. */
    street->nexudus.total_items = 46;
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    assert_int_equal(order->answers, 0); /* the other's confirmation is held like its lookup */
    clock_move(street->clock, 1);
    puppet_redis_release(redis_of(street, 1));
    redis_of(street, 1)->is_held = false;
    settle(street);
    assert_int_equal(order->answers, 1);
    assert_true(names(&order->purge.silent, ""));
    end_order(order);
    expect(street, early, "fwd=uri-miss", 46);
    ask(street, 1, NULL, "hit", 46);
}

static void a_store_under_way_is_held_against_a_purge(void **state)
{
    struct street *street = *state;
    street->nexudus.hold_searches = true;
    const struct asker *early = begin(street, 0, NULL);
    settle(street);
    redis_of(street, 0)->is_held = true;
    street->nexudus.hold_searches = false;
    puppet_release(&street->nexudus);
    settle(street);
    expect(street, early, "fwd=uri-miss; fwd-status=200; stored\r", 45);
    assert_int_equal(puppet_redis_held(redis_of(street, 0)), 1); /* the store */
    street->nexudus.total_items = 46;
    clock_move(street->clock, 1);
    struct order *order = order_purge(street, 1, "t:v1:", false);
    settle(street);
    puppet_redis_release(redis_of(street, 0)); /* now it is stored, after the purge */
    redis_of(street, 0)->is_held = false;
    settle(street);
    assert_int_equal(order->answers, 1);
    end_order(order);
    assert_non_null(puppet_store_peek(&street->store, KEY).at);
    clock_move(street->clock, 1);
    ask(street, 1, NULL, "fwd=uri-miss; fwd-status=200; stored\r", 46);
    assert_int_equal(count(street, 1, METRIC_SHARED_PURGED), 1);
    ask(street, 0, NULL, "hit", 46);
}

static void who_does_not_confirm_is_named(void **state)
{
    struct street *street = *state;
    redis_of(street, 1)->is_away = true; /* hears it, and cannot say so */
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    move_seconds(street, 9);
    assert_int_equal(order->answers, 0);
    move_seconds(street, 1);
    assert_int_equal(order->answers, 1);
    assert_true(order->purge.told);
    assert_true(names(&order->purge.confirmed, "house-0\n"));
    assert_true(names(&order->purge.silent, "house-1\n"));
    end_order(order);
}

static void who_has_said_goodbye_is_not_waited_for(void **state)
{
    struct street *street = *state;
    coherence_leave(street->houses[1].member.coherence);
    settle(street);
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    assert_int_equal(order->answers, 1);
    assert_true(names(&order->purge.confirmed, "house-0\n"));
    assert_true(names(&order->purge.silent, ""));
    end_order(order);
}

static void who_has_died_is_not_waited_for_long(void **state)
{
    struct street *street = *state;
    redis_of(street, 1)->is_away = true;
    member_link(&street->houses[1].member, false);
    for (int i = 0; i < 20; i++)
        move_seconds(street, 1);
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    assert_int_equal(order->answers, 1);
    assert_true(names(&order->purge.confirmed, "house-0\n"));
    end_order(order);
}

static void a_purge_that_was_missed_is_in_the_log(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    member_link(&street->houses[1].member, false);
    street->nexudus.total_items = 46;
    move_seconds(street, 1);
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    assert_int_equal(order->answers, 0);
    ask(street, 1, NULL, "hit; ttl=59\r", 45);
    member_link(&street->houses[1].member, true);
    settle(street);
    assert_int_equal(order->answers, 1); /* it has read the log, and says so */
    assert_true(names(&order->purge.silent, ""));
    end_order(order);
    ask(street, 1, NULL, "fwd=uri-miss", 46);
}

static void a_message_that_was_lost_is_noticed(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    street->channels.is_held = true;
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    assert_int_equal(order->answers, 0);
    street->nexudus.total_items = 46;
    move_seconds(street, 3); /* the beat tells of a number that was not heard */
    ask(street, 1, NULL, "fwd=uri-miss", 46);
    street->channels.is_held = false;
    puppet_channels_release(&street->channels);
    settle(street);
    assert_int_equal(order->answers, 1);
    end_order(order);
}

static void without_redis_a_purge_is_local_and_told_later(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    redis_of(street, 0)->is_away = true;
    member_link(&street->houses[0].member, false);
    move_seconds(street, 1);
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    street->nexudus.total_items = 46;
    clock_move(street->clock, 1);
    ask(street, 0, NULL, "fwd=uri-miss", 46); /* at once */
    for (int i = 0; i < 30; i++) {
        clock_move(street->clock, 100 * CLOCK_MILLISECOND);
        settle(street);
    }
    assert_int_equal(order->answers, 1);
    assert_false(order->purge.told);
    assert_true(names(&order->purge.silent, "house-1\n"));
    end_order(order);
    redis_of(street, 0)->is_away = false;
    ask(street, 1, NULL, "hit", 45);
    member_link(&street->houses[0].member, true);
    settle(street);
    ask(street, 1, NULL, "fwd=uri-miss", 46);
}

static void move_tenths(struct street *street, int tenths)
{
    for (int i = 0; i < tenths; i++) {
        clock_move(street->clock, 100 * CLOCK_MILLISECOND);
        settle(street);
    }
}

/* A purge that is answered as not told, since every script is refused while the feed stays up. */
static void purge_in_vain(struct street *street, const char *head, bool soft)
{
    struct order *order = order_purge(street, 0, head, soft);
    move_tenths(street, 30);
    assert_int_equal(order->answers, 1);
    assert_false(order->purge.told);
    assert_true(names(&order->purge.silent, "house-1\n"));
    end_order(order);
}

static void a_purge_that_scripts_refused_is_told_though_the_feed_stayed_up(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    redis_of(street, 0)->refusal = "OOM command not allowed when used memory > 'maxmemory'.";
    purge_in_vain(street, "t:v1:", false);
    street->nexudus.total_items = 46;
    ask(street, 1, NULL, "hit", 45);
    redis_of(street, 0)->refusal = NULL;
    uint64_t published = street->channels.published;
    move_tenths(street, 25);
    assert_int_equal(street->channels.published, published + 2); /* the purge and its confirmation, once */
    ask(street, 1, NULL, "fwd=uri-miss", 46);
    published = street->channels.published;
    move_tenths(street, 50);
    assert_int_equal(street->channels.published, published);
}

/* Kept purges are tried with each good beat, once: not every 100 ms for two seconds again, and not loudly. */
static void a_kept_purge_is_tried_with_each_beat_until_it_is_told(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    redis_of(street, 0)->refusal = "OOM";
    purge_in_vain(street, "t:v1:webhooks:", false);
    purge_in_vain(street, "t:v1:coworkers:", false);
    redis_of(street, 0)->refused = "purge"; /* and only that one: beats are good */
    uint64_t calls = redis_of(street, 0)->calls;
    move_tenths(street, 60);
    assert_in_range(redis_of(street, 0)->calls - calls, 3 * 3, 4 * 3); /* a beat and two purges every 2 s */
    redis_of(street, 0)->refusal = NULL;
    street->nexudus.total_items = 46;
    move_tenths(street, 25);
    ask(street, 1, NULL, "fwd=uri-miss", 46);
}

/* While one is being told again, another of the same head is ordered, refused and kept: both are told in the end. */
static void a_later_purge_loses_no_earlier_one(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    redis_of(street, 0)->refusal = "OOM";
    purge_in_vain(street, "t:v1:webhooks:", false);
    purge_in_vain(street, "t:v1:webhooks:", true);   /* says less than the one before */
    purge_in_vain(street, "t:v1:webhooks:#", false); /* the same */
    purge_in_vain(street, "t:v1:coworkers:", true);
    redis_of(street, 0)->refusal = NULL;
    uint64_t published = street->channels.published;
    move_tenths(street, 25);
    assert_int_equal(street->channels.published, published + 2 * 4);
    street->nexudus.total_items = 46;
    ask(street, 1, NULL, "fwd=uri-miss", 46); /* gone, not only stale */
}

static void who_leaves_tells_what_it_has_kept(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    ask(street, 1, NULL, "hit", 45);
    redis_of(street, 0)->refusal = "OOM";
    purge_in_vain(street, "t:v1:", false);
    redis_of(street, 0)->refusal = NULL;
    street->nexudus.total_items = 46;
    coherence_leave(street->houses[0].member.coherence);
    settle(street);
    assert_true(coherence_has_left(street->houses[0].member.coherence));
    ask(street, 1, NULL, "fwd=uri-miss", 46);
    struct order *order = order_purge(street, 1, "t:v1:", false);
    settle(street);
    assert_int_equal(order->answers, 1); /* it has left all the same */
    end_order(order);
}

/* The log was lost to a server whose clock is behind; the one who orders is new, and knows of no number before. What
 * the other has fetched since its last purge bears a greater number than the order's first. */
static void a_new_gateway_with_a_slow_redis_purges_all_the_same(void **state)
{
    struct street *street = *state;
    purge(street, 0, "t:v1:", false);
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    puppet_store_flush(&street->store);
    street->store.skew_us = -3600 * CLOCK_SECOND;
    member_begin_anew(&street->houses[1].member);
    member_link(&street->houses[1].member, true);
    settle(street);
    move_tenths(street, 160); /* the old one is forgotten */
    street->nexudus.total_items = 46;
    purge(street, 1, "t:v1:", false);
    ask(street, 0, NULL, "fwd=uri-miss", 46);
}

/* What no gateway has written: it keeps nobody from being in step. */
static void an_infinite_number_in_the_log_stops_nobody(void **state)
{
    struct street *street = *state;
    const struct slice bad[] = {SLICE("ZADD"), SLICE("t:{gateways}:purges"), SLICE("inf"), SLICE("ht:v1:")};
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    member_link(&street->houses[1].member, false);
    puppet_reply_free(puppet_store_run(&street->store, bad, 4));
    member_link(&street->houses[1].member, true);
    settle(street);
    assert_true(memory_link_is_up(memory_link(street->houses[1].member.memory)));
    ask(street, 1, NULL, "hit", 45);
    puppet_reply_free(puppet_store_run(&street->store, bad, 4));
    street->nexudus.total_items = 46;
    purge(street, 0, "t:v1:", false);
    ask(street, 1, NULL, "fwd=uri-miss", 46);
}

/* As after a failover to a server whose clock is an hour behind. */
static void who_was_there_by_a_faster_clock_is_not_awaited_for_ever(void **state)
{
    struct street *street = *state;
    member_link(&street->houses[1].member, false);
    redis_of(street, 1)->is_away = true;
    street->store.skew_us = -3600 * CLOCK_SECOND;
    move_tenths(street, 200);
    struct order *order = order_purge(street, 0, "t:v1:", false);
    settle(street);
    assert_int_equal(order->answers, 1);
    assert_true(names(&order->purge.confirmed, "house-0\n"));
    assert_true(names(&order->purge.silent, ""));
    end_order(order);
}

/* Whose windows live shorter than another's does not shorten the log for it. */
static void the_log_lives_as_long_as_the_longest_lives(void **state)
{
    struct street *street = *state;
    const struct slice left[] = {SLICE("PTTL"), SLICE("t:{gateways}:purges")};
    purge(street, 0, "t:v1:", false);
    lifetime_set(&street->houses[1].member.lifetime, CLOCK_SECOND, 0);
    purge(street, 1, "t:v1:webhooks:", false);
    redisReply *reply = puppet_store_run(&street->store, left, 2);
    assert_true(reply->integer > (TTL + STALE) / CLOCK_MILLISECOND);
    puppet_reply_free(reply);
}

/* Whoever may serve what others have stored is one that a purge waits for. */
static void who_is_linked_is_there(void **state)
{
    struct street *street = *state;
    member_link(&street->houses[1].member, false);
    puppet_store_flush(&street->store);
    member_link(&street->houses[1].member, true);
    settle(street);
    const struct slice count_them[] = {SLICE("ZCARD"), SLICE("t:{gateways}:live")};
    redisReply *reply = puppet_store_run(&street->store, count_them, 2);
    assert_int_equal(reply->integer, 1);
    puppet_reply_free(reply);
    assert_true(memory_link_is_up(memory_link(street->houses[1].member.memory)));
}

static void numbers_grow_though_redis_was_emptied(void **state)
{
    struct street *street = *state;
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    purge(street, 0, "t:v1:", false);
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    puppet_store_flush(&street->store);
    street->store.skew_us = -3600 * CLOCK_SECOND; /* and its clock is put back */
    street->nexudus.total_items = 46;
    ask(street, 1, NULL, "fwd=uri-miss", 46);
    ask(street, 0, NULL, "hit", 46);
    street->nexudus.total_items = 47;
    purge(street, 1, "t:v1:", false);
    ask(street, 0, NULL, "fwd=uri-miss", 47);
    ask(street, 1, NULL, "hit", 47);
}

static void a_gateway_alone_purges_alone(void **state)
{
    struct street *street = *state;
    const struct member_place place = {.loop = street->loop, .log = street->log};
    struct member *alone = mem_new(sizeof(*alone));
    lifetime_set(&alone->lifetime, TTL, 0);
    member_init(alone, &place, "alone", 1 << 20);
    assert_int_equal(memory_link(alone->memory), MEMORY_ALONE);
    struct order *order = mem_new(sizeof(*order));
    memcpy(order->purge.head, "t:v1:", 5);
    order->purge.head_length = 5;
    order->purge.reply_to = alone->mailbox;
    order->purge.on_done = on_purged;
    coherence_purge(alone->coherence, &order->purge);
    settle(street);
    assert_int_equal(order->answers, 1);
    assert_true(order->purge.told);
    assert_true(names(&order->purge.confirmed, "alone\n"));
    assert_int_equal(purges_known(memory_purges(alone->memory)), 1);
    end_order(order);
    member_free(alone);
    mem_free(alone);
}

/* Who looks for a window, as a flight does. */
struct seeker {
    struct shared_lookup lookup;
    unsigned answers, windows;
};

static void on_found(struct shared_lookup *lookup)
{
    struct seeker *seeker = MEM_OUTER(lookup, struct seeker, lookup);
    seeker->answers++;
    seeker->windows += lookup->entry != NULL;
    entry_unref(lookup->entry);
}

static void seek(struct street *street, struct seeker *seeker)
{
    *seeker = (struct seeker){.lookup = {.key = slice_of(KEY), .on_found = on_found}};
    shared_get(street->houses[1].shared, &seeker->lookup);
}

static void who_does_not_want_a_window_any_more_is_not_told(void **state)
{
    struct street *street = *state;
    struct shared *shared = street->houses[1].shared;
    struct seeker seekers[4];
    ask(street, 0, NULL, "fwd=uri-miss", 45);
    uint64_t calls = redis_of(street, 1)->calls;
    redis_of(street, 1)->is_held = true;
    for (size_t i = 0; i < 3; i++)
        seek(street, &seekers[i]);
    shared_leave(shared, &seekers[1].lookup); /* from the middle, and from the end */
    shared_leave(shared, &seekers[2].lookup);
    seek(street, &seekers[3]);
    puppet_redis_release(redis_of(street, 1));
    settle(street);
    assert_int_equal(redis_of(street, 1)->calls, calls + 1);
    for (size_t i = 0; i < 4; i++) {
        bool has_left = i == 1 || i == 2;
        assert_int_equal(seekers[i].answers, !has_left);
        assert_int_equal(seekers[i].windows, !has_left);
    }
    seek(street, &seekers[0]);
    shared_leave(shared, &seekers[0].lookup); /* the only one */
    redis_of(street, 1)->is_held = false;
    puppet_redis_release(redis_of(street, 1));
    settle(street);
    assert_int_equal(seekers[0].answers, 0);
    redis_of(street, 1)->is_away = true; /* those that are refused are told in a moment */
    seek(street, &seekers[0]);
    seek(street, &seekers[1]);
    shared_leave(shared, &seekers[0].lookup);
    settle(street);
    redis_of(street, 1)->is_away = false;
    assert_int_equal(seekers[0].answers, 0);
    assert_int_equal(seekers[1].answers, 1);
    assert_int_equal(seekers[1].windows, 0);
}

/* Who waits until the others have a window, as a flight does that others follow. */
struct pending {
    struct shared_arrival arrival;
    unsigned answers, theres;
};

static void on_there(struct shared_arrival *arrival, bool is_there)
{
    struct pending *pending = MEM_OUTER(arrival, struct pending, arrival);
    pending->answers++;
    pending->theres += is_there;
}

static void who_does_not_wait_for_an_arrival_any_more_is_not_told(void **state)
{
    struct street *street = *state;
    struct shared *shared = street->houses[1].shared;
    struct pending pendings[5];
    for (size_t i = 0; i < 5; i++)
        pendings[i] = (struct pending){.arrival.on_there = on_there};
    ask(street, 1, NULL, "fwd=uri-miss", 45);
    struct entry *stored = memory_get(street->houses[1].member.memory, slice_of(KEY));
    assert_non_null(stored);
    for (size_t i = 0; i < 3; i++) /* it is there already: they are told in a moment */
        assert_true(shared_put(shared, stored, &pendings[i].arrival));
    shared_leave_put(shared, &pendings[1].arrival);
    settle(street);
    for (size_t i = 0; i < 3; i++)
        assert_true(pendings[i].answers == (i != 1) && pendings[i].theres == (i != 1));
    entry_unref(stored);
    street->houses[1].member.redis.is_away = true; /* and that it will not be */
    ask(street, 1, "no-cache", "fwd=request", 45);
    struct entry *kept = memory_get(street->houses[1].member.memory, slice_of(KEY));
    assert_non_null(kept);
    assert_false(shared_put(shared, kept, &pendings[3].arrival));
    assert_false(shared_put(shared, kept, &pendings[4].arrival));
    shared_leave_put(shared, &pendings[3].arrival);
    settle(street);
    assert_int_equal(pendings[3].answers, 0);
    assert_true(pendings[4].answers == 1 && pendings[4].theres == 0);
    street->houses[1].member.redis.is_away = false;
    entry_unref(kept);
}

#define WITH_STREET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STREET(what_one_fetched_is_the_others_hit),
        WITH_STREET(a_clock_that_is_ahead_makes_nothing_fresher),
        WITH_STREET(equal_lookups_are_one_command),
        WITH_STREET(a_redis_that_is_slow_or_gone_costs_no_answer),
        WITH_STREET(what_is_no_window_is_replaced),
        WITH_STREET(a_value_of_another_kind_is_replaced),
        WITH_STREET(a_foreign_window_answers_nothing),
        WITH_STREET(a_refresh_is_seen_by_the_other),
        WITH_STREET(a_lookup_under_way_brings_nothing_old_back),
        WITH_STREET(an_older_window_replaces_no_newer_one),
        WITH_STREET(cut_off_memory_serves_until_its_ttl_and_is_checked_after),
        WITH_STREET(cut_off_memory_serves_nothing_stale_at_once),
        WITH_STREET(after_a_break_each_window_is_looked_up_once),
        WITH_STREET(a_purge_reaches_memory_and_redis_of_both),
        WITH_STREET(a_purge_empties_memory_soon),
        WITH_STREET(a_soft_purge_makes_stale),
        WITH_STREET(a_soft_purge_leaves_something_for_an_outage),
        WITH_STREET(a_fetch_under_way_is_not_stored),
        WITH_STREET(a_landed_fetch_answers_nobody_after_a_purge),
        WITH_STREET(a_lookup_under_way_is_held_against_a_purge),
        WITH_STREET(a_store_under_way_is_held_against_a_purge),
        WITH_STREET(who_does_not_confirm_is_named),
        WITH_STREET(who_has_said_goodbye_is_not_waited_for),
        WITH_STREET(who_has_died_is_not_waited_for_long),
        WITH_STREET(a_purge_that_was_missed_is_in_the_log),
        WITH_STREET(a_message_that_was_lost_is_noticed),
        WITH_STREET(without_redis_a_purge_is_local_and_told_later),
        WITH_STREET(a_purge_that_scripts_refused_is_told_though_the_feed_stayed_up),
        WITH_STREET(a_kept_purge_is_tried_with_each_beat_until_it_is_told),
        WITH_STREET(a_later_purge_loses_no_earlier_one),
        WITH_STREET(who_leaves_tells_what_it_has_kept),
        WITH_STREET(a_new_gateway_with_a_slow_redis_purges_all_the_same),
        WITH_STREET(an_infinite_number_in_the_log_stops_nobody),
        WITH_STREET(who_was_there_by_a_faster_clock_is_not_awaited_for_ever),
        WITH_STREET(the_log_lives_as_long_as_the_longest_lives),
        WITH_STREET(who_is_linked_is_there),
        WITH_STREET(numbers_grow_though_redis_was_emptied),
        WITH_STREET(a_gateway_alone_purges_alone),
        WITH_STREET(who_does_not_want_a_window_any_more_is_not_told),
        WITH_STREET(who_does_not_wait_for_an_arrival_any_more_is_not_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
