/* SPDX-License-Identifier: MIT */
/* What an operator, or the dashboard, wants to see at a glance. Tells no secret and no query's sensitive values. */
#include "admin/status.h"

#include "admin/json.h"
#include "client/quota.h"
#include "flow/tally.h"
#include "upstream/fetcher_view.h"

enum { STATUS_CLIENTS_MAX = 100, STATUS_QUERIES_MAX = 12 };

static void add_requests(struct admin *admin, struct json *json)
{
    struct tally_sums sums;
    tally_sum(admin->parts.metrics, &sums);
    json_open(json, "requests");
    json_integer(json, "total", sums.total);
    json_open(json, "outcomes");
    for (size_t i = 0; i < OUTCOME_KINDS; i++)
        json_integer(json, outcome_name((enum outcome_kind)i), sums.outcomes[i]);
    json_close(json);
    json_open(json, "statuses");
    for (size_t i = 2; i < TALLY_CLASSES; i++) {
        const char name[] = {(char)('0' + i), 'x', 'x', '\0'};
        json_integer(json, name, sums.classes[i]);
    }
    json_close(json);
    json_integer(json, "connections", metrics_read(admin->parts.metrics, METRIC_CONNECTIONS_OPEN));
    json_close(json);
}

/* Bucket by bucket, so that whoever polls can take the difference and find the percentiles of a time of his own. */
static void add_histogram(struct admin *admin, struct json *json, const char *name, enum histogram histogram)
{
    struct histogram_view view;
    metrics_read_histogram(admin->parts.metrics, histogram, &view);
    json_open(json, name);
    json_integer(json, "count", view.count);
    json_integer(json, "sum_us", view.sum_us);
    json_open_list(json, "counts");
    for (size_t i = 0; i <= HISTOGRAM_BUCKETS; i++)
        json_integer(json, NULL, view.counts[i]);
    json_close_list(json);
    json_close(json);
}

static void add_durations(struct admin *admin, struct json *json)
{
    json_open(json, "durations");
    json_integer(json, "first_end_us", INT64_C(1) << HISTOGRAM_FIRST_POWER);
    add_histogram(admin, json, "hit", HISTOGRAM_REQUEST_HIT);
    add_histogram(admin, json, "stale", HISTOGRAM_REQUEST_STALE);
    add_histogram(admin, json, "collapsed", HISTOGRAM_REQUEST_COLLAPSED);
    add_histogram(admin, json, "miss", HISTOGRAM_REQUEST_MISS);
    add_histogram(admin, json, "refused", HISTOGRAM_REQUEST_REFUSED);
    add_histogram(admin, json, "failed", HISTOGRAM_REQUEST_FAILED);
    add_histogram(admin, json, "upstream", HISTOGRAM_UPSTREAM_DURATION);
    json_close(json);
}

static void add_store(struct admin *admin, struct json *json)
{
    struct memory_stats store = memory_stats(admin->parts.memory);
    json_open(json, "store");
    json_integer(json, "bytes", (int64_t)store.bytes);
    json_integer(json, "entries", (int64_t)store.entries);
    json_integer(json, "evictions", (int64_t)store.evictions);
    json_integer(json, "bytes_max", admin->parts.memory_bytes);
    json_close(json);
}

static void add_upstream(struct admin *admin, struct json *json)
{
    const struct metrics *metrics = admin->parts.metrics;
    struct fetcher_view view;
    fetcher_look(admin->parts.fetcher, &view);
    json_open(json, "upstream");
    json_integer(json, "searches", metrics_read(metrics, METRIC_UPSTREAM_SEARCHES));
    json_integer(json, "throttled", metrics_read(metrics, METRIC_UPSTREAM_THROTTLED));
    json_integer(json, "retries", metrics_read(metrics, METRIC_UPSTREAM_RETRIES));
    json_integer(json, "flights", view.flights);
    json_integer(json, "queued", view.queued);
    json_integer(json, "budget_left", view.budget_left);
    json_integer(json, "pause_ms", view.pause_us / CLOCK_MILLISECOND);
    json_text(json, "breaker", slice_of(breaker_state_name(view.breaker)));
    json_integer(json, "breaker_wait_ms", view.breaker_wait_us / CLOCK_MILLISECOND);
    json_integer(json, "wait_ms", view.wait_us / CLOCK_MILLISECOND);
    json_integer(json, "budget", admin->parts.budget);
    json_integer(json, "budget_interval_ms", admin->parts.budget_interval_us / CLOCK_MILLISECOND);
    json_close(json);
    json_open(json, "token");
    json_flag(json, "good", view.token_good);
    json_flag(json, "failing", view.token_failing);
    json_integer(json, "age_s", view.token_age_us / CLOCK_SECOND);
    json_integer(json, "expires_s", view.token_expires_us / CLOCK_SECOND);
    json_integer(json, "renews_s", view.token_renew_us / CLOCK_SECOND);
    json_integer(json, "logins", metrics_read(metrics, METRIC_LOGINS));
    json_integer(json, "refreshes", metrics_read(metrics, METRIC_REFRESHES));
    json_integer(json, "failures", metrics_read(metrics, METRIC_LOGIN_FAILURES));
    json_close(json);
}

/* The clients that asked most. */
struct busy {
    const struct client *client;
    struct tally_sums sums;
};

