/* SPDX-License-Identifier: MIT */
/* From an outcome and a status to the row that counts it. Must not know why anything happened. */
#include "flow/tally.h"

static const char *const NAMES[] = {
    [OUTCOME_OTHER] = "other",
    [OUTCOME_HIT] = "hit",
    [OUTCOME_STALE] = "stale",
    [OUTCOME_COLLAPSED] = "collapsed",
    [OUTCOME_MISS] = "miss",
    [OUTCOME_INVALID] = "invalid",
    [OUTCOME_UNAUTHORIZED] = "unauthorized",
    [OUTCOME_FORBIDDEN] = "forbidden",
    [OUTCOME_NOT_FOUND] = "not_found",
    [OUTCOME_OVER_RATE] = "over_rate",
    [OUTCOME_OVER_MISSES] = "over_misses",
    [OUTCOME_OVER_CONCURRENCY] = "over_concurrency",
    [OUTCOME_FAILED] = "failed",
    [OUTCOME_HEALTH] = "health",
    [OUTCOME_MALFORMED] = "malformed",
};

/* Served ones are the rule, and have two statuses each: they are found without a search. */
static const struct {
    enum client_metric found, not_modified;
    enum histogram duration;
} SERVED[] = {
    [OUTCOME_HIT] = {CLIENT_METRIC_HIT_200, CLIENT_METRIC_HIT_304, HISTOGRAM_REQUEST_HIT},
    [OUTCOME_STALE] = {CLIENT_METRIC_STALE_200, CLIENT_METRIC_STALE_304, HISTOGRAM_REQUEST_STALE},
    [OUTCOME_COLLAPSED] = {CLIENT_METRIC_COLLAPSED_200, CLIENT_METRIC_COLLAPSED_304, HISTOGRAM_REQUEST_COLLAPSED},
    [OUTCOME_MISS] = {CLIENT_METRIC_MISS_200, CLIENT_METRIC_MISS_304, HISTOGRAM_REQUEST_MISS},
};

static const struct {
    enum outcome_kind kind;
    int status;
    enum client_metric metric;
} OTHERS[] = {
    {OUTCOME_INVALID, 400, CLIENT_METRIC_INVALID_400},
    {OUTCOME_INVALID, 405, CLIENT_METRIC_INVALID_405},
    {OUTCOME_UNAUTHORIZED, 401, CLIENT_METRIC_UNAUTHORIZED_401},
    {OUTCOME_FORBIDDEN, 403, CLIENT_METRIC_FORBIDDEN_403},
    {OUTCOME_NOT_FOUND, 404, CLIENT_METRIC_NOT_FOUND_404},
    {OUTCOME_OVER_RATE, 429, CLIENT_METRIC_OVER_RATE_429},
    {OUTCOME_OVER_MISSES, 429, CLIENT_METRIC_OVER_MISSES_429},
    {OUTCOME_OVER_CONCURRENCY, 429, CLIENT_METRIC_OVER_CONCURRENCY_429},
    {OUTCOME_FAILED, 400, CLIENT_METRIC_FAILED_400},
    {OUTCOME_FAILED, 500, CLIENT_METRIC_FAILED_500},
    {OUTCOME_FAILED, 502, CLIENT_METRIC_FAILED_502},
    {OUTCOME_FAILED, 503, CLIENT_METRIC_FAILED_503},
    {OUTCOME_FAILED, 504, CLIENT_METRIC_FAILED_504},
    {OUTCOME_HEALTH, 200, CLIENT_METRIC_HEALTH_200},
    {OUTCOME_MALFORMED, 400, CLIENT_METRIC_MALFORMED_400},
    {OUTCOME_MALFORMED, 408, CLIENT_METRIC_MALFORMED_408},
    {OUTCOME_MALFORMED, 413, CLIENT_METRIC_MALFORMED_413},
    {OUTCOME_MALFORMED, 414, CLIENT_METRIC_MALFORMED_414},
    {OUTCOME_MALFORMED, 417, CLIENT_METRIC_MALFORMED_417},
    {OUTCOME_MALFORMED, 431, CLIENT_METRIC_MALFORMED_431},
    {OUTCOME_MALFORMED, 501, CLIENT_METRIC_MALFORMED_501},
    {OUTCOME_MALFORMED, 503, CLIENT_METRIC_MALFORMED_503},
    {OUTCOME_MALFORMED, 505, CLIENT_METRIC_MALFORMED_505},
};

static bool is_served(enum outcome_kind kind)
{
    return kind >= OUTCOME_HIT && kind <= OUTCOME_MISS;
}

const char *outcome_name(enum outcome_kind kind)
{
    return NAMES[kind];
}

static enum client_metric row_of(enum outcome_kind kind, int status)
{
    if (is_served(kind) && status == 200)
        return SERVED[kind].found;
    if (is_served(kind) && status == 304)
        return SERVED[kind].not_modified;
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++) {
        if (OTHERS[i].kind == kind && OTHERS[i].status == status)
            return OTHERS[i].metric;
    }
    return CLIENT_METRIC_OTHER;
}

