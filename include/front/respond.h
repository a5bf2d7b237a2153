/* SPDX-License-Identifier: MIT */
/* The bytes of an answer's head: status line, the connection's own fields, the handler's fields. Knows no socket. */
#ifndef NEXGATE_FRONT_RESPOND_H
#define NEXGATE_FRONT_RESPOND_H

#include "flow/exchange.h"

enum {
    RESPOND_DATE_LENGTH = 29,
    RESPOND_HEAD_MAX = EXCHANGE_FIELDS_MAX + 1024 /* bytes of a head, the handler's fields included */
};

/* The Date field's text, made anew once a second. */
struct respond_date {
    int64_t second; /* since 1970 */
    char text[RESPOND_DATE_LENGTH + 1];
};

void respond_date_update(struct respond_date *date, int64_t wall_us);

/* Whether the answer's body is sent: not to HEAD, not with 304 or 204. */
bool respond_has_body(const struct exchange *exchange);

/* Appends the whole head: "HTTP/1.1 200 OK" … empty line. `keep_alive` false adds "Connection: close"; an HTTP/1.0
 * client that is kept gets "Connection: keep-alive". */
void respond_head(struct buf *out, const struct exchange *exchange, const struct respond_date *date, bool keep_alive,
                  bool is_http_1_0);

#endif
