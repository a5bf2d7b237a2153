/* SPDX-License-Identifier: MIT */
/* One connection. Its life: connecting → greeting (the login and a PING, sent at once) → ready → ended. Requests stand
 * in a ring in the order in which they were sent, once for each reply; one that was forgotten leaves empty places,
 * which swallow its replies. */
#include "io/redis_link.h"

#include "base/buf.h"
#include "io/redis.h"
#include "io/redis_reader.h"
#include "io/redis_wire.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    READS_MAX = 32,                  /* in one go: others have their turn too */
    RING_FIRST = 16,                 /* places; always a power of two */
    KEPT_BYTES = 65536,              /* of an empty output buffer */
    PLACES_MAX = 4 * REDIS_CALLS_MAX /* a command ahead, and an ASKING before each */
};

enum state { CONNECTING, GREETING, READY, ENDED };

struct redis_link {
    struct loop *loop;
    struct redis_link_options options;
    enum state state;
    int fd;
    struct event *on_readable, *on_writable;
    struct redis_reader *reader;
    struct timer deadline; /* until it is ready */
    unsigned greetings;    /* replies to the login that are still to come */

    struct buf out;
    size_t out_gone;    /* bytes of `out` that have left */
    uint64_t out_total; /* bytes that have left in all */
    struct deferred flush;

    struct redis_request **ring;
    size_t ring_size;
    uint64_t first, next; /* numbers of the oldest reply that has not come, and of the next one */

    struct deferred obituary; /* tells the requests on it that it has ended */
    struct deferred burial;
    bool is_freed; /* nobody is told anything any more */
};

static const char ASKING[] = "*1\r\n$6\r\nASKING\r\n";

static struct redis_request **place(struct redis_link *link, uint64_t number)
{
    return &link->ring[number & (link->ring_size - 1)];
}

static void grow_ring(struct redis_link *link)
{
    size_t size = link->ring_size == 0 ? RING_FIRST : link->ring_size * 2;
    struct redis_request **ring = mem_new(size * sizeof(*ring));
    for (uint64_t number = link->first; number < link->next; number++)
        ring[number & (size - 1)] = *place(link, number);
    mem_free(link->ring);
    link->ring = ring;
    link->ring_size = size;
}

/* Who expects the next reply; NULL: nobody does. Returns its number. */
static uint64_t push(struct redis_link *link, struct redis_request *request)
{
    if (link->next - link->first == link->ring_size)
        grow_ring(link);
    *place(link, link->next) = request;
    return link->next++;
}

/* Nothing comes or goes any more. */
static void close_down(struct redis_link *link)
{
    link->state = ENDED;
    timer_stop(link->loop, &link->deadline);
    if (link->on_readable != NULL)
        event_del(link->on_readable);
    if (link->on_writable != NULL)
        event_del(link->on_writable);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
}

static void tell_requests(struct deferred *deferred)
{
    struct redis_link *link = MEM_OUTER(deferred, struct redis_link, obituary);
    while (link->first < link->next && !link->is_freed) {
        uint64_t number = link->first++;
        struct redis_request *request = *place(link, number);
        if (request == NULL || request->number != number)
            continue;
        request->maybe_done = link->out_total > request->begins_at;
        request->on_reply(request, NULL);
    }
}

/* Queued before the owner hears of it, so that its requests are told before the owner's own work at the end of the turn
 * buries the link; and told then, not here: whoever ends a link has work under its hands. */
void redis_link_end(struct redis_link *link, const char *why)
{
    if (link->state == ENDED)
        return;
    close_down(link);
    loop_defer(link->loop, &link->obituary);
    link->options.on_end(link->options.context, why);
}

static void bury(struct deferred *deferred)
{
    struct redis_link *link = MEM_OUTER(deferred, struct redis_link, burial);
    if (link->flush.queued || link->obituary.queued) { /* behind us in this turn's queue */
        loop_defer(link->loop, deferred);
        return;
    }
    if (link->on_readable != NULL)
        event_free(link->on_readable);
    if (link->on_writable != NULL)
        event_free(link->on_writable);
    redis_reader_free(link->reader);
    if (link->out.bytes != NULL)
        mem_wipe(link->out.bytes, link->out.length); /* may still hold the login */
    buf_free(&link->out);
    mem_free(link->ring);
    mem_free(link);
}

