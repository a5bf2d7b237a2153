/* SPDX-License-Identifier: MIT */
/* A flight's key is "F<mark>" while somebody flies it, and "E<instant><mark><news>" after, where the instant is Redis's
 * clock in 16 digits. An end is good for who needed the window before it: an ask that came after it has seen the store
 * with the window in it, and was not content. So the age of an end is compared with the age of the ask; the way to
 * Redis and back is counted in the ask's favour. */
#include "upstream/fleet_flight.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define BACKGROUND_AGE_US (1 * CLOCK_SECOND) /* a refresh is as good as another of a moment ago */

struct fleet_flights {
    struct fleet *fleet;
    struct map *following; /* by name: who asks or follows, and would be helped by an end */
};

/* KEYS: the flight. ARGV: our mark, ms of the lock, the mark of an end that will not do. Answers "led", "held" with
 * the ms that the lock has left, or "ended" with the end's age in µs, its mark and its news. What we cannot have
 * written is nobody's, and so is what Redis's clock, having jumped back, keeps for longer than we meant. */
static const struct redis_script join_script = {
    "flight_join",
    "local value = redis.call('GET', KEYS[1]) or ''\n"
    "local left = redis.call('PTTL', KEYS[1])\n"
    "if string.find(value, '^F%x+$') and string.sub(value, 2) ~= ARGV[1] and left >= 0 and\n"
    "    left <= tonumber(ARGV[2]) then\n"
    "  return {'held', left}\n"
    "end\n"
    "local mark = string.match(value, '^E' .. string.rep('%d', 16) .. '(' .. string.rep('%x', 24) .. ')')\n"
    "if mark and mark ~= ARGV[3] then\n"
    "  local time = redis.call('TIME')\n"
    "  local age = time[1] * 1000000 + time[2] - tonumber(string.sub(value, 2, 17))\n"
    "  if age >= 0 then return {'ended', age, mark, string.sub(value, 42)} end\n"
    "end\n"
    "redis.call('SET', KEYS[1], 'F' .. ARGV[1], 'PX', ARGV[2])\n"
    "return {'led'}\n"};

/* KEYS: the flight. ARGV: our mark, ms. A lock that is gone is taken again: Redis may have lost it. */
static const struct redis_script renew_script = {"flight_renew",
                                                 "local value = redis.call('GET', KEYS[1])\n"
                                                 "if not value or value == 'F' .. ARGV[1] then\n"
                                                 "  redis.call('SET', KEYS[1], 'F' .. ARGV[1], 'PX', ARGV[2])\n"
                                                 "  return {1}\n"
                                                 "end\n"
                                                 "return {0}\n"};

/* KEYS: the flight. ARGV: our mark, the news ("": none, the lead is given up), ms to keep them, the channel, what is
 * said there before the mark and the news. */
static const struct redis_script end_script = {
    "flight_end", "if redis.call('GET', KEYS[1]) ~= 'F' .. ARGV[1] then\n"
                  "  return {0}\n"
                  "end\n"
                  "if ARGV[2] == '' then\n"
                  "  redis.call('DEL', KEYS[1])\n"
                  "  redis.call('PUBLISH', ARGV[4], ARGV[5])\n"
                  "else\n"
                  "  local time = redis.call('TIME')\n"
                  "  local now = string.format('%016.0f', time[1] * 1000000 + time[2])\n"
                  "  redis.call('SET', KEYS[1], 'E' .. now .. ARGV[1] .. ARGV[2], 'PX', ARGV[3])\n"
                  "  redis.call('PUBLISH', ARGV[4], ARGV[5] .. ARGV[1] .. ARGV[2])\n"
                  "end\n"
                  "return {1}\n"};

/* The turns. */

static struct fleet *fleet_of(const struct fleet_flight *flight)
{
    return flight->flights->fleet;
}

static void forget(struct fleet_flight *flight)
{
    struct map *following = flight->flights->following;

    if (map_get(following, buf_slice(&flight->name)) == flight)
        map_remove(following, buf_slice(&flight->name));
}

static void stop(struct fleet_flight *flight)
{
    struct fleet *fleet = fleet_of(flight);

    if (flight->state == FLEET_ASKING)
        fleet->redis->cancel(fleet->redis, &flight->call);
    timer_stop(fleet->loop, &flight->timer);
    forget(flight);
    flight->state = FLEET_APART;
}

static void ask(struct fleet_flight *flight)
{
    struct fleet_words words = {.count = 0};

    assert(flight->state == FLEET_APART || flight->state == FLEET_FOLLOWING);
    timer_stop(fleet_of(flight)->loop, &flight->timer);
    flight->state = FLEET_ASKING;
    flight->heard = false;
    fleet_say(&words, buf_slice(&flight->name));
    fleet_say(&words, slice_of(flight->mark));
    fleet_say_number(&words, FLEET_FLIGHT_LOCK_MS);
    fleet_say(&words, slice_of(flight->passed));
    fleet_ask(fleet_of(flight), &flight->call, &join_script, 1, &words);
}

