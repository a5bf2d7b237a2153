/* SPDX-License-Identifier: MIT */
/* The fetcher on a frozen clock with a puppet for Nexudus: who joins whom, what is charged, what a bad answer leads to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/entry.h"
#include "ground.h"
#include "plain.h"
#include "puppet.h"
#include "upstream/fetcher.h"
#include "upstream/fetcher_view.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { QUESTIONS_MAX = 1024, KEY_BYTES_MAX = 40 };

struct question {
    struct ask ask;
    void *worker; /* who asked, where that is not the test itself */
    char key[KEY_BYTES_MAX], canonical[KEY_BYTES_MAX];
    unsigned answers;
    int charged; /* charges less refunds */
    bool is_broke;
};

struct house {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    int log_fd;
    struct metrics *metrics;
    struct counters *counters;
    struct schema *schema;
    struct puppet puppet;
    struct mailbox *mailbox;
    struct fetcher *fetcher;
    struct fetcher_options options;
    unsigned made, stored; /* entries */
    struct question questions[QUESTIONS_MAX];
    size_t asked;
};

static void *on_fetched(void *context, struct fetched *fetched, bool *stored)
{
    struct house *house = context;

    house->made++;
    house->stored += fetched->store;
    *stored = fetched->store;
    return entry_new(fetched->key, fetched->body, fetched->envelope, fetched->started_us);
}

static void *ref_entry(void *entry)
{
    return entry_ref(entry);
}

static void unref_entry(void *entry)
{
    entry_unref(entry);
}

static void build(struct house *house)
{
    const struct fetcher_cache cache = {
        .on_fetched = on_fetched, .ref = ref_entry, .unref = unref_entry, .context = house};

    fetcher_free(house->fetcher);
    house->fetcher =
        fetcher_new(house->loop, &house->puppet.transport, &house->options, &cache, house->log, house->counters);
    assert_non_null(house->fetcher);
}

static int set_up(void **state)
{
    struct house *house = mem_new(sizeof *house);

    house->log_fd = ground_lay_logged(&house->clock, &house->loop, &house->log);
    house->metrics = metrics_new();
    house->counters = metrics_block(house->metrics);
    house->schema = schema_builtin_webhooks();
    house->mailbox = mailbox_new(house->loop, house);
    assert_non_null(house->mailbox);
    puppet_init(&house->puppet, house->loop);
    house->options = plain_fetcher_throttled();
    house->options.negative_ttl_us = 0;
    build(house);
    *state = house;
    return 0;
}

static size_t count_in_log(const struct house *house, const char *text)
{
    return ground_logged(house->log_fd, text);
}

/* Whatever a test did: everybody was answered once, every charge stands for an answer, and no secret was told. */
static int tear_down(void **state)
{
    struct house *house = *state;

    fetcher_free(house->fetcher);
    puppet_settle(house->loop);
    mailbox_free(house->mailbox);
    for (size_t i = 0; i < house->asked; i++) {
        struct question *question = &house->questions[i];
        assert_int_equal(question->answers, 1);
        assert_in_range(question->charged, 0, 1);
        assert_true(question->charged == 0 || question->ask.verdict == ASK_OK);
        assert_null(strstr(question->ask.why, "access-"));
        entry_unref(question->ask.window_entry);
    }
    assert_int_equal(count_in_log(house, "access-"), 0);
    assert_int_equal(count_in_log(house, "refresh-"), 0);
    assert_int_equal(count_in_log(house, "s3cret"), 0);
    puppet_free(&house->puppet);
    schema_free(house->schema);
    metrics_free(house->metrics);
    ground_clear(house->clock, house->loop, house->log);
    close(house->log_fd);
    mem_free(house);
    return 0;
}

/* Asking. */

static bool on_charge(struct ask *ask)
{
    struct question *question = MEM_OUTER(ask, struct question, ask);

    if (question->is_broke)
        return false;
    question->charged++;
    return true;
}

static void on_refund(struct ask *ask)
{
    MEM_OUTER(ask, struct question, ask)->charged--;
}

static void on_answer(struct ask *ask)
{
    MEM_OUTER(ask, struct question, ask)->answers++;
}

static void fill(struct question *question, struct house *house, const char *name)
{
    snprintf(question->key, sizeof question->key, "key:%s", name);
    snprintf(question->canonical, sizeof question->canonical, "WebHook_Name=%s", name);
    question->ask = (struct ask){
        .schema = house->schema,
        .key = slice_of(question->key),
        .canonical = slice_of(question->canonical),
        .window = {.size = 200, .index = 0},
        .came_us = loop_now(house->loop),
        .store = true,
        .on_charge = on_charge,
        .on_refund = on_refund,
        .reply_to = house->mailbox,
        .on_answer = on_answer,
    };
}

static struct question *prepare(struct house *house, const char *name)
{
    assert_true(house->asked < QUESTIONS_MAX);
    struct question *question = &house->questions[house->asked++];

    fill(question, house, name);
    return question;
}

static struct question *ask(struct house *house, const char *name)
{
    struct question *question = prepare(house, name);

    fetcher_ask(house->fetcher, &question->ask);
    return question;
}

/* A refresh: nobody waits, nobody pays. */
static struct question *ask_behind(struct house *house, const char *name)
{
    struct question *question = prepare(house, name);

    question->ask.background = true;
    question->ask.on_charge = NULL;
    question->ask.on_refund = NULL;
    fetcher_ask(house->fetcher, &question->ask);
    return question;
}

static struct question *ask_number(struct house *house, size_t number)
{
    char name[KEY_BYTES_MAX / 2];

    snprintf(name, sizeof name, "n%zu", number);
    return ask(house, name);
}

static struct question *ask_for(struct house *house, uint64_t client, int64_t weight, size_t number)
{
    char name[KEY_BYTES_MAX / 2];

    snprintf(name, sizeof name, "c%dn%zu", (int)client, number);
    struct question *question = prepare(house, name);
    question->ask.client = client;
    question->ask.weight = weight;
    fetcher_ask(house->fetcher, &question->ask);
    return question;
}

static void settle(struct house *house)
{
    puppet_settle(house->loop);
}

static void move(struct house *house, int64_t us)
{
    clock_move(house->clock, us);
    settle(house);
}

/* Time passes until all are answered, in steps that leave no timer out. */
static void pass(struct house *house, int64_t us)
{
    for (int64_t step = 5 * CLOCK_MILLISECOND; us > 0; us -= step)
        move(house, us < step ? us : step);
}

static size_t answered(const struct house *house, enum ask_verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < house->asked; i++)
        count += house->questions[i].answers == 1 && house->questions[i].ask.verdict == verdict;
    return count;
}

static void assert_verdict(const struct question *question, enum ask_verdict verdict)
{
    assert_int_equal(question->answers, 1);
    assert_int_equal(question->ask.verdict, verdict);
}

/* A login and one search, so that the token is there and worked. */
static void warm_up(struct house *house)
{
    assert_verdict((settle(house), ask(house, "warm"), settle(house), &house->questions[house->asked - 1]), ASK_OK);
    pass(house, 200 * CLOCK_MILLISECOND);
}

/* Joining. */

static void one_ask_one_call(void **state)
{
    struct house *house = *state;
    struct question *question = ask(house, "a");

    settle(house);
    assert_verdict(question, ASK_OK);
    assert_int_equal(question->ask.status, 200);
    assert_true(question->ask.stored);
    assert_false(question->ask.collapsed);
    assert_int_equal(question->charged, 1);
    const struct entry *entry = question->ask.window_entry;
    assert_int_equal(entry->envelope.total_items, 3);
    assert_int_equal(entry->fetched_us, loop_now(house->loop));
    const struct puppet_call *call = puppet_search(&house->puppet, 0);
    assert_string_equal(call->url, "https://nexudus.test/api/sys/webhooks?WebHook_Name=a&page=1&size=200");
    assert_string_equal(call->authorization, "Bearer access-1");
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_SEARCHES), 1);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_OK), 1);
    assert_int_equal(metrics_read(house->metrics, METRIC_FLIGHTS_OPEN), 0);
}

static void equal_asks_share_one_call_and_one_login(void **state)
{
    struct house *house = *state;
    size_t charged = 0, collapsed = 0;

    house->puppet.hold_searches = true;
    for (int i = 0; i < 250; i++)
        ask(house, "same");
    settle(house); /* the call is under way */
    for (int i = 0; i < 250; i++)
        ask(house, "same");
    settle(house);
    assert_int_equal(metrics_read(house->metrics, METRIC_FLIGHTS_OPEN), 1);
    puppet_release(&house->puppet);
    settle(house);
    assert_int_equal(answered(house, ASK_OK), 500);
    assert_int_equal(house->puppet.searches, 1);
    assert_int_equal(house->puppet.logins, 1);
    assert_int_equal(house->made, 1);
    for (size_t i = 0; i < 500; i++) {
        charged += house->questions[i].charged > 0;
        collapsed += house->questions[i].ask.collapsed;
        assert_ptr_equal(house->questions[i].ask.window_entry, house->questions[0].ask.window_entry);
    }
    assert_int_equal(charged, 1);
    assert_int_equal(collapsed, 499);
}

