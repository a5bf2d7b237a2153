/* SPDX-License-Identifier: MIT */
/* Reads signals from a descriptor. Must not know what they mean. */
#include "signals.h"

#include "base/mem.h"

#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct signals {
    int descriptor; /* a signalfd; -1: none */
    struct event *readable;
    signals_handler *on_signal;
    void *context;
};

static void on_readable(int descriptor, short what, void *context)
{
    (void)what;
    struct signals *signals = context;
    struct signalfd_siginfo info;
    while (read(descriptor, &info, sizeof(info)) == (ssize_t)sizeof(info))
        signals->on_signal((int)info.ssi_signo, signals->context);
}

static bool watch(struct signals *signals, struct loop *loop)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
        return false;
    signals->descriptor = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals->descriptor < 0)
        return false;
    signals->readable = event_new(loop_base(loop), signals->descriptor, EV_READ | EV_PERSIST, on_readable, signals);
    return signals->readable != NULL && event_add(signals->readable, NULL) == 0;
}

struct signals *signals_new(struct loop *loop, signals_handler *on_signal, void *context)
{
    struct signals *signals = mem_new(sizeof(*signals));
    *signals = (struct signals){.descriptor = -1, .on_signal = on_signal, .context = context};
    if (watch(signals, loop))
        return signals;
    signals_free(signals);
    return NULL;
}

void signals_free(struct signals *signals)
{
    if (signals == NULL)
        return;
    if (signals->readable != NULL)
        event_free(signals->readable);
    if (signals->descriptor >= 0)
        close(signals->descriptor);
    mem_free(signals);
}