static void give_turn(struct fleet_flight *flight, enum fleet_turn turn, const struct fleet_news *news)
{
    if (turn != FLEET_FOLLOW)
        forget(flight);
    flight->on_turn(flight, turn, news);
}

static void go_alone(struct fleet_flight *flight)
{
    flight->state = FLEET_APART;
    counters_add(fleet_of(flight)->counters, METRIC_FLEET_ALONE, 1);
    give_turn(flight, FLEET_ALONE, NULL);
}

static void lead(struct fleet_flight *flight)
{
    struct fleet *fleet = fleet_of(flight);

    flight->state = FLEET_LEADING;
    timer_start(fleet->loop, &flight->timer, loop_now(fleet->loop) + FLEET_FLIGHT_RENEW_MS * CLOCK_MILLISECOND);
    counters_add(fleet->counters, flight->told ? METRIC_FLEET_TAKEN_OVER : METRIC_FLEET_LED, 1);
    give_turn(flight, FLEET_LEAD, NULL);
}

/* The next look: soon where nobody tells us, and not before the lock can be gone where its end is near. */
static int64_t pause_us(struct fleet_flight *flight)
{
    struct fleet *fleet = fleet_of(flight);
    int64_t pause_ms = fleet->linked ? FLEET_FLIGHT_POLL_MS : FLEET_FLIGHT_POLL_DEAF_MS;

    if (flight->held_ms >= 0 && flight->held_ms < pause_ms)
        pause_ms = flight->held_ms + 1;
    return random_between(&fleet->random, pause_ms * CLOCK_MILLISECOND, pause_ms * CLOCK_MILLISECOND * 5 / 4);
}

static void follow(struct fleet_flight *flight)
{
    struct fleet *fleet = fleet_of(flight);

    if (flight->anew) {
        go_alone(flight);
        return;
    }
    flight->state = FLEET_FOLLOWING;
    timer_start(fleet->loop, &flight->timer, loop_now(fleet->loop) + (flight->heard ? 0 : pause_us(flight)));
    if (flight->told)
        return;
    flight->told = true;
    counters_add(fleet->counters, METRIC_FLEET_FOLLOWED, 1);
    give_turn(flight, FLEET_FOLLOW, NULL);
}

static void set_mark(char to[FLEET_MARK_BYTES + 1], struct slice mark)
{
    snprintf(to, FLEET_MARK_BYTES + 1, "%.*s", (int)mark.length, mark.at);
}

/* An end whose words we do not know is none. */
static void take_news(struct fleet_flight *flight, struct slice mark, struct slice text)
{
    struct fleet_news news;

    set_mark(flight->news_mark, mark);
    if (!fleet_news_read(text, &news)) {
        flight->state = FLEET_FOLLOWING;
        fleet_flight_pass(flight);
        return;
    }
    timer_stop(fleet_of(flight)->loop, &flight->timer);
    flight->state = FLEET_APART;
    give_turn(flight, FLEET_NEWS, &news);
}

static bool is_good_enough(const struct fleet_flight *flight, int64_t age_us)
{
    int64_t waited_us = loop_now(fleet_of(flight)->loop) - flight->came_us;

    if (flight->anew)
        return false;
    return age_us <= waited_us || (flight->background && age_us <= BACKGROUND_AGE_US);
}

static void on_joined(struct redis_call *call)
{
    struct fleet_flight *flight = MEM_OUTER(call, struct fleet_flight, call);

    if (!fleet_answered(fleet_of(flight), call, 1)) {
        go_alone(flight);
        return;
    }
    struct slice answer = fleet_text(call, 0);
    flight->held_ms = fleet_number(call, 1);
    if (slice_is(answer, "led")) {
        lead(flight);
    } else if (slice_is(answer, "held")) {
        follow(flight);
    } else if (!fleet_mark_is_good(fleet_text(call, 2))) {
        go_alone(flight); /* no answer of our script */
    } else if (is_good_enough(flight, fleet_number(call, 1))) {
        take_news(flight, fleet_text(call, 2), fleet_text(call, 3));
    } else {
        set_mark(flight->news_mark, fleet_text(call, 2));
        flight->state = FLEET_FOLLOWING;
        fleet_flight_pass(flight);
    }
}

static void on_timer(struct timer *timer)
{
    struct fleet_flight *flight = MEM_OUTER(timer, struct fleet_flight, timer);
    struct fleet *fleet = fleet_of(flight);
    struct fleet_words words = {.count = 0};

    if (flight->state == FLEET_FOLLOWING) {
        ask(flight);
        return;
    }
    fleet_say(&words, buf_slice(&flight->name));
    fleet_say(&words, slice_of(flight->mark));
    fleet_say_number(&words, FLEET_FLIGHT_LOCK_MS);
    fleet_tell(fleet, &renew_script, 1, &words);
    timer_start(fleet->loop, timer, loop_now(fleet->loop) + FLEET_FLIGHT_RENEW_MS * CLOCK_MILLISECOND);
}

