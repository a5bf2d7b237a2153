/* SPDX-License-Identifier: MIT */
/* One gateway on a frozen clock, whose Redis and whose channel say what the test wants: numbers, names and messages
 * that no gateway of ours would write, in order and at random. It must believe none of it, never confirm a purge that
 * was not confirmed, and answer each order once. What Redis's scripts do is tested in tests/flow/test_sharing.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "cache/coherence.h"
#include "io/redis_wire.h"

#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

enum { CALLS_MAX = 4096, STEPS = 60000 };

#define OTHER "other#0123456789abcdef"
#define THIRD "third#00000000000000ff"

struct bench {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct counters *counters;
    struct memory *memory;
    struct lifetime lifetime;
    struct mailbox *mailbox;
    struct redis redis;
    struct redis_call *calls[CALLS_MAX]; /* under way, the oldest first */
    size_t call_count;
    char last[4096]; /* words of the call that came last, a blank behind each */
    struct coherence *coherence;
    struct redis_feed_events events;
    unsigned ordered, answered;
};

struct order {
    struct purge_order purge;
    struct bench *bench;
    unsigned answers;
};

/* The Redis. */

static void start(struct redis *redis, struct redis_call *call)
{
    struct bench *bench = MEM_OUTER(redis, struct bench, redis);
    assert_true(bench->call_count < CALLS_MAX);
    bench->calls[bench->call_count++] = call;
    call->handle = bench;
    bench->last[0] = '\0';
    for (size_t i = 0, length = 0; i < call->argument_count; i++)
        length += (size_t)snprintf(bench->last + length, sizeof(bench->last) - length, "%.*s ",
                                   (int)call->arguments[i].length, call->arguments[i].at);
}

static void take_out(struct bench *bench, struct redis_call *call)
{
    size_t at = 0;
    while (bench->calls[at] != call)
        at++;
    memmove(bench->calls + at, bench->calls + at + 1, (--bench->call_count - at) * sizeof(bench->calls[0]));
    call->handle = NULL;
}

static void cancel(struct redis *redis, struct redis_call *call)
{
    if (call->handle != NULL)
        take_out(MEM_OUTER(redis, struct bench, redis), call);
}

static bool is_there(const struct redis *redis)
{
    (void)redis;
    return true;
}

/* The oldest call of a script, or of PUBLISH; NULL: none. */
static struct redis_call *find(struct bench *bench, const char *name)
{
    for (size_t i = 0; i < bench->call_count; i++) {
        struct redis_call *call = bench->calls[i];
        if (strcmp(call->script != NULL ? call->script->name : "PUBLISH", name) == 0)
            return call;
    }
    return NULL;
}

static void answer(struct bench *bench, struct redis_call *call, enum redis_outcome outcome, redisReply *reply)
{
    assert_non_null(call);
    take_out(bench, call);
    call->outcome = outcome;
    call->reply = reply;
    call->on_done(call);
    if (reply != NULL)
        freeReplyObject(reply);
    while (loop_turn(bench->loop))
        ;
}

static redisReply *read_reply(struct slice bytes)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    redisReaderFeed(reader, bytes.at, bytes.length);
    redisReaderGetReply(reader, &reply);
    redisReaderFree(reader);
    return reply;
}

/* An array of bulk strings, words of `text` between blanks. */
static redisReply *array_of(const char *text)
{
    struct buf bytes;
    size_t count = 1;
    struct slice rest = slice_of(text), word;
    buf_init(&bytes, 1 << 20);
    for (const char *c = text; *c != '\0'; c++)
        count += *c == ' ';
    redis_wire_begin(&bytes, count);
    while (slice_cut(&rest, ' ', &word))
        redis_wire_word(&bytes, word);
    redisReply *reply = read_reply(buf_slice(&bytes));
    assert_non_null(reply);
    buf_free(&bytes);
    return reply;
}

static void answer_words(struct bench *bench, const char *name, const char *text)
{
    answer(bench, find(bench, name), REDIS_ANSWERED, array_of(text));
}

/* What was published is nobody's to wait for. */
static void let_go_of_messages(struct bench *bench)
{
    for (struct redis_call *call; (call = find(bench, "PUBLISH")) != NULL;)
        answer(bench, call, REDIS_AWAY, NULL);
}

