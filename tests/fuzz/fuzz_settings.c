/* SPDX-License-Identifier: MIT */
/* Any bytes as a whole configuration, clients included: it is good, or there is a complaint; and a good one is good
 * again when it is read while it is in force. */
#include "settings.h"

#include <assert.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Names are looked up nowhere: a name server's mood must not decide what a run finds. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    struct addrinfo numeric = hints != NULL ? *hints : (struct addrinfo){0};
    numeric.ai_flags |= AI_NUMERICHOST;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, &numeric, result);
}

static const char *write_file(const uint8_t *data, size_t size)
{
    static char path[32];
    static int file = -1;
    if (file < 0) {
        file = memfd_create("settings", MFD_CLOEXEC);
        snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    }
    bool written = ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size;
    assert(written);
    return path;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *path = write_file(data, size);
    struct settings settings, again;
    struct complaints complaints;
    complaints_init(&complaints);
    bool good = settings_read(path, &settings, &complaints);
    assert(good == (complaints.errors == 0));
    if (good) {
        size_t said = complaints.warnings, plain;
        assert(settings_address(&settings, 0, &plain) != NULL && settings.roster != NULL && settings.schemas != NULL);
        bool good_again = settings_reread(path, &settings, &again, &complaints);
        assert(good_again && complaints.warnings == 2 * said);
        settings_free(&again);
    }
    settings_free(&settings);
    complaints_free(&complaints);
    return 0;
}
