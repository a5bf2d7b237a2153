/* SPDX-License-Identifier: MIT */
/* From numbers to the script's arguments and back. Must not know what they mean. */
#include "client/quota_script.h"

#include <assert.h>
#include <hiredis/hiredis.h>

const struct redis_script QUOTA_SCRIPT = {"quota", quota_lua};

enum { REPLY_NUMBERS = 18 };

/* What a script's numbers can hold exactly: larger ones are not of its making. */
#define SCRIPT_NUMBER_MAX (INT64_C(1) << 53)

/* A client has one slot: what stands between braces decides it (Redis Cluster's hash tags). */
static void add_key(struct buf *text, const struct quota_call_facts *facts, const char *what)
{
    buf_add(text, facts->prefix);
    buf_add_text(text, "quota:{");
    buf_add(text, facts->client);
    buf_add_text(text, "}:");
    buf_add_text(text, what);
}

bool quota_script_write(const struct quota_call_facts *facts, struct buf *text, struct redis_call *call)
{
    const struct lease_ask *lease = &facts->lease;
    const struct prepaid_ask *prepaid = &facts->prepaid;
    const int64_t numbers[] = {
        facts->sequence,      lease->rate.count,        lease->rate.period_us, lease->rate.burst,  lease->kept_share,
        lease->kept_room,     lease->kept_level,        lease->back,           lease->owed,        lease->most,
        lease->want_share,    lease->want_room,         lease->need,           lease->duration_us, lease->rush_us,
        prepaid->limit.limit, prepaid->limit.period_us, prepaid->held_window,  prepaid->held,      prepaid->want,
    };
    static const size_t NUMBERS = sizeof(numbers) / sizeof(numbers[0]);
    size_t ends[REDIS_ARGUMENTS_MAX], count = 0, start = 0;
    static_assert(3 + sizeof(numbers) / sizeof(numbers[0]) <= (size_t)REDIS_ARGUMENTS_MAX, "more than a call carries");
    buf_reset(text);
    add_key(text, facts, "rate");
    ends[count++] = text->length;
    add_key(text, facts, "misses");
    ends[count++] = text->length;
    buf_add(text, facts->holder);
    ends[count++] = text->length;
    for (size_t i = 0; i < NUMBERS; i++) {
        buf_add_integer(text, numbers[i]);
        ends[count++] = text->length;
    }
    if (!buf_ok(text))
        return false;
    for (size_t i = 0; i < count; i++) {
        call->arguments[i] = slice_make(text->bytes + start, ends[i] - start);
        start = ends[i];
    }
    call->script = &QUOTA_SCRIPT;
    call->argument_count = count;
    call->key_count = 2;
    call->key = call->arguments[0];
    return true;
}

struct slice quota_script_error(const struct redisReply *reply)
{
    bool is_error = reply != NULL && reply->type == REDIS_REPLY_ERROR;
    return is_error ? slice_make(reply->str, reply->len) : slice_make("", 0);
}

bool quota_script_read(const struct redisReply *reply, struct lease_grant *lease, struct prepaid_grant *prepaid)
{
    int64_t numbers[REPLY_NUMBERS];
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != REPLY_NUMBERS)
        return false;
    for (size_t i = 0; i < REPLY_NUMBERS; i++) {
        if (reply->element[i]->type != REDIS_REPLY_INTEGER || reply->element[i]->integer < 0 ||
            reply->element[i]->integer > SCRIPT_NUMBER_MAX)
            return false;
        numbers[i] = reply->element[i]->integer;
    }
    *lease = (struct lease_grant){
        .was_alive = numbers[1] == 1,
        .share = numbers[2],
        .room = numbers[3],
        .level = numbers[4],
        .rush = numbers[5],
        .duration_us = numbers[6],
        .wait_us = numbers[7],
        .left = numbers[8],
        .ceiling = numbers[9],
        .refill = numbers[10],
        .holders = numbers[11],
        .paid = numbers[12],
    };
    *prepaid = (struct prepaid_grant){numbers[13], numbers[14], numbers[15], numbers[16], numbers[17]};
    return numbers[0] == 1;
}
