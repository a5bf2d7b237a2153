/* SPDX-License-Identifier: MIT */
#include "puppet.h"

#include "base/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BODY_MAX = 4 * 1024 * 1024 };

/* Answering. */

static void make_ready(struct puppet_call *call, const struct puppet_answer *answer)
{
    struct fetch *fetch = call->fetch;

    fetch->outcome = answer->outcome;
    fetch->status = answer->outcome == FETCH_ANSWERED ? answer->status : 0;
    fetch->reused_connection = answer->reused_connection;
    fetch->retry_after_us = answer->says_retry ? answer->retry_after_us : -1;
    snprintf(fetch->content_type, sizeof fetch->content_type, "%s",
             answer->content_type == NULL ? "" : answer->content_type);
    snprintf(fetch->error, sizeof fetch->error, "%s", answer->outcome == FETCH_ANSWERED ? "" : "the puppet says so");
    if (answer->body != NULL)
        buf_add_text(&fetch->body, answer->body);
    call->status = fetch->status;
    call->is_ready = true;
    loop_defer(call->puppet->loop, &call->puppet->delivery);
}

static void deliver(struct puppet_call *call)
{
    struct fetch *fetch = call->fetch;

    timer_stop(call->puppet->loop, &call->deadline);
    call->fetch = NULL;
    fetch->handle = NULL;
    fetch->on_done(fetch);
}

static void on_delivery(struct deferred *deferred)
{
    struct puppet *puppet = MEM_OUTER(deferred, struct puppet, delivery);

    for (size_t i = 0; i < puppet->call_count; i++) {
        if (puppet->calls[i]->fetch != NULL && puppet->calls[i]->is_ready)
            deliver(puppet->calls[i]);
    }
}

static void on_deadline(struct timer *timer)
{
    struct puppet_call *call = MEM_OUTER(timer, struct puppet_call, deadline);
    const struct puppet_answer answer = {.outcome = FETCH_TIMED_OUT};

    if (!call->is_ready)
        make_ready(call, &answer);
}

/* Playing Nexudus: the token endpoint. */

static void give_token(struct puppet_call *call, bool by_password)
{
    struct puppet *puppet = call->puppet;
    char body[256], refresh[64] = "";

    puppet->serial++;
    puppet->used = 0;
    if (by_password)
        puppet->oldest_access = puppet->serial;
    puppet->refresh_alive = puppet->gives_refresh_tokens;
    puppet->expires_us = loop_now(puppet->loop) + puppet->token_lifetime_seconds * CLOCK_SECOND;
    if (puppet->gives_refresh_tokens)
        snprintf(refresh, sizeof refresh, ",\"refresh_token\":\"refresh-%u\"", puppet->serial);
    snprintf(body, sizeof body, "{\"access_token\":\"access-%u\",\"token_type\":\"bearer\",\"expires_in\":%lld%s}",
             puppet->serial, (long long)puppet->token_lifetime_seconds, refresh);
    make_ready(call, &(struct puppet_answer){.status = 200, .body = body, .content_type = "application/json"});
}

static void answer_token(struct puppet_call *call)
{
    struct puppet *puppet = call->puppet;
    const struct puppet_answer refusal = {.status = 400, .body = "{\"error\":\"invalid_grant\"}"};
    char expected[64];

    if (strncmp(call->form, "grant_type=password&", 20) == 0) {
        if (puppet->accepts_password)
            give_token(call, true);
        else
            make_ready(call, &refusal);
        return;
    }
    snprintf(expected, sizeof expected, "grant_type=refresh_token&refresh_token=refresh-%u", puppet->serial);
    if (puppet->refresh_alive && strcmp(call->form, expected) == 0)
        give_token(call, false);
    else
        make_ready(call, &refusal);
}

/* The search endpoint. */

static int64_t number_after(const char *url, const char *name)
{
    const char *at = strstr(url, name);

    return at == NULL ? 0 : strtoll(at + strlen(name), NULL, 10);
}

static bool is_welcome(const struct puppet_call *call)
{
    const struct puppet *puppet = call->puppet;
    unsigned serial = 0;

    if (sscanf(call->authorization, "Bearer access-%u", &serial) != 1)
        return false;
    bool is_last = serial == puppet->serial;
    return serial >= puppet->oldest_access && serial <= puppet->serial &&
           (!is_last || call->started_us < puppet->expires_us);
}

static void add_member(struct buf *body, const char *name, int64_t number)
{
    buf_format(body, ",\"%s\":%lld", name, (long long)number);
}