/* Its life. */

static int set_up(void **state)
{
    struct bench *bench = mem_new(sizeof(*bench));
    bench->clock = clock_new();
    clock_freeze(bench->clock);
    bench->loop = loop_new(bench->clock);
    bench->log = log_new(STDERR_FILENO, LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, bench->clock);
    bench->metrics = metrics_new();
    bench->counters = metrics_block(bench->metrics);
    bench->memory = memory_new(1 << 20);
    lifetime_set(&bench->lifetime, 60 * CLOCK_SECOND, 60 * CLOCK_SECOND);
    bench->mailbox = mailbox_new(bench->loop, bench);
    bench->redis = (struct redis){start, cancel, is_there};
    const struct coherence_options options = {.loop = bench->loop,
                                              .redis = &bench->redis,
                                              .memory = bench->memory,
                                              .prefix = SLICE("t:"),
                                              .name = "me",
                                              .lifetime = &bench->lifetime};
    bench->coherence = coherence_new(&options, bench->log, bench->counters);
    assert_non_null(bench->coherence);
    bench->events = coherence_events(bench->coherence);
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    coherence_free(bench->coherence);
    while (loop_turn(bench->loop))
        ;
    assert_int_equal(bench->answered, bench->ordered);
    assert_int_equal(bench->call_count, 0);
    mailbox_free(bench->mailbox);
    memory_free(bench->memory);
    metrics_free(bench->metrics);
    loop_free(bench->loop);
    log_free(bench->log);
    clock_free(bench->clock);
    mem_free(bench);
    return 0;
}

/* What happens to it. */

static void move(struct bench *bench, int64_t ms)
{
    clock_move(bench->clock, ms * CLOCK_MILLISECOND);
    while (loop_turn(bench->loop))
        ;
}

static void link_up(struct bench *bench)
{
    bench->events.on_link(bench->events.context, true);
}

static void hear_bytes(struct bench *bench, struct slice bytes)
{
    bench->events.on_message(bench->events.context, slice_of(coherence_channel(bench->coherence)), bytes);
    while (loop_turn(bench->loop))
        ;
}

static void hear(struct bench *bench, const char *text)
{
    hear_bytes(bench, slice_of(text));
}

static void on_purged(struct purge_order *purge)
{
    struct order *order = MEM_OUTER(purge, struct order, purge);
    order->answers++;
    order->bench->answered++;
}

static struct order *order_purge(struct bench *bench, const char *head)
{
    struct order *order = mem_new(sizeof(*order));
    order->bench = bench;
    order->purge.head_length = strlen(head);
    memcpy(order->purge.head, head, order->purge.head_length);
    order->purge.reply_to = bench->mailbox;
    order->purge.on_done = on_purged;
    bench->ordered++;
    coherence_purge(bench->coherence, &order->purge);
    while (loop_turn(bench->loop))
        ;
    return order;
}

static bool is_confirmed(const struct order *order)
{
    return order->answers == 1 && order->purge.told && order->purge.silent.length == 0;
}

static void end_order(struct order *order)
{
    assert_int_equal(order->answers, 1);
    buf_free(&order->purge.confirmed);
    buf_free(&order->purge.silent);
    mem_free(order);
}

static int64_t known(struct bench *bench)
{
    return purges_known(memory_purges(bench->memory));
}

static int64_t gateways(const struct bench *bench)
{
    return metrics_read(bench->metrics, METRIC_SHARED_GATEWAYS);
}

/* Numbers. */

