/* SPDX-License-Identifier: MIT */
/* Who else is there: the gateways with the same Redis and prefix, ourselves not counted, each with when it was heard of
 * last. Pure; time is passed in. Private to cache/coherence*.c. */
#ifndef NEXGATE_CACHE_COHERENCE_REGISTER_H
#define NEXGATE_CACHE_COHERENCE_REGISTER_H

#include "cache/coherence.h"

struct gateway {
    char id[COHERENCE_ID_MAX]; /* coherence_is_id */
    int64_t seen_us;
};

struct coherence_register {
    struct gateway gateways[COHERENCE_GATEWAYS_MAX];
    size_t count;
};

/* It was there at `seen_us`; what is no id, and who has no place any more, is passed over. */
void coherence_register_meet(struct coherence_register *others, struct slice id, int64_t seen_us);

/* It has gone; false when it was not known. */
bool coherence_register_part(struct coherence_register *others, struct slice id);

/* Takes out one who was not heard of since `gone_us`, and says who; false when there is none (any more). */
bool coherence_register_take_gone(struct coherence_register *others, int64_t gone_us, char id[COHERENCE_ID_MAX]);

#endif