static void write_envelope(struct buf *body, int64_t page, int64_t size, int64_t total)
{
    int64_t first = (page - 1) * size;
    int64_t last = first + size < total ? first + size : total;
    int64_t pages = (total + size - 1) / size;

    buf_add_text(body, "{\"Records\":[");
    for (int64_t i = first; i < last; i++)
        buf_format(body, "%s{\"Id\":%lld,\"Name\":\"hook %lld\"}", i == first ? "" : ",", (long long)i + 1,
                   (long long)i + 1);
    buf_add_text(body, "],\"CurrentOrderField\":\"Id\"");
    add_member(body, "CurrentPage", page);
    add_member(body, "CurrentPageSize", size);
    add_member(body, "CurrentSortDirection", 0);
    add_member(body, "FirstItem", first + 1);
    add_member(body, "LastItem", last);
    add_member(body, "TotalItems", total);
    add_member(body, "TotalPages", pages);
    buf_format(body, ",\"HasNextPage\":%s,\"HasPreviousPage\":%s}", page < pages ? "true" : "false",
               page > 1 ? "true" : "false");
}

static void answer_search(struct puppet_call *call)
{
    struct puppet *puppet = call->puppet;
    int64_t size = number_after(call->url, "size=");
    struct buf body;

    if (puppet->token_uses > 0 && puppet->used++ >= puppet->token_uses)
        puppet->oldest_access = puppet->serial + 1;
    if (!is_welcome(call) || (puppet->denied != NULL && strstr(call->url, puppet->denied) != NULL)) {
        make_ready(call, &(struct puppet_answer){.status = 401});
        return;
    }
    if (puppet->cap > 0 && size > puppet->cap)
        size = puppet->cap;
    buf_init(&body, BODY_MAX);
    write_envelope(&body, number_after(call->url, "page="), size, puppet->total_items);
    buf_add_char(&body, '\0');
    assert(buf_ok(&body));
    make_ready(call, &(struct puppet_answer){
                         .status = 200, .body = body.bytes, .content_type = "application/json; charset=utf-8"});
    buf_free(&body);
}

/* As many in a sliding interval as are allowed, by when they arrive; one that is refused does not count. */
static bool is_admitted(struct puppet *puppet)
{
    int64_t arrival_us = loop_now(puppet->loop) + random_between(&puppet->random, 0, puppet->jitter_us);
    int64_t recent = 0;

    if (puppet->throttle_count == 0)
        return true;
    for (size_t i = 0; i < puppet->admitted_count; i++) {
        int64_t distance_us = arrival_us - puppet->admitted[i];
        recent += distance_us < puppet->throttle_interval_us && distance_us > -puppet->throttle_interval_us;
    }
    if (recent >= puppet->throttle_count)
        return false;
    puppet->admitted[puppet->admitted_count++] = arrival_us;
    return true;
}

static void answer(struct puppet_call *call)
{
    struct puppet_script *script = call->is_search ? &call->puppet->search_script : &call->puppet->token_script;

    if (call->puppet->is_dead)
        make_ready(call, &(struct puppet_answer){.outcome = FETCH_UNREACHABLE});
    else if (call->is_search && call->puppet->kept_are_dead && !call->is_fresh)
        make_ready(call, &(struct puppet_answer){.outcome = FETCH_UNREACHABLE, .reused_connection = true});
    else if (script->next < script->count)
        make_ready(call, &script->answers[script->next++]);
    else if (call->is_search && random_between(&call->puppet->random, 1, 100) <= call->puppet->throttled_percent)
        make_ready(call, &(struct puppet_answer){.status = 409, .says_retry = true, .retry_after_us = CLOCK_SECOND});
    else if (call->is_search && !is_admitted(call->puppet))
        make_ready(call, &(struct puppet_answer){.status = 409, .says_retry = true, .retry_after_us = CLOCK_SECOND});
    else if (call->is_search)
        answer_search(call);
    else
        answer_token(call);
}

/* The transport. */

static void note_header(struct puppet_call *call, const char *header)
{
    if (header == NULL)
        return;
    if (strncmp(header, "Authorization: ", 15) == 0)
        snprintf(call->authorization, sizeof call->authorization, "%s", header + 15);
    if (strncmp(header, "client_id: ", 11) == 0)
        snprintf(call->client_id, sizeof call->client_id, "%s", header + 11);
}

static void count(struct puppet *puppet, struct puppet_call *call)
{
    call->is_search = strstr(call->url, "/api/token") == NULL;
    if (call->is_search)
        puppet->searches++;
    else if (strncmp(call->form, "grant_type=password&", 20) == 0)
        puppet->logins++;
    else
        puppet->refreshes++;
}

