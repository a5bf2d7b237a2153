/* SPDX-License-Identifier: MIT */
/* The last step of a search: the page, its validators, and the fields that say how it came about; and the errors. Must
 * not know how bytes reach the client. */
#include "flow/search.h"

#include <stdio.h>

static const char *forward_name(enum forward_reason reason)
{
    switch (reason) {
    case FORWARD_REQUEST:
        return "request";
    case FORWARD_STALE:
        return "stale";
    case FORWARD_URI_MISS:
        return "uri-miss";
    case FORWARD_NONE:
        break;
    }
    return "none";
}

/* One member of a RateLimit field: "NAME";A=…;B=…, behind a comma where it is not the first. */
static void add_limit(struct buf *fields, const char *comma, const char *name, int64_t first, const char *second_name,
                      int64_t second_us)
{
    buf_add_text(fields, comma);
    buf_add_text(fields, name);
    buf_add_integer(fields, first);
    buf_add_text(fields, second_name);
    buf_add_integer(fields, clock_seconds_up(second_us));
}

/* RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11), for what the client's policy sets. */
static void say_quota(struct search *search)
{
    const struct client_policy *policy = &search->client->policy;
    const struct quota_view *quota = &search->quota;
    struct buf *fields = &search->exchange->answer.fields;
    const char *comma = policy->has_rate ? ", " : "";
    if (!policy->has_rate && !policy->has_misses)
        return;
    buf_add_text(fields, "RateLimit-Policy: ");
    if (policy->has_rate) {
        int64_t full = policy->rate.burst * policy->rate.period_us;
        int64_t fill_us = full / policy->rate.count + (full % policy->rate.count != 0);
        add_limit(fields, "", "\"rate\";q=", policy->rate.burst, ";w=", fill_us);
    }
    if (policy->has_misses)
        add_limit(fields, comma, "\"misses\";q=", policy->misses.limit, ";w=", policy->misses.period_us);
    buf_add_text(fields, "\r\nRateLimit: ");
    if (policy->has_rate)
        add_limit(fields, "", "\"rate\";r=", quota->rate_left, ";t=", quota->rate_full_us);
    if (policy->has_misses)
        add_limit(fields, comma, "\"misses\";r=", quota->misses_left, ";t=", quota->misses_next_us);
    buf_add_text(fields, "\r\n");
}

enum step_result search_fail(struct search *search, int status, int64_t retry_us, const char *detail,
                             const struct problem_extra *extra)
{
    struct answer *answer = &search->exchange->answer;
    if (search->client != NULL)
        say_quota(search);
    if (retry_us >= 0) {
        int64_t seconds = clock_seconds_up(retry_us);
        char text[24];
        snprintf(text, sizeof(text), "%lld", (long long)(seconds > 0 ? seconds : 1));
        answer_field(answer, "Retry-After", slice_of(text));
    }
    problem_answer(search->exchange, status, detail, extra);
    return STEP_DONE;
}

/* RFC 7240 section 3: said only where it was applied. */
static void say_preference(struct search *search)
{
    char text[32];
    if (search->granted_us < 0)
        return;
    snprintf(text, sizeof(text), "wait=%lld", (long long)clock_seconds_up(search->granted_us));
    answer_field(&search->exchange->answer, "Preference-Applied", slice_of(text));
}

/* A miss that the client may not pay for: the request costs nothing. */
static enum step_result fail_uncharged(struct search *search)
{
    quota_return(search->client, search->now_us);
    search_refund(search);
    search_look_at_quota(search);
    search_outcome(search, OUTCOME_OVER_MISSES);
    struct problem_extra extra = {.violated_policy = "misses"};
    return search_fail(search, 429, search->quota.misses_next_us,
                       "this client's upstream searches are spent; what is stored is still served", &extra);
}

