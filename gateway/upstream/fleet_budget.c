/* SPDX-License-Identifier: MIT */
/* Slots: asked for ahead of need, kept while they are good, used in order, given back. What is exact about them stands
 * in fleet_budget_scripts.c. A slot whose while is over when the answer comes is of no use: then the next while is
 * twice as long. */
#include "upstream/fleet_budget.h"

#include "base/least.h"
#include "upstream/budget.h"
#include "upstream/fleet_budget_scripts.h"
#include "upstream/fleet_share.h"

#include <assert.h>
#include <stdio.h>

enum { USED_MAX = 512, VALID_MIN_MS = 10, VALID_MAX_MS = 1000, PROBATION_MS = 60000, ALIVE_MAX = 100000 };

struct slot {
    int64_t serial;
    int64_t until_us; /* its call must start before */
    bool probing;
};

struct fleet_budget {
    struct fleet *fleet;
    struct fleet_budget_options options;
    struct fleet_budget_events events;
    char *starts_key, *pause_key, *alive_key;

    int64_t wanted;
    struct slot slots[FLEET_SLOTS_MAX]; /* the oldest first */
    size_t slot_count;
    int64_t serial;      /* of the last slot asked for */
    char used[USED_MAX]; /* serials of slots that were used, to be told; separated by commas */
    int64_t valid_us;    /* how long the next slots are good */
    int64_t valid_least_us;

    struct redis_call call;
    bool asking;
    int64_t asked_us, asked_for;
    int64_t not_before_us;   /* nothing is to be had earlier */
    struct timer timer;      /* of the next question */
    int64_t alive;           /* gateways last seen, 0: never any */
    struct budget *share;    /* while Redis does not share it */
    int64_t share_used_us;   /* when a call was started from it last */
    struct fleet_share seen; /* of what Redis gives */
};

static int64_t now_of(const struct fleet_budget *budget)
{
    return loop_now(budget->fleet->loop);
}

static void say_slot(char *text, size_t size, const struct fleet_budget *budget, int64_t serial)
{
    snprintf(text, size, "%s:%lld", budget->fleet->me, (long long)serial);
}

/* A list of serials that takes no more than it has room for: what is not told costs a slot's while, nothing else. */
static void add_serial(char list[USED_MAX], int64_t serial)
{
    size_t length = strlen(list);

    if (length + 24 < USED_MAX)
        snprintf(list + length, USED_MAX - length, "%lld,", (long long)serial);
}

static void drop_first_slot(struct fleet_budget *budget)
{
    budget->slot_count--;
    memmove(budget->slots, budget->slots + 1, budget->slot_count * sizeof budget->slots[0]);
}

static void drop_old_slots(struct fleet_budget *budget)
{
    while (budget->slot_count > 0 && now_of(budget) >= budget->slots[0].until_us)
        drop_first_slot(budget);
}

/* Of this gateway alone, as far as is known. */
static int64_t share_of(const struct fleet_budget *budget)
{
    return most(budget->options.count / most(budget->alive, 1), 1);
}

/* While Redis does not share it. Slots that the others hold may still be used: so nothing is started before they have
 * left the interval. */
static void go_away(struct fleet_budget *budget)
{
    const struct fleet_budget_options *options = &budget->options;

    if (budget->share != NULL)
        return;
    budget->share = budget_new(share_of(budget), options->interval_us, 0);
    budget_pause(budget->share, now_of(budget) + options->interval_us + budget->valid_us);
    log_write(
        budget->fleet->log, LOG_LEVEL_WARN, "the upstream budget is not shared",
        LOG_FIELDS(LOG_TEXT("why", slice_of(budget->fleet->why)), LOG_NUMBER("gateways", most(budget->alive, 1))));
}

/* When it is worth asking for slots. What was started while Redis was away must have left the interval: Redis knows
 * nothing of it, and nothing that Redis or another gateway says changes that. */
static int64_t hope_us(const struct fleet_budget *budget)
{
    int64_t share_is_over_us = budget->share_used_us > 0 ? budget->share_used_us + budget->options.interval_us : 0;

    return most(budget->not_before_us, share_is_over_us);
}

