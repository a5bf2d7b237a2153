/* SPDX-License-Identifier: MIT */
/* Slots. What a cluster says is somebody else's: numbers are checked, names are copied into a bound, the rest is left.
 */
#include "io/redis_slots.h"

#include "base/ascii.h"
#include "base/units.h"
#include "io/redis_wire.h"

#include <stdio.h>

#include <hiredis/hiredis.h>

enum { POLYNOMIAL = 0x1021, PORT_MAX = 65535 };

static uint16_t crc16(struct slice bytes)
{
    unsigned crc = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        crc ^= (unsigned)(unsigned char)bytes.at[i] << 8;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000U) != 0 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
        crc &= 0xffffU;
    }
    return (uint16_t)crc;
}

int redis_slot(struct slice key)
{
    const char *open = key.length > 0 ? memchr(key.at, '{', key.length) : NULL;
    if (open != NULL) {
        size_t rest = key.length - (size_t)(open - key.at) - 1;
        const char *close = rest > 0 ? memchr(open + 1, '}', rest) : NULL;
        if (close != NULL && close > open + 1)
            key = slice_make(open + 1, (size_t)(close - open) - 1);
    }
    return crc16(key) % REDIS_SLOTS;
}

/* Letters, digits and what else names and addresses are made of. */
static bool copy_host(struct slice host, const char *asked, char out[REDIS_HOST_MAX])
{
    if (host.length == 0 || slice_is(host, "?"))
        host = slice_of(asked);
    if (host.length == 0 || host.length >= REDIS_HOST_MAX)
        return false;
    for (size_t i = 0; i < host.length; i++) {
        if (!ascii_is_visible(host.at[i]) || strchr("/@,", host.at[i]) != NULL)
            return false;
    }
    memcpy(out, host.at, host.length);
    out[host.length] = '\0';
    return true;
}

bool redis_place_make(struct slice host, int64_t port, const char *asked, struct redis_place *place)
{
    place->port = (int)port;
    return port > 0 && port <= PORT_MAX && copy_host(host, asked, place->host);
}

bool redis_place_equal(const struct redis_place *one, const struct redis_place *other)
{
    return one->port == other->port && strcmp(one->host, other->host) == 0;
}

static uint16_t find_place(struct redis_slots *slots, const struct redis_place *place)
{
    for (size_t i = 0; i < slots->place_count; i++) {
        if (redis_place_equal(&slots->places[i], place))
            return (uint16_t)i;
    }
    if (slots->place_count == REDIS_CLUSTER_NODES_MAX)
        return REDIS_NO_OWNER;
    slots->places[slots->place_count] = *place;
    return (uint16_t)slots->place_count++;
}

/* [host, port, …] */
static bool read_place(const struct redisReply *reply, const char *asked, struct redis_place *place)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || reply->element[1]->type != REDIS_REPLY_INTEGER)
        return false;
    return redis_place_make(redis_wire_text(reply->element[0]), reply->element[1]->integer, asked, place);
}

/* [first, last, master, replica…] */
static bool read_range(const struct redisReply *range, const char *asked, struct redis_slots *slots)
{
    struct redis_place place;
    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 || range->element[0]->type != REDIS_REPLY_INTEGER ||
        range->element[1]->type != REDIS_REPLY_INTEGER)
        return false;
    long long first = range->element[0]->integer, last = range->element[1]->integer;
    if (first < 0 || last < first || last >= REDIS_SLOTS || !read_place(range->element[2], asked, &place))
        return false;
    uint16_t owner = find_place(slots, &place);
    for (long long slot = first; slot <= last; slot++)
        slots->owner[slot] = owner;
    return owner != REDIS_NO_OWNER;
}

bool redis_slots_read(const struct redisReply *reply, const char *asked, struct redis_slots *slots)
{
    slots->place_count = 0;
    for (size_t i = 0; i < REDIS_SLOTS; i++)
        slots->owner[i] = REDIS_NO_OWNER;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements > REDIS_SLOTS)
        return false;
    for (size_t i = 0; i < reply->elements; i++) {
        if (!read_range(reply->element[i], asked, slots))
            return false;
    }
    return slots->place_count > 0;
}

bool redis_slots_redirection(const struct redisReply *error, const char *asked, int *slot, struct redis_place *place)
{
    struct slice rest = redis_wire_text(error), word;
    int64_t number, port;
    if (!redis_wire_is_error(error, "MOVED") && !redis_wire_is_error(error, "ASK"))
        return false;
    if (!slice_cut(&rest, ' ', &word)) /* MOVED or ASK itself */
        return false;
    if (!slice_cut(&rest, ' ', &word) || !units_integer(word, &number) || number < 0 || number >= REDIS_SLOTS ||
        !slice_cut(&rest, ' ', &word))
        return false;
    size_t colon = word.length; /* the last one: an IPv6 address has others */
    while (colon > 0 && word.at[colon - 1] != ':')
        colon--;
    if (colon == 0 || !units_integer(slice_make(word.at + colon, word.length - colon), &port))
        return false;
    *slot = (int)number;
    return redis_place_make(slice_make(word.at, colon - 1), port, asked, place);
}
