/* SPDX-License-Identifier: MIT */
/* A home of connections on a loop whose clock stands still, a handler that does what the path says, and clients on the
 * other end of socket pairs.
 *
 *   /wait…      answered when the test says so          /big/N…     a body of N kilobytes in five slices
 *   /status/N   status N without a body                 /close      answered, and closed
 *   /fields/N   N header fields of 15 bytes             any other   404, its body the path */
#ifndef NEXGATE_TESTS_CONN_BENCH_H
#define NEXGATE_TESTS_CONN_BENCH_H

#include "front/conn_home.h"
#include "ground.h"
#include "unit/tls_bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BENCH_LOG_MAX = 256,
    BENCH_WAITING_MAX = 16,
    BENCH_PATH_MAX = 120,
    BENCH_IN_MAX = 4 * 1024 * 1024,
    BENCH_BIG_KB_MAX = 2048
};

struct bench {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct conn_home *home;
    struct handler handler;
    struct front_options options;
    struct identity identity; /* over TLS */
    struct tls *tls;          /* NULL: plain */
    SSL_CTX *client_context;
    char paths[BENCH_LOG_MAX][BENCH_PATH_MAX]; /* as they were served */
    enum exchange_method methods[BENCH_LOG_MAX];
    int64_t came_us[BENCH_LOG_MAX];
    size_t served;
    struct exchange *waiting[BENCH_WAITING_MAX];
    size_t waiting_count;
    bool has_certificate; /* of the last request */
    uint8_t certificate[HASH_SHA256_BYTES];
    size_t finished;
    size_t closed;  /* connections that gave their place back */
    size_t drained; /* calls */
    char *big;
};

static inline void bench_on_finish(struct exchange *exchange)
{
    struct bench *bench = exchange->state;
    bench->finished++;
}

static inline void bench_answer_path(struct exchange *exchange, int status, const char *path)
{
    exchange->answer.status = status;
    buf_add_text(&exchange->answer.text, path);
    answer_body_text(&exchange->answer, "text/plain");
}

static inline void bench_answer_big(struct bench *bench, struct exchange *exchange, size_t kilobytes)
{
    struct answer *answer = &exchange->answer;
    size_t length = kilobytes * 1024, piece = length / 5;
    if (kilobytes > BENCH_BIG_KB_MAX)
        abort();
    answer->status = 200;
    answer->content_type = "application/octet-stream";
    answer->body_count = 5;
    answer->body_length = length;
    for (size_t i = 0; i < 5; i++)
        answer->body[i] = slice_make(bench->big + i * piece, i < 4 ? piece : length - 4 * piece);
}

static inline bool bench_start(struct handler *handler, struct exchange *exchange)
{
    struct bench *bench = MEM_OUTER(handler, struct bench, handler);
    char path[BENCH_PATH_MAX];
    struct slice given = exchange->request.path;
    if (bench->served == BENCH_LOG_MAX)
        abort();
    snprintf(path, sizeof(path), "%.*s", (int)given.length, given.at);
    memcpy(bench->paths[bench->served], path, sizeof(path));
    bench->methods[bench->served] = exchange->request.method;
    bench->came_us[bench->served++] = exchange->request.came_us;
    struct slice certificate = exchange->request.certificate;
    bench->has_certificate = certificate.at != NULL;
    if (bench->has_certificate)
        memcpy(bench->certificate, certificate.at, sizeof(bench->certificate));
    exchange->state = bench;
    exchange->on_finish = bench_on_finish;
    if (strncmp(path, "/wait", 5) == 0) {
        if (bench->waiting_count == BENCH_WAITING_MAX)
            abort();
        bench->waiting[bench->waiting_count++] = exchange;
        return false;
    }
    if (strncmp(path, "/big/", 5) == 0) {
        bench_answer_big(bench, exchange, (size_t)atol(path + 5));
    } else if (strncmp(path, "/status/", 8) == 0) {
        exchange->answer.status = atoi(path + 8);
    } else if (strncmp(path, "/fields/", 8) == 0) {
        for (int i = 0; i < atoi(path + 8); i++)
            answer_field(&exchange->answer, "X-Long", slice_of("value"));
        bench_answer_path(exchange, 200, path);
    } else {
        exchange->answer.close = strcmp(path, "/close") == 0;
        bench_answer_path(exchange, 404, path);
    }
    return true;
}

static inline void bench_on_close(void *context, uint64_t address)
{
    struct bench *bench = context;
    if (address != 7)
        abort();
    bench->closed++;
}

