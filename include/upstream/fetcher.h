/* SPDX-License-Identifier: MIT */
/* The fetcher: everything that talks to Nexudus, on one thread. Equal questions join one flight; a flight waits for the
 * budget, takes the token, fetches, is judged, is stored, and wakes everybody who waits for it, each on its own thread.
 */
#ifndef NEXGATE_UPSTREAM_FETCHER_H
#define NEXGATE_UPSTREAM_FETCHER_H

#include "base/log.h"
#include "base/metrics.h"
#include "io/fetch.h"
#include "io/mailbox.h"
#include "io/redis.h"
#include "search/page.h"
#include "search/schema.h"
#include "upstream/breaker.h"
#include "upstream/nexudus.h"
#include "upstream/shared_store.h"
#include "upstream/token.h"

enum ask_verdict {
    ASK_OK,        /* `window` is there */
    ASK_CAPPED,    /* plan again with `cap` */
    ASK_UNCHARGED, /* a new flight would have been needed, and the client's misses are spent */
    ASK_THROTTLED, /* 503: Nexudus throttles; the wait would be too long, or the queue is full */
    ASK_OUTAGE,    /* 503 */
    ASK_TIMEOUT,   /* 504 */
    ASK_REFUSED,   /* 502: our login or role was refused */
    ASK_BROKEN,    /* 502: not a search envelope */
    ASK_BAD_QUERY, /* 400: Nexudus does not take this query */
    ASK_CLOSING    /* 503: the gateway is shutting down */
};

/* What a fetched window becomes: made and stored by callbacks, since the fetcher is a sibling of the cache. */
struct fetched {
    struct slice key;
    struct buf *body;          /* the callback takes it */
    struct envelope *envelope; /* the callback takes it */
    int64_t started_us;        /* when the call was started, monotonic */
    bool store;
};

/* A question, embedded in who asks. Given away with fetcher_ask until `on_answer` runs. */
struct ask {
    /* question; the slices must live until on_answer */
    const struct schema *schema;
    struct slice key;
    struct slice canonical;
    struct window window;
    int64_t came_us;   /* when the request came */
    int64_t purged_us; /* joins only a flight whose call started after that: what it covers was purged then */
    bool anew;         /* joins only a flight whose call started after came_us */
    bool doubting;     /* a refusal of this query that is remembered will not do */
    bool store;        /* false: no-store. A flight is stored when anybody in it wants that */
    bool background;   /* nobody waits: its flight goes after all that somebody waits for */
    uint64_t client;   /* whose turn a new flight takes: any number that is this client's alone, */
    int64_t weight;    /* and its share of the budget, from 1; both unused in the background */
    bool impatient;    /* waits in the queue for `patience_us` at most, not for max_wait */
    int64_t patience_us;
    bool (*on_charge)(struct ask *ask); /* fetcher's thread: pays for a new flight; false refuses it */
    void (*on_refund)(struct ask *ask); /* fetcher's thread: gives that back */
    struct mailbox *reply_to;
    void (*on_answer)(struct ask *ask); /* on reply_to's thread, once */

    /* answer */
    enum ask_verdict verdict;
    void *window_entry; /* ASK_OK: what on_fetched made, with a reference for this ask */
    bool collapsed;     /* waited for a flight that another had started */
    bool stored;
    bool was_impatient;     /* the flight waited for no longer than this ask's `patience_us`, now at most max_wait */
    int status;             /* upstream status, 0 when there was none */
    int64_t retry_after_us; /* for the 503s: from now */
    int64_t cap;            /* ASK_CAPPED */
    int64_t remembered_us;  /* ASK_BAD_QUERY: above 0 when Nexudus was not asked: how much longer it is remembered */
    char why[ENVELOPE_WHY_MAX];

    /* private */
    struct letter letter;
    struct ask *next;
    struct flight *flight;
};

struct fetcher_redis {                   /* where gateways meet */
    struct redis *redis;                 /* on the fetcher's loop, outlives it; NULL: none */
    const struct redis_options *options; /* of the feed of what the others say, borrowed for good; NULL: fetcher_hear */
    const char *prefix;                  /* of all keys and channels */
    const uint8_t *token_key;            /* SEALED_KEY_BYTES, borrowed for good; NULL: the login is not shared */
};

struct fetcher_options {
    const char *url;
    int64_t connect_timeout_us, timeout_us;
    int64_t budget_count, budget_interval_us; /* starts per interval */
    int64_t max_wait_us;                      /* in the queue */
    int64_t queue;                            /* flights in the queue */
    int64_t retry_after_max_us;
    int64_t retry_percent;   /* how many more calls retries may cost; 0: nothing is retried */
    int64_t breaker_percent; /* the share of failing calls that opens the breaker; 0: none does */
    int64_t breaker_probe_us;
    int64_t negative_ttl_us; /* how long a refusal of a query is remembered; 0: not at all */
    struct token_options token;
    struct fetcher_redis redis;
};

/* The entry that a fetched window becomes, with one reference for the fetcher; `stored` says whether it is in the
 * store. NULL when memory is out. */
typedef void *(*fetched_cb)(void *context, struct fetched *fetched, bool *stored);

struct fetcher_cache {
    fetched_cb on_fetched;
    void *(*ref)(void *entry);
    void (*unref)(void *entry);
    void *context;
    const struct shared_store *shared; /* borrowed; NULL: nobody shares it */
};

struct fetcher;
/* On the loop's thread, or before it runs. Everything is borrowed; texts are copied. */
struct fetcher *fetcher_new(struct loop *loop, struct transport *transport, const struct fetcher_options *options,
                            const struct fetcher_cache *cache, struct log *log, struct counters *counters) MUST_CHECK;

/* On the loop's thread. Everybody still waiting is answered ASK_CLOSING, and so is everybody who asks from now on; what
 * the other gateways would wait for is given up, and they are told. */
void fetcher_close(struct fetcher *fetcher);

/* After fetcher_close: whether Redis has heard of all that the others are told. */
bool fetcher_has_left(const struct fetcher *fetcher);

/* The same as fetcher_close, and the end: nobody may ask any more. */
void fetcher_free(struct fetcher *fetcher);

/* Any thread. */
void fetcher_ask(struct fetcher *fetcher, struct ask *ask);

/* The fleet's channel (NULL: no fleet), what is said there, and whether all of it is heard. On the loop's thread. */
const char *fetcher_channel(const struct fetcher *fetcher);
void fetcher_hear(struct fetcher *fetcher, struct slice message);
void fetcher_link(struct fetcher *fetcher, bool up);

/* The largest page size that Nexudus was last seen to give for this entity, 0 when no cap is known. Any thread. */
int64_t fetcher_cap(const struct fetcher *fetcher, const struct schema *schema);

#endif
