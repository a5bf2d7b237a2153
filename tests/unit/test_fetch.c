/* SPDX-License-Identifier: MIT */
/* Outgoing calls over real sockets on loopback; what the loop calls time is frozen, so nothing waits for a deadline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/fetch.h"
#include "tiny_server.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <netdb.h>
#include <time.h>

enum { URL_BYTES_MAX = 300, BODY_LIMIT = 1000, BODIES_LIMIT = 100 * 1000 };

/* In the place of the C library's: where a name leads is what a test says. */
static _Atomic(const char *) address_of_name;
static atomic_int lookups;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (name != NULL && strcmp(name, "nexudus.test") == 0) {
        lookups++;
        name = address_of_name;
    }
    return real(name, service, hints, found);
}

struct house {
    struct clock *clock;
    struct loop *loop;
    struct transport *transport;
    struct tiny_server *server;
    int expected; /* calls to be done until the loop stops */
};

struct sent {
    struct fetch fetch;
    struct house *house;
    char url[URL_BYTES_MAX];
    unsigned done;
    struct sent *cancels, *starts; /* in on_done */
};

static int set_up(void **state)
{
    const struct fetch_options options = {
        .connections_max = 8, .bodies_max = BODIES_LIMIT, .user_agent = "nexgate/test"};
    struct house *house = mem_new(sizeof *house);

    house->clock = clock_new();
    clock_freeze(house->clock);
    house->loop = loop_new(house->clock);
    assert_non_null(house->loop);
    house->transport = fetch_transport_new(house->loop, &options);
    assert_non_null(house->transport);
    house->server = tiny_start();
    *state = house;
    return 0;
}

static int tear_down(void **state)
{
    struct house *house = *state;

    fetch_transport_free(house->transport);
    loop_free(house->loop);
    tiny_stop(house->server);
    clock_free(house->clock);
    mem_free(house);
    return 0;
}

static void start(struct sent *sent)
{
    sent->house->expected++;
    sent->house->transport->start(sent->house->transport, &sent->fetch);
    assert_int_equal(sent->done, 0); /* never inside start */
}

static void on_done(struct fetch *fetch)
{
    struct sent *sent = MEM_OUTER(fetch, struct sent, fetch);

    sent->done++;
    sent->house->expected--;
    if (sent->cancels != NULL) {
        sent->house->expected--;
        sent->house->transport->cancel(sent->house->transport, &sent->cancels->fetch);
    }
    if (sent->starts != NULL)
        start(sent->starts);
    if (sent->house->expected == 0)
        loop_stop(sent->house->loop);
}

static void fill(struct sent *sent, struct house *house, const char *path)
{
    *sent = (struct sent){
        .house = house,
        .fetch = {.url = sent->url,
                  .connect_timeout_us = 60 * CLOCK_SECOND,
                  .timeout_us = 10 * CLOCK_SECOND,
                  .body_max = BODY_LIMIT,
                  .on_done = on_done},
    };
    snprintf(sent->url, sizeof sent->url, "http://127.0.0.1:%d%s", house->server->port, path);
}

static void get(struct sent *sent, struct house *house, const char *path)
{
    fill(sent, house, path);
    start(sent);
    loop_run(house->loop);
    assert_int_equal(sent->done, 1);
}

static void a_get_brings_status_body_and_type(void **state)
{
    struct house *house = *state;
    struct sent sent;

    fill(&sent, house, "/ok?a=b");
    sent.fetch.headers[0] = "X-One: 1";
    sent.fetch.headers[3] = "X-Two: 2";
    start(&sent);
    loop_run(house->loop);
    assert_int_equal(sent.fetch.outcome, FETCH_ANSWERED);
    assert_int_equal(sent.fetch.status, 200);
    assert_true(slice_is(buf_slice(&sent.fetch.body), "{}"));
    assert_string_equal(sent.fetch.content_type, "application/json; charset=utf-8");
    assert_string_equal(sent.fetch.error, "");
    assert_int_equal(sent.fetch.retry_after_us, -1);
    assert_ptr_equal(strstr(house->server->last, "GET /ok?a=b HTTP/1.1\r\n"), house->server->last);
    assert_non_null(strstr(house->server->last, "User-Agent: nexgate/test\r\n"));
    assert_non_null(strstr(house->server->last, "Accept-Encoding: gzip\r\n"));
    assert_non_null(strstr(house->server->last, "X-One: 1\r\n"));
    assert_non_null(strstr(house->server->last, "X-Two: 2\r\n"));
    buf_free(&sent.fetch.body);
}

