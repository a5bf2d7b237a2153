/* SPDX-License-Identifier: MIT */
/* A Nexudus without latency: grants a token to anybody, and answers any search at once with a correct envelope for the
 * page and size asked, of a set of the same RECORDS records whatever the filters. All records are written at the start
 * and have the same length, so that a page is a run of bytes. usage: instant_upstream PORT RECORDS [tiny]
 * A record is about 500 bytes; with `tiny` it has nothing but its Id. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { EVENTS = 128, INPUT_MAX = 16384, TEXT_MAX = 512, RECORD_MAX = 1024, FIRST_ID = 1000000, SIZE_MAX_ASKED = 1000 };

static const char RECORD[] =
    "{\"Id\":%d,\"UniqueId\":\"430d799c-b21e-4ba4-a963-5b73bf03d494\",\"BusinessId\":101,\"Name\":\"Invoices of the "
    "second floor\",\"Action\":23,\"Description\":null,\"URL\":\"https://hooks.example.com/nexudus/f9f56af0ee68?x=1\","
    "\"Active\":true,\"LastError\":null,\"ErrorCount\":0,\"LastTrigger\":\"2025-10-23T04:09:01Z\",\"CreatedOn\":"
    "\"2025-06-27T22:44:01Z\",\"UpdatedOn\":\"2025-09-02T05:57:00Z\",\"UpdatedBy\":\"operations@example.com\","
    "\"IsNew\":false,\"SystemId\":null,\"ToStringText\":\"Invoices\",\"LocalizationDetails\":null,"
    "\"CustomFields\":null},";
static const char TINY_RECORD[] = "{\"Id\":%d},";

static const char GRANT[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n"
                            "{\"access_token\":\"bench\",\"token_type\":\"bearer\","
                            "\"expires_in\":604799,\"refresh_token\":\"bench\"}";

struct conn {
    int descriptor;
    size_t length;
    char input[INPUT_MAX];
};

static char *records; /* each with its comma */
static size_t record_length;
static long record_count;

static void write_records(const char *format)
{
    char text[RECORD_MAX];
    record_length = (size_t)snprintf(text, sizeof(text), format, FIRST_ID);
    records = malloc(record_length * (size_t)record_count + RECORD_MAX);
    for (long i = 0; records != NULL && i < record_count; i++)
        snprintf(records + record_length * (size_t)i, RECORD_MAX, format, (int)(FIRST_ID + i));
}

/* The number of parameter NAME in the request's line, or `preset`. */
static long parameter(const char *line, const char *end, const char *name, long preset)
{
    size_t length = strlen(name);
    for (const char *at = line; (at = memmem(at, (size_t)(end - at), name, length)) != NULL; at += length) {
        if ((at[-1] == '?' || at[-1] == '&') && at[length] == '=')
            return strtol(at + length + 1, NULL, 10);
    }
    return preset;
}

/* True when all was taken. */
static bool send_parts(int descriptor, struct iovec *parts, int count)
{
    while (count > 0) {
        ssize_t sent = writev(descriptor, parts, count);
        if (sent < 0)
            return false;
        while (count > 0 && (size_t)sent >= parts->iov_len) {
            sent -= (ssize_t)parts->iov_len;
            parts++;
            count--;
        }
        if (count > 0)
            *parts = (struct iovec){(char *)parts->iov_base + sent, parts->iov_len - (size_t)sent};
    }
    return true;
}

