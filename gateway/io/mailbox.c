/* SPDX-License-Identifier: MIT */
/* Letters between threads: senders push onto a lock-free stack, the receiver takes the whole stack at once and turns it
 * round. Only the sender who finds the box empty wakes the receiver. */
#include "io/mailbox.h"

#include <assert.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct mailbox {
    void *receiver;
    struct event *wake;
    int wake_fd;
    _Atomic(struct letter *) newest;
};

static struct letter *take_all_oldest_first(struct mailbox *mailbox)
{
    struct letter *newest = atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire);
    struct letter *oldest = NULL;

    while (newest != NULL) {
        struct letter *before = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    return oldest;
}

static bool open_all(struct mailbox *mailbox)
{
    struct letter *letter = take_all_oldest_first(mailbox);
    bool any = letter != NULL;

    while (letter != NULL) {
        struct letter *next = letter->next; /* the letter is the receiver's once it is open */
        letter->on_open(letter, mailbox->receiver);
        letter = next;
    }
    return any;
}

static void on_wake(evutil_socket_t fd, short what, void *context)
{
    uint64_t count;

    (void)what;
    /* Read first: whoever posts after the box was emptied then wakes us again. */
    ssize_t got = read(fd, &count, sizeof count);
    (void)got;
    open_all(context);
}

struct mailbox *mailbox_new(struct loop *loop, void *receiver)
{
    struct mailbox *mailbox = mem_new(sizeof *mailbox);

    mailbox->receiver = receiver;
    atomic_init(&mailbox->newest, NULL);
    mailbox->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (mailbox->wake_fd < 0)
        goto fail;
    mailbox->wake = event_new(loop_base(loop), mailbox->wake_fd, EV_READ | EV_PERSIST, on_wake, mailbox);
    if (mailbox->wake == NULL || event_add(mailbox->wake, NULL) != 0)
        goto fail;
    return mailbox;
fail:
    mailbox_free(mailbox);
    return NULL;
}

void mailbox_free(struct mailbox *mailbox)
{
    if (mailbox == NULL)
        return;
    while (open_all(mailbox))
        ;
    if (mailbox->wake != NULL)
        event_free(mailbox->wake);
    if (mailbox->wake_fd >= 0)
        close(mailbox->wake_fd);
    mem_free(mailbox);
}

void mailbox_post(struct mailbox *mailbox, struct letter *letter)
{
    const uint64_t one = 1;

    assert(letter->on_open != NULL);
    struct letter *before = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
    do {
        letter->next = before;
    } while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &before, letter, memory_order_release,
                                                    memory_order_relaxed));

    /* From here on the letter may be gone. */
    if (before != NULL)
        return;
    /* Fails only when the counter is full, and then the receiver is awake anyway. */
    ssize_t put = write(mailbox->wake_fd, &one, sizeof one);
    (void)put;
}