static inline void bench_on_drained(void *context)
{
    struct bench *bench = context;
    bench->drained++;
}

static inline struct bench *bench_new(void)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    bench->options = (struct front_options){
        .limits = {.header_bytes = 16 * 1024, .query_bytes = 8 * 1024, .body_bytes = 64 * 1024},
        .header_timeout_us = 10 * CLOCK_SECOND,
        .idle_timeout_us = 60 * CLOCK_SECOND,
        .write_timeout_us = 30 * CLOCK_SECOND,
    };
    ground_lay(&bench->clock, &bench->loop, &bench->log);
    bench->metrics = metrics_new();
    bench->handler.start = bench_start;
    bench->home = conn_home_new(bench->loop, &bench->options, &bench->handler, bench->log,
                                metrics_block(bench->metrics), bench_on_close, bench);
    bench->big = malloc((size_t)BENCH_BIG_KB_MAX * 1024);
    for (size_t i = 0; i < (size_t)BENCH_BIG_KB_MAX * 1024; i++)
        bench->big[i] = (char)('a' + (i * 7 + i / 1000) % 26);
    return bench;
}

/* The same over TLS. */
static inline struct bench *bench_new_tls(void)
{
    struct bench *bench = bench_new();
    identity_make(&bench->identity, "server", NULL);
    bench->tls = identity_serve(&bench->identity, NULL, true);
    bench->client_context = tls_client_context();
    conn_home_use_tls(bench->home, bench->tls);
    return bench;
}

/* Turns until nothing happens any more, which must come soon: an event that fires again and again is a busy loop. */
static inline void bench_settle(struct bench *bench)
{
    for (int turns = 0; loop_turn(bench->loop); turns++) {
        if (turns == 10000) {
            fprintf(stderr, "the loop does not come to rest\n");
            abort();
        }
    }
}

static inline void bench_free(struct bench *bench)
{
    conn_home_free(bench->home);
    metrics_free(bench->metrics);
    ground_clear(bench->clock, bench->loop, bench->log);
    if (bench->tls != NULL) {
        tls_free(bench->tls);
        SSL_CTX_free(bench->client_context);
        identity_free(&bench->identity);
    }
    free(bench->big);
    free(bench);
}

static inline void bench_move(struct bench *bench, int64_t us)
{
    clock_move(bench->clock, us);
    bench_settle(bench);
}

/* The handler answers the first that waits. */
static inline void bench_answer_first(struct bench *bench)
{
    struct exchange *exchange = bench->waiting[0];
    memmove(bench->waiting, bench->waiting + 1, sizeof(bench->waiting) - sizeof(bench->waiting[0]));
    bench->waiting_count--;
    bench_answer_path(exchange, 200, "late");
    exchange->on_answer(exchange);
    bench_settle(bench);
}

/* The client's end of one connection. */
struct client {
    int descriptor;
    SSL *ssl;      /* NULL: plain */
    struct buf in; /* all that was read */
    bool ended;    /* the server has shut down, or reset */
    bool farewell; /* and said so over TLS */
};

/* The client's end, and the server's side of it, which may have a handshake before it. */
static inline void client_begin(struct client *client, struct bench *bench, const int pair[2])
{
    *client = (struct client){.descriptor = pair[0]};
    buf_init(&client->in, BENCH_IN_MAX);
    conn_open(bench->home, pair[1], 7);
    if (bench->tls == NULL)
        return;
    client->ssl = SSL_new(bench->client_context);
    identity_must(client->ssl != NULL && SSL_set_fd(client->ssl, client->descriptor) == 1);
}

/* Whether the handshake was done. */
static inline bool client_shake_hands(struct client *client, struct bench *bench)
{
    for (int i = 0; i < 10000; i++) {
        struct pollfd poll_for = {.fd = client->descriptor, .events = POLLIN};
        ERR_clear_error();
        int result = SSL_connect(client->ssl);
        bool blocked = result != 1 && SSL_get_error(client->ssl, result) == SSL_ERROR_WANT_READ;
        bench_settle(bench);
        if (!blocked)
            return result == 1;
        poll(&poll_for, 1, 1); /* over TCP it may take a moment */
    }
    return false;
}

static inline void client_take(struct client *client, struct bench *bench, const int pair[2])
{
    client_begin(client, bench, pair);
    if (client->ssl != NULL && !client_shake_hands(client, bench))
        abort();
}

static inline void client_open(struct client *client, struct bench *bench)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    client_take(client, bench, pair);
}

