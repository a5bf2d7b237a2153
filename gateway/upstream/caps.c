/* SPDX-License-Identifier: MIT */
/* A short table without locks: a row is claimed once and never given back, so readers need no order between its numbers
 * but that a size is there before it counts. */
#include "upstream/caps.h"

#include "base/clock.h"

#define REMEMBERED_US (3600 * CLOCK_SECOND)

void caps_learn(struct cap_table *table, const struct schema *schema, int64_t size, int64_t now_us)
{
    for (size_t i = 0; i < CAPS_ENTITIES_MAX; i++) {
        struct cap *row = &table->rows[i];
        uint64_t owner = row->entity;
        if (owner != 0 && owner != schema->number)
            continue;
        row->size = size;
        row->until_us = now_us + REMEMBERED_US;
        row->entity = schema->number;
        return;
    }
}

int64_t caps_find(const struct cap_table *table, const struct schema *schema, int64_t now_us)
{
    for (size_t i = 0; i < CAPS_ENTITIES_MAX; i++) {
        const struct cap *row = &table->rows[i];
        uint64_t owner = row->entity;
        if (owner == 0)
            break;
        if (owner == schema->number)
            return now_us < row->until_us ? row->size : 0;
    }
    return 0;
}
