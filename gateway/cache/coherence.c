/* SPDX-License-Identifier: MIT */
/* The channel, the register and the log. The memory's link is up while the channel is heard and the log was read after
 * it could be heard, so that no purge was missed. Must not know how a window is written. */
#include "cache/coherence_purge.h"

#include "base/ascii.h"
#include "base/random.h"
#include "io/redis_wire.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    SWEEP_STEPS = 256,      /* entries of a shard at a time */
    CALL_TIMEOUT_MS = 2000, /* these calls are nobody's to wait for, and worth waiting for */
    BEAT_MS = 2000,
    REGISTER_MAX = 8 * COHERENCE_GATEWAYS_MAX, /* words of the register that are read: of each, when and who */
    SYNC_RETRY_MS = 200,
    RECENT_S = 15 /* purges found in the log that somebody may still wait to hear confirmed */
};

/* These two and the purge begin with a command that removes: where the first that writes is allowed, a server that is
 * full refuses none of the rest, and what they add is bounded.
 *
 * KEYS: purges, gateways. ARGV: id, ms of being there, PURGE_NUMBER_MAX. Answers the last purge's number, the time, and
 * who was there when, both in ms. Who was there later than now was so by another server's clock, before a failover. */
static const struct redis_script beat_script = {
    "beat", "local t = redis.call('TIME')\n"
            "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
            "local ms = string.format('%.0f', now)\n"
            "redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('(%.0f', now - ARGV[2]))\n"
            "for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ms, '+inf')) do\n"
            "  redis.call('ZADD', KEYS[2], ms, id)\n"
            "end\n"
            "redis.call('ZADD', KEYS[2], ms, ARGV[1])\n"
            "redis.call('PEXPIRE', KEYS[2], ARGV[2])\n"
            "local answer = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')\n"
            "local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')\n"
            "table.insert(answer, 1, ms)\n"
            "table.insert(answer, 1, last[2] or '0')\n"
            "return answer\n"};

/* The same, and who reads the log is there from that moment on: a later purge waits for it. Answers a number that is
 * not less than any purge's so far, then the log: kind and head, number, … Numbers that no purge can have go. */
static const struct redis_script sync_script = {
    "sync", "local t = redis.call('TIME')\n"
            "local now = t[1] * 1000000 + t[2]\n"
            "redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. ARGV[3], '+inf')\n"
            "redis.call('ZADD', KEYS[2], string.format('%.0f', math.floor(now / 1000)), ARGV[1])\n"
            "redis.call('PEXPIRE', KEYS[2], ARGV[2])\n"
            "local answer = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf', 'WITHSCORES')\n"
            "if #answer > 0 then now = math.max(now, tonumber(answer[#answer])) end\n"
            "table.insert(answer, 1, string.format('%.0f', now))\n"
            "return answer\n"};

void coherence_run(struct coherence *coherence, struct redis_call *call, const struct redis_script *script,
                   const struct slice *arguments, size_t count)
{
    call->script = script;
    call->key_count = 2;
    call->argument_count = 2 + count;
    call->arguments[0] = slice_of(coherence->purges_key);
    call->arguments[1] = slice_of(coherence->gateways_key);
    call->key = call->arguments[0];
    call->timeout_us = CALL_TIMEOUT_MS * CLOCK_MILLISECOND;
    for (size_t i = 0; i < count; i++)
        call->arguments[2 + i] = arguments[i];
    coherence->options.redis->start(coherence->options.redis, call);
}

/* What nobody waits for. */

struct saying {
    struct redis_call call;
    struct coherence *coherence;
    struct saying *next;
};

static void on_said(struct redis_call *call)
{
    struct saying *saying = MEM_OUTER(call, struct saying, call);
    struct saying **at = &saying->coherence->sayings;
    while (*at != saying)
        at = &(*at)->next;
    *at = saying->next;
    mem_free(saying);
}

static struct redis_call *new_saying(struct coherence *coherence)
{
    struct saying *saying = mem_new(sizeof(*saying));
    saying->coherence = coherence;
    saying->next = coherence->sayings;
    coherence->sayings = saying;
    saying->call.on_done = on_said;
    return &saying->call;
}

void coherence_say(struct coherence *coherence, const struct coherence_message *message)
{
    struct redis_call *call = new_saying(coherence);
    struct buf text;
    buf_init(&text, COHERENCE_MESSAGE_MAX);
    coherence_message_write(&text, message);
    call->timeout_us = CALL_TIMEOUT_MS * CLOCK_MILLISECOND;
    call->argument_count = 3;
    call->arguments[0] = slice_of("PUBLISH");
    call->arguments[1] = slice_of(coherence->channel);
    call->arguments[2] = buf_slice(&text);
    coherence->options.redis->start(coherence->options.redis, call);
    buf_free(&text);
}

