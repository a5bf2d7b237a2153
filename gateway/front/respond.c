/* SPDX-License-Identifier: MIT */
/* The head of an answer. It is written for every request that is served, so it is put together from whole pieces in one
 * go, in room that is asked for once. Must not know how it is sent. */
#include "front/respond.h"

#include "base/decimal.h"
#include "flow/problem.h"

#include <stdio.h>
#include <time.h>

/* Everything but the content type, the id and the handler's fields. */
enum { FIXED_MAX = 320, STATUS_LINE_MAX = 64 };

static char *put(char *at, const char *bytes, size_t length)
{
    memcpy(at, bytes, length);
    return at + length;
}

#define PUT_LITERAL(at, literal) put((at), (literal), sizeof(literal) - 1)

static char *put_slice(char *at, struct slice bytes)
{
    return bytes.length > 0 ? put(at, bytes.at, bytes.length) : at;
}

static char *put_status_line(char *at, int status)
{
    if (status == 200)
        return PUT_LITERAL(at, "HTTP/1.1 200 OK\r\n");
    char line[STATUS_LINE_MAX];
    int length = snprintf(line, sizeof(line), "HTTP/1.1 %d %s\r\n", status, problem_title(status));
    return put(at, line, (size_t)length);
}

/* The day's and the month's names are the protocol's, whatever the locale (RFC 9110 section 5.6.7). */
void respond_date_update(struct respond_date *date, int64_t wall_us)
{
    static const char DAYS[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t second = (time_t)(wall_us / CLOCK_SECOND);
    if (date->second == second && date->text[0] != '\0')
        return;
    struct tm parts;
    gmtime_r(&second, &parts);
    char text[64];
    snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", DAYS[parts.tm_wday], parts.tm_mday,
             MONTHS[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
    memcpy(date->text, text, RESPOND_DATE_LENGTH);
    date->text[RESPOND_DATE_LENGTH] = '\0';
    date->second = second;
}

bool respond_has_body(const struct exchange *exchange)
{
    return exchange->request.method != METHOD_HEAD && exchange->answer.status != 304 && exchange->answer.status != 204;
}

/* What the content is: of a HEAD as of the GET; a 304 or 204 has none to speak of. */
static char *put_content(char *at, const struct answer *answer)
{
    if (answer->status == 304 || answer->status == 204)
        return at;
    if (answer->content_type != NULL) {
        at = PUT_LITERAL(at, "Content-Type: ");
        at = put(at, answer->content_type, strlen(answer->content_type));
        at = PUT_LITERAL(at, "\r\n");
    }
    at = PUT_LITERAL(at, "Content-Length: ");
    at = decimal_put(at, answer->body_length);
    return PUT_LITERAL(at, "\r\n");
}

void respond_head(struct buf *out, const struct exchange *exchange, const struct respond_date *date, bool keep_alive,
                  bool is_http_1_0)
{
    const struct answer *answer = &exchange->answer;
    size_t type = answer->content_type != NULL ? strlen(answer->content_type) : 0;
    char *room = buf_room(out, FIXED_MAX + type + exchange->id_length + answer->fields.length);
    if (room == NULL)
        return;
    char *at = put_status_line(room, answer->status);
    at = PUT_LITERAL(at, "Date: ");
    at = put(at, date->text, RESPOND_DATE_LENGTH);
    at = PUT_LITERAL(at, "\r\n");
    at = put_content(at, answer);
    at = PUT_LITERAL(at, "X-Request-Id: ");
    at = put(at, exchange->id, exchange->id_length);
    at = PUT_LITERAL(at, "\r\n");
    if (!keep_alive)
        at = PUT_LITERAL(at, "Connection: close\r\n");
    else if (is_http_1_0)
        at = PUT_LITERAL(at, "Connection: keep-alive\r\n");
    at = put_slice(at, buf_slice(&answer->fields));
    at = PUT_LITERAL(at, "\r\n");
    out->length += (size_t)(at - room);
}
