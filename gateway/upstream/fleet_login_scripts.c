/* SPDX-License-Identifier: MIT */
/* What stands in Redis for an account, all in one slot: the token (a hash: generation, sealed, and instants of Redis's
 * clock), the lock (the mark of its holder), the last failure, and the step of the last one-time code. Instants are µs
 * and below 2^53; they are written by %.0f, since Lua itself writes 14 digits. */
#include "upstream/fleet_login_scripts.h"

/* Anything may stand there, and Redis's clock may have jumped back: what is no number is 0, and a generation of a time
 * that is far from here is none, lest no login could ever be newer. */
#define HEAD                                                                                                           \
    "local time = redis.call('TIME')\n"                                                                                \
    "local now = time[1] * 1000000 + time[2]\n"                                                                        \
    "local function number(text)\n"                                                                                    \
    "  local found = tonumber(text or 0) or 0\n"                                                                       \
    "  return found == found and found or 0\n"                                                                         \
    "end\n"                                                                                                            \
    "local function generation_of(text)\n"                                                                             \
    "  local found = number(text)\n"                                                                                   \
    "  return found > 0 and found < now + 365 * 86400 * 1000000 and math.floor(found) or 0\n"                          \
    "end\n"

/* KEYS: token, lock, failure. ARGV: mark, the generation known, ms of the lock (0: only a look), µs that a failure
 * counts at most. A lock that lasts longer than ours do is nobody's. */
const struct redis_script fleet_login_lock = {
    "login_lock",
    HEAD "local token = redis.call('HMGET', KEYS[1], 'generation', 'sealed', 'expires', 'born', 'refresh_born')\n"
         "local generation = generation_of(token[1])\n"
         "if generation > generation_of(ARGV[2]) and token[2] then\n"
         "  local function since(field) return math.max(math.min(now - number(field), 2 ^ 53), -(2 ^ 53)) end\n"
         "  return {'newer', generation, token[2], -since(token[3]), since(token[4]), since(token[5])}\n"
         "end\n"
         "if ARGV[3] == '0' then return {'none'} end\n"
         "local failure = redis.call('HMGET', KEYS[3], 'refused', 'until', 'backoff')\n"
         "local backoff = math.max(math.min(number(failure[3]), tonumber(ARGV[4])), 0)\n"
         "local wait = number(failure[2]) - now\n"
         "if wait > 0 and wait <= tonumber(ARGV[4]) then\n"
         "  return {'failed', failure[1] == '1' and 1 or 0, math.min(wait, backoff * 2), backoff}\n"
         "end\n"
         "local holder, left = redis.call('GET', KEYS[2]), redis.call('PTTL', KEYS[2])\n"
         "if holder and holder ~= ARGV[1] and left >= 0 and left <= tonumber(ARGV[3]) then return {'held', left} end\n"
         "redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[3])\n"
         "return {'led', backoff}\n"};

/* KEYS: token, lock, failure, step. ARGV: mark, ms of the lock, the step whose code is to be sent or -1, ms to keep it,
 * the generation known, by how many steps a used one may be ahead of that. Answers 1 and the generation of the token to
 * come, 0 when the lock is lost, or 2 and the last step used. */
const struct redis_script fleet_login_check = {
    "login_check", HEAD "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0, 0} end\n"
                        "redis.call('PEXPIRE', KEYS[2], ARGV[2])\n"
                        "local step = tonumber(ARGV[3])\n"
                        "if step >= 0 then\n"
                        "  local last = math.floor(number(redis.call('GET', KEYS[4]) or -1))\n"
                        "  if last >= step and last <= step + ARGV[6] then return {2, last} end\n"
                        "  redis.call('SET', KEYS[4], ARGV[3], 'PX', ARGV[4])\n"
                        "end\n"
                        "local generation = generation_of(redis.call('HGET', KEYS[1], 'generation'))\n"
                        "return {1, math.max(now, generation + 1, generation_of(ARGV[5]) + 1)}\n"};

/* KEYS: token, lock, failure. ARGV: mark, generation, sealed, µs of its life, of the refresh token's age, ms to keep
 * them, the channel. */
const struct redis_script fleet_login_put = {
    "login_store",
    HEAD "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0} end\n"
         "if generation_of(redis.call('HGET', KEYS[1], 'generation')) >= tonumber(ARGV[2]) then return {0} end\n"
         "local function text(number) return string.format('%.0f', number) end\n"
         "redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'sealed', ARGV[3], 'expires', text(now + ARGV[4]), "
         "'born', text(now), 'refresh_born', text(now - ARGV[5]))\n"
         "redis.call('PEXPIRE', KEYS[1], ARGV[6])\n"
         "redis.call('DEL', KEYS[2], KEYS[3])\n"
         "redis.call('PUBLISH', ARGV[7], 'L')\n"
         "return {1}\n"};

/* KEYS: token, lock, failure. ARGV: mark, refused or not, µs until the next try (0: nothing has failed), µs of the
 * back-off, ms to keep that, the channel. */
const struct redis_script fleet_login_unlock = {
    "login_release", "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {0} end\n"
                     "if tonumber(ARGV[3]) > 0 then\n"
                     "  local time = redis.call('TIME')\n"
                     "  local till = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[3])\n"
                     "  redis.call('HSET', KEYS[3], 'refused', ARGV[2], 'until', till, 'backoff', ARGV[4])\n"
                     "  redis.call('PEXPIRE', KEYS[3], string.format('%.0f', math.ceil(ARGV[3] / 1000) + ARGV[5]))\n"
                     "end\n"
                     "redis.call('DEL', KEYS[2])\n"
                     "redis.call('PUBLISH', ARGV[6], 'L')\n"
                     "return {1}\n"};
