/* SPDX-License-Identifier: MIT */
/* Connections, driven over socket pairs with a scripted handler on a loop whose clock stands still. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/conn_output.h"
#include "unit/conn_bench.h"
#include "unit/h1_vectors.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: h\r\n\r\n"

static int setup(void **state)
{
    *state = bench_new();
    return 0;
}

static int setup_tls(void **state)
{
    *state = bench_new_tls();
    return 0;
}

static int teardown(void **state)
{
    bench_free(*state);
    return 0;
}

/* The client has read exactly one answer more, of this status and body (NULL: any). */
static struct reply expect_reply(struct client *client, size_t *seen, int status, const char *body)
{
    struct slice rest = slice_make(client->in.bytes + *seen, client->in.length - *seen);
    struct reply reply = {0};
    if (!reply_next(&rest, false, &reply))
        fail_msg("no whole answer in '%.*s'", (int)rest.length, rest.at);
    assert_int_equal(reply.status, status);
    if (body != NULL && !slice_is(reply.body, body))
        fail_msg("'%.*s' is not '%s'", (int)reply.body.length, reply.body.at, body);
    *seen = client->in.length - rest.length;
    return reply;
}

static void expect_silence(struct client *client, size_t seen)
{
    client_read(client, SIZE_MAX);
    assert_int_equal(client->in.length, seen);
    assert_false(client->ended);
}

static void expect_end(struct bench *bench, struct client *client, size_t seen)
{
    bench_settle(bench);
    client_read(client, SIZE_MAX);
    assert_int_equal(client->in.length, seen);
    assert_true(client->ended);
    assert_true(client->farewell || client->ssl == NULL);
}

static void test_stays_open(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    for (int i = 0; i < 3; i++) {
        client_say(&client, bench, GET("/a"));
        struct reply reply = expect_reply(&client, &seen, 404, "/a");
        assert_true(reply_has(&reply, "HTTP/1.1 404 Not Found\r\nDate: "));
        assert_true(reply_has(&reply, "\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nX-Request-Id: "));
        assert_false(reply_has(&reply, "Connection:"));
        assert_int_equal(bench->finished, i + 1);
        assert_int_equal(bench->came_us[i], clock_now(bench->clock));
    }
    expect_silence(&client, seen);
    client_close(&client);
    bench_settle(bench);
    assert_int_equal(bench->closed, 1);
}

static void test_http_1_0(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    struct reply kept = expect_reply(&client, &seen, 404, "/a");
    assert_true(reply_has(&kept, "\r\nConnection: keep-alive\r\n"));
    client_say(&client, bench, "GET /b HTTP/1.0\r\n\r\n");
    struct reply last = expect_reply(&client, &seen, 404, "/b");
    assert_true(reply_has(&last, "\r\nConnection: close\r\n"));
    expect_end(bench, &client, seen);
    client_close(&client);
}

static void test_pipeline_in_order(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    struct buf text;
    buf_init(&text, 64 * 1024);
    client_open(&client, bench);
    for (int i = 0; i < 100; i++)
        buf_format(&text, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i);
    assert_true(client_push(&client, text.bytes, text.length));
    bench_settle(bench);
    client_read(&client, SIZE_MAX);
    for (int i = 0; i < 100; i++) {
        char path[16];
        snprintf(path, sizeof(path), "/%d", i);
        expect_reply(&client, &seen, 404, path);
    }
    expect_silence(&client, seen);
    buf_free(&text);
    client_close(&client);
}

/* A client with a long pipeline does not keep others waiting until its end. */
static void test_others_have_their_turn(void **state)
{
    struct bench *bench = *state;
    struct client greedy, modest;
    client_open(&greedy, bench);
    client_open(&modest, bench);
    for (int i = 0; i < 100; i++)
        assert_true(client_push(&greedy, GET("/greedy"), strlen(GET("/greedy"))));
    assert_true(client_push(&modest, GET("/modest"), strlen(GET("/modest"))));
    bench_settle(bench);
    size_t place = 0;
    while (strcmp(bench->paths[place], "/modest") != 0)
        place++;
    assert_true(place <= 32);
    assert_int_equal(bench->served, 101);
    client_close(&greedy);
    client_close(&modest);
}

static void test_byte_by_byte(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    static const char BYTES[] =
        "\r\n" GET("/a") "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz" GET("/c");
    client_open(&client, bench);
    for (size_t i = 0; i < sizeof(BYTES) - 1; i++) {
        assert_true(client_push(&client, BYTES + i, 1));
        bench_settle(bench);
    }
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 404, "/a");
    expect_reply(&client, &seen, 404, "/b");
    expect_reply(&client, &seen, 404, "/c");
    expect_silence(&client, seen);
    client_close(&client);
}

/* The body's end comes along with what follows it, and the head is still held. */
static void test_what_follows_a_body(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nx");
    client_say(&client, bench, "yz" GET("/wait") "GET /b HTTP/1.1\r\nHo");
    expect_reply(&client, &seen, 404, "/a");
    client_say(&client, bench, "st: h\r\n\r\n");
    bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 200, "late");
    expect_reply(&client, &seen, 404, "/b");
    expect_silence(&client, seen);
    client_close(&client);
}

