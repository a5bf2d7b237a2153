/* SPDX-License-Identifier: MIT */
/* getaddrinfo on a thread. The lookup is shared by the thread and the resolver, and belongs to whoever lets go last: a
 * resolver need not wait for a name server. */
#include "io/resolver.h"

#include <event2/event.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { NAME_MAX_BYTES = 254, PORT_MAX_BYTES = 8 };

struct lookup {
    atomic_int holders;
    int done; /* eventfd */
    char name[NAME_MAX_BYTES], port[PORT_MAX_BYTES];
    struct resolved resolved; /* the thread's until `done` is signalled */
};

struct resolver {
    struct loop *loop;
    resolved_cb on_resolved;
    void *context;
    struct lookup *lookup; /* under way on its thread */
    struct event *on_done;
    struct deferred at_once; /* answers without a thread */
    struct resolved resolved;
    bool is_freed;
};

static bool look_up(const char *name, const char *port, int flags, struct resolved *resolved)
{
    const struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    resolved->count = 0;
    if (getaddrinfo(name, port, &hints, &found) != 0)
        return false;
    for (const struct addrinfo *at = found; at != NULL && resolved->count < RESOLVER_ADDRESSES_MAX; at = at->ai_next) {
        memcpy(&resolved->addresses[resolved->count], at->ai_addr, at->ai_addrlen);
        resolved->lengths[resolved->count++] = at->ai_addrlen;
    }
    freeaddrinfo(found);
    return resolved->count > 0;
}

static void let_go(struct lookup *lookup)
{
    if (atomic_fetch_sub(&lookup->holders, 1) != 1)
        return;
    close(lookup->done);
    mem_free(lookup);
}

static void *run(void *context)
{
    struct lookup *lookup = context;
    const uint64_t one = 1;
    look_up(lookup->name, lookup->port, 0, &lookup->resolved);
    ssize_t put = write(lookup->done, &one, sizeof(one));
    (void)put; /* the counter is at 0: it cannot be full */
    let_go(lookup);
    return NULL;
}

static void answer(struct deferred *deferred)
{
    struct resolver *resolver = MEM_OUTER(deferred, struct resolver, at_once);
    if (resolver->is_freed)
        mem_free(resolver);
    else
        resolver->on_resolved(resolver->context, &resolver->resolved);
}

static void answer_soon(struct resolver *resolver)
{
    resolver->at_once.on_turn_end = answer;
    loop_defer(resolver->loop, &resolver->at_once);
}

static void end_lookup(struct resolver *resolver)
{
    event_free(resolver->on_done);
    resolver->on_done = NULL;
    let_go(resolver->lookup);
    resolver->lookup = NULL;
}

static void on_done(evutil_socket_t fd, short what, void *context)
{
    struct resolver *resolver = context;
    uint64_t count;
    (void)what;
    if (read(fd, &count, sizeof(count)) != (ssize_t)sizeof(count)) /* also what orders their writes before our reads */
        return;
    resolver->resolved = resolver->lookup->resolved;
    end_lookup(resolver);
    answer_soon(resolver);
}

/* Signals stay with the threads that wait for them. */
static bool start_thread(struct lookup *lookup)
{
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, NULL, run, lookup) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started)
        pthread_detach(thread);
    return started;
}

static bool start_lookup(struct resolver *resolver, const char *name, const char *port)
{
    struct lookup *lookup = mem_new(sizeof(*lookup));
    snprintf(lookup->name, sizeof(lookup->name), "%s", name);
    snprintf(lookup->port, sizeof(lookup->port), "%s", port);
    atomic_init(&lookup->holders, 1);
    lookup->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    resolver->lookup = lookup;
    if (lookup->done >= 0)
        resolver->on_done = event_new(loop_base(resolver->loop), lookup->done, EV_READ, on_done, resolver);
    if (resolver->on_done != NULL && event_add(resolver->on_done, NULL) == 0) {
        atomic_store(&lookup->holders, 2);
        if (start_thread(lookup))
            return true;
        atomic_store(&lookup->holders, 1);
    }
    if (resolver->on_done != NULL)
        end_lookup(resolver);
    else
        let_go(lookup);
    resolver->lookup = NULL;
    return false;
}

struct resolver *resolver_new(struct loop *loop, resolved_cb on_resolved, void *context)
{
    struct resolver *resolver = mem_new(sizeof(*resolver));
    resolver->loop = loop;
    resolver->on_resolved = on_resolved;
    resolver->context = context;
    return resolver;
}

void resolver_free(struct resolver *resolver)
{
    if (resolver == NULL)
        return;
    if (resolver->lookup != NULL)
        end_lookup(resolver);
    resolver->is_freed = true;
    answer_soon(resolver); /* frees it, also where it was queued before */
}

void resolver_ask(struct resolver *resolver, const char *name, int port)
{
    char text[PORT_MAX_BYTES];
    if (resolver->lookup != NULL || resolver->at_once.queued)
        return;
    snprintf(text, sizeof(text), "%d", port);
    if (look_up(name, text, AI_NUMERICHOST, &resolver->resolved) || !start_lookup(resolver, name, text))
        answer_soon(resolver);
}