/* The same with a server that can send little before the client reads. */
static inline void client_open_narrow(struct client *client, struct bench *bench)
{
    int pair[2], least = 1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0 ||
        setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) != 0)
        abort();
    client_take(client, bench, pair);
}

/* The same over TCP, where a reset is a reset; the other end's descriptor, for client_wait_for. */
static inline int client_open_tcp(struct client *client, struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int pair[2], listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &length) == 0;
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    good = good && connect(pair[0], (struct sockaddr *)&address, length) == 0;
    pair[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (!good || pair[1] < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) != 0)
        abort();
    close(listener);
    client_take(client, bench, pair);
    return pair[1];
}

/* Until the kernel has brought what was sent: at once, or as soon as it gets to it. */
static inline void client_wait_for(int descriptor, short events)
{
    struct pollfd poll_for = {.fd = descriptor, .events = events};
    if (poll(&poll_for, 1, 10 * 1000) != 1)
        abort();
}

static inline void client_close(struct client *client)
{
    SSL_free(client->ssl);
    client->ssl = NULL;
    if (client->descriptor >= 0)
        close(client->descriptor);
    client->descriptor = -1;
    buf_free(&client->in);
}

/* Sends what the other end takes; false when it takes no more. */
static inline bool client_push(struct client *client, const char *bytes, size_t length)
{
    if (client->ssl == NULL)
        return send(client->descriptor, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
    ERR_clear_error();
    return length == 0 || SSL_write(client->ssl, bytes, (int)length) == (int)length;
}

/* It has nothing more to send. */
static inline void client_half_close(struct client *client)
{
    if (client->ssl != NULL)
        (void)SSL_shutdown(client->ssl);
    shutdown(client->descriptor, SHUT_WR);
}

/* Bytes read; 0 when nothing is there, or nothing will come any more. */
static inline size_t client_receive(struct client *client, char *bytes, size_t size)
{
    if (client->ssl == NULL) {
        ssize_t got = recv(client->descriptor, bytes, size, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN))
            client->ended = true;
        return got > 0 ? (size_t)got : 0;
    }
    ERR_clear_error();
    int got = SSL_read(client->ssl, bytes, (int)size);
    int error = got > 0 ? SSL_ERROR_NONE : SSL_get_error(client->ssl, got);
    if (error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ)
        client->ended = true;
    if (error == SSL_ERROR_ZERO_RETURN)
        client->farewell = true;
    return got > 0 ? (size_t)got : 0;
}

/* Reads what is there, `most` bytes of it. */
static inline size_t client_read(struct client *client, size_t most)
{
    size_t before = client->in.length;
    char bytes[16 * 1024];
    while (client->in.length - before < most) {
        size_t wanted = most - (client->in.length - before);
        size_t got = client_receive(client, bytes, wanted < sizeof(bytes) ? wanted : sizeof(bytes));
        if (got == 0)
            break;
        buf_add(&client->in, slice_make(bytes, got));
    }
    return client->in.length - before;
}

/* Sends, lets the server work, reads. */
static inline void client_say(struct client *client, struct bench *bench, const char *text)
{
    if (!client_push(client, text, strlen(text)))
        abort();
    bench_settle(bench);
    client_read(client, SIZE_MAX);
}

/* One answer, as read by a client that knows what it asked. */
struct reply {
    int status;
    struct slice head; /* with its empty line */
    struct slice body;
};

/* Takes the next answer off `rest`; false when it is not whole. */
static inline bool reply_next(struct slice *rest, bool to_head, struct reply *reply)
{
    const char *end = rest->length > 0 ? memmem(rest->at, rest->length, "\r\n\r\n", 4) : NULL;
    if (end == NULL || !slice_starts_with(*rest, slice_of("HTTP/1.1 ")))
        return false;
    reply->head = slice_make(rest->at, (size_t)(end - rest->at) + 4);
    reply->status = atoi(rest->at + 9);
    const char *field = memmem(reply->head.at, reply->head.length, "\r\nContent-Length: ", 18);
    size_t length = field != NULL && !to_head ? (size_t)atol(field + 18) : 0;
    if (rest->length - reply->head.length < length)
        return false;
    reply->body = slice_make(rest->at + reply->head.length, length);
    *rest = slice_make(reply->body.at + length, rest->length - reply->head.length - length);
    return true;
}

static inline bool reply_has(const struct reply *reply, const char *text)
{
    return memmem(reply->head.at, reply->head.length, text, strlen(text)) != NULL;
}

#endif
