/* SPDX-License-Identifier: MIT */
/* The page /purge: POST ?query=QUERY, ?entity=ENTITY or ?all=1, each with &soft=1. */
#ifndef NEXGATE_ADMIN_PURGE_H
#define NEXGATE_ADMIN_PURGE_H

#include "admin/admin.h"

/* 200 when every gateway that is there has confirmed, 202 with the names of the silent, 400 for what is no such order.
 */
bool purge_answer(struct admin *admin, struct exchange *exchange);

#endif
