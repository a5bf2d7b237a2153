/* SPDX-License-Identifier: MIT */
/* The turns of one gateway's part in the login. What stands in Redis is fleet_login_scripts.c's.
 *
 *   idle ──want──► asking ──held──► waiting ──message, or a while──► asking
 *                    │ led             │ no answer for too long: on_alone
 *                    ▼
 *                 checking ──lost──► asking
 *                    │ on_turn
 *                    ▼
 *                 holding ──again──► checking
 *                    │ store
 *                    ▼
 *                 storing ──► idle (lost: a look for a newer one)
 *
 * The refresh token stands beside the access token: who takes the one can renew with the other. */
#include "upstream/fleet_login.h"

#include "base/codec.h"
#include "base/hash.h"
#include "base/least.h"
#include "upstream/fleet_login_scripts.h"
#include "upstream/grant.h"
#include "upstream/token.h"

#include <assert.h>
#include <stdio.h>

enum { STEPS_AHEAD_MAX = 20 }; /* of one-time codes: a clock that is further ahead has sent none that is good */

enum { KEYS = 4, KEY_MAX = 1024, STEP_KEPT_MS = 3600 * 1000, FAILURE_KEPT_MS = 600000 };

#define TOKEN_KEPT_MS (INT64_C(15) * 24 * 3600 * 1000)                /* as long as a refresh token lives */
#define HELD_MAX_US (60 * CLOCK_SECOND)                               /* one gateway's turn, as the others bear it */
#define FAILURE_MAX_US (2 * TOKEN_BACKOFF_MAX_MS * CLOCK_MILLISECOND) /* no back-off is longer */

enum state { IDLE, LOOKING, ASKING, WAITING, CHECKING, HOLDING, STORING };

enum key { TOKEN_KEY, LOCK_KEY, FAILURE_KEY, STEP_KEY };

struct fleet_login {
    struct fleet *fleet;
    struct fleet_login_events events;
    uint8_t key[SEALED_KEY_BYTES];
    char *account;
    char keys[KEYS][KEY_MAX];

    enum state state;
    char mark[FLEET_MARK_BYTES + 1]; /* of this want */
    uint64_t known;                  /* generation of the last token taken or stored */
    uint64_t next;                   /* generation of the token of this turn */
    int64_t alone_us;                /* when to give Redis up */
    int64_t held_since_us;           /* another's turn; CLOCK_NEVER: not known of any */
    int64_t asked_us;                /* the call under way */
    int64_t asked_step;
    int64_t backoff_us;
    int64_t lock_until_us;
    bool heard; /* while a look was under way */
    struct redis_call call;
    struct timer timer;
    struct buf sealed; /* what is being stored */
    int64_t expires_us, refresh_since_us;
};

static int64_t now_of(const struct fleet_login *login)
{
    return loop_now(login->fleet->loop);
}

static void say_keys(const struct fleet_login *login, struct fleet_words *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fleet_say(words, slice_of(login->keys[i]));
}

static void set_timer(struct fleet_login *login, int64_t wait_ms)
{
    timer_start(login->fleet->loop, &login->timer, now_of(login) + wait_ms * CLOCK_MILLISECOND);
}

static void rest(struct fleet_login *login)
{
    timer_stop(login->fleet->loop, &login->timer);
    login->state = IDLE;
}

/* Questions. */

static void ask(struct fleet_login *login, enum state state)
{
    struct fleet_words words = {.count = 0};

    timer_stop(login->fleet->loop, &login->timer);
    login->state = state;
    login->heard = false;
    login->asked_us = now_of(login);
    say_keys(login, &words, 3);
    fleet_say(&words, slice_of(login->mark));
    fleet_say_number(&words, (int64_t)login->known);
    fleet_say_number(&words, state == LOOKING ? 0 : FLEET_LOGIN_LOCK_MS);
    fleet_say_number(&words, FAILURE_MAX_US);
    fleet_ask(login->fleet, &login->call, &fleet_login_lock, 3, &words);
}

static void say_check(const struct fleet_login *login, struct fleet_words *words, int64_t step)
{
    say_keys(login, words, KEYS);
    fleet_say(words, slice_of(login->mark));
    fleet_say_number(words, FLEET_LOGIN_LOCK_MS);
    fleet_say_number(words, step);
    fleet_say_number(words, STEP_KEPT_MS);
    fleet_say_number(words, (int64_t)login->known);
    fleet_say_number(words, STEPS_AHEAD_MAX);
}

