/* SPDX-License-Identifier: MIT */
/* One reload after the other: read, and if all is good, change everything and wait until everybody has said so. Must
 * not know who asks, nor what a setting means. */
#include "reload.h"

#include "descriptors.h"
#include "settings_tls.h"
#include "upstream/fetcher_change.h"

#include <assert.h>

enum {
    LOGGED_MAX = 50, /* lines about a file that the log gets */
    WORKERS_MAX = 256
};

struct reload {
    struct reloader reloader;
    const char *path;
    struct loop *loop;
    struct log *log;
    struct mailbox *mailbox;
    struct reload_parts parts;

    const struct settings *first; /* the start's; whoever made it frees it */
    struct settings *later;       /* of the last reload; NULL: there was none */
    struct snapshot *snapshot;    /* in force: a reference */
    struct settings *next;        /* of the one under way, until it is in force */
    struct snapshot *next_snapshot;

    struct deferred begin;
    struct reload_request *waiting, **last_waiting; /* for the next reload */
    struct reload_request *attending;               /* the one under way */
    bool is_ordered;                                /* by a signal, for the next reload */
    bool is_under_way, is_closing;
    struct complaints complaints; /* of the one under way */

    size_t unconfirmed; /* letters that have not come back */
    struct letter worker_done[WORKERS_MAX];
    struct letter fetcher_done;
    struct fetcher_change fetcher;
};

const struct settings *reload_settings(const struct reload *reload)
{
    return reload->later != NULL ? reload->later : reload->first;
}

struct snapshot *reload_snapshot(const struct reload *reload)
{
    return reload->snapshot;
}

/* The clients and schemas of the settings become the snapshot's; NULL when memory cannot be had. */
static struct snapshot *make_snapshot(struct reload *reload, struct settings *settings)
{
    struct flow_options options = room_options_flow(settings);
    struct snapshot *snapshot = snapshot_new(&options, settings->schemas, settings->roster, reload->mailbox);
    if (snapshot != NULL) {
        settings->schemas = NULL;
        settings->roster = NULL;
    }
    return snapshot;
}

/* The end of one. */

static void log_lines(struct reload *reload, enum log_level level)
{
    struct slice rest = buf_slice(&reload->complaints.text);
    struct slice line;
    for (size_t i = 0; i < LOGGED_MAX && slice_cut(&rest, '\n', &line); i++) {
        if (line.length > 0)
            log_note(reload->log, level, "configuration", LOG_FIELDS(LOG_TEXT("problem", line)));
    }
}

static void finish(struct reload *reload, bool good)
{
    log_lines(reload, good ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR);
    notify_ready(reload->parts.notify, good ? "serving" : "serving; the last reload changed nothing, see the log");
    if (good)
        log_note(reload->log, LOG_LEVEL_INFO, "reloaded", NULL, 0);
    else
        log_note(reload->log, LOG_LEVEL_ERROR, "not reloaded: nothing was changed", NULL, 0);
    while (reload->attending != NULL) {
        struct reload_request *request = reload->attending;
        reload->attending = request->next;
        request->on_done(request, good, buf_slice(&reload->complaints.text));
    }
    complaints_free(&reload->complaints);
    reload->is_under_way = false;
    if ((reload->waiting != NULL || reload->is_ordered) && !reload->is_closing)
        loop_defer(reload->loop, &reload->begin);
}

static void on_confirmed(struct letter *letter, void *receiver)
{
    (void)letter;
    struct reload *reload = receiver;
    if (--reload->unconfirmed == 0)
        finish(reload, true);
}

/* The change. Nothing here can fail. */

static void forget_settings(struct settings *settings)
{
    if (settings != NULL)
        settings_free(settings);
    mem_free(settings);
}

static void change_settings(struct reload *reload)
{
    forget_settings(reload->later);
    reload->later = reload->next;
    reload->next = NULL;
}

static void change_snapshot(struct reload *reload)
{
    const struct clock *clock = loop_clock(reload->loop);
    struct snapshot *before = reload->snapshot;
    reload->snapshot = reload->next_snapshot;
    reload->next_snapshot = NULL;
    roster_succeed(reload->snapshot->roster, before->roster, clock_now(clock), clock_wall(clock));
    snapshot_unref(before);
}

/* The pages and whom they know, on this very thread. */
static void change_admin(struct reload *reload, const struct settings *settings, const struct front_options *options)
{
    struct front_options own = *options;
    own.access_in = 0; /* who looks is not what is looked at */
    admin_change(reload->parts.admin, reload->snapshot, settings->budget.count, settings->budget.period_us);
    admin_set_key(reload->parts.admin, settings->has_admin_key ? settings->admin_key_digest : NULL);
    if (reload->parts.admin_front != NULL)
        front_change(reload->parts.admin_front, &own);
}

static void change_rooms(struct reload *reload)
{
    const struct settings *settings = reload->later;
    const struct reload_parts *parts = &reload->parts;
    struct front_options front = room_options_front(settings);
    log_set_level(reload->log, (enum log_level)settings->log_level);
    front_census_change(parts->census, descriptors_for_clients(descriptors_raise(), settings->connections),
                        settings->connections_per_address);
    sharing_change(parts->sharing, settings);
    change_admin(reload, settings, &front);
    reload->unconfirmed = parts->worker_count + 1;
    for (size_t i = 0; i < parts->worker_count; i++) {
        reload->worker_done[i].on_open = on_confirmed;
        worker_change(parts->workers[i], &front, reload->mailbox, &reload->worker_done[i]);
    }
    reload->fetcher_done.on_open = on_confirmed;
    reload->fetcher = (struct fetcher_change){
        .options = room_options_fetcher(settings), .reply_to = reload->mailbox, .done = &reload->fetcher_done};
    fetcher_change(parts->fetcher, &reload->fetcher);
}

