/* SPDX-License-Identifier: MIT */
/* The access log. A line is put together from whole pieces in room that is asked for once; what comes from outside is
 * either of octets that can stand in quotes as they are, or escaped. Must not know how an answer came about. */
#include "front/access_log.h"

#include "base/ascii.h"
#include "base/decimal.h"
#include "flow/tally.h"
#include "search/query.h"
#include "search/redact.h"

#include <time.h>

/* All that is not cut: names, numbers, quotes; and what escaping can make of a text (\u0000 of an octet). */
enum { FIXED_MAX = 1024, ESCAPED = 6, LINE_ROOM = FIXED_MAX + ESCAPED * 2 * ACCESS_LOG_TEXT_MAX };
enum { STAMP_LENGTH = 20 /* 2026-01-01T00:00:00. */ };
_Static_assert((int)LINE_ROOM > (int)LOG_LINE_MAX, "a line may be too long when it is made, and is cut then");

struct access_log {
    struct loop *loop;
    struct log *log;
    struct timer timer; /* started while something is gathered */
    int64_t one_in;
    uint64_t begun;
    bool is_json;
    struct buf lines;
    struct buf query; /* redacted */

    char stamp[STAMP_LENGTH + 1]; /* of the second that began at */
    int64_t second_us;            /* monotonic */
};

static void on_timer(struct timer *timer)
{
    access_log_flush(MEM_OUTER(timer, struct access_log, timer));
}

struct access_log *access_log_new(struct loop *loop, struct log *log)
{
    struct access_log *access = mem_new(sizeof(*access));
    access->loop = loop;
    access->log = log;
    access->is_json = log_format(log) == LOG_FORMAT_JSON;
    access->timer.on_timer = on_timer;
    access->second_us = -CLOCK_DAY;
    buf_init(&access->lines, ACCESS_LOG_GATHER_MAX + LINE_ROOM);
    buf_init(&access->query, ACCESS_LOG_TEXT_MAX + 1); /* so that a cut is told */
    return access;
}

void access_log_change(struct access_log *access, int64_t one_in)
{
    access_log_flush(access);
    buf_free(&access->lines);
    buf_free(&access->query);
    access->one_in = one_in;
    access->begun = 0;
}

void access_log_free(struct access_log *access)
{
    if (access == NULL)
        return;
    access_log_change(access, 0);
    mem_free(access);
}

bool access_log_picks(struct access_log *access)
{
    return access->begun++ % (uint64_t)access->one_in == 0;
}

void access_log_note(struct exchange *exchange)
{
    const struct request *request = &exchange->request;
    struct slice method = request->method_text, path = request->path;
    if (exchange->outcome.query != NULL || method.at == NULL || path.at == NULL)
        return;
    size_t method_max = ACCESS_LOG_METHOD_MAX + 1, path_max = ACCESS_LOG_TEXT_MAX + 1; /* so that a cut is told */
    buf_add(&exchange->note, slice_make(method.at, method.length < method_max ? method.length : method_max));
    buf_add_char(&exchange->note, ' ');
    buf_add(&exchange->note, slice_make(path.at, path.length < path_max ? path.length : path_max));
}

void access_log_flush(struct access_log *access)
{
    timer_stop(access->loop, &access->timer);
    if (access->lines.length > 0)
        log_raw(access->log, buf_slice(&access->lines));
    buf_reset(&access->lines);
}

/* The second's text is made once; the milliseconds come from the monotonic clock. */
static int64_t update_stamp(struct access_log *access, int64_t now_us)
{
    if (now_us - access->second_us >= CLOCK_SECOND || now_us < access->second_us) {
        int64_t wall_us = clock_wall(loop_clock(access->loop));
        time_t second = (time_t)(wall_us / CLOCK_SECOND);
        struct tm parts;
        gmtime_r(&second, &parts);
        (void)strftime(access->stamp, sizeof(access->stamp), "%Y-%m-%dT%H:%M:%S.", &parts);
        access->second_us = now_us - wall_us % CLOCK_SECOND;
    }
    return (now_us - access->second_us) / CLOCK_MILLISECOND;
}

static char *put(char *at, struct slice text)
{
    if (text.length > 0)
        memcpy(at, text.at, text.length);
    return at + text.length;
}

static char *put_number(char *at, int64_t number)
{
    return decimal_put(at, number > 0 ? (uint64_t)number : 0);
}

/* The name of a field: our own word. */
static char *put_name(const struct access_log *access, char *at, struct slice name)
{
    *at++ = access->is_json ? ',' : ' ';
    if (access->is_json)
        *at++ = '"';
    at = put(at, name);
    if (access->is_json)
        *at++ = '"';
    *at++ = access->is_json ? ':' : '=';
    return at;
}

#define NAME(access, at, literal) put_name((access), (at), slice_make((literal), sizeof(literal) - 1))
#define NUMBER(access, at, literal, number) put_number(NAME(access, at, literal), (number))

/* Of octets that need no escape and, in logfmt, no quotes. */
static char *put_word(const struct access_log *access, char *at, struct slice word)
{
    if (access->is_json)
        *at++ = '"';
    at = put(at, word);
    if (access->is_json)
        *at++ = '"';
    return at;
}

/* Anything, in quotes: cut, and escaped as JSON is, which logfmt's readers take too. */
static char *put_text(char *at, struct slice text, size_t most)
{
    static const char HEX[] = "0123456789abcdef";
    bool is_cut = text.length > most;
    size_t length = is_cut ? most - 3 : text.length;
    *at++ = '"';
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c == '"' || c == '\\') {
            *at++ = '\\';
            *at++ = (char)c;
        } else if (!ascii_is_printable((char)c)) {
            at = put(at, slice_make("\\u00", 4));
            *at++ = HEX[c >> 4];
            *at++ = HEX[c & 15];
        } else {
            *at++ = (char)c;
        }
    }
    if (is_cut)
        at = put(at, slice_make("...", 3));
    *at++ = '"';
    return at;
}

