/* SPDX-License-Identifier: MIT */
/* The yardstick: the least a server can do. One thread, one epoll loop, one recv and one writev per request, the same
 * bytes for everybody, nothing parsed but the end of the head. usage: bare_epoll PORT FILE
 * [once|twice] FILE holds the whole response; with `once` each connection ends after its first answer; with `twice` a
 * second process does the same on a listener of its own. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVENTS = 128, READ_MAX = 16384, RESPONSE_MAX = 4 * 1024 * 1024 };

static char response[RESPONSE_MAX];
static size_t head_length, response_length;

static void load(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    response_length = fread(response, 1, sizeof(response), file);
    fclose(file);
    char *end = memmem(response, response_length, "\r\n\r\n", 4);
    if (end == NULL) {
        fprintf(stderr, "%s: no head\n", path);
        exit(1);
    }
    head_length = (size_t)(end - response) + 4;
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int one = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (bind(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(descriptor, 4096) != 0) {
        perror("listen");
        exit(1);
    }
    return descriptor;
}

static void accept_all(int listener, int epoll)
{
    int one = 1;
    int descriptor;
    while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
    }
}

/* False when the connection is over. A request is answered for each end of a head; the answer always fits the socket's
 * buffer here. */
static bool serve(int descriptor, bool once)
{
    static char bytes[READ_MAX];
    ssize_t got = recv(descriptor, bytes, sizeof(bytes), 0);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    for (char *at = bytes; (at = memmem(at, (size_t)(bytes + got - at), "\r\n\r\n", 4)) != NULL; at += 4) {
        struct iovec parts[2] = {{response, head_length}, {response + head_length, response_length - head_length}};
        if (writev(descriptor, parts, 2) != (ssize_t)response_length || once)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: bare_epoll PORT FILE [once|twice]\n");
        return 2;
    }
    load(argv[2]);
    bool once = argc == 4 && strcmp(argv[3], "once") == 0;
    if (argc == 4 && strcmp(argv[3], "twice") == 0 && fork() == 0)
        prctl(PR_SET_PDEATHSIG, SIGTERM);
    int listener = listen_on(argv[1]);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            int descriptor = events[i].data.fd;
            if (descriptor == listener)
                accept_all(listener, epoll);
            else if (!serve(descriptor, once))
                close(descriptor);
        }
    }
}
