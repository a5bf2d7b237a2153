/* SPDX-License-Identifier: MIT */
/* The page /status: how the gateway is, as JSON. */
#ifndef NEXGATE_ADMIN_STATUS_H
#define NEXGATE_ADMIN_STATUS_H

#include "admin/admin.h"

bool status_answer(struct admin *admin, struct exchange *exchange);

#endif
