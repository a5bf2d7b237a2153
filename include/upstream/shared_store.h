/* SPDX-License-Identifier: MIT */
/* The store that all gateways of a fleet share, as the fetcher sees it: callbacks, since it is a sibling of the cache.
 * On the fetcher's thread. */
#ifndef NEXGATE_UPSTREAM_SHARED_STORE_H
#define NEXGATE_UPSTREAM_SHARED_STORE_H

#include "base/slice.h"

#include <stdbool.h>

/* A window looked for; embedded in who looks. */
struct shared_find {
    struct slice key; /* must live until on_found or leave */

    /* Once, never inside `find`: the entry with a reference, by now also in memory; NULL: not there, or no answer. */
    void (*on_found)(struct shared_find *find, void *entry);
    void *handle; /* the store's */
};

/* A fetched window on its way there; embedded in who waits for its arrival. */
struct shared_copy {
    void *entry; /* with a reference that is kept until on_copied or leave */

    /* Once, never inside `copy`: whether the others find it there, or a newer one. */
    void (*on_copied)(struct shared_copy *copy, bool is_there);
    void *handle; /* the store's */
};

struct shared_store {
    void (*find)(void *context, struct shared_find *find);
    void (*leave_find)(void *context, struct shared_find *find);
    void (*copy)(void *context, struct shared_copy *copy); /* an entry that on_fetched said is stored */
    void (*leave_copy)(void *context, struct shared_copy *copy);
    void *context;
};

#endif