static void an_ask_that_missed_the_store_by_a_hair_costs_nothing(void **state)
{
    struct house *house = *state;
    struct question *late = prepare(house, "a"), *later;

    ask(house, "a");
    clock_move(house->clock, 1);
    settle(house);
    fetcher_ask(house->fetcher, &late->ask); /* came before the landing */
    settle(house);
    assert_verdict(late, ASK_OK);
    assert_true(late->ask.collapsed);
    assert_int_equal(late->charged, 0);
    assert_int_equal(house->puppet.searches, 1);

    clock_move(house->clock, 1);
    later = ask(house, "a"); /* came after it, and still asks */
    settle(house);
    assert_verdict(later, ASK_OK);
    assert_false(later->ask.collapsed);
    assert_int_equal(house->puppet.searches, 2);
}

static size_t entries_kept(const struct house *house)
{
    size_t kept = 0;

    for (size_t i = 0; i < house->asked; i++)
        kept += ((const struct entry *)house->questions[i].ask.window_entry)->references > 1;
    return kept;
}

static void landed_windows_are_kept_for_a_moment_and_few_of_them(void **state)
{
    struct house *house = *state;

    house->options.budget_count = 100;
    build(house);
    for (size_t i = 0; i < 40; i++)
        ask_number(house, i);
    settle(house);
    assert_int_equal(answered(house, ASK_OK), 40);
    assert_int_equal(entries_kept(house), 32);
    move(house, CLOCK_SECOND - 1);
    assert_int_equal(entries_kept(house), 32);
    move(house, 1);
    assert_int_equal(entries_kept(house), 0);
}

static void an_ask_for_something_newer_joins_only_a_later_call(void **state)
{
    struct house *house = *state;

    warm_up(house);
    house->puppet.hold_searches = true;
    ask(house, "a");
    settle(house); /* its call is under way */
    clock_move(house->clock, 10);
    struct question *anew = prepare(house, "a");
    anew->ask.anew = true;
    fetcher_ask(house->fetcher, &anew->ask);
    settle(house);
    assert_int_equal(puppet_held(&house->puppet), 2);
    assert_int_equal(anew->charged, 1);

    struct question *older = prepare(house, "a"); /* came before the second call was started: joins that */
    older->ask.came_us = loop_now(house->loop) - 1;
    older->ask.anew = true;
    fetcher_ask(house->fetcher, &older->ask);
    struct question *plain = ask(house, "a");
    settle(house);
    assert_int_equal(puppet_held(&house->puppet), 2);
    assert_int_equal(plain->charged + older->charged, 0);
    puppet_release(&house->puppet);
    settle(house);
    assert_int_equal(answered(house, ASK_OK), 5);
    assert_ptr_equal(plain->ask.window_entry, anew->ask.window_entry);
    assert_int_equal(house->puppet.searches, 3);
}

static void an_ask_for_something_newer_joins_a_flight_that_still_waits(void **state)
{
    struct house *house = *state;

    house->puppet.hold_tokens = true;
    ask(house, "a");
    settle(house);
    clock_move(house->clock, 10);
    struct question *anew = prepare(house, "a");
    anew->ask.anew = true;
    fetcher_ask(house->fetcher, &anew->ask);
    settle(house);
    clock_move(house->clock, 10);
    house->puppet.hold_tokens = false;
    puppet_release(&house->puppet);
    settle(house);
    assert_int_equal(answered(house, ASK_OK), 2);
    assert_int_equal(house->puppet.searches, 1);
    assert_true(anew->ask.collapsed);
}

static void a_flight_is_stored_when_anybody_wants_that(void **state)
{
    struct house *house = *state;

    for (int others = 0; others < 2; others++) {
        struct question *secret = prepare(house, others ? "b" : "a");
        secret->ask.store = false;
        fetcher_ask(house->fetcher, &secret->ask);
        if (others)
            ask(house, "b");
        settle(house);
        assert_int_equal(secret->ask.stored, others);
    }
    assert_int_equal(house->stored, 1);
}

static void an_ask_that_cannot_pay_starts_nothing_but_may_join(void **state)
{
    struct house *house = *state;
    struct question *broke = prepare(house, "a");

    broke->is_broke = true;
    fetcher_ask(house->fetcher, &broke->ask);
    settle(house);
    assert_verdict(broke, ASK_UNCHARGED);
    assert_int_equal(house->puppet.call_count, 0);

    ask(house, "a");
    struct question *second = prepare(house, "a");
    second->is_broke = true;
    fetcher_ask(house->fetcher, &second->ask);
    settle(house);
    assert_verdict(second, ASK_OK);
}

/* The token. */

static void five_hundred_at_expiry_cost_one_renewal(void **state)
{
    struct house *house = *state;

    house->puppet.gives_refresh_tokens = false; /* so nothing renews it well ahead: the password does */
    warm_up(house);
    clock_move(house->clock, 3700 * CLOCK_SECOND);
    for (size_t i = 0; i < 500; i++)
        ask_number(house, i);
    pass(house, 6 * CLOCK_SECOND);
    /* Of 501: the warm one, and what the budget of 10 in 105 ms gives in five seconds. */
    assert_int_equal(answered(house, ASK_OK), 1 + 48 * 10);
    assert_int_equal(answered(house, ASK_THROTTLED), 20);
    assert_int_equal(house->puppet.logins + house->puppet.refreshes, 2);
}

static void five_hundred_after_a_revocation_cost_one_login(void **state)
{
    struct house *house = *state;

    house->options.budget_count = 1000;
    build(house);
    warm_up(house);
    house->puppet.hold_searches = true;
    for (size_t i = 0; i < 500; i++)
        ask_number(house, i);
    settle(house);
    assert_int_equal(puppet_held(&house->puppet), 500);
    puppet_revoke(&house->puppet);
    house->puppet.hold_searches = false;
    puppet_release(&house->puppet);
    pass(house, CLOCK_SECOND);
    assert_int_equal(answered(house, ASK_OK), 501);
    assert_int_equal(house->puppet.refreshes, 1); /* refused */
    assert_int_equal(house->puppet.logins, 2);
    assert_int_equal(house->puppet.searches, 1001); /* each was replayed once */
}

static void a_token_that_is_refused_twice_is_not_tried_again(void **state)
{
    struct house *house = *state;
    struct question *question;

    warm_up(house);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401});
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401});
    question = ask(house, "a");
    settle(house);
    assert_verdict(question, ASK_REFUSED);
    assert_int_equal(question->ask.status, 401);
    assert_int_equal(question->charged, 0);
    assert_int_equal(house->puppet.searches, 3);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_REFUSED), 2);
}

static void a_quiet_gateways_token_that_is_revoked_is_renewed(void **state)
{
    struct house *house = *state;

    for (size_t i = 0; i < 2; i++) {
        build(house);
        warm_up(house);
        size_t logins = house->puppet.logins, refreshes = house->puppet.refreshes;
        move(house, 3300 * CLOCK_SECOND); /* renewed ahead, and nobody has used it */
        assert_int_equal(house->puppet.refreshes, refreshes + 1);
        if (i == 0)
            house->puppet.oldest_access = house->puppet.serial + 1; /* the refresh token lives */
        else
            puppet_revoke(&house->puppet);
        move(house, 60 * CLOCK_SECOND);
        struct question *question = ask(house, "a");
        settle(house);
        assert_verdict(question, ASK_OK);
        assert_int_equal(house->puppet.refreshes, refreshes + 2);
        assert_int_equal(house->puppet.logins, logins + i);
    }
    assert_int_equal(count_in_log(house, "client_id"), 0);
}

/* An entity for which our user lacks the role, where Nexudus says so by 401. */
static void close_entity(struct house *house, struct schema *closed)
{
    *closed = *house->schema;
    closed->path = slice_of("/api/sys/closed");
    closed->number++;
    house->puppet.denied = "/api/sys/closed";
}

static struct question *ask_closed(struct house *house, const struct schema *closed)
{
    char name[KEY_BYTES_MAX / 2];

    snprintf(name, sizeof name, "closed%zu", house->asked);
    struct question *question = prepare(house, name);
    question->ask.schema = closed;
    fetcher_ask(house->fetcher, &question->ask);
    return question;
}

static void an_entity_that_is_always_refused_fails_alone(void **state)
{
    struct house *house = *state;
    struct schema closed;

    close_entity(house, &closed);
    warm_up(house);
    for (size_t i = 0; i < 400; i++) {
        struct question *refused = ask_closed(house, &closed), *fine = ask_number(house, i);
        settle(house);
        assert_verdict(refused, ASK_REFUSED);
        assert_int_equal(refused->ask.status, 401);
        assert_verdict(fine, ASK_OK);
        pass(house, 300 * CLOCK_MILLISECOND);
    }
    assert_int_equal(house->puppet.logins, 1);
    assert_in_range(house->puppet.refreshes, 1, 2);
    assert_in_range(house->puppet.searches, 801, 804); /* none is sent twice for long */
    assert_int_equal(count_in_log(house, "lacks the role"), 1);

    house->puppet.denied = NULL; /* the role is granted: nothing stands in the way */
    struct question *open = ask_closed(house, &closed);
    settle(house);
    assert_verdict(open, ASK_OK);
    puppet_revoke(&house->puppet); /* and a revoked token is told from a missing role again */
    open = ask_closed(house, &closed);
    settle(house);
    assert_verdict(open, ASK_OK);
}

