/* SPDX-License-Identifier: MIT */
/* The operator's window: /healthz, /readyz, /status and /metrics. Changes nothing, asks nobody, and must not know
 * clients. */
#include "admin/status.h"

#include "flow/problem.h"

struct status {
    struct handler handler;
    struct status_parts parts;
    int64_t started_us;
    bool draining;
};

enum { METRICS_MAX = 1024 * 1024 }; /* bytes of an admin answer */

static void put_member(struct buf *out, const char *name, int64_t number)
{
    if (out->bytes[out->length - 1] != '{')
        buf_add_char(out, ',');
    buf_format(out, "\"%s\":", name);
    buf_add_integer(out, number);
}

static void answer_healthz(struct status *status, struct exchange *exchange)
{
    (void)status;
    buf_add_text(&exchange->answer.text, "ok\n");
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "text/plain; charset=utf-8");
}

/* {"ready":true} or {"ready":false,"reasons":[…]}. A gateway that has not logged in yet is ready: it logs in with the
 * first miss. */
static void answer_readyz(struct status *status, struct exchange *exchange)
{
    struct fetcher_view view;
    fetcher_look(status->parts.fetcher, &view);
    const char *reasons[2];
    size_t count = 0;
    if (status->draining)
        reasons[count++] = "draining";
    if (view.token_failing && !view.token_good)
        reasons[count++] = "the login at Nexudus fails";
    struct buf *out = &exchange->answer.text;
    buf_add_text(out, count == 0 ? "{\"ready\":true" : "{\"ready\":false,\"reasons\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(out, ',');
        buf_add_json(out, slice_of(reasons[i]));
    }
    buf_add_text(out, count == 0 ? "}\n" : "]}\n");
    exchange->answer.status = count == 0 ? 200 : 503;
    answer_body_text(&exchange->answer, "application/json");
}

static void answer_status(struct status *status, struct exchange *exchange)
{
    const struct status_parts *parts = &status->parts;
    struct fetcher_view view;
    struct memory_stats store = memory_stats(parts->memory);
    fetcher_look(parts->fetcher, &view);
    struct buf *out = &exchange->answer.text;
    buf_add_text(out, "{\"version\":");
    buf_add_json(out, slice_of(parts->version));
    buf_format(out, ",\"draining\":%s,\"uptime_seconds\":", status->draining ? "true" : "false");
    buf_add_integer(out, (clock_now(parts->clock) - status->started_us) / CLOCK_SECOND);

    buf_add_text(out, ",\"requests\":{");
    put_member(out, "answered", metrics_read(parts->metrics, METRIC_REQUESTS));
    put_member(out, "hits", metrics_read(parts->metrics, METRIC_HITS));
    put_member(out, "misses", metrics_read(parts->metrics, METRIC_MISSES));
    put_member(out, "collapsed", metrics_read(parts->metrics, METRIC_COLLAPSED));
    put_member(out, "over_quota", metrics_read(parts->metrics, METRIC_REFUSED_QUOTA));
    put_member(out, "failed", metrics_read(parts->metrics, METRIC_FAILED));
    put_member(out, "connections", metrics_read(parts->metrics, METRIC_CONNECTIONS_OPEN));

    buf_add_text(out, "},\"store\":{");
    put_member(out, "bytes", (int64_t)store.bytes);
    put_member(out, "entries", (int64_t)store.entries);
    put_member(out, "evictions", (int64_t)store.evictions);

    buf_add_text(out, "},\"upstream\":{");
    put_member(out, "searches", metrics_read(parts->metrics, METRIC_UPSTREAM_SEARCHES));
    put_member(out, "flights", view.flights);
    put_member(out, "queued", view.queued);
    put_member(out, "pause_ms", view.pause_us / CLOCK_MILLISECOND);
    put_member(out, "logins", metrics_read(parts->metrics, METRIC_LOGINS));
    put_member(out, "refreshes", metrics_read(parts->metrics, METRIC_REFRESHES));
    put_member(out, "breaker_wait_ms", view.breaker_wait_us / CLOCK_MILLISECOND);
    buf_format(out, ",\"breaker\":\"%s\"", breaker_state_name(view.breaker));
    buf_format(out, ",\"token_good\":%s,\"token_failing\":%s}}\n", view.token_good ? "true" : "false",
               view.token_failing ? "true" : "false");
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "application/json");
}

static void answer_metrics(struct status *status, struct exchange *exchange)
{
    const struct status_parts *parts = &status->parts;
    struct memory_stats store = memory_stats(parts->memory);
    counters_set(parts->counters, METRIC_STORE_BYTES, (int64_t)store.bytes);
    counters_set(parts->counters, METRIC_STORE_ENTRIES, (int64_t)store.entries);
    counters_set(parts->counters, METRIC_STORE_EVICTIONS, (int64_t)store.evictions);
    metrics_print(parts->metrics, &exchange->answer.text);
    exchange->answer.status = 200;
    answer_body_text(&exchange->answer, "text/plain; version=0.0.4; charset=utf-8");
}

static const struct {
    const char *path;
    void (*answer)(struct status *status, struct exchange *exchange);
} PAGES[] = {
    {"/healthz", answer_healthz},
    {"/readyz", answer_readyz},
    {"/status", answer_status},
    {"/metrics", answer_metrics},
};

static bool start(struct handler *handler, struct exchange *exchange)
{
    struct status *status = MEM_OUTER(handler, struct status, handler);
    const struct request *request = &exchange->request;
    for (size_t i = 0; i < sizeof(PAGES) / sizeof(PAGES[0]); i++) {
        if (!slice_is(request->path, PAGES[i].path))
            continue;
        if (request->method != METHOD_GET && request->method != METHOD_HEAD) {
            answer_field(&exchange->answer, "Allow", slice_of("GET, HEAD"));
            problem_answer(exchange, 405, "only GET and HEAD are served here", NULL);
            return true;
        }
        exchange->answer.text.max = METRICS_MAX;
        answer_field(&exchange->answer, "Cache-Control", slice_of("no-store"));
        PAGES[i].answer(status, exchange);
        return true;
    }
    problem_answer(exchange, 404, "nothing is served at this path", NULL);
    return true;
}

struct status *status_new(const struct status_parts *parts)
{
    struct status *status = mem_new(sizeof(*status));
    status->handler.start = start;
    status->parts = *parts;
    status->started_us = clock_now(parts->clock);
    return status;
}

void status_free(struct status *status)
{
    mem_free(status);
}

struct handler *status_handler(struct status *status)
{
    return &status->handler;
}

void status_drain(struct status *status)
{
    status->draining = true;
}