static bool answer_search(int descriptor, const char *line, const char *end)
{
    long page = parameter(line, end, "page", 1), size = parameter(line, end, "size", 25);
    if (page < 1 || size < 1 || size > SIZE_MAX_ASKED)
        return false;
    long pages = (record_count + size - 1) / size;
    long first = page > pages ? record_count : (page - 1) * size;
    long count = record_count - first < size ? record_count - first : size;
    size_t run = count > 0 ? (size_t)count * record_length - 1 : 0; /* without the last comma */
    char tail[TEXT_MAX], head[TEXT_MAX];
    int tail_length = snprintf(
        tail, sizeof(tail),
        "],\"CurrentPage\":%ld,\"CurrentPageSize\":%ld,\"CurrentOrderField\":\"Id\",\"CurrentSortDirection\":0,"
        "\"FirstItem\":%ld,\"LastItem\":%ld,\"TotalItems\":%ld,\"TotalPages\":%ld,\"HasNextPage\":%s,"
        "\"HasPreviousPage\":%s,\"PageNumber\":%ld,\"PageSize\":%ld}",
        page, size, first + 1, first + count, record_count, pages, page < pages ? "true" : "false",
        page > 1 ? "true" : "false", page, size);
    int head_length = snprintf(head, sizeof(head),
                               "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
                               "Cache-Control: no-cache\r\nContent-Length: %zu\r\n\r\n{\"Records\":[",
                               sizeof("{\"Records\":[") - 1 + run + (size_t)tail_length);
    struct iovec parts[3] = {
        {head, (size_t)head_length}, {records + (size_t)first * record_length, run}, {tail, (size_t)tail_length}};
    return send_parts(descriptor, parts, 3);
}

/* Bytes of the first whole request, which was answered; 0: there is none yet; -1: the connection is over. */
static ssize_t serve_one(const struct conn *conn, const char *input, size_t length)
{
    const char *head_end = memmem(input, length, "\r\n\r\n", 4);
    if (head_end == NULL)
        return length == INPUT_MAX ? -1 : 0;
    size_t whole = (size_t)(head_end - input) + 4;
    const char *line_end = memmem(input, length, "\r\n", 2);
    if (strncmp(input, "GET ", 4) == 0)
        return answer_search(conn->descriptor, input, line_end) ? (ssize_t)whole : -1;
    char *field = memmem(input, whole, "Content-Length: ", 16);
    whole += field != NULL ? strtoul(field + 16, NULL, 10) : 0;
    if (whole > length)
        return whole > INPUT_MAX ? -1 : 0;
    struct iovec grant = {(void *)(size_t)GRANT, sizeof(GRANT) - 1};
    return send_parts(conn->descriptor, &grant, 1) ? (ssize_t)whole : -1;
}

/* False when the connection is over. Sockets block for writing: who asks reads. */
static bool serve(struct conn *conn)
{
    ssize_t got = recv(conn->descriptor, conn->input + conn->length, INPUT_MAX - conn->length, MSG_DONTWAIT);
    if (got <= 0)
        return got < 0 && errno == EAGAIN;
    conn->length += (size_t)got;
    size_t used = 0;
    while (used < conn->length) {
        ssize_t served = serve_one(conn, conn->input + used, conn->length - used);
        if (served < 0)
            return false;
        if (served == 0)
            break;
        used += (size_t)served;
    }
    memmove(conn->input, conn->input + used, conn->length - used);
    conn->length -= used;
    return true;
}

static int listen_on(const char *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(descriptor, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(descriptor, 4096) != 0) {
        perror("listen");
        exit(1);
    }
    return descriptor;
}

static void accept_one(int listener, int epoll)
{
    struct conn *conn = calloc(1, sizeof(*conn));
    int one = 1;
    if (conn == NULL || (conn->descriptor = accept(listener, NULL, NULL)) < 0) {
        free(conn);
        return;
    }
    setsockopt(conn->descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};
    epoll_ctl(epoll, EPOLL_CTL_ADD, conn->descriptor, &event);
}

int main(int argc, char **argv)
{
    if (argc != 3 && argc != 4) {
        fprintf(stderr, "usage: instant_upstream PORT RECORDS [tiny]\n");
        return 2;
    }
    record_count = strtol(argv[2], NULL, 10);
    write_records(argc == 4 ? TINY_RECORD : RECORD);
    int listener = listen_on(argv[1]);
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct conn *conn = events[i].data.ptr;
            if (conn == NULL) {
                accept_one(listener, epoll);
            } else if (!serve(conn)) {
                close(conn->descriptor);
                free(conn);
            }
        }
    }
}
