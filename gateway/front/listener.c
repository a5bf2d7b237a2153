/* SPDX-License-Identifier: MIT */
/* Listening sockets: opening them so that two servers never share an address unknowingly, and accepting, within the
 * limits of the census. Must not know what is said on a connection. */
#include "front/listener.h"

#include "front/address.h"
#include "front/census.h"
#include "front/conn.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    SOCKET_MODE = 0660,
    ACCEPTS_PER_TURN = 64,
    ACCEPTS_PER_DRAIN = BACKLOG /* what may have queued up at most */
};

/* How long to leave the queue alone when descriptors are out, and how often to say so. */
#define PAUSE_US (100 * CLOCK_MILLISECOND)
#define COMPLAINT_US (10 * CLOCK_SECOND)

struct front {
    struct loop *loop;
    struct conn_home *home;
    struct front_census *census;
    struct log *log;
    struct counters *counters; /* NULL: not counted */
    struct event acceptable;
    struct timer pause;
    int descriptor; /* -1: closed, we drain */
    int64_t complained_us;
};

static bool set_on(int descriptor, int level, int option)
{
    int on = 1;
    return setsockopt(descriptor, level, option, &on, sizeof(on)) == 0;
}

static int new_socket(const struct address *address)
{
    return socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static const struct sockaddr *sockaddr_of(const struct address *address)
{
    return (const struct sockaddr *)(const void *)&address->storage;
}

/* Bound and listening, or -1 with errno. The first socket of an address is bound alone, so that the kernel refuses an
 * address that others have; only then does it let those that follow share it. */
static int listen_tcp(const struct address *address, bool is_first, bool is_shared)
{
    int descriptor = new_socket(address);
    if (descriptor < 0)
        return -1;
    bool good = set_on(descriptor, SOL_SOCKET, SO_REUSEADDR);
    if (address->storage.ss_family == AF_INET6)
        good = good && set_on(descriptor, IPPROTO_IPV6, IPV6_V6ONLY);
    if (!is_first)
        good = good && set_on(descriptor, SOL_SOCKET, SO_REUSEPORT);
    good = good && bind(descriptor, sockaddr_of(address), address->length) == 0;
    if (is_first && is_shared)
        good = good && set_on(descriptor, SOL_SOCKET, SO_REUSEPORT);
    if (good && listen(descriptor, BACKLOG) == 0)
        return descriptor;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

static void close_all(const int *descriptors, size_t count)
{
    int reason = errno;
    for (size_t i = 0; i < count; i++)
        listener_close(descriptors[i]);
    errno = reason;
}

static bool name_of(int descriptor, struct address *address)
{
    address->length = sizeof(address->storage);
    return getsockname(descriptor, (struct sockaddr *)(void *)&address->storage, &address->length) == 0;
}

static bool open_tcp(const struct address *address, int *descriptors, size_t count)
{
    struct address bound = *address;
    for (size_t i = 0; i < count; i++) {
        descriptors[i] = listen_tcp(&bound, i == 0, count > 1);
        bool good = descriptors[i] >= 0;
        if (good && i == 0 && !name_of(descriptors[0], &bound)) { /* port 0 has become a number */
            close(descriptors[0]);
            good = false;
        }
        if (!good) {
            close_all(descriptors, i);
            return false;
        }
    }
    return true;
}

/* Whether somebody listens at the path. A queue that is full is somebody's too. */
static bool is_served(const struct address *address)
{
    int probe = new_socket(address);
    if (probe < 0)
        return true;
    bool refused =
        connect(probe, sockaddr_of(address), address->length) != 0 && (errno == ECONNREFUSED || errno == ENOENT);
    close(probe);
    return !refused;
}

/* The file of a socket that nobody serves; never another kind of file. */
static bool remove_stale(const struct address *address)
{
    struct stat found;
    const char *path = address_path(address);
    return lstat(path, &found) == 0 && S_ISSOCK(found.st_mode) && !is_served(address) && unlink(path) == 0;
}

static int listen_unix(const struct address *address)
{
    int descriptor = new_socket(address);
    if (descriptor < 0)
        return -1;
    bool bound = bind(descriptor, sockaddr_of(address), address->length) == 0;
    if (!bound && errno == EADDRINUSE) {
        bound = remove_stale(address) && bind(descriptor, sockaddr_of(address), address->length) == 0;
        errno = EADDRINUSE;
    }
    if (bound && chmod(address_path(address), SOCKET_MODE) == 0 && listen(descriptor, BACKLOG) == 0)
        return descriptor;
    int reason = errno;
    close(descriptor);
    errno = reason;
    return -1;
}

static bool open_unix(const struct address *address, int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        descriptors[i] = i == 0 ? listen_unix(address) : fcntl(descriptors[0], F_DUPFD_CLOEXEC, 0);
        if (descriptors[i] < 0) {
            close_all(descriptors, i);
            return false;
        }
    }
    return true;
}

bool listener_open(const char *address, int *descriptors, size_t count, char *why, size_t why_size)
{
    struct address addresses[ADDRESS_MAX];
    size_t found = address_resolve(address, addresses, why, why_size);
    for (size_t i = 0; i < found; i++) {
        bool is_unix = address_path(&addresses[i]) != NULL;
        if (is_unix ? open_unix(&addresses[i], descriptors, count) : open_tcp(&addresses[i], descriptors, count))
            return true;
        char text[128];
        const char *reason = strerror_r(errno, text, sizeof(text));
        snprintf(why, why_size, "%s%s", reason, errno == EADDRINUSE ? " (does another server run?)" : "");
    }
    return false;
}

static bool number_of(int descriptor, int option, int *number)
{
    socklen_t length = sizeof(*number);
    return getsockopt(descriptor, SOL_SOCKET, option, number, &length) == 0;
}

bool listener_can_adopt(int descriptor, char *why, size_t why_size)
{
    struct address address;
    int type, listens;
    const char *what = NULL;
    if (!number_of(descriptor, SO_TYPE, &type) || !name_of(descriptor, &address))
        what = "it is no socket";
    else if (address.storage.ss_family != AF_INET && address.storage.ss_family != AF_INET6 &&
             address_path(&address) == NULL)
        what = "its address is neither host and port nor a path";
    else if (type != SOCK_STREAM || !number_of(descriptor, SO_ACCEPTCONN, &listens) || listens == 0)
        what = "it is no stream socket that listens";
    if (what != NULL)
        snprintf(why, why_size, "%s", what);
    return what == NULL;
}

bool listener_adopt(int descriptor, int *descriptors, size_t count, char *why, size_t why_size)
{
    int flags = fcntl(descriptor, F_GETFL);
    size_t made = 1;
    descriptors[0] = descriptor;
    bool good = flags >= 0 && fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 &&
                fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0;
    for (; good && made < count; made++) {
        descriptors[made] = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
        good = descriptors[made] >= 0;
        if (!good)
            break;
    }
    if (good)
        return true;
    char text[128];
    snprintf(why, why_size, "%s", strerror_r(errno, text, sizeof(text)));
    for (size_t i = 1; i < made; i++)
        close(descriptors[i]);
    return false;
}

bool listener_is_at(int descriptor, const char *address)
{
    struct address own, addresses[ADDRESS_MAX];
    char why[256];
    size_t count = address_resolve(address, addresses, why, sizeof(why));
    bool found = false;
    if (!name_of(descriptor, &own))
        return false;
    for (size_t i = 0; i < count && !found; i++)
        found = address_equal(&own, &addresses[i]);
    return found;
}

bool listener_is_at_home(int descriptor)
{
    struct buf name;
    buf_init(&name, 256);
    listener_name(descriptor, &name);
    buf_add_char(&name, '\0');
    bool is_local = buf_ok(&name) && address_is_local(name.bytes);
    buf_free(&name);
    return is_local;
}

/* The kernel remembers for a unix socket who called listen(2). To look whether somebody still serves an inherited one
 * would leave a connection in its queue, which starts the service that was just stopped. */
static bool is_our_own(int descriptor)
{
    struct ucred opener;
    socklen_t length = sizeof(opener);
    return getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &opener, &length) == 0 && opener.pid == getpid();
}

