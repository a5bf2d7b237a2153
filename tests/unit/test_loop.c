/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "io/loop.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct house {
    struct clock *clock;
    struct loop *loop;
};

static int set_up(void **state)
{
    struct house *house = mem_new(sizeof *house);

    house->clock = clock_new();
    clock_freeze(house->clock);
    house->loop = loop_new(house->clock);
    assert_non_null(house->loop);
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;

    loop_free(house->loop);
    clock_free(house->clock);
    mem_free(house);
    return 0;
}

/* What was called, in order. */
static char called[256];

static void note(char name)
{
    size_t length = strlen(called);

    assert_true(length + 1 < sizeof called);
    called[length] = name;
    called[length + 1] = '\0';
}

struct named_timer {
    struct timer timer;
    struct loop *loop;
    char name;
    struct named_timer *stops;
    int64_t again_us; /* 0: once */
};

static void on_timer(struct timer *timer)
{
    struct named_timer *named = MEM_OUTER(timer, struct named_timer, timer);

    note(named->name);
    if (named->stops != NULL)
        timer_stop(named->loop, &named->stops->timer);
    if (named->again_us >= 0)
        timer_start(named->loop, timer, loop_now(named->loop) + named->again_us);
}

static struct named_timer named_timer(const struct house *house, char name)
{
    return (struct named_timer){.timer = {.on_timer = on_timer}, .loop = house->loop, .name = name, .again_us = -1};
}

static void start_in(struct house *house, struct named_timer *named, int64_t us)
{
    timer_start(house->loop, &named->timer, loop_now(house->loop) + us);
}

static void timers_run_when_due_and_in_order(void **state)
{
    struct house *house = *state;
    struct named_timer a = named_timer(house, 'a'), b = named_timer(house, 'b'), c = named_timer(house, 'c');

    called[0] = '\0';
    start_in(house, &c, 30);
    start_in(house, &a, 10);
    start_in(house, &b, 20);
    assert_false(loop_turn(house->loop));
    assert_string_equal(called, "");

    clock_move(house->clock, 9);
    assert_false(loop_turn(house->loop));
    clock_move(house->clock, 1);
    assert_true(timer_is_started(&a.timer));
    assert_true(loop_turn(house->loop));
    assert_string_equal(called, "a");
    assert_false(timer_is_started(&a.timer));

    clock_move(house->clock, 1000);
    assert_true(loop_turn(house->loop));
    assert_string_equal(called, "abc");
    assert_false(loop_turn(house->loop));
}

static void a_timer_can_be_moved_and_stopped(void **state)
{
    struct house *house = *state;
    struct named_timer a = named_timer(house, 'a'), b = named_timer(house, 'b');

    called[0] = '\0';
    timer_stop(house->loop, &a.timer); /* not started: nothing happens */
    start_in(house, &a, 10);
    start_in(house, &b, 20);
    start_in(house, &a, 30);
    clock_move(house->clock, 20);
    loop_turn(house->loop);
    assert_string_equal(called, "b");
    timer_stop(house->loop, &a.timer);
    clock_move(house->clock, 20);
    assert_false(loop_turn(house->loop));
    assert_string_equal(called, "b");
}

static void a_timer_may_stop_its_neighbour(void **state)
{
    struct house *house = *state;
    struct named_timer a = named_timer(house, 'a'), b = named_timer(house, 'b'), c = named_timer(house, 'c');

    called[0] = '\0';
    a.stops = &b;
    start_in(house, &a, 1);
    start_in(house, &b, 2);
    start_in(house, &c, 3);
    clock_move(house->clock, 10);
    loop_turn(house->loop);
    assert_string_equal(called, "ac");
}

static void a_timer_that_starts_itself_at_once_does_not_hold_up_the_turn(void **state)
{
    struct house *house = *state;
    struct named_timer a = named_timer(house, 'a');

    called[0] = '\0';
    a.again_us = 0;
    start_in(house, &a, 0);
    loop_turn(house->loop);
    assert_string_equal(called, "a");
    loop_turn(house->loop);
    assert_string_equal(called, "aa");
    timer_stop(house->loop, &a.timer);
}

enum { MANY = 300, OPERATIONS = 20000 };

struct counted_timer {
    struct timer timer;
    struct loop *loop;
    int64_t due_us; /* -1: must not be called */
    unsigned calls;
};

static int64_t last_due_us;

static void on_counted(struct timer *timer)
{
    struct counted_timer *counted = MEM_OUTER(timer, struct counted_timer, timer);

    assert_true(counted->due_us >= 0);
    assert_true(loop_now(counted->loop) >= counted->due_us);
    assert_true(counted->due_us >= last_due_us);
    last_due_us = counted->due_us;
    counted->due_us = -1;
    counted->calls++;
}

