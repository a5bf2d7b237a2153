/* SPDX-License-Identifier: MIT */
/* One connection's TLS, on a socket that does not block. Must not know what is said over it. */
#include "front/tls_stream.h"

#include "base/hash.h"
#include "front/tls_context.h"

#include <event2/event.h>
#include <openssl/err.h>
#include <string.h>

/* Sent in one go before others have their turn. */
enum { SENT_PER_TURN = 256 * 1024 };

struct tls_stream {
    SSL *ssl;
    short read_event, send_event; /* what a call that was blocked waits for; 0: none was */
    bool is_open;                 /* the handshake is done, and nothing has gone wrong since */
    bool is_finishing;            /* the farewell was begun */
    bool has_certificate;
    uint8_t certificate[HASH_SHA256_BYTES];
};

struct tls_stream *tls_stream_new(struct tls *tls, int descriptor)
{
    SSL *ssl = tls_make_ssl(tls);
    if (ssl == NULL || SSL_set_fd(ssl, descriptor) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_accept_state(ssl);
    struct tls_stream *stream = mem_new(sizeof(*stream));
    stream->ssl = ssl;
    return stream;
}

void tls_stream_free(struct tls_stream *stream)
{
    if (stream == NULL)
        return;
    SSL_free(stream->ssl);
    mem_free(stream);
}

/* What a call that did not succeed has come to; `event` is set when it may be tried again. */
static ssize_t judge(struct tls_stream *stream, int result, short *event)
{
    switch (SSL_get_error(stream->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        *event = EV_READ;
        return WIRE_BLOCKED;
    case SSL_ERROR_WANT_WRITE:
        *event = EV_WRITE;
        return WIRE_BLOCKED;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        stream->is_open = false;
        return WIRE_BROKEN;
    }
}

/* A certificate whose key the client has proved to hold, now or in the session that this one resumes. */
static bool note_certificate(struct tls_stream *stream)
{
    X509 *certificate = SSL_get1_peer_certificate(stream->ssl);
    unsigned length = 0;
    if (certificate == NULL)
        return true;
    stream->has_certificate = X509_digest(certificate, EVP_sha256(), stream->certificate, &length) == 1;
    X509_free(certificate);
    return stream->has_certificate && length == sizeof(stream->certificate);
}

ssize_t tls_stream_handshake(struct tls_stream *stream)
{
    ERR_clear_error();
    stream->read_event = 0;
    int result = SSL_accept(stream->ssl);
    if (result != 1) {
        ssize_t verdict = judge(stream, result, &stream->read_event);
        return verdict == 0 ? WIRE_BROKEN : verdict;
    }
    stream->is_open = note_certificate(stream);
    return stream->is_open ? 1 : WIRE_BROKEN;
}

ssize_t tls_stream_read(struct tls_stream *stream, char *room, size_t size)
{
    ERR_clear_error();
    stream->read_event = 0;
    int got = SSL_read(stream->ssl, room, (int)size);
    return got > 0 ? got : judge(stream, got, &stream->read_event);
}

/* Copies what follows the first `skip` bytes of the parts, a record of it at most. */
static size_t gather(char *scratch, const struct iovec *parts, size_t count, size_t skip)
{
    size_t length = 0;
    for (size_t i = 0; i < count && length < TLS_RECORD_MAX; i++) {
        size_t skipped = skip < parts[i].iov_len ? skip : parts[i].iov_len;
        size_t wanted = parts[i].iov_len - skipped;
        skip -= skipped;
        if (wanted > TLS_RECORD_MAX - length)
            wanted = TLS_RECORD_MAX - length;
        memcpy(scratch + length, (const char *)parts[i].iov_base + skipped, wanted);
        length += wanted;
    }
    return length;
}

ssize_t tls_stream_send(struct tls_stream *stream, char *scratch, const struct iovec *parts, size_t count)
{
    size_t sent = 0;
    ERR_clear_error();
    stream->send_event = 0;
    while (sent < SENT_PER_TURN) {
        size_t length = gather(scratch, parts, count, sent);
        if (length == 0)
            break;
        int did = SSL_write(stream->ssl, scratch, (int)length);
        if (did <= 0)
            return judge(stream, did, &stream->send_event) == WIRE_BLOCKED ? (ssize_t)sent : WIRE_BROKEN;
        sent += (size_t)did;
    }
    return (ssize_t)sent;
}

bool tls_stream_finish(struct tls_stream *stream)
{
    if (!stream->is_open || (SSL_get_shutdown(stream->ssl) & SSL_SENT_SHUTDOWN) != 0)
        return true;
    if (stream->send_event != 0 && !stream->is_finishing)
        return true; /* in the middle of a record: what follows it would not be understood */
    ERR_clear_error();
    stream->is_finishing = true;
    stream->send_event = 0;
    int result = SSL_shutdown(stream->ssl);
    return result >= 0 || judge(stream, result, &stream->send_event) != WIRE_BLOCKED;
}

void tls_stream_break(struct tls_stream *stream)
{
    stream->is_open = false;
}

short tls_stream_read_event(const struct tls_stream *stream)
{
    return stream->read_event != 0 ? stream->read_event : EV_READ;
}

short tls_stream_send_event(const struct tls_stream *stream)
{
    return stream->send_event != 0 ? stream->send_event : EV_WRITE;
}

struct slice tls_stream_certificate(const struct tls_stream *stream)
{
    if (!stream->has_certificate)
        return slice_make(NULL, 0);
    return slice_make((const char *)stream->certificate, sizeof(stream->certificate));
}
