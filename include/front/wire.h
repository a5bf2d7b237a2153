/* SPDX-License-Identifier: MIT */
/* How a connection's bytes come and go: by the socket itself, or over TLS. Private to the connection. */
#ifndef NEXGATE_FRONT_WIRE_H
#define NEXGATE_FRONT_WIRE_H

#include "front/conn_home.h"

#include <errno.h>
#include <sys/socket.h>

static inline ssize_t wire_judge(ssize_t result)
{
    if (result >= 0)
        return result;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? WIRE_BLOCKED : WIRE_BROKEN;
}

/* Bytes that came, 0 at the end, WIRE_BLOCKED or WIRE_BROKEN. */
static inline ssize_t wire_read(struct conn *conn, char *room, size_t size)
{
    if (conn->tls != NULL)
        return tls_stream_read(conn->tls, room, size);
    return wire_judge(recv(conn->descriptor, room, size, MSG_DONTWAIT));
}

/* Bytes that were taken, maybe none, or WIRE_BROKEN. What was not must be the beginning of what is sent next. */
static inline ssize_t wire_send(struct conn *conn, struct iovec *parts, size_t count)
{
    if (conn->tls != NULL)
        return tls_stream_send(conn->tls, conn->home->record, parts, count);
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    ssize_t sent = wire_judge(sendmsg(conn->descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
    return sent == WIRE_BLOCKED ? 0 : sent;
}

/* The event that reading, or sending, waits for. */
static inline short wire_read_event(const struct conn *conn)
{
    return conn->tls != NULL ? tls_stream_read_event(conn->tls) : EV_READ;
}

static inline short wire_send_event(const struct conn *conn)
{
    return conn->tls != NULL ? tls_stream_send_event(conn->tls) : EV_WRITE;
}

#endif