void redis_link_free(struct redis_link *link)
{
    if (link == NULL || link->is_freed)
        return;
    link->is_freed = true;
    close_down(link);
    link->burial.on_turn_end = bury;
    loop_defer(link->loop, &link->burial);
}

/* What is sent leaves in one write, or in as few as the kernel takes. */
static void flush(struct redis_link *link)
{
    while (link->state >= GREETING && link->state != ENDED && link->out_gone < link->out.length) {
        ssize_t sent = send(link->fd, link->out.bytes + link->out_gone, link->out.length - link->out_gone,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            event_add(link->on_writable, NULL);
            return;
        }
        if (sent < 0) {
            redis_link_end(link, strerror(errno));
            return;
        }
        link->out_gone += (size_t)sent;
        link->out_total += (size_t)sent;
    }
    if (link->state == ENDED || link->out.length == 0 || link->out_gone < link->out.length)
        return;
    if (link->state == GREETING)
        mem_wipe(link->out.bytes, link->out.length);
    link->out_gone = 0;
    if (link->out.capacity > KEPT_BYTES)
        buf_free(&link->out);
    else
        buf_reset(&link->out);
}

static void on_flush(struct deferred *deferred)
{
    flush(MEM_OUTER(deferred, struct redis_link, flush));
}

/* The login. One PING at its end: a server that still loads its data, or hangs, is not ready. */
static void greet(struct redis_link *link)
{
    const struct redis_link_options *options = &link->options;
    link->state = GREETING;
    if (options->password != NULL) {
        redis_wire_begin(&link->out, options->user != NULL ? 3 : 2);
        redis_wire_word(&link->out, slice_of("AUTH"));
        if (options->user != NULL)
            redis_wire_word(&link->out, slice_of(options->user));
        redis_wire_word(&link->out, slice_of(options->password));
        link->greetings++;
    }
    if (options->database != 0) {
        redis_wire_begin(&link->out, 2);
        redis_wire_word(&link->out, slice_of("SELECT"));
        redis_wire_number(&link->out, (size_t)options->database);
        link->greetings++;
    }
    redis_wire_command(&link->out, (const char *const[]){"PING", NULL});
    link->greetings++;
    flush(link);
}

static void on_greeting(struct redis_link *link, const struct redisReply *reply)
{
    char why[REDIS_WHY_MAX];
    if (reply->type != REDIS_REPLY_STATUS) {
        struct slice code = redis_wire_code(reply);
        snprintf(why, sizeof(why), "the login was answered %.*s", (int)(code.length < 40 ? code.length : 40),
                 code.length > 0 ? code.at : "");
        redis_link_end(link, why);
        return;
    }
    if (--link->greetings > 0)
        return;
    timer_stop(link->loop, &link->deadline);
    link->state = READY;
    link->options.on_ready(link->options.context);
}

static void on_reply(struct redis_link *link, const struct redisReply *reply)
{
    if (link->state == GREETING) {
        on_greeting(link, reply);
        return;
    }
    if (link->options.on_said != NULL) {
        link->options.on_said(link->options.context, reply);
        return;
    }
    if (link->first == link->next) {
        redis_link_end(link, "a reply that nobody asked for");
        return;
    }
    uint64_t number = link->first++;
    struct redis_request *request = *place(link, number);
    if (request == NULL)
        return;
    if (request->number == number)
        request->on_reply(request, reply);
    else
        request->on_ahead(request, reply);
}

/* False when the link has ended. */
static bool take_replies(struct redis_link *link)
{
    bool broken = false;
    while (link->state != ENDED) {
        struct redisReply *reply = redis_reader_next(link->reader, &broken);
        if (reply == NULL)
            break;
        on_reply(link, reply);
        freeReplyObject(reply);
    }
    if (broken)
        redis_link_end(link, redis_reader_why(link->reader));
    return link->state != ENDED;
}