static void a_number_past_the_ceiling_is_no_purge(void **state)
{
    static const char *const numbers[] = {"9223372036854775807", "9000000000000001", "9007199254740993", "0", "-1",
                                          "-9223372036854775808"};
    struct bench *bench = *state;
    char text[256];
    link_up(bench);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(text, sizeof(text), "P %s 0 " OTHER " t:v1:", numbers[i]);
        hear(bench, text);
        assert_int_equal(known(bench), 0);
        snprintf(text, sizeof(text), "1000 ht:v1: %s", numbers[i]);
        answer_words(bench, "sync", text);
        assert_int_equal(known(bench), 1000);
        bench->events.on_link(bench->events.context, false);
        tear_down(state);
        set_up(state);
        bench = *state;
        link_up(bench);
    }
    answer_words(bench, "sync", "9223372036854775807");
    assert_int_equal(known(bench), 0);
    assert_null(find(bench, "sync"));
    move(bench, 200);
    answer_words(bench, "sync", "77"); /* asked again */
    assert_int_equal(known(bench), 77);
    hear(bench, "P 9000000000000000 0 " OTHER " t:v1:");
    assert_int_equal(known(bench), 9000000000000000);
    /* No purge can be told any more, but one is still applied here. */
    struct order *order = order_purge(bench, "t:v1:");
    assert_int_equal(known(bench), 9000000000000001);
    answer_words(bench, "purge", "9000000000000002");
    move(bench, 3000);
    answer_words(bench, "purge", "9000000000000003");
    assert_int_equal(order->answers, 1);
    assert_false(order->purge.told);
    assert_int_equal(known(bench), 9000000000000001);
    end_order(order);
}

/* Redis must give a number that is greater than what was known. */
static void a_number_that_is_too_small_tells_nothing(void **state)
{
    struct bench *bench = *state;
    link_up(bench);
    answer_words(bench, "sync", "1000");
    struct order *order = order_purge(bench, "t:v1:");
    answer_words(bench, "purge", "1001");
    assert_int_equal(order->answers, 0);
    move(bench, 100);
    answer_words(bench, "purge", "1002");
    assert_true(is_confirmed(order));
    end_order(order);
}

/* What the log says of a purge that is kept is what Redis did. */
static void why_a_purge_is_kept_is_said(void **state)
{
    static const struct {
        const char *bytes; /* of the answer; NULL: there is none */
        const char *text;
    } ROWS[] = {
        {"-OOM command not allowed when used memory > 'maxmemory'.\r\n", "why=\"Redis refuses: OOM\""},
        {"-NOPERM this user has no permissions\r\n", "why=\"Redis refuses: NOPERM\""},
        {":1\r\n", "why=\"Redis answers what was not asked\""},
        {NULL, "why=\"Redis gives no answer\""},
    };
    struct bench *bench = *state;
    struct log_recent line;
    log_set_level(bench->log, LOG_LEVEL_WARN);
    link_up(bench);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct order *order = order_purge(bench, "t:v1:");
        while (order->answers == 0) {
            struct redis_call *call = find(bench, "purge");
            if (call == NULL)
                move(bench, 100);
            else if (ROWS[i].bytes == NULL)
                answer(bench, call, REDIS_AWAY, NULL);
            else
                answer(bench, call, REDIS_ANSWERED, read_reply(slice_of(ROWS[i].bytes)));
        }
        assert_false(order->purge.told);
        end_order(order);
        assert_int_equal(log_recent(bench->log, &line, 1), 1);
        assert_non_null(strstr(line.message, "a purge cannot be told"));
        assert_string_equal(line.text, ROWS[i].text);
    }
}

static void who_always_knows_more_is_silent(void **state)
{
    struct bench *bench = *state;
    char text[128];
    int64_t number = 1000;
    struct order *order = order_purge(bench, "t:v1:");
    for (int i = 0; i < 20 && find(bench, "purge") != NULL; i++) {
        snprintf(text, sizeof(text), "%" PRId64 " " OTHER, number);
        answer_words(bench, "purge", text);
        snprintf(text, sizeof(text), "C %" PRId64 " %" PRId64 " " OTHER, number, number + 5);
        hear(bench, text);
        number += 10;
    }
    assert_null(find(bench, "purge"));
    assert_int_equal(order->answers, 0);
    move(bench, 10000);
    assert_int_equal(order->answers, 1);
    assert_true(slice_is(buf_slice(&order->purge.silent), "other\n"));
    end_order(order);
}

