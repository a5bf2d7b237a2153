/* SPDX-License-Identifier: MIT */
/* Datagrams to a service manager. Must not know when what is told. */
#include "notify.h"

#include "base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 256, SEND_SECONDS_MAX = 1 /* for a manager whose queue is full */ };

struct notify {
    struct log *log;
    int socket; /* -1: nobody wants to know */
    struct sockaddr_un address;
    socklen_t address_length;
};

static bool read_address(const char *text, struct notify *notify)
{
    size_t length = strlen(text);
    struct sockaddr_un *address = &notify->address;
    if ((text[0] != '/' && text[0] != '@') || length < 2 || length >= sizeof(address->sun_path))
        return false;
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, text, length);
    if (text[0] == '@')
        address->sun_path[0] = '\0';
    notify->address_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (text[0] == '/' ? 1 : 0));
    return true;
}

static void log_failure(struct notify *notify)
{
    char text[128];
    log_write(notify->log, LOG_LEVEL_WARN, "the service manager cannot be told",
              LOG_FIELDS(LOG_TEXT("reason", slice_of(strerror_r(errno, text, sizeof(text))))));
}

struct notify *notify_new(const char *address, struct log *log)
{
    struct notify *notify = mem_new(sizeof(*notify));
    struct timeval patience = {.tv_sec = SEND_SECONDS_MAX};
    notify->log = log;
    notify->socket = -1;
    if (address == NULL || address[0] == '\0')
        return notify;
    if (!read_address(address, notify)) {
        log_say(log, LOG_LEVEL_WARN,
                "NOTIFY_SOCKET is neither a path nor an abstract name: the service manager is told nothing");
        return notify;
    }
    notify->socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify->socket < 0)
        log_failure(notify);
    else
        (void)setsockopt(notify->socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    return notify;
}

void notify_free(struct notify *notify)
{
    if (notify == NULL)
        return;
    if (notify->socket >= 0)
        close(notify->socket);
    mem_free(notify);
}

bool notify_is_heard(const struct notify *notify)
{
    return notify->socket >= 0;
}

static void tell(struct notify *notify, const char *message)
{
    if (notify->socket >= 0 &&
        sendto(notify->socket, message, strlen(message), MSG_NOSIGNAL,
               (const struct sockaddr *)(const void *)&notify->address, notify->address_length) < 0)
        log_failure(notify);
}

void notify_ready(struct notify *notify, const char *status)
{
    char message[MESSAGE_MAX];
    snprintf(message, sizeof(message), "READY=1\nSTATUS=%s", status);
    tell(notify, message);
}

/* The manager compares the time with its own clock, so it is the kernel's and not the one that tests move. */
void notify_reloading(struct notify *notify)
{
    char message[MESSAGE_MAX];
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(message, sizeof(message), "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=reading the configuration",
             (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000);
    tell(notify, message);
}

void notify_stopping(struct notify *notify)
{
    tell(notify, "STOPPING=1\nSTATUS=draining");
}

void notify_alive(struct notify *notify)
{
    tell(notify, "WATCHDOG=1");
}

int64_t notify_watchdog_us(const char *interval, const char *pid, int64_t own_pid)
{
    int64_t interval_us, wanted;
    if (interval == NULL || !units_integer(slice_of(interval), &interval_us) || interval_us <= 0)
        return 0;
    if (pid != NULL && (!units_integer(slice_of(pid), &wanted) || wanted != own_pid))
        return 0;
    return interval_us;
}
