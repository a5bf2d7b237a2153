/* SPDX-License-Identifier: MIT */
/* The bytes of one connection over TLS. What a call needs to go on, reading or writing, may be the opposite of what it
 * does: after one that was blocked, ask. One thread. */
#ifndef NEXGATE_FRONT_TLS_STREAM_H
#define NEXGATE_FRONT_TLS_STREAM_H

#include "base/slice.h"
#include "front/tls.h"

#include <sys/types.h>
#include <sys/uio.h>

enum {
    TLS_RECORD_MAX = 16 * 1024, /* bytes of content in a record (RFC 8446 section 5.1) */

    /* Instead of a count of bytes: */
    WIRE_BLOCKED = -1, /* wait for the kernel */
    WIRE_BROKEN = -2   /* the other side is gone, or does not keep to the protocol */
};

struct tls_stream;

/* The server's end. The descriptor is borrowed. NULL when memory is out. */
struct tls_stream *tls_stream_new(struct tls *tls, int descriptor) MUST_CHECK;
void tls_stream_free(struct tls_stream *stream);

/* Before all else, until it is 1. */
ssize_t tls_stream_handshake(struct tls_stream *stream) MUST_CHECK;

/* 0: the end. With a `room` of TLS_RECORD_MAX bytes nothing that came is left behind unseen. */
ssize_t tls_stream_read(struct tls_stream *stream, char *room, size_t size) MUST_CHECK;

/* Bytes of the parts that were sent, fewer than all or none when the kernel takes no more, or others should have their
 * turn. The next call must begin with what was not sent. `scratch` has TLS_RECORD_MAX bytes. */
ssize_t tls_stream_send(struct tls_stream *stream, char *scratch, const struct iovec *parts, size_t count) MUST_CHECK;

/* Tells the other side that nothing more will be sent; true when that is done, or cannot be any more. */
bool tls_stream_finish(struct tls_stream *stream);

/* Nothing more is sent, not even a farewell. */
void tls_stream_break(struct tls_stream *stream);

/* What reading, and sending, wait for: EV_READ or EV_WRITE. */
short tls_stream_read_event(const struct tls_stream *stream);
short tls_stream_send_event(const struct tls_stream *stream);

/* SHA-256 of the client's certificate in DER, whose key it has proved to hold; at == NULL: it showed none. */
struct slice tls_stream_certificate(const struct tls_stream *stream);

#endif
