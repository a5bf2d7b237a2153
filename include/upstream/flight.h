/* SPDX-License-Identifier: MIT */
/* One question on its way to Nexudus and everybody who waits for its answer. Passive: who moves it from state to state
 * is route.c. On the fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_FLIGHT_H
#define NEXGATE_UPSTREAM_FLIGHT_H

#include "upstream/fetcher.h"
#include "upstream/fleet_flight.h"

enum flight_state {
    FLIGHT_FORMING, /* it is not known yet whether another gateway makes its call */
    FLIGHT_QUEUED,  /* waits for its turn in the budget */
    FLIGHT_AT_GATE, /* its turn has come: waits for the token */
    FLIGHT_CALLING, /* the call is under way */
    FLIGHT_LANDED,  /* answered well; kept a moment for those who asked before it landed */
    FLIGHT_OUT,     /* not yet in, or to be buried */
    FLIGHT_LISTS = FLIGHT_OUT
};

/* What everybody in a flight is told. */
struct landing {
    enum ask_verdict verdict;
    void *entry; /* ASK_OK: with one reference */
    bool stored;
    int status;
    int64_t retry_after_us;
    int64_t cap;
    int64_t remembered_us;
    const char *why;
};

struct flight {
    struct fetcher *fetcher;
    enum flight_state state;
    uint64_t number;                /* in the order of coming */
    bool background;                /* nobody in it waits */
    uint64_t rank;                  /* its turn among those that somebody waits for (upstream/fair.h) */
    bool ranked;                    /* and it has not been used yet, */
    uint64_t client;                /* by this client, */
    int64_t weight;                 /* of this weight */
    struct flight *next, *previous; /* in the list of its state */

    struct ask *asks; /* the first is the starter, who was charged; empty once landed */
    struct ask **last_ask;
    const struct schema *schema;
    struct window window;
    struct buf url; /* with its NUL */
    bool store;     /* somebody in it wants that */
    bool replayed;  /* a 401 was met already */
    bool retried;   /* its call failed once already */
    bool probing;   /* its call is the breaker's probe */
    bool charged;   /* the starter has paid for it, where that has anything to pay */

    struct fleet_flight fleet;
    bool followed; /* another gateway makes, or made, its call */
    bool finding;  /* that one's window */
    struct shared_find find;
    int64_t fleet_probe; /* above 0: its call is the fleet's first after a pause */

    int64_t born_us;       /* when it was started; 0 once its first call was */
    int64_t patience_us;   /* for each time in the queue */
    int64_t wait_until_us; /* end of its patience in the queue */
    int64_t latest_us;     /* end of everything */
    int64_t started_us;    /* of the call, CLOCK_NEVER while it was not started */
    int64_t landed_us;
    uint64_t generation; /* of the token it was sent with */
    int status;          /* of the last answer; 0: none yet */
    struct landing landing;

    struct fetch fetch;
    struct token_waiter token_waiter;
    struct timer timer; /* of the state */
    struct deferred burial;
    struct slice key; /* in the same block */
};

/* With the starter aboard. */
struct flight *flight_new(struct fetcher *fetcher, struct ask *starter);

/* At the end of the turn; nobody may be aboard. */
void flight_bury(struct flight *flight, struct loop *loop);

/* Whether this flight's answer is good enough for the ask. */
bool flight_takes(const struct flight *flight, const struct ask *ask);

void flight_board(struct flight *flight, struct ask *ask);

/* The first aboard leaves, unanswered. */
void flight_leave_first(struct flight *flight);

/* Answers everybody aboard, each on its own thread. */
void flight_answer(struct flight *flight, const struct landing *landing, const struct fetcher_cache *cache);

/* Answers one ask, wherever it is. */
void ask_answer(struct ask *ask, const struct landing *landing, bool collapsed, const struct fetcher_cache *cache);

/* The order of the queue: what somebody waits for before what nobody waits for, then by rank, then as they came. */
bool flight_goes_before(const struct flight *flight, const struct flight *other);

/* Flights of one state in that order; all zero is empty. */
struct flight_list {
    struct flight *first, *last;
    size_t count;
};

void flight_list_put(struct flight_list *list, struct flight *flight);
void flight_list_remove(struct flight_list *list, struct flight *flight);

/* How many in the list go before this flight, which need not be in it. */
size_t flight_list_ahead(const struct flight_list *list, const struct flight *flight);

#endif
