/* SPDX-License-Identifier: MIT */
/* Errors as application/problem+json (RFC 9457). */
#ifndef NEXGATE_FLOW_PROBLEM_H
#define NEXGATE_FLOW_PROBLEM_H

#include "flow/exchange.h"
#include "search/query.h"

/* Members beyond type, title, status, detail, instance; NULL: left out. */
struct problem_extra {
    const struct query_error *query; /* parameter, value, expected */
    const char *violated_policy;     /* violated-policies: ["rate"] */
};

/* Makes the answer an error: status, body, content type. `detail` is one sentence; `type` and `title` follow from the
 * status (and from a violated policy). Headers that an error carries (Retry-After, Allow, WWW-Authenticate) are the
 * caller's. */
void problem_answer(struct exchange *exchange, int status, const char *detail, const struct problem_extra *extra);

/* The same for a request that never became an exchange's (a parser's refusal): writes just the body. */
void problem_body(struct buf *out, int status, const char *detail, struct slice instance,
                  const struct problem_extra *extra);

/* The reason phrase: "Not Found". */
const char *problem_title(int status);

#endif
