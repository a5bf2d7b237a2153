/* SPDX-License-Identifier: MIT */
/* Purges ordered here: applied at once, written to the log and told to the others by one script, and waited for until
 * all who are there have confirmed. While Redis does not pass them on they are kept, and told when it does. Must not
 * know what is purged. */
#include "cache/coherence_purge.h"

#include "base/clock.h"
#include "io/redis_wire.h"

#include <assert.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    WAIT_MS = 10000, /* for the others */
    TRY_MS = 2000,   /* to reach Redis */
    RETRY_MS = 100,
    NUMBERS_MAX = 4, /* times a purge is told anew because somebody knew more than Redis */
    KEPT_MAX = 64,   /* purges kept while Redis passes none on; more become one for everything */
    AWAITED_MAX = 2 * COHERENCE_GATEWAYS_MAX
};

/* KEYS: purges, gateways. ARGV: channel, id, 'h' or 's', head, the least number before, ms that the log lives, ms of
 * being there, how many purges are kept, the head of all, PURGE_NUMBER_MAX. Answers the purge's number and who is
 * there.
 *
 * Numbers are Redis's time, so that they grow even when Redis was emptied, and never less than one that is known. The
 * purges that no longer fit are one for everything, of the last of their numbers. The log lives for the longest of all
 * who ever asked. */
static const struct redis_script purge_script = {
    "purge", "local t = redis.call('TIME')\n"
             "local now = t[1] * 1000000 + t[2]\n"
             "redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. ARGV[10], '+inf')\n"
             "local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')\n"
             "local number = math.max(now, tonumber(ARGV[5]) + 1, (tonumber(last[2]) or 0) + 1)\n"
             "if number > tonumber(ARGV[10]) then return redis.error_reply('ERR no greater number') end\n"
             "local text = string.format('%.0f', number)\n"
             "redis.call('ZADD', KEYS[1], text, ARGV[3] .. ARGV[4])\n"
             "local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[8])\n"
             "if over > 0 then\n"
             "  local cut = redis.call('ZRANGE', KEYS[1], over, over, 'WITHSCORES')\n"
             "  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over)\n"
             "  redis.call('ZADD', KEYS[1], 'GT', cut[2], 'h' .. ARGV[9])\n"
             "end\n"
             "if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[6]) then redis.call('PEXPIRE', KEYS[1], ARGV[6]) end\n"
             "local soft = ARGV[3] == 's' and '1' or '0'\n"
             "redis.call('PUBLISH', ARGV[1], 'P ' .. text .. ' ' .. soft .. ' ' .. ARGV[2] .. ' ' .. ARGV[4])\n"
             "local ms = string.format('%.0f', math.floor(now / 1000) - ARGV[7])\n"
             "local answer = redis.call('ZRANGEBYSCORE', KEYS[2], ms, '+inf')\n"
             "table.insert(answer, 1, text)\n"
             "return answer\n"};

struct awaited {
    char id[COHERENCE_ID_MAX];
    bool confirmed, excused;
};

struct purging {
    struct coherence *coherence;
    struct purging *next;
    struct purge_order *order; /* NULL: nobody waits any more, or ever did */
    char head[PURGE_HEAD_MAX];
    size_t head_length;
    bool soft;
    int64_t since_us;
    int64_t number, floor, least; /* what it must be greater than: as somebody said, and as Redis was asked */
    unsigned numbers;             /* used so far */
    bool calling, kept;           /* the script is under way; Redis did not pass it on, to be told later */
    struct redis_call call;
    struct timer timer; /* of the next try, or of the end of the wait */
    struct awaited *awaited;
    size_t awaited_count;
    bool crowded;      /* there are more than that */
    char texts[5][24]; /* the script's numbers */
};

static struct slice head_of(const struct purging *purging)
{
    return slice_make(purging->head, purging->head_length);
}

/* The end. */

static void add_name(struct buf *names, const char *id)
{
    const char *end = strrchr(id, '#');
    buf_add(names, slice_make(id, end != NULL ? (size_t)(end - id) : strlen(id)));
    buf_add_char(names, '\n');
}

