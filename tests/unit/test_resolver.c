/* SPDX-License-Identifier: MIT */
/* Names that are looked up on a thread, by a getaddrinfo that answers when the test lets it; and what a connection to
 * Redis makes of one that takes too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_redis.h"
#include "io/redis_node.h"
#include "io/resolver.h"

#include <netdb.h>
#include <pthread.h>

/* The name server: one question at a time. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned asked, let_go; /* lookups of names that came, and that may be answered */
    pid_t thread;           /* of the last one */
    bool knows;             /* the name, as 127.0.0.1 */
    bool has_deserted;      /* and as 127.0.0.2 before it, where nobody listens */
} names = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static struct addrinfo *address_of(uint32_t number, const char *service, struct addrinfo *next)
{
    struct sockaddr_in *address = mem_new(sizeof *address);
    struct addrinfo *info = mem_new(sizeof *info);
    *address = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(service)), .sin_addr.s_addr = htonl(number)};
    *info = (struct addrinfo){.ai_family = AF_INET,
                              .ai_socktype = SOCK_STREAM,
                              .ai_addrlen = sizeof *address,
                              .ai_addr = (struct sockaddr *)address,
                              .ai_next = next};
    return info;
}

/* In the place of the C library's. */
int getaddrinfo(const char *restrict name, const char *restrict service, const struct addrinfo *restrict hints,
                struct addrinfo **restrict found)
{
    *found = NULL;
    if (strcmp(name, "127.0.0.1") == 0) {
        *found = address_of(INADDR_LOOPBACK, service, NULL);
        return 0;
    }
    if (hints->ai_flags & AI_NUMERICHOST)
        return EAI_NONAME;
    pthread_mutex_lock(&names.lock);
    unsigned number = ++names.asked;
    names.thread = gettid();
    pthread_cond_broadcast(&names.changed);
    while (names.let_go < number)
        pthread_cond_wait(&names.changed, &names.lock);
    if (names.knows)
        *found = address_of(INADDR_LOOPBACK, service, NULL);
    if (names.knows && names.has_deserted)
        *found = address_of(INADDR_LOOPBACK + 1, service, *found);
    pthread_mutex_unlock(&names.lock);
    return *found != NULL ? 0 : EAI_NONAME;
}

void freeaddrinfo(struct addrinfo *info)
{
    while (info != NULL) {
        struct addrinfo *next = info->ai_next;
        mem_free(info->ai_addr);
        mem_free(info);
        info = next;
    }
}

static unsigned asked(void)
{
    pthread_mutex_lock(&names.lock);
    unsigned count = names.asked;
    pthread_mutex_unlock(&names.lock);
    return count;
}

static void let_go(bool knows)
{
    pthread_mutex_lock(&names.lock);
    names.knows = knows;
    names.let_go = names.asked;
    pthread_cond_broadcast(&names.changed);
    pthread_mutex_unlock(&names.lock);
}

static void set_deserted(bool has_deserted)
{
    pthread_mutex_lock(&names.lock);
    names.has_deserted = has_deserted;
    pthread_mutex_unlock(&names.lock);
}

static bool is_running(pid_t thread)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)thread);
    return access(path, F_OK) == 0;
}

/* Whoever looked something up last has told it: what the loop does not know yet, it hears in its next turn. */
static void wait_for_thread(struct fake_house *house)
{
    pthread_mutex_lock(&names.lock);
    pid_t thread = names.thread;
    pthread_mutex_unlock(&names.lock);
    FAKE_WAIT(house, !is_running(thread));
    fake_settle(house);
}

/* The resolver. */

struct heard {
    unsigned answers;
    struct resolved last;
};

static void on_resolved(void *context, const struct resolved *resolved)
{
    struct heard *heard = context;
    heard->answers++;
    heard->last = *resolved;
}

/* A lookup that is under way, in a thread of its own. */
static struct resolver *begin(struct fake_house *house, struct heard *heard)
{
    unsigned before = asked();
    struct resolver *resolver = resolver_new(house->loop, on_resolved, heard);
    resolver_ask(resolver, "somewhere.test", 6379);
    FAKE_WAIT(house, asked() == before + 1);
    return resolver;
}

static void a_number_needs_no_thread(void **state)
{
    struct fake_house *house = *state;
    struct heard heard = {0};
    unsigned before = asked();
    struct resolver *resolver = resolver_new(house->loop, on_resolved, &heard);
    resolver_ask(resolver, "127.0.0.1", 6379);
    assert_int_equal(heard.answers, 0); /* never before it returns */
    loop_turn(house->loop);
    assert_int_equal(heard.answers, 1);
    assert_int_equal(heard.last.count, 1);
    assert_int_equal(((struct sockaddr_in *)&heard.last.addresses[0])->sin_port, htons(6379));
    assert_int_equal(asked(), before);
    resolver_free(resolver);
    loop_turn(house->loop);
}

