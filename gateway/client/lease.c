/* SPDX-License-Identifier: MIT */
/* The holder's side of a lease. The rule that everything here keeps: what Redis has on record for this holder is never
 * less than what the holder allows itself. So limits are lowered before a call is sent and raised only by its reply, a
 * lost reply raises nothing, and the lease ends here before it ends there: its length counts from the moment when the
 * call was sent, by a clock that is taken to be a little fast. Must not know threads or how Redis is spoken to. */
#include "client/lease.h"

#include <assert.h>

enum {
    FAST_CLOCK = 512, /* a clock may run 1/512 fast against Redis's; the kernel slews by 1/2000 at most */
    SECURITY = 256,   /* part of a lease's length that is not used */
    CALLS = 10,       /* a second, of one client, with */
    CALLS_BURST = 10, /* so that no second has more than 20 */
    COVERED = 200     /* requests that a lease should last for */
};

static const int64_t SHORTEST_US = 2 * CLOCK_SECOND, LONGEST_US = 600 * CLOCK_SECOND;
static const int64_t FIRST_US = 4 * CLOCK_SECOND; /* a lease of a client whose demand is not known */
static const int64_t SOON_US = 100 * CLOCK_MILLISECOND;
static const int64_t SAMPLE_US = 250 * CLOCK_MILLISECOND; /* demand is not measured over less */
static const int64_t BELIEVED_US = 500 * CLOCK_MILLISECOND;
static const int64_t DOUBT_US = 60 * CLOCK_SECOND; /* after an absence of Redis */
static const double WANTED = 1.5;                  /* of the demand */
static const double CUSHION = 4;                   /* tokens */
static const struct rate PACE = {CALLS, CLOCK_SECOND, CALLS_BURST};

