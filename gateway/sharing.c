/* SPDX-License-Identifier: MIT */
/* Puts together what the cache shares by. Must not know how. */
#include "sharing.h"

#include <stdio.h>
#include <unistd.h>

struct sharing {
    struct sharing_parts parts;
    struct lifetime lifetime;
    struct coherence *coherence;
    struct shared_options options;
    struct shared *shared; /* the fetcher's */
    struct store store;
    struct redis_feed *feed; /* what the others say */
};

static int64_t stale_us(const struct settings *settings)
{
    return settings->stale_if_error_us > settings->stale_while_revalidate_us ? settings->stale_if_error_us
                                                                             : settings->stale_while_revalidate_us;
}

static struct slice prefix_of(const struct settings *settings)
{
    return settings->redis_prefix != NULL ? slice_of(settings->redis_prefix) : slice_make("", 0);
}

/* HOST:PID. */
static void name_process(char name[COHERENCE_NAME_MAX])
{
    char host[COHERENCE_NAME_MAX - 16] = "";
    if (gethostname(host, sizeof(host) - 1) != 0 || host[0] == '\0')
        snprintf(host, sizeof(host), "localhost");
    snprintf(name, COHERENCE_NAME_MAX, "%s:%ld", host, (long)getpid());
}

static bool connect_all(struct sharing *sharing)
{
    const struct sharing_parts *parts = &sharing->parts;
    sharing->options = (struct shared_options){.loop = parts->loop,
                                               .redis = parts->redis,
                                               .memory = parts->memory,
                                               .channel = coherence_channel(sharing->coherence),
                                               .name = coherence_name(sharing->coherence),
                                               .lifetime = &sharing->lifetime};
    sharing->shared = shared_new(&sharing->options, parts->log, parts->counters);
    store_init(&sharing->store, parts->memory, sharing->shared);
    const struct slice channel = slice_of(coherence_channel(sharing->coherence));
    const struct redis_feed_events events = coherence_events(sharing->coherence);
    sharing->feed = redis_feed_new(parts->loop, parts->redis_options, &channel, 1, &events, parts->log);
    if (sharing->feed != NULL)
        redis_feed_follow(sharing->feed, parts->redis);
    return sharing->feed != NULL;
}

void sharing_change(struct sharing *sharing, const struct settings *settings)
{
    lifetime_set(&sharing->lifetime, settings->ttl_us, stale_us(settings));
}

struct sharing *sharing_new(const struct sharing_parts *parts)
{
    struct sharing *sharing = mem_new(sizeof(*sharing));
    char name[COHERENCE_NAME_MAX];
    name_process(name);
    sharing->parts = *parts;
    sharing_change(sharing, parts->settings);
    const struct coherence_options options = {.loop = parts->loop,
                                              .redis = parts->redis,
                                              .memory = parts->memory,
                                              .prefix = prefix_of(parts->settings),
                                              .name = name,
                                              .lifetime = &sharing->lifetime};
    sharing->coherence = coherence_new(&options, parts->log, parts->counters);
    if (sharing->coherence == NULL) {
        mem_free(sharing);
        return NULL;
    }
    if (parts->redis != NULL && !connect_all(sharing)) {
        sharing_free(sharing);
        return NULL;
    }
    return sharing;
}

void sharing_leave(struct sharing *sharing)
{
    enum { TRIES = 200, PAUSE_US = 1000 };
    coherence_leave(sharing->coherence);
    for (unsigned i = 0; i < TRIES && !coherence_has_left(sharing->coherence); i++) {
        if (!loop_turn(sharing->parts.loop))
            usleep(PAUSE_US);
    }
}

void sharing_free(struct sharing *sharing)
{
    if (sharing == NULL)
        return;
    redis_feed_free(sharing->feed);
    shared_free(sharing->shared);
    coherence_free(sharing->coherence);
    mem_free(sharing);
}

struct fetcher_cache sharing_cache(struct sharing *sharing)
{
    return sharing->shared != NULL ? store_cache(&sharing->store) : store_in(sharing->parts.memory);
}

const struct shared_options *sharing_options(struct sharing *sharing)
{
    return sharing->shared != NULL ? &sharing->options : NULL;
}

struct coherence *sharing_coherence(struct sharing *sharing)
{
    return sharing->coherence;
}