static void scores_that_are_no_numbers_are_passed_over(void **state)
{
    static const char *const scores[] = {"inf", "-inf",  "nan", "1e300",       "-5", "0x10",
                                         "1.5", "1e15x", "+7",  "99999999e10", "",   "infinity"};
    struct bench *bench = *state;
    char text[1024] = "5000";
    for (size_t i = 0; i < sizeof(scores) / sizeof(scores[0]); i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), " ht:v1: %s", scores[i]);
    snprintf(text + strlen(text), sizeof(text) - strlen(text), " st:v1:a: 3e3 ht:v1:b: 4000");
    link_up(bench);
    answer_words(bench, "sync", text);
    assert_true(memory_link_is_up(memory_link(bench->memory)));
    assert_int_equal(metrics_read(bench->metrics, METRIC_PURGES), 2);
    assert_int_equal(known(bench), 5000);
}

/* Who confirms says what it knew: what it fetched before may bear that number, which a smaller one does not purge. */
static void what_was_known_before_is_said_each_time(void **state)
{
    struct bench *bench = *state;
    move(bench, 0);
    link_up(bench);
    hear(bench, "P 2000 0 " OTHER " t:v1:");
    assert_non_null(strstr(bench->last, " C 2000 0 me#"));
    hear(bench, "P 1000 0 " THIRD " t:v1:"); /* it does not know the other's: what was fetched after that stands */
    assert_non_null(strstr(bench->last, " C 1000 2000 me#"));
    hear(bench, "P 1500 0 " THIRD " t:v1:a:");
    assert_non_null(strstr(bench->last, " C 1500 2000 me#"));
    hear(bench, "P 1500 0 " THIRD " t:v1:a:"); /* as when the first word of it was lost */
    assert_non_null(strstr(bench->last, " C 1500 2000 me#"));
    hear(bench, "P 3000 0 " THIRD " t:v1:a:");
    assert_non_null(strstr(bench->last, " C 3000 2000 me#"));
    hear(bench, "P 3000 0 " THIRD " t:v1:a:");
    assert_non_null(strstr(bench->last, " C 3000 2000 me#"));
    let_go_of_messages(bench);
}

/* What nobody waits for any more is not confirmed again with each reading of the log. */
static void old_purges_of_the_log_are_not_confirmed(void **state)
{
    struct bench *bench = *state;
    move(bench, 0);
    link_up(bench);
    answer_words(bench, "sync", "1790000100000000 ht:v1:a: 1790000079000000 ht:v1:b: 1790000089000000");
    assert_non_null(strstr(bench->last, " C 1790000089000000 1790000079000000 me#"));
    assert_int_equal(metrics_read(bench->metrics, METRIC_PURGES), 2);
    answer(bench, find(bench, "PUBLISH"), REDIS_AWAY, NULL);
    assert_null(find(bench, "PUBLISH"));
}

/* The register. */

static void scores_of_the_register_are_bounded_too(void **state)
{
    static const char *const scores[] = {"inf", "-inf", "nan", "1e300", "-9e15", "", "-1"};
    struct bench *bench = *state;
    char text[256];
    move(bench, 0);
    for (size_t i = 0; i < sizeof(scores) / sizeof(scores[0]); i++) {
        snprintf(text, sizeof(text), "%s 1790000000000 " OTHER " %s", scores[i], scores[i]);
        answer_words(bench, "beat", text);
        assert_int_equal(gateways(bench), 1);
        assert_null(find(bench, "sync"));
        move(bench, 2000);
        snprintf(text, sizeof(text), "0 %s " OTHER " 1790000000000", scores[i]);
        answer_words(bench, "beat", text);
        assert_int_equal(gateways(bench), 1);
        move(bench, 2000);
    }
    answer_words(bench, "beat", "0 1790000000000 " OTHER " 1790000000000 " THIRD " 0");
    assert_int_equal(gateways(bench), 2);
}

static void who_was_there_in_the_future_was_there_now(void **state)
{
    struct bench *bench = *state;
    move(bench, 0);
    answer_words(bench, "beat", "0 1790000000000 " OTHER " 1790003600000");
    assert_int_equal(gateways(bench), 2);
    for (int i = 0; i < 8; i++) {
        move(bench, 2000);
        answer_words(bench, "beat", "0 1790000002000");
    }
    assert_int_equal(gateways(bench), 1);
}

