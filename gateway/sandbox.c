/* SPDX-License-Identifier: MIT */
/* A seccomp filter by libseccomp. It names what is refused and not what is allowed: libcurl's resolver, the C library's
 * name services and OpenSSL ask the kernel for things that change from version to version, and a gateway that dies of
 * an update is no safer. Must not know what the process serves. */
#include "sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* NULL ends the list. A name that this kernel's architecture lacks is passed over. */
static const char *const REFUSED[] = {
    /* other programs and processes */
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd",
    "process_madvise",
    /* other users and roots */
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset",
    "chroot", "pivot_root", "setns", "unshare", "personality",
    /* the file system's shape */
    "mount", "umount", "umount2", "fsopen", "fsconfig", "fspick", "fsmount", "move_mount", "open_tree", "mount_setattr",
    "open_by_handle_at", "mknod", "mknodat", "chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr",
    "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "swapon", "swapoff", "quotactl", "quotactl_fd", "acct",
    /* the kernel itself */
    "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot", "bpf", "perf_event_open",
    "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register", "add_key", "request_key", "keyctl", "iopl",
    "ioperm", "lookup_dcookie", "syslog", "vhangup",
    /* clocks and names */
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", NULL};

static bool refuse_all(scmp_filter_ctx filter)
{
    for (const char *const *name = REFUSED; *name != NULL; name++) {
        int call = seccomp_syscall_resolve_name(*name);
        if (call != __NR_SCMP_ERROR && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0) != 0)
            return false;
    }
    return true;
}

/* A thread is welcome, a process is not. The flags of clone3 lie in memory that a filter cannot read, so the C library
 * is told that there is none and takes clone. */
static bool refuse_processes(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0)) == 0;
}

/* A process that was started from a terminal could otherwise type into it, and whoever sits there would run the rest.
 * The kernel looks at 32 bits of the request. */
static bool refuse_typing(scmp_filter_ctx filter)
{
    static const unsigned REQUESTS[] = {TIOCSTI, TIOCLINUX};
    for (size_t i = 0; i < sizeof(REQUESTS) / sizeof(REQUESTS[0]); i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, REQUESTS[i])) != 0)
            return false;
    }
    return true;
}

void sandbox_harden(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    signal(SIGPIPE, SIG_IGN);
}

bool sandbox_enter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return false;
    bool good = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && refuse_all(filter) &&
                refuse_processes(filter) && refuse_typing(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return good;
}
