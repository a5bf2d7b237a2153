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

#include "flow/tally.h"

#include <stdlib.h>

static const struct {
    enum step_result (*run)(struct search *search);
    enum exchange_step timed_as;
} STEPS[] = {
    {step_authenticate, STEP_AUTHENTICATE},
    {step_route, STEP_NORMALISE},
    {step_normalise, STEP_NORMALISE},
    {step_quota, STEP_QUOTA},
    {step_gather, STEP_LOOKUP},
    {step_reply, STEP_PAGE},
};

/* Of so many searches one is timed step by step. */
enum { TIMED_IN = 64 };

/* What a pooled search may keep of its buffers, bytes. */
enum { KEPT_MAX = 16 * 1024 };

static struct search *search_take(struct flow *flow)
{
    struct search *search = flow->pool;
    if (search != NULL) {
        flow->pool = search->next;
        flow->pooled--;
        return search;
    }
    search = mem_new(sizeof(*search));
    search->flow = flow;
    buf_init(&search->canonical, 3 * flow->edition->snapshot->options.query_max + 64);
    buf_init(&search->if_none_match, 64 * 1024);
    for (size_t i = 0; i < PAGE_WINDOWS_MAX; i++) {
        buf_init(&search->parts[i].key, KEY_MAX + flow->edition->snapshot->options.key_prefix.length);
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
    struct flow *flow = search->flow;
    exchange->state = NULL;
    search_drop_parts(search);
    if (search->in_progress)
        quota_end(search->client);
    edition_unref(search->edition);
    if (flow->pooled == FLOW_POOL_MAX) {
        search_free(search);
        return;
    }
    keep_or_free(&search->canonical);
    keep_or_free(&search->if_none_match);
    search->next = flow->pool;
    flow->pool = search;
    flow->pooled++;
}

static void time_step(struct search *search)
{
    int64_t now_us = clock_now(search->flow->parts.clock);
    search->exchange->outcome.step_us[STEPS[search->step].timed_as] += now_us - search->step_us;
    search->step_us = now_us;
}

/* True when the answer is made, false when the search waits. */
static bool run_steps(struct search *search)
{
    for (;;) {
        enum step_result result = STEPS[search->step].run(search);
        if (search->exchange->outcome.is_timed)
            time_step(search);
        switch (result) {
        case STEP_NEXT:
            search->step++;
            break;
        case STEP_WAIT:
            search->asked_us = search->exchange->outcome.is_timed ? search->step_us : search->now_us;
            return false;
        case STEP_DONE:
            return true;
        }
    }
}

/* What is asked is sampled: every search of few, one in a stride of many, so that there are about SAMPLES in a
 * SAMPLED_US, by how many there were in the one before. Strides are odd, lest they keep step with those who ask in
 * turn.
 */
static void sample(struct flow *flow, const struct query *query, int64_t now_us)
{
    enum { SAMPLES = 100, SAMPLED_US = 100000 };
    notable_add_hot(flow->parts.notable, query, flow->stride, now_us);
    flow->samples++;
    if (now_us - flow->sampled_us >= SAMPLED_US) {
        flow->stride = (flow->samples * flow->stride / SAMPLES) | 1;
        flow->samples = 0;
        flow->sampled_us = now_us;
    }
    flow->until_sample = flow->stride;
}

static void note(struct flow *flow, const struct exchange *exchange, int64_t now_us)
{
    const struct outcome *outcome = &exchange->outcome;
    if (outcome->query == NULL)
        return;
    if (--flow->until_sample <= 0)
        sample(flow, outcome->query, now_us);
    if (outcome->step_us[STEP_FETCHER] > 0)
        notable_add_slow(flow->parts.notable, exchange, now_us);
}

/* The answer is made: the last moment at which it can be counted before the client knows it. */
static bool finish_answer(struct flow *flow, struct exchange *exchange)
{
    if (!answer_check(exchange))
        exchange->outcome.kind = OUTCOME_FAILED;
    int64_t now_us = clock_now(flow->parts.clock);
    tally_exchange(flow->parts.counters, exchange, now_us);
    note(flow, exchange, now_us);
    return true;
}

void search_resume(struct search *search)
{
    search->step_us = search->now_us = clock_now(search->flow->parts.clock);
    bool at_desk = search->waits_at_desk || STEPS[search->step].timed_as == STEP_QUOTA;
    enum exchange_step waited = search->looking ? STEP_LOOKUP : (at_desk ? STEP_QUOTA : STEP_FETCHER);
    search->exchange->outcome.step_us[waited] += search->now_us - search->asked_us;
    if (run_steps(search) && finish_answer(search->flow, search->exchange))
        search->exchange->on_answer(search->exchange);
}

void search_outcome(struct search *search, enum outcome_kind kind)
{
    search->exchange->outcome.kind = kind;
}

/* Liveness needs no key and touches nothing: it says that this thread turns. */
static bool answer_healthz(struct exchange *exchange)
{
    if (exchange->request.method != METHOD_GET && exchange->request.method != METHOD_HEAD) {
        answer_field(&exchange->answer, "Allow", slice_of("GET, HEAD"));
        exchange->outcome.kind = OUTCOME_INVALID;
        problem_answer(exchange, 405, "only GET and HEAD are served here", NULL);
        return true;
    }
    exchange->outcome.kind = OUTCOME_HEALTH;
    exchange->answer.status = 200;
    buf_add_text(&exchange->answer.text, "ok\n");
    answer_body_text(&exchange->answer, "text/plain; charset=utf-8");
    return true;
}

static bool start(struct handler *handler, struct exchange *exchange)
{
    struct flow *flow = MEM_OUTER(handler, struct flow, handler);
    if (slice_is(exchange->request.path, "/healthz"))
        return answer_healthz(exchange) && finish_answer(flow, exchange);
    struct search *search = search_take(flow);
    search->edition = edition_ref(flow->edition);
    search->options = &flow->edition->snapshot->options;
    search->exchange = exchange;
    search->step = 0;
    search->step_us = search->now_us = exchange->request.came_us;
    search->client = NULL;
    search->in_progress = false;
    search->schema = NULL;
    search->asked = search->looking = false;
    search->charge = QUOTA_OK;
    search->charges = 0;
    search->waits_at_desk = search->is_paid_ahead = search->is_refused_ahead = false;
    exchange->state = search;
    exchange->on_finish = on_finish;
    if (++flow->searches % TIMED_IN == 0)
        exchange->outcome.is_timed = true;
    return run_steps(search) && finish_answer(flow, exchange);
}

/* NULL where there is nobody to share with. */
static struct shared *share(const struct flow_parts *parts)
{
    if (parts->sharing == NULL || parts->redis == NULL)
        return NULL;
    struct shared_options options = *parts->sharing;
    options.loop = parts->loop;
    options.redis = parts->redis;
    options.memory = parts->memory;
    return shared_new(&options, parts->log, parts->counters);
}

struct flow *flow_new(struct snapshot *snapshot, const struct flow_parts *parts)
{
    struct flow *flow = mem_new(sizeof(*flow));
    flow->handler.start = start;
    flow->stride = 1;
    flow->parts = *parts;
    flow->edition = edition_new(snapshot);
    if (flow->edition == NULL) {
        mem_free(flow);
        return NULL;
    }
    flow->page_memo = page_memo_new();
    flow->shared = share(parts);
    return flow;
}

void flow_change(struct flow *flow, struct edition *edition)
{
    edition_unref(flow->edition);
    flow->edition = edition;
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
    shared_free(flow->shared);
    page_memo_free(flow->page_memo);
    edition_unref(flow->edition);
    mem_free(flow);
}

struct handler *flow_handler(struct flow *flow)
{
    return &flow->handler;
}
