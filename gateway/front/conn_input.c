/* SPDX-License-Identifier: MIT */
/* From a connection's bytes to its requests: reading, keeping what is not whole, and serving what is, one request at a
 * time and in order. Must not know how an answer is sent. */
#include "front/conn_input.h"

#include "front/conn_output.h"
#include "front/parser_body.h"
#include "front/wire.h"

/* Requests served in one go before others have their turn. */
enum { SERVED_PER_TURN = 16 };

_Static_assert((int)INPUT_BYTES >= (int)TLS_RECORD_MAX, "a record is read whole");

/* Keeps `rest`, which may be a part of what is kept already. */
static void hold(struct conn *conn, struct slice rest)
{
    struct buf *held = &conn->held;
    if (rest.length == 0) {
        if (held->bytes != NULL)
            buf_free(held);
        return;
    }
    if (buf_holds(held, rest)) {
        memmove(held->bytes, rest.at, rest.length);
        held->length = rest.length;
        return;
    }
    buf_reset(held);
    buf_add(held, rest);
    if (!buf_ok(held))
        conn_close(conn); /* out of memory */
}

static void refuse(struct conn *conn, const struct parser *parser)
{
    static const enum metric LIMITS[] = {
        [PARSER_LIMIT_NONE] = METRIC_COUNT,
        [PARSER_LIMIT_HEADER] = METRIC_LIMIT_HEADER_BYTES,
        [PARSER_LIMIT_QUERY] = METRIC_LIMIT_QUERY_BYTES,
        [PARSER_LIMIT_BODY] = METRIC_LIMIT_BODY_BYTES,
    };
    conn_refuse(conn, parser->status, parser->why, LIMITS[parser->limit]);
}

/* A head that a body follows: when the body has not all come, the head is kept, and read again once it has. Bytes used.
 */
static size_t serve_head_with_body(struct conn *conn, struct slice input, size_t head, struct request *request)
{
    const struct parser_limits *limits = &conn->home->options.limits;
    struct slice behind = slice_make(input.at + head, input.length - head);
    size_t used = 0;
    switch (parser_discard_body(&conn->parser, behind, limits, &used)) {
    case PARSER_HEAD:
        conn_start(conn, request);
        break;
    case PARSER_REFUSED:
        refuse(conn, &conn->parser);
        break;
    case PARSER_MORE:
        conn->phase = CONN_BODY;
        conn_enter_room(conn, conn->home->header);
        hold(conn, slice_make(input.at, head));
        if (conn->phase == CONN_BODY && behind.length == 0 && conn->parser.expects_continue &&
            !conn_output_interim(conn))
            conn_close(conn);
        break;
    }
    return head + used;
}

/* Bytes used; none when the head is not whole. */
static size_t serve_head(struct conn *conn, struct slice input)
{
    struct conn_home *home = conn->home;
    struct request request;
    size_t head = 0;
    switch (parser_head(&conn->parser, input, &home->options.limits, &request, &home->joined, &head)) {
    case PARSER_HEAD:
        if (conn->parser.body != PARSER_BODY_NONE)
            return serve_head_with_body(conn, input, head, &request);
        conn_start(conn, &request);
        return head;
    case PARSER_REFUSED:
        refuse(conn, &conn->parser);
        return input.length;
    case PARSER_MORE:
        break;
    }
    size_t skipped = parser_skip_empty_lines(&conn->parser, input);
    if (skipped > 0) { /* who sends empty lines and nothing else is idle; a request's time begins behind them */
        conn_enter_room(conn, home->idle);
        return skipped;
    }
    if (conn->room != home->header)
        conn_enter_room(conn, home->header); /* more bytes do not buy more time */
    return 0;
}

/* The head is in `held`, and `input` is of its body and what follows it. Bytes used. */
static size_t serve_body(struct conn *conn, struct slice input)
{
    const struct parser_limits *limits = &conn->home->options.limits;
    size_t used = 0;
    switch (parser_discard_body(&conn->parser, input, limits, &used)) {
    case PARSER_MORE:
        return used;
    case PARSER_REFUSED:
        refuse(conn, &conn->parser);
        return input.length;
    case PARSER_HEAD:
        break;
    }
    struct parser parser;
    struct request request;
    size_t head;
    parser_init(&parser);
    enum parser_verdict verdict =
        parser_head(&parser, buf_slice(&conn->held), limits, &request, &conn->home->joined, &head);
    if (verdict != PARSER_HEAD) { /* it was a head before: only memory can be out now */
        refuse(conn, &parser);
        return input.length;
    }
    conn_start(conn, &request);
    return used;
}

