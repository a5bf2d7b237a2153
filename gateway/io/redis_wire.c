/* SPDX-License-Identifier: MIT */
/* Writing commands, and reading what errors say. */
#include "io/redis_wire.h"

#include <hiredis/hiredis.h>

static void add_count(struct buf *out, char kind, size_t count)
{
    buf_add_char(out, kind);
    buf_add_unsigned(out, count);
    buf_add(out, slice_make("\r\n", 2));
}

void redis_wire_begin(struct buf *out, size_t count)
{
    add_count(out, '*', count);
}

void redis_wire_word(struct buf *out, struct slice word)
{
    add_count(out, '$', word.length);
    buf_add(out, word);
    buf_add(out, slice_make("\r\n", 2));
}

void redis_wire_number(struct buf *out, size_t number)
{
    struct buf digits;
    buf_init(&digits, 32);
    buf_add_unsigned(&digits, number);
    redis_wire_word(out, buf_slice(&digits));
    buf_free(&digits);
}

void redis_wire_command(struct buf *out, const char *const *words)
{
    size_t count = 0;
    while (words[count] != NULL)
        count++;
    redis_wire_begin(out, count);
    for (size_t i = 0; i < count; i++)
        redis_wire_word(out, slice_of(words[i]));
}

struct slice redis_wire_text(const struct redisReply *reply)
{
    bool has_text =
        reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS || reply->type == REDIS_REPLY_ERROR;
    return has_text ? slice_make(reply->str, (size_t)reply->len) : slice_make("", 0);
}

bool redis_wire_is_error(const struct redisReply *reply, const char *code)
{
    return reply->type == REDIS_REPLY_ERROR && slice_is(redis_wire_code(reply), code);
}

struct slice redis_wire_code(const struct redisReply *reply)
{
    struct slice text = redis_wire_text(reply), word;
    return slice_cut(&text, ' ', &word) ? word : slice_make("", 0);
}
