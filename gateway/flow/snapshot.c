/* SPDX-License-Identifier: MIT */
/* The life of a snapshot. Must not know where it came from. */
#include "flow/snapshot.h"

struct snapshot *snapshot_new(const struct flow_options *options, struct schema_set *schemas, struct roster *roster,
                              struct mailbox *grave)
{
    struct snapshot *snapshot = mem_try_zeroed(sizeof(*snapshot));
    char *prefix = mem_try_copy(options->key_prefix);
    if (snapshot == NULL || prefix == NULL) {
        mem_free(snapshot);
        mem_free(prefix);
        return NULL;
    }
    snapshot->options = *options;
    snapshot->options.key_prefix = slice_make(prefix, options->key_prefix.length);
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
