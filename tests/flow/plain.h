/* SPDX-License-Identifier: MIT */
/* The login and the fetcher's options that every house of the flow tests begins with, so that a test shows only what is
 * different in it. */
#ifndef NEXGATE_TESTS_FLOW_PLAIN_H
#define NEXGATE_TESTS_FLOW_PLAIN_H

#include "upstream/fetcher.h"

static inline struct token_options plain_login(void)
{
    return (struct token_options){
        .url = "https://nexudus.test/",
        .username = "someone@example.org",
        .password = "s3cret & more",
        .connect_timeout_us = 3 * CLOCK_SECOND,
        .timeout_us = 10 * CLOCK_SECOND,
    };
}

/* A budget that no test spends by accident; no breaker, no retries, no Redis. */
static inline struct fetcher_options plain_fetcher(void)
{
    return (struct fetcher_options){
        .url = "https://nexudus.test/",
        .connect_timeout_us = 3 * CLOCK_SECOND,
        .timeout_us = 10 * CLOCK_SECOND,
        .budget_count = 1000,
        .budget_interval_us = CLOCK_SECOND,
        .max_wait_us = 5 * CLOCK_SECOND,
        .queue = 1000,
        .retry_after_max_us = 10 * CLOCK_SECOND,
        .negative_ttl_us = 5 * CLOCK_SECOND,
        .token = plain_login(),
    };
}

/* The same with Nexudus's own throttle as the budget. */
static inline struct fetcher_options plain_fetcher_throttled(void)
{
    struct fetcher_options options = plain_fetcher();
    options.budget_count = 10;
    options.budget_interval_us = 100 * CLOCK_MILLISECOND;
    return options;
}

#endif
