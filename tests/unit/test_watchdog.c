/* SPDX-License-Identifier: MIT */
/* What a service manager is told, on a socket of its kind; and that a loop which hangs is not called alive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "watchdog.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A service manager, at a path or an abstract name that the kernel has chosen. */
struct manager {
    struct clock *clock;
    struct log *log;
    int socket;
    char folder[32], address[100];
};

static void manager_open(struct manager *manager, bool is_abstract)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof(sa_family_t);
    *manager = (struct manager){.folder = "/tmp/nexgate-XXXXXX"};
    manager->clock = clock_new();
    clock_freeze(manager->clock);
    manager->log = log_new(STDERR_FILENO, LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, manager->clock);
    manager->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_non_null(mkdtemp(manager->folder));
    if (!is_abstract) {
        snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", manager->folder);
        length = sizeof(address);
    }
    assert_int_equal(bind(manager->socket, (struct sockaddr *)&address, length), 0);
    length = sizeof(address);
    assert_int_equal(getsockname(manager->socket, (struct sockaddr *)&address, &length), 0);
    if (is_abstract) {
        int name = (int)(length - offsetof(struct sockaddr_un, sun_path)) - 1;
        snprintf(manager->address, sizeof(manager->address), "@%.*s", name, address.sun_path + 1);
    } else {
        snprintf(manager->address, sizeof(manager->address), "%s", address.sun_path);
    }
}

static void manager_close(struct manager *manager)
{
    close(manager->socket);
    if (manager->address[0] == '/')
        unlink(manager->address);
    rmdir(manager->folder);
    log_free(manager->log);
    clock_free(manager->clock);
}

/* The next message; "" where there is none. */
static const char *heard(struct manager *manager)
{
    static char text[512];
    ssize_t length = recv(manager->socket, text, sizeof(text) - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    return text;
}

static void tell_all(struct manager *manager)
{
    struct notify *notify = notify_new(manager->address, manager->log);
    struct timespec before;
    long long told_us;
    char head[64];
    assert_true(notify_is_heard(notify));
    notify_ready(notify, "serving");
    assert_string_equal(heard(manager), "READY=1\nSTATUS=serving");
    clock_gettime(CLOCK_MONOTONIC, &before);
    notify_reloading(notify);
    const char *text = heard(manager);
    snprintf(head, sizeof(head), "RELOADING=1\nMONOTONIC_USEC=");
    assert_memory_equal(text, head, strlen(head));
    told_us = strtoll(text + strlen(head), NULL, 10);
    assert_true(told_us >= (long long)before.tv_sec * CLOCK_SECOND + before.tv_nsec / 1000);
    notify_stopping(notify);
    assert_string_equal(heard(manager), "STOPPING=1\nSTATUS=draining");
    notify_alive(notify);
    assert_string_equal(heard(manager), "WATCHDOG=1");
    assert_string_equal(heard(manager), "");
    notify_free(notify);
}

static void test_what_is_told(void **state)
{
    (void)state;
    for (int is_abstract = 0; is_abstract < 2; is_abstract++) {
        struct manager manager;
        manager_open(&manager, is_abstract == 1);
        tell_all(&manager);
        manager_close(&manager);
    }
}

static void test_nobody_to_tell(void **state)
{
    (void)state;
    static const char *const ADDRESSES[] = {NULL, "", "vsock:2:1234", "relative", "/", "@"};
    struct manager manager;
    manager_open(&manager, false);
    for (size_t i = 0; i < sizeof(ADDRESSES) / sizeof(ADDRESSES[0]); i++) {
        struct notify *notify = notify_new(ADDRESSES[i], manager.log);
        assert_false(notify_is_heard(notify));
        notify_ready(notify, "serving");
        notify_free(notify);
    }
    char path[200];
    memset(path, 'p', sizeof(path));
    path[0] = '/';
    path[sizeof(((struct sockaddr_un *)0)->sun_path)] = '\0';
    struct notify *notify = notify_new(path, manager.log);
    assert_false(notify_is_heard(notify));
    notify_free(notify);
    path[sizeof(((struct sockaddr_un *)0)->sun_path) - 1] = '\0'; /* it fits, but nobody is there */
    notify = notify_new(path, manager.log);
    notify_alive(notify);
    notify_free(notify);
    manager_close(&manager);
}

/* A manager that is told nothing ends us in the end: the log must say why. */
static void test_no_socket_to_tell_by_is_logged(void **state)
{
    (void)state;
    struct manager manager;
    int line[2], lowest;
    struct rlimit before, none;
    char text[1024];
    manager_open(&manager, false);
    assert_int_equal(pipe(line), 0);
    struct log *log = log_new(line[1], LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, manager.clock);
    lowest = dup(line[0]);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){(rlim_t)lowest, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    struct notify *notify = notify_new(manager.address, log);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_false(notify_is_heard(notify));
    notify_free(notify);
    log_free(log);
    close(line[1]);
    ssize_t length = read(line[0], text, sizeof(text) - 1);
    assert_true(length > 0);
    text[length] = '\0';
    assert_non_null(strstr(text, "the service manager cannot be told"));
    close(line[0]);
    manager_close(&manager);
}

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *interval, *pid;
        int64_t us;
    } ROWS[] = {
        {NULL, NULL, 0},
        {NULL, "42", 0},
        {"30000000", NULL, 30000000},
        {"30000000", "42", 30000000},
        {"30000000", "7", 0},
        {"0", "42", 0},
        {"-5", NULL, 0},
        {"x", NULL, 0},
        {"", NULL, 0},
        {"5", "forty", 0},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++)
        assert_int_equal(notify_watchdog_us(ROWS[i].interval, ROWS[i].pid, 42), ROWS[i].us);
}

static void settle(struct loop *loop)
{
    while (loop_turn(loop)) {
    }
}

static void test_a_loop_that_hangs_is_not_alive(void **state)
{
    (void)state;
    struct manager manager;
    manager_open(&manager, true);
    struct loop *own = loop_new(manager.clock), *other = loop_new(manager.clock), *third = loop_new(manager.clock);
    struct notify *notify = notify_new(manager.address, manager.log);
    struct watchdog *watchdog = watchdog_new(own, notify, 40 * CLOCK_SECOND);
    assert_non_null(watchdog);
    assert_true(watchdog_add(watchdog, other) && watchdog_add(watchdog, third));
    watchdog_start(watchdog);
    settle(own);
    assert_string_equal(heard(&manager), "WATCHDOG=1");
    for (int round = 0; round < 5; round++) {
        settle(other);
        settle(third);
        settle(own);
        assert_string_equal(heard(&manager), "");
        clock_move(manager.clock, 11 * CLOCK_SECOND);
        settle(own);
        assert_string_equal(heard(&manager), "WATCHDOG=1");
    }
    for (int round = 0; round < 3; round++) { /* the third hangs */
        settle(other);
        clock_move(manager.clock, 11 * CLOCK_SECOND);
        settle(own);
        assert_string_equal(heard(&manager), "");
    }
    settle(third);
    settle(own);
    clock_move(manager.clock, 11 * CLOCK_SECOND);
    settle(own);
    assert_string_equal(heard(&manager), "WATCHDOG=1");
    watchdog_free(watchdog); /* with letters on the way */
    notify_free(notify);
    loop_free(third);
    loop_free(other);
    loop_free(own);
    manager_close(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told),
        cmocka_unit_test(test_nobody_to_tell),
        cmocka_unit_test(test_no_socket_to_tell_by_is_logged),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_a_loop_that_hangs_is_not_alive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
