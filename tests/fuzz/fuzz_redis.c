/* SPDX-License-Identifier: MIT */
/* Any bytes as what a Redis says, whole and in pieces: both must be read as the same replies, whatever they are is
 * looked at as a cluster's topology and as a redirection, and what is believed lies in its bounds. The first byte is
 * the size of a piece. */
#include "io/redis_reader.h"
#include "io/redis_slots.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BYTES_MAX = 64 * 1024 };

static void check_place(const struct redis_place *place)
{
    assert(place->host[0] != '\0' && memchr(place->host, '\0', sizeof(place->host)) != NULL);
    assert(place->port > 0 && place->port <= 65535);
}

static void look_at(const struct redisReply *reply)
{
    static struct redis_slots slots;
    struct redis_place place;
    int slot;
    if (redis_slots_read(reply, "asked", &slots)) {
        assert(slots.place_count > 0 && slots.place_count <= REDIS_CLUSTER_NODES_MAX);
        for (size_t i = 0; i < slots.place_count; i++)
            check_place(&slots.places[i]);
        for (size_t i = 0; i < REDIS_SLOTS; i++)
            assert(slots.owner[i] < slots.place_count || slots.owner[i] == REDIS_NO_OWNER);
    }
    if (redis_slots_redirection(reply, "asked", &slot, &place)) {
        assert(slot >= 0 && slot < REDIS_SLOTS);
        check_place(&place);
    }
}

/* How many replies came before the end, or before they broke. */
static size_t read_all(const uint8_t *data, size_t size, size_t piece)
{
    struct redis_reader *reader = redis_reader_new(BYTES_MAX);
    size_t replies = 0;
    bool broken = false;
    for (size_t at = 0; at < size && !broken; at += piece) {
        struct redisReply *reply;
        if (!redis_reader_feed(reader, (const char *)data + at, size - at < piece ? size - at : piece))
            break;
        while ((reply = redis_reader_next(reader, &broken)) != NULL) {
            replies++;
            look_at(reply);
            freeReplyObject(reply);
        }
        assert(!broken || redis_reader_why(reader) != NULL);
    }
    redis_reader_free(reader);
    return replies;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 1) {
        size_t whole = read_all(data + 1, size - 1, size);
        assert(read_all(data + 1, size - 1, 1 + data[0]) == whole);
    }
    return 0;
}
