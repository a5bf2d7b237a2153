/* SPDX-License-Identifier: MIT */
/* One worker thread. Owns what belongs to that thread alone; must not know what a search is. */
#include "worker.h"

#include "flow/edition.h"
#include "io/lag.h"
#include "settings.h"
#include "trimming.h"

#include <pthread.h>
#include <unistd.h>

struct worker {
    struct loop *loop;
    struct mailbox *mailbox;
    struct redis *redis, *quota_redis; /* NULL: none; both may be the same */
    struct quota_desk *desk;           /* NULL: quotas are counted in process */
    struct flow *flow;
    struct front *fronts[2 * SETTINGS_LISTEN_MAX]; /* plain, then TLS */
    size_t front_count;
    struct lag lag;
    struct trimming trimming;
    struct counters *counters;
    pthread_t thread;
    bool started;

    struct slice key_prefix; /* owned: the desk's, which outlives snapshots */

    struct { /* what a reload brings: main → worker → main */
        struct letter letter;
        struct edition *edition; /* prepared, and not given away yet */
        struct front_options front;
        struct mailbox *reply_to;
        struct letter *done;
    } change;

    struct letter drain; /* main → worker */
    struct mailbox *reply_to;
    struct letter *done;
    bool has_drained; /* no front accepts any more */
    size_t draining;  /* fronts that are not empty yet */
};

static void close_all(const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(descriptors[i]);
}

static bool add_fronts(struct worker *worker, const struct front_options *options, struct front_census *census,
                       const struct flow_parts *parts, const int *descriptors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        worker->fronts[i] = front_new(worker->loop, descriptors[i], options, flow_handler(worker->flow), census,
                                      parts->log, parts->counters);
        if (worker->fronts[i] == NULL) {
            close_all(descriptors + i + 1, count - i - 1);
            return false;
        }
        worker->front_count = i + 1;
    }
    return true;
}

static bool connect_redis(struct worker *worker, const struct flow_parts *parts)
{
    if (parts->redis_options == NULL)
        return true;
    worker->redis = redis_new(worker->loop, parts->redis_options, parts->log, parts->counters);
    worker->quota_redis = worker->redis;
    if (parts->quota_redis_options != NULL)
        worker->quota_redis = redis_new(worker->loop, parts->quota_redis_options, parts->log, parts->counters);
    return worker->redis != NULL && worker->quota_redis != NULL;
}

static void open_desk(struct worker *worker, const struct flow_options *flow, struct flow_parts *own)
{
    const struct quota_desk_options options = {.key_prefix = worker->key_prefix,
                                               .timeout_us = flow->quota_timeout_us,
                                               .on_failure = flow->quota_on_failure,
                                               .checks_server = own->is_first};
    if (worker->quota_redis == NULL)
        return;
    worker->desk = quota_desk_new(worker->loop, worker->quota_redis, &options, own->log, own->counters);
    own->desk = worker->desk;
}

struct worker *worker_new(struct snapshot *snapshot, const struct flow_parts *parts, const struct front_options *front,
                          struct front_census *census, const int *descriptors, size_t descriptor_count)
{
    struct worker *worker = mem_new(sizeof(*worker));
    struct flow_parts own = *parts;
    worker->loop = loop_new(parts->clock);
    if (worker->loop != NULL)
        worker->mailbox = mailbox_new(worker->loop, worker);
    if (worker->mailbox == NULL || !connect_redis(worker, parts))
        goto close;
    worker->counters = parts->counters;
    own.mailbox = worker->mailbox;
    own.loop = worker->loop;
    own.redis = worker->redis;
    own.quota_redis = worker->quota_redis;
    worker->key_prefix = slice_make(mem_copy_text(snapshot->options.key_prefix.at, snapshot->options.key_prefix.length),
                                    snapshot->options.key_prefix.length);
    open_desk(worker, &snapshot->options, &own);
    worker->flow = flow_new(snapshot, &own);
    if (worker->flow == NULL)
        goto close;
    if (add_fronts(worker, front, census, parts, descriptors, descriptor_count))
        return worker;
    worker_free(worker); /* add_fronts has closed the descriptors */
    return NULL;

close:
    close_all(descriptors, descriptor_count);
    worker_free(worker);
    return NULL;
}

