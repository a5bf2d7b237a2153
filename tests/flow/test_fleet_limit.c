/* SPDX-License-Identifier: MIT */
/* Never above the limit, whatever happens: any number of holders with the script that Redis runs, on a clock of the
 * test's. Every admission is checked against one ideal bucket, so every interval is: whoever admits more than burst +
 * rate x t in any t finds it empty. All short histories are tried, and many long ones at random. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "quota_server.h"

#include <stdio.h>

enum { HOLDERS_MAX = 8, FLYING_MAX = 4 };

static const int64_t START = INT64_C(1700000000) * CLOCK_SECOND;
static const int64_t TIMEOUT = 20 * CLOCK_MILLISECOND;

/* A call to Redis on its way: it runs at `runs_us`, its reply is there at `back_us`. Negative: never. */
struct flying {
    bool is_flying, has_run, is_forgotten, is_current;
    int64_t runs_us, back_us;
    struct quota_call_facts facts;
    struct lease_grant lease;
    struct prepaid_grant prepaid;
};

struct holder {
    struct lease lease;
    struct prepaid prepaid;
    char name[QUOTA_HOLDER_LENGTH + 1];
    int64_t sequence;
    int64_t fast_per_million; /* its clock against Redis's */
    int64_t waiting;          /* requests */
    struct flying flying[FLYING_MAX];
    int64_t admitted, refused, calls;
};

struct fleet {
    struct rate rate;
    struct rate_window misses; /* limit 0: none */
    struct quota_state state;
    struct holder holders[HOLDERS_MAX];
    size_t count;
    int64_t at_us; /* since START, real */
    struct rate_bucket ideal;
    int64_t admitted, searches, born;
    int64_t timeout_us;
    bool is_above;
};

static int64_t now_of(const struct fleet *fleet, const struct holder *holder)
{
    return 5000 * CLOCK_SECOND + fleet->at_us + fleet->at_us / 1000 * holder->fast_per_million / 1000;
}

static void born(struct fleet *fleet, struct holder *holder, int64_t fast_per_million)
{
    *holder = (struct holder){.fast_per_million = fast_per_million};
    snprintf(holder->name, sizeof holder->name, "%016llx", (unsigned long long)++fleet->born);
    lease_init(&holder->lease, fleet->rate.count > 0 ? &fleet->rate : NULL,
               fleet->timeout_us > 0 ? fleet->timeout_us : TIMEOUT, now_of(fleet, holder));
    prepaid_init(&holder->prepaid, &fleet->misses);
}

static void fleet_init(struct fleet *fleet, int64_t count, int64_t period_us, int64_t burst, size_t holders)
{
    *fleet = (struct fleet){.count = holders};
    assert_true(rate_init(&fleet->rate, count, period_us, burst));
    rate_fill(&fleet->rate, &fleet->ideal, START);
    for (size_t i = 0; i < holders; i++)
        born(fleet, &fleet->holders[i], 0);
}

static void admit(struct fleet *fleet, struct holder *holder)
{
    holder->admitted++;
    fleet->admitted++;
    fleet->is_above |= !rate_take(&fleet->rate, &fleet->ideal, START + fleet->at_us, 1);
}

static struct flying *send(struct fleet *fleet, struct holder *holder, int64_t need, bool nothing)
{
    struct flying *flying = holder->flying;
    int64_t now_us = now_of(fleet, holder);
    while (flying->is_flying && flying < holder->flying + FLYING_MAX - 1)
        flying++;
    *flying = (struct flying){
        .is_flying = true,
        .facts = {SLICE("t:"), SLICE("client"), slice_make(holder->name, QUOTA_HOLDER_LENGTH), ++holder->sequence},
    };
    if (nothing)
        lease_ask_nothing(&holder->lease, now_us, &flying->facts.lease);
    else
        lease_ask(&holder->lease, now_us, need, &flying->facts.lease);
    prepaid_ask(&holder->prepaid, now_us, 0, nothing, &flying->facts.prepaid);
    holder->calls++;
    return flying;
}

static void run(struct fleet *fleet, struct flying *flying)
{
    flying->has_run = true;
    flying->is_current =
        quota_server_run(&fleet->state, START + fleet->at_us, &flying->facts, &flying->lease, &flying->prepaid);
}

