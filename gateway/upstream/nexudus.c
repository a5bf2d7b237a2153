/* SPDX-License-Identifier: MIT */
/* The address of a window and the meaning of an answer. What Nexudus says in words is never passed on: every sentence
 * here is ours. */
#include "upstream/nexudus.h"

#include <stdio.h>

bool nexudus_url(struct buf *out, const char *base, const struct schema *schema, struct slice canonical,
                 struct window window)
{
    struct slice host = slice_of(base);

    if (window.index < 0 || window.index == INT64_MAX)
        return false;
    while (host.length > 0 && host.at[host.length - 1] == '/')
        host.length--;
    buf_add(out, host);
    buf_add(out, schema->path);
    buf_add_char(out, '?');
    if (canonical.length > 0) {
        buf_add(out, canonical);
        buf_add_char(out, '&');
    }
    buf_add(out, schema->page->name);
    buf_add_char(out, '=');
    buf_add_integer(out, window.index + 1);
    buf_add_char(out, '&');
    buf_add(out, schema->size->name);
    buf_add_char(out, '=');
    buf_add_integer(out, window.size);
    return buf_ok(out);
}

static void say(struct nexudus_answer *answer, enum nexudus_verdict verdict, const char *why)
{
    answer->verdict = verdict;
    snprintf(answer->why, sizeof answer->why, "%s", why);
}

static void say_status(struct nexudus_answer *answer, enum nexudus_verdict verdict, const char *why)
{
    answer->verdict = verdict;
    snprintf(answer->why, sizeof answer->why, "Nexudus answered %d: %s", answer->status, why);
}

/* No HTTP answer to speak of. */
static void judge_failure(const struct fetch *fetch, struct nexudus_answer *answer)
{
    switch (fetch->outcome) {
    case FETCH_UNREACHABLE:
        say(answer, NEXUDUS_OUTAGE, "Nexudus cannot be reached");
        break;
    case FETCH_TIMED_OUT:
        say(answer, NEXUDUS_TIMEOUT, "Nexudus did not answer in time");
        break;
    case FETCH_NO_ROOM:
        say(answer, NEXUDUS_OUTAGE, "there is no room for more of Nexudus's answers at present");
        break;
    case FETCH_TOO_BIG:
        say(answer, NEXUDUS_BROKEN, "Nexudus's answer is larger than any search result may be");
        break;
    case FETCH_CUT:
    case FETCH_ANSWERED:
        say(answer, NEXUDUS_BROKEN, "Nexudus's answer broke off before it was whole");
        break;
    }
}

static void judge_envelope(const struct fetch *fetch, const struct schema *schema, struct window window,
                           struct nexudus_answer *answer)
{
    if (slice_starts_with_nocase(slice_of(fetch->content_type), slice_of("text/html"))) {
        say(answer, NEXUDUS_BROKEN, "Nexudus answered a page for people instead of a search result");
        return;
    }
    switch (envelope_read(buf_slice(&fetch->body), window, schema->identity, &answer->envelope, &answer->cap,
                          answer->why)) {
    case ENVELOPE_OK:
        say(answer, NEXUDUS_OK, "");
        break;
    case ENVELOPE_BAD:
        answer->verdict = NEXUDUS_BROKEN;
        break;
    case ENVELOPE_CAPPED:
        say(answer, NEXUDUS_CAPPED, "Nexudus gives smaller pages than were asked for");
        break;
    }
}

static void judge_status(const struct fetch *fetch, struct nexudus_answer *answer)
{
    switch (fetch->status) {
    case 401:
        say_status(answer, NEXUDUS_UNAUTHORIZED, "our token is not known there, or our user lacks the role");
        break;
    case 403:
        say_status(answer, NEXUDUS_FORBIDDEN, "our user lacks the role that this search needs");
        break;
    case 400:
    case 422:
        say_status(answer, NEXUDUS_BAD_QUERY, "it does not take this query");
        break;
    case 404:
        say_status(answer, NEXUDUS_BROKEN, "it has no such search: the url or the entity's path may be wrong");
        break;
    case 409:
    case 429:
        say_status(answer, NEXUDUS_THROTTLED, "it asks us to call less often");
        break;
    case 503:
        if (fetch->retry_after_us >= 0)
            say_status(answer, NEXUDUS_THROTTLED, "it asks us to come back later");
        else
            say_status(answer, NEXUDUS_OUTAGE, "it is not available");
        break;
    default:
        if (fetch->status >= 500 && fetch->status < 600)
            say_status(answer, NEXUDUS_OUTAGE, "it failed");
        else
            say_status(answer, NEXUDUS_BROKEN, "a search has no such answer");
        break;
    }
}

void nexudus_judge(const struct fetch *fetch, const struct schema *schema, struct window window,
                   struct nexudus_answer *answer)
{
    *answer = (struct nexudus_answer){.retry_after_us = fetch->retry_after_us};
    if (fetch->outcome != FETCH_ANSWERED) {
        judge_failure(fetch, answer);
        return;
    }
    answer->status = fetch->status;
    if (fetch->status == 200)
        judge_envelope(fetch, schema, window, answer);
    else
        judge_status(fetch, answer);
}

const char *nexudus_verdict_name(enum nexudus_verdict verdict)
{
    static const char *const names[] = {
        [NEXUDUS_OK] = "ok",
        [NEXUDUS_CAPPED] = "capped",
        [NEXUDUS_THROTTLED] = "throttled",
        [NEXUDUS_UNAUTHORIZED] = "unauthorized",
        [NEXUDUS_FORBIDDEN] = "forbidden",
        [NEXUDUS_BAD_QUERY] = "bad_query",
        [NEXUDUS_BROKEN] = "broken",
        [NEXUDUS_OUTAGE] = "outage",
        [NEXUDUS_TIMEOUT] = "timeout",
    };

    return names[verdict];
}
