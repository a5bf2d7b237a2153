/* SPDX-License-Identifier: MIT */
/* The configuration in force, and reading it anew while everything runs. The file is read and checked whole, and
 * what the change needs is made; only then is anything changed, and then nothing can fail any more. Each worker takes
 * the new snapshot between two turns, the fetcher its new limits; when all have, the reload is done. Main thread. */
#ifndef NEXGATE_RELOAD_H
#define NEXGATE_RELOAD_H

#include "admin/reload.h"
#include "notify.h"
#include "room_options.h"
#include "sharing.h"
#include "worker.h"

/* Whom a reload changes; all borrowed. */
struct reload_parts {
    struct fetcher *fetcher;
    struct sharing *sharing;
    struct worker *const *workers;
    size_t worker_count;
    struct front_census *census;
    struct tls *tls; /* NULL: there is none */
    struct metrics *metrics;
    struct admin *admin;
    struct front *admin_front; /* NULL: there is none */
    struct notify *notify;
};

struct reload;

/* Takes clients and schemas out of the settings, which it goes by until the first reload; the rest of them is borrowed
 * until the end, as rooms may keep its texts. NULL when the kernel refuses, or memory cannot be had. */
struct reload *reload_new(const char *path, struct settings *settings, struct loop *loop, struct log *log) MUST_CHECK;

/* When all that is borrowed has ended its threads, and whoever held a snapshot is gone. Who still waits for a reload is
 * told that nothing was changed. NULL is fine. */
void reload_free(struct reload *reload);

/* Before the first ask. */
void reload_serve(struct reload *reload, const struct reload_parts *parts);

/* Has the file read anew. Who asks while a reload is under way gets the next one, together with all others who do. */
void reload_ask(struct reload *reload, struct reload_request *request);

/* The same for a signal: the log has the outcome. */
void reload_order(struct reload *reload);

/* It shall not be called any more. */
void reload_leave(struct reload *reload, struct reload_request *request);

/* Both for the admin's page. */
struct reloader *reload_reloader(struct reload *reload);

/* What is in force; good until control returns to the loop, unless a reference is taken. */
const struct settings *reload_settings(const struct reload *reload);
struct snapshot *reload_snapshot(const struct reload *reload);

#endif