static void test_handler_waits(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, GET("/wait/1") GET("/a") GET("/wait/2") "GET /par");
    expect_silence(&client, 0);
    assert_int_equal(bench->served, 1);
    client_say(&client, bench, "t HTTP/1.1\r\nHost: h\r\n\r\n"); /* stays in the kernel */
    expect_silence(&client, 0);
    bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 200, "late");
    expect_reply(&client, &seen, 404, "/a");
    expect_silence(&client, seen);
    bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 200, "late");
    expect_reply(&client, &seen, 404, "/part");
    expect_silence(&client, seen);
    assert_int_equal(bench->finished, 4);
    client_close(&client);
}

/* A request that waits behind an answer that was blocked: the loop is at rest meanwhile (it once was not). */
static void test_handler_waits_behind_blocked_answer(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open_narrow(&client, bench);
    assert_true(client_push(&client, GET("/big/50") GET("/wait"), strlen(GET("/big/50") GET("/wait"))));
    bench_settle(bench);
    assert_int_equal(bench->served, 1);
    while (bench->waiting_count == 0) {
        client_read(&client, 5000);
        bench_settle(bench);
    }
    client_read(&client, SIZE_MAX);
    bench_settle(bench);
    size_t seen = client.in.length;
    assert_true(seen > 50 * 1024);
    bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 200, "late");
    client_close(&client);
}

/* No timeout of the connection's runs while the handler works: it has its own. */
static void test_handler_may_take_long(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, GET("/wait"));
    bench_move(bench, 3600 * CLOCK_SECOND);
    expect_silence(&client, 0);
    bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 200, "late");
    client_close(&client);
}

static void test_half_close_gets_answers(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    assert_true(client_push(&client, GET("/a") GET("/wait") GET("/b"), strlen(GET("/a") GET("/wait") GET("/b"))));
    client_half_close(&client);
    bench_settle(bench);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 404, "/a");
    expect_silence(&client, seen);
    bench_answer_first(bench);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 200, "late");
    expect_reply(&client, &seen, 404, "/b");
    expect_end(bench, &client, seen);
    client_close(&client);
    bench_move(bench, 3 * CLOCK_SECOND);
    assert_int_equal(bench->closed, 1);
}

/* Its place among the connections is kept for as long as its request is worked on: else any number of requests could be
 * in progress. */
static void test_client_dies_while_handler_waits(void **state)
{
    struct bench *bench = *state;
    struct client client;
    int server = client_open_tcp(&client, bench);
    assert_true(client_push(&client, GET("/wait"), strlen(GET("/wait"))));
    client_wait_for(server, POLLIN);
    bench_settle(bench);
    assert_int_equal(bench->waiting_count, 1);
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client.descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    client_close(&client); /* a reset */
    client_wait_for(server, POLLHUP);
    bench_settle(bench);
    assert_int_equal(metrics_read(bench->metrics, METRIC_CONNECTIONS_OPEN), 0);
    assert_int_equal(metrics_read(bench->metrics, METRIC_ABANDONED), 1);
    assert_int_equal(bench->closed, 0);
    assert_int_equal(bench->finished, 0); /* the handler still works on it */
    bench_answer_first(bench);
    assert_int_equal(bench->finished, 1);
    assert_int_equal(bench->closed, 1);
}

static void test_client_gone_when_answered(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open(&client, bench);
    client_say(&client, bench, GET("/wait"));
    client_close(&client);
    bench_settle(bench);
    assert_int_equal(bench->closed, 0); /* it may only have finished sending */
    bench_answer_first(bench);
    assert_int_equal(bench->closed, 1);
    assert_int_equal(bench->finished, 1);
}

static void test_slow_reader(void **state)
{
    struct bench *bench = *state;
    struct client client;
    struct slice rest;
    struct reply reply;
    client_open_narrow(&client, bench);
    assert_true(client_push(&client, GET("/big/1000") GET("/a"), strlen(GET("/big/1000") GET("/a"))));
    bench_settle(bench);
    assert_int_equal(bench->finished, 0);
    for (int i = 0; i < 10000 && bench->finished < 2; i++) {
        client_read(&client, 3001);
        bench_settle(bench);
    }
    client_read(&client, SIZE_MAX);
    rest = buf_slice(&client.in);
    assert_true(reply_next(&rest, false, &reply));
    assert_int_equal(reply.body.length, 1000 * 1024);
    assert_memory_equal(reply.body.at, bench->big, reply.body.length);
    assert_true(reply_next(&rest, false, &reply));
    assert_true(slice_is(reply.body, "/a"));
    assert_int_equal(rest.length, 0);
    assert_int_equal(bench->finished, 2);
    client_close(&client);
}

/* The kernel takes a head in pieces too. */
static void test_head_in_pieces(void **state)
{
    enum { ASKED = 20 };
    struct bench *bench = *state;
    struct client client;
    client_open_narrow(&client, bench);
    for (int i = 0; i < ASKED; i++)
        assert_true(client_push(&client, GET("/fields/260"), strlen(GET("/fields/260"))));
    bench_settle(bench);
    assert_true(bench->finished < ASKED);
    for (int round = 0; round < 10000 && bench->finished < ASKED; round++) {
        client_read(&client, 211);
        bench_settle(bench);
    }
    client_read(&client, SIZE_MAX);
    struct slice rest = buf_slice(&client.in);
    for (int i = 0; i < ASKED; i++) {
        struct reply reply;
        assert_true(reply_next(&rest, false, &reply));
        assert_int_equal(reply.status, 200);
        assert_true(reply.head.length > 260 * 15);
        assert_true(slice_is(reply.body, "/fields/260"));
    }
    assert_int_equal(rest.length, 0);
    client_close(&client);
}

