/* SPDX-License-Identifier: MIT */
#include "fleet_street.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/random.h"
#include "ground.h"
#include "plain.h"

#include <assert.h>
#include <stdio.h>
#include <unistd.h>

/* The store of windows. */

static void *on_fetched(void *context, struct fetched *fetched, bool *stored)
{
    (void)context;
    *stored = fetched->store;
    return entry_new(fetched->key, fetched->body, fetched->envelope, fetched->started_us);
}

static void *ref_entry(void *entry)
{
    return entry_ref(entry);
}

static void unref_entry(void *entry)
{
    entry_unref(entry);
}

static struct entry *look_up(struct street *street, struct slice key)
{
    for (size_t i = 0; i < street->window_count && !street->loses_windows; i++) {
        if (slice_equal(street->windows[i]->key, key))
            return street->windows[i];
    }
    return NULL;
}

static void put(struct street *street, struct entry *entry)
{
    for (size_t i = 0; i < street->window_count; i++) {
        if (slice_equal(street->windows[i]->key, entry->key)) {
            entry_unref(street->windows[i]);
            street->windows[i] = entry_ref(entry);
            return;
        }
    }
    assert(street->window_count < WINDOWS_MAX);
    street->windows[street->window_count++] = entry_ref(entry);
}

static void find(void *context, struct shared_find *wanted)
{
    struct street *street = context;

    assert(street->find_count < FINDS_MAX);
    street->finds[street->find_count++] = wanted;
    loop_defer(street->loop, &street->delivery);
}

static void leave_find(void *context, struct shared_find *wanted)
{
    struct street *street = context;

    for (size_t i = 0; i < street->find_count; i++) {
        if (street->finds[i] == wanted)
            street->finds[i] = NULL;
    }
}

static void copy(void *context, struct shared_copy *wanted)
{
    struct street *street = context;

    assert(street->copy_count < FINDS_MAX);
    street->copies[street->copy_count++] = wanted;
    loop_defer(street->loop, &street->delivery);
}

static void leave_copy(void *context, struct shared_copy *wanted)
{
    struct street *street = context;

    for (size_t i = 0; i < street->copy_count; i++) {
        if (street->copies[i] == wanted)
            street->copies[i] = NULL;
    }
}

static void on_delivery(struct deferred *deferred)
{
    struct street *street = MEM_OUTER(deferred, struct street, delivery);

    for (size_t i = 0; i < street->copy_count && !street->holds_copies; i++) {
        struct shared_copy *done = street->copies[i];
        street->copies[i] = NULL;
        if (done == NULL)
            continue;
        put(street, done->entry);
        done->on_copied(done, !street->loses_windows);
    }
    street->copy_count = street->holds_copies ? street->copy_count : 0;
    for (size_t i = 0; i < street->find_count && !street->holds_finds; i++) {
        struct shared_find *done = street->finds[i];
        street->finds[i] = NULL;
        if (done == NULL)
            continue;
        struct entry *entry = look_up(street, done->key);
        done->on_found(done, entry != NULL ? entry_ref(entry) : NULL);
    }
    street->find_count = street->holds_finds ? street->find_count : 0;
}

void street_release_copies(struct street *street)
{
    street->holds_copies = false;
    loop_defer(street->loop, &street->delivery);
    street_settle(street);
}

void street_release_finds(struct street *street)
{
    street->holds_finds = false;
    loop_defer(street->loop, &street->delivery);
    street_settle(street);
}

/* Houses. */

static void on_message(void *context, struct slice channel, struct slice message)
{
    struct house *house = context;

    if (house->fetcher != NULL && slice_is(channel, fetcher_channel(house->fetcher)))
        fetcher_hear(house->fetcher, message);
}

static void on_link(void *context, bool up)
{
    struct house *house = context;

    if (house->fetcher != NULL)
        fetcher_link(house->fetcher, up);
}

struct house *street_build(struct street *street)
{
    assert(street->house_count < HOUSES_MAX);
    struct house *house = &street->houses[street->house_count++];
    const struct redis_feed_events events = {on_message, on_link, house};

    house->street = street;
    house->metrics = metrics_new();
    house->counters = metrics_block(house->metrics);
    puppet_redis_init(&house->redis, &street->store, street->loop);
    house->shared = (struct shared_store){find, leave_find, copy, leave_copy, street};
    const struct fetcher_cache cache = {
        .on_fetched = on_fetched, .ref = ref_entry, .unref = unref_entry, .context = house, .shared = &house->shared};
    struct fetcher_options options = street->options;
    options.redis.redis = &house->redis.redis;
    house->fetcher =
        fetcher_new(street->loop, &street->nexudus.transport, &options, &cache, street->log, house->counters);
    assert_non_null(house->fetcher);
    house->feed = puppet_channels_subscribe(&street->channels, &events);
    puppet_channels_link(&street->channels, house->feed, true);
    street_settle(street);
    return house;
}

static void tear_down(struct house *house)
{
    struct fetcher *fetcher = house->fetcher;

    if (fetcher == NULL)
        return;
    house->fetcher = NULL;
    fetcher_free(fetcher);
}

