/* SPDX-License-Identifier: MIT */
/* Opens what the settings name, and finds among the inherited sockets what belongs to it. Must not know what is served
 * on a socket. */
#include "listening.h"

#include "front/listener.h"

#include <stdio.h>
#include <unistd.h>

enum { PLACES_MAX = LISTENING_PUBLIC_MAX + 1 };

/* One address of the settings. */
struct place {
    const char *address;
    const char *name; /* of its kind */
    int inherited;    /* -1: to be opened */
};

struct listening {
    int sockets[PLACES_MAX][LISTENING_WORKERS_MAX]; /* -1: handed out */
    size_t opened;                                  /* places; the admin's is the last */
    size_t workers, public, plain;
    bool has_admin;
};

static size_t list_places(struct listening *listening, const struct settings *settings, struct place *places)
{
    const char *address;
    size_t count = 0;
    for (; (address = settings_address(settings, count, &listening->plain)) != NULL; count++)
        places[count] = (struct place){address, count < listening->plain ? "public" : "tls", -1};
    listening->public = count;
    listening->has_admin = settings->admin != NULL;
    if (listening->has_admin)
        places[count++] = (struct place){settings->admin, "admin", -1};
    return count;
}

static bool is_kind(struct slice name)
{
    return slice_is(name, "public") || slice_is(name, "tls") || slice_is(name, "admin");
}

static bool refuse(int descriptor, struct slice name, const char *why)
{
    struct buf address;
    buf_init(&address, 256);
    listener_name(descriptor, &address);
    fprintf(stderr, "nexgate: inherited socket %d (%.*s, named \"%.*s\"): %s\n", descriptor, (int)address.length,
            address.bytes != NULL ? address.bytes : "", (int)name.length, name.length > 0 ? name.at : "", why);
    buf_free(&address);
    return false;
}

/* A socket that says what it is for goes nowhere else. */
static struct place *find_by_address(struct place *places, size_t count, int descriptor, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        bool may = !is_kind(name) || slice_is(name, places[i].name);
        if (may && places[i].inherited < 0 && listener_is_at(descriptor, places[i].address))
            return &places[i];
    }
    return NULL;
}

static struct place *find_by_name(struct place *places, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++) {
        if (places[i].inherited < 0 && slice_is(name, places[i].name))
            return &places[i];
    }
    return NULL;
}

/* By address first, for all of them; then by name. The settings were checked for an admin address that other machines
 * reach, so one that they do not name must not be such. */
static bool match(struct place *places, size_t count, const struct inherited *inherited)
{
    bool is_placed[INHERITED_MAX] = {false};
    char why[OPTION_WHY_MAX];
    for (size_t i = 0; i < inherited->count; i++) {
        int descriptor = INHERITED_FIRST + (int)i;
        if (!listener_can_adopt(descriptor, why, sizeof(why)))
            return refuse(descriptor, inherited->names[i], why);
        struct place *place = find_by_address(places, count, descriptor, inherited->names[i]);
        is_placed[i] = place != NULL;
        if (place != NULL)
            place->inherited = descriptor;
    }
    for (size_t i = 0; i < inherited->count; i++) {
        int descriptor = INHERITED_FIRST + (int)i;
        struct slice name = inherited->names[i];
        if (is_placed[i])
            continue;
        struct place *place = find_by_name(places, count, name);
        if (place == NULL)
            return refuse(descriptor, name, "no address of listen, tls_listen or admin is left that it could be");
        if (slice_is(name, "admin") && !listener_is_at_home(descriptor))
            return refuse(descriptor, name, "other machines reach it, so it must be the address of admin");
        place->inherited = descriptor;
    }
    return true;
}

static bool open_place(struct listening *listening, const struct place *place, size_t count)
{
    char why[OPTION_WHY_MAX];
    int *sockets = listening->sockets[listening->opened];
    bool good = place->inherited >= 0 ? listener_adopt(place->inherited, sockets, count, why, sizeof(why))
                                      : listener_open(place->address, sockets, count, why, sizeof(why));
    if (!good)
        fprintf(stderr, "nexgate: cannot listen on %s: %s\n", place->address, why);
    return good;
}

static void log_place(struct log *log, int descriptor, const struct place *place)
{
    struct buf name;
    buf_init(&name, 256);
    listener_name(descriptor, &name);
    log_write(log, LOG_LEVEL_INFO, "listening",
              LOG_FIELDS(LOG_TEXT("address", buf_slice(&name)), LOG_TEXT("listener", slice_of(place->name)),
                         LOG_TEXT("inherited", slice_of(place->inherited >= 0 ? "yes" : "no"))));
    buf_free(&name);
}

struct listening *listening_open(const struct settings *settings, size_t workers, const struct inherited_words *words,
                                 struct log *log)
{
    struct inherited inherited;
    char why[OPTION_WHY_MAX];
    if (!inherited_read(words, getpid(), &inherited, why, sizeof(why))) {
        fprintf(stderr, "nexgate: inherited sockets: %s\n", why);
        return NULL;
    }
    struct place places[PLACES_MAX];
    struct listening *listening = mem_new(sizeof(*listening));
    size_t count = list_places(listening, settings, places);
    listening->workers = workers;
    bool good = match(places, count, &inherited);
    for (size_t i = 0; good && i < count; i++) {
        good = open_place(listening, &places[i], i < listening->public ? workers : 1);
        if (!good)
            break;
        log_place(log, listening->sockets[i][0], &places[i]);
        listening->opened++;
    }
    if (good)
        return listening;
    listening_free(listening);
    return NULL;
}

static int take(int *descriptor)
{
    int taken = *descriptor;
    *descriptor = -1;
    return taken;
}

size_t listening_take_public(struct listening *listening, size_t worker, int own[LISTENING_PUBLIC_MAX], size_t *plain)
{
    for (size_t i = 0; i < listening->public; i++)
        own[i] = take(&listening->sockets[i][worker]);
    *plain = listening->plain;
    return listening->public;
}

int listening_take_admin(struct listening *listening)
{
    return listening->has_admin ? take(&listening->sockets[listening->public][0]) : -1;
}

void listening_free(struct listening *listening)
{
    if (listening == NULL)
        return;
    for (size_t i = 0; i < listening->opened; i++) {
        size_t count = i < listening->public ? listening->workers : 1;
        for (size_t k = 0; k < count; k++) {
            if (listening->sockets[i][k] >= 0)
                listener_close(listening->sockets[i][k]);
        }
    }
    mem_free(listening);
}