/* The same at its smallest: a rest of a head that the kernel takes in many pieces, then the body. */
static void test_rest_of_head_in_pieces(void **state)
{
    enum { HEAD = 20000 };
    struct bench *bench = *state;
    struct client client;
    client_open_narrow(&client, bench);
    struct conn *conn = bench->home->first;
    conn->exchange = exchange_new();
    bench_answer_big(bench, conn->exchange, 3);
    buf_init(&conn->unsent, HEAD);
    for (int i = 0; i < HEAD; i++)
        buf_add_char(&conn->unsent, (char)('A' + i % 23));
    int pieces = 0;
    while (conn_output_continue(conn) == OUTPUT_BLOCKED && ++pieces < 1000)
        client_read(&client, 1500);
    client_read(&client, SIZE_MAX);
    assert_true(pieces > 3);
    assert_int_equal(client.in.length, HEAD + 3 * 1024);
    for (int i = 0; i < HEAD; i++)
        assert_int_equal(client.in.bytes[i], 'A' + i % 23);
    assert_memory_equal(client.in.bytes + HEAD, bench->big, 3 * 1024);
    client_close(&client);
}

static void test_write_timeout(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open_narrow(&client, bench);
    client_say(&client, bench, GET("/big/2000"));
    for (int i = 0; i < 5; i++) { /* who reads on is waited for */
        bench_move(bench, 29 * CLOCK_SECOND);
        assert_int_equal(bench->closed, 0);
        size_t taken = client_read(&client, 60 * 1024);
        bench_settle(bench);
        for (int piece = 0; taken == 0 && piece < 100; piece++) { /* a record comes in pieces */
            taken = client_read(&client, 60 * 1024);
            bench_settle(bench);
        }
        assert_true(taken > 0);
    }
    bench_move(bench, 35 * CLOCK_SECOND);
    assert_int_equal(bench->closed, 1);
    assert_int_equal(bench->finished, 1);
    client_read(&client, SIZE_MAX);
    assert_true(client.ended);
    assert_true(client.in.length < 1000 * 1024);
    client_close(&client);
}

static void test_idle_timeout(void **state)
{
    struct bench *bench = *state;
    struct client never, once;
    size_t seen = 0;
    client_open(&never, bench);
    client_open(&once, bench);
    bench_move(bench, 50 * CLOCK_SECOND);
    client_say(&once, bench, GET("/a"));
    expect_reply(&once, &seen, 404, "/a");
    bench_move(bench, 15 * CLOCK_SECOND);
    expect_end(bench, &never, 0);
    expect_silence(&once, seen);
    bench_move(bench, 50 * CLOCK_SECOND);
    expect_end(bench, &once, seen);
    assert_int_equal(bench->closed, 2);
    client_close(&never);
    client_close(&once);
}

/* The client asked, and its last answer lies unread in the kernel: it is waited for while it takes any of it, and
 * counts for as long. */
static void test_idle_with_unread_answer(void **state)
{
    struct bench *bench = *state;
    struct client never, slow;
    client_open(&never, bench);
    client_open(&slow, bench);
    assert_true(client_push(&never, GET("/a"), strlen(GET("/a"))));
    assert_true(client_push(&slow, GET("/a") GET("/b") GET("/c"), strlen(GET("/a") GET("/b") GET("/c"))));
    bench_settle(bench);
    assert_int_equal(bench->finished, 4);
    bench_move(bench, 62 * CLOCK_SECOND); /* idle: our side is shut down */
    bench_move(bench, 3 * CLOCK_SECOND);  /* lingered: the kernel still holds it */
    assert_int_equal(bench->closed, 0);
    assert_true(client_read(&slow, 200) == 200);
    bench_move(bench, 32 * CLOCK_SECOND);
    assert_int_equal(bench->closed, 1); /* who took nothing */
    assert_int_equal(metrics_read(bench->metrics, METRIC_LIMIT_WRITE_TIMEOUT), 1);
    client_read(&slow, SIZE_MAX);
    struct slice rest = buf_slice(&slow.in);
    struct reply reply;
    for (int i = 0; i < 3; i++)
        assert_true(reply_next(&rest, false, &reply));
    assert_true(slow.ended);
    bench_move(bench, 32 * CLOCK_SECOND);
    assert_int_equal(bench->closed, 2);
    assert_int_equal(metrics_read(bench->metrics, METRIC_LIMIT_WRITE_TIMEOUT), 1);
    client_close(&never);
    client_close(&slow);
}

/* The same for those who will not ask again: a last answer, or the end of what they send. */
static void test_linger_with_unread_answer(void **state)
{
    static const char *const LASTS[] = {"GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", GET("/a")};
    struct bench *bench = *state;
    struct client clients[2];
    for (size_t i = 0; i < 2; i++) {
        client_open(&clients[i], bench);
        assert_true(client_push(&clients[i], LASTS[i], strlen(LASTS[i])));
        client_half_close(&clients[i]);
    }
    bench_settle(bench);
    bench_move(bench, 3 * CLOCK_SECOND);
    assert_int_equal(bench->finished, 2);
    assert_int_equal(bench->closed, 0);
    bench_move(bench, 33 * CLOCK_SECOND);
    assert_int_equal(bench->closed, 2);
    assert_int_equal(metrics_read(bench->metrics, METRIC_LIMIT_WRITE_TIMEOUT), 2);
    for (size_t i = 0; i < 2; i++)
        client_close(&clients[i]);
}