static void a_form_is_posted(void **state)
{
    struct house *house = *state;
    char form[] = "grant_type=password&username=x";
    struct sent sent;

    fill(&sent, house, "/ok");
    sent.fetch.form = slice_make(form, strlen(form));
    start(&sent);
    memset(form, '#', sizeof form - 1); /* it was copied */
    sent.fetch.form = slice_make(NULL, 0);
    loop_run(house->loop);
    assert_int_equal(sent.fetch.status, 200);
    assert_ptr_equal(strstr(house->server->last, "POST /ok HTTP/1.1\r\n"), house->server->last);
    assert_non_null(strstr(house->server->last, "Content-Type: application/x-www-form-urlencoded\r\n"));
    assert_non_null(strstr(house->server->last, "\r\n\r\ngrant_type=password&username=x"));
    buf_free(&sent.fetch.body);
}

static void a_connection_is_kept_and_used_again(void **state)
{
    struct house *house = *state;
    struct sent sent;

    for (int i = 0; i < 5; i++) {
        get(&sent, house, "/ok");
        assert_int_equal(sent.fetch.status, 200);
        assert_int_equal(sent.fetch.reused_connection, i > 0);
        buf_free(&sent.fetch.body);
    }
    assert_int_equal(house->server->connections, 1);
    assert_int_equal(house->server->requests, 5);
}

static void a_cut_says_whether_its_connection_was_kept(void **state)
{
    struct house *house = *state;
    struct sent sent;

    for (int kept = 0; kept < 2; kept++) {
        if (kept) {
            get(&sent, house, "/ok");
            buf_free(&sent.fetch.body);
        }
        get(&sent, house, "/cut");
        assert_int_equal(sent.fetch.outcome, FETCH_CUT);
        assert_int_equal(sent.fetch.reused_connection, kept);
        buf_free(&sent.fetch.body);
    }
}

static void wait_for_hangups(const struct tiny_server *server, int count)
{
    for (int i = 0; server->hangups < count; i++) {
        assert_true(i < 60 * 1000);
        usleep(1000);
    }
}

static void a_kept_connection_that_was_closed_in_time_costs_nothing(void **state)
{
    struct house *house = *state;
    struct sent sent;

    for (int i = 0; i < 20; i++) {
        get(&sent, house, "/ok-then-close");
        assert_int_equal(sent.fetch.outcome, FETCH_ANSWERED);
        assert_int_equal(sent.fetch.status, 200);
        assert_false(sent.fetch.reused_connection);
        buf_free(&sent.fetch.body);
        wait_for_hangups(house->server, i + 1);
    }
    assert_int_equal(house->server->requests, 20);
    assert_int_equal(house->server->connections, 20);
}

/* Nobody could know before it was sent: whoever asked is told, and nothing is sent twice unasked. */
static void a_kept_connection_that_dies_under_a_call_ends_that_call(void **state)
{
    static const char *const paths[] = {"/one-each", "/one-each-then-reset"};
    struct house *house = *state;
    struct sent sent;
    int requests = 0;

    for (size_t i = 0; i < 10; i++) {
        get(&sent, house, paths[i % 2]);
        assert_int_equal(sent.fetch.outcome, FETCH_ANSWERED);
        assert_false(sent.fetch.reused_connection);
        buf_free(&sent.fetch.body);
        get(&sent, house, paths[i % 2]);
        assert_int_equal(sent.fetch.outcome, FETCH_UNREACHABLE);
        assert_true(sent.fetch.reused_connection);
        assert_string_equal(sent.fetch.error, "the kept connection had died");
        buf_free(&sent.fetch.body);
        requests += 2;
        assert_int_equal(house->server->requests, requests);
    }
}