static enum histogram duration_of(enum outcome_kind kind)
{
    if (is_served(kind))
        return SERVED[kind].duration;
    return kind == OUTCOME_FAILED ? HISTOGRAM_REQUEST_FAILED : HISTOGRAM_REQUEST_REFUSED;
}

void tally_request(struct counters *counters, uint32_t client, enum outcome_kind kind, int status)
{
    counters_add_client(counters, client, row_of(kind, status), 1);
}

static void observe_steps(struct counters *counters, const struct outcome *outcome)
{
    static const enum histogram STEPS[EXCHANGE_STEPS] = {
        [STEP_AUTHENTICATE] = HISTOGRAM_STEP_AUTHENTICATE,
        [STEP_NORMALISE] = HISTOGRAM_STEP_NORMALISE,
        [STEP_QUOTA] = HISTOGRAM_STEP_QUOTA,
        [STEP_LOOKUP] = HISTOGRAM_STEP_LOOKUP,
        [STEP_FETCHER] = HISTOGRAM_STEP_FETCHER,
        [STEP_PAGE] = HISTOGRAM_STEP_PAGE,
    };
    for (size_t i = 0; i < EXCHANGE_STEPS; i++) {
        if (i == STEP_FETCHER ? outcome->step_us[i] > 0 : outcome->is_timed)
            counters_observe(counters, STEPS[i], outcome->step_us[i]);
    }
}

void tally_exchange(struct counters *counters, struct exchange *exchange, int64_t now_us)
{
    struct outcome *outcome = &exchange->outcome;
    enum outcome_kind kind = outcome->kind;
    int64_t took_us = now_us - exchange->request.came_us;
    outcome->answered_us = now_us;
    enum client_metric row = row_of(kind, exchange->answer.status);
    if (kind == OUTCOME_HEALTH)
        counters_add_client(counters, outcome->client_number, row, 1);
    else
        counters_request(counters, outcome->client_number, row, duration_of(kind), took_us);
    if (outcome->is_timed || outcome->step_us[STEP_FETCHER] > 0)
        observe_steps(counters, outcome);
}

static void add_sum(const struct metrics *metrics, uint32_t client, enum client_metric row, enum outcome_kind kind,
                    int status, struct tally_sums *sums)
{
    int64_t count = metrics_read_client(metrics, client, row);
    sums->total += count;
    sums->outcomes[kind] += count;
    sums->classes[status / 100] += count;
}

static void add_client(const struct metrics *metrics, uint32_t client, struct tally_sums *sums)
{
    if (!metrics_has_client(metrics, client))
        return;
    for (enum outcome_kind kind = OUTCOME_HIT; kind <= OUTCOME_MISS; kind++) {
        add_sum(metrics, client, SERVED[kind].found, kind, 200, sums);
        add_sum(metrics, client, SERVED[kind].not_modified, kind, 304, sums);
    }
    for (size_t i = 0; i < sizeof(OTHERS) / sizeof(OTHERS[0]); i++)
        add_sum(metrics, client, OTHERS[i].metric, OTHERS[i].kind, OTHERS[i].status, sums);
    add_sum(metrics, client, CLIENT_METRIC_OTHER, OUTCOME_OTHER, 0, sums);
}

void tally_sum(struct metrics *metrics, struct tally_sums *sums)
{
    size_t count = metrics_clients(metrics);
    *sums = (struct tally_sums){0};
    for (size_t i = 0; i < count; i++)
        add_client(metrics, (uint32_t)i, sums);
}

void tally_sum_client(const struct metrics *metrics, uint32_t client, struct tally_sums *sums)
{
    *sums = (struct tally_sums){0};
    add_client(metrics, client, sums);
}

void tally_say(struct metrics *metrics, struct log *log)
{
    static const enum metric ANSWERS[] = {METRIC_UPSTREAM_OK,       METRIC_UPSTREAM_THROTTLED, METRIC_UPSTREAM_REFUSED,
                                          METRIC_UPSTREAM_BROKEN,   METRIC_UPSTREAM_OUTAGE,    METRIC_UPSTREAM_TIMEOUT,
                                          METRIC_UPSTREAM_BAD_QUERY};
    struct tally_sums sums;
    int64_t answers = 0;
    tally_sum(metrics, &sums);
    for (size_t i = 0; i < sizeof(ANSWERS) / sizeof(ANSWERS[0]); i++)
        answers += metrics_read(metrics, ANSWERS[i]);
    log_write(log, LOG_LEVEL_INFO, "totals",
              LOG_FIELDS(LOG_NUMBER("requests", sums.total),
                         LOG_NUMBER("connections", metrics_read(metrics, METRIC_CONNECTIONS)),
                         LOG_NUMBER("upstream_searches", metrics_read(metrics, METRIC_UPSTREAM_SEARCHES)),
                         LOG_NUMBER("upstream_answers", answers),
                         LOG_NUMBER("upstream_timeouts", metrics_read(metrics, METRIC_UPSTREAM_TIMEOUT))));
}