/* An empty line before, or behind, a request is no part of one: who sends it is idle, not slow. */
static void test_empty_lines_are_idle(void **state)
{
    static const char *const STARTS[] = {"\r\n", GET("/a") "\r\n", "\r\n\r\n"};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++) {
        struct client client;
        client_open(&client, bench);
        client_say(&client, bench, STARTS[i]);
        size_t seen = client.in.length;
        bench_move(bench, 40 * CLOCK_SECOND);
        client_say(&client, bench, GET("/b"));
        expect_reply(&client, &seen, 404, "/b");
        client_say(&client, bench, "\r\n");
        bench_move(bench, 15 * CLOCK_SECOND);
        expect_silence(&client, seen);
        bench_move(bench, 50 * CLOCK_SECOND);
        expect_end(bench, &client, seen);
        client_close(&client);
    }
    assert_int_equal(metrics_read(bench->metrics, METRIC_LIMIT_IDLE_TIMEOUT), 3);
    assert_false(metrics_has_client(bench->metrics, METRICS_NOBODY));
}

static void test_empty_lines_are_few(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    for (int i = 0; i < PARSER_EMPTY_LINES_MAX; i++) {
        client_say(&client, bench, "\r");
        client_say(&client, bench, "\n");
        expect_silence(&client, 0);
    }
    client_say(&client, bench, "\r\n");
    expect_reply(&client, &seen, 400, NULL);
    expect_end(bench, &client, seen);
    client_close(&client);
}

/* A head, and a body, have header_timeout each, however many bytes come. */
static void test_header_timeout(void **state)
{
    struct bench *bench = *state;
    static const char *const STARTS[] = {
        "G", "\r", "GET /a HTTP/1.1\r\nHost: h\r\nX: ", "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n"};
    for (size_t i = 0; i < sizeof(STARTS) / sizeof(STARTS[0]); i++) {
        struct client client;
        size_t seen = 0;
        client_open(&client, bench);
        bench_move(bench, 40 * CLOCK_SECOND); /* idle: does not count */
        client_say(&client, bench, STARTS[i]);
        for (int second = 0; second < 9 && i >= 2; second++) {
            bench_move(bench, CLOCK_SECOND);
            client_say(&client, bench, "x");
        }
        expect_silence(&client, 0);
        bench_move(bench, (i >= 2 ? 3 : 12) * CLOCK_SECOND);
        client_read(&client, SIZE_MAX);
        struct reply reply = expect_reply(&client, &seen, 408, NULL);
        assert_true(reply_has(&reply, "Connection: close\r\n"));
        expect_end(bench, &client, seen);
        client_close(&client);
        bench_settle(bench);
        assert_int_equal(bench->closed, i + 1);
    }
    assert_int_equal(bench->served, 0);
    assert_int_equal(metrics_read(bench->metrics, METRIC_LIMIT_HEADER_TIMEOUT), 4);
    assert_int_equal(metrics_read_client(bench->metrics, METRICS_NOBODY, CLIENT_METRIC_MALFORMED_408), 4);
}

/* The second head of a connection has its own time. */
static void test_header_time_begins_anew(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, "GET /a HTTP/1.1\r\n");
    bench_move(bench, 8 * CLOCK_SECOND);
    client_say(&client, bench, "Host: h\r\n\r\nGET /b");
    expect_reply(&client, &seen, 404, "/a");
    bench_move(bench, 8 * CLOCK_SECOND);
    expect_silence(&client, seen);
    client_say(&client, bench, " HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_reply(&client, &seen, 404, "/b");
    client_close(&client);
}

/* Nor does the rest of an empty line take any of it, however it was cut. */
static void test_header_time_begins_behind_empty_lines(void **state)
{
    static const char *const PIECES[][2] = {{"\nGET /a", ""}, {"\n", "GET /a"}};
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof(PIECES) / sizeof(PIECES[0]); i++) {
        struct client client;
        size_t seen = 0;
        client_open(&client, bench);
        client_say(&client, bench, "\r");
        bench_move(bench, 8 * CLOCK_SECOND);
        client_say(&client, bench, PIECES[i][0]);
        client_say(&client, bench, PIECES[i][1]);
        bench_move(bench, 8 * CLOCK_SECOND);
        client_read(&client, SIZE_MAX);
        expect_silence(&client, 0);
        client_say(&client, bench, " HTTP/1.1\r\nHost: h\r\n\r\n");
        expect_reply(&client, &seen, 404, "/a");
        client_close(&client);
    }
}

static void test_refusal(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, GET("/a") "GET /b HTTP/1.1\r\nHost : h\r\n\r\n" GET("/smuggled"));
    expect_reply(&client, &seen, 404, "/a");
    struct reply reply = expect_reply(&client, &seen, 400, NULL);
    assert_true(reply_has(&reply, "\r\nContent-Type: application/problem+json\r\n"));
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    json_t *problem = json_loadb(reply.body.at, reply.body.length, 0, NULL);
    assert_non_null(problem);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), 400);
    const char *id = json_string_value(json_object_get(problem, "instance"));
    char field[80];
    snprintf(field, sizeof(field), "\r\nX-Request-Id: %s\r\n", id);
    assert_true(reply_has(&reply, field));
    json_decref(problem);
    expect_end(bench, &client, seen);
    assert_int_equal(bench->served, 1);
    client_close(&client);
}