bool conn_input_is_idle(const struct conn *conn)
{
    return conn->phase == CONN_HEAD && conn->held.length == 0;
}

static void watch_input(struct conn *conn)
{
    short wanted = wire_read_event(conn);
    conn_watch(conn, conn->unsent.length > 0 ? (short)(wanted | wire_send_event(conn)) : wanted);
}

void conn_input_wait(struct conn *conn)
{
    if (conn_input_is_idle(conn))
        conn_enter_room(conn, conn->home->idle);
    watch_input(conn);
}

/* One request, or a part of one. Bytes used; none when more must come, or something else must happen first. */
static size_t serve_one(struct conn *conn, struct slice input)
{
    switch ((enum conn_phase)conn->phase) {
    case CONN_HEAD:
        return serve_head(conn, input);
    case CONN_BODY:
        return serve_body(conn, input);
    case CONN_HANDSHAKE:
    case CONN_HANDLER:
    case CONN_SENDING:
    case CONN_LINGER:
    case CONN_CLOSED:
        break;
    }
    return 0;
}

/* Serves the requests in `input` until one has to wait or is not whole, or others must have their turn; keeps the rest.
 */
static void serve(struct conn *conn, struct slice input)
{
    size_t used = 0, taken = 1;
    for (unsigned turns = 0; turns < SERVED_PER_TURN && taken > 0 && used < input.length; turns++) {
        taken = serve_one(conn, slice_make(input.at + used, input.length - used));
        used += taken;
    }
    if (conn->phase == CONN_CLOSED || conn->phase == CONN_LINGER)
        return;
    if (conn->phase != CONN_BODY)
        hold(conn, slice_make(input.at + used, input.length - used));
    if (conn->phase == CONN_HEAD && taken > 0 && used < input.length)
        conn_home_add_ready(conn->home, conn);
    if (conn->phase == CONN_HEAD || conn->phase == CONN_BODY)
        conn_input_wait(conn);
}

void conn_input_serve_held(struct conn *conn)
{
    if (conn->held.length > 0)
        serve(conn, buf_slice(&conn->held));
    else
        conn_input_wait(conn);
}

/* Nothing came: not yet, not any more, or never. */
static void end_read(struct conn *conn, ssize_t got)
{
    if (got == WIRE_BLOCKED)
        watch_input(conn);
    else if (got == 0)
        conn_finish(conn); /* the end, and nothing whole is left to answer */
    else
        conn_close(conn);
}

/* One read: into the home's buffer, or behind what is kept of a head. False when there is nothing to serve. Over TLS
 * always a whole record, so that none of it is left where no event tells of it. */
static bool receive(struct conn *conn, struct slice *input)
{
    struct conn_home *home = conn->home;
    bool behind = conn->phase == CONN_HEAD && conn->held.length > 0;
    bool in_place = behind && conn->tls == NULL;
    char *room = in_place ? buf_room(&conn->held, HELD_READ_BYTES) : home->input;
    ssize_t got = WIRE_BROKEN; /* when memory is out */
    if (room != NULL)
        got = wire_read(conn, room, in_place ? HELD_READ_BYTES : INPUT_BYTES);
    if (got <= 0) {
        end_read(conn, got);
        return false;
    }
    if (in_place)
        conn->held.length += (size_t)got;
    else if (behind)
        buf_add(&conn->held, slice_make(room, (size_t)got)); /* there is room for a record */
    if (!buf_ok(&conn->held)) {
        end_read(conn, WIRE_BROKEN);
        return false;
    }
    *input = behind ? buf_slice(&conn->held) : slice_make(room, (size_t)got);
    return true;
}

void conn_input_read(struct conn *conn)
{
    struct slice input;
    if (conn->is_ready)
        return; /* what has come before is served first */
    if (receive(conn, &input))
        serve(conn, input);
}
