/* SPDX-License-Identifier: MIT */
/* Redis keeps a sorted set of slots by the last instant at which their calls may start: a slot is good for a while from
 * when it was given. A slot is given while fewer than `count` of them stand in the interval before now, so for any
 * count + 1 starts within one interval the one whose slot was given last would have found `count` there: exact. A slot
 * that was used is told so with the next question, and stands at that instant from then on, so that the while costs
 * nothing. */
#include "upstream/fleet_budget_scripts.h"

/* In Redis anything may stand: what is no number is 0. */
#define NUMBER_OF_TEXT                                                                                                 \
    "local function number(text)\n"                                                                                    \
    "  local found = tonumber(text or 0) or 0\n"                                                                       \
    "  return found == found and found or 0\n"                                                                         \
    "end\n"

/* KEYS: slots, pause, gateways. ARGV: us, how many, the serial before them, count, interval, while, ms to stay alive,
 * the longest pause, time of a probe, used slots. Answers how many were given, µs until more can be, gateways alive,
 * 1 during a pause and 2 while the first call after it is under way, when it is worth asking again soon, and 1 for that
 * call. Redis's clock may have jumped back: what was written by a time that is yet to come does not count. */
const struct redis_script fleet_budget_take = {
    "budget_take",
    "local function text(number) return string.format('%.0f', number) end\n" NUMBER_OF_TEXT
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000000 + time[2]\n"
    "local want, count, interval = tonumber(ARGV[2]), tonumber(ARGV[4]), tonumber(ARGV[5])\n"
    "local last = now + tonumber(ARGV[6])\n"
    "for serial in string.gmatch(ARGV[10], '%d+') do\n"
    "  local slot = ARGV[1] .. ':' .. serial\n"
    "  local score = redis.call('ZSCORE', KEYS[1], slot)\n"
    "  if score and tonumber(score) > now then redis.call('ZADD', KEYS[1], text(now), slot) end\n"
    "end\n"
    "redis.call('ZADD', KEYS[3], text(now), ARGV[1])\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now - ARGV[7] * 1000))\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[3], '(' .. text(now + 1000000), '+inf')\n"
    "redis.call('PEXPIRE', KEYS[3], ARGV[7])\n"
    "local alive = redis.call('ZCARD', KEYS[3])\n"
    "local state = redis.call('HMGET', KEYS[2], 'until', 'probation', 'probe_until', 'from')\n"
    "local pause = math.min(number(state[1]) - now, tonumber(ARGV[8]))\n"
    "if pause > 0 and number(state[4]) <= now then return {0, pause, alive, 1, 0} end\n"
    "if want == 0 then return {0, 0, alive, 0, 0} end\n"
    "if state[2] then\n"
    "  local lease = number(state[3]) - now\n"
    "  if lease > 0 and lease <= tonumber(ARGV[9]) then return {0, math.min(lease, 250000), alive, 2, 0} end\n"
    "  want = 1\n"
    "end\n"
    /* What stands beyond any slot given by this clock was given by a clock that was ahead. */
    "for _, slot in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. text(now + 1000000), '+inf')) do\n"
    "  redis.call('ZADD', KEYS[1], text(now + 1000000), slot)\n"
    "end\n"
    "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now - interval))\n"
    "local given = math.min(want, count - redis.call('ZCARD', KEYS[1]))\n"
    "if given <= 0 then\n"
    "  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')\n"
    "  return {0, math.max(tonumber(oldest[2]) + interval - now, 1), alive, 0, 0}\n"
    "end\n"
    "for i = 1, given do redis.call('ZADD', KEYS[1], text(last), ARGV[1] .. ':' .. text(ARGV[3] + i)) end\n"
    "redis.call('PEXPIRE', KEYS[1], text(math.ceil((interval + last - now) / 1000) + 1000))\n"
    "if state[2] then redis.call('HSET', KEYS[2], 'probe', ARGV[1] .. ':' .. text(ARGV[3] + 1), 'probe_until', "
    "text(now + ARGV[9])) end\n"
    "return {given, 0, alive, 0, state[2] and 1 or 0}\n"};

/* KEYS: slots, pause. ARGV: us, serials of slots that are given back. */
const struct redis_script fleet_budget_return = {
    "budget_return",
    "for serial in string.gmatch(ARGV[2], '%d+') do\n"
    "  local slot = ARGV[1] .. ':' .. serial\n"
    "  redis.call('ZREM', KEYS[1], slot)\n"
    "  if redis.call('HGET', KEYS[2], 'probe') == slot then redis.call('HDEL', KEYS[2], 'probe', 'probe_until') end\n"
    "end\n"
    "return {1}\n"};

/* KEYS: pause. ARGV: its µs, the longest pause, ms of the probation after it, the channel. Never shortens a pause. */
const struct redis_script fleet_budget_announce = {
    "budget_pause", NUMBER_OF_TEXT
    "local function text(number) return string.format('%.0f', number) end\n"
    "local time = redis.call('TIME')\n"
    "local now = time[1] * 1000000 + time[2]\n"
    "local state = redis.call('HMGET', KEYS[1], 'until', 'from')\n"
    "local before = number(state[2]) <= now and math.min(number(state[1]) - now, tonumber(ARGV[2])) or 0\n"
    "local pause = math.max(before, tonumber(ARGV[1]))\n"
    "redis.call('HSET', KEYS[1], 'from', text(now), 'until', text(now + pause), 'probation', '1')\n"
    "redis.call('HDEL', KEYS[1], 'probe', 'probe_until')\n"
    "redis.call('PEXPIRE', KEYS[1], text(math.ceil(pause / 1000) + ARGV[3]))\n"
    "redis.call('PUBLISH', ARGV[4], 'B' .. text(pause))\n"
    "return {pause}\n"};

/* KEYS: pause. ARGV: the probe's slot, the channel. */
const struct redis_script fleet_budget_absolve = {
    "budget_pardon", "if redis.call('HGET', KEYS[1], 'probe') ~= ARGV[1] then return {0} end\n"
                     "redis.call('DEL', KEYS[1])\n"
                     "redis.call('PUBLISH', ARGV[2], 'B0')\n"
                     "return {1}\n"};
