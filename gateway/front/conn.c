/* SPDX-License-Identifier: MIT */
/* The life of one connection, from accept to close: its phases, what it waits for, and for how long. Must not know what
 * is asked or answered, nor how bytes are read. */
#include "front/conn.h"

#include "flow/problem.h"
#include "flow/tally.h"
#include "front/conn_input.h"
#include "front/conn_output.h"
#include "front/wire.h"

#include <assert.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(evutil_socket_t descriptor, short what, void *context);

void conn_watch(struct conn *conn, short wanted)
{
    if (conn->watched == wanted)
        return;
    if (conn->watched != 0)
        event_del(&conn->event);
    conn->watched = wanted;
    if (wanted == 0)
        return;
    event_assign(&conn->event, loop_base(conn->home->loop), conn->descriptor, (short)(wanted | EV_PERSIST), on_event,
                 conn);
    if (event_add(&conn->event, NULL) != 0) {
        conn->watched = 0;
        conn_close(conn);
    }
}

static void leave_room(struct conn *conn)
{
    if (conn->room != NULL)
        waiting_room_leave(conn->room, &conn->waiter);
    conn->room = NULL;
}

void conn_enter_room(struct conn *conn, struct waiting_room *room)
{
    if (conn->room != room)
        leave_room(conn);
    conn->room = room;
    waiting_room_join(room, &conn->waiter, conn->home->now_us);
}

void conn_close(struct conn *conn)
{
    if (conn->phase == CONN_CLOSED)
        return;
    bool handler_has_it = conn->phase == CONN_HANDLER && !conn->is_answered;
    conn_watch(conn, 0);
    leave_room(conn);
    conn_home_remove_ready(conn->home, conn);
    conn->phase = CONN_CLOSED;
    if (conn->tls != NULL) {
        (void)tls_stream_finish(conn->tls);
        tls_stream_free(conn->tls);
        conn->tls = NULL;
    }
    close(conn->descriptor);
    buf_free(&conn->held);
    buf_free(&conn->unsent);
    if (conn->exchange != NULL && !handler_has_it) {
        conn->exchange->outcome.sent_bytes = (int64_t)conn->body_sent;
        conn_home_give_exchange(conn->home, conn->exchange);
        conn->exchange = NULL;
    }
    if (handler_has_it)
        conn_home_count(conn->home, METRIC_ABANDONED);
    conn_home_note_closed(conn->home);
    loop_defer(conn->home->loop, &conn->turn_end);
}

/* Closes without letting the kernel go on sending: who does not read shall not cost memory. */
static void abort_connection(struct conn *conn)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    if (conn->tls != NULL)
        tls_stream_break(conn->tls);
    setsockopt(conn->descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    conn_close(conn);
}

