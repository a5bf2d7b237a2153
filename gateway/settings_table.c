/* SPDX-License-Identifier: MIT */
/* Every setting, one row each: the binary's list, the sample configuration and the manual are compared with these. */
#include "settings_table.h"

#include "search/key.h"
#include "upstream/budget.h"

#define ROW(section, name, type, flags, field, preset, low, high, choices, help)                                       \
    {                                                                                                                  \
        section, name, type, flags, offsetof(struct settings, field), preset, low, high, choices, help                 \
    }
#define TEXT(section, name, flags, field, preset, help)                                                                \
    ROW(section, name, OPTION_TEXT, flags, field, preset, 0, 0, NULL, help)
#define NUMBER(section, name, type, flags, field, preset, low, high, help)                                             \
    ROW(section, name, type, flags, field, preset, low, high, NULL, help)

#define LIVE OPTION_RELOADABLE
#define MS CLOCK_MILLISECOND
#define SEC CLOCK_SECOND
#define KB INT64_C(1024)
#define MB (INT64_C(1024) * 1024)
#define GB (INT64_C(1024) * 1024 * 1024)

/* clang-format off */
const struct option SETTINGS_TABLE[] = {
    TEXT("server", "listen", 0, listen, "127.0.0.1:8080", "Where searches are served: host:port, [::1]:8080 or unix:/path; several separated by commas."),
    TEXT("server", "tls_listen", 0, tls_listen, "", "Where searches are served over TLS: as listen; empty: nowhere."),
    TEXT("server", "tls_certificate", LIVE, tls_certificate, "", "A file with the certificate chain in PEM, our own first."),
    TEXT("server", "tls_key", LIVE, tls_key, "", "A file with the certificate's private key in PEM, not encrypted."),
    TEXT("server", "tls_client_ca", LIVE, tls_client_ca, "", "A file with the certificates in PEM of those who may sign client certificates; empty: anybody."),
    TEXT("server", "admin", 0, admin, "127.0.0.1:9180", "Where metrics, health and status are served; empty: nowhere."),
    TEXT("server", "admin_key", LIVE | OPTION_SECRET, admin_key, "", "sha256:HEX of the key that requests which change state must carry."),
    NUMBER("server", "workers", OPTION_INTEGER, 0, workers, "0", 0, 256, "Worker threads; 0: one per core."),
    NUMBER("server", "drain_timeout", OPTION_DURATION, LIVE, drain_timeout_us, "30s", 0, 3600 * SEC, "How long SIGTERM waits for requests under way."),
    TEXT("server", "entities", LIVE, entities, "", "A folder of further schemas (*.json); the webhooks schema is built in."),

    ROW("log", "level", OPTION_CHOICE, LIVE, log_level, "info", 0, 0, "debug|info|warn|error", "The least important lines that are written."),
    ROW("log", "format", OPTION_CHOICE, 0, log_format, "logfmt", 0, 0, "logfmt|json", "How a line is written."),
    TEXT("log", "access", LIVE, log_access, "off", "A line for each request: off, all, or one in so many such as 1/100 and all that failed (5xx)."),

    TEXT("nexudus", "url", 0, url, "https://spaces.nexudus.com", "The base URL of the Nexudus API."),
    TEXT("nexudus", "username", 0, username, "", "The user that nexgate logs in as."),
    TEXT("nexudus", "password", OPTION_SECRET, password, "", "That user's password."),
    TEXT("nexudus", "client_id", 0, client_id, "", "The client_id header of the login; empty: the user's e-mail address counts."),
    TEXT("nexudus", "totp_secret", OPTION_SECRET, totp_secret, "", "Base32 secret of the user's second factor; empty: none."),
    NUMBER("nexudus", "connect_timeout", OPTION_DURATION, LIVE, connect_timeout_us, "3s", 10 * MS, 60 * SEC, "How long a connection to Nexudus may take."),
    NUMBER("nexudus", "timeout", OPTION_DURATION, LIVE, timeout_us, "10s", 10 * MS, 300 * SEC, "How long a call to Nexudus may take in all."),
    NUMBER("nexudus", "budget", OPTION_RATE, LIVE, budget, "10/100ms", 1, BUDGET_COUNT_MAX, "Never more calls than this in any such interval."),
    NUMBER("nexudus", "max_wait", OPTION_DURATION, LIVE, max_wait_us, "5s", 0, 300 * SEC, "How long a search may wait for its turn to be sent."),
    NUMBER("nexudus", "queue", OPTION_INTEGER, LIVE, queue, "1000", 1, 1000000, "How many searches may wait for their turn."),
    NUMBER("nexudus", "retry_after_max", OPTION_DURATION, LIVE, retry_after_max_us, "10s", 100 * MS, 3600 * SEC, "The longest pause that Nexudus's Retry-After can cause."),
    NUMBER("nexudus", "breaker_failures", OPTION_SHARE, LIVE, breaker_failures, "50%", 1, 100, "The share of failing calls that opens the breaker."),
    NUMBER("nexudus", "breaker_probe", OPTION_DURATION, LIVE, breaker_probe_us, "5s", 100 * MS, 3600 * SEC, "How often an open breaker lets a call through."),

    NUMBER("cache", "memory", OPTION_SIZE, 0, memory_bytes, "64mb", 0, 1024 * GB, "Memory for stored windows, overhead included; 0: none."),
    NUMBER("cache", "ttl", OPTION_DURATION, LIVE, ttl_us, "60s", 0, 24 * 3600 * SEC, "How long an answer is fresh."),
    NUMBER("cache", "stale_while_revalidate", OPTION_DURATION, LIVE, stale_while_revalidate_us, "5m", 0, 30 * 24 * 3600 * SEC, "How long past its ttl an answer is served while it is refreshed."),
    NUMBER("cache", "stale_if_error", OPTION_DURATION, LIVE, stale_if_error_us, "24h", 0, 30 * 24 * 3600 * SEC, "How long past its ttl an answer is served when Nexudus fails."),
    NUMBER("cache", "negative_ttl", OPTION_DURATION, LIVE, negative_ttl_us, "5s", 0, 3600 * SEC, "How long a refusal of a query by Nexudus is remembered."),
    NUMBER("cache", "window", OPTION_INTEGER, LIVE, window, "200", 1, 1000, "How many records are asked for at once; 1000: whole sets."),

    TEXT("redis", "url", OPTION_SECRET, redis_url, "", "The shared store; empty: the embedded store only."),
    TEXT("redis", "quota_url", OPTION_SECRET, redis_quota_url, "", "Another server for counters; empty: the same."),
    NUMBER("redis", "prefix", OPTION_TEXT, 0, redis_prefix, "nexgate:", 0, KEY_PREFIX_MAX, "What every key begins with."),
    NUMBER("redis", "timeout", OPTION_DURATION, 0, redis_timeout_us, "20ms", 1 * MS, 10 * SEC, "How long one operation may take."),
    ROW("redis", "on_failure", OPTION_CHOICE, 0, redis_on_failure, "local", 0, 0, "local|allow|deny", "What quotas do while Redis is away."),
    TEXT("redis", "token_key", OPTION_SECRET, redis_token_key, "", "64 hex digits that encrypt the shared login; empty: it is not shared."),

    NUMBER("limits", "header_bytes", OPTION_SIZE, 0, header_bytes, "16kb", 1 * KB, 1 * MB, "The longest request head."),
    NUMBER("limits", "query_bytes", OPTION_SIZE, 0, query_bytes, "8kb", 256, 64 * KB, "The longest query."),
    NUMBER("limits", "body_bytes", OPTION_SIZE, 0, body_bytes, "64kb", 0, 64 * MB, "The longest request body, which is read and discarded."),
    NUMBER("limits", "connections", OPTION_INTEGER, LIVE, connections, "10000", 1, 1000000, "Client connections at the same time."),
    NUMBER("limits", "connections_per_address", OPTION_INTEGER, LIVE, connections_per_address, "1000", 1, 1000000, "Of these, from one address."),
    NUMBER("limits", "header_timeout", OPTION_DURATION, LIVE, header_timeout_us, "10s", 100 * MS, 3600 * SEC, "How long a request's head may take to arrive, and its body."),
    NUMBER("limits", "idle_timeout", OPTION_DURATION, LIVE, idle_timeout_us, "60s", 100 * MS, 24 * 3600 * SEC, "How long a connection may wait for its next request."),
    NUMBER("limits", "write_timeout", OPTION_DURATION, LIVE, write_timeout_us, "30s", 100 * MS, 3600 * SEC, "How long a client may take nothing of its answer."),
};
const size_t SETTINGS_COUNT = sizeof(SETTINGS_TABLE) / sizeof(SETTINGS_TABLE[0]);

