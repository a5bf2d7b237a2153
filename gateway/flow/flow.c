/* SPDX-License-Identifier: MIT */
/* The life of a search: the steps in their order, and only the order.
 *
 *   authenticate → route → normalise → quota → gather → reply
 *                                                │  ▲
 *                                                ▼  │ an ask to the fetcher, and its answer
 *                                               wait
 *
 * Each step says next, wait or done. A search that waits is resumed, on its own thread, at the step that waited. Must
 * not know sockets, nor what any step decides. */
#include "flow/search.h"

#include <stdlib.h>

static const struct {
    const char *name;
    enum step_result (*run)(struct search *search);
} STEPS[] = {
    {"authenticate", step_authenticate},
    {"route", step_route},
    {"normalise", step_normalise},
    {"quota", step_quota},
    {"gather", step_gather},
    {"reply", step_reply},
};

/* What a pooled search may keep of its buffers, bytes. */
enum { KEPT_MAX = 16 * 1024 };

static struct search *search_take(struct flow *flow)
{
    struct search *search = flow->pool;
    if (search != NULL) {
        flow->pool = search->next;
        return search;
    }
    search = mem_new(sizeof(*search));
    search->flow = flow;
    buf_init(&search->canonical, 3 * flow->options.query_max + 64);
    buf_init(&search->if_none_match, 64 * 1024);
    for (size_t i = 0; i < PAGE_WINDOWS_MAX; i++) {
        buf_init(&search->parts[i].key, KEY_MAX + flow->options.key_prefix.length);
        buf_reserve(&search->parts[i].key); /* a key that could be cut would be another's */
    }
    return search;
}

static void search_free(struct search *search)
{
    buf_free(&search->canonical);
    buf_free(&search->if_none_match);
    for (size_t i = 0; i < PAGE_WINDOWS_MAX; i++)
        buf_free(&search->parts[i].key);
    mem_free(search);
}

static void keep_or_free(struct buf *buf)
{
    if (buf->capacity > KEPT_MAX)
        buf_free(buf);
    else
        buf_reset(buf);
}

/* The answer was sent, or never will be: gives back all that the search held. */
static void on_finish(struct exchange *exchange)
{
    struct search *search = exchange->state;
    exchange->state = NULL;
    search_drop_parts(search);
    if (search->in_progress)
        quota_end(search->client);
    keep_or_free(&search->canonical);
    keep_or_free(&search->if_none_match);
    search->next = search->flow->pool;
    search->flow->pool = search;
}

/* True when the answer is made, false when the search waits. */
static bool run_steps(struct search *search)
{
    for (;;) {
        switch (STEPS[search->step].run(search)) {
        case STEP_NEXT:
            search->step++;
            break;
        case STEP_WAIT:
            return false;
        case STEP_DONE:
            return true;
        }
    }
}

void search_resume(struct search *search)
{
    search->now_us = clock_now(search->flow->parts.clock);
    if (run_steps(search))
        search->exchange->on_answer(search->exchange);
}

void search_outcome(struct search *search, enum metric metric, const char *result)
{
    counters_add(search->flow->parts.counters, metric, 1);
    search->exchange->outcome.result = result;
}

/* Liveness needs no key and touches nothing: it says that this thread turns. */
static bool answer_healthz(struct exchange *exchange)
{
    if (exchange->request.method != METHOD_GET && exchange->request.method != METHOD_HEAD) {
        answer_field(&exchange->answer, "Allow", slice_of("GET, HEAD"));
        problem_answer(exchange, 405, "only GET and HEAD are served here", NULL);
        return true;
    }
    exchange->answer.status = 200;
    buf_add_text(&exchange->answer.text, "ok\n");
    answer_body_text(&exchange->answer, "text/plain; charset=utf-8");
    return true;
}

static bool start(struct handler *handler, struct exchange *exchange)
{
    struct flow *flow = MEM_OUTER(handler, struct flow, handler);
    counters_add(flow->parts.counters, METRIC_REQUESTS, 1);
    if (slice_is(exchange->request.path, "/healthz"))
        return answer_healthz(exchange);
    struct search *search = search_take(flow);
    search->exchange = exchange;
    search->step = 0;
    search->now_us = exchange->request.came_us;
    search->client = NULL;
    search->in_progress = false;
    search->schema = NULL;
    search->asked = false;
    search->charge = QUOTA_OK;
    search->charges = 0;
    exchange->state = search;
    exchange->on_finish = on_finish;
    return run_steps(search);
}

struct flow *flow_new(const struct flow_options *options, const struct flow_parts *parts)
{
    struct flow *flow = mem_new(sizeof(*flow));
    flow->handler.start = start;
    flow->options = *options;
    flow->parts = *parts;
    flow->auth = auth_new(parts->roster);
    flow->query_memo = query_memo_new();
    flow->page_memo = page_memo_new();
    return flow;
}

void flow_free(struct flow *flow)
{
    if (flow == NULL)
        return;
    while (flow->pool != NULL) {
        struct search *next = flow->pool->next;
        search_free(flow->pool);
        flow->pool = next;
    }
    page_memo_free(flow->page_memo);
    query_memo_free(flow->query_memo);
    auth_free(flow->auth);
    mem_free(flow);
}

struct handler *flow_handler(struct flow *flow)
{
    return &flow->handler;
}