static size_t find_busiest(struct admin *admin, struct busy rows[STATUS_CLIENTS_MAX])
{
    const struct client *client;
    size_t count = 0;
    for (size_t i = 0; (client = roster_at(admin->parts.roster, i)) != NULL; i++) {
        struct busy row = {.client = client};
        tally_sum_client(admin->parts.metrics, client->number, &row.sums);
        size_t place = count < STATUS_CLIENTS_MAX ? count++ : STATUS_CLIENTS_MAX;
        for (; place > 0 && rows[place - 1].sums.total < row.sums.total; place--) {
            if (place < STATUS_CLIENTS_MAX)
                rows[place] = rows[place - 1];
        }
        if (place < STATUS_CLIENTS_MAX)
            rows[place] = row;
    }
    return count;
}

static void add_client(struct admin *admin, struct json *json, const struct busy *busy)
{
    const struct client *client = busy->client;
    const struct client_policy *policy = &client->policy;
    const int64_t *outcomes = busy->sums.outcomes;
    int64_t served = outcomes[OUTCOME_HIT] + outcomes[OUTCOME_STALE] + outcomes[OUTCOME_COLLAPSED];
    struct quota_view quota;
    quota_look((struct client *)(uintptr_t)client, clock_now(admin->parts.clock), clock_wall(admin->parts.clock),
               &quota);
    json_open(json, NULL);
    json_text(json, "name", client->name);
    json_integer(json, "requests", busy->sums.total);
    json_integer(json, "served_from_store", served);
    json_integer(json, "misses", outcomes[OUTCOME_MISS]);
    json_integer(json, "failed", outcomes[OUTCOME_FAILED]);
    json_integer(json, "over_quota",
                 outcomes[OUTCOME_OVER_RATE] + outcomes[OUTCOME_OVER_MISSES] + outcomes[OUTCOME_OVER_CONCURRENCY]);
    json_flag(json, "dry_run", policy->dry_run);
    if (policy->has_rate) {
        json_integer(json, "rate_left", quota.rate_left);
        json_integer(json, "rate_burst", policy->rate.burst);
    }
    if (policy->has_misses) {
        json_integer(json, "misses_left", quota.misses_left);
        json_integer(json, "misses_limit", policy->misses.limit);
        json_integer(json, "misses_next_s", clock_seconds_up(quota.misses_next_us));
    }
    json_close(json);
}

static void add_clients(struct admin *admin, struct json *json)
{
    struct busy *rows = mem_new(STATUS_CLIENTS_MAX * sizeof(*rows));
    size_t count = find_busiest(admin, rows), all = count;
    while (roster_at(admin->parts.roster, all) != NULL)
        all++;
    json_integer(json, "clients_configured", (int64_t)all);
    json_open_list(json, "clients");
    for (size_t i = 0; i < count; i++)
        add_client(admin, json, &rows[i]);
    json_close_list(json);
    mem_free(rows);
}

static void add_notable(struct admin *admin, struct json *json)
{
    struct notable_hot hot[STATUS_QUERIES_MAX];
    struct notable_slow slow[STATUS_QUERIES_MAX];
    int64_t now_us = clock_now(admin->parts.clock);
    size_t count = notable_hottest(admin->parts.notable, hot, STATUS_QUERIES_MAX);
    json_open_list(json, "hottest");
    for (size_t i = 0; i < count; i++) {
        json_open(json, NULL);
        json_text(json, "query", slice_of(hot[i].query));
        json_integer(json, "count", hot[i].count);
        json_integer(json, "error", hot[i].error);
        json_close(json);
    }
    json_close_list(json);
    count = notable_slowest(admin->parts.notable, slow, STATUS_QUERIES_MAX, now_us);
    json_open_list(json, "slowest");
    for (size_t i = 0; i < count; i++) {
        json_open(json, NULL);
        json_text(json, "query", slice_of(slow[i].query));
        json_text(json, "client", slice_of(slow[i].client));
        json_text(json, "request", slice_of(slow[i].id));
        json_text(json, "outcome", slice_of(outcome_name(slow[i].outcome)));
        json_integer(json, "status", slow[i].status);
        json_integer(json, "took_us", slow[i].took_us);
        json_integer(json, "fetcher_us", slow[i].fetcher_us);
        json_integer(json, "ago_s", (now_us - slow[i].at_us) / CLOCK_SECOND);
        json_close(json);
    }
    json_close_list(json);
}

static void add_recent(struct admin *admin, struct json *json)
{
    struct log_recent lines[LOG_RECENT];
    int64_t now_us = clock_now(admin->parts.clock);
    size_t count = log_recent(admin->parts.log, lines, LOG_RECENT);
    json_open_list(json, "recent");
    for (size_t i = 0; i < count; i++) {
        json_open(json, NULL);
        json_integer(json, "ago_s", (now_us - lines[i].at_us) / CLOCK_SECOND);
        json_text(json, "level", slice_of(lines[i].level == LOG_LEVEL_WARN ? "warn" : "error"));
        json_text(json, "message", slice_of(lines[i].message));
        json_text(json, "text", slice_of(lines[i].text));
        json_close(json);
    }
    json_close_list(json);
}

bool status_answer(struct admin *admin, struct exchange *exchange)
{
    struct json json;
    json_begin(&json, &exchange->answer.text);
    json_text(&json, "version", slice_of(admin->parts.version));
    json_flag(&json, "draining", admin->draining);
    json_integer(&json, "uptime_s", (clock_now(admin->parts.clock) - admin->started_us) / CLOCK_SECOND);
    add_requests(admin, &json);
    add_durations(admin, &json);
    add_store(admin, &json);
    add_upstream(admin, &json);
    add_clients(admin, &json);
    add_notable(admin, &json);
    add_recent(admin, &json);
    json_end(&json);
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "application/json");
    return true;
}
