/* SPDX-License-Identifier: MIT */
/* A background ask and its short life. Must not know why a refresh is wanted. */
#include "flow/refresh.h"

struct refresh {
    struct ask ask;
    struct snapshot *snapshot; /* a reference: the schema's */
    char text[];               /* the key, then the canonical query */
};

static void on_answer(struct ask *ask)
{
    entry_unref(ask->window_entry); /* it is in the store, where the next search finds it */
    struct refresh *refresh = MEM_OUTER(ask, struct refresh, ask);
    snapshot_unref(refresh->snapshot);
    mem_free(refresh);
}

void refresh_start(const struct flow_parts *parts, struct snapshot *snapshot, const struct schema *schema,
                   struct slice key, struct slice canonical, struct window window, int64_t now_us)
{
    struct refresh *refresh = mem_try_new(sizeof(*refresh) + key.length + canonical.length);
    if (refresh == NULL)
        return; /* what is stale stays stale a little longer */
    refresh->snapshot = snapshot_ref(snapshot);
    memcpy(refresh->text, key.at, key.length);
    if (canonical.length > 0)
        memcpy(refresh->text + key.length, canonical.at, canonical.length);
    refresh->ask = (struct ask){
        .schema = schema,
        .key = slice_make(refresh->text, key.length),
        .canonical = slice_make(refresh->text + key.length, canonical.length),
        .window = window,
        .came_us = now_us,
        .purged_us = purges_last_us(memory_purges(parts->memory), key),
        .store = true,
        .background = true,
        .reply_to = parts->mailbox,
        .on_answer = on_answer,
    };
    fetcher_ask(parts->fetcher, &refresh->ask);
}