/* A beat's old word takes nothing from what was heard since. */
static void who_was_heard_just_now_is_there(void **state)
{
    struct bench *bench = *state;
    move(bench, 0);
    hear(bench, "P 5 0 " OTHER " t:v1:");
    answer_words(bench, "beat", "5 1790000014000 " OTHER " 1790000000000");
    move(bench, 2000);
    answer_words(bench, "beat", "5 1790000016000");
    assert_int_equal(gateways(bench), 2);
    let_go_of_messages(bench);
}

static void a_name_with_odd_bytes_is_nobodys(void **state)
{
    static const char nul[] = "P 5 0 g\0host#0123456789abcdef t:v1:";
    static const char *const names[] = {"g",
                                        "#0123456789abcdef",
                                        "g#0123456789ABCDEF",
                                        "g#0123456789abcde",
                                        "g\x01#0123456789abcdef",
                                        "g\xc3\xa4#0123456789abcdef"};
    struct bench *bench = *state;
    char text[256];
    for (int i = 0; i < 300; i++)
        hear_bytes(bench, slice_make(nul, sizeof(nul) - 1));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(text, sizeof(text), "P 5 0 %s t:v1:", names[i]);
        hear(bench, text);
    }
    assert_int_equal(known(bench), 0);
    move(bench, 0);
    answer_words(bench, "beat", "0 1790000000000 g 1790000000000");
    assert_int_equal(gateways(bench), 1);
    move(bench, 2000);
    answer_words(bench, "beat", "0 1790000000000 " OTHER " 1790000000000");
    assert_int_equal(gateways(bench), 2);
}

/* Confirmations. */

/* A confirmation that is cut short must leave nothing of it behind in the place of an older one. */
static void half_a_confirmation_confirms_nothing(void **state)
{
    struct bench *bench = *state;
    char text[128];
    struct order *order = order_purge(bench, "t:v1:");
    hear(bench, "C 42 0 " OTHER);
    for (int i = 1; i < 256; i++) {
        snprintf(text, sizeof(text), "C %d 0 " OTHER, i + 1000);
        hear(bench, text);
    }
    hear(bench, "C 100 x " OTHER);
    hear(bench, "C 100 9223372036854775807 " OTHER);
    answer_words(bench, "purge", "100 " OTHER);
    assert_int_equal(order->answers, 0);
    hear(bench, "C 100 0 " OTHER);
    assert_true(is_confirmed(order));
    end_order(order);
}

/* More are there than can be waited for: that all have confirmed cannot be told. */
static void a_crowd_is_never_confirmed(void **state)
{
    struct bench *bench = *state;
    char text[64 * 1024] = "100";
    enum { CROWD = 2 * COHERENCE_GATEWAYS_MAX + 1 };
    struct order *order = order_purge(bench, "t:v1:");
    for (size_t i = 0, length = strlen(text); i < CROWD; i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, " g%zu#0123456789abcdef", i);
    answer_words(bench, "purge", text);
    for (size_t i = 0; i < CROWD - 1; i++) {
        snprintf(text, sizeof(text), "C 100 0 g%zu#0123456789abcdef", i);
        hear(bench, text);
    }
    assert_int_equal(order->answers, 0);
    move(bench, 10000);
    assert_int_equal(order->answers, 1);
    assert_true(order->purge.told);
    assert_true(slice_is(buf_slice(&order->purge.silent), "…\n"));
    end_order(order);
}

/* All of it at random. */

static const char *pick(struct random *random)
{
    static const char *const words[] = {"S",
                                        "P",
                                        "C",
                                        "L",
                                        "",
                                        "0",
                                        "1",
                                        "2",
                                        "7",
                                        "100",
                                        "1000",
                                        "1e3",
                                        "inf",
                                        "-1",
                                        "nan",
                                        OTHER,
                                        OTHER,
                                        THIRD,
                                        "ht:v1:",
                                        "st:v1:",
                                        "t:v1:",
                                        "ht:v1:a:",
                                        "0123456789abcdef",
                                        "9000000000000000",
                                        "9223372036854775807",
                                        "1790000000000"};
    return words[random_between(random, 0, (int64_t)(sizeof(words) / sizeof(words[0])) - 1)];
}