/* Serves those who wait, as far as it goes; true when a call must be made for the rest. */
static bool serve(struct fleet *fleet, struct holder *holder)
{
    int64_t retry_us;
    while (holder->waiting > 0) {
        enum lease_answer answer = lease_pay_waiter(&holder->lease, now_of(fleet, holder), &retry_us);
        if (answer == LEASE_ASK)
            return true;
        if (answer == LEASE_WAIT)
            return false;
        holder->waiting--;
        if (answer == LEASE_PAID)
            admit(fleet, holder);
        else
            holder->refused++;
    }
    return false;
}

/* True when a call must be made. */
static bool take_reply(struct fleet *fleet, struct holder *holder, struct flying *flying)
{
    flying->is_flying = false;
    if (!flying->is_forgotten) {
        if (flying->is_current) {
            lease_granted(&holder->lease, now_of(fleet, holder), &flying->lease);
            prepaid_granted(&holder->prepaid, now_of(fleet, holder), &flying->prepaid);
        } else {
            lease_failed(&holder->lease, now_of(fleet, holder));
        }
    }
    return serve(fleet, holder);
}

/* True when a call must be made. */
static bool request(struct fleet *fleet, struct holder *holder)
{
    int64_t retry_us;
    switch (lease_pay(&holder->lease, now_of(fleet, holder), &retry_us)) {
    case LEASE_PAID:
        admit(fleet, holder);
        return lease_is_due(&holder->lease, now_of(fleet, holder));
    case LEASE_ASK:
        holder->waiting++;
        return true;
    case LEASE_WAIT:
        holder->waiting++;
        return false;
    case LEASE_REFUSED:
        assert_true(retry_us > 0);
        holder->refused++;
        return false;
    case LEASE_AWAY:
        holder->refused++;
        return false;
    }
    return false;
}

/* All short histories. */

enum action { REQUEST, RUN, REPLY, LOSE, FORGET, DIE, SHORT_TIME, LONG_TIME, ACTIONS };

/* False when the action makes no difference here. */
static bool act(struct fleet *fleet, enum action action, size_t who)
{
    struct holder *holder = &fleet->holders[who];
    struct flying *flying = &holder->flying[0];
    struct flying *ghost = &holder->flying[1]; /* a call that was given up but can still run */
    switch (action) {
    case REQUEST:
        if (request(fleet, holder) && !flying->is_flying)
            send(fleet, holder, holder->waiting, false);
        return true;
    case RUN:
        if (flying->is_flying && !flying->has_run)
            run(fleet, flying);
        else if (ghost->is_flying)
            run(fleet, ghost), ghost->is_flying = false;
        else
            return false;
        return true;
    case REPLY:
        if (!flying->is_flying || !flying->has_run)
            return false;
        if (take_reply(fleet, holder, flying))
            send(fleet, holder, holder->waiting, false);
        return true;
    case LOSE:   /* it ran, and nobody hears of it */
    case FORGET: /* it may still run, later */
        if (!flying->is_flying || (action == LOSE) != flying->has_run)
            return false;
        if (action == FORGET) {
            *ghost = *flying;
            ghost->facts.holder = slice_make(holder->name, QUOTA_HOLDER_LENGTH);
        }
        flying->is_flying = false;
        lease_failed(&holder->lease, now_of(fleet, holder));
        serve(fleet, holder);
        holder->waiting = 0;
        return true;
    case DIE:
        if (holder->calls == 0)
            return false;
        born(fleet, holder, 0);
        return true;
    case SHORT_TIME:
    case LONG_TIME:
        if (who > 0)
            return false;
        fleet->at_us += action == SHORT_TIME ? 130 * CLOCK_MILLISECOND : 2100 * CLOCK_MILLISECOND;
        return true;
    case ACTIONS:
        break;
    }
    return false;
}

/* Names point into the holders, which move with a copy. */
static void settle_copy(struct fleet *fleet)
{
    for (size_t i = 0; i < fleet->count; i++)
        for (size_t k = 0; k < FLYING_MAX; k++)
            fleet->holders[i].flying[k].facts.holder = slice_make(fleet->holders[i].name, QUOTA_HOLDER_LENGTH);
}