static void on_open(struct letter *letter, void *receiver)
{
    struct purge_order *order = MEM_OUTER(letter, struct purge_order, letter);
    (void)receiver;
    order->on_done(order);
}

static void answer(struct purging *purging, bool told)
{
    struct purge_order *order = purging->order;
    if (order == NULL)
        return;
    purging->order = NULL;
    add_name(&order->confirmed, purging->coherence->id);
    for (size_t i = 0; i < purging->awaited_count; i++) {
        const struct awaited *awaited = &purging->awaited[i];
        if (!awaited->excused)
            add_name(awaited->confirmed ? &order->confirmed : &order->silent, awaited->id);
    }
    if (purging->crowded)
        add_name(&order->silent, "…");
    order->told = told;
    order->letter.on_open = on_open;
    mailbox_post(order->reply_to, &order->letter);
}

static void forget(struct purging *purging)
{
    struct coherence *coherence = purging->coherence;
    struct purging **at = &coherence->purgings;
    while (*at != purging)
        at = &(*at)->next;
    *at = purging->next;
    timer_stop(coherence->options.loop, &purging->timer);
    if (purging->calling)
        coherence->options.redis->cancel(coherence->options.redis, &purging->call);
    mem_free(purging->awaited);
    mem_free(purging);
}

static void finish(struct purging *purging, bool told)
{
    if (purging->number != 0)
        purges_settle(memory_purges(purging->coherence->options.memory), head_of(purging), purging->soft,
                      purging->least);
    answer(purging, told);
    forget(purging);
}

static bool is_confirmed(const struct purging *purging)
{
    for (size_t i = 0; i < purging->awaited_count; i++) {
        if (!purging->awaited[i].confirmed && !purging->awaited[i].excused)
            return false;
    }
    return !purging->crowded;
}

/* Who must confirm. */

static void await(struct purging *purging, struct slice id)
{
    if (!coherence_is_id(id) || slice_is(id, purging->coherence->id))
        return;
    for (size_t i = 0; i < purging->awaited_count; i++) {
        if (slice_is(id, purging->awaited[i].id))
            return;
    }
    if (purging->awaited_count == AWAITED_MAX) {
        purging->crowded = true;
        return;
    }
    struct awaited *awaited = &purging->awaited[purging->awaited_count++];
    *awaited = (struct awaited){.confirmed = false};
    memcpy(awaited->id, id.at, id.length);
}

/* Those that we know, also where Redis has lost its register. */
static void await_known(struct purging *purging)
{
    struct coherence *coherence = purging->coherence;
    if (purging->awaited == NULL)
        purging->awaited = mem_new(AWAITED_MAX * sizeof(struct awaited));
    purging->awaited_count = 0;
    purging->crowded = false;
    for (size_t i = 0; i < coherence->others.count; i++)
        await(purging, slice_of(coherence->others.gateways[i].id));
}

static void tell(struct purging *purging);

/* True when the purge must be told anew: who confirmed it knew of a number that is not less, so what it has fetched
 * since may bear a greater number than this purge. Where that was done often enough, it counts as silent. */
static bool take_echo(struct purging *purging, const struct echo *echo)
{
    if (echo->number != purging->number)
        return false;
    if (echo->known >= purging->number) {
        purging->floor = echo->known;
        return purging->numbers < NUMBERS_MAX;
    }
    for (size_t i = 0; i < purging->awaited_count; i++) {
        if (strcmp(purging->awaited[i].id, echo->id) == 0)
            purging->awaited[i].confirmed = true;
    }
    return false;
}

void coherence_hear_echo(struct coherence *coherence, const struct echo *echo)
{
    struct purging *next;
    for (struct purging *purging = coherence->purgings; purging != NULL; purging = next) {
        next = purging->next;
        if (purging->calling || purging->kept || purging->number == 0)
            continue;
        if (take_echo(purging, echo))
            tell(purging);
        else if (is_confirmed(purging))
            finish(purging, true);
    }
}

