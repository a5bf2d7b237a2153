/* SPDX-License-Identifier: MIT */
/* A line for each request that was answered, or for one in so many: who asked what, what became of it, and where the
 * time went. Lines gather in one buffer and are written a few at a time, so that the log costs a request little and
 * waits for nobody. One thread. */
#ifndef NEXGATE_FRONT_ACCESS_LOG_H
#define NEXGATE_FRONT_ACCESS_LOG_H

#include "base/log.h"
#include "flow/exchange.h"
#include "io/loop.h"

enum {
    ACCESS_LOG_GATHER_MAX = 16 * 1024, /* bytes of lines before they are written */
    ACCESS_LOG_TEXT_MAX = 512,         /* bytes of a path, and of a query; what is longer is cut and ends in "..." */
    ACCESS_LOG_METHOD_MAX = 32
};

/* Lines wait no longer than this, µs. */
#define ACCESS_LOG_WAIT_US (CLOCK_SECOND / 10)

struct access_log;

/* All borrowed. Before the first request access_log_change says how many are logged. */
struct access_log *access_log_new(struct loop *loop, struct log *log);

/* Of so many requests one is logged from then on, and every answer of 500 or above; 0: nothing may be added. Writes
 * what was gathered, and gives its memory back; needs none. */
void access_log_change(struct access_log *access, int64_t one_in);

/* Writes what was gathered, and ends. NULL is fine. */
void access_log_free(struct access_log *access);

/* A request begins: whether it is logged whatever its answer. */
bool access_log_picks(struct access_log *access);

/* A picked request was answered at once, while its bytes are still there: keeps what a line says of it. */
void access_log_note(struct exchange *exchange);

/* Its answer was sent, or its client is gone. */
void access_log_add(struct access_log *access, const struct exchange *exchange);

/* Writes what was gathered. */
void access_log_flush(struct access_log *access);

#endif