void redis_link_catch_up(struct redis_link *link)
{
    char bytes[READ_BYTES];
    for (unsigned reads = 0; reads < READS_MAX && link->state >= GREETING && link->state != ENDED; reads++) {
        ssize_t got = recv(link->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (got <= 0) {
            redis_link_end(link, got == 0 ? "the connection was closed" : strerror(errno));
            return;
        }
        if (!redis_reader_feed(link->reader, bytes, (size_t)got)) {
            redis_link_end(link, redis_reader_why(link->reader));
            return;
        }
        if (!take_replies(link) || (size_t)got < sizeof(bytes))
            return;
    }
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    redis_link_catch_up(context);
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    struct redis_link *link = context;
    int error = 0;
    socklen_t length = sizeof(error);
    (void)what;
    if (link->state != CONNECTING) {
        flush(link);
        return;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
        error = errno;
    if (error != 0) {
        redis_link_end(link, strerror(error));
        return;
    }
    event_add(link->on_readable, NULL);
    greet(link);
}

static void on_deadline(struct timer *timer)
{
    struct redis_link *link = MEM_OUTER(timer, struct redis_link, deadline);
    redis_link_catch_up(link);
    if (link->state == CONNECTING)
        redis_link_end(link, "connecting took too long");
    else if (link->state == GREETING)
        redis_link_end(link, "the login took too long");
}

static bool open_socket(struct redis_link *link)
{
    const struct redis_link_options *options = &link->options;
    int family = options->address.ss_family, one = 1;
    link->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return false;
    if (family != AF_UNIX && setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0)
        return false;
    struct event_base *base = loop_base(link->loop);
    link->on_readable = event_new(base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
    link->on_writable = event_new(base, link->fd, EV_WRITE, on_writable, link);
    if (link->on_readable == NULL || link->on_writable == NULL)
        return false;
    int failed = connect(link->fd, (const struct sockaddr *)&options->address, options->address_length);
    if (failed != 0 && errno != EINPROGRESS)
        return false;
    return event_add(link->on_writable, NULL) == 0; /* done at once or not: both are told there */
}

struct redis_link *redis_link_new(struct loop *loop, const struct redis_link_options *options)
{
    struct redis_link *link = mem_new(sizeof(*link));
    link->loop = loop;
    link->options = *options;
    link->fd = -1;
    link->reader = redis_reader_new(REDIS_REPLY_BYTES_MAX);
    buf_init(&link->out, REDIS_UNSENT_MAX);
    link->flush.on_turn_end = on_flush;
    link->obituary.on_turn_end = tell_requests;
    link->deadline.on_timer = on_deadline;
    if (!open_socket(link)) {
        int error = errno;
        redis_link_free(link);
        errno = error;
        return NULL;
    }
    timer_start(loop, &link->deadline, loop_now(loop) + options->timeout_us);
    return link;
}

bool redis_link_is_ready(const struct redis_link *link)
{
    return link->state == READY;
}

/* What does not fit is not begun: half a command would be the end of the connection. */
static bool has_room(const struct redis_link *link, size_t bytes)
{
    return bytes <= link->out.max - link->out.length;
}

static void add_asking(struct redis_link *link)
{
    buf_add(&link->out, slice_make(ASKING, sizeof(ASKING) - 1));
    (void)push(link, NULL);
}

bool redis_link_send(struct redis_link *link, struct redis_request *request)
{
    size_t bytes = 2 * sizeof(ASKING);
    assert(link->state == READY && link->options.on_said == NULL);
    for (size_t i = 0; i < REDIS_REQUEST_PARTS; i++)
        bytes += request->parts[i].length;
    if (link->next - link->first >= PLACES_MAX || !has_room(link, bytes))
        return false;
    char *room = buf_room(&link->out, bytes);
    if (room == NULL)
        return false;
    if (request->asking)
        add_asking(link);
    request->begins_at = link->out_total + (link->out.length - link->out_gone);
    request->maybe_done = false;
    buf_add(&link->out, request->parts[0]);
    if (request->on_ahead != NULL) {
        request->number_ahead = push(link, request);
        if (request->asking)
            add_asking(link);
    }
    buf_add(&link->out, request->parts[1]);
    request->number = push(link, request);
    loop_defer(link->loop, &link->flush);
    return true;
}

void redis_link_forget(struct redis_link *link, struct redis_request *request)
{
    assert(*place(link, request->number) == request);
    *place(link, request->number) = NULL;
    if (request->on_ahead != NULL && request->number_ahead >= link->first)
        *place(link, request->number_ahead) = NULL;
    request->maybe_done = link->out_total > request->begins_at;
}

void redis_link_say(struct redis_link *link, struct slice bytes)
{
    assert(link->state == READY && link->options.on_said != NULL);
    if (has_room(link, bytes.length))
        buf_add(&link->out, bytes);
    loop_defer(link->loop, &link->flush);
}

size_t redis_link_under_way(const struct redis_link *link)
{
    return (size_t)(link->next - link->first);
}