void coherence_excuse(struct coherence *coherence, struct slice id)
{
    struct purging *next;
    for (struct purging *purging = coherence->purgings; purging != NULL; purging = next) {
        next = purging->next;
        for (size_t i = 0; i < purging->awaited_count; i++)
            purging->awaited[i].excused |= slice_is(id, purging->awaited[i].id);
        if (!purging->calling && !purging->kept && purging->number != 0 && is_confirmed(purging))
            finish(purging, true);
    }
}

/* Telling. */

static void on_timer(struct timer *timer)
{
    struct purging *purging = MEM_OUTER(timer, struct purging, timer);
    if (purging->number == 0)
        tell(purging);
    else
        finish(purging, true); /* who has not confirmed is silent */
}

static void name_all(const struct coherence *coherence, char all[COHERENCE_PREFIX_MAX + 4])
{
    snprintf(all, COHERENCE_PREFIX_MAX + 4, "%s%s", coherence->prefix, KEY_VERSION);
}

/* To be told when Redis passes it on. Those kept before that say no more than this one are forgotten. */
static void keep(struct purging *purging)
{
    struct coherence *coherence = purging->coherence;
    struct purging *next;
    size_t count = 0;
    for (struct purging *other = coherence->purgings; other != NULL; other = other->next)
        count += other->kept;
    if (count >= KEPT_MAX) {
        char all[COHERENCE_PREFIX_MAX + 4];
        name_all(coherence, all);
        purging->soft = false;
        purging->head_length = strlen(all);
        memcpy(purging->head, all, purging->head_length);
    }
    for (struct purging *other = coherence->purgings; other != NULL; other = next) {
        next = other->next;
        if (other->kept && (!purging->soft || other->soft) && slice_starts_with(head_of(other), head_of(purging)))
            forget(other);
    }
    purging->kept = true;
}

static void keep_or_retry(struct purging *purging, const char *why)
{
    struct loop *loop = purging->coherence->options.loop;
    int64_t now_us = loop_now(loop);
    bool was_kept = purging->order == NULL;
    if (!was_kept && now_us - purging->since_us < TRY_MS * CLOCK_MILLISECOND) {
        timer_start(loop, &purging->timer, now_us + RETRY_MS * CLOCK_MILLISECOND);
        return;
    }
    await_known(purging);
    answer(purging, false);
    keep(purging);
    if (!was_kept)
        log_write(purging->coherence->log, LOG_LEVEL_WARN,
                  "a purge cannot be told to the other gateways now; it is kept, and will be",
                  LOG_FIELDS(LOG_TEXT("why", slice_of(why))));
}

static void on_told(struct redis_call *call)
{
    struct purging *purging = MEM_OUTER(call, struct purging, call);
    struct coherence *coherence = purging->coherence;
    const struct redisReply *reply = call->reply;
    int64_t number;
    char room[REDIS_FAILURE_MAX];
    purging->calling = false;
    if (call->outcome != REDIS_ANSWERED || reply->type != REDIS_REPLY_ARRAY || reply->elements < 1 ||
        !coherence_number(redis_wire_text(reply->element[0]), &number) || number <= purging->least) {
        keep_or_retry(purging, redis_call_failure(call, room));
        return;
    }
    purging->number = number;
    purging->numbers++;
    (void)purges_add(memory_purges(coherence->options.memory), head_of(purging), number, purging->soft,
                     loop_now(coherence->options.loop), NULL);
    await_known(purging);
    for (size_t i = 1; i < reply->elements && !purging->crowded; i++)
        await(purging, redis_wire_text(reply->element[i]));
    size_t kept = coherence->echo_count < COHERENCE_ECHOES ? coherence->echo_count : COHERENCE_ECHOES;
    for (size_t i = 0; i < kept; i++) {
        if (take_echo(purging, &coherence->echoes[i])) {
            tell(purging);
            return;
        }
    }
    if (is_confirmed(purging))
        finish(purging, true);
    else
        timer_start(coherence->options.loop, &purging->timer, purging->since_us + WAIT_MS * CLOCK_MILLISECOND);
}