static uint64_t try_all(const struct fleet *before, unsigned depth)
{
    uint64_t histories = 1;
    if (depth == 0)
        return histories;
    for (size_t who = 0; who < before->count; who++) {
        for (enum action action = 0; action < ACTIONS; action++) {
            struct fleet *after = mem_new(sizeof *after);
            *after = *before;
            settle_copy(after);
            if (act(after, action, who)) {
                assert_false(after->is_above);
                histories += try_all(after, depth - 1);
            }
            mem_free(after);
        }
    }
    return histories;
}

static void no_short_history_is_above(void **state)
{
    (void)state;
    static const int64_t BURSTS[] = {1, 2, 3, 9};
    uint64_t histories = 0;
    for (size_t i = 0; i < sizeof BURSTS / sizeof BURSTS[0]; i++) {
        struct fleet fleet;
        fleet_init(&fleet, 1, CLOCK_SECOND, BURSTS[i], 2);
        histories += try_all(&fleet, 6);
    }
    print_message("note: %llu histories\n", (unsigned long long)histories);
    assert_true(histories > 100000);
}

/* Long ones at random. */

struct weather {
    int64_t lost_percent, late_percent, die_per_10000, back_per_10000, delay_us, slow_delay_us;
    int64_t drift_per_million;
    int64_t timeout_us; /* 0: TIMEOUT */
};

static void fly(struct fleet *fleet, struct holder *holder, struct random *random, const struct weather *weather,
                int64_t need, bool nothing)
{
    struct flying *flying = send(fleet, holder, need, nothing);
    int64_t delay_us = random_between(random, 100, weather->delay_us);
    if (random_between(random, 1, 100) <= weather->late_percent)
        delay_us = random_between(random, 100, weather->slow_delay_us);
    flying->runs_us = fleet->at_us + delay_us / 2;
    flying->back_us = fleet->at_us + delay_us;
    if (random_between(random, 1, 100) <= weather->lost_percent)
        flying->back_us = -1;
}

static void move_flying(struct fleet *fleet, struct holder *holder, struct random *random,
                        const struct weather *weather)
{
    for (size_t k = 0; k < FLYING_MAX; k++) {
        struct flying *flying = &holder->flying[k];
        if (!flying->is_flying)
            continue;
        if (!flying->has_run && fleet->at_us >= flying->runs_us)
            run(fleet, flying);
        bool is_answered = flying->has_run && flying->back_us >= 0 && fleet->at_us >= flying->back_us;
        if (is_answered && take_reply(fleet, holder, flying))
            fly(fleet, holder, random, weather, holder->waiting, false);
        if (is_answered)
            continue;
        int64_t sent_us = holder->lease.sent_us;
        if (!flying->is_forgotten && now_of(fleet, holder) - sent_us > holder->lease.timeout_us) {
            flying->is_forgotten = true;
            lease_failed(&holder->lease, now_of(fleet, holder));
            serve(fleet, holder);
            holder->waiting = 0;
        }
        if (flying->is_forgotten && flying->has_run)
            flying->is_flying = false;
    }
}

static bool has_room(const struct holder *holder)
{
    for (size_t k = 0; k < FLYING_MAX; k++)
        if (!holder->flying[k].is_flying)
            return true;
    return false;
}

static void live_once(struct fleet *fleet, struct holder *holder, struct random *random, const struct weather *weather,
                      bool comes)
{
    for (size_t i = 0; i < fleet->count; i++)
        move_flying(fleet, &fleet->holders[i], random, weather);
    if (comes && request(fleet, holder) && has_room(holder))
        fly(fleet, holder, random, weather, holder->waiting, false);
    if (random_between(random, 1, 10000) <= weather->die_per_10000)
        born(fleet, holder, random_between(random, -weather->drift_per_million, weather->drift_per_million));
    if (random_between(random, 1, 10000) <= weather->back_per_10000 && !holder->lease.asking && has_room(holder))
        fly(fleet, holder, random, weather, 0, true);
    assert_false(fleet->is_above);
}

static void grow_up(struct fleet *fleet, struct random *random, const struct weather *weather)
{
    fleet->timeout_us = weather->timeout_us;
    for (size_t i = 0; i < fleet->count; i++)
        born(fleet, &fleet->holders[i],
             random_between(random, -weather->drift_per_million, weather->drift_per_million));
}

