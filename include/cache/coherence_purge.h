/* SPDX-License-Identifier: MIT */
/* Purges that were ordered here and are under way. Private to cache/coherence*.c. */
#ifndef NEXGATE_CACHE_COHERENCE_PURGE_H
#define NEXGATE_CACHE_COHERENCE_PURGE_H

#include "cache/coherence_home.h"

/* Redis is back: tells the purges that were kept. Those that fail again are kept again. */
void coherence_tell_purges(struct coherence *coherence);

/* A confirmation came. */
void coherence_hear_echo(struct coherence *coherence, const struct echo *echo);

/* A gateway has gone: nobody waits for it. */
void coherence_excuse(struct coherence *coherence, struct slice id);

/* Answers all orders as they stand. */
void coherence_end_purges(struct coherence *coherence);

#endif
