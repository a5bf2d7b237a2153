/* SPDX-License-Identifier: MIT */
/* One Redis server for one loop: a connection that is made again when it must, and the breaker before it. Three states:
 *
 *   up       requests are sent
 *   trying   it was lost but a moment ago, or never tried: requests wait for the connection until their own deadline,
 *            but not for one that was late: those are refused at once
 *   away     the breaker is open: requests are refused at once; probes (connect, log in, PING) at growing, jittered
 *            pauses end it
 *
 * Knows no call, no deadline but its own probes', and no other node. One thread. */
#ifndef NEXGATE_IO_REDIS_NODE_H
#define NEXGATE_IO_REDIS_NODE_H

#include "base/log.h"
#include "base/metrics.h"
#include "io/redis_alarm.h"
#include "io/redis_link.h"

#define REDIS_PAUSE_FIRST_US INT64_C(50000)
#define REDIS_PAUSE_MAX_US INT64_C(2000000)
#define REDIS_HEARTBEAT_US INT64_C(5000000)

enum { REDIS_WAITING_MAX = 10000 }; /* requests, while it is being tried */

struct redis_node_options {
    const char *host;            /* or path; copied */
    int port;                    /* 0: `host` is the path of a unix socket */
    const char *user, *password; /* borrowed for good; NULL: none */
    int database;
    int64_t timeout_us;   /* of a probe */
    int64_t heartbeat_us; /* an idle connection is asked for a sign of life; 0: REDIS_HEARTBEAT_US */
    struct log *log;
    struct counters *counters; /* NULL: not counted */
    struct redis_alarm *alarm; /* what other threads know of hanging servers; NULL: nobody else asks them */

    /* It went up, was lost, or went away. May be NULL. */
    void (*on_change)(void *context, struct redis_node *node);
    /* Makes it the node of a feed: it takes no requests, and all that is said on it comes here. Else NULL. */
    void (*on_said)(void *context, const struct redisReply *reply);
    void *context;
};

struct redis_node;

/* Tries to connect at the end of the turn. */
struct redis_node *redis_node_new(struct loop *loop, const struct redis_node_options *options);

/* Forgets its requests: nobody is called. The memory goes at the end of the turn. */
void redis_node_free(struct redis_node *node);

/* Logged in and answering. */
bool redis_node_is_up(const struct redis_node *node);

/* Nothing waits, and no reply is still to come. */
bool redis_node_is_idle(const struct redis_node *node);

/* A request would be sent, or wait for the connection. */
bool redis_node_is_there(const struct redis_node *node);

/* False when it is away, or too much is under way: on_reply will not be called. */
bool redis_node_send(struct redis_node *node, struct redis_request *request) MUST_CHECK;

/* The request is its owner's again; its reply will be swallowed. Sets maybe_done. */
void redis_node_forget(struct redis_node *node, struct redis_request *request);

/* A feed's: what is said to the server, while it is up. */
void redis_node_say(struct redis_node *node, struct slice bytes);

/* What has come is answered now: before something is called late. */
void redis_node_catch_up(struct redis_node *node);

/* A request, already forgotten, was not answered in time: the connection is dropped, and whoever waits on it is told.
 */
void redis_node_late(struct redis_node *node);

/* A request was answered, and in time. */
void redis_node_answered(struct redis_node *node);

/* The server says itself that it cannot serve (LOADING and the like): it is away until a probe says otherwise. */
void redis_node_refuses(struct redis_node *node, const char *why);

/* host:port, or the path. */
const char *redis_node_name(const struct redis_node *node);
const char *redis_node_host(const struct redis_node *node);
int redis_node_port(const struct redis_node *node);

#endif
