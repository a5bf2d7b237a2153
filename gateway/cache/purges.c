/* SPDX-License-Identifier: MIT */
/* The purges of one process: an array in the order in which they were learnt, and the moments at which numbers became
 * known. An entry remembers how much of the array it was compared with. Must not know where purges come from. */
#include "cache/purges.h"

#include "base/clock.h"

#include <pthread.h>

enum { MOMENTS = 64 }; /* a fetch that began before the oldest of them counts as knowing nothing */

struct purge {
    char *head; /* owned */
    size_t head_length;
    int64_t number, learnt_us;
    int64_t before; /* known when it was learnt */
    uint64_t turn;
    bool soft;
    bool unsure; /* purges_order */
};

struct purges {
    pthread_rwlock_t lock;
    atomic_uint_fast64_t turn; /* how often something was learnt */
    struct purge list[PURGES_MAX];
    size_t count;
    int64_t floor; /* what is older is purged */
    uint64_t floor_turn;
    int64_t floor_us;
    struct {
        int64_t number, since_us;
    } moments[MOMENTS]; /* the newest last */
    size_t moment_count;
};

struct purges *purges_new(void)
{
    struct purges *purges = mem_new(sizeof(*purges));
    pthread_rwlock_init(&purges->lock, NULL);
    purges->floor_us = INT64_MIN;
    return purges;
}

void purges_free(struct purges *purges)
{
    if (purges == NULL)
        return;
    for (size_t i = 0; i < purges->count; i++)
        mem_free(purges->list[i].head);
    pthread_rwlock_destroy(&purges->lock);
    mem_free(purges);
}

static int64_t known(const struct purges *purges)
{
    return purges->moment_count > 0 ? purges->moments[purges->moment_count - 1].number : 0;
}

static void know(struct purges *purges, int64_t number, int64_t now_us)
{
    if (number <= known(purges))
        return;
    if (purges->moment_count == MOMENTS) {
        memmove(purges->moments, purges->moments + 1, (MOMENTS - 1) * sizeof(purges->moments[0]));
        purges->moment_count--;
    }
    purges->moments[purges->moment_count].number = number;
    purges->moments[purges->moment_count].since_us = now_us;
    purges->moment_count++;
}

static struct slice head_of(const struct purge *purge)
{
    return slice_make(purge->head, purge->head_length);
}

static void forget(struct purges *purges, size_t at)
{
    mem_free(purges->list[at].head);
    memmove(purges->list + at, purges->list + at + 1, (purges->count - at - 1) * sizeof(struct purge));
    purges->count--;
}

/* Whether the list already says as much: the same head, the same kind, no smaller a number; `before` is set when that
 * is this very purge. What it says less well is forgotten. */
static bool is_said(struct purges *purges, struct slice head, int64_t number, bool soft, int64_t *before)
{
    for (size_t i = 0; i < purges->count; i++) {
        struct purge *purge = &purges->list[i];
        if (purge->unsure || !slice_equal(head_of(purge), head))
            continue;
        if (purge->number >= number && (soft || !purge->soft)) {
            *before = purge->number == number ? purge->before : *before;
            return true;
        }
        if (purge->number <= number && (!soft || purge->soft))
            forget(purges, i--);
    }
    return number <= purges->floor;
}

/* The oldest, but for those whose number is still to come. */
static size_t find_oldest(const struct purges *purges)
{
    for (size_t i = 0; i < purges->count; i++) {
        if (!purges->list[i].unsure)
            return i;
    }
    return 0;
}

static struct purge *append(struct purges *purges, struct slice head, int64_t number, bool soft, int64_t now_us)
{
    uint64_t turn = atomic_load_explicit(&purges->turn, memory_order_relaxed) + 1;
    if (purges->count == PURGES_MAX) {
        size_t oldest = find_oldest(purges);
        if (purges->floor < purges->list[oldest].number)
            purges->floor = purges->list[oldest].number;
        purges->floor_turn = turn;
        purges->floor_us = now_us;
        forget(purges, oldest);
    }
    purges->list[purges->count++] = (struct purge){.head = mem_copy_text(head.at, head.length),
                                                   .head_length = head.length,
                                                   .number = number,
                                                   .before = known(purges),
                                                   .learnt_us = now_us,
                                                   .turn = turn,
                                                   .soft = soft};
    atomic_store_explicit(&purges->turn, turn, memory_order_release);
    return &purges->list[purges->count - 1];
}

/* Forgets orders without a number, up to this one, that say no more than a purge of this kind and head. */
static void forget_orders(struct purges *purges, struct slice head, bool soft, int64_t number)
{
    for (size_t i = purges->count; i > 0; i--) {
        const struct purge *purge = &purges->list[i - 1];
        if (purge->unsure && purge->number <= number && (!soft || purge->soft) &&
            slice_starts_with(head_of(purge), head))
            forget(purges, i - 1);
    }
}

