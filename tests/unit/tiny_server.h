/* SPDX-License-Identifier: MIT */
/* A server on loopback for the tests of outgoing calls: a thread for each connection, and a way of answering for each
 * path, most of them bad. */
#ifndef NEXGATE_TESTS_TINY_SERVER_H
#define NEXGATE_TESTS_TINY_SERVER_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TINY_CONNECTIONS_MAX = 256, TINY_REQUEST_MAX = 16384, TINY_BOMB_BYTES = 256 * 1024 };

struct tiny_server {
    int fd;
    int port;
    pthread_t acceptor;
    atomic_int connections, requests;
    atomic_int hangups;   /* connections that were closed, which the peer's side knows */
    pthread_mutex_t lock; /* of what follows */
    pthread_t threads[TINY_CONNECTIONS_MAX];
    int fds[TINY_CONNECTIONS_MAX];
    char last[TINY_REQUEST_MAX]; /* the last request, head and body */
};

struct tiny_connection {
    struct tiny_server *server;
    int fd;
    int answered;         /* requests before this one */
    const char *argument; /* what follows '?' */
};

static bool tiny_send(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool tiny_say(int fd, const char *text)
{
    return tiny_send(fd, text, strlen(text));
}

/* Ways of answering: true keeps the connection. */

static bool tiny_ok(struct tiny_connection *connection)
{
    return tiny_say(connection->fd,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}");
}

/* Ends what is sent, and comes back when the peer's kernel has acknowledged it: from then on the peer can see it. */
static void tiny_hang_up(struct tiny_connection *connection)
{
    struct tcp_info info = {.tcpi_state = TCP_FIN_WAIT1};
    socklen_t length = sizeof info;

    shutdown(connection->fd, SHUT_WR);
    while (getsockopt(connection->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 && info.tcpi_state == TCP_FIN_WAIT1)
        usleep(1000);
}

/* Promises to keep the connection, and closes it. */
static bool tiny_ok_then_close(struct tiny_connection *connection)
{
    tiny_ok(connection);
    tiny_hang_up(connection);
    atomic_fetch_add(&connection->server->hangups, 1);
    return false;
}

/* Answers the first request of a connection, and ends it at the second without a byte: it died of its age while that
 * one was on its way. */
static bool tiny_one_each(struct tiny_connection *connection)
{
    return connection->answered == 0 && tiny_ok(connection);
}

static bool tiny_one_each_then_reset(struct tiny_connection *connection)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    if (connection->answered == 0)
        return tiny_ok(connection);
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return false;
}

static bool tiny_hundred_bytes(struct tiny_connection *connection)
{
    return tiny_say(connection->fd,
                    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
                    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567"
                    "890123456789");
}

static bool tiny_cut(struct tiny_connection *connection)
{
    tiny_say(connection->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
    return false;
}

static bool tiny_cut_chunks(struct tiny_connection *connection)
{
    tiny_say(connection->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n");
    return false;
}

static bool tiny_cut_head(struct tiny_connection *connection)
{
    tiny_say(connection->fd, "HTTP/1.1 200 OK\r\nContent-");
    return false;
}

static bool tiny_empty(struct tiny_connection *connection)
{
    (void)connection;
    return false;
}

static bool tiny_reset(struct tiny_connection *connection)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    tiny_say(connection->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return false;
}

static bool tiny_nonsense(struct tiny_connection *connection)
{
    tiny_say(connection->fd, "SSH-2.0-something\r\n");
    return false;
}

static bool tiny_endless_body(struct tiny_connection *connection)
{
    if (!tiny_say(connection->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
        return false;
    while (tiny_say(connection->fd, "10\r\n0123456789abcdef\r\n"))
        ;
    return false;
}

static bool tiny_endless_head(struct tiny_connection *connection)
{
    if (!tiny_say(connection->fd, "HTTP/1.1 200 OK\r\n"))
        return false;
    while (tiny_say(connection->fd, "X-More: and more and more and more\r\n"))
        ;
    return false;
}

static bool tiny_hang(struct tiny_connection *connection)
{
    char byte;

    while (recv(connection->fd, &byte, 1, 0) > 0)
        ;
    return false;
}

static bool tiny_hang_in_body(struct tiny_connection *connection)
{
    tiny_say(connection->fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
    return tiny_hang(connection);
}

/* As many bytes as the argument says, of a body that is longer. */
static bool tiny_hold(struct tiny_connection *connection)
{
    static const char bytes[1000] = {0};

    tiny_say(connection->fd, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n");
    for (size_t left = strtoul(connection->argument, NULL, 10); left > 0;) {
        size_t some = left < sizeof bytes ? left : sizeof bytes;
        if (!tiny_send(connection->fd, bytes, some))
            return false;
        left -= some;
    }
    return tiny_hang(connection);
}

static bool tiny_redirect(struct tiny_connection *connection)
{
    return tiny_say(connection->fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
}

static bool tiny_gzip(struct tiny_connection *connection)
{
    static const char bytes[] = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 36\r\n\r\n"
                                "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xab\x56\xca\x48\xcd\xc9\xc9\x57"
                                "\xb2\x52\x4a\xaf\xca\x2c\x50\xaa\x05\x00\xf6\x4f\x05\x6f\x10\x00\x00\x00";

    return tiny_send(connection->fd, bytes, sizeof bytes - 1);
}

static void tiny_put_bits(uint8_t *bytes, size_t *at, unsigned bits, unsigned count)
{
    for (unsigned i = 0; i < count; i++, ++*at) {
        if (bits >> i & 1)
            bytes[*at / 8] |= (uint8_t)(1u << (*at % 8));
    }
}

/* RFC 1951 by hand: one block of fixed codes, a zero byte, and "258 bytes from one byte back" as often as there is
 * room: about forty megabytes of zeros in a quarter of one. */
static bool tiny_bomb(struct tiny_connection *connection)
{
    static const uint8_t head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff};
    uint8_t *bytes = calloc(1, TINY_BOMB_BYTES);
    char line[100];
    size_t at = 0;

    memcpy(bytes, head, sizeof head);
    at = sizeof head * 8;
    tiny_put_bits(bytes, &at, 1, 1);    /* the last block */
    tiny_put_bits(bytes, &at, 1, 2);    /* of fixed codes */
    tiny_put_bits(bytes, &at, 0x0c, 8); /* literal 0: 00110000, first bit first */
    while (at + 13 < TINY_BOMB_BYTES * 8) {
        tiny_put_bits(bytes, &at, 0xa3, 8); /* length 258: 11000101 */
        tiny_put_bits(bytes, &at, 0, 5);    /* distance 1 */
    }
    snprintf(line, sizeof line, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n",
             TINY_BOMB_BYTES);
    tiny_say(connection->fd, line);
    tiny_send(connection->fd, bytes, TINY_BOMB_BYTES);
    free(bytes);
    return false;
}

/* The argument is the value of Retry-After, '+' for a blank; an interim answer with another one comes before. */
static bool tiny_retry(struct tiny_connection *connection)
{
    char answer[400], value[200];

    snprintf(value, sizeof value, "%s", connection->argument);
    for (char *at = value; *at != '\0'; at++)
        *at = *at == '+' ? ' ' : *at;
    snprintf(answer, sizeof answer,
             "HTTP/1.1 103 Early Hints\r\nRetry-After: 77\r\nContent-Type: text/early\r\n\r\n"
             "HTTP/1.1 409 You must wait before accessing this url again.\r\n%s%s\r\nContent-Length: 0\r\n\r\n",
             value[0] == '\0' ? "X-None:" : "rEtRy-aFtEr: ", value);
    return tiny_say(connection->fd, answer);
}

static bool tiny_trailers(struct tiny_connection *connection)
{
    return tiny_say(connection->fd,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                    "2\r\n{}\r\n0\r\nContent-Type: text/html\r\nRetry-After: 7\r\n\r\n");
}

static const struct {
    const char *path;
    bool (*answer)(struct tiny_connection *connection);
} tiny_ways[] = {
    {"/ok", tiny_ok},
    {"/ok-then-close", tiny_ok_then_close},
    {"/one-each", tiny_one_each},
    {"/one-each-then-reset", tiny_one_each_then_reset},
    {"/hundred-bytes", tiny_hundred_bytes},
    {"/cut", tiny_cut},
    {"/cut-chunks", tiny_cut_chunks},
    {"/cut-head", tiny_cut_head},
    {"/empty", tiny_empty},
    {"/reset", tiny_reset},
    {"/nonsense", tiny_nonsense},
    {"/endless-body", tiny_endless_body},
    {"/endless-head", tiny_endless_head},
    {"/hang", tiny_hang},
    {"/hang-in-body", tiny_hang_in_body},
    {"/hold", tiny_hold},
    {"/redirect", tiny_redirect},
    {"/gzip", tiny_gzip},
    {"/bomb", tiny_bomb},
    {"/retry", tiny_retry},
    {"/trailers", tiny_trailers},
};

/* One request into `text`; false when the peer is gone. */
static bool tiny_read_request(int fd, char *text, size_t size)
{
    size_t length = 0;

    for (;;) {
        ssize_t got = recv(fd, text + length, size - 1 - length, 0);
        if (got <= 0)
            return false;
        length += (size_t)got;
        text[length] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *field = strstr(text, "Content-Length: ");
        size_t body = field == NULL ? 0 : strtoul(field + strlen("Content-Length: "), NULL, 10);
        if (end != NULL && length >= (size_t)(end - text) + 4 + body)
            return true;
        assert(length < size - 1);
    }
}

static bool tiny_answer(struct tiny_connection *connection, const char *text)
{
    char path[512] = "";

    if (sscanf(text, "%*s %500s", path) != 1)
        return false;
    char *question = strchr(path, '?');
    connection->argument = question == NULL ? "" : question + 1;
    if (question != NULL)
        *question = '\0';
    for (size_t i = 0; i < sizeof tiny_ways / sizeof tiny_ways[0]; i++) {
        if (strcmp(path, tiny_ways[i].path) == 0)
            return tiny_ways[i].answer(connection);
    }
    return false;
}

static void *tiny_serve(void *context)
{
    struct tiny_connection *connection = context;
    struct tiny_server *server = connection->server;
    char text[TINY_REQUEST_MAX];
    bool keep = true;

    while (keep && tiny_read_request(connection->fd, text, sizeof text)) {
        pthread_mutex_lock(&server->lock);
        memcpy(server->last, text, strlen(text) + 1);
        pthread_mutex_unlock(&server->lock);
        atomic_fetch_add(&server->requests, 1);
        keep = tiny_answer(connection, text);
        connection->answered++;
    }
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < TINY_CONNECTIONS_MAX; i++) {
        if (server->fds[i] == connection->fd)
            server->fds[i] = -1;
    }
    close(connection->fd);
    pthread_mutex_unlock(&server->lock);
    free(connection);
    return NULL;
}

static void *tiny_accept(void *context)
{
    struct tiny_server *server = context;
    int fd;

    while ((fd = accept(server->fd, NULL, NULL)) >= 0) {
        struct tiny_connection *connection = calloc(1, sizeof *connection);
        connection->server = server;
        connection->fd = fd;
        int number = atomic_load(&server->connections);
        assert(number < TINY_CONNECTIONS_MAX);
        pthread_mutex_lock(&server->lock);
        server->fds[number] = fd;
        pthread_mutex_unlock(&server->lock);
        atomic_store(&server->connections, number + 1); /* before its first answer */
        int failed = pthread_create(&server->threads[number], NULL, tiny_serve, connection);
        assert(failed == 0);
    }
    return NULL;
}

static int tiny_listen(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int failed = bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 128) != 0 ||
                 getsockname(fd, (struct sockaddr *)&address, &length) != 0;

    assert(!failed);
    *port = ntohs(address.sin_port);
    return fd;
}

static struct tiny_server *tiny_start(void)
{
    struct tiny_server *server = calloc(1, sizeof *server);

    for (size_t i = 0; i < TINY_CONNECTIONS_MAX; i++)
        server->fds[i] = -1;
    pthread_mutex_init(&server->lock, NULL);
    server->fd = tiny_listen(&server->port);
    int failed = pthread_create(&server->acceptor, NULL, tiny_accept, server);
    assert(failed == 0);
    return server;
}

static void tiny_stop(struct tiny_server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->acceptor, NULL);
    close(server->fd);
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < TINY_CONNECTIONS_MAX; i++) {
        if (server->fds[i] >= 0)
            shutdown(server->fds[i], SHUT_RDWR);
    }
    pthread_mutex_unlock(&server->lock);
    for (int i = 0; i < server->connections; i++)
        pthread_join(server->threads[i], NULL);
    pthread_mutex_destroy(&server->lock);
    free(server);
}

#endif
