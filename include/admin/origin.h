/* SPDX-License-Identifier: MIT */
/* Whether a page of another site may be behind a request: a browser sends what such a page wants (a "simple" request,
 * Fetch standard section 2.2.2) to whatever its user can reach, and says where the page came from. Pure. */
#ifndef NEXGATE_ADMIN_ORIGIN_H
#define NEXGATE_ADMIN_ORIGIN_H

#include "flow/exchange.h"

/* For a listener on loopback. Foreign is what a browser calls so (Fetch Metadata section 2.3), and any origin but that
 * of this very address under a name that only this machine has: another name may have been made to lead here (DNS
 * rebinding). What says nothing of a page is no browser's. */
bool origin_is_foreign(const struct request *request);

#endif