#undef ROW
#define ROW(name, type, flags, field, preset, low, high, choices, help) \
    {"client NAME", name, type, flags, offsetof(struct client_settings, field), preset, low, high, choices, help}

const struct option SETTINGS_CLIENT_TABLE[] = {
    ROW("key", OPTION_TEXT, LIVE | OPTION_SECRET, key, "", 0, 0, NULL, "sha256:HEX of each API key; several while keys are rotated."),
    ROW("cert", OPTION_TEXT, LIVE, cert, "", 0, 0, NULL, "sha256:HEX of each client certificate, in DER: another way for the client to name itself."),
    ROW("rate", OPTION_RATE, LIVE, rate, "unlimited", 1, 1000000, NULL, "Requests, e.g. 50/s."),
    ROW("burst", OPTION_TEXT, LIVE, burst, "", 0, 0, NULL, "Requests at once after a pause; empty: one second of the rate."),
    ROW("misses", OPTION_RATE, LIVE, misses, "unlimited", 1, 1000000000, NULL, "Searches sent to Nexudus on this client's behalf, e.g. 2000/day (UTC)."),
    ROW("concurrency", OPTION_TEXT, LIVE, concurrency, "unlimited", 0, 0, NULL, "Requests in progress at the same time."),
    ROW("weight", OPTION_INTEGER, LIVE, weight, "1", 1, 1000, NULL, "This client's share of the upstream budget."),
    ROW("businesses", OPTION_TEXT, LIVE, businesses, "all", 0, 0, NULL, "The locations (ids) that it may search."),
    ROW("dry_run", OPTION_FLAG, LIVE, dry_run, "no", 0, 0, NULL, "Count and log refusals, but let the requests through."),
};
const size_t SETTINGS_CLIENT_COUNT = sizeof(SETTINGS_CLIENT_TABLE) / sizeof(SETTINGS_CLIENT_TABLE[0]);
/* clang-format on */