static void a_name_does_not_hold_the_loop(void **state)
{
    struct fake_house *house = *state;
    struct heard heard = {0};
    unsigned before = asked();
    struct resolver *resolver = begin(house, &heard);
    fake_settle(house);
    assert_int_equal(heard.answers, 0);
    resolver_ask(resolver, "somewhere.test", 6379); /* the answer under way is the one that comes */
    let_go(true);
    FAKE_WAIT(house, heard.answers == 1);
    assert_int_equal(heard.last.count, 1);
    wait_for_thread(house);
    assert_int_equal(heard.answers, 1);
    assert_int_equal(asked(), before + 1);
    resolver_ask(resolver, "somewhere.test", 6379);
    FAKE_WAIT(house, asked() == before + 2);
    let_go(false);
    FAKE_WAIT(house, heard.answers == 2);
    assert_int_equal(heard.last.count, 0);
    resolver_free(resolver);
    loop_turn(house->loop);
}

/* The thread lets go of what is its own; leaks are the sanitizer's to find. */
static void who_leaves_does_not_wait(void **state)
{
    struct fake_house *house = *state;
    struct heard heard = {0};
    struct resolver *resolver = begin(house, &heard);
    resolver_free(resolver);
    loop_turn(house->loop);
    let_go(true);
    wait_for_thread(house);
    assert_int_equal(heard.answers, 0);
}

/* A connection to Redis by name. */

struct outcome {
    struct redis_call call;
    bool done;
};

static void on_done(struct redis_call *call)
{
    MEM_OUTER(call, struct outcome, call)->done = true;
}

static void ask(struct redis *redis, struct outcome *outcome)
{
    *outcome = (struct outcome){.call = {.argument_count = 1, .on_done = on_done}};
    outcome->call.arguments[0] = slice_of("ONE");
    redis->start(redis, &outcome->call);
}

static void a_name_that_takes_too_long_is_given_up(void **state)
{
    struct fake_house *house = *state;
    struct outcome first, second;
    unsigned before = asked();
    struct redis *redis = fake_connect(house, "redis.test", 0);
    ask(redis, &first); /* waits for the connection */
    FAKE_WAIT(house, asked() == before + 1);
    assert_true(redis->is_there(redis));
    fake_move(house, FAKE_TIMEOUT_US - 1);
    assert_true(redis->is_there(redis) && !first.done);
    fake_move(house, 1);
    assert_false(redis->is_there(redis));
    assert_true(first.done && first.call.outcome != REDIS_ANSWERED);
    assert_int_equal(ground_logged(house->log_fd, "redis is away"), 1);
    assert_int_equal(ground_logged(house->log_fd, "why=\"looking up the name took too long\""), 1);
    assert_int_equal(metrics_read(house->metrics, METRIC_REDIS_AWAY), 1);
    ask(redis, &second); /* at once, without a wait */
    FAKE_WAIT(house, second.done);
    assert_int_equal(second.call.outcome, REDIS_AWAY);

    let_go(true); /* too late for that attempt */
    wait_for_thread(house);
    assert_false(fake_try_accept(house));
    assert_false(redis->is_there(redis));
    fake_move(house, 2 * REDIS_PAUSE_FIRST_US); /* the next one asks again */
    FAKE_WAIT(house, asked() == before + 2);
    let_go(true);
    fake_welcome(house);
    assert_true(redis->is_there(redis));
    assert_int_equal(metrics_read(house->metrics, METRIC_REDIS_AWAY), 0);
    assert_int_equal(ground_logged(house->log_fd, "redis is up"), 1);
    fake_disconnect(house, redis);
}

/* The attempt after it finds the lookup still under way, and has its answer. */
static void a_late_answer_is_good_for_the_next_attempt(void **state)
{
    struct fake_house *house = *state;
    unsigned before = asked();
    struct redis *redis = fake_connect(house, "redis.test", 0);
    FAKE_WAIT(house, asked() == before + 1);
    fake_move(house, FAKE_TIMEOUT_US);
    assert_false(redis->is_there(redis));
    fake_move(house, 2 * REDIS_PAUSE_FIRST_US);
    assert_int_equal(asked(), before + 1);
    let_go(true);
    fake_welcome(house);
    assert_true(redis->is_there(redis));
    assert_int_equal(asked(), before + 1);
    fake_disconnect(house, redis);
}

/* A name of several addresses, at the first of which nobody listens. */
static void the_next_address_of_a_name_is_tried(void **state)
{
    struct fake_house *house = *state;
    unsigned before = asked();
    set_deserted(true);
    struct redis *redis = fake_connect(house, "redis.test", 0);
    FAKE_WAIT(house, asked() == before + 1);
    let_go(true);
    fake_welcome(house);
    assert_true(redis->is_there(redis));
    assert_int_equal(ground_logged(house->log_fd, "redis is away"), 0);
    fake_disconnect(house, redis);
    set_deserted(false);
}

static void a_name_that_nobody_knows_is_told(void **state)
{
    struct fake_house *house = *state;
    unsigned before = asked();
    struct redis *redis = fake_connect(house, "redis.test", 0);
    FAKE_WAIT(house, asked() == before + 1);
    let_go(false);
    FAKE_WAIT(house, !redis->is_there(redis));
    assert_int_equal(ground_logged(house->log_fd, "why=\"the name is not known\""), 1);
    fake_disconnect(house, redis);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_set_up, fake_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_number_needs_no_thread),
        TEST(a_name_does_not_hold_the_loop),
        TEST(who_leaves_does_not_wait),
        TEST(a_name_that_takes_too_long_is_given_up),
        TEST(a_late_answer_is_good_for_the_next_attempt),
        TEST(the_next_address_of_a_name_is_tried),
        TEST(a_name_that_nobody_knows_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
