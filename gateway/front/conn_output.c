/* SPDX-License-Identifier: MIT */
/* From an exchange to the socket. The head is written into the home's one buffer and goes out with the body's slices,
 * uncopied; only what the kernel does not take of the head is kept. Must not know what happens next on the connection.
 */
#include "front/conn_output.h"

#include "front/wire.h"

#include <assert.h>

/* What is left of before, a head and the body's slices, less what was sent. */
struct vector {
    struct iovec parts[2 + EXCHANGE_BODY_SLICES_MAX];
    size_t count;
    size_t length; /* bytes of all */
};

static void add_part(struct vector *vector, struct slice part)
{
    if (part.length == 0)
        return;
    vector->parts[vector->count++] = (struct iovec){(void *)(uintptr_t)part.at, part.length};
    vector->length += part.length;
}

static void add_body(struct vector *vector, const struct exchange *exchange, size_t sent)
{
    if (!respond_has_body(exchange))
        return;
    for (size_t i = 0; i < exchange->answer.body_count; i++) {
        struct slice part = exchange->answer.body[i];
        size_t skip = sent < part.length ? sent : part.length;
        sent -= skip;
        add_part(vector, slice_make(part.at + skip, part.length - skip));
    }
}

/* Takes what was sent off what is kept; how much of it was something else. */
static size_t drop_unsent(struct conn *conn, size_t sent)
{
    struct buf *unsent = &conn->unsent;
    size_t kept = unsent->length;
    if (sent >= kept) {
        buf_free(unsent);
        return sent - kept;
    }
    memmove(unsent->bytes, unsent->bytes + sent, kept - sent);
    unsent->length -= sent;
    return 0;
}

enum output_result conn_output_start(struct conn *conn)
{
    struct conn_home *home = conn->home;
    struct exchange *exchange = conn->exchange;
    assert(exchange->answer.status >= 200);
    (void)answer_check(exchange);
    conn->parser.keep_alive = conn->parser.keep_alive && !exchange->answer.close && !home->draining;
    buf_reset(&home->output);
    respond_head(&home->output, exchange, conn_home_date(home), conn->parser.keep_alive, conn->parser.is_http_1_0);
    assert(buf_ok(&home->output));

    struct vector vector = {.count = 0};
    add_part(&vector, buf_slice(&conn->unsent)); /* of an interim answer */
    add_part(&vector, buf_slice(&home->output));
    add_body(&vector, exchange, 0);
    ssize_t result = wire_send(conn, vector.parts, vector.count);
    if (result < 0)
        return OUTPUT_BROKEN;
    bool is_all = (size_t)result == vector.length;
    size_t sent = conn->unsent.length > 0 ? drop_unsent(conn, (size_t)result) : (size_t)result;
    size_t head = home->output.length;
    if (is_all)
        return OUTPUT_SENT;
    conn->body_sent = sent > head ? sent - head : 0;
    if (sent < head)
        buf_add(&conn->unsent, slice_make(home->output.bytes + sent, head - sent));
    return buf_ok(&conn->unsent) ? OUTPUT_BLOCKED : OUTPUT_BROKEN;
}

enum output_result conn_output_continue(struct conn *conn)
{
    struct vector vector = {.count = 0};
    add_part(&vector, buf_slice(&conn->unsent));
    if (conn->exchange != NULL)
        add_body(&vector, conn->exchange, conn->body_sent);
    ssize_t result = wire_send(conn, vector.parts, vector.count);
    if (result < 0)
        return OUTPUT_BROKEN;
    conn->body_sent += drop_unsent(conn, (size_t)result);
    return (size_t)result == vector.length ? OUTPUT_SENT : OUTPUT_BLOCKED;
}

bool conn_output_interim(struct conn *conn)
{
    static const struct slice CONTINUE = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
    _Static_assert(CONN_INTERIM_MAX >= sizeof("HTTP/1.1 100 Continue\r\n\r\n"), "unsent has room for it");
    struct vector vector = {.count = 0};
    add_part(&vector, CONTINUE);
    ssize_t sent = wire_send(conn, vector.parts, vector.count);
    if (sent < 0)
        return false;
    /* The kernel may be full of the answer before. */
    if ((size_t)sent < CONTINUE.length)
        buf_add(&conn->unsent, slice_make(CONTINUE.at + sent, CONTINUE.length - (size_t)sent));
    return buf_ok(&conn->unsent);
}
