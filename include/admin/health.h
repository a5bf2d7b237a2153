/* SPDX-License-Identifier: MIT */
/* The pages /healthz and /readyz. */
#ifndef NEXGATE_ADMIN_HEALTH_H
#define NEXGATE_ADMIN_HEALTH_H

#include "admin/admin.h"

bool health_answer_live(struct admin *admin, struct exchange *exchange);

/* {"ready":true}, or 503 and {"ready":false,"reasons":[…]}. */
bool health_answer_ready(struct admin *admin, struct exchange *exchange);

#endif
