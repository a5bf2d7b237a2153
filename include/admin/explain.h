/* SPDX-License-Identifier: MIT */
/* The page /explain?QUERY&client=NAME&entity=ENTITY: what would become of a search now, and what it would cost. */
#ifndef NEXGATE_ADMIN_EXPLAIN_H
#define NEXGATE_ADMIN_EXPLAIN_H

#include "admin/admin.h"

bool explain_answer(struct admin *admin, struct exchange *exchange);

#endif