static void tell(struct purging *purging)
{
    struct coherence *coherence = purging->coherence;
    int64_t known = purges_known(memory_purges(coherence->options.memory));
    int64_t lifetime_ms = lifetime_whole(coherence->options.lifetime) / CLOCK_MILLISECOND + 60 * 1000;
    char all[COHERENCE_PREFIX_MAX + 4];
    timer_stop(coherence->options.loop, &purging->timer);
    purging->calling = true;
    purging->kept = false;
    purging->number = 0;
    name_all(coherence, all);
    purging->least = known > purging->floor ? known : purging->floor;
    snprintf(purging->texts[0], sizeof(purging->texts[0]), "%" PRId64, purging->least);
    snprintf(purging->texts[1], sizeof(purging->texts[1]), "%" PRId64, lifetime_ms);
    snprintf(purging->texts[2], sizeof(purging->texts[2]), "%d", COHERENCE_LIVE_MS);
    snprintf(purging->texts[3], sizeof(purging->texts[3]), "%d", PURGES_MAX);
    snprintf(purging->texts[4], sizeof(purging->texts[4]), "%" PRId64, PURGE_NUMBER_MAX);
    purging->call = (struct redis_call){.on_done = on_told};
    const struct slice arguments[] = {slice_of(coherence->channel),
                                      slice_of(coherence->id),
                                      slice_of(purging->soft ? "s" : "h"),
                                      head_of(purging),
                                      slice_of(purging->texts[0]),
                                      slice_of(purging->texts[1]),
                                      slice_of(purging->texts[2]),
                                      slice_of(purging->texts[3]),
                                      slice_of(all),
                                      slice_of(purging->texts[4])};
    coherence_run(coherence, &purging->call, &purge_script, arguments, 10);
}

void coherence_tell_purges(struct coherence *coherence)
{
    for (struct purging *purging = coherence->purgings; purging != NULL; purging = purging->next) {
        if (purging->kept) {
            purging->numbers = 0;
            purging->floor = 0;
            purging->since_us = loop_now(coherence->options.loop);
            tell(purging);
        }
    }
}

/* Ordering. */

static void begin(struct coherence *coherence, struct purge_order *order)
{
    struct purging *purging = mem_new(sizeof(*purging));
    struct purges *purges = memory_purges(coherence->options.memory);
    assert(order->head_length > 0 && order->head_length <= PURGE_HEAD_MAX);
    purging->coherence = coherence;
    purging->order = order;
    memcpy(purging->head, order->head, order->head_length);
    purging->head_length = order->head_length;
    purging->soft = order->soft;
    purging->since_us = loop_now(coherence->options.loop);
    purging->timer.on_timer = on_timer;
    purging->next = coherence->purgings;
    coherence->purgings = purging;
    buf_init(&order->confirmed, COHERENCE_GATEWAYS_MAX * 2 * COHERENCE_ID_MAX);
    buf_init(&order->silent, COHERENCE_GATEWAYS_MAX * 2 * COHERENCE_ID_MAX);
    if (coherence->options.redis == NULL) {
        (void)coherence_apply(coherence, head_of(purging), purges_known(purges) + 1, order->soft);
        finish(purging, true);
    } else {
        coherence_order(coherence, head_of(purging), order->soft);
        tell(purging);
    }
}

static void on_order(struct letter *letter, void *receiver)
{
    begin(receiver, MEM_OUTER(letter, struct purge_order, letter));
}

void coherence_purge(struct coherence *coherence, struct purge_order *order)
{
    order->letter.on_open = on_order;
    mailbox_post(coherence->mailbox, &order->letter);
}

void coherence_end_purges(struct coherence *coherence)
{
    while (coherence->purgings != NULL)
        finish(coherence->purgings, coherence->purgings->number != 0);
}