/* A client that comes at about `per_second`, all in all. */
static void live(struct fleet *fleet, uint64_t seed, int64_t per_second, int64_t seconds, const struct weather *weather)
{
    struct random random;
    random_init(&random, seed);
    grow_up(fleet, &random, weather);
    while (fleet->at_us < seconds * CLOCK_SECOND) {
        fleet->at_us += random_between(&random, 0, 2 * CLOCK_SECOND / per_second);
        live_once(fleet, &fleet->holders[random_between(&random, 0, (int64_t)fleet->count - 1)], &random, weather,
                  true);
    }
}

/* One that comes in waves: to one holder or to all, in a flood, by drops or not at all, so that the bucket is full now
 * and empty then and what lies unspent in leases counts. */
static void live_in_waves(struct fleet *fleet, uint64_t seed, int64_t seconds, const struct weather *weather)
{
    struct random random;
    random_init(&random, seed);
    grow_up(fleet, &random, weather);
    while (fleet->at_us < seconds * CLOCK_SECOND) {
        static const int64_t STEPS[] = {500, 5000, 100000, 400000};
        int64_t end_us = fleet->at_us + random_between(&random, 0, 3 * CLOCK_SECOND);
        int64_t only = random_between(&random, 0, 1) * random_between(&random, 1, (int64_t)fleet->count);
        int64_t step_us = STEPS[random_between(&random, 0, 3)];
        bool comes = random_between(&random, 0, 2) > 0;
        while (fleet->at_us < end_us) {
            int64_t who = only > 0 ? only - 1 : random_between(&random, 0, (int64_t)fleet->count - 1);
            fleet->at_us += random_between(&random, 0, 2 * step_us);
            live_once(fleet, &fleet->holders[who], &random, weather, comes);
        }
    }
}

static const struct weather FAIR = {.delay_us = 2000, .slow_delay_us = 2000};

static const struct weather WEATHERS[] = {
    {.lost_percent = 10,
     .late_percent = 10,
     .die_per_10000 = 20,
     .back_per_10000 = 20,
     .delay_us = 3000,
     .slow_delay_us = 3 * CLOCK_SECOND,
     .drift_per_million = 900},
    {.delay_us = 3000, .slow_delay_us = 3000, .drift_per_million = 900},
    {.late_percent = 50, .delay_us = 3000, .slow_delay_us = 3 * CLOCK_SECOND, .timeout_us = 4 * CLOCK_SECOND},
    {.lost_percent = 50, .delay_us = 3000, .slow_delay_us = 3000},
    {.back_per_10000 = 500, .delay_us = 3000, .slow_delay_us = 3000},
};

static void no_long_history_is_above(void **state)
{
    (void)state;
    static const struct rate RATES[] = {{100, CLOCK_SECOND, 100}, {3, CLOCK_SECOND, 3},    {10, CLOCK_SECOND, 1},
                                        {50, CLOCK_SECOND, 20},   {1000, CLOCK_SECOND, 7}, {2000, CLOCK_DAY, 40},
                                        {10, CLOCK_SECOND, 10},   {200, CLOCK_SECOND, 60}};
    enum { RATE_COUNT = sizeof RATES / sizeof RATES[0], WEATHER_COUNT = sizeof WEATHERS / sizeof WEATHERS[0] };
    for (uint64_t seed = 1; seed <= 2 * RATE_COUNT * WEATHER_COUNT; seed++) {
        const struct rate *rate = &RATES[seed % RATE_COUNT];
        struct fleet fleet;
        fleet_init(&fleet, rate->count, rate->period_us, rate->burst, 1 + seed % 5);
        live_in_waves(&fleet, seed, 30, &WEATHERS[seed / RATE_COUNT % WEATHER_COUNT]);
        assert_true(fleet.admitted > 0);
    }
}

/* Nothing is lost here but what the holder holds back because its clock might be fast: it is. */
static void a_fast_clock_spends_no_more(void **state)
{
    (void)state;
    struct random random;
    struct fleet fleet;
    random_init(&random, 1);
    fleet_init(&fleet, 100, CLOCK_SECOND, 100, 1);
    fleet.holders[0].fast_per_million = 1900;
    while (fleet.at_us < 100 * CLOCK_SECOND) {
        fleet.at_us += 1000;
        live_once(&fleet, &fleet.holders[0], &random, &FAIR, true);
    }
    assert_in_range(fleet.admitted, 100 * 95, 100 + 100 * 100);
}

