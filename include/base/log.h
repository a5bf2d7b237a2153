/* SPDX-License-Identifier: MIT */
/* The log: one structured line an event, to a descriptor, in logfmt or JSON. A line has a ceiling and is written by one
 * write(2); values are escaped, so nothing from outside can forge a line. Callers never pass a secret. A message that
 * is written too often (base/log_limit.h) is left out, and how often is told. Any thread. */
#ifndef NEXGATE_BASE_LOG_H
#define NEXGATE_BASE_LOG_H

#include "base/clock.h"
#include "base/slice.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

enum { LOG_LINE_MAX = 4096, LOG_VALUE_MAX = 1024 }; /* bytes; what is longer is cut and ends in "..." */

struct log_field {
    const char *name; /* our own word: lower case, digits, underscores */
    struct slice text;
    int64_t number;
    bool is_number;
};

#define LOG_TEXT(name, slice)                                                                                          \
    {                                                                                                                  \
        (name), (slice), 0, false                                                                                      \
    }
#define LOG_NUMBER(name, value)                                                                                        \
    {                                                                                                                  \
        (name), {NULL, 0}, (int64_t)(value), true                                                                      \
    }
#define LOG_FIELDS(...)                                                                                                \
    (const struct log_field[]){__VA_ARGS__}, sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field)

struct log;

/* Writes to `fd` (borrowed). */
struct log *log_new(int fd, enum log_level level, enum log_format format, const struct clock *clock);
void log_free(struct log *log);

/* Seen by all threads at once; used by a reload. */
void log_set_level(struct log *log, enum log_level level);

bool log_wants(const struct log *log, enum log_level level);

/* One line: ts, level, msg, then the fields: log_write(log, LOG_LEVEL_INFO, "listening", LOG_FIELDS(LOG_TEXT(…))). */
void log_write(struct log *log, enum log_level level, const char *message, const struct log_field *fields,
               size_t count);

/* The same without fields. */
void log_say(struct log *log, enum log_level level, const char *message);

/* As log_write, but never left out: what an operator has asked for. */
void log_note(struct log *log, enum log_level level, const char *message, const struct log_field *fields, size_t count);

enum log_format log_format(const struct log *log);

/* Finished lines of another's making (the access log), each with its newline and of LOG_LINE_MAX bytes at most, in as
 * few writes as do not block. */
void log_raw(struct log *log, struct slice lines);

/* The latest warnings and errors, for who looks without the log at hand. */
enum { LOG_RECENT = 32, LOG_RECENT_TEXT_MAX = 240 };

struct log_recent {
    int64_t at_us; /* monotonic */
    enum log_level level;
    const char *message;
    char text[LOG_RECENT_TEXT_MAX + 1]; /* the fields, as in logfmt; cut */
};

/* The newest first; how many there are. */
size_t log_recent(struct log *log, struct log_recent *lines, size_t max);

#endif