/* Hardly anybody proves the token. */
static void an_entity_that_is_always_refused_does_not_harm_a_quiet_one(void **state)
{
    struct house *house = *state;
    struct schema closed;

    close_entity(house, &closed);
    warm_up(house);
    for (size_t i = 0; i < 900; i++) {
        assert_verdict((ask_closed(house, &closed), settle(house), &house->questions[house->asked - 1]), ASK_REFUSED);
        move(house, CLOCK_SECOND);
        if (i % 100 == 99) {
            struct question *fine = ask_number(house, i);
            settle(house);
            assert_verdict(fine, ASK_OK);
        }
    }
    assert_int_equal(house->puppet.logins, 1);
    assert_in_range(house->puppet.refreshes, 1, 20);
}

/* The first token of all: it may be the login, so one back-off is right, and no more. */
static void an_entity_that_is_refused_first_of_all_holds_others_up_once(void **state)
{
    struct house *house = *state;
    struct schema closed;

    close_entity(house, &closed);
    for (size_t i = 0; i < 100; i++) {
        struct question *refused = ask_closed(house, &closed);
        settle(house);
        assert_verdict(refused, ASK_REFUSED);
        move(house, i == 0 ? 1100 * CLOCK_MILLISECOND : 100 * CLOCK_MILLISECOND);
    }
    assert_verdict((ask(house, "a"), settle(house), &house->questions[house->asked - 1]), ASK_OK);
    assert_in_range(house->puppet.logins + house->puppet.refreshes, 1, 4);
    assert_int_equal(count_in_log(house, "same client_id, or our user lacks the role"), 1);
}

/* While others of the same entity are answered: each refusal would cost a renewal. */
static void a_query_that_is_always_refused_does_not_cost_a_renewal_each_time(void **state)
{
    struct house *house = *state;

    warm_up(house);
    house->puppet.denied = "WebHook_Name=bad";
    for (size_t i = 0; i < 400; i++) {
        struct question *refused = ask(house, "bad"), *fine = ask_number(house, i);
        pass(house, 300 * CLOCK_MILLISECOND);
        assert_verdict(refused, ASK_REFUSED);
        assert_int_equal(refused->charged, 0);
        assert_verdict(fine, ASK_OK);
    }
    assert_in_range(house->puppet.logins + house->puppet.refreshes, 2, 9); /* at 0, 1, 3, 7, 15, 31, 63 s */
    assert_true(house->puppet.searches <= 801 + 9);
    assert_int_equal(count_in_log(house, "an entity's searches are refused"), 1);
}

/* Somebody else logs in all the time. */
static void a_token_that_is_good_for_one_search_is_not_hammered_for(void **state)
{
    struct house *house = *state;

    house->puppet.token_uses = 1;
    for (size_t i = 0; i < 1000; i++) {
        ask_number(house, i);
        pass(house, 60 * CLOCK_MILLISECOND);
    }
    pass(house, 20 * CLOCK_SECOND);
    assert_int_equal(answered(house, ASK_OK) + answered(house, ASK_REFUSED), 1000);
    assert_in_range(house->puppet.logins + house->puppet.refreshes, 4, 10);
    assert_in_range(count_in_log(house, "same client_id"), 1, 2);
}

/* Somebody else's login may be meant by two 401s in a row; that they were is found out in time. */
static void a_search_that_was_refused_twice_soon_works_again(void **state)
{
    struct house *house = *state;

    warm_up(house);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401});
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401});
    ask(house, "a");
    settle(house);
    puppet_revoke(&house->puppet);
    for (size_t i = 0; i < 40; i++) {
        ask_number(house, i);
        pass(house, 300 * CLOCK_MILLISECOND);
    }
    assert_verdict(&house->questions[house->asked - 1], ASK_OK);
    assert_int_equal(house->puppet.logins, 2);
}

/* The same where the second token is good for others. */
static void a_flight_is_replayed_once_only(void **state)
{
    struct house *house = *state;

    warm_up(house);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401});
    house->puppet.hold_tokens = true;
    struct question *unlucky = ask(house, "a");
    settle(house);
    house->puppet.hold_searches = true;
    puppet_release(&house->puppet);
    settle(house);
    struct question *fine = ask(house, "b");
    settle(house);
    assert_int_equal(puppet_held(&house->puppet), 2);
    puppet_release_one(&house->puppet, puppet_last(&house->puppet));
    settle(house);
    assert_verdict(fine, ASK_OK);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401});
    house->puppet.hold_tokens = house->puppet.hold_searches = false;
    puppet_release(&house->puppet);
    settle(house);
    assert_verdict(unlucky, ASK_REFUSED);
    assert_int_equal(house->puppet.searches, 4);
}

static void no_login_no_search(void **state)
{
    static const struct {
        struct puppet_answer answer;
        enum ask_verdict verdict;
    } rows[] = {
        {{.status = 400}, ASK_REFUSED}, {{.status = 503}, ASK_OUTAGE}, {{.outcome = FETCH_UNREACHABLE}, ASK_OUTAGE}};
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build(house);
        puppet_next_token(&house->puppet, rows[i].answer);
        struct question *first = ask(house, "a"), *second = ask(house, "b");
        settle(house);
        assert_verdict(first, rows[i].verdict);
        assert_verdict(second, rows[i].verdict);
        assert_in_range(second->ask.retry_after_us, 900000, 1100000);
        assert_int_equal(first->charged + second->charged, 0);
        struct fetcher_view view;
        fetcher_look(house->fetcher, &view);
        assert_true(view.token_failing && !view.token_good);
    }
    assert_int_equal(house->puppet.searches, 0);
    assert_int_equal(house->puppet.call_count, 3);
}

static void a_one_time_code_that_is_not_due_is_told_at_once(void **state)
{
    static const struct {
        int64_t left_us;
        bool waits;
    } rows[] = {{20 * CLOCK_SECOND, false}, {CLOCK_SECOND, true}};
    struct house *house = *state;
    int64_t step_us = 30 * CLOCK_SECOND;

    house->options.token.totp_secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        build(house);
        clock_move(house->clock, 2 * step_us - clock_wall(house->clock) % step_us - rows[i].left_us - CLOCK_SECOND);
        warm_up(house);
        move(house, step_us - clock_wall(house->clock) % step_us - rows[i].left_us);
        size_t logins = house->puppet.logins;
        puppet_revoke(&house->puppet);
        struct question *question = ask(house, "a");
        settle(house);
        assert_int_equal(question->answers, !rows[i].waits);
        if (!rows[i].waits) {
            assert_verdict(question, ASK_OUTAGE);
            assert_int_equal(question->ask.retry_after_us, rows[i].left_us);
        }
        move(house, rows[i].left_us - 1);
        assert_int_equal(house->puppet.logins, logins);
        move(house, 1); /* by itself */
        assert_int_equal(house->puppet.logins, logins + 1);
        question = ask(house, "b");
        settle(house);
        assert_verdict(question, ASK_OK);
    }
}

static void a_slow_login_ends_in_time(void **state)
{
    struct house *house = *state;

    house->puppet.hold_tokens = true;
    struct question *first = ask(house, "a"), *second = ask(house, "b");
    settle(house);
    pass(house, 5 * CLOCK_SECOND - 1);
    assert_int_equal(first->answers + second->answers, 0);
    pass(house, 1);
    assert_verdict(second, ASK_OUTAGE); /* its patience in the queue is over, and the login is to blame */
    pass(house, 5 * CLOCK_SECOND);
    assert_int_equal(first->answers, 1);
    assert_true(first->ask.verdict == ASK_TIMEOUT || first->ask.verdict == ASK_OUTAGE);
    assert_int_equal(house->puppet.searches, 0);
}

/* Its own patience at the gate, where renewing takes two calls, each in time. */
static void a_login_in_two_steps_ends_in_time(void **state)
{
    struct house *house = *state;

    warm_up(house);
    puppet_revoke(&house->puppet);
    house->puppet.hold_tokens = true;
    struct question *question = ask(house, "a");
    settle(house);
    pass(house, 9 * CLOCK_SECOND);
    puppet_release(&house->puppet); /* the refresh is refused, and the login hangs */
    settle(house);
    pass(house, CLOCK_SECOND - 1);
    assert_int_equal(question->answers, 0);
    assert_int_equal(house->puppet.logins, 2);
    pass(house, 1);
    assert_verdict(question, ASK_TIMEOUT);
}

/* max_wait, and twice the timeout. */
static void everything_together_ends_in_time(void **state)
{
    struct house *house = *state;

    warm_up(house);
    house->puppet.hold_searches = house->puppet.hold_tokens = true;
    struct question *question = ask(house, "a");
    settle(house);
    pass(house, 9 * CLOCK_SECOND);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401});
    puppet_release(&house->puppet);
    settle(house);
    pass(house, 9 * CLOCK_SECOND);
    puppet_release(&house->puppet); /* the new token; the replay hangs */
    settle(house);
    assert_int_equal(house->puppet.searches, 3);
    pass(house, 7 * CLOCK_SECOND - 1);
    assert_int_equal(question->answers, 0);
    pass(house, 1);
    assert_verdict(question, ASK_TIMEOUT);
}

