/* SPDX-License-Identifier: MIT */
/* A client's whole life on one connection: bytes, waits, half-closes, late answers. However its bytes are cut, it must
 * get the same answers, whole and in order, and nothing may be left when it is gone. Bytes from 0xf8 on are events. */
#include "unit/conn_bench.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EVENT_FIRST = 0xf8, EVENT_ANSWER = EVENT_FIRST, EVENT_SHUT, EVENT_SECOND, EVENT_LONG };

/* The bench's handler, but for the paths whose numbers only a test may choose. */
static bool start(struct handler *handler, struct exchange *exchange)
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

static void happen(struct bench *bench, struct client *client, uint8_t event)
{
    if (event == EVENT_ANSWER && bench->waiting_count > 0)
        bench_answer_first(bench);
    else if (event == EVENT_SHUT)
        shutdown(client->descriptor, SHUT_WR);
    else if (event >= EVENT_SECOND)
        bench_move(bench, event == EVENT_SECOND ? CLOCK_SECOND : 7 * CLOCK_SECOND);
    bench_settle(bench);
}

/* What the client was told: statuses, and the bodies that are ours. */
static void tell(struct client *client, struct buf *story)
{
    struct slice rest = buf_slice(&client->in);
    struct reply reply;
    while (rest.length > 0 && reply_next(&rest, false, &reply)) {
        buf_format(story, "%d ", reply.status);
        if (reply.status == 200 || reply.status == 404)
            buf_add(story, reply.body);
    }
}

static void live(struct bench *bench, const uint8_t *data, size_t size, size_t step, struct buf *story)
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
            happen(bench, &client, data[at + length++]);
        bench_settle(bench);
        client_read(&client, SIZE_MAX);
    }
    while (bench->waiting_count > 0)
        bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    tell(&client, story);
    client_close(&client);
    while (bench->waiting_count > 0 || bench->closed != closed)
        bench->waiting_count > 0 ? bench_answer_first(bench) : bench_move(bench, 10 * CLOCK_SECOND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bench *bench;
    struct buf whole, cut;
    if (size < 2)
        return 0;
    if (bench == NULL)
        bench = bench_new(), bench->handler.start = start;
    buf_init(&whole, BENCH_IN_MAX);
    buf_init(&cut, BENCH_IN_MAX);
    live(bench, data + 1, size - 1, SIZE_MAX, &whole);
    live(bench, data + 1, size - 1, 1 + data[0], &cut);
    assert(slice_equal(buf_slice(&whole), buf_slice(&cut)));
    buf_free(&whole);
    buf_free(&cut);
    return 0;
}