/* Purges. */

static void on_sweep(struct timer *timer)
{
    struct coherence *coherence = MEM_OUTER(timer, struct coherence, sweep_timer);
    memory_sweep(coherence->options.memory, SWEEP_STEPS);
    coherence->to_sweep -= coherence->to_sweep < SWEEP_STEPS ? coherence->to_sweep : SWEEP_STEPS;
    if (coherence->to_sweep > 0)
        timer_start(coherence->options.loop, timer, loop_now(coherence->options.loop) + CLOCK_MILLISECOND);
}

static void begin_sweep(struct coherence *coherence)
{
    counters_add(coherence->counters, METRIC_PURGES, 1);
    coherence->to_sweep = memory_stats(coherence->options.memory).entries;
    timer_start(coherence->options.loop, &coherence->sweep_timer, loop_now(coherence->options.loop));
}

int64_t coherence_apply(struct coherence *coherence, struct slice head, int64_t number, bool soft)
{
    struct loop *loop = coherence->options.loop;
    struct purges *purges = memory_purges(coherence->options.memory);
    int64_t before;
    if (purges_add(purges, head, number, soft, loop_now(loop), &before))
        begin_sweep(coherence);
    return before;
}

void coherence_order(struct coherence *coherence, struct slice head, bool soft)
{
    purges_order(memory_purges(coherence->options.memory), head, soft, loop_now(coherence->options.loop));
    begin_sweep(coherence);
}

void coherence_learn(struct coherence *coherence, struct slice head, int64_t number, bool soft)
{
    int64_t before = coherence_apply(coherence, head, number, soft);
    const struct coherence_message message = {
        .kind = COHERENCE_CONFIRMED, .id = slice_of(coherence->id), .number = number, .known = before};
    if (coherence->options.redis != NULL)
        coherence_say(coherence, &message);
}

/* The log, read when the channel can be heard. */

static void run_with_id(struct coherence *coherence, struct redis_call *call, const struct redis_script *script)
{
    char live[24], most[24];
    snprintf(live, sizeof(live), "%d", COHERENCE_LIVE_MS);
    snprintf(most, sizeof(most), "%" PRId64, PURGE_NUMBER_MAX);
    const struct slice arguments[] = {slice_of(coherence->id), slice_of(live), slice_of(most)};
    coherence_run(coherence, call, script, arguments, 3);
}

static void start_sync(struct coherence *coherence);

static void on_sync_timer(struct timer *timer)
{
    start_sync(MEM_OUTER(timer, struct coherence, sync_timer));
}

static struct slice text_at(const struct redisReply *reply, size_t at)
{
    return at < reply->elements ? redis_wire_text(reply->element[at]) : slice_make("", 0);
}

/* One line of the log: 'h' or 's' and the head. */
static void read_log_line(struct coherence *coherence, struct slice line, struct slice score, int64_t now)
{
    int64_t number;
    if (line.length < 2 || line.length > 1 + PURGE_HEAD_MAX || !coherence_score(score, &number) || number == 0)
        return;
    struct slice head = slice_make(line.at + 1, line.length - 1);
    if (number > now - RECENT_S * CLOCK_SECOND)
        coherence_learn(coherence, head, number, line.at[0] == 's');
    else
        (void)coherence_apply(coherence, head, number, line.at[0] == 's');
}

static bool read_log(struct coherence *coherence, const struct redis_call *call)
{
    const struct redisReply *reply = call->reply;
    int64_t now;
    if (call->outcome != REDIS_ANSWERED || reply->type != REDIS_REPLY_ARRAY ||
        !coherence_number(text_at(reply, 0), &now))
        return false;
    for (size_t i = 1; i + 1 < reply->elements; i += 2)
        read_log_line(coherence, text_at(reply, i), text_at(reply, i + 1), now);
    purges_know(memory_purges(coherence->options.memory), now, loop_now(coherence->options.loop));
    return true;
}

static void on_sync(struct redis_call *call)
{
    struct coherence *coherence = MEM_OUTER(call, struct coherence, sync);
    coherence->syncing = false;
    if (!coherence->linked)
        return;
    if (!read_log(coherence, call)) {
        timer_start(coherence->options.loop, &coherence->sync_timer,
                    loop_now(coherence->options.loop) + SYNC_RETRY_MS * CLOCK_MILLISECOND);
        return;
    }
    if (!memory_link_is_up(memory_link(coherence->options.memory)))
        log_say(coherence->log, LOG_LEVEL_INFO, "in step with the other gateways: what they store and purge is heard");
    memory_set_link(coherence->options.memory, true);
    counters_set(coherence->counters, METRIC_SHARED_LINK, 1);
    coherence_tell_purges(coherence);
}