void listener_close(int descriptor)
{
    struct address address;
    bool is_ours = name_of(descriptor, &address) && address_path(&address) != NULL && is_our_own(descriptor);
    close(descriptor);
    if (is_ours)
        (void)remove_stale(&address);
}

void listener_name(int descriptor, struct buf *out)
{
    struct address address;
    if (name_of(descriptor, &address))
        address_print(&address, out);
}

bool listener_is_local(const char *address)
{
    return address_is_local(address);
}

static void on_close(void *context, uint64_t address)
{
    struct front *front = context;
    census_leave(front->census, address);
}

static void admit(struct front *front, int descriptor, const struct sockaddr *peer)
{
    uint64_t address = census_address(peer);
    enum census_verdict verdict = census_enter(front->census, address);
    if (verdict == CENSUS_ENTERED) {
        conn_open(front->home, descriptor, address);
        return;
    }
    close(descriptor);
    if (front->counters != NULL)
        counters_add(front->counters, verdict == CENSUS_FULL ? METRIC_LIMIT_CONNECTIONS : METRIC_LIMIT_PER_ADDRESS, 1);
}

/* Accepting would only fail again at once, so the queue is left alone for a while. */
static void pause_accepting(struct front *front, int reason)
{
    int64_t now_us = loop_now(front->loop);
    event_del(&front->acceptable);
    timer_start(front->loop, &front->pause, now_us + PAUSE_US);
    if (front->complained_us != 0 && now_us - front->complained_us < COMPLAINT_US)
        return;
    front->complained_us = now_us;
    char text[128];
    log_write(front->log, LOG_LEVEL_ERROR, "cannot accept connections",
              LOG_FIELDS(LOG_TEXT("reason", slice_of(strerror_r(reason, text, sizeof(text))))));
}

