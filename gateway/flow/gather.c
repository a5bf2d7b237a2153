/* SPDX-License-Identifier: MIT */
/* Gathers the windows that a page lies in: from memory where the request allows it, else from Redis, else by asking the
 * fetcher. Decides when two windows cannot stand on one page. Must not know how an answer is written. */
#include "flow/search.h"

#include "flow/refresh.h"

#include <assert.h>
#include <stdio.h>

enum {
    REPLANS_MAX = 3, /* a cap is learnt once or twice; an upstream that names a new one each time is lying */
    LATE_HITS = 16   /* see refresh_if_hot */
};

/* A refresh that failed is tried again this much later, if the window is still asked for. */
static const int64_t REFRESH_PAUSE_US = 10 * CLOCK_SECOND;

void search_drop_parts(struct search *search)
{
    for (size_t i = 0; i < PAGE_WINDOWS_MAX; i++) {
        struct search_part *part = &search->parts[i];
        entry_unref(part->entry);
        entry_unref(part->fallback);
        part->entry = part->fallback = NULL;
    }
}

static void make_plan(struct search *search)
{
    const struct flow *flow = search->flow;
    int64_t cap = fetcher_cap(flow->parts.fetcher, search->schema);
    search_drop_parts(search);
    if (search->alone)
        page_plan_alone(&search->plan, search->query.page, search->query.size, cap);
    else
        page_plan(&search->plan, search->query.page, search->query.size, search->options->window, cap);
}

/* A request that wants nothing fetched or stored causes no refresh. */
static bool may_refresh(const struct search *search)
{
    return !search->directives.only_if_cached && !search->directives.no_store;
}

/* One refresh of a window in REFRESH_PAUSE_US, however many searches find it late. */
static void refresh(struct search *search, size_t index, struct entry *entry)
{
    if (!may_refresh(search) || !entry_claim_refresh(entry, search->now_us, REFRESH_PAUSE_US))
        return;
    refresh_start(&search->flow->parts, search->edition->snapshot, search->schema, buf_slice(&search->parts[index].key),
                  search->query.canonical, search->plan.windows[index], search->now_us);
}

/* What is asked for often is refreshed before it expires: every LATE_HITSth hit in the last tenth of a lifetime does
 * it, so the chance that a window is refreshed early grows with its use. */
static void refresh_if_hot(struct search *search, size_t index, struct entry *entry)
{
    int64_t ttl_us = entry_ttl(entry, search->options->ttl_us);
    if (entry_age(entry, search->now_us) < ttl_us - ttl_us / 10)
        return;
    if (++search->flow->late_hits % LATE_HITS == 0)
        refresh(search, index, entry);
}

/* What is known of a window that memory has. */
enum standing {
    STANDING_NEWEST,  /* none of those that we share with has stored a newer one, or purged it */
    STANDING_CUT_OFF, /* that cannot be known: it serves until its ttl */
    STANDING_UNSURE   /* that was not known for a while: Redis is to be asked */
};

static enum standing standing_of(const struct search *search, const struct entry *entry)
{
    unsigned link = memory_link(search->flow->parts.memory);
    if (link != MEMORY_ALONE && !memory_link_is_up(link))
        return STANDING_CUT_OFF;
    return atomic_load_explicit(&entry->link, memory_order_relaxed) == link ? STANDING_NEWEST : STANDING_UNSURE;
}

/* What becomes of a window past its ttl: served at once and refreshed behind the request's back, or kept for the case
 * that the fetch fails. True when it is served. */
