/* SPDX-License-Identifier: MIT */
/* What an operator, or the dashboard, wants to see at a glance. Tells no secret and no query's sensitive values. */
#include "admin/status.h"

#include "admin/json.h"
#include "client/quota.h"
#include "flow/tally.h"

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
    json_end(&json);
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "application/json");
    return true;
}
