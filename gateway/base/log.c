/* SPDX-License-Identifier: MIT */
/* Writes structured lines. What comes from outside is quoted and escaped, so that a value can neither end a line nor
 * forge a field. Must not know what happened. */
#include "base/log.h"

#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum {
    VALUE_LEAST = 16, /* bytes; less of a value says nothing */
    FIELD_LEAST = 64, /* kept free for each field to come, so that a long value cannot crowd out those behind it */
    FIELDS_MAX = 32
};

struct log {
    int descriptor;
    atomic_int level;
    atomic_uint_fast64_t lost; /* lines since the last that was written */
    enum log_format format;
    const struct clock *clock;
};

static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

struct log *log_new(int fd, enum log_level level, enum log_format format, const struct clock *clock)
{
    struct log *log = mem_new(sizeof(*log));
    log->descriptor = fd;
    log->format = format;
    log->clock = clock;
    atomic_init(&log->level, (int)level);
    return log;
}

void log_free(struct log *log)
{
    mem_free(log);
}

void log_set_level(struct log *log, enum log_level level)
{
    atomic_store(&log->level, (int)level);
}

bool log_wants(const struct log *log, enum log_level level)
{
    return (int)level >= atomic_load_explicit(&log->level, memory_order_relaxed);
}

/* RFC 3339 in UTC with milliseconds. */
static void add_time(struct buf *line, int64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / CLOCK_SECOND);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    buf_format(line, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
               parts.tm_hour, parts.tm_min, parts.tm_sec, (int)(wall_us % CLOCK_SECOND / CLOCK_MILLISECOND));
}

/* logfmt leaves a value bare only when nothing in it could be mistaken. */
static bool needs_quotes(struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        char c = value.at[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\')
            return true;
    }
    return value.length == 0;
}

/* At most `most` bytes of the value, "..." at the end of what is cut; a character is never cut in two. */
static struct slice shorten(struct slice value, size_t most, char room[LOG_VALUE_MAX])
{
    static const char dots[] = {'.', '.', '.'};
    if (value.length <= most)
        return value;
    size_t kept = most - sizeof(dots);
    for (int back = 0; back < 3 && ((unsigned char)value.at[kept] & 0xC0) == 0x80; back++)
        kept--;
    memcpy(room, value.at, kept);
    memcpy(room + kept, dots, sizeof(dots));
    return slice_make(room, kept + sizeof(dots));
}

static void add_text(const struct log *log, struct buf *line, struct slice value, size_t most)
{
    char room[LOG_VALUE_MAX];
    value = shorten(value, most, room);
    if (log->format == LOG_FORMAT_JSON || needs_quotes(value))
        buf_add_json(line, value);
    else
        buf_add(line, value);
}

static void add_name(const struct log *log, struct buf *line, const char *name)
{
    if (log->format == LOG_FORMAT_JSON)
        buf_format(line, "%s\"%s\":", line->length > 1 ? "," : "", name);
    else
        buf_format(line, "%s%s=", line->length > 0 ? " " : "", name);
}

/* Adds the field; where the line would be too long, with half the value, a quarter and so on, or not at all: a line
 * that is cut in mid-field could be misread. */
static void add_field(const struct log *log, struct buf *line, const struct log_field *field)
{
    size_t before = line->length;
    for (size_t most = LOG_VALUE_MAX; most >= VALUE_LEAST; most /= 2) {
        add_name(log, line, field->name);
        if (field->is_number)
            buf_add_integer(line, field->number);
        else
            add_text(log, line, field->text, most);
        if (buf_ok(line))
            return;
        line->length = before;
        line->overflowed = false;
    }
}

void log_write(struct log *log, enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    if (!log_wants(log, level))
        return;
    assert(count <= FIELDS_MAX);
    struct buf line;
    buf_init(&line, LOG_LINE_MAX - 2 - count * FIELD_LEAST); /* 2: the closing brace and the newline */
    if (log->format == LOG_FORMAT_JSON)
        buf_add_char(&line, '{');
    add_name(log, &line, "ts");
    if (log->format == LOG_FORMAT_JSON)
        buf_add_char(&line, '"');
    add_time(&line, clock_wall(log->clock));
    if (log->format == LOG_FORMAT_JSON)
        buf_add_char(&line, '"');
    add_field(log, &line, &(struct log_field)LOG_TEXT("level", slice_of(LEVELS[level])));
    add_field(log, &line, &(struct log_field)LOG_TEXT("msg", slice_of(message)));
    for (size_t i = 0; i < count; i++) {
        line.max += FIELD_LEAST;
        add_field(log, &line, &fields[i]);
    }
    line.max = LOG_LINE_MAX;
    buf_add_text(&line, log->format == LOG_FORMAT_JSON ? "}\n" : "\n");
    log_raw(log, buf_slice(&line));
    buf_free(&line);
}

void log_say(struct log *log, enum log_level level, const char *message)
{
    log_write(log, level, message, NULL, 0);
}

/* Whether the descriptor takes a line now. A full pipe, whose reader has stopped, would make us wait for ever; a pipe
 * that is writable takes at least PIPE_BUF bytes, which a line does not pass. */
static bool takes_a_line(const struct log *log)
{
    struct pollfd output = {.fd = log->descriptor, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0;
}
_Static_assert((int)LOG_LINE_MAX <= PIPE_BUF, "a line goes into a pipe whole or not at all");

static void write_line(const struct log *log, struct slice line)
{
    ssize_t written;
    do
        written = write(log->descriptor, line.at, line.length);
    while (written < 0 && errno == EINTR);
}

void log_raw(struct log *log, struct slice line)
{
    /* A log that cannot be written must not stop the gateway: the line is lost, and that is told when it can be. */
    if (!takes_a_line(log)) {
        atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
        return;
    }
    write_line(log, line);
    uint_fast64_t lost = atomic_exchange_explicit(&log->lost, 0, memory_order_relaxed);
    if (lost > 0)
        log_write(log, LOG_LEVEL_WARN, "the log could not be written", LOG_FIELDS(LOG_NUMBER("lines_lost", lost)));
}