/* Bad answers. */

static void each_bad_answer_has_its_verdict_and_is_refunded(void **state)
{
    static const struct {
        struct puppet_answer answer;
        enum ask_verdict verdict;
        enum metric metric;
    } rows[] = {
        {{.status = 403}, ASK_REFUSED, METRIC_UPSTREAM_REFUSED},
        {{.status = 400}, ASK_BAD_QUERY, METRIC_UPSTREAM_BAD_QUERY},
        {{.status = 404}, ASK_BROKEN, METRIC_UPSTREAM_BROKEN},
        {{.status = 422}, ASK_BAD_QUERY, METRIC_UPSTREAM_BAD_QUERY},
        {{.status = 302}, ASK_BROKEN, METRIC_UPSTREAM_BROKEN},
        {{.status = 204}, ASK_BROKEN, METRIC_UPSTREAM_BROKEN},
        {{.status = 200, .body = "{}"}, ASK_BROKEN, METRIC_UPSTREAM_BROKEN},
        {{.status = 200, .body = "<html>", .content_type = "text/html"}, ASK_BROKEN, METRIC_UPSTREAM_BROKEN},
        {{.outcome = FETCH_CUT, .body = "{\"Records\":["}, ASK_BROKEN, METRIC_UPSTREAM_BROKEN},
        {{.outcome = FETCH_TOO_BIG}, ASK_BROKEN, METRIC_UPSTREAM_BROKEN},
        {{.status = 500}, ASK_OUTAGE, METRIC_UPSTREAM_OUTAGE},
        {{.status = 503}, ASK_OUTAGE, METRIC_UPSTREAM_OUTAGE},
        {{.outcome = FETCH_UNREACHABLE}, ASK_OUTAGE, METRIC_UPSTREAM_OUTAGE},
        {{.outcome = FETCH_TIMED_OUT}, ASK_TIMEOUT, METRIC_UPSTREAM_TIMEOUT},
    };
    struct house *house = *state;

    warm_up(house);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t before = metrics_read(house->metrics, rows[i].metric);
        puppet_next_search(&house->puppet, rows[i].answer);
        struct question *starter = ask(house, "a"), *joined = ask(house, "a");
        settle(house);
        pass(house, 200 * CLOCK_MILLISECOND);
        assert_verdict(starter, rows[i].verdict);
        assert_verdict(joined, rows[i].verdict);
        assert_int_equal(starter->ask.status, rows[i].answer.status);
        assert_true(starter->ask.why[0] != '\0');
        assert_true(rows[i].verdict != ASK_OUTAGE || starter->ask.retry_after_us >= CLOCK_SECOND);
        assert_int_equal(starter->charged, 0);
        assert_null(starter->ask.window_entry);
        assert_int_equal(metrics_read(house->metrics, rows[i].metric), before + 1);
    }
    assert_int_equal(house->made, 1);
    struct question *fine = ask(house, "a"); /* no failure is kept */
    settle(house);
    assert_verdict(fine, ASK_OK);
    assert_int_equal(count_in_log(house, "answers again"), 1);
}

/* Our canonical queries were checked before, so it is news for the operator. */
static void a_query_that_nexudus_does_not_take_is_told_once(void **state)
{
    struct house *house = *state;

    warm_up(house);
    for (size_t i = 0; i < 5; i++) {
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = i % 2 == 0 ? 400 : 422});
        struct question *question = ask_number(house, i);
        settle(house);
        assert_verdict(question, ASK_BAD_QUERY);
    }
    assert_int_equal(count_in_log(house, "result=bad_query"), 1);
}

static void a_call_that_hangs_ends_with_its_deadline(void **state)
{
    struct house *house = *state;

    warm_up(house);
    house->puppet.hold_searches = true;
    struct question *question = ask(house, "a");
    settle(house);
    pass(house, 10 * CLOCK_SECOND - 1);
    assert_int_equal(question->answers, 0);
    pass(house, 1);
    assert_verdict(question, ASK_TIMEOUT);
}

static void a_cap_is_learnt_and_forgotten(void **state)
{
    struct house *house = *state;

    house->puppet.total_items = 300;
    house->puppet.cap = 100;
    struct question *question = ask(house, "a");
    settle(house);
    assert_verdict(question, ASK_CAPPED);
    assert_int_equal(question->ask.cap, 100);
    assert_int_equal(question->charged, 0);
    assert_int_equal(fetcher_cap(house->fetcher, house->schema), 100);
    move(house, 3600 * CLOCK_SECOND);
    assert_int_equal(fetcher_cap(house->fetcher, house->schema), 0);
}

/* The throttle. */

static void a_throttle_pauses_all_and_one_probe_ends_it(void **state)
{
    static const struct {
        struct puppet_answer answer;
        int64_t low_us, high_us; /* of the pause */
    } rows[] = {
        {{.status = 409, .says_retry = true, .retry_after_us = 2 * CLOCK_SECOND}, 2000000, 2400000},
        {{.status = 409}, 1000000, 1200000},
        {{.status = 429, .says_retry = true, .retry_after_us = 0}, 100000, 120000},
        {{.status = 503, .says_retry = true, .retry_after_us = CLOCK_SECOND}, 1000000, 1200000},
    };
    struct house *house = *state;

    warm_up(house);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fetcher_view view;
        size_t before = house->puppet.searches;
        puppet_next_search(&house->puppet, rows[i].answer);
        struct question *first = ask(house, "a");
        settle(house);
        struct question *second = ask(house, "b"), *third = ask(house, "c");
        settle(house);
        assert_int_equal(house->puppet.searches, before + 1);
        fetcher_look(house->fetcher, &view);
        assert_in_range(view.pause_us, rows[i].low_us, rows[i].high_us);
        assert_int_equal(view.queued, 3);

        house->puppet.hold_searches = true;
        move(house, view.pause_us - 1);
        assert_int_equal(house->puppet.searches, before + 1);
        move(house, 1);
        pass(house, CLOCK_SECOND);
        assert_int_equal(house->puppet.searches, before + 2); /* the probe alone, and it is the oldest */
        assert_non_null(strstr(puppet_last(&house->puppet)->url, "WebHook_Name=a"));
        puppet_release(&house->puppet);
        settle(house);
        assert_verdict(first, ASK_OK);
        assert_int_equal(puppet_held(&house->puppet), 2); /* the others, side by side */
        house->puppet.hold_searches = false;
        puppet_release(&house->puppet);
        settle(house);
        assert_verdict(second, ASK_OK);
        assert_verdict(third, ASK_OK);
        assert_int_equal(first->charged, 1);
        pass(house, CLOCK_SECOND + 200 * CLOCK_MILLISECOND);
    }
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_THROTTLED), 4);
}

static void who_was_called_already_goes_first(void **state)
{
    static const int statuses[] = {401, 409};
    struct house *house = *state;

    house->options.budget_count = 1;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        house->puppet.hold_searches = true;
        ask(house, "a");
        ask(house, "b");
        settle(house);
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = statuses[i]});
        puppet_release(&house->puppet);
        pass(house, 2 * CLOCK_SECOND);
        assert_int_equal(puppet_held(&house->puppet), statuses[i] == 409 ? 1 : 2); /* a probe, or both */
        assert_non_null(strstr(puppet_search(&house->puppet, i == 0 ? 2 : 5)->url, "WebHook_Name=a"));
        house->puppet.hold_searches = false;
        puppet_release(&house->puppet);
        pass(house, CLOCK_SECOND);
    }
    assert_int_equal(answered(house, ASK_OK), 5);
}

static void an_ask_for_something_newer_joins_what_must_be_called_again(void **state)
{
    static const int statuses[] = {401, 409};
    struct house *house = *state;

    warm_up(house);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        size_t before = house->puppet.searches;
        house->puppet.hold_tokens = true;
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = statuses[i]});
        ask(house, "a");
        settle(house);
        clock_move(house->clock, 10);
        struct question *anew = prepare(house, "a");
        anew->ask.anew = true;
        fetcher_ask(house->fetcher, &anew->ask);
        settle(house);
        house->puppet.hold_tokens = false;
        puppet_release(&house->puppet);
        pass(house, 3 * CLOCK_SECOND);
        assert_verdict(anew, ASK_OK);
        assert_true(anew->ask.collapsed);
        assert_int_equal(house->puppet.searches, before + 2);
    }
}

static void a_probe_that_is_throttled_too_begins_another_pause(void **state)
{
    struct house *house = *state;

    warm_up(house);
    for (int i = 0; i < 3; i++)
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 409});
    struct question *first = ask(house, "a");
    settle(house);
    struct question *second = ask(house, "b");
    pass(house, 1500 * CLOCK_MILLISECOND);
    assert_int_equal(house->puppet.searches, 3);
    pass(house, 4500 * CLOCK_MILLISECOND);
    assert_verdict(first, ASK_OK);
    assert_verdict(second, ASK_OK);
    assert_int_equal(house->puppet.searches, 6);
}

