/* SPDX-License-Identifier: MIT */
/* The life of a snapshot. Must not know where it came from. */
#include "flow/snapshot.h"

struct snapshot *snapshot_new(const struct flow_options *options, struct schema_set *schemas, struct roster *roster,
                              struct mailbox *grave)
{
    struct snapshot *snapshot = mem_new(sizeof(*snapshot));
    struct slice prefix = options->key_prefix;
    snapshot->options = *options;
    snapshot->options.key_prefix = slice_make(mem_copy_text(prefix.at, prefix.length), prefix.length);
    snapshot->schemas = schemas;
    snapshot->roster = roster;
    snapshot->grave = grave;
    atomic_init(&snapshot->references, 1);
    return snapshot;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->references, 1, memory_order_relaxed);
    return snapshot;
}

static void bury(struct letter *letter, void *receiver)
{
    (void)receiver;
    struct snapshot *snapshot = MEM_OUTER(letter, struct snapshot, burial);
    schema_set_free(snapshot->schemas);
    roster_free(snapshot->roster);
    mem_free((void *)snapshot->options.key_prefix.at);
    mem_free(snapshot);
}

void snapshot_unref(struct snapshot *snapshot)
{
    if (snapshot == NULL || atomic_fetch_sub_explicit(&snapshot->references, 1, memory_order_acq_rel) > 1)
        return;
    snapshot->burial.on_open = bury;
    if (snapshot->grave != NULL)
        mailbox_post(snapshot->grave, &snapshot->burial);
    else
        bury(&snapshot->burial, NULL);
}