static void check(struct fleet_login *login)
{
    struct fleet_words words = {.count = 0};

    login->state = CHECKING;
    login->asked_us = now_of(login);
    login->asked_step = login->events.step(login->events.context);
    say_check(login, &words, login->asked_step);
    fleet_ask(login->fleet, &login->call, &fleet_login_check, KEYS, &words);
}

static void send_store(struct fleet_login *login)
{
    struct fleet_words words = {.count = 0};

    login->state = STORING;
    say_keys(login, &words, 3);
    fleet_say(&words, slice_of(login->mark));
    fleet_say_number(&words, (int64_t)login->next);
    fleet_say(&words, buf_slice(&login->sealed));
    fleet_say_number(&words, login->expires_us - now_of(login));
    fleet_say_number(&words, now_of(login) - login->refresh_since_us);
    fleet_say_number(&words, TOKEN_KEPT_MS);
    fleet_say(&words, slice_of(login->fleet->channel));
    fleet_ask(login->fleet, &login->call, &fleet_login_put, 3, &words);
}

static void give_up_lock(struct fleet_login *login, const struct fleet_failure *failure)
{
    struct fleet_words words = {.count = 0};

    rest(login);
    say_keys(login, &words, 3);
    fleet_say(&words, slice_of(login->mark));
    fleet_say_number(&words, failure->refused);
    fleet_say_number(&words, failure->retry_us);
    fleet_say_number(&words, failure->backoff_us);
    fleet_say_number(&words, FAILURE_KEPT_MS);
    fleet_say(&words, slice_of(login->fleet->channel));
    fleet_tell(login->fleet, &fleet_login_unlock, 3, &words);
}

static struct sealed_place place_of(const struct fleet_login *login, uint64_t generation)
{
    return (struct sealed_place){slice_of(login->fleet->prefix), slice_of(login->account), generation};
}

/* Answers. */

static void wait_for_redis(struct fleet_login *login, const char *why)
{
    if (now_of(login) < login->alone_us) {
        login->state = WAITING;
        set_timer(login, FLEET_LOGIN_POLL_DEAF_MS);
        return;
    }
    rest(login);
    log_write(login->fleet->log, LOG_LEVEL_WARN, "logging in alone", LOG_FIELDS(LOG_TEXT("why", slice_of(why))));
    login->events.on_alone(login->events.context);
}

/* False for a time that cannot be a token's: somebody has changed it, or Redis's clock has jumped far. */
static bool read_time(const struct redis_call *call, size_t index, int64_t least_us, int64_t most_us, int64_t *time_us)
{
    *time_us = fleet_number(call, index);
    return *time_us >= least_us - FLEET_LOGIN_JUMP_MAX_US && *time_us <= most_us + FLEET_LOGIN_JUMP_MAX_US;
}

static bool read_times(const struct redis_call *call, struct fleet_token *token)
{
    bool good = read_time(call, 3, -FLEET_LOGIN_AGE_MAX_US, FLEET_LOGIN_LIFE_MAX_US, &token->lifetime_us) &&
                read_time(call, 4, 0, FLEET_LOGIN_AGE_MAX_US, &token->age_us) &&
                read_time(call, 5, 0, FLEET_LOGIN_AGE_MAX_US, &token->refresh_age_us);

    token->age_us = most(token->age_us, 0);
    token->refresh_age_us = most(token->refresh_age_us, 0);
    return good;
}

static void take_newer(struct fleet_login *login)
{
    const struct redis_call *call = &login->call;
    struct fleet_token token = {.generation = (uint64_t)most(fleet_number(call, 1), 0)};
    const struct sealed_place place = place_of(login, token.generation);
    bool good = sealed_open_pair(login->key, &place, fleet_text(call, 2), &token.access_token, &token.refresh_token) &&
                read_times(call, &token);
    bool wanted = login->state == ASKING;

    login->known = token.generation; /* what cannot be opened is not looked at again, but replaced */
    if (good) {
        rest(login);
        counters_add(login->fleet->counters, METRIC_FLEET_TOKENS_TAKEN, 1);
        login->events.on_taken(login->events.context, &token);
    } else {
        log_say(login->fleet->log, LOG_LEVEL_ERROR,
                "the shared login cannot be opened: another gateway has another token_key, or somebody has changed it");
        if (wanted)
            ask(login, ASKING);
        else
            rest(login);
    }
    grant_wipe(&token.access_token);
    grant_wipe(&token.refresh_token);
}

