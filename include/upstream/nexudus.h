/* SPDX-License-Identifier: MIT */
/* The upstream's dialect: how a window is asked for, and what each answer means. Pure; knows no token and no queue. */
#ifndef NEXGATE_UPSTREAM_NEXUDUS_H
#define NEXGATE_UPSTREAM_NEXUDUS_H

#include "io/fetch.h"
#include "search/envelope.h"
#include "search/schema.h"

enum nexudus_verdict {
    NEXUDUS_OK,           /* a whole, coherent envelope */
    NEXUDUS_CAPPED,       /* a smaller page size than asked: `cap` */
    NEXUDUS_THROTTLED,    /* 409, 429, or 503 with Retry-After */
    NEXUDUS_UNAUTHORIZED, /* 401: the token is unknown or expired */
    NEXUDUS_FORBIDDEN,    /* 403: our user lacks the role */
    NEXUDUS_BAD_QUERY,    /* 400, 422: about the query */
    NEXUDUS_BROKEN,       /* 200 that is not an envelope, cut, too big, or a status nobody promised */
    NEXUDUS_OUTAGE,       /* 5xx, or no connection */
    NEXUDUS_TIMEOUT
};

struct nexudus_answer {
    enum nexudus_verdict verdict;
    struct envelope envelope;   /* NEXUDUS_OK: the caller's to free */
    int64_t cap;                /* largest page size seen to be given; 0: none seen */
    int64_t retry_after_us;     /* -1: not said */
    int status;                 /* 0: no HTTP answer */
    char why[ENVELOPE_WHY_MAX]; /* one sentence for log and detail; nothing that Nexudus said */
};

/* BASE PATH "?" CANONICAL "&page=" index + 1 "&size=" size; false when it overflows. */
bool nexudus_url(struct buf *out, const char *base, const struct schema *schema, struct slice canonical,
                 struct window window) MUST_CHECK;

void nexudus_judge(const struct fetch *fetch, const struct schema *schema, struct window window,
                   struct nexudus_answer *answer);

/* "ok", "throttled", …: for logs and metrics. */
const char *nexudus_verdict_name(enum nexudus_verdict verdict);

#endif
