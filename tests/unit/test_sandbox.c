/* SPDX-License-Identifier: MIT */
/* What a process may do in the sandbox and what not; each test is a process of its own, since there is no way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

/* The number of the step that went wrong is the child's exit code; 0: none. */
static int in_sandbox(int (*steps)(void))
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(sandbox_enter() ? steps() : 99);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int try_what_is_refused(void)
{
    char *const none[] = {NULL};
    struct timeval now = {0, 0};
    if (execve("/bin/true", none, none) != -1 || errno != EPERM)
        return 1;
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    if (child > 0 || errno != EPERM)
        return 2;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != -1 || errno != EPERM)
        return 3;
    if (settimeofday(&now, NULL) != -1 || errno != EPERM)
        return 4;
    if (mount("none", "/", NULL, MS_REMOUNT, NULL) != -1 || errno != EPERM)
        return 5;
    if (setuid(getuid()) != -1 || errno != EPERM)
        return 6;
    if (chown("/", 0, 0) != -1 || errno != EPERM)
        return 7;
    return system("true") == 0 ? 8 : 0;
}

/* By number and with arguments that make no sense: whatever else the kernel would say of them, it is not EPERM. */
static int try_what_few_know(void)
{
    static const long CALLS[] = {SYS_open_by_handle_at, SYS_fsconfig,     SYS_fspick,      SYS_mount_setattr,
                                 SYS_removexattr,       SYS_lremovexattr, SYS_fremovexattr};
    for (size_t i = 0; i < sizeof(CALLS) / sizeof(CALLS[0]); i++) {
        if (syscall(CALLS[i], -1, NULL, -1, NULL, 0) != -1 || errno != EPERM)
            return (int)i + 1;
    }
    char letter = 'x';
    int inputs[2];
    if (pipe(inputs) != 0)
        return 50;
    if (ioctl(inputs[0], TIOCSTI, &letter) != -1 || errno != EPERM)
        return 51;
    if (ioctl(inputs[0], TIOCLINUX, &letter) != -1 || errno != EPERM)
        return 52;
    return ioctl(inputs[0], FIONREAD, &inputs[1]) == 0 ? 0 : 53;
}

static void *on_thread(void *context)
{
    pid_t child = fork(); /* refused there, too */
    if (child == 0)
        _exit(0);
    *(int *)context = child == -1 && errno == EPERM;
    return NULL;
}

static int try_what_is_needed(void)
{
    pthread_t thread;
    int refused_there = 0, pair[2];
    struct addrinfo *found = NULL;
    if (pthread_create(&thread, NULL, on_thread, &refused_there) != 0 || pthread_join(thread, NULL) != 0)
        return 1;
    if (!refused_there)
        return 2;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], "x", 1) != 1)
        return 3;
    if (getaddrinfo("localhost", "80", NULL, &found) != 0)
        return 4;
    freeaddrinfo(found);
    int file = open("/proc/self/status", O_RDONLY);
    return file < 0 ? 5 : 0;
}

static void other_programs_and_processes_are_out_of_reach(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(try_what_is_refused), 0);
}

static void less_known_ways_out_are_closed(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(try_what_few_know), 0);
}

static void what_a_gateway_needs_still_works(void **state)
{
    (void)state;
    assert_int_equal(in_sandbox(try_what_is_needed), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_programs_and_processes_are_out_of_reach),
        cmocka_unit_test(less_known_ways_out_are_closed),
        cmocka_unit_test(what_a_gateway_needs_still_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