/* Three kept connections, and all of them are dead. */
static void a_fresh_connection_is_made_for_who_asks_for_one(void **state)
{
    struct house *house = *state;
    struct sent sent[3], fresh;

    for (size_t i = 0; i < 3; i++) {
        fill(&sent[i], house, "/one-each");
        start(&sent[i]);
    }
    loop_run(house->loop);
    for (size_t i = 0; i < 3; i++)
        buf_free(&sent[i].fetch.body);
    int connections = house->server->connections;
    assert_int_equal(connections, 3);
    fill(&fresh, house, "/one-each");
    fresh.fetch.fresh_connection = true;
    start(&fresh);
    loop_run(house->loop);
    assert_int_equal(fresh.fetch.outcome, FETCH_ANSWERED);
    assert_false(fresh.fetch.reused_connection);
    assert_int_equal(house->server->connections, connections + 1);
    buf_free(&fresh.fetch.body);
}

static void get_by_name(struct sent *sent, struct house *house, const char *path, bool fresh)
{
    fill(sent, house, path);
    snprintf(sent->url, sizeof sent->url, "http://nexudus.test:%d%s", house->server->port, path);
    sent->fetch.fresh_connection = fresh;
    start(sent);
    loop_run(house->loop);
    buf_free(&sent->fetch.body);
}

static void a_dead_address_is_not_held_on_to(void **state)
{
    static const struct {
        const char *address;
        bool fresh;
        enum fetch_outcome outcome;
        int lookups;
    } steps[] = {
        /* nobody listens there */
        {"127.0.0.2", false, FETCH_UNREACHABLE, 1},
        {"127.0.0.2", false, FETCH_UNREACHABLE, 2},
        /* it moved */
        {"127.0.0.1", false, FETCH_ANSWERED, 3},
        {"127.0.0.1", false, FETCH_ANSWERED, 4},
        /* where it answered is good for a while */
        {"127.0.0.2", false, FETCH_ANSWERED, 4},
        {"127.0.0.1", true, FETCH_ANSWERED, 5},
    };
    struct house *house = *state;
    int hangups = 0;

    lookups = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct sent sent;
        address_of_name = steps[i].address;
        get_by_name(&sent, house, "/ok-then-close", steps[i].fresh);
        if (sent.fetch.outcome != steps[i].outcome || lookups != steps[i].lookups)
            fail_msg("step %zu: %d after %d lookups", i, (int)sent.fetch.outcome, (int)lookups);
        hangups += steps[i].outcome == FETCH_ANSWERED;
        wait_for_hangups(house->server, hangups);
    }
}

static void get_side_by_side(struct house *house, struct sent *sent, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fill(&sent[i], house, "/ok");
        start(&sent[i]);
    }
    loop_run(house->loop);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(sent[i].fetch.outcome, FETCH_ANSWERED);
        buf_free(&sent[i].fetch.body);
    }
}

/* It may be the host behind all of them that is gone. */
static void when_a_kept_connection_says_nothing_the_others_are_not_trusted(void **state)
{
    struct house *house = *state;
    struct sent sent[3], hanging;

    get_side_by_side(house, sent, 3);
    assert_int_equal(house->server->connections, 3);
    fill(&hanging, house, "/hang");
    start(&hanging);
    while (house->server->requests == 3)
        loop_turn(house->loop);
    clock_move(house->clock, 10 * CLOCK_SECOND);
    loop_run(house->loop);
    assert_int_equal(hanging.fetch.outcome, FETCH_TIMED_OUT);
    assert_true(hanging.fetch.reused_connection);
    buf_free(&hanging.fetch.body);
    get_side_by_side(house, sent, 1);
    assert_int_equal(house->server->connections, 4);
    clock_move(house->clock, 10 * CLOCK_SECOND);
    get_side_by_side(house, sent, 3);
    assert_int_equal(house->server->connections, 4);
}

static void as_many_connections_are_kept_as_are_allowed_though_they_be_busy(void **state)
{
    enum { MANY = 100 };
    static struct sent sent[MANY];
    const struct fetch_options options = {.connections_max = 512, .bodies_max = BODIES_LIMIT, .user_agent = "x"};
    struct house *house = *state;

    fetch_transport_free(house->transport);
    house->transport = fetch_transport_new(house->loop, &options);
    assert_non_null(house->transport);
    for (int i = 0; i < 3; i++) {
        get_side_by_side(house, sent, MANY);
        assert_int_equal(house->server->connections, MANY);
    }
}

static void start_to_hold(struct sent *sent, struct house *house, const char *path)
{
    fill(sent, house, path);
    sent->fetch.body_max = BODIES_LIMIT;
    start(sent);
}