static void come_back(struct fleet_budget *budget)
{
    if (budget->share == NULL)
        return;
    budget_free(budget->share);
    budget->share = NULL;
    log_say(budget->fleet->log, LOG_LEVEL_INFO, "the upstream budget is shared again");
}

/* Questions. */

static int64_t missing(const struct fleet_budget *budget)
{
    int64_t batch = most(budget->options.count / (2 * most(budget->alive, 1)), 1);

    return least(least(budget->wanted, FLEET_SLOTS_MAX) - (int64_t)budget->slot_count, batch);
}

static void ask(struct fleet_budget *budget, int64_t slots)
{
    struct fleet *fleet = budget->fleet;
    struct fleet_words words = {.count = 0};

    timer_stop(fleet->loop, &budget->timer);
    budget->asking = true;
    budget->asked_us = now_of(budget);
    budget->asked_for = slots;
    fleet_say(&words, slice_of(budget->starts_key));
    fleet_say(&words, slice_of(budget->pause_key));
    fleet_say(&words, slice_of(budget->alive_key));
    fleet_say(&words, slice_of(fleet->me));
    fleet_say_number(&words, slots);
    fleet_say_number(&words, budget->serial);
    fleet_say_number(&words, budget->options.count);
    fleet_say_number(&words, budget->options.interval_us);
    fleet_say_number(&words, budget->valid_us);
    fleet_say_number(&words, FLEET_ALIVE_MS);
    fleet_say_number(&words, budget->options.pause_max_us);
    fleet_say_number(&words, budget->options.probe_us);
    fleet_say(&words, slice_of(budget->used));
    counters_add(fleet->counters, METRIC_FLEET_BUDGET_COMMANDS, 1);
    fleet_ask(fleet, &budget->call, &fleet_budget_take, 3, &words);
    budget->used[0] = '\0';
    budget->serial += slots;
}

/* The next question: now, when there is hope, or to show that we live. */
static void go_on(struct fleet_budget *budget)
{
    int64_t now_us = now_of(budget);
    bool hungry = missing(budget) > 0;

    if (budget->asking)
        return;
    if (hungry && budget->share == NULL && now_us >= hope_us(budget))
        ask(budget, missing(budget));
    else if (hungry)
        timer_start(budget->fleet->loop, &budget->timer,
                    most(budget->share == NULL ? hope_us(budget) : budget->not_before_us, now_us));
    else
        timer_start(budget->fleet->loop, &budget->timer, now_us + FLEET_BEAT_MS * CLOCK_MILLISECOND);
}

static void on_timer(struct timer *timer)
{
    struct fleet_budget *budget = MEM_OUTER(timer, struct fleet_budget, timer);

    /* While Redis does not share it, it is only asked whether it does again. */
    bool hopeful = budget->share == NULL && now_of(budget) >= hope_us(budget);

    ask(budget, hopeful ? most(missing(budget), 0) : 0);
}

static void keep_slots(struct fleet_budget *budget, int64_t given, bool probing)
{
    int64_t first = budget->serial - budget->asked_for + 1;
    int64_t until_us = budget->asked_us + budget->valid_us;
    bool late = now_of(budget) >= until_us;

    assert(given >= 0 && given <= budget->asked_for);
    for (int64_t i = 0; i < given && !late; i++)
        budget->slots[budget->slot_count++] = (struct slot){first + i, until_us, probing};
    if (given > 0 && late)
        budget->valid_us = least(budget->valid_us * 2, VALID_MAX_MS * CLOCK_MILLISECOND);
    else if (given > 0)
        budget->valid_us = most(budget->valid_us * 15 / 16, budget->valid_least_us);
}