static struct slice make_words(struct random *random, const char *first, char text[1024])
{
    int count = (int)random_between(random, 0, 7);
    size_t length = (size_t)snprintf(text, 1024, "%s", first);
    for (int i = 0; i < count; i++)
        length += (size_t)snprintf(text + length, 1024 - length, " %s", pick(random));
    if (length > 0 && random_between(random, 0, 9) == 0)
        text[random_between(random, 0, (int64_t)length - 1)] = (char)random_between(random, 0, 255);
    return slice_make(text, length);
}

static void answer_at_random(struct bench *bench, struct random *random)
{
    static const char *const replies[] = {
        "$-1\r\n", ":7\r\n", "-OOM no\r\n", "*0\r\n", "*-1\r\n", "+OK\r\n", "*3\r\n:1\r\n$-1\r\n*1\r\n$1\r\na\r\n"};
    char text[1024];
    if (bench->call_count == 0)
        return;
    struct redis_call *call = bench->calls[random_between(random, 0, (int64_t)bench->call_count - 1)];
    int64_t what = random_between(random, 0, 9);
    if (what == 0)
        answer(bench, call, random_between(random, 0, 1) == 0 ? REDIS_AWAY : REDIS_TIMED_OUT, NULL);
    else if (what == 1)
        answer(bench, call, REDIS_ANSWERED,
               read_reply(slice_of(replies[random_between(random, 0, sizeof(replies) / sizeof(replies[0]) - 1)])));
    else {
        struct slice words = make_words(random, pick(random), text);
        for (size_t i = 0; i < words.length; i++)
            text[i] = text[i] != '\0' ? text[i] : '?';
        answer(bench, call, REDIS_ANSWERED, array_of(text));
    }
}

static void step(struct bench *bench, struct random *random, struct order **order)
{
    char text[1024];
    switch (random_between(random, 0, 7)) {
    case 0:
    case 1:
        hear_bytes(bench, make_words(random, pick(random), text));
        return;
    case 2:
        if (*order != NULL && (*order)->answers == 1) {
            end_order(*order);
            *order = NULL;
        }
        if (*order == NULL)
            *order = order_purge(bench, random_between(random, 0, 1) == 0 ? "t:v1:" : "t:v1:a:");
        return;
    case 3:
        bench->events.on_link(bench->events.context, random_between(random, 0, 3) != 0);
        return;
    case 4:
        move(bench, random_between(random, 0, 3000));
        return;
    default:
        answer_at_random(bench, random);
    }
}

static void whatever_is_said_it_stands(void **state)
{
    struct bench *bench = *state;
    struct random random;
    struct order *order = NULL;
    random_init(&random, 20);
    for (int i = 0; i < STEPS; i++) {
        step(bench, &random, &order);
        assert_in_range(known(bench), 0, 9000000000000000 + bench->ordered);
        assert_in_range(gateways(bench), 1, COHERENCE_GATEWAYS_MAX + 1);
        if (bench->call_count > CALLS_MAX / 2)
            let_go_of_messages(bench);
    }
    assert_true(bench->ordered > 100);
    coherence_free(bench->coherence); /* answers the last one */
    while (loop_turn(bench->loop))
        ;
    bench->coherence = NULL;
    if (order != NULL)
        end_order(order);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BENCH(a_number_past_the_ceiling_is_no_purge),
        WITH_BENCH(a_number_that_is_too_small_tells_nothing),
        WITH_BENCH(why_a_purge_is_kept_is_said),
        WITH_BENCH(who_always_knows_more_is_silent),
        WITH_BENCH(scores_that_are_no_numbers_are_passed_over),
        WITH_BENCH(what_was_known_before_is_said_each_time),
        WITH_BENCH(old_purges_of_the_log_are_not_confirmed),
        WITH_BENCH(scores_of_the_register_are_bounded_too),
        WITH_BENCH(who_was_there_in_the_future_was_there_now),
        WITH_BENCH(who_was_heard_just_now_is_there),
        WITH_BENCH(a_name_with_odd_bytes_is_nobodys),
        WITH_BENCH(half_a_confirmation_confirms_nothing),
        WITH_BENCH(a_crowd_is_never_confirmed),
        WITH_BENCH(whatever_is_said_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
