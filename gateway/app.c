/* SPDX-License-Identifier: MIT */
/* Puts the rooms together and runs them.
 *
 *   main thread      signals, reloads, admin listener
 *   fetcher thread   everything that talks to Nexudus
 *   worker threads   one per core: clients
 *
 * Taking apart goes in the order that leaves nobody waiting: workers drain, then all threads end; the fetcher answers
 * what is still open; the workers hand those answers out; then everything is freed, on the main thread alone. */
#include "app.h"

#include "admin/admin.h"
#include "descriptors.h"
#include "flow/store.h"
#include "flow/tally.h"
#include "io/lag.h"
#include "listening.h"
#include "notify.h"
#include "reload.h"
#include "room_options.h"
#include "sandbox.h"
#include "settings_tls.h"
#include "sharing.h"
#include "signals.h"
#include "trimming.h"
#include "versions.h"
#include "watchdog.h"
#include "worker.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    WORKERS_MAX = LISTENING_WORKERS_MAX,
    ADMIN_CONNECTIONS = 256,
    UPSTREAM_CONNECTIONS = 512, /* kept to Nexudus, busy ones included: above, libcurl closes what it could keep */
    UPSTREAM_BODIES = 256 << 20 /* bytes of answers under way */
};

struct app {
    const char *path;
    struct settings *settings; /* of the start; what a reload may change is asked of `reload` */
    struct reload *reload;
    struct clock *clock;
    struct log *log;
    struct metrics *metrics;
    struct notable *notable;
    struct memory *memory;

    struct loop *loop; /* the main thread's */
    struct mailbox *mailbox;
    struct signals *signals;
    struct notify *notify;
    struct watchdog *watchdog; /* NULL: nobody wants to know */
    struct admin *admin;
    struct lag fetcher_lag;
    struct trimming fetcher_trimming;
    struct front *admin_front;
    struct front_census *admin_census;

    struct redis_options redis, quota_redis; /* used where the settings name one */
    struct redis_alarm redis_alarm;
    struct loop *fetcher_loop;
    struct sharing *sharing;
    struct redis *fetcher_redis;
    struct transport *transport;
    struct fetcher *fetcher;
    pthread_t fetcher_thread;
    bool fetcher_started;

    struct front_census *census;
    struct listening *listening;
    struct tls *tls; /* NULL: none is served */
    struct worker *workers[WORKERS_MAX];
    struct letter drained[WORKERS_MAX];
    size_t worker_count;
    size_t draining; /* workers that are not empty yet */
    bool stopping;
    struct timer drain_timer;
    struct trimming trimming;
};

static bool make_fetcher(struct app *app)
{
    const struct settings *settings = app->settings;
    struct fetch_options fetch = {.connections_max = UPSTREAM_CONNECTIONS,
                                  .bodies_max = UPSTREAM_BODIES,
                                  .user_agent = "nexgate/" NEXGATE_VERSION};
    struct fetcher_options options = room_options_fetcher(settings);
    app->fetcher_loop = loop_new(app->clock);
    if (app->fetcher_loop == NULL)
        return false;
    app->transport = fetch_transport_new(app->fetcher_loop, &fetch);
    if (app->transport == NULL)
        return false;
    struct counters *counters = metrics_block(app->metrics);
    if (settings->has_redis) {
        app->fetcher_redis = redis_new(app->fetcher_loop, &app->redis, app->log, counters);
        if (app->fetcher_redis == NULL)
            return false;
        options.redis = (struct fetcher_redis){app->fetcher_redis, &app->redis,
                                               settings->redis_prefix != NULL ? settings->redis_prefix : "",
                                               settings->has_redis_token_key ? settings->redis_token_key_bytes : NULL};
    }
    struct sharing_parts sharing = {
        .settings = settings,
        .loop = app->fetcher_loop,
        .redis = app->fetcher_redis,
        .redis_options = &app->redis,
        .memory = app->memory,
        .log = app->log,
        .counters = counters,
    };
    app->sharing = sharing_new(&sharing);
    if (app->sharing == NULL)
        return false;
    struct fetcher_cache cache = sharing_cache(app->sharing);
    app->fetcher = fetcher_new(app->fetcher_loop, app->transport, &options, &cache, app->log, counters);
    lag_start(&app->fetcher_lag, app->fetcher_loop, counters);
    trimming_start(&app->fetcher_trimming, app->fetcher_loop, mem_trim_end);
    return app->fetcher != NULL;
}