static void flood_one(struct fleet *fleet, size_t who, struct random *random, int64_t us)
{
    for (int64_t end_us = fleet->at_us + us; fleet->at_us < end_us; fleet->at_us += 100)
        live_once(fleet, &fleet->holders[who], random, &FAIR, true);
}

/* A lease of minutes at a holder whose clock is slow: it must stop before Redis counts its tokens as free again. */
static void a_slow_clock_spends_no_longer(void **state)
{
    (void)state;
    for (int64_t before_us = 0; before_us < 6 * CLOCK_SECOND; before_us += 100 * CLOCK_MILLISECOND) {
        struct random random;
        struct fleet fleet;
        random_init(&random, 1);
        fleet_init(&fleet, 100, CLOCK_SECOND, 100, 2);
        struct holder *slow = &fleet.holders[0];
        slow->fast_per_million = -1900;
        for (int i = 0; i < 4; i++) { /* a request a minute: a long lease of a small part */
            live_once(&fleet, slow, &random, &FAIR, true);
            fleet.at_us += 3000;
            live_once(&fleet, slow, &random, &FAIR, false);
            fleet.at_us += 60 * CLOCK_SECOND;
        }
        int64_t stop_us = slow->lease.stop_us - now_of(&fleet, slow);
        assert_true(stop_us > 300 * CLOCK_SECOND);
        fleet.at_us += stop_us + 3 * CLOCK_SECOND - before_us;
        flood_one(&fleet, 1, &random, 250 * CLOCK_MILLISECOND); /* the other takes all there is */
        assert_in_range(fleet.admitted, 4 + 90, 4 + 130);
        for (int i = 0; i < 10; i++)
            live_once(&fleet, slow, &random, &FAIR, true);
    }
}

/* The reply lies in the socket while the process is stopped; when it goes on, the lease is over, and so is the time of
 * the tokens for those who waited. */
static void a_stopped_process_spends_nothing(void **state)
{
    (void)state;
    for (int64_t need = 1; need <= 60; need += 59) {
        struct random random;
        struct fleet fleet;
        random_init(&random, 1);
        fleet_init(&fleet, 100, CLOCK_SECOND, 100, 2);
        struct holder *stopped = &fleet.holders[0];
        struct flying *flying = send(&fleet, stopped, need, false);
        stopped->waiting = need;
        run(&fleet, flying);
        flying->runs_us = flying->back_us = INT64_MAX;
        fleet.at_us += 30 * CLOCK_SECOND;
        flying->is_flying = false; /* the test has it */
        flood_one(&fleet, 1, &random, 250 * CLOCK_MILLISECOND);
        assert_in_range(fleet.admitted, 90, 130);
        take_reply(&fleet, stopped, flying);
        assert_false(fleet.is_above);
        assert_int_equal(stopped->admitted, 0);
    }
}

/* Redis wants a holder to have less, and the reply that says so is lost: until its lease ends the holder goes on with
 * what it had, and so does Redis's record. */
static void a_lowered_share_is_heard_first(void **state)
{
    (void)state;
    struct random random;
    struct fleet fleet;
    random_init(&random, 1);
    fleet_init(&fleet, 1000, CLOCK_SECOND, 50, 2);
    struct holder *deaf = &fleet.holders[0];
    flood_one(&fleet, 0, &random, CLOCK_SECOND);
    assert_true(deaf->lease.share > deaf->lease.rate.count / 2);
    fleet.at_us += 300 * CLOCK_MILLISECOND; /* full */
    flood_one(&fleet, 1, &random, 100 * CLOCK_MILLISECOND);
    while (deaf->lease.asking)
        flood_one(&fleet, 1, &random, 1000);
    run(&fleet, send(&fleet, deaf, 0, false));
    memset(deaf->flying, 0, sizeof deaf->flying);
    lease_failed(&deaf->lease, now_of(&fleet, deaf));
    deaf->lease.away_until_us = CLOCK_NEVER;
    for (int i = 0; i < 3000; i++) {
        flood_one(&fleet, 0, &random, 100);
        flood_one(&fleet, 1, &random, 300);
    }
}

