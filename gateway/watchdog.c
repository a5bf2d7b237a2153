/* SPDX-License-Identifier: MIT */
/* A round of letters and back. Must not know what the loops do. */
#include "watchdog.h"

#include <assert.h>

enum { ROUNDS_PER_INTERVAL = 4 };

/* One loop that is asked. The letter goes there and comes back. */
struct watched {
    struct letter letter;
    struct mailbox *mailbox; /* of the loop */
    struct mailbox *reply_to;
};

struct watchdog {
    struct loop *loop;
    struct mailbox *mailbox;
    struct notify *notify;
    int64_t every_us;
    struct timer timer;
    struct watched watched[WATCHDOG_LOOPS_MAX];
    size_t count, unanswered;
};

static void on_answered(struct letter *letter, void *receiver)
{
    (void)letter;
    struct watchdog *watchdog = receiver;
    watchdog->unanswered--;
}

static void on_asked(struct letter *letter, void *receiver)
{
    struct watched *watched = receiver;
    letter->on_open = on_answered;
    mailbox_post(watched->reply_to, letter);
}

static void on_round(struct timer *timer)
{
    struct watchdog *watchdog = MEM_OUTER(timer, struct watchdog, timer);
    timer_start(watchdog->loop, timer, loop_now(watchdog->loop) + watchdog->every_us);
    if (watchdog->unanswered > 0)
        return;
    notify_alive(watchdog->notify);
    watchdog->unanswered = watchdog->count;
    for (size_t i = 0; i < watchdog->count; i++) {
        watchdog->watched[i].letter.on_open = on_asked;
        mailbox_post(watchdog->watched[i].mailbox, &watchdog->watched[i].letter);
    }
}

struct watchdog *watchdog_new(struct loop *loop, struct notify *notify, int64_t interval_us)
{
    struct watchdog *watchdog = mem_new(sizeof(*watchdog));
    watchdog->loop = loop;
    watchdog->notify = notify;
    watchdog->every_us = interval_us / ROUNDS_PER_INTERVAL + 1;
    watchdog->timer.on_timer = on_round;
    watchdog->mailbox = mailbox_new(loop, watchdog);
    if (watchdog->mailbox != NULL)
        return watchdog;
    mem_free(watchdog);
    return NULL;
}

bool watchdog_add(struct watchdog *watchdog, struct loop *loop)
{
    assert(watchdog->count < WATCHDOG_LOOPS_MAX);
    struct watched *watched = &watchdog->watched[watchdog->count];
    watched->mailbox = mailbox_new(loop, watched);
    watched->reply_to = watchdog->mailbox;
    if (watched->mailbox == NULL)
        return false;
    watchdog->count++;
    return true;
}

void watchdog_start(struct watchdog *watchdog)
{
    timer_start(watchdog->loop, &watchdog->timer, loop_now(watchdog->loop));
}

void watchdog_free(struct watchdog *watchdog)
{
    if (watchdog == NULL)
        return;
    timer_stop(watchdog->loop, &watchdog->timer);
    for (size_t i = 0; i < watchdog->count; i++)
        mailbox_free(watchdog->watched[i].mailbox); /* answers what is still unopened */
    mailbox_free(watchdog->mailbox);
    mem_free(watchdog);
}