static bool make_admin(struct app *app)
{
    const struct settings *settings = app->settings;
    int descriptor = listening_take_admin(app->listening);
    if (descriptor < 0)
        return true;
    struct front_options options = room_options_front(settings);
    options.access_in = 0; /* who looks is not what is looked at */
    app->admin_census = front_census_new(ADMIN_CONNECTIONS, ADMIN_CONNECTIONS);
    app->admin_front =
        front_new(app->loop, descriptor, &options, admin_handler(app->admin), app->admin_census, app->log, NULL);
    return app->admin_front != NULL;
}

static bool make_worker(struct app *app, const int *descriptors, size_t count)
{
    const struct settings *settings = app->settings;
    struct flow_parts parts = {
        .clock = app->clock,
        .memory = app->memory,
        .fetcher = app->fetcher,
        .sharing = sharing_options(app->sharing),
        .redis_options = settings->has_redis ? &app->redis : NULL,
        .quota_redis_options = settings->has_quota_redis ? &app->quota_redis : NULL,
        .log = app->log,
        .counters = metrics_block(app->metrics),
        .is_first = app->worker_count == 0,
        .notable = app->notable,
    };
    struct front_options front = room_options_front(settings);
    app->workers[app->worker_count] =
        worker_new(reload_snapshot(app->reload), &parts, &front, app->census, descriptors, count);
    if (app->workers[app->worker_count] == NULL)
        return false;
    app->worker_count++;
    return true;
}

static bool make_workers(struct app *app, size_t workers)
{
    for (size_t i = 0; i < workers; i++) {
        int own[LISTENING_PUBLIC_MAX];
        size_t plain;
        size_t count = listening_take_public(app->listening, i, own, &plain);
        if (!make_worker(app, own, count))
            return false;
        worker_use_tls(app->workers[i], plain, app->tls);
    }
    return true;
}

static bool listen_everywhere(struct app *app, size_t workers)
{
    const struct inherited_words words = {getenv("LISTEN_PID"), getenv("LISTEN_FDS"), getenv("LISTEN_FDNAMES")};
    app->listening = listening_open(app->settings, workers, &words, app->log);
    return app->listening != NULL;
}