/* Random starts, moves, stops and steps of the clock against what each timer itself expects. */
static void many_timers_each_keep_their_time(void **state)
{
    struct house *house = *state;
    static struct counted_timer timers[MANY];
    struct random random;
    unsigned calls = 0, expected = 0;

    random_init(&random, 7);
    for (size_t i = 0; i < MANY; i++)
        timers[i] = (struct counted_timer){.timer = {.on_timer = on_counted}, .loop = house->loop, .due_us = -1};
    for (int i = 0; i < OPERATIONS; i++) {
        struct counted_timer *counted = &timers[random_between(&random, 0, MANY - 1)];
        int64_t choice = random_between(&random, 0, 99);
        if (choice < 60) {
            expected += counted->due_us < 0;
            counted->due_us = loop_now(house->loop) + random_between(&random, 0, 1000);
            timer_start(house->loop, &counted->timer, counted->due_us);
        } else if (choice < 80) {
            expected -= counted->due_us >= 0;
            counted->due_us = -1;
            timer_stop(house->loop, &counted->timer);
        } else {
            clock_move(house->clock, random_between(&random, 0, 100));
            last_due_us = 0;
            loop_turn(house->loop);
        }
    }
    clock_move(house->clock, 10000);
    last_due_us = 0;
    loop_turn(house->loop);
    for (size_t i = 0; i < MANY; i++) {
        calls += timers[i].calls;
        assert_int_equal(timers[i].due_us, -1);
    }
    assert_int_equal(calls, expected);
    assert_true(calls > MANY);
}

struct named_deferred {
    struct deferred deferred;
    struct loop *loop;
    char name;
    struct named_deferred *then;
};

static void on_turn_end(struct deferred *deferred)
{
    struct named_deferred *named = MEM_OUTER(deferred, struct named_deferred, deferred);

    note(named->name);
    if (named->then != NULL)
        loop_defer(named->loop, &named->then->deferred);
}

static struct named_deferred named_deferred(struct loop *loop, char name, struct named_deferred *then)
{
    return (struct named_deferred){.deferred = {.on_turn_end = on_turn_end}, .loop = loop, .name = name, .then = then};
}

static void deferred_calls_run_in_order_and_in_the_same_turn(void **state)
{
    struct house *house = *state;
    struct named_deferred late = named_deferred(house->loop, 'z', NULL);
    struct named_deferred a = named_deferred(house->loop, 'a', &late), b = named_deferred(house->loop, 'b', NULL);

    called[0] = '\0';
    loop_defer(house->loop, &a.deferred);
    loop_defer(house->loop, &b.deferred);
    loop_defer(house->loop, &a.deferred);
    assert_string_equal(called, "");
    assert_true(loop_turn(house->loop));
    assert_string_equal(called, "abz");
    assert_false(loop_turn(house->loop));

    loop_defer(house->loop, &b.deferred); /* can be used again */
    loop_turn(house->loop);
    assert_string_equal(called, "abzb");
}

static void freeing_the_loop_buries_the_dead(void **state)
{
    struct house *house = *state;
    struct loop *loop = loop_new(house->clock);
    struct named_deferred b = named_deferred(loop, 'b', NULL), a = named_deferred(loop, 'a', &b);

    called[0] = '\0';
    loop_defer(loop, &a.deferred);
    loop_free(loop);
    assert_string_equal(called, "ab");
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    char byte;

    (void)what;
    (void)context;
    assert_int_equal(read(fd, &byte, 1), 1);
    note('r');
}

static void a_turn_says_whether_anything_was_ready(void **state)
{
    struct house *house = *state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    struct event *event = event_new(loop_base(house->loop), ends[0], EV_READ | EV_PERSIST, on_readable, NULL);
    event_add(event, NULL);

    called[0] = '\0';
    assert_false(loop_turn(house->loop));
    assert_int_equal(write(ends[1], "xx", 2), 2);
    assert_true(loop_turn(house->loop));
    assert_true(loop_turn(house->loop));
    assert_false(loop_turn(house->loop));
    assert_string_equal(called, "rr");

    event_free(event);
    close(ends[0]);
    close(ends[1]);
}

static void *stop_it(void *loop)
{
    loop_stop(loop);
    return NULL;
}

static void another_thread_can_stop_the_loop(void **state)
{
    struct house *house = *state;
    pthread_t thread;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(pthread_create(&thread, NULL, stop_it, house->loop), 0);
        loop_run(house->loop); /* returns */
        assert_int_equal(pthread_join(thread, NULL), 0);
    }
}

static void on_stop_timer(struct timer *timer)
{
    loop_stop(MEM_OUTER(timer, struct named_timer, timer)->loop);
}

static void *move_it(void *clock)
{
    clock_move(clock, 2 * CLOCK_DAY);
    return NULL;
}

