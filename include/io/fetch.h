/* SPDX-License-Identifier: MIT */
/* One outgoing HTTP call with its limits and its result, and the transport that carries such calls: libcurl's multi
 * interface on a loop in the program, a puppet in the flow tests. Bytes and deadlines; no policy, no retries. One
 * thread. */
#ifndef NEXGATE_IO_FETCH_H
#define NEXGATE_IO_FETCH_H

#include "base/buf.h"
#include "io/loop.h"

enum { FETCH_HEADERS_MAX = 8, FETCH_CONTENT_TYPE_MAX = 128, FETCH_ERROR_MAX = 160 };

enum fetch_outcome {
    FETCH_ANSWERED,    /* a whole HTTP answer: see status */
    FETCH_UNREACHABLE, /* no connection (refused, no route, name not found, TLS not trusted), or one that ended before a
                          byte of the answer came */
    FETCH_TIMED_OUT,   /* connect_timeout_us or timeout_us passed */
    FETCH_CUT,         /* the connection broke before the answer was whole */
    FETCH_TOO_BIG,     /* more than body_max bytes, after decompression */
    FETCH_NO_ROOM      /* all bodies under way together are larger than bodies_max, or memory is out */
};

/* Filled by the caller, who owns it; must stay where it is from start until on_done or cancel. */
struct fetch {
    /* request */
    const char *url;                        /* http or https */
    const char *headers[FETCH_HEADERS_MAX]; /* "Name: value"; unused ones NULL */
    struct slice form; /* a POST of application/x-www-form-urlencoded when it has bytes, else a GET */
    int64_t connect_timeout_us;
    int64_t timeout_us;                   /* the whole call */
    size_t body_max;                      /* bytes */
    bool fresh_connection;                /* not over a kept one. A form never is: it may hold a one-time code */
    void (*on_done)(struct fetch *fetch); /* once, never inside start */

    /* result, valid in on_done */
    enum fetch_outcome outcome;
    int status;                                /* FETCH_ANSWERED only */
    struct buf body;                           /* the caller's to take or free, whatever the outcome */
    int64_t retry_after_us;                    /* from now; -1: no such header. Seconds and HTTP-date are understood */
    char content_type[FETCH_CONTENT_TYPE_MAX]; /* "" when none */
    char error[FETCH_ERROR_MAX];               /* why not, for the log; never a secret, never the URL's query */
    bool reused_connection; /* it was sent over a kept connection, whatever became of it: that may have died of its age
                             */

    void *handle; /* the transport's */
};

struct transport {
    /* Sends the call, once: what comes of it is told, and sending it again is for who asked. The request's texts are
     * copied. Never calls on_done before it returns. */
    void (*start)(struct transport *transport, struct fetch *fetch);

    /* Forgets a call under way: on_done will not be called. The body is freed. */
    void (*cancel)(struct transport *transport, struct fetch *fetch);
};

struct fetch_options {
    int64_t connections_max; /* kept-alive connections to the host, busy ones included */
    size_t bodies_max;       /* bytes of all bodies under way; may be exceeded by one body's growth */
    const char *user_agent;
    const char *ca_file; /* NULL: the system's */
};

/* libcurl on the loop: kept-alive connections, verified TLS 1.2 or later, HTTP/2 where offered, gzip accepted, no
 * redirects followed, http and https only. Names are looked up anew once a minute, for each fresh connection that was
 * asked for, and after a failure to connect; a connection is used for five minutes at most, and the kept ones are not
 * trusted for a while after one of them said nothing within a call's time: nothing holds on to an address that is dead.
 * curl_global_init is the caller's. NULL when libcurl refuses. */
struct transport *fetch_transport_new(struct loop *loop, const struct fetch_options *options) MUST_CHECK;

/* Cancels what is under way. Not inside an on_done. */
void fetch_transport_free(struct transport *transport);

#endif
