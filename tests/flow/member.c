/* SPDX-License-Identifier: MIT */
#include "member.h"

#include "puppet.h"

#include <assert.h>
#include <stdio.h>

static void begin(struct member *member)
{
    member->memory = memory_new(member->memory_bytes);
    const struct coherence_options options = {
        .loop = member->place.loop,
        .redis = member->place.store != NULL ? &member->redis.redis : NULL,
        .memory = member->memory,
        .prefix = SLICE("t:"),
        .name = member->name,
        .lifetime = &member->lifetime,
    };
    member->coherence = coherence_new(&options, member->place.log, member->counters);
    assert(member->coherence != NULL);
}

void member_init(struct member *member, const struct member_place *place, const char *name, size_t memory_bytes)
{
    member->place = *place;
    member->memory_bytes = memory_bytes;
    snprintf(member->name, sizeof member->name, "%s", name);
    member->metrics = metrics_new();
    member->counters = metrics_block(member->metrics);
    member->mailbox = mailbox_new(place->loop, member);
    if (place->store != NULL)
        puppet_redis_init(&member->redis, place->store, place->loop);
    begin(member);
    if (place->channels != NULL) {
        const struct redis_feed_events events = coherence_events(member->coherence);
        member->feed = puppet_channels_subscribe(place->channels, &events);
    }
}

void member_begin_anew(struct member *member)
{
    coherence_free(member->coherence);
    memory_free(member->memory);
    begin(member);
    member->place.channels->feeds[member->feed].events = coherence_events(member->coherence);
}

void member_link(struct member *member, bool up)
{
    puppet_channels_link(member->place.channels, member->feed, up);
}

void member_free(struct member *member)
{
    coherence_free(member->coherence);
    puppet_settle(member->place.loop);
    if (member->place.store != NULL)
        puppet_redis_free(&member->redis);
    mailbox_free(member->mailbox);
    memory_free(member->memory);
    metrics_free(member->metrics);
}
