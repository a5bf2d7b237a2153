/* SPDX-License-Identifier: MIT */
/* One flight for the fleet: of all gateways that need the same window, one makes the call, and the others wait for what
 * it says of the end. The key of a flight in Redis holds either the mark of who flies it, for as long as that renews
 * it, or, for a moment after, how it ended. It saves calls and guards nothing: where Redis fails, everybody flies
 * alone. On the fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_FLEET_FLIGHT_H
#define NEXGATE_UPSTREAM_FLEET_FLIGHT_H

#include "base/map.h"
#include "upstream/fetcher.h"
#include "upstream/fleet.h"

enum {
    FLEET_FLIGHT_LOCK_MS = 5000, /* after which a leader that says nothing is taken for dead */
    FLEET_FLIGHT_RENEW_MS = 2000,
    FLEET_FLIGHT_NEWS_MS = 10000,   /* how long an end is kept for those who come to it late */
    FLEET_FLIGHT_POLL_MS = 1000,    /* between two looks of who waits, where messages are heard, */
    FLEET_FLIGHT_POLL_DEAF_MS = 100 /* and where they are not */
};

enum fleet_turn {
    FLEET_LEAD,   /* the call is ours to make, and others may wait for it */
    FLEET_ALONE,  /* the call is ours to make; nobody hears of it */
    FLEET_FOLLOW, /* another makes it: a later turn tells more */
    FLEET_NEWS    /* another has made it */
};

enum fleet_state { FLEET_APART, FLEET_ASKING, FLEET_FOLLOWING, FLEET_LEADING };

struct fleet_flights;

/* Embedded in a flight. */
struct fleet_flight {
    /* the flight's; set before fleet_flight_join */
    struct slice key; /* of the window; must live until it is apart */
    int64_t came_us;  /* when its first ask came */
    bool anew;        /* only a call that begins from now on will do: it leads or goes alone */
    bool background;  /* an end of a moment ago will do, even from before it came */
    void (*on_turn)(struct fleet_flight *flight, enum fleet_turn turn, const struct fleet_news *news);

    /* private */
    enum fleet_state state;
    struct fleet_flights *flights;
    struct buf name;                      /* its key in Redis */
    char mark[FLEET_MARK_BYTES + 1];      /* ours, while we lead */
    char passed[FLEET_MARK_BYTES + 1];    /* of an end that would not do */
    char news_mark[FLEET_MARK_BYTES + 1]; /* of the end last told of */
    int64_t held_ms;                      /* what its leader's lock has left */
    bool heard;                           /* of an end, while the answer was under way */
    bool told;                            /* that it follows */
    struct redis_call call;
    struct timer timer;
};

struct fleet_flights *fleet_flights_new(struct fleet *fleet);

/* All flights must be apart. */
void fleet_flights_free(struct fleet_flights *flights);

/* Asks who makes the call; on_turn, never inside. */
void fleet_flight_join(struct fleet_flights *flights, struct fleet_flight *flight);

/* After FLEET_NEWS: what was told of is not to be had; asks again, and is not told that again. */
void fleet_flight_pass(struct fleet_flight *flight);

/* No more turns. Who leads gives the lead up, and the first of those who wait takes it. */
void fleet_flight_leave(struct fleet_flight *flight);

/* The same for who leads and has made its call: tells the others how it ended. */
void fleet_flight_tell(struct fleet_flight *flight, const struct fleet_news *news);

/* The same in two steps, where the window must be copied to the shared store before they may be told: takes the name
 * and the mark out of the flight, which is apart then, and tells later what became of it. */
struct fleet_end {
    struct fleet_flights *flights;
    struct buf name; /* owned */
    char mark[FLEET_MARK_BYTES + 1];
};
void fleet_flight_take_end(struct fleet_flight *flight, struct fleet_end *end);
void fleet_end_tell(struct fleet_end *end, const struct fleet_news *news);

#endif
