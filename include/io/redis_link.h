/* SPDX-License-Identifier: MIT */
/* One connection to one Redis, from connect to its end: the login, what is sent in one write a turn, and replies
 * matched to requests in their order. It ends once and is never mended; who owns it makes another. Knows no route, no
 * breaker and no deadline but that of its beginning. One thread. */
#ifndef NEXGATE_IO_REDIS_LINK_H
#define NEXGATE_IO_REDIS_LINK_H

#include "base/slice.h"
#include "io/loop.h"

#include <sys/socket.h>

struct redisReply;
struct redis_node;

enum { REDIS_REQUEST_PARTS = 2, REDIS_WHY_MAX = 160, REDIS_UNSENT_MAX = 64 * 1024 * 1024 /* bytes */ };

/* What is sent, embedded in who asks; stays where it is until on_reply or until it is forgotten. */
struct redis_request {
    struct slice parts[REDIS_REQUEST_PARTS]; /* RESP, good as long as the request is */
    bool asking;                             /* an ASKING goes before each of its commands */

    /* NULL: the parts are one command. Else parts[0] is a command of its own, which runs before parts[1] on the same
     * connection, and its reply, where it comes, is told here, before on_reply. Nothing may be done but to note it. */
    void (*on_ahead)(struct redis_request *request, const struct redisReply *reply);

    /* Once. The reply is the link's until this returns; NULL: the connection ended. The request may be freed here. */
    void (*on_reply)(struct redis_request *request, const struct redisReply *reply);
    bool maybe_done; /* of no reply: bytes of it had left us */

    /* private: the link's, and the node's */
    uint64_t number, number_ahead; /* their difference is more than 1 where there is an ASKING between them */
    uint64_t begins_at;
    struct redis_node *node;
    struct redis_request *next, *previous;
    bool is_waiting;
};

struct redis_link_options {
    struct sockaddr_storage address;
    socklen_t address_length;
    const char *user, *password; /* borrowed; NULL: none */
    int database;
    int64_t timeout_us; /* from now until it is ready */

    /* Logged in, and a PING was answered. */
    void (*on_ready)(void *context);
    /* Its end, once; the requests on it are answered at the end of the turn. Not after redis_link_free. `why` is for
     * the log. */
    void (*on_end)(void *context, const char *why);
    /* Every reply once it is ready, where it carries what nobody asked for (a feed); else NULL. */
    void (*on_said)(void *context, const struct redisReply *reply);
    void *context;
};

struct redis_link;

/* Starts connecting; what becomes of it is told later. NULL when the kernel refuses. */
struct redis_link *redis_link_new(struct loop *loop, const struct redis_link_options *options) MUST_CHECK;

/* Forgets its requests: nobody is called. Callable in its own callbacks; the memory goes at the end of the turn. */
void redis_link_free(struct redis_link *link);

bool redis_link_is_ready(const struct redis_link *link);

/* Ready links only. Copies the bytes, which leave at the end of the turn. False when too much is under way. */
bool redis_link_send(struct redis_link *link, struct redis_request *request) MUST_CHECK;

/* Its reply will be swallowed. Sets maybe_done. */
void redis_link_forget(struct redis_link *link, struct redis_request *request);

/* Bytes whose replies come by on_said. */
void redis_link_say(struct redis_link *link, struct slice bytes);

/* Reads what has come by now, without waiting for the loop to say so. */
void redis_link_catch_up(struct redis_link *link);

/* Ends it from our side: as if the peer had. Not inside redis_link_send or _say. */
void redis_link_end(struct redis_link *link, const char *why);

/* Replies that are still to come. */
size_t redis_link_under_way(const struct redis_link *link);

#endif
