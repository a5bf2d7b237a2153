/* SPDX-License-Identifier: MIT */
/* Everything that the configuration file can say, read and checked. The rooms get their own small option structs from
 * room_options.c; none of them sees this. Immutable once read. */
#ifndef NEXGATE_SETTINGS_H
#define NEXGATE_SETTINGS_H

#include "base/clock.h"
#include "base/complaints.h"
#include "base/hash.h"
#include "base/options.h"
#include "client/roster.h"
#include "io/redis_url.h"
#include "search/schema.h"

enum { SETTINGS_LISTEN_MAX = 8, SETTINGS_TOKEN_KEY_BYTES = 32 };

struct settings {
    /* [server] */
    char *listen, *admin, *admin_key, *entities;
    char *tls_listen, *tls_certificate, *tls_key, *tls_client_ca;
    int64_t workers, drain_timeout_us;
    /* [log] */
    int log_level, log_format;
    char *log_access;
    /* [nexudus] */
    char *url, *username, *password, *client_id, *totp_secret;
    int64_t connect_timeout_us, timeout_us, max_wait_us, queue, retry_after_max_us;
    int64_t breaker_failures, breaker_probe_us;
    struct option_rate budget;
    /* [cache] */
    int64_t memory_bytes, ttl_us, stale_while_revalidate_us, stale_if_error_us, negative_ttl_us, window;
    /* [redis] */
    char *redis_url, *redis_quota_url, *redis_prefix, *redis_token_key;
    int64_t redis_timeout_us;
    int redis_on_failure;
    /* [limits] */
    int64_t header_bytes, query_bytes, body_bytes, connections, connections_per_address;
    int64_t header_timeout_us, idle_timeout_us, write_timeout_us;

    /* made from the above */
    char *listen_addresses[SETTINGS_LISTEN_MAX]; /* NULL after the last */
    char *tls_addresses[SETTINGS_LISTEN_MAX];    /* the same of tls_listen */
    bool has_client_certificates;                /* some client has a cert */
    bool has_admin_key;
    uint8_t admin_key_digest[HASH_SHA256_BYTES];
    int64_t access_in;               /* one request in so many is logged; 0: none */
    bool has_redis, has_quota_redis; /* quota_redis: where quota_url is given */
    struct redis_url redis, quota_redis;
    bool has_redis_token_key;
    uint8_t redis_token_key_bytes[SETTINGS_TOKEN_KEY_BYTES];
    struct schema_set *schemas;
    struct roster *roster;
};

/* Reads and checks the file and the schemas it names. Always fills `settings` (to be freed); true when there was no
 * error. */
bool settings_read(const char *path, struct settings *settings, struct complaints *complaints) MUST_CHECK;

/* The same while `now` is in force: where the file is good, each setting that a reload cannot change and that differs
 * keeps its value of `now`, and a warning names it. */
bool settings_reread(const char *path, const struct settings *now, struct settings *settings,
                     struct complaints *complaints) MUST_CHECK;

/* The same as settings_read for a command: prints every complaint on stderr. */
bool settings_load(const char *path, struct settings *settings) MUST_CHECK;

/* The defaults alone, with the built-in schema and no client: what `nexgate key` works with when no file is named.
 * False when memory cannot be had; to be freed in either case. */
bool settings_defaults(struct settings *settings) MUST_CHECK;

void settings_free(struct settings *settings);

/* The listen addresses, those of TLS last, `*plain` of them before; NULL behind the last. */
const char *settings_address(const struct settings *settings, size_t index, size_t *plain);

/* The table of all settings, for `nexgate settings`; those of a client stand under [client NAME]. */
void settings_list(struct buf *out);

#endif
