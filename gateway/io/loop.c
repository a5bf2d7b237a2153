/* SPDX-License-Identifier: MIT */
/* The event loop of one thread. A turn is: wait for descriptors and handle them, call the timers that are due, then the
 * deferred calls until none are left. Timers live in our own heap; libevent has a single alarm, set for the earliest of
 * them. Knows nothing of who uses it.
 *
 * libevent runs without locks: the only things that other threads touch are `stopping` and the descriptor that wakes
 * us. */
#include "io/loop.h"

#include "io/timers.h"

#include <assert.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The alarm is never set for longer: where the clock can be moved, so that a moved clock is noticed soon. */
enum { ALARM_MOVABLE_MAX_US = 5 * 1000, ALARM_MAX_US = 60 * 1000 * 1000 };

struct loop {
    const struct clock *clock;
    struct event_base *base;
    struct event *alarm;
    int64_t alarm_at_us; /* CLOCK_NEVER: not set */
    struct event *wake;
    int wake_fd;
    atomic_bool stopping;
    struct timer_heap timers;
    struct deferred *deferred;       /* first to run */
    struct deferred **deferred_last; /* where the next one is linked */
};

static void on_alarm(evutil_socket_t fd, short what, void *context)
{
    struct loop *loop = context;

    (void)fd;
    (void)what;
    loop->alarm_at_us = CLOCK_NEVER; /* the turn itself looks for due timers */
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    uint64_t count;

    (void)what;
    (void)context;
    /* Nothing to learn from the count, and nothing to do when another turn has read it. */
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
}

static struct event_base *new_base(void)
{
    struct event_base *base = NULL;
    struct event_config *config = event_config_new();

    if (config == NULL)
        return NULL;
    if (event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *loop_new(const struct clock *clock)
{
    struct loop *loop = mem_new(sizeof *loop);

    loop->clock = clock;
    loop->alarm_at_us = CLOCK_NEVER;
    loop->deferred_last = &loop->deferred;
    atomic_init(&loop->stopping, false);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0)
        goto fail;
    loop->base = new_base();
    if (loop->base == NULL)
        goto fail;
    loop->alarm = event_new(loop->base, -1, 0, on_alarm, loop);
    loop->wake = event_new(loop->base, loop->wake_fd, EV_READ | EV_PERSIST, on_wake, loop);
    if (loop->alarm == NULL || loop->wake == NULL || event_add(loop->wake, NULL) != 0)
        goto fail;
    return loop;
fail:
    loop_free(loop);
    return NULL;
}

static bool run_deferred(struct loop *loop)
{
    bool any = false;

    while (loop->deferred != NULL) {
        struct deferred *deferred = loop->deferred;
        loop->deferred = deferred->next;
        if (loop->deferred == NULL)
            loop->deferred_last = &loop->deferred;
        deferred->next = NULL;
        deferred->queued = false;
        any = true;
        deferred->on_turn_end(deferred);
    }
    return any;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    run_deferred(loop);
    if (loop->wake != NULL)
        event_free(loop->wake);
    if (loop->alarm != NULL)
        event_free(loop->alarm);
    if (loop->base != NULL)
        event_base_free(loop->base);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    timer_heap_free(&loop->timers);
    mem_free(loop);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

const struct clock *loop_clock(const struct loop *loop)
{
    return loop->clock;
}

int64_t loop_now(const struct loop *loop)
{
    return clock_now(loop->clock);
}

/* An alarm that rings early costs one empty turn, so it is set anew only when it would ring late: timers that are
 * stopped and started all the time do not touch it. */
static void set_alarm(struct loop *loop)
{
    const struct timer *first = timer_heap_first(&loop->timers);
    if (first == NULL || loop->alarm_at_us <= first->at_us)
        return;

    int64_t now_us = loop_now(loop);
    int64_t wait_us = first->at_us > now_us ? first->at_us - now_us : 0;
    int64_t wait_max_us = clock_is_movable() ? ALARM_MOVABLE_MAX_US : ALARM_MAX_US;
    if (wait_us > wait_max_us)
        wait_us = wait_max_us;
    struct timeval wait = {.tv_sec = wait_us / CLOCK_SECOND, .tv_usec = wait_us % CLOCK_SECOND};
    int failed = event_add(loop->alarm, &wait);
    assert(failed == 0);
    loop->alarm_at_us = now_us + wait_us;
}

/* As many as there were at the beginning at most: a timer that starts itself at once must not hold up the turn. */
static bool run_due_timers(struct loop *loop)
{
    bool any = false;
    int64_t now_us = loop_now(loop);

    for (size_t left = loop->timers.count; left > 0; left--) {
        struct timer *timer = timer_heap_first(&loop->timers);
        if (timer == NULL || timer->at_us > now_us)
            break;
        timer_heap_remove(&loop->timers, timer);
        any = true;
        timer->on_timer(timer);
    }
    return any;
}

static bool turn(struct loop *loop, int flags)
{
    /* Clears libevent's high-water mark of active events, which afterwards says whether there were any. */
    event_base_get_max_events(loop->base, EVENT_BASE_COUNT_ACTIVE, 1);
    int failed = event_base_loop(loop->base, flags);
    assert(failed >= 0);
    bool any = event_base_get_max_events(loop->base, EVENT_BASE_COUNT_ACTIVE, 0) > 0;
    any = run_due_timers(loop) || any;
    return run_deferred(loop) || any;
}

void loop_run(struct loop *loop)
{
    do {
        set_alarm(loop);
        turn(loop, loop->deferred == NULL ? EVLOOP_ONCE : EVLOOP_ONCE | EVLOOP_NONBLOCK);
    } while (!atomic_exchange(&loop->stopping, false));
}

bool loop_turn(struct loop *loop)
{
    event_del(loop->alarm); /* it would count as something done */
    loop->alarm_at_us = CLOCK_NEVER;
    return turn(loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

void loop_stop(struct loop *loop)
{
    const uint64_t one = 1;

    atomic_store(&loop->stopping, true);
    /* Fails only when the counter is full, and then the loop is awake anyway. */
    ssize_t put = write(loop->wake_fd, &one, sizeof one);
    (void)put;
}

void timer_start(struct loop *loop, struct timer *timer, int64_t at_us)
{
    timer_heap_put(&loop->timers, timer, at_us);
}

void timer_stop(struct loop *loop, struct timer *timer)
{
    if (timer_is_started(timer))
        timer_heap_remove(&loop->timers, timer);
}

bool timer_is_started(const struct timer *timer)
{
    return timer->position != 0;
}

size_t loop_timers(const struct loop *loop)
{
    return loop->timers.count;
}

void loop_defer(struct loop *loop, struct deferred *deferred)
{
    if (deferred->queued)
        return;
    deferred->queued = true;
    deferred->next = NULL;
    *loop->deferred_last = deferred;
    loop->deferred_last = &deferred->next;
}
