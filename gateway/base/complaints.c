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

static void add(struct complaints *complaints, const char *file, size_t line, const char *mark, const char *format,
                va_list arguments) __attribute__((format(printf, 5, 0)));

static void add(struct complaints *complaints, const char *file, size_t line, const char *mark, const char *format,
                va_list arguments)
{
    char text[COMPLAINT_MAX];
    vsnprintf(text, sizeof(text), format, arguments);
    buf_add_text(&complaints->text, file);
    if (line > 0) {
        buf_add_char(&complaints->text, ':');
        buf_add_unsigned(&complaints->text, line);
    }
    buf_add_text(&complaints->text, ": ");
    buf_add_text(&complaints->text, mark);
    buf_add_text(&complaints->text, text);
    buf_add_char(&complaints->text, '\n');
}

void complaints_error(struct complaints *complaints, const char *file, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(complaints, file, line, "", format, arguments);
    va_end(arguments);
    complaints->errors++;
}

void complaints_warn(struct complaints *complaints, const char *file, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(complaints, file, line, "warning: ", format, arguments);
    va_end(arguments);
    complaints->warnings++;
}