static void start(struct transport *transport, struct fetch *fetch)
{
    struct puppet *puppet = MEM_OUTER(transport, struct puppet, transport);
    struct puppet_call *call = mem_new(sizeof *call);

    assert(puppet->call_count < PUPPET_CALLS_MAX);
    puppet->calls[puppet->call_count++] = call;
    call->fetch = fetch;
    call->puppet = puppet;
    call->url = mem_copy_text(fetch->url, strlen(fetch->url));
    call->form = mem_copy_text(fetch->form.length > 0 ? fetch->form.at : "", fetch->form.length);
    call->is_fresh = fetch->fresh_connection;
    call->started_us = loop_now(puppet->loop);
    for (size_t i = 0; i < FETCH_HEADERS_MAX; i++)
        note_header(call, fetch->headers[i]);
    count(puppet, call);
    fetch->handle = call;
    buf_init(&fetch->body, fetch->body_max);
    call->deadline.on_timer = on_deadline;
    timer_start(puppet->loop, &call->deadline, call->started_us + fetch->timeout_us);
    if (!(call->is_search ? puppet->hold_searches : puppet->hold_tokens))
        answer(call);
}

static void cancel(struct transport *transport, struct fetch *fetch)
{
    struct puppet_call *call = fetch->handle;

    (void)transport;
    timer_stop(call->puppet->loop, &call->deadline);
    call->fetch = NULL;
    call->was_cancelled = true;
    fetch->handle = NULL;
    buf_free(&fetch->body);
}

/* What tests call. */

void puppet_init(struct puppet *puppet, struct loop *loop)
{
    *puppet = (struct puppet){
        .transport = {.start = start, .cancel = cancel},
        .loop = loop,
        .delivery = {.on_turn_end = on_delivery},
        .total_items = 3,
        .token_lifetime_seconds = 3600,
        .gives_refresh_tokens = true,
        .accepts_password = true,
    };
    random_init(&puppet->random, 1);
}

void puppet_free(struct puppet *puppet)
{
    for (size_t i = 0; i < puppet->call_count; i++) {
        assert(puppet->calls[i]->fetch == NULL);
        mem_free(puppet->calls[i]->url);
        mem_free(puppet->calls[i]->form);
        mem_free(puppet->calls[i]);
    }
}

static void add_to(struct puppet_script *script, struct puppet_answer answer)
{
    assert(script->count < PUPPET_SCRIPT_MAX);
    script->answers[script->count++] = answer;
}

void puppet_next_search(struct puppet *puppet, struct puppet_answer answer)
{
    add_to(&puppet->search_script, answer);
}

void puppet_next_token(struct puppet *puppet, struct puppet_answer answer)
{
    add_to(&puppet->token_script, answer);
}

void puppet_release(struct puppet *puppet)
{
    for (size_t i = 0; i < puppet->call_count; i++) {
        if (puppet->calls[i]->fetch != NULL && !puppet->calls[i]->is_ready)
            answer(puppet->calls[i]);
    }
}

void puppet_release_one(struct puppet *puppet, const struct puppet_call *call)
{
    for (size_t i = 0; i < puppet->call_count; i++) {
        if (puppet->calls[i] == call)
            answer(puppet->calls[i]);
    }
}

void puppet_revoke(struct puppet *puppet)
{
    puppet->oldest_access = puppet->serial + 1;
    puppet->refresh_alive = false;
}

size_t puppet_held(const struct puppet *puppet)
{
    size_t held = 0;

    for (size_t i = 0; i < puppet->call_count; i++)
        held += puppet->calls[i]->fetch != NULL && !puppet->calls[i]->is_ready;
    return held;
}

const struct puppet_call *puppet_last(const struct puppet *puppet)
{
    assert(puppet->call_count > 0);
    return puppet->calls[puppet->call_count - 1];
}

static const struct puppet_call *nth_of_kind(const struct puppet *puppet, bool is_search, size_t nth)
{
    for (size_t i = 0; i < puppet->call_count; i++) {
        if (puppet->calls[i]->is_search == is_search && nth-- == 0)
            return puppet->calls[i];
    }
    abort(); /* there are not that many */
}

const struct puppet_call *puppet_search(const struct puppet *puppet, size_t nth)
{
    return nth_of_kind(puppet, true, nth);
}

const struct puppet_call *puppet_token_call(const struct puppet *puppet, size_t nth)
{
    return nth_of_kind(puppet, false, nth);
}

void puppet_settle(struct loop *loop)
{
    while (loop_turn(loop))
        ;
}