static void test_refused_head_has_no_body(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open(&client, bench);
    client_say(&client, bench, "HEAD /b HTTP/1.1\r\nHost: a b\r\n\r\n");
    struct slice rest = buf_slice(&client.in);
    struct reply reply;
    assert_true(reply_next(&rest, true, &reply));
    assert_int_equal(reply.status, 400);
    assert_int_equal(rest.length, 0);
    client_close(&client);
}

/* The client reads the whole refusal although it goes on sending; the server takes in only so much, for so long. */
static void test_linger(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    char junk[8 * 1024];
    memset(junk, 'j', sizeof(junk));
    client_open(&client, bench);
    client_say(&client, bench, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n");
    size_t sent = 0;
    for (int i = 0; i < 50; i++) {
        assert_true(client_push(&client, junk, sizeof(junk)));
        bench_settle(bench);
    }
    assert_int_equal(bench->closed, 0);
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 413, NULL);
    for (sent = 0; bench->closed == 0 && sent < 10 * (size_t)LINGER_BYTES_MAX; sent += sizeof(junk)) {
        if (!client_push(&client, junk, sizeof(junk)))
            break;
        bench_settle(bench);
    }
    bench_settle(bench);
    assert_int_equal(bench->closed, 1);
    assert_true(sent <= LINGER_BYTES_MAX);
    client_close(&client);

    client_open(&client, bench);
    client_say(&client, bench, "bad\r\n");
    bench_move(bench, CLOCK_SECOND);
    assert_true(client_push(&client, junk, 10));
    bench_settle(bench);
    assert_int_equal(bench->closed, 1);
    bench_move(bench, 2 * CLOCK_SECOND);
    assert_int_equal(bench->closed, 2);
    client_close(&client);
}

static void test_answer_asks_to_close(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, GET("/close") GET("/b"));
    struct reply reply = expect_reply(&client, &seen, 404, "/close");
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    expect_end(bench, &client, seen);
    assert_int_equal(bench->served, 1);
    client_close(&client);
}