/* Cache-Status of a search that got nothing: it was forwarded, or its refusal was remembered. */
static void say_failure(struct search *search)
{
    const struct ask *ask = &search->ask;
    struct buf *fields = &search->exchange->answer.fields;
    if (ask->remembered_us > 0) {
        buf_add_text(fields, "Cache-Status: nexgate; hit; ttl=");
        buf_add_integer(fields, clock_seconds_up(ask->remembered_us));
        buf_add_text(fields, "; detail=negative\r\n");
        return;
    }
    buf_add_text(fields, "Cache-Status: nexgate; fwd=");
    buf_add_text(fields, forward_name(search->parts[search->asked_part].reason));
    if (ask->status > 0) {
        buf_add_text(fields, "; fwd-status=");
        buf_add_integer(fields, ask->status);
    }
    if (ask->collapsed)
        buf_add_text(fields, "; collapsed");
    buf_add_text(fields, "\r\n");
}

const char *search_ask_word(enum ask_verdict verdict)
{
    switch (verdict) {
    case ASK_THROTTLED:
        return "throttled";
    case ASK_OUTAGE:
        return "unreachable";
    case ASK_TIMEOUT:
        return "timeout";
    case ASK_REFUSED:
        return "login refused";
    case ASK_BROKEN:
    case ASK_CAPPED:
        return "broken answer";
    case ASK_CLOSING:
        return "closing";
    case ASK_OK:
    case ASK_UNCHARGED:
    case ASK_BAD_QUERY:
        break;
    }
    return "failed";
}

enum step_result search_fail_ask(struct search *search)
{
    const struct ask *ask = &search->ask;
    if (ask->verdict == ASK_UNCHARGED)
        return fail_uncharged(search);
    search_look_at_quota(search);
    say_failure(search);
    say_preference(search);
    search_outcome(search, OUTCOME_FAILED);
    switch (ask->verdict) {
    case ASK_THROTTLED:
    case ASK_OUTAGE:
    case ASK_CLOSING:
        return search_fail(search, 503, ask->retry_after_us, ask->why, NULL);
    case ASK_TIMEOUT:
        return search_fail(search, 504, -1, ask->why, NULL);
    case ASK_BAD_QUERY:
        return search_fail(search, 400, -1, ask->why, NULL);
    case ASK_CAPPED:
        return search_fail(search, 502, -1, "Nexudus names another page size each time it is asked", NULL);
    case ASK_OK:
    case ASK_UNCHARGED:
    case ASK_REFUSED:
    case ASK_BROKEN:
        break;
    }
    return search_fail(search, 502, -1, ask->why, NULL);
}

/* RFC 9110 section 13.1.2: any member of the list equal by weak comparison, or '*'. */
static bool none_match_holds(struct slice field, struct slice etag)
{
    struct slice rest = slice_trim(field);
    if (slice_is(rest, "*"))
        return false;
    struct slice member;
    /* Our tags hold no comma, so a cut inside another's tag cannot make one of ours. */
    while (slice_cut(&rest, ',', &member)) {
        member = slice_trim(member);
        if (member.length > 2 && member.at[0] == 'W' && member.at[1] == '/')
            member = slice_make(member.at + 2, member.length - 2);
        if (slice_equal(member, etag))
            return false;
    }
    return true;
}

/* The part that decides what the page says of itself, and the age of the older window. */
struct provenance {
    const struct search_part *forwarded; /* the first part that was not a hit; NULL: a hit */
    bool collapsed, stored;
    int64_t age_us;
    int64_t left;       /* seconds of the ttl, of the part that has least; below 0 when it is long stale */
    bool stale;         /* one of the parts is past its ttl */
    const char *detail; /* why something stale is served, a failure first; NULL: nothing is, or it was asked for */
};

