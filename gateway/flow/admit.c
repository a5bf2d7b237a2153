/* SPDX-License-Identifier: MIT */
/* The first steps of a search: who asks, what for, and whether they may. Nothing here waits but for the fleet's quota,
 * and nothing is looked up yet. */
#include "flow/search.h"

#include "flow/prefer.h"

static enum step_result refuse_key(struct search *search, const char *challenge, const char *detail)
{
    answer_field(&search->exchange->answer, "WWW-Authenticate", slice_of(challenge));
    search_outcome(search, OUTCOME_UNAUTHORIZED);
    return search_fail(search, 401, -1, detail, NULL);
}

enum step_result step_authenticate(struct search *search)
{
    const struct request *request = &search->exchange->request;
    const struct auth_credentials shown = {request->authorization, request->api_key, request->certificate};
    switch (auth_check(search->edition->auth, &shown, &search->client)) {
    case AUTH_KNOWN:
        search->exchange->outcome.client = search->client->name;
        search->exchange->outcome.client_number = search->client->number;
        return STEP_NEXT;
    case AUTH_MISSING:
        return refuse_key(
            search, "Bearer realm=\"nexgate\"",
            "no API key: send it as Authorization: Bearer KEY, as X-API-Key: KEY, or as the password of Basic");
    case AUTH_INVALID:
        break;
    }
    return refuse_key(search, "Bearer realm=\"nexgate\", error=\"invalid_token\"", "the API key is not known here");
}

void search_look_at_quota(struct search *search)
{
    int64_t wall_us = search->client->policy.has_misses ? clock_wall(search->flow->parts.clock) : 0;
    quota_look(search->client, search->now_us, wall_us, &search->quota);
}

enum step_result step_route(struct search *search)
{
    const struct request *request = &search->exchange->request;
    search->schema = schema_set_by_path(search->edition->snapshot->schemas, request->path);
    if (search->schema == NULL) {
        search_look_at_quota(search);
        search_outcome(search, OUTCOME_NOT_FOUND);
        return search_fail(search, 404, -1, "nothing is served at this path", NULL);
    }
    if (request->method != METHOD_GET && request->method != METHOD_HEAD) {
        search_look_at_quota(search);
        answer_field(&search->exchange->answer, "Allow", slice_of("GET, HEAD"));
        search_outcome(search, OUTCOME_INVALID);
        return search_fail(search, 405, -1, "only GET and HEAD are served here", NULL);
    }
    return STEP_NEXT;
}

static enum query_verdict read_query(struct search *search, struct query_error *error)
{
    struct query_memo *memo = search->edition->query_memo;
    const struct scope *scope = &search->client->scope;
    struct slice raw = search->exchange->request.query;
    if (query_memo_recall(memo, search->schema, scope, raw, &search->canonical, &search->query))
        return QUERY_OK;
    enum query_verdict verdict = query_normalise(search->schema, scope, raw, &search->canonical, &search->query, error);
    if (verdict == QUERY_OK)
        query_memo_keep(memo, scope, raw, &search->query);
    return verdict;
}

enum step_result step_normalise(struct search *search)
{
    const struct request *request = &search->exchange->request;
    struct query_error error;
    enum query_verdict verdict = read_query(search, &error);
    if (verdict == QUERY_OK) {
        search->exchange->outcome.query = &search->query;
        search->patience_us = prefer_wait(request->prefer);
        freshness_read(request->cache_control, slice_equal_nocase(request->pragma, slice_of("no-cache")),
                       &search->directives);
        return STEP_NEXT;
    }
    search_look_at_quota(search);
    if (verdict == QUERY_NO_MEMORY) {
        search_outcome(search, OUTCOME_FAILED);
        return search_fail(search, 503, CLOCK_SECOND, error.detail, NULL);
    }
    struct problem_extra extra = {.query = &error};
    if (verdict == QUERY_FORBIDDEN) {
        search_outcome(search, OUTCOME_FORBIDDEN);
        return search_fail(search, 403, -1, error.detail, &extra);
    }
    search_outcome(search, OUTCOME_INVALID);
    return search_fail(search, 400, -1, error.detail, &extra);
}

/* A dry run can refuse thousands of times a second; one line a second says how often it did. */
void search_log_dry_run(struct search *search)
{
    struct flow *flow = search->flow;
    counters_add(flow->parts.counters, METRIC_QUOTA_DRY_RUN, 1);
    flow->dry_run_unlogged++;
    if (flow->dry_run_logged_us != 0 && search->now_us - flow->dry_run_logged_us < CLOCK_SECOND)
        return;
    log_write(flow->parts.log, LOG_LEVEL_INFO, "dry run: this request is over quota",
              LOG_FIELDS(LOG_TEXT("client", search->client->name), LOG_NUMBER("refusals", flow->dry_run_unlogged)));
    flow->dry_run_logged_us = search->now_us;
    flow->dry_run_unlogged = 0;
}

/* With a desk: QUOTA_WAIT at first, when this process has nothing in hand; the verdict when the search is resumed. */
static enum quota_verdict begin_at_desk(struct search *search, int64_t *retry_us)
{
    struct flow_parts *parts = &search->flow->parts;
    struct quota_waiter *waiter = &search->waiter;
    enum quota_verdict verdict = waiter->verdict;
    if (search->waits_at_desk) {
        search->waits_at_desk = false;
        *retry_us = waiter->retry_us;
    } else {
        waiter->reply_to = parts->mailbox;
        waiter->on_verdict = search_on_verdict;
        /* The clock anew: a lease must not be spent after its end because the thread was stopped since the head came.
         */
        verdict = quota_desk_begin(parts->desk, search->client, clock_now(parts->clock), waiter, retry_us);
        search->waits_at_desk = verdict == QUOTA_WAIT;
    }
    if (verdict == QUOTA_WAIT) {
        search_keep_request(search);
        return verdict;
    }
    search_look_at_quota(search);
    if (verdict == QUOTA_RATE)
        search->quota.rate_left = 0; /* what is left elsewhere cannot be had now */
    return verdict;
}

static enum quota_verdict begin(struct search *search, int64_t *retry_us)
{
    struct client *client = search->client;
    if (search->flow->parts.desk != NULL && (client->policy.has_rate || client->policy.has_misses))
        return begin_at_desk(search, retry_us);
    int64_t wall_us = client->policy.has_misses ? clock_wall(search->flow->parts.clock) : 0;
    return quota_begin(client, search->now_us, wall_us, &search->quota, retry_us);
}

enum step_result step_quota(struct search *search)
{
    int64_t retry_us;
    struct problem_extra extra = {0};
    switch (begin(search, &retry_us)) {
    case QUOTA_WAIT:
        return STEP_WAIT;
    case QUOTA_DRY_RUN:
        search_log_dry_run(search);
        search->in_progress = true;
        return STEP_NEXT;
    case QUOTA_RATE:
        search_outcome(search, OUTCOME_OVER_RATE);
        extra.violated_policy = "rate";
        return search_fail(search, 429, retry_us, "more requests than this client's rate allows", &extra);
    case QUOTA_CONCURRENCY:
        search_outcome(search, OUTCOME_OVER_CONCURRENCY);
        extra.violated_policy = "concurrency";
        return search_fail(search, 429, retry_us,
                           "more requests at the same time than this client may have in progress", &extra);
    case QUOTA_AWAY:
        search_outcome(search, OUTCOME_FAILED);
        return search_fail(search, 503, retry_us, "quotas cannot be counted now", NULL);
    case QUOTA_OK:
    default:
        search->in_progress = true;
        return STEP_NEXT;
    }
}
