/* SPDX-License-Identifier: MIT */
/* The life of an edition. */
#include "flow/edition.h"

struct edition *edition_new(struct snapshot *snapshot)
{
    struct edition *edition = mem_try_zeroed(sizeof(*edition));
    if (edition == NULL)
        return NULL;
    edition->snapshot = snapshot_ref(snapshot);
    edition->auth = auth_new(snapshot->roster);
    edition->query_memo = query_memo_new();
    edition->users = 1;
    if (edition->auth != NULL && edition->query_memo != NULL)
        return edition;
    edition_unref(edition);
    return NULL;
}

struct edition *edition_ref(struct edition *edition)
{
    edition->users++;
    return edition;
}

void edition_unref(struct edition *edition)
{
    if (--edition->users > 0)
        return;
    query_memo_free(edition->query_memo);
    auth_free(edition->auth);
    snapshot_unref(edition->snapshot);
    mem_free(edition);
}