/* Where a service manager wants to hear again and again that all threads turn. */
static bool make_watchdog(struct app *app)
{
    int64_t interval_us = notify_watchdog_us(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
    if (interval_us == 0 || !notify_is_heard(app->notify))
        return true;
    app->watchdog = watchdog_new(app->loop, app->notify, interval_us);
    if (app->watchdog == NULL || !watchdog_add(app->watchdog, app->fetcher_loop))
        return false;
    for (size_t i = 0; i < app->worker_count; i++) {
        if (!watchdog_add(app->watchdog, worker_loop(app->workers[i])))
            return false;
    }
    return true;
}

static void finish(struct app *app)
{
    timer_stop(app->loop, &app->drain_timer);
    loop_stop(app->loop);
}

static void on_worker_drained(struct letter *letter, void *receiver)
{
    (void)letter;
    struct app *app = receiver;
    if (--app->draining == 0)
        finish(app);
}

static void on_drain_timeout(struct timer *timer)
{
    struct app *app = MEM_OUTER(timer, struct app, drain_timer);
    log_say(app->log, LOG_LEVEL_WARN, "drain_timeout passed: closing what is left");
    finish(app);
}

/* The first signal drains; a second one ends at once. */
static void stop(struct app *app)
{
    if (app->stopping) {
        finish(app);
        return;
    }
    app->stopping = true;
    log_say(app->log, LOG_LEVEL_INFO, "draining");
    notify_stopping(app->notify);
    admin_drain(app->admin);
    app->draining = app->worker_count;
    for (size_t i = 0; i < app->worker_count; i++) {
        app->drained[i].on_open = on_worker_drained;
        worker_drain(app->workers[i], app->mailbox, &app->drained[i]);
    }
    app->drain_timer.on_timer = on_drain_timeout;
    timer_start(app->loop, &app->drain_timer, loop_now(app->loop) + reload_settings(app->reload)->drain_timeout_us);
}

static void on_signal(int number, void *context)
{
    struct app *app = context;
    if (number == SIGHUP)
        reload_order(app->reload);
    else
        stop(app);
}

static void *run_fetcher(void *context)
{
    loop_run(context);
    return NULL;
}

static bool start_threads(struct app *app)
{
    app->fetcher_started = pthread_create(&app->fetcher_thread, NULL, run_fetcher, app->fetcher_loop) == 0;
    if (!app->fetcher_started)
        return false;
    for (size_t i = 0; i < app->worker_count; i++) {
        if (!worker_start(app->workers[i]))
            return false;
    }
    return true;
}

/* The doors of a test build. */
static void open_doors(struct app *app)
{
#ifdef NEXGATE_FAILING_MEMORY
    const char *memory = getenv("NEXGATE_MEMORY_FILE");
    if (memory != NULL && !mem_follow(memory)) {
        fprintf(stderr, "nexgate: cannot follow the memory file %s\n", memory);
        abort();
    }
#endif
#ifdef NEXGATE_MOVABLE_CLOCK
    const char *path = getenv("NEXGATE_CLOCK_FILE");
    if (path != NULL && !clock_follow(app->clock, path)) {
        fprintf(stderr, "nexgate: cannot follow the clock file %s\n", path);
        abort();
    }
#else
    (void)app;
#endif
}

/* The census that the configuration asks for, as far as the process has descriptors. */
static struct front_census *make_census(const struct app *app)
{
    const struct settings *settings = app->settings;
    int64_t limit = descriptors_raise();
    int64_t connections = descriptors_for_clients(limit, settings->connections);
    if (connections < settings->connections)
        log_write(app->log, LOG_LEVEL_WARN, "fewer client connections than configured: the descriptor limit is too low",
                  LOG_FIELDS(LOG_NUMBER("configured", settings->connections), LOG_NUMBER("connections", connections),
                             LOG_NUMBER("descriptor_limit", limit)));
    return front_census_new(connections, settings->connections_per_address);
}

/* Before there are threads. A sanitizer looks for leaks from a process of its own, so its builds stay outside. */
static void enter_sandbox(struct app *app)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)app;
#else
    if (!sandbox_enter())
        log_say(app->log, LOG_LEVEL_WARN, "the kernel has no seccomp: other programs are not out of reach");
#endif
}

/* One for each core, unless the configuration says otherwise. */
static size_t workers_wanted(const struct settings *settings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t workers = settings->workers > 0 ? (size_t)settings->workers : (size_t)(cores > 0 ? cores : 1);
    return workers < WORKERS_MAX ? workers : WORKERS_MAX;
}

static bool start(struct app *app)
{
    struct settings *settings = app->settings;
    app->redis = (struct redis_options){&settings->redis, settings->redis_timeout_us, &app->redis_alarm};
    app->quota_redis = (struct redis_options){&settings->quota_redis, settings->redis_timeout_us, &app->redis_alarm};
    app->clock = clock_new();
    open_doors(app);
    app->log =
        log_new(STDERR_FILENO, (enum log_level)settings->log_level, (enum log_format)settings->log_format, app->clock);
    app->notify = notify_new(getenv("NOTIFY_SOCKET"), app->log);
    versions_log(app->log);
    enter_sandbox(app);
    app->metrics = metrics_new();
    app->notable = notable_new();
    if (app->metrics == NULL || !roster_number(settings->roster, app->metrics))
        return false;
    app->memory = memory_new((size_t)settings->memory_bytes);
    app->loop = loop_new(app->clock);
    if (app->loop == NULL)
        return false;
    app->signals = signals_new(app->loop, on_signal, app);
    app->mailbox = mailbox_new(app->loop, app);
    app->reload = reload_new(app->path, settings, app->loop, app->log);
    if (app->signals == NULL || app->mailbox == NULL || app->reload == NULL || !make_fetcher(app))
        return false;
    const struct snapshot *snapshot = reload_snapshot(app->reload);
    struct admin_parts admin = {
        .clock = app->clock,
        .log = app->log,
        .metrics = app->metrics,
        .counters = metrics_block(app->metrics),
        .memory = app->memory,
        .fetcher = app->fetcher,
        .notable = app->notable,
        .options = &snapshot->options,
        .url = settings->url,
        .budget = settings->budget.count,
        .budget_interval_us = settings->budget.period_us,
        .memory_bytes = settings->memory_bytes,
        .schemas = snapshot->schemas,
        .coherence = sharing_coherence(app->sharing),
        .mailbox = app->mailbox,
        .key_prefix = room_options_flow(settings).key_prefix,
        .roster = snapshot->roster,
        .reloader = reload_reloader(app->reload),
        .version = NEXGATE_VERSION,
    };
    app->admin = admin_new(&admin);
    if (settings->has_admin_key)
        admin_set_key(app->admin, settings->admin_key_digest);
    app->census = make_census(app);
    size_t workers = workers_wanted(settings);
    if (!settings_tls_make(settings, &app->tls) || !listen_everywhere(app, workers) || !make_workers(app, workers) ||
        !make_admin(app) || !make_watchdog(app))
        return false;
    struct reload_parts parts = {app->fetcher, app->sharing, app->workers, app->worker_count, app->census,
                                 app->tls,     app->metrics, app->admin,   app->admin_front,  app->notify};
    reload_serve(app->reload, &parts);
    return start_threads(app);
}