static void wait_for_holder(struct fleet_login *login)
{
    int64_t lock_ms = fleet_number(&login->call, 1);
    int64_t wait_ms = login->fleet->linked ? FLEET_LOGIN_POLL_MS : FLEET_LOGIN_POLL_DEAF_MS;
    static const struct fleet_failure too_long = {.retry_us = CLOCK_SECOND};

    if (login->held_since_us == CLOCK_NEVER)
        login->held_since_us = now_of(login);
    if (now_of(login) - login->held_since_us > HELD_MAX_US) {
        rest(login);
        login->events.on_failed(login->events.context, &too_long);
        return;
    }
    if (lock_ms >= 0 && lock_ms < wait_ms)
        wait_ms = lock_ms + 1;
    login->state = WAITING;
    set_timer(login, login->heard ? 0 : wait_ms);
}

/* Of a failure. */
static int64_t bounded_us(const struct fleet_login *login, size_t index)
{
    return most(least(fleet_number(&login->call, index), FAILURE_MAX_US), 0);
}

static void on_lock(struct fleet_login *login)
{
    struct slice answer = fleet_text(&login->call, 0);

    if (slice_is(answer, "newer")) {
        take_newer(login);
    } else if (slice_is(answer, "led")) {
        login->backoff_us = bounded_us(login, 1);
        check(login);
    } else if (slice_is(answer, "held")) {
        wait_for_holder(login);
    } else if (slice_is(answer, "failed")) {
        const struct fleet_failure failure = {fleet_number(&login->call, 1) != 0, bounded_us(login, 2),
                                              bounded_us(login, 3)};
        rest(login);
        login->events.on_failed(login->events.context, &failure);
    } else if (login->state == LOOKING) {
        rest(login);
    } else {
        wait_for_redis(login, "Redis answers what was not asked"); /* no answer of our script */
    }
}

static void on_check(struct fleet_login *login)
{
    int64_t answer = fleet_number(&login->call, 0), now_us = now_of(login);
    static const struct fleet_failure none = {.refused = false};

    if (answer == 0) {
        ask(login, ASKING);
    } else if (answer == 2) {
        give_up_lock(login, &none);
        login->events.on_used_code(login->events.context,
                                   least(fleet_number(&login->call, 1), login->asked_step + STEPS_AHEAD_MAX));
    } else if (now_us - login->asked_us > FLEET_LOGIN_CHECKED_MS * CLOCK_MILLISECOND ||
               login->events.step(login->events.context) != login->asked_step) {
        check(login);
    } else {
        login->next = (uint64_t)most(fleet_number(&login->call, 1), 0);
        login->state = HOLDING;
        login->lock_until_us = login->asked_us + FLEET_LOGIN_LOCK_MS * CLOCK_MILLISECOND;
        set_timer(login, FLEET_LOGIN_RENEW_MS);
        login->events.on_turn(login->events.context, login->backoff_us);
    }
}

/* Nothing newer than ours where the lock was lost: then it is ours alone. */
static void on_stored(struct fleet_login *login, bool answered)
{
    if (!answered && now_of(login) < login->lock_until_us) {
        set_timer(login, FLEET_LOGIN_POLL_DEAF_MS);
        return;
    }
    buf_free(&login->sealed);
    if (answered && fleet_number(&login->call, 0) == 1) {
        login->known = login->next;
        rest(login);
    } else {
        ask(login, LOOKING);
    }
    login->events.on_free(login->events.context);
}

static void on_done(struct redis_call *call)
{
    struct fleet_login *login = MEM_OUTER(call, struct fleet_login, call);
    bool answered = fleet_answered(login->fleet, call, 1);

    if (login->state == STORING)
        on_stored(login, answered);
    else if (login->state == LOOKING && !answered)
        rest(login);
    else if (!answered)
        wait_for_redis(login, login->fleet->why);
    else if (login->state == CHECKING)
        on_check(login);
    else
        on_lock(login);
    if (login->state == IDLE && login->heard)
        ask(login, LOOKING);
}

static void on_timer(struct timer *timer)
{
    struct fleet_login *login = MEM_OUTER(timer, struct fleet_login, timer);
    struct fleet_words words = {.count = 0};

    if (login->state == WAITING) {
        ask(login, ASKING);
    } else if (login->state == STORING) {
        send_store(login);
    } else if (login->state == HOLDING) {
        say_check(login, &words, -1);
        fleet_tell(login->fleet, &fleet_login_check, KEYS, &words);
        login->lock_until_us = now_of(login) + FLEET_LOGIN_LOCK_MS * CLOCK_MILLISECOND;
        set_timer(login, FLEET_LOGIN_RENEW_MS);
    }
}

