/* SPDX-License-Identifier: MIT */
/* The words of socket activation. Must not touch a descriptor. */
#include "inherited.h"

#include "base/units.h"

#include <stdio.h>

/* One name for each socket, with ':' between them. */
static bool read_names(struct slice rest, struct inherited *found)
{
    for (size_t i = 0; i < found->count; i++) {
        const char *colon = rest.length > 0 ? memchr(rest.at, ':', rest.length) : NULL;
        bool is_last = i + 1 == found->count;
        if ((colon == NULL) != is_last)
            return false;
        found->names[i] = slice_make(rest.at, is_last ? rest.length : (size_t)(colon - rest.at));
        if (!is_last)
            rest = slice_make(colon + 1, rest.length - found->names[i].length - 1);
    }
    return true;
}

bool inherited_read(const struct inherited_words *words, int64_t own_pid, struct inherited *found, char *why,
                    size_t why_size)
{
    int64_t pid, count;
    *found = (struct inherited){0};
    if (words->pid == NULL || words->count == NULL)
        return true;
    if (!units_integer(slice_of(words->pid), &pid) || pid <= 0) {
        snprintf(why, why_size, "LISTEN_PID is not the number of a process");
        return false;
    }
    if (pid != own_pid)
        return true;
    if (!units_integer(slice_of(words->count), &count) || count < 0 || count > INHERITED_MAX) {
        snprintf(why, why_size, "LISTEN_FDS is not a number from 0 to %d", INHERITED_MAX);
        return false;
    }
    found->count = (size_t)count;
    if (words->names != NULL && count > 0 && !read_names(slice_of(words->names), found)) {
        snprintf(why, why_size, "LISTEN_FDNAMES has not as many names as LISTEN_FDS says");
        return false;
    }
    return true;
}
