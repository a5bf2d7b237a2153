/* SPDX-License-Identifier: MIT */
/* What is wrong with the files we were given: every problem as "file:line: text", collected, so that all are shown at
 * once. One thread. */
#ifndef NEXGATE_BASE_COMPLAINTS_H
#define NEXGATE_BASE_COMPLAINTS_H

#include "base/buf.h"

enum { COMPLAINTS_MAX_BYTES = 256 * 1024 };

struct complaints {
    struct buf text; /* whole lines; when there is no room for more, the last one says so */
    bool is_full;
    size_t errors;
    size_t warnings;
};

void complaints_init(struct complaints *complaints);
void complaints_free(struct complaints *complaints);

/* `line` 0: the file as a whole ("file: text"). */
void complaints_error(struct complaints *complaints, const char *file, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* An error: memory for reading it cannot be had. */
void complaints_memory(struct complaints *complaints, const char *file, size_t line);

void complaints_warn(struct complaints *complaints, const char *file, size_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5))); /* "file:line: warning: text" */

#endif