static bool take_stale(struct search *search, size_t index, struct entry *entry, enum standing standing)
{
    const struct flow_options *options = search->options;
    struct search_part *part = &search->parts[index];
    int64_t age_us = entry_age(entry, search->now_us);
    int64_t ttl_us = entry_ttl(entry, options->ttl_us);
    bool ours = freshness_leaves_stale_to_us(&search->directives, age_us, ttl_us);
    /* With a ttl of 0 every answer is to be asked for: serving the last one at once would be the opposite. */
    bool at_once =
        options->ttl_us > 0 && standing == STANDING_NEWEST && age_us < ttl_us + options->stale_while_revalidate_us;
    if (ours && at_once) {
        part->reason = FORWARD_NONE;
        part->entry = entry;
        if (may_refresh(search))
            snprintf(part->detail, sizeof(part->detail), "revalidating");
        refresh(search, index, entry);
        return true;
    }
    part->reason = FORWARD_STALE;
    if (ours && age_us < ttl_us + options->stale_if_error_us)
        part->fallback = entry;
    else
        entry_unref(entry);
    return false;
}

/* Takes the entry, which is given away, for the part. True when the request takes it; else the part's reason says why
 * not. */
static bool take(struct search *search, size_t index, struct entry *entry, enum standing standing)
{
    struct search_part *part = &search->parts[index];
    int64_t ttl_us = entry_ttl(entry, search->options->ttl_us);
    switch (freshness_judge(&search->directives, entry_age(entry, search->now_us), ttl_us)) {
    case FRESHNESS_FRESH:
        refresh_if_hot(search, index, entry);
        part->reason = FORWARD_NONE;
        part->entry = entry;
        return true;
    case FRESHNESS_STALE_ASKED:
        part->reason = FORWARD_NONE;
        part->entry = entry;
        return true;
    case FRESHNESS_STALE:
        return take_stale(search, index, entry, standing);
    case FRESHNESS_REFUSED:
        break;
    }
    part->reason = FORWARD_REQUEST;
    entry_unref(entry);
    return false;
}

/* Whether Nexudus is to blame for a failed fetch, and not the query or the client. */
static bool may_fall_back(enum ask_verdict verdict)
{
    return verdict != ASK_OK && verdict != ASK_BAD_QUERY && verdict != ASK_UNCHARGED && verdict != ASK_CLOSING;
}

/* A fetch failed: what the answer says where it is bridged. */
static void note_failure(struct search *search)
{
    const struct ask *ask = &search->ask;
    if (ask->status > 0 && ask->status != 200)
        snprintf(search->failure, sizeof(search->failure), "\"stale-if-error: %d\"", ask->status);
    else
        snprintf(search->failure, sizeof(search->failure), "\"stale-if-error: %s\"", search_ask_word(ask->verdict));
}

/* A stale window that was kept may have grown too old for the request or for us while we waited, or was purged. */
static bool can_fall_back(const struct search *search, size_t index)
{
    const struct flow *flow = search->flow;
    struct entry *fallback = search->parts[index].fallback;
    if (fallback == NULL)
        return false;
    int64_t age_us = entry_age(fallback, search->now_us);
    int64_t ttl_us = entry_ttl(fallback, search->options->ttl_us);
    return age_us < ttl_us + search->options->stale_if_error_us &&
           freshness_leaves_stale_to_us(&search->directives, age_us, ttl_us) &&
           purges_spare(memory_purges(flow->parts.memory), fallback);
}

/* The fallback stays, for a page of such windows alone. */
static void fall_back(struct search *search, size_t index)
{
    struct search_part *part = &search->parts[index];
    entry_unref(part->entry);
    part->entry = entry_ref(part->fallback);
    part->reason = FORWARD_NONE;
    part->is_bridged = true;
    snprintf(part->detail, sizeof(part->detail), "%s", search->failure);
}

/* Windows that were fetched anew cannot stand on one page with those that could not: the page as it was, if it was
 * kept. */
static bool take_stale_page(struct search *search)
{
    if (search->plan.window_count < PAGE_WINDOWS_MAX || !can_fall_back(search, 0))
        return false;
    const struct entry *first = search->parts[0].fallback;
    size_t needed = page_needs_second(&search->plan, &first->envelope) ? 2 : 1;
    if (needed == 2) {
        if (!can_fall_back(search, 1))
            return false;
        const struct page_part parts[PAGE_WINDOWS_MAX] = {entry_part(first), entry_part(search->parts[1].fallback)};
        if (!page_agree(&search->plan, parts))
            return false;
    }
    for (size_t i = 0; i < needed; i++)
        fall_back(search, i);
    return true;
}