static void all_bodies_under_way_have_a_bound(void **state)
{
    struct house *house = *state;
    struct sent first, second;

    for (int i = 0; i < 3; i++) {
        start_to_hold(&first, house, "/hold?60000");
        while (first.fetch.body.length < 60000)
            loop_turn(house->loop);
        fill(&second, house, "/hold?60000");
        second.fetch.body_max = BODIES_LIMIT;
        second.done = 0;
        house->expected = 0; /* the first goes on */
        start(&second);
        loop_run(house->loop);
        assert_int_equal(second.fetch.outcome, FETCH_NO_ROOM);
        assert_true(second.fetch.error[0] != '\0');
        buf_free(&second.fetch.body);
        assert_int_equal(first.done, 0);
        house->transport->cancel(house->transport, &first.fetch);
    }
}

/* It may hold a one-time code. */
static void a_form_is_sent_once_and_over_a_connection_of_its_own(void **state)
{
    static const struct {
        const char *path;
        enum fetch_outcome outcome;
    } rows[] = {{"/one-each", FETCH_ANSWERED}, {"/empty", FETCH_UNREACHABLE}, {"/reset", FETCH_CUT}};
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent sent;
        get(&sent, house, "/ok"); /* its connection is kept */
        buf_free(&sent.fetch.body);
        int requests = house->server->requests, connections = house->server->connections;
        fill(&sent, house, rows[i].path);
        sent.fetch.form = slice_of("grant_type=password&totp=123456");
        start(&sent);
        loop_run(house->loop);
        assert_int_equal(sent.fetch.outcome, rows[i].outcome);
        assert_false(sent.fetch.reused_connection);
        assert_int_equal(house->server->requests, requests + 1);
        assert_int_equal(house->server->connections, connections + 1);
        buf_free(&sent.fetch.body);
    }
}

static void each_failure_has_its_outcome(void **state)
{
    static const struct {
        const char *path;
        enum fetch_outcome outcome;
    } rows[] = {
        {"/cut?secret", FETCH_CUT},
        {"/cut-chunks?secret", FETCH_CUT},
        {"/cut-head?secret", FETCH_CUT},
        {"/empty?secret", FETCH_UNREACHABLE},
        {"/reset?secret", FETCH_CUT},
        {"/nonsense?secret", FETCH_CUT},
        {"/endless-body?secret", FETCH_TOO_BIG},
        {"/endless-head?secret", FETCH_TOO_BIG},
        {"/bomb?secret", FETCH_TOO_BIG},
    };
    struct house *house = *state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent sent;
        get(&sent, house, rows[i].path);
        if (sent.fetch.outcome != rows[i].outcome)
            fail_msg("%s: %d, %s", rows[i].path, (int)sent.fetch.outcome, sent.fetch.error);
        assert_int_equal(sent.fetch.status, 0);
        assert_true(sent.fetch.error[0] != '\0');
        assert_null(strstr(sent.fetch.error, "secret"));
        assert_true(sent.fetch.body.length <= BODY_LIMIT);
        buf_free(&sent.fetch.body);
    }
}