/* The threads have ended, and the fetcher is closed but not gone: a search that waited may go on and ask again, and is
 * answered again, until all is quiet. Each request ends in an answer that closes its connection, so this ends; the
 * bound is for our mistakes. What the other gateways are told at last is waited for, but for a moment only. */
static void settle(struct app *app)
{
    enum { TURNS_MAX = 100000, WAITS_MAX = 200, PAUSE_US = 1000 };
    bool any = true;
    sharing_leave(app->sharing);
    fetcher_close(app->fetcher);
    for (unsigned turns = 0; any && turns < TURNS_MAX; turns++) {
        any = loop_turn(app->fetcher_loop);
        for (size_t i = 0; i < app->worker_count; i++)
            any |= worker_settle(app->workers[i]);
    }
    for (unsigned waits = 0; waits < WAITS_MAX && !fetcher_has_left(app->fetcher); waits++) {
        if (!loop_turn(app->fetcher_loop))
            usleep(PAUSE_US);
    }
}

static void take_apart(struct app *app)
{
    trimming_stop(&app->trimming);
    for (size_t i = 0; i < app->worker_count; i++)
        worker_stop(app->workers[i]);
    if (app->fetcher_started) {
        loop_stop(app->fetcher_loop);
        pthread_join(app->fetcher_thread, NULL);
        lag_stop(&app->fetcher_lag);
        trimming_stop(&app->fetcher_trimming);
    }
    watchdog_free(app->watchdog);
    if (app->fetcher != NULL)
        settle(app);
    for (size_t i = 0; i < app->worker_count; i++)
        worker_free(app->workers[i]);
    if (app->fetcher != NULL)
        fetcher_free(app->fetcher);
    sharing_free(app->sharing);
    front_free(app->admin_front);
    admin_free(app->admin);
    redis_free(app->fetcher_redis);
    if (app->transport != NULL)
        fetch_transport_free(app->transport);
    if (app->fetcher_loop != NULL)
        loop_free(app->fetcher_loop);
    reload_free(app->reload);
    if (app->mailbox != NULL)
        mailbox_free(app->mailbox);
    signals_free(app->signals);
    if (app->loop != NULL)
        loop_free(app->loop);
    front_census_free(app->admin_census);
    front_census_free(app->census);
    listening_free(app->listening);
    tls_free(app->tls);
    memory_free(app->memory);
    if (app->fetcher_started)
        tally_say(app->metrics, app->log);
    notable_free(app->notable);
    metrics_free(app->metrics);
    notify_free(app->notify);
    log_free(app->log);
    clock_free(app->clock);
    mem_free(app);
}

int app_serve(const char *path, struct settings *settings)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        fprintf(stderr, "nexgate: libcurl cannot be initialised\n");
        return 1;
    }
    mem_keep_freed();
    struct app *app = mem_new(sizeof(*app));
    app->path = path;
    app->settings = settings;
    bool started = start(app);
    if (started) {
        log_say(app->log, LOG_LEVEL_INFO, "serving");
        notify_ready(app->notify, "serving");
        trimming_start(&app->trimming, app->loop, mem_trim_holes);
        if (app->watchdog != NULL)
            watchdog_start(app->watchdog);
        loop_run(app->loop);
        log_say(app->log, LOG_LEVEL_INFO, "bye");
    } else {
        fprintf(stderr, "nexgate: could not start\n");
    }
    take_apart(app);
    curl_global_cleanup();
    return started ? 0 : 1;
}