/* Bytes that the kernel keeps for the client: it has not acknowledged them, or not read them from a unix socket. */
static int untaken(const struct conn *conn)
{
    int bytes = 0;
    return ioctl(conn->descriptor, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

/* Our side says that it is done, over TLS in two ways. */
static void end_output(struct conn *conn)
{
    if (conn->tls != NULL && !tls_stream_finish(conn->tls)) {
        conn_watch(conn, EV_READ | EV_WRITE);
        return;
    }
    shutdown(conn->descriptor, SHUT_WR);
    conn_watch(conn, EV_READ);
}

/* All is said. The client may still be sending; a plain close would make the kernel answer that with a reset, which can
 * destroy what the client has not read yet (RFC 9112 section 9.6). */
static void linger(struct conn *conn)
{
    buf_free(&conn->held);
    conn->phase = CONN_LINGER;
    conn->body_sent = 0;
    conn_enter_room(conn, conn->home->linger);
    end_output(conn);
}

/* A plain close would leave the kernel with bytes that nobody counts any more. */
void conn_finish(struct conn *conn)
{
    if (untaken(conn) > 0)
        linger(conn);
    else
        conn_close(conn);
}

static void finish_answer(struct conn *conn)
{
    struct exchange *exchange = conn->exchange;
    exchange->outcome.is_sent = true;
    exchange->outcome.sent_bytes = respond_has_body(exchange) ? (int64_t)exchange->answer.body_length : 0;
    conn_home_give_exchange(conn->home, exchange);
    conn->exchange = NULL;
    if (!conn->parser.keep_alive || conn->home->draining) {
        linger(conn);
        return;
    }
    parser_init(&conn->parser);
    conn->phase = CONN_HEAD;
}

static void block(struct conn *conn)
{
    conn->phase = CONN_SENDING;
    conn_enter_room(conn, conn->home->write);
    conn_watch(conn, wire_send_event(conn));
}

static void deliver(struct conn *conn, enum output_result result)
{
    switch (result) {
    case OUTPUT_SENT:
        finish_answer(conn);
        break;
    case OUTPUT_BLOCKED:
        block(conn);
        break;
    case OUTPUT_BROKEN:
        conn_close(conn);
        break;
    }
}

/* The exchange's answer is complete. */
static void answer(struct conn *conn)
{
    conn->phase = CONN_SENDING;
    deliver(conn, conn_output_start(conn));
}

static void on_answer(struct exchange *exchange)
{
    struct conn *conn = exchange->connection;
    assert(!conn->is_answered);
    conn->is_answered = true;
    loop_defer(conn->home->loop, &conn->turn_end);
}

void conn_start(struct conn *conn, const struct request *request)
{
    struct conn_home *home = conn->home;
    struct exchange *exchange = conn_home_take_exchange(home, request);
    leave_room(conn);
    conn->exchange = exchange;
    exchange->connection = conn;
    exchange->on_answer = on_answer;
    if (conn->tls != NULL)
        exchange->request.certificate = tls_stream_certificate(conn->tls);
    conn->phase = CONN_HANDLER;
    if (!home->handler->start(home->handler, exchange)) {
        if ((conn->watched & EV_WRITE) != 0)
            conn_watch(conn, EV_READ); /* there is nothing to send now: it would be told so again and again */
        return;
    }
    if (exchange->outcome.is_picked)
        access_log_note(exchange);
    answer(conn);
}

void conn_refuse(struct conn *conn, int status, const char *why, enum metric limit)
{
    struct request request = {.method = conn->parser.method};
    conn->parser.keep_alive = false;
    conn->exchange = conn_home_take_exchange(conn->home, &request);
    conn->exchange->outcome.kind = OUTCOME_MALFORMED;
    problem_answer(conn->exchange, status, why, NULL);
    conn_home_count(conn->home, limit);
    if (conn->home->counters != NULL)
        tally_request(conn->home->counters, METRICS_NOBODY, OUTCOME_MALFORMED, status);
    log_write(conn->home->log, LOG_LEVEL_DEBUG, "request refused",
              LOG_FIELDS(LOG_NUMBER("status", status), LOG_TEXT("why", slice_of(why)),
                         LOG_TEXT("request", slice_make(conn->exchange->id, conn->exchange->id_length))));
    answer(conn);
}

/* While the handler works, input waits in the kernel. A client that is gone is noticed; one that has only finished
 * sending cannot be told from one that has sent more, and both are looked at again after the answer. */
static void look_while_waiting(struct conn *conn)
{
    char octet;
    ssize_t got = wire_judge(recv(conn->descriptor, &octet, 1, MSG_PEEK | MSG_DONTWAIT));
    if (got >= 0)
        conn_watch(conn, 0);
    else if (got == WIRE_BROKEN)
        conn_close(conn);
}

static void drop_input(struct conn *conn)
{
    if ((conn->watched & EV_WRITE) != 0)
        end_output(conn); /* which could not be said at once */
    if (conn->phase != CONN_LINGER)
        return;
    ssize_t got = wire_judge(recv(conn->descriptor, conn->home->input, INPUT_BYTES, MSG_DONTWAIT));
    if (got == WIRE_BLOCKED)
        return;
    conn->body_sent += got > 0 ? (size_t)got : 0;
    if (got < 0 || conn->body_sent > LINGER_BYTES_MAX)
        abort_connection(conn);
    else if (got == 0 && untaken(conn) > 0)
        conn_watch(conn, conn->watched & EV_WRITE);
    else if (got == 0)
        conn_close(conn);
}

/* In the middle of a body: an interim answer may be under way. */
static void on_body_event(struct conn *conn)
{
    if (conn->unsent.length > 0 && conn_output_continue(conn) == OUTPUT_BROKEN)
        conn_close(conn);
    else
        conn_input_read(conn);
}

static void on_handshake_event(struct conn *conn)
{
    struct conn_home *home = conn->home;
    ssize_t result = tls_stream_handshake(conn->tls);
    if (result == WIRE_BLOCKED) {
        conn_watch(conn, tls_stream_read_event(conn->tls));
        return;
    }
    conn_home_count(home, result > 0 ? METRIC_TLS_HANDSHAKES : METRIC_TLS_FAILURES);
    if (result == WIRE_BROKEN) {
        conn_close(conn);
        return;
    }
    conn->phase = CONN_HEAD;
    conn_input_wait(conn);
    if (home->draining && conn->phase == CONN_HEAD)
        conn_enter_room(conn, home->linger); /* it may ask once, if it does so soon */
}

static void on_writable(struct conn *conn)
{
    deliver(conn, conn_output_continue(conn));
    if (conn->phase == CONN_HEAD)
        conn_watch(conn, wire_read_event(conn)); /* at once: what comes next may wait, and it stays writable */
    if (conn->phase == CONN_HEAD)
        conn_input_serve_held(conn);
}

static void on_event(evutil_socket_t descriptor, short what, void *context)
{
    struct conn *conn = context;
    (void)descriptor;
    (void)what;
    conn->home->now_us = loop_now(conn->home->loop);
    switch ((enum conn_phase)conn->phase) {
    case CONN_HANDSHAKE:
        on_handshake_event(conn);
        break;
    case CONN_HEAD:
        conn_input_read(conn);
        break;
    case CONN_BODY:
        on_body_event(conn);
        break;
    case CONN_HANDLER:
        look_while_waiting(conn);
        break;
    case CONN_SENDING:
        on_writable(conn);
        break;
    case CONN_LINGER:
        drop_input(conn);
        break;
    case CONN_CLOSED:
        break;
    }
}

static void bury(struct conn *conn)
{
    struct conn_home *home = conn->home;
    if (conn->exchange != NULL)
        conn_home_give_exchange(home, conn->exchange);
    if (conn->next != NULL)
        conn->next->previous = conn->previous;
    if (conn->previous != NULL)
        conn->previous->next = conn->next;
    else
        home->first = conn->next;
    home->on_close(home->context, conn->address);
    mem_free(conn);
}

/* The answer of a handler is sent from here, where nothing of the handler is on the stack; and the dead are buried. */
static void on_turn_end(struct deferred *deferred)
{
    struct conn *conn = MEM_OUTER(deferred, struct conn, turn_end);
    if (conn->home == NULL) {
        mem_free(conn);
        return;
    }
    conn->home->now_us = loop_now(conn->home->loop);
    if (conn->phase != CONN_CLOSED) {
        conn->is_answered = false;
        answer(conn);
        if (conn->phase == CONN_HEAD)
            conn_input_serve_held(conn);
    } else if (conn->exchange == NULL || conn->is_answered) {
        bury(conn);
    }
}

static void begin_handshake(struct conn *conn)
{
    conn->tls = tls_stream_new(conn->home->tls, conn->descriptor);
    if (conn->tls == NULL) {
        conn_close(conn);
        return;
    }
    conn->phase = CONN_HANDSHAKE;
    conn_enter_room(conn, conn->home->header);
    conn_watch(conn, EV_READ);
}

void conn_open(struct conn_home *home, int descriptor, uint64_t address)
{
    struct conn *conn = mem_new(sizeof(*conn));
    conn->home = home;
    conn->descriptor = descriptor;
    conn->address = address;
    conn->turn_end.on_turn_end = on_turn_end;
    conn->phase = CONN_HEAD;
    parser_init(&conn->parser);
    buf_init(&conn->held, home->options.limits.header_bytes + INPUT_BYTES + HELD_READ_BYTES);
    buf_init(&conn->unsent, RESPOND_HEAD_MAX + CONN_INTERIM_MAX);
    conn->next = home->first;
    if (conn->next != NULL)
        conn->next->previous = conn;
    home->first = conn;
    home->open++;
    if (home->counters != NULL) {
        counters_add(home->counters, METRIC_CONNECTIONS, 1);
        counters_add(home->counters, METRIC_CONNECTIONS_OPEN, 1);
    }
    home->now_us = loop_now(home->loop);
    if (home->tls == NULL)
        conn_input_wait(conn);
    else
        begin_handshake(conn);
}

/* What has come is read. A client that is silent gets a moment all the same: its next request may be on the way, and
 * would be lost on a connection that is closed (RFC 9112 section 9.6). */
void conn_drain(struct conn *conn)
{
    if (!conn_input_is_idle(conn))
        return;
    conn_input_read(conn);
    if (conn_input_is_idle(conn))
        conn_enter_room(conn, conn->home->linger);
}

static struct conn *late(struct waiter *waiter, struct conn_home *home)
{
    struct conn *conn = MEM_OUTER(waiter, struct conn, waiter);
    home->now_us = loop_now(home->loop);
    conn->room = NULL;
    return conn;
}

void conn_on_idle_late(struct waiter *waiter, void *home)
{
    conn_home_count(home, METRIC_LIMIT_IDLE_TIMEOUT);
    conn_finish(late(waiter, home));
}

void conn_on_header_late(struct waiter *waiter, void *home)
{
    struct conn *conn = late(waiter, home);
    if (conn->phase != CONN_HANDSHAKE) {
        conn_refuse(conn, 408, "the request did not come in time (limits.header_timeout)", METRIC_LIMIT_HEADER_TIMEOUT);
        return;
    }
    conn_home_count(home, METRIC_LIMIT_HEADER_TIMEOUT);
    conn_home_count(home, METRIC_TLS_FAILURES);
    conn_close(conn);
}

/* Who lingers has all of the answer but what the kernel holds, and is waited for as long as that becomes less. */
void conn_on_write_late(struct waiter *waiter, void *home)
{
    struct conn *conn = late(waiter, home);
    int before = conn->untaken;
    conn->untaken = conn->phase == CONN_LINGER ? untaken(conn) : 0;
    if (conn->phase == CONN_LINGER && conn->untaken == 0) {
        conn_close(conn);
    } else if (conn->phase == CONN_LINGER && conn->untaken < before) {
        conn_enter_room(conn, conn->home->write);
    } else {
        conn_home_count(home, METRIC_LIMIT_WRITE_TIMEOUT);
        abort_connection(conn);
    }
}

void conn_on_linger_late(struct waiter *waiter, void *home)
{
    struct conn *conn = late(waiter, home);
    if (conn_input_is_idle(conn)) {
        conn_input_read(conn); /* it may have come while we were late ourselves */
        if (conn->phase != CONN_HEAD || !conn_input_is_idle(conn))
            return;
    }
    conn->untaken = untaken(conn);
    if (conn->untaken > 0 && !conn->home->draining)
        conn_enter_room(conn, conn->home->write);
    else
        conn_close(conn); /* a drain does not wait: the kernel gives up by itself */
}
