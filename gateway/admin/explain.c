/* SPDX-License-Identifier: MIT */
/* An explanation as JSON. Must not know how it is found. */
#include "admin/explain.h"

#include "admin/json.h"
#include "base/codec.h"
#include "flow/explain.h"
#include "flow/problem.h"
#include "flow/tally.h"

/* More than a request's query may have: what overflows is out of memory. */
enum { QUERY_MAX = 64 * 1024 };

/* What was asked: `client` and `entity` are the page's own parameters, the rest is the search's query. */
struct question {
    struct buf raw, client, entity;
    bool is_good;  /* its escapes are */
    bool is_whole; /* there was memory for it */
};

static void add_pair(struct question *question, struct slice pair)
{
    struct slice value = pair, name;
    struct buf *own = NULL;
    if (slice_cut(&value, '=', &name) && value.at != NULL)
        own = slice_is(name, "client") ? &question->client : slice_is(name, "entity") ? &question->entity : NULL;
    if (own != NULL) {
        question->is_good &= codec_unpercent(value, own) || !buf_ok(own);
        return;
    }
    if (question->raw.length > 0)
        buf_add_char(&question->raw, '&');
    buf_add(&question->raw, pair);
}

static void question_read(struct question *question, struct slice query)
{
    struct slice rest = query, pair;
    buf_init(&question->raw, QUERY_MAX);
    buf_init(&question->client, QUERY_MAX);
    buf_init(&question->entity, QUERY_MAX);
    question->is_good = true;
    while (rest.length > 0 && slice_cut(&rest, '&', &pair)) {
        if (pair.length > 0)
            add_pair(question, pair);
    }
    question->is_whole = buf_ok(&question->raw) && buf_ok(&question->client) && buf_ok(&question->entity);
}

static void question_free(struct question *question)
{
    buf_free(&question->raw);
    buf_free(&question->client);
    buf_free(&question->entity);
}

static void add_windows(struct json *json, const struct explanation *explanation)
{
    json_open_list(json, "windows");
    for (size_t i = 0; i < explanation->window_count; i++) {
        const struct explain_window *window = &explanation->windows[i];
        json_open(json, NULL);
        json_text(json, "key", buf_slice(&window->key));
        json_text(json, "url", buf_slice(&window->url));
        json_text(json, "state", slice_of(explain_state_name(window->state)));
        if (window->is_stored) {
            json_integer(json, "age_s", window->age_us / CLOCK_SECOND);
            json_integer(json, "ttl_s", window->ttl_us / CLOCK_SECOND - window->age_us / CLOCK_SECOND);
            json_integer(json, "records", window->records);
            json_flag(json, "served_if_nexudus_fails", window->is_fallback || window->state == EXPLAIN_STALE);
        }
        json_close(json);
    }
    json_close_list(json);
}

static void add_error(struct json *json, const struct query_error *error)
{
    json_open(json, "error");
    json_text(json, "detail", slice_of(error->detail));
    if (error->parameter[0] != '\0')
        json_text(json, "parameter", slice_of(error->parameter));
    if (error->has_value)
        json_text(json, "value", slice_of(error->value));
    if (error->expected[0] != '\0')
        json_text(json, "expected", slice_of(error->expected));
    json_close(json);
}

static void add_client(struct json *json, const struct client *client, const struct explanation *explanation)
{
    const struct client_policy *policy = &client->policy;
    const struct quota_view *quota = &explanation->quota;
    json_open(json, "client");
    json_text(json, "name", client->name);
    json_flag(json, "dry_run", policy->dry_run);
    if (policy->has_rate) {
        json_integer(json, "rate_left", quota->rate_left);
        json_integer(json, "rate_full_s", clock_seconds_up(quota->rate_full_us));
    }
    if (policy->has_misses) {
        json_integer(json, "misses_left", quota->misses_left);
        json_integer(json, "misses_next_s", clock_seconds_up(quota->misses_next_us));
    }
    json_close(json);
}

static void add_upstream(struct json *json, const struct fetcher_view *view)
{
    json_open(json, "upstream");
    json_integer(json, "budget_left", view->budget_left);
    json_integer(json, "queued", view->queued);
    json_integer(json, "pause_ms", view->pause_us / CLOCK_MILLISECOND);
    json_text(json, "breaker", slice_of(breaker_state_name(view->breaker)));
    json_integer(json, "wait_ms", view->wait_us / CLOCK_MILLISECOND);
    json_close(json);
}

static void answer(struct exchange *exchange, const struct client *client, const struct explanation *explanation)
{
    struct json json;
    json_begin(&json, &exchange->answer.text);
    json_integer(&json, "status", explanation->status);
    json_text(&json, "outcome", slice_of(outcome_name(explanation->outcome)));
    if (explanation->verdict != QUERY_OK) {
        add_error(&json, &explanation->error);
    } else {
        json_text(&json, "entity", explanation->query.schema->entity);
        json_text(&json, "canonical", explanation->query.canonical);
        json_integer(&json, "page", explanation->query.page);
        json_integer(&json, "size", explanation->query.size);
        add_windows(&json, explanation);
        json_open(&json, "price");
        json_integer(&json, "rate", 1);
        json_integer(&json, "misses", explanation->fetches);
        json_integer(&json, "misses_at_most", explanation->fetches_max);
        json_close(&json);
    }
    if (client != NULL)
        add_client(&json, client, explanation);
    add_upstream(&json, &explanation->upstream);
    json_end(&json);
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "application/json");
}

bool explain_answer(struct admin *admin, struct exchange *exchange)
{
    const struct admin_parts *parts = &admin->parts;
    struct question question;
    question_read(&question, exchange->request.query);
    struct slice entity = question.entity.length > 0 ? buf_slice(&question.entity) : slice_of("webhooks");
    const struct schema *schema = schema_set_by_entity(parts->schemas, entity);
    struct client *client =
        question.client.length > 0 ? roster_by_name(parts->roster, buf_slice(&question.client)) : NULL;
    if (!question.is_whole) {
        problem_answer(exchange, 503, "out of memory", NULL);
    } else if (!question.is_good) {
        problem_answer(exchange, 400, "the question cannot be read", NULL);
    } else if (schema == NULL) {
        problem_answer(exchange, 400, "no schema describes this entity", NULL);
    } else if (client == NULL && question.client.length > 0) {
        problem_answer(exchange, 400, "no client has this name", NULL);
    } else {
        struct explanation explanation;
        const struct explain_parts own = {parts->clock, parts->options, parts->memory, parts->fetcher, parts->url};
        explain_make(&own, schema, client, buf_slice(&question.raw), &explanation);
        if (explanation.verdict == QUERY_NO_MEMORY)
            problem_answer(exchange, 503, "out of memory", NULL);
        else
            answer(exchange, client, &explanation);
        explain_free(&explanation);
    }
    question_free(&question);
    return true;
}