static void who_cannot_be_reached(void **state)
{
    struct house *house = *state;
    struct sent sent;
    int port;

    close(tiny_listen(&port)); /* a port where nobody listens */
    const struct {
        const char *before, *after; /* the port */
    } rows[] = {
        {"http://127.0.0.1:", "/?secret"}, {"http://user:secret@127.0.0.1:", "/"}, {"https://127.0.0.1:", "/?secret"},
        {"ftp://127.0.0.1:", "/?secret"},  {"file:///etc/passwd?secret=", ""},     {"not a url ", " secret"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fill(&sent, house, "");
        snprintf(sent.url, sizeof sent.url, "%s%d%s", rows[i].before, port, rows[i].after);
        start(&sent);
        loop_run(house->loop);
        assert_int_equal(sent.done, 1);
        assert_int_equal(sent.fetch.outcome, FETCH_UNREACHABLE);
        assert_true(sent.fetch.error[0] != '\0');
        assert_null(strstr(sent.fetch.error, "secret"));
        assert_null(sent.fetch.body.bytes);
    }
}

static void the_body_may_be_as_long_as_allowed(void **state)
{
    struct house *house = *state;

    for (size_t limit = 99; limit <= 100; limit++) {
        struct sent sent;
        fill(&sent, house, "/hundred-bytes");
        sent.fetch.body_max = limit;
        start(&sent);
        loop_run(house->loop);
        assert_int_equal(sent.fetch.outcome, limit < 100 ? FETCH_TOO_BIG : FETCH_ANSWERED);
        buf_free(&sent.fetch.body);
    }
}

static void gzip_is_unpacked(void **state)
{
    struct house *house = *state;
    struct sent sent;

    get(&sent, house, "/gzip");
    assert_int_equal(sent.fetch.outcome, FETCH_ANSWERED);
    assert_true(slice_is(buf_slice(&sent.fetch.body), "{\"hello\":\"gzip\"}"));
    buf_free(&sent.fetch.body);
}

static void redirects_are_not_followed(void **state)
{
    struct house *house = *state;
    struct sent sent;

    get(&sent, house, "/redirect");
    assert_int_equal(sent.fetch.status, 302);
    assert_int_equal(house->server->requests, 1);
}

static void retry_after_is_read_in_both_forms(void **state)
{
    static const struct {
        const char *value;
        int64_t seconds; /* -1: as if there were none */
    } rows[] = {
        {"", -1},
        {"5", 5},
        {"0", 0},
        {"999999999", 24 * 3600},
        {"99999999999999999999", 24 * 3600}, /* digits are a number, however many */
        {"1000000000000000000000000000000000000000000000000000000000000000000000", 24 * 3600},
        {"0000000000000000000000000000000000000000000000000000000000000000000005", 5},
        {"99999999999999999999s", -1},
        {"-1", -1},
        {"5+seconds", -1},
        {"tomorrowish", -1},
        {"1.5", -1},
    };
    struct house *house = *state;
    struct sent sent;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[100];
        snprintf(path, sizeof path, "/retry?%s", rows[i].value);
        get(&sent, house, path);
        assert_int_equal(sent.fetch.status, 409);
        assert_string_equal(sent.fetch.content_type, ""); /* the interim answer's is not kept */
        assert_int_equal(sent.fetch.retry_after_us, rows[i].seconds < 0 ? -1 : rows[i].seconds * CLOCK_SECOND);
    }
    for (int offset = -60; offset <= 60; offset += 60) {
        char path[100];
        time_t then = (time_t)(clock_wall(house->clock) / CLOCK_SECOND) + offset;
        strftime(path, sizeof path, "/retry?%a,+%d+%b+%Y+%H:%M:%S+GMT", gmtime(&then));
        get(&sent, house, path);
        assert_int_equal(sent.fetch.retry_after_us, offset > 0 ? offset * CLOCK_SECOND : 0);
    }
}

/* RFC 9110 section 6.5.1: a trailer is no field of the head. */
static void trailers_are_not_looked_at(void **state)
{
    struct house *house = *state;
    struct sent sent;

    get(&sent, house, "/trailers");
    assert_int_equal(sent.fetch.outcome, FETCH_ANSWERED);
    assert_string_equal(sent.fetch.content_type, "application/json");
    assert_int_equal(sent.fetch.retry_after_us, -1);
    assert_true(slice_is(buf_slice(&sent.fetch.body), "{}"));
    buf_free(&sent.fetch.body);
}

static void a_hanging_call_ends_when_the_clock_says_so(void **state)
{
    static const char *const paths[] = {"/hang", "/hang-in-body"};
    struct house *house = *state;

    for (size_t i = 0; i < 2; i++) {
        struct sent sent;
        int before = house->server->requests;
        fill(&sent, house, paths[i]);
        start(&sent);
        while (house->server->requests == before)
            loop_turn(house->loop);
        clock_move(house->clock, 10 * CLOCK_SECOND - 1);
        loop_turn(house->loop);
        assert_int_equal(sent.done, 0);
        clock_move(house->clock, 1);
        loop_run(house->loop);
        assert_int_equal(sent.done, 1);
        assert_int_equal(sent.fetch.outcome, FETCH_TIMED_OUT);
        assert_int_equal(sent.fetch.status, 0);
        buf_free(&sent.fetch.body);
    }
}

