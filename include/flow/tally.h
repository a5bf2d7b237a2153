/* SPDX-License-Identifier: MIT */
/* Counts what became of requests: each exactly once, by client, outcome and status; and how long they took. */
#ifndef NEXGATE_FLOW_TALLY_H
#define NEXGATE_FLOW_TALLY_H

#include "base/log.h"
#include "base/metrics.h"
#include "flow/exchange.h"

/* "hit", "over_rate", …: as in the metrics and the log. */
const char *outcome_name(enum outcome_kind kind);

/* Counts a request of the client (METRICS_NOBODY: none that is known) that is answered with `status`. */
void tally_request(struct counters *counters, uint32_t client, enum outcome_kind kind, int status);

/* The same for an exchange whose answer is made at `now_us`, with the time that it took. */
void tally_exchange(struct counters *counters, struct exchange *exchange, int64_t now_us);

enum { TALLY_CLASSES = 6 }; /* of statuses: 2 is 2xx; 0: unknown */

struct tally_sums {
    int64_t total;
    int64_t outcomes[OUTCOME_KINDS];
    int64_t classes[TALLY_CLASSES];
};

/* Adds up what was counted so far, of everybody or of one client. Any thread. */
void tally_sum(struct metrics *metrics, struct tally_sums *sums);
void tally_sum_client(const struct metrics *metrics, uint32_t client, struct tally_sums *sums);

/* One line with the sums of the whole run: what no scrape sees any more. When the threads have ended. */
void tally_say(struct metrics *metrics, struct log *log);

#endif
