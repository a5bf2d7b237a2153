-- SPDX-License-Identifier: MIT
-- One decision about what one holder (an instance, for one client) may spend: a lease of the client's rate, and upstream
-- searches paid in advance. What a lease promises, and why the limit holds: docs/decisions/0010-fleet-quotas.md.
--
-- The bucket is a level (tokens x period, as in base/rate.h) and the instant when it was right, in whole microseconds of
-- this server's clock. A lease takes out of it: `share`, a part of the refill, which drips to the holder until `stop`;
-- `room`, the most that the holder may have unspent, by which the bucket's ceiling is lowered; and `rush`, whole tokens for
-- requests that wait right now, which lower the ceiling too until `rush_stop`. No number passes 2^53; every division is
-- exact or rounds against the holder.
--
-- A call with an older sequence number than the last one of its holder came late: it changes nothing.
local LONGEST = 600000000   -- of a lease, us
local REMEMBERED = 10000000 -- a holder whose lease ended counts as living for this long, us
local CONTESTED = 2000000   -- of a lease that is smaller than was asked for, us
local GATHER = 250000       -- who has a share already is not called for single tokens, us
local LOOK_AGAIN = 1000000  -- what others hold may be given back before its end, us
local HOLDERS_MAX = 512

local id, sequence = ARGV[1], tonumber(ARGV[2])
local argument = 2
local function take()
    argument = argument + 1
    return tonumber(ARGV[argument])
end
local count, period, burst = take(), take(), take() -- count 0: no rate
local kept = {share = take(), room = take(), level = take()}
local back, owed, most = take(), take(), take()
local want = {share = take(), room = take(), need = take(), duration = take(), rush = take()}
local limit, span, held_window, held, want_searches = take(), take(), take(), take(), take() -- limit 0: no misses

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function down(a, b) -- a / b, rounded down; exact where a / b alone is not
    return (a - math.fmod(a, b)) / b
end

local function up(a, b)
    return down(a + b - 1, b)
end

local function between(low, number, high)
    return math.max(low, math.min(number, high))
end