bool purges_add(struct purges *purges, struct slice head, int64_t number, bool soft, int64_t now_us, int64_t *before)
{
    int64_t unasked;
    before = before != NULL ? before : &unasked;
    pthread_rwlock_wrlock(&purges->lock);
    *before = known(purges);
    bool is_purge = head.length > 0 && head.length <= PURGE_HEAD_MAX;
    bool news = is_purge && !is_said(purges, head, number, soft, before);
    if (news)
        append(purges, head, number, soft, now_us);
    if (is_purge)
        know(purges, number, now_us);
    pthread_rwlock_unlock(&purges->lock);
    return news;
}

void purges_order(struct purges *purges, struct slice head, bool soft, int64_t now_us)
{
    pthread_rwlock_wrlock(&purges->lock);
    int64_t number = known(purges) + 1;
    forget_orders(purges, head, soft, number);
    append(purges, head, number, soft, now_us)->unsure = true;
    know(purges, number, now_us);
    pthread_rwlock_unlock(&purges->lock);
}

void purges_settle(struct purges *purges, struct slice head, bool soft, int64_t least)
{
    pthread_rwlock_wrlock(&purges->lock);
    forget_orders(purges, head, soft, least);
    pthread_rwlock_unlock(&purges->lock);
}

void purges_know(struct purges *purges, int64_t number, int64_t now_us)
{
    pthread_rwlock_wrlock(&purges->lock);
    know(purges, number, now_us);
    pthread_rwlock_unlock(&purges->lock);
}

int64_t purges_known(struct purges *purges)
{
    pthread_rwlock_rdlock(&purges->lock);
    int64_t number = known(purges);
    pthread_rwlock_unlock(&purges->lock);
    return number;
}

int64_t purges_known_at(struct purges *purges, int64_t started_us)
{
    int64_t number = 0;
    pthread_rwlock_rdlock(&purges->lock);
    for (size_t i = purges->moment_count; i > 0 && number == 0; i--) {
        if (purges->moments[i - 1].since_us < started_us)
            number = purges->moments[i - 1].number;
    }
    pthread_rwlock_unlock(&purges->lock);
    return number;
}

static bool covers(const struct purge *purge, struct slice key)
{
    return key.length >= purge->head_length && memcmp(key.at, purge->head, purge->head_length) == 0;
}

int64_t purges_last_us(struct purges *purges, struct slice key)
{
    if (atomic_load_explicit(&purges->turn, memory_order_acquire) == 0)
        return INT64_MIN;
    pthread_rwlock_rdlock(&purges->lock);
    int64_t last_us = purges->floor_us;
    for (size_t i = 0; i < purges->count; i++) {
        if (purges->list[i].learnt_us > last_us && covers(&purges->list[i], key))
            last_us = purges->list[i].learnt_us;
    }
    pthread_rwlock_unlock(&purges->lock);
    return last_us;
}

static void make_stale(struct entry *entry, int64_t from_us)
{
    int_least64_t before = atomic_load_explicit(&entry->stale_from_us, memory_order_relaxed);
    while (from_us < before && !atomic_compare_exchange_weak_explicit(&entry->stale_from_us, &before, from_us,
                                                                      memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Compares the entry with all that was learnt after it was looked at last. */
static bool look(const struct purges *purges, struct entry *entry, uint64_t seen)
{
    if (purges->floor_turn > seen && entry->purge_number < purges->floor)
        return false;
    for (size_t i = purges->count; i > 0 && purges->list[i - 1].turn > seen; i--) {
        const struct purge *purge = &purges->list[i - 1];
        bool is_later = purge->number > entry->purge_number || (purge->unsure && entry->foreign);
        if (!is_later || !covers(purge, entry->key))
            continue;
        if (!purge->soft)
            return false;
        make_stale(entry, purge->learnt_us);
    }
    return true;
}

bool purges_spare(struct purges *purges, struct entry *entry)
{
    uint64_t turn = atomic_load_explicit(&purges->turn, memory_order_acquire);
    uint64_t seen = atomic_load_explicit(&entry->purges_seen, memory_order_acquire);
    if (seen == turn)
        return true;
    pthread_rwlock_rdlock(&purges->lock);
    turn = atomic_load_explicit(&purges->turn, memory_order_relaxed);
    bool spared = look(purges, entry, seen);
    pthread_rwlock_unlock(&purges->lock);
    if (spared)
        atomic_store_explicit(&entry->purges_seen, turn, memory_order_release);
    return spared;
}