/* The figures that are promised: a client that floods four instances for ten seconds, and one at half its limit. */
static void a_flood_uses_what_there_is_and_asks_seldom(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct fleet fleet;
        fleet_init(&fleet, 100, CLOCK_SECOND, 100, 4);
        live(&fleet, seed, 1000, 10, &FAIR);
        print_message("note: flood: %lld admitted of 1100, calls %lld %lld %lld %lld\n", (long long)fleet.admitted,
                      (long long)fleet.holders[0].calls, (long long)fleet.holders[1].calls,
                      (long long)fleet.holders[2].calls, (long long)fleet.holders[3].calls);
        assert_true(fleet.admitted >= 1045);
        for (size_t i = 0; i < fleet.count; i++)
            assert_true(fleet.holders[i].calls <= 200);
    }
}

static void a_client_under_its_limit_is_never_refused_and_hardly_asked_for(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        for (size_t holders = 1; holders <= 4; holders += 3) {
            struct fleet fleet;
            int64_t calls = 0, refused = 0;
            fleet_init(&fleet, 100, CLOCK_SECOND, 100, holders);
            live(&fleet, seed, 50, 20, &FAIR);
            for (size_t i = 0; i < holders; i++) {
                calls += fleet.holders[i].calls;
                refused += fleet.holders[i].refused;
            }
            print_message("note: half: %lld admitted, %lld refused, %lld calls\n", (long long)fleet.admitted,
                          (long long)refused, (long long)calls);
            assert_int_equal(refused, 0);
            assert_true(calls * 50 <= fleet.admitted);
        }
    }
}

/* A flood ends, and everybody gives back when the bucket is still empty: that they get nothing for it is no refusal. */
static void who_gives_back_is_served_when_it_comes_again(void **state)
{
    (void)state;
    struct random random;
    struct fleet fleet;
    random_init(&random, 1);
    fleet_init(&fleet, 100, CLOCK_SECOND, 100, 4);
    for (int64_t end_us = 5 * CLOCK_SECOND; fleet.at_us < end_us; fleet.at_us += 1000)
        live_once(&fleet, &fleet.holders[random_between(&random, 0, 3)], &random, &FAIR, true);
    for (size_t i = 0; i < fleet.count; i++) {
        while (fleet.holders[i].lease.asking || fleet.holders[i].waiting > 0)
            flood_one(&fleet, i, &random, 1000);
        fly(&fleet, &fleet.holders[i], &random, &FAIR, 0, true);
        fleet.at_us += 5000;
        live_once(&fleet, &fleet.holders[i], &random, &FAIR, false);
    }
    fleet.at_us += 300 * CLOCK_MILLISECOND;
    for (size_t i = 0; i < fleet.count; i++) {
        int64_t refused = fleet.holders[i].refused;
        live_once(&fleet, &fleet.holders[i], &random, &FAIR, true);
        fleet.at_us += 5000;
        live_once(&fleet, &fleet.holders[i], &random, &FAIR, false);
        assert_int_equal(fleet.holders[i].refused, refused);
    }
}

/* Searches of a window: paid in advance, given back, lost with those who held them; never more than the limit. */

enum { WINDOWS = 8, KEPT = 16 };

static const int64_t SPAN = 20 * CLOCK_SECOND;

struct ledger {
    int64_t used[WINDOWS];
    int64_t first;                   /* window */
    int64_t kept[HOLDERS_MAX][KEPT]; /* windows of searches that may yet be given back; 0: none */
};

static void search(struct fleet *fleet, size_t who, struct ledger *ledger, struct random *random,
                   const struct weather *weather)
{
    struct holder *holder = &fleet->holders[who];
    int64_t window, retry_us, now_us = now_of(fleet, holder);
    int64_t current = (START + fleet->at_us) / SPAN;
    switch (prepaid_pay(&holder->prepaid, now_us, &window)) {
    case PREPAID_PAID:
        ledger->used[current - ledger->first]++;
        ledger->kept[who][random_between(random, 0, KEPT - 1)] = window;
        assert_true(ledger->used[current - ledger->first] <= fleet->misses.limit);
        holder->admitted++;
        return;
    case PREPAID_ASK:
        if (lease_may_ask(&holder->lease, now_us, &retry_us) == LEASE_ASK && has_room(holder))
            fly(fleet, holder, random, weather, 0, false);
        return;
    case PREPAID_SPENT:
        holder->refused++;
    }
}