-- The words of a state behind its version and `head` more, in records of `size`; nil when it is not one of ours.
local function read(text, head, size)
    local words = {}
    for word in string.gmatch(text, '%S+') do
        words[#words + 1] = word
    end
    if words[1] ~= '1' or #words < head + 1 or math.fmod(#words - head - 1, size) ~= 0 then
        return nil
    end
    local facts, records = {}, {}
    for i = 2, head + 1 do
        facts[i - 1] = tonumber(words[i])
        if not facts[i - 1] then return nil end
    end
    for first = head + 2, #words, size do
        local record = {id = words[first]}
        for i = 1, size - 1 do
            record[i] = tonumber(words[first + i])
            if not record[i] then return nil end
        end
        records[#records + 1] = record
    end
    return facts, records
end

local function write(facts, records)
    local words = {'1'}
    for _, number in ipairs(facts) do
        words[#words + 1] = string.format('%.0f', number)
    end
    for _, record in ipairs(records) do
        words[#words + 1] = record.id
        for _, number in ipairs(record) do
            words[#words + 1] = string.format('%.0f', number)
        end
    end
    return table.concat(words, ' ')
end

-- Places in a holder's record.
local SEQUENCE, SHARE, ROOM, STOP, RUSH, RUSH_STOP, WANT, SEEN = 1, 2, 3, 4, 5, 6, 7, 8
local full = burst * period

-- The bucket as it was left, in the caller's units: another period means that the configuration changed.
local function load_bucket(text)
    if not text then
        return {level = math.min(full, most), last = now, holders = {}}
    end
    local facts, records = read(text, 3, 9)
    if not facts then
        return {level = 0, last = now, holders = {}}
    end
    local bucket = {level = facts[2], last = math.min(facts[3], now), holders = records}
    if facts[1] ~= period then
        local factor = period / facts[1]
        bucket.level = math.floor(bucket.level * factor)
        for _, record in ipairs(records) do
            for _, place in ipairs({SHARE, ROOM, RUSH, WANT}) do
                record[place] = math.ceil(record[place] * factor)
            end
        end
    end
    for _, record in ipairs(records) do -- a clock that stepped back must not make a lease longer
        record[STOP] = math.min(record[STOP], now + LONGEST)
        record[RUSH_STOP] = math.min(record[RUSH_STOP], now + LONGEST)
        record[SEEN] = math.min(record[SEEN], now)
    end
    return bucket
end

local function fill(bucket, until_us)
    local refill, missing = count - bucket.share, full - bucket.room - bucket.level
    local elapsed = until_us - bucket.last
    if elapsed <= 0 then return end
    bucket.last = until_us
    if refill <= 0 or missing <= 0 then return end
    if elapsed > down(missing, refill) then
        bucket.level = bucket.level + missing
    else
        bucket.level = bucket.level + elapsed * refill
    end
end

-- Brings the bucket to now. What leases held comes back at the moment each of them ended, not at the moment when somebody
-- looks: an hour later, all that hour's refill is there.
local function advance(bucket)
    local ends = {}
    bucket.share, bucket.room = 0, 0
    for _, record in ipairs(bucket.holders) do
        bucket.share = bucket.share + record[SHARE]
        bucket.room = bucket.room + record[ROOM] + record[RUSH]
        if record[STOP] <= now then
            ends[#ends + 1] = {at = record[STOP], share = record[SHARE], room = record[ROOM]}
            record[SHARE], record[ROOM] = 0, 0
        end
        if record[RUSH_STOP] <= now then
            ends[#ends + 1] = {at = record[RUSH_STOP], share = 0, room = record[RUSH]}
            record[RUSH] = 0
        end
    end
    table.sort(ends, function(a, b) return a.at < b.at end)
    for _, ended in ipairs(ends) do
        fill(bucket, ended.at)
        bucket.share, bucket.room = bucket.share - ended.share, bucket.room - ended.room
    end
    fill(bucket, now)
end

-- Takes the caller's own record out, and what is long over. `others` has the sums of the rest.
local function look_around(bucket)
    local own, others = nil, {share = 0, room = 0, wanted = 0, soonest = nil, list = {}}
    for _, record in ipairs(bucket.holders) do
        if record.id == id then
            own = record
        elseif math.max(record[STOP], record[RUSH_STOP], record[SEEN] + REMEMBERED) > now then
            others.list[#others.list + 1] = record
        end
    end
    local fair = down(count, #others.list + 1)
    for _, record in ipairs(others.list) do
        others.share = others.share + record[SHARE]
        others.room = others.room + record[ROOM] + record[RUSH]
        others.wanted = others.wanted + math.max(record[SHARE], math.min(record[WANT], fair))
        for place, what in pairs({[STOP] = record[SHARE] + record[ROOM], [RUSH_STOP] = record[RUSH]}) do
            if what > 0 and (not others.soonest or record[place] < others.soonest) then
                others.soonest = record[place]
            end
        end
    end
    return own, others, fair
end

-- What the caller is to have, as far as others leave it. Never less than it said it would go on using (`kept`).
local function allot(bucket, others, fair)
    local holders = #others.list + 1
    local lease = {share = 0, room = 0}
    bucket.free_share, bucket.free_room = math.max(0, count - others.share), math.max(0, full - others.room)
    if holders <= HOLDERS_MAX and not (full < 2 * holders * period) then
        lease.room = math.min(want.room, math.max(down(bucket.free_room, 4), period), bucket.free_room)
        lease.room = down(lease.room, period) * period -- room for whole tokens
        if lease.room >= period then -- an eighth of what is free is left for who comes next
            lease.share = math.min(want.share, math.max(fair, count - others.wanted), bucket.free_share - up(bucket.free_share, 8))
        end
    end
    lease.share = math.max(lease.share, 0)
    lease.held_share, lease.held_room = math.max(lease.share, kept.share), math.max(lease.room, kept.room)
    return lease
end

-- Moves tokens out of the bucket: into the lease's room, though half of them stay for others where nobody waits for them;
-- and for those who wait beyond it.
local function pay(bucket, lease)
    local most = math.max(math.min(want.need * period, bucket.level), down(bucket.level, 2))
    if bucket.level - most < period then most = bucket.level end -- parts of a token help nobody
    lease.grant = between(0, lease.room - kept.level, most)
    bucket.level = bucket.level - lease.grant
    local tokens = down(kept.level + lease.grant, period)
    local can = math.min(bucket.level, bucket.free_room - lease.held_room)
    lease.rush = between(0, want.need - tokens, down(math.max(can, 0), period)) * period
    bucket.level = bucket.level - lease.rush
    lease.ceiling = math.max(0, bucket.free_room - lease.held_room - lease.rush)
    bucket.level = math.min(bucket.level, lease.ceiling)
end

-- When asking again could give more: 0 now; else us from now.
local function name_time(bucket, others, lease)
    local refill = math.max(0, bucket.free_share - lease.held_share)
    local wait, soonest = nil, others.soonest
    if bucket.level >= period then return 0 end
    if lease.rush > 0 and (not soonest or now + want.rush < soonest) then
        soonest = now + want.rush
    end
    if refill > 0 and lease.ceiling >= period then
        wait = up(period - bucket.level, refill)
    end
    if soonest then
        wait = math.min(wait or LOOK_AGAIN, math.max(soonest - now, 1), LOOK_AGAIN)
    end
    wait = wait or LOOK_AGAIN
    return lease.share > 0 and math.max(wait, GATHER) or wait
end

local function how_long(lease)
    local longest = 10000000
    if lease.share <= down(count, 16) and lease.room <= down(full, 16) then
        longest = LONGEST
    elseif lease.share <= down(count, 2) then
        longest = 30000000
    end
    if lease.share < want.share then
        longest = CONTESTED
    end
    return math.min(want.duration, longest)
end

-- The rate's part of the decision: the reply's numbers, and the state to be written (nil: nothing was taken or given back).
local function decide_rate(text)
    local bucket = load_bucket(text)
    advance(bucket)
    local own, others, fair = look_around(bucket)
    if own and own[SEQUENCE] >= sequence then return nil end
    local alive = own ~= nil and own[STOP] > now
    local recorded = own and own[ROOM] + own[RUSH] or 0
    local was_empty = recorded == 0 and (not own or own[SHARE] == 0)
    kept.share = alive and math.min(kept.share, own[SHARE]) or 0
    kept.room = alive and math.min(kept.room, own[ROOM]) or 0
    kept.level = math.min(kept.level, kept.room)
    local before = bucket.level
    bucket.level = math.min(bucket.level + math.min(back, recorded), math.max(0, full - others.room - kept.room))
    local paid = math.min(owed, bucket.level)
    bucket.level = bucket.level - paid
    local lease = allot(bucket, others, fair)
    pay(bucket, lease)
    local duration = how_long(lease)
    local wait = name_time(bucket, others, lease)
    local reply = {
        alive and 1 or 0, lease.share, lease.room, lease.grant, lease.rush, duration, wait, bucket.level, lease.ceiling,
        math.max(0, bucket.free_share - lease.held_share), #others.list + 1, paid,
    }
    local empty = lease.held_share + lease.held_room == 0
    if was_empty and empty and lease.rush == 0 and paid == 0 and bucket.level == before then
        return reply, nil
    end
    others.list[#others.list + 1] = {
        id = id, sequence, lease.held_share, lease.held_room, empty and now or now + duration, lease.rush,
        lease.rush > 0 and now + want.rush or now, want.share, now,
    }
    local over = now + REMEMBERED
    for _, record in ipairs(others.list) do
        over = math.max(over, record[STOP], record[RUSH_STOP])
    end
    local ttl = up(over - now, 1000) + up(up(full, count), 1000) + 1
    return reply, {write({period, bucket.level, bucket.last}, others.list), ttl}
end

-- Searches per window of `span`, windows counted from 1970. What a holder was granted counts as used until the holder itself
-- says that it will not use it: `held` is the most that it will have used in all before it hears from here.
local GRANTED, LAST_SEEN = 2, 3
local GONE_AFTER, MERGE_ABOVE, LATELY = 3600000000, 128, 600000000

local function decide_misses(text)
    local window = down(now, span)
    local facts, records = nil, nil
    if text then
        facts, records = read(text, 1, 4)
    end
    if not facts or facts[1] < window then
        facts, records = {window}, {}
    end
    window = math.max(window, facts[1]) -- a clock that stepped back opens no old window anew
    if held_window ~= window then held = 0 end
    local used, own, kept_records, gone = 0, nil, {}, nil
    for _, record in ipairs(records) do
        if record.id == id then
            own = record
        else
            used = used + record[GRANTED]
            if #records > MERGE_ABOVE and record[LAST_SEEN] + GONE_AFTER < now then
                gone = gone or {id = 'gone', 0, 0, record[LAST_SEEN]}
                gone[GRANTED] = gone[GRANTED] + record[GRANTED]
            else
                kept_records[#kept_records + 1] = record
            end
        end
    end
    kept_records[#kept_records + 1] = gone
    local holders = 1
    for _, record in ipairs(kept_records) do
        if record[LAST_SEEN] + LATELY > now then holders = holders + 1 end
    end
    if own and own[SEQUENCE] >= sequence then return nil end
    local left = math.max(0, limit - used - held)
    -- The last ones are given one by one, so that none lies where it is not needed.
    local portion = math.max(1, down(left, 2 * (#kept_records + 1)))
    local grant = between(0, math.min(want_searches, portion), left)
    local stop = (window + 1) * span - now
    local reply = {window, held + grant, left - grant, stop, holders}
    if held + grant == (own and own[GRANTED] or 0) and grant == 0 then
        return reply, nil
    end
    kept_records[#kept_records + 1] = {id = id, sequence, held + grant, now}
    return reply, {write({window}, kept_records), up(stop, 1000) + 60000}
end

local rate, rate_state, misses, misses_state = {}, nil, {}, nil
if count > 0 then
    rate, rate_state = decide_rate(redis.call('GET', KEYS[1]))
end
if limit > 0 then
    misses, misses_state = decide_misses(redis.call('GET', KEYS[2]))
end
if not rate or not misses then return {0} end
if rate_state then
    redis.call('SET', KEYS[1], rate_state[1], 'PX', string.format('%.0f', rate_state[2]))
end
if misses_state then
    redis.call('SET', KEYS[2], misses_state[1], 'PX', string.format('%.0f', misses_state[2]))
end
local reply = {1}
for i = 1, 12 do reply[#reply + 1] = rate[i] or 0 end
for i = 1, 5 do reply[#reply + 1] = misses[i] or 0 end
return reply
