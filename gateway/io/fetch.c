/* SPDX-License-Identifier: MIT */
/* libcurl's multi interface driven by a loop. libcurl's callbacks only note what it wants: a socket to be watched, its
 * timer to be set. Whatever may have finished a call (a ready socket, libcurl's timer, our deadline) asks for a
 * harvest, and the one harvest at the end of the turn reports all that are done. So no caller is ever called from
 * inside libcurl, and may start and cancel as it likes.
 *
 * libcurl counts real time, so its timer is libevent's; the deadline of a call is a timer on the loop's clock, which
 * tests can move. Knows no policy: no retries, no reading of what came. */
#include "io/fetch.h"

#include "io/call.h"

#include <assert.h>
#include <event2/event.h>

struct carrier;

/* One fetch from start to its report; in `running` or in `over`. */
struct errand {
    struct call call;
    struct carrier *carrier;
    struct timer deadline;
    struct errand *next, *previous;
};

struct carrier {
    struct transport transport;
    struct loop *loop;
    CURLM *multi;
    struct event *timer; /* libcurl's */
    struct deferred harvest;
    struct fetch_options options; /* texts owned */
    struct errand running;        /* ring's head: in the multi handle */
    struct errand over;           /* ring's head: ended without libcurl, to be reported */
    struct body_room room;
    bool doubts_address;    /* nobody was met where the host's name led last */
    int64_t doubt_until_us; /* the kept connections: one of them said nothing */
};

static void link_last(struct errand *ring, struct errand *errand)
{
    errand->next = ring;
    errand->previous = ring->previous;
    errand->previous->next = errand;
    ring->previous = errand;
}

static void unlink_errand(struct errand *errand)
{
    errand->previous->next = errand->next;
    errand->next->previous = errand->previous;
}

static void make_ring(struct errand *ring)
{
    ring->next = ring;
    ring->previous = ring;
}

/* What libcurl wants; these run inside libcurl. */

static void on_ready(evutil_socket_t fd, short what, void *context)
{
    struct carrier *carrier = context;
    int running;

    int ready = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(carrier->multi, fd, ready, &running);
    loop_defer(carrier->loop, &carrier->harvest);
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *context, void *watched)
{
    struct carrier *carrier = context;
    short wanted = EV_PERSIST;

    (void)easy;
    if (watched != NULL)
        event_free(watched); /* before libcurl closes the socket, whose number may come again at once */
    if (what == CURL_POLL_REMOVE)
        return 0;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        wanted |= EV_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        wanted |= EV_WRITE;
    struct event *event = event_new(loop_base(carrier->loop), fd, wanted, on_ready, carrier);
    int failed = event == NULL ? -1 : event_add(event, NULL);
    assert(failed == 0);
    curl_multi_assign(carrier->multi, fd, event);
    return 0;
}

static int on_timer_wish(CURLM *multi, long wait_ms, void *context)
{
    struct carrier *carrier = context;

    (void)multi;
    if (wait_ms < 0) {
        event_del(carrier->timer);
        return 0;
    }
    struct timeval wait = {.tv_sec = wait_ms / 1000, .tv_usec = wait_ms % 1000 * 1000};
    int failed = event_add(carrier->timer, &wait);
    assert(failed == 0);
    return 0;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct carrier *carrier = context;
    int running;

    (void)fd;
    (void)what;
    curl_multi_socket_action(carrier->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    loop_defer(carrier->loop, &carrier->harvest);
}

/* The end of a call. */

/* Out of libcurl and of all lists; what is left is the fetch with its result. */
static struct fetch *dissolve(struct errand *errand)
{
    struct fetch *fetch = errand->call.fetch;
    struct carrier *carrier = errand->carrier;

    timer_stop(carrier->loop, &errand->deadline);
    unlink_errand(errand);
    carrier->room.used -= fetch->body.capacity;
    if (call_met_nobody(&errand->call))
        carrier->doubts_address = true;
    else if (errand->call.was_started && !fetch->reused_connection)
        carrier->doubts_address = false;
    if (errand->call.easy != NULL)
        curl_multi_remove_handle(carrier->multi, errand->call.easy);
    call_free(&errand->call);
    mem_free(errand);
    fetch->handle = NULL;
    return fetch;
}

static void report(struct errand *errand)
{
    struct fetch *fetch = dissolve(errand);

    fetch->on_done(fetch);
}

static void on_harvest(struct deferred *deferred)
{
    struct carrier *carrier = MEM_OUTER(deferred, struct carrier, harvest);
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(carrier->multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE)
            continue;
        void *call = NULL;
        CURLcode result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
        call_finish(call, result);
        report(MEM_OUTER(call, struct errand, call)); /* the message is gone with it */
    }
    while (carrier->over.next != &carrier->over)
        report(carrier->over.next);
}