static void refund(struct fleet *fleet, size_t who, struct ledger *ledger, struct random *random)
{
    int64_t *kept = &ledger->kept[who][random_between(random, 0, KEPT - 1)];
    if (*kept != 0 && *kept == fleet->holders[who].prepaid.window) {
        prepaid_return(&fleet->holders[who].prepaid, *kept);
        ledger->used[*kept - ledger->first]--;
    }
    *kept = 0;
}

static void live_on_searches(struct fleet *fleet, struct ledger *ledger, uint64_t seed, const struct weather *weather)
{
    struct random random;
    random_init(&random, seed);
    *ledger = (struct ledger){.first = START / SPAN};
    for (size_t i = 0; i < fleet->count; i++)
        fleet->holders[i].fast_per_million =
            random_between(&random, -weather->drift_per_million, weather->drift_per_million);
    while (fleet->at_us < (WINDOWS - 2) * SPAN) {
        size_t who = (size_t)random_between(&random, 0, (int64_t)fleet->count - 1);
        struct holder *holder = &fleet->holders[who];
        fleet->at_us += random_between(&random, 0, 60 * CLOCK_MILLISECOND);
        for (size_t i = 0; i < fleet->count; i++)
            move_flying(fleet, &fleet->holders[i], &random, weather);
        search(fleet, who, ledger, &random, weather);
        if (random_between(&random, 1, 20) == 1)
            refund(fleet, who, ledger, &random);
        if (random_between(&random, 1, 10000) <= weather->back_per_10000 && !holder->lease.asking && has_room(holder))
            fly(fleet, holder, &random, weather, 0, true);
        if (random_between(&random, 1, 10000) <= weather->die_per_10000) {
            born(fleet, holder, 0);
            memset(ledger->kept[who], 0, sizeof ledger->kept[who]);
        }
    }
}

static void no_window_has_more_searches_than_its_limit(void **state)
{
    (void)state;
    static const struct weather STORM = {.lost_percent = 10,
                                         .late_percent = 10,
                                         .die_per_10000 = 5,
                                         .back_per_10000 = 100,
                                         .delay_us = 3000,
                                         .slow_delay_us = 3 * CLOCK_SECOND,
                                         .drift_per_million = 900};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fleet fleet = {.count = 1 + seed % HOLDERS_MAX, .misses = {10 + (int64_t)seed * 7, SPAN}};
        struct ledger ledger;
        fleet.rate.period_us = 1;
        for (size_t i = 0; i < fleet.count; i++)
            born(&fleet, &fleet.holders[i], 0);
        live_on_searches(&fleet, &ledger, seed, &STORM);
    }
}

static void all_of_a_window_is_used_and_seldom_asked_for(void **state)
{
    (void)state;
    for (size_t holders = 1; holders <= 4; holders++) {
        struct fleet fleet = {.count = holders, .misses = {200, SPAN}};
        struct ledger ledger;
        int64_t calls = 0;
        fleet.rate.period_us = 1;
        for (size_t i = 0; i < holders; i++)
            born(&fleet, &fleet.holders[i], 0);
        live_on_searches(&fleet, &ledger, holders, &FAIR);
        for (size_t i = 0; i < holders; i++)
            calls += fleet.holders[i].calls;
        for (int i = 0; i < WINDOWS - 2; i++)
            assert_in_range(ledger.used[i], 190, 200);
        print_message("note: searches: %lld calls in %d windows of 200\n", (long long)calls, WINDOWS - 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_short_history_is_above),
        cmocka_unit_test(no_long_history_is_above),
        cmocka_unit_test(a_fast_clock_spends_no_more),
        cmocka_unit_test(a_slow_clock_spends_no_longer),
        cmocka_unit_test(a_stopped_process_spends_nothing),
        cmocka_unit_test(a_lowered_share_is_heard_first),
        cmocka_unit_test(a_flood_uses_what_there_is_and_asks_seldom),
        cmocka_unit_test(a_client_under_its_limit_is_never_refused_and_hardly_asked_for),
        cmocka_unit_test(who_gives_back_is_served_when_it_comes_again),
        cmocka_unit_test(no_window_has_more_searches_than_its_limit),
        cmocka_unit_test(all_of_a_window_is_used_and_seldom_asked_for),
    };
    return cmocka_run_group_tests(tests, quota_server_set_up, quota_server_tear_down);
}
