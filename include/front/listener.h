/* SPDX-License-Identifier: MIT */
/* Listening sockets and the connections accepted from them, for one worker thread. */
#ifndef NEXGATE_FRONT_LISTENER_H
#define NEXGATE_FRONT_LISTENER_H

#include "base/log.h"
#include "base/metrics.h"
#include "flow/exchange.h"
#include "front/parser.h"

struct front_options {
    struct parser_limits limits;
    int64_t access_in; /* one request in so many goes into the access log; 0: none */
    int64_t header_timeout_us, idle_timeout_us, write_timeout_us;
};

/* Connections counted over all workers, in total and by address; the one thing the fronts share. Thread-safe. */
struct front_census;

struct front_census *front_census_new(int64_t total, int64_t per_address);
/* Other limits from now on; who is in stays in. Any thread. */
void front_census_change(struct front_census *census, int64_t total, int64_t per_address);
void front_census_free(struct front_census *census);

/* Opens the sockets for one address: `count` of them with SO_REUSEPORT for TCP (one a worker), or one unix socket
 * duplicated. "host:port", "[::1]:port", "unix:/path"; a name with several addresses gets the first that works. Fails
 * when somebody else serves there. On success the descriptors are the caller's, on failure `why` says what the kernel
 * said. Port 0 takes a free port, the same for all. A unix socket that its owner left behind is replaced; ours has mode
 * 0660. */
bool listener_open(const char *address, int *descriptors, size_t count, char *why, size_t why_size) MUST_CHECK;

/* Whether a descriptor that somebody else has opened can be served: a stream socket of a kind we know that listens. If
 * not, `why` says what it is. */
bool listener_can_adopt(int descriptor, char *why, size_t why_size) MUST_CHECK;

/* Takes such a descriptor: `count` descriptors of the one socket, the first of them the one given. On failure that one
 * is still the caller's. */
bool listener_adopt(int descriptor, int *descriptors, size_t count, char *why, size_t why_size) MUST_CHECK;

/* Whether a descriptor listens on one of the addresses that `address` means. */
bool listener_is_at(int descriptor, const char *address);

/* Whether only this machine can reach it. */
bool listener_is_at_home(int descriptor);

/* Closes one descriptor of listener_open or listener_adopt. The file of a unix socket goes with the last descriptor
 * that listens on it, in whatever process: it is removed when, after the close, nobody answers there any more. The file
 * of an adopted socket is not ours, and stays. */
void listener_close(int descriptor);

/* The address that a descriptor listens on, as text: "127.0.0.1:8080". */
void listener_name(int descriptor, struct buf *out);

/* "host:port" or "unix:/path" that only this machine can reach. */
bool listener_is_local(const char *address);

struct front;
struct tls;

/* Serves one descriptor (taken) with one handler on one loop. The rest is borrowed. `counters` may be NULL for an admin
 * front, whose connections are not counted in the metrics. */
struct front *front_new(struct loop *loop, int descriptor, const struct front_options *options, struct handler *handler,
                        struct front_census *census, struct log *log, struct counters *counters) MUST_CHECK;

/* Other timeouts, also for the connections that are there, and another access log; of the other options nothing is
 * taken. On the loop's thread. */
void front_change(struct front *front, const struct front_options *options);

/* Its connections are TLS, with what `tls` (borrowed) shows. Before the first is accepted. */
void front_use_tls(struct front *front, struct tls *tls);

/* Takes in those who wait to be accepted and closes the listening socket. Connections with a request under way get its
 * answer with "Connection: close"; those that are idle get a moment for one more request, and are closed then.
 * `on_drained` is called (once, never inside this call) when none is left. */
void front_drain(struct front *front, void (*on_drained)(void *context), void *context);

/* Closes everything at once. What the handler has not answered yet it must never answer; not inside a callback of a
 * connection. NULL is fine. */
void front_free(struct front *front);

#endif