/* What happened to one peer before we came to it (accept(2)): the next one may be fine. */
static bool is_peers_fault(int reason)
{
    return reason == ECONNABORTED || reason == EINTR || reason == EPROTO || reason == EPERM;
}

static void accept_some(struct front *front, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        struct sockaddr_storage storage = {0};
        struct sockaddr *peer = (struct sockaddr *)(void *)&storage;
        socklen_t length = sizeof(storage);
        int descriptor = accept4(front->descriptor, peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            admit(front, descriptor, peer);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (!is_peers_fault(errno)) {
            pause_accepting(front, errno);
            return;
        }
    }
}

static void on_acceptable(evutil_socket_t descriptor, short what, void *context)
{
    (void)descriptor;
    (void)what;
    accept_some(context, ACCEPTS_PER_TURN);
}

static void on_pause_over(struct timer *timer)
{
    struct front *front = MEM_OUTER(timer, struct front, pause);
    event_add(&front->acceptable, NULL);
}

/* What every accepted socket inherits. Nagle's waiting helps nobody who writes whole answers; and what the kernel still
 * holds for a client when a connection or the process ends is not kept for longer than we ourselves would wait. A unix
 * socket has no such options, nor need of them. */
static void set_inherited(int descriptor, const struct front_options *options)
{
    unsigned timeout_ms = (unsigned)(options->write_timeout_us / CLOCK_MILLISECOND);
    (void)set_on(descriptor, IPPROTO_TCP, TCP_NODELAY);
    (void)setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

struct front *front_new(struct loop *loop, int descriptor, const struct front_options *options, struct handler *handler,
                        struct front_census *census, struct log *log, struct counters *counters)
{
    struct front *front = mem_new(sizeof(*front));
    front->loop = loop;
    front->census = census;
    front->log = log;
    front->counters = counters;
    front->descriptor = descriptor;
    front->pause.on_timer = on_pause_over;
    set_inherited(descriptor, options);
    front->home = conn_home_new(loop, options, handler, log, counters, on_close, front);
    event_assign(&front->acceptable, loop_base(loop), descriptor, EV_READ | EV_PERSIST, on_acceptable, front);
    if (front->home == NULL || event_add(&front->acceptable, NULL) != 0) {
        front_free(front);
        return NULL;
    }
    return front;
}

void front_change(struct front *front, const struct front_options *options)
{
    if (front->descriptor >= 0)
        set_inherited(front->descriptor, options);
    conn_home_change(front->home, options);
}

void front_use_tls(struct front *front, struct tls *tls)
{
    conn_home_use_tls(front->home, tls);
}

static void stop_listening(struct front *front)
{
    if (front->descriptor < 0)
        return;
    event_del(&front->acceptable);
    timer_stop(front->loop, &front->pause);
    listener_close(front->descriptor);
    front->descriptor = -1;
}

void front_drain(struct front *front, void (*on_drained)(void *context), void *context)
{
    if (front->descriptor >= 0)
        accept_some(front, ACCEPTS_PER_DRAIN);
    stop_listening(front);
    conn_home_drain(front->home, on_drained, context);
}

void front_free(struct front *front)
{
    if (front == NULL)
        return;
    stop_listening(front);
    conn_home_free(front->home);
    mem_free(front);
}