static void a_moved_clock_is_noticed_while_the_loop_waits(void **state)
{
    struct house *house = *state;
    struct named_timer a = named_timer(house, 'a');
    pthread_t thread;

    a.timer.on_timer = on_stop_timer;
    start_in(house, &a, CLOCK_DAY);
    assert_int_equal(pthread_create(&thread, NULL, move_it, house->clock), 0);
    loop_run(house->loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(timer_is_started(&a.timer));
}

static void what_was_deferred_before_the_loop_ran_does_not_wait(void **state)
{
    struct house *house = *state;
    struct named_timer a = named_timer(house, 'a');
    struct named_deferred b = named_deferred(house->loop, 'b', NULL);

    called[0] = '\0';
    a.timer.on_timer = on_stop_timer;
    start_in(house, &a, 0);
    loop_defer(house->loop, &b.deferred);
    loop_run(house->loop);
    assert_string_equal(called, "b");
}

struct guest {
    struct waiter waiter;
    char name;
    struct waiting_room *again;
    struct loop *loop;
};

static void on_late(struct waiter *waiter, void *context)
{
    struct guest *guest = MEM_OUTER(waiter, struct guest, waiter);

    assert_string_equal(context, "context");
    note(guest->name);
    if (guest->again != NULL)
        waiting_room_join(guest->again, waiter, loop_now(guest->loop));
}

static char context_text[] = "context";

static void a_waiting_room_calls_each_once_it_is_late(void **state)
{
    struct house *house = *state;
    struct waiting_room *room = waiting_room_new(house->loop, 1000, 100, on_late, context_text);
    struct guest a = {.name = 'a'}, b = {.name = 'b'}, c = {.name = 'c'};
    int64_t begin = loop_now(house->loop);

    called[0] = '\0';
    waiting_room_join(room, &a.waiter, begin);
    waiting_room_join(room, &b.waiter, begin);
    clock_move(house->clock, 500);
    waiting_room_join(room, &c.waiter, loop_now(house->loop));
    waiting_room_join(room, &a.waiter, loop_now(house->loop)); /* touched: from now on */
    clock_move(house->clock, 499);
    loop_turn(house->loop);
    assert_string_equal(called, "");
    clock_move(house->clock, 101); /* 1000 and a grain */
    loop_turn(house->loop);
    assert_string_equal(called, "b");
    waiting_room_leave(room, &c.waiter);
    waiting_room_leave(room, &c.waiter); /* twice is once */
    clock_move(house->clock, 1000);
    loop_turn(house->loop);
    assert_string_equal(called, "ba");
    assert_null(a.waiter.next);
    waiting_room_free(room);
}

static void another_length_counts_for_those_who_wait_already(void **state)
{
    struct house *house = *state;
    struct waiting_room *room = waiting_room_new(house->loop, 1000, 100, on_late, context_text);
    struct guest a = {.name = 'a'}, b = {.name = 'b'};

    called[0] = '\0';
    waiting_room_join(room, &a.waiter, loop_now(house->loop));
    clock_move(house->clock, 300);
    waiting_room_change(room, 200, 10);
    loop_turn(house->loop);
    assert_string_equal(called, "a");
    waiting_room_join(room, &b.waiter, loop_now(house->loop));
    waiting_room_change(room, 2000, 100);
    clock_move(house->clock, 1900);
    loop_turn(house->loop);
    assert_string_equal(called, "a");
    clock_move(house->clock, 200);
    loop_turn(house->loop);
    assert_string_equal(called, "ab");
    waiting_room_free(room);
}

static void a_late_waiter_may_join_again(void **state)
{
    struct house *house = *state;
    struct waiting_room *room = waiting_room_new(house->loop, 1000, 1, on_late, context_text);
    struct guest a = {.name = 'a', .again = room, .loop = house->loop};

    called[0] = '\0';
    waiting_room_join(room, &a.waiter, loop_now(house->loop));
    for (int i = 0; i < 5; i++) {
        clock_move(house->clock, 1000);
        loop_turn(house->loop);
        loop_turn(house->loop);
    }
    assert_string_equal(called, "aaaaa");
    waiting_room_leave(room, &a.waiter);
    waiting_room_free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_run_when_due_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_can_be_moved_and_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_may_stop_its_neighbour, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_timer_that_starts_itself_at_once_does_not_hold_up_the_turn, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_timers_each_keep_their_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deferred_calls_run_in_order_and_in_the_same_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(freeing_the_loop_buries_the_dead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_turn_says_whether_anything_was_ready, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_thread_can_stop_the_loop, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_moved_clock_is_noticed_while_the_loop_waits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_deferred_before_the_loop_ran_does_not_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_waiting_room_calls_each_once_it_is_late, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_length_counts_for_those_who_wait_already, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_late_waiter_may_join_again, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
