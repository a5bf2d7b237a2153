/* SPDX-License-Identifier: MIT */
/* The list of clients and the table from a key's digest to its client. Must not know how a key is presented. */
#include "client/roster.h"

#include "base/map.h"
#include "client/quota.h"

#include <stdio.h>
#include <stdlib.h>

/* One key, or certificate, of one client; owned by the roster. */
struct key {
    uint8_t digest[HASH_SHA256_BYTES];
    struct client *client;
    struct key *next;
};

struct roster {
    struct map *by_digest;      /* struct key, of API keys */
    struct map *by_certificate; /* struct key, of certificates */
    struct map *by_name;        /* struct client */
    struct key *keys;
    struct client **clients; /* in the order they were added */
    size_t count;
};

bool roster_is_name(struct slice name)
{
    if (name.length == 0 || name.length > CLIENT_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        char c = name.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-')
            return false;
    }
    return true;
}

struct roster *roster_new(void)
{
    struct roster *roster = mem_new(sizeof(*roster));
    struct hash_secret secret;
    hash_secret_init(&secret);
    roster->by_digest = map_new(&secret);
    roster->by_certificate = map_new(&secret);
    roster->by_name = map_new(&secret);
    return roster;
}

static void client_free(struct client *client)
{
    quota_account_unref(client->account);
    mem_free((void *)client->scope.locations);
    mem_free((void *)client->name.at);
    mem_free(client);
}

void roster_free(struct roster *roster)
{
    if (roster == NULL)
        return;
    while (roster->keys != NULL) {
        struct key *next = roster->keys->next;
        mem_wipe(roster->keys, sizeof(*roster->keys));
        mem_free(roster->keys);
        roster->keys = next;
    }
    for (size_t i = 0; i < roster->count; i++)
        client_free(roster->clients[i]);
    mem_free(roster->clients);
    map_free(roster->by_digest);
    map_free(roster->by_certificate);
    map_free(roster->by_name);
    mem_free(roster);
}

static struct slice digest_slice(const uint8_t digest[HASH_SHA256_BYTES])
{
    return slice_make((const char *)digest, HASH_SHA256_BYTES);
}

static int compare_locations(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

/* Of sorted locations; how many are left. */
static size_t drop_repeated(int64_t *locations, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || locations[kept - 1] != locations[i])
            locations[kept++] = locations[i];
    }
    return kept;
}

static struct client *client_new(struct slice name, const struct scope *scope, const struct client_policy *policy)
{
    struct client *client = mem_new(sizeof(*client));
    client->name = slice_make(mem_copy_text(name.at, name.length), name.length);
    client->scope.all = scope->all;
    client->scope.count = scope->count;
    if (scope->count > 0) {
        int64_t *locations = mem_new(scope->count * sizeof(*locations));
        memcpy(locations, scope->locations, scope->count * sizeof(*locations));
        qsort(locations, scope->count, sizeof(*locations), compare_locations);
        client->scope.locations = locations;
        client->scope.count = drop_repeated(locations, scope->count);
    }
    client->policy = *policy;
    client->account = quota_account_new(policy);
    return client;
}

static void add_key(struct roster *roster, struct map *map, struct client *client,
                    const uint8_t digest[HASH_SHA256_BYTES])
{
    struct key *key = mem_new(sizeof(*key));
    memcpy(key->digest, digest, sizeof(key->digest));
    key->client = client;
    key->next = roster->keys;
    roster->keys = key;
    map_put(map, digest_slice(key->digest), key);
}

bool roster_add(struct roster *roster, struct slice name, const uint8_t (*keys)[HASH_SHA256_BYTES], size_t key_count,
                const struct scope *scope, const struct client_policy *policy, char *why, size_t why_size)
{
    if (map_get(roster->by_name, name) != NULL) {
        snprintf(why, why_size, "there is a client of this name already");
        return false;
    }
    for (size_t i = 0; i < key_count; i++) {
        const struct key *other = map_get(roster->by_digest, digest_slice(keys[i]));
        if (other != NULL) {
            snprintf(why, why_size, "key %zu belongs to client %s already", i + 1, other->client->name.at);
            return false;
        }
    }
    struct client **clients = mem_try_resize(roster->clients, (roster->count + 1) * sizeof(struct client *));
    if (clients == NULL) {
        snprintf(why, why_size, "out of memory");
        return false;
    }
    roster->clients = clients;
    struct client *client = client_new(name, scope, policy);
    clients[roster->count++] = client;
    map_put(roster->by_name, client->name, client);
    for (size_t i = 0; i < key_count; i++)
        add_key(roster, roster->by_digest, client, keys[i]);
    return true;
}

bool roster_add_certificate(struct roster *roster, struct slice name, const uint8_t digest[HASH_SHA256_BYTES],
                            char *why, size_t why_size)
{
    struct client *client = map_get(roster->by_name, name);
    const struct client *other = roster_find_certificate(roster, digest_slice(digest));
    if (other != NULL && other != client) {
        snprintf(why, why_size, "the certificate belongs to client %s already", other->name.at);
        return false;
    }
    if (other == NULL)
        add_key(roster, roster->by_certificate, client, digest);
    return true;
}

bool roster_has_certificates(const struct roster *roster)
{
    return map_count(roster->by_certificate) > 0;
}

void roster_succeed(struct roster *roster, const struct roster *before, int64_t now_us, int64_t wall_us)
{
    for (size_t i = 0; i < roster->count; i++) {
        struct client *client = roster->clients[i];
        const struct client *predecessor = map_get(before->by_name, client->name);
        if (predecessor == NULL)
            continue;
        quota_account_unref(client->account);
        client->account = quota_account_ref(predecessor->account);
        quota_account_change(client->account, &client->policy, now_us, wall_us);
    }
}

struct client *roster_find(const struct roster *roster, const uint8_t digest[HASH_SHA256_BYTES])
{
    /* The table is keyed by a digest that only the holder of the key can produce, through a secret hash: what its
     * probing takes tells nothing about other keys. The comparison that decides is constant in time. */
    const struct key *key = map_get(roster->by_digest, digest_slice(digest));
    if (key == NULL || !mem_equal_secret(key->digest, digest, HASH_SHA256_BYTES))
        return NULL;
    return key->client;
}

struct client *roster_find_certificate(const struct roster *roster, struct slice digest)
{
    const struct key *key = map_get(roster->by_certificate, digest);
    return key != NULL ? key->client : NULL;
}

struct client *roster_by_name(const struct roster *roster, struct slice name)
{
    return map_get(roster->by_name, name);
}

void roster_number(struct roster *roster, struct metrics *metrics)
{
    for (size_t i = 0; i < roster->count; i++)
        roster->clients[i]->number = metrics_client(metrics, roster->clients[i]->name);
}

struct client *roster_at(const struct roster *roster, size_t index)
{
    return index < roster->count ? roster->clients[index] : NULL;
}
