/* SPDX-License-Identifier: MIT */
/* The steps of a search without their effects. Must not know how it is shown. */
#include "flow/explain.h"

#include "cache/freshness.h"
#include "upstream/nexudus.h"

enum { URL_MAX = 64 * 1024 };

const char *explain_state_name(enum explain_state state)
{
    static const char *const NAMES[] = {
        [EXPLAIN_HIT] = "hit", [EXPLAIN_STALE] = "stale", [EXPLAIN_MISS] = "miss", [EXPLAIN_UNSURE] = "unsure"};
    return NAMES[state];
}

/* A request without directives of its own: as flow/gather.c judges, but that Redis is not asked. */
static void judge(const struct explain_parts *parts, const struct entry *entry, int64_t now_us,
                  struct explain_window *window)
{
    const struct flow_options *options = parts->options;
    unsigned link = memory_link(parts->memory);
    bool is_cut_off = link != MEMORY_ALONE && !memory_link_is_up(link);
    int64_t age_us = entry_age(entry, now_us), ttl_us = entry_ttl(entry, options->ttl_us);
    bool at_once = options->ttl_us > 0 && !is_cut_off && age_us < ttl_us + options->stale_while_revalidate_us;
    window->is_stored = true;
    window->age_us = age_us;
    window->ttl_us = ttl_us;
    window->records = (int64_t)entry->envelope.record_count;
    if (age_us < ttl_us)
        window->state = EXPLAIN_HIT;
    else if (at_once)
        window->state = EXPLAIN_STALE;
    else
        window->is_fallback = age_us < ttl_us + options->stale_if_error_us;
}

/* The second window is needed only where the first says that its page goes on. */
static bool is_needed(const struct page_plan *plan, size_t index, const struct entry *first)
{
    return index == 0 || first == NULL || page_needs_second(plan, &first->envelope);
}

static void look_at_windows(const struct explain_parts *parts, const struct page_plan *plan, int64_t now_us,
                            struct explanation *explanation)
{
    struct entry *first = NULL;
    for (size_t i = 0; i < plan->window_count && is_needed(plan, i, first); i++) {
        struct explain_window *window = &explanation->windows[explanation->window_count++];
        key_make(&window->key, parts->options->key_prefix, explanation->query.schema, explanation->query.canonical,
                 plan->windows[i]);
        if (!buf_ok(&window->key)) {
            explanation->verdict = QUERY_NO_MEMORY;
            break;
        }
        if (!nexudus_url(&window->url, parts->url, explanation->query.schema, explanation->query.canonical,
                         plan->windows[i]))
            buf_reset(&window->url);
        struct entry *entry = memory_peek(parts->memory, buf_slice(&window->key));
        window->state = i > 0 && first == NULL ? EXPLAIN_UNSURE : EXPLAIN_MISS;
        if (entry != NULL)
            judge(parts, entry, now_us, window);
        explanation->fetches += window->state == EXPLAIN_MISS;
        explanation->fetches_max += window->state == EXPLAIN_MISS || window->state == EXPLAIN_UNSURE;
        if (i == 0)
            first = entry;
        else
            entry_unref(entry);
    }
    entry_unref(first);
}

static void look_at_quota(const struct explain_parts *parts, struct client *client, int64_t now_us,
                          struct explanation *explanation)
{
    const struct client_policy *policy = &client->policy;
    quota_look(client, now_us, clock_wall(parts->clock), &explanation->quota);
    if (policy->has_rate && explanation->quota.rate_left < 1)
        explanation->quota_verdict = policy->dry_run ? QUOTA_DRY_RUN : QUOTA_RATE;
    else if (policy->has_misses && explanation->quota.misses_left < explanation->fetches)
        explanation->quota_verdict = policy->dry_run ? QUOTA_DRY_RUN : QUOTA_MISSES;
}

static void conclude(struct explanation *explanation)
{
    explanation->status = 200;
    explanation->outcome = OUTCOME_HIT;
    if (explanation->quota_verdict == QUOTA_RATE || explanation->quota_verdict == QUOTA_MISSES) {
        explanation->status = 429;
        explanation->outcome = explanation->quota_verdict == QUOTA_RATE ? OUTCOME_OVER_RATE : OUTCOME_OVER_MISSES;
        return;
    }
    for (size_t i = 0; i < explanation->window_count; i++) {
        enum explain_state state = explanation->windows[i].state;
        if (state == EXPLAIN_MISS || state == EXPLAIN_UNSURE)
            explanation->outcome = OUTCOME_MISS;
        else if (state == EXPLAIN_STALE && explanation->outcome == OUTCOME_HIT)
            explanation->outcome = OUTCOME_STALE;
    }
}

void explain_make(const struct explain_parts *parts, const struct schema *schema, struct client *client,
                  struct slice raw, struct explanation *explanation)
{
    static const struct scope EVERYWHERE = {.all = true};
    int64_t now_us = clock_now(parts->clock);
    *explanation = (struct explanation){.status = 400, .outcome = OUTCOME_INVALID};
    buf_init(&explanation->canonical, 3 * raw.length + 64);
    for (size_t i = 0; i < PAGE_WINDOWS_MAX; i++) {
        buf_init(&explanation->windows[i].key, KEY_MAX + parts->options->key_prefix.length);
        buf_init(&explanation->windows[i].url, URL_MAX);
    }
    fetcher_look(parts->fetcher, &explanation->upstream);
    explanation->verdict = query_normalise(schema, client != NULL ? &client->scope : &EVERYWHERE, raw,
                                           &explanation->canonical, &explanation->query, &explanation->error);
    if (explanation->verdict == QUERY_FORBIDDEN) {
        explanation->status = 403;
        explanation->outcome = OUTCOME_FORBIDDEN;
    }
    if (explanation->verdict != QUERY_OK)
        return;
    struct page_plan plan;
    page_plan(&plan, explanation->query.page, explanation->query.size, parts->options->window,
              fetcher_cap(parts->fetcher, schema));
    look_at_windows(parts, &plan, now_us, explanation);
    if (explanation->verdict != QUERY_OK)
        return;
    if (client != NULL)
        look_at_quota(parts, client, now_us, explanation);
    conclude(explanation);
}

void explain_free(struct explanation *explanation)
{
    buf_free(&explanation->canonical);
    for (size_t i = 0; i < PAGE_WINDOWS_MAX; i++) {
        buf_free(&explanation->windows[i].key);
        buf_free(&explanation->windows[i].url);
    }
}
