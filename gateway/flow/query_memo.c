/* SPDX-License-Identifier: MIT */
/* A direct-mapped table of raw queries. Must not know how a query is read. */
#include "flow/query_memo.h"

enum {
    SLOTS = 512,   /* a power of two */
    TEXT_MAX = 256 /* bytes of a raw or canonical query worth keeping */
};

struct slot {
    const struct schema *schema; /* NULL: empty */
    const struct scope *scope;   /* NULL: any client that may search everywhere */
    int64_t page, size;
    uint16_t raw_length, canonical_length;
    char raw[TEXT_MAX];
    char canonical[TEXT_MAX];
};

struct query_memo {
    struct hash_secret secret;
    struct slot slots[SLOTS];
};

struct query_memo *query_memo_new(void)
{
    struct query_memo *memo = mem_try_zeroed(sizeof(*memo));
    if (memo == NULL)
        return NULL;
    hash_secret_init(&memo->secret);
    return memo;
}

void query_memo_free(struct query_memo *memo)
{
    mem_free(memo);
}

/* All clients without a limit read a query alike. */
static const struct scope *identity(const struct scope *scope)
{
    return scope->all ? NULL : scope;
}

static size_t place(const struct query_memo *memo, struct slice raw)
{
    return hash_keyed(&memo->secret, raw) & (SLOTS - 1);
}

bool query_memo_recall(const struct query_memo *memo, const struct schema *schema, const struct scope *scope,
                       struct slice raw, struct buf *canonical, struct query *query)
{
    const struct slot *slot = &memo->slots[place(memo, raw)];
    if (slot->schema != schema || slot->scope != identity(scope) ||
        !slice_equal(raw, slice_make(slot->raw, slot->raw_length)))
        return false;
    buf_reset(canonical);
    buf_add(canonical, slice_make(slot->canonical, slot->canonical_length));
    *query = (struct query){schema, slot->page, slot->size, buf_slice(canonical)};
    return buf_ok(canonical);
}

void query_memo_keep(struct query_memo *memo, const struct scope *scope, struct slice raw, const struct query *query)
{
    if (raw.length > TEXT_MAX || query->canonical.length > TEXT_MAX)
        return;
    struct slot *slot = &memo->slots[place(memo, raw)];
    slot->schema = query->schema;
    slot->scope = identity(scope);
    slot->page = query->page;
    slot->size = query->size;
    slot->raw_length = (uint16_t)raw.length;
    slot->canonical_length = (uint16_t)query->canonical.length;
    if (raw.length > 0)
        memcpy(slot->raw, raw.at, raw.length);
    if (query->canonical.length > 0)
        memcpy(slot->canonical, query->canonical.at, query->canonical.length);
}
