/* SPDX-License-Identifier: MIT */
/* Listening sockets: addresses as text, who may share one, unix sockets left behind; and the census of connections. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "front/address.h"
#include "front/census.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATH_LENGTH = 64 };

static void name_of(int descriptor, char *text, size_t size)
{
    struct buf name;
    buf_init(&name, 200);
    listener_name(descriptor, &name);
    snprintf(text, size, "%.*s", (int)name.length, name.bytes);
    buf_free(&name);
}

/* A connection to a listening socket, by its name. */
static int connect_to(const char *address)
{
    struct address addresses[ADDRESS_MAX];
    char why[100];
    assert_true(address_resolve(address, addresses, why, sizeof(why)) > 0);
    int descriptor = socket(addresses[0].storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(descriptor, (struct sockaddr *)&addresses[0].storage, addresses[0].length) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed; /* NULL: refused */
        bool local;
    } ROWS[] = {
        {"127.0.0.1:8080", "127.0.0.1:8080", true},
        {"127.5.6.7:1", "127.5.6.7:1", true},
        {"0.0.0.0:80", "0.0.0.0:80", false},
        {"10.0.0.1:80", "10.0.0.1:80", false},
        {"[::1]:8080", "[::1]:8080", true},
        {"[::]:8080", "[::]:8080", false},
        {"[2001:db8::5]:1", "[2001:db8::5]:1", false},
        {"unix:/run/x.sock", "unix:/run/x.sock", true},
        {"127.0.0.1", NULL, false},
        {"127.0.0.1:", NULL, false},
        {":8080", NULL, false},
        {"127.0.0.1:x", NULL, false},
        {"127.0.0.1:65536", NULL, false},
        {"127.0.0.1:-1", NULL, false},
        {"::1:8080", NULL, false},
        {"[]:8080", NULL, false},
        {"[::1]8080", NULL, false},
        {"", NULL, false},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        struct address addresses[ADDRESS_MAX];
        char why[100] = "";
        size_t count = address_resolve(ROWS[i].text, addresses, why, sizeof(why));
        assert_int_equal(listener_is_local(ROWS[i].text), ROWS[i].local);
        if (ROWS[i].printed == NULL) {
            assert_int_equal(count, 0);
            assert_true(why[0] != '\0');
            continue;
        }
        struct buf printed;
        buf_init(&printed, 200);
        assert_int_equal(count, 1);
        address_print(&addresses[0], &printed);
        assert_true(slice_is(buf_slice(&printed), ROWS[i].printed));
        buf_free(&printed);
    }
    assert_true(listener_is_local("LocalHost:80"));
    assert_false(listener_is_local("example.org:80"));
    assert_false(listener_is_local("unix"));
}

static void test_paths_that_do_not_fit(void **state)
{
    (void)state;
    struct address address;
    char text[200] = "unix:", why[100] = "";
    assert_int_equal(address_resolve(text, &address, why, sizeof(why)), 0);
    memset(text + 5, 'p', 107);
    assert_int_equal(address_resolve(text, &address, why, sizeof(why)), 1);
    memset(text + 5, 'p', 108);
    assert_int_equal(address_resolve(text, &address, why, sizeof(why)), 0);
}

static void test_tcp_is_shared_by_us_alone(void **state)
{
    (void)state;
    static const char *const ADDRESSES[] = {"127.0.0.1:0", "[::1]:0"};
    for (size_t i = 0; i < 2; i++) {
        int ours[3], others[2];
        char why[200] = "", first[80], third[80];
        bool opened = listener_open(ADDRESSES[i], ours, 3, why, sizeof(why));
        if (!opened && i == 1 && (strstr(why, "assign") != NULL || strstr(why, "family") != NULL)) {
            print_message("this machine has no IPv6: %s\n", why);
            break;
        }
        assert_true(opened);
        name_of(ours[0], first, sizeof(first));
        name_of(ours[2], third, sizeof(third));
        assert_string_equal(first, third);
        assert_false(listener_open(first, others, 2, why, sizeof(why)));
        assert_non_null(strstr(why, "in use"));
        assert_false(listener_open(first, others, 1, why, sizeof(why)));
        for (size_t k = 0; k < 3; k++)
            listener_close(ours[k]);
        assert_true(listener_open(first, others, 2, why, sizeof(why))); /* at once again */
        listener_close(others[0]);
        listener_close(others[1]);
    }
}

