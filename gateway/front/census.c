/* SPDX-License-Identifier: MIT */
/* The count of connections. An address has an entry as long as it has a connection, so the table is bounded by the
 * total. */
#include "front/census.h"

#include "base/map.h"

#include <assert.h>
#include <netinet/in.h>
#include <pthread.h>

struct presence {
    uint64_t address; /* also the key in the table */
    int64_t count;
};

struct front_census {
    pthread_mutex_t lock;
    int64_t total_max, per_address_max;
    int64_t total;
    struct map *by_address;
};

struct front_census *front_census_new(int64_t total, int64_t per_address)
{
    struct front_census *census = mem_new(sizeof(*census));
    struct hash_secret secret;
    pthread_mutex_init(&census->lock, NULL);
    census->total_max = total;
    census->per_address_max = per_address;
    hash_secret_init(&secret);
    census->by_address = map_new(&secret);
    return census;
}

void front_census_change(struct front_census *census, int64_t total, int64_t per_address)
{
    pthread_mutex_lock(&census->lock);
    census->total_max = total;
    census->per_address_max = per_address;
    pthread_mutex_unlock(&census->lock);
}

void front_census_free(struct front_census *census)
{
    if (census == NULL)
        return;
    assert(census->total == 0 && map_count(census->by_address) == 0);
    map_free(census->by_address);
    pthread_mutex_destroy(&census->lock);
    mem_free(census);
}

static uint64_t number_of(const uint8_t *bytes, size_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < count; i++)
        number = number << 8 | bytes[i];
    return number;
}

/* No /64 in use looks like that: it would be 0:1::/32. */
static uint64_t ipv4_address(const uint8_t bytes[4])
{
    return UINT64_C(1) << 32 | number_of(bytes, 4);
}

uint64_t census_address(const struct sockaddr *peer)
{
    if (peer->sa_family == AF_INET)
        return ipv4_address((const uint8_t *)&((const struct sockaddr_in *)(const void *)peer)->sin_addr);
    if (peer->sa_family != AF_INET6)
        return CENSUS_NO_ADDRESS;
    const struct in6_addr *address = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;
    /* Of a socket that takes both: all of IPv4 is in one /64 there, and would be one client. */
    return IN6_IS_ADDR_V4MAPPED(address) ? ipv4_address(address->s6_addr + 12) : number_of(address->s6_addr, 8);
}

static struct slice key_of(const uint64_t *address)
{
    return slice_make((const char *)address, sizeof(*address));
}

/* Under the lock. */
static bool count_address(struct front_census *census, uint64_t address)
{
    struct presence *presence = map_get(census->by_address, key_of(&address));
    if ((presence != NULL ? presence->count : 0) >= census->per_address_max)
        return false;
    if (presence == NULL) {
        presence = mem_new(sizeof(*presence));
        presence->address = address;
        map_put(census->by_address, key_of(&presence->address), presence);
    }
    presence->count++;
    return true;
}

enum census_verdict census_enter(struct front_census *census, uint64_t address)
{
    enum census_verdict verdict = CENSUS_ENTERED;
    pthread_mutex_lock(&census->lock);
    if (census->total >= census->total_max)
        verdict = CENSUS_FULL;
    else if (address != CENSUS_NO_ADDRESS && !count_address(census, address))
        verdict = CENSUS_ADDRESS_FULL;
    else
        census->total++;
    pthread_mutex_unlock(&census->lock);
    return verdict;
}

void census_leave(struct front_census *census, uint64_t address)
{
    pthread_mutex_lock(&census->lock);
    assert(census->total > 0);
    census->total--;
    if (address != CENSUS_NO_ADDRESS) {
        struct presence *presence = map_get(census->by_address, key_of(&address));
        assert(presence != NULL && presence->count > 0);
        if (--presence->count == 0) {
            map_remove(census->by_address, key_of(&address));
            mem_free(presence);
        }
    }
    pthread_mutex_unlock(&census->lock);
}
