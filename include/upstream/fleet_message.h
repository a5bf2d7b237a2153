/* SPDX-License-Identifier: MIT */
/* What gateways say to each other on the fleet's channel, and the news of a flight, which stand in Redis, too. Anybody
 * who can write to Redis may have written them: what is read here is within its limits. Pure. */
#ifndef NEXGATE_UPSTREAM_FLEET_MESSAGE_H
#define NEXGATE_UPSTREAM_FLEET_MESSAGE_H

#include "base/clock.h"
#include "base/slice.h"
#include "upstream/fetcher.h"

enum {
    FLEET_MARK_BYTES = 24, /* hex digits of 96 random bits: what names a gateway, or a lock that it holds */
    FLEET_NAME_MAX = 64 * 1024,
    FLEET_NEWS_MAX = 1024,
    FLEET_CAP_MAX = 1000000
};

#define FLEET_PAUSE_MAX_US CLOCK_DAY

/* What a message is about: its first byte. */
enum fleet_topic {
    FLEET_FLIGHT, /* "F<length of the name> <name>", and where there are news, their mark and they */
    FLEET_LOGIN,  /* "L": a login has ended, well or not */
    FLEET_BUDGET, /* "B<µs>" of a pause that has begun; 0: it is over */
    FLEET_TOPICS
};

struct fleet_message {
    enum fleet_topic topic;
    struct slice name, mark, news; /* of a flight; point into the message; no news: the lead was given up */
    int64_t pause_us;              /* of the budget */
};

/* False for what is no message of ours. */
bool fleet_message_read(struct slice text, struct fleet_message *message) MUST_CHECK;

/* Lower-case hex digits, as many as a mark has. */
bool fleet_mark_is_good(struct slice mark) MUST_CHECK;

/* How a flight of another gateway ended. */
struct fleet_news {
    enum ask_verdict verdict;
    bool stored; /* ASK_OK: the window is in the shared store */
    int status;
    int64_t retry_after_us;     /* up to FLEET_PAUSE_MAX_US */
    int64_t cap;                /* above 0 with ASK_CAPPED, up to FLEET_CAP_MAX */
    char why[ENVELOPE_WHY_MAX]; /* printable ASCII */
};

/* Of a verdict that is Nexudus's: no ASK_UNCHARGED, ASK_THROTTLED or ASK_CLOSING. */
void fleet_news_write(char text[FLEET_NEWS_MAX], const struct fleet_news *news);

/* False for what another version of us may have written. */
bool fleet_news_read(struct slice text, struct fleet_news *news) MUST_CHECK;

#endif
