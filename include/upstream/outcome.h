/* SPDX-License-Identifier: MIT */
/* What an answer of Nexudus leads to. Part of the fetcher (upstream/route.h). */
#ifndef NEXGATE_UPSTREAM_OUTCOME_H
#define NEXGATE_UPSTREAM_OUTCOME_H

#include "io/fetch.h"

/* A flight's call is over: the fetch is the flight's. */
void outcome_on_done(struct fetch *fetch);

#endif