static void take_answer(struct fleet_budget *budget)
{
    const struct redis_call *call = &budget->call;
    int64_t now_us = now_of(budget), interval_us = budget->options.interval_us;
    int64_t given = most(least(fleet_number(call, 0), budget->asked_for), 0);
    int64_t wait_us = most(least(fleet_number(call, 1), budget->options.pause_max_us), 0);
    int64_t why = fleet_number(call, 3);

    budget->alive = least(fleet_number(call, 2), ALIVE_MAX);
    come_back(budget);
    keep_slots(budget, given, fleet_number(call, 4) != 0);
    fleet_share_got(&budget->seen, now_us, interval_us, given);
    if (wait_us == 0)
        return;
    budget->not_before_us = most(budget->not_before_us, now_us + wait_us);
    if (why != 0)
        fleet_share_forget(&budget->seen);
    else
        fleet_share_starved(&budget->seen, now_us, interval_us, now_us + wait_us);
    if (why == 1)
        budget->events.on_pause(budget->events.context, wait_us);
}

static void on_taken(struct redis_call *call)
{
    struct fleet_budget *budget = MEM_OUTER(call, struct fleet_budget, call);

    budget->asking = false;
    drop_old_slots(budget);
    if (fleet_answered(budget->fleet, call, 5)) {
        take_answer(budget);
    } else {
        budget->not_before_us = now_of(budget) + FLEET_AWAY_RETRY_MS * CLOCK_MILLISECOND;
        go_away(budget);
    }
    budget->events.on_change(budget->events.context);
    go_on(budget);
}

static void give_back(struct fleet_budget *budget)
{
    struct fleet_words words = {.count = 0};
    char list[USED_MAX] = "";

    while (budget->slot_count > 0 && (int64_t)budget->slot_count > budget->wanted)
        add_serial(list, budget->slots[--budget->slot_count].serial);
    fleet_say(&words, slice_of(budget->starts_key));
    fleet_say(&words, slice_of(budget->pause_key));
    fleet_say(&words, slice_of(budget->fleet->me));
    fleet_say(&words, slice_of(list));
    counters_add(budget->fleet->counters, METRIC_FLEET_BUDGET_COMMANDS, 1);
    fleet_tell(budget->fleet, &fleet_budget_return, 2, &words);
}

void fleet_budget_want(struct fleet_budget *budget, int64_t wanted)
{
    bool was_hungry = missing(budget) > 0;

    budget->wanted = wanted;
    if (wanted == 0)
        fleet_share_fed(&budget->seen, now_of(budget), budget->options.interval_us);
    drop_old_slots(budget);
    if ((int64_t)budget->slot_count > wanted)
        give_back(budget);
    if (missing(budget) > 0 || was_hungry)
        go_on(budget);
}

bool fleet_budget_is_ready(struct fleet_budget *budget)
{
    drop_old_slots(budget);
    return budget->slot_count > 0 ||
           (budget->share != NULL && budget_ready_at(budget->share, now_of(budget)) <= now_of(budget));
}

int64_t fleet_budget_ready_at(const struct fleet_budget *budget)
{
    return budget->share != NULL ? budget_ready_at(budget->share, now_of(budget)) : CLOCK_NEVER;
}

int64_t fleet_budget_turn(struct fleet_budget *budget, int64_t ahead)
{
    int64_t now_us = now_of(budget);

    if (budget->share != NULL)
        return budget_ready_behind(budget->share, now_us, ahead);
    return fleet_share_turn(&budget->seen, now_us, budget->options.interval_us, share_of(budget), ahead);
}

int64_t fleet_budget_start(struct fleet_budget *budget)
{
    if (budget->slot_count == 0) {
        budget_start(budget->share, now_of(budget));
        budget->share_used_us = now_of(budget);
        return 0;
    }
    struct slot slot = budget->slots[0];
    drop_first_slot(budget);
    add_serial(budget->used, slot.serial);
    return slot.probing ? slot.serial : 0;
}

void fleet_budget_pause(struct fleet_budget *budget, int64_t pause_us)
{
    struct fleet_words words = {.count = 0};

    fleet_say(&words, slice_of(budget->pause_key));
    fleet_say_number(&words, pause_us);
    fleet_say_number(&words, budget->options.pause_max_us);
    fleet_say_number(&words, PROBATION_MS);
    fleet_say(&words, slice_of(budget->fleet->channel));
    counters_add(budget->fleet->counters, METRIC_FLEET_BUDGET_COMMANDS, 1);
    fleet_tell(budget->fleet, &fleet_budget_announce, 1, &words);
}

