/* SPDX-License-Identifier: MIT */
/* A list without order: there are few, and they are looked for a few times a second. */
#include "cache/coherence_register.h"

#include <string.h>

static size_t find(const struct coherence_register *others, struct slice id)
{
    size_t at = 0;
    while (at < others->count && !slice_is(id, others->gateways[at].id))
        at++;
    return at;
}

static void take_out(struct coherence_register *others, size_t at)
{
    others->gateways[at] = others->gateways[--others->count];
}

void coherence_register_meet(struct coherence_register *others, struct slice id, int64_t seen_us)
{
    size_t at = find(others, id);
    if (!coherence_is_id(id) || at == COHERENCE_GATEWAYS_MAX)
        return;
    struct gateway *gateway = &others->gateways[at];
    if (at == others->count) {
        *gateway = (struct gateway){.seen_us = seen_us};
        memcpy(gateway->id, id.at, id.length);
        others->count++;
    }
    if (gateway->seen_us < seen_us)
        gateway->seen_us = seen_us;
}

bool coherence_register_part(struct coherence_register *others, struct slice id)
{
    size_t at = find(others, id);
    if (at == others->count)
        return false;
    take_out(others, at);
    return true;
}

bool coherence_register_take_gone(struct coherence_register *others, int64_t gone_us, char id[COHERENCE_ID_MAX])
{
    for (size_t at = others->count; at > 0; at--) {
        if (others->gateways[at - 1].seen_us < gone_us) {
            memcpy(id, others->gateways[at - 1].id, COHERENCE_ID_MAX);
            take_out(others, at - 1);
            return true;
        }
    }
    return false;
}
