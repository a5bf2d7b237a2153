/* SPDX-License-Identifier: MIT */
/* From an exchange to the socket. The head is written into the home's one buffer and goes out with the body's slices,
 * uncopied; only what the kernel does not take of the head is kept. Must not know what happens next on the connection.
 */
#include "front/conn_output.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* A head and the body's slices, less what was sent. */
struct vector {
    struct iovec parts[1 + EXCHANGE_BODY_SLICES_MAX];
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

/* Bytes that the kernel took, maybe none; -1: the client is gone. */
static ssize_t send_vector(int descriptor, struct vector *vector)
{
    struct msghdr message = {.msg_iov = vector->parts, .msg_iovlen = vector->count};
    ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    return sent;
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
    add_part(&vector, buf_slice(&home->output));
    add_body(&vector, exchange, 0);
    ssize_t result = send_vector(conn->descriptor, &vector);
    if (result < 0)
        return OUTPUT_BROKEN;
    size_t sent = (size_t)result, head = home->output.length;
    if (sent == vector.length)
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
    add_body(&vector, conn->exchange, conn->body_sent);
    ssize_t result = send_vector(conn->descriptor, &vector);
    if (result < 0)
        return OUTPUT_BROKEN;
    size_t sent = (size_t)result, head = conn->unsent.length;
    if (sent < head) {
        memmove(conn->unsent.bytes, conn->unsent.bytes + sent, head - sent);
        conn->unsent.length -= sent;
        return OUTPUT_BLOCKED;
    }
    buf_free(&conn->unsent);
    conn->body_sent += sent - head;
    return sent == vector.length ? OUTPUT_SENT : OUTPUT_BLOCKED;
}

bool conn_output_interim(struct conn *conn)
{
    static const struct slice CONTINUE = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
    ssize_t sent = send(conn->descriptor, CONTINUE.at, CONTINUE.length, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)CONTINUE.length; /* the client took all of the answer before, so there is room */
}