static void test_bodies_are_discarded(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    struct buf text;
    buf_init(&text, 256 * 1024);
    buf_add_text(&text, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 65536\r\n\r\n");
    for (int i = 0; i < 65536; i++)
        buf_add_char(&text, 'x');
    buf_add_text(&text, GET("/b"));
    client_open(&client, bench);
    for (size_t at = 0; at < text.length; at += 1000) {
        assert_int_equal(bench->served, 0); /* not before the body is over */
        assert_true(client_push(&client, text.bytes + at, text.length - at < 1000 ? text.length - at : 1000));
        bench_settle(bench);
    }
    client_read(&client, SIZE_MAX);
    expect_reply(&client, &seen, 404, "/a");
    expect_reply(&client, &seen, 404, "/b");
    buf_free(&text);
    client_close(&client);
}

static void test_too_much_body(void **state)
{
    struct bench *bench = *state;
    static const char CHUNKED[] = "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct client client;
    size_t seen = 0;
    struct buf chunk;
    buf_init(&chunk, 64 * 1024);
    buf_add_text(&chunk, "4000\r\n");
    for (int i = 0; i < 0x4000; i++)
        buf_add_char(&chunk, 'x');
    buf_add_text(&chunk, "\r\n");
    client_open(&client, bench);
    client_say(&client, bench, CHUNKED);
    for (int i = 0; i < 4; i++) {
        assert_true(client_push(&client, chunk.bytes, chunk.length));
        bench_settle(bench);
        expect_silence(&client, 0);
    }
    client_say(&client, bench, "1\r\n");
    expect_reply(&client, &seen, 413, NULL);
    expect_end(bench, &client, seen);
    assert_int_equal(bench->served, 0);
    buf_free(&chunk);
    client_close(&client);
}

static void test_expect_continue(void **state)
{
    struct bench *bench = *state;
    struct client client;
    static const char HEAD[] = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    static const char INTERIM[] = "HTTP/1.1 100 Continue\r\n\r\n";
    client_open(&client, bench);
    client_say(&client, bench, HEAD);
    assert_true(slice_is(buf_slice(&client.in), INTERIM));
    size_t seen = client.in.length;
    client_say(&client, bench, "xyz");
    expect_reply(&client, &seen, 404, "/a");
    assert_true(client_push(&client, HEAD, strlen(HEAD) - 1));
    bench_settle(bench);
    client_say(&client, bench, "\nx"); /* the body has begun: no need to ask for it */
    expect_silence(&client, seen);
    client_say(&client, bench, "yz");
    expect_reply(&client, &seen, 404, "/a");
    expect_silence(&client, seen);
    client_close(&client);
}

/* The kernel is full of the answers before, at some count of them to the byte: the interim answer waits for room, and
 * the connection lives. */
static void test_expect_continue_behind_full_answers(void **state)
{
    static const char HEAD[] = "POST /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    static const struct slice INTERIM = SLICE("HTTP/1.1 100 Continue\r\n\r\n");
    struct bench *bench = *state;
    for (int before = 0; before < 24; before++) {
        for (int early = 0; early < 2; early++) { /* the body comes before the interim answer was read, or after */
            struct client client;
            struct reply reply;
            client_open_narrow(&client, bench);
            bench->served = 0;
            for (int i = 0; i < before; i++)
                assert_true(client_push(&client, GET("/b"), strlen(GET("/b"))));
            assert_true(client_push(&client, HEAD, strlen(HEAD)));
            bench_settle(bench);
            if (early)
                assert_true(client_push(&client, "xyz", 3));
            for (int i = 0; i < 100; i++) {
                client_read(&client, 400);
                bench_settle(bench);
            }
            struct slice rest = buf_slice(&client.in);
            for (int i = 0; i < before; i++) {
                assert_true(reply_next(&rest, false, &reply));
                assert_true(slice_is(reply.body, "/b"));
            }
            assert_true(slice_starts_with(rest, INTERIM));
            rest = slice_make(rest.at + INTERIM.length, rest.length - INTERIM.length);
            if (!early) {
                assert_int_equal(rest.length, 0);
                size_t seen = client.in.length;
                client_say(&client, bench, "xyz");
                rest = slice_make(client.in.bytes + seen, client.in.length - seen);
            }
            assert_true(reply_next(&rest, false, &reply));
            assert_true(slice_is(reply.body, "/a"));
            assert_int_equal(rest.length, 0);
            assert_false(client.ended);
            client_close(&client);
            bench_settle(bench);
        }
    }
}

/* What is left of an interim answer goes before the answer, even when the kernel took a part of it. */
static void test_rest_of_interim_goes_first(void **state)
{
    static const char HEAD[] = "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
    struct bench *bench = *state;
    struct client client;
    size_t seen = 5;
    client_open(&client, bench);
    client_say(&client, bench, HEAD);
    buf_add_text(&bench->home->first->unsent, "tinue");
    client_say(&client, bench, "xyz");
    assert_memory_equal(client.in.bytes, "tinue", 5);
    expect_reply(&client, &seen, 404, "/a");
    expect_silence(&client, seen);
    client_close(&client);
}

static void test_request_ids(void **state)
{
    struct bench *bench = *state;
    static const struct {
        const char *given;
        bool kept;
    } ROWS[] = {
        {"abc-1.2_3~:/+=@", true},
        {"x", true},
        {"0123456789012345678901234567890123456789012345678901234567890123", true},
        {"01234567890123456789012345678901234567890123456789012345678901234", false},
        {"a b", false},
        {"a\"b", false},
        {"caf\xe9", false},
        {"", false},
        {"a\r\nX-Request-Id: b", false},
    };
    struct client client;
    size_t seen = 0;
    char last[64] = "";
    client_open(&client, bench);
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        char text[200];
        snprintf(text, sizeof(text), "GET /a HTTP/1.1\r\nHost: h\r\nX-Request-Id: %s\r\n\r\n", ROWS[i].given);
        client_say(&client, bench, text);
        struct reply reply = expect_reply(&client, &seen, 404, "/a");
        snprintf(text, sizeof(text), "\r\nX-Request-Id: %s\r\n", ROWS[i].given);
        if (ROWS[i].kept) {
            assert_true(reply_has(&reply, text));
            continue;
        }
        const char *ours = (const char *)memmem(reply.head.at, reply.head.length, "X-Request-Id: ", 14) + 14;
        assert_int_equal(strspn(ours, "0123456789abcdef"), 32);
        assert_memory_equal(ours + 32, "\r\n", 2);
        assert_memory_not_equal(ours, last, 32);
        memcpy(last, ours, 32);
    }
    client_close(&client);
}

static void test_bodiless_answers(void **state)
{
    struct bench *bench = *state;
    struct client client;
    client_open(&client, bench);
    client_say(&client, bench,
               "HEAD /big/3 HTTP/1.1\r\nHost: h\r\n\r\n" GET("/status/304") GET("/status/200") GET("/a"));
    struct slice rest = buf_slice(&client.in);
    struct reply reply;
    assert_true(reply_next(&rest, true, &reply));
    assert_int_equal(reply.status, 200);
    assert_true(reply_has(&reply, "\r\nContent-Length: 3072\r\n"));
    assert_true(reply_next(&rest, false, &reply));
    assert_int_equal(reply.status, 304);
    assert_false(reply_has(&reply, "Content-Length"));
    assert_true(reply_next(&rest, false, &reply));
    assert_true(reply_has(&reply, "\r\nContent-Length: 0\r\n"));
    assert_true(reply_next(&rest, false, &reply));
    assert_true(slice_is(reply.body, "/a"));
    assert_int_equal(rest.length, 0);
    client_close(&client);
}

static void test_oversized_answer(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, GET("/fields/300") GET("/a"));
    struct reply reply = expect_reply(&client, &seen, 500, NULL);
    assert_false(reply_has(&reply, "X-Long"));
    expect_reply(&client, &seen, 404, "/a");
    client_close(&client);
}