static void start_sync(struct coherence *coherence)
{
    if (coherence->syncing || !coherence->linked)
        return;
    coherence->syncing = true;
    coherence->sync = (struct redis_call){.on_done = on_sync};
    run_with_id(coherence, &coherence->sync, &sync_script);
}

static void on_link(void *context, bool up)
{
    struct coherence *coherence = context;
    coherence->linked = up;
    if (coherence->syncing)
        coherence->options.redis->cancel(coherence->options.redis, &coherence->sync);
    coherence->syncing = false;
    timer_stop(coherence->options.loop, &coherence->sync_timer);
    if (up) {
        start_sync(coherence);
        return;
    }
    if (memory_link_is_up(memory_link(coherence->options.memory)))
        log_say(coherence->log, LOG_LEVEL_WARN, "out of step with the other gateways: memory serves nothing stale");
    memory_set_link(coherence->options.memory, false);
    counters_set(coherence->counters, METRIC_SHARED_LINK, 0);
}

/* The register. */

/* It was there so long ago. */
static void meet(struct coherence *coherence, struct slice id, int64_t ago_us)
{
    if (!slice_is(id, coherence->id))
        coherence_register_meet(&coherence->others, id, loop_now(coherence->options.loop) - ago_us);
}

static void hear_left(struct coherence *coherence, struct slice id)
{
    if (coherence_register_part(&coherence->others, id))
        coherence_excuse(coherence, id);
}

/* The register as the beat answers it: from then on id, when it was there, … */
static void read_register(struct coherence *coherence, const struct redisReply *reply, size_t from, int64_t now_ms)
{
    int64_t seen_ms;
    for (size_t i = from; i + 1 < reply->elements && i < from + REGISTER_MAX; i += 2) {
        if (!coherence_score(text_at(reply, i + 1), &seen_ms))
            continue;
        int64_t ago_ms = now_ms > seen_ms ? now_ms - seen_ms : 0;
        if (ago_ms <= COHERENCE_LIVE_MS)
            meet(coherence, text_at(reply, i), ago_ms * CLOCK_MILLISECOND);
    }
    int64_t gone_us = loop_now(coherence->options.loop) - COHERENCE_LIVE_MS * CLOCK_MILLISECOND;
    char gone[COHERENCE_ID_MAX];
    while (coherence_register_take_gone(&coherence->others, gone_us, gone))
        coherence_excuse(coherence, slice_of(gone));
    counters_set(coherence->counters, METRIC_SHARED_GATEWAYS, (int64_t)coherence->others.count + 1);
}

static void on_beat(struct redis_call *call)
{
    struct coherence *coherence = MEM_OUTER(call, struct coherence, beat);
    const struct redisReply *reply = call->reply;
    int64_t now_ms, last;
    coherence->beating = false;
    if (call->outcome != REDIS_ANSWERED || reply->type != REDIS_REPLY_ARRAY ||
        !coherence_number(text_at(reply, 1), &now_ms))
        return;
    read_register(coherence, reply, 2, now_ms);
    bool is_new =
        coherence_score(text_at(reply, 0), &last) && last > purges_known(memory_purges(coherence->options.memory));
    if (is_new)
        start_sync(coherence); /* it was not heard yet, or never will be */
    if (coherence->linked)
        coherence_tell_purges(coherence); /* Redis does as it is asked, and what is confirmed will be heard */
}

static void on_beat_timer(struct timer *timer)
{
    struct coherence *coherence = MEM_OUTER(timer, struct coherence, beat_timer);
    timer_start(coherence->options.loop, timer, loop_now(coherence->options.loop) + BEAT_MS * CLOCK_MILLISECOND);
    if (coherence->beating || coherence->leaving)
        return;
    coherence->beating = true;
    coherence->beat = (struct redis_call){.on_done = on_beat};
    run_with_id(coherence, &coherence->beat, &beat_script);
}

/* The channel. */

static void hear_stored(struct coherence *coherence, const struct coherence_message *message)
{
    if (slice_is(message->id, coherence->id))
        return;
    counters_add(coherence->counters, METRIC_SHARED_INVALIDATIONS, 1);
    memory_invalidate(coherence->options.memory, message->text, message->mark);
}

static void hear_purge(struct coherence *coherence, const struct coherence_message *message)
{
    meet(coherence, message->id, 0);
    if (slice_is(message->id, coherence->id))
        (void)coherence_apply(coherence, message->text, message->number, message->soft);
    else
        coherence_learn(coherence, message->text, message->number, message->soft);
}

static void hear_echo(struct coherence *coherence, const struct coherence_message *message)
{
    struct echo *echo = &coherence->echoes[coherence->echo_count++ % COHERENCE_ECHOES];
    *echo = (struct echo){.number = message->number, .known = message->known};
    memcpy(echo->id, message->id.at, message->id.length);
    coherence_hear_echo(coherence, echo);
}