/* All of our sockets get connections, the one that was bound first included. */
static void test_tcp_is_shared_by_all_of_ours(void **state)
{
    (void)state;
    enum { CLIENTS = 200 };
    int ours[2], clients[CLIENTS], got[2] = {0, 0};
    char why[200], name[80];
    assert_true(listener_open("127.0.0.1:0", ours, 2, why, sizeof(why)));
    name_of(ours[0], name, sizeof(name));
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = connect_to(name);
        assert_true(clients[i] >= 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        struct pollfd ready[2] = {{.fd = ours[0], .events = POLLIN}, {.fd = ours[1], .events = POLLIN}};
        assert_true(poll(ready, 2, 10 * 1000) > 0);
        int which = ready[0].revents != 0 ? 0 : 1;
        int descriptor = accept(ours[which], NULL, NULL);
        assert_true(descriptor >= 0);
        got[which]++;
        close(descriptor);
    }
    assert_true(got[0] > 20 && got[1] > 20);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    listener_close(ours[0]);
    listener_close(ours[1]);
}

static bool is_there(const char *address)
{
    struct stat found;
    return stat(address + 5, &found) == 0;
}

static int make_folder(void **state)
{
    char *address = calloc(1, PATH_LENGTH);
    snprintf(address, PATH_LENGTH, "unix:/tmp/nexgate-test-XXXXXX");
    if (mkdtemp(address + 5) == NULL)
        return -1;
    snprintf(address + strlen(address), 10, "/socket");
    *state = address;
    return 0;
}

static int remove_folder(void **state)
{
    char *address = *state;
    unlink(address + 5);
    *strrchr(address, '/') = '\0';
    int failed = rmdir(address + 5);
    free(address);
    return failed;
}

static void test_unix_socket(void **state)
{
    const char *address = *state;
    int ours[2], others[1];
    char why[200], name[80];
    struct stat found;
    assert_true(listener_open(address, ours, 2, why, sizeof(why)));
    assert_int_equal(stat(address + 5, &found), 0);
    assert_int_equal(found.st_mode & 0777, 0660);
    assert_true(S_ISSOCK(found.st_mode));
    name_of(ours[1], name, sizeof(name));
    assert_string_equal(name, address);
    assert_false(listener_open(address, others, 1, why, sizeof(why)));
    assert_non_null(strstr(why, "in use"));
    listener_close(ours[0]);
    assert_true(is_there(address)); /* the other still listens */
    int client = connect_to(address);
    assert_true(client >= 0);
    close(client);
    listener_close(ours[1]);
    assert_false(is_there(address));
}

static void test_unix_socket_left_behind(void **state)
{
    const char *address = *state;
    int ours[1];
    char why[200];
    assert_true(listener_open(address, ours, 1, why, sizeof(why)));
    close(ours[0]); /* as a killed process does */
    assert_true(is_there(address));
    assert_int_equal(connect_to(address), -1);
    assert_true(listener_open(address, ours, 1, why, sizeof(why)));
    int client = connect_to(address);
    assert_true(client >= 0);
    close(client);
    listener_close(ours[0]);
}

static void test_other_files_stay(void **state)
{
    const char *address = *state;
    int ours[1], file = open(address + 5, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    char why[200];
    close(file);
    assert_false(listener_open(address, ours, 1, why, sizeof(why)));
    assert_true(is_there(address));
}

static void test_census(void **state)
{
    (void)state;
    struct front_census *census = front_census_new(5, 2);
    assert_int_equal(census_enter(census, 1), CENSUS_ENTERED);
    assert_int_equal(census_enter(census, 1), CENSUS_ENTERED);
    assert_int_equal(census_enter(census, 1), CENSUS_ADDRESS_FULL);
    assert_int_equal(census_enter(census, 2), CENSUS_ENTERED);
    census_leave(census, 1);
    assert_int_equal(census_enter(census, 1), CENSUS_ENTERED);
    assert_int_equal(census_enter(census, CENSUS_NO_ADDRESS), CENSUS_ENTERED);
    assert_int_equal(census_enter(census, CENSUS_NO_ADDRESS), CENSUS_ENTERED);
    assert_int_equal(census_enter(census, CENSUS_NO_ADDRESS), CENSUS_FULL);
    assert_int_equal(census_enter(census, 3), CENSUS_FULL);
    census_leave(census, CENSUS_NO_ADDRESS);
    assert_int_equal(census_enter(census, 3), CENSUS_ENTERED);
    census_leave(census, CENSUS_NO_ADDRESS);
    census_leave(census, 1);
    census_leave(census, 1);
    census_leave(census, 2);
    census_leave(census, 3);
    front_census_free(census); /* asserts that all have left */
}

static uint64_t address_of(const char *text)
{
    struct address addresses[ADDRESS_MAX];
    char why[100];
    assert_int_equal(address_resolve(text, addresses, why, sizeof(why)), 1);
    return census_address((struct sockaddr *)&addresses[0].storage);
}

static void test_census_addresses(void **state)
{
    (void)state;
    assert_true(address_of("10.0.0.1:1") == address_of("10.0.0.1:2"));
    assert_true(address_of("10.0.0.1:1") != address_of("10.0.0.2:1"));
    assert_true(address_of("[2001:db8:1:2::5]:1") == address_of("[2001:db8:1:2:ffff::9]:7"));
    assert_true(address_of("[2001:db8:1:2::5]:1") != address_of("[2001:db8:1:3::5]:1"));
    assert_true(address_of("[::1]:1") != address_of("127.0.0.1:1"));
    /* An inherited socket of IPv6 may take IPv4 as well, and tells it so (RFC 4291 section 2.5.5.2). */
    assert_true(address_of("[::ffff:10.0.0.1]:1") == address_of("10.0.0.1:2"));
    assert_true(address_of("[::ffff:10.0.0.1]:1") != address_of("[::ffff:10.0.0.2]:1"));
    assert_true(address_of("unix:/x") == CENSUS_NO_ADDRESS);
}

static void *come_and_go(void *context)
{
    struct front_census *census = context;
    for (uint64_t i = 0; i < 20000; i++)
        if (census_enter(census, i % 7) == CENSUS_ENTERED)
            census_leave(census, i % 7);
    return NULL;
}

static void test_census_from_threads(void **state)
{
    (void)state;
    struct front_census *census = front_census_new(3, 2);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, census), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    front_census_free(census);
}

