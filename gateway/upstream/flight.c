/* SPDX-License-Identifier: MIT */
/* Who is aboard a flight, who may still board it, and how they are told. */
#include "upstream/flight.h"

#include <assert.h>
#include <stdio.h>

enum { URL_MAX = 64 * 1024 };

struct flight *flight_new(struct fetcher *fetcher, struct ask *starter)
{
    struct flight *flight = mem_new(sizeof *flight + starter->key.length);
    char *key = (char *)(flight + 1);

    memcpy(key, starter->key.at, starter->key.length);
    flight->key = slice_make(key, starter->key.length);
    flight->fetcher = fetcher;
    flight->state = FLIGHT_OUT;
    flight->last_ask = &flight->asks;
    flight->schema = starter->schema;
    flight->window = starter->window;
    flight->background = starter->background;
    flight->charged = true;
    flight->started_us = CLOCK_NEVER;
    buf_init(&flight->url, URL_MAX);
    flight_board(flight, starter);
    return flight;
}

static void on_burial(struct deferred *deferred)
{
    struct flight *flight = MEM_OUTER(deferred, struct flight, burial);

    buf_free(&flight->url);
    mem_free(flight);
}

void flight_bury(struct flight *flight, struct loop *loop)
{
    assert(flight->asks == NULL && flight->state == FLIGHT_OUT);
    flight->burial.on_turn_end = on_burial;
    loop_defer(loop, &flight->burial);
}

bool flight_takes(const struct flight *flight, const struct ask *ask)
{
    /* An ask of after the landing has seen the store with the landing's window in it, and was not content. */
    if (flight->state == FLIGHT_LANDED && ask->came_us > flight->landed_us)
        return false;
    if (ask->anew && !flight->fleet.anew && (flight->state == FLIGHT_FORMING || flight->followed))
        return false; /* another gateway's call may have started before */
    return flight->started_us > ask->purged_us && (!ask->anew || flight->started_us > ask->came_us);
}

void flight_board(struct flight *flight, struct ask *ask)
{
    ask->flight = flight;
    ask->next = NULL;
    *flight->last_ask = ask;
    flight->last_ask = &ask->next;
    flight->store = flight->store || ask->store;
}

void flight_leave_first(struct flight *flight)
{
    struct ask *ask = flight->asks;

    flight->asks = ask->next;
    if (flight->asks == NULL)
        flight->last_ask = &flight->asks;
    ask->next = NULL;
}

static void on_open(struct letter *letter, void *receiver)
{
    struct ask *ask = MEM_OUTER(letter, struct ask, letter);

    (void)receiver;
    ask->on_answer(ask);
}

void ask_answer(struct ask *ask, const struct landing *landing, bool collapsed, const struct fetcher_cache *cache)
{
    ask->verdict = landing->verdict;
    ask->window_entry = landing->entry == NULL ? NULL : cache->ref(landing->entry);
    ask->collapsed = collapsed;
    ask->stored = landing->stored;
    ask->status = landing->status;
    ask->retry_after_us = landing->retry_after_us;
    ask->cap = landing->cap;
    ask->remembered_us = landing->remembered_us;
    snprintf(ask->why, sizeof ask->why, "%s", landing->why);
    ask->flight = NULL;
    ask->letter.on_open = on_open;
    mailbox_post(ask->reply_to, &ask->letter);
}

void flight_answer(struct flight *flight, const struct landing *landing, const struct fetcher_cache *cache)
{
    struct ask *ask = flight->asks;
    bool collapsed = flight->followed; /* all but the starter, and all where there was none here */

    flight->asks = NULL;
    flight->last_ask = &flight->asks;
    while (ask != NULL) {
        struct ask *next = ask->next; /* answered, it is its owner's */
        ask->was_impatient = ask->impatient && ask->patience_us == flight->patience_us && !flight->followed;
        ask_answer(ask, landing, collapsed, cache);
        collapsed = true;
        ask = next;
    }
}

bool flight_goes_before(const struct flight *flight, const struct flight *other)
{
    if (flight->background != other->background)
        return other->background;
    if (flight->rank != other->rank)
        return flight->rank < other->rank;
    return flight->number < other->number;
}

void flight_list_put(struct flight_list *list, struct flight *flight)
{
    struct flight *before = list->last;

    /* From the end: most come last. */
    while (before != NULL && flight_goes_before(flight, before))
        before = before->previous;
    flight->previous = before;
    flight->next = before == NULL ? list->first : before->next;
    if (flight->previous == NULL)
        list->first = flight;
    else
        flight->previous->next = flight;
    if (flight->next == NULL)
        list->last = flight;
    else
        flight->next->previous = flight;
    list->count++;
}

void flight_list_remove(struct flight_list *list, struct flight *flight)
{
    if (flight->previous == NULL)
        list->first = flight->next;
    else
        flight->previous->next = flight->next;
    if (flight->next == NULL)
        list->last = flight->previous;
    else
        flight->next->previous = flight->previous;
    flight->next = NULL;
    flight->previous = NULL;
    list->count--;
}

size_t flight_list_ahead(const struct flight_list *list, const struct flight *flight)
{
    size_t ahead = list->count;

    for (const struct flight *other = list->last; other != NULL && !flight_goes_before(other, flight);
         other = other->previous)
        ahead--;
    return ahead;
}
