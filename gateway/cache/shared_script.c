/* SPDX-License-Identifier: MIT */
/* Looking, and the scripts, in Lua 5.1. Ages are counted by Redis: what a value's writer says of its age when it wrote,
 * and the life that has passed since; so no clock of a gateway decides which of two windows is the younger. */
#include "cache/shared_script.h"

#include "io/redis_wire.h"

#include <hiredis/hiredis.h>

_Static_assert(STORED_AGE_AT == 8 && STORED_KEPT_AT == 16 && STORED_LEAD_BYTES == 24,
               "the script below reads two little-endian numbers of 8 bytes there");
const struct redis_script shared_put_script = {
    "put", "local function number(bytes, at)\n"
           "  local sum = 0\n"
           "  for i = 7, 0, -1 do sum = sum * 256 + bytes:byte(at + i) end\n"
           "  return sum\n"
           "end\n"
           "local lead = redis.pcall('GETRANGE', KEYS[1], 0, 23)\n"
           "if type(lead) == 'table' then\n"
           "  redis.call('DEL', KEYS[1])\n"
           "elseif #lead == 24 and lead:sub(1, #ARGV[4]) == ARGV[4] then\n"
           "  local left = redis.call('PTTL', KEYS[1])\n"
           "  local lived = number(lead, 17) - left\n"
           "  if left >= 0 and lived >= 0 and number(lead, 9) + lived * 1000 < tonumber(ARGV[2]) then return 0 end\n"
           "end\n"
           "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])\n"
           "redis.call('PUBLISH', ARGV[5], ARGV[6])\n"
           "return 1\n"};

const struct redis_script shared_drop_script = {
    "drop", "if redis.call('TYPE', KEYS[1]).ok ~= 'string' or redis.call('PTTL', KEYS[1]) == -1 or\n"
            "   redis.call('GETRANGE', KEYS[1], -16, -1) == ARGV[1] then\n"
            "  return redis.call('DEL', KEYS[1])\n"
            "end\n"
            "return 0\n"};
_Static_assert(STORED_CHECKSUM_BYTES == 16, "the script above says so");

/* What PTTL says of a key that is not there, and of one that never expires. */
enum { LIFE_NOTHING = -2, LIFE_FOR_EVER = -1 };

void shared_ask_get(struct redis_call *call, struct slice key, void (*on_done)(struct redis_call *call))
{
    *call = (struct redis_call){.argument_count = 2, .key = key, .with_life = true, .on_done = on_done};
    call->arguments[0] = slice_of("GET");
    call->arguments[1] = key;
}

bool shared_read_get(const struct redis_call *call, enum shared_reply *what, struct slice *value, int64_t *left_ms)
{
    const struct redisReply *reply = call->reply;
    if (call->outcome != REDIS_ANSWERED)
        return false;
    if (reply->type == REDIS_REPLY_NIL) {
        *what = SHARED_REPLY_NONE;
        return true;
    }
    if (redis_wire_is_error(reply, "WRONGTYPE")) {
        *what = SHARED_REPLY_FOREIGN;
        return true;
    }
    if (reply->type != REDIS_REPLY_STRING || call->life_ms < LIFE_NOTHING)
        return false;
    *value = slice_make(reply->str, (size_t)reply->len);
    *left_ms = call->life_ms;
    if (call->life_ms == LIFE_NOTHING)
        *what = SHARED_REPLY_NONE;
    else
        *what = call->life_ms == LIFE_FOR_EVER ? SHARED_REPLY_FOREIGN : SHARED_REPLY_VALUE;
    return true;
}
