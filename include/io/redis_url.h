/* SPDX-License-Identifier: MIT */
/* Where a Redis is: redis://user:pass@host:6379/0, unix:/path (with ?db=0), redis+cluster://h1:p,h2:p,
 * redis+sentinel://s1:p,s2:p/master-name (with ?db=0). Pure. */
#ifndef NEXGATE_IO_REDIS_URL_H
#define NEXGATE_IO_REDIS_URL_H

#include "base/mem.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { REDIS_HOSTS_MAX = 16, REDIS_URL_MAX = 2048, REDIS_URL_WHY_MAX = 160 };

enum redis_kind { REDIS_SINGLE, REDIS_UNIX, REDIS_CLUSTER, REDIS_SENTINEL };

struct redis_host {
    char *name; /* owned; without brackets */
    int port;
};

struct redis_url {
    enum redis_kind kind;
    struct redis_host hosts[REDIS_HOSTS_MAX];
    size_t host_count;
    char *path;            /* REDIS_UNIX; owned */
    char *user, *password; /* owned, percent-decoded; NULL: none */
    char *master;          /* REDIS_SENTINEL; owned */
    int database;
};

/* False with one sentence in `why`, which never repeats the password. Fills `url` either way (to be freed). */
bool redis_url_read(struct slice text, struct redis_url *url, char why[REDIS_URL_WHY_MAX]) MUST_CHECK;

/* Wipes the password. */
void redis_url_free(struct redis_url *url);

#endif