void worker_use_tls(struct worker *worker, size_t first, struct tls *tls)
{
    for (size_t i = first; i < worker->front_count; i++)
        front_use_tls(worker->fronts[i], tls);
}

struct loop *worker_loop(struct worker *worker)
{
    return worker->loop;
}

static void *run(void *context)
{
    struct worker *worker = context;
    loop_run(worker->loop);
    return NULL;
}

bool worker_start(struct worker *worker)
{
    lag_start(&worker->lag, worker->loop, worker->counters);
    trimming_start(&worker->trimming, worker->loop, mem_trim_end);
    worker->started = pthread_create(&worker->thread, NULL, run, worker) == 0;
    return worker->started;
}

static void on_change(struct letter *letter, void *receiver)
{
    (void)letter;
    struct worker *worker = receiver;
    flow_change(worker->flow, worker->change.edition);
    worker->change.edition = NULL;
    for (size_t i = 0; i < worker->front_count; i++)
        front_change(worker->fronts[i], &worker->change.front);
    mailbox_post(worker->change.reply_to, worker->change.done);
}

bool worker_prepare(struct worker *worker, struct snapshot *snapshot)
{
    worker->change.edition = edition_new(snapshot);
    return worker->change.edition != NULL;
}

void worker_forget(struct worker *worker)
{
    if (worker->change.edition != NULL)
        edition_unref(worker->change.edition);
    worker->change.edition = NULL;
}

void worker_change(struct worker *worker, const struct front_options *front, struct mailbox *reply_to,
                   struct letter *done)
{
    worker->change.letter.on_open = on_change;
    worker->change.front = *front;
    worker->change.reply_to = reply_to;
    worker->change.done = done;
    mailbox_post(worker->mailbox, &worker->change.letter);
}

static void say_drained(void *context)
{
    struct worker *worker = context;
    if (worker->done != NULL)
        mailbox_post(worker->reply_to, worker->done);
}

/* Other instances may spend at once what this one does not need any more. */
static void on_drained(void *context)
{
    struct worker *worker = context;
    if (--worker->draining > 0)
        return;
    if (worker->desk != NULL)
        quota_desk_return_all(worker->desk, say_drained, worker);
    else
        say_drained(worker);
}

static void drain_fronts(struct worker *worker)
{
    if (worker->has_drained)
        return;
    worker->has_drained = true;
    worker->draining = worker->front_count;
    for (size_t i = 0; i < worker->front_count; i++)
        front_drain(worker->fronts[i], on_drained, worker);
}

static void on_drain(struct letter *letter, void *receiver)
{
    (void)letter;
    drain_fronts(receiver);
}

void worker_drain(struct worker *worker, struct mailbox *reply_to, struct letter *done)
{
    worker->reply_to = reply_to;
    worker->done = done;
    worker->drain.on_open = on_drain;
    mailbox_post(worker->mailbox, &worker->drain);
}

void worker_stop(struct worker *worker)
{
    if (!worker->started)
        return;
    loop_stop(worker->loop);
    pthread_join(worker->thread, NULL);
    worker->started = false;
    lag_stop(&worker->lag);
    trimming_stop(&worker->trimming);
}

bool worker_settle(struct worker *worker)
{
    drain_fronts(worker);
    if (worker->desk != NULL)
        quota_desk_close(worker->desk);
    if (worker->redis != NULL)
        redis_close(worker->redis); /* nobody waits for replies any more */
    if (worker->quota_redis != NULL)
        redis_close(worker->quota_redis);
    return loop_turn(worker->loop);
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    for (size_t i = 0; i < worker->front_count; i++)
        front_free(worker->fronts[i]);
    flow_free(worker->flow);
    quota_desk_free(worker->desk);
    if (worker->quota_redis != worker->redis)
        redis_free(worker->quota_redis);
    redis_free(worker->redis);
    if (worker->mailbox != NULL)
        mailbox_free(worker->mailbox);
    if (worker->loop != NULL)
        loop_free(worker->loop);
    mem_free((void *)worker->key_prefix.at);
    mem_free(worker);
}
