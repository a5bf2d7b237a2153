/* SPDX-License-Identifier: MIT */
/* Gathers the windows that a page lies in: from memory where the request allows it, else by asking the fetcher. Decides
 * when two windows cannot stand on one page. Must not know how an answer is written. */
#include "flow/search.h"

#include <assert.h>

/* A cap is learnt once or twice; an upstream that names a new one each time is lying. */
enum { REPLANS_MAX = 3 };

static void drop_parts(struct search *search)
{
    for (size_t i = 0; i < PAGE_WINDOWS_MAX; i++) {
        entry_unref(search->parts[i].entry);
        search->parts[i].entry = NULL;
    }
}

static void make_plan(struct search *search)
{
    const struct flow *flow = search->flow;
    int64_t cap = fetcher_cap(flow->parts.fetcher, search->schema);
    drop_parts(search);
    if (search->alone)
        page_plan_alone(&search->plan, search->query.page, search->query.size, cap);
    else
        page_plan(&search->plan, search->query.page, search->query.size, flow->options.window, cap);
}

/* Looks for the part in memory. True when the request takes what is there; else the part's reason says why not. */
static bool take_from_memory(struct search *search, size_t index)
{
    const struct flow *flow = search->flow;
    struct search_part *part = &search->parts[index];
    part->collapsed = part->stored = false;
    key_make(&part->key, flow->options.key_prefix, search->schema, search->query.canonical,
             search->plan.windows[index]);
    struct entry *entry = memory_get(flow->parts.memory, buf_slice(&part->key));
    if (entry == NULL) {
        part->reason = FORWARD_URI_MISS;
        return false;
    }
    switch (freshness_judge(&search->directives, entry_age(entry, search->now_us), flow->options.ttl_us)) {
    case FRESHNESS_FRESH:
    case FRESHNESS_STALE_ASKED:
        part->reason = FORWARD_NONE;
        part->entry = entry;
        return true;
    case FRESHNESS_STALE:
        part->reason = FORWARD_STALE;
        break;
    case FRESHNESS_REFUSED:
        part->reason = FORWARD_REQUEST;
        break;
    }
    entry_unref(entry);
    return false;
}

/* On the fetcher's thread; the search waits, so nobody else touches it. */
static bool on_charge(struct ask *ask)
{
    struct search *search = MEM_OUTER(ask, struct search, ask);
    search->charged_wall_us = clock_wall(search->flow->parts.clock);
    return quota_charge_miss(search->client, search->charged_wall_us) != QUOTA_MISSES;
}

static void on_refund(struct ask *ask)
{
    struct search *search = MEM_OUTER(ask, struct search, ask);
    quota_refund_miss(search->client, search->charged_wall_us);
}

static void on_answer(struct ask *ask)
{
    search_resume(MEM_OUTER(ask, struct search, ask));
}

/* The request's bytes are the connection's and do not outlast a wait. */
static void keep_request(struct search *search)
{
    struct request *request = &search->exchange->request;
    if (request->if_none_match.at == NULL)
        return;
    buf_reset(&search->if_none_match);
    buf_add(&search->if_none_match, request->if_none_match);
    request->if_none_match = buf_ok(&search->if_none_match) ? buf_slice(&search->if_none_match) : slice_make(NULL, 0);
}

/* Asks the fetcher for a part. `came_us`: with `anew`, only a call that starts after it will do. */
static enum step_result ask_for(struct search *search, size_t index, bool anew, int64_t came_us)
{
    const struct flow *flow = search->flow;
    struct search_part *part = &search->parts[index];
    keep_request(search);
    search->asked = true;
    search->asked_part = index;
    search->ask = (struct ask){
        .schema = search->schema,
        .key = buf_slice(&part->key),
        .canonical = search->query.canonical,
        .window = search->plan.windows[index],
        .came_us = came_us,
        .anew = anew,
        .store = !search->directives.no_store,
        .on_charge = on_charge,
        .on_refund = on_refund,
        .reply_to = flow->parts.mailbox,
        .on_answer = on_answer,
    };
    fetcher_ask(flow->parts.fetcher, &search->ask);
    return STEP_WAIT;
}

/* Two windows of one page contradict each other: the older is fetched again, once; if that does not help, the set
 * changes faster than it can be read in windows, and the page is asked for as a window of its own. */
static enum step_result settle(struct search *search)
{
    if (search->refetched) {
        search->alone = true;
        make_plan(search);
        return STEP_NEXT;
    }
    search->refetched = true;
    size_t older = search->parts[0].entry->fetched_us <= search->parts[1].entry->fetched_us ? 0 : 1;
    struct search_part *part = &search->parts[older];
    entry_unref(part->entry);
    part->entry = NULL;
    if (part->reason == FORWARD_NONE)
        part->reason = FORWARD_STALE;
    return ask_for(search, older, true, search->now_us);
}

/* Takes the answer to the ask. STEP_NEXT: go on gathering. */
static enum step_result take_answer(struct search *search)
{
    struct ask *ask = &search->ask;
    struct search_part *part = &search->parts[search->asked_part];
    if (ask->verdict == ASK_CAPPED && search->replans < REPLANS_MAX) {
        search->replans++;
        make_plan(search);
        return STEP_NEXT;
    }
    if (ask->verdict != ASK_OK)
        return search_fail_ask(search);
    assert(part->entry == NULL);
    part->entry = ask->window_entry;
    part->collapsed = ask->collapsed;
    part->stored = ask->stored;
    return STEP_NEXT;
}

/* How many of the plan's windows the page needs, as far as is known: the first one's TotalItems decides about the
 * second. */
static size_t parts_needed(const struct search *search)
{
    const struct entry *first = search->parts[0].entry;
    if (search->plan.window_count == 2 && first != NULL && !page_needs_second(&search->plan, &first->envelope))
        return 1;
    return search->plan.window_count;
}

static bool disagree(const struct search *search)
{
    if (search->part_count < 2)
        return false;
    struct page_part parts[PAGE_WINDOWS_MAX] = {entry_part(search->parts[0].entry), entry_part(search->parts[1].entry)};
    return !page_agree(&search->plan, parts);
}

/* Fills the first part that is missing: STEP_NEXT when there was one and memory had it, STEP_DONE when the answer is an
 * error. */
static enum step_result fill_part(struct search *search, size_t index)
{
    if (take_from_memory(search, index))
        return STEP_NEXT;
    if (search->directives.only_if_cached) {
        search_outcome(search, METRIC_FAILED, "failed");
        return search_fail(search, 504, -1, "nothing usable is stored, and the request allows nothing else", NULL);
    }
    return ask_for(search, index, search->directives.no_cache, search->exchange->request.came_us);
}

enum step_result step_gather(struct search *search)
{
    enum step_result result = STEP_NEXT;
    if (search->asked) {
        search->asked = false;
        result = take_answer(search);
    } else {
        search->replans = 0;
        search->refetched = search->alone = false;
        make_plan(search);
    }
    while (result == STEP_NEXT) {
        size_t missing = 0;
        search->part_count = parts_needed(search);
        while (missing < search->part_count && search->parts[missing].entry != NULL)
            missing++;
        if (missing < search->part_count)
            result = fill_part(search, missing);
        else if (disagree(search))
            result = settle(search);
        else
            break;
    }
    return result;
}
