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
    struct roster *roster = mem_try_zeroed(sizeof(*roster));
    struct hash_secret secret;
    if (roster == NULL)
        return NULL;
    hash_secret_init(&secret);
    roster->by_digest = map_try_new(&secret);
    roster->by_certificate = map_try_new(&secret);
    roster->by_name = map_try_new(&secret);
    if (roster->by_digest != NULL && roster->by_certificate != NULL && roster->by_name != NULL)
        return roster;
    roster_free(roster);
    return NULL;
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

static bool copy_scope(struct scope *copy, const struct scope *scope)
{
    copy->all = scope->all;
    if (scope->count == 0)
        return true;
    int64_t *locations = mem_try_new(scope->count * sizeof(*locations));
    if (locations == NULL)
        return false;
    memcpy(locations, scope->locations, scope->count * sizeof(*locations));
    qsort(locations, scope->count, sizeof(*locations), compare_locations);
    copy->locations = locations;
    copy->count = drop_repeated(locations, scope->count);
    return true;
}

static struct client *client_new(struct slice name, const struct scope *scope, const struct client_policy *policy)
{
    struct client *client = mem_try_zeroed(sizeof(*client));
    if (client == NULL)
        return NULL;
    client->name = slice_make(mem_try_copy(name), name.length);
    client->policy = *policy;
    client->account = quota_account_new(policy);
    if (client->name.at != NULL && client->account != NULL && copy_scope(&client->scope, scope))
        return client;
    client_free(client);
    return NULL;
}

/* False when there is no memory for it. */
static bool add_key(struct roster *roster, struct map *map, struct client *client,
                    const uint8_t digest[HASH_SHA256_BYTES])
{
    struct key *key = map_make_room(map, 1) ? mem_try_new(sizeof(*key)) : NULL;
    if (key == NULL)
        return false;
    memcpy(key->digest, digest, sizeof(key->digest));
    key->client = client;
    key->next = roster->keys;
    roster->keys = key;
    map_put(map, digest_slice(key->digest), key);
    return true;
}

/* Adds the client, without keys; NULL when there is no memory for it. */
static struct client *add_client(struct roster *roster, struct slice name, const struct scope *scope,
                                 const struct client_policy *policy)
{
    struct client **clients = mem_try_resize(roster->clients, (roster->count + 1) * sizeof(struct client *));
    if (clients == NULL)
        return NULL;
    roster->clients = clients;
    struct client *client = map_make_room(roster->by_name, 1) ? client_new(name, scope, policy) : NULL;
    if (client == NULL)
        return NULL;
    clients[roster->count++] = client;
    map_put(roster->by_name, client->name, client);
    return client;
}

static bool refuse_for_memory(char *why, size_t why_size)
{
    snprintf(why, why_size, "out of memory");
    return false;
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
    struct client *client = add_client(roster, name, scope, policy);
    bool good = client != NULL;
    for (size_t i = 0; good && i < key_count; i++)
        good = add_key(roster, roster->by_digest, client, keys[i]);
    return good || refuse_for_memory(why, why_size);
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
    return other == client || add_key(roster, roster->by_certificate, client, digest) ||
           refuse_for_memory(why, why_size);
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

bool roster_number(struct roster *roster, struct metrics *metrics)
{
    bool good = true;
    for (size_t i = 0; good && i < roster->count; i++)
        good = metrics_client(metrics, roster->clients[i]->name, &roster->clients[i]->number);
    return good;
}

struct client *roster_at(const struct roster *roster, size_t index)
{
    return index < roster->count ? roster->clients[index] : NULL;
}