static void a_pause_longer_than_anybody_waits_is_told_at_once(void **state)
{
    struct house *house = *state;

    warm_up(house);
    puppet_next_search(&house->puppet, (struct puppet_answer){
                                           .status = 409, .says_retry = true, .retry_after_us = 3600 * CLOCK_SECOND});
    house->puppet.hold_searches = true;
    for (size_t i = 0; i < 15; i++) /* ten under way, five in the queue */
        ask_number(house, i);
    settle(house);
    puppet_release(&house->puppet);
    settle(house);
    assert_int_equal(answered(house, ASK_OK), 10); /* nine of them, and the one before */
    assert_int_equal(answered(house, ASK_THROTTLED), 6);
    struct question *late = ask(house, "late");
    settle(house);
    assert_verdict(late, ASK_THROTTLED);
    assert_int_equal(late->ask.retry_after_us, 10 * CLOCK_SECOND); /* retry_after_max, jitter included */
    assert_int_equal(late->charged, 0);
    assert_int_equal(house->questions[1].ask.status, 409);
    assert_int_equal(house->puppet.searches, 11);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_QUEUE_FULL), 7);
}

static void a_flight_that_is_throttled_again_and_again_gives_up(void **state)
{
    struct house *house = *state;

    warm_up(house);
    for (int i = 0; i < 20; i++)
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 409});
    struct question *question = ask(house, "a");
    pass(house, 5 * CLOCK_SECOND);
    assert_verdict(question, ASK_THROTTLED);
    assert_true(question->ask.retry_after_us > 0);
    assert_int_equal(question->ask.status, 409);
    assert_in_range(house->puppet.searches, 5, 6); /* the first one, and one a second */
}

/* A throttle that counts what arrives; the network's jitter is within the budget's margin. */
static void three_hundred_misses_at_once_are_spread_for_the_throttle(void **state)
{
    static const int64_t jitters_us[] = {0, 5 * CLOCK_MILLISECOND};
    struct house *house = *state;

    house->options.max_wait_us = 60 * CLOCK_SECOND;
    for (size_t i = 0; i < sizeof jitters_us / sizeof jitters_us[0]; i++) {
        build(house);
        warm_up(house);
        house->puppet.throttle_count = 10;
        house->puppet.throttle_interval_us = 100 * CLOCK_MILLISECOND;
        house->puppet.jitter_us = jitters_us[i];
        size_t fine = answered(house, ASK_OK), searches = house->puppet.searches;
        for (size_t j = 0; j < 300; j++)
            ask_number(house, 300 * i + j);
        pass(house, 60 * CLOCK_SECOND);
        assert_int_equal(answered(house, ASK_OK) - fine, 300);
        assert_int_equal(house->puppet.searches - searches, 300);
        assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_THROTTLED), 0);
        house->puppet.throttle_count = 0;
    }
}

/* The queue. */

static void a_full_queue_refuses_with_the_time_it_needs(void **state)
{
    struct house *house = *state;

    house->options.queue = 20;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 40; i++)
        ask_number(house, i);
    settle(house);
    assert_int_equal(house->puppet.searches, 11);
    assert_int_equal(answered(house, ASK_THROTTLED), 40 - 10 - 20);
    struct question *refused = &house->questions[house->asked - 1];
    assert_verdict(refused, ASK_THROTTLED);
    assert_in_range(refused->ask.retry_after_us, 210 * CLOCK_MILLISECOND, 315 * CLOCK_MILLISECOND);
    assert_int_equal(refused->charged, 0);
    pass(house, CLOCK_SECOND);
    assert_int_equal(answered(house, ASK_OK), 31);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_QUEUE_FULL), 10);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_QUEUED), 0);
}

static void who_would_wait_too_long_is_told_at_once(void **state)
{
    struct house *house = *state;

    house->options.max_wait_us = CLOCK_SECOND;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 200; i++)
        ask_number(house, i);
    settle(house);
    /* Ten now, and ten more after each of nine times 105 ms. */
    assert_int_equal(answered(house, ASK_THROTTLED), 100);
    pass(house, CLOCK_SECOND);
    assert_int_equal(answered(house, ASK_OK), 101);
}

static void a_turn_that_comes_with_the_last_of_the_patience_is_taken(void **state)
{
    struct house *house = *state;

    house->options.budget_count = 1;
    house->options.max_wait_us = 105 * CLOCK_MILLISECOND;
    build(house);
    warm_up(house);
    ask(house, "a");
    settle(house);
    struct question *second = ask(house, "b"), *third = ask(house, "c");
    settle(house);
    assert_verdict(third, ASK_THROTTLED);
    move(house, 105 * CLOCK_MILLISECOND);
    assert_verdict(second, ASK_OK);
}

/* The breaker. */

static void open_breaker(struct house *house)
{
    house->options.breaker_percent = 50;
    house->options.breaker_probe_us = 5 * CLOCK_SECOND;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 10; i++) {
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
        ask_number(house, i);
        pass(house, 15 * CLOCK_MILLISECOND);
    }
}

static struct fetcher_view look(const struct house *house)
{
    struct fetcher_view view;

    fetcher_look(house->fetcher, &view);
    assert_int_equal(metrics_read(house->metrics, METRIC_BREAKER_STATE), view.breaker);
    return view;
}

static void an_open_breaker_refuses_at_once_and_says_when(void **state)
{
    struct house *house = *state;

    open_breaker(house);
    assert_int_equal(house->puppet.searches, 1 + 9); /* the tenth was not called: 9 of 10 had failed */
    assert_verdict(&house->questions[10], ASK_OUTAGE);
    assert_int_equal(count_in_log(house, "the breaker opens"), 1);
    move(house, CLOCK_SECOND);
    struct question *refused = ask(house, "a");
    settle(house);
    assert_verdict(refused, ASK_OUTAGE);
    assert_int_equal(refused->charged, 0);
    assert_int_equal(refused->ask.status, 0);
    assert_int_equal(look(house).breaker, BREAKER_OPEN);
    assert_int_equal(refused->ask.retry_after_us, look(house).breaker_wait_us);
    assert_int_equal(metrics_read(house->metrics, METRIC_BREAKER_REFUSED), 2);

    move(house, refused->ask.retry_after_us - 1);
    struct question *early = ask(house, "a");
    settle(house);
    assert_verdict(early, ASK_OUTAGE);
    move(house, 1); /* it was the truth */
    house->puppet.search_script = (struct puppet_script){.count = 0};
    struct question *probe = ask(house, "a");
    settle(house);
    assert_verdict(probe, ASK_OK);
    assert_int_equal(look(house).breaker, BREAKER_CLOSED);
    assert_int_equal(look(house).breaker_wait_us, 0);
    assert_int_equal(count_in_log(house, "the breaker closes"), 1);
    struct question *fine = ask(house, "b");
    settle(house);
    assert_verdict(fine, ASK_OK);
}

static void one_probe_at_a_time_and_the_others_do_not_wait_for_it(void **state)
{
    struct house *house = *state;

    open_breaker(house);
    size_t before = house->puppet.searches;
    house->puppet.hold_searches = true;
    for (int round = 1; round <= 3; round++) {
        move(house, 5 * CLOCK_SECOND);
        struct question *probe = ask(house, "a"), *other = ask(house, "b");
        settle(house);
        struct question *late = ask(house, "c");
        settle(house);
        assert_int_equal(house->puppet.searches, before + (size_t)round);
        assert_true(puppet_last(&house->puppet)->is_fresh);
        assert_int_equal(look(house).breaker, BREAKER_HALF_OPEN);
        assert_verdict(other, ASK_OUTAGE);
        assert_verdict(late, ASK_OUTAGE);
        assert_int_equal(late->ask.retry_after_us, 5 * CLOCK_SECOND);
        assert_int_equal(probe->answers, 0);
        puppet_next_search(&house->puppet, (struct puppet_answer){.outcome = FETCH_CUT});
        house->puppet.search_script.next = house->puppet.search_script.count - 1;
        puppet_release(&house->puppet);
        settle(house);
        assert_verdict(probe, ASK_BROKEN);
        assert_int_equal(look(house).breaker, BREAKER_OPEN);
    }
    assert_int_equal(count_in_log(house, "the breaker opens"), 1);
}

static void who_waits_when_the_breaker_opens_is_told(void **state)
{
    struct house *house = *state;

    house->options.breaker_percent = 50;
    house->options.breaker_probe_us = 5 * CLOCK_SECOND;
    build(house);
    warm_up(house);
    house->puppet.hold_searches = true;
    for (size_t i = 0; i < 30; i++) /* ten are called, twenty wait */
        ask_number(house, i);
    settle(house);
    for (size_t i = 0; i < 10; i++)
        puppet_next_search(&house->puppet, (struct puppet_answer){.outcome = FETCH_UNREACHABLE});
    puppet_release(&house->puppet);
    settle(house);
    assert_int_equal(answered(house, ASK_OUTAGE), 30);
    assert_int_equal(house->puppet.searches, 11);
}

/* Nexudus is there as long as it says no, or not so often. */
static void throttles_and_refusals_do_not_open_the_breaker(void **state)
{
    static const int statuses[] = {409, 400, 401, 403, 404, 422, 503};
    struct house *house = *state;

    house->options.breaker_percent = 50;
    house->options.breaker_probe_us = 5 * CLOCK_SECOND;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 60; i++) {
        int status = statuses[i % (sizeof statuses / sizeof statuses[0])];
        puppet_next_search(&house->puppet,
                           (struct puppet_answer){.status = status, .says_retry = true, .retry_after_us = 0});
        ask_number(house, i);
        pass(house, CLOCK_SECOND);
    }
    assert_int_equal(look(house).breaker, BREAKER_CLOSED);
    assert_int_equal(answered(house, ASK_OUTAGE), 0);
}

