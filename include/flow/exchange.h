/* SPDX-License-Identifier: MIT */
/* One request and its answer, whoever carries them: the connection fills the request, a handler (flow, admin) the
 * answer. The exchange belongs to the connection and lives on one thread. */
#ifndef NEXGATE_FLOW_EXCHANGE_H
#define NEXGATE_FLOW_EXCHANGE_H

#include "base/buf.h"
#include "io/loop.h"

enum {
    EXCHANGE_BODY_SLICES_MAX = 6,
    EXCHANGE_FIELDS_MAX = 4096, /* bytes of header lines that a handler may add */
    EXCHANGE_ID_MAX = 64        /* bytes of a request id */
};

enum exchange_method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OTHER };

/* What the parser took from the head. Slices lie in the connection's bytes and are good until handler->start returns; a
 * handler that needs one for longer copies it, and may put the copy in its place. A field that did not come has
 * at == NULL; a list field that came on several lines is joined with ", ". */
struct request {
    enum exchange_method method;
    struct slice method_text;
    struct slice path;  /* as it came, not decoded */
    struct slice query; /* without '?'; at == NULL when there is no '?' */
    struct slice host;  /* the authority of an absolute target, else the field's (RFC 9112 section 3.2.2) */
    struct slice authorization, api_key;
    struct slice origin, fetch_site; /* what a browser says of the page that asks: Origin, Sec-Fetch-Site */
    struct slice cache_control, pragma;
    struct slice if_none_match;
    struct slice request_id;
    struct slice prefer;
    struct slice traceparent;
    struct slice certificate; /* SHA-256 of the certificate whose key the client holds */
    int64_t came_us;          /* monotonic: when the head was whole */
};

struct answer {
    int status;
    const char *content_type; /* static text; NULL: no body type */
    struct slice body[EXCHANGE_BODY_SLICES_MAX];
    size_t body_count;
    size_t body_length; /* sum, bytes; stays the GET length for HEAD */
    struct buf fields;  /* finished header lines, each with CRLF: what the handler says beyond the connection's own */
    struct buf text;    /* owned bytes for `body` (a problem, a page's head and tail); when this or `fields` overflowed,
                           the connection answers 500 instead */
    bool close;         /* close the connection after this answer */
};

/* What became of a request. */
enum outcome_kind {
    OUTCOME_OTHER, /* nobody said */
    OUTCOME_HIT,
    OUTCOME_STALE,
    OUTCOME_COLLAPSED,
    OUTCOME_MISS,
    OUTCOME_INVALID,
    OUTCOME_UNAUTHORIZED,
    OUTCOME_FORBIDDEN,
    OUTCOME_NOT_FOUND,
    OUTCOME_OVER_RATE,
    OUTCOME_OVER_MISSES,
    OUTCOME_OVER_CONCURRENCY,
    OUTCOME_FAILED,
    OUTCOME_HEALTH,
    OUTCOME_MALFORMED, /* no request that we understand, or not in time */
    OUTCOME_KINDS
};

/* Where its time went. */
enum exchange_step {
    STEP_AUTHENTICATE,
    STEP_NORMALISE,
    STEP_QUOTA,
    STEP_LOOKUP,
    STEP_FETCHER, /* waited for it */
    STEP_PAGE,
    EXCHANGE_STEPS
};

struct query;

/* What the access log and the metrics want to know. */
struct outcome {
    enum outcome_kind kind;
    uint32_t client_number;    /* in the metrics */
    struct slice client;       /* name; empty: none */
    const struct query *query; /* redacted before it is shown; NULL: none was understood */
    int64_t answered_us;       /* when the answer was made, monotonic; 0: not yet */
    int64_t sent_bytes;        /* of the body */
    bool is_sent;              /* all of the answer */
    bool is_picked;            /* for the access log */
    bool is_timed;             /* fill in step_us; the wait for the fetcher is there always */
    int64_t step_us[EXCHANGE_STEPS];
};

/* Whose trace the request belongs to. */
enum { TRACE_ID_LENGTH = 32, TRACE_PARENT_LENGTH = 16 };

struct trace {
    bool is_there;
    char id[TRACE_ID_LENGTH];
    char parent[TRACE_PARENT_LENGTH]; /* the caller's span; all zero: it named none */
};

struct exchange {
    struct request request;
    struct answer answer;
    struct outcome outcome;
    struct trace trace; /* where the request is picked for the access log */
    struct buf note;    /* method, blank and path of a picked request that is no search: its own bytes may be gone */
    char id[EXCHANGE_ID_MAX + 1]; /* X-Request-Id: the caller's if sane, else ours */
    size_t id_length;

    /* Called once, when a handler that said false is done; never inside handler->start. */
    void (*on_answer)(struct exchange *exchange);
    void *connection; /* the owner's */

    void *state;                                  /* the handler's, from start to finish */
    void (*on_finish)(struct exchange *exchange); /* set by the handler: the answer was sent, or never will be; releases
                                                     what `body` borrowed */
};

/* Whoever answers requests. */
struct handler {
    /* Starts answering. True: the answer is filled in; no slice of its body may lie in the request's. False:
     * `on_answer` will be called in a later turn; until then nothing of the answer is looked at. */
    bool (*start)(struct handler *handler, struct exchange *exchange);
};

/* Allocated once and used for many requests one after another. */
struct exchange *exchange_new(void);
void exchange_free(struct exchange *exchange);

/* Ready for the next request: on_finish is called, buffers keep their memory up to a bound. */
void exchange_reset(struct exchange *exchange);

/* Adds a header line to the answer: NAME ": " VALUE CRLF. The value must hold no CR or LF (asserted: ours alone). */
void answer_field(struct answer *answer, const char *name, struct slice value);

/* An answer that did not fit its bounds, or met the end of memory, becomes a 500: false then. */
bool answer_check(struct exchange *exchange);

/* Makes answer->text, which is finished, the body. */
void answer_body_text(struct answer *answer, const char *content_type);

#endif
