/* SPDX-License-Identifier: MIT */
/* Finds the page, and sees that its caller may have it. Must not know what a page says. */
#include "admin/admin.h"

#include "admin/dashboard.h"
#include "admin/explain.h"
#include "admin/gauges.h"
#include "admin/health.h"
#include "admin/origin.h"
#include "admin/purge.h"
#include "admin/reload.h"
#include "admin/status.h"
#include "flow/problem.h"

enum { TEXT_MAX = 64 * 1024 * 1024 }; /* bytes of an admin answer: metrics of many clients are long */

static const struct admin_page PAGES[] = {
    {"/", ADMIN_READS, dashboard_answer},          {"/healthz", ADMIN_READS, health_answer_live},
    {"/readyz", ADMIN_READS, health_answer_ready}, {"/explain", ADMIN_READS, explain_answer},
    {"/status", ADMIN_READS, status_answer},       {"/metrics", ADMIN_READS, gauges_answer},
    {"/purge", ADMIN_CHANGES, purge_answer},       {"/reload", ADMIN_CHANGES, reload_answer},
};

static bool is_method(const struct admin_page *page, enum exchange_method method)
{
    if (page->methods == ADMIN_CHANGES)
        return method == METHOD_POST;
    return method == METHOD_GET || method == METHOD_HEAD;
}

/* "Bearer KEY" (RFC 6750 section 2.1), by its hash; in constant time. */
static bool has_key(const struct admin *admin, struct slice authorization)
{
    struct slice key = authorization, scheme;
    uint8_t digest[HASH_SHA256_BYTES];
    if (!admin->has_key)
        return true;
    if (key.at == NULL || !slice_cut(&key, ' ', &scheme) || !slice_equal_nocase(scheme, slice_of("Bearer")))
        return false;
    hash_sha256(slice_trim(key), digest);
    return mem_equal_secret(digest, admin->key_digest, sizeof(digest));
}

static bool refuse_method(const struct admin_page *page, struct exchange *exchange)
{
    bool reads = page->methods == ADMIN_READS;
    answer_field(&exchange->answer, "Allow", slice_of(reads ? "GET, HEAD" : "POST"));
    problem_answer(exchange, 405, reads ? "only GET and HEAD are served here" : "only POST is served here", NULL);
    return true;
}

static bool refuse_key(struct exchange *exchange)
{
    bool came = exchange->request.authorization.at != NULL;
    answer_field(
        &exchange->answer, "WWW-Authenticate",
        slice_of(came ? "Bearer realm=\"nexgate admin\", error=\"invalid_token\"" : "Bearer realm=\"nexgate admin\""));
    problem_answer(
        exchange, 401,
        came ? "this is not the admin key" : "what changes state needs the admin key: Authorization: Bearer KEY", NULL);
    return true;
}

/* Where there is a key, it says who asks: no page can send one that its user did not give it. */
static bool refuse_foreign(struct exchange *exchange)
{
    problem_answer(
        exchange, 403,
        "a page of another site may change nothing here: set admin_key and send it, or ask without a browser", NULL);
    return true;
}

static bool start(struct handler *handler, struct exchange *exchange)
{
    struct admin *admin = MEM_OUTER(handler, struct admin, handler);
    const struct request *request = &exchange->request;
    for (size_t i = 0; i < sizeof(PAGES) / sizeof(PAGES[0]); i++) {
        const struct admin_page *page = &PAGES[i];
        if (!slice_is(request->path, page->path))
            continue;
        if (!is_method(page, request->method))
            return refuse_method(page, exchange);
        if (page->methods == ADMIN_CHANGES && !has_key(admin, request->authorization))
            return refuse_key(exchange);
        if (page->methods == ADMIN_CHANGES && !admin->has_key && origin_is_foreign(request))
            return refuse_foreign(exchange);
        exchange->answer.text.max = TEXT_MAX;
        answer_field(&exchange->answer, "Cache-Control", slice_of("no-store"));
        return page->answer(admin, exchange);
    }
    problem_answer(exchange, 404, "nothing is served at this path", NULL);
    return true;
}

struct admin *admin_new(const struct admin_parts *parts)
{
    struct admin *admin = mem_new(sizeof(*admin));
    admin->handler.start = start;
    admin->parts = *parts;
    admin->started_us = clock_now(parts->clock);
    return admin;
}

void admin_free(struct admin *admin)
{
    mem_free(admin);
}

struct handler *admin_handler(struct admin *admin)
{
    return &admin->handler;
}

void admin_change(struct admin *admin, const struct snapshot *snapshot, int64_t budget, int64_t budget_interval_us)
{
    admin->parts.options = &snapshot->options;
    admin->parts.schemas = snapshot->schemas;
    admin->parts.roster = snapshot->roster;
    admin->parts.budget = budget;
    admin->parts.budget_interval_us = budget_interval_us;
    counters_forget_clients(admin->parts.counters);
}

void admin_set_key(struct admin *admin, const uint8_t digest[HASH_SHA256_BYTES])
{
    admin->has_key = digest != NULL;
    if (digest != NULL)
        memcpy(admin->key_digest, digest, sizeof(admin->key_digest));
}

void admin_drain(struct admin *admin)
{
    admin->draining = true;
}