static void end_early(struct errand *errand, enum fetch_outcome outcome, const char *error)
{
    struct carrier *carrier = errand->carrier;

    call_fail(&errand->call, outcome, error);
    link_last(&carrier->over, errand);
    loop_defer(carrier->loop, &carrier->harvest);
}

static void on_deadline(struct timer *timer)
{
    struct errand *errand = MEM_OUTER(timer, struct errand, deadline);
    struct fetch *fetch = errand->call.fetch;

    if (fetch->reused_connection && errand->call.header_bytes == 0)
        errand->carrier->doubt_until_us = loop_now(errand->carrier->loop) + fetch->timeout_us;
    unlink_errand(errand);
    call_give_up(&errand->call);
    curl_multi_remove_handle(errand->carrier->multi, errand->call.easy);
    call_free(&errand->call);
    end_early(errand, FETCH_TIMED_OUT, "no whole answer within the time allowed");
}

/* The transport. */

static void start(struct transport *transport, struct fetch *fetch)
{
    struct carrier *carrier = MEM_OUTER(transport, struct carrier, transport);
    struct errand *errand = mem_new(sizeof *errand);

    errand->carrier = carrier;
    errand->deadline.on_timer = on_deadline;
    fetch->handle = errand;
    bool is_made = call_init(&errand->call, fetch, &carrier->options, &carrier->room, loop_clock(carrier->loop));
    bool in_doubt = loop_now(carrier->loop) < carrier->doubt_until_us;
    if (is_made && (fetch->fresh_connection || fetch->form.length > 0 || in_doubt))
        call_connect(&errand->call);
    if (is_made && (fetch->fresh_connection || carrier->doubts_address))
        call_look_up(&errand->call);
    if (!is_made || curl_multi_add_handle(carrier->multi, errand->call.easy) != CURLM_OK) {
        call_free(&errand->call);
        end_early(errand, FETCH_UNREACHABLE, "the call could not be set up");
        return;
    }
    link_last(&carrier->running, errand);
    timer_start(carrier->loop, &errand->deadline, loop_now(carrier->loop) + fetch->timeout_us);
}

static void cancel(struct transport *transport, struct fetch *fetch)
{
    (void)transport;
    buf_free(&dissolve(fetch->handle)->body);
}

static bool prepare_multi(struct carrier *carrier)
{
    CURLMcode bad = CURLM_OK;

#define SET(option, value) (bad = bad != CURLM_OK ? bad : curl_multi_setopt(carrier->multi, option, value))
    SET(CURLMOPT_SOCKETFUNCTION, on_socket_wish);
    SET(CURLMOPT_SOCKETDATA, carrier);
    SET(CURLMOPT_TIMERFUNCTION, on_timer_wish);
    SET(CURLMOPT_TIMERDATA, carrier);
    SET(CURLMOPT_MAXCONNECTS, (long)carrier->options.connections_max);
    SET(CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
#undef SET
    return bad == CURLM_OK;
}

static char *copy_text(const char *text)
{
    return text == NULL ? NULL : mem_copy_text(text, strlen(text));
}

struct transport *fetch_transport_new(struct loop *loop, const struct fetch_options *options)
{
    struct carrier *carrier = mem_new(sizeof *carrier);

    carrier->transport.start = start;
    carrier->transport.cancel = cancel;
    carrier->loop = loop;
    carrier->harvest.on_turn_end = on_harvest;
    carrier->options.connections_max = options->connections_max;
    carrier->room.max = options->bodies_max;
    carrier->options.user_agent = copy_text(options->user_agent);
    carrier->options.ca_file = copy_text(options->ca_file);
    make_ring(&carrier->running);
    make_ring(&carrier->over);
    carrier->timer = event_new(loop_base(loop), -1, 0, on_timer, carrier);
    carrier->multi = curl_multi_init();
    if (carrier->timer == NULL || carrier->multi == NULL || !prepare_multi(carrier)) {
        fetch_transport_free(&carrier->transport);
        return NULL;
    }
    return &carrier->transport;
}

/* A harvest may still be queued, so the memory goes at the end of the turn. */
static void on_burial(struct deferred *deferred)
{
    mem_free(MEM_OUTER(deferred, struct carrier, harvest));
}

void fetch_transport_free(struct transport *transport)
{
    if (transport == NULL)
        return;
    struct carrier *carrier = MEM_OUTER(transport, struct carrier, transport);

    while (carrier->running.next != &carrier->running)
        cancel(transport, carrier->running.next->call.fetch);
    while (carrier->over.next != &carrier->over)
        cancel(transport, carrier->over.next->call.fetch);
    if (carrier->multi != NULL)
        curl_multi_cleanup(carrier->multi);
    if (carrier->timer != NULL)
        event_free(carrier->timer);
    mem_free((char *)carrier->options.user_agent);
    mem_free((char *)carrier->options.ca_file);
    carrier->harvest.on_turn_end = on_burial;
    loop_defer(carrier->loop, &carrier->harvest);
}
