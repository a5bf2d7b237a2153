/* SPDX-License-Identifier: MIT */
/* A street of gateways' fetchers with one Nexudus, one Redis and one store of windows, on one loop and a frozen clock.
 */
#ifndef NEXGATE_TESTS_FLEET_STREET_H
#define NEXGATE_TESTS_FLEET_STREET_H

#include "cache/entry.h"
#include "puppet.h"
#include "puppet_redis.h"
#include "upstream/fetcher.h"
#include "upstream/sealed.h"

enum { HOUSES_MAX = 6, QUESTIONS_MAX = 1024, WINDOWS_MAX = 512, FINDS_MAX = 512 };

struct street;

struct house {
    struct street *street;
    struct metrics *metrics;
    struct counters *counters;
    struct puppet_redis redis;
    size_t feed;
    struct shared_store shared;
    struct fetcher *fetcher; /* NULL: it has left */
};

struct question {
    struct ask ask;
    char key[64], canonical[64];
    unsigned answers;
    int charged; /* charges less refunds */
    bool is_broke;
};

struct street {
    struct clock *clock;
    struct loop *loop;
    struct log *log;
    int log_fd;
    struct schema *schema;
    struct mailbox *mailbox;
    struct puppet nexudus;
    struct puppet_store store;
    struct puppet_channels channels;
    struct fetcher_options options;
    uint8_t token_key[SEALED_KEY_BYTES];
    struct house houses[HOUSES_MAX];
    size_t house_count;

    /* The store that the houses share. */
    struct entry *windows[WINDOWS_MAX];
    size_t window_count;
    bool loses_windows; /* what is put there is not found there */
    bool holds_copies;  /* until street_release_copies */
    bool holds_finds;   /* until street_release_finds */
    struct shared_find *finds[FINDS_MAX];
    struct shared_copy *copies[FINDS_MAX];
    size_t find_count, copy_count;
    struct deferred delivery;

    struct question questions[QUESTIONS_MAX];
    size_t asked;
};

void street_open(struct street *street);

/* Everybody was answered once, no charge stands for anything but an answer, and no secret is in the log. */
void street_close(struct street *street);

/* Another house, with its link up. Its own share of the street's options at this moment. */
struct house *street_build(struct street *street);

/* It dies: Redis, Nexudus and the others hear nothing more of it. Its questions are answered ASK_CLOSING. */
void street_kill(struct house *house);

struct question *street_prepare(struct street *street, const char *name);
struct question *street_ask(struct house *house, const char *name);

void street_settle(struct street *street);
void street_move(struct street *street, int64_t us);
void street_release_copies(struct street *street);
void street_release_finds(struct street *street);

/* One command on its Redis; the words, and NULL. What it answers must be no error. */
void street_redis(struct street *street, ...);

/* The key of Redis where `what` of the street's login stands. */
enum { STREET_KEY_MAX = 64 };
void street_login_key(const struct street *street, const char *what, char key[STREET_KEY_MAX]);

size_t street_logged(const struct street *street, const char *text);

#endif