static void test_drain(void **state)
{
    struct bench *bench = *state;
    struct client fresh, asked, late_one, waiting, sending, part;
    size_t seen = 0, none = 0, also = 0;
    client_open(&fresh, bench);
    client_open(&asked, bench);
    client_open(&late_one, bench);
    client_open(&waiting, bench);
    client_open_narrow(&sending, bench);
    client_open(&part, bench);
    client_say(&asked, bench, GET("/a"));
    client_say(&late_one, bench, GET("/a"));
    client_say(&waiting, bench, GET("/wait"));
    client_say(&sending, bench, GET("/big/500"));
    client_say(&part, bench, "GET /p");
    expect_reply(&asked, &seen, 404, "/a");
    expect_reply(&late_one, &none, 404, "/a");
    assert_true(client_push(&late_one, GET("/b"), strlen(GET("/b")))); /* on its way when the drain begins */

    conn_home_drain(bench->home, bench_on_drained, bench);
    assert_int_equal(bench->drained, 0);
    bench_settle(bench);
    client_say(&asked, bench, GET("/last")); /* sent before it could know */
    struct reply reply = expect_reply(&asked, &seen, 404, "/last");
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    expect_end(bench, &asked, seen);
    client_read(&late_one, SIZE_MAX);
    reply = expect_reply(&late_one, &none, 404, "/b");
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    expect_end(bench, &late_one, none);
    client_close(&late_one);

    client_say(&fresh, bench, GET("/first")); /* it had not asked anything yet */
    reply = expect_reply(&fresh, &also, 404, "/first");
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    client_close(&fresh);

    also = 0;
    client_say(&part, bench, " HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_reply(&part, &also, 404, "/p");
    client_close(&part);

    also = 0;
    bench_answer_first(bench);
    client_read(&waiting, SIZE_MAX);
    reply = expect_reply(&waiting, &also, 200, "late");
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    client_close(&waiting);

    bench_settle(bench);
    assert_int_equal(bench->drained, 0);
    while (!sending.ended) {
        client_read(&sending, 10000);
        bench_settle(bench);
    }
    assert_true(sending.in.length > 500 * 1024);
    client_close(&sending);
    client_close(&asked);
    bench_settle(bench);
    assert_int_equal(bench->drained, 1);
    assert_int_equal(bench->closed, 6);
}

static void test_drain_of_the_silent(void **state)
{
    struct bench *bench = *state;
    struct client silent;
    client_open(&silent, bench);
    conn_home_drain(bench->home, bench_on_drained, bench);
    bench_settle(bench);
    assert_int_equal(bench->drained, 0);
    bench_move(bench, 3 * CLOCK_SECOND);
    assert_int_equal(bench->drained, 1);
    client_close(&silent);
}

/* Its request and the end of its moment come in the same turn. */
static void test_drain_at_the_last_moment(void **state)
{
    struct bench *bench = *state;
    struct client client;
    size_t seen = 0;
    client_open(&client, bench);
    client_say(&client, bench, GET("/a"));
    expect_reply(&client, &seen, 404, "/a");
    conn_home_drain(bench->home, bench_on_drained, bench);
    bench_settle(bench);
    assert_true(client_push(&client, GET("/b"), strlen(GET("/b"))));
    bench_move(bench, 3 * CLOCK_SECOND);
    client_read(&client, SIZE_MAX);
    struct reply reply = expect_reply(&client, &seen, 404, "/b");
    assert_true(reply_has(&reply, "\r\nConnection: close\r\n"));
    expect_end(bench, &client, seen);
    client_close(&client);
    bench_settle(bench);
    assert_int_equal(bench->drained, 1);
}

static void test_drain_of_none(void **state)
{
    struct bench *bench = *state;
    conn_home_drain(bench->home, bench_on_drained, bench);
    assert_int_equal(bench->drained, 0);
    bench_settle(bench);
    assert_int_equal(bench->drained, 1);
}

/* Whatever state its connections are in, the home can be freed: nothing leaks, nothing dangles (the sanitizer watches).
 */
static void test_free_in_every_state(void **state)
{
    struct bench *bench = *state;
    struct client clients[8];
    for (size_t i = 0; i < 8; i++)
        client_open_narrow(&clients[i], bench);
    client_say(&clients[0], bench, GET("/a"));
    client_say(&clients[1], bench, "GET /par");
    client_say(&clients[2], bench, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx");
    client_say(&clients[3], bench, GET("/wait") GET("/b"));
    client_say(&clients[4], bench, GET("/big/1000"));
    client_say(&clients[5], bench, "bad\r\n");
    client_say(&clients[6], bench, GET("/wait"));
    struct exchange *exchange = bench->waiting[1];
    bench_answer_path(exchange, 200, "answered, not sent");
    exchange->on_answer(exchange);
    for (int i = 0; i < 40; i++) /* more than are served in one go */
        assert_true(client_push(&clients[7], GET("/a"), strlen(GET("/a"))));
    loop_turn(bench->loop);
    conn_home_free(bench->home);
    assert_int_equal(bench->closed, 8);
    bench->home = NULL;
    for (size_t i = 0; i < 8; i++)
        client_close(&clients[i]);
    bench_settle(bench);
}

static void test_idle_connections_are_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct conn) <=
                424); /* with malloc's word and libevent's entry: under 500 bytes, 10,000 in 5 MB */
}

/* One by one, over TLS each a record of its own. */
static void push_bytes(struct bench *bench, struct client *client, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length && client_push(client, bytes.at + i, 1); i++)
        bench_settle(bench);
}

/* Sends a vector's bytes, cut at `split` (SIZE_MAX: everywhere), behind `before`, on a fresh connection; what came of
 * it. */