void fleet_budget_pardon(struct fleet_budget *budget, int64_t probe)
{
    struct fleet_words words = {.count = 0};
    char slot[FLEET_MARK_BYTES + 24];

    say_slot(slot, sizeof slot, budget, probe);
    fleet_say(&words, slice_of(budget->pause_key));
    fleet_say(&words, slice_of(slot));
    fleet_say(&words, slice_of(budget->fleet->channel));
    counters_add(budget->fleet->counters, METRIC_FLEET_BUDGET_COMMANDS, 1);
    fleet_tell(budget->fleet, &fleet_budget_absolve, 1, &words);
}

bool fleet_budget_is_away(const struct fleet_budget *budget)
{
    return budget->share != NULL;
}

static void on_message(void *context, const struct fleet_message *message)
{
    struct fleet_budget *budget = context;
    int64_t pause_us = least(message->pause_us, budget->options.pause_max_us);

    budget->not_before_us = pause_us > 0 ? now_of(budget) + pause_us : 0;
    if (pause_us > 0)
        budget->events.on_pause(budget->events.context, pause_us);
    go_on(budget);
}

/* Birth and death. */

static char *make_key(const struct fleet *fleet, const char *name)
{
    struct buf key;

    buf_init(&key, SIZE_MAX / 4);
    buf_add_text(&key, fleet->prefix);
    buf_add_text(&key, name);
    char *copy = mem_copy_text(key.bytes, key.length);
    buf_free(&key);
    return copy;
}

/* How long a slot is good at least. */
static int64_t least_validity(const struct fleet_budget_options *options)
{
    return least(most(options->interval_us / 10, VALID_MIN_MS * CLOCK_MILLISECOND), VALID_MAX_MS * CLOCK_MILLISECOND);
}

struct fleet_budget *fleet_budget_new(struct fleet *fleet, const struct fleet_budget_options *options,
                                      const struct fleet_budget_events *events)
{
    struct fleet_budget *budget = mem_new(sizeof *budget);

    budget->fleet = fleet;
    budget->options = *options;
    budget->events = *events;
    budget->starts_key = make_key(fleet, "{upstream}:starts");
    budget->pause_key = make_key(fleet, "{upstream}:pause");
    budget->alive_key = make_key(fleet, "{upstream}:gateways");
    budget->valid_us = budget->valid_least_us = least_validity(options);
    budget->call.on_done = on_taken;
    budget->timer.on_timer = on_timer;
    fleet->topics[FLEET_BUDGET].hear = on_message;
    fleet->topics[FLEET_BUDGET].context = budget;
    timer_start(fleet->loop, &budget->timer, now_of(budget)); /* the others shall know of us */
    return budget;
}

void fleet_budget_change(struct fleet_budget *budget, const struct fleet_budget_options *options)
{
    bool is_wider = options->count > budget->options.count || options->interval_us < budget->options.interval_us;

    budget->options = *options;
    fleet_share_forget(&budget->seen);
    budget->valid_least_us = least_validity(options);
    budget->valid_us = most(budget->valid_us, budget->valid_least_us);
    if (budget->share != NULL)
        budget_change(budget->share, share_of(budget), options->interval_us, 0);
    else if (is_wider)
        budget->not_before_us = 0; /* what Redis said was of the narrower budget */
    go_on(budget);
}

void fleet_budget_free(struct fleet_budget *budget)
{
    if (budget == NULL)
        return;
    budget->fleet->topics[FLEET_BUDGET].hear = NULL;
    timer_stop(budget->fleet->loop, &budget->timer);
    if (budget->asking)
        budget->fleet->redis->cancel(budget->fleet->redis, &budget->call);
    budget_free(budget->share);
    mem_free(budget->starts_key);
    mem_free(budget->pause_key);
    mem_free(budget->alive_key);
    mem_free(budget);
}