static char *put_head(struct access_log *access, char *at, int64_t now_us)
{
    int64_t milliseconds = update_stamp(access, now_us);
    static const struct slice LOGFMT = SLICE("ts="), JSON = SLICE("{\"ts\":\"");
    at = put(at, access->is_json ? JSON : LOGFMT);
    at = put(at, slice_make(access->stamp, STAMP_LENGTH));
    *at++ = (char)('0' + milliseconds / 100 % 10);
    *at++ = (char)('0' + milliseconds / 10 % 10);
    *at++ = (char)('0' + milliseconds % 10);
    *at++ = 'Z';
    static const struct slice LOGFMT_REST = SLICE(" level=info msg=access");
    static const struct slice JSON_REST = SLICE("\",\"level\":\"info\",\"msg\":\"access\"");
    return put(at, access->is_json ? JSON_REST : LOGFMT_REST);
}

static char *put_note(const struct access_log *access, char *at, struct slice note)
{
    struct slice path = note, method;
    (void)slice_cut(&path, ' ', &method);
    at = put_text(NAME(access, at, "method"), method, ACCESS_LOG_METHOD_MAX);
    return put_text(NAME(access, at, "path"), path, ACCESS_LOG_TEXT_MAX);
}

/* Where the search was read, its canonical form without what is sensitive; a query that was not read is not told, since
 * nobody knows what is in it. */
static char *put_request(struct access_log *access, char *at, const struct exchange *exchange)
{
    const struct outcome *outcome = &exchange->outcome;
    at = put_word(access, NAME(access, at, "request"), slice_make(exchange->id, exchange->id_length));
    if (outcome->client.length > 0)
        at = put_word(access, NAME(access, at, "client"), outcome->client);
    if (outcome->query == NULL)
        return exchange->note.length > 0 ? put_note(access, at, buf_slice(&exchange->note)) : at;
    const struct query *query = outcome->query;
    bool is_head = exchange->request.method == METHOD_HEAD;
    at = put_word(access, NAME(access, at, "method"), is_head ? slice_of("HEAD") : slice_of("GET"));
    at = put_word(access, NAME(access, at, "path"), query->schema->path);
    buf_reset(&access->query);
    redact_query(query->schema, query->canonical, &access->query);
    at = put_text(NAME(access, at, "query"), buf_slice(&access->query), ACCESS_LOG_TEXT_MAX);
    at = NUMBER(access, at, "page", query->page);
    return NUMBER(access, at, "size", query->size);
}

static char *put_outcome(struct access_log *access, char *at, const struct exchange *exchange, int64_t now_us)
{
    const struct outcome *outcome = &exchange->outcome;
    at = NUMBER(access, at, "status", exchange->answer.status);
    at = NUMBER(access, at, "bytes", outcome->sent_bytes);
    at = put_word(access, NAME(access, at, "outcome"), slice_of(outcome_name(outcome->kind)));
    if (!outcome->is_sent)
        at = put_word(access, NAME(access, at, "client_gone"), slice_of("yes"));
    return NUMBER(access, at, "us", now_us - exchange->request.came_us);
}

static char *put_steps(const struct access_log *access, char *at, const struct outcome *outcome, int64_t now_us)
{
    static const struct slice NAMES[EXCHANGE_STEPS] = {
        [STEP_AUTHENTICATE] = SLICE("authenticate_us"),
        [STEP_NORMALISE] = SLICE("normalise_us"),
        [STEP_QUOTA] = SLICE("quota_us"),
        [STEP_LOOKUP] = SLICE("lookup_us"),
        [STEP_FETCHER] = SLICE("fetcher_us"),
        [STEP_PAGE] = SLICE("page_us"),
    };
    for (size_t i = 0; i < EXCHANGE_STEPS; i++) {
        if (outcome->is_timed || (i == STEP_FETCHER && outcome->step_us[i] > 0))
            at = put_number(put_name(access, at, NAMES[i]), outcome->step_us[i]);
    }
    if (outcome->answered_us > 0)
        at = NUMBER(access, at, "write_us", now_us - outcome->answered_us);
    return at;
}

void access_log_add(struct access_log *access, const struct exchange *exchange)
{
    int64_t now_us = loop_now(access->loop);
    char *room = buf_room(&access->lines, LINE_ROOM);
    if (room == NULL)
        return; /* out of memory: the log has gaps then */
    char *at = put_head(access, room, now_us);
    at = put_request(access, at, exchange);
    at = put_outcome(access, at, exchange, now_us);
    if (exchange->trace.is_there) {
        at = put_word(access, NAME(access, at, "trace"), slice_make(exchange->trace.id, TRACE_ID_LENGTH));
        if (exchange->trace.parent[0] != '\0')
            at = put_word(access, NAME(access, at, "parent"), slice_make(exchange->trace.parent, TRACE_PARENT_LENGTH));
    }
    at = put_steps(access, at, &exchange->outcome, now_us);
    if (access->is_json)
        *at++ = '}';
    *at++ = '\n';
    access->lines.length += (size_t)(at - room);
    if (access->lines.length >= ACCESS_LOG_GATHER_MAX)
        access_log_flush(access);
    else if (!timer_is_started(&access->timer))
        timer_start(access->loop, &access->timer, now_us + ACCESS_LOG_WAIT_US);
}
