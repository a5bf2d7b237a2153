/* SPDX-License-Identifier: MIT */
/* Redis as those who ask it see it: one command or script with its deadline and its reply, and whoever carries it: a
 * server, a cluster or the master that sentinels name (redis_new), a puppet in the flow tests. Bytes, deadlines, routes
 * and a breaker; no policy, and no retry but where the server said that nothing was done. One thread.
 *
 * Deadlines are on the loop's clock, Redis lives in real time: on a frozen clock nothing is ever late, and a clock that
 * is moved while a call is under way makes it late unless its reply has come by then. */
#ifndef NEXGATE_IO_REDIS_H
#define NEXGATE_IO_REDIS_H

#include "base/log.h"
#include "base/metrics.h"
#include "base/slice.h"
#include "io/loop.h"
#include "io/redis_alarm.h"
#include "io/redis_feed.h"
#include "io/redis_url.h"

struct redisReply; /* hiredis's */

enum {
    REDIS_ARGUMENTS_MAX = 24,
    REDIS_CALLS_MAX = 10000,                 /* under way at once; more are answered REDIS_AWAY */
    REDIS_REPLY_BYTES_MAX = 64 * 1024 * 1024 /* a reply that would be larger ends its connection */
};

enum redis_outcome {
    REDIS_ANSWERED, /* `reply` is the server's, which may be an error of this command (REDIS_REPLY_ERROR) */
    REDIS_AWAY,     /* no connection, the breaker is open, or the connection broke */
    REDIS_TIMED_OUT /* the timeout passed; its connection is dropped with all that wait on it */
};

/* A Lua script. Static, immutable. All its keys must lie in one slot. */
struct redis_script {
    const char *name; /* for the log */
    const char *text;
};

#define REDIS_LIFE_UNKNOWN INT64_MIN

/* Filled by the caller, who owns it; must stay where it is from start until on_done or cancel. The arguments are copied
 * by start. */
struct redis_call {
    /* request */
    const struct redis_script *script; /* NULL: arguments[0] is the command. Else EVALSHA, and on NOSCRIPT the text goes
                                          to that node */
    struct slice arguments[REDIS_ARGUMENTS_MAX]; /* of a script: first its keys, then its arguments */
    size_t argument_count;
    size_t key_count;                         /* of a script */
    struct slice key;                         /* whose slot decides the node; at == NULL: any node */
    bool with_life;                           /* see life_ms; not with a script */
    int64_t timeout_us;                       /* 0: the options' */
    void (*on_done)(struct redis_call *call); /* once, never inside start */

    /* result, valid in on_done */
    enum redis_outcome outcome;
    const struct redisReply *reply; /* REDIS_ANSWERED only; the carrier's, until on_done returns */
    bool maybe_done;                /* not ANSWERED: it was sent, so the server may have run it */
    int64_t life_ms; /* ANSWERED, with_life: what PTTL said of `key` just before the command ran, so never of
                        a younger value than what the command saw; REDIS_LIFE_UNKNOWN: no number */

    void *handle; /* the carrier's */
};

struct redis {
    /* Sends the call. Never calls on_done before it returns. */
    void (*start)(struct redis *redis, struct redis_call *call);

    /* Forgets a call under way: on_done will not be called; the server may still run it. Nothing happens to one that
     * was answered, or never started (handle == NULL). */
    void (*cancel)(struct redis *redis, struct redis_call *call);

    /* Whether a call started now would be sent rather than be answered REDIS_AWAY at once. */
    bool (*is_there)(const struct redis *redis);
};

enum { REDIS_FAILURE_MAX = 64 };

/* In on_done, why the call came to nothing, for the log: Redis gives no answer, refuses (with the first word of what it
 * says: the rest may repeat what was sent), or answers what was not asked. */
const char *redis_call_failure(const struct redis_call *call, char room[REDIS_FAILURE_MAX]);

struct redis_options {
    const struct redis_url *url; /* borrowed for good */
    int64_t timeout_us;          /* of one command, from start to reply; connecting has the same time again */
    struct redis_alarm *alarm;   /* borrowed for good, shared by all threads of the process; NULL: none */
};

/* Connects in the background, and again with growing, jittered pauses whenever it must. A peer that answers too late
 * too often is asked no more until a probe in the background was answered in time. NULL when the kernel refuses. */
struct redis *redis_new(struct loop *loop, const struct redis_options *options, struct log *log,
                        struct counters *counters) MUST_CHECK;

/* Whoever is under way is answered REDIS_AWAY at the end of the turn, and so is everybody from now on. */
void redis_close(struct redis *redis);

/* Forgets what is under way: nobody is called. Not inside an on_done; the memory goes at the end of the turn. */
void redis_free(struct redis *redis);

#endif
