/* SPDX-License-Identifier: MIT */
/* The scripts, in Lua 5.1. Ages are counted by Redis: what a value's writer says of its age when it wrote, and the life
 * that has passed since; so no clock of a gateway decides which of two windows is the younger. */
#include "cache/shared_script.h"

#include <hiredis/hiredis.h>

const struct redis_script shared_get_script = {"get", "local value = redis.pcall('GET', KEYS[1])\n"
                                                      "if type(value) == 'table' then return {'', -3} end\n"
                                                      "if not value then return {'', -2} end\n"
                                                      "return {value, redis.call('PTTL', KEYS[1])}\n"};

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

bool shared_read_get(const struct redis_call *call, enum shared_reply *what, struct slice *value, int64_t *left_ms)
{
    const struct redisReply *reply = call->reply;
    if (call->outcome != REDIS_ANSWERED || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        reply->element[0]->type != REDIS_REPLY_STRING || reply->element[1]->type != REDIS_REPLY_INTEGER)
        return false;
    *value = slice_make(reply->element[0]->str, (size_t)reply->element[0]->len);
    *left_ms = reply->element[1]->integer;
    if (*left_ms == -2)
        *what = SHARED_REPLY_NONE;
    else
        *what = *left_ms < 0 ? SHARED_REPLY_FOREIGN : SHARED_REPLY_VALUE;
    return true;
}
