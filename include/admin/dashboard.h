/* SPDX-License-Identifier: MIT */
/* The page /: the dashboard, one file that needs nothing else (gateway/admin/dashboard.html, built in). */
#ifndef NEXGATE_ADMIN_DASHBOARD_H
#define NEXGATE_ADMIN_DASHBOARD_H

#include "admin/admin.h"

extern const char dashboard_html[];
extern const size_t dashboard_html_length;

bool dashboard_answer(struct admin *admin, struct exchange *exchange);

#endif
