/* SPDX-License-Identifier: MIT */
/* The page /metrics: what is counted as it happens, and what is looked up when somebody asks. */
#ifndef NEXGATE_ADMIN_GAUGES_H
#define NEXGATE_ADMIN_GAUGES_H

#include "admin/admin.h"

/* Looks up what no thread counts: the store, the token, the budget, the clients' quotas. */
void gauges_look(struct admin *admin);

bool gauges_answer(struct admin *admin, struct exchange *exchange);

#endif
