/* SPDX-License-Identifier: MIT */
/* What a connection is made of, and what all connections of one front share. Private to
 * conn.c, conn_home.c, conn_input.c and conn_output.c.
 *
 *   accept → HEAD → (BODY) → handler->start ─ true ──────────→ output ─ all sent ─→ HEAD, or LINGER → closed
 *             ▲                     └ false → HANDLER → answered ┘ └ blocked → SENDING
 *             └ bytes that came along with the request are served in turn, without reading
 *
 * An idle connection owns no memory but this struct. */
#ifndef NEXGATE_FRONT_CONN_HOME_H
#define NEXGATE_FRONT_CONN_HOME_H

#include "front/access_log.h"
#include "front/conn.h"
#include "front/respond.h"
#include "front/tls_stream.h"

#include <event2/event.h>
#include <event2/event_struct.h>

enum {
    INPUT_BYTES = 16 * 1024,        /* one read */
    HELD_READ_BYTES = 2 * 1024,     /* one read behind a part of a head */
    POOL_MAX = 64,                  /* exchanges kept for use again */
    LINGER_BYTES_MAX = 1024 * 1024, /* input that is read and dropped after the last answer */
    CONN_INTERIM_MAX = 32           /* bytes of an interim answer */
};

#define LINGER_US (2 * CLOCK_SECOND)

enum conn_phase {
    CONN_HANDSHAKE, /* of TLS, before all else */
    CONN_HEAD,      /* idle, or some of a head has come: it lies in `held` */
    CONN_BODY,      /* the head lies in `held`, the body is read and dropped */
    CONN_HANDLER,   /* the handler has the exchange */
    CONN_SENDING,   /* the kernel has not taken all of the answer yet */
    CONN_LINGER,    /* all is said; input is dropped until the client has taken what the kernel holds, and closed */
    CONN_CLOSED     /* no descriptor; kept, and counted in the census, while the handler works and to the turn's end */
};

struct conn {
    struct event event; /* of the descriptor */
    struct waiter waiter;
    struct waiting_room *room; /* that the waiter is in, or NULL */
    struct deferred turn_end;
    struct conn_home *home; /* NULL: the home is gone, and so is this at the end of the turn */
    struct conn *next, *previous;
    struct conn *next_ready; /* in home->ready */
    struct exchange *exchange;
    struct tls_stream *tls; /* NULL: plain */
    struct buf held;        /* input that waits: a part of a head, or requests behind the one under way */
    struct buf unsent;      /* the rest of an interim answer, or of an answer's head */
    size_t body_sent;       /* bytes of an answer's body; when lingering: bytes of input dropped */
    uint64_t address;
    int descriptor;
    int untaken;      /* when lingering: bytes that the kernel held when it was looked at last */
    short watched;    /* EV_READ, EV_WRITE, both or 0 */
    uint8_t phase;    /* enum conn_phase */
    bool is_ready;    /* in home->ready */
    bool is_answered; /* by the handler; to be sent at the end of the turn */
    struct parser parser;
};

struct conn_home {
    struct loop *loop;
    struct front_options options;
    struct handler *handler;
    struct log *log;
    struct counters *counters;     /* NULL: not counted */
    struct access_log *access;     /* NULL: off */
    struct access_log *access_log; /* also while it is off: a change needs no memory */
    void (*on_close)(void *context, uint64_t address);
    void *context;

    struct conn *first; /* all that have memory */
    size_t open;        /* those with a descriptor */
    struct conn *ready; /* those with input that waits for its turn, and for no event */
    struct conn **ready_last;
    struct timer serve_ready;
    struct waiting_room *idle, *header, *write, *linger;

    int64_t now_us; /* of the callback that runs */
    struct respond_date date;
    int64_t date_until_us; /* monotonic: when the date is another */
    struct buf output;     /* an answer's head */
    struct buf joined;     /* the parser's */
    struct exchange *pool[POOL_MAX];
    size_t pooled;
    char id_prefix[16]; /* hex digits, of this home alone */
    uint64_t id_count;

    bool draining;
    bool is_gone; /* freed at the end of the turn */
    void (*on_drained)(void *context);
    void *drained_context;
    struct deferred drained;

    struct tls *tls; /* NULL: plain */
    char *record;    /* what is gathered for TLS */
    char input[INPUT_BYTES];
};

/* A clean exchange, with its request id: the one that came, if it is sane, else ours. */
struct exchange *conn_home_take_exchange(struct conn_home *home, const struct request *request);

/* Gives it back: what it holds is released. */
void conn_home_give_exchange(struct conn_home *home, struct exchange *exchange);

/* The date as of now_us. */
const struct respond_date *conn_home_date(struct conn_home *home);

/* Has the connection's held input served soon, after others had their turn. */
void conn_home_add_ready(struct conn_home *home, struct conn *conn);
void conn_home_remove_ready(struct conn_home *home, struct conn *conn);

/* A connection has closed its descriptor. */
void conn_home_note_closed(struct conn_home *home);

void conn_home_count(struct conn_home *home, enum metric metric);

/* What conn.c does for the others. */

void conn_close(struct conn *conn);

/* There is nothing left to say: closes, once the kernel holds nothing for the client any more. */
void conn_finish(struct conn *conn);

/* EV_READ, EV_WRITE, both or 0. May close the connection, when the kernel refuses. */
void conn_watch(struct conn *conn, short wanted);

/* Waits there from now on; a connection is in one room at most. */
void conn_enter_room(struct conn *conn, struct waiting_room *room);

/* The request is whole and its body gone by: the handler gets it. */
void conn_start(struct conn *conn, const struct request *request);

/* Answers what is not a request that we understand, and ends the conversation. `limit`: that which the request ran
 * into, or METRIC_COUNT. */
void conn_refuse(struct conn *conn, int status, const char *why, enum metric limit);

/* Closes an idle connection. A request may lie in the kernel already, so it is looked for once; and a client that has
 * not asked anything yet has a moment to do so. */
void conn_drain(struct conn *conn);

void conn_on_idle_late(struct waiter *waiter, void *home);
void conn_on_header_late(struct waiter *waiter, void *home);
void conn_on_write_late(struct waiter *waiter, void *home);
void conn_on_linger_late(struct waiter *waiter, void *home);

#endif