/* A front with a handler that answers all alike. */
struct gate {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    struct metrics *metrics;
    struct front_census *census;
    struct handler handler;
    struct front *front;
    size_t drained;
    char name[80];
};

static bool start(struct handler *handler, struct exchange *exchange)
{
    (void)handler;
    exchange->answer.status = 200;
    return true;
}

static void on_drained(void *context)
{
    struct gate *gate = context;
    gate->drained++;
}

static void gate_open(struct gate *gate, int log_to)
{
    const struct front_options options = {
        .limits = {.header_bytes = 1024, .query_bytes = 100, .body_bytes = 100},
        .header_timeout_us = CLOCK_SECOND,
        .idle_timeout_us = CLOCK_SECOND,
        .write_timeout_us = CLOCK_SECOND,
    };
    int descriptor;
    char why[200];
    *gate = (struct gate){.handler.start = start};
    gate->clock = clock_new();
    clock_freeze(gate->clock);
    gate->loop = loop_new(gate->clock);
    gate->log = log_new(log_to, LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, gate->clock);
    gate->metrics = metrics_new();
    gate->census = front_census_new(3, 2);
    assert_true(listener_open("127.0.0.1:0", &descriptor, 1, why, sizeof(why)));
    name_of(descriptor, gate->name, sizeof(gate->name));
    gate->front = front_new(gate->loop, descriptor, &options, &gate->handler, gate->census, gate->log,
                            metrics_block(gate->metrics));
    assert_non_null(gate->front);
}

static void gate_close(struct gate *gate)
{
    front_free(gate->front);
    front_census_free(gate->census);
    loop_free(gate->loop);
    metrics_free(gate->metrics);
    log_free(gate->log);
    clock_free(gate->clock);
}

/* Until the metric has the value; the kernel may bring connections and their ends a moment later. */
static void turn_until(struct gate *gate, enum metric metric, int64_t value)
{
    for (int i = 0; i < 1000 && metrics_read(gate->metrics, metric) != value; i++) {
        loop_turn(gate->loop);
        poll(NULL, 0, metrics_read(gate->metrics, metric) == value ? 0 : 10);
    }
    assert_int_equal(metrics_read(gate->metrics, metric), value);
}

static bool is_ended(int client)
{
    char octet;
    struct pollfd ready = {.fd = client, .events = POLLIN};
    assert_int_equal(poll(&ready, 1, 10 * 1000), 1);
    return recv(client, &octet, 1, MSG_PEEK) <= 0;
}

static void test_front_limits(void **state)
{
    (void)state;
    struct gate gate;
    int clients[3];
    gate_open(&gate, STDERR_FILENO);
    for (int i = 0; i < 3; i++)
        clients[i] = connect_to(gate.name);
    turn_until(&gate, METRIC_LIMIT_PER_ADDRESS, 1); /* the third */
    assert_int_equal(metrics_read(gate.metrics, METRIC_CONNECTIONS_OPEN), 2);
    assert_true(is_ended(clients[2]));
    close(clients[0]);
    turn_until(&gate, METRIC_CONNECTIONS_OPEN, 1);
    close(clients[2]);
    clients[2] = connect_to(gate.name);
    turn_until(&gate, METRIC_CONNECTIONS_OPEN, 2);
    assert_int_equal(metrics_read(gate.metrics, METRIC_CONNECTIONS), 3);
    assert_int_equal(metrics_read(gate.metrics, METRIC_LIMIT_CONNECTIONS), 0);
    close(clients[1]);
    close(clients[2]);
    gate_close(&gate);
}

