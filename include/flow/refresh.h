/* SPDX-License-Identifier: MIT */
/* Fetching a window anew in the background: nobody waits for it, nobody pays for it, and whoever else needs the window
 * meanwhile joins it. Private to flow/. */
#ifndef NEXGATE_FLOW_REFRESH_H
#define NEXGATE_FLOW_REFRESH_H

#include "flow/flow.h"

/* Asks the fetcher; key and canonical query are copied, the schema's snapshot is kept until the answer. */
void refresh_start(const struct flow_parts *parts, struct snapshot *snapshot, const struct schema *schema,
                   struct slice key, struct slice canonical, struct window window, int64_t now_us);

#endif