void street_kill(struct house *house)
{
    puppet_channels_link(&house->street->channels, house->feed, false);
    house->redis.is_held = true; /* what it would still say is not heard */
    tear_down(house);
    street_settle(house->street);
}

void street_open(struct street *street)
{
    *street = (struct street){.delivery = {.on_turn_end = on_delivery}};
    street->log_fd = ground_lay_logged(&street->clock, &street->loop, &street->log);
    street->schema = schema_builtin_webhooks();
    street->mailbox = mailbox_new(street->loop, street);
    assert_non_null(street->mailbox);
    puppet_init(&street->nexudus, street->loop);
    puppet_store_init(&street->store, street->clock);
    puppet_channels_init(&street->channels, &street->store, street->loop);
    random_secret(street->token_key, sizeof street->token_key);
    street->options = plain_fetcher_throttled();
    street->options.redis = (struct fetcher_redis){.prefix = "t:", .token_key = street->token_key};
}

void street_close(struct street *street)
{
    for (size_t i = 0; i < street->house_count; i++)
        tear_down(&street->houses[i]);
    street_settle(street);
    for (size_t i = 0; i < street->asked; i++) {
        struct question *question = &street->questions[i];
        assert_int_equal(question->answers, 1);
        assert_in_range(question->charged, 0, 1);
        assert_true(question->charged == 0 || question->ask.verdict == ASK_OK);
        entry_unref(question->ask.window_entry);
    }
    assert_int_equal(street_logged(street, "access-"), 0);
    assert_int_equal(street_logged(street, "refresh-"), 0);
    assert_int_equal(street_logged(street, "s3cret"), 0);
    for (size_t i = 0; i < street->house_count; i++) {
        puppet_redis_free(&street->houses[i].redis);
        metrics_free(street->houses[i].metrics);
    }
    for (size_t i = 0; i < street->window_count; i++)
        entry_unref(street->windows[i]);
    puppet_channels_free(&street->channels);
    mailbox_free(street->mailbox);
    puppet_free(&street->nexudus);
    puppet_store_free(&street->store);
    schema_free(street->schema);
    ground_clear(street->clock, street->loop, street->log);
    close(street->log_fd);
}

/* Questions. */

static bool on_charge(struct ask *ask)
{
    struct question *question = MEM_OUTER(ask, struct question, ask);

    if (question->is_broke)
        return false;
    question->charged++;
    return true;
}

static void on_refund(struct ask *ask)
{
    MEM_OUTER(ask, struct question, ask)->charged--;
}

static void on_answer(struct ask *ask)
{
    MEM_OUTER(ask, struct question, ask)->answers++;
}

struct question *street_prepare(struct street *street, const char *name)
{
    assert(street->asked < QUESTIONS_MAX);
    struct question *question = &street->questions[street->asked++];

    snprintf(question->key, sizeof question->key, "t:v1:webhooks:%s", name);
    snprintf(question->canonical, sizeof question->canonical, "WebHook_Name=%s", name);
    question->ask = (struct ask){
        .schema = street->schema,
        .key = slice_of(question->key),
        .canonical = slice_of(question->canonical),
        .window = {.size = 200, .index = 0},
        .came_us = loop_now(street->loop),
        .store = true,
        .weight = 1,
        .on_charge = on_charge,
        .on_refund = on_refund,
        .reply_to = street->mailbox,
        .on_answer = on_answer,
    };
    return question;
}

struct question *street_ask(struct house *house, const char *name)
{
    struct question *question = street_prepare(house->street, name);

    fetcher_ask(house->fetcher, &question->ask);
    street_settle(house->street);
    return question;
}

void street_settle(struct street *street)
{
    puppet_settle(street->loop);
}

void street_move(struct street *street, int64_t us)
{
    clock_move(street->clock, us);
    street_settle(street);
}

void street_redis(struct street *street, ...)
{
    struct slice words[REDIS_ARGUMENTS_MAX];
    size_t count = 0;
    const char *word;
    va_list rest;

    va_start(rest, street);
    while ((word = va_arg(rest, const char *)) != NULL) {
        assert_true(count < REDIS_ARGUMENTS_MAX);
        words[count++] = slice_of(word);
    }
    va_end(rest);
    redisReply *reply = puppet_store_run(&street->store, words, count);
    assert_int_not_equal(reply->type, REDIS_REPLY_ERROR);
    puppet_reply_free(reply);
    street_settle(street);
}

void street_login_key(const struct street *street, const char *what, char key[STREET_KEY_MAX])
{
    const struct token_options *login = &street->options.token;
    uint8_t digest[HASH_SHA256_BYTES];
    char account[256];
    struct buf id;

    snprintf(account, sizeof account, "%s\n%s", login->url,
             login->client_id != NULL ? login->client_id : login->username);
    hash_sha256(slice_of(account), digest);
    buf_init(&id, 16);
    codec_hex(&id, digest, 8);
    snprintf(key, STREET_KEY_MAX, "t:{login:%.16s}:%s", id.bytes, what);
    buf_free(&id);
}

size_t street_logged(const struct street *street, const char *text)
{
    return ground_logged(street->log_fd, text);
}