static void on_answer(struct ask *ask)
{
    search_resume(MEM_OUTER(ask, struct search, ask));
}

void search_keep_request(struct search *search)
{
    struct request *request = &search->exchange->request;
    if (request->if_none_match.at == NULL || request->if_none_match.at == search->if_none_match.bytes)
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
    search_keep_request(search);
    search->asked = true;
    search->asked_part = index;
    search->ask = (struct ask){
        .schema = search->schema,
        .key = buf_slice(&part->key),
        .canonical = search->query.canonical,
        .window = search->plan.windows[index],
        .came_us = came_us,
        .purged_us = purges_last_us(memory_purges(flow->parts.memory), buf_slice(&part->key)),
        .anew = anew,
        .doubting = search->directives.max_age_us >= 0 || search->directives.min_fresh_us > 0,
        .store = !search->directives.no_store,
        .client = (uintptr_t)search->client->account, /* the same after a reload */
        .impatient = search->patience_us >= 0,
        .patience_us = search->patience_us,
        .weight = search->client->policy.weight,
        .on_charge = search_on_charge,
        .on_refund = search_on_refund,
        .reply_to = flow->parts.mailbox,
        .on_answer = on_answer,
    };
    fetcher_ask(flow->parts.fetcher, &search->ask);
    return STEP_WAIT;
}

static enum step_result fail_only_if_cached(struct search *search)
{
    search_outcome(search, OUTCOME_FAILED);
    return search_fail(search, 504, -1, "nothing usable is stored, and the request allows nothing else", NULL);
}

/* Two windows of one page contradict each other: the older is fetched again, once; if that does not help, the set
 * changes faster than it can be read in windows, and the page is asked for as a window of its own. */
static enum step_result settle(struct search *search)
{
    if (search->directives.only_if_cached)
        return fail_only_if_cached(search);
    if (search->failure[0] != '\0' && take_stale_page(search))
        return STEP_NEXT;
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
    part->detail[0] = '\0';
    part->is_bridged = false;
    return ask_for(search, older, true, search->now_us);
}

/* A fetch failed: what is kept instead of it, or instead of the page. */
static bool bridge(struct search *search)
{
    if (!may_fall_back(search->ask.verdict))
        return false;
    note_failure(search);
    if ((search->refetched && !search->alone) || !can_fall_back(search, search->asked_part))
        return take_stale_page(search); /* what is kept of this window did not fit the other */
    fall_back(search, search->asked_part);
    return true;
}