static void on_message(void *context, const struct fleet_message *message)
{
    struct fleet_flights *flights = context;
    struct fleet_flight *flight = map_get(flights->following, message->name);

    if (flight == NULL)
        return;
    flight->heard = true;
    if (flight->state != FLEET_FOLLOWING)
        return;
    if (message->news.length > 0)
        take_news(flight, message->mark, message->news);
    else
        ask(flight);
}

/* In and out. */

/* Entries of the store begin with the fleet's prefix and a version; flights stand beside them. */
static bool put_name(struct fleet_flight *flight)
{
    struct slice prefix = slice_of(fleet_of(flight)->prefix), key = flight->key;

    buf_free(&flight->name);
    buf_init(&flight->name, FLEET_NAME_MAX);
    if (slice_starts_with(key, prefix))
        key = slice_make(key.at + prefix.length, key.length - prefix.length);
    buf_add(&flight->name, prefix);
    buf_add_text(&flight->name, "flight:");
    buf_add(&flight->name, key);
    return buf_ok(&flight->name);
}

void fleet_flight_join(struct fleet_flights *flights, struct fleet_flight *flight)
{
    flight->flights = flights;
    flight->state = FLEET_APART;
    flight->passed[0] = flight->news_mark[0] = '\0';
    flight->told = false;
    flight->call = (struct redis_call){.on_done = on_joined};
    flight->timer.on_timer = on_timer;
    fleet_mark(flight->mark);
    if (!put_name(flight))
        abort(); /* keys are short; no memory for a text of our own */
    if (!flight->anew)
        map_put(flights->following, buf_slice(&flight->name), flight);
    ask(flight);
}

void fleet_flight_pass(struct fleet_flight *flight)
{
    memcpy(flight->passed, flight->news_mark, sizeof flight->passed);
    if (!flight->anew)
        map_put(flight->flights->following, buf_slice(&flight->name), flight);
    ask(flight);
}

void fleet_flight_take_end(struct fleet_flight *flight, struct fleet_end *end)
{
    assert(flight->state == FLEET_LEADING);
    end->flights = flight->flights;
    buf_take(&end->name, &flight->name);
    memcpy(end->mark, flight->mark, sizeof end->mark);
    stop(flight);
}

void fleet_end_tell(struct fleet_end *end, const struct fleet_news *news)
{
    struct fleet *fleet = end->flights->fleet;
    struct fleet_words words = {.count = 0};
    char text[FLEET_NEWS_MAX] = "";
    struct buf message;

    if (news != NULL)
        fleet_news_write(text, news);
    buf_init(&message, 2 * FLEET_NAME_MAX);
    buf_format(&message, "F%zu ", end->name.length);
    buf_add(&message, buf_slice(&end->name));
    if (!buf_ok(&message))
        abort(); /* no memory for a text of our own */
    fleet_say(&words, buf_slice(&end->name));
    fleet_say(&words, slice_of(end->mark));
    fleet_say(&words, slice_of(text));
    fleet_say_number(&words, FLEET_FLIGHT_NEWS_MS);
    fleet_say(&words, slice_of(fleet->channel));
    fleet_say(&words, buf_slice(&message));
    fleet_tell(fleet, &end_script, 1, &words);
    buf_free(&message);
    buf_free(&end->name);
}

void fleet_flight_tell(struct fleet_flight *flight, const struct fleet_news *news)
{
    struct fleet_end end;

    buf_init(&end.name, FLEET_NAME_MAX);
    fleet_flight_take_end(flight, &end);
    fleet_end_tell(&end, news);
}

static void give_up_lead(struct fleet_flight *flight)
{
    struct fleet_end end = {.flights = flight->flights};

    buf_take(&end.name, &flight->name);
    memcpy(end.mark, flight->mark, sizeof end.mark);
    fleet_end_tell(&end, NULL);
}

void fleet_flight_leave(struct fleet_flight *flight)
{
    if (flight->flights == NULL)
        return;
    /* Its question may have taken the lead, though the answer is not heard any more. */
    bool may_lead = flight->state == FLEET_LEADING || flight->state == FLEET_ASKING;

    if (flight->state != FLEET_APART)
        stop(flight);
    if (may_lead)
        give_up_lead(flight);
    buf_free(&flight->name);
}

struct fleet_flights *fleet_flights_new(struct fleet *fleet)
{
    struct fleet_flights *flights = mem_new(sizeof *flights);
    struct hash_secret secret;

    hash_secret_init(&secret);
    flights->fleet = fleet;
    flights->following = map_new(&secret);
    fleet->topics[FLEET_FLIGHT].hear = on_message;
    fleet->topics[FLEET_FLIGHT].context = flights;
    return flights;
}

void fleet_flights_free(struct fleet_flights *flights)
{
    if (flights == NULL)
        return;
    assert(map_count(flights->following) == 0);
    flights->fleet->topics[FLEET_FLIGHT].hear = NULL;
    map_free(flights->following);
    mem_free(flights);
}