/* A login has ended somewhere, well or not. */
static void on_message(void *context, const struct fleet_message *message)
{
    struct fleet_login *login = context;

    (void)message;
    if (login->state == IDLE)
        ask(login, LOOKING);
    else if (login->state == WAITING)
        ask(login, ASKING);
    else
        login->heard = true;
}

/* What renewal.c calls. */

void fleet_login_want(struct fleet_login *login, int64_t patience_us)
{
    assert(!fleet_login_is_busy(login));
    if (login->state == LOOKING)
        login->fleet->redis->cancel(login->fleet->redis, &login->call);
    fleet_mark(login->mark);
    login->alone_us = now_of(login) + patience_us;
    login->held_since_us = CLOCK_NEVER;
    ask(login, ASKING);
}

bool fleet_login_is_busy(const struct fleet_login *login)
{
    return login->state != IDLE && login->state != LOOKING;
}

bool fleet_login_is_held(const struct fleet_login *login)
{
    return login->state == HOLDING;
}

void fleet_login_again(struct fleet_login *login)
{
    assert(login->state == HOLDING);
    timer_stop(login->fleet->loop, &login->timer);
    check(login);
}

void fleet_login_store(struct fleet_login *login, struct slice access_token, struct slice refresh_token,
                       int64_t lifetime_us, int64_t refresh_age_us)
{
    const struct sealed_place place = place_of(login, login->next);

    assert(login->state == HOLDING);
    timer_stop(login->fleet->loop, &login->timer);
    login->expires_us = now_of(login) + lifetime_us;
    login->refresh_since_us = now_of(login) - refresh_age_us;
    buf_free(&login->sealed);
    if (sealed_close_pair(login->key, &place, access_token, refresh_token, &login->sealed))
        send_store(login);
    else
        fleet_login_release(login);
}

void fleet_login_fail(struct fleet_login *login, const struct fleet_failure *failure)
{
    assert(login->state == HOLDING);
    give_up_lock(login, failure);
}

void fleet_login_release(struct fleet_login *login)
{
    static const struct fleet_failure none = {.refused = false};

    give_up_lock(login, &none);
}

/* Readable but for whose login it is. */
static void make_keys(struct fleet_login *login)
{
    static const char *const names[KEYS] = {
        [TOKEN_KEY] = "token", [LOCK_KEY] = "lock", [FAILURE_KEY] = "failure", [STEP_KEY] = "step"};
    uint8_t digest[HASH_SHA256_BYTES];
    struct buf id;

    hash_sha256(slice_of(login->account), digest);
    buf_init(&id, 16);
    codec_hex(&id, digest, 8);
    for (size_t i = 0; i < KEYS; i++)
        snprintf(login->keys[i], KEY_MAX, "%s{login:%.16s}:%s", login->fleet->prefix, id.bytes, names[i]);
    buf_free(&id);
}

struct fleet_login *fleet_login_new(struct fleet *fleet, const uint8_t key[SEALED_KEY_BYTES], struct slice account,
                                    const struct fleet_login_events *events)
{
    struct fleet_login *login = mem_new(sizeof *login);

    login->fleet = fleet;
    login->events = *events;
    login->account = mem_copy_text(account.at, account.length);
    memcpy(login->key, key, SEALED_KEY_BYTES);
    make_keys(login);
    login->call.on_done = on_done;
    login->timer.on_timer = on_timer;
    fleet->topics[FLEET_LOGIN].hear = on_message;
    fleet->topics[FLEET_LOGIN].context = login;
    return login;
}

void fleet_login_leave(struct fleet_login *login)
{
    bool is_asking = login->state == ASKING || login->state == LOOKING || login->state == CHECKING;

    if (login->state == STORING)
        return;
    if (is_asking)
        login->fleet->redis->cancel(login->fleet->redis, &login->call);
    if (login->state == ASKING || login->state == CHECKING || login->state == HOLDING)
        fleet_login_release(login); /* does nothing where the lock is another's */
    else
        rest(login);
}

void fleet_login_free(struct fleet_login *login)
{
    if (login == NULL)
        return;
    login->fleet->topics[FLEET_LOGIN].hear = NULL;
    fleet_login_leave(login);
    if (login->state == STORING && !timer_is_started(&login->timer))
        login->fleet->redis->cancel(login->fleet->redis, &login->call);
    timer_stop(login->fleet->loop, &login->timer);
    buf_free(&login->sealed);
    mem_wipe(login->key, sizeof login->key);
    mem_free(login->account);
    mem_free(login);
}