/* Retries. */

static void what_may_be_better_the_second_time_is_sent_again(void **state)
{
    static const struct {
        struct puppet_answer answer;
        bool retried;
    } rows[] = {
        {{.outcome = FETCH_UNREACHABLE}, true},
        {{.outcome = FETCH_CUT, .reused_connection = true}, true},
        {{.outcome = FETCH_CUT}, false},
        {{.status = 500}, true},
        {{.status = 502}, true},
        {{.status = 503}, true},
        {{.status = 500, .says_retry = true, .retry_after_us = CLOCK_SECOND}, false},
        {{.status = 502, .says_retry = true, .retry_after_us = 0}, false},
        {{.status = 200, .body = "{}"}, false},
        {{.status = 204, .reused_connection = true}, false},
        {{.outcome = FETCH_TOO_BIG, .reused_connection = true}, false},
        {{.outcome = FETCH_TIMED_OUT, .reused_connection = true}, false},
        {{.status = 400}, false},
        {{.status = 403}, false},
    };
    struct house *house = *state;

    house->options.retry_percent = 100;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t before = house->puppet.searches;
        puppet_next_search(&house->puppet, rows[i].answer);
        struct question *question = ask(house, "a");
        settle(house);
        assert_int_equal(question->answers, 1);
        if ((question->ask.verdict == ASK_OK) != rows[i].retried ||
            house->puppet.searches != before + 1 + rows[i].retried)
            fail_msg("row %zu: %d after %zu calls", i, (int)question->ask.verdict, house->puppet.searches - before);
        assert_int_equal(question->charged, rows[i].retried);
        assert_int_equal(puppet_last(&house->puppet)->is_fresh, rows[i].retried); /* who fails often hangs up, too */
        pass(house, CLOCK_SECOND);
    }
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_RETRIES), 5);
}

static void a_failure_that_says_when_to_come_again_is_believed_up_to_a_bound(void **state)
{
    static const struct {
        int64_t said_us, told_us;
    } rows[] = {{0, CLOCK_SECOND}, {7 * CLOCK_SECOND, 7 * CLOCK_SECOND}, {3600 * CLOCK_SECOND, 10 * CLOCK_SECOND}};
    struct house *house = *state;

    warm_up(house);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        puppet_next_search(&house->puppet, (struct puppet_answer){
                                               .status = 500, .says_retry = true, .retry_after_us = rows[i].said_us});
        struct question *question = ask(house, "a");
        settle(house);
        assert_verdict(question, ASK_OUTAGE);
        assert_int_equal(question->ask.retry_after_us, rows[i].told_us);
    }
}

static void a_call_is_sent_again_once_only_and_waits_for_the_budget(void **state)
{
    struct house *house = *state;

    house->options.retry_percent = 100;
    house->options.budget_count = 1;
    build(house);
    warm_up(house);
    for (int i = 0; i < 2; i++)
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
    struct question *question = ask(house, "a");
    settle(house);
    assert_int_equal(house->puppet.searches, 2);
    move(house, 105 * CLOCK_MILLISECOND - 1);
    assert_int_equal(house->puppet.searches, 2);
    move(house, 1);
    assert_int_equal(house->puppet.searches, 3);
    assert_verdict(question, ASK_OUTAGE);
    assert_int_equal(question->ask.status, 500);
    assert_int_equal(question->charged, 0);
}

/* All that were kept have died, and nobody could know: that costs a second call each, in the budget, and nothing else.
 * It is no sign of an outage. */
static void a_search_over_a_dead_connection_is_sent_again_over_a_fresh_one(void **state)
{
    enum { DEAD = 30 };
    struct house *house = *state;

    house->options.retry_percent = 1;
    house->options.breaker_percent = 50;
    house->options.breaker_probe_us = 5 * CLOCK_SECOND;
    build(house);
    warm_up(house);
    house->puppet.kept_are_dead = true;
    for (size_t i = 0; i < DEAD - 1; i++)
        ask_number(house, i);
    ask_behind(house, "refresh");
    settle(house);
    assert_int_equal(house->puppet.searches, 1 + 10); /* the budget's turn is used up by the first ten */
    pass(house, 105 * CLOCK_MILLISECOND - 1);
    assert_int_equal(house->puppet.searches, 1 + 10);
    pass(house, CLOCK_SECOND);
    assert_int_equal(answered(house, ASK_OK), 1 + DEAD);
    assert_int_equal(house->puppet.searches, 1 + 2 * DEAD);
    for (size_t i = 0; i < 1 + 2 * DEAD; i++) {
        const struct puppet_call *call = puppet_search(&house->puppet, i);
        assert_int_equal(call->is_fresh, i > 0 && call->status != 0);
        if (i >= 10)
            assert_true(call->started_us - puppet_search(&house->puppet, i - 10)->started_us >=
                        105 * CLOCK_MILLISECOND);
    }
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_SEARCHES), 1 + 2 * DEAD);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_RETRIES), DEAD);
    assert_int_equal(look(house).breaker, BREAKER_CLOSED);
    assert_int_equal(count_in_log(house, "failed"), 0);
}

/* Whatever its connections do. */
static void no_search_is_sent_a_third_time(void **state)
{
    struct house *house = *state;

    house->options.retry_percent = 100;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 3; i++)
        puppet_next_search(&house->puppet,
                           (struct puppet_answer){.outcome = FETCH_UNREACHABLE, .reused_connection = true});
    struct question *question = ask(house, "a");
    pass(house, CLOCK_SECOND);
    assert_verdict(question, ASK_OUTAGE);
    assert_int_equal(question->charged, 0);
    assert_int_equal(house->puppet.searches, 3);
}

static void an_outage_costs_only_a_share_more(void **state)
{
    struct house *house = *state;

    house->options.retry_percent = 20;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 200; i++) {
        house->puppet.search_script = (struct puppet_script){.count = 0};
        for (int j = 0; j < 2; j++)
            puppet_next_search(&house->puppet, (struct puppet_answer){.outcome = FETCH_UNREACHABLE});
        ask_number(house, i);
        pass(house, 50 * CLOCK_MILLISECOND);
    }
    assert_int_equal(answered(house, ASK_OUTAGE), 200);
    assert_int_equal(house->puppet.searches, 1 + 200 + 1 + 40); /* one was saved, and a fifth */
}

/* Ten fail at once. The ninth is the tenth call of all and opens the breaker, so only eight stood in line again. */
static void nothing_is_sent_again_through_an_open_breaker(void **state)
{
    struct house *house = *state;

    house->options.retry_percent = 100;
    house->options.breaker_percent = 50;
    house->options.breaker_probe_us = 5 * CLOCK_SECOND;
    build(house);
    warm_up(house);
    house->puppet.hold_searches = true;
    for (size_t i = 0; i < 10; i++) {
        puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
        ask_number(house, i);
    }
    settle(house);
    puppet_release(&house->puppet);
    settle(house);
    assert_int_equal(answered(house, ASK_OUTAGE), 10);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_RETRIES), 8);
    assert_int_equal(metrics_read(house->metrics, METRIC_BREAKER_REFUSED), 8);
    assert_int_equal(house->puppet.searches, 11);
}

static void nothing_is_sent_again_that_nobody_waits_for_or_that_would_wait_too_long(void **state)
{
    struct house *house = *state;

    house->options.retry_percent = 100;
    house->options.budget_count = 1;
    house->options.max_wait_us = 100 * CLOCK_MILLISECOND; /* less than the budget's interval */
    build(house);
    warm_up(house);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
    struct question *question = ask(house, "a");
    pass(house, CLOCK_SECOND);
    assert_verdict(question, ASK_OUTAGE); /* and not that the queue is too long */
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 500});
    house->options.max_wait_us = 5 * CLOCK_SECOND;
    build(house);
    struct question *refresh = ask_behind(house, "b");
    pass(house, CLOCK_SECOND);
    assert_verdict(refresh, ASK_OUTAGE);
    assert_int_equal(house->puppet.searches, 3);
}

/* All of it together: queue, deadlines, breaker, retries. */
static void a_thousand_are_answered_in_time_when_nexudus_hangs(void **state)
{
    enum { ASKERS = 1000 };
    struct house *house = *state;

    house->options.breaker_percent = 50;
    house->options.breaker_probe_us = 5 * CLOCK_SECOND;
    house->options.retry_percent = 20;
    build(house);
    warm_up(house);
    house->puppet.hold_searches = true;
    for (size_t i = 0; i < ASKERS; i++)
        ask_for(house, 1 + i % 7, 1 + (int64_t)(i % 3), i);
    settle(house);
    pass(house, 5 * CLOCK_SECOND);
    size_t refused = answered(house, ASK_THROTTLED), called = house->puppet.searches - 1;
    assert_int_equal(refused + called, ASKERS);
    assert_int_equal(called, 48 * 10);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_QUEUED), 0);
    pass(house, 10 * CLOCK_SECOND);
    assert_int_equal(answered(house, ASK_TIMEOUT), called);
    assert_int_equal(puppet_held(&house->puppet), 0);
    assert_int_equal(metrics_read(house->metrics, METRIC_FLIGHTS_OPEN), 0);
    assert_int_equal(look(house).breaker, BREAKER_OPEN);
}

