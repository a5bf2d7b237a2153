/* SPDX-License-Identifier: MIT */
/* The clients: who they are, what they may search, how much they may ask. Filled from a configuration, then read by all
 * threads; the account of a client (client/quota.h) is the only thing in it that changes, under its own lock. */
#ifndef NEXGATE_CLIENT_ROSTER_H
#define NEXGATE_CLIENT_ROSTER_H

#include "base/hash.h"
#include "base/metrics.h"
#include "base/rate.h"
#include "search/query.h"

enum { CLIENT_NAME_MAX = 64, CLIENT_KEYS_MAX = 8 /* and as many certificates */, CLIENT_LOCATIONS_MAX = 1024 };

struct quota_account;

/* What one [client NAME] section says. */
struct client_policy {
    bool has_rate, has_misses;
    struct rate rate;          /* burst included */
    struct rate_window misses; /* upstream searches per window */
    int64_t concurrency;       /* 0: unlimited */
    int64_t weight;            /* share of the upstream budget, from 1 */
    bool dry_run;
};

struct client {
    struct slice name;
    uint32_t number; /* in the metrics; METRICS_NOBODY until roster_number */
    struct scope scope;
    struct client_policy policy;
    struct quota_account *account; /* a reference: after a reload the client of the same name has it too */
};

struct roster;

/* A name goes into logs and metrics: at most CLIENT_NAME_MAX letters, digits, '.', '_' and '-'. */
bool roster_is_name(struct slice name);

struct roster *roster_new(void) MUST_CHECK; /* NULL when memory cannot be had */
void roster_free(struct roster *roster);

/* Adds a client: copies name, keys and locations (sorted here, repeated ones dropped). False with the reason in `why`
 * when the name is taken, a key belongs to another client, or memory cannot be had. */
bool roster_add(struct roster *roster, struct slice name, const uint8_t (*keys)[HASH_SHA256_BYTES], size_t key_count,
                const struct scope *scope, const struct client_policy *policy, char *why, size_t why_size) MUST_CHECK;

/* A certificate of a client that was added, by the SHA-256 of its DER form. False when it is another client's, or
 * memory cannot be had. */
bool roster_add_certificate(struct roster *roster, struct slice name, const uint8_t digest[HASH_SHA256_BYTES],
                            char *why, size_t why_size) MUST_CHECK;

/* Whether any client has one. */
bool roster_has_certificates(const struct roster *roster);

/* Reload: clients that were there before, by name, go on with their accounts, which count by the limits of `roster`
 * from now on. `before` stays as it is, for those who still work with it. */
void roster_succeed(struct roster *roster, const struct roster *before, int64_t now_us, int64_t wall_us);

/* The client of a key's SHA-256, or NULL; compares in constant time. */
struct client *roster_find(const struct roster *roster, const uint8_t digest[HASH_SHA256_BYTES]);

/* The client of a certificate's SHA-256, or NULL. Certificates are no secret, so no key is ever looked for among them,
 * nor the other way round. */
struct client *roster_find_certificate(const struct roster *roster, struct slice digest);

struct client *roster_by_name(const struct roster *roster, struct slice name);

/* Gives each client the number of its name in the metrics. Before other threads read the roster. False when memory
 * cannot be had. */
bool roster_number(struct roster *roster, struct metrics *metrics) MUST_CHECK;

/* Walks the clients in the order they were added: NULL at the end. */
struct client *roster_at(const struct roster *roster, size_t index);

#endif