/* Takes the answer to the ask. STEP_NEXT: go on gathering. */
static enum step_result take_answer(struct search *search)
{
    struct ask *ask = &search->ask;
    struct search_part *part = &search->parts[search->asked_part];
    if (search->charge == QUOTA_WAIT)
        return search_pay_ahead(search);
    search_settle_ahead(search);
    if (search->charge == QUOTA_DRY_RUN)
        search_log_dry_run(search);
    search->charge = QUOTA_OK;
    if (ask->was_impatient)
        search->granted_us = ask->patience_us;
    if (ask->verdict == ASK_CAPPED && search->replans < REPLANS_MAX) {
        search->replans++;
        make_plan(search);
        return STEP_NEXT;
    }
    if (ask->verdict != ASK_OK)
        return bridge(search) ? STEP_NEXT : search_fail_ask(search);
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

static void on_found(struct shared_lookup *lookup)
{
    search_resume(MEM_OUTER(lookup, struct search, lookup));
}

static enum step_result look_for(struct search *search, size_t index)
{
    search_keep_request(search);
    search->looking = true;
    search->asked_part = index;
    search->looked_link = memory_link(search->flow->parts.memory);
    search->lookup = (struct shared_lookup){.key = buf_slice(&search->parts[index].key), .on_found = on_found};
    shared_get(search->flow->shared, &search->lookup);
    return STEP_WAIT;
}

static enum step_result fetch_part(struct search *search, size_t index)
{
    if (search->directives.only_if_cached)
        return fail_only_if_cached(search);
    return ask_for(search, index, search->directives.no_cache, search->exchange->request.came_us);
}

/* The lookup has ended: the newer of what it found and what memory has. */
static enum step_result take_found(struct search *search)
{
    size_t index = search->asked_part;
    struct search_part *part = &search->parts[index];
    struct entry *entry = memory_get(search->flow->parts.memory, buf_slice(&part->key));
    struct entry *found = search->lookup.entry;
    enum standing standing = search->lookup.answered ? STANDING_NEWEST : STANDING_CUT_OFF;
    search->lookup.entry = NULL;
    if (entry != NULL && search->lookup.answered)
        atomic_store_explicit(&entry->link, search->looked_link, memory_order_relaxed);
    if (found != NULL && (entry == NULL || entry->fetched_us < found->fetched_us)) {
        entry_unref(entry);
        entry = found;
    } else {
        entry_unref(found);
    }
    if (entry != NULL && take(search, index, entry, standing))
        return STEP_NEXT;
    return fetch_part(search, index);
}

/* Fills a part that is missing: from memory, else from Redis, else by an ask. STEP_NEXT when memory had it, STEP_DONE
 * when the answer is an error. */
static enum step_result fill_part(struct search *search, size_t index)
{
    const struct flow *flow = search->flow;
    struct search_part *part = &search->parts[index];
    part->collapsed = part->stored = part->is_bridged = false;
    part->detail[0] = '\0';
    part->reason = FORWARD_URI_MISS;
    key_make(&part->key, search->options->key_prefix, search->schema, search->query.canonical,
             search->plan.windows[index]);
    struct entry *entry = memory_get(flow->parts.memory, buf_slice(&part->key));
    enum standing standing = entry != NULL ? standing_of(search, entry) : STANDING_UNSURE;
    bool look = standing == STANDING_UNSURE && flow->shared != NULL && !search->directives.no_cache &&
                shared_is_there(flow->shared);
    if (look) {
        entry_unref(entry); /* the lookup's end takes it again */
        return look_for(search, index);
    }
    if (entry != NULL && take(search, index, entry, standing))
        return STEP_NEXT;
    return fetch_part(search, index);
}

/* A window that the store had may have grown too old for the request while the page's other one was waited for: drops
 * it, to be looked for again. What was fetched for the request stays, or this might never end. */
static bool drop_outgrown(struct search *search)
{
    for (size_t i = 0; search->part_count == PAGE_WINDOWS_MAX && i < search->part_count; i++) {
        struct search_part *part = &search->parts[i];
        int64_t age_us = entry_age(part->entry, search->now_us);
        int64_t ttl_us = entry_ttl(part->entry, search->options->ttl_us);
        enum freshness freshness = freshness_judge(&search->directives, age_us, ttl_us);
        bool is_refused =
            freshness == FRESHNESS_REFUSED ||
            (freshness == FRESHNESS_STALE && !freshness_leaves_stale_to_us(&search->directives, age_us, ttl_us));
        if (part->reason != FORWARD_NONE || part->is_bridged || !is_refused)
            continue;
        entry_unref(part->entry);
        part->entry = NULL;
        return true;
    }
    return false;
}

enum step_result step_gather(struct search *search)
{
    enum step_result result = STEP_NEXT;
    if (search->looking) {
        search->looking = false;
        result = take_found(search);
    } else if (search->asked) {
        search->asked = false;
        result = take_answer(search);
    } else {
        search->replans = 0;
        search->refetched = search->alone = false;
        search->failure[0] = '\0';
        search->granted_us = -1;
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
        else if (!drop_outgrown(search))
            break;
    }
    return result;
}