/* Patience. */

static void who_joins_the_impatient_may_still_wait(void **state)
{
    struct house *house = *state;

    house->options.budget_interval_us = 3 * CLOCK_SECOND;
    house->options.budget_count = 1;
    build(house);
    ask(house, "a");
    settle(house);
    struct question *hasty = prepare(house, "b");
    hasty->ask.impatient = true;
    hasty->ask.patience_us = 1;
    fetcher_ask(house->fetcher, &hasty->ask);
    settle(house);
    assert_verdict(hasty, ASK_THROTTLED);
    assert_true(hasty->ask.was_impatient);
    move(house, 2 * CLOCK_SECOND);
    struct question *starter = prepare(house, "b");
    starter->ask.impatient = true;
    starter->ask.patience_us = 1100 * CLOCK_MILLISECOND;
    fetcher_ask(house->fetcher, &starter->ask);
    settle(house);
    puppet_next_search(&house->puppet, (struct puppet_answer){.status = 401}); /* and then it waits anew */
    struct question *joined = ask(house, "b");
    pass(house, 10 * CLOCK_SECOND);
    assert_verdict(starter, ASK_OK);
    assert_false(starter->ask.was_impatient);
    assert_verdict(joined, ASK_OK);
}

/* Fairness. */

/* Of the searches from the nth on. */
static size_t searches_of(const struct house *house, int client, size_t nth)
{
    char name[16];
    size_t count = 0;

    snprintf(name, sizeof name, "=c%dn", client);
    for (; nth < house->puppet.searches; nth++)
        count += strstr(puppet_search(&house->puppet, nth)->url, name) != NULL;
    return count;
}

static void shares_of_the_budget_are_as_the_weights(void **state)
{
    struct house *house = *state;

    house->options.max_wait_us = 60 * CLOCK_SECOND;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 300; i++) /* one floods first */
        ask_for(house, 1, 1, i);
    settle(house);
    for (size_t i = 0; i < 300; i++)
        ask_for(house, 2, 3, i);
    settle(house);
    size_t before = house->puppet.searches;
    pass(house, 20 * 105 * CLOCK_MILLISECOND);
    assert_int_equal(house->puppet.searches - before, 200);
    assert_in_range(searches_of(house, 1, before), 49, 51);
    assert_in_range(searches_of(house, 2, before), 149, 151);
    pass(house, 60 * CLOCK_SECOND);
    assert_int_equal(answered(house, ASK_OK), 601);
}

/* Both ways round; and the same when the flood began long ago. */
static void a_flood_delays_only_itself(void **state)
{
    struct house *house = *state;
    const int64_t interval_us = 105 * CLOCK_MILLISECOND;

    for (int64_t weight = 1; weight <= 3; weight += 2) {
        house->options.queue = 300;
        build(house);
        warm_up(house);
        size_t flood = 0;
        int64_t longest_us = 0;
        for (int i = 0; i < 24; i++) {
            for (int j = i == 0 ? -200 : 0; j < 11; j++)
                ask_for(house, 1, 4 - weight, flood++ + 1000 * (size_t)weight);
            settle(house);
            if (i % 3 > 0) {
                pass(house, interval_us);
                continue;
            }
            int64_t came_us = loop_now(house->loop);
            struct question *question = ask_for(house, 2, weight, flood);
            settle(house);
            while (question->answers == 0)
                move(house, CLOCK_MILLISECOND);
            assert_verdict(question, ASK_OK);
            longest_us = longest_us > loop_now(house->loop) - came_us ? longest_us : loop_now(house->loop) - came_us;
        }
        print_message("note: weight %d beside a flood: waits up to %d ms\n", (int)weight, (int)(longest_us / 1000));
        assert_in_range(longest_us, 0, 2 * interval_us);
        pass(house, 10 * CLOCK_SECOND);
    }
}

static void in_a_full_queue_the_flood_makes_room(void **state)
{
    struct house *house = *state;

    house->options.queue = 20;
    build(house);
    warm_up(house);
    for (size_t i = 0; i < 40; i++)
        ask_for(house, 1, 1, i);
    settle(house);
    assert_int_equal(answered(house, ASK_THROTTLED), 10);
    for (size_t i = 0; i < 10; i++)
        ask_for(house, 2, 1, i);
    settle(house);
    assert_int_equal(answered(house, ASK_THROTTLED), 20);
    for (size_t i = house->asked - 10; i < house->asked; i++)
        assert_int_equal(house->questions[i].answers, 0);
    assert_int_equal(metrics_read(house->metrics, METRIC_UPSTREAM_QUEUED), 20);
    for (size_t i = 10; i < 20; i++) /* now both have as much, so these are the ones that are too many */
        ask_for(house, 2, 1, i);
    settle(house);
    assert_int_equal(answered(house, ASK_THROTTLED), 30);
    size_t before = house->puppet.searches;
    pass(house, CLOCK_SECOND);
    assert_int_equal(searches_of(house, 1, before), 10);
    assert_int_equal(searches_of(house, 2, before), 10);
}

/* Both ask for more than there is, one for much more: what was refused is not held against it. */
static void asking_more_gains_nothing_and_costs_nothing(void **state)
{
    struct house *house = *state;
    size_t number = 0;

    house->options.queue = 20;
    build(house);
    warm_up(house);
    size_t before = house->puppet.searches;
    for (int i = 0; i < 12; i++) {
        for (int j = 0; j < 60; j++)
            ask_for(house, j % 3 == 0 ? 1 : 2, 1, number++);
        settle(house);
        pass(house, 105 * CLOCK_MILLISECOND);
    }
    size_t calls = house->puppet.searches - before;
    assert_true(calls >= 120);
    assert_in_range(searches_of(house, 1, before), calls * 45 / 100, calls * 55 / 100);
    pass(house, CLOCK_SECOND);
}

static void who_joins_a_flood_moves_its_flight_up(void **state)
{
    struct house *house = *state;

    warm_up(house);
    for (size_t i = 0; i < 200; i++)
        ask_for(house, 1, 1, i);
    settle(house);
    struct question *joined = prepare(house, "c1n180");
    joined->ask.client = 2;
    joined->ask.weight = 1;
    fetcher_ask(house->fetcher, &joined->ask);
    settle(house);
    pass(house, 105 * CLOCK_MILLISECOND);
    assert_verdict(joined, ASK_OK);
    assert_true(joined->ask.collapsed);
    assert_int_equal(joined->charged, 0);
}

/* Background flights. */

/* The names that were searched for, from the nth search on, in their order. */
static void assert_order(const struct house *house, size_t nth, const char *names)
{
    for (size_t i = 0; names[i] != '\0'; i++) {
        const char name[] = {'=', names[i], '&', '\0'};
        if (strstr(puppet_search(&house->puppet, nth + i)->url, name) == NULL)
            fail_msg("search %zu is not for %c but %s", nth + i, names[i], puppet_search(&house->puppet, nth + i)->url);
    }
}

static void what_nobody_waits_for_goes_last(void **state)
{
    struct house *house = *state;

    house->options.budget_count = 1;
    build(house);
    warm_up(house);
    ask(house, "a"); /* takes the turn that is free */
    ask_behind(house, "x");
    ask_behind(house, "y");
    ask(house, "b");
    settle(house);
    pass(house, 110 * CLOCK_MILLISECOND);
    ask(house, "c");
    pass(house, CLOCK_SECOND);
    assert_order(house, 1, "abcxy");
    assert_int_equal(answered(house, ASK_OK), 6);
}

static void who_joins_what_nobody_waited_for_moves_it_up(void **state)
{
    struct house *house = *state;

    house->options.budget_count = 1;
    build(house);
    warm_up(house);
    ask(house, "a");
    ask_behind(house, "x");
    struct question *refresh = ask_behind(house, "y");
    ask(house, "b");
    settle(house);
    struct question *joined = ask(house, "y");
    settle(house);
    assert_int_equal(house->puppet.searches, 2);
    ask(house, "c");
    pass(house, CLOCK_SECOND);
    assert_order(house, 1, "abycx");
    assert_verdict(refresh, ASK_OK);
    assert_verdict(joined, ASK_OK);
    assert_true(joined->ask.collapsed);
    assert_int_equal(joined->charged, 0);
}

static void a_full_queue_gives_up_what_nobody_waits_for_first(void **state)
{
    struct house *house = *state;

    house->options.budget_count = 1;
    house->options.queue = 3;
    build(house);
    warm_up(house);
    ask(house, "a");
    struct question *first = ask_behind(house, "x"), *second = ask_behind(house, "y");
    ask(house, "b");
    settle(house);
    ask(house, "c");
    settle(house);
    assert_verdict(second, ASK_THROTTLED);
    assert_int_equal(first->answers, 0);
    ask(house, "d");
    settle(house);
    assert_verdict(first, ASK_THROTTLED);
    struct question *refused = ask(house, "e");
    settle(house);
    assert_verdict(refused, ASK_THROTTLED);
    pass(house, CLOCK_SECOND);
    assert_order(house, 1, "abcd");
}

