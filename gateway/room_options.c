/* SPDX-License-Identifier: MIT */
/* From the settings to the small structs that the rooms take. The rooms know no settings, the settings no rooms. */
#include "room_options.h"

enum { UPSTREAM_RETRY_PERCENT = 20 };

struct fetcher_options room_options_fetcher(const struct settings *settings)
{
    return (struct fetcher_options){
        .url = settings->url,
        .connect_timeout_us = settings->connect_timeout_us,
        .timeout_us = settings->timeout_us,
        .budget_count = settings->budget.count,
        .budget_interval_us = settings->budget.period_us,
        .max_wait_us = settings->max_wait_us,
        .queue = settings->queue,
        .retry_after_max_us = settings->retry_after_max_us,
        .retry_percent = UPSTREAM_RETRY_PERCENT,
        .breaker_percent = settings->breaker_failures,
        .breaker_probe_us = settings->breaker_probe_us,
        .negative_ttl_us = settings->negative_ttl_us,
        .token =
            {
                .url = settings->url,
                .username = settings->username,
                .password = settings->password,
                .client_id = settings->client_id,
                .totp_secret = settings->totp_secret,
                .connect_timeout_us = settings->connect_timeout_us,
                .timeout_us = settings->timeout_us,
            },
    };
}

struct front_options room_options_front(const struct settings *settings)
{
    return (struct front_options){
        .limits = {.header_bytes = (size_t)settings->header_bytes,
                   .query_bytes = (size_t)settings->query_bytes,
                   .body_bytes = (size_t)settings->body_bytes},
        .header_timeout_us = settings->header_timeout_us,
        .idle_timeout_us = settings->idle_timeout_us,
        .write_timeout_us = settings->write_timeout_us,
        .access_in = settings->access_in,
    };
}

struct flow_options room_options_flow(const struct settings *settings)
{
    return (struct flow_options){
        .key_prefix = settings->redis_prefix != NULL ? slice_of(settings->redis_prefix) : slice_make("", 0),
        .ttl_us = settings->ttl_us,
        .stale_while_revalidate_us = settings->stale_while_revalidate_us,
        .stale_if_error_us = settings->stale_if_error_us,
        .window = settings->window,
        .query_max = (size_t)settings->query_bytes,
        .quota_timeout_us = settings->redis_timeout_us,
        .quota_on_failure = (enum quota_on_failure)settings->redis_on_failure,
    };
}
