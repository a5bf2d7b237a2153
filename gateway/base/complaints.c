/* SPDX-License-Identifier: MIT */
/* Collects what is wrong with files, a line each. */
#include "base/complaints.h"

#include <stdarg.h>
#include <stdio.h>

enum { COMPLAINT_MAX = 1024 };

void complaints_init(struct complaints *complaints)
{
    *complaints = (struct complaints){.errors = 0};
    buf_init(&complaints->text, COMPLAINTS_MAX_BYTES);
}

void complaints_free(struct complaints *complaints)
{
    buf_free(&complaints->text);
}

static const struct slice MORE = SLICE("... and more than can be shown\n");

static void add(struct complaints *complaints, const char *file, size_t line, const char *mark, const char *format,
                va_list arguments) __attribute__((format(printf, 5, 0)));

static void add(struct complaints *complaints, const char *file, size_t line, const char *mark, const char *format,
                va_list arguments)
{
    struct buf *out = &complaints->text;
    char text[COMPLAINT_MAX];
    size_t before = out->length;
    if (complaints->is_full)
        return;
    vsnprintf(text, sizeof(text), format, arguments);
    out->max = COMPLAINTS_MAX_BYTES - MORE.length;
    buf_add_text(out, file);
    if (line > 0) {
        buf_add_char(out, ':');
        buf_add_unsigned(out, line);
    }
    buf_add_text(out, ": ");
    buf_add_text(out, mark);
    buf_add_text(out, text);
    buf_add_char(out, '\n');
    if (buf_ok(out))
        return;
    complaints->is_full = true;
    out->length = before;
    out->overflowed = false;
    out->starved = false;
    out->max = COMPLAINTS_MAX_BYTES;
    buf_add(out, MORE);
}

void complaints_error(struct complaints *complaints, const char *file, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(complaints, file, line, "", format, arguments);
    va_end(arguments);
    complaints->errors++;
}

void complaints_memory(struct complaints *complaints, const char *file, size_t line)
{
    complaints_error(complaints, file, line, "out of memory");
}

void complaints_warn(struct complaints *complaints, const char *file, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(complaints, file, line, "warning: ", format, arguments);
    va_end(arguments);
    complaints->warnings++;
}