/* Whoever joins does not inherit a patience that is nearly over. */
static void the_patience_of_who_joins_a_refresh_begins_then(void **state)
{
    struct house *house = *state;

    house->options.budget_interval_us = 8 * CLOCK_SECOND;
    house->options.budget_count = 1;
    build(house);
    ask(house, "a");
    settle(house);
    move(house, 4 * CLOCK_SECOND);
    ask_behind(house, "x");
    settle(house);
    move(house, 3 * CLOCK_SECOND);
    struct question *joined = ask(house, "x");
    settle(house);
    pass(house, 2 * CLOCK_SECOND);
    assert_verdict(joined, ASK_OK);
}

/* Whatever is asked, and however the puppet behaves: no interval sees more starts than the budget. */
static void the_budget_is_never_exceeded(void **state)
{
    struct house *house = *state;
    struct random random;

    random_init(&random, 3);
    for (size_t i = 0; i < QUESTIONS_MAX - 1; i++) {
        if (random_between(&random, 0, 199) < 1)
            puppet_next_search(&house->puppet,
                               (struct puppet_answer){.status = random_between(&random, 0, 1) ? 401 : 409});
        if (house->puppet.search_script.count == PUPPET_SCRIPT_MAX)
            house->puppet.search_script = (struct puppet_script){.count = 0};
        ask_number(house, i);
        if (random_between(&random, 0, 9) < 3)
            move(house, random_between(&random, 0, 60 * CLOCK_MILLISECOND));
    }
    pass(house, 40 * CLOCK_SECOND);
    assert_true(house->puppet.searches > 500);
    for (size_t i = 0; i + 10 < house->puppet.searches; i++) {
        int64_t distance_us =
            puppet_search(&house->puppet, i + 10)->started_us - puppet_search(&house->puppet, i)->started_us;
        assert_true(distance_us >= 105 * CLOCK_MILLISECOND);
    }
}

/* Workers on threads of their own. */

enum { WORKERS = 4, ASKS_EACH = 125 };

struct worker {
    pthread_t thread;
    struct house *house;
    struct loop *loop;
    struct mailbox *mailbox;
    struct question questions[ASKS_EACH];
    size_t answers;
};

static void on_worker_answer(struct ask *ask)
{
    struct question *question = MEM_OUTER(ask, struct question, ask);
    struct worker *worker = question->worker;

    question->answers++;
    if (++worker->answers == ASKS_EACH)
        loop_stop(worker->loop);
}

static void *work(void *context)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct worker *worker = context;
    struct house *house = worker->house;

    for (size_t i = 0; i < ASKS_EACH; i++) {
        struct question *question = &worker->questions[i];
        struct fetcher_view view;
        fill(question, house, names[i % 5]);
        question->worker = worker;
        question->ask.reply_to = worker->mailbox;
        question->ask.on_answer = on_worker_answer;
        fetcher_ask(house->fetcher, &question->ask);
        fetcher_look(house->fetcher, &view);
        assert_int_equal(fetcher_cap(house->fetcher, house->schema), 0);
    }
    loop_run(worker->loop);
    return NULL;
}

static void *run_fetcher(void *loop)
{
    loop_run(loop);
    return NULL;
}

static void workers_ask_from_their_own_threads(void **state)
{
    static struct worker workers[WORKERS];
    struct house *house = *state;
    pthread_t fetcher;

    for (size_t i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){.house = house, .loop = loop_new(house->clock)};
        assert_non_null(workers[i].loop);
        workers[i].mailbox = mailbox_new(workers[i].loop, &workers[i]);
        assert_non_null(workers[i].mailbox);
    }
    assert_int_equal(pthread_create(&fetcher, NULL, run_fetcher, house->loop), 0);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    loop_stop(house->loop);
    assert_int_equal(pthread_join(fetcher, NULL), 0);

    assert_int_equal(house->puppet.searches, 5);
    assert_int_equal(house->puppet.logins, 1);
    for (size_t i = 0; i < WORKERS; i++) {
        for (size_t j = 0; j < ASKS_EACH; j++) {
            assert_verdict(&workers[i].questions[j], ASK_OK);
            entry_unref(workers[i].questions[j].ask.window_entry);
        }
        mailbox_free(workers[i].mailbox);
        loop_free(workers[i].loop);
    }
}

static void everybody_is_answered_when_the_fetcher_closes(void **state)
{
    struct house *house = *state;

    warm_up(house);
    house->puppet.hold_searches = true;
    for (size_t i = 0; i < 25; i++) /* ten under way, fifteen in the queue */
        ask_number(house, i);
    settle(house);
    ask(house, "unopened");
    fetcher_free(house->fetcher);
    house->fetcher = NULL;
    settle(house);
    assert_int_equal(answered(house, ASK_CLOSING), 26);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(one_ask_one_call),
        TEST(equal_asks_share_one_call_and_one_login),
        TEST(an_ask_that_missed_the_store_by_a_hair_costs_nothing),
        TEST(landed_windows_are_kept_for_a_moment_and_few_of_them),
        TEST(an_ask_for_something_newer_joins_only_a_later_call),
        TEST(an_ask_for_something_newer_joins_a_flight_that_still_waits),
        TEST(a_flight_is_stored_when_anybody_wants_that),
        TEST(an_ask_that_cannot_pay_starts_nothing_but_may_join),
        TEST(five_hundred_at_expiry_cost_one_renewal),
        TEST(five_hundred_after_a_revocation_cost_one_login),
        TEST(a_token_that_is_refused_twice_is_not_tried_again),
        TEST(a_quiet_gateways_token_that_is_revoked_is_renewed),
        TEST(an_entity_that_is_always_refused_fails_alone),
        TEST(an_entity_that_is_always_refused_does_not_harm_a_quiet_one),
        TEST(an_entity_that_is_refused_first_of_all_holds_others_up_once),
        TEST(a_query_that_is_always_refused_does_not_cost_a_renewal_each_time),
        TEST(a_token_that_is_good_for_one_search_is_not_hammered_for),
        TEST(a_search_that_was_refused_twice_soon_works_again),
        TEST(a_flight_is_replayed_once_only),
        TEST(no_login_no_search),
        TEST(a_one_time_code_that_is_not_due_is_told_at_once),
        TEST(a_slow_login_ends_in_time),
        TEST(a_login_in_two_steps_ends_in_time),
        TEST(everything_together_ends_in_time),
        TEST(each_bad_answer_has_its_verdict_and_is_refunded),
        TEST(a_query_that_nexudus_does_not_take_is_told_once),
        TEST(a_call_that_hangs_ends_with_its_deadline),
        TEST(a_cap_is_learnt_and_forgotten),
        TEST(a_throttle_pauses_all_and_one_probe_ends_it),
        TEST(who_was_called_already_goes_first),
        TEST(an_ask_for_something_newer_joins_what_must_be_called_again),
        TEST(a_probe_that_is_throttled_too_begins_another_pause),
        TEST(a_pause_longer_than_anybody_waits_is_told_at_once),
        TEST(a_flight_that_is_throttled_again_and_again_gives_up),
        TEST(three_hundred_misses_at_once_are_spread_for_the_throttle),
        TEST(a_full_queue_refuses_with_the_time_it_needs),
        TEST(who_would_wait_too_long_is_told_at_once),
        TEST(a_turn_that_comes_with_the_last_of_the_patience_is_taken),
        TEST(an_open_breaker_refuses_at_once_and_says_when),
        TEST(one_probe_at_a_time_and_the_others_do_not_wait_for_it),
        TEST(who_waits_when_the_breaker_opens_is_told),
        TEST(throttles_and_refusals_do_not_open_the_breaker),
        TEST(what_may_be_better_the_second_time_is_sent_again),
        TEST(a_failure_that_says_when_to_come_again_is_believed_up_to_a_bound),
        TEST(a_call_is_sent_again_once_only_and_waits_for_the_budget),
        TEST(a_search_over_a_dead_connection_is_sent_again_over_a_fresh_one),
        TEST(no_search_is_sent_a_third_time),
        TEST(an_outage_costs_only_a_share_more),
        TEST(nothing_is_sent_again_through_an_open_breaker),
        TEST(nothing_is_sent_again_that_nobody_waits_for_or_that_would_wait_too_long),
        TEST(a_thousand_are_answered_in_time_when_nexudus_hangs),
        TEST(who_joins_the_impatient_may_still_wait),
        TEST(shares_of_the_budget_are_as_the_weights),
        TEST(a_flood_delays_only_itself),
        TEST(in_a_full_queue_the_flood_makes_room),
        TEST(asking_more_gains_nothing_and_costs_nothing),
        TEST(who_joins_a_flood_moves_its_flight_up),
        TEST(what_nobody_waits_for_goes_last),
        TEST(who_joins_what_nobody_waited_for_moves_it_up),
        TEST(a_full_queue_gives_up_what_nobody_waits_for_first),
        TEST(the_patience_of_who_joins_a_refresh_begins_then),
        TEST(the_budget_is_never_exceeded),
        TEST(workers_ask_from_their_own_threads),
        TEST(everybody_is_answered_when_the_fetcher_closes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