/* What an accepted socket has from the listening one: when the kernel gives up on bytes that nobody takes. */
static void test_accepted_sockets_inherit(void **state)
{
    (void)state;
    struct gate gate;
    gate_open(&gate, STDERR_FILENO);
    int client = connect_to(gate.name);
    turn_until(&gate, METRIC_CONNECTIONS_OPEN, 1);
    struct sockaddr_in ours, theirs;
    socklen_t length = sizeof(ours);
    assert_int_equal(getsockname(client, (struct sockaddr *)&ours, &length), 0);
    int accepted = -1; /* the descriptor whose other end is our client */
    for (int i = 3; i < 100 && accepted < 0; i++) {
        length = sizeof(theirs);
        bool is_it = getpeername(i, (struct sockaddr *)&theirs, &length) == 0 && theirs.sin_port == ours.sin_port;
        accepted = is_it ? i : -1;
    }
    unsigned timeout_ms = 0;
    int no_delay = 0;
    length = sizeof(timeout_ms);
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &length), 0);
    assert_int_equal(timeout_ms, 1000);
    length = sizeof(no_delay);
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
    assert_int_equal(no_delay, 1);
    close(client);
    gate_close(&gate);
}

/* Who waits to be accepted when the drain begins is taken in, and may ask. */
static void test_front_drain(void **state)
{
    (void)state;
    static const char ASK[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    struct gate gate;
    char answer[300];
    gate_open(&gate, STDERR_FILENO);
    int client = connect_to(gate.name);
    assert_int_equal(send(client, ASK, sizeof(ASK) - 1, MSG_NOSIGNAL), sizeof(ASK) - 1);
    front_drain(gate.front, on_drained, &gate);
    assert_int_equal(connect_to(gate.name), -1);
    struct pollfd ready = {.fd = client, .events = POLLIN};
    while (poll(&ready, 1, 0) == 0)
        loop_turn(gate.loop);
    ssize_t got = recv(client, answer, sizeof(answer) - 1, 0);
    assert_true(got > 0);
    answer[got] = '\0';
    assert_non_null(strstr(answer, "200 OK"));
    assert_non_null(strstr(answer, "Connection: close"));
    assert_int_equal(gate.drained, 0);
    close(client);
    turn_until(&gate, METRIC_CONNECTIONS_OPEN, 0);
    while (loop_turn(gate.loop))
        ;
    assert_int_equal(gate.drained, 1);
    gate_close(&gate);
}

/* Out of descriptors: accepting pauses, says so once, and goes on by itself. */
static void test_front_out_of_descriptors(void **state)
{
    (void)state;
    struct gate gate;
    struct rlimit before, none;
    int pipes[2];
    char lines[2000];
    assert_int_equal(pipe2(pipes, O_NONBLOCK | O_CLOEXEC), 0);
    gate_open(&gate, pipes[1]);
    int client = connect_to(gate.name);
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 20; i++) {
        loop_turn(gate.loop);
        clock_move(gate.clock, 60 * CLOCK_MILLISECOND);
    }
    assert_int_equal(metrics_read(gate.metrics, METRIC_CONNECTIONS), 0);
    setrlimit(RLIMIT_NOFILE, &before);
    clock_move(gate.clock, 200 * CLOCK_MILLISECOND);
    turn_until(&gate, METRIC_CONNECTIONS, 1);
    ssize_t got = read(pipes[0], lines, sizeof(lines) - 1);
    assert_true(got > 0);
    lines[got] = '\0';
    const char *end = strchr(lines, '\n');
    assert_true(end != NULL && end[1] == '\0');
    assert_non_null(strstr(lines, "cannot accept connections"));
    close(client);
    gate_close(&gate);
    close(pipes[0]);
    close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_paths_that_do_not_fit),
        cmocka_unit_test(test_tcp_is_shared_by_us_alone),
        cmocka_unit_test(test_tcp_is_shared_by_all_of_ours),
        cmocka_unit_test_setup_teardown(test_unix_socket, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_unix_socket_left_behind, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_other_files_stay, make_folder, remove_folder),
        cmocka_unit_test(test_census),
        cmocka_unit_test(test_census_addresses),
        cmocka_unit_test(test_census_from_threads),
        cmocka_unit_test(test_front_limits),
        cmocka_unit_test(test_accepted_sockets_inherit),
        cmocka_unit_test(test_front_drain),
        cmocka_unit_test(test_front_out_of_descriptors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