static struct happened run_vector(struct bench *bench, const struct vector *vector, const char *before, size_t split)
{
    struct happened happened = {0};
    struct client client;
    struct slice raw = buf_slice(&vector->raw);
    client_open(&client, bench);
    bench->served = 0;
    if (before != NULL)
        (void)client_push(&client, before, strlen(before));
    if (split == SIZE_MAX)
        push_bytes(bench, &client, raw);
    else if (split > 0) {
        (void)client_push(&client, raw.at, split);
        bench_settle(bench);
    }
    if (split != SIZE_MAX)
        (void)client_push(&client, raw.at + split, raw.length - split); /* fails when we have closed already */
    bench_settle(bench);
    client_read(&client, SIZE_MAX);
    if (vector->half_close) {
        client_half_close(&client);
        bench_settle(bench);
        client_read(&client, SIZE_MAX);
    }
    happened.closed = client.ended;
    struct slice rest = buf_slice(&client.in);
    struct reply reply;
    while (rest.length > 0) {
        bool to_head = happened.count < bench->served && bench->methods[happened.count] == METHOD_HEAD;
        if (!reply_next(&rest, to_head, &reply))
            fail_msg("%s, split at %zu: '%.*s' is no answer", vector->name, split, (int)rest.length, rest.at);
        if (reply.status < 200)
            happened.interims++;
        else
            happened.statuses[happened.count++] = reply.status;
    }
    for (size_t i = 0; i < bench->served; i++)
        happened.smuggled |= strncmp(bench->paths[i], "/smuggled", 9) == 0;
    client_close(&client);
    bench_settle(bench);
    return happened;
}

/* Takes the answer to the good request in front off what happened. */
static void drop_first(const struct vector *vector, struct happened *happened)
{
    if (happened->count == 0 || happened->statuses[0] != 404)
        fail_msg("%s: the good request in front was not answered", vector->name);
    happened->count--;
    memmove(happened->statuses, happened->statuses + 1, happened->count * sizeof(int));
}

static void judge(const struct vector *vector, size_t split, const struct happened *happened)
{
    const char *wrong = vector_judge(vector, happened);
    if (wrong != NULL)
        fail_msg("%s, split at %zu: %s (%zu answers, first %d)", vector->name, split, wrong, happened->count,
                 happened->statuses[0]);
}

static void test_vectors(void **state)
{
    enum { LONG = 2048, TLS_EVERY = 11 };
    struct bench *bench = *state;
    /* A handshake takes longer than all the rest; EVERY_SPLIT=1 tries all of them all the same. */
    size_t every = bench->tls != NULL && getenv("EVERY_SPLIT") == NULL ? TLS_EVERY : 1;
    struct vectors *vectors = vectors_read();
    size_t runs = 0;
    for (size_t i = 0; i < vectors->count; i++) {
        const struct vector *vector = &vectors->list[i];
        size_t length = vector->raw.length;
        for (size_t split = 0; split < length; split++) {
            bool near_an_end = split < LONG / 4 || length - split < LONG / 4;
            if (length > LONG && !near_an_end && split % 97 != 0)
                continue;
            if (every > 1 && split > 0 && (split + i) % every != 0)
                continue;
            struct happened happened = run_vector(bench, vector, NULL, split);
            judge(vector, split, &happened);
            runs++;
        }
        struct happened pieces = run_vector(bench, vector, NULL, SIZE_MAX);
        judge(vector, SIZE_MAX, &pieces);
        struct happened behind = run_vector(bench, vector, GET("/good"), 0);
        drop_first(vector, &behind);
        judge(vector, 0, &behind);
    }
    print_message(
        "note: %zu raw request vectors, %zu runs %s: whole, split in two, byte by byte, behind a good request\n",
        vectors->count, runs + 2 * vectors->count, bench->tls != NULL ? "over TLS" : "over a socket");
    vectors_free(vectors);
}

int main(void)
{
#define NAMED(text, name, set_up)                                                                                      \
    {                                                                                                                  \
        text, test_##name, set_up, teardown, NULL                                                                      \
    }
#define TEST(name) NAMED(#name, name, setup), NAMED(#name " over TLS", name, setup_tls)
    const struct CMUnitTest tests[] = {
        TEST(stays_open),
        TEST(http_1_0),
        TEST(pipeline_in_order),
        TEST(others_have_their_turn),
        TEST(byte_by_byte),
        TEST(what_follows_a_body),
        TEST(handler_waits),
        TEST(handler_waits_behind_blocked_answer),
        TEST(handler_may_take_long),
        TEST(half_close_gets_answers),
        TEST(client_dies_while_handler_waits),
        TEST(client_gone_when_answered),
        TEST(slow_reader),
        TEST(head_in_pieces),
        TEST(rest_of_head_in_pieces),
        TEST(write_timeout),
        TEST(idle_timeout),
        TEST(idle_with_unread_answer),
        TEST(linger_with_unread_answer),
        TEST(empty_lines_are_idle),
        TEST(empty_lines_are_few),
        TEST(header_timeout),
        TEST(header_time_begins_anew),
        TEST(header_time_begins_behind_empty_lines),
        TEST(refusal),
        TEST(refused_head_has_no_body),
        TEST(linger),
        TEST(answer_asks_to_close),
        TEST(bodies_are_discarded),
        TEST(too_much_body),
        TEST(expect_continue),
        TEST(expect_continue_behind_full_answers),
        TEST(rest_of_interim_goes_first),
        TEST(request_ids),
        TEST(bodiless_answers),
        TEST(oversized_answer),
        TEST(drain),
        TEST(drain_of_the_silent),
        TEST(drain_at_the_last_moment),
        TEST(drain_of_none),
        TEST(free_in_every_state),
        TEST(idle_connections_are_small),
        TEST(vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