static int64_t less(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t more(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t slowed(int64_t now_us)
{
    return now_us - now_us / FAST_CLOCK;
}

static int64_t full_level(const struct lease *lease)
{
    return lease->rate.burst * lease->rate.period_us;
}

/* What `refill` a microsecond makes of a level under its ceiling. */
static int64_t level_after(int64_t level, int64_t ceiling, int64_t refill, int64_t elapsed_us)
{
    if (level >= ceiling || refill <= 0 || elapsed_us <= 0)
        return level;
    if (elapsed_us > (ceiling - level) / refill)
        return ceiling;
    return level + elapsed_us * refill;
}

static int64_t wait_for(int64_t missing, int64_t refill)
{
    return missing <= 0 ? 0 : missing / refill + (missing % refill != 0);
}

static bool is_alive(const struct lease *lease, int64_t now_us)
{
    return now_us < lease->stop_us;
}

/* What is in hand. Counted from the last moment when it was put down, not from look to look: each time costs up to a
 * microsecond, which may only be lost, never won. */
static int64_t level_at(const struct lease *lease, int64_t now_us)
{
    int64_t elapsed_us = now_us - lease->last_us;
    return level_after(lease->level, lease->room, lease->share, elapsed_us - elapsed_us / FAST_CLOCK - 1);
}

static void put_down(struct lease *lease, int64_t now_us)
{
    lease->level = level_at(lease, now_us);
    lease->last_us = now_us;
}

void lease_init(struct lease *lease, const struct rate *rate, int64_t timeout_us, int64_t now_us)
{
    *lease = (struct lease){.timeout_us = timeout_us, .since_us = now_us, .cushion = CUSHION, .holders = 1};
    lease->rush_us = more(4 * timeout_us, SOON_US);
    if (rate != NULL)
        rate_refine(rate, &lease->rate);
    else
        lease->rate.period_us = 1; /* a level of 0, and nothing divides by it */
    rate_fill(&PACE, &lease->pace, now_us);
}

static bool take(struct lease *lease, int64_t now_us)
{
    if (lease->rush > 0 && now_us < lease->rush_stop_us) {
        lease->rush--;
        return true;
    }
    if (!is_alive(lease, now_us))
        return false;
    int64_t level = level_at(lease, now_us);
    if (level < lease->rate.period_us)
        return false;
    if (level >= lease->room)
        put_down(lease, now_us);
    lease->level -= lease->rate.period_us; /* below 0 when what came since has paid */
    return true;
}

/* Until the lease in hand has a token, or a call may be made. */
static int64_t until_next(const struct lease *lease, int64_t now_us, int64_t call_at_us)
{
    int64_t wait = more(call_at_us - now_us, 1);
    if (is_alive(lease, now_us) && lease->share > 0 && lease->room >= lease->rate.period_us) {
        int64_t own = wait_for(lease->rate.period_us - level_at(lease, now_us), lease->share);
        wait = less(wait, own + own / (FAST_CLOCK - 1) + 2);
    }
    return more(wait, 1);
}

enum lease_answer lease_may_ask(const struct lease *lease, int64_t now_us, int64_t *retry_us)
{
    if (lease->asking)
        return LEASE_WAIT;
    if (now_us < lease->away_until_us) {
        *retry_us = lease->away_until_us - now_us;
        return LEASE_AWAY;
    }
    *retry_us = rate_wait(&PACE, &lease->pace, now_us, 1);
    return *retry_us > 0 ? LEASE_REFUSED : LEASE_ASK;
}

/* Nothing is in hand. */
static enum lease_answer look_elsewhere(const struct lease *lease, int64_t now_us, int64_t *retry_us)
{
    enum lease_answer answer = lease_may_ask(lease, now_us, retry_us);
    if (answer == LEASE_WAIT || (answer == LEASE_AWAY && !is_alive(lease, now_us)))
        return answer;
    if (answer == LEASE_ASK && now_us >= lease->ask_at_us)
        return LEASE_ASK;
    int64_t call_at_us = answer == LEASE_ASK ? lease->ask_at_us : more(lease->ask_at_us, now_us + *retry_us);
    *retry_us = until_next(lease, now_us, call_at_us);
    return LEASE_REFUSED;
}

enum lease_answer lease_pay_waiter(struct lease *lease, int64_t now_us, int64_t *retry_us)
{
    return take(lease, now_us) ? LEASE_PAID : look_elsewhere(lease, now_us, retry_us);
}

enum lease_answer lease_pay(struct lease *lease, int64_t now_us, int64_t *retry_us)
{
    lease->arrivals++;
    return lease_pay_waiter(lease, now_us, retry_us);
}

static int64_t first_share(const struct lease *lease)
{
    return more(lease->rate.count / 5, 1);
}

/* What came since the last look, as a share. */
static double demand(const struct lease *lease, int64_t now_us, double *per_second)
{
    int64_t elapsed_us = more(now_us - lease->since_us, SAMPLE_US);
    *per_second = (double)lease->arrivals * (double)CLOCK_SECOND / (double)elapsed_us;
    return (double)lease->arrivals * (double)lease->rate.period_us / (double)elapsed_us;
}

/* It holds a good part of the limit, and uses little of that. */
static bool is_wasteful(const struct lease *lease, int64_t now_us)
{
    double unused;
    return lease->share > lease->rate.count / 4 && now_us - lease->since_us >= BELIEVED_US &&
           demand(lease, now_us, &unused) * 3 < (double)lease->share;
}

bool lease_is_due(const struct lease *lease, int64_t now_us)
{
    return (now_us >= lease->renew_us || is_wasteful(lease, now_us)) && is_alive(lease, now_us) && !lease->asking &&
           now_us >= lease->away_until_us && rate_wait(&PACE, &lease->pace, now_us, 1) == 0;
}

bool lease_is_idle(const struct lease *lease, int64_t now_us)
{
    bool is_much = lease->share > lease->rate.count / 8 || lease->room > full_level(lease) / 8;
    return is_much && is_alive(lease, now_us) && !lease->asking && now_us >= lease->away_until_us &&
           lease->arrivals == 0 && now_us - lease->since_us >= CLOCK_SECOND &&
           (double)(now_us - lease->since_us) * lease->per_second >= 8.0 * (double)CLOCK_SECOND;
}

/* A rising demand is believed at once, a falling one after half a second. Where there was no lease, what came long ago
 * says little: a large demand must show itself again. */
static void measure(struct lease *lease, int64_t now_us)
{
    double seen, modest = (double)first_share(lease) * (double)CLOCK_SECOND / (double)lease->rate.period_us;
    demand(lease, now_us, &seen);
    bool is_new = !is_alive(lease, now_us) && (seen > modest || lease->per_second > modest);
    if (is_new) {
        lease->per_second = modest / WANTED;
        lease->cushion = CUSHION;
    }
    if (!is_new && (seen > lease->per_second || now_us - lease->since_us >= BELIEVED_US))
        lease->per_second = seen;
    if (is_new || now_us - lease->since_us >= BELIEVED_US) {
        lease->arrivals = 0;
        lease->since_us = now_us;
    }
}

static int64_t at_most(double number, int64_t most)
{
    return number >= (double)most ? most : (int64_t)number;
}

/* How much to ask for: half as much again as what comes, and for as long as to be asked rarely. */
static void size_wants(struct lease *lease, bool is_exhausted, struct lease_ask *ask)
{
    const struct rate *rate = &lease->rate;
    int64_t full = full_level(lease);
    double per_second = lease->per_second;
    if (!lease->was_told) {
        ask->want_share = first_share(lease);
        ask->want_room = less(full / 16 + 4 * rate->period_us, full);
        ask->duration_us = FIRST_US;
        return;
    }
    double burst_quarter = (double)rate->burst / 4;
    lease->cushion = is_exhausted ? lease->cushion * 2 : lease->cushion * 0.75;
    lease->cushion = lease->cushion > burst_quarter ? burst_quarter : lease->cushion;
    lease->cushion = lease->cushion < CUSHION ? CUSHION : lease->cushion;
    ask->want_share = at_most(per_second * WANTED * (double)rate->period_us / (double)CLOCK_SECOND + 1, rate->count);
    ask->want_room = at_most((lease->cushion + per_second / 2) * (double)rate->period_us, full);
    double duration = COVERED * (double)CLOCK_SECOND / (per_second > 0.01 ? per_second : 0.01);
    ask->duration_us = more(at_most(duration, LONGEST_US), SHORTEST_US);
}

/* What is more than is wanted is given up before it is said. */
static void lower(struct lease *lease, int64_t share, int64_t room)
{
    if (share < lease->share)
        lease->share = share;
    if (room < lease->room) {
        lease->room = room;
        if (lease->level > room) {
            lease->back += lease->level - room;
            lease->level = room;
        }
    }
}

/* The fleet's bucket, beside what this holder has, cannot hold more: told_left with the whole refill since. */
static int64_t most_possible(const struct lease *lease, int64_t now_us)
{
    int64_t full = full_level(lease), elapsed_us = now_us - lease->told_us;
    if (!lease->was_told)
        return full;
    return level_after(less(lease->told_left, full), full, lease->rate.count,
                       elapsed_us + elapsed_us / (FAST_CLOCK - 1) + 1);
}

static int64_t own_share(const struct lease *lease)
{
    return more(lease->rate.count / lease->holders, 1);
}

static int64_t own_room(const struct lease *lease)
{
    return more(full_level(lease) / lease->holders, lease->rate.period_us);
}

/* What this holder begins with alone: its part of what Redis had left and of what came since; but not of what came to
 * its own lease, which is spent. */
static int64_t own_start(const struct lease *lease, int64_t now_us)
{
    if (!lease->was_told)
        return own_room(lease);
    int64_t stop_us = less(more(lease->stop_us, lease->told_us), now_us);
    int64_t level = level_after(lease->told_left, lease->told_ceiling, lease->told_refill,
                                slowed(stop_us) - slowed(lease->told_us));
    level = level_after(level, full_level(lease), lease->rate.count, slowed(now_us) - slowed(stop_us));
    return less(level / lease->holders, own_room(lease));
}

/* While Redis counts, only its bucket refills: what that could not pay stays owed, until it would have paid even from
 * empty had nobody else spent. */
static void forgive(struct lease *lease, int64_t now_us)
{
    int64_t missing = full_level(lease) - lease->told_left + lease->own_spent;
    if (lease->own_spent > 0 && now_us - lease->told_us > wait_for(missing, lease->rate.count))
        lease->own_spent = 0;
}

static int64_t owed(struct lease *lease, int64_t now_us)
{
    if (lease->on_its_own) {
        lease->own_level =
            level_after(lease->own_level, own_room(lease), own_share(lease), slowed(now_us) - lease->own_last_us);
        lease->own_last_us = more(lease->own_last_us, slowed(now_us));
        lease->own_spent = less(more(own_room(lease) - lease->own_level, 0), lease->own_spent);
    } else {
        forgive(lease, now_us);
    }
    return lease->own_spent;
}

/* What goes on being used, after tokens for those who waited are given back, and what a lease that is over had. */
static void put_in_order(struct lease *lease, int64_t now_us)
{
    lease->back += now_us < lease->rush_stop_us ? lease->rush * lease->rate.period_us : 0;
    lease->rush = 0;
    if (is_alive(lease, now_us))
        put_down(lease, now_us);
    else
        lease->share = lease->room = lease->level = 0;
}

static void state_facts(struct lease *lease, int64_t now_us, struct lease_ask *ask)
{
    ask->rate = lease->rate;
    ask->kept_share = lease->share;
    ask->kept_room = lease->room;
    ask->kept_level = lease->level;
    ask->back = lease->back;
    ask->owed = owed(lease, now_us);
    ask->most = most_possible(lease, now_us);
    ask->rush_us = lease->rush_us;
    lease->back = 0;
    assert(!lease->asking);
    lease->asking = true;
    lease->sent_us = now_us;
    if (!rate_take(&PACE, &lease->pace, now_us, 1)) /* to give back what is not needed is always allowed */
        lease->pace.level = 0;
}

void lease_ask(struct lease *lease, int64_t now_us, int64_t need, struct lease_ask *ask)
{
    *ask = (struct lease_ask){.need = need};
    lease->is_giving = false;
    put_in_order(lease, now_us);
    measure(lease, now_us);
    size_wants(lease, need > 0 && is_alive(lease, now_us), ask);
    lower(lease, ask->want_share, ask->want_room);
    state_facts(lease, now_us, ask);
}

void lease_ask_nothing(struct lease *lease, int64_t now_us, struct lease_ask *ask)
{
    *ask = (struct lease_ask){0};
    put_in_order(lease, now_us);
    lease->back += lease->level;
    lease->share = lease->room = lease->level = 0;
    lease->stop_us = 0;
    lease->is_giving = true;
    state_facts(lease, now_us, ask);
}

static void note_told(struct lease *lease, int64_t now_us, const struct lease_grant *grant)
{
    lease->was_told = true;
    lease->told_us = now_us;
    lease->told_left = grant->left;
    lease->told_ceiling = grant->ceiling;
    lease->told_refill = grant->refill;
    /* After an absence others may not be back yet, and forgotten. */
    lease->holders = more(grant->holders, now_us < lease->doubt_until_us ? lease->holders : 1);
    lease->away_until_us = 0;
    lease->pause_us = 0;
    lease->ask_at_us = grant->wait_us > 0 && !lease->is_giving ? now_us + grant->wait_us : 0;
}

void lease_granted(struct lease *lease, int64_t now_us, const struct lease_grant *grant)
{
    int64_t sent_us = lease->sent_us, duration_us = grant->duration_us;
    bool is_less = grant->share < lease->share || grant->room < lease->room;
    assert(lease->asking);
    lease->asking = false;
    lease->own_spent = more(lease->own_spent - grant->paid, 0);
    lease->on_its_own = false;
    note_told(lease, now_us, grant);
    put_down(lease, now_us); /* by the old share; the record has had no smaller one since */
    if (!grant->was_alive)
        lease->level = 0;
    /* What dripped into a full room meanwhile is lost: the bucket has had its ceiling lowered by the room alone. */
    lease->level = less(lease->level + grant->level, more(lease->room, grant->room));
    lease->share = grant->share;
    lease->room = grant->room;
    if (lease->level > lease->room) {
        lease->back = lease->level - lease->room;
        lease->level = lease->room;
    }
    lease->rush = grant->rush / lease->rate.period_us;
    lease->rush_stop_us = sent_us + lease->rush_us - lease->rush_us / SECURITY;
    lease->stop_us = lease->room > 0 ? sent_us + duration_us - duration_us / SECURITY : 0;
    lease->renew_us = lease->stop_us - more(duration_us / 8, 2 * lease->timeout_us);
    lease->renew_us = more(lease->renew_us, sent_us + duration_us / 2);
    if (is_less)
        lease->renew_us = now_us + SOON_US; /* so that others hear that it is free */
}

void lease_failed(struct lease *lease, int64_t now_us)
{
    lease->asking = false;
    lease->pause_us = less(more(2 * lease->pause_us, SOON_US), CLOCK_SECOND);
    lease->away_until_us = now_us + lease->pause_us;
}

bool lease_pay_alone(struct lease *lease, int64_t now_us, bool is_slow, int64_t *retry_us)
{
    int64_t period_us = lease->rate.period_us;
    lease->doubt_until_us = now_us + DOUBT_US;
    if (!lease->on_its_own) {
        lease->own_level = more(own_start(lease, now_us) - owed(lease, now_us), 0);
        lease->own_last_us = slowed(now_us);
        lease->on_its_own = true;
        if (is_slow && !lease->was_told)
            lease->own_level = more(lease->own_level / 8, period_us);
    }
    owed(lease, now_us); /* which refills */
    if (lease->own_level < period_us) {
        *retry_us = wait_for(period_us - lease->own_level, own_share(lease));
        return false;
    }
    lease->own_level -= period_us;
    lease->own_spent = less(lease->own_spent + period_us, full_level(lease));
    return true;
}

void lease_return(struct lease *lease, int64_t now_us)
{
    if (is_alive(lease, now_us)) {
        put_down(lease, now_us);
        lease->level = less(lease->level + lease->rate.period_us, more(lease->room, lease->level));
    } else if (lease->on_its_own) {
        lease->own_level = less(lease->own_level + lease->rate.period_us, own_room(lease));
        lease->own_spent = more(lease->own_spent - lease->rate.period_us, 0);
    }
}

void lease_look(const struct lease *lease, int64_t now_us, int64_t *left, int64_t *full_us)
{
    struct lease copy = *lease;
    int64_t full = full_level(lease), level = full;
    if (copy.was_told) {
        int64_t others = more(full - copy.told_ceiling - copy.room, 0); /* what other leases have of the room */
        int64_t stop_us = less(more(copy.stop_us, copy.told_us), now_us);
        level = level_after(copy.told_left, copy.told_ceiling, copy.told_refill, stop_us - copy.told_us);
        level = level_after(level, full - others, copy.rate.count, now_us - stop_us);
        level = more(level - owed(&copy, now_us), 0);
        level += is_alive(&copy, now_us) ? level_at(&copy, now_us) : 0;
        level += now_us < copy.rush_stop_us ? copy.rush * copy.rate.period_us : 0;
    }
    level = less(level, full);
    if (copy.on_its_own && !is_alive(&copy, now_us)) {
        owed(&copy, now_us); /* which refills */
        level = copy.own_level;
    }
    *left = level / copy.rate.period_us;
    *full_us = wait_for(full - level, copy.rate.count);
}