/* What can fail. */

/* Makes all that the change needs. */
static bool prepare(struct reload *reload)
{
    const struct reload_parts *parts = &reload->parts;
    bool good = roster_number(reload->next->roster, parts->metrics);
    if (good)
        reload->next_snapshot = make_snapshot(reload, reload->next);
    good = reload->next_snapshot != NULL;
    for (size_t i = 0; good && i < parts->worker_count; i++)
        good = worker_prepare(parts->workers[i], reload->next_snapshot);
    if (!good)
        complaints_memory(&reload->complaints, reload->path, 0);
    return good;
}

/* The one change that can fail, although the files were good a moment ago; so it is the first change, and comes when
 * nothing else can fail any more. */
static bool change_tls(struct reload *reload, const struct settings *settings)
{
    struct tls_options options = settings_tls_options(settings);
    struct tls_error error;
    if (reload->parts.tls == NULL || options.certificate == NULL || options.key == NULL)
        return true;
    if (tls_reload(reload->parts.tls, &options, &error))
        return true;
    complaints_error(&reload->complaints, reload->path, 0, "%s: %s", settings_tls_name(error.file), error.why);
    return false;
}

static bool read_settings(struct reload *reload)
{
    reload->next = mem_try_zeroed(sizeof(*reload->next));
    if (reload->next != NULL)
        return settings_reread(reload->path, reload_settings(reload), reload->next, &reload->complaints);
    complaints_memory(&reload->complaints, reload->path, 0);
    return false;
}

/* All that was made stays without consequence. */
static void give_up(struct reload *reload)
{
    for (size_t i = 0; i < reload->parts.worker_count; i++)
        worker_forget(reload->parts.workers[i]);
    snapshot_unref(reload->next_snapshot);
    reload->next_snapshot = NULL;
    forget_settings(reload->next);
    reload->next = NULL;
    finish(reload, false);
}

/* The beginning. */

static void on_begin(struct deferred *deferred)
{
    struct reload *reload = MEM_OUTER(deferred, struct reload, begin);
    reload->is_under_way = true;
    reload->is_ordered = false;
    notify_reloading(reload->parts.notify);
    reload->attending = reload->waiting;
    reload->waiting = NULL;
    reload->last_waiting = &reload->waiting;
    complaints_init(&reload->complaints);
    if (!read_settings(reload) || !prepare(reload) || !change_tls(reload, reload->next)) {
        give_up(reload);
        return;
    }
    change_snapshot(reload);
    change_settings(reload);
    change_rooms(reload);
}

void reload_ask(struct reload *reload, struct reload_request *request)
{
    request->next = NULL;
    *reload->last_waiting = request;
    reload->last_waiting = &request->next;
    if (!reload->is_under_way)
        loop_defer(reload->loop, &reload->begin);
}

void reload_order(struct reload *reload)
{
    reload->is_ordered = true;
    if (!reload->is_under_way)
        loop_defer(reload->loop, &reload->begin);
}

static bool remove_from(struct reload_request **link, struct reload_request *request)
{
    while (*link != NULL && *link != request)
        link = &(*link)->next;
    if (*link == NULL)
        return false;
    *link = request->next;
    return true;
}

void reload_leave(struct reload *reload, struct reload_request *request)
{
    if (remove_from(&reload->attending, request) || !remove_from(&reload->waiting, request))
        return;
    reload->last_waiting = &reload->waiting;
    while (*reload->last_waiting != NULL)
        reload->last_waiting = &(*reload->last_waiting)->next;
}

static void on_ask(struct reloader *reloader, struct reload_request *request)
{
    reload_ask(MEM_OUTER(reloader, struct reload, reloader), request);
}

static void on_leave(struct reloader *reloader, struct reload_request *request)
{
    reload_leave(MEM_OUTER(reloader, struct reload, reloader), request);
}

struct reloader *reload_reloader(struct reload *reload)
{
    return &reload->reloader;
}

struct reload *reload_new(const char *path, struct settings *settings, struct loop *loop, struct log *log)
{
    struct reload *reload = mem_new(sizeof(*reload));
    reload->reloader = (struct reloader){on_ask, on_leave};
    reload->path = path;
    reload->loop = loop;
    reload->log = log;
    reload->first = settings;
    reload->begin.on_turn_end = on_begin;
    reload->last_waiting = &reload->waiting;
    reload->mailbox = mailbox_new(loop, reload);
    if (reload->mailbox != NULL)
        reload->snapshot = make_snapshot(reload, settings);
    if (reload->snapshot != NULL)
        return reload;
    if (reload->mailbox != NULL)
        mailbox_free(reload->mailbox);
    mem_free(reload);
    return NULL;
}

void reload_serve(struct reload *reload, const struct reload_parts *parts)
{
    assert(parts->worker_count <= WORKERS_MAX);
    reload->parts = *parts;
}

static void turn_away(struct reload_request *request)
{
    while (request != NULL) {
        struct reload_request *next = request->next;
        request->on_done(request, false, slice_of("the gateway is closing\n"));
        request = next;
    }
}

void reload_free(struct reload *reload)
{
    if (reload == NULL)
        return;
    reload->is_closing = true;
    snapshot_unref(reload->snapshot);
    mailbox_free(reload->mailbox); /* opens what has come: confirmations, and snapshots to bury */
    turn_away(reload->attending);
    turn_away(reload->waiting);
    forget_settings(reload->later);
    mem_free(reload);
}
