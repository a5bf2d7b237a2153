/* SPDX-License-Identifier: MIT */
/* Two short tables under one lock. Who calls does so rarely: the flow samples what it counts, and a search that waited
 * for Nexudus has waited long. */
#include "flow/notable.h"

#include "base/hash.h"
#include "search/redact.h"

#include <pthread.h>
#include <stdlib.h>

struct notable {
    pthread_mutex_t lock;
    struct hash_secret secret;
    int64_t fade_us; /* when counts are halved next; 0: never counted */
    struct notable_hot hot[NOTABLE_HOT];
    struct notable_slow slow[NOTABLE_SLOW];
};

struct notable *notable_new(void)
{
    struct notable *notable = mem_new(sizeof(*notable));
    pthread_mutex_init(&notable->lock, NULL);
    hash_secret_init(&notable->secret);
    return notable;
}

void notable_free(struct notable *notable)
{
    if (notable == NULL)
        return;
    pthread_mutex_destroy(&notable->lock);
    mem_free(notable);
}

/* ENTITY "?" QUERY, as it may be shown. */
static void write_query(const struct query *query, char text[NOTABLE_TEXT_MAX + 1])
{
    static const char dots[] = {'.', '.', '.'};
    struct buf out;
    buf_init(&out, SCHEMA_NAME_MAX + NOTABLE_TEXT_MAX + 2);
    buf_add(&out, query->schema->entity);
    buf_add_char(&out, '?');
    redact_query(query->schema, query->canonical, &out);
    size_t length = out.length < NOTABLE_TEXT_MAX ? out.length : NOTABLE_TEXT_MAX;
    if (out.length > 0)
        memcpy(text, out.bytes, length);
    if (out.length > NOTABLE_TEXT_MAX)
        memcpy(text + length - sizeof(dots), dots, sizeof(dots));
    text[length] = '\0';
    buf_free(&out);
}

static void fade(struct notable *notable, int64_t now_us)
{
    if (notable->fade_us == 0)
        notable->fade_us = now_us + NOTABLE_FADE_US;
    for (; now_us >= notable->fade_us; notable->fade_us += NOTABLE_FADE_US) {
        bool any = false;
        for (size_t i = 0; i < NOTABLE_HOT; i++) {
            struct notable_hot *row = &notable->hot[i];
            row->count /= 2;
            row->error /= 2;
            if (row->count == 0)
                *row = (struct notable_hot){0};
            any |= row->hash != 0;
        }
        if (!any) {
            notable->fade_us = now_us + NOTABLE_FADE_US;
            return;
        }
    }
}

/* The query's row, or the one of the least count, which it takes over. */
static struct notable_hot *find_hot(struct notable *notable, uint64_t hash)
{
    struct notable_hot *least = &notable->hot[0];
    for (size_t i = 0; i < NOTABLE_HOT; i++) {
        struct notable_hot *row = &notable->hot[i];
        if (row->hash == hash)
            return row;
        if (row->count < least->count)
            least = row;
    }
    return least;
}

void notable_add_hot(struct notable *notable, const struct query *query, int64_t count, int64_t now_us)
{
    /* The number tells entities apart, also after a reload. */
    uint64_t hash = (hash_keyed(&notable->secret, query->canonical) ^ query->schema->number) | 1;
    pthread_mutex_lock(&notable->lock);
    fade(notable, now_us);
    struct notable_hot *row = find_hot(notable, hash);
    if (row->hash != hash) {
        row->hash = hash;
        row->error = row->count;
        write_query(query, row->query);
    }
    row->count += count;
    pthread_mutex_unlock(&notable->lock);
}

static void copy(char *to, size_t max, struct slice from)
{
    size_t length = from.length < max ? from.length : max;
    if (length > 0)
        memcpy(to, from.at, length);
    to[length] = '\0';
}

/* The row to be given up: one that is too old, else the quickest. */
static struct notable_slow *find_slow(struct notable *notable, int64_t now_us)
{
    struct notable_slow *quickest = &notable->slow[0];
    for (size_t i = 0; i < NOTABLE_SLOW; i++) {
        struct notable_slow *row = &notable->slow[i];
        if (row->took_us > 0 && now_us - row->at_us >= NOTABLE_FADE_US)
            row->took_us = 0;
        if (row->took_us < quickest->took_us)
            quickest = row;
    }
    return quickest;
}

void notable_add_slow(struct notable *notable, const struct exchange *exchange, int64_t now_us)
{
    const struct outcome *outcome = &exchange->outcome;
    int64_t took_us = now_us - exchange->request.came_us;
    if (outcome->query == NULL || took_us <= 0)
        return;
    pthread_mutex_lock(&notable->lock);
    struct notable_slow *row = find_slow(notable, now_us);
    if (took_us > row->took_us) {
        *row = (struct notable_slow){
            .took_us = took_us,
            .fetcher_us = outcome->step_us[STEP_FETCHER],
            .at_us = now_us,
            .status = exchange->answer.status,
            .outcome = outcome->kind,
        };
        copy(row->client, NOTABLE_CLIENT_MAX, outcome->client);
        copy(row->id, EXCHANGE_ID_MAX, slice_make(exchange->id, exchange->id_length));
        write_query(outcome->query, row->query);
    }
    pthread_mutex_unlock(&notable->lock);
}

static int compare_hot(const void *left, const void *right)
{
    const struct notable_hot *a = left, *b = right;
    return a->count > b->count ? -1 : a->count < b->count;
}

static int compare_slow(const void *left, const void *right)
{
    const struct notable_slow *a = left, *b = right;
    return a->took_us > b->took_us ? -1 : a->took_us < b->took_us;
}

size_t notable_hottest(struct notable *notable, struct notable_hot *rows, size_t max)
{
    struct notable_hot all[NOTABLE_HOT];
    size_t count = 0;
    pthread_mutex_lock(&notable->lock);
    memcpy(all, notable->hot, sizeof(all));
    pthread_mutex_unlock(&notable->lock);
    qsort(all, NOTABLE_HOT, sizeof(all[0]), compare_hot);
    for (; count < max && count < NOTABLE_HOT && all[count].count > 0; count++)
        rows[count] = all[count];
    return count;
}

size_t notable_slowest(struct notable *notable, struct notable_slow *rows, size_t max, int64_t now_us)
{
    struct notable_slow all[NOTABLE_SLOW];
    size_t count = 0;
    pthread_mutex_lock(&notable->lock);
    (void)find_slow(notable, now_us); /* forgets those that are too old */
    memcpy(all, notable->slow, sizeof(all));
    pthread_mutex_unlock(&notable->lock);
    qsort(all, NOTABLE_SLOW, sizeof(all[0]), compare_slow);
    for (; count < max && count < NOTABLE_SLOW && all[count].took_us > 0; count++)
        rows[count] = all[count];
    return count;
}