static void a_cancelled_call_is_never_heard_of(void **state)
{
    struct house *house = *state;
    struct sent hanging, fine;
    int before = house->server->requests;

    fill(&hanging, house, "/hang-in-body");
    start(&hanging);
    while (house->server->requests == before)
        loop_turn(house->loop);
    house->transport->cancel(house->transport, &hanging.fetch);
    assert_null(hanging.fetch.body.bytes);
    house->expected--;
    fill(&hanging, house, "not a url");
    snprintf(hanging.url, sizeof hanging.url, "nothing://");
    start(&hanging); /* has failed, but was not reported yet */
    house->transport->cancel(house->transport, &hanging.fetch);
    house->expected--;
    get(&fine, house, "/ok");
    assert_int_equal(hanging.done, 0);
    buf_free(&fine.fetch.body);
}

/* Two that are reported in one turn: the first takes the second with it, and starts another. */
static void on_done_may_cancel_and_start(void **state)
{
    struct house *house = *state;
    struct sent first, second, third;

    fill(&first, house, "");
    snprintf(first.url, sizeof first.url, "nothing://");
    fill(&second, house, "");
    snprintf(second.url, sizeof second.url, "nothing://");
    fill(&third, house, "/ok");
    first.cancels = &second;
    first.starts = &third;
    start(&first);
    start(&second);
    loop_run(house->loop);
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 0);
    assert_int_equal(third.done, 1);
    assert_int_equal(third.fetch.status, 200);
    buf_free(&third.fetch.body);
}

static void many_at_once(void **state)
{
    static struct sent sent[100];
    struct house *house = *state;

    for (size_t i = 0; i < 100; i++) {
        fill(&sent[i], house, i % 3 == 0 ? "/cut" : "/ok");
        start(&sent[i]);
    }
    loop_run(house->loop);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(sent[i].done, 1);
        assert_int_equal(sent[i].fetch.outcome, i % 3 == 0 ? FETCH_CUT : FETCH_ANSWERED);
        buf_free(&sent[i].fetch.body);
    }
}

static void the_environment_chooses_no_proxy(void **state)
{
    struct house *house = *state;
    struct sent sent;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    get(&sent, house, "/ok");
    assert_int_equal(sent.fetch.status, 200);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    buf_free(&sent.fetch.body);
}

static void freeing_the_transport_cancels_what_is_under_way(void **state)
{
    struct house *house = *state;
    struct sent hanging, failed;
    int before = house->server->requests;

    fill(&hanging, house, "/hang-in-body");
    start(&hanging);
    while (house->server->requests == before)
        loop_turn(house->loop);
    fill(&failed, house, "");
    snprintf(failed.url, sizeof failed.url, "nothing://");
    start(&failed);
    fetch_transport_free(house->transport);
    house->transport = NULL;
    loop_turn(house->loop);
    assert_int_equal(hanging.done + failed.done, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_get_brings_status_body_and_type),
        TEST(a_form_is_posted),
        TEST(a_connection_is_kept_and_used_again),
        TEST(a_cut_says_whether_its_connection_was_kept),
        TEST(a_kept_connection_that_was_closed_in_time_costs_nothing),
        TEST(a_kept_connection_that_dies_under_a_call_ends_that_call),
        TEST(a_fresh_connection_is_made_for_who_asks_for_one),
        TEST(a_dead_address_is_not_held_on_to),
        TEST(when_a_kept_connection_says_nothing_the_others_are_not_trusted),
        TEST(as_many_connections_are_kept_as_are_allowed_though_they_be_busy),
        TEST(all_bodies_under_way_have_a_bound),
        TEST(a_form_is_sent_once_and_over_a_connection_of_its_own),
        TEST(each_failure_has_its_outcome),
        TEST(who_cannot_be_reached),
        TEST(the_body_may_be_as_long_as_allowed),
        TEST(gzip_is_unpacked),
        TEST(redirects_are_not_followed),
        TEST(retry_after_is_read_in_both_forms),
        TEST(trailers_are_not_looked_at),
        TEST(a_hanging_call_ends_when_the_clock_says_so),
        TEST(a_cancelled_call_is_never_heard_of),
        TEST(on_done_may_cancel_and_start),
        TEST(many_at_once),
        TEST(the_environment_chooses_no_proxy),
        TEST(freeing_the_transport_cancels_what_is_under_way),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
