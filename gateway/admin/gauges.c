/* SPDX-License-Identifier: MIT */
/* Gauges that are true at the moment of a scrape. */
#include "admin/gauges.h"

#include "base/metrics_text.h"
#include "client/quota.h"
#include "upstream/fetcher_view.h"

static void look_at_upstream(struct admin *admin)
{
    struct counters *counters = admin->parts.counters;
    struct fetcher_view view;
    fetcher_look(admin->parts.fetcher, &view);
    counters_set(counters, METRIC_BUDGET_LEFT, view.budget_left);
    counters_set(counters, METRIC_PAUSE, view.pause_us);
    counters_set(counters, METRIC_TOKEN_GOOD, view.token_good);
    counters_set(counters, METRIC_TOKEN_AGE, view.token_age_us);
    counters_set(counters, METRIC_TOKEN_EXPIRY, view.token_expires_us);
    counters_set(counters, METRIC_TOKEN_RENEWAL, view.token_renew_us);
}

static void look_at_store(struct admin *admin)
{
    struct counters *counters = admin->parts.counters;
    struct memory_stats store = memory_stats(admin->parts.memory);
    counters_set(counters, METRIC_STORE_BYTES, (int64_t)store.bytes);
    counters_set(counters, METRIC_STORE_ENTRIES, (int64_t)store.entries);
    counters_set(counters, METRIC_STORE_EVICTIONS, (int64_t)store.evictions);
}

static void look_at_clients(struct admin *admin)
{
    struct counters *counters = admin->parts.counters;
    int64_t now_us = clock_now(admin->parts.clock), wall_us = clock_wall(admin->parts.clock);
    struct client *client;
    counters_forget_clients(counters);
    for (size_t i = 0; (client = roster_at(admin->parts.roster, i)) != NULL; i++) {
        struct quota_view quota;
        if (!client->policy.has_rate && !client->policy.has_misses)
            continue;
        quota_look(client, now_us, wall_us, &quota);
        if (client->policy.has_rate)
            counters_set_client(counters, client->number, CLIENT_METRIC_RATE_LEFT, quota.rate_left);
        if (client->policy.has_misses)
            counters_set_client(counters, client->number, CLIENT_METRIC_MISSES_LEFT, quota.misses_left);
    }
}

void gauges_look(struct admin *admin)
{
    look_at_upstream(admin);
    look_at_store(admin);
    look_at_clients(admin);
    counters_set(admin->parts.counters, METRIC_UPTIME, clock_now(admin->parts.clock) - admin->started_us);
}

bool gauges_answer(struct admin *admin, struct exchange *exchange)
{
    gauges_look(admin);
    metrics_print(admin->parts.metrics, &exchange->answer.text);
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "text/plain; version=0.0.4; charset=utf-8");
    return true;
}
