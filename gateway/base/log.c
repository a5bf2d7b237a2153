/* SPDX-License-Identifier: MIT */
/* Writes structured lines. What comes from outside is quoted and escaped, so that a value can neither end a line nor
 * forge a field. Must not know what happened. */
#include "base/log.h"

#include "base/ascii.h"
#include "base/buf.h"
#include "base/log_limit.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
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

    pthread_mutex_t lock; /* of what follows */
    struct log_limit limit;
    struct log_recent recent[LOG_RECENT];
    size_t told; /* warnings and errors so far: the newest is at told - 1, modulo LOG_RECENT */
};

static const char *const LEVELS[] = {"debug", "info", "warn", "error"};

struct log *log_new(int fd, enum log_level level, enum log_format format, const struct clock *clock)
{
    struct log *log = mem_new(sizeof(*log));
    log->descriptor = fd;
    log->format = format;
    log->clock = clock;
    atomic_init(&log->level, (int)level);
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

static void tell_left_out(struct log *log, int64_t now_us);

void log_free(struct log *log)
{
    if (log == NULL)
        return;
    tell_left_out(log, CLOCK_NEVER);
    pthread_mutex_destroy(&log->lock);
    mem_free(log);
}

enum log_format log_format(const struct log *log)
{
    return log->format;
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
        if (!ascii_is_visible(c) || c == '"' || c == '=' || c == '\\')
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

static void add_text(enum log_format format, struct buf *line, struct slice value, size_t most)
{
    char room[LOG_VALUE_MAX];
    value = shorten(value, most, room);
    if (format == LOG_FORMAT_JSON || needs_quotes(value))
        buf_add_json(line, value);
    else
        buf_add(line, value);
}

static void add_name(enum log_format format, struct buf *line, const char *name)
{
    if (format == LOG_FORMAT_JSON)
        buf_format(line, "%s\"%s\":", line->length > 1 ? "," : "", name);
    else
        buf_format(line, "%s%s=", line->length > 0 ? " " : "", name);
}

/* Adds the field; where the line would be too long, with half the value, a quarter and so on, or not at all: a line
 * that is cut in mid-field could be misread. */
static void add_field(enum log_format format, struct buf *line, const struct log_field *field)
{
    size_t before = line->length;
    for (size_t most = LOG_VALUE_MAX; most >= VALUE_LEAST; most /= 2) {
        add_name(format, line, field->name);
        if (field->is_number)
            buf_add_integer(line, field->number);
        else
            add_text(format, line, field->text, most);
        if (buf_ok(line))
            return;
        line->length = before;
        line->overflowed = false;
    }
}

/* Keeps the line for log_recent. Under the lock. */
static void keep(struct log *log, int64_t now_us, enum log_level level, const char *message,
                 const struct log_field *fields, size_t count)
{
    struct log_recent *kept = &log->recent[log->told++ % LOG_RECENT];
    struct buf text;
    char room[LOG_RECENT_TEXT_MAX + 1];
    buf_borrow(&text, room, sizeof(room));
    for (size_t i = 0; i < count; i++)
        add_field(LOG_FORMAT_LOGFMT, &text, &fields[i]);
    *kept = (struct log_recent){.at_us = now_us, .level = level, .message = message};
    memcpy(kept->text, text.bytes, text.length);
}

size_t log_recent(struct log *log, struct log_recent *lines, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&log->lock);
    for (; count < max && count < LOG_RECENT && count < log->told; count++)
        lines[count] = log->recent[(log->told - 1 - count) % LOG_RECENT];
    pthread_mutex_unlock(&log->lock);
    return count;
}

/* Without memory: what has none left must still say so. */
static void write_fields(struct log *log, enum log_level level, const char *message, const struct log_field *fields,
                         size_t count)
{
    struct buf line;
    char room[LOG_LINE_MAX + 1];
    buf_borrow(&line, room, sizeof(room) - 2 - count * FIELD_LEAST); /* 2: the closing brace and the newline */
    if (log->format == LOG_FORMAT_JSON)
        buf_add_char(&line, '{');
    add_name(log->format, &line, "ts");
    if (log->format == LOG_FORMAT_JSON)
        buf_add_char(&line, '"');
    add_time(&line, clock_wall(log->clock));
    if (log->format == LOG_FORMAT_JSON)
        buf_add_char(&line, '"');
    add_field(log->format, &line, &(struct log_field)LOG_TEXT("level", slice_of(LEVELS[level])));
    add_field(log->format, &line, &(struct log_field)LOG_TEXT("msg", slice_of(message)));
    for (size_t i = 0; i < count; i++) {
        line.max = line.capacity += FIELD_LEAST;
        add_field(log->format, &line, &fields[i]);
    }
    line.max = line.capacity = LOG_LINE_MAX;
    buf_add_text(&line, log->format == LOG_FORMAT_JSON ? "}\n" : "\n");
    log_raw(log, buf_slice(&line));
}

static void tell_left_out(struct log *log, int64_t now_us)
{
    const char *message;
    int64_t left_out = 0;
    do {
        pthread_mutex_lock(&log->lock);
        message = log_limit_settle(&log->limit, now_us, &left_out);
        pthread_mutex_unlock(&log->lock);
        if (message != NULL)
            write_fields(log, LOG_LEVEL_WARN, "lines like this were left out",
                         LOG_FIELDS(LOG_TEXT("like", slice_of(message)), LOG_NUMBER("count", left_out)));
    } while (message != NULL);
}

static void write_line(struct log *log, enum log_level level, const char *message, const struct log_field *fields,
                       size_t count, bool is_limited)
{
    if (!log_wants(log, level))
        return;
    assert(count <= FIELDS_MAX);
    int64_t now_us = clock_now(log->clock);
    pthread_mutex_lock(&log->lock);
    bool allowed = !is_limited || log_limit_allows(&log->limit, message, now_us);
    if (allowed && level >= LOG_LEVEL_WARN)
        keep(log, now_us, level, message, fields, count);
    pthread_mutex_unlock(&log->lock);
    if (allowed)
        write_fields(log, level, message, fields, count);
    tell_left_out(log, now_us);
}

void log_write(struct log *log, enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    write_line(log, level, message, fields, count, level != LOG_LEVEL_DEBUG);
}

void log_note(struct log *log, enum log_level level, const char *message, const struct log_field *fields, size_t count)
{
    write_line(log, level, message, fields, count, false);
}

void log_say(struct log *log, enum log_level level, const char *message)
{
    log_write(log, level, message, NULL, 0);
}

/* Whether the descriptor takes something now. A full pipe, whose reader has stopped, would make us wait for ever; a
 * pipe that is writable takes at least PIPE_BUF bytes. */
static bool takes_lines(const struct log *log)
{
    struct pollfd output = {.fd = log->descriptor, .events = POLLOUT};
    return poll(&output, 1, 0) == 1 && (output.revents & POLLOUT) != 0;
}
_Static_assert((int)LOG_LINE_MAX <= PIPE_BUF, "a line goes into a pipe whole or not at all");

static void write_lines(const struct log *log, struct slice lines)
{
    ssize_t written;
    do
        written = write(log->descriptor, lines.at, lines.length);
    while (written < 0 && errno == EINTR);
}

/* As many whole lines as a pipe takes in one go, and how many they are. */
static struct slice cut_lines(struct slice *lines, uint64_t *count)
{
    size_t end = 0;
    *count = 0;
    while (end < lines->length) {
        const char *newline = memchr(lines->at + end, '\n', lines->length - end);
        size_t next = newline != NULL ? (size_t)(newline - lines->at) + 1 : lines->length;
        if (next > PIPE_BUF && end > 0)
            break;
        end = next;
        ++*count;
    }
    struct slice cut = slice_make(lines->at, end);
    *lines = slice_make(lines->at + end, lines->length - end);
    return cut;
}

void log_raw(struct log *log, struct slice lines)
{
    /* A log that cannot be written must not stop the gateway: the lines are lost, and that is told when it can be. */
    while (lines.length > 0) {
        uint64_t count;
        struct slice some = cut_lines(&lines, &count);
        if (takes_lines(log))
            write_lines(log, some);
        else
            atomic_fetch_add_explicit(&log->lost, count, memory_order_relaxed);
    }
    if (atomic_load_explicit(&log->lost, memory_order_relaxed) == 0 || !takes_lines(log))
        return;
    uint_fast64_t lost = atomic_exchange_explicit(&log->lost, 0, memory_order_relaxed);
    if (lost > 0)
        write_fields(log, LOG_LEVEL_WARN, "the log could not be written", LOG_FIELDS(LOG_NUMBER("lines_lost", lost)));
}