static void trace(const struct search *search, struct provenance *provenance)
{
    *provenance = (struct provenance){.stored = true, .left = INT64_MAX};
    for (size_t i = 0; i < search->part_count; i++) {
        const struct search_part *part = &search->parts[i];
        int64_t age_us = entry_age(part->entry, search->now_us);
        int64_t ttl_us = entry_ttl(part->entry, search->options->ttl_us);
        int64_t left = ttl_us / CLOCK_SECOND - age_us / CLOCK_SECOND; /* so that it adds up with Age */
        if (age_us > provenance->age_us)
            provenance->age_us = age_us;
        if (left < provenance->left)
            provenance->left = left;
        provenance->stale |= age_us >= ttl_us;
        if (part->detail[0] != '\0' && (provenance->detail == NULL || part->is_bridged))
            provenance->detail = part->detail;
        if (part->reason == FORWARD_NONE)
            continue;
        if (provenance->forwarded == NULL || part->reason > provenance->forwarded->reason)
            provenance->forwarded = part;
        provenance->collapsed |= part->collapsed;
        provenance->stored &= part->stored;
    }
}

/* Age, Cache-Control and Cache-Status (RFC 9111, RFC 9211). */
static void say_provenance(struct search *search, const struct provenance *provenance)
{
    struct buf *fields = &search->exchange->answer.fields;
    int64_t age = provenance->age_us / CLOCK_SECOND;
    int64_t ttl = search->options->ttl_us / CLOCK_SECOND;
    buf_add_text(fields, "Age: ");
    buf_add_integer(fields, age);
    buf_add_text(fields, "\r\nCache-Control: private, max-age=");
    buf_add_integer(fields, provenance->stale ? 0 : ttl);
    buf_add_text(fields, "\r\nCache-Status: nexgate; ");
    if (provenance->forwarded == NULL) {
        buf_add_text(fields, "hit; ttl=");
        buf_add_integer(fields, provenance->left);
        if (provenance->detail != NULL) {
            buf_add_text(fields, "; detail=");
            buf_add_text(fields, provenance->detail);
        }
    } else {
        buf_add_text(fields, "fwd=");
        buf_add_text(fields, forward_name(provenance->forwarded->reason));
        buf_add_text(fields, "; fwd-status=200");
        if (provenance->stored)
            buf_add_text(fields, "; stored");
        if (provenance->collapsed)
            buf_add_text(fields, "; collapsed");
    }
    buf_add_text(fields, "\r\nNo-Vary-Search: key-order\r\n");
}

static void note_outcome(struct search *search, const struct provenance *provenance)
{
    if (provenance->forwarded == NULL && provenance->stale)
        search_outcome(search, OUTCOME_STALE);
    else if (provenance->forwarded == NULL)
        search_outcome(search, OUTCOME_HIT);
    else if (provenance->collapsed)
        search_outcome(search, OUTCOME_COLLAPSED);
    else
        search_outcome(search, OUTCOME_MISS);
}

enum step_result step_reply(struct search *search)
{
    struct answer *answer = &search->exchange->answer;
    struct entry *entries[PAGE_WINDOWS_MAX];
    for (size_t i = 0; i < search->part_count; i++)
        entries[i] = search->parts[i].entry;
    struct page page;
    if (!page_memo_cut(search->flow->page_memo, &search->plan, entries, search->part_count, &answer->text, &page)) {
        search_outcome(search, OUTCOME_FAILED);
        return search_fail(search, 502, -1, "the answer's envelope is larger than this gateway keeps", NULL);
    }
    struct provenance provenance;
    trace(search, &provenance);
    note_outcome(search, &provenance);

    struct slice etag = slice_make(page.etag, PAGE_ETAG_LENGTH);
    if (provenance.forwarded != NULL)
        search_look_at_quota(search); /* the forward was charged while it waited */
    say_quota(search);
    answer_field(answer, "ETag", etag);
    say_provenance(search, &provenance);
    say_preference(search);

    struct slice if_none_match = search->exchange->request.if_none_match;
    if (if_none_match.at != NULL && !none_match_holds(if_none_match, etag)) {
        answer->status = 304;
        return STEP_DONE;
    }
    answer->status = 200;
    answer->content_type = "application/json; charset=utf-8";
    answer->body_count = page.slice_count;
    answer->body_length = page.length;
    for (size_t i = 0; i < page.slice_count; i++)
        answer->body[i] = page.slices[i];
    return STEP_DONE;
}
