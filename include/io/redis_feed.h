/* SPDX-License-Identifier: MIT */
/* What is said on the channels of a Redis (SUBSCRIBE), with word of whether anything may be missed. One thread. */
#ifndef NEXGATE_IO_REDIS_FEED_H
#define NEXGATE_IO_REDIS_FEED_H

#include "base/log.h"
#include "base/slice.h"
#include "io/loop.h"

struct redis_options;

/* What is said on channels. Its own connection(s), kept alive by pings. */
struct redis_feed;

struct redis_feed_events {
    /* One message; the slices are good until it returns. */
    void (*on_message)(void *context, struct slice channel, struct slice message);

    /* True: subscribed, nothing said from now on is missed. False: the link is down, and things are missed. In a
     * cluster: to the node that was subscribed at; behind sentinels: to the master. Starts as false. */
    void (*on_link)(void *context, bool up);
    void *context;
};

enum { REDIS_FEED_CHANNELS_MAX = 4 };

/* Subscribes to the channels (copied). NULL when the kernel refuses. */
struct redis_feed *redis_feed_new(struct loop *loop, const struct redis_options *options, const struct slice *channels,
                                  size_t channel_count, const struct redis_feed_events *events,
                                  struct log *log) MUST_CHECK;
void redis_feed_free(struct redis_feed *feed);

/* In a cluster: asks by this connection's commands who its nodes are, so that the feed finds one when all that the URL
 * names are gone, and leaves one that is no node any more. On the feed's loop; borrowed until the feed is freed. Once;
 * does nothing where there is no cluster. */
struct redis;
void redis_feed_follow(struct redis_feed *feed, struct redis *redis);

#endif
