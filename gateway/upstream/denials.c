/* SPDX-License-Identifier: MIT */
/* A short table: a row is claimed once and never given back, as there are as many as entities. */
#include "upstream/denials.h"

static struct denial *find(const struct denials *denials, const struct schema *schema)
{
    for (size_t i = 0; i < DENIALS_ENTITIES_MAX; i++) {
        const struct denial *row = &denials->rows[i];
        if (row->entity == 0 || row->entity == schema->number)
            return (struct denial *)row;
    }
    return NULL;
}

bool denials_add(struct denials *denials, const struct schema *schema, int64_t now_us)
{
    struct denial *row = find(denials, schema);

    if (row == NULL)
        return false;
    bool is_new = row->lasts_us == 0;
    row->entity = schema->number;
    row->lasts_us = is_new ? DENIALS_FIRST_MS * CLOCK_MILLISECOND : row->lasts_us * 2;
    if (row->lasts_us > DENIALS_LONGEST_MS * CLOCK_MILLISECOND)
        row->lasts_us = DENIALS_LONGEST_MS * CLOCK_MILLISECOND;
    row->until_us = now_us + row->lasts_us;
    bool is_news = is_new && (!row->told || now_us - row->told_us >= DENIALS_NEWS_US);
    if (is_news) {
        row->told = true;
        row->told_us = now_us;
    }
    return is_news;
}

bool denials_knows(const struct denials *denials, const struct schema *schema)
{
    const struct denial *row = find(denials, schema);

    return row != NULL && row->lasts_us > 0;
}

bool denials_holds(const struct denials *denials, const struct schema *schema, int64_t now_us)
{
    const struct denial *row = find(denials, schema);

    return row != NULL && row->lasts_us > 0 && now_us < row->until_us;
}

void denials_forget(struct denials *denials, const struct schema *schema)
{
    struct denial *row = find(denials, schema);

    if (row != NULL)
        row->lasts_us = 0;
}
