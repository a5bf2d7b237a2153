/* SPDX-License-Identifier: MIT */
/* Calls, errands and messages. What they say is for the parts. */
#include "upstream/fleet.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>

/* Errands. */

struct fleet_errand {
    struct fleet *fleet;
    struct fleet_errand *next, **link; /* in the list of those under way */
    struct redis_call call;
    struct deferred burial;
};

static void unlink_errand(struct fleet_errand *errand)
{
    *errand->link = errand->next;
    if (errand->next != NULL)
        errand->next->link = errand->link;
}

static void on_burial(struct deferred *deferred)
{
    mem_free(MEM_OUTER(deferred, struct fleet_errand, burial));
}

static void on_errand_done(struct redis_call *call)
{
    struct fleet_errand *errand = MEM_OUTER(call, struct fleet_errand, call);
    struct fleet *fleet = errand->fleet;

    if (call->outcome != REDIS_ANSWERED || call->reply == NULL || call->reply->type == REDIS_REPLY_ERROR)
        counters_add(fleet->counters, METRIC_FLEET_ERRORS, 1);
    unlink_errand(errand);
    errand->burial.on_turn_end = on_burial;
    loop_defer(fleet->loop, &errand->burial);
}

/* Calls. */

void fleet_say(struct fleet_words *words, struct slice word)
{
    assert(words->count < REDIS_ARGUMENTS_MAX);
    words->at[words->count++] = word;
}

void fleet_say_number(struct fleet_words *words, int64_t number)
{
    assert(words->numbers_used < FLEET_WORDS_NUMBERS_MAX);
    char *text = words->numbers[words->numbers_used++];

    snprintf(text, sizeof words->numbers[0], "%lld", (long long)number);
    fleet_say(words, slice_of(text));
}

void fleet_ask(struct fleet *fleet, struct redis_call *call, const struct redis_script *script, size_t keys,
               const struct fleet_words *words)
{
    assert(keys >= 1 && keys <= words->count);
    call->script = script;
    memcpy(call->arguments, words->at, words->count * sizeof words->at[0]);
    call->argument_count = words->count;
    call->key_count = keys;
    call->key = words->at[0];
    fleet->redis->start(fleet->redis, call);
}

void fleet_tell(struct fleet *fleet, const struct redis_script *script, size_t keys, const struct fleet_words *words)
{
    struct fleet_errand *errand = mem_new(sizeof *errand);

    errand->fleet = fleet;
    errand->call.on_done = on_errand_done;
    errand->next = fleet->errands;
    errand->link = &fleet->errands;
    if (errand->next != NULL)
        errand->next->link = &errand->next;
    fleet->errands = errand;
    fleet_ask(fleet, &errand->call, script, keys, words);
}

bool fleet_answered(struct fleet *fleet, const struct redis_call *call, size_t elements)
{
    if (call->outcome == REDIS_ANSWERED && call->reply != NULL && call->reply->type == REDIS_REPLY_ARRAY &&
        call->reply->elements >= elements)
        return true;
    char room[REDIS_FAILURE_MAX];
    counters_add(fleet->counters, METRIC_FLEET_ERRORS, 1);
    snprintf(fleet->why, sizeof fleet->why, "%s", redis_call_failure(call, room));
    if (call->outcome == REDIS_ANSWERED && call->reply != NULL && call->reply->type == REDIS_REPLY_ERROR)
        log_write(fleet->log, LOG_LEVEL_WARN, "Redis refuses a script",
                  LOG_FIELDS(LOG_TEXT("script", slice_of(call->script->name)),
                             LOG_TEXT("why", slice_make(call->reply->str, call->reply->len))));
    return false;
}

static const struct redisReply *element(const struct redis_call *call, size_t index)
{
    return index < call->reply->elements ? call->reply->element[index] : NULL;
}

int64_t fleet_number(const struct redis_call *call, size_t index)
{
    const struct redisReply *reply = element(call, index);

    return reply != NULL && reply->type == REDIS_REPLY_INTEGER ? reply->integer : 0;
}

struct slice fleet_text(const struct redis_call *call, size_t index)
{
    const struct redisReply *reply = element(call, index);

    return reply != NULL && reply->type == REDIS_REPLY_STRING ? slice_make(reply->str, reply->len) : slice_of("");
}

void fleet_mark(char mark[FLEET_MARK_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[FLEET_MARK_BYTES / 2];

    random_secret(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        mark[2 * i] = digits[bytes[i] >> 4];
        mark[2 * i + 1] = digits[bytes[i] & 15];
    }
    mark[FLEET_MARK_BYTES] = '\0';
}

/* What the others say. */

void fleet_hear(struct fleet *fleet, struct slice text)
{
    struct fleet_message message;

    if (fleet_message_read(text, &message) && fleet->topics[message.topic].hear != NULL)
        fleet->topics[message.topic].hear(fleet->topics[message.topic].context, &message);
}

void fleet_link(struct fleet *fleet, bool up)
{
    fleet->linked = up;
}

struct fleet *fleet_new(struct loop *loop, const struct fleet_options *options, struct log *log,
                        struct counters *counters)
{
    struct fleet *fleet = mem_new(sizeof *fleet);
    size_t length = strlen(options->prefix);

    fleet->loop = loop;
    fleet->redis = options->redis;
    fleet->log = log;
    fleet->counters = counters;
    fleet->prefix = mem_copy_text(options->prefix, length);
    fleet->channel = mem_new(length + sizeof "fleet");
    memcpy(fleet->channel, options->prefix, length);
    memcpy(fleet->channel + length, "fleet", sizeof "fleet");
    random_init(&fleet->random, 0);
    fleet_mark(fleet->me);
    return fleet;
}

bool fleet_is_quiet(const struct fleet *fleet)
{
    return fleet->errands == NULL;
}

void fleet_free(struct fleet *fleet)
{
    if (fleet == NULL)
        return;
    while (fleet->errands != NULL) {
        struct fleet_errand *errand = fleet->errands;
        fleet->redis->cancel(fleet->redis, &errand->call);
        unlink_errand(errand);
        mem_free(errand);
    }
    mem_free(fleet->prefix);
    mem_free(fleet->channel);
    mem_free(fleet);
}
