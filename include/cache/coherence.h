/* SPDX-License-Identifier: MIT */
/* What keeps the memories of all gateways with one Redis and one prefix coherent: one channel on which they hear of
 * each other's refreshes and purges, a register of who is there, and a log of purges for who was away. Works alone,
 * too. On the loop's thread, but for coherence_purge. */
#ifndef NEXGATE_CACHE_COHERENCE_H
#define NEXGATE_CACHE_COHERENCE_H

#include "base/log.h"
#include "base/metrics.h"
#include "cache/coherence_message.h"
#include "cache/lifetime.h"
#include "cache/memory.h"
#include "io/mailbox.h"
#include "io/redis.h"

enum { COHERENCE_GATEWAYS_MAX = 256 /* known at a time; where a purge finds twice as many, it is not confirmed */ };

struct coherence_options {
    struct loop *loop;
    struct redis *redis; /* on that loop; NULL: there are no others */
    struct memory *memory;
    struct slice prefix; /* of all keys */
    const char *name;    /* of this gateway, for people; bytes that are not printable ASCII become '?' */
    const struct lifetime *lifetime;
};

struct coherence;

/* Everything is borrowed but the texts. NULL when the kernel refuses. */
struct coherence *coherence_new(const struct coherence_options *options, struct log *log,
                                struct counters *counters) MUST_CHECK;

/* Says goodbye to the others, who then do not wait for us. The loop must turn for it to be heard. */
void coherence_leave(struct coherence *coherence);

/* Whether it was heard, or never will be. */
bool coherence_has_left(const struct coherence *coherence);

/* Orders under way are answered as they stand. */
void coherence_free(struct coherence *coherence);

/* The channel to listen to, what to tell of it, and our name on it. */
const char *coherence_channel(const struct coherence *coherence);
const char *coherence_name(const struct coherence *coherence);
struct redis_feed_events coherence_events(struct coherence *coherence);

/* A purge, embedded in who asks for it. */
struct purge_order {
    char head[PURGE_HEAD_MAX]; /* what the keys begin with (cache/purges.h) */
    size_t head_length;
    bool soft;
    struct mailbox *reply_to;
    void (*on_done)(struct purge_order *order); /* on reply_to's thread, once */

    /* Names, each with a line feed: who has confirmed, this gateway first, and who was there and has not ("…" for more
     * than can be waited for). */
    struct buf confirmed, silent; /* to be freed */
    bool told;                    /* the others were told; false: Redis did not pass it on, and they will be later */

    struct letter letter; /* private */
};

/* From the moment of the answer on, nobody who has confirmed serves what was fetched before the order came. Any thread.
 */
void coherence_purge(struct coherence *coherence, struct purge_order *order);

#endif