static void on_message(void *context, struct slice channel, struct slice bytes)
{
    struct coherence *coherence = context;
    struct coherence_message message;
    if (!slice_is(channel, coherence->channel) || !coherence_message_read(bytes, &message))
        return;
    switch (message.kind) {
    case COHERENCE_STORED:
        hear_stored(coherence, &message);
        return;
    case COHERENCE_PURGED:
        hear_purge(coherence, &message);
        return;
    case COHERENCE_CONFIRMED:
        hear_echo(coherence, &message);
        return;
    case COHERENCE_LEFT:
        hear_left(coherence, message.id);
        return;
    }
}

/* Birth and death. */

static void name_all(struct coherence *coherence)
{
    uint64_t number;
    random_secret(&number, sizeof(number));
    snprintf(coherence->id, sizeof(coherence->id), "%.*s#%016" PRIx64, COHERENCE_NAME_MAX - 1, coherence->options.name,
             number);
    for (char *c = coherence->id; *c != '\0'; c++)
        *c = ascii_is_visible(*c) ? *c : '?';
    assert(coherence_is_id(slice_of(coherence->id)));
    const char *prefix = coherence->prefix;
    snprintf(coherence->channel, sizeof(coherence->channel), "%sbus", prefix);
    /* Both in one slot of a cluster, wherever that is. */
    snprintf(coherence->purges_key, sizeof(coherence->purges_key), "%s{gateways}:purges", prefix);
    snprintf(coherence->gateways_key, sizeof(coherence->gateways_key), "%s{gateways}:live", prefix);
}

struct coherence *coherence_new(const struct coherence_options *options, struct log *log, struct counters *counters)
{
    struct coherence *coherence = mem_new(sizeof(*coherence));
    coherence->options = *options;
    coherence->log = log;
    coherence->counters = counters;
    coherence->mailbox = mailbox_new(options->loop, coherence);
    if (coherence->mailbox == NULL) {
        mem_free(coherence);
        return NULL;
    }
    snprintf(coherence->prefix, sizeof(coherence->prefix), "%.*s", (int)options->prefix.length, options->prefix.at);
    name_all(coherence);
    coherence->beat_timer.on_timer = on_beat_timer;
    coherence->sync_timer.on_timer = on_sync_timer;
    coherence->sweep_timer.on_timer = on_sweep;
    counters_set(counters, METRIC_SHARED_GATEWAYS, 1);
    if (options->redis != NULL) {
        memory_share(options->memory);
        timer_start(options->loop, &coherence->beat_timer, loop_now(options->loop));
    }
    return coherence;
}

void coherence_leave(struct coherence *coherence)
{
    if (coherence->options.redis == NULL || coherence->leaving)
        return;
    coherence->leaving = true;
    coherence_tell_purges(coherence); /* the last chance */
    /* Two plain commands: a script might have to be sent twice, and there is no time. */
    const struct coherence_message message = {.kind = COHERENCE_LEFT, .id = slice_of(coherence->id)};
    struct redis_call *call = new_saying(coherence);
    call->timeout_us = CALL_TIMEOUT_MS * CLOCK_MILLISECOND;
    call->argument_count = 3;
    call->arguments[0] = slice_of("ZREM");
    call->arguments[1] = call->key = slice_of(coherence->gateways_key);
    call->arguments[2] = slice_of(coherence->id);
    coherence->options.redis->start(coherence->options.redis, call);
    coherence_say(coherence, &message);
}

bool coherence_has_left(const struct coherence *coherence)
{
    return coherence->sayings == NULL;
}

void coherence_free(struct coherence *coherence)
{
    if (coherence == NULL)
        return;
    struct redis *redis = coherence->options.redis;
    mailbox_free(coherence->mailbox); /* opens what was not, so this goes first */
    coherence_end_purges(coherence);
    timer_stop(coherence->options.loop, &coherence->beat_timer);
    timer_stop(coherence->options.loop, &coherence->sync_timer);
    timer_stop(coherence->options.loop, &coherence->sweep_timer);
    if (coherence->beating)
        redis->cancel(redis, &coherence->beat);
    if (coherence->syncing)
        redis->cancel(redis, &coherence->sync);
    while (coherence->sayings != NULL) {
        struct saying *next = coherence->sayings->next;
        redis->cancel(redis, &coherence->sayings->call);
        mem_free(coherence->sayings);
        coherence->sayings = next;
    }
    mem_free(coherence);
}

const char *coherence_channel(const struct coherence *coherence)
{
    return coherence->channel;
}

const char *coherence_name(const struct coherence *coherence)
{
    return coherence->id;
}

struct redis_feed_events coherence_events(struct coherence *coherence)
{
    return (struct redis_feed_events){on_message, on_link, coherence};
}
