/* SPDX-License-Identifier: MIT */
/* One client's whole life on a connection of the bench, told by bytes: those from 0xf8 on are events, the others are
 * what it sends. Its story is what it was told. */
#ifndef NEXGATE_TESTS_FUZZ_HOUSE_H
#define NEXGATE_TESTS_FUZZ_HOUSE_H

#include "unit/conn_bench.h"

enum {
    EVENT_FIRST = 0xf8,
    EVENT_ANSWER = EVENT_FIRST, /* the handler answers who has waited longest */
    EVENT_SHUT,                 /* the client has no more to send */
    EVENT_WHILE,                /* HOUSE_WHILE_US pass; the rest: HOUSE_LONG_US */
};

/* A timeout comes up to a second late, and when in it hangs on what came before: no sum of these lies in that second.
 */
#define HOUSE_WHILE_US (42 * CLOCK_SECOND / 10)
#define HOUSE_LONG_US (70 * CLOCK_SECOND)

/* The bench's handler, but for the paths whose numbers only a test may choose. */
static inline bool house_start(struct handler *handler, struct exchange *exchange)
{
    char path[BENCH_PATH_MAX];
    if (slice_starts_with(exchange->request.path, slice_of("/wait")))
        return bench_start(handler, exchange);
    snprintf(path, sizeof(path), "%.*s", (int)exchange->request.path.length, exchange->request.path.at);
    exchange->answer.close = strcmp(path, "/close") == 0;
    if (exchange->request.method == METHOD_HEAD)
        exchange->answer.status = 204; /* or a reader would have to know what was asked */
    else
        bench_answer_path(exchange, 404, path);
    return true;
}

static inline void house_event(struct bench *bench, struct client *client, uint8_t event)
{
    if (event == EVENT_ANSWER && bench->waiting_count > 0)
        bench_answer_first(bench);
    else if (event == EVENT_SHUT)
        shutdown(client->descriptor, SHUT_WR);
    else if (event >= EVENT_WHILE)
        bench_move(bench, event == EVENT_WHILE ? HOUSE_WHILE_US : HOUSE_LONG_US);
}

/* What the client was told: statuses, and the bodies that are ours. Whether a 100 is sent hangs on how the body is cut
 * (RFC 9110 section 10.1.1). */
static inline void house_tell(struct client *client, struct buf *story)
{
    struct slice rest = buf_slice(&client->in);
    struct reply reply;
    while (rest.length > 0 && reply_next(&rest, false, &reply)) {
        if (reply.status != 100)
            buf_format(story, "%d ", reply.status);
        if (reply.status == 200 || reply.status == 404)
            buf_add(story, reply.body);
    }
}

/* The bytes are sent in pieces of `step` at most. At the end nothing is left of the client. */
static inline void house_live(struct bench *bench, const uint8_t *data, size_t size, size_t step, struct buf *story)
{
    struct client client;
    size_t closed = bench->closed + 1;
    bench->served = 0;
    client_open(&client, bench);
    bench_settle(bench);
    for (size_t at = 0, length; at < size; at += length) {
        for (length = 0; at + length < size && length < step && data[at + length] < EVENT_FIRST;)
            length++;
        if (length > 0 && !client_push(&client, (const char *)data + at, length))
            break; /* it was closed */
        if (length == 0)
            house_event(bench, &client, data[at + length++]);
        bench_settle(bench);
        client_read(&client, SIZE_MAX);
    }
    while (bench->waiting_count > 0)
        bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    house_tell(&client, story);
    client_close(&client);
    while (bench->waiting_count > 0 || bench->closed != closed)
        bench->waiting_count > 0 ? bench_answer_first(bench) : bench_move(bench, 10 * CLOCK_SECOND);
}

#endif
